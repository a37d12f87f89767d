"""`tmfgraph openapi`: the OpenAPI documents of the TMF paths."""

import argparse
import sys
from pathlib import Path

from tmfgraph.commands import common
from tmfgraph.settings import Settings

HELP = "print the OpenAPI documents of the TMF paths"
ABOUT = "Print the OpenAPI 3.1 document of an API, made from the declarations; without an API, list them."
EXAMPLES = """\
  tmfgraph openapi                        which APIs there are
  tmfgraph openapi TMF622 > TMF622.json
  tmfgraph openapi --output-dir schema/openapi
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Which API, and where to write all."""
    parser.add_argument("api", nargs="?", metavar="API", help="the number of an API: TMF622")
    parser.add_argument(
        "--output-dir", type=Path, metavar="DIR", help="write one file for each API into this directory"
    )


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Writes the documents, or a list of the APIs; 1 for an unknown API or a file that cannot be written."""
    from models import WHOLE
    from schema.rest import openapi

    number, directory = arguments.api, arguments.output_dir
    if number is not None and number not in openapi.apis(WHOLE):
        print(f"tmfgraph: There is no API {number}: `tmfgraph openapi` lists them.", file=sys.stderr)
        return 1
    numbers = openapi.apis(WHOLE) if number is None else [number]
    if directory is not None:
        return max(common.put(openapi.snapshot(WHOLE, one), directory / f"{one}.json") for one in numbers)
    if number is not None:
        return common.put(openapi.snapshot(WHOLE, number), None)
    return common.put("".join(f"{one} {title}\n" for one, title in openapi.apis(WHOLE).items()), None)
