"""Bills on demand: what is unbilled, on one bill."""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal

from models.check import Problem
from models.common.base import BillingAccountRef
from models.common.values import Money
from models.customer.bill import AppliedCustomerBillingRate, CustomerBillOnDemand, RelatedPartyRef
from models.declare import Kind
from models.lens import of, plain
from models.times import instant, now
from resolvers.behaviour.money import Amount, Document, amount, money
from resolvers.behaviour.needed import needed
from resolvers.errors import Invalid, TaskConflict
from resolvers.storage.conditions import All, Compare, Condition, Leads, Not, Refers
from resolvers.storage.documents import Draft
from resolvers.storage.reactions import Storing
from resolvers.storage.rows import Row
from resolvers.storage.transaction import Transaction

DAYS_TO_PAY = 14


async def bill_on_demand(transaction: Transaction, draft: Draft, store: Storing) -> Row:
    """Bills the applied rates of an account or party that are on no bill; rejected where there are none."""
    wanted = of(CustomerBillOnDemand, draft)
    account, party = wanted.billing_account, wanted.related_party
    if not account and not party:
        missing = Problem("$.billingAccount", "is mandatory where there is no relatedParty")
        raise Invalid(draft.kind.name, [missing])
    kind = needed(transaction.world, "AppliedCustomerBillingRate")
    rates = await transaction.select(kind, _unbilled(kind, account, party))
    request = await store(draft)
    if not rates:
        return await transaction.change(request, {"state": "rejected", "lastUpdate": now()})
    number = rates[0].key.hex[-8:].upper()
    charges = [of(AppliedCustomerBillingRate, rate) for rate in rates]
    bill = await transaction.create(
        needed(transaction.world, "CustomerBill"), _bill(number, charges, account, party)
    )
    reference = {"id": bill.id}
    for rate in rates:
        await transaction.change(rate, {"isBilled": True, "bill": reference})
    done = {"state": "done", "customerBill": reference, "lastUpdate": now()}
    return await transaction.change(request, done)


def _unbilled(rate: Kind, account: BillingAccountRef | None, party: RelatedPartyRef | None) -> Condition:
    parts: list[Condition] = [Not(Compare(rate.by_key["isBilled"], "eq", True))]
    if account:
        parts.append(Refers("billingAccount", (account.id,)))
    if party:
        of_party = Refers("relatedParty", (party.id,))
        parts.append(Leads("product", needed(rate.world, "Product"), of_party))
    return All(tuple(parts))


def _bill(
    number: str,
    rates: Sequence[AppliedCustomerBillingRate],
    account: BillingAccountRef | None,
    party: RelatedPartyRef | None,
) -> Document:
    net = [_amount(rate, rate.tax_excluded_amount, rate.tax_included_amount, -1) for rate in rates]
    gross = [_amount(rate, rate.tax_included_amount, rate.tax_excluded_amount, 1) for rate in rates]
    unit = _one_currency([*net, *gross])
    total = money(sum((value for value, _ in gross), Decimal()), unit)
    made = dt.datetime.now(dt.UTC).replace(microsecond=0)
    accounts = [rate.billing_account for rate in rates if rate.billing_account]
    if account is None and len({one.id for one in accounts}) == 1:
        account = accounts[0]
    bill = {
        "billDate": instant(made),
        "billNo": f"{made:%Y%m%d}-{number}",
        "category": "normal",
        "runType": "offCycle",
        "state": "new",
        "paymentDueDate": instant(made + dt.timedelta(days=DAYS_TO_PAY)),
        "billingPeriod": _span(rates),
        "billingAccount": plain(account) if account else None,
        "relatedParty": [plain(party)] if party else None,
        "taxExcludedAmount": money(sum((value for value, _ in net), Decimal()), unit),
        "taxIncludedAmount": total,
        "amountDue": total,
        "remainingAmount": total,
        "taxItem": _taxes(rates, unit) or None,
    }
    return {key: value for key, value in bill.items() if value is not None}


def _amount(rate: AppliedCustomerBillingRate, given: Money | None, other: Money | None, sign: int) -> Amount:
    """An amount of a rate; where it is not given, the other one with the taxes added or taken off."""
    if given:
        return amount(given)
    value, unit = amount(other)
    taxes = sum((amount(tax.tax_amount)[0] for tax in rate.applied_tax), Decimal())
    return value + sign * taxes, unit


def _one_currency(amounts: Iterable[Amount]) -> str | None:
    units = sorted({unit for _, unit in amounts if unit})
    if len(units) > 1:
        raise TaskConflict(
            "AppliedCustomerBillingRate",
            f"The unbilled rates are in {' and '.join(units)}; a bill has one currency.",
            "The unbilled rates are in several currencies; a bill has one.",
        )
    return units[0] if units else None


def _taxes(rates: Sequence[AppliedCustomerBillingRate], unit: str | None) -> list[Document]:
    """The taxes of all rates, added up by category and rate."""
    sums: dict[tuple[str | None, float | None], Decimal] = {}
    for rate in rates:
        for tax in rate.applied_tax:
            kind = (tax.tax_category, tax.tax_rate)
            sums[kind] = sums.get(kind, Decimal()) + amount(tax.tax_amount)[0]
    found: list[Document] = []
    for (category, rate_), value in sums.items():
        item = {"taxCategory": category, "taxRate": rate_, "taxAmount": money(value, unit)}
        found.append({key: inner for key, inner in item.items() if inner is not None})
    return found


def _span(rates: Sequence[AppliedCustomerBillingRate]) -> Document | None:
    """From the first day that a rate covers to the last."""
    periods = [rate.period_coverage for rate in rates if rate.period_coverage]
    dates = [rate.date for rate in rates if rate.date]
    starts = [period.start_date_time for period in periods if period.start_date_time] or dates
    ends = [period.end_date_time for period in periods if period.end_date_time] or dates
    if not starts or not ends:
        return None
    return {"startDateTime": instant(min(starts)), "endDateTime": instant(max(ends))}
