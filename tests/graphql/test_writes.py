"""Writes in the graph: none is lost to another, none is done twice, for every kind alike."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest
import sqlalchemy as sa

from models import WHOLE
from models.declare import Kind
from models.tables import event, key_of, table
from resolvers.graphql.graph import schema
from resolvers.rights import Access
from resolvers.storage.documents import Draft, prepare
from resolvers.storage.idempotency import Asked
from resolvers.storage.store import Store
from schema.scopes import scope
from tests.conftest import Client
from tests.samples import every_kind, fresh, minimal, to_graphql

creatable = pytest.mark.parametrize("kind", every_kind("create"))
patchable = pytest.mark.parametrize("kind", every_kind("patch"))
deletable = pytest.mark.parametrize("kind", every_kind("delete"))

NO_REVISION = [-1, str(2**63), 2.5, True, "", "x", "1e3", "-1", "٣", "1" * 5000, [], {}]


def hold(client: Client, kind: Kind) -> str:
    """The id of a new entity at its first revision."""
    return client.hold(kind, {**minimal(kind), "id": fresh(kind.name)}).id


def read(client: Client, kind: Kind, id: str) -> Any:
    return client.data(
        f"query Q($id: ID!) {{ {kind.singular}(id: $id) {{ id revision extension }} }}", id=id
    )[kind.singular]


def update(kind: Kind) -> str:
    return (
        f"mutation M($id: ID!, $x: JSON, $at: Revision) {{ "
        f"update{kind.name}(id: $id, input: {{ extension: $x }}, ifRevision: $at) {{ id revision extension }} }}"
    )


def delete(kind: Kind) -> str:
    return (
        f"mutation M($id: ID!, $at: Revision) {{ "
        f"delete{kind.name}(id: $id, force: true, ifRevision: $at) {{ id revision }} }}"
    )


def create(kind: Kind, name: str = "idempotencyKey") -> str:
    return (
        f"mutation M($new: {kind.name}Create!, $key: String) {{ "
        f"create{kind.name}(input: $new, {name}: $key) {{ id revision extension }} }}"
    )


def new(kind: Kind, **more: Any) -> dict[str, Any]:
    return {k: v for k, v in to_graphql(kind.cls, minimal(kind)).items() if k != "id"} | more


def code(answer: dict[str, Any]) -> str:
    """The code of the one error of an answer; nothing is beside it."""
    [error] = answer["errors"]
    assert not any((answer.get("data") or {}).values()), answer
    return error["extensions"]["code"]


def at_once(client: Client, query: str, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers to an operation with each of these variables, sent all at once."""

    async def many() -> list[httpx.Response]:
        url = "/graphql"
        sent = [client._http.post(url, json={"query": query, "variables": one}) for one in asked]
        return await asyncio.gather(*sent)

    return [one.json() for one in client.run(many())]


def counted(client: Client, kind: Kind, id: str | None = None) -> tuple[int, int]:
    """How many entities and events there are of a kind, or of one of its entities."""
    t, e = table(kind), event.c
    of_table, of_events = sa.true(), e.entity_kind == kind.root.name
    if id is not None:
        of_table, of_events = t.c.id == id, of_events & (e.entity_key == key_of(kind, id))

    async def count() -> tuple[int, int]:
        async with client.app.state.engine.connect() as connection:
            held = await connection.scalar(sa.select(sa.func.count()).select_from(t).where(of_table))
            return held, await connection.scalar(sa.select(sa.func.count()).where(of_events))

    return client.run(count())


# ---- revisions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", every_kind())
def test_an_entity_tells_its_revision_and_rest_has_it_as_tag(shared: Client, kind: Kind) -> None:
    id = hold(shared, kind)
    for revision in (1, 2):
        assert read(shared, kind, id)["revision"] == revision
        tag = shared.get(f"{kind.homes[0].url}/{id}").headers["etag"]
        assert tag == f'"{revision}"'
        shared.run(shared.store.put(_draft(shared, kind, id)))


def _draft(client: Client, kind: Kind, id: str) -> Draft:
    """What is held, with one attribute more."""
    held = client.run(client.store.by_id(kind, id))
    assert held is not None
    return prepare(kind, {"id": id, **held.body, "x-put": True}, imported=True)


def test_every_type_of_entity_has_it() -> None:
    core: Any = schema(WHOLE)._schema
    for kind in WHOLE.kinds.values():
        for name in {kind.name, kind.typename, "Entity"}:
            assert str(core.type_map[name].fields["revision"].type) == "Revision!"


@patchable
def test_of_two_who_read_the_same_revision_one_writes(shared: Client, kind: Kind) -> None:
    id = hold(shared, kind)
    at = read(shared, kind, id)["revision"]
    first = shared.data(update(kind), id=id, x={"x-first": 1}, at=at)[f"update{kind.name}"]
    assert (first["revision"], first["extension"]) == (2, {"x-first": 1})
    before = counted(shared, kind, id)
    second = shared.graphql(update(kind), id=id, x={"x-second": 1}, at=at)
    assert code(second) == "PRECONDITION_FAILED" and "revision 2" in second["errors"][0]["message"]
    assert read(shared, kind, id) == first and counted(shared, kind, id) == before
    third = shared.data(update(kind), id=id, x={"x-second": 1}, at=str(first["revision"]))
    assert third[f"update{kind.name}"]["extension"] == {"x-first": 1, "x-second": 1}


@patchable
def test_of_many_at_once_with_one_revision_one_writes(shared: Client, kind: Kind) -> None:
    id = hold(shared, kind)
    answers = at_once(shared, update(kind), [{"id": id, "x": {f"x-{n}": n}, "at": 1} for n in range(8)])
    lost = [one for one in answers if "errors" in one]
    assert [code(one) for one in lost] == ["PRECONDITION_FAILED"] * 7
    assert read(shared, kind, id)["revision"] == 2 and len(read(shared, kind, id)["extension"]) == 1


@deletable
def test_what_changed_since_is_not_deleted(shared: Client, kind: Kind) -> None:
    id = hold(shared, kind)
    shared.run(shared.store.put(_draft(shared, kind, id)))
    for stale in (1, 3, 0, 2**63 - 1):
        assert code(shared.graphql(delete(kind), id=id, at=stale)) == "PRECONDITION_FAILED"
    assert counted(shared, kind, id) == (1, 2)
    assert shared.data(delete(kind), id=id, at=2)[f"delete{kind.name}"] == {"id": id, "revision": 2}
    assert code(shared.graphql(delete(kind), id=id, at=2)) == "NOT_FOUND"


@patchable
def test_a_revision_does_not_come_again(shared: Client, kind: Kind) -> None:
    """Who read an entity that was then deleted and made anew does not change the new one."""
    if not kind.operations.issuperset({"create", "delete"}):
        pytest.skip("is never deleted and made anew by callers")
    id = hold(shared, kind)
    shared.data(f"mutation M($id: ID!) {{ delete{kind.name}(id: $id, force: true) {{ id }} }}", id=id)
    shared.data(create(kind).replace(", idempotencyKey: $key", "").replace(", $key: String", ""),
                new=new(kind, id=id))  # fmt: skip
    assert code(shared.graphql(update(kind), id=id, x={"x-a": 1}, at=1)) == "PRECONDITION_FAILED"


@pytest.mark.parametrize("given", NO_REVISION, ids=lambda given: repr(given)[:20])
def test_what_is_no_revision_is_refused(shared: Client, given: Any) -> None:
    kind = WHOLE.kinds["Category"]
    id = hold(shared, kind)
    answer = shared.graphql(update(kind), id=id, x={"x-a": 1}, at=given)
    assert answer["errors"] and not (answer.get("data") or {}).get("updateCategory")
    assert "INTERNAL_SERVER_ERROR" not in str(answer) and "3, as it was read" in str(answer)
    assert read(shared, kind, id)["revision"] == 1


@pytest.mark.parametrize(
    "literal", ["-1", "2.5", "1e400", "true", '""', '"x"', "9223372036854775808", "[]", "{}"]
)
def test_nor_is_it_as_a_literal(shared: Client, literal: str) -> None:
    kind = WHOLE.kinds["Category"]
    id = hold(shared, kind)
    answer = shared.graphql(
        update(kind).replace("$at: Revision", "").replace("$at", literal), id=id, x={"x-a": 1}
    )
    assert answer["errors"] and "INTERNAL_SERVER_ERROR" not in str(answer)
    assert read(shared, kind, id)["revision"] == 1


@patchable
def test_null_where_a_revision_belongs_protects_nothing_and_is_refused(shared: Client, kind: Kind) -> None:
    id = hold(shared, kind)
    answers = [shared.graphql(update(kind), id=id, x={"x-a": 1}, at=None)]
    if "delete" in kind.operations:
        answers.append(shared.graphql(delete(kind), id=id, at=None))
    assert [code(one) for one in answers] == ["BAD_REQUEST"] * len(answers)
    assert read(shared, kind, id)["revision"] == 1
    # A variable that nobody gave is an argument left out.
    assert shared.data(update(kind), id=id, x={"x-a": 1})[f"update{kind.name}"]["revision"] == 2


@pytest.mark.parametrize("revision", [2**31, 2**53 + 1, 2**63 - 2])
def test_a_revision_beyond_an_int_is_read_and_given_back(shared: Client, revision: int) -> None:
    kind = WHOLE.kinds["Category"]
    id = hold(shared, kind)

    async def age() -> None:
        async with shared.app.state.engine.begin() as connection:
            t = table(kind)
            await connection.execute(sa.update(t).where(t.c.id == id).values(revision=revision))

    shared.run(age())
    assert read(shared, kind, id)["revision"] == revision
    listed = f'{{ categories(where: {{ id: {{ eq: "{id}" }} }}) {{ nodes {{ revision }} }} }}'
    assert shared.data(listed)["categories"]["nodes"] == [{"revision": revision}]
    for at in (revision - 1, str(revision - 1)):
        assert code(shared.graphql(update(kind), id=id, x={"x-a": 1}, at=at)) == "PRECONDITION_FAILED"
    made = shared.data(update(kind), id=id, x={"x-a": 1}, at=str(revision))["updateCategory"]
    assert made["revision"] == revision + 1
    # That of an event is an Int, which such a number is not.
    answer = shared.graphql(f'{{ category(id: "{id}") {{ id history {{ id revision }} }} }}')
    assert answer["data"] == {"category": None}
    assert [error["path"] for error in answer["errors"]] == [["category", "history", 1, "revision"]]


# ---- idempotency --------------------------------------------------------------------------------


@creatable
def test_the_same_creation_again_gives_what_the_first_made(shared: Client, kind: Kind) -> None:
    key, document = fresh("key"), new(kind)
    first = shared.data(create(kind), new=document, key=key)[f"create{kind.name}"]
    before = counted(shared, kind)
    if "patch" in kind.operations:  # what became of it later does not change the answer of then
        shared.data(update(kind).replace(", $at: Revision", "").replace(", ifRevision: $at", ""),
                    id=first["id"], x={"x-later": 1})  # fmt: skip
        before = counted(shared, kind)
    assert shared.data(create(kind), new=document, key=key)[f"create{kind.name}"] == first
    assert counted(shared, kind) == before


@creatable
def test_another_one_under_the_key_is_refused(shared: Client, kind: Kind) -> None:
    key, document = fresh("key"), new(kind)
    shared.data(create(kind), new=document, key=key)
    before = counted(shared, kind)
    other = shared.graphql(create(kind), new={**document, "extension": {"x-a": 1}}, key=key)
    assert code(other) == "IDEMPOTENCY_KEY_REUSED"
    over_rest = shared.post(kind.homes[0].url, minimal(kind), headers={"Idempotency-Key": key})
    assert (over_rest.status_code, over_rest.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    elsewhere = WHOLE.kinds["Category"] if kind.name != "Category" else WHOLE.kinds["Catalog"]
    assert code(shared.graphql(create(elsewhere), new=new(elsewhere), key=key)) == "IDEMPOTENCY_KEY_REUSED"
    assert counted(shared, kind) == before


@creatable
def test_twenty_at_once_with_one_key_create_one(shared: Client, kind: Kind) -> None:
    before, asked = counted(shared, kind), {"new": new(kind), "key": fresh("key")}
    answers = at_once(shared, create(kind), [asked] * 20)
    made = {str(one["data"][f"create{kind.name}"]) for one in answers}
    assert len(made) == 1 and "errors" not in answers[0]
    id = answers[0]["data"][f"create{kind.name}"]["id"]
    assert counted(shared, kind, id)[0] == 1
    assert counted(shared, kind)[0] == before[0] + 1


def test_they_leave_one_event(shared: Client) -> None:
    kind = WHOLE.kinds["Category"]
    before, asked = counted(shared, kind), {"new": new(kind), "key": fresh("key")}
    at_once(shared, create(kind), [asked] * 20)
    assert counted(shared, kind) == (before[0] + 1, before[1] + 1)


def test_a_refused_creation_uses_up_no_key(shared: Client) -> None:
    kind, key, id = WHOLE.kinds["Category"], fresh("key"), fresh("taken")
    shared.data(create(kind), new=new(kind, id=id), key=fresh("key"))
    assert code(shared.graphql(create(kind), new=new(kind, id=id), key=key)) == "CONFLICT"
    assert shared.data(create(kind), new=new(kind), key=key)["createCategory"]["revision"] == 1


def test_keys_are_each_callers_own(shared: Client) -> None:
    kind, key = WHOLE.kinds["Category"], fresh("key")
    made = shared.data(create(kind), new=new(kind), key=key)["createCategory"]["id"]
    other = Access("somebody else", frozenset({scope(kind, "write")}))
    store = Store(shared.app.state.engine, WHOLE, access=other)
    row, again = shared.run(store.create_once(kind, minimal(kind), Asked(key, "any")))
    assert row.id != made and not again


@pytest.mark.parametrize("key", ["", "x" * 256, "\x01", "é", "a\nb"])
def test_what_is_no_key_is_refused(shared: Client, key: str) -> None:
    kind = WHOLE.kinds["Category"]
    before = counted(shared, kind)
    answer = shared.graphql(create(kind), new=new(kind), key=key)
    assert code(answer) == "BAD_REQUEST" and "255 printable" in answer["errors"][0]["message"]
    assert counted(shared, kind) == before


def test_null_where_a_key_belongs_is_refused(shared: Client) -> None:
    kind = WHOLE.kinds["Category"]
    assert code(shared.graphql(create(kind), new=new(kind), key=None)) == "BAD_REQUEST"
    assert shared.data(create(kind), new=new(kind))["createCategory"]["revision"] == 1


def test_two_creations_of_one_operation_under_one_key_make_one(shared: Client) -> None:
    kind, key = WHOLE.kinds["Category"], fresh("key")
    twice = "mutation M($new: CategoryCreate!, $key: String) { " + " ".join(
        f"{name}: createCategory(input: $new, idempotencyKey: $key) {{ id }}" for name in "ab"
    )
    made = shared.data(f"{twice} }}", new=new(kind), key=key)
    assert made["a"] == made["b"]


# ---- mutations of several fields ----------------------------------------------------------------

CATEGORY = WHOLE.kinds["Category"]


def several(number: int, inner: str) -> str:
    fields = " ".join(
        f'm{n}: updateCategory(id: "c{n}", input: {{ description: "x" }}) {{ ...F }}' for n in range(number)
    )
    return f"mutation {{ {fields} }} fragment F on Category {{ id {inner} }}"


@pytest.fixture
def filled(database_url: str) -> Iterator[Client]:
    made = Client(database_url, objects_at_most=300, lock_timeout=0.3)
    for number in range(40):
        made.hold(CATEGORY, {"id": f"c{number}", "name": "n"})
    yield made
    made.close()


def described(client: Client) -> int:
    found = client.data("{ categories(first: 100) { nodes { description } } }")["categories"]["nodes"]
    return sum(one["description"] == "x" for one in found)


def test_objects_of_several_fields_are_counted_once(filled: Client) -> None:
    answer = filled.graphql(several(40, "history { type }"))
    assert "errors" not in answer and described(filled) == 40


def test_an_answer_that_is_too_long_says_how_much_was_done(filled: Client) -> None:
    every = " ".join(f"h{n}: history {{ type }}" for n in range(10))
    [error] = filled.graphql(several(40, every))["errors"]
    done = described(filled)
    assert 0 < done < 40 and error["message"].startswith(f"{done} of the 40 fields are done, but not told. ")
    assert error["extensions"]["code"] == "TOO_MUCH"


def test_what_cannot_be_planned_is_not_said_to_be_done(filled: Client) -> None:
    links = " ".join(f"l{n}: parent {{ ...P }}" for n in range(90))
    inner = " ".join(
        f"h{n}: history {{ id type time actor revision stateBefore stateAfter }}" for n in range(90)
    )
    text = (
        several(1, links)
        + f" fragment P on Category {{ {inner} parent {{ id ...Q }} }} fragment Q on Category {{ name {inner} }}"
    )
    answer = filled.graphql(text)
    assert answer["errors"][0]["extensions"]["code"] == "TOO_MUCH", answer
    assert "done" not in answer["errors"][0]["message"] and described(filled) == 0


def test_a_field_that_has_to_wait_too_long_is_named(filled: Client, database_url: str) -> None:
    async def ask() -> httpx.Response:
        connection = await asyncpg.connect(database_url)
        try:
            async with connection.transaction():
                await connection.execute("select 1 from category where id = 'c1' for update")
                query = several(3, "description")
                return await asyncio.to_thread(filled.post, "/graphql", {"query": query})
        finally:
            await connection.close()

    answer = asyncio.run(ask())
    assert answer.status_code == 503 and answer.json()["errors"][0]["path"] == ["m1"]
    assert described(filled) == 1
