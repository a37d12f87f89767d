"""Which database a command works on, and how to connect to it."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool

from resolvers.storage.engine import new_engine
from tmfgraph.embedded import EmbeddedPostgres, EmbeddedPostgresError
from tmfgraph.settings import Settings

T = TypeVar("T")
OLDEST = 14


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


def run(dsn: str, work: Callable[[sa.Connection], T]) -> T:
    """What `work` returns, called in one transaction on a connection of its own. Raises DatabaseUnusable."""

    async def within() -> T:
        once = new_engine(dsn, poolclass=NullPool, connect_args={"timeout": 10})
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
