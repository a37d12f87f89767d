"""How long a request may take, leaving out the time of its body, which is the client's to hurry."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

_DEADLINE = "tmfgraph.deadline"


async def in_time(
    request: Request, seconds: float, answer: Callable[[Request], Awaitable[Response]]
) -> Response:
    """The answer to a request. TimeoutError where it takes longer; what it asked of the database is ended."""
    # What comes with a body gets its time when that is there: a timer is dear, compared with a small answer.
    has_body = request.method in ("POST", "PATCH", "PUT")
    async with asyncio.timeout(None if has_body else seconds) as deadline:
        request.scope[_DEADLINE] = deadline, seconds
        return await answer(request)


class body_time:
    """Within the block the body is read: the deadline of the request waits, and starts anew thereafter."""

    def __init__(self, request: Request) -> None:
        self._deadline, self._seconds = request.scope.get(_DEADLINE, (None, 0.0))

    def __enter__(self) -> None:
        if self._deadline is not None and self._deadline.when() is not None:
            self._deadline.reschedule(None)

    def __exit__(self, *_: object) -> None:
        if self._deadline is not None:
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._seconds)
