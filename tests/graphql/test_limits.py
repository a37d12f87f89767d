"""What an operation may ask for at most: real ones pass, and what is beyond is refused from its text alone."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graphql import OperationType, execute_sync, get_introspection_query, parse

from models import WHOLE
from models.links import ways_back
from resolvers.errors import TooMuch
from resolvers.graphql.graph import graph, schema
from resolvers.graphql.limits import Limits, check_cost, check_variables, cost, scan
from resolvers.graphql.validator import examine
from schema.graphql.types import NODES_ASSUMED, NODES_BY_DEFAULT, VALUES_ASSUMED
from tests.conftest import Client
from tests.graphql.test_executor import _queries

LIMITS = Limits()


def _cost(text: str, **variables: Any) -> int:
    scan(text, LIMITS)
    [operation] = examine(schema(WHOLE)._schema, parse(text), LIMITS).operations
    return check_cost(operation.weight, variables, LIMITS.cost)


def _refused(text: str, **variables: Any) -> dict[str, Any]:
    with pytest.raises(TooMuch) as caught:
        _cost(text, **variables)
    return caught.value.details()


# ---- what passes --------------------------------------------------------------------------------


def _operations() -> Iterator[str]:
    for _, text in dict.fromkeys(_queries()):
        try:
            document = parse(text)
        except Exception:
            continue
        if "__schema" in text or "__type(" in text:
            continue  # some of these are there to be refused
        if any(getattr(one, "operation", None) is OperationType.QUERY for one in document.definitions):
            yield text


def test_real_operations_pass() -> None:
    found = list(_operations())
    assert len(found) > 60
    for text in found:
        scan(text, LIMITS)
        examined = examine(schema(WHOLE)._schema, parse(text), LIMITS)
        for operation in examined.operations:
            assert cost(operation.weight, {}) <= LIMITS.cost, text


INTROSPECTIONS = {
    "all": get_introspection_query(
        descriptions=True, specified_by_url=True, directive_is_repeatable=True, schema_description=True,
        input_value_deprecation=True,
    ),
    "plain": get_introspection_query(descriptions=False),
    "apollo": "{ __schema { queryType { name } types { kind name fields(includeDeprecated: true) { name "
    "args { name defaultValue type { ...T } } type { ...T } } possibleTypes { kind name } } } } "
    "fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }",
    "relay": "{ __type(name: \"Customer\") { name interfaces { name } fields { name type { name kind } } } }",
    "subgraph": "{ _service { sdl } }",
}  # fmt: skip


@pytest.mark.parametrize("tool", INTROSPECTIONS)
def test_tools_may_introspect(shared: Client, tool: str) -> None:
    assert shared.data(INTROSPECTIONS[tool])
    assert _cost(INTROSPECTIONS[tool]) <= LIMITS.cost


# ---- what does not: the text --------------------------------------------------------------------

TEXTS: dict[str, Callable[[int], str]] = {
    "tokens": lambda n: "{" + " ".join(["__typename"] * (n - 2)) + "}",
    "aliases": lambda n: "{" + " ".join(f"a{i}: __typename" for i in range(n)) + "}",
    "directives": lambda n: "{" + " ".join(f"a{i} @skip(if: true)" for i in range(n)) + "}",
    "levels of brackets": lambda n: "{" * n + "}" * n,
    "characters of literal text": lambda n: '{a(b: "' + "x" * (n - 2) + '")}',
    "characters of a name or number": lambda n: "{a(b: " + "9" * n + ")}",
}
AT_MOST = {
    "tokens": LIMITS.tokens,
    "aliases": LIMITS.aliases,
    "directives": LIMITS.directives,
    "levels of brackets": LIMITS.nesting,
    "characters of literal text": LIMITS.literals,
    "characters of a name or number": LIMITS.word,
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_text_may_have_so_much_and_no_more(what: str) -> None:
    scan(TEXTS[what](AT_MOST[what]), LIMITS)
    with pytest.raises(TooMuch) as caught:
        scan(TEXTS[what](AT_MOST[what] + 1), LIMITS)
    assert caught.value.details() == {
        "limit": what,
        "atMost": AT_MOST[what],
        "value": caught.value.details()["value"],
    }
    assert caught.value.details()["value"] > AT_MOST[what] and caught.value.place is not None


def test_a_scan_stops_where_it_is_too_much() -> None:
    """However long the text is: not even what follows is looked at."""
    text = "{" + "a " * 100_000 + '"never closed'
    with pytest.raises(TooMuch) as caught:
        scan(text, LIMITS)
    assert caught.value.details()["value"] == LIMITS.tokens + 1
    assert caught.value.place == (1, 2 * LIMITS.tokens)


@pytest.mark.parametrize("seed", range(20))
def test_tokens_are_counted_as_the_parser_counts_them(seed: int) -> None:
    rng = random.Random(seed)
    parts = ['"a \\" b"', '"""block "quoted" \\""" end"""', "name", "-1.5e3", "...", "{", "}", "(", ")", ":",
             "$v", "@d", "# a comment with { braces\n", ",", "\ufeff", "!", "=", "[", "]", "|", "&", "\r\n"]  # fmt: skip
    text = "".join(f" {rng.choice(parts)} " for _ in range(60))
    from graphql import Lexer, Source, TokenKind

    lexer, number = Lexer(Source(text)), 0
    while lexer.advance().kind is not TokenKind.EOF:
        number += 1
    assert scan(text, Limits(nesting=1000)) == number


# ---- what does not: the tree --------------------------------------------------------------------


def _bomb(levels: int, width: int, way: str) -> str:
    """Fragments that each spread the next one several times."""
    names = [f"k{number}" for number in range(width)]
    made = {
        "alias": lambda n: " ".join(f"{one}: engagedParty {{ target {{ ...F{n} }} }}" for one in names),
        "inline": lambda n: " ".join(
            f"{one}: engagedParty {{ target {{ ... on Organization {{ relatedParty {{ target {{ ...F{n} }} }} }} }} }}"
            for one in names
        ),
        "nodes": lambda n: " ".join(
            f"{one}: customerBills(first: 1) {{ nodes {{ relatedParty {{ target {{ ...F{n} }} }} }} }}"
            for one in names
        ),
    }[way]
    fragments = [f"fragment F{n} on Customer {{ {made(n + 1)} }}" for n in range(levels)]
    return "{ customer(id: 1) { ...F0 } } " + " ".join(
        [*fragments, f"fragment F{levels} on Customer {{ id }}"]
    )


@pytest.mark.parametrize("way", ["alias", "inline", "nodes"])
@pytest.mark.parametrize("width", [2, 3, 4, 8])
@pytest.mark.parametrize("levels", [4, 6, 8, 11])
def test_fragments_within_each_other_are_counted_where_they_are_spread(
    levels: int, width: int, way: str
) -> None:
    text = _bomb(levels, width, way)
    deep = 1 + levels * {"alias": 2, "inline": 4, "nodes": 4}[way] >= LIMITS.depth
    if deep or width**levels * 3 > 4 * LIMITS.fields:
        assert _refused(text)["limit"] in (
            "fields, fragments spread out",
            "levels of fields",
            "aliases",
            "objects by its lists' lengths",
        )
    elif width**levels * 8 < LIMITS.fields:
        assert _cost(text) > width**levels


def test_sets_of_fragments_do_not_hold_anybody_up() -> None:
    """Merged selections may be as many as there are sets of fragments: the walk counts what it looks at."""
    rng, width, levels = random.Random(1), 12, 7
    fragments = [
        f"fragment F{level}x{n} on Organization {{ "
        + " ".join(
            f"{key}: organizationParentRelationship {{ organization {{ target {{ "
            + " ".join(f"...F{level + 1}x{m}" for m in rng.sample(range(width), 3))
            + " } } }"
            for key in ("a", "b", "c")
        )
        + " }"
        for level in range(levels)
        for n in range(width)
    ]
    ends = [f"fragment F{levels}x{n} on Organization {{ id }}" for n in range(width)]
    text = "{ organization(id: 1) { ...F0x0 ...F0x1 ...F0x2 } } " + " ".join([*fragments, *ends])
    with pytest.raises(TooMuch) as caught:
        examine(schema(WHOLE)._schema, parse(text), Limits(repetitions=100_000))
    assert caught.value.details()["limit"] == "fields, fragments spread out"
    assert caught.value.details()["value"] <= 4 * LIMITS.fields + 1


@pytest.mark.parametrize("first", [50, 200, 1000, 10_000])
@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_lists_count_as_long_as_they_are_asked_to_be(first: int, levels: int) -> None:
    inner = "productOrders(first: FIRST) { nodes { relatedParty { target { ... on Organization { %s } } } } }"
    text = "id"
    for _ in range(levels):
        text = inner % text
    text = f"{{ organization(id: 1) {{ {text} }} }}"
    least = (first * VALUES_ASSUMED) ** levels
    for document, variables in (
        (text.replace("FIRST", str(first)), {}),
        ("query Q($first: Int)" + text.replace("FIRST", "$first"), {"first": first}),
        (f"query Q($first: Int = {first})" + text.replace("FIRST", "$first"), {}),
    ):
        if least > LIMITS.cost:
            refused = _refused(document, **variables)
            assert refused["limit"] == "objects by its lists' lengths" and refused["value"] >= least
            assert refused["path"].startswith("organization.productOrders.nodes.relatedParty.target")
        elif least * 2.5 < LIMITS.cost:
            assert least <= _cost(document, **variables) <= least * 3


def test_every_list_and_way_back_counts() -> None:
    for kind in WHOLE.kinds.values():
        assert _cost(f"{{ {kind.plural} {{ nodes {{ id }} }} }}") == NODES_BY_DEFAULT + 1
        assert _cost(f"{{ {kind.plural}(last: 7) {{ edges {{ cursor }} totalCount }} }}") == 8
        for way in ways_back(kind):
            assert (
                _cost(f'{{ {kind.singular}(id: "1") {{ {way.name} {{ nodes {{ id }} }} }} }}')
                == NODES_ASSUMED + 2
            )
            assert (
                _cost(f'{{ {kind.singular}(id: "1") {{ {way.name}(first: 3) {{ nodes {{ id }} }} }} }}') == 5
            )


@pytest.mark.parametrize("key", ["id", "__typename", "relatedParty { id }"])
def test_one_key_may_be_asked_for_so_often(key: str) -> None:
    often, too_often = LIMITS.repetitions, LIMITS.repetitions + 1
    assert _cost("{ customer(id: 1) {" + f" {key}" * often + "} }")
    assert _refused("{ customer(id: 1) {" + f" {key}" * too_often + "} }")["limit"] == (
        "fields under one key of an object"
    )
    # Twice five times five: what stands below fields of one key is merged.
    nested = "{ " + " ".join(["customer(id: 1) { " + " ".join([key] * 6) + " }"] * 5) + " }"
    assert _refused(nested)["limit"] == "fields under one key of an object"


def test_depth_operations_fragments_and_directives_have_their_limits() -> None:
    deep = "id"
    for _ in range(LIMITS.depth // 3 + 1):
        deep = f"organizationParentRelationship {{ organization {{ target {{ {deep} }} }} }}"
    assert _refused(f"{{ organization(id: 1) {{ {deep} }} }}")["limit"] == "levels of fields"
    many = " ".join(f"query Q{n} {{ __typename }}" for n in range(LIMITS.operations + 1))
    assert _refused(many)["limit"] == "operations"
    spread = " ".join(f"fragment F{n} on Query {{ __typename }}" for n in range(LIMITS.fragments + 1))
    assert _refused(spread + "{ __typename }")["limit"] == "fragments"
    assert _refused("{ __typename " + "@a" * (LIMITS.directives_at_one + 1) + " }")["limit"] == (
        "directives at one place"
    )


@pytest.mark.parametrize("list_", ["fields", "possibleTypes", "interfaces", "inputFields"])
def test_the_schema_may_not_be_asked_for_in_circles(list_: str) -> None:
    through = "{ name }" if list_ in ("possibleTypes", "interfaces") else "{ type { name } }"
    assert _cost(f"{{ __schema {{ types {{ {list_} {through} }} }} }}")
    inner = through.replace("name", f"{list_} {through}")
    assert _refused(f"{{ __schema {{ types {{ {list_} {inner} }} }} }}")["limit"] == (
        "lists of the schema's parts in each other"
    )


def test_variables_have_a_limit() -> None:
    check_variables({"a": list(range(LIMITS.variables - 1))}, LIMITS)
    for variables in (
        {"a": list(range(LIMITS.variables))},
        {f"v{n}": n for n in range(LIMITS.variables + 1)},
        {"a": [[[{"b": [1] * 100}]] for _ in range(LIMITS.variables // 100)]},
    ):
        with pytest.raises(TooMuch):
            check_variables(variables, LIMITS)


# ---- over HTTP ----------------------------------------------------------------------------------


def test_a_refusal_says_what_and_where(shared: Client) -> None:
    text = "{ organization(id: 1) {\n productOrders(first: 10000) { nodes { relatedParty { target { ... on Organization {"
    text += " productOrders(first: 10000) { nodes { id } } } } } } } } }"
    answer = shared.post("/graphql", {"query": text})
    assert answer.status_code == 400 and "data" not in answer.json()
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "TOO_MUCH"
    assert error["extensions"]["atMost"] == LIMITS.cost < error["extensions"]["value"]
    assert error["extensions"]["path"].endswith("target.productOrders.nodes")
    flood = shared.post("/graphql", {"query": "{\n" + "__typename " * 5000 + "}"}).json()["errors"][0]
    assert flood["locations"] == [{"line": 2, "column": 11 * (LIMITS.tokens - 1) + 1}]


def test_the_cost_is_told_where_it_is_asked_for(shared: Client) -> None:
    query = "{ customers(first: 7) { nodes { id } } }"
    answer = shared.post("/graphql", {"query": query, "extensions": {"cost": True}}).json()
    found = answer["extensions"]["cost"]
    assert (found["estimated"], found["atMost"], found["statements"]) == (8, LIMITS.cost, 1)
    assert "extensions" not in shared.post("/graphql", {"query": query}).json()


# ---- what the schema tells --------------------------------------------------------------------------


@pytest.mark.parametrize("tool", INTROSPECTIONS)
def test_the_schema_is_told_as_graphql_core_tells_it(shared: Client, tool: str) -> None:
    text = INTROSPECTIONS[tool]
    theirs = execute_sync(graph(WHOLE).core, parse(text)).data
    assert theirs and shared.post("/graphql", {"query": text}).json() == {"data": theirs}
    together = text.replace("{", "{ customers { totalCount }", 1)
    found = shared.post("/graphql", {"query": together}).json()
    assert found == {"data": {"customers": {"totalCount": 0}, **theirs}}


SDL = " ".join(f"x{n}: _service {{ a: sdl b: sdl c: sdl }}" for n in range(20))
DESCRIPTIONS = "__schema { types { fields { " + " ".join(f"d{n}: description" for n in range(60)) + " } } }"


@pytest.mark.parametrize("fields", [SDL, DESCRIPTIONS])
@pytest.mark.parametrize("beside", ["", "customers { totalCount } "])
def test_what_the_schema_tells_is_bounded(shared: Client, fields: str, beside: str) -> None:
    [error] = shared.post("/graphql", {"query": "{ " + beside + fields + " }"}).json()["errors"]
    assert error["extensions"]["code"] == "TOO_MUCH", error


def test_errors_are_told_within_bounds(shared: Client) -> None:
    name = "x" * 200
    for query in (
        "{" + " ".join(f"a{n}{name}" for n in range(40)) + "}",
        f"{{ customers(where: {{name: {{eq: {name}}}}}) {{ totalCount }} }}",
        "query Q($v: [ID!]!) { customers(where: {id: {in: $v}}) { totalCount } }",
    ):
        variables = {"v": [{name: 1}] * 100}
        answer = shared.post("/graphql", {"query": query, "variables": variables if "$v" in query else {}})
        assert answer.json()["errors"] and len(answer.content) < 10_000
    unknown = [{"__typename": "Customer", "id": f"{n}"} for n in range(2000)]
    query = "query Q($r: [_Any!]!) { _entities(representations: $r) { __typename } }"
    answer = shared.post("/graphql", {"query": query, "variables": {"r": unknown}})
    assert (
        len(answer.content) < 100_000 and answer.json()["errors"][-1]["extensions"]["code"] == "MORE_ERRORS"
    )


def test_what_a_mutation_gives_is_bounded(database_url: str) -> None:
    bounded = Client(database_url, answer_bytes_at_most=100_000)
    try:
        names = " ".join(f"n{number}: name" for number in range(60))
        query = f"mutation M($i: CategoryCreate!) {{ createCategory(input: $i) {{ {names} }} }}"
        [error] = bounded.graphql(query, i={"id": "long", "name": "x" * 5000})["errors"]
        assert error["extensions"]["limit"] == "bytes of answer" and "is done" in error["message"]
        assert len(bounded.data('{ category(id: "long") { name } }')["category"]["name"]) == 5000
    finally:
        bounded.close()
