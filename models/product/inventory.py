"""TMF637 Product Inventory: the products that customers have, and what product orders share with them."""

import datetime as dt
import enum

from models.common import (
    AgreementItemRef,
    BillingAccountRef,
    Characteristic,
    Entity,
    Extensible,
    Price,
    ProductOfferingPriceRef,
    ProductOfferingRef,
    ProductSpecificationRef,
    Quantity,
    RelatedParty,
    RelatedPlaceRefOrValue,
    ResourceRef,
    ServiceRef,
    TimePeriod,
)
from models.declare import Api, Flow, enumeration, reference, resource, value

TMF637 = Api("TMF637", "Product Inventory", "product", "/tmf-api/productInventory/v4")
TMF637_SEED = Api("TMF637", "Product Inventory", "product", "/tmf-api/productInventoryManagement/v4")


@enumeration
class ProductStatusType(enum.StrEnum):
    """Where a product stands in its life."""

    CREATED = "created"
    PENDING_ACTIVE = "pendingActive"
    CANCELLED = "cancelled"
    ACTIVE = "active"
    PENDING_TERMINATE = "pendingTerminate"
    TERMINATED = "terminated"
    SUSPENDED = "suspended"
    ABORTED = "aborted "  # the official file has the blank


# The diagram starts at `created`. But inventories are filled with products that are active already, or
# over, and TMF637 makes the status mandatory on POST: a product may be born anywhere in its life.
PRODUCT_FLOW = Flow(
    starts=(
        "created",
        "pendingActive",
        "cancelled",
        "active",
        "pendingTerminate",
        "terminated",
        "suspended",
        "aborted ",
    ),
    moves={
        "created": ("pendingActive", "active"),
        "pendingActive": ("active", "cancelled", "aborted "),
        "active": ("suspended", "pendingTerminate", "terminated"),
        "suspended": ("active",),
        "pendingTerminate": ("terminated",),
    },
)


@reference("ProductOrder", id_key="productOrderId")
class RelatedProductOrderItem(Extensible):
    """The line of a product order that created, changed or ended a product."""

    product_order_id: str
    """Identifier of the order that has the line."""
    product_order_href: str | None = None
    """Address of the order that has the line."""
    order_item_id: str
    """Identifier of the line within its order."""
    order_item_action: str | None = None
    """What the line did to the product, e.g. "add"."""
    role: str | None = None
    """The part that the line played for the product."""
    at_referred_type: str | None = None
    """The actual type of what is referred to."""


@value
class PriceAlteration(Extensible):
    """A change to a price, e.g. a discount."""

    name: str | None = None
    """What people call the alteration."""
    description: str | None = None
    """What the alteration is about, in free text."""
    price_type: str
    """Kind of price that it alters, e.g. "recurring", "oneTime" or "usage"."""
    price: Price
    """The amount or percentage by which it alters the price."""
    priority: int | None = None
    """Its rank among the alterations of one price, which says in what order they apply."""
    application_duration: int | None = None
    """How long it applies, e.g. 2 where two months are free."""
    recurring_charge_period: str | None = None
    """How often it recurs, e.g. "month"."""
    unit_of_measure: str | None = None
    """Unit that the amount is for, e.g. "GB"."""
    product_offering_price: ProductOfferingPriceRef | None = None
    """The catalogue entry that the alteration comes from."""


@value
class ProductPrice(Extensible):
    """What a customer pays for a product."""

    name: str | None = None
    """What people call the price, e.g. "Subscription price"."""
    description: str | None = None
    """What the price is about, in free text."""
    price_type: str
    """Kind of price, e.g. "recurring", "discount" or "penalty"."""
    price: Price
    """The amount to pay."""
    recurring_charge_period: str | None = None
    """How often it is charged, e.g. "month"."""
    unit_of_measure: str | None = None
    """Unit that the amount is for, e.g. "GB"."""
    product_price_alteration: tuple[PriceAlteration, ...] = ()
    """Discounts and other changes to the price."""
    product_offering_price: ProductOfferingPriceRef | None = None
    """The catalogue entry that the price comes from."""
    billing_account: BillingAccountRef | None = None
    """The account that is charged this price."""


@value
class ProductTerm(Extensible):
    """A commitment that a customer made for a product, e.g. to keep it for two years."""

    name: str | None = None
    """What people call the term."""
    description: str | None = None
    """What the term is about, in free text."""
    duration: Quantity | None = None
    """How long the commitment lasts."""
    valid_for: TimePeriod | None = None
    """From when until when the commitment binds."""


class ProductAttributes(Extensible):
    """What a product has, whether it stands in the inventory or inside an order."""

    name: str | None = None
    """What people call the product, often the name of its offering."""
    description: str | None = None
    """What the product is, in free text, often that of its offering."""
    status: ProductStatusType | None = None
    """Where the product stands in its life."""
    product_serial_number: str | None = None
    """Serial number, for a product that can be touched, e.g. a router."""
    is_bundle: bool | None = None
    """Whether the product is made of other products."""
    is_customer_visible: bool | None = None
    """Whether the customer gets to see the product."""
    order_date: dt.datetime | None = None
    """When the product was ordered."""
    start_date: dt.datetime | None = None
    """When the product starts."""
    termination_date: dt.datetime | None = None
    """When the product was terminated."""
    product_offering: ProductOfferingRef | None = None
    """The offering that the customer chose."""
    product_specification: ProductSpecificationRef | None = None
    """The specification that the product is an instance of."""
    product_characteristic: tuple[Characteristic, ...] = ()
    """Properties of this one product, e.g. its colour or its bandwidth."""
    product_price: tuple[ProductPrice, ...] = ()
    """What the customer pays for the product."""
    product_term: tuple[ProductTerm, ...] = ()
    """Commitments that the customer made for the product."""
    product: tuple["ProductRefOrValue", ...] = ()
    """Products that it is made of."""
    product_relationship: tuple["ProductRelationship", ...] = ()
    """Other products that it is tied to."""
    product_order_item: tuple[RelatedProductOrderItem, ...] = ()
    """Order lines that created, changed or ended the product."""
    realizing_service: tuple[ServiceRef, ...] = ()
    """Services that the product is delivered by."""
    realizing_resource: tuple[ResourceRef, ...] = ()
    """Resources that the product is delivered by."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the product, e.g. the customer."""
    billing_account: BillingAccountRef | None = None
    """The account that is charged for the product."""
    agreement: tuple[AgreementItemRef, ...] = ()
    """Lines of agreements that cover the product."""
    place: tuple[RelatedPlaceRefOrValue, ...] = ()
    """Places that matter for the product, e.g. where it is installed."""


@reference("Product")
class ProductRefOrValue(ProductAttributes):
    """A product, either one of the inventory or one described on the spot."""

    id: str | None = None
    """Identifier of the product; a product still to be created has none."""
    href: str | None = None
    """Address of the product."""
    at_referred_type: str | None = None
    """The actual type of the product referred to."""


@value
class ProductRelationship(Extensible):
    """A tie from one product to another."""

    relationship_type: str
    """Kind of tie, e.g. "bundled", "reliesOn" or "targets"."""
    product: ProductRefOrValue
    """The other product."""


@resource(
    TMF637.at("product"),
    TMF637_SEED.at("productInventory"),
    flow=PRODUCT_FLOW,
    state="status",
    mandatory=("status",),
)
class Product(ProductAttributes, Entity):
    """What a customer has of an offering: delivered by services and resources."""
