"""What several commands need."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tmfgraph.settings import Settings

DATABASE = ("database_url", "data_dir", "log_format", "log_level")
"""The settings that matter to a command which works on the database and ends."""


def put(text: str, output: Path | None) -> int:
    """Writes a text to the file that --output names, else to standard output; the exit code."""
    if output is None:
        print(text, end="")
        return 0
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"tmfgraph: {output} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


@contextmanager
def ready(given: Settings) -> Iterator[str]:
    """The URL of a database with today's tables. One that somebody else runs is not migrated on the side."""
    from tmfgraph import database, migrate

    with database.opened(given) as dsn:
        if given.database_url is None:
            migrate.upgrade(dsn)
        elif not migrate.at_head(dsn):
            raise database.DatabaseUnusable(
                f"The tables in {database.masked(dsn)} are not of this version. Run `tmfgraph migrate` first."
            )
        yield dsn
