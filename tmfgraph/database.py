"""Which database a command works on, and how to connect to it."""

import asyncio
import collections
import contextlib
import re
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg
import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, PoolProxiedConnection, QueuePool

from tmfgraph.embedded import EmbeddedPostgres, EmbeddedPostgresError
from tmfgraph.settings import Settings

T = TypeVar("T")
OLDEST = 14

# Both must be 0 behind PgBouncer in transaction mode. PostgreSQL itself does not know them.
_CLIENT_OPTIONS = ("statement_cache_size", "prepared_statement_cache_size")


class DatabaseUnusable(RuntimeError):
    """The database cannot be used; the message says why and what to do."""


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[str]:
    """The URL of the given database, or of the embedded one, which runs until the block ends."""
    if settings.database_url is not None:
        check(settings.database_url)
        yield settings.database_url
        return
    server = EmbeddedPostgres(settings.data_dir)
    try:
        dsn = server.start()
    except EmbeddedPostgresError as error:
        raise DatabaseUnusable(str(error)) from error
    try:
        yield dsn
    finally:
        server.stop()


def engine(dsn: str, **options: Any) -> AsyncEngine:
    """An SQLAlchemy engine for a PostgreSQL URL, with whatever `create_async_engine` takes besides.

    asyncpg reads the URL itself, so that all of libpq's spelling works: `?sslmode=verify-full`,
    several hosts, a socket directory, a password file.
    """
    parts = urlsplit(dsn)
    query = parse_qsl(parts.query, keep_blank_values=True)
    arguments = {name: int(value) for name, value in query if name in _CLIENT_OPTIONS}
    kept = urlencode([pair for pair in query if pair[0] not in _CLIENT_OPTIONS], quote_via=quote)
    # Not by `async_creator`, with which SQLAlchemy drops all other arguments of the connection.
    whole = {"dsn": urlunsplit(parts._replace(query=kept))}
    options["connect_args"] = whole | arguments | options.get("connect_args", {})
    return create_async_engine("postgresql+asyncpg://", **options)


SECONDS_TRUSTED = 1.0


def check_idle_connections(pooled: AsyncEngine) -> None:
    """Asks a pooled connection that lay idle whether it still works, before it is used.

    SQLAlchemy's own `pool_pre_ping` asks each time, which costs a busy server a round trip per statement.
    """
    engine = pooled.sync_engine

    @sa_event.listens_for(engine, "connect")
    @sa_event.listens_for(engine, "checkin")
    def returned(connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @sa_event.listens_for(engine, "checkout")
    def taken(connection: Any, record: Any, proxy: Any) -> None:
        if time.monotonic() - record.info.get("used", 0.0) < SECONDS_TRUSTED:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError("The connection was lost while it lay idle.") from error


LEFT = 2
"""How many connections of a pool are always left for those who go to the pool itself."""


class Readers:
    """Connections for statements that stand alone, kept at hand for the next one.

    Taking one from SQLAlchemy's pool and giving it back costs as much as a short statement. So most of the
    pool stays here between statements, and one that is given back goes to whoever waits longest. Some are
    always left in the pool, and while somebody waits there, whatever is given back goes there first.
    """

    def __init__(self, pooled: AsyncEngine) -> None:
        self._raw = weakref.WeakMethod(pooled.raw_connection)
        self._idle: list[tuple[float, PoolProxiedConnection]] = []
        self._queue: collections.deque[asyncio.Future[PoolProxiedConnection]] = collections.deque()
        self._serving: set[asyncio.Future[PoolProxiedConnection]] = set()
        self._at_the_pool = 0
        self._pool = pooled.pool if isinstance(pooled.pool, QueuePool) else None
        size = 0 if self._pool is None else self._pool.size()
        self._most = size - min(LEFT, (size + 1) // 2)
        sa_event.listen(pooled.sync_engine, "engine_disposed", lambda _: self._forget())
        sa_event.listen(pooled.sync_engine, "checkin", lambda *_: self._wake())

    async def take(self) -> PoolProxiedConnection:
        """A connection that is as good as new. TimeoutError where none comes free in time."""
        while self._idle:
            since, connection = self._idle.pop()
            driver: Any = connection.driver_connection
            if time.monotonic() - since < SECONDS_TRUSTED and not driver.is_closed():
                return connection
            connection.close()  # the pool asks it whether it lives before it gives it out again
        if self._pool_has_one:
            return await self._from_the_pool()
        assert self._pool is not None
        mine = asyncio.get_running_loop().create_future()
        self._queue.append(mine)
        try:
            async with asyncio.timeout(self._pool.timeout()):
                return await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and mine.exception() is None:
                self.give(mine.result())  # it came at the same moment
            raise

    def give(self, connection: PoolProxiedConnection) -> None:
        if self._at_the_pool:
            connection.close()
        elif (first := self._next()) is not None:
            first.set_result(connection)
        elif len(self._idle) < self._most:
            self._idle.append((time.monotonic(), connection))
        else:
            connection.close()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Within the block a connection is taken from the pool itself."""
        if self._idle and not self._pool_has_one:
            self._idle.pop(0)[1].close()
        self._at_the_pool += 1
        try:
            yield
        finally:
            self._at_the_pool -= 1

    @property
    def _pool_has_one(self) -> bool:
        """Whether the pool gives a connection at once, be it a new one."""
        pool = self._pool
        return pool is None or pool.checkedin() > 0 or pool.overflow() < 0

    async def _from_the_pool(self) -> PoolProxiedConnection:
        raw = self._raw()
        assert raw is not None
        with self.waiting():
            return await raw()

    def _next(self) -> asyncio.Future[PoolProxiedConnection] | None:
        """The one that waits longest, no longer in the queue."""
        while self._queue:
            first = self._queue.popleft()
            if not first.done():
                return first
        return None

    def _wake(self) -> None:
        """Something comes back to the pool: it may be for one who waits here."""
        if self._queue:
            first = self._queue[0]
            first.get_loop().call_soon(self._serve)

    def _serve(self) -> None:
        pool = self._pool
        if self._queue and pool is not None and (pool.checkedin() > self._at_the_pool or pool.overflow() < 0):
            served = asyncio.ensure_future(self._from_the_pool())
            self._serving.add(served)
            served.add_done_callback(self._served)

    def _served(self, served: asyncio.Future[PoolProxiedConnection]) -> None:
        self._serving.discard(served)
        if served.cancelled():
            return
        error = served.exception()
        if error is None:
            self.give(served.result())
        elif (first := self._next()) is not None:
            first.set_exception(error)

    def _forget(self) -> None:
        while self._idle:
            self._idle.pop()[1].invalidate()


_readers: weakref.WeakKeyDictionary[AsyncEngine, Readers] = weakref.WeakKeyDictionary()


def readers(pooled: AsyncEngine) -> Readers:
    """The connections at hand of an engine."""
    found = _readers.get(pooled)
    if found is None:
        found = _readers[pooled] = Readers(pooled)
    return found


def run(dsn: str, work: Callable[[sa.Connection], T]) -> T:
    """What `work` returns, called in one transaction on a connection of its own. Raises DatabaseUnusable."""

    async def within() -> T:
        once = engine(dsn, poolclass=NullPool, connect_args={"timeout": 10})
        try:
            async with contextlib.aclosing(await _connected(once, dsn)) as connection, connection.begin():
                return await connection.run_sync(work)
        finally:
            await once.dispose()

    return asyncio.run(within())


async def _connected(once: AsyncEngine, dsn: str) -> AsyncConnection:
    try:
        return await once.connect()
    except (OSError, TimeoutError) as error:
        raise DatabaseUnusable(
            f"No PostgreSQL can be reached at {masked(dsn)}: {str(error) or 'no answer in 10 seconds'}. "
            "Is it running, and is the URL right?"
        ) from error
    except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        said: BaseException = error
        while said.__cause__ is not None:  # SQLAlchemy wraps what asyncpg says
            said = said.__cause__
        raise DatabaseUnusable(
            f"PostgreSQL at {masked(dsn)} gives no connection: {str(said).rstrip('.')}. Check the URL."
        ) from error


def check(dsn: str) -> None:
    """Raise DatabaseUnusable unless a PostgreSQL that is new enough answers."""
    number = run(dsn, lambda connection: int(connection.scalar(sa.text("show server_version_num")) or 0))
    if number < OLDEST * 10000:
        found = f"{number // 10000}.{number % 10000}"
        raise DatabaseUnusable(
            f"{masked(dsn)} is PostgreSQL {found}; tmfgraph needs version {OLDEST} or newer. "
            "Upgrade it, or leave out --database-url to use the embedded one."
        )


def masked(dsn: str) -> str:
    """The URL without its password, for messages."""
    without = re.sub(r"(//[^:/@]*):[^@/]*@", r"\1:***@", dsn)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", without)
