"""What writing a task brings about, in the task's own transaction: TMF's task resources do their task.

A request to cancel moves its order, a bill on demand bills what is unbilled, a query reports usage, a
search proposes time slots, and an activation that is done shows on what it activated. Work that takes
longer, or is due later, is left to `resolvers/background/worker.py`.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models.check import Problem, instant, now
from models.declare import KINDS, Kind
from resolvers.behaviour import catalog_jobs
from resolvers.errors import Conflict, Invalid, NotFound, TaskConflict
from resolvers.storage.conditions import All, Compare, Condition, Leads, Not, Refers
from resolvers.storage.documents import Draft, extended
from resolvers.storage.rows import Row
from resolvers.storage.store import Effects
from resolvers.storage.transaction import Transaction

Document = dict[str, Any]


def _moment(text: str) -> dt.datetime:
    """The moment that a canonical date-time says."""
    return dt.datetime.fromisoformat(text)


def is_later(text: str | None, moment: str) -> bool:
    """Whether a date-time lies after another; both are canonical."""
    return text is not None and text.rstrip("Z") > moment.rstrip("Z")


# ---- requests to cancel an order ----------------------------------------------------------------


@dataclass(frozen=True)
class _Cancels:
    order: str
    """Attribute of the request that refers to the order."""
    kind: str
    items: str
    """Attribute of the order that holds its lines."""


CANCELS = {
    "CancelProductOrder": _Cancels("productOrder", "ProductOrder", "productOrderItem"),
    "CancelServiceOrder": _Cancels("serviceOrder", "ServiceOrder", "serviceOrderItem"),
    "CancelResourceOrder": _Cancels("resourceOrder", "ResourceOrder", "orderItem"),
}

FINAL_LINES = ("completed", "failed", "rejected", "cancelled")


async def request_cancellation(transaction: Transaction, draft: Draft) -> Row:
    """A new request: carried out at once, or kept until the time that it asks for."""
    order = await _order_of(transaction, draft.kind.name, draft.body)
    request = await transaction.insert(draft)
    if is_later(request.get("requestedCancellationDate"), now()):
        return request
    return await cancel(transaction, request, order)


async def due_cancellation(transaction: Transaction, request: Row) -> Row:
    """A request whose time has come; it ends in error where the order can be cancelled no longer."""
    try:
        order = await _order_of(transaction, request.kind.name, request.body)
        return await cancel(transaction, request, order)
    except (Invalid, Conflict) as error:
        request = await transaction.change(request, {request.kind.state or "state": "inProgress"})
        end: Document = {"state": "terminatedWithError"}
        # Whoever may read the request reads the reason, and may perhaps not read the order.
        end |= told(request.kind, error.code, str(error.discreet()))
        return await transaction.change(request, end)


def told(kind: Kind, code: str, reason: str) -> Document:
    """The attributes of a request in which the reason goes why it came to nothing, where it has such."""
    if "completionMessage" not in kind.by_key:
        return {}
    return {"completionMessage": reason, "errorMessage": {"code": code, "reason": reason}}


async def cancel(transaction: Transaction, request: Row, order: Row) -> Row:
    """Moves the order to cancelled by the way that its states allow, and ends the request."""
    way = _way_to_cancelled(order)
    request = await transaction.change(request, {"state": "inProgress"})
    for state in way:
        change: Document = {"state": state}
        if state == "cancelled":
            change |= _cancelled(order, request)
        order = await transaction.change(order, change)
    when = order.get("cancellationDate") or now()
    return await transaction.change(request, {"state": "done", "effectiveCancellationDate": when})


async def _order_of(transaction: Transaction, name: str, request: Document) -> Row:
    task = CANCELS[name]
    id = request[task.order]["id"]
    try:
        order = await transaction.lock(KINDS[task.kind], id)
    except NotFound:
        message = f"refers to {task.kind} {id[:128]}, which is not held here"
        raise Invalid(name, [Problem(f"$.{task.order}.id", message)]) from None
    _way_to_cancelled(order)
    return order


def _way_to_cancelled(order: Row) -> Sequence[str]:
    """The states to go through, over the assessment of the request where there is such a way."""
    state, flow = str(order.get("state")), order.kind.flow
    assert flow is not None
    direct = flow.way(state, "cancelled")
    if direct is None:
        raise TaskConflict(
            order.kind.name,
            f"{order.kind.name} {order.id} is {state}: it can no longer be cancelled, only orders that "
            "are not at their end can.",
            f"{order.kind.name} {order.id} cannot be cancelled, only orders that are not at their end can.",
        )
    assessed = flow.way(state, "assessingCancellation")
    return (*assessed, *(flow.way("assessingCancellation", "cancelled") or ())) if assessed else direct


def _cancelled(order: Row, request: Row) -> Document:
    """What else changes in an order that is cancelled: its open lines, and the reason."""
    key = CANCELS[request.kind.name].items
    change: Document = {}
    if order.get(key):
        change[key] = [_cancelled_line(line, key) for line in order.get(key)]
    reason = request.get("cancellationReason")
    if reason and "cancellationReason" in order.kind.by_key and not order.get("cancellationReason"):
        change["cancellationReason"] = reason
    return change


def _cancelled_line(line: Document, key: str) -> Document:
    changed = dict(line)
    if line.get("state") not in FINAL_LINES:
        changed["state"] = "cancelled"
    if line.get(key):
        changed[key] = [_cancelled_line(inner, key) for inner in line[key]]
    return changed


# ---- bills on demand ----------------------------------------------------------------------------

DAYS_TO_PAY = 14


async def bill_on_demand(transaction: Transaction, draft: Draft) -> Row:
    """Bills the applied rates of an account or party that are on no bill; rejected where there are none."""
    account, party = draft.body.get("billingAccount"), draft.body.get("relatedParty")
    if not account and not party:
        missing = Problem("$.billingAccount", "is mandatory where there is no relatedParty")
        raise Invalid(draft.kind.name, [missing])
    rates = await transaction.select(KINDS["AppliedCustomerBillingRate"], _unbilled(account, party))
    request = await transaction.insert(draft)
    if not rates:
        return await transaction.change(request, {"state": "rejected", "lastUpdate": now()})
    bill = await transaction.create(KINDS["CustomerBill"], _bill(rates, account, party))
    reference = {"id": bill.id}
    for rate in rates:
        await transaction.change(rate, {"isBilled": True, "bill": reference})
    done = {"state": "done", "customerBill": reference, "lastUpdate": now()}
    return await transaction.change(request, done)


def _unbilled(account: Document | None, party: Document | None) -> Condition:
    is_billed = KINDS["AppliedCustomerBillingRate"].by_key["isBilled"]
    parts: list[Condition] = [Not(Compare(is_billed, "eq", True))]
    if account:
        parts.append(Refers("billingAccount", (account["id"],)))
    if party:
        of_party = Refers("relatedParty", (party["id"],))
        parts.append(Leads("product", KINDS["Product"], of_party))
    return All(tuple(parts))


def _bill(rates: Sequence[Row], account: Document | None, party: Document | None) -> Document:
    net = [_amount(rate, "taxExcludedAmount", "taxIncludedAmount", -1) for rate in rates]
    gross = [_amount(rate, "taxIncludedAmount", "taxExcludedAmount", 1) for rate in rates]
    unit = _one_currency([*net, *gross])
    total = _money(sum((value for value, _ in gross), Decimal()), unit)
    made = dt.datetime.now(dt.UTC).replace(microsecond=0)
    accounts = {rate.get("billingAccount")["id"] for rate in rates if rate.get("billingAccount")}
    if account is None and len(accounts) == 1:
        account = next(rate.get("billingAccount") for rate in rates if rate.get("billingAccount"))
    bill = {
        "billDate": instant(made),
        "billNo": f"{made:%Y%m%d}-{rates[0].key.hex[-8:].upper()}",
        "category": "normal",
        "runType": "offCycle",
        "state": "new",
        "paymentDueDate": instant(made + dt.timedelta(days=DAYS_TO_PAY)),
        "billingPeriod": _span(rates),
        "billingAccount": account,
        "relatedParty": [party] if party else None,
        "taxExcludedAmount": _money(sum((value for value, _ in net), Decimal()), unit),
        "taxIncludedAmount": total,
        "amountDue": total,
        "remainingAmount": total,
        "taxItem": _taxes(rates, unit) or None,
    }
    return {key: value for key, value in bill.items() if value is not None}


Amount = tuple[Decimal, str | None]


def _read(money: Document | None) -> Amount:
    value = (money or {}).get("value")
    return Decimal(str(value)) if isinstance(value, (int, float)) else Decimal(), (money or {}).get("unit")


def _amount(rate: Row, key: str, other: str, sign: int) -> Amount:
    """An amount of a rate; where it is not given, the other one with the taxes added or taken off."""
    if rate.get(key):
        return _read(rate.get(key))
    value, unit = _read(rate.get(other))
    taxes = sum((_read(tax.get("taxAmount"))[0] for tax in rate.get("appliedTax") or ()), Decimal())
    return value + sign * taxes, unit


def _one_currency(amounts: Iterable[Amount]) -> str | None:
    units = sorted({unit for value, unit in amounts if unit})
    if len(units) > 1:
        raise TaskConflict(
            "AppliedCustomerBillingRate",
            f"The unbilled rates are in {' and '.join(units)}; a bill has one currency.",
            "The unbilled rates are in several currencies; a bill has one.",
        )
    return units[0] if units else None


def _money(value: Decimal, unit: str | None) -> Document:
    return {"value": float(value)} if unit is None else {"unit": unit, "value": float(value)}


def _taxes(rates: Sequence[Row], unit: str | None) -> list[Document]:
    """The taxes of all rates, added up by category and rate."""
    sums: dict[tuple[str | None, float | None], Decimal] = {}
    for rate in rates:
        for tax in rate.get("appliedTax") or ():
            kind = (tax.get("taxCategory"), tax.get("taxRate"))
            sums[kind] = sums.get(kind, Decimal()) + _read(tax.get("taxAmount"))[0]
    found = []
    for (category, rate_), value in sums.items():
        item = {"taxCategory": category, "taxRate": rate_, "taxAmount": _money(value, unit)}
        found.append({key: inner for key, inner in item.items() if inner is not None})
    return found


def _span(rates: Sequence[Row]) -> Document | None:
    """From the first day that a rate covers to the last."""
    periods = [rate.get("periodCoverage") or {} for rate in rates]
    dates = [rate.get("date") for rate in rates if rate.get("date")]
    starts = [p["startDateTime"] for p in periods if p.get("startDateTime")] or dates
    ends = [p["endDateTime"] for p in periods if p.get("endDateTime")] or dates
    if not starts or not ends:
        return None
    return {"startDateTime": min(starts, key=_moment), "endDateTime": max(ends, key=_moment)}


# ---- reports of usage ---------------------------------------------------------------------------

QUANTITIES = ("volume", "duration", "quantity", "amount", "count")
"""Names of the usage characteristic that says how much was used, the first that is there."""
UNITS = ("unit", "units", "unitOfMeasure")
"""Names of the characteristic that says in what it is counted."""


async def query_usage(transaction: Transaction, draft: Draft) -> Row:
    """Adds up the stored usage that the criteria describe: by type, and within that by product."""
    by_type: dict[str, _Counter] = {}
    async for usage in transaction.each(KINDS["Usage"], _criteria(draft.body)):
        by_type.setdefault(usage.get("usageType") or "other", _Counter()).add(usage)
    made = now()
    parties = draft.body.get("relatedParty") or []
    report = [
        counter.report(number, name, made, parties)
        for number, (name, counter) in enumerate(sorted(by_type.items()), 1)
    ]
    return await transaction.insert(extended(draft, {"usageConsumption": report}))


def usage_needs(draft: Draft) -> Iterable[tuple[Kind, str]]:
    """A report tells what was used: it is for those who may read usage, by products for those who may
    read these."""
    yield KINDS["Usage"], "read"
    wanted = draft.body.get("searchCriteria") or {}
    by_product = (*(wanted.get(key) for key in ("service", "logicalResource", "partyAccount")),)
    if any(by_product) or draft.body.get("partyAccount"):
        yield KINDS["Product"], "read"


def _criteria(query: Document) -> Condition:
    """The usage that a query is about: each criterion narrows it, the values of one widen it."""
    wanted = query.get("searchCriteria") or {}
    usage, product = KINDS["Usage"], KINDS["Product"]
    parties = _ids(query.get("relatedParty"), wanted.get("relatedParty"))
    accounts = _ids(query.get("partyAccount"), wanted.get("partyAccount"))
    of_product = "ratedProductUsage.productRef"
    found: list[tuple[Sequence[str], Callable[[tuple[str, ...]], Condition]]] = [
        (parties, lambda ids: Refers("relatedParty", ids)),
        (_ids(wanted.get("product")), lambda ids: Refers(of_product, ids)),
        (_ids(wanted.get("service")), lambda ids: _via_product(Refers("realizingService", ids))),
        (_ids(wanted.get("logicalResource")), lambda ids: _via_product(Refers("realizingResource", ids))),
        (accounts, lambda ids: Leads(of_product, product, Refers("billingAccount", ids))),
    ]
    parts = [make(tuple(ids)) for ids, make in found if ids]
    types = tuple(b["usageType"] for b in wanted.get("bucketRefOrValue") or () if b.get("usageType"))
    if types:
        parts.append(Compare(usage.by_key["usageType"], "in", types))
    period = wanted.get("validPeriod") or {}
    date = usage.by_key["usageDate"]
    for key, operator in (("startDateTime", "gte"), ("endDateTime", "lte")):
        if period.get(key):
            parts.append(Compare(date, operator, period[key]))
    return All(tuple(parts))


def _via_product(condition: Condition) -> Condition:
    return Leads("ratedProductUsage.productRef", KINDS["Product"], condition)


def _ids(*lists: Sequence[Document] | None) -> list[str]:
    return list(dict.fromkeys(one["id"] for some in lists for one in some or ()))


class _Counter:
    """Usage of one type, added up."""

    def __init__(self) -> None:
        self._all = _Sum()
        self._products: dict[str, tuple[Document, _Sum]] = {}

    def add(self, usage: Row) -> None:
        self._all.add(usage, usage.get("ratedProductUsage") or ())
        for rated in usage.get("ratedProductUsage") or ():
            product = rated.get("productRef")
            if product and product.get("id"):
                self._products.setdefault(product["id"], (product, _Sum()))[1].add(usage, (rated,))

    def report(self, number: int, name: str, made: str, parties: Sequence[Document]) -> Document:
        counters = self._all.counters("global")
        found: Document = {
            "id": str(number),
            "name": name,
            "description": f"Usage of type {name}",
            "creationDate": made,
            "lastUpdate": made,
            "state": "done",
            "validPeriod": self._all.period,
            "bucketRefOrValue": [{"name": name, "usageType": name, "bucketCounter": counters}],
            "product": [
                {**{k: v for k, v in product.items() if k in ("id", "href", "name")},
                 "consumptionSummary": total.counters("product")}
                for product, total in self._products.values()
            ],
            "relatedParty": list(parties),
        }  # fmt: skip
        return {key: value for key, value in found.items() if value}


class _Sum:
    """How often, how much in each unit, and for how much in each currency."""

    def __init__(self) -> None:
        self._records = 0
        self._used: dict[str, Decimal] = {}
        self._rated: dict[str, Decimal] = {}
        self._dates: list[str] = []

    def add(self, usage: Row, rated: Iterable[Document]) -> None:
        self._records += 1
        quantity = _quantity(usage.get("usageCharacteristic") or ())
        if quantity:
            value, unit = quantity
            self._used[unit] = self._used.get(unit, Decimal()) + value
        for one in rated:
            value, unit = _read(one.get("taxIncludedRatingAmount") or one.get("taxExcludedRatingAmount"))
            if unit:
                self._rated[unit] = self._rated.get(unit, Decimal()) + value
        date = usage.get("usageDate")
        if date:
            self._dates = [min([date, *self._dates]), max([date, *self._dates])]

    @property
    def period(self) -> Document | None:
        if not self._dates:
            return None
        return {"startDateTime": self._dates[0], "endDateTime": self._dates[-1]}

    def counters(self, level: str) -> list[Document]:
        sums = [
            *(("used", value, unit) for unit, value in sorted(self._used.items())),
            *(("ratedAmount", value, unit) for unit, value in sorted(self._rated.items())),
            ("records", Decimal(self._records), "records"),
        ]
        found = []
        for kind, value, unit in sums:
            amount = {"amount": float(value), "units": unit} if unit else {"amount": float(value)}
            counter = {
                "counterType": kind,
                "level": level,
                "valueName": f"{value:f} {unit}".strip(),
                "value": amount,
                "consumptionPeriod": self.period,
            }
            found.append({key: inner for key, inner in counter.items() if inner})
        return found


def _quantity(characteristics: Sequence[Document]) -> tuple[Decimal, str] | None:
    values = {c.get("name"): c.get("value") for c in characteristics}
    unit = next((str(values[name]) for name in UNITS if values.get(name)), "")
    for name in QUANTITIES:
        value = values.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            continue
        try:
            number = Decimal(str(value))
        except ArithmeticError:
            continue
        if number.is_finite():
            return number, unit
    return None


# ---- free time slots ----------------------------------------------------------------------------

SLOT = dt.timedelta(hours=2)
SLOTS_AT_MOST = 50
WEEK = dt.timedelta(days=7)
DAY_STARTS, DAY_ENDS = 8, 18
LONGEST_SEARCH = dt.timedelta(days=90)
REQUESTED_AT_MOST = 20

Span = tuple[dt.datetime, dt.datetime]


async def search_time_slot(transaction: Transaction, draft: Draft) -> Row:
    """Proposes slots of two hours that no appointment takes.

    Within the spans asked for (open at an end: from now, for a week), or on the working days of the
    next week from 8 to 18 h UTC. What is taken is told by the appointments of the party named, else of
    the place named, else by all of them.
    """
    wanted = _wanted(draft.body.get("requestedTimeSlot") or ())
    found: list[Document] = []
    for party, span in wanted:
        whom = party or draft.body.get("relatedParty")
        taken = await _taken(transaction, whom, draft.body.get("relatedPlace"))
        for start, end in _slots(span):
            if not any(start < other_end and end > other_start for other_start, other_end in taken):
                valid = {"startDateTime": instant(start), "endDateTime": instant(end)}
                slot = {"id": str(len(found) + 1), "validFor": valid}
                found.append({**slot, "relatedParty": whom} if whom else slot)
            if len(found) >= SLOTS_AT_MOST:
                break
    result = {"status": "done", "searchResult": "success" if found else "fail", "availableTimeSlot": found}
    return await transaction.insert(extended(draft, result))


def _wanted(requested: Sequence[Document]) -> list[tuple[Document | None, Span]]:
    """Whom and when each requested slot asks for; the past is left out."""
    present = dt.datetime.now(dt.UTC)
    if not requested:
        tomorrow = (present + dt.timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        days = (tomorrow + dt.timedelta(days=number) for number in range(WEEK.days))
        return [
            (None, (day.replace(hour=DAY_STARTS), day.replace(hour=DAY_ENDS)))
            for day in days
            if day.weekday() < 5
        ]
    if len(requested) > REQUESTED_AT_MOST:
        message = f"may hold up to {REQUESTED_AT_MOST} spans, not {len(requested)}"
        raise Invalid("SearchTimeSlot", [Problem("$.requestedTimeSlot", message)])
    found = []
    for number, slot in enumerate(requested):
        period = slot.get("validFor") or {}
        start = _moment(period["startDateTime"]) if period.get("startDateTime") else present
        end = _moment(period["endDateTime"]) if period.get("endDateTime") else _a_week_after(start)
        if end - start > LONGEST_SEARCH:
            message = f"spans more than {LONGEST_SEARCH.days} days"
            raise Invalid("SearchTimeSlot", [Problem(f"$.requestedTimeSlot[{number}].validFor", message)])
        if start < present:  # only whole slots that lie ahead
            start += -((start - present) // SLOT) * SLOT
        found.append((slot.get("relatedParty"), (start, end)))
    return found


def _a_week_after(start: dt.datetime) -> dt.datetime:
    """A week later, as far as there are dates."""
    last = dt.datetime.max.replace(tzinfo=start.tzinfo)
    return start + min(WEEK, last - start)


def _slots(span: Span) -> Iterable[Span]:
    start, end = span
    while end - start >= SLOT:
        yield start, start + SLOT
        start += SLOT


async def _taken(transaction: Transaction, party: Document | None, place: Document | None) -> list[Span]:
    kind = KINDS["Appointment"]
    parts: list[Condition] = [Compare(kind.by_key["status"], "in", ("initialized", "confirmed"))]
    if party:
        parts.append(Refers("relatedParty", (party["id"],)))
    elif place and place.get("id"):
        parts.append(Refers("relatedPlace", (place["id"],)))
    found: list[Span] = []
    async for appointment in transaction.each(kind, All(tuple(parts))):
        period = appointment.get("validFor") or {}
        start, end = period.get("startDateTime"), period.get("endDateTime")
        if start and end:
            found.append((_moment(start), _moment(end)))
    return found


# ---- activations --------------------------------------------------------------------------------


async def activated_service(transaction: Transaction, old: Row, new: Row) -> None:
    """A service activation that is done makes its service active, where the service's life allows that."""
    await _activated(transaction, old, new, "service", "Service", {"state": "active"})


async def activated_resource(transaction: Transaction, old: Row, new: Row) -> None:
    """A resource activation that is done makes its resource operational."""
    await _activated(transaction, old, new, "resource", "Resource", {"operationalState": "enable"})


async def _activated(
    transaction: Transaction, old: Row, new: Row, key: str, kind: str, change: Document
) -> None:
    if new.get("state") != "done" or old.get("state") == "done":
        return
    try:
        entity = await transaction.lock(KINDS[kind], new.get(key)["id"])
    except NotFound:  # another system holds it
        return
    if all(entity.get(name) == value for name, value in change.items()):
        return
    flow, state = entity.kind.flow, entity.kind.state
    if flow and state in change and not flow.allows(str(entity.get(state)), change[state]):
        return
    await transaction.change(entity, change)


EFFECTS = Effects(
    created={
        **dict.fromkeys(CANCELS, request_cancellation),
        "CustomerBillOnDemand": bill_on_demand,
        "QueryUsageConsumption": query_usage,
        "SearchTimeSlot": search_time_slot,
    },
    needs={
        "QueryUsageConsumption": usage_needs,
        "ImportJob": catalog_jobs.import_needs,
        "ExportJob": catalog_jobs.export_needs,
    },
    changed={"ServiceActivation": activated_service, "ResourceActivation": activated_resource},
)
