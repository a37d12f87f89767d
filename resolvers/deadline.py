"""How long a request may take, leaving out the time of its body, which is the client's to hurry."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

TOO_SLOW = "The request took too long; ask for less at a time, or try again."
_DEADLINE = "tmfgraph.deadline"


class _Deadline:
    """What `asyncio.timeout` does, at a quarter of its cost: it stands before every request."""

    __slots__ = ("_cancelling", "_loop", "_passed", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._seconds, self._passed = seconds, False
        self.start()

    def start(self) -> None:
        self._timer = self._loop.call_later(self._seconds, self._pass)

    def stop(self) -> None:
        self._timer.cancel()

    def _pass(self) -> None:
        self._passed = True
        self._task.cancel()

    def is_why(self) -> bool:
        """Whether the task was cancelled by this deadline alone; to be asked once, at the end."""
        return self._passed and self._task.uncancel() <= self._cancelling


async def in_time(
    request: Request, seconds: float, answer: Callable[[Request], Awaitable[Response]]
) -> Response:
    """The answer to a request. TimeoutError where it takes longer; what it asked of the database is ended."""
    request.scope[_DEADLINE] = deadline = _Deadline(seconds)
    try:
        found = await answer(request)
    except asyncio.CancelledError as cancelled:
        if deadline.is_why():
            raise TimeoutError from cancelled
        raise
    except BaseException:
        deadline.is_why()
        raise
    finally:
        deadline.stop()
    deadline.is_why()
    return found


class body_time:
    """Within the block the body is read: the deadline of the request waits, and starts anew thereafter."""

    def __init__(self, request: Request) -> None:
        self._deadline: _Deadline | None = request.scope.get(_DEADLINE)

    def __enter__(self) -> None:
        if self._deadline is not None:
            self._deadline.stop()

    def __exit__(self, *_: object) -> None:
        if self._deadline is not None:
            self._deadline.start()
