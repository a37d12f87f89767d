"""What follows from a write: reactions act whoever writes, see each other's changes, and come to an end."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event as sa_event

from models import WHOLE
from models.check import Problem
from models.tables import event
from resolvers.background.worker import UNEXPECTED, Worker
from resolvers.behaviour.reactions import NEEDS, REACTIONS
from resolvers.errors import BadRequest, EndlessReactions, Forbidden, IdTaken, Invalid, NotFound
from resolvers.rights import Access
from resolvers.storage.conditions import Refers
from resolvers.storage.documents import Draft, extended, prepare
from resolvers.storage.idempotency import Asked
from resolvers.storage.reactions import DEPTH_AT_MOST, Reactions, Storing
from resolvers.storage.rows import Row
from resolvers.storage.store import Store
from resolvers.storage.transaction import Transaction
from schema.scopes import scope
from tests.conftest import Client
from tests.samples import minimal

CATEGORY, CATALOG, ORDER = WHOLE.kinds["Category"], WHOLE.kinds["Catalog"], WHOLE.kinds["ServiceOrder"]


def store(client: Client, reactions: Reactions, **more: Any) -> Store:
    return Store(client.app.state.engine, WHOLE, reactions=reactions, **more)


def worker(client: Client, reactions: Reactions) -> Worker:
    return Worker(
        client.app.state.engine,
        WHOLE,
        base_url="http://localhost:8000",
        directory=Path(),
        reactions=reactions,
    )


def held(client: Client, kind: str, id: str) -> Row | None:
    return client.run(client.store.by_id(WHOLE.kinds[kind], id))


def get(client: Client, id: str, key: str = "description") -> Any:
    found = held(client, "Category", id)
    assert found is not None
    return found.get(key)


def happened(client: Client) -> list[tuple[str, str]]:
    """The events so far, of each entity in the order of its revisions."""

    async def read() -> list[Any]:
        async with client.app.state.engine.connect() as connection:
            e = event.c
            found = sa.select(e.entity_id, e.type).order_by(e.entity_id, e.revision)
            return [tuple(one) for one in (await connection.execute(found)).all()]

    return client.run(read())


def family(client: Client, *ids: str) -> None:
    """Categories, each below the next."""
    for id, parent in zip(ids, (*ids[1:], None), strict=True):
        above = {"parentId": parent} if parent else {}
        client.hold(CATEGORY, {"id": id, "name": id, "description": "as it was", **above})


async def upwards(transaction: Transaction, old: Row, new: Row) -> None:
    """Whoever changes is told of by the category above."""
    above = new.get("parentId")
    if above:
        parent = await transaction.lock(CATEGORY, above)
        await transaction.change(parent, {"description": f"{new.get('description')} < {above}"})


# ---- what a reaction changes is seen by others ----------------------------------------------------


def test_a_change_made_by_a_reaction_sets_off_another(client: Client) -> None:
    family(client, "a", "b", "c")
    writes = store(client, Reactions(changed={"Category": (upwards,)}))
    made = client.run(writes.patch(CATEGORY, "a", {"description": "new"}))
    assert made.get("description") == "new" and made.revision == 2
    assert [get(client, id) for id in "abc"] == ["new", "new < b", "new < b < c"]


def test_a_change_of_nothing_sets_off_nothing(client: Client) -> None:
    family(client, "a", "b")
    writes = store(client, Reactions(changed={"Category": (upwards,)}))
    client.run(writes.patch(CATEGORY, "a", {"description": "as it was"}))
    assert get(client, "b") == "as it was"


def test_each_reaction_sees_what_those_before_it_changed(client: Client) -> None:
    family(client, "a")
    seen: list[Any] = []

    async def once(transaction: Transaction, old: Row, new: Row) -> None:
        if new.get("version") is None:
            await transaction.change(new, {"version": "2"})

    async def see(transaction: Transaction, old: Row, new: Row) -> None:
        seen.append((old.get("version"), new.get("version"), new.get("description")))

    writes = store(client, Reactions(changed={"Category": (once, see)}))
    made = client.run(writes.patch(CATEGORY, "a", {"description": "new"}))
    assert (made.get("version"), made.get("description"), made.revision) == ("2", "new", 3)
    assert seen == [(None, "2", "new")] * 2, "of the change that a reaction made, and of the first"


def test_who_holds_an_entity_that_a_reaction_changed_loses_nothing_of_it(client: Client) -> None:
    client.hold(CATALOG, {"id": "k", "name": "k"})

    async def around(transaction: Transaction, draft: Draft, store: Storing) -> Row:
        made = await store(draft)
        catalog = await transaction.lock(CATALOG, "k")
        await transaction.change(catalog, {"description": "there is a category"})
        return await transaction.change(made, {"version": "9"})

    async def back(transaction: Transaction, old: Row, new: Row) -> None:
        category = await transaction.lock(CATEGORY, "a")
        await transaction.change(category, {"description": "in a catalog"})

    writes = store(client, Reactions(created={"Category": (around,)}, changed={"Catalog": (back,)}))
    made = client.run(writes.create(CATEGORY, {"id": "a", "name": "a"}))
    assert (made.get("version"), made.get("description"), made.revision) == ("9", "in a catalog", 3)


def test_reactions_to_a_creation_stand_around_each_other(client: Client) -> None:
    order: list[str] = []

    async def completes(transaction: Transaction, draft: Draft, store: Storing) -> Row:
        order.append("outer")
        made = await store(extended(draft, {"description": "completed"}))
        order.append("after")
        return made

    async def inner(transaction: Transaction, draft: Draft, store: Storing) -> Row:
        order.append(draft.body["description"])
        made = await store(draft)
        await transaction.create(CATALOG, {"id": "k", "name": "k"})
        return made

    async def of_catalog(transaction: Transaction, draft: Draft, store: Storing) -> Row:
        order.append("catalog")
        return await store(extended(draft, {"description": "made by the server"}))

    reactions = Reactions(created={"Category": (completes, inner), "Catalog": (of_catalog,)})
    made = client.run(store(client, reactions).create(CATEGORY, {"id": "a", "name": "a"}))
    assert made.get("description") == "completed"
    assert order == ["outer", "completed", "catalog", "after"]
    catalog = held(client, "Catalog", "k")
    assert catalog and catalog.get("description") == "made by the server"
    with pytest.raises(IdTaken):
        client.run(store(client, reactions).create(CATEGORY, {"id": "b", "name": "b"}))
    assert held(client, "Category", "b") is None, "all or nothing"


def test_a_general_kind_speaks_for_its_special_ones(client: Client) -> None:
    seen: list[str] = []

    async def note(transaction: Transaction, old: Row, new: Row) -> None:
        seen.append(f"resource {new.id}")

    async def note_special(transaction: Transaction, old: Row, new: Row) -> None:
        seen.append(f"physical {new.id}")

    for id, kind in (("p", "PhysicalResource"), ("l", "LogicalResource")):
        client.hold(WHOLE.kinds[kind], {**minimal(WHOLE.kinds[kind]), "id": id})
    writes = store(client, Reactions(changed={"Resource": (note,), "PhysicalResource": (note_special,)}))
    for id in ("p", "l"):  # asked for as what they are in general
        client.run(writes.patch(WHOLE.kinds["Resource"], id, {"description": "new"}))
    client.run(writes.patch(WHOLE.kinds["PhysicalResource"], "p", {"description": "newer"}))
    assert seen == ["physical p", "resource p", "resource l", "physical p", "resource p"]
    only = store(client, Reactions(changed={"PhysicalResource": (note_special,)}))
    client.run(only.patch(WHOLE.kinds["Resource"], "p", {"description": "newest"}))
    assert seen[5:] == ["physical p"]


# ---- deletions ------------------------------------------------------------------------------------


async def with_children(transaction: Transaction, old: Row) -> None:
    """What is below a category goes with it."""
    for child in await transaction.select(CATEGORY, Refers("parentId", (old.id,))):
        await transaction.delete(child, force=True)


def test_a_deletion_sets_off_others(client: Client) -> None:
    family(client, "a", "b", "c")
    writes = store(client, Reactions(deleted={"Category": (with_children,)}))
    client.run(writes.delete(CATEGORY, "c", force=True))
    assert [held(client, "Category", id) for id in "abc"] == [None] * 3
    assert [type_ for _, type_ in happened(client)] == ["CategoryCreateEvent", "CategoryDeleteEvent"] * 3


def test_what_a_reaction_deleted_cannot_be_changed_any_more(client: Client) -> None:
    family(client, "a")
    seen: list[str] = []

    async def delete(transaction: Transaction, old: Row, new: Row) -> None:
        await transaction.delete(new)
        with pytest.raises(NotFound):
            await transaction.change(new, {"description": "newer"})
        with pytest.raises(NotFound):
            await transaction.delete(old)

    async def later(transaction: Transaction, old: Row, new: Row) -> None:
        seen.append(new.id)

    writes = store(client, Reactions(changed={"Category": (delete, later)}))
    client.run(writes.patch(CATEGORY, "a", {"description": "new"}))
    assert held(client, "Category", "a") is None and seen == []


# ---- the end --------------------------------------------------------------------------------------


def _loop(*kinds: str) -> Reactions:
    """Reactions of which each sets off the next, and the last the first."""

    async def on(transaction: Transaction, old: Row, new: Row) -> None:
        number = int(new.get("version") or 0) + 1
        other = WHOLE.kinds[kinds[(kinds.index(new.kind.name) + 1) % len(kinds)]]
        await transaction.change(await transaction.lock(other, "x"), {"version": str(number)})

    return Reactions(changed=dict.fromkeys(kinds, (on,)))


@pytest.mark.parametrize("kinds", [("Category",), ("Category", "Catalog")])
def test_a_loop_is_cut_and_nothing_of_it_is_stored(client: Client, kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        client.hold(WHOLE.kinds[kind], {"id": "x", "name": "x"})
    before = happened(client)
    with pytest.raises(EndlessReactions) as error:
        client.run(store(client, _loop(*kinds)).patch(CATEGORY, "x", {"version": "0"}))
    words = str(error.value)
    assert error.value.status == 409 and "nothing was stored" in words
    assert sum(words.count(f"{kind} changed") for kind in kinds) == DEPTH_AT_MOST + 1
    assert happened(client) == before
    for kind in kinds:
        found = held(client, kind, "x")
        assert found and found.revision == 1 and found.get("version") is None


def test_creations_and_deletions_without_end_are_cut_as_well(client: Client) -> None:
    family(client, *(f"c{number}" for number in range(DEPTH_AT_MOST + 2)))

    async def more(transaction: Transaction, draft: Draft, store: Storing) -> Row:
        made = await store(draft)
        await transaction.create(CATALOG, {"id": draft.id + "x", "name": "n"})
        return made

    before = happened(client)
    writes = store(client, Reactions(created={"Catalog": (more,)}, deleted={"Category": (with_children,)}))
    with pytest.raises(EndlessReactions, match="Catalog created"):
        client.run(writes.create(CATALOG, {"id": "x", "name": "n"}))
    with pytest.raises(EndlessReactions, match="Category deleted"):
        client.run(writes.delete(CATEGORY, f"c{DEPTH_AT_MOST + 1}", force=True))
    assert happened(client) == before
    # As many as may follow do; and what one write set off does not count for the next.
    client.run(writes.delete(CATEGORY, f"c{DEPTH_AT_MOST - 1}", force=True))
    assert [id for id, type_ in happened(client) if type_ == "CategoryDeleteEvent"] == sorted(
        f"c{number}" for number in range(DEPTH_AT_MOST)
    )


# ---- whoever writes -------------------------------------------------------------------------------


def rated(client: Client, account: str) -> str:
    amount = {"unit": "EUR", "value": 2.5}
    document = {"isBilled": False, "billingAccount": {"id": account}, "taxExcludedAmount": amount,
                "taxIncludedAmount": amount, "date": "2026-01-02T00:00:00Z"}  # fmt: skip
    return client.hold(WHOLE.kinds["AppliedCustomerBillingRate"], document).id


def test_what_is_created_later_brings_about_the_same_as_what_is_created_at_once(client: Client) -> None:
    """A bill on demand, asked for in both ways."""
    kind = WHOLE.kinds["CustomerBillOnDemand"]
    url = f"http://localhost:8000{kind.homes[0].url}"
    writes = store(client, REACTIONS, needs=NEEDS)
    for id in ("now", "later"):
        rated(client, id)
    at_once = client.run(writes.create(kind, {"id": "now", "billingAccount": {"id": "now"}}))
    document = {"id": "later", "billingAccount": {"id": "later"}}
    monitor, _ = client.run(writes.accept(kind, document, url))
    assert held(client, kind.name, "later") is None
    assert client.carry_out() == 1
    later = held(client, kind.name, "later")
    assert later and at_once.get("state") == later.get("state") == "done"
    bills = [held(client, "CustomerBill", one.get("customerBill")["id"]) for one in (at_once, later)]
    assert [bill and bill.get("amountDue") for bill in bills] == [{"unit": "EUR", "value": 2.5}] * 2
    ended = held(client, "Monitor", monitor.id)
    assert ended and ended.get("state") == "Completed" and '"state":"done"' in ended.get("response")["body"]


def test_a_reaction_that_fails_later_is_told_by_the_monitor_and_leaves_nothing(client: Client) -> None:
    kind = WHOLE.kinds["CancelServiceOrder"]
    url = f"http://localhost:8000{kind.homes[0].url}"
    document = {"id": "c", "serviceOrder": {"id": "no-such-order"}}
    monitor, _ = client.run(store(client, REACTIONS).accept(kind, document, url))
    assert client.carry_out() == 1
    ended = held(client, "Monitor", monitor.id)
    assert ended and (ended.get("state"), ended.get("response")["statusCode"]) == ("InError", "400")
    assert held(client, kind.name, "c") is None


def test_an_activation_that_was_created_later_makes_its_service_active(client: Client) -> None:
    kind = WHOLE.kinds["ServiceActivation"]
    client.hold(WHOLE.kinds["Service"], {**minimal(WHOLE.kinds["Service"]), "id": "s", "state": "designed"})
    document = {"id": "a", "service": {"id": "s"}}
    url = f"http://localhost:8000{kind.homes[0].url}"
    client.run(store(client, REACTIONS).accept(kind, document, url))
    assert client.carry_out() == 1
    for state in ("inProgress", "done"):
        assert client.patch(f"{kind.homes[0].url}/a", {"state": state}).status_code == 200
    service = held(client, "Service", "s")
    assert service and service.get("state") == "active"


def test_what_one_needs_rights_for_is_asked_before_it_is_put_off(client: Client) -> None:
    kind = WHOLE.kinds["QueryUsageConsumption"]
    url = f"http://localhost:8000{kind.homes[0].url}"
    caller = Access("somebody", frozenset({scope(kind, "write")}))
    writes = store(client, REACTIONS, needs=NEEDS, access=caller)
    with pytest.raises(Forbidden):
        client.run(writes.accept(kind, {}, url))
    with pytest.raises(BadRequest):
        client.run(
            store(client, REACTIONS, needs=NEEDS).accept(WHOLE.kinds["ImportJob"], {"url": "../x"}, url)
        )
    assert happened(client) == []


def _due(client: Client) -> None:
    line = {"id": "1", "action": "add", "service": {"id": "s"}}
    client.hold(ORDER, {"id": "o", "state": "inProgress", "serviceOrderItem": [line]})
    due = {"id": "c", "serviceOrder": {"id": "o"}, "requestedCancellationDate": "2026-01-01T00:00:00.000Z"}
    client.hold(WHOLE.kinds["CancelServiceOrder"], due)


def test_what_the_worker_changes_sets_off_reactions(client: Client) -> None:
    family(client, "told")
    _due(client)

    async def tell(transaction: Transaction, old: Row, new: Row) -> None:
        told = await transaction.lock(CATEGORY, "told")
        await transaction.change(told, {"description": f"{told.get('description')}, {new.get('state')}"})

    works = worker(client, replace(REACTIONS, changed={"ServiceOrder": (tell,)}))
    assert client.run(works.carry_out()) == 1
    expected = "as it was, assessingCancellation, pendingCancellation, cancelled"
    assert get(client, "told") == expected


def test_a_reaction_that_refuses_what_the_worker_does_ends_the_task_and_leaves_nothing(
    client: Client,
) -> None:
    _due(client)

    async def refuse(transaction: Transaction, old: Row, new: Row) -> None:
        if new.get("state") == "cancelled":
            raise BadRequest("This order is dear to us.")

    async def invalid(transaction: Transaction, old: Row, new: Row) -> None:
        if new.get("state") == "cancelled":
            raise Invalid("ServiceOrder", [Problem("$", "is dear to us")])

    for reaction in (refuse, invalid):
        works = worker(client, replace(REACTIONS, changed={"ServiceOrder": (reaction,)}))
        client.run(works.carry_out())
        order, request = held(client, "ServiceOrder", "o"), held(client, "CancelServiceOrder", "c")
        assert order and (order.get("state"), order.revision) == ("inProgress", 1)
        assert request and request.get("state") == "terminatedWithError"
        assert request.get("completionMessage") != UNEXPECTED
        client.run(client.store.delete(WHOLE.kinds["CancelServiceOrder"], "c", force=True))
        again = {"id": "c", "serviceOrder": {"id": "o"},
                 "requestedCancellationDate": "2026-01-01T00:00:00.000Z"}  # fmt: skip
        client.hold(WHOLE.kinds["CancelServiceOrder"], again)


def test_imports_set_off_nothing(client: Client) -> None:
    async def never(*given: Any) -> Any:
        raise AssertionError("an import stores what is so already")

    kind = {"Category": (never,)}
    writes = store(client, Reactions(created=kind, changed=kind, deleted=kind))
    for name in ("one", "two"):
        client.run(writes.put(prepare(CATEGORY, {"id": "a", "name": name}, imported=True)))
    assert get(client, "a", "name") == "two"


# ---- in how many statements, and in which way -------------------------------------------------------


def test_where_nothing_follows_there_is_no_transaction(client: Client) -> None:
    async def nothing(transaction: Transaction, old: Row, new: Row) -> None:
        pass

    begun: list[Any] = []
    sa_event.listen(client.app.state.engine.sync_engine, "begin", begun.append)
    writes = store(client, Reactions(changed={"Catalog": (nothing,)}))
    for kind, expected in ((CATEGORY, 0), (CATALOG, 1)):
        begun.clear()
        client.run(writes.create(kind, {"id": "a", "name": "n"}))
        assert len(begun) == 0
        client.run(writes.patch(kind, "a", {"description": "new"}))
        assert len(begun) == expected


def test_a_repeated_request_sets_off_nothing_again(client: Client) -> None:
    begun: list[str] = []

    async def count(transaction: Transaction, draft: Draft, store: Storing) -> Row:
        begun.append(draft.id)
        return await transaction.change(await store(draft), {"description": "made"})

    writes = store(client, Reactions(created={"Category": (count,)}))
    asked = Asked("key", "digest")
    answers = [client.run(writes.create_once(CATEGORY, {"name": "n"}, asked)) for _ in range(2)]
    assert len(begun) == 1 and [again for _, again in answers] == [False, True]
    assert {row.get("description") for row, _ in answers} == {"made"}


def test_at_once_many_writers_set_off_each_reaction_once(client: Client) -> None:
    family(client, "a", "b")

    async def counts(transaction: Transaction, old: Row, new: Row) -> None:
        if new.id == "a":
            other = await transaction.lock(CATEGORY, "b")
            await transaction.change(other, {"version": str(int(other.get("version") or 0) + 1)})

    writes = store(client, Reactions(changed={"Category": (counts,)}))

    async def many() -> None:
        await asyncio.gather(*(writes.patch(CATEGORY, "a", {"description": str(n)}) for n in range(8)))

    client.run(many())
    assert get(client, "b", "version") == "8"
