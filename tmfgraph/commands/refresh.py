"""`tmfgraph refresh`: snapshots and generated pages, in a checkout."""

import argparse
from pathlib import Path

from tmfgraph.commands import conformance
from tmfgraph.settings import Settings

HELP = "write snapshots and generated pages anew (in a checkout)"
ABOUT = (
    "In a checkout: write anew what git keeps of what the code says: the GraphQL schema, the OpenAPI "
    "documents, the pages of kinds and settings and, with the official files, that of conformance."
)
EXAMPLES = """\
  tmfgraph refresh
  tmfgraph refresh --specs official/
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Where the official files are."""
    parser.add_argument(
        "--specs", type=Path, metavar="DIR", help="where the official v4 files of the APIs are"
    )


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Writes what is not fresh and names it; with the official files, the code of `tmfgraph conformance`."""
    from tmfgraph import checkout

    changed = checkout.refresh()
    for path in changed:
        print(f"{path}: changed")
    if not changed:
        print("Everything is fresh.")
    if arguments.specs is None:
        print("docs/conformance.md is left as it is: it needs TM Forum's official files (--specs DIR).")
        return 0
    arguments.output = checkout.conformance_page()
    return conformance.run(given, arguments)
