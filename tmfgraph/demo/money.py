"""What customers use and what they pay: usage with its sums, charges, and the bills made of them.

All amounts are counted in cents, so that they add up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tmfgraph.demo.catalog import DATA, FIBRE, MESSAGE, MOBILE, VOICE, UsageSort
from tmfgraph.demo.common import DAY, MONTH, TAX_RATE, Document, characteristics, moment, money, month, refer
from tmfgraph.demo.network import Installed
from tmfgraph.demo.people import Customer

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip
DAYS_TO_PAY = 14
GIGABYTE = 10  # data is counted in tenths of it


@dataclass(frozen=True)
class Used:
    """What was used of one product in one way: the records as amount and cost."""

    of: Installed
    sort: UsageSort
    records: Sequence[tuple[int, int]]

    def shown(self, amount: int) -> float:
        """An amount in the unit of its sort."""
        return amount / GIGABYTE if self.sort is DATA else amount

    @property
    def cost(self) -> int:
        return sum(cents for _, cents in self.records)


def charge(customer: Customer, has: Sequence[Installed]) -> None:
    """A customer's bills of the last months, and what has come together since, which is on no bill."""
    longer = customer.unpaid or customer.number % 25 == 1
    months = range(MONTH - 2 if longer else MONTH - 1, MONTH if customer.unpaid else MONTH + 1)
    for number in months:
        running = [one for one in has if _runs(one, number)]
        used = list(_used(customer, running, number))
        charges = [
            _recurring(customer, one, number, name, cents) for one in running for name, cents in _fees(one)
        ]
        charges += [_for_usage(customer, some, number) for some in used if some.cost]
        bill = _bill(customer, number, charges) if charges and number < MONTH else None
        for some in used:
            _store_usage(customer, some, number)
        if bill:
            customer.add("CustomerBill", bill)
        for one in charges:
            one["isBilled"] = bill is not None
            if bill:
                one["bill"] = refer("CustomerBill", bill["id"])
            customer.add("AppliedCustomerBillingRate", one)


def _runs(one: Installed, number: int) -> bool:
    """Whether a product runs through a whole month."""
    start, end = one.product.get("startDate"), one.product.get("terminationDate")
    ended = end is not None and end < moment(month(number + 1))
    return start is not None and start <= moment(month(number)) and not ended


def _fees(one: Installed) -> list[tuple[str, int]]:
    return [(one.offering.name, round(v * 100)) for _, kind, v in one.offering.charges if kind == "recurring"]


def _span(number: int) -> Document:
    return {"startDateTime": moment(month(number)), "endDateTime": moment(month(number + 1))}


def _when(number: int) -> str:
    """A month in ids and numbers of bills: 2026-08."""
    return moment(month(number))[:7]


def _net(cents: int) -> int:
    """An amount without its tax."""
    return round(cents / (1 + TAX_RATE / 100))


# ---- usage ---------------------------------------------------------------------------------------


def _used(customer: Customer, running: Sequence[Installed], number: int) -> Iterator[Used]:
    """What is used in a month: within the plans, and by some beyond them."""
    mobile = next((one for one in running if one.offering.specification is MOBILE), None)
    fibre = next((one for one in running if one.offering.specification is FIBRE), None)
    rng = customer.rng
    if number == MONTH and mobile:
        plan = mobile.offering.values["dataVolume"]
        yield Used(mobile, DATA, [(rng.randint(plan, plan * 4), 0) for _ in range(2)])
    elif number == MONTH and fibre:
        yield Used(fibre, DATA, [(rng.randint(80, 400) * GIGABYTE, 0)])
    if mobile and number == MONTH and customer.number % 10 == 0:
        yield Used(mobile, MESSAGE, [_abroad(MESSAGE, rng.randint(2, 20))])
    if mobile and number < MONTH and customer.number % 6 == 1:
        yield Used(mobile, VOICE, [(rng.randint(5, 90), 0), _abroad(VOICE, rng.randint(3, 25))])


def _abroad(sort: UsageSort, amount: int) -> tuple[int, int]:
    return amount, amount * sort.cents


def _store_usage(customer: Customer, used: Used, number: int) -> None:
    """The usage records, and their sum."""
    sort, product = used.sort, used.of.reference
    references, rated = [], ""
    for n, (amount, cents) in enumerate(used.records, 1):
        at = month(number) + (n * 4 + customer.number % 3) * DAY + customer.rng.randrange(DAY)
        rated = moment(at + 60)
        record = {
            "id": f"USE-{product['id'][2:]}-{_when(number)}-{sort.type}-{n}",
            "description": f"{sort.name} abroad" if cents else f"{sort.name} within the plan",
            "usageDate": moment(at),
            "usageType": sort.type,
            "status": "billed" if number < MONTH else "rated",
            "usageSpecification": sort.reference,
            "usageCharacteristic": characteristics({sort.counted: used.shown(amount), "unit": sort.unit}),
            "ratedProductUsage": [
                {
                    "productRef": product,
                    "ratingDate": rated,
                    "ratingAmountType": "Total",
                    "usageRatingTag": "non included usage" if cents else "included usage",
                    "offerTariffType": "normal",
                    "taxExcludedRatingAmount": money(_net(cents) / 100),
                    "taxIncludedRatingAmount": money(cents / 100),
                    "taxRate": TAX_RATE,
                    "isTaxExempt": False,
                    "isBilled": number < MONTH,
                }
            ],
            "relatedParty": [customer.reference],
        }
        references.append(refer("Usage", customer.add("Usage", record)["id"]))
    total = used.shown(sum(amount for amount, _ in used.records))
    customer.add(
        "CustomerUsage",
        {
            "id": f"CU-{product['id'][2:]}-{_when(number)}-{sort.type}",
            "name": f"{sort.name} in {MONTHS[number - 1]}",
            "usageType": sort.type,
            "customer": refer("Customer", customer.id, customer.name),
            "productOffering": used.of.offering.reference,
            "product": product,
            "quantity": {"amount": total, "units": sort.unit},
            "startDate": moment(month(number)),
            # A month that still runs has no end.
            **({"endDate": moment(month(number + 1))} if number < MONTH else {}),
            "ratedAmount": money(used.cost / 100),
            "usage": references,
            "lastUpdate": rated,
        },
    )


# ---- charges and bills ------------------------------------------------------------------------------


def _recurring(customer: Customer, one: Installed, number: int, name: str, cents: int) -> Document:
    kind = "recurringCharge" if cents > 0 else "appliedBillingCredit"
    name = f"{name}, {MONTHS[number - 1]}"
    return {**_rate(customer, one, number, name, cents, month(number)), "type": kind}


def _for_usage(customer: Customer, used: Used, number: int) -> Document:
    name = f"{used.sort.name} abroad, {MONTHS[number - 1]}"
    last = month(number + 1) - 1 if number < MONTH else month(number) + 10 * DAY
    made = _rate(customer, used.of, number, name, used.cost, last)
    extra = characteristics({"usageType": used.sort.type})
    return {**made, "id": f"{made['id']}-{used.sort.type}", "type": "usageCharge", "characteristic": extra}


def _rate(customer: Customer, one: Installed, number: int, name: str, cents: int, made: int) -> Document:
    """A charge with its tax; whether it is on a bill remains to be said."""
    net = _net(cents)
    tax = money((cents - net) / 100)
    return {
        "id": f"RATE-{one.product['id'][2:]}-{_when(number)}",
        "name": name,
        "date": moment(made),
        "billingAccount": customer.account,
        "product": one.reference,
        "periodCoverage": _span(number),
        "taxExcludedAmount": money(net / 100),
        "taxIncludedAmount": money(cents / 100),
        "appliedTax": [{"taxCategory": "VAT", "taxRate": TAX_RATE, "taxAmount": tax}],
    }


def _bill(customer: Customer, number: int, charges: Sequence[Document]) -> Document:
    """The bill of a month, made on the first day after it, and how far it is paid."""
    made = month(number + 1)
    net, gross = (_sum(charges, key) for key in ("taxExcludedAmount", "taxIncludedAmount"))
    state = _state(customer, number)
    paid = {"settled": gross, "partiallyPaid": gross // 2}.get(state, 0)
    id = f"BILL-{customer.number:06}-{_when(number)}"
    bill: Document = {
        "id": id,
        "billNo": f"{_when(number)}-{customer.number:06}",
        "billDate": moment(made),
        "category": "normal",
        "runType": "onCycle",
        "state": state,
        "billingPeriod": _span(number),
        "nextBillDate": moment(month(number + 2)),
        "paymentDueDate": moment(made + DAYS_TO_PAY * DAY),
        "lastUpdate": moment(made + (5 * DAY if paid else 60)),
        "taxExcludedAmount": money(net / 100),
        "taxIncludedAmount": money(gross / 100),
        "taxItem": [
            {"taxCategory": "VAT", "taxRate": TAX_RATE, "taxAmount": money((gross - net) / 100)},
        ],
        "amountDue": money(gross / 100),
        "remainingAmount": money((gross - paid) / 100),
        "billingAccount": customer.account,
        "paymentMethod": {"id": f"PM-{customer.number:06}", "name": "Direct debit"},
        "relatedParty": [
            {
                **refer("Customer", customer.id, customer.name),
                "role": "billReceiver",
                "@referredType": "Customer",
            }
        ],
    }
    if paid:
        payment = {"id": f"PAY-{id[5:]}", "name": f"Payment of {bill['billNo']}"}
        bill["appliedPayment"] = [{"appliedAmount": money(paid / 100), "payment": payment}]
    return bill


def _sum(charges: Sequence[Document], key: str) -> int:
    return sum(round(one[key]["value"] * 100) for one in charges)


def _state(customer: Customer, number: int) -> str:
    """Older bills are paid; of the last ones some are still open, and those of who did not pay at all."""
    if customer.unpaid:
        return "sent"
    if number < MONTH - 1:
        return "settled"
    if customer.number % 50 == 14:
        return "onHold"
    return {3: "sent", 6: "validated", 9: "partiallyPaid"}.get(customer.number % 10, "settled")
