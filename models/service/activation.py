"""TMF640 Service Activation and Configuration: tasks that activate or configure a service, and monitors.

The services themselves answer at TMF640's paths too, see `inventory`.
"""

from typing import Annotated

from models.common import ServiceRef
from models.common.base import Entity, Extensible
from models.common.task import ACTIVATION_FLOW, Activation
from models.declare import Api, Group, points_to, resource, value
from models.resource.inventory import TMF702
from models.service.inventory import TMF640, RelatedServiceOrderItem

TMF640_SEED = Api(
    "TMF640",
    "Service Activation and Configuration",
    "service",
    "/tmf-api/serviceActivationAndConfiguration/v4",
)

MONITORED = Group(
    "MonitoredEntity", ("Service", "Resource"), "The service or resource that a request was about."
)


@value
class HeaderItem(Extensible):
    """One header of a request or response."""

    name: str
    """Name of the header."""
    value: str
    """Value of the header."""


@value
class Request(Extensible):
    """A request whose outcome a monitor tells."""

    body: str
    """What was sent."""
    header: tuple[HeaderItem, ...]
    """The headers that were sent."""
    method: str | None = None
    """How it was sent, e.g. "PATCH"."""
    to: str | None = None
    """The address that it was sent to."""


@value
class Response(Extensible):
    """The answer to a request that took its time."""

    body: str
    """What came back."""
    header: tuple[HeaderItem, ...]
    """The headers that came back."""
    status_code: str | None = None
    """How the request ended, e.g. "200"."""


@resource(TMF640.at("monitor"), TMF702.at("monitor"), operations=(), state="state")
class Monitor(Entity):
    """How far the server has come with a request that it works on after it has answered."""

    source_href: Annotated[str | None, points_to(MONITORED, field="source", by_href=True)] = None
    """Address of the service or resource that the request was about."""
    state: str | None = None
    """How it stands: "InProgress", "InError" or "Completed"."""
    request: Request | None = None
    """The request."""
    response: Response | None = None
    """The answer to it, once there is one."""


@resource(TMF640_SEED.at("serviceActivation"), flow=ACTIVATION_FLOW, state="state")
class ServiceActivation(Activation, Entity):
    """A task to activate or configure a service."""

    service: ServiceRef
    """The service to activate."""
    service_order_item: RelatedServiceOrderItem | None = None
    """The order line that asked for it."""
