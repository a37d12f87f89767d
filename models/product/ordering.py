"""TMF622 Product Ordering: orders for products, and requests to cancel them."""

import datetime as dt
import enum
from typing import Annotated

from models.common import (
    AgreementRef,
    AppointmentRef,
    BillingAccountRef,
    Entity,
    EntityRef,
    Extensible,
    Note,
    OrderItemActionType,
    PaymentRef,
    Price,
    ProductOfferingPriceRef,
    ProductOfferingRef,
    Quantity,
    RelatedParty,
)
from models.common.task import CANCEL_FLOW, CancelOrder, TaskStateType
from models.declare import (
    Api,
    Created,
    External,
    Fixed,
    Flow,
    ServerSet,
    enumeration,
    reached,
    reference,
    resource,
    value,
)
from models.product.catalog import SALES_CHANNEL
from models.product.inventory import PriceAlteration, ProductRefOrValue

TMF622 = Api("TMF622", "Product Ordering", "product", "/tmf-api/productOrderingManagement/v4")


@enumeration
class ProductOrderStateType(enum.StrEnum):
    """Where a product order stands."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    PENDING = "pending"
    HELD = "held"
    IN_PROGRESS = "inProgress"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"
    PARTIAL = "partial"
    ASSESSING_CANCELLATION = "assessingCancellation"
    PENDING_CANCELLATION = "pendingCancellation"


@enumeration
class ProductOrderItemStateType(enum.StrEnum):
    """Where one line of a product order stands."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    PENDING = "pending"
    HELD = "held"
    IN_PROGRESS = "inProgress"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"
    ASSESSING_CANCELLATION = "assessingCancellation"
    PENDING_CANCELLATION = "pendingCancellation"


PRODUCT_ORDER_FLOW = Flow(
    starts=("acknowledged", "rejected"),
    moves={
        "acknowledged": ("pending", "inProgress"),
        "inProgress": ("pending", "held", "assessingCancellation", "completed", "failed", "partial"),
        "pending": ("inProgress", "assessingCancellation", "cancelled"),
        "held": ("inProgress", "assessingCancellation", "cancelled"),
        "assessingCancellation": ("pendingCancellation", "inProgress", "pending", "held"),
        "pendingCancellation": ("cancelled",),
    },
)

QUALIFICATION = External(
    "ProductOfferingQualification",
    "A check of TMF679 whether a customer can have an offering, held by another system.",
)
QUOTE = External("Quote", "A quote of TMF648, held by another system.")


@reference("ProductOrder")
class ProductOrderRef(EntityRef):
    """A product order."""


@reference(SALES_CHANNEL)
class RelatedChannel(EntityRef):
    """A channel that an order came through, e.g. the web shop."""

    role: str | None = None
    """The part it plays."""


@reference(QUALIFICATION)
class ProductOfferingQualificationRef(EntityRef):
    """An earlier check whether the customer can have the offering."""


@reference(QUALIFICATION, id_key="productOfferingQualificationId")
class ProductOfferingQualificationItemRef(EntityRef):
    """One line of an earlier check whether the customer can have the offering; `id` is that of the line."""

    product_offering_qualification_id: str
    """Identifier of the check that has the line."""
    product_offering_qualification_href: str | None = None
    """Address of the check that has the line."""
    product_offering_qualification_name: str | None = None
    """Name of the check that has the line."""


@reference(QUOTE)
class QuoteRef(EntityRef):
    """A quote that was made for the customer."""


@reference(QUOTE, id_key="quoteId")
class QuoteItemRef(EntityRef):
    """One line of a quote that was made for the customer; `id` is that of the line."""

    quote_id: str
    """Identifier of the quote that has the line."""
    quote_href: str | None = None
    """Address of the quote that has the line."""
    quote_name: str | None = None
    """Name of the quote that has the line."""


@value
class OrderPrice(Extensible):
    """What the customer pays for an order, or for one line of it."""

    name: str | None = None
    """What people call the price, e.g. "Subscription price"."""
    description: str | None = None
    """What the price is about, in free text."""
    price_type: str | None = None
    """Kind of price, e.g. "recurring", "discount" or "penalty"."""
    price: Price | None = None
    """The amount to pay."""
    recurring_charge_period: str | None = None
    """How often it is charged, e.g. "month"."""
    unit_of_measure: str | None = None
    """Unit that the amount is for, e.g. "GB"."""
    price_alteration: tuple[PriceAlteration, ...] = ()
    """Discounts and other changes to the price."""
    product_offering_price: ProductOfferingPriceRef | None = None
    """The catalogue entry that the price comes from."""
    billing_account: BillingAccountRef | None = None
    """The account that is charged this price."""


@value
class OrderTerm(Extensible):
    """A commitment that the customer makes with an order line, e.g. to keep the product for two years."""

    name: str | None = None
    """What people call the term."""
    description: str | None = None
    """What the term is about, in free text."""
    duration: Quantity | None = None
    """How long the commitment lasts."""


# `id` names a line of the same order, which is no resource: nothing to link to.
@value
class OrderItemRelationship(Extensible):
    """A tie from one order line to another of the same order."""

    id: str | None = None
    """Identifier of the other line within the order."""
    relationship_type: str | None = None
    """Kind of tie, e.g. "reliesOn"."""


@value
class ProductOrderItem(Extensible):
    """One line of a product order: what is to be done with one product."""

    id: str
    """Identifier of the line within its order, often a running number."""
    action: OrderItemActionType
    """What to do with the product."""
    quantity: int | None = None
    """How many are ordered."""
    state: ProductOrderItemStateType | None = None
    """Where the line stands."""
    product_offering: ProductOfferingRef | None = None
    """The offering that is ordered."""
    product: ProductRefOrValue | None = None
    """The product as it shall be."""
    item_price: tuple[OrderPrice, ...] = ()
    """What the line costs, each price for itself."""
    item_total_price: tuple[OrderPrice, ...] = ()
    """What the line costs, summed up."""
    item_term: tuple[OrderTerm, ...] = ()
    """Commitments that the customer makes with the line."""
    billing_account: BillingAccountRef | None = None
    """The account that is charged for the line."""
    payment: tuple[PaymentRef, ...] = ()
    """Payments made at once for the line."""
    appointment: AppointmentRef | None = None
    """The appointment that was made for the line."""
    qualification: tuple[ProductOfferingQualificationRef, ...] = ()
    """Earlier checks whether the customer can have what the line orders."""
    product_offering_qualification_item: ProductOfferingQualificationItemRef | None = None
    """The line of an earlier check that this line rests on."""
    quote_item: QuoteItemRef | None = None
    """The line of a quote that this line rests on."""
    product_order_item: tuple["ProductOrderItem", ...] = ()
    """Lines within this line."""
    product_order_item_relationship: tuple[OrderItemRelationship, ...] = ()
    """Other lines that this one is tied to."""


@resource(TMF622.at("productOrder"), flow=PRODUCT_ORDER_FLOW, state="state")
class ProductOrder(Entity):
    """An order to provide, change or remove products, line by line."""

    description: str | None = None
    """What the order is about, in free text."""
    category: str | None = None
    """Used to group orders, e.g. "enterprise" or "residential"."""
    priority: str | None = None
    """How urgent the order is, from "0" (most) to "4" (least)."""
    state: ProductOrderStateType | None = None
    """Where the order stands."""
    external_id: str | None = None
    """What whoever ordered calls the order."""
    notification_contact: str | None = None
    """Whom to tell how the order fares, e.g. a mail address."""
    order_date: Created[dt.datetime | None] = None
    """When the order was created."""
    requested_start_date: dt.datetime | None = None
    """When work may begin at the earliest, as wished by whoever ordered."""
    requested_completion_date: dt.datetime | None = None
    """When the order shall be done, as wished by whoever ordered."""
    expected_completion_date: dt.datetime | None = None
    """When the order will be done, as foreseen by the provider."""
    completion_date: Annotated[dt.datetime | None, reached("completed")] = None
    """When the order was done."""
    cancellation_date: Annotated[dt.datetime | None, reached("cancelled")] = None
    """When the order was cancelled."""
    cancellation_reason: str | None = None
    """Why the order was cancelled."""
    product_order_item: tuple[ProductOrderItem, ...]
    """The lines of the order."""
    order_total_price: tuple[OrderPrice, ...] = ()
    """What the whole order costs, summed up."""
    payment: tuple[PaymentRef, ...] = ()
    """Payments made at once for the order."""
    billing_account: BillingAccountRef | None = None
    """The account that is charged for the order."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the order, e.g. the customer."""
    channel: tuple[RelatedChannel, ...] = ()
    """Channels that the order came through."""
    agreement: tuple[AgreementRef, ...] = ()
    """Agreements that the order was placed under."""
    quote: tuple[QuoteRef, ...] = ()
    """Quotes that the order rests on."""
    product_offering_qualification: tuple[ProductOfferingQualificationRef, ...] = ()
    """Earlier checks whether the customer can have what is ordered."""
    note: tuple[Note, ...] = ()
    """Remarks on the order."""


@resource(TMF622.at("cancelProductOrder"), flow=CANCEL_FLOW, state="state", operations=("create",))
class CancelProductOrder(CancelOrder, Entity):
    """A request to cancel a product order."""

    product_order: Fixed[ProductOrderRef]
    """The order to cancel."""
    state: ServerSet[TaskStateType | None] = None
    """Where the request stands."""
