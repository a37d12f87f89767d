"""`tmfgraph demo`: a made-up operator."""

import argparse

from tmfgraph import settings
from tmfgraph.commands import common
from tmfgraph.settings import Settings

HELP = "add demo data"
ABOUT = "Add demo data: customers with their products, services, resources and orders, all linked."
EXAMPLES = """\
  tmfgraph demo                           a small operator
  tmfgraph demo --scale 100 --seed 7      a hundred times as much, the same on every run
"""


def add(parser: argparse.ArgumentParser) -> None:
    """How much and which data, and which database."""
    parser.add_argument(
        "--scale", type=_positive, default=1, metavar="N", help="how many times the small set (default: 1)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="the same number, the same data (default: 1)"
    )
    settings.add_flags(parser, common.DATABASE)


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Adds the data; the exit code is that of `tmfgraph.demo.run`."""
    from tmfgraph import demo

    with common.ready(given) as dsn:
        return demo.run(dsn, given, scale=arguments.scale, seed=arguments.seed)


def _positive(given: str) -> int:
    if given.isascii() and given.isdigit() and int(given) > 0:
        return int(given)
    raise argparse.ArgumentTypeError(f"{given!r} is not a whole number from 1 up")
