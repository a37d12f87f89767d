"""Reports of usage: what was used, added up."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from models.common import EntityRef, ProductRef, RelatedParty
from models.customer.consumption import QueryUsageConsumption, UsageConsumption
from models.declare import Kind, World
from models.lens import of, plain
from models.revenue.usage import RatedProductUsage, Usage, UsageCharacteristic
from models.times import instant, now
from resolvers.behaviour.money import Document, amount
from resolvers.behaviour.needed import needed
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
    query, by_type = of(QueryUsageConsumption, draft), dict[str, _Counter]()
    world = transaction.world
    async for row in transaction.each(needed(world, "Usage"), _criteria(world, query)):
        usage = of(Usage, row)
        by_type.setdefault(usage.usage_type or "other", _Counter()).add(usage)
    made = now()
    parties = [plain(party) for party in query.related_party]
    report = [
        counter.report(number, name, made, parties)
        for number, (name, counter) in enumerate(sorted(by_type.items()), 1)
    ]
    return await store(extended(draft, {"usageConsumption": report}))


def usage_needs(draft: Draft) -> Iterable[tuple[Kind, str]]:
    """A report tells what was used: it is for those who may read usage, by products for those who may
    read these."""
    yield needed(draft.kind.world, "Usage"), "read"
    query = of(QueryUsageConsumption, draft)
    wanted = query.search_criteria or of(UsageConsumption, {})
    if wanted.service or wanted.logical_resource or wanted.party_account or query.party_account:
        yield needed(draft.kind.world, "Product"), "read"


def _criteria(world: World, query: QueryUsageConsumption) -> Condition:
    """The usage that a query is about: each criterion narrows it, the values of one widen it."""
    wanted = query.search_criteria or of(UsageConsumption, {})
    usage = needed(world, "Usage")

    def via_product(condition: Condition) -> Condition:
        return Leads(of_product, needed(world, "Product"), condition)

    parties = _ids(query.related_party, wanted.related_party)
    accounts = _ids(query.party_account, wanted.party_account)
    of_product = "ratedProductUsage.productRef"
    found: list[tuple[Sequence[str], Callable[[tuple[str, ...]], Condition]]] = [
        (parties, lambda ids: Refers("relatedParty", ids)),
        (_ids(wanted.product), lambda ids: Refers(of_product, ids)),
        (_ids(wanted.service), lambda ids: via_product(Refers("realizingService", ids))),
        (_ids(wanted.logical_resource), lambda ids: via_product(Refers("realizingResource", ids))),
        (accounts, lambda ids: via_product(Refers("billingAccount", ids))),
    ]
    parts = [make(tuple(ids)) for ids, make in found if ids]
    types = tuple(bucket.usage_type for bucket in wanted.bucket_ref_or_value if bucket.usage_type)
    if types:
        parts.append(Compare(usage.by_key["usageType"], "in", types))
    period, date = wanted.valid_period, usage.by_key["usageDate"]
    if period and period.start_date_time:
        parts.append(Compare(date, "gte", instant(period.start_date_time)))
    if period and period.end_date_time:
        parts.append(Compare(date, "lte", instant(period.end_date_time)))
    return All(tuple(parts))


def _ids(*lists: Sequence[EntityRef | RelatedParty]) -> list[str]:
    return list(dict.fromkeys(one.id for some in lists for one in some))


class _Counter:
    """Usage of one type, added up."""

    def __init__(self) -> None:
        self._all = _Sum()
        self._products: dict[str, tuple[ProductRef, _Sum]] = {}

    def add(self, usage: Usage) -> None:
        self._all.add(usage, usage.rated_product_usage)
        for rated in usage.rated_product_usage:
            product = rated.product_ref
            if product and product.id:
                self._products.setdefault(product.id, (product, _Sum()))[1].add(usage, (rated,))

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
                {**{k: v for k, v in plain(product).items() if k in ("id", "href", "name")},
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
        self._dates: list[dt.datetime] = []

    def add(self, usage: Usage, rated: Iterable[RatedProductUsage]) -> None:
        self._records += 1
        quantity = _quantity(usage.usage_characteristic)
        if quantity:
            value, unit = quantity
            self._used[unit] = self._used.get(unit, Decimal()) + value
        for one in rated:
            value, unit = amount(one.tax_included_rating_amount or one.tax_excluded_rating_amount)
            if unit:
                self._rated[unit] = self._rated.get(unit, Decimal()) + value
        if usage.usage_date:
            dates = [usage.usage_date, *self._dates]
            self._dates = [min(dates), max(dates)]

    @property
    def period(self) -> Document | None:
        if not self._dates:
            return None
        return {"startDateTime": instant(self._dates[0]), "endDateTime": instant(self._dates[-1])}

    def counters(self, level: str) -> list[Document]:
        sums = [
            *(("used", value, unit) for unit, value in sorted(self._used.items())),
            *(("ratedAmount", value, unit) for unit, value in sorted(self._rated.items())),
            ("records", Decimal(self._records), "records"),
        ]
        found: list[Document] = []
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


def _quantity(characteristics: Sequence[UsageCharacteristic]) -> tuple[Decimal, str] | None:
    values = {one.name: one.value for one in characteristics}
    unit = next((str(values[name]) for name in UNITS if values.get(name)), "")
    for name in QUANTITIES:
        value: Any = values.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            continue
        try:
            number = Decimal(str(value))
        except ArithmeticError:
            continue
        if number.is_finite():
            return number, unit
    return None
