"""TMF638 Service Inventory: the services, and what service orders share with them."""

import datetime as dt
import enum
from typing import Annotated

from models.common import (
    Characteristic,
    Feature,
    Note,
    OrderItemActionType,
    RelatedEntityRefOrValue,
    RelatedParty,
    RelatedPlaceRefOrValue,
    ResourceRef,
    ServiceSpecificationRef,
)
from models.common.base import Entity, Extensible
from models.declare import Api, Fixed, Flow, enumeration, mandatory_in, reference, resource, value

TMF638 = Api("TMF638", "Service Inventory", "service", "/tmf-api/serviceInventory/v4")
TMF638_SEED = Api("TMF638", "Service Inventory", "service", "/tmf-api/serviceInventoryManagement/v4")
TMF640 = Api(
    "TMF640",
    "Service Activation and Configuration",
    "service",
    "/tmf-api/ServiceActivationAndConfiguration/v4",
)


@enumeration
class ServiceStateType(enum.StrEnum):
    """Where a service stands in its life."""

    FEASIBILITY_CHECKED = "feasibilityChecked"
    DESIGNED = "designed"
    RESERVED = "reserved"
    INACTIVE = "inactive"
    ACTIVE = "active"
    TERMINATED = "terminated"


# The diagram ends in `retired`, which the enumeration does not have: left out.
SERVICE_FLOW = Flow(
    starts=("feasibilityChecked", "designed", "reserved", "inactive", "active"),
    moves={
        "feasibilityChecked": ("designed", "reserved", "inactive", "active"),
        "designed": ("reserved", "inactive", "active"),
        "reserved": ("designed", "inactive", "active"),
        "inactive": ("active",),
        "active": ("inactive", "terminated"),
        "terminated": ("active",),
    },
)


@reference("ServiceOrder", id_key="serviceOrderId")
class RelatedServiceOrderItem(Extensible):
    """The line of a service order that created, changed or ended a service."""

    id: str | None = None
    """Identifier of this entry (TMF641 only)."""
    href: str | None = None
    """Address of this entry (TMF641 only)."""
    service_order_id: Annotated[str | None, mandatory_in("TMF638", "TMF640")] = None
    """Identifier of the order that has the line."""
    service_order_href: str | None = None
    """Address of the order that has the line."""
    item_id: Annotated[str | None, mandatory_in("TMF638", "TMF640")] = None
    """Identifier of the line within its order."""
    item_action: OrderItemActionType | None = None
    """What the line did to the service."""
    role: str | None = None
    """The part that the line played for the service."""
    at_referred_type: str | None = None
    """The actual type of what is referred to."""


class ServiceAttributes(Extensible):
    """What a service has, whether it stands in the inventory or inside an order."""

    name: str | None = None
    """What people call the service."""
    description: str | None = None
    """What the service is, in free text."""
    category: str | None = None
    """Whether it faces the customer or the resources: "CFS" or "RFS"."""
    service_type: str | None = None
    """Kind of service in the eyes of the business."""
    state: ServiceStateType | None = None
    """Where the service stands in its life."""
    service_date: Fixed[str | None] = None
    """When the service was created; TMF leaves the format open."""
    start_date: dt.datetime | None = None
    """When the service starts."""
    end_date: dt.datetime | None = None
    """When the service ends."""
    start_mode: str | None = None
    """How it is started: "0" unknown, "1" by the managed environment, "2" by its device, "3" by the
    provider, "4" by the customer, "5" any of these."""
    has_started: bool | None = None
    """Whether the service has been started."""
    is_service_enabled: bool | None = None
    """Whether the service may be used; false on a service that has started means that it failed."""
    is_stateful: bool | None = None
    """Whether the service can change without an effect on other services."""
    is_bundle: bool | None = None
    """Whether the service is made of other services."""
    service_specification: ServiceSpecificationRef | None = None
    """The catalogue entry that the service is an instance of."""
    service_characteristic: tuple[Characteristic, ...] = ()
    """Properties of this one service, e.g. its bandwidth."""
    feature: tuple[Feature, ...] = ()
    """Features that are configured on the service."""
    supporting_resource: tuple[ResourceRef, ...] = ()
    """Resources that the service runs on."""
    supporting_service: tuple["ServiceRefOrValue", ...] = ()
    """Services that it is made of or runs on."""
    service_relationship: tuple["ServiceRelationship", ...] = ()
    """Other services that it is tied to."""
    service_order_item: tuple[RelatedServiceOrderItem, ...] = ()
    """Order lines that created or changed the service."""
    related_entity: tuple[RelatedEntityRefOrValue, ...] = ()
    """Entities of whatever type that have to do with the service."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the service, e.g. its user."""
    place: tuple[RelatedPlaceRefOrValue, ...] = ()
    """Places that matter for the service, e.g. where it is installed."""
    note: tuple[Note, ...] = ()
    """Remarks on the service."""


@reference("Service")
class ServiceRefOrValue(ServiceAttributes):
    """A service, either one of the inventory or one described on the spot."""

    id: Annotated[str | None, mandatory_in("TMF638")] = None
    """Identifier of the service; a service still to be created has none."""
    href: str | None = None
    """Address of the service."""
    at_referred_type: str | None = None
    """The actual type of the service referred to."""


@value
class ServiceRelationship(Extensible):
    """A tie from one service to another."""

    id: str | None = None
    """Identifier of the relationship itself (TMF641 only)."""
    href: str | None = None
    """Address of the relationship itself (TMF641 only)."""
    relationship_type: str
    """Kind of tie, e.g. "reliesOn"."""
    service: Annotated[ServiceRefOrValue | None, mandatory_in("TMF638")] = None
    """The other service."""
    service_relationship_characteristic: tuple[Characteristic, ...] = ()
    """Properties of the tie."""


@resource(
    TMF638.at("service"),
    TMF638_SEED.at("serviceInventory"),
    TMF638_SEED.at("service"),
    TMF640.at("service"),
    flow=SERVICE_FLOW,
    state="state",
    mandatory=("state", "service_specification"),
)
class Service(ServiceAttributes, Entity):
    """Something that runs on resources, for a customer (CFS) or beneath other services (RFS)."""
