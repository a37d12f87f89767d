"""Activations: one that is done shows on what it activated."""

from models.common.task import Activation, ActivationStateType
from models.lens import of
from models.resource.activation import ResourceActivation
from models.resource.inventory import Resource
from models.service.activation import ServiceActivation
from models.service.inventory import Service, ServiceStateType
from resolvers.errors import NotFound
from resolvers.storage.rows import Row
from resolvers.storage.transaction import Transaction


async def activated_service(transaction: Transaction, old: Row, new: Row) -> None:
    """A service activation that is done makes its service active, where the service's life allows that."""
    if not _is_done(old, new):
        return
    service = await _held(transaction, "Service", of(ServiceActivation, new).service.id)
    if service is None:
        return
    state, flow = of(Service, service).state, service.kind.flow
    if state != ServiceStateType.ACTIVE and (flow is None or flow.allows(str(state), "active")):
        await transaction.change(service, {"state": "active"})


async def activated_resource(transaction: Transaction, old: Row, new: Row) -> None:
    """A resource activation that is done makes its resource operational."""
    if not _is_done(old, new):
        return
    resource = await _held(transaction, "Resource", of(ResourceActivation, new).resource.id)
    if resource and of(Resource, resource).operational_state != "enable":
        await transaction.change(resource, {"operationalState": "enable"})


def _is_done(old: Row, new: Row) -> bool:
    """Whether an activation has come to its good end by this change."""
    before, after = of(Activation, old).state, of(Activation, new).state
    return after == ActivationStateType.DONE and before != ActivationStateType.DONE


async def _held(transaction: Transaction, kind: str, id: str) -> Row | None:
    """The entity, locked; None where another system holds it."""
    held = transaction.world.kinds.get(kind)
    if held is None:
        return None
    try:
        return await transaction.lock(held, id)
    except NotFound:
        return None
