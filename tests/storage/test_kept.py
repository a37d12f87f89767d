"""Caches stay within their bytes, and a process that has answered much is no larger than before."""

import gc
import random
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models import WHOLE
from resolvers.graphql import source
from resolvers.graphql.documents import Documents
from resolvers.graphql.graph import schema
from resolvers.graphql.limits import Limits
from resolvers.storage import reads
from resolvers.storage.kept import Kept, kept
from tests.conftest import Client
from tests.samples import minimal, to_graphql

SIZES = st.integers(0, 60) | st.sampled_from([99, 100, 101])


@given(st.lists(st.tuples(st.sampled_from("abcdef"), SIZES, st.sampled_from(["put", "grow", "get"]))))
@example([("a", 100, "put"), ("a", 0, "get")])
@example([("a", 1, "grow"), ("a", 1, "put"), ("a", 1, "grow")])
def test_what_was_used_last_stays_within_so_many_bytes(steps: list[tuple[str, int, str]]) -> None:
    cache: Kept[int] = Kept(100)
    sizes: dict[str, int] = {}  # the model: in the order of use
    values: dict[str, int] = {}
    for key, size, what in steps:
        if what == "grow":
            cache.grow(key, size)
            if key not in sizes:
                continue
            size += sizes[key]
        elif what == "put":
            cache.put(key, size, size)
            values[key] = size
        if what != "get":
            sizes.pop(key, None)
            if size <= 100:
                sizes[key] = size
            while sum(sizes.values()) > 100:
                del sizes[next(iter(sizes))]
        else:
            assert cache.get(key) == (values[key] if key in sizes else None)
            if key in sizes:
                sizes[key] = sizes.pop(key)
        assert cache.bytes == sum(sizes.values()) <= 100 and len(cache) == len(sizes)


def test_what_is_too_large_is_not_kept() -> None:
    made = []

    @kept(1000, len)
    def doubled(text: str) -> str:
        made.append(text)
        return text * 2

    for text in ("a", "a", "b" * 10, "b" * 10):
        assert doubled(text) == text * 2
    assert made == ["a", "b" * 10, "b" * 10]


async def _never_seen(documents: Documents, number: int) -> None:
    for one in range(number):
        await documents.read(f'{{ customer(id: "{one}") {{ id name engagedParty {{ id name }} }} }}')
        await documents.read(f"{{ customer(id: 1) {{ nothing{one} }} }}")


def test_documents_are_kept_within_bytes(shared: Client) -> None:
    documents = Documents(schema(WHOLE)._schema, Limits(), bytes_kept=200_000)
    shared.run(_never_seen(documents, 50))
    assert 0 < len(documents.kept) < 100 and documents.kept.bytes <= 200_000


VALUED = (
    reads.search, reads.count, reads.count_up_to, reads.pointing_at, reads.tree,
    reads.count_pointing_at, source._code, source._struct,
)  # fmt: skip


def test_no_cache_of_statements_grows_with_what_callers_send(shared: Client) -> None:
    """A thousand texts in one condition, again and again others: a statement with them is not kept at all."""
    before = {one: one.cache.bytes for one in VALUED}  # type: ignore[attr-defined]
    for number in range(5):
        names = [f"{number} {other} {'x' * 100}" for other in range(1000)]
        where = {"name": {"in": names}}
        query = "query Q($w: CustomerFilter) { customers(where: $w) { totalCount nodes { id } } }"
        assert shared.data(query, w=where) == {"customers": {"totalCount": 0, "nodes": []}}
    for one, size in before.items():
        assert one.cache.bytes - size < 100_000, one  # type: ignore[attr-defined]


STATM = Path("/proc/self/statm")


def _resident() -> int:
    """Bytes of memory that the process holds."""
    return int(STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()


SORTS = ("a query", "a mutation", "an invalid query", "a text never seen", "a value never seen", "a refusal")


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="the memory of a process is read where Linux tells it")
@pytest.mark.parametrize("sort", SORTS)
def test_the_same_thousand_requests_leave_the_process_no_larger(client: Client, sort: str) -> None:
    rng, kind = random.Random(sort), WHOLE.kinds["Customer"]
    name = "x" * 20_000

    def request(number: int) -> dict[str, Any]:
        match sort:
            case "a query":
                return {"query": "{ customers(first: 3) { nodes { id name engagedParty { id } } } }"}
            case "a mutation":
                data = to_graphql(kind.cls, minimal(kind)) | {"name": f"{name}{rng.random()}"}
                text = "mutation M($i: CustomerCreate!) { createCustomer(input: $i) { id } }"
                return {"query": text, "variables": {"i": data}}
            case "an invalid query":
                return {"query": f"{{ customers {{ nodes {{ no{number % 1000}{name[:200]} }} }} }}"}
            case "a text never seen":
                return {"query": f'{{ customer(id: "{rng.random()}") {{ id name k{number}: status }} }}'}
            case "a value never seen":
                text = (
                    "query Q($n: String!) { customers(where: {name: {eq: $n}}) { nodes { id } totalCount } }"
                )
                return {"query": text, "variables": {"n": f"{rng.random()} {name}"}}
            case _:
                return {"query": "{" + f" a{rng.random()}".replace(".", "_") * 4000 + "}"}

    client.app.state.graph.documents.kept = Kept(1_000_000)  # full after some hundred texts

    def grown_by(requests: int) -> int:
        gc.collect()
        before = _resident()
        for number in range(requests):
            client.post("/graphql", request(number))
        gc.collect()
        return _resident() - before

    grown_by(1000)  # what is kept comes to its bound
    assert grown_by(1000) < 12_000_000
