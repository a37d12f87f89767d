"""Tasks that ask for an order to be cancelled: what TMF622, TMF641 and TMF652 share."""

import datetime as dt
import enum
from typing import Annotated

from models.common.base import Extensible
from models.declare import Fixed, Flow, enumeration, reached


@enumeration
class TaskStateType(enum.StrEnum):
    """Where a task stands."""

    ACKNOWLEDGED = "acknowledged"
    TERMINATED_WITH_ERROR = "terminatedWithError"
    IN_PROGRESS = "inProgress"
    DONE = "done"


CANCEL_FLOW = Flow(
    starts=("acknowledged",),
    moves={"acknowledged": ("inProgress",), "inProgress": ("done", "terminatedWithError")},
)


class CancelOrder(Extensible):
    """What a request to cancel an order has, whatever the kind of order.

    The order and `state` are left to each: the states differ between APIs. TMF has no PATCH for these
    requests: what they ask for stays as it was posted.
    """

    cancellation_reason: Fixed[str | None] = None
    """Why the order shall be cancelled."""
    requested_cancellation_date: Fixed[dt.datetime | None] = None
    """When the order shall be cancelled, as wished by whoever asks."""
    effective_cancellation_date: Annotated[dt.datetime | None, reached("done")] = None
    """When the order was cancelled."""
