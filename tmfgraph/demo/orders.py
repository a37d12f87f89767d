"""What customers order: product orders with the service and resource orders that they lead to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tmfgraph.demo.catalog import (
    BUNDLE,
    FIBRE,
    MOBILE,
    OFFERINGS,
    ROUTER,
    SELLER,
    Offering,
    specification_reference,
)
from tmfgraph.demo.common import DAY, Document, characteristics, href, moment, party, price, refer
from tmfgraph.demo.delivery import activate, appointment
from tmfgraph.demo.network import (
    FULL_POWER,
    POWER_OFF,
    TANGIBLE,
    Installed,
    failed,
    install,
    resource_kind,
    unit_of,
)
from tmfgraph.demo.people import Customer, installer

HOUR = 60

# Each state of a product order, with the states on the way there.
PATHS: dict[str, tuple[str, ...]] = {
    "acknowledged": (),
    "rejected": ("rejected",),
    "inProgress": ("inProgress",),
    "pending": ("inProgress", "pending"),
    "held": ("inProgress", "held"),
    "completed": ("inProgress", "completed"),
    "failed": ("inProgress", "failed"),
    "partial": ("inProgress", "partial"),
    "assessingCancellation": ("inProgress", "assessingCancellation"),
    "pendingCancellation": ("inProgress", "assessingCancellation", "pendingCancellation"),
    "cancelled": ("inProgress", "assessingCancellation", "pendingCancellation", "cancelled"),
}

WORDS = {
    "inProgress": "Order checked and handed over to delivery.",
    "rejected": "The address cannot be served yet.",
    "pending": "Waiting for the customer to confirm a date.",
    "held": "Held: identity check of the customer is not finished.",
    "completed": "Everything is delivered and works.",
    "failed": "Delivery failed: no free line in the building.",
    "partial": "Part of the order is delivered, the rest could not be.",
    "assessingCancellation": "The customer asks to cancel; checking what is done already.",
    "pendingCancellation": "The cancellation is accepted; work is being undone.",
    "cancelled": "Cancelled at the customer's request.",
}

# What an order line that adds a product makes of it and of its services, by the state of the line.
ADDED = {
    "acknowledged": ("created", None),
    "rejected": ("aborted ", None),
    "inProgress": ("pendingActive", "reserved"),
    "pending": ("pendingActive", "reserved"),
    "held": ("pendingActive", "designed"),
    "completed": ("active", "active"),
    "failed": ("aborted ", "inactive"),
    "assessingCancellation": ("pendingActive", "reserved"),
    "pendingCancellation": ("pendingActive", "reserved"),
    "cancelled": ("cancelled", "inactive"),
}


@dataclass
class Line:
    """One line of a product order. The product of an add is made when the order is placed."""

    action: str
    offering: Offering
    installed: Installed | None = None
    state: str = ""
    id: str = ""

    @property
    def visited(self) -> bool:
        """Whether somebody comes to install what is ordered."""
        return self.action == "add" and self.offering.specification in (FIBRE, ROUTER)

    @property
    def product(self) -> Installed:
        assert self.installed is not None
        return self.installed


@dataclass(frozen=True)
class Placed:
    """An order as its parts need it: whose, which one, where it stands and when it got there."""

    customer: Customer
    number: int
    state: str
    minutes: int
    lines: Sequence[Line]

    def id(self, prefix: str) -> str:
        return f"{prefix}-{self.customer.number:06}-{self.number}"

    @property
    def delivered(self) -> bool:
        """Whether delivery was asked to do something, whatever became of it."""
        started = self.state not in ("acknowledged", "rejected")
        return started and any(line.product.services for line in self.lines)

    @property
    def path(self) -> tuple[str, ...]:
        return PATHS[self.state]

    def reached(self, state: str) -> str:
        """When a state was reached: some hours after the one before it, days for the last."""
        steps = self.path.index(state) + 1
        last = self.days * DAY if state in ("completed", "partial", "failed") else 0
        return moment(self.minutes + steps * 3 * HOUR + last)

    @property
    def days(self) -> int:
        """How many days delivery takes."""
        return 3 + self.customer.number % 5


def place(
    customer: Customer, number: int, state: str, minutes: int, lines: Sequence[Line], has: list[Installed]
) -> None:
    """Places a product order in a state, with all that follows from it. What it adds goes to `has`."""
    for index, line in enumerate(lines, 1):
        line.id = str(index)
        line.state = ("completed" if index == 1 else "failed") if state == "partial" else state
    order = Placed(customer, number, state, minutes, lines)
    for line in lines:
        if line.action == "add":
            line.installed = _add(order, line, has)
            has.append(line.installed)
        elif line.action == "modify":
            _modify(order, line)
        else:
            _end(order, line)
        _link_back(order, line)
    _bundle(lines)
    customer.add("ProductOrder", _product_order(order))
    if order.delivered:
        services = customer.add("ServiceOrder", _service_order(order))
        customer.add("ResourceOrder", _resource_order(order, services))
        _deliver(order, services)
    _ask_to_cancel(order)


# ---- what lines do to products -----------------------------------------------------------------


def _add(order: Placed, line: Line, has: Sequence[Installed]) -> Installed:
    customer, offering = order.customer, line.offering
    status, service_state = ADDED[line.state]
    customer.products += 1
    done = line.state == "completed"
    product: Document = {
        "id": f"P-{customer.number:06}-{customer.products:02}",
        "name": offering.name,
        "description": offering.description,
        "status": status,
        "isBundle": bool(offering.parts),
        "isCustomerVisible": True,
        "orderDate": moment(order.minutes),
        **({"startDate": order.reached(order.state)} if done else {}),
        **_sold_as(offering),
        "productOrderItem": [],
        "relatedParty": [customer.reference],
        "billingAccount": customer.account,
        "place": [customer.place],
    }
    if offering.months:
        duration = {"amount": offering.months, "units": "month"}
        product["productTerm"] = [{"name": f"{offering.months} months", "duration": duration}]
    made = Installed(offering, product)
    customer.add("Product", product)
    if service_state is None or offering.specification is BUNDLE:
        return made
    install(customer, made, has)
    for service in made.services:
        on = service_state == "active"
        service |= {
            "state": service_state,
            "serviceDate": moment(order.minutes),
            "hasStarted": on,
            "isServiceEnabled": on and not (made.port and failed(customer.number)),
            **({"startDate": order.reached(order.state)} if on else {}),
        }
        customer.add("Service", service)
    for resource in made.resources:
        _use(resource, service_state)
        if service_state == "active":
            resource["startOperatingDate"] = order.reached(order.state)
        customer.add(resource_kind(resource), resource)
    return made


def _use(resource: Document, service_state: str) -> None:
    """How a resource is used by a service in a state."""
    resource["usageState"] = "active" if service_state == "active" else "idle"
    reserved = service_state in ("reserved", "designed")
    resource["resourceStatus"] = "reserved" if reserved else "available"
    resource["administrativeState"] = "unlocked" if service_state == "active" else "locked"
    if resource["category"] in TANGIBLE:
        resource["powerState"] = FULL_POWER if service_state == "active" else POWER_OFF


def _sold_as(offering: Offering) -> Document:
    """What a product takes over from its offering."""
    return {
        "productOffering": offering.reference,
        "productSpecification": specification_reference(offering),
        "productCharacteristic": characteristics(offering.values),
        "productPrice": [
            {
                "name": f"{offering.name}, {kind}",
                "priceType": kind,
                "price": price(value),
                **({"recurringChargePeriod": "month"} if kind == "recurring" else {}),
                "productOfferingPrice": refer("ProductOfferingPrice", id),
            }
            for id, kind, value in offering.charges
        ],
    }


def _modify(order: Placed, line: Line) -> None:
    """A change of offering, which takes effect when the line is completed."""
    if line.state != "completed":
        return
    installed = line.product
    installed.offering = line.offering
    installed.product |= {
        "name": line.offering.name,
        "description": line.offering.description,
        **_sold_as(line.offering),
    }
    values = {key: value for key, value in line.offering.values.items() if not key.endswith("Unit")}
    for found in installed.services[0]["serviceCharacteristic"]:
        found["value"] = values.get(found["name"], found["value"])


def _end(order: Placed, line: Line) -> None:
    """The end of a product, which takes effect when the line is completed."""
    installed = line.product
    if line.state != "completed":
        if line.state in ("inProgress", "pending", "held"):
            installed.product["status"] = "pendingTerminate"
        return
    end = order.reached(order.state)
    installed.product |= {"status": "terminated", "terminationDate": end}
    for service in installed.services:
        service |= {"state": "terminated", "endDate": end, "isServiceEnabled": False}
    for resource in installed.resources:
        _use(resource, "terminated")
        resource["endOperatingDate"] = end


def _link_back(order: Placed, line: Line) -> None:
    product = line.product.product
    product["productOrderItem"].append(
        {
            "productOrderId": order.id("PO"),
            "productOrderHref": href("ProductOrder", order.id("PO")),
            "orderItemId": line.id,
            "orderItemAction": line.action,
        }
    )


def _bundle(lines: Sequence[Line]) -> None:
    """Ties a bundle to the products that it is made of, and delivers it by their services."""
    whole = next((line.product for line in lines if line.offering.specification is BUNDLE), None)
    if whole is None:
        return
    parts = [line.product for line in lines if line.product is not whole]
    whole.product["product"] = [part.reference for part in parts]
    found = [service for part in parts for service in part.product.get("realizingService", [])]
    if found:
        whole.product["realizingService"] = found
    for part in parts:
        part.product["productRelationship"] = [
            *part.product.get("productRelationship", []),
            {"relationshipType": "bundledIn", "product": whole.reference},
        ]


# ---- product orders ----------------------------------------------------------------------------


def _product_order(order: Placed) -> Document:
    customer, state = order.customer, order.state
    made: Document = {
        "id": order.id("PO"),
        "description": ", ".join(f"{line.action} {line.offering.name}" for line in order.lines),
        "category": "business" if customer.business else "residential",
        "priority": "1" if customer.business else "3",
        "state": state,
        "externalId": f"WEB-{customer.number:06}-{order.number}",
        "notificationContact": f"order.{customer.number}@example.com",
        **_dates(order),
        "productOrderItem": [_item(order, line) for line in order.lines],
        "orderTotalPrice": _totals(order.lines),
        "billingAccount": customer.account,
        "relatedParty": [customer.reference, SELLER],
        "channel": [{"id": "CH-WEB", "name": "Web shop", "role": "sales"}],
        "note": _notes(order, "order desk", WORDS.__getitem__),
    }
    if customer.number % 8 == 0:
        partner = party("PartyRole", "ROLE-RESELLER", "Kontora Shops", "partner")
        made["relatedParty"].append(partner)
        made["channel"] = [{"id": "CH-SHOP", "name": "Shop", "role": "sales"}]
    if state == "cancelled":
        made["cancellationReason"] = _why(order)
    return made


def _dates(order: Placed) -> Document:
    """When an order came, when it was to be done and, where it is over, when it was."""
    dates = {
        "orderDate": moment(order.minutes),
        "requestedStartDate": moment(order.minutes + DAY),
        "requestedCompletionDate": moment(order.minutes + 7 * DAY),
    }
    if order.state not in ("rejected", "cancelled", "failed"):
        dates["expectedCompletionDate"] = moment(order.minutes + 9 * DAY)
    if order.state == "completed":
        dates["completionDate"] = order.reached("completed")
    if order.state == "cancelled":
        dates["cancellationDate"] = order.reached("cancelled")
    return dates


def _item(order: Placed, line: Line) -> Document:
    offering, installed = line.offering, line.product
    made: Document = {
        "id": line.id,
        "action": line.action,
        "quantity": 1,
        "state": line.state,
        "productOffering": offering.reference,
        "product": {
            **refer("Product", installed.product["id"], offering.name),
            "isBundle": bool(offering.parts),
            "productSpecification": specification_reference(offering),
            "productCharacteristic": characteristics(offering.values),
            "place": [order.customer.place],
        },
        "billingAccount": order.customer.account,
    }
    if line.action != "delete":
        made["itemPrice"] = [_order_price(kind, value, id) for id, kind, value in offering.charges]
        if offering.months:
            duration = {"amount": offering.months, "units": "month"}
            made["itemTerm"] = [{"name": f"{offering.months} months", "duration": duration}]
    if line.visited and order.delivered:
        visit = order.id("AP")
        made["appointment"] = {"id": visit, "href": href("Appointment", visit)}
    first = order.lines[0]
    if first.offering.specification is BUNDLE:
        others = [other.id for other in order.lines[1:]] if line is first else [first.id]
        kind = "bundles" if line is first else "bundledIn"
        made["productOrderItemRelationship"] = [{"id": id, "relationshipType": kind} for id in others]
    return made


def _order_price(kind: str, value: float, id: str | None = None) -> Document:
    recurring = {"recurringChargePeriod": "month"} if kind == "recurring" else {}
    source = {"productOfferingPrice": refer("ProductOfferingPrice", id)} if id else {}
    name = "Monthly charge" if recurring else "Set-up"
    return {"name": name, "priceType": kind, "price": price(value), **recurring, **source}


def _totals(lines: Sequence[Line]) -> list[Document]:
    charges = [charge for line in lines if line.action != "delete" for charge in line.offering.charges]
    sums = {kind: sum(value for _, k, value in charges if k == kind) for kind in ("recurring", "oneTime")}
    return [_order_price(kind, value) for kind, value in sums.items() if value]


def _notes(order: Placed, author: str, words: Callable[[str], str]) -> list[Document]:
    """How the order came to where it stands."""
    return [
        {"id": str(n), "author": author, "date": order.reached(state), "text": words(state)}
        for n, state in enumerate(order.path, 1)
    ]


# ---- service and resource orders ----------------------------------------------------------------


def _service_order(order: Placed) -> Document:
    customer, id = order.customer, order.id("SO")
    items: list[Document] = []
    for line in order.lines:
        above = None
        for service in line.product.services:
            item: Document = {
                "id": str(len(items) + 1),
                "action": line.action,
                "quantity": 1,
                "state": line.state,
                "service": {
                    **refer("Service", service["id"], service["name"]),
                    "category": service["category"],
                    "serviceSpecification": service["serviceSpecification"],
                    # Values of its own: a later order may change those of the service.
                    "serviceCharacteristic": [dict(found) for found in service["serviceCharacteristic"]],
                },
            }
            if above is not None:
                target = {"serviceOrderId": id, "itemId": item["id"]}
                above["serviceOrderItemRelationship"] = [
                    {"relationshipType": "reliesOn", "orderItem": target}
                ]
            above = item
            items.append(item)
            service["serviceOrderItem"].append(
                {
                    "serviceOrderId": id,
                    "serviceOrderHref": href("ServiceOrder", id),
                    "itemId": item["id"],
                    "itemAction": line.action,
                    "role": "created by" if line.action == "add" else "changed by",
                }
            )
    cause = order.id("PO")
    return {
        "id": id,
        "description": f"Services for {cause}",
        "category": "business" if customer.business else "residential",
        "priority": "1" if customer.business else "3",
        "state": order.state,
        "externalId": cause,
        "externalReference": [
            {
                "id": cause,
                "href": href("ProductOrder", cause),
                "name": cause,
                "externalReferenceType": "ProductOrder",
            }
        ],
        **_dates(order),
        "startDate": order.reached("inProgress"),
        **({"cancellationReason": _why(order)} if order.state == "cancelled" else {}),
        "serviceOrderItem": items,
        "relatedParty": [customer.reference],
        "milestone": [
            {"id": str(n), "name": state, "milestoneDate": order.reached(state), "status": "reached"}
            for n, state in enumerate(order.path, 1)
        ],
    }


def _resource_order(order: Placed, cause: Document) -> Document:
    items: list[Document] = []
    for line in order.lines:
        installed = line.product
        wanted: list[tuple[str, dict[str, Any]]] = [
            (line.action, {**refer("Resource", r["id"], r["name"]), "category": r["category"]})
            for r in installed.resources
        ]
        if installed.port:
            wanted.append(("modify", {**installed.port, "category": "accessPort"}))
        for action, resource in wanted:
            item = {"id": str(len(items) + 1), "action": action, "quantity": 1, "state": line.state}
            items.append({**item, "resource": resource})
    dates = _dates(order)
    dates.pop("cancellationDate", None)
    return {
        "id": order.id("RO"),
        "name": f"Resources for {cause['id']}",
        "description": ", ".join(sorted({item["resource"]["category"] for item in items})),
        "category": cause["category"],
        "orderType": "provide" if order.lines[0].action == "add" else "change",
        "priority": 1 if order.customer.business else 3,
        "state": order.state,
        "externalReference": [
            {"id": cause["id"], "entityType": "ServiceOrder", "owner": "service order management"}
        ],
        **dates,
        "startDate": order.reached("inProgress"),
        "orderItem": items,
        "relatedParty": [order.customer.reference, installer(unit_of(order.customer.number))],
        "note": _notes(order, "network operations", "The order is {} now.".format),
    }


def _deliver(order: Placed, services: Document) -> None:
    """The visit, where one is needed, and the activations."""
    if any(line.visited for line in order.lines):
        orders = {"ProductOrder": order.id("PO"), "ServiceOrder": services["id"]}
        day = order.minutes // DAY + order.days
        made = order.reached("inProgress")
        visit = appointment(order.customer, order.id("AP"), order.state, day, made, orders)
        order.customer.add("Appointment", visit)
    over = order.state in ("completed", "partial", "failed", "cancelled")
    products = [line.product for line in order.lines]
    if order.state == "held":
        return
    activate(order.customer, services, products, order.reached(order.state) if over else None)


# ---- requests to cancel --------------------------------------------------------------------------


def _why(order: Placed) -> str:
    reasons = ("The customer is moving elsewhere", "Ordered by mistake", "Delivery takes too long")
    return reasons[order.customer.number % len(reasons)]


def _ask_to_cancel(order: Placed) -> None:
    """The requests that took an order towards its cancellation, and a few that came too late."""
    late = order.state == "completed" and order.customer.number % 20 == 8
    states = {
        "assessingCancellation": "acknowledged",
        "pendingCancellation": "inProgress",
        "cancelled": "done",
    }
    state = "terminatedWithError" if late else states.get(order.state)
    if state is None:
        return
    asked = order.reached("completed" if late else "assessingCancellation")
    request: Document = {"cancellationReason": _why(order)}
    if state != "acknowledged":
        # A request that still waits has no date: the server would carry it out at once.
        request["requestedCancellationDate"] = asked
    if state == "done":
        request["effectiveCancellationDate"] = order.reached("cancelled")
    customer = order.customer
    customer.add(
        "CancelProductOrder",
        {
            "id": order.id("CPO"),
            **request,
            "state": state,
            "productOrder": refer("ProductOrder", order.id("PO")),
        },
    )
    if late or not any(line.product.services for line in order.lines):
        return
    customer.add(
        "CancelServiceOrder",
        {
            "id": order.id("CSO"),
            **request,
            "state": "accepted" if state == "acknowledged" else state,
            "serviceOrder": refer("ServiceOrder", order.id("SO")),
            **({"completionMessage": "Everything is undone."} if state == "done" else {}),
        },
    )
    target = {"id": order.id("RO"), "href": href("ResourceOrder", order.id("RO"))}
    customer.add(
        "CancelResourceOrder", {"id": order.id("CRO"), **request, "state": state, "resourceOrder": target}
    )


# ---- who orders what -----------------------------------------------------------------------------

# How many orders a customer places after the first: on average one.
LATER = (1, 2, 1, 1, 0)

# The states of those orders, in turn: every one comes up among any twenty customers.
STATES = (
    "completed", "inProgress", "held", "pending", "completed", "cancelled", "acknowledged", "failed",
    "rejected", "completed", "partial", "assessingCancellation", "inProgress", "pendingCancellation",
    "completed", "acknowledged", "completed", "pending", "partial", "completed",
)  # fmt: skip


def tell(customer: Customer) -> list[Installed]:
    """A customer's story: a first order that nearly always went well, and what came after it.

    Gives what the customer has, or once had, after all that.
    """
    has: list[Installed] = []
    first = "inProgress" if customer.number % 12 == 0 else "completed"
    minutes = customer.joined + HOUR
    place(customer, 1, first, minutes, [Line("add", offering) for offering in _first(customer)], has)
    number = customer.number
    block, place_in_block = divmod(number - 1, len(LATER))
    before = block * sum(LATER) + sum(LATER[:place_in_block])
    for n in range(LATER[place_in_block]):
        state = STATES[(before + n) % len(STATES)]
        minutes += (20 + customer.rng.randrange(40)) * DAY + customer.rng.randrange(8 * HOUR)
        lines = _later(customer, has, two=state == "partial")
        place(customer, n + 2, state, minutes, lines, has)
    if customer.unpaid:
        _suspend(customer, has)
    return has


def _first(customer: Customer) -> list[Offering]:
    rng = customer.rng
    fibre = OFFERINGS[rng.choice(("OFF-FIBRE-100", "OFF-FIBRE-500", "OFF-FIBRE-500", "OFF-FIBRE-1000"))]
    mobile = OFFERINGS[rng.choice(("OFF-MOBILE-S", "OFF-MOBILE-M", "OFF-MOBILE-L"))]
    router = OFFERINGS["OFF-ROUTER"]
    if customer.business:
        return [OFFERINGS["OFF-FIBRE-1000"], OFFERINGS["OFF-STATIC-IP"], router]
    match customer.number % 10:
        case 0 | 5:
            return [mobile]
        case 2 | 8:
            whole = OFFERINGS[rng.choice(("OFF-HOME-M", "OFF-HOME-L"))]
            return [whole, *(OFFERINGS[part] for part in whole.parts)]
        case 4:
            return [fibre]
    return [fibre, router]


def _later(customer: Customer, has: Sequence[Installed], *, two: bool) -> list[Line]:
    """Something more, something else, or one thing less."""
    rng = customer.rng
    mobile = OFFERINGS[rng.choice(("OFF-MOBILE-S", "OFF-MOBILE-M", "OFF-MOBILE-L"))]
    active = [one for one in has if one.product["status"] == "active"]
    fibre = next((one for one in active if one.offering.specification is FIBRE), None)
    extra = OFFERINGS["OFF-MESH"] if fibre else OFFERINGS["OFF-MOBILE-S"]
    if two:
        return [Line("add", mobile), Line("add", extra)]
    plan = next((one for one in active if one.offering.specification is MOBILE), None)
    match rng.randrange(5):
        case 0 if fibre and fibre.offering.id != "OFF-FIBRE-1000":
            return [Line("modify", OFFERINGS["OFF-FIBRE-1000"], fibre)]
        case 1 if plan and len(active) > 1:
            return [Line("delete", plan.offering, plan)]
        case 2 if plan and plan.offering.id != "OFF-MOBILE-L":
            return [Line("modify", OFFERINGS["OFF-MOBILE-L"], plan)]
        case 3:
            return [Line("add", extra)]
    return [Line("add", mobile)]


def _suspend(customer: Customer, has: Sequence[Installed]) -> None:
    """A customer who did not pay."""
    for one in has:
        if one.product["status"] == "active":
            one.product["status"] = "suspended"
            for service in one.services:
                service |= {"state": "inactive", "isServiceEnabled": False}
    for kind, document in customer.documents:
        if kind == "Customer":
            document |= {"status": "suspended", "statusReason": "Two bills are unpaid"}
