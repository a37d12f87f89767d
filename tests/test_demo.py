"""The demo data: the same each time, valid, and linked without a gap."""

import asyncio
import collections
import functools
import itertools
import threading
from typing import Any

import asyncpg
import pytest

from models.codec import canonical
from models.declare import KINDS
from models.tables import table_name
from resolvers.documents import Draft, prepare
from resolvers.pages import CHAIN, WAY_BACK
from tmfgraph import demo
from tmfgraph.settings import Settings

WANTED = {
    "Catalog", "Category", "ProductSpecification", "ProductOffering", "ProductOfferingPrice", "Individual",
    "Organization", "PartyRole", "Customer", "ProductOrder", "CancelProductOrder", "Product", "ServiceOrder",
    "CancelServiceOrder", "Service", "ResourceOrder", "CancelResourceOrder", "Resource",
}  # fmt: skip


@functools.cache
def drafts() -> tuple[Draft, ...]:
    """Every demo document, checked without leniency."""
    return tuple(prepare(KINDS[kind], document, imported=True) for kind, document in demo.documents(1, 1))


def of(kind: str) -> list[Draft]:
    return [draft for draft in drafts() if draft.kind.name == kind]


def test_same_documents_each_time() -> None:
    assert list(demo.documents(1, 1)) == list(demo.documents(1, 1))
    assert list(demo.documents(1, 1)) != list(demo.documents(1, 2))


def test_greater_scale_keeps_the_smaller_one() -> None:
    small = list(demo.documents(1, 1))
    assert list(itertools.islice(demo.documents(2, 1), len(small))) == small


def test_kinds_are_all_there() -> None:
    assert {kind for kind, _ in demo.documents(1, 1)} == WANTED


def test_numbers_are_about_right() -> None:
    counts = collections.Counter(draft.kind.name for draft in drafts())
    assert counts["Customer"] == 100
    assert counts["Individual"] + counts["Organization"] >= 100
    assert 180 <= counts["ProductOrder"] <= 220
    assert 2000 <= len(drafts()) <= 3000


def test_ids_are_unique_at_a_greater_scale() -> None:
    ids = [(kind, document["id"]) for kind, document in demo.documents(3, 1)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_state_of_the_product_order_is_there(seed: int) -> None:
    flow = KINDS["ProductOrder"].flow
    assert flow
    orders = [document for kind, document in demo.documents(1, seed) if kind == "ProductOrder"]
    assert {order["state"] for order in orders} == {
        *flow.starts,
        *flow.moves,
        *itertools.chain(*flow.moves.values()),
    }
    assert all(1 <= len(order["productOrderItem"]) <= 4 for order in orders)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_references_lead_to_documents(seed: int) -> None:
    found = [prepare(KINDS[kind], document, imported=True) for kind, document in demo.documents(2, seed)]
    held = {(draft.kind.name, draft.id) for draft in found}
    lost = {
        (draft.kind.name, reference.relation, reference.id)
        for draft in found
        for reference in draft.references
        if (reference.kinds[0], reference.id) not in held
    }
    assert not lost


def test_hrefs_lead_where_the_references_do() -> None:
    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            if "href" in value:
                yield value["id"], value["href"]
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    urls = {f"{draft.kind.homes[0].url}/{draft.id}" for draft in drafts()}
    assert {href for draft in drafts() for _, href in walk(draft.body)} <= urls


def test_dates_fit_the_state() -> None:
    for order in of("ProductOrder"):
        body = order.body
        assert ("completionDate" in body) == (body["state"] == "completed")
        assert ("cancellationDate" in body) == (body["state"] == "cancelled")
        for later in ("completionDate", "cancellationDate"):
            assert body["orderDate"] < body.get(later, "9")
        dates = [note["date"] for note in body["note"]]
        assert dates == sorted(dates)
        assert body["orderDate"] < min(dates, default="9")


def test_dates_are_canonical_and_of_the_past_or_near_it() -> None:
    for draft in (*of("ProductOrder"), *of("ServiceOrder"), *of("ResourceOrder")):
        assert canonical(draft.body["orderDate"]) == draft.body["orderDate"]
        assert "2026-01" <= draft.body["orderDate"] < "2026-11"


def test_nearly_every_customer_leads_down_to_the_network() -> None:
    orders = {
        order.body["relatedParty"][0]["id"]: order for order in of("ProductOrder") if order.id.endswith("-1")
    }
    services = {order.body["externalReference"][0]["id"]: order for order in of("ServiceOrder")}
    resources = {order.body["externalReference"][0]["id"]: order for order in of("ResourceOrder")}
    for customer in of("Customer"):
        order = services[orders[customer.id].id]
        assert order.body["serviceOrderItem"]
        assert resources[order.id].body["orderItem"]


def test_services_that_never_started_have_no_start() -> None:
    for service in of("Service"):
        assert ("startDate" in service.body) == service.body["hasStarted"]


def _counts(url: str) -> dict[str, int]:
    async def count() -> dict[str, int]:
        connection = await asyncpg.connect(url)
        try:
            names = [table_name(kind) for kind in KINDS.values()]
            return {
                name: await connection.fetchval(f"select count(*) from {name}") for name in [*names, "event"]
            }
        finally:
            await connection.close()

    return asyncio.run(count())


def test_run_stores_everything_once(database_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert demo.run(database_url, Settings(), scale=1, seed=1) == 0
    counts = _counts(database_url)
    assert counts["event"] == len(drafts())
    for kind in WANTED:
        assert counts[table_name(KINDS[kind])] == len(of(kind))
    assert "documents added in" in capfd.readouterr().err

    assert demo.run(database_url, Settings(), scale=1, seed=1, quiet=True) == 1
    assert "nothing was added" in capfd.readouterr().err
    assert _counts(database_url) == counts


def test_run_in_several_chunks(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "CHUNK", 1000)
    assert demo.run(database_url, Settings(), scale=1, seed=1, quiet=True) == 0
    assert _counts(database_url)["event"] == len(drafts())


def test_ensure_by_two_at_once_fills_once(database_url: str) -> None:
    threads = [threading.Thread(target=demo.ensure, args=(database_url, Settings())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _counts(database_url)["event"] == len(drafts())
    demo.ensure(database_url, Settings())
    assert _counts(database_url)["event"] == len(drafts())


def test_example_queries_have_rich_answers(shared: Any, module_database_url: str) -> None:
    demo.ensure(module_database_url, Settings())
    for customer in shared.data(CHAIN)["customers"]["nodes"]:
        assert customer["productOrders"]["totalCount"] >= 1
        done = customer["productOrders"]["nodes"][0]
        [services] = done["serviceOrders"]["nodes"]
        [resources] = services["resourceOrders"]["nodes"]
        assert all(item["resource"]["target"]["name"] for item in resources["orderItem"])
        for item in done["productOrderItem"]:
            assert item["product"]["target"]["realizingService"][0]["target"]["supportingResource"][0][
                "target"
            ]
    ports = shared.data(WAY_BACK)["resources"]["nodes"]
    assert {port["operationalState"] for port in ports} == {"enable", "disable"}
    for port in ports:
        assert port["services"]["totalCount"] >= 2
        for service in port["services"]["nodes"]:
            assert service["products"]["nodes"][0]["relatedParty"][0]["target"]["name"]
