"""`tmfgraph load`: resources from JSON files."""

import argparse
import asyncio

from tmfgraph import settings
from tmfgraph.commands import common
from tmfgraph.settings import Settings

HELP = "load TMF resources from JSON files"
ABOUT = "Load TMF resources from JSON files."
EXAMPLES = """\
  tmfgraph load catalog.json orders.json
  tmfgraph load --kind ProductOrder orders.json
  tmfgraph load --dry-run --lenient old-system/*.json
"""


def add(parser: argparse.ArgumentParser) -> None:
    """The files, how they are read and checked, and which database."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="JSON, or one JSON document per line; - is standard input"
    )
    parser.add_argument(
        "--kind", metavar="K", help="what the resources are, where their @type does not say it: ProductOrder"
    )
    parser.add_argument("--dry-run", action="store_true", help="check the files and store nothing")
    parser.add_argument(
        "--lenient", action="store_true", help="accept resources without mandatory attributes"
    )
    parser.add_argument("--quiet", action="store_true", help="report problems only")
    settings.add_flags(parser, ("strict_references", *common.DATABASE))


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Loads the files; the exit code is that of `tmfgraph.load.run`."""
    from tmfgraph import load

    with common.ready(given) as dsn:
        return asyncio.run(
            load.run(
                dsn,
                given,
                files=arguments.files,
                kind=arguments.kind,
                dry_run=arguments.dry_run,
                lenient=arguments.lenient,
                quiet=arguments.quiet,
            )
        )
