"""TMF702 Resource Activation and Configuration: tasks that activate or configure a resource.

The resources themselves answer at TMF702's paths too, see `inventory`.
"""

from models.common import ResourceRef
from models.common.base import Entity, EntityRef
from models.common.task import ACTIVATION_FLOW, Activation
from models.declare import Api, reference, resource

TMF702_SEED = Api(
    "TMF702",
    "Resource Activation and Configuration",
    "resource",
    "/tmf-api/resourceActivationAndConfiguration/v4",
)


@reference("ServiceActivation")
class ServiceActivationRef(EntityRef):
    """The activation of a service."""


@resource(TMF702_SEED.at("resourceActivation"), flow=ACTIVATION_FLOW, state="state")
class ResourceActivation(Activation, Entity):
    """A task to activate or configure a resource."""

    resource: ResourceRef
    """The resource to activate."""
    service_activation: ServiceActivationRef | None = None
    """The activation of a service that this one is part of."""
