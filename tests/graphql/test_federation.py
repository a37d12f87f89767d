"""The graph as a subgraph of Apollo Federation: its SDL, its entities, and that a gateway can compose it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from graphql import parse

from models import WHOLE
from models.declare import Kind, special_of
from resolvers.graphql.graph import schema, sdl
from tests.conftest import Client
from tests.samples import every_kind, minimal

COMPOSITION = Path(__file__).parent / "composition"
ENTITIES = "query Q($of: [_Any!]!) { _entities(representations: $of) { __typename ... on Entity { id } } }"


def definitions() -> dict[str, Any]:
    named: list[Any] = [d for d in parse(sdl(WHOLE)).definitions if getattr(d, "name", None)]
    return {definition.name.value: definition for definition in named}


def directives(definition: Any) -> dict[str, dict[str, Any]]:
    return {
        d.name.value: {a.name.value: getattr(a.value, "value", None) for a in d.arguments or ()}
        for d in definition.directives or ()
    }


def test_every_kind_has_its_key_and_every_value_is_shareable() -> None:
    found = definitions()
    for kind in WHOLE.kinds.values():
        for name in {kind.name, kind.typename}:
            assert directives(found[name])["key"] == {"fields": "id", "resolvable": True}, name
    for cls in WHOLE.values:
        if cls.__name__ in found and not special_of(cls):
            assert "shareable" in directives(found[cls.__name__]), cls
    for name in ("PageInfo", "Event", "OtherCredential"):
        assert "shareable" in directives(found[name])
    assert directives(found["BillingAccount"])["key"] == {"fields": "id", "resolvable": False}


def test_the_service_gives_the_schema_that_is_checked_in(client: Client) -> None:
    given = client.data("{ _service { sdl } }")["_service"]["sdl"]
    assert given + "\n" == sdl(WHOLE)
    assert "federation/v2.9" in given.splitlines()[2]


@pytest.mark.parametrize("kind", every_kind())
def test_a_gateway_gets_every_kind_by_its_key(shared: Client, kind: Kind) -> None:
    held = shared.hold(kind, minimal(kind))
    names = {kind.name, kind.typename, kind.root.name} | ({kind.extends.name} if kind.extends else set())
    of = [{"__typename": name, "id": held.id} for name in sorted(names)]
    found = shared.data(ENTITIES, of=of)["_entities"]
    assert found == [{"__typename": kind.typename, "id": held.id}] * len(of)


def test_one_batch_for_each_type_whatever_their_order(client: Client) -> None:
    names = ("Customer", "Service", "Resource") * 5
    ids = [(name, client.hold(WHOLE.kinds[name], minimal(WHOLE.kinds[name])).id) for name in names]
    of = [{"__typename": name, "id": id} for name, id in ids]
    found = client.data(ENTITIES, of=of)["_entities"]
    assert [one["id"] for one in found] == [id for _, id in ids]
    assert len(client.statements) == 3


def test_what_is_wrong_with_one_loses_only_that_one(client: Client) -> None:
    client.hold(WHOLE.kinds["Customer"], {**minimal(WHOLE.kinds["Customer"]), "id": "1"})
    of: list[Any] = [
        {"__typename": "Customer", "id": "1"},
        {"__typename": "Nothing", "id": "1"},
        {"__typename": "Customer", "id": "absent"},
        {"__typename": "Customer", "id": 1},
        {"__typename": "Customer"},
        {"id": "1"},
        "no object",
        {"__typename": "Customer", "id": True},
        {"__typename": "Customer", "id": {"deep": 1}},
        {"__typename": ["Customer"], "id": "1"},
        {"__typename": "BillingAccount", "id": "1"},
        {"__typename": "Customer", "id": "1", "beyond": ["the", "key"]},
    ]
    answer = client.graphql(ENTITIES, of=of)
    good = {"__typename": "Customer", "id": "1"}
    assert answer["data"]["_entities"] == [good, None, None, good, *[None] * 7, good]
    errors = {error["path"][1]: error for error in answer["errors"]}
    assert sorted(errors) == [1, 2, 4, 5, 6, 7, 8, 9, 10]
    assert errors[2]["extensions"]["code"] == "NOT_FOUND" and "absent" in errors[2]["message"]
    assert errors[1]["extensions"]["code"] == "BAD_REQUEST" and "Nothing" in errors[1]["message"]


def test_the_callers_variables_stay_as_they_are(client: Client) -> None:
    """The same representations twice in one operation: the first must not use up the second."""
    client.hold(WHOLE.kinds["Customer"], {**minimal(WHOLE.kinds["Customer"]), "id": "1"})
    of = [{"__typename": "Customer", "id": "1"}]
    query = """query Q($of: [_Any!]!) {
        a: _entities(representations: $of) { ... on Customer { id } }
        b: _entities(representations: $of) { ... on Customer { id name } }
        c: _entities(representations: [{ __typename: "Customer", id: 1 }]) { ... on Customer { id } } }"""
    found = client.data(query, of=of)
    assert found["a"] == found["c"] == [{"id": "1"}] and found["b"][0]["id"] == "1"


def test_what_other_systems_hold_is_null_alone_and_a_key_behind_a_gateway(database_url: str) -> None:
    product = {**minimal(WHOLE.kinds["Product"]), "id": "p", "billingAccount": {"id": "ba-1", "name": "Mine"}}
    query = '{ product(id: "p") { billingAccount { name target { __typename id } } } }'
    for subgraph, target in ((False, None), (True, {"__typename": "BillingAccount", "id": "ba-1"})):
        client = Client(database_url, subgraph=subgraph)
        client.hold(WHOLE.kinds["Product"], product)
        found = client.data(query)["product"]["billingAccount"]
        client.close()
        assert found == {"name": "Mine", "target": target}


ELSEWHERE = """
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
type Query { billingAccounts: [BillingAccount!]! }
type BillingAccount @key(fields: "id") { id: ID! name: String balance: Float }
type Customer @key(fields: "id") { id: ID! satisfaction: Int }
"""


def test_the_schema_composes(tmp_path: Path) -> None:
    """By itself, and beside a system that holds accounts and knows more of customers."""
    node = shutil.which("node")
    if node is None:
        pytest.skip(reason="Node.js is not installed: it runs the composer")
    if not (COMPOSITION / "node_modules").is_dir():
        pytest.skip(reason="the composer is not installed: npm ci --prefix tests/graphql/composition")
    graph, elsewhere = tmp_path / "graph.graphql", tmp_path / "elsewhere.graphql"
    graph.write_text(sdl(WHOLE), encoding="utf-8")
    elsewhere.write_text(ELSEWHERE, encoding="utf-8")
    for services in ([f"graph={graph}"], [f"graph={graph}", f"accounts={elsewhere}"]):
        command = [node, "compose.mjs", *services]
        done = subprocess.run(command, cwd=COMPOSITION, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "type Customer" in done.stdout
    assert "balance" in done.stdout


def test_the_schema_is_made_once() -> None:
    assert schema(WHOLE) is schema(WHOLE)
