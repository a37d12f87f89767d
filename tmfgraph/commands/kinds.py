"""`tmfgraph kinds`: a table of all kinds of entities."""

import argparse
from pathlib import Path

from tmfgraph.commands import common
from tmfgraph.settings import Settings

HELP = "print a table of all kinds of entities"
ABOUT = "Print all kinds of entities as Markdown: paths, operations, links both ways, states and events."
EXAMPLES = """\
  tmfgraph kinds
  tmfgraph kinds --output docs/kinds.md
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Where to write it."""
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it to this file")


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Writes the table; 1 where the file cannot be written."""
    from models import WHOLE
    from tmfgraph import kinds

    return common.put(kinds.as_markdown(WHOLE), arguments.output)
