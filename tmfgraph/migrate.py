"""Bring a database's tables up to the version of this code."""

import logging
from argparse import Namespace
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from tmfgraph import database, paths
from tmfgraph.database import DatabaseUnusable

log = logging.getLogger(__name__)

# Any number will do, as long as every tmfgraph takes the same.
_LOCK = 0x746D6667


def upgrade(dsn: str) -> None:
    """Migrate to the newest version. Of two at once, one waits. Raises DatabaseUnusable.

    Blocks, and runs an event loop of its own: call it before the server's loop starts.
    """
    try:
        database.run(dsn, _upgrade)
    except DBAPIError as error:
        raise DatabaseUnusable(_explained(dsn, error)) from error
    except CommandError as error:
        raise DatabaseUnusable(
            f"The tables in {database.masked(dsn)} are not of a version that this tmfgraph knows ({error}). "
            "A newer tmfgraph has probably migrated them: use that one, or another database."
        ) from error


def at_head(where: str | sa.Connection) -> bool:
    """Whether the tables are of this code's version, in the database of a URL or of an open connection.

    With a URL it blocks like `upgrade`; on an async connection: `await connection.run_sync(at_head)`.
    """
    if isinstance(where, str):
        return database.run(where, at_head)
    here = MigrationContext.configure(where).get_current_heads()
    return set(here) == set(ScriptDirectory.from_config(config()).get_heads())


def matches(dsn: str) -> bool:
    """Whether the tables are those that the code declares."""
    from models import WHOLE
    from models.tables import tables

    def same(connection: sa.Connection) -> bool:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return not compare_metadata(context, tables(WHOLE))

    return database.run(dsn, same)


def write_revision(dsn: str, message: str, *, empty: bool = False) -> Path:
    """Writes the next migration, from the tables of this database to the declared ones, and gives its file.

    An empty one is to be written by hand.
    """

    def write(connection: sa.Connection) -> Path:
        prepared = config()
        prepared.set_main_option("timezone", "UTC")
        prepared.cmd_opts = Namespace(quiet=True)
        prepared.attributes["connection"] = connection
        numbers = [one.revision for one in ScriptDirectory.from_config(prepared).walk_revisions()]
        following = f"{max((int(n) for n in numbers if n.isdigit()), default=0) + 1:04}"
        made = command.revision(prepared, message, autogenerate=not empty, rev_id=following)
        assert isinstance(made, Script)
        return Path(made.path)

    return database.run(dsn, write)


def config() -> Config:
    """Alembic's configuration, wherever the product is installed."""
    made = Config()
    # Alembic takes % for the start of an interpolation.
    made.set_main_option("script_location", str(paths.enter() / "migrations").replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


def lock(connection: sa.Connection) -> None:
    """Wait until nobody else migrates, and give the transaction the time-outs of a migration."""
    for setting in ("statement_timeout = '30min'", "lock_timeout = '10min'"):
        connection.execute(sa.text(f"set local {setting}"))
    connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    # A change of tables that waits for a lock makes all readers behind it wait as well: rather give up.
    connection.execute(sa.text("set local lock_timeout = '10s'"))


def _upgrade(connection: sa.Connection) -> None:
    lock(connection)
    if at_head(connection):
        return
    prepared = config()
    prepared.attributes["connection"] = connection
    command.upgrade(prepared, "head")
    heads = MigrationContext.configure(connection).get_current_heads()
    log.info("migrated the database to %s", ", ".join(heads))


def _explained(dsn: str, error: DBAPIError) -> str:
    cause = str(error.orig).splitlines()[0]
    start = f"The tables in {database.masked(dsn)} could not be migrated, and are as they were: {cause}."
    match getattr(error.orig, "sqlstate", None):
        case "55P03":
            return f"{start} Another session holds a lock on them; end long transactions and try again."
        case "42501":
            return f"{start} Let the user of the URL create tables, or migrate as the owner of the database."
    return start
