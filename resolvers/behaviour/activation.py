"""Activations: one that is done shows on what it activated."""

from models.declare import KINDS
from resolvers.behaviour.money import Document
from resolvers.errors import NotFound
from resolvers.storage.rows import Row
from resolvers.storage.transaction import Transaction


async def activated_service(transaction: Transaction, old: Row, new: Row) -> None:
    """A service activation that is done makes its service active, where the service's life allows that."""
    await _activated(transaction, old, new, "service", "Service", {"state": "active"})


async def activated_resource(transaction: Transaction, old: Row, new: Row) -> None:
    """A resource activation that is done makes its resource operational."""
    await _activated(transaction, old, new, "resource", "Resource", {"operationalState": "enable"})


async def _activated(
    transaction: Transaction, old: Row, new: Row, key: str, kind: str, change: Document
) -> None:
    if new.get("state") != "done" or old.get("state") == "done":
        return
    try:
        entity = await transaction.lock(KINDS[kind], new.get(key)["id"])
    except NotFound:  # another system holds it
        return
    if all(entity.get(name) == value for name, value in change.items()):
        return
    flow, state = entity.kind.flow, entity.kind.state
    if flow and state in change and not flow.allows(str(entity.get(state)), change[state]):
        return
    await transaction.change(entity, change)
