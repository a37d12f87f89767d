"""What one request may take: compiling it, what it hangs into the answer, and how long that may become."""

import gc
import itertools
import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from graphql import FragmentDefinitionNode, get_operation_ast, parse
from graphql.execution.values import get_variable_values

from models import WHOLE
from resolvers.errors import TooMuch
from resolvers.graphql.compiler import Compiler
from resolvers.graphql.graph import graph, schema
from resolvers.graphql.plan import Plan
from tests.conftest import Client

# ---- compiling ----------------------------------------------------------------------------------

KEYS = "abcdefgh"
CATEGORIES = "/tmf-api/productCatalogManagement/v4/category"


def nested_links(levels: int, aliases: int) -> str:
    """Each fragment asks `aliases` times for what is at the end of a link, by the next fragment."""
    text = '{ customer(id: "1") { ...F0 } }'
    for level in range(levels):
        on, link = ("Customer", "engagedParty") if level == 0 else ("Organization", "relatedParty")
        fields = " ".join(f"{key}: {link} {{ target {{ ...F{level + 1} }} }}" for key in KEYS[:aliases])
        text += f" fragment F{level} on {on} {{ {fields} }}"
    return f"{text} fragment F{levels} on Organization {{ id }}"


def nested_values(levels: int, aliases: int) -> str:
    text = '{ productOrder(id: "1") { productOrderItem { ...F0 } } }'
    for level in range(levels):
        fields = " ".join(f"{key}: productOrderItem {{ ...F{level + 1} }}" for key in KEYS[:aliases])
        text += f" fragment F{level} on ProductOrderItem {{ {fields} }}"
    return f"{text} fragment F{levels} on ProductOrderItem {{ product {{ target {{ name }} }} }}"


def nested_lists(levels: int, aliases: int) -> str:
    text = '{ organization(id: "1") { ...F0 } }'
    for level in range(levels):
        inner = f"nodes {{ relatedParty {{ target {{ ...F{level + 1} }} }} }}"
        fields = " ".join(f"{key}: productOrders(first: 1) {{ {inner} }}" for key in KEYS[:aliases])
        text += f" fragment F{level} on Organization {{ {fields} }}"
    return f"{text} fragment F{levels} on Organization {{ id }}"


def compiled(text: str) -> Plan:
    """The plan of a query, whatever else would refuse it."""
    core, document = schema(WHOLE)._schema, parse(text)
    operation = get_operation_ast(document)
    assert operation is not None
    fragments = [one for one in document.definitions if isinstance(one, FragmentDefinitionNode)]
    variables = get_variable_values(core, [], {})
    assert not isinstance(variables, list)
    return Compiler(graph(WHOLE), operation, {one.name.value: one for one in fragments}, variables).plan()


@pytest.mark.parametrize("made", [nested_links, nested_values, nested_lists])
@pytest.mark.parametrize("aliases", [2, 4, 8])
def test_compiling_is_linear_in_nested_fragments(made: Callable[[int, int], str], aliases: int) -> None:
    links = [compiled(made(levels, aliases)).links for levels in range(2, 12, 3)]
    steps = {later - earlier for earlier, later in itertools.pairwise(links)}
    assert len(steps) == 1, links


def test_compiling_has_a_bound_whatever_the_fragments() -> None:
    """Any of the next fragments in any mixture: there are more mixtures than one can share."""
    rng, levels = random.Random(11), 12
    text = '{ organization(id: "1") { ...F0_0 ...F0_1 } }'
    for level, number in itertools.product(range(levels), range(6)):
        fields = []
        for key in KEYS:
            some = rng.sample(range(6), rng.randint(1, 3))
            spreads = " ".join(f"...F{level + 1}_{one}" for one in some)
            fields.append(f"{key}: relatedParty {{ target {{ {spreads} }} }}")
        text += f" fragment F{level}_{number} on Organization {{ {' '.join(fields)} }}"
    for number in range(6):
        text += f" fragment F{levels}_{number} on Organization {{ k{number}: name }}"
    with pytest.raises(TooMuch, match="fields in all parts of a query"):
        compiled(text)


# ---- what hangs in the answer -------------------------------------------------------------------

SHARED = 60
"""How many entities refer to one, and it back to them."""
BIG = 200_000


class Bounded:
    """An application with small bounds over entities that refer to each other, and big documents."""

    def __init__(self, database_url: str) -> None:
        self.client = Client(
            database_url,
            objects_at_most=20_000,
            answer_bytes_at_most=1_000_000,
            cost_at_most=10**12,
            depth_at_most=100,
        )
        hold = self.client.hold
        big = "x" * BIG
        hold(WHOLE.kinds["Organization"], {"id": "hub", "name": "hub", "tradingName": big})
        party = {"id": "hub", "role": "r", "@type": "RelatedParty", "@referredType": "Organization"}
        item = {"id": "1", "action": "add"}
        for number in range(SHARED):
            note = [{"id": str(n), "text": "n"} for n in range(20)]
            order = {"id": f"o{number:03}", "productOrderItem": [item], "relatedParty": [party], "note": note}
            hold(WHOLE.kinds["ProductOrder"], order)
            hold(WHOLE.kinds["Customer"], {"id": f"c{number:03}", "name": "c", "engagedParty": party})
        self.client.data("{ customers { totalCount } }")

    def refused(self, query: str, **variables: object) -> tuple[str, float]:
        """Which bound a query went beyond, and by how many MB the process was larger meanwhile than before."""
        gc.collect()
        before = _resident()
        with _Peak() as peak:
            answer = self.client.graphql(query, **variables)
        [error] = answer["errors"]
        assert answer["data"] is None and error["extensions"]["code"] == "TOO_MUCH", error
        return error["extensions"]["limit"], (peak.bytes - before) / 1e6


class _Peak:
    """The most that the process has had in memory while the block ran."""

    def __enter__(self) -> "_Peak":
        self.bytes, self._ended = 0, threading.Event()
        self._watching = threading.Thread(target=self._watch)
        self._watching.start()
        return self

    def _watch(self) -> None:
        while not self._ended.wait(0.002):
            self.bytes = max(self.bytes, _resident())

    def __exit__(self, *_: object) -> None:
        self.bytes = max(self.bytes, _resident())
        self._ended.set()
        self._watching.join()


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def bounded(module_database_url: str) -> Iterator[Bounded]:
    made = Bounded(module_database_url)
    yield made
    made.client.close()


def circle(links: list[str], leaf: str) -> str:
    """From the hub to all that refer to it and back, as often as there are links."""
    text = leaf
    for link in reversed(links):
        inner = "engagedParty" if link == "customers" else "relatedParty"
        text = (
            f"{link}(first: 60) {{ nodes {{ {inner} {{ target {{ ... on Organization {{ {text} }} }} }} }} }}"
        )
    return f'{{ organization(id: "hub") {{ {text} }} }}'


@pytest.mark.parametrize(
    "leaf", ["id", "id name", "tradingName", "__typename", "productOrders { totalCount }"]
)
@pytest.mark.parametrize("seed", range(6))
def test_what_leads_in_circles_is_refused_before_it_grows(bounded: Bounded, seed: int, leaf: str) -> None:
    rng = random.Random(seed)
    links = [rng.choice(["customers", "productOrders"]) for _ in range(rng.randint(3, 5))]
    limit, grown = bounded.refused(circle(links, leaf))
    assert limit in ("objects in the answer", "bytes of answer")
    assert grown < 50


def test_one_big_target_of_many_is_refused_and_within_the_bound_given(bounded: Bounded) -> None:
    query = "{ customers(first: %d) { nodes { id engagedParty { target { ... on Organization { tradingName } } } } } }"
    found = bounded.client.data(query % 4)["customers"]["nodes"]
    assert [len(one["engagedParty"]["target"]["tradingName"]) for one in found] == [BIG] * 4
    limit, grown = bounded.refused(query % SHARED)
    assert limit == "bytes of answer" and grown < 50


@pytest.mark.parametrize(
    "wrapped", ["{}", "x: relatedParty {{ id }} {}", "productOrders {{ totalCount }} {}"]
)
def test_keys_of_the_same_attribute_are_counted(bounded: Bounded, wrapped: str) -> None:
    several = " ".join(f"k{number}: tradingName" for number in range(25))
    limit, grown = bounded.refused(f'{{ organization(id: "hub") {{ {wrapped.format(several)} }} }}')
    assert limit == "bytes of answer" and grown < 50
    assert bounded.client.data(
        f'{{ organization(id: "hub") {{ {wrapped.format("a: tradingName b: tradingName")} }} }}'
    )["organization"]["b"]


@pytest.mark.parametrize("many", ["productOrders(first: 60)", "customers(first: 60)"])
def test_long_keys_are_counted(bounded: Bounded, many: str) -> None:
    keys = " ".join(f"{'long' * 60}{number}: id" for number in range(84))
    assert bounded.refused(f"{{ {many} {{ nodes {{ {keys} }} }} }}")[0] == "bytes of answer"
    below = f'{{ organization(id: "hub") {{ {many} {{ edges {{ node {{ {keys} }} }} }} }} }}'
    assert bounded.refused(below)[0] == "bytes of answer"


def test_nested_values_are_counted_at_each_place(bounded: Bounded) -> None:
    notes = " ".join(f"n{number}: note {{ text }}" for number in range(20))
    query = f"{{ productOrders(first: 60) {{ nodes {{ {notes} }} }} }}"
    limit, grown = bounded.refused(query)
    assert limit == "objects in the answer" and grown < 50
    few = bounded.client.data("{ productOrders(first: 60) { nodes { a: note { text } b: note { text } } } }")
    assert sum(len(one["a"]) + len(one["b"]) for one in few["productOrders"]["nodes"]) == 40 * SHARED


def test_representations_of_the_same_count_each_time(bounded: Bounded) -> None:
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Organization { tradingName } } }"
    given = [{"__typename": "Organization", "id": "hub"}] * 4
    assert len(bounded.client.data(query, r=given)["_entities"]) == 4
    assert bounded.refused(query, r=given * 3)[0] == "bytes of answer"


@pytest.mark.parametrize("first", [1, 10, 60])
def test_what_is_encoded_in_pieces_is_what_is_encoded_at_once(
    bounded: Bounded, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = f"""{{ organization(id: "hub") {{ id productOrders(first: {first}) {{ totalCount pageInfo {{ endCursor }}
        edges {{ cursor node {{ id note {{ id text }} relatedParty {{ role target {{ __typename }} }} extension }} }}
        nodes {{ id state }} }} }} customers(first: {first}) {{ nodes {{ id engagedParty {{ target {{ id }} }} }} }} }}"""
    query = query.replace("target { id }", "target { ... on Organization { id } }")
    at_once = bounded.client.post("/graphql", {"query": query}).content
    monkeypatch.setattr("resolvers.graphql.executor.AT_ONCE", 0)
    assert bounded.client.post("/graphql", {"query": query}).content == at_once
    monkeypatch.setattr("resolvers.graphql.executor.is_deep", lambda size, budget: True)
    assert bounded.client.post("/graphql", {"query": query}).content == at_once


# ---- histories ----------------------------------------------------------------------------------


def test_a_history_comes_in_parts(client: Client) -> None:
    ids = ["a", "b"]
    for id in ids:
        client.hold(WHOLE.kinds["Category"], {"id": id, "name": "0"})
        for number in range(1, 8 if id == "a" else 3):
            assert client.patch(f"{CATEGORIES}/{id}", {"name": str(number)}).status_code == 200

    def told(arguments: str) -> list[list[int]]:
        found = client.data(f"{{ categories {{ nodes {{ history{arguments} {{ revision }} }} }} }}")
        assert len(client.statements) == 2
        return [[event["revision"] for event in one["history"]] for one in found["categories"]["nodes"]]

    assert told("") == [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3]]
    assert told("(first: 3)") == [[1, 2, 3], [1, 2, 3]]
    assert told("(first: 3, after: 3)") == [[4, 5, 6], []]
    assert told("(first: 0)") == [[], []]
    assert told("(first: null, after: null)") == told("")
    several = '{ category(id: "a") { x: history(first: 2) { revision } y: history(after: 6) { revision } } }'
    found = client.data(several)["category"]
    assert [[one["revision"] for one in found[key]] for key in "xy"] == [[1, 2], [7, 8]]
    [error] = client.graphql('{ category(id: "a") { id history(first: 1001) { id } } }')["errors"]
    assert error["message"] == "first must lie between 0 and 1000 for a history, not 1001."


def test_a_history_says_nothing_by_itself_beyond_its_default(client: Client) -> None:
    client.hold(WHOLE.kinds["Category"], {"id": "a", "name": "0"})
    for number in range(110):
        client.patch(f"{CATEGORIES}/a", {"name": str(number + 1)})
    query = 'query ($after: Revision) { category(id: "a") { history(after: $after) { revision } } }'
    first = client.data(query)["category"]["history"]
    assert len(first) == 100
    rest = client.data(query, after=first[-1]["revision"])["category"]["history"]
    assert [one["revision"] for one in rest] == list(range(101, 112))


# ---- lists over REST ----------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["", "&fields=name", "&fields=name,id", "&depth=1", "&expand=parent"])
@pytest.mark.parametrize("name", ["n", "ü", "€"])
def test_a_list_is_no_longer_than_an_answer_may_be(database_url: str, asked: str, name: str) -> None:
    small = Client(database_url, answer_bytes_at_most=100_000)
    try:
        for number in range(10):
            small.hold(
                WHOLE.kinds["Category"], {"id": f"c{number}", "name": name * (40_000 // len(name.encode()))}
            )
        found = small.get(f"{CATEGORIES}?limit=2{asked}")
        assert found.status_code == 200 and 80_000 < len(found.content) < 100_000
        for limit in (3, 10):
            refused = small.get(f"{CATEGORIES}?limit={limit}{asked}")
            assert refused.status_code == 400 and refused.json()["code"] == "TOO_MUCH", refused.text[:300]
            assert refused.json()["limit"] in ("bytes of answer", "bytes read", "bytes of inlined entities")
    finally:
        small.close()


def test_one_big_entity_that_is_inlined_often_is_counted_each_time(database_url: str) -> None:
    small = Client(database_url, answer_bytes_at_most=200_000)
    try:
        small.hold(WHOLE.kinds["Organization"], {"id": "o", "tradingName": "x" * 50_000})
        party = {"id": "o", "@type": "RelatedParty", "@referredType": "Organization"}
        for number in range(20):
            small.hold(WHOLE.kinds["Customer"], {"id": f"c{number}", "name": "c", "engagedParty": party})
        path = "/tmf-api/customerManagement/v4/customer?expand=engagedParty"
        assert small.get(f"{path}&limit=3").status_code == 200
        refused = small.get(f"{path}&limit=20")
        assert refused.status_code == 400 and refused.json()["code"] == "TOO_MUCH", refused.text[:300]
    finally:
        small.close()
