"""TMF652 Resource Ordering: orders for resources, and requests to cancel them."""

import datetime as dt
from typing import Annotated

from models.common import AppointmentRef, Note, RelatedParty, ResourceSpecificationRef
from models.common.base import Entity, Extensible
from models.common.task import CANCEL_FLOW, CancelOrder, TaskStateType
from models.declare import ANY, Api, Created, Fixed, Flow, ServerSet, reached, reference, resource, value
from models.resource.inventory import ResourceRefOrValue

TMF652 = Api("TMF652", "Resource Ordering", "resource", "/tmf-api/resourceOrderingManagement/v4")
TMF652_SEED = Api("TMF652", "Resource Ordering", "resource", "/tmf-api/resourceOrderManagement/v4")

# TMF has two diagrams for it; these are the moves of both.
RESOURCE_ORDER_FLOW = Flow(
    starts=("acknowledged", "rejected"),
    moves={
        "acknowledged": ("inProgress", "rejected", "assessingCancellation"),
        "inProgress": ("completed", "failed", "partial", "pending", "held", "assessingCancellation"),
        "pending": ("inProgress", "cancelled", "assessingCancellation"),
        "held": ("inProgress", "cancelled", "assessingCancellation"),
        "assessingCancellation": ("pendingCancellation", "acknowledged", "inProgress", "pending", "held"),
        "pendingCancellation": ("cancelled",),
    },
)


@reference(ANY, type_key="entityType")
class ExternalId(Extensible):
    """What an entity is called in the system that it came from, e.g. the order that led to this one."""

    id: str
    """Identifier of the entity in that system."""
    entity_type: str
    """Type of the entity in that system; names the target where it is a type of this graph."""
    owner: str
    """The system that holds the entity."""


@reference("ResourceOrder")
class ResourceOrderRef(Extensible):
    """A resource order."""

    id: str
    """Identifier of the order."""
    href: str | None = None
    """Address of the order."""
    at_referred_type: str | None = None
    """The actual type of the order referred to."""


@reference("ResourceOrder", id_key="resourceOrderId")
class ResourceOrderItemRef(Extensible):
    """One line of a resource order."""

    resource_order_id: str | None = None
    """Identifier of the order that has the line."""
    resource_order_href: str | None = None
    """Address of the order that has the line."""
    item_id: str | None = None
    """Identifier of the line within its order."""
    at_referred_type: str | None = None
    """The actual type of what is referred to."""


@value
class ResourceOrderItemRelationship(Extensible):
    """A tie from one order line to another."""

    relationship_type: str | None = None
    """Kind of tie between the two lines."""
    order_item: ResourceOrderItemRef | None = None
    """The other line."""


@value
class ResourceOrderItem(Extensible):
    """One line of a resource order: what is to be done with one resource."""

    id: str | None = None
    """Identifier of the line within its order, often a running number."""
    action: str | None = None
    """What to do with the resource: usually "add", "modify", "delete" or "no_change"."""
    quantity: int | None = None
    """How many are ordered."""
    state: str | None = None
    """Where the line stands; TMF leaves the values open."""
    resource: ResourceRefOrValue | None = None
    """The resource as it shall be."""
    resource_specification: ResourceSpecificationRef | None = None
    """The catalogue entry that is ordered."""
    appointment: AppointmentRef | None = None
    """The appointment that was made for the line."""
    order_item_relationship: tuple[ResourceOrderItemRelationship, ...] = ()
    """Other lines that this one is tied to."""


@resource(
    TMF652.at("resourceOrder"), TMF652_SEED.at("resourceOrder"), flow=RESOURCE_ORDER_FLOW, state="state"
)
class ResourceOrder(Entity):
    """An order to provide, change or remove resources, line by line."""

    name: str | None = None
    """What people call the order."""
    description: str | None = None
    """What the order is about, in free text."""
    category: str | None = None
    """Used to group orders, e.g. "Premium"."""
    order_type: str | None = None
    """Name of the type of order."""
    priority: int | None = None
    """How urgent the order is, from 0 (most) to 4 (least)."""
    state: str | None = None
    """Where the order stands."""
    external_id: str | None = None
    """Identifier given by whoever ordered; TMF prefers `externalReference`."""
    external_reference: tuple[ExternalId, ...] = ()
    """What this order, or what led to it, is called in other systems."""
    order_date: Created[dt.datetime | None] = None
    """When the order was created."""
    requested_start_date: dt.datetime | None = None
    """When work shall begin, as wished by whoever ordered."""
    requested_completion_date: dt.datetime | None = None
    """When the order shall be done, as wished by whoever ordered."""
    expected_completion_date: dt.datetime | None = None
    """When the order will be done, as foreseen by the provider."""
    start_date: Annotated[dt.datetime | None, reached("inProgress")] = None
    """When work began."""
    completion_date: Annotated[dt.datetime | None, reached("completed")] = None
    """When the order was done."""
    order_item: tuple[ResourceOrderItem, ...] = ()
    """The lines of the order."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the order, e.g. the customer."""
    note: tuple[Note, ...] = ()
    """Remarks on the order."""


@resource(TMF652.at("cancelResourceOrder"), flow=CANCEL_FLOW, state="state", operations=("create",))
class CancelResourceOrder(CancelOrder, Entity):
    """A request to cancel a resource order."""

    resource_order: Fixed[ResourceOrderRef]
    """The order to cancel."""
    state: ServerSet[TaskStateType | None] = None
    """Where the request stands."""
