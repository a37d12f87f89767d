"""TMF678 Customer Bill: bills, bills on demand, and the charges that a bill consists of."""

import datetime as dt
import enum

from models.common import (
    PARTY_OR_ROLE,
    AttachmentRefOrValue,
    BillingAccountRef,
    Entity,
    EntityRef,
    Extensible,
    Money,
    PaymentMethodRef,
    PaymentRef,
    ProductRef,
    TaxItem,
    TimePeriod,
)
from models.declare import (
    Api,
    Changed,
    External,
    Flow,
    Json,
    ServerSet,
    enumeration,
    reference,
    resource,
    value,
)

TMF678 = Api("TMF678", "Customer Bill", "customer", "/tmf-api/customerBillManagement/v4")


# TMF678 calls it stateValue.
@enumeration
class CustomerBillStateType(enum.StrEnum):
    """Where a bill stands."""

    NEW = "new"
    ON_HOLD = "onHold"
    VALIDATED = "validated"
    SENT = "sent"
    PARTIALLY_PAID = "partiallyPaid"
    SETTLED = "settled"


# TMF678 calls it StateValues.
@enumeration
class CustomerBillOnDemandStateType(enum.StrEnum):
    """Where a request for a bill stands."""

    IN_PROGRESS = "inProgress"
    REJECTED = "rejected"
    DONE = "done"
    TERMINATED_WITH_ERROR = "terminatedWithError"


CUSTOMER_BILL_ON_DEMAND_FLOW = Flow(
    starts=("inProgress",),
    moves={"inProgress": ("done", "rejected", "terminatedWithError")},
)

FINANCIAL_ACCOUNT = External("FinancialAccount", "A financial account of TMF666, held by another system.")


@reference("CustomerBill")
class BillRef(Extensible):
    """A bill."""

    id: str
    """Identifier of the bill."""
    href: str | None = None
    """Address of the bill."""
    at_referred_type: str | None = None
    """The actual type of the bill."""


@reference(PARTY_OR_ROLE)
class RelatedPartyRef(EntityRef):
    """A party or party role that has to do with a bill, e.g. who receives it or who pays it."""

    role: str | None = None
    """The part it plays."""


@value
class AccountBalance(Extensible):
    """What an account holds or owes."""

    balance_type: str
    """Kind of balance, e.g. "receivable", "deposit" or "disputed"."""
    amount: Money
    """How much it is."""
    valid_for: TimePeriod
    """From when until when the balance is this."""


@reference(FINANCIAL_ACCOUNT)
class FinancialAccountRef(EntityRef):
    """The account in which a customer's bills and payments are booked."""

    account_balance: tuple[AccountBalance, ...] = ()
    """What the account holds or owes."""


@value
class AppliedPayment(Extensible):
    """The share of a payment that went to a bill."""

    applied_amount: Money | None = None
    """How much of the payment went to the bill."""
    payment: PaymentRef | None = None
    """The payment."""


@value
class AppliedBillingTaxRate(Extensible):
    """A tax on a charge."""

    tax_category: str | None = None
    """Kind of tax, e.g. "VAT"."""
    tax_rate: float | None = None
    """Rate of the tax, in percent."""
    tax_amount: Money | None = None
    """The tax itself."""


@value
class AppliedBillingRateCharacteristic(Extensible):
    """A property of a charge, by name and value."""

    name: str
    """Name of the property."""
    value_type: str | None = None
    """Data type of the value, e.g. "number" or "text"."""
    value: Json
    """The value, of whatever JSON type."""


# With TMF678 a bill can only be read and its state be changed: bills come out of a billing system. Here
# they come in by POST, and are kept right by PATCH and DELETE. It has no diagram for the states either.
@resource(TMF678.at("customerBill"), state="state")
class CustomerBill(Entity):
    """A bill: what a customer has to pay for a period, or after an event such as a closed account."""

    bill_no: str | None = None
    """Number that is printed on the bill."""
    bill_date: dt.datetime | None = None
    """When the bill was made."""
    category: str | None = None
    """Kind of bill, e.g. "normal", "duplicate", "interim", "last" or "credit note"."""
    run_type: str | None = None
    """Whether a billing cycle made it, or an event: "onCycle" or "offCycle"."""
    state: CustomerBillStateType | None = None
    """Where the bill stands."""
    billing_period: TimePeriod | None = None
    """The time that the bill is for."""
    next_bill_date: dt.datetime | None = None
    """When the next bill is due to be made, roughly."""
    payment_due_date: dt.datetime | None = None
    """Until when the bill has to be paid."""
    last_update: Changed[dt.datetime | None] = None
    """When the bill was last changed."""
    amount_due: Money | None = None
    """How much has to be paid."""
    remaining_amount: Money | None = None
    """How much is still to be paid."""
    tax_excluded_amount: Money | None = None
    """The sum of the charges without tax."""
    tax_included_amount: Money | None = None
    """The sum of the charges with tax."""
    tax_item: tuple[TaxItem, ...] = ()
    """The taxes, one for each rate."""
    applied_payment: tuple[AppliedPayment, ...] = ()
    """Payments that went to the bill."""
    payment_method: PaymentMethodRef | None = None
    """How the bill is paid."""
    billing_account: BillingAccountRef | None = None
    """The account whose charges are billed."""
    financial_account: FinancialAccountRef | None = None
    """The account in which the bill is booked."""
    bill_document: tuple[AttachmentRefOrValue, ...] = ()
    """The bill as it was sent, e.g. as PDF."""
    related_party: tuple[RelatedPartyRef, ...] = ()
    """Parties with a part in the bill, e.g. who receives it and who pays it."""


@resource(
    TMF678.at("customerBillOnDemand"),
    flow=CUSTOMER_BILL_ON_DEMAND_FLOW,
    state="state",
    operations=("create",),
)
class CustomerBillOnDemand(Entity):
    """A request to make a bill now, ahead of the billing cycle."""

    name: str | None = None
    """What people call the request."""
    description: str | None = None
    """What the request is about, in free text."""
    billing_account: BillingAccountRef | None = None
    """The account to bill."""
    related_party: RelatedPartyRef | None = None
    """The party to bill."""
    state: ServerSet[CustomerBillOnDemandStateType | None] = None
    """Where the request stands."""
    customer_bill: ServerSet[BillRef | None] = None
    """The bill that was made."""
    last_update: ServerSet[str | None] = None
    """When the request was last changed."""


# Like bills, charges can only be read with TMF678; here they can be brought in and kept right.
@resource(TMF678.at("appliedCustomerBillingRate"))
class AppliedCustomerBillingRate(Entity):
    """A charge or credit: on a bill already, or waiting for the next one."""

    name: str | None = None
    """What people call the charge."""
    description: str | None = None
    """What the bill says about the charge."""
    type: str | None = None
    """Kind of charge, e.g. "recurringCharge", "oneTimeCharge" or "appliedBillingCredit"."""
    date: dt.datetime | None = None
    """When the charge was made."""
    is_billed: bool | None = None
    """Whether it is on a bill already."""
    bill: BillRef | None = None
    """The bill that it is on."""
    billing_account: BillingAccountRef | None = None
    """The account that will be billed for it."""
    product: ProductRef | None = None
    """The product that it is for."""
    period_coverage: TimePeriod | None = None
    """The time that it is for, where it recurs."""
    tax_excluded_amount: Money | None = None
    """How much it is without tax."""
    tax_included_amount: Money | None = None
    """How much it is with tax."""
    applied_tax: tuple[AppliedBillingTaxRate, ...] = ()
    """Taxes on it."""
    characteristic: tuple[AppliedBillingRateCharacteristic, ...] = ()
    """Further properties, which depend on the kind of charge."""
