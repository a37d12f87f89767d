"""`tmfgraph reindex`: columns and references of what is stored, derived anew."""

import argparse
import asyncio
import sys

from tmfgraph import settings
from tmfgraph.commands import common
from tmfgraph.settings import Settings

HELP = "index what is stored anew, after an upgrade"
ABOUT = (
    "Derive the columns and references of all entities anew from their documents: after an upgrade that "
    "knows more attributes or links, older entities are found by them too. It runs beside a server."
)
EXAMPLES = """\
  tmfgraph reindex                        after an upgrade, where data was there before
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Whether to report, and which database."""
    parser.add_argument("--quiet", action="store_true", help="say nothing")
    settings.add_flags(parser, common.DATABASE)


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Indexes all entities and says how many, on standard error."""
    from models import WHOLE
    from resolvers.storage import reindex

    def say(words: str) -> None:
        if not arguments.quiet:
            print(words, file=sys.stderr)

    with common.ready(given) as dsn:
        total = asyncio.run(reindex.run(dsn, WHOLE, say))
    say(f"{total:,} entities are indexed anew.")
    return 0
