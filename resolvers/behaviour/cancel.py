"""Requests to cancel an order: they move it to cancelled, now or when they say."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.check import Problem
from models.common.task import CancelOrder
from models.declare import Kind
from models.lens import Readable, of
from models.product.ordering import CancelProductOrder, ProductOrder
from models.resource.ordering import CancelResourceOrder
from models.service.ordering import CancelServiceOrder, ServiceOrder
from models.times import instant, now
from resolvers.behaviour.money import Document
from resolvers.behaviour.needed import needed
from resolvers.errors import Conflict, Invalid, NotFound, TaskConflict
from resolvers.storage.documents import Draft, state_of
from resolvers.storage.reactions import Storing
from resolvers.storage.rows import Row
from resolvers.storage.transaction import Transaction


@dataclass(frozen=True)
class _Cancels:
    order: str
    """Attribute of the request that refers to the order."""
    kind: str
    items: str
    """Attribute of the order that holds its lines."""
    order_id: Callable[[Readable], str]
    """The id of the order that a request names."""


CANCELS = {
    "CancelProductOrder": _Cancels(
        "productOrder",
        "ProductOrder",
        "productOrderItem",
        lambda request: of(CancelProductOrder, request).product_order.id,
    ),
    "CancelServiceOrder": _Cancels(
        "serviceOrder",
        "ServiceOrder",
        "serviceOrderItem",
        lambda request: of(CancelServiceOrder, request).service_order.id,
    ),
    "CancelResourceOrder": _Cancels(
        "resourceOrder",
        "ResourceOrder",
        "orderItem",
        lambda request: of(CancelResourceOrder, request).resource_order.id,
    ),
}
FINAL_LINES = ("completed", "failed", "rejected", "cancelled")


async def request_cancellation(transaction: Transaction, draft: Draft, store: Storing) -> Row:
    """A new request: carried out at once, or kept until the time that it asks for."""
    order = await _order_of(transaction, draft.kind.name, draft)
    request = await store(draft)
    wanted = of(CancelOrder, request).requested_cancellation_date
    if wanted and wanted > dt.datetime.now(dt.UTC):
        return request
    return await cancel(transaction, request, order)


async def due_cancellation(transaction: Transaction, request: Row) -> Row:
    """A request whose time has come; it ends in error where the order can be cancelled no longer."""
    try:
        async with transaction.attempt():
            order = await _order_of(transaction, request.kind.name, request)
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
    known = _telling(order)
    when = instant(known.cancellation_date) if known and known.cancellation_date else now()
    return await transaction.change(request, {"state": "done", "effectiveCancellationDate": when})


def _telling(order: Row) -> ProductOrder | ServiceOrder | None:
    """The order, where orders of its kind say when and why they were cancelled."""
    if order.kind.name == "ProductOrder":
        return of(ProductOrder, order)
    return of(ServiceOrder, order) if order.kind.name == "ServiceOrder" else None


async def _order_of(transaction: Transaction, name: str, request: Readable) -> Row:
    task = CANCELS[name]
    id = task.order_id(request)
    try:
        order = await transaction.lock(needed(transaction.world, task.kind), id)
    except NotFound:
        message = f"refers to {task.kind} {id[:128]}, which is not held here"
        raise Invalid(name, [Problem(f"$.{task.order}.id", message)]) from None
    _way_to_cancelled(order)
    return order


def _way_to_cancelled(order: Row) -> Sequence[str]:
    """The states to go through, over the assessment of the request where there is such a way."""
    state, flow = str(state_of(order.kind, order.body)), order.kind.flow
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
    reason, known = of(CancelOrder, request).cancellation_reason, _telling(order)
    if reason and known and not known.cancellation_reason:
        change["cancellationReason"] = reason
    return change


def _cancelled_line(line: Document, key: str) -> Document:
    changed = dict(line)
    if line.get("state") not in FINAL_LINES:
        changed["state"] = "cancelled"
    if line.get(key):
        changed[key] = [_cancelled_line(inner, key) for inner in line[key]]
    return changed
