"""Reports of usage: what was used, added up."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from models.declare import KINDS, Kind
from models.times import now
from resolvers.behaviour.money import Document, amount
from resolvers.storage.conditions import All, Compare, Condition, Leads, Refers
from resolvers.storage.documents import Draft, extended
from resolvers.storage.reactions import Storing
from resolvers.storage.rows import Row
from resolvers.storage.transaction import Transaction

QUANTITIES = ("volume", "duration", "quantity", "amount", "count")
"""Names of the usage characteristic that says how much was used, the first that is there."""
UNITS = ("unit", "units", "unitOfMeasure")
"""Names of the characteristic that says in what it is counted."""


async def query_usage(transaction: Transaction, draft: Draft, store: Storing) -> Row:
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
    return await store(extended(draft, {"usageConsumption": report}))


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
            value, unit = amount(one.get("taxIncludedRatingAmount") or one.get("taxExcludedRatingAmount"))
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
