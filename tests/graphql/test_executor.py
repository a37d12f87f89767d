"""Plans: that real operations have one, what they read, and that their bounds hold."""

import ast
import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLError, OperationType, get_operation_ast, parse, validate

from models import WHOLE
from resolvers.graphql.executor import Executor, InvalidVariables
from resolvers.graphql.graph import graph, schema
from resolvers.graphql.limits import Limits
from resolvers.graphql.validator import Operation, examine
from resolvers.storage import reads
from resolvers.storage.conditions import Compare
from resolvers.storage.reads import Branch, Page, Statement
from resolvers.storage.view import view_of
from tests.conftest import Client

ROOT = Path(__file__).parent.parent.parent
ORDER = "ProductOrder"


# ---- a corpus of real operations ----------------------------------------------------------------


def _queries() -> Iterator[tuple[str, str]]:
    """Every query that is written out in the pages, the documentation and the tests."""
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for text in re.findall(r"```graphql\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            yield path.name, text
    for path in (ROOT / "resolvers" / "pages" / "examples").glob("*.graphql"):
        yield path.name, path.read_text(encoding="utf-8")
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{" in node.value:
                yield path.name, node.value


def _valid() -> Iterator[tuple[str, str]]:
    core = schema(WHOLE)._schema
    for where, text in _queries():
        try:
            document = parse(text)
        except GraphQLError:
            continue
        operation = get_operation_ast(document)
        if not operation or validate(core, document):
            continue
        if not any(one.introspects for one in examine(core, document, Limits()).operations):
            yield where, text


def _executor() -> Executor:
    return Executor(graph(WHOLE))


def test_real_operations_have_plans() -> None:
    found = dict.fromkeys(_valid())
    without: dict[tuple[str, str], str] = {}
    for where, text in found:
        operation = _operation(text)
        try:
            _executor().plan(operation, _executor().coerced(operation, _some_values(text)))
        except InvalidVariables as reason:
            if operation.node.operation is OperationType.QUERY:  # inputs of mutations are not made up
                without[where, text] = str(reason)
    assert len(found) > 50
    assert len(without) <= len(found) * 0.05, without


def _operation(text: str) -> Operation:
    [operation] = examine(schema(WHOLE)._schema, parse(text), Limits()).operations
    return operation


def _some_values(text: str) -> dict[str, Any]:
    """Values for the variables that must have one; they decide nothing but `@skip` and `@include`."""
    operation = get_operation_ast(parse(text))
    assert operation is not None
    values: dict[str, Any] = {"ID": "1", "String": "1", "Int": 1, "Boolean": True}
    given = {}
    for one in operation.variable_definitions or ():
        name = re.sub(r"\W", "", one.type.loc.source.body[one.type.loc.start : one.type.loc.end])  # type: ignore[union-attr]
        given[one.variable.name.value] = values.get(name, [] if name == "_Any" else {})
    return given


def test_the_answer_says_which_executor_made_it_where_that_is_asked_for(database_url: str) -> None:
    telling = Client(database_url, show_executor=True)
    try:
        query = "{ categories { totalCount } }"
        assert telling.graphql(query) == {
            "data": {"categories": {"totalCount": 0}},
            "extensions": {"executor": {"name": "compiled"}},
        }
        answer = telling.graphql("{ categories(first: -1) { totalCount } }")
        assert answer["errors"] and answer["extensions"] == {"executor": {"name": "compiled"}}
        assert telling.graphql("{ __schema { __typename } }")["extensions"] == {
            "executor": {"name": "graphql-core", "reason": "introspection"}
        }
    finally:
        telling.close()


def test_metrics_count_what_answered(client: Client) -> None:
    def counted(labels: str) -> float:
        name = f"tmfgraph_graphql_operations_total{{{labels}}} "
        lines = client.get("/metrics").text.splitlines()
        return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)

    compiled, fallen = 'executor="compiled",reason=""', 'executor="graphql-core",reason="introspection"'
    before = counted(compiled), counted(fallen)
    client.data("{ categories { totalCount } }")
    client.data("{ __schema { __typename } }")
    assert (counted(compiled), counted(fallen)) == (before[0] + 1, before[1] + 1)


# ---- what plans read ----------------------------------------------------------------------------


def test_a_plan_reads_no_column_that_nobody_asked_for(client: Client) -> None:
    client.data("{ productOrders { nodes { state } } }")
    assert [_columns(text) for text in client.statements] == [{"state", "id"}]  # the id orders the list
    client.data("{ productOrders { nodes { note { text } } } }")
    assert [_columns(text) for text in client.statements] == [{"document", "id"}]


def _columns(text: str) -> set[str]:
    return set(re.findall(r"product_order\.(\w+)", text))


def test_a_count_alone_reads_no_rows(client: Client) -> None:
    assert client.data("{ productOrders { totalCount __typename } }") == {
        "productOrders": {"totalCount": 0, "__typename": "ProductOrderConnection"}
    }
    [statement] = client.statements
    assert statement.startswith("SELECT 0 + (SELECT count(*)")


def test_keys_may_be_words_of_python(client: Client) -> None:
    client.hold(WHOLE.kinds["Category"], {"id": "c", "name": 'quote " and \\ and \u2028'})
    names = ("class", "None", "from", "def", "make", "out", "P", "run", "self", "k_name", "_", "lambda")
    asked = " ".join(f"{name}: name" for name in names)
    found = client.data(f'{{ category(id: "c") {{ {asked} }} }}')
    assert found["category"] == dict.fromkeys(names, 'quote " and \\ and \u2028')


def test_operations_are_compiled_once() -> None:
    query = "query ($a: Boolean!) { categories { totalCount @include(if: $a) __typename } }"
    operation = _operation(query)
    yes, no = (_executor().coerced(operation, {"a": value}) for value in (True, False))
    first = _executor().plan(operation, yes)
    assert _executor().plan(operation, yes) is first
    assert _executor().plan(operation, no) is not first
    assert len(operation.plans) == 2


# ---- bounds -------------------------------------------------------------------------------------


def test_a_query_that_reads_too_many_rows_is_refused(database_url: str) -> None:
    bounded = Client(database_url, rows_at_most=100)
    try:
        for number in range(101):
            bounded.hold(WHOLE.kinds["Category"], {"id": f"{number:03}", "name": "n"})
        assert len(bounded.data("{ categories(first: 99) { nodes { id } } }")["categories"]["nodes"]) == 99
        for query in (
            "{ categories(first: 101) { nodes { id } } }",
            "{ a: categories(first: 60) { nodes { id } } b: categories(first: 60) { nodes { id } } }",
            "{ categories(first: 101) { nodes { id extension } } __schema { __typename } }",
        ):
            [error, *_] = bounded.graphql(query)["errors"]
            assert error["extensions"]["code"] == "TOO_MUCH", query
            assert error["extensions"] | {"value": 0} == {
                "code": "TOO_MUCH",
                "limit": "rows",
                "atMost": 100,
                "value": 0,
            }, error
    finally:
        bounded.close()


def test_a_query_that_takes_too_long_is_ended(database_url: str) -> None:
    hurried = Client(database_url, request_timeout=0.5, statement_timeout=20, lock_timeout=20)
    try:
        with _locked(hurried, database_url, "category"):
            answer = hurried.post("/graphql", {"query": "{ categories { totalCount } }"})
            assert answer.status_code == 503, answer.text
            assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert hurried.data("{ categories { totalCount } }") == {"categories": {"totalCount": 0}}
    finally:
        hurried.close()


@contextlib.contextmanager
def _locked(client: Client, database_url: str, table: str) -> Iterator[None]:
    """Nobody reads the table meanwhile."""
    connection = client.run(asyncpg.connect(database_url))
    client.run(connection.execute(f"begin; lock table {table} in access exclusive mode"))
    try:
        yield
    finally:
        client.run(connection.close())


# ---- how PostgreSQL carries them out ------------------------------------------------------------


@pytest.fixture(scope="module")
def filled(shared: Client) -> Client:
    """A database where a scan of a table would cost much more than an index."""
    order = json.dumps({"@type": ORDER, "state": "completed"})
    fill = f"""
        insert into product_order (key, id, state, at_type, revision, modified, document)
        select md5('o' || n)::uuid, 'o' || n, case when 'o' || n < 'o9' then 'completed' else 'held' end,
            '{ORDER}', 1, '', '{order}'
        from generate_series(1, 20000) n;
        insert into service_order (key, id, state, at_type, revision, modified, document)
        select md5('s' || n)::uuid, 's' || n, 'completed', 'ServiceOrder', 1, '', '{{}}'
        from generate_series(1, 20000) n;
        insert into reference (source_key, source_kind, relation, position, rank, target_key, target_kind, target_id)
        select md5('s' || n)::uuid, 'ServiceOrder', 'externalReference', 0, 0, md5('o' || n)::uuid, '{ORDER}', 'o' || n
        from generate_series(1, 20000) n;
        analyze product_order; analyze service_order; analyze reference;
    """

    async def run() -> None:
        async with shared.store.connected() as lent:
            await lent.driver.execute(fill)

    shared.run(run())
    return shared


KIND, REFERRER = WHOLE.kinds["ProductOrder"], WHOLE.kinds["ServiceOrder"]
ORDERS, REFERRERS = view_of(KIND), view_of(REFERRER)
BACK = Branch(REFERRERS, ("id",), (), ("externalReference",), KIND, Page(limit=101))
STATE = next(a for a in KIND.attributes if a.key == "state")
PLANNED = {
    "one": reads.one(ORDERS, ("id",)).of("o7"),
    "by_id": reads.by_id(ORDERS, ("id", "document")).of(["o1", "o2"]),
    "by_key": reads.by_key(ORDERS, ("id",)).of([]),
    "pointing_at": reads.pointing_at(
        REFERRERS, KIND, ("externalReference",), ("id", "document"), Page(limit=101)
    ),
    "count_pointing_at": reads.count_pointing_at(REFERRERS, KIND, ("externalReference",), Page().condition),
    "tree": reads.tree(ORDERS, ("id", "document"), (BACK,)).of("o7"),
    "history": reads.history(ORDERS, 100, 0).of([]),
    "search": reads.search((ORDERS,), ("id", "document"), Page(limit=101)),
    "search by state": reads.search((ORDERS,), ("id",), Page(Compare(STATE, "eq", "held"), limit=101)),
}


@pytest.mark.parametrize("name", PLANNED)
def test_plans_find_rows_by_index(filled: Client, name: str) -> None:
    plan = explained(filled, PLANNED[name])
    assert not re.search(r"Seq Scan on (product_order|service_order|reference)", plan), plan


def test_a_page_of_one_state_reads_no_entities_of_other_states(filled: Client) -> None:
    """Those that are held come last by id: no walk along the ids finds them soon."""
    plan = explained(filled, PLANNED["search by state"])
    assert "product_order_state_id" in plan and "Filter:" not in plan and "Sort" not in plan, plan


def explained(filled: Client, statement: Statement) -> str:
    async def explain() -> str:
        keys = "select array_agg(key) from (select key from product_order order by id limit 100) x"
        async with filled.store.connected() as lent:
            given = statement
            if statement.keys_at is not None and statement.arguments[statement.keys_at] == []:
                given = statement.of(await lent.driver.fetchval(keys))
            found = await lent.driver.fetch(f"explain {given.text}", *given.arguments)
            return "\n".join(row[0] for row in found)

    return filled.run(explain())
