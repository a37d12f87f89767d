"""How long a request may take: its work ends, others' cancellations stay theirs, its body does not count."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from resolvers.deadline import body_time, in_time


def _busy(seconds: float) -> None:
    """Keeps the event loop from everything else."""
    time.sleep(seconds)


def ask(seconds: float, answer: Callable[[Request], Awaitable[Response]]) -> tuple[Any, int]:
    """What comes of a request, and how many cancellations its task has left."""

    async def work() -> tuple[Any, int]:
        task = asyncio.current_task()
        assert task is not None
        try:
            found: Any = await in_time(Request({"type": "http"}), seconds, answer)
        except BaseException as error:
            found = error
        left = task.cancelling()
        while task.uncancel():
            pass
        return found, left

    return asyncio.run(work())


def test_work_that_takes_too_long_ends() -> None:
    async def answer(_: Request) -> Response:
        await asyncio.sleep(60)
        raise AssertionError

    found, left = ask(0.05, answer)
    assert isinstance(found, TimeoutError) and left == 0


def test_work_in_time_is_not_cancelled_later() -> None:
    async def answer(_: Request) -> Response:
        return Response("fine")

    async def work() -> None:
        await in_time(Request({"type": "http"}), 0.05, answer)
        await asyncio.sleep(0.1)

    asyncio.run(work())


@pytest.mark.parametrize("comes_of_it", [Response("committed all the same"), ValueError("of its own")])
def test_what_comes_late_of_work_that_could_not_be_cancelled_is_kept(comes_of_it: Any) -> None:
    """As of a commit that goes on to its end."""

    async def answer(_: Request) -> Response:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if isinstance(comes_of_it, Exception):
                raise comes_of_it from None
        return comes_of_it

    assert ask(0.05, answer) == (comes_of_it, 0)


@pytest.mark.parametrize("too_late_as_well", [False, True])
def test_a_cancellation_by_somebody_else_stays_one(too_late_as_well: bool) -> None:
    async def answer(_: Request) -> Response:
        task = asyncio.current_task()
        assert task is not None
        if too_late_as_well:
            asyncio.get_running_loop().call_later(0.05, task.cancel)
            _busy(0.1)  # so that both come in the same turn of the loop
        else:
            asyncio.get_running_loop().call_soon(task.cancel)
        await asyncio.sleep(60)
        raise AssertionError

    found, left = ask(0.05 if too_late_as_well else 60, answer)
    assert isinstance(found, asyncio.CancelledError) and left == 1


def test_the_time_of_the_body_does_not_count_and_that_of_the_rest_does() -> None:
    async def answer(request: Request) -> Response:
        with body_time(request):
            await asyncio.sleep(0.3)
        request.scope["read"] = True
        await asyncio.sleep(60)
        raise AssertionError

    request = Request({"type": "http"})

    async def work() -> None:
        with pytest.raises(TimeoutError):
            await in_time(request, 0.1, answer)

    asyncio.run(work())
    assert request.scope["read"]
