"""`tmfgraph explain`: the plan of a query."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from tmfgraph.settings import Settings

HELP = "print how a GraphQL operation is read: its plan and its statements"
ABOUT = (
    "Print the plan of each operation of a document, and the statements that it takes: one for each level, "
    "whatever the number of entities. No database is needed. An entity with an id is read by one statement "
    "together with what hangs on it; of that, what came later than the reference to it takes one more."
)
EXAMPLES = """\
  tmfgraph explain '{ customers(first: 3) { nodes { name productOrders { totalCount } } } }'
  tmfgraph explain query.graphql --variables '{"id": "42"}'
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What to explain."""
    parser.add_argument(
        "query", metavar="QUERY", help="a GraphQL document, or the file that holds it; - reads it"
    )
    parser.add_argument(
        "--variables", default="{}", metavar="JSON", help="the variables of its operations, as a JSON object"
    )
    parser.add_argument("--plan-only", action="store_true", help="leave the statements out")


def run(given: Settings, arguments: argparse.Namespace) -> int:
    """Prints plans and statements; 1 where the document cannot be read or has no plan."""
    from models import WHOLE
    from resolvers.errors import CallerError
    from resolvers.graphql.explain import explain

    try:
        variables = json.loads(arguments.variables)
    except ValueError as error:
        return arguments.parser.error(f"--variables is no JSON: {error}")
    if not isinstance(variables, dict):
        return arguments.parser.error("--variables must be a JSON object.")
    try:
        found = asyncio.run(explain(WHOLE, _text(arguments.query), variables))
    except OSError as error:
        print(f"tmfgraph: {arguments.query} cannot be read: {error.strerror}.", file=sys.stderr)
        return 1
    except CallerError as error:
        print(f"tmfgraph: {error}", file=sys.stderr)
        return 1
    print("\n".join(one.plan if arguments.plan_only else f"{one.plan}\n{one.sql}" for one in found), end="")
    return 0


def _text(query: str) -> str:
    if query == "-":
        return sys.stdin.read()
    return query if "{" in query else Path(query).read_text(encoding="utf-8")
