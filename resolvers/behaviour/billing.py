"""Bills on demand: what is unbilled, on one bill."""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal

from models.check import Problem
from models.declare import KINDS
from models.times import instant, now
from resolvers.behaviour.money import Amount, Document, amount, moment, money
from resolvers.errors import Invalid, TaskConflict
from resolvers.storage.conditions import All, Compare, Condition, Leads, Not, Refers
from resolvers.storage.documents import Draft
from resolvers.storage.reactions import Storing
from resolvers.storage.rows import Row
from resolvers.storage.transaction import Transaction

DAYS_TO_PAY = 14


async def bill_on_demand(transaction: Transaction, draft: Draft, store: Storing) -> Row:
    """Bills the applied rates of an account or party that are on no bill; rejected where there are none."""
    account, party = draft.body.get("billingAccount"), draft.body.get("relatedParty")
    if not account and not party:
        missing = Problem("$.billingAccount", "is mandatory where there is no relatedParty")
        raise Invalid(draft.kind.name, [missing])
    rates = await transaction.select(KINDS["AppliedCustomerBillingRate"], _unbilled(account, party))
    request = await store(draft)
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
    total = money(sum((value for value, _ in gross), Decimal()), unit)
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
        "taxExcludedAmount": money(sum((value for value, _ in net), Decimal()), unit),
        "taxIncludedAmount": total,
        "amountDue": total,
        "remainingAmount": total,
        "taxItem": _taxes(rates, unit) or None,
    }
    return {key: value for key, value in bill.items() if value is not None}


def _amount(rate: Row, key: str, other: str, sign: int) -> Amount:
    """An amount of a rate; where it is not given, the other one with the taxes added or taken off."""
    if rate.get(key):
        return amount(rate.get(key))
    value, unit = amount(rate.get(other))
    taxes = sum((amount(tax.get("taxAmount"))[0] for tax in rate.get("appliedTax") or ()), Decimal())
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


def _taxes(rates: Sequence[Row], unit: str | None) -> list[Document]:
    """The taxes of all rates, added up by category and rate."""
    sums: dict[tuple[str | None, float | None], Decimal] = {}
    for rate in rates:
        for tax in rate.get("appliedTax") or ():
            kind = (tax.get("taxCategory"), tax.get("taxRate"))
            sums[kind] = sums.get(kind, Decimal()) + amount(tax.get("taxAmount"))[0]
    found = []
    for (category, rate_), value in sums.items():
        item = {"taxCategory": category, "taxRate": rate_, "taxAmount": money(value, unit)}
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
    return {"startDateTime": min(starts, key=moment), "endDateTime": max(ends, key=moment)}
