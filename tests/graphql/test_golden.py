"""The example queries of the pages: how each is read, by which SQL, and what it answers over the demo data.

The files beside each other in tests/golden are what git keeps of that. What differs is either a mistake or is
to be looked at in the diff: `TMFGRAPH_GOLDEN=write ./run test tests/graphql/test_golden.py` writes them anew.
"""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models import WHOLE
from resolvers.errors import BadRequest
from resolvers.graphql.explain import Explained, explain
from resolvers.pages import EXAMPLES, HERE
from tests.conftest import Client
from tmfgraph import demo
from tmfgraph.settings import Settings

GOLDEN = Path(__file__).parent.parent / "golden"
WRITE = os.environ.get("TMFGRAPH_GOLDEN") == "write"
QUERIES = sorted((HERE / "examples").glob("*.graphql"))
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def filled(module_database_url: str) -> Iterator[Client]:
    """A client of an application with the demo data."""
    demo.ensure(module_database_url, Settings())
    made = Client(module_database_url)
    yield made
    made.close()


def compare(name: str, text: str) -> None:
    """That the file holds this text; it gets it where golden files are to be written."""
    path = GOLDEN / name
    if WRITE:
        path.write_text(text, encoding="utf-8")
    held = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text == held, f"tests/golden/{name} is another: see tests/graphql/test_golden.py"


def explained(text: str, **variables: Any) -> list[Explained]:
    return asyncio.run(explain(WHOLE, text, variables))


def steady(answer: Any) -> Any:
    """The same without what is new at each run: ids that the server makes, and moments of events."""
    match answer:
        case dict():
            return {key: "a moment" if key == "time" else steady(one) for key, one in answer.items()}
        case list():
            return [steady(one) for one in answer]
        case str():
            return UUID.sub("an id", answer)
        case _:
            return answer


def test_each_example_has_its_files_and_no_other() -> None:
    expected = {f"{query.stem}.{end}" for query in QUERIES for end in ("sql", "json", "plan.txt")}
    assert {path.name for path in GOLDEN.iterdir()} == expected
    assert len(QUERIES) == len(EXAMPLES)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.stem)
def test_plan_and_sql_are_those_that_were_looked_at(query: Path) -> None:
    found = explained(query.read_text(encoding="utf-8"))
    compare(f"{query.stem}.plan.txt", "\n".join(one.plan for one in found))
    compare(f"{query.stem}.sql", "\n".join(one.sql for one in found if one.statements))


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.stem)
def test_the_answer_is_that_which_was_looked_at_and_is_read_as_explained(filled: Client, query: Path) -> None:
    text = query.read_text(encoding="utf-8")
    answers = {}
    for one in explained(text):
        name = one.title.partition(" ")[2]
        answer = filled.post("/graphql", {"query": text, "operationName": name}).json()
        answers[name] = steady(answer)
        if not one.writes:
            # Of several kinds that a reference may lead to, the data says which is read, and when.
            told = Counter(statement.text for statement in one.statements)
            assert not Counter(filled.statements) - told, "it is read otherwise than explained"
    compare(f"{query.stem}.json", json.dumps(answers, indent=2, ensure_ascii=False) + "\n")


# ---- what else is explained ------------------------------------------------------------------------

ONE = "query One($id: ID!) { productOrder(id: $id) { state history { time } relatedParty { target { __typename } } "
ONE += "serviceOrders { totalCount nodes { id } } } }"


def test_an_entity_and_what_hangs_on_it_are_read_by_one_statement() -> None:
    [found] = explained(ONE, id="1")
    assert found.plan.startswith("query One: 7 statements to read\n")
    assert "ProductOrder: id, state, key, document [1]" in found.plan
    assert "ServiceOrder: id [1]" in found.plan and "counted by [" in found.plan
    assert "-- $1: the keys" in found.sql


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{ node(id: "1") { id ... on Customer { name } } }', "which kind holds the id [1], then the entity"),
        ('{ resource(id: "1") { id } }', "resource: the Resource with an id"),
        ("{ _entities(representations: []) { ... on Customer { id } } }", "entities by type and id"),
        ("{ __schema { queryType { name } } }", "What the schema tells of itself is read off it."),
        ("{ customers(first: -1) { nodes { id } } }", "customers: first must lie between"),
        ('mutation { deleteCustomer(id: "1") { id } }', "deleteCustomer: writes, and gives what was written"),
        ("{ customers { totalCount } }", "customers: a list of Customer counted by [1]"),
    ],
)
def test_each_kind_of_root_is_told(text: str, told: str) -> None:
    assert told in explained(text)[0].plan


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{ customers { nodes { nam } } }", "Cannot query field 'nam'"),
        ("{ customers {", "Syntax Error"),
        (ONE, "Variable '$id' has invalid value"),
    ],
)
def test_what_has_no_plan_is_refused_with_the_reason(text: str, told: str) -> None:
    with pytest.raises(BadRequest) as refused:
        explained(text)
    assert told in str(refused.value)
