"""What customers used in a period, summed up. No TMF API has this: the official TMF679 is about offerings."""

import datetime as dt

from models.common import Entity, EntityRef, Money, ProductOfferingRef, ProductRef, Quantity
from models.declare import Api, Changed, reference, resource

TMF679 = Api("TMF679", "Customer Usage", "customer", "/tmf-api/customerUsageManagement/v4")


@reference("Customer")
class CustomerRef(EntityRef):
    """A customer."""


@reference("Usage")
class UsageRef(EntityRef):
    """A usage record."""


@resource(TMF679.at("customerUsage"))
class CustomerUsage(Entity):
    """How much a customer used in a period, and what it costs."""

    name: str | None = None
    """What people call it, e.g. "Data in May"."""
    description: str | None = None
    """What it is about, in free text."""
    usage_type: str
    """What was used, e.g. "data", "voice" or "sms"."""
    customer: CustomerRef
    """Who used it."""
    product_offering: ProductOfferingRef | None = None
    """The offering under which it was used."""
    product: ProductRef | None = None
    """The product that was used."""
    quantity: Quantity | None = None
    """How much was used, with its unit."""
    start_date: dt.datetime
    """When the period begins."""
    end_date: dt.datetime | None = None
    """When the period ends; open while it lasts."""
    rated_amount: Money | None = None
    """What the usage costs."""
    usage: tuple[UsageRef, ...] = ()
    """The usage records that are summed up."""
    last_update: Changed[dt.datetime | None] = None
    """When it was last changed."""
