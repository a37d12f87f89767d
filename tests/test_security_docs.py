"""docs/security.md: the limits and costs that it states are those in force."""

import re
from pathlib import Path

import pytest
from graphql import parse

from models import WHOLE
from resolvers.graphql.graph import schema
from resolvers.graphql.limits import Limits, cost, scan
from resolvers.graphql.validator import examine
from resolvers.pages import EXAMPLES
from tmfgraph.settings import Settings, flag

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _rows() -> list[list[str]]:
    return [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("name", [one for one in Settings.__dataclass_fields__ if one.endswith("_at_most")])
def test_each_bound_stands_there_with_its_default(name: str) -> None:
    [row] = [row for row in _rows() if f"`{flag(name)}`" in row[-1]]
    assert f"{getattr(Settings(), name):,}" in row[1]


def _operations() -> list[str]:
    """The operations that the table speaks of, as far as they are written down."""
    return [*re.findall(r"```graphql\n(.*?)```", README, re.DOTALL), *list(EXAMPLES.values())[:5]]


def test_the_costs_of_the_examples_are_those_in_the_table() -> None:
    found = set()
    for text in _operations():
        [operation] = examine(schema(WHOLE)._schema, parse(text), Limits()).operations
        weight = operation.weight
        found.add((f"{scan(text, Limits())}", f"{weight.height}", f"{cost(weight, {}):,}"))
    stated = {tuple(cell.strip() for cell in row[1:]) for row in _rows() if len(row) == 4}
    assert len(found) == 7 and found <= stated, found - stated
