"""TMF639 Resource Inventory: the resources, and what resource orders share with them."""

import datetime as dt
import enum
from typing import Annotated

from models.common import (
    AttachmentRefOrValue,
    Characteristic,
    Feature,
    Note,
    RelatedParty,
    RelatedPlaceRefOrValue,
    ResourceSpecificationRef,
)
from models.common.base import Entity, Extensible
from models.declare import Api, enumeration, mandatory_in, polymorphic, reference, resource

TMF639 = Api("TMF639", "Resource Inventory", "resource", "/tmf-api/resourceInventoryManagement/v4")
TMF702 = Api(
    "TMF702",
    "Resource Activation and Configuration",
    "resource",
    "/tmf-api/ResourceActivationAndConfiguration/v4",
)


@enumeration
class ResourceAdministrativeStateType(enum.StrEnum):
    """Whether the operator permits the use of a resource."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    SHUTDOWN = "shutdown"


@enumeration
class ResourceOperationalStateType(enum.StrEnum):
    """Whether a resource is able to work."""

    ENABLE = "enable"
    DISABLE = "disable"


@enumeration
class ResourceStatusType(enum.StrEnum):
    """What a resource is there for at the moment, or what is wrong with it."""

    STANDBY = "standby"
    ALARM = "alarm"
    AVAILABLE = "available"
    RESERVED = "reserved"
    UNKNOWN = "unknown"
    SUSPENDED = "suspended"


@enumeration
class ResourceUsageStateType(enum.StrEnum):
    """How far the capacity of a resource is taken up."""

    IDLE = "idle"
    ACTIVE = "active"
    BUSY = "busy"


class ResourceAttributes(Extensible):
    """What a resource has, whether it stands in the inventory or inside an order."""

    name: str | None = None
    """What people call the resource."""
    description: str | None = None
    """What the resource is, in free text."""
    category: str | None = None
    """Class within resources of its type, e.g. "Premium" for a phone number."""
    resource_version: str | None = None
    """Version of this resource, where several are told apart."""
    start_operating_date: dt.datetime | None = None
    """From when the resource is in operation."""
    end_operating_date: dt.datetime | None = None
    """Until when the resource is in operation."""
    administrative_state: ResourceAdministrativeStateType | None = None
    """Whether the operator permits its use."""
    operational_state: ResourceOperationalStateType | None = None
    """Whether it is able to work."""
    usage_state: ResourceUsageStateType | None = None
    """How far its capacity is taken up."""
    resource_status: ResourceStatusType | None = None
    """What it is there for at the moment, or what is wrong with it."""
    resource_specification: ResourceSpecificationRef | None = None
    """The catalogue entry that the resource is an instance of."""
    resource_characteristic: tuple[Characteristic, ...] = ()
    """Properties of this one resource, e.g. its number or its port."""
    activation_feature: tuple[Feature, ...] = ()
    """Features that are configured on the resource."""
    resource_relationship: tuple["ResourceRelationship", ...] = ()
    """Other resources that it contains, relies on, or is tied to in another way."""
    place: RelatedPlaceRefOrValue | None = None
    """Where the resource is."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the resource, e.g. its user or manufacturer."""
    attachment: tuple[AttachmentRefOrValue, ...] = ()
    """Documents and pictures that belong to the resource."""
    note: tuple[Note, ...] = ()
    """Remarks on the resource."""


@reference("Resource")
class ResourceRefOrValue(ResourceAttributes):
    """A resource, either one of the inventory or one described on the spot."""

    id: str
    """Identifier of the resource."""
    href: str
    """Address of the resource."""
    at_referred_type: str | None = None
    """The actual type of the resource referred to."""


# TMF652 puts the id of the other resource here, TMF639 puts the resource itself.
@reference("Resource")
class ResourceRelationship(Extensible):
    """A tie from one resource to another."""

    id: str | None = None
    """Identifier of the other resource (TMF652), or of the relationship itself (TMF639)."""
    href: str | None = None
    """Address that goes with the id."""
    relationship_type: Annotated[str | None, mandatory_in("TMF639", "TMF702")] = None
    """Kind of tie, e.g. "bundled", "reliesOn" or "targets"."""
    resource: Annotated[ResourceRefOrValue | None, mandatory_in("TMF639", "TMF702")] = None
    """The other resource."""
    resource_relationship_characteristic: tuple[Characteristic, ...] = ()
    """Properties of the tie."""


@polymorphic
@resource(
    TMF639.at("resource"),
    TMF639.at("resourceInventory"),
    TMF702.at("resource"),
    state="resourceStatus",
    mandatory=("name",),
)
class Resource(ResourceAttributes, Entity):
    """Something physical or logical that services run on, e.g. a cable, a port or a phone number."""


@resource(TMF639.at("physicalResource"), state="resourceStatus", mandatory=("name",))
class PhysicalResource(Resource):
    """A resource that can be touched, e.g. a cable, a card or a router."""

    manufacture_date: dt.datetime | None = None
    """When it was made."""
    power_state: str | None = None
    """Whether it is under power, as one of TMF's codes: "3" full power, "12" off, "0" unknown."""
    serial_number: str | None = None
    """The number that its maker gave to this one item."""
    version_number: str | None = None
    """Version of the hardware."""


@resource(TMF639.at("logicalResource"), state="resourceStatus", mandatory=("name",))
class LogicalResource(Resource):
    """A resource that cannot be touched, e.g. a phone number or an IP address."""

    value: str | None = None
    """The number or address itself, where it is one."""
