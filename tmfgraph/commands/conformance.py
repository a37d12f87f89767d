"""`tmfgraph conformance`: what differs from TM Forum's official files."""

import argparse
import sys
from pathlib import Path

from tmfgraph.commands import common
from tmfgraph.settings import Settings

HELP = "compare with TM Forum's official files"
ABOUT = (
    "Compare the declarations with TM Forum's official swagger files, and print what differs and why as "
    "Markdown. Exits with 1 if something differs without an explanation."
)
EXAMPLES = """\
  tmfgraph conformance --specs official/ --output docs/conformance.md
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Where the official files are, and where to write the report."""
    parser.add_argument(
        "--specs", type=Path, required=True, metavar="DIR", help="where the official v4 files of the APIs are"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it to this file")


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Writes the report; 1 where a difference is not explained, or a file is missing or cannot be written."""
    from tmfgraph import conformance

    try:
        report = conformance.compare(conformance.read(arguments.specs))
    except conformance.SpecsMissing as error:
        print(f"tmfgraph: {error}", file=sys.stderr)
        return 1
    code = common.put(conformance.as_markdown(report), arguments.output)
    for deviation in report.unexplained:
        print(f"tmfgraph: Not explained: {deviation}", file=sys.stderr)
    return 1 if report.unexplained else code
