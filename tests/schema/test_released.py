"""The promise of docs/versions.md: what the last release offered, this one offers too."""

from pathlib import Path

import pytest
from graphql import (
    BreakingChange,
    DocumentNode,
    GraphQLSchema,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    build_ast_schema,
    parse,
    print_ast,
)
from graphql.utilities import find_schema_changes

from models import WHOLE
from resolvers.graphql.graph import schema, sdl

SCHEMA = Path(__file__).parent.parent.parent / "schema"
RELEASED = SCHEMA / "released.graphql"
ACCEPTED = SCHEMA / "accepted_breaking_changes.txt"


def broken(old: str, new: str, core: GraphQLSchema | None = None) -> list[str]:
    """What clients of an old schema, or a gateway, could no longer do with a new one; `core` is the new one
    where it is made."""
    before, after = parse(old), parse(new)
    core = core or build_ast_schema(after, assume_valid_sdl=True)
    changes = find_schema_changes(build_ast_schema(before, assume_valid_sdl=True), core)
    found = [change.description for change in changes if isinstance(change, BreakingChange)]
    return found + [f"{name} lost {key}." for name, key in sorted(_keys(before) - _keys(after))]


def _keys(document: DocumentNode) -> set[tuple[str, str]]:
    """The keys by which a gateway asks for entities, with the names of their types."""
    return {
        (type_.name.value, print_ast(directive))
        for type_ in document.definitions
        if isinstance(type_, (ObjectTypeDefinitionNode, InterfaceTypeDefinitionNode))
        for directive in type_.directives or ()
        if directive.name.value == "key"
    }


def accepted(text: str) -> dict[str, str]:
    """The changes that are accepted, each with its reason."""
    lines = [line.strip() for line in text.splitlines()]
    parts = [line.partition(" -- ") for line in lines if line and not line.startswith("#")]
    return {change.strip(): reason.strip() for change, _, reason in parts}


def faults(changes: list[str], given: dict[str, str]) -> list[str]:
    """What breaks the promise, and what is accepted without need or without a reason."""
    found = [f"not accepted: {change}" for change in changes if change not in given]
    found += [f"stale: {change}" for change in given if change not in changes]
    return found + [f"without a reason: {change}" for change, reason in given.items() if not reason]


def test_what_was_released_is_still_there() -> None:
    released = RELEASED.read_text(encoding="utf-8")
    changes = broken(released, sdl(WHOLE), schema(WHOLE)._schema)
    found = faults(changes, accepted(ACCEPTED.read_text(encoding="utf-8")))
    assert not found, "\n".join([*found, "docs/versions.md says what may change, and CONTRIBUTING.md how."])


OLD = """
type Query { customer(id: ID!): Customer, customers(first: Int): [Customer!]! }
type Customer @key(fields: "id") { id: ID!, name: String, status: Status, old: String @deprecated }
enum Status { new gone }
input CustomerFilter { name: String }
"""


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("name: String, status", "status", "Field Customer.name was removed."),
        (", old: String @deprecated", "", "Field Customer.old was removed."),
        ("name: String, status", "name: [String], status", "Field Customer.name changed type from"),
        ("first: Int", "first: Int, state: String!", "was added"),
        ("first: Int", "last: Int", "was removed"),
        ("gone }", "}", "Enum value Status.gone was removed."),
        ("{ name: String }", "{ name: String, id: ID! }", "was added"),
        ("input CustomerFilter { name: String }", "", "was removed"),
        (' @key(fields: "id")', "", 'Customer lost @key(fields: "id").'),
    ],
)  # fmt: skip
def test_what_breaks_clients_is_found(old: str, new: str, change: str) -> None:
    assert old in OLD
    [found] = broken(OLD, OLD.replace(old, new))
    assert change in found
    assert faults([found], {}) == [f"not accepted: {found}"]
    assert faults([found], accepted(f"# why\n{found} -- nobody asked for it\n")) == []
    assert faults([found], accepted(found)) == [f"without a reason: {found}"]
    assert faults([], accepted(f"{found} -- nobody asked for it")) == [f"stale: {found}"]


def test_what_only_adds_breaks_nobody() -> None:
    more = OLD.replace("first: Int", "first: Int, last: Int").replace("gone }", "gone kept }")
    more = more.replace("status: Status,", "status: Status!, email: String,") + "type More { id: ID! }"
    assert broken(OLD, more) == []
