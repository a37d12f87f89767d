"""`tmfgraph schema`: the GraphQL schema as text."""

import argparse
from pathlib import Path

from tmfgraph.commands import common
from tmfgraph.settings import Settings

HELP = "print the GraphQL schema"
ABOUT = "Print the GraphQL schema as SDL, for code generators and for a federation gateway."
EXAMPLES = """\
  tmfgraph schema --output schema.graphql
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Where to write it."""
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it to this file")


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Writes the SDL; 1 where the file cannot be written."""
    from models import WHOLE
    from resolvers.graphql.graph import sdl

    return common.put(sdl(WHOLE).rstrip("\n") + "\n", arguments.output)
