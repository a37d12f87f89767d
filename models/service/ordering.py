"""TMF641 Service Ordering: orders for services, and requests to cancel them."""

import datetime as dt
import enum
from typing import Annotated

from models.common import AppointmentRef, ErrorMessage, Note, OrderItemActionType, RelatedParty
from models.common.base import Entity, EntityRef, Extensible
from models.common.task import AcceptedTaskStateType, CancelOrder
from models.declare import (
    ANY,
    Api,
    Created,
    Fixed,
    Flow,
    Group,
    ServerSet,
    enumeration,
    reached,
    reference,
    resource,
    value,
)
from models.service.inventory import ServiceRefOrValue

TMF641 = Api("TMF641", "Service Ordering", "service", "/tmf-api/serviceOrdering/v4")
TMF641_SEED = Api("TMF641", "Service Ordering", "service", "/tmf-api/serviceOrderingManagement/v4")


@enumeration
class ServiceOrderStateType(enum.StrEnum):
    """Where a service order stands."""

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
class ServiceOrderItemStateType(enum.StrEnum):
    """Where one line of a service order stands."""

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
    PARTIAL = "partial"


SERVICE_ORDER_FLOW = Flow(
    starts=("acknowledged",),
    moves={
        "acknowledged": ("inProgress", "rejected", "cancelled", "assessingCancellation"),
        "inProgress": (
            "pending",
            "held",
            "completed",
            "failed",
            "partial",
            "cancelled",
            "assessingCancellation",
        ),
        "pending": ("inProgress", "cancelled", "assessingCancellation"),
        "held": ("inProgress", "cancelled", "assessingCancellation"),
        "assessingCancellation": ("pendingCancellation", "acknowledged", "inProgress", "pending", "held"),
        "pendingCancellation": ("cancelled",),
    },
)

CANCEL_SERVICE_ORDER_FLOW = Flow(
    starts=("accepted",),
    moves={"accepted": ("inProgress",), "inProgress": ("done", "terminatedWithError")},
)

# A service order names its fellows here, and with "cross-ref" the product order that it came from.
RELATED_ORDER = Group(
    "ServiceOrderOrProductOrder",
    ("ServiceOrder", "ProductOrder"),
    "Another service order, or the product order that a service order came from.",
)


@reference(ANY, type_key="externalReferenceType")
class ServiceOrderExternalReference(Extensible):
    """What an order is called in another system, or an entity there that it has to do with."""

    id: str | None = None
    """Identifier of the entity referred to."""
    href: str | None = None
    """Address of the entity referred to."""
    name: str
    """What the other system calls it."""
    external_reference_type: str | None = None
    """Type of the reference; names the target where it is a type of this graph."""


@reference("ServiceOrder")
class ServiceOrderRef(EntityRef):
    """A service order."""


@reference(RELATED_ORDER)
class ServiceOrderRelationship(Extensible):
    """A tie from a service order to another order."""

    id: str
    """Identifier of the other order."""
    href: str | None = None
    """Address of the other order."""
    relationship_type: str
    """Kind of tie, e.g. "dependency", or "cross-ref" for the order it came from."""
    at_referred_type: str | None = None
    """The actual type of the other order."""


@reference("ServiceOrder", id_key="serviceOrderId")
class ServiceOrderItemRef(Extensible):
    """One line of a service order."""

    service_order_id: str | None = None
    """Identifier of the order that has the line."""
    service_order_href: str | None = None
    """Address of the order that has the line."""
    item_id: str | None = None
    """Identifier of the line within its order."""
    at_referred_type: str | None = None
    """The actual type of what is referred to."""


@value
class ServiceOrderItemRelationship(Extensible):
    """A tie from one order line to another."""

    relationship_type: str | None = None
    """Kind of tie, e.g. "dependency" where the other line must be done first."""
    order_item: ServiceOrderItemRef | None = None
    """The other line."""


@value
class ServiceOrderItemErrorMessage(ErrorMessage):
    """An error that changed the state of an order line."""

    timestamp: dt.datetime | None = None
    """When it happened."""


@value
class ServiceOrderErrorMessage(ErrorMessage):
    """An error that changed the state of a service order."""

    timestamp: dt.datetime | None = None
    """When it happened."""
    service_order_item: tuple[ServiceOrderItemRef, ...] = ()
    """The lines that it struck."""


class JeopardyAlert(Extensible):
    """A warning that a process may not end well."""

    id: str | None = None
    """Identifier of the alert."""
    name: str | None = None
    """What people call the alert."""
    jeopardy_type: str | None = None
    """How grave the risk is, e.g. "Normal", "Hazard" or "Critical"."""
    message: str | None = None
    """What the alert says."""
    exception: str | None = None
    """The trouble that is foreseen."""
    alert_date: dt.datetime | None = None
    """When the alert was raised."""


@value
class ServiceOrderJeopardyAlert(JeopardyAlert):
    """A warning that a service order may not end well."""

    service_order_item: tuple[ServiceOrderItemRef, ...] = ()
    """The lines at risk."""


class Milestone(Extensible):
    """A step of a process that is worth telling of."""

    id: str | None = None
    """Identifier of the milestone."""
    name: str | None = None
    """What people call the milestone."""
    description: str | None = None
    """What the milestone is about, in free text."""
    message: str | None = None
    """What the milestone says."""
    milestone_date: dt.datetime | None = None
    """When the milestone takes place."""
    status: str | None = None
    """How the milestone stands, in free text."""


@value
class ServiceOrderMilestone(Milestone):
    """A step of a service order that is worth telling of."""

    service_order_item: tuple[ServiceOrderItemRef, ...] = ()
    """The lines that the milestone is about."""


@value
class ServiceOrderItem(Extensible):
    """One line of a service order: what is to be done with one service."""

    id: str
    """Identifier of the line within its order."""
    action: OrderItemActionType
    """What to do with the service."""
    service: ServiceRefOrValue
    """The service as it shall be."""
    quantity: int | None = None
    """How many are ordered."""
    state: ServiceOrderItemStateType | None = None
    """Where the line stands."""
    appointment: AppointmentRef | None = None
    """The appointment that was made for the line."""
    service_order_item: tuple["ServiceOrderItem", ...] = ()
    """Lines within this line."""
    service_order_item_relationship: tuple[ServiceOrderItemRelationship, ...] = ()
    """Other lines that this one is tied to."""
    error_message: tuple[ServiceOrderItemErrorMessage, ...] = ()
    """Errors that changed the state of the line."""


@resource(TMF641.at("serviceOrder"), TMF641_SEED.at("serviceOrder"), flow=SERVICE_ORDER_FLOW, state="state")
class ServiceOrder(Entity):
    """An order to provide, change or remove services, line by line."""

    description: str | None = None
    """What the order is about, in free text."""
    category: Fixed[str | None] = None
    """Used to group orders, e.g. "Broadband" or "TVOption"."""
    priority: str | None = None
    """How urgent the order is; TMF leaves the values open."""
    state: ServiceOrderStateType | None = None
    """Where the order stands."""
    external_id: str | None = None
    """Identifier given by whoever ordered."""
    external_reference: tuple[ServiceOrderExternalReference, ...] = ()
    """What this order, or what led to it, is called in other systems."""
    notification_contact: str | None = None
    """Whom to tell how the order goes on."""
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
    cancellation_date: Annotated[dt.datetime | None, reached("cancelled")] = None
    """When the order was cancelled."""
    cancellation_reason: Fixed[str | None] = None
    """Why the order was cancelled."""
    service_order_item: tuple[ServiceOrderItem, ...]
    """The lines of the order."""
    order_relationship: tuple[ServiceOrderRelationship, ...] = ()
    """Other orders that this one is tied to."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the order, e.g. who asked for it."""
    note: tuple[Note, ...] = ()
    """Remarks on the order."""
    milestone: ServerSet[tuple[ServiceOrderMilestone, ...]] = ()
    """Steps of the order that are worth telling of."""
    jeopardy_alert: ServerSet[tuple[ServiceOrderJeopardyAlert, ...]] = ()
    """Warnings that the order may not end well."""
    error_message: ServerSet[tuple[ServiceOrderErrorMessage, ...]] = ()
    """Errors that changed the state of the order."""


@resource(
    TMF641.at("cancelServiceOrder"), flow=CANCEL_SERVICE_ORDER_FLOW, state="state", operations=("create",)
)
class CancelServiceOrder(CancelOrder, Entity):
    """A request to cancel a service order."""

    service_order: Fixed[ServiceOrderRef]
    """The order to cancel."""
    state: ServerSet[AcceptedTaskStateType | None] = None
    """Where the request stands."""
    completion_message: ServerSet[str | None] = None
    """How the request ended, in words, e.g. why it was denied."""
    error_message: ServerSet[ErrorMessage | None] = None
    """The error that ended the request."""
