"""`tmfgraph migration`: a new migration, in a checkout."""

import argparse
import sys

from tmfgraph.settings import Settings

HELP = "write a migration (in a checkout)"
ABOUT = (
    "In a checkout: write the migration that leads from the tables of all earlier ones to those that the "
    "code declares, and try it, on an embedded PostgreSQL of its own."
)
EXAMPLES = """\
  tmfgraph migration "add the loyalty tier"
  tmfgraph migration --empty "index lists by state"
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the migration is for, and whether a person writes it."""
    parser.add_argument("message", metavar="TEXT", help="what changes; names the file")
    parser.add_argument("--empty", action="store_true", help="make one to be written by hand")


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Writes the file and names it; 1 where there is nothing to write."""
    from tmfgraph import checkout

    written = checkout.migration(arguments.message, empty=arguments.empty)
    if written is None:
        print(
            "The declared tables are those that the migrations make: there is nothing to write. "
            "With --empty a migration is made to be written by hand.",
            file=sys.stderr,
        )
        return 1
    print(f"{written.relative_to(checkout.root())}: read it before you commit it.")
    return 0
