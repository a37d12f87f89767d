"""The demo data: the same each time, valid, and linked without a gap."""

import asyncio
import collections
import datetime as dt
import functools
import itertools
import json
import threading
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from models import WHOLE
from models.tables import table_name
from models.times import canonical
from resolvers.pages import EXAMPLES
from resolvers.storage.documents import Draft, prepare
from tmfgraph import demo
from tmfgraph.settings import Settings

LEFT_OUT = {
    "Monitor", "ImportJob", "ExportJob", "CustomerBillOnDemand", "QueryUsageConsumption", "SearchTimeSlot",
}  # fmt: skip
"""Kinds that come about when somebody asks for something."""
WANTED = {kind.name for kind in WHOLE.kinds.values() if not kind.special} - LEFT_OUT


@functools.cache
def drafts() -> tuple[Draft, ...]:
    """Every demo document, checked without leniency."""
    return tuple(
        prepare(WHOLE.kinds[kind], document, imported=True) for kind, document in demo.documents(1, 1)
    )


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
    assert counts["DigitalIdentity"] > counts["Individual"]
    assert counts["ServiceActivation"] >= counts["ServiceOrder"]
    assert 3800 <= len(drafts()) <= 4200


def test_ids_are_unique_at_a_greater_scale() -> None:
    ids = [(kind, document["id"]) for kind, document in demo.documents(3, 1)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_state_of_the_product_order_is_there(seed: int) -> None:
    flow = WHOLE.kinds["ProductOrder"].flow
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
    found = [
        prepare(WHOLE.kinds[kind], document, imported=True) for kind, document in demo.documents(2, seed)
    ]
    held = {(draft.kind.root.name, draft.id) for draft in found}
    lost = {
        (draft.kind.name, reference.relation, reference.id)
        for draft in found
        for reference in draft.references
        if reference.kinds[0] in WHOLE.kinds
        and not any((kind, reference.id) in held for kind in reference.kinds)
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

    urls = {f"{draft.kind.root.homes[0].url}/{draft.id}" for draft in drafts()}
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


# ---- money ----------------------------------------------------------------------------------------


def cents(money: dict[str, Any]) -> int:
    assert money["unit"] == "EUR"
    whole = round(money["value"] * 100)
    assert whole / 100 == money["value"]
    return whole


def total(documents: Iterable[dict[str, Any]], key: str) -> int:
    return sum(cents(document[key]) for document in documents)


@functools.cache
def told(scale: int, seed: int) -> tuple[tuple[str, dict[str, Any]], ...]:
    return tuple(demo.documents(scale, seed))


def bodies(kind: str, scale: int, seed: int) -> dict[str, dict[str, Any]]:
    return {document["id"]: document for name, document in told(scale, seed) if name == kind}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bills_add_up(seed: int) -> None:
    charges = collections.defaultdict(list)
    for charge in bodies("AppliedCustomerBillingRate", 2, seed).values():
        [tax] = charge["appliedTax"]
        net, gross = cents(charge["taxExcludedAmount"]), cents(charge["taxIncludedAmount"])
        assert net + cents(tax["taxAmount"]) == gross != 0
        assert charge["isBilled"] == ("bill" in charge)
        charges[charge["bill"]["id"] if charge["isBilled"] else None].append(charge)
    bills = bodies("CustomerBill", 2, seed)
    assert charges.keys() == {None, *bills}
    for bill in bills.values():
        found = charges[bill["id"]]
        for key in ("taxExcludedAmount", "taxIncludedAmount"):
            assert total(found, key) == cents(bill[key]) > 0
        assert total((charge["appliedTax"][0] for charge in found), "taxAmount") == total(
            bill["taxItem"], "taxAmount"
        )
        assert {charge["billingAccount"]["id"] for charge in found} == {bill["billingAccount"]["id"]}
        assert {json.dumps(charge["periodCoverage"]) for charge in found} == {
            json.dumps(bill["billingPeriod"])
        }
        assert len({charge["product"]["id"] for charge in found if charge["type"] != "usageCharge"}) == len(
            [charge for charge in found if charge["type"] != "usageCharge"]
        )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bills_are_paid_as_far_as_their_state_says(seed: int) -> None:
    bills = bodies("CustomerBill", 2, seed)
    for bill in bills.values():
        paid = total(bill.get("appliedPayment", []), "appliedAmount")
        left = cents(bill["remainingAmount"])
        assert paid + left == cents(bill["amountDue"]) == cents(bill["taxIncludedAmount"])
        assert (left == 0) == (bill["state"] == "settled")
        assert (paid > 0) == (bill["state"] in ("settled", "partiallyPaid"))
        assert bill["billDate"] < bill["paymentDueDate"]
    for customer in bodies("Customer", 2, seed).values():
        if customer["status"] == "suspended":
            number = customer["id"][2:]
            unpaid = [bill for bill in bills.values() if bill["id"].startswith(f"BILL-{number}-")]
            assert [bill["state"] for bill in unpaid] in (["sent", "sent"], [])


def test_customers_with_an_active_product_have_a_bill_and_a_charge_that_is_on_none() -> None:
    active = {product.body["relatedParty"][0]["id"] for product in of("Product") if product.state == "active"}
    assert active <= {bill.body["relatedParty"][0]["id"] for bill in of("CustomerBill")}
    accounts = {
        c.body["billingAccount"]["id"] for c in of("AppliedCustomerBillingRate") if not c.body["isBilled"]
    }
    assert {f"BA-{id[2:]}" for id in active} <= accounts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_usage_adds_up_and_is_charged(seed: int) -> None:
    records = dict(bodies("Usage", 2, seed))
    charged = {
        (charge["product"]["id"], charge["periodCoverage"]["startDateTime"], used["value"]): charge
        for charge in bodies("AppliedCustomerBillingRate", 2, seed).values()
        for used in charge.get("characteristic", ())
    }
    for summed in bodies("CustomerUsage", 2, seed).values():
        amounts, costs = [], 0
        for reference in summed["usage"]:
            record = records.pop(reference["id"])
            amount, unit = (found["value"] for found in record["usageCharacteristic"])
            [rated] = record["ratedProductUsage"]
            amounts.append(Decimal(str(amount)))
            costs += cents(rated["taxIncludedRatingAmount"])
            assert unit == summed["quantity"]["units"]
            assert record["usageType"] == summed["usageType"]
            assert summed["startDate"] <= record["usageDate"] < summed.get("endDate", "9")
            assert rated["productRef"] == summed["product"]
            assert rated["isBilled"] == (record["status"] == "billed") == ("endDate" in summed)
            assert record["relatedParty"][0]["id"] == summed["customer"]["id"]
        assert sum(amounts) == Decimal(str(summed["quantity"]["amount"]))
        assert costs == cents(summed["ratedAmount"])
        charge = charged.pop((summed["product"]["id"], summed["startDate"], summed["usageType"]), None)
        assert costs == (cents(charge["taxIncludedAmount"]) if charge else 0)
    assert not records and not charged
    assert {summed["usageType"] for summed in bodies("CustomerUsage", 2, seed).values()} == {
        "data", "voice", "message",
    }  # fmt: skip


# ---- delivery and identity --------------------------------------------------------------------------


def test_appointments_lie_within_their_orders_and_are_known_there() -> None:
    visits = {
        item["appointment"]["id"]: order
        for order in of("ProductOrder")
        for item in order.body["productOrderItem"]
        if "appointment" in item
    }
    assert {visit.state for visit in of("Appointment")} == {
        "initialized", "confirmed", "completed", "cancelled", "failed",
    }  # fmt: skip
    for visit in of("Appointment"):
        order = visits.pop(visit.id)
        assert {entity["@referredType"] for entity in visit.body["relatedEntity"]} == {
            "ProductOrder", "ServiceOrder",
        }  # fmt: skip
        assert visit.body["relatedEntity"][0]["id"] == order.id
        period = visit.body["validFor"]
        start, end = (dt.datetime.fromisoformat(period[key]) for key in ("startDateTime", "endDateTime"))
        assert end - start == dt.timedelta(hours=2)
        assert order.body["orderDate"] < period["startDateTime"]
        assert period["endDateTime"] <= order.body.get("completionDate", "9")
        assert (visit.state == "completed") == (order.state in ("completed", "partial"))
    assert not visits


def test_each_line_of_a_service_order_is_activated_as_far_as_it_has_come() -> None:
    activations = {}
    for activation in of("ServiceActivation"):
        item = activation.body["serviceOrderItem"]
        activations[item["serviceOrderId"], item["itemId"]] = activation
    for order in of("ServiceOrder"):
        for item in order.body["serviceOrderItem"]:
            if order.state == "held":
                continue
            activation = activations.pop((order.id, item["id"]))
            assert activation.body["service"]["id"] == item["service"]["id"]
            assert (activation.state == "done") == (item["state"] == "completed")
            assert ("errorMessage" in activation.body) == (item["state"] == "failed")
            over = activation.state in ("done", "terminatedWithError", "cancelled")
            assert over == ("completionDate" in activation.body)
    assert not activations


def test_activations_of_resources_fare_as_that_of_the_service_above() -> None:
    above = {activation.id: activation.body for activation in of("ServiceActivation")}
    services = {service.id: service.body for service in of("Service")}
    for activation in of("ResourceActivation"):
        body = above[activation.body["serviceActivation"]["id"]]
        assert activation.state == body["state"]
        below = services[body["service"]["id"]]["supportingResource"]
        assert activation.body["resource"]["id"] in [resource["id"] for resource in below]


def test_what_can_be_touched_has_a_serial_number_and_all_else_a_value() -> None:
    assert {r.body["category"] for r in of("PhysicalResource")} == {"olt", "ont", "router"}
    assert all(r.body["serialNumber"] and r.body["manufactureDate"] for r in of("PhysicalResource"))
    assert all(r.body["value"] for r in of("LogicalResource"))


def test_each_person_has_an_identity_without_secrets() -> None:
    identities = of("DigitalIdentity")
    persons = [i.body["individualIdentified"]["id"] for i in identities if "individualIdentified" in i.body]
    assert sorted(persons) == [f"IND-{n:06}" for n in range(1, 101) if n % 10 != 6]
    assert {c["@type"] for identity in identities for c in identity.body["credential"]} == {
        "LoginPasswordCredential", "TokenCredential", "NetworkCredential",
    }  # fmt: skip
    assert not any(identity.secrets for identity in identities)


# ---- storing ----------------------------------------------------------------------------------------


def _counts(url: str) -> dict[str, int]:
    async def count() -> dict[str, int]:
        connection = await asyncpg.connect(url)
        try:
            names = [table_name(kind) for kind in WHOLE.roots]
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
    held = collections.Counter(table_name(draft.kind.root) for draft in drafts())
    assert {name: count for name, count in counts.items() if count and name != "event"} == held
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
    for customer in shared.data(EXAMPLES["orders_to_network"])["customers"]["nodes"]:
        assert customer["productOrders"]["totalCount"] >= 1
        done = customer["productOrders"]["nodes"][0]
        [services] = done["serviceOrders"]["nodes"]
        [resources] = services["resourceOrders"]["nodes"]
        assert all(item["resource"]["target"]["name"] for item in resources["orderItem"])
        for item in done["productOrderItem"]:
            assert item["product"]["target"]["realizingService"][0]["target"]["supportingResource"][0][
                "target"
            ]
    ports = shared.data(EXAMPLES["who_is_hit"])["resources"]["nodes"]
    assert {port["operationalState"] for port in ports} == {"enable", "disable"}
    for port in ports:
        assert port["services"]["totalCount"] >= 2
        for service in port["services"]["nodes"]:
            assert service["products"]["nodes"][0]["relatedParty"][0]["target"]["name"]
    for customer in shared.data(EXAMPLES["money"])["customers"]["nodes"]:
        for bill in customer["customerBills"]["nodes"]:
            charges = [charge["taxIncludedAmount"] for charge in bill["appliedCustomerBillingRates"]["nodes"]]
            assert sum(map(cents, charges)) == cents(bill["taxIncludedAmount"])
        assert customer["customerBills"]["nodes"]
        assert all(usage["usage"][0]["target"] for usage in customer["customerUsages"]["nodes"])
        assert all(
            product["appliedCustomerBillingRates"]["nodes"] for product in customer["products"]["nodes"]
        )
    assert len(shared.statements) == 7
    first = shared.data(EXAMPLES["activations"])["productOrders"]["nodes"][0]
    assert len(shared.statements) <= 10
    assert first["appointments"]["nodes"][0]["status"] == "completed"
    assert first["relatedParty"][0]["target"]["digitalIdentities"]["nodes"][0]["credential"]
    activations = [
        activation
        for order in first["serviceOrders"]["nodes"]
        for service in order["services"]["nodes"]
        for activation in service["serviceActivations"]["nodes"]
    ]
    parts = [part for activation in activations for part in activation["resourceActivations"]["nodes"]]
    assert (
        {activation["state"] for activation in activations} == {part["state"] for part in parts} == {"done"}
    )
    assert all(part["resource"]["target"].keys() & {"serialNumber", "value"} for part in parts)


def test_nothing_in_it_waits_for_the_server_to_carry_it_out(shared: Any, module_database_url: str) -> None:
    demo.ensure(module_database_url, Settings())
    assert shared.carry_out() == 0
