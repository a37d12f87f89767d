"""Requests to cancel an order: they move it to cancelled, now or when they say."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.check import Problem
from models.declare import KINDS, Kind
from models.times import now
from resolvers.behaviour.money import Document
from resolvers.errors import Conflict, Invalid, NotFound, TaskConflict
from resolvers.storage.documents import Draft
from resolvers.storage.reactions import Storing
from resolvers.storage.rows import Row
from resolvers.storage.transaction import Transaction


def is_later(text: str | None, moment: str) -> bool:
    """Whether a date-time lies after another; both are canonical."""
    return text is not None and text.rstrip("Z") > moment.rstrip("Z")


@dataclass(frozen=True)
class _Cancels:
    order: str
    """Attribute of the request that refers to the order."""
    kind: str
    items: str
    """Attribute of the order that holds its lines."""


CANCELS = {
    "CancelProductOrder": _Cancels("productOrder", "ProductOrder", "productOrderItem"),
    "CancelServiceOrder": _Cancels("serviceOrder", "ServiceOrder", "serviceOrderItem"),
    "CancelResourceOrder": _Cancels("resourceOrder", "ResourceOrder", "orderItem"),
}
FINAL_LINES = ("completed", "failed", "rejected", "cancelled")


async def request_cancellation(transaction: Transaction, draft: Draft, store: Storing) -> Row:
    """A new request: carried out at once, or kept until the time that it asks for."""
    order = await _order_of(transaction, draft.kind.name, draft.body)
    request = await store(draft)
    if is_later(request.get("requestedCancellationDate"), now()):
        return request
    return await cancel(transaction, request, order)


async def due_cancellation(transaction: Transaction, request: Row) -> Row:
    """A request whose time has come; it ends in error where the order can be cancelled no longer."""
    try:
        async with transaction.attempt():
            order = await _order_of(transaction, request.kind.name, request.body)
            return await cancel(transaction, request, order)
    except (Invalid, Conflict) as error:
        request = await transaction.change(request, {request.kind.state or "state": "inProgress"})
        end: Document = {"state": "terminatedWithError"}
        # Whoever may read the request reads the reason, and may perhaps not read the order.
        end |= told(request.kind, error.code, str(error.discreet()))
        return await transaction.change(request, end)


def told(kind: Kind, code: str, reason: str) -> Document:
    """The attributes of a request in which the reason goes why it came to nothing, where it has such."""
    if "completionMessage" not in kind.by_key:
        return {}
    return {"completionMessage": reason, "errorMessage": {"code": code, "reason": reason}}


async def cancel(transaction: Transaction, request: Row, order: Row) -> Row:
    """Moves the order to cancelled by the way that its states allow, and ends the request."""
    way = _way_to_cancelled(order)
    request = await transaction.change(request, {"state": "inProgress"})
    for state in way:
        change: Document = {"state": state}
        if state == "cancelled":
            change |= _cancelled(order, request)
        order = await transaction.change(order, change)
    when = order.get("cancellationDate") or now()
    return await transaction.change(request, {"state": "done", "effectiveCancellationDate": when})


async def _order_of(transaction: Transaction, name: str, request: Document) -> Row:
    task = CANCELS[name]
    id = request[task.order]["id"]
    try:
        order = await transaction.lock(KINDS[task.kind], id)
    except NotFound:
        message = f"refers to {task.kind} {id[:128]}, which is not held here"
        raise Invalid(name, [Problem(f"$.{task.order}.id", message)]) from None
    _way_to_cancelled(order)
    return order


def _way_to_cancelled(order: Row) -> Sequence[str]:
    """The states to go through, over the assessment of the request where there is such a way."""
    state, flow = str(order.get("state")), order.kind.flow
    assert flow is not None
    direct = flow.way(state, "cancelled")
    if direct is None:
        raise TaskConflict(
            order.kind.name,
            f"{order.kind.name} {order.id} is {state}: it can no longer be cancelled, only orders that "
            "are not at their end can.",
            f"{order.kind.name} {order.id} cannot be cancelled, only orders that are not at their end can.",
        )
    assessed = flow.way(state, "assessingCancellation")
    return (*assessed, *(flow.way("assessingCancellation", "cancelled") or ())) if assessed else direct


def _cancelled(order: Row, request: Row) -> Document:
    """What else changes in an order that is cancelled: its open lines, and the reason."""
    key = CANCELS[request.kind.name].items
    change: Document = {}
    if order.get(key):
        change[key] = [_cancelled_line(line, key) for line in order.get(key)]
    reason = request.get("cancellationReason")
    if reason and "cancellationReason" in order.kind.by_key and not order.get("cancellationReason"):
        change["cancellationReason"] = reason
    return change


def _cancelled_line(line: Document, key: str) -> Document:
    changed = dict(line)
    if line.get("state") not in FINAL_LINES:
        changed["state"] = "cancelled"
    if line.get(key):
        changed[key] = [_cancelled_line(inner, key) for inner in line[key]]
    return changed
