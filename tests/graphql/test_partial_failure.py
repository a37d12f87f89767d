"""An error in one field costs that field: the rest is answered, and nothing is read twice."""

from collections.abc import Iterator
from typing import Any

import pytest

from models import WHOLE
from resolvers.storage.documents import prepare
from tests.conftest import Client


@pytest.fixture(scope="module")
def telling(module_database_url: str) -> Iterator[Client]:
    made = Client(module_database_url, show_executor=True)
    for number in range(3):
        party = {"id": f"o{number}", "@type": "RelatedParty", "@referredType": "Organization"}
        made.hold(WHOLE.kinds["Organization"], {"id": f"o{number}", "name": f"n{number}", "tradingName": "t"})
        made.hold(WHOLE.kinds["Category"], {"id": f"c{number}", "name": f"n{number}"})
        made.hold(WHOLE.kinds["Customer"], {"id": f"c{number}", "name": f"n{number}", "engagedParty": party})
    draft = prepare(
        WHOLE.kinds["ProductOrder"],
        {"id": "odd", "state": "unheard", "productOrderItem": [{"id": "1", "action": "add"}]},
        imported=True,
        lenient=True,
    )
    made.run(made.store.put(draft))
    yield made
    made.close()


def answered(client: Client, query: str, **variables: Any) -> tuple[dict[str, Any], list[Any], int]:
    """Data, paths of the errors, and number of statements of a query that a plan answers."""
    answer = client.graphql(query, **variables)
    assert answer["extensions"]["executor"] == {"name": "compiled"}, answer
    return answer["data"], [error["path"] for error in answer.get("errors", ())], len(client.statements)


GOOD = (
    "customers(first: 3) { nodes { id engagedParty { target { __typename ... on Organization { id } } } } }"
)


@pytest.mark.parametrize(
    ("bad", "lost", "statements"),
    [
        ("wrong: organizations(first: -1) { nodes { id } }", {"wrong": None}, 0),
        ("wrong: organizations(first: 1, last: 1) { totalCount }", {"wrong": None}, 0),
        ('wrong: organizations(after: "nonsense") { totalCount }', {"wrong": None}, 0),
        (
            'wrong: organization(id: "o1") { id productOrders(first: -1) { nodes { id } } }',
            {"wrong": {"id": "o1", "productOrders": None}},
            1,
        ),
        ('wrong: productOrder(id: "odd") { id state }', {"wrong": {"id": "odd", "state": None}}, 1),
        ('wrong: productOrder(id: "odd") { id state serviceOrders { nodes { id } } }', None, 1),
    ],
)
def test_an_error_costs_its_field_and_no_statement(
    telling: Client, bad: str, lost: dict[str, Any] | None, statements: int
) -> None:
    good, none, alone = answered(telling, f"{{ {GOOD} }}")
    assert none == [] and len(good["customers"]["nodes"]) == 3
    data, errors, together = answered(telling, f"{{ {GOOD} {bad} }}")
    assert data["customers"] == good["customers"]
    assert [path[0] for path in errors] == ["wrong"]
    assert together == alone + statements
    if lost is not None:
        assert data | lost == data, data


def test_an_error_below_each_of_many_is_told_for_each(telling: Client) -> None:
    data, errors, statements = answered(
        telling, "{ categories(first: 3) { nodes { id history { id } subCategory { id } } } "
        "organizations { nodes { id wrong: productOrders(first: -1) { nodes { id } } } } }"
    )  # fmt: skip
    assert len(data["categories"]["nodes"]) == 3
    assert len(errors) in (1, 3) and all(path[0] == "organizations" for path in errors)
    assert statements == 3


def test_what_is_wrong_with_some_representations_costs_only_them(telling: Client) -> None:
    given = [
        {"__typename": "Category", "id": "c1"},
        {"__typename": "Category", "id": "missing"},
        {"__typename": "Nonsense", "id": "c1"},
        {"__typename": "Category"},
        "nonsense",
        {"__typename": "Category", "id": "c2"},
        {"__typename": "Organization", "id": "o2"},
    ]
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Category { name } __typename } }"
    data, errors, statements = answered(telling, query, r=given)
    assert [one and one["__typename"] for one in data["_entities"]] == [
        "Category", None, None, None, None, "Category", "Organization",
    ]  # fmt: skip
    assert sorted(errors) == [["_entities", place] for place in (1, 2, 3, 4)]
    assert statements == 2


def test_null_in_a_directive_is_an_error_of_its_object_and_of_no_other(telling: Client) -> None:
    query = """query ($if: Boolean = true) {
      parties(first: 1) { nodes { relatedParty { target { ... on Individual { __typename } } } ...O } }
      customers(first: 1) { nodes { id engagedParty { target { ...O } } } }
    }
    fragment O on Organization { id @include(if: $if) }"""
    data, paths, _ = answered(telling, query, **{"if": None})
    assert data == {"parties": None, "customers": {"nodes": [{"id": "c0", "engagedParty": {"target": None}}]}}
    assert paths == [["parties", "nodes", 0], ["customers", "nodes", 0, "engagedParty", "target"]]
    at_the_root = telling.post(
        "/graphql",
        {
            "query": "query ($if: Boolean = true) { parties @skip(if: $if) { totalCount } }",
            "variables": {"if": None},
        },
    )
    assert at_the_root.status_code == 400 and "data" not in at_the_root.json()
