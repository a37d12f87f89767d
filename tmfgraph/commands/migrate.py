"""`tmfgraph migrate`: the tables of this version."""

import argparse

from tmfgraph import settings
from tmfgraph.commands import common
from tmfgraph.settings import Settings

HELP = "bring the tables up to this version"
ABOUT = "Bring the tables of the database up to this version. Of two at once, one waits for the other."
EXAMPLES = """\
  tmfgraph migrate --database-url postgresql://owner@db.example.com/tmf
  tmfgraph migrate --check                exit code 1 if there is something to migrate
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Whether only to look, and which database."""
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit with 1 if there is something to do"
    )
    settings.add_flags(parser, common.DATABASE)


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Migrates, unless it is only to look; 1 where the tables are not up to date in the end."""
    from tmfgraph import database, migrate

    with database.opened(given) as dsn:
        if not arguments.check:
            migrate.upgrade(dsn)
        done = migrate.at_head(dsn)
    print("The tables are up to date." if done else "The tables are not up to date: run `tmfgraph migrate`.")
    return 0 if done else 1
