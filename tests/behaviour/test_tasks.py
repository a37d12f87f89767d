"""Tasks do their task: requests to cancel, bills on demand, reports of usage, free time slots, activations."""

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from models import WHOLE
from models.times import instant
from resolvers.behaviour.cancel import CANCELS
from resolvers.behaviour.reactions import REACTIONS
from resolvers.behaviour.slots import SLOT
from resolvers.storage.store import Store
from tests.conftest import Client
from tests.samples import fresh, minimal

PATHS = {name: kind.homes[0].url for name, kind in WHOLE.kinds.items()}


def post(client: Client, kind: str, document: dict[str, Any], status: int = 201) -> Any:
    answer = client.post(PATHS[kind], document)
    assert answer.status_code == status, answer.text
    return answer.json()


def get(client: Client, kind: str, id: str) -> Any:
    return client.get(f"{PATHS[kind]}/{id}").json()


def states(client: Client, kind: str, id: str) -> list[Any]:
    """The states that an entity went through, by its history."""
    singular = WHOLE.kinds[kind].singular
    query = f"query Q($id: ID!) {{ {singular}(id: $id) {{ history {{ stateAfter }} }} }}"
    return [e["stateAfter"] for e in client.data(query, id=id)[singular]["history"]]


# ---- requests to cancel an order ----------------------------------------------------------------

CANCEL_KINDS = pytest.mark.parametrize("name", CANCELS)


def order_of(client: Client, name: str, state: str) -> str:
    """Id of an order that stands in a state, with an open line, a completed one, and one inside another."""
    task = CANCELS[name]
    line = {"id": "1", "action": "add", "state": "inProgress", "service": {"id": "s"}}
    lines = [line, {**line, "id": "2", "state": "completed"}]
    if task.kind != "ResourceOrder":
        lines[0] = {**line, task.items: [{**line, "id": "1.1"}]}
    document = {"id": fresh("order"), "state": state, task.items: lines}
    return client.hold(WHOLE.kinds[task.kind], document).id


def request(name: str, order: str, **more: Any) -> dict[str, Any]:
    return {CANCELS[name].order: {"id": order}, "cancellationReason": "changed my mind", **more}


@CANCEL_KINDS
def test_a_request_moves_its_order_to_cancelled(shared: Client, name: str) -> None:
    task = CANCELS[name]
    order = order_of(shared, name, "inProgress")
    made = post(shared, name, request(name, order))
    assert made["state"] == "done"
    cancelled = get(shared, task.kind, order)
    assert cancelled["state"] == "cancelled"
    assert states(shared, task.kind, order) == [
        "inProgress", "assessingCancellation", "pendingCancellation", "cancelled",
    ]  # fmt: skip
    start = WHOLE.kinds[name].flow.starts[0]  # type: ignore[union-attr]
    assert states(shared, name, made["id"]) == [start, "inProgress", "done"]
    lines = cancelled[task.items]
    assert [line["state"] for line in lines] == ["cancelled", "completed"]
    assert all(inner["state"] == "cancelled" for inner in lines[0].get(task.items, ()))
    if "cancellationReason" in WHOLE.kinds[task.kind].by_key:
        assert cancelled["cancellationReason"] == "changed my mind"
        assert made["effectiveCancellationDate"] == cancelled["cancellationDate"]
    again = post(shared, name, request(name, order))
    assert again["state"] == "done", "a repeated request finds its work done"


@CANCEL_KINDS
def test_every_state_of_an_order_that_is_not_at_its_end_leads_to_cancelled(shared: Client, name: str) -> None:
    kind = WHOLE.kinds[CANCELS[name].kind]
    assert kind.flow
    states = {*kind.flow.starts, *kind.flow.moves, *(n for m in kind.flow.moves.values() for n in m)}
    for state in states:
        order = order_of(shared, name, state)
        answer = shared.post(PATHS[name], request(name, order))
        if kind.flow.way(state, "cancelled") is not None:
            assert answer.status_code == 201, (state, answer.text)
            assert get(shared, kind.name, order)["state"] == "cancelled"
        else:
            assert answer.status_code == 409, state
            assert state in answer.json()["message"]
            assert get(shared, kind.name, order)["state"] == state


@CANCEL_KINDS
def test_a_request_for_an_order_that_is_not_there_names_the_place(shared: Client, name: str) -> None:
    before = shared.get(PATHS[name]).headers["x-total-count"]
    answer = shared.post(PATHS[name], request(name, "no-such-order"))
    assert answer.status_code == 400
    assert answer.json()["problems"][0]["path"] == f"$.{CANCELS[name].order}.id"
    assert shared.get(PATHS[name]).headers["x-total-count"] == before


@CANCEL_KINDS
def test_a_request_for_later_waits_for_its_time(client: Client, name: str) -> None:
    task, kind = CANCELS[name], WHOLE.kinds[name]
    order = order_of(client, name, "inProgress")
    made = post(client, name, request(name, order, requestedCancellationDate="2999-01-01T00:00:00Z"))
    assert made["state"] == kind.flow.starts[0]  # type: ignore[union-attr]
    assert client.carry_out() == 0
    assert get(client, task.kind, order)["state"] == "inProgress"
    client.run(client.store.patch(kind, made["id"], {"x-remark": "still waiting"}))
    # Its time comes: imported as it would be, had it been asked for yesterday.
    due = {**get(client, name, made["id"]), "requestedCancellationDate": "2026-01-01T00:00:00.000Z"}
    client.hold(kind, due)
    assert client.carry_out() == 1
    assert get(client, task.kind, order)["state"] == "cancelled"
    assert get(client, name, made["id"])["state"] == "done"
    assert client.carry_out() == 0


@CANCEL_KINDS
def test_a_request_whose_order_ended_before_its_time_ends_in_error(client: Client, name: str) -> None:
    order = order_of(client, name, "completed")
    id = client.hold(
        WHOLE.kinds[name], request(name, order, requestedCancellationDate="2026-01-01T00:00:00.000Z")
    ).id
    assert client.carry_out() == 1
    ended = get(client, name, id)
    assert ended["state"] == "terminatedWithError"
    if name == "CancelServiceOrder":
        assert "cannot be cancelled" in ended["completionMessage"]
        assert "completed" not in ended["completionMessage"], "who reads this may perhaps not read the order"
    assert get(client, CANCELS[name].kind, order)["state"] == "completed"


# ---- bills on demand ----------------------------------------------------------------------------


def rate(client: Client, account: str, net: float, tax: float, **more: Any) -> str:
    document = {
        "name": "Fee",
        "date": "2026-03-31T00:00:00.000Z",
        "isBilled": False,
        "billingAccount": {"id": account},
        "taxExcludedAmount": {"unit": "EUR", "value": net},
        "appliedTax": [
            {"taxCategory": "VAT", "taxRate": 20, "taxAmount": {"unit": "EUR", "value": tax}},
        ],
        **more,
    }
    return post(client, "AppliedCustomerBillingRate", document)["id"]


def test_a_bill_on_demand_bills_what_is_unbilled(shared: Client) -> None:
    account = fresh("account")
    rates = [rate(shared, account, 0.1, 0.02), rate(shared, account, 0.2, 0.04)]
    billed = rate(shared, account, 100, 20, isBilled=True, bill={"id": "earlier"})
    other = rate(shared, fresh("account"), 100, 20)
    period = {"startDateTime": "2026-03-01T00:00:00.000Z", "endDateTime": "2026-03-31T23:59:59.000Z"}
    rates.append(rate(shared, account, 1, 0.2, periodCoverage=period))
    made = post(shared, "CustomerBillOnDemand", {"billingAccount": {"id": account, "name": "Mine"}})
    assert made["state"] == "done"
    bill = get(shared, "CustomerBill", made["customerBill"]["id"])
    assert bill["taxExcludedAmount"] == {"unit": "EUR", "value": 1.3}
    assert bill["taxIncludedAmount"] == bill["amountDue"] == bill["remainingAmount"]
    assert bill["amountDue"] == {"unit": "EUR", "value": 1.56}
    assert bill["taxItem"] == [
        {"taxCategory": "VAT", "taxRate": 20, "taxAmount": {"unit": "EUR", "value": 0.26}}
    ]
    assert (bill["state"], bill["billingAccount"]) == ("new", {"id": account, "name": "Mine"})
    assert bill["billingPeriod"] == period
    due = dt.datetime.fromisoformat(bill["paymentDueDate"]) - dt.datetime.fromisoformat(bill["billDate"])
    assert due == dt.timedelta(days=14)
    for id in rates:
        found = get(shared, "AppliedCustomerBillingRate", id)
        assert (found["isBilled"], found["bill"]) == (True, {"id": bill["id"]})
    assert get(shared, "AppliedCustomerBillingRate", billed)["bill"] == {"id": "earlier"}
    assert get(shared, "AppliedCustomerBillingRate", other)["isBilled"] is False
    query = "query Q($id: ID!) { customerBill(id: $id) { appliedCustomerBillingRates { totalCount } } }"
    assert shared.data(query, id=bill["id"])["customerBill"]["appliedCustomerBillingRates"] == {
        "totalCount": 3
    }
    again = post(shared, "CustomerBillOnDemand", {"billingAccount": {"id": account}})
    assert again["state"] == "rejected" and "customerBill" not in again


def test_a_bill_for_a_party_takes_the_rates_of_its_products(shared: Client) -> None:
    customer = fresh("customer")
    party = {"id": customer, "@referredType": "Customer"}
    product = post(shared, "Product", {"status": "active", "relatedParty": [party]})["id"]
    mine = rate(shared, "account-x", 10, 2, product={"id": product})
    rate(shared, "account-x", 10, 2)
    made = post(shared, "CustomerBillOnDemand", {"relatedParty": party})
    bill = get(shared, "CustomerBill", made["customerBill"]["id"])
    assert bill["amountDue"] == {"unit": "EUR", "value": 12.0}
    assert bill["billingAccount"] == {"id": "account-x"}
    assert get(shared, "AppliedCustomerBillingRate", mine)["bill"] == {"id": bill["id"]}
    query = "query Q($id: ID!) { customerBill(id: $id) { relatedParty { id role } } }"
    assert shared.data(query, id=bill["id"])["customerBill"]["relatedParty"] == [
        {"id": customer, "role": None}
    ]


def test_a_bill_has_one_currency_and_somebody_to_pay_it(shared: Client) -> None:
    account = fresh("account")
    euro = rate(shared, account, 10, 2)
    rate(shared, account, 10, 2, taxExcludedAmount={"unit": "USD", "value": 5}, appliedTax=[])
    answer = post(shared, "CustomerBillOnDemand", {"billingAccount": {"id": account}}, 409)
    assert "EUR and USD" in answer["message"]
    assert get(shared, "AppliedCustomerBillingRate", euro)["isBilled"] is False
    answer = post(shared, "CustomerBillOnDemand", {}, 400)
    assert answer["problems"][0]["path"] == "$.billingAccount"


# ---- reports of usage ---------------------------------------------------------------------------


def usage(client: Client, type_: str, day: int, product: str, amount: float, **values: Any) -> None:
    characteristics = [{"name": name, "value": value} for name, value in values.items()]
    rated = {
        "productRef": {"id": product, "name": f"Product {product}"},
        "taxIncludedRatingAmount": {"unit": "EUR", "value": amount},
    }
    document = {
        "usageType": type_,
        "usageDate": f"2026-05-{day:02d}T10:00:00Z",
        "usageCharacteristic": characteristics,
        "ratedProductUsage": [rated],
        "relatedParty": [{"id": f"owner-of-{product}", "@referredType": "Customer"}],
    }
    post(client, "Usage", document)


def test_a_query_adds_up_the_usage_that_it_describes(client: Client) -> None:
    usage(client, "data", 1, "a", 0.1, volume=1.5, unit="GB")
    usage(client, "data", 2, "a", 0.2, volume="2.25", unit="GB")
    usage(client, "data", 3, "b", 5, volume=100, unit="GB")
    usage(client, "voice", 4, "a", 1, duration=60, unit="s")
    usage(client, "message", 5, "a", 0.5, text="none that counts")
    party = {"id": "owner-of-a", "@referredType": "Customer"}
    made = post(client, "QueryUsageConsumption", {"relatedParty": [party]})
    report = {one["name"]: one for one in made["usageConsumption"]}
    assert list(report) == ["data", "message", "voice"]
    data = report["data"]
    assert data["validPeriod"] == {
        "startDateTime": "2026-05-01T10:00:00.000Z", "endDateTime": "2026-05-02T10:00:00.000Z",
    }  # fmt: skip
    [bucket] = data["bucketRefOrValue"]
    counters = {c["counterType"]: c["value"] for c in bucket["bucketCounter"]}
    assert counters == {
        "used": {"amount": 3.75, "units": "GB"},
        "ratedAmount": {"amount": 0.3, "units": "EUR"},
        "records": {"amount": 2, "units": "records"},
    }
    assert data["product"][0]["id"] == "a" and data["product"][0]["name"] == "Product a"
    assert data["product"][0]["consumptionSummary"][0]["valueName"] == "3.75 GB"
    kinds = [c["counterType"] for c in report["message"]["bucketRefOrValue"][0]["bucketCounter"]]
    assert kinds == ["ratedAmount", "records"]
    query = """query Q($id: ID!) { queryUsageConsumption(id: $id) {
        usageConsumption { name state product { target { id } } relatedParty { role } } } }"""
    answer = client.data(query, id=made["id"])["queryUsageConsumption"]["usageConsumption"]
    assert [(one["name"], one["state"]) for one in answer] == [
        ("data", "done"), ("message", "done"), ("voice", "done"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("criteria", "records"),
    [
        ({}, {"data": 3, "voice": 1}),
        ({"product": [{"id": "a"}]}, {"data": 2, "voice": 1}),
        ({"product": [{"id": "a"}, {"id": "b"}]}, {"data": 3, "voice": 1}),
        ({"service": [{"id": "service-of-b"}]}, {"data": 1}),
        ({"logicalResource": [{"id": "number-of-a"}]}, {"data": 2, "voice": 1}),
        ({"partyAccount": [{"id": "account-of-b"}]}, {"data": 1}),
        ({"bucketRefOrValue": [{"usageType": "voice"}]}, {"voice": 1}),
        ({"validPeriod": {"startDateTime": "2026-05-02T00:00:00Z"}}, {"data": 2, "voice": 1}),
        (
            {"validPeriod": {"endDateTime": "2026-05-02T00:00:00Z"}, "product": [{"id": "b"}]},
            {},
        ),
        ({"product": [{"id": "nobody's"}]}, {}),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
def test_each_criterion_narrows_a_query(client: Client, criteria: dict[str, Any], records: Any) -> None:
    for name in ("a", "b"):
        product = {
            "id": name,
            "status": "active",
            "realizingService": [{"id": f"service-of-{name}"}],
            "realizingResource": [{"id": f"number-of-{name}"}],
            "billingAccount": {"id": f"account-of-{name}"},
        }
        post(client, "Product", product)
    usage(client, "data", 1, "a", 1, volume=1)
    usage(client, "data", 2, "a", 1, volume=1)
    usage(client, "data", 3, "b", 1, volume=1)
    usage(client, "voice", 4, "a", 1, duration=1)
    made = post(client, "QueryUsageConsumption", {"searchCriteria": criteria})
    found = {
        one["name"]: next(
            c["value"]["amount"]
            for c in one["bucketRefOrValue"][0]["bucketCounter"]
            if c["counterType"] == "records"
        )
        for one in made.get("usageConsumption", ())
    }
    assert found == records


# ---- free time slots ----------------------------------------------------------------------------

START = dt.datetime.now(dt.UTC).replace(hour=8, minute=0, second=0, microsecond=0) + dt.timedelta(days=3)


def span(hours_from: float, hours_to: float) -> dict[str, str]:
    ends = ("startDateTime", hours_from), ("endDateTime", hours_to)
    return {key: instant(START + dt.timedelta(hours=hours)) for key, hours in ends}


def starts(answer: dict[str, Any]) -> list[float]:
    """When the proposed slots start, in hours from START."""
    found = []
    for slot in answer["availableTimeSlot"]:
        start = dt.datetime.fromisoformat(slot["validFor"]["startDateTime"])
        assert dt.datetime.fromisoformat(slot["validFor"]["endDateTime"]) - start == SLOT
        found.append((start - START) / dt.timedelta(hours=1))
    return found


def test_a_search_proposes_what_no_appointment_takes(client: Client) -> None:
    technician = {"id": "t-1", "@referredType": "Individual"}
    colleague = {"id": "t-2", "@referredType": "Individual"}
    for whom, when, status in (
        (technician, span(2, 3), "initialized"),
        (technician, span(7.5, 9), "confirmed"),
        (technician, span(4, 6), "cancelled"),
        (colleague, span(0, 2), "confirmed"),
    ):
        client.hold(WHOLE.kinds["Appointment"], {"validFor": when, "relatedParty": [whom], "status": status})
    slot = {"validFor": span(0, 10), "relatedParty": technician}
    made = post(client, "SearchTimeSlot", {"requestedTimeSlot": [slot]})
    assert (made["status"], made["searchResult"]) == ("done", "success")
    assert starts(made) == [0, 4]
    assert {s["relatedParty"]["id"] for s in made["availableTimeSlot"]} == {"t-1"}
    anybody = post(client, "SearchTimeSlot", {"requestedTimeSlot": [{"validFor": span(0, 10)}]})
    assert starts(anybody) == [4]
    for_colleague = {"requestedTimeSlot": [{"validFor": span(0, 10)}], "relatedParty": colleague}
    assert starts(post(client, "SearchTimeSlot", for_colleague)) == [2, 4, 6, 8]
    taken = post(client, "SearchTimeSlot", {"requestedTimeSlot": [{"validFor": span(7, 10)}]})
    assert (taken["searchResult"], taken["availableTimeSlot"]) == ("fail", [])
    # A slot that is taken up is no longer proposed.
    booked = {"validFor": made["availableTimeSlot"][0]["validFor"], "relatedParty": [technician]}
    assert post(client, "Appointment", booked)["status"] == "initialized"
    assert starts(post(client, "SearchTimeSlot", {"requestedTimeSlot": [slot]})) == [4]


def test_a_search_without_a_wish_looks_at_the_working_days_of_a_week(client: Client) -> None:
    made = post(client, "SearchTimeSlot", {})
    days = {slot["validFor"]["startDateTime"][:10] for slot in made["availableTimeSlot"]}
    assert len(made["availableTimeSlot"]) == 25 and len(days) == 5
    assert all(dt.date.fromisoformat(day).weekday() < 5 for day in days)
    assert all(8 <= int(s["validFor"]["startDateTime"][11:13]) <= 16 for s in made["availableTimeSlot"])


def test_a_search_is_bounded_and_looks_ahead_only(client: Client) -> None:
    endless = {"requestedTimeSlot": [{"validFor": span(0, 24 * 365)}]}
    answer = post(client, "SearchTimeSlot", endless, 400)
    assert answer["problems"][0]["path"] == "$.requestedTimeSlot[0].validFor"
    past = {"startDateTime": "2026-01-05T08:00:00Z", "endDateTime": "2026-01-05T18:00:00Z"}
    made = post(client, "SearchTimeSlot", {"requestedTimeSlot": [{"validFor": past}]})
    assert made["availableTimeSlot"] == []
    long = post(client, "SearchTimeSlot", {"requestedTimeSlot": [{"validFor": span(0, 24 * 80)}]})
    assert len(long["availableTimeSlot"]) == 50


# ---- activations --------------------------------------------------------------------------------


def walk(client: Client, kind: str, id: str, *path: str) -> httpx.Response:
    answer = None
    for state in path:
        answer = client.patch(f"{PATHS[kind]}/{id}", {"state": state})
        assert answer.status_code == 200, answer.text
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("before", "after"),
    [("designed", "active"), ("inactive", "active"), ("active", "active"), ("terminated", "active")],
)
def test_an_activation_that_is_done_makes_its_service_active(shared: Client, before: str, after: str) -> None:
    service = shared.hold(WHOLE.kinds["Service"], {**minimal(WHOLE.kinds["Service"]), "state": before}).id
    made = post(shared, "ServiceActivation", {"service": {"id": service}})
    assert made["state"] == "acknowledged"
    walk(shared, "ServiceActivation", made["id"], "inProgress")
    assert get(shared, "Service", service)["state"] == before
    done = walk(shared, "ServiceActivation", made["id"], "done").json()
    assert done["activationDate"] and done["completionDate"]
    assert get(shared, "Service", service)["state"] == after


def test_an_activation_that_fails_or_is_called_off_leaves_its_service(shared: Client) -> None:
    for end in (("cancelled",), ("inProgress", "terminatedWithError"), ("inProgress", "cancelled")):
        service = shared.hold(
            WHOLE.kinds["Service"], {**minimal(WHOLE.kinds["Service"]), "state": "designed"}
        ).id
        made = post(shared, "ServiceActivation", {"service": {"id": service}})
        ended = walk(shared, "ServiceActivation", made["id"], *end).json()
        assert ended["completionDate"] and "activationDate" not in ended
        assert get(shared, "Service", service)["state"] == "designed"


def test_a_resource_activation_makes_its_resource_operational(shared: Client) -> None:
    resource = post(shared, "PhysicalResource", {"name": "ONT", "operationalState": "disable"})["id"]
    activation = post(shared, "ServiceActivation", {"service": {"id": "elsewhere"}})["id"]
    made = post(
        shared, "ResourceActivation", {"resource": {"id": resource}, "serviceActivation": {"id": activation}}
    )
    walk(shared, "ResourceActivation", made["id"], "inProgress", "done")
    assert get(shared, "PhysicalResource", resource)["operationalState"] == "enable"
    # What it activates may be held elsewhere: it is done all the same.
    walk(shared, "ServiceActivation", activation, "inProgress", "done")
    query = """query Q($id: ID!) { serviceActivation(id: $id) { resourceActivations { nodes {
        resource { target { __typename operationalState } } } } } }"""
    [found] = shared.data(query, id=activation)["serviceActivation"]["resourceActivations"]["nodes"]
    assert found["resource"]["target"] == {"__typename": "PhysicalResource", "operationalState": "enable"}


# ---- asynchronous writes and their monitors -----------------------------------------------------

ASYNCHRONOUS = [
    ("/tmf-api/ServiceActivationAndConfiguration/v4", "service", "Service"),
    ("/tmf-api/ResourceActivationAndConfiguration/v4", "resource", "Resource"),
]


@pytest.mark.parametrize(("base", "path", "kind"), ASYNCHRONOUS)
def test_a_write_that_was_accepted_is_told_of_by_its_monitor(
    client: Client, base: str, path: str, kind: str
) -> None:
    document = minimal(WHOLE.kinds[kind])
    answer = client.post(f"{base}/{path}", document, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    assert answer.headers["preference-applied"] == "respond-async"
    monitor = answer.json()
    assert (
        answer.headers["location"]
        == monitor["href"]
        == f"http://localhost:8000{base}/monitor/{monitor['id']}"
    )
    assert monitor["state"] == "InProgress" and "response" not in monitor
    assert client.get(monitor["sourceHref"]).status_code == 404
    assert client.carry_out() == 1
    done = client.get(monitor["href"]).json()
    assert done["state"] == "Completed"
    assert done["response"]["statusCode"] == "201"
    made = client.get(monitor["sourceHref"]).json()
    assert json.loads(done["response"]["body"]) == made
    assert {"name": "Location", "value": made["href"]} in done["response"]["header"]
    query = "query Q($id: ID!) { monitor(id: $id) { state source { __typename ... on Entity { id } } } }"
    found = client.data(query, id=monitor["id"])["monitor"]
    assert found["source"] == {"__typename": WHOLE.kinds[kind].typename, "id": made["id"]}
    assert client.carry_out() == 0


def test_without_the_wish_a_write_is_answered_when_it_is_done(client: Client) -> None:
    base, path, kind = ASYNCHRONOUS[0]
    assert client.post(f"{base}/{path}", minimal(WHOLE.kinds[kind])).status_code == 201
    # Where there are no monitors the wish is not heard: RFC 7240 lets a server do so.
    answer = client.post(PATHS[kind], minimal(WHOLE.kinds[kind]), headers={"Prefer": "respond-async"})
    assert answer.status_code == 201


def test_a_bad_document_is_refused_at_once_and_a_conflict_told_by_the_monitor(client: Client) -> None:
    base, path, kind = ASYNCHRONOUS[0]
    headers = {"Prefer": 'wait=10, Respond-Async; x="y"'}
    assert client.post(f"{base}/{path}", {"state": "designed"}, headers=headers).status_code == 400
    document = {**minimal(WHOLE.kinds[kind]), "id": "taken"}
    client.post(f"{base}/{path}", document)
    monitor = client.post(f"{base}/{path}", document, headers=headers).json()
    assert client.carry_out() == 1
    ended = client.get(monitor["href"]).json()
    assert (ended["state"], ended["response"]["statusCode"]) == ("InError", "409")
    assert json.loads(ended["response"]["body"])["code"] == "CONFLICT"


def test_nobody_writes_a_monitor(client: Client) -> None:
    monitor = f"{ASYNCHRONOUS[0][0]}/monitor"
    assert client.post(monitor, {}).status_code == 405
    assert client.post(monitor, {}).headers["allow"] == "GET, HEAD"
    core = client.data('{ __type(name: "Mutation") { fields { name } } }')["__type"]["fields"]
    assert not [field for field in core if "Monitor" in field["name"]]


# ---- jobs ---------------------------------------------------------------------------------------


@pytest.fixture
def exchanging(database_url: str, tmp_path: Path) -> Any:
    made = Client(database_url, exchange_dir=tmp_path)
    yield made
    made.close()


def job(client: Client, kind: str, **document: Any) -> dict[str, Any]:
    """A job that was carried out."""
    made = post(client, kind, document)
    assert (made["status"], "completionDate" in made) == ("Not Started", False)
    assert client.carry_out() == 1
    done = get(client, kind, made["id"])
    assert states(client, kind, made["id"]) == ["Not Started", "Running", done["status"]]
    assert done["completionDate"] >= done["creationDate"]
    return done


def test_a_catalog_is_exported_and_imported_again(exchanging: Client, tmp_path: Path) -> None:
    for number in range(3):
        offering = {
            "id": f"o-{number}",
            "name": f"Offering {number}",
            "lifecycleStatus": "Active",
            "x-own": [1],
        }
        post(exchanging, "ProductOffering", offering)
    post(exchanging, "Category", {"id": "c", "name": "Fibre"})
    done = job(exchanging, "ExportJob", url="file:///sub/catalog.ndjson")
    assert done["status"] == "Succeeded" and "errorLog" not in done
    file = tmp_path / "sub" / "catalog.ndjson"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {line["id"] for line in lines} == {"c", "o-0", "o-1", "o-2"}
    assert exchanging.get(PATHS["ProductOffering"]).json() == [line for line in lines if line["id"] != "c"]
    before = exchanging.get(PATHS["ProductOffering"]).json()
    for number in range(2):
        exchanging.delete(f"{PATHS['ProductOffering']}/o-{number}")
    exchanging.patch(f"{PATHS['ProductOffering']}/o-2", {"name": "Changed"})
    assert job(exchanging, "ImportJob", url="sub/catalog.ndjson")["status"] == "Succeeded"
    after = exchanging.get(PATHS["ProductOffering"]).json()
    assert [{**one, "lastUpdate": None} for one in after] == [{**one, "lastUpdate": None} for one in before]


def test_a_job_is_scoped_by_path_and_query(exchanging: Client, tmp_path: Path) -> None:
    for number in range(3):
        post(exchanging, "ProductOffering", {"id": f"o-{number}", "name": f"n{number}", "version": "1"})
    post(exchanging, "Category", {"name": "Fibre"})
    scope = {"path": "/productOffering", "query": "name=n1,n2&version=1", "contentType": "application/json"}
    assert job(exchanging, "ExportJob", url="some.json", **scope)["status"] == "Succeeded"
    found = json.loads((tmp_path / "some.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in found] == ["n1", "n2"]
    assert [path.name for path in tmp_path.iterdir()] == ["some.json"], "no half-written file stays"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"url": "https://example.com/catalog.json"}, "not fetched"),
        ({"url": "file://example.com/catalog.json"}, "not fetched"),
        ({"url": "file:///../../etc/passwd"}, "inside the exchange directory"),
        ({"url": "file:///%2e%2e/%2e%2e/etc/passwd"}, "inside the exchange directory"),
        ({"url": "link/passwd"}, "inside the exchange directory"),
        ({"url": "file:///"}, "inside the exchange directory"),
        ({"url": "x" * 300}, "up to 255 bytes"),
        ({"url": "ü" * 128}, "up to 255 bytes"),
        ({"url": "dir/" * 400 + "b"}, "1000 with the directories"),
        ({"url": "nul%00.json"}, "printable"),
        ({"url": "line%0Abreak"}, "printable"),
        ({"url": "http://["}, "cannot be read"),
        ({"url": "missing.json"}, "no file missing.json"),
        ({"url": "catalog.json", "path": "/customer"}, "path must be one of /catalog"),
        ({"url": "catalog.json", "contentType": "text/csv"}, "contentType"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else None,
)
def test_a_job_that_cannot_be_done_says_why(
    exchanging: Client, tmp_path: Path, document: dict[str, Any], words: str
) -> None:
    (tmp_path / "link").symlink_to("/etc")
    for kind in ("ImportJob", "ExportJob"):
        answer = exchanging.post(PATHS[kind], document)
        if answer.status_code == 400:
            assert words in answer.json()["message"]
        if kind == "ExportJob" and document["url"] == "missing.json":
            continue
        # One that came in by another way, or of which that shows later only.
        made = exchanging.hold(WHOLE.kinds[kind], {**document, "status": "Not Started"}).id
        exchanging.carry_out()
        done = get(exchanging, kind, made)
        assert done["status"] == "Failed"
        assert words in done["errorLog"] and "Traceback" not in done["errorLog"]


def test_an_import_with_a_bad_document_imports_nothing(exchanging: Client, tmp_path: Path) -> None:
    good = {"@type": "Category", "id": "good", "name": "Fibre"}
    bad = {"@type": "ProductOffering", "id": "bad", "isBundle": "perhaps"}
    lines = [good, bad, {"@type": "Customer", "name": "no part of a catalog"}, "no object"]
    (tmp_path / "mixed.ndjson").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    done = job(exchanging, "ImportJob", url="mixed.ndjson")
    assert done["status"] == "Failed"
    log = done["errorLog"].splitlines()
    assert log[0] == "Nothing was imported:"
    assert "mixed.ndjson:2: $.isBundle must be true or false, not a string" in log
    assert "mixed.ndjson:2: $.name is mandatory" in log
    assert any(line.startswith("mixed.ndjson:3: @type must be one of Catalog") for line in log)
    assert exchanging.get(f"{PATHS['Category']}/good").status_code == 404


def test_what_was_exported_of_one_kind_is_not_imported_as_another(exchanging: Client) -> None:
    """Else who may write categories alone could read everybody's prices as such."""
    post(exchanging, "ProductOffering", {"id": "o", "name": "secret", "lifecycleStatus": "Active"})
    assert job(exchanging, "ExportJob", url="o.ndjson", path="/productOffering")["status"] == "Succeeded"
    done = job(exchanging, "ImportJob", url="o.ndjson", path="/category")
    assert done["status"] == "Failed" and "@type must be one of Category" in done["errorLog"]
    assert "secret" not in done["errorLog"]
    assert exchanging.get(f"{PATHS['Category']}/o").status_code == 404


def test_a_search_takes_so_many_spans(shared: Client) -> None:
    spans = [{"validFor": {"startDateTime": "2027-02-10T00:00:00Z"}}] * 21
    answer = shared.post("/tmf-api/appointment/v4/searchTimeSlot", {"requestedTimeSlot": spans})
    assert answer.status_code == 400 and answer.json()["problems"][0]["path"] == "$.requestedTimeSlot"


def test_a_job_that_a_dead_process_left_running_is_taken_up(exchanging: Client) -> None:
    id = exchanging.hold(WHOLE.kinds["ExportJob"], {"url": "again.ndjson", "status": "Running"}).id
    assert exchanging.carry_out() == 1
    assert get(exchanging, "ExportJob", id)["status"] == "Succeeded"


# ---- several at once ----------------------------------------------------------------------------


def test_of_many_requests_at_once_one_bills(client: Client) -> None:
    rates = [rate(client, "account", 1, 0.2) for _ in range(5)]
    kind = WHOLE.kinds["CustomerBillOnDemand"]
    store = Store(client.app.state.engine, WHOLE, reactions=REACTIONS)

    async def many() -> list[Any]:
        document = {"billingAccount": {"id": "account"}}
        return await asyncio.gather(*(store.create(kind, dict(document)) for _ in range(8)))

    states = sorted(row.get("state") for row in client.run(many()))
    assert states == ["done", *["rejected"] * 7]
    bills = client.get(PATHS["CustomerBill"]).json()
    assert [bill["amountDue"]["value"] for bill in bills] == [6.0]
    assert {get(client, "AppliedCustomerBillingRate", id)["bill"]["id"] for id in rates} == {bills[0]["id"]}


def test_of_many_workers_at_once_each_task_has_one(exchanging: Client) -> None:
    base, path, kind = ASYNCHRONOUS[0]
    headers = {"Prefer": "respond-async"}
    for _ in range(10):
        exchanging.post(f"{base}/{path}", minimal(WHOLE.kinds[kind]), headers=headers)

    async def many() -> list[int]:
        return await asyncio.gather(*(exchanging.app.state.worker.carry_out() for _ in range(5)))

    assert sum(exchanging.run(many())) == 10
    monitors = exchanging.get(f"{base}/monitor").json()
    assert [m["state"] for m in monitors] == ["Completed"] * 10
    assert exchanging.get(PATHS[kind]).headers["x-total-count"] == "10"
    assert {tuple(states(exchanging, "Monitor", m["id"])) for m in monitors} == {("InProgress", "Completed")}


@pytest.mark.parametrize(
    "start", ["9999-12-31T23:59:59Z", "9999-12-31T21:59:59.999Z", "0001-01-01T00:00:00Z"]
)
def test_times_at_the_ends_of_the_calendar_are_times(shared: Client, start: str) -> None:
    for period in (
        {"startDateTime": start},
        {"endDateTime": start},
        {"startDateTime": start, "endDateTime": start},
    ):
        answer = shared.post(
            "/tmf-api/appointment/v4/searchTimeSlot", {"requestedTimeSlot": [{"validFor": period}]}
        )
        assert answer.status_code in (201, 400), answer.text
