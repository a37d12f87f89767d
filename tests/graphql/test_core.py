"""The names of graphql-core that it does not promise to keep: an upgrade that changes one fails here."""

import inspect
import re
from pathlib import Path

from graphql import FieldNode, OperationDefinitionNode, VariableValues, build_schema, parse
from graphql.execution import collect_fields as names

from resolvers.graphql.core import Collector

RESOLVERS = Path(__file__).parent.parent.parent / "resolvers"


def test_graphql_core_has_the_names_that_the_adapter_takes_from_it() -> None:
    given = [*inspect.signature(names.collect_fields).parameters]
    assert given[:5] == ["schema", "fragments", "variable_values", "runtime_type", "operation"]
    given = [*inspect.signature(names.collect_subfields).parameters]
    assert given[:6] == [
        "schema", "fragments", "variable_values", "operation", "return_type", "field_details_list"
    ]  # fmt: skip
    assert names.FragmentDetails._fields[0] == "definition"
    assert names.FieldDetails._fields[0] == "node"
    assert "grouped_field_set" in names.CollectedFields._fields
    assert "coerced" in VariableValues._fields


def test_what_is_asked_is_collected_by_key_with_the_places_that_ask() -> None:
    schema = build_schema("type Query { one: One } type One { a: Int b: Int }")
    document = parse("{ one { a } mine: one { b } ...F } fragment F on Query { one { b a } }")
    operation, fragment = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    collector = Collector(schema, operation, {"F": fragment}, VariableValues({}, {}))  # type: ignore[dict-item]
    query, one = schema.query_type, schema.get_type("One")
    root = collector.root(query)  # type: ignore[arg-type]
    assert [*root] == ["one", "mine"] and len(root["one"]) == 2
    assert all(isinstance(place.node, FieldNode) for place in root["one"])
    below = collector.below(one, root["one"])  # type: ignore[arg-type]
    assert {key: len(places) for key, places in below.items()} == {"a": 2, "b": 1}


def test_only_the_adapter_reaches_into_graphql_core() -> None:
    """The packages below `graphql` are not for others; `graphql` itself and what its pages name are."""
    private = re.compile(r"^\s*(from|import) graphql\.(?!pyutils import did_you_mean)", re.MULTILINE)
    reaching = [file for file in RESOLVERS.rglob("*.py") if private.search(file.read_text(encoding="utf-8"))]
    assert [file.name for file in reaching] == ["core.py"]
