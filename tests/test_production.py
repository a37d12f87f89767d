"""The production profile: what it keeps to itself, and that the usual scanner of GraphQL servers finds nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolvers.rights import Access
from schema.scopes import INTROSPECT
from tests.access.test_auth import ISSUER, jwks, scoped
from tests.access.test_auth import KEYS as SIGNING
from tests.conftest import Client
from tmfgraph.settings import SettingError, Settings

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def production(module_database_url: str) -> Iterator[Client]:
    made = Client(module_database_url, profile="production")
    yield made
    made.close()


@pytest.fixture(scope="module")
def guarded(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The same with tokens."""
    keys = tmp_path_factory.mktemp("keys") / "jwks.json"
    keys.write_text(json.dumps(jwks(*{key.kid: key for key in SIGNING.values()}.values())))
    made = Client(module_database_url, profile="production", auth="on", issuer=ISSUER, key_file=Path(keys))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("flags", "is_production"),
    [
        ({}, False),
        ({"host": "127.0.0.2"}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "192.0.2.1"}, True),
        ({"host": "tmf.example.com"}, True),
        ({"host": "0.0.0.0", "profile": "development"}, False),
        ({"profile": "production"}, True),
    ],
)
def test_production_is_the_default_beyond_this_machine(flags: dict[str, str], is_production: bool) -> None:
    assert Settings.read(flags, {}).is_production is is_production


def test_production_does_not_tell_who_answers() -> None:
    assert Settings(show_executor=True).tells_executor
    with pytest.raises(SettingError, match="--profile development"):
        _ = Settings(show_executor=True, profile="production").tells_executor


INTROSPECTIONS = [
    "{ __schema { types { name } } }",
    '{ __type(name: "Customer") { name } }',
    "{ a: __schema { queryType { name } } }",
    "query Q { ...f } fragment f on Query { __schema { types { name } } }",
    "{ ... on Query { ... { __schema { types { name } } } } }",
    '{ customers { totalCount } ... @include(if: true) { __type(name: "Query") { name } } }',
    "query A { _service { sdl } } query B { __typename }",
]
NO_INTROSPECTIONS = [
    "{ __typename }",
    '{ customers(where: { name: { eq: "__schema" } }) { totalCount } }',
    "# __schema { types }\n{ customers { totalCount } }",
    '{ customers(where: { name: { eq: """ { __type(name: "x") { name } } """ } }) { nodes { __typename } } }',
]


@pytest.mark.parametrize("query", INTROSPECTIONS)
def test_introspection_is_refused(production: Client, query: str) -> None:
    answer = production.post(
        "/graphql", {"query": query, "operationName": "A" if "query A" in query else None}
    )
    assert answer.status_code == 403
    assert answer.json().keys() == {"errors"}
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "INTROSPECTION_DISABLED" and INTROSPECT in error["message"]


@pytest.mark.parametrize("query", NO_INTROSPECTIONS)
def test_what_only_looks_like_introspection_is_answered(production: Client, query: str) -> None:
    assert "errors" not in production.graphql(query)


def test_a_scope_given_by_name_lets_one_introspect(guarded: Client) -> None:
    query = {"query": INTROSPECTIONS[0]}
    for refused in ("*:*:*", "*:*:read", "graphql:*:read"):
        assert guarded.post("/graphql", query, headers=scoped(refused)).status_code == 403
    answer = guarded.post("/graphql", query, headers=scoped(INTROSPECT))
    assert answer.status_code == 200 and answer.json()["data"]["__schema"]["types"]
    assert not Access("x", frozenset({"*:*:*"})).may_introspect


@pytest.mark.parametrize(
    "query",
    [
        "{ custmers { totalCount } }",
        "{ customers { nodes { nam } } }",
        "{ customers(frst: 1) { totalCount } }",
        '{ customers(where: { nme: { eq: "x" } }) { totalCount } }',
        "{ customers(orderBy: [{ name: DSC }]) { totalCount } }",
        "{ customers { ...f } } fragment f on CustomerConection { totalCount }",
        "{ customers @skp(if: true) { totalCount } }",
        '{ node(id: "1") { name } }',
        "mutation { createCustomr(input: {}) { id } }",
    ],
)
def test_errors_suggest_nothing(production: Client, client: Client, query: str) -> None:
    [error, *_] = production.graphql(query)["errors"]
    assert "Did you mean" not in error["message"]
    [developers, *_] = client.graphql(query)["errors"]
    assert "Did you mean" in developers["message"] or "fragment" in query or "@skp" in query


def test_a_variable_suggests_nothing(production: Client) -> None:
    query = "query ($w: CustomerFilter) { customers(where: $w) { totalCount } }"
    answer = production.graphql(query, w={"nme": {"eq": "x"}})
    assert "Did you mean" not in json.dumps(answer) and answer["errors"]


# ---- what graphql-cop looks for, check by check ----------------------------------------------------


def test_no_page_to_ask_from(production: Client) -> None:
    for path in ("/graphql", "/graphiql", "/playground", "/console", "/graphql/console", "/altair"):
        answer = production.get(path, headers=HTML)
        assert answer.status_code in (404, 405)
        assert answer.headers["content-type"] == "application/json"
    assert "GraphiQL" not in production.get("/", headers=HTML).text


@pytest.mark.parametrize(
    "query", ["{ __typename }", "mutation { __typename }", 'mutation { deleteCustomer(id: "x") { id } }']
)
def test_no_operation_by_get(production: Client, query: str) -> None:
    answer = production.get("/graphql", params={"query": query})
    assert answer.status_code == 405 and answer.headers["allow"] == "POST"


def test_no_form_posts_an_operation(production: Client) -> None:
    for media in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        answer = production.request(
            "POST", "/graphql", content=b"query=%7B__typename%7D", headers={"content-type": media}
        )
        assert answer.status_code == 415


def test_no_batches(production: Client) -> None:
    answer = production.post("/graphql", [{"query": "{ __typename }"}] * 10)
    assert answer.status_code == 400 and "__typename" not in answer.text


def test_no_traces_and_no_stacks(production: Client) -> None:
    headers = {"X-Apollo-Tracing": "1", "apollo-query-plan-experimental": "1"}
    for query in ("{ __typename }", "{ nothing }", "{ node(id: 1, id: 2) { id } }", "{"):
        answer = production.post("/graphql", {"query": query}, headers=headers)
        text = answer.text.lower()
        assert not any(word in text for word in ("tracing", "stacktrace", "traceback", "exception", ".py"))
        assert answer.json().get("extensions") is None


CIRCLE = "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }"
OVERLOADS = {
    "aliases": "query cop { " + " ".join(f"alias{n}: __typename" for n in range(101)) + " }",
    "directives": "query cop { __typename " + "@aa" * 10 + " }",
    "one directive of ours": "query cop { __typename " + "@include(if: true) " * 10 + "}",
    "duplicated fields": "query cop { " + "__typename " * 500 + "}",
    "duplicated objects": "query cop { " + "customers { totalCount } " * 500 + "}",
    "circular introspection": f"query cop {CIRCLE}",
}


@pytest.mark.parametrize("name", OVERLOADS)
def test_no_overloads(production: Client, name: str) -> None:
    answer = production.post("/graphql", {"query": OVERLOADS[name], "operationName": "cop"})
    assert answer.status_code in (400, 403) and "data" not in answer.json()
    assert len(answer.json()["errors"]) == 1 and production.statements == []
