"""The connections of one process to its database, and the queue of all who need one."""

import asyncio
import contextlib
import logging
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event as sa_event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection

from resolvers.errors import Unavailable
from resolvers.storage.driver import Meter

log = logging.getLogger(__name__)

SIZE = 5
"""How many connections there are for an engine of which nothing is said."""
SECONDS = 4.0
"""How long one waits for a connection."""
SECONDS_TRUSTED = 1.0
"""How long a connection may have lain idle before it is asked whether it still works."""
SECONDS_TO_RECOVER = 3.0
"""How long a connection may take to become usable once a statement was cancelled, or to end a commit."""
LEFT = 2
"""How many connections are always left for those who read."""


@dataclass(eq=False, slots=True)
class Lent:
    """A connection, for one at a time: as SQLAlchemy has it, and as the driver has it."""

    connection: AsyncConnection
    raw: PoolProxiedConnection
    driver: Any
    meter: Meter
    since: float = 0.0
    writes: bool = False

    async def fetch(self, text: str, arguments: Sequence[Any], count: Callable[[int], None]) -> list[Any]:
        """The records of one statement, in no transaction. `count` is told of the bytes, and may refuse."""
        return await self.meter.fetch(text, arguments, count)

    def drop(self) -> None:
        """Closes it at once."""
        if not self.connection.invalidated:
            self.raw.invalidate()


class Pool:
    """A fixed number of connections, made when needed and kept.

    Who finds none free waits: readers in one line, writers in another, each in the order of arrival; what
    comes free goes to both lines in turn. Writers, who may wait for each other's locks, never have them all.
    """

    def __init__(self, engine: AsyncEngine, *, size: int = SIZE, seconds: float = SECONDS) -> None:
        """The engine only makes connections: it needs no pool of its own."""
        self._engine = weakref.ref(engine)
        self._seconds = seconds
        self._free = size
        self._writers_left = size - min(LEFT, size // 2)
        self._idle: list[Lent] = []
        self._lines: tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]] = (deque(), deque())
        self._next = False
        self._recovering: set[asyncio.Future[None]] = set()
        self.written = asyncio.Event()
        """Is set whenever a writer gives a connection back."""
        sa_event.listen(engine.sync_engine, "engine_disposed", lambda _: self._forget())
        _pools[engine] = self

    async def take(self, *, writes: bool = False) -> Lent:
        """A connection that is as good as new. Unavailable where none comes free in time."""
        if not self._admit(writes):
            await self._wait(writes)
        lent = self._at_hand()
        if lent is None:
            try:
                async with asyncio.timeout(self._seconds):
                    lent = await self._found()
            except BaseException:
                self._leave(writes)
                raise
        lent.writes = writes
        return lent

    def give(self, lent: Lent) -> None:
        """Takes a connection back, with nothing running on it."""
        if lent.driver.is_closed() or lent.driver.is_in_transaction():
            lent.drop()
        else:
            lent.since = time.monotonic()
            self._idle.append(lent)
        if lent.writes:
            self.written.set()
        self._leave(lent.writes)

    def give_in_the_middle(self, lent: Lent) -> None:
        """Takes a connection back on which something may still run: it is cancelled, or cut off."""
        recovering = asyncio.ensure_future(self._recover(lent))
        self._recovering.add(recovering)
        recovering.add_done_callback(self._recovering.discard)

    @contextlib.asynccontextmanager
    async def begin(
        self, *, writes: bool = True, count: Callable[[int], None] | None = None
    ) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction, committed at the end of the block, or rolled back by an error.

        A commit that has begun goes on to its end, even where the caller is cancelled. `count` is told of the
        bytes that come, and may refuse.
        """
        lent = await self.take(writes=writes)
        try:
            transaction = await lent.connection.begin()
            lent.meter.count = count
            try:
                yield lent.connection
                await _to_its_end(transaction.commit())
            except BaseException:
                if transaction.is_active:
                    await transaction.rollback()
                raise
        except Exception:
            if lent.meter.refused is not None:
                raise lent.meter.refused from None
            raise
        finally:
            lent.meter.count = None
            self.give(lent)

    # ---- the queue --------------------------------------------------------------------------------

    def _admit(self, writes: bool) -> bool:
        """Whether one may have a connection now; it is then counted as theirs."""
        if not self._free or (writes and not self._writers_left):
            return False
        self._free -= 1
        self._writers_left -= writes
        return True

    def _leave(self, writes: bool) -> None:
        self._free += 1
        self._writers_left += writes
        while self._free and (self._call(self._next) or self._call(not self._next)):
            pass

    def _call(self, writes: bool) -> bool:
        """Whether one of this line was let in."""
        line = self._lines[writes]
        while line and line[0].done():  # gave up
            line.popleft()
        if not line or not self._admit(writes):
            return False
        line.popleft().set_result(None)
        self._next = not writes
        return True

    async def _wait(self, writes: bool) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._lines[writes].append(mine)
        try:
            async with asyncio.timeout(self._seconds):
                await mine
        except BaseException as error:
            if mine.done() and not mine.cancelled():  # it came at the same moment
                self._leave(writes)
            if isinstance(error, TimeoutError):
                raise Unavailable("All database connections are busy; try again.") from None
            raise

    # ---- the connections ---------------------------------------------------------------------------

    def _at_hand(self) -> Lent | None:
        """The connection that was used last, where it certainly lives."""
        if self._idle:
            last = self._idle[-1]
            if time.monotonic() - last.since < SECONDS_TRUSTED and not last.driver.is_closed():
                return self._idle.pop()
        return None

    async def _found(self) -> Lent:
        """The connection used last that still lives, or a new one."""
        while self._idle:
            lent = self._idle.pop()
            if await self._lives(lent):
                return lent
            lent.drop()
        engine = self._engine()
        assert engine is not None
        connection = await engine.connect()
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        return Lent(connection, raw, driver, Meter(driver))

    async def _lives(self, lent: Lent) -> bool:
        if lent.driver.is_closed():
            return False
        try:
            await lent.driver.execute("select 1", timeout=SECONDS_TO_RECOVER)
        except Exception:
            return False
        return True

    async def _recover(self, lent: Lent) -> None:
        try:
            if not lent.driver.is_closed():
                # The driver waits with it for the end of what was cancelled.
                await lent.driver.execute("select 1", timeout=SECONDS_TO_RECOVER)
        except Exception as error:
            log.debug("A connection is given up: %s", error)
            lent.driver.terminate()
        finally:
            self.give(lent)

    def _forget(self) -> None:
        while self._idle:
            self._idle.pop().drop()


async def _to_its_end(work: Awaitable[None]) -> None:
    """Waits for work that is not to be left halfway. Cancelled meanwhile it goes on as if it was not.

    The caller then hears that it was done, which is better than not to know.
    """
    running = asyncio.ensure_future(work)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        done, _ = await asyncio.wait([running], timeout=SECONDS_TO_RECOVER)
        if not done:
            running.cancel()
            raise
        running.result()


def end_if_cancelled() -> None:
    """CancelledError where this task was cancelled during a commit, which then went on to its end.

    For what works on and on: it would never hear of it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


_pools: weakref.WeakKeyDictionary[AsyncEngine, Pool] = weakref.WeakKeyDictionary()


def of(engine: AsyncEngine) -> Pool:
    """The connections of an engine."""
    return _pools.get(engine) or Pool(engine)
