"""Tasks: requests to cancel an order (TMF622, TMF641, TMF652), and activations (TMF640, TMF702)."""

import datetime as dt
import enum
from typing import Annotated

from models.common.base import Extensible, RelatedParty
from models.common.values import Characteristic, ErrorMessage, Note
from models.declare import Created, Fixed, Flow, ServerSet, enumeration, reached


@enumeration
class TaskStateType(enum.StrEnum):
    """Where a task stands."""

    ACKNOWLEDGED = "acknowledged"
    TERMINATED_WITH_ERROR = "terminatedWithError"
    IN_PROGRESS = "inProgress"
    DONE = "done"


# TMF641 and TMF677 call it TaskStateType, but say `accepted` where the other APIs say `acknowledged`.
@enumeration
class AcceptedTaskStateType(enum.StrEnum):
    """Where a task stands, of those that begin as accepted."""

    ACCEPTED = "accepted"
    TERMINATED_WITH_ERROR = "terminatedWithError"
    IN_PROGRESS = "inProgress"
    DONE = "done"


CANCEL_FLOW = Flow(
    starts=("acknowledged",),
    moves={"acknowledged": ("inProgress",), "inProgress": ("done", "terminatedWithError")},
)


class CancelOrder(Extensible):
    """What a request to cancel an order has, whatever the kind of order.

    The order and `state` are left to each: the states differ between APIs.
    """

    cancellation_reason: Fixed[str | None] = None
    """Why the order shall be cancelled."""
    requested_cancellation_date: Fixed[dt.datetime | None] = None
    """When the order shall be cancelled, as wished by whoever asks."""
    effective_cancellation_date: ServerSet[dt.datetime | None] = None
    """When the order was cancelled."""


@enumeration
class ActivationModeType(enum.StrEnum):
    """Who carries out an activation."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


@enumeration
class ActivationStateType(enum.StrEnum):
    """Where an activation stands."""

    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "inProgress"
    DONE = "done"
    TERMINATED_WITH_ERROR = "terminatedWithError"
    CANCELLED = "cancelled"


ACTIVATION_FLOW = Flow(
    starts=("acknowledged",),
    moves={
        "acknowledged": ("inProgress", "cancelled"),
        "inProgress": ("done", "terminatedWithError", "cancelled"),
    },
)


class Activation(Extensible):
    """What an activation has, whether it is that of a service or of a resource."""

    name: str | None = None
    """What people call the activation."""
    description: str | None = None
    """What the activation is about, in free text."""
    mode: ActivationModeType | None = None
    """Whether a system or a person carries it out."""
    state: ActivationStateType | None = None
    """Where the activation stands."""
    requested_date: Created[dt.datetime | None] = None
    """When the activation was asked for."""
    requested_activation_date: dt.datetime | None = None
    """When it shall be active, as wished by whoever asks."""
    activation_date: Annotated[dt.datetime | None, reached("done")] = None
    """When it became active."""
    completion_date: Annotated[dt.datetime | None, reached("done", "terminatedWithError", "cancelled")] = None
    """When the task ended, well or not."""
    configuration: tuple[Characteristic, ...] = ()
    """What shall be configured: properties and the values that they shall have."""
    error_message: ErrorMessage | None = None
    """The error that ended the task."""
    related_party: tuple[RelatedParty, ...] = ()
    """Parties with a part in the activation, e.g. the technician."""
    note: tuple[Note, ...] = ()
    """Remarks on the activation."""
