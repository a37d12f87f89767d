"""How orders are carried out: appointments with customers, and the activation of services and resources."""

from collections.abc import Sequence

from tmfgraph.demo.common import DAY, Document, href, moment, refer
from tmfgraph.demo.network import TANGIBLE, Installed, unit_of
from tmfgraph.demo.people import Customer, installer

HOUR = 60

# Where the appointment of an order stands, by the state of the order.
APPOINTMENTS = {
    "inProgress": "confirmed",
    "pending": "initialized",
    "held": "initialized",
    "completed": "completed",
    "partial": "completed",
    "failed": "failed",
    "assessingCancellation": "confirmed",
    "pendingCancellation": "cancelled",
    "cancelled": "cancelled",
}

# Where an activation stands, by the state of the order line that asks for it.
ACTIVATIONS = {
    "inProgress": "inProgress",
    "pending": "acknowledged",
    "completed": "done",
    "failed": "terminatedWithError",
    "assessingCancellation": "inProgress",
    "pendingCancellation": "inProgress",
    "cancelled": "cancelled",
}
OVER = ("done", "terminatedWithError", "cancelled")
VERBS = {"add": "Activate", "modify": "Change", "delete": "Switch off"}
ERROR = {"code": "NO-LINE", "reason": "No free line", "message": "The building has no free line any more."}


def appointment(customer: Customer, id: str, state: str, day: int, made: str, orders: Document) -> Document:
    """The visit at which what an order in a state adds is installed; `orders` are its orders by kind."""
    # In the morning, before the work can be reported as done.
    start = day * DAY + (2 + customer.number % 3) * HOUR
    return {
        "id": id,
        "description": "Installation at the customer's",
        "category": "installation",
        "externalId": orders["ProductOrder"],
        "status": APPOINTMENTS[state],
        "validFor": {"startDateTime": moment(start), "endDateTime": moment(start + 2 * HOUR)},
        "creationDate": made,
        "lastUpdate": moment(start + 2 * HOUR) if state in ("completed", "partial", "failed") else made,
        "contactMedium": [one for one in customer.media if one["mediumType"] == "phone"],
        "relatedPlace": customer.place,
        "relatedParty": [customer.reference, installer(unit_of(customer.number))],
        "relatedEntity": [
            {**refer(kind, order, order), "role": "order", "@referredType": kind}
            for kind, order in orders.items()
        ],
    }


def activate(customer: Customer, order: Document, products: Sequence[Installed], ended: str | None) -> None:
    """The activations that a service order leads to: of each service, and of the resources below it.

    `ended` is when the order came to its end, where it did.
    """
    services = {service["id"]: service for product in products for service in product.services}
    resources = {resource["id"]: resource for product in products for resource in product.resources}
    number = 0
    for item in order["serviceOrderItem"]:
        service = services[item["service"]["id"]]
        activation = customer.add("ServiceActivation", _service(customer, order, item, ended))
        for id in [below["id"] for below in service["supportingResource"]]:
            # Once for each: ports are there anyway, and a number is activated with its SIM.
            resource = resources.pop(id, None)
            if resource is not None and resource["category"] != "msisdn":
                number += 1
                id = f"RA-{order['id'][3:]}-{number}"
                made = _resource(customer, id, resource, activation, item["action"])
                customer.add("ResourceActivation", made)


def _service(customer: Customer, order: Document, item: Document, ended: str | None) -> Document:
    service, action = item["service"], item["action"]
    state = ACTIVATIONS[item["state"]]
    made: Document = {
        "id": f"SA-{order['id'][3:]}-{item['id']}",
        "name": f"{VERBS[action]} {service['name']}",
        "mode": "automatic",
        "state": state,
        "requestedDate": order["startDate"],
        "requestedActivationDate": order["requestedCompletionDate"],
        "service": refer("Service", service["id"], service["name"]),
        "serviceOrderItem": {
            "serviceOrderId": order["id"],
            "serviceOrderHref": href("ServiceOrder", order["id"]),
            "itemId": item["id"],
            "itemAction": action,
            "role": "asked for by",
        },
        "configuration": [] if action == "delete" else service["serviceCharacteristic"],
        "relatedParty": [customer.reference],
    }
    if state in OVER and ended:
        made["completionDate"] = ended
    if state == "done":
        made["activationDate"] = ended
    if state == "terminatedWithError":
        made["errorMessage"] = ERROR
    return made


def _resource(customer: Customer, id: str, resource: Document, activation: Document, action: str) -> Document:
    """A part of the activation of a service, which fares as that does."""
    by_hand = resource["category"] in TANGIBLE
    alike = ("state", "requestedDate", "requestedActivationDate", "activationDate", "completionDate")
    return {
        "id": id,
        "name": f"{VERBS[action]} {resource['name']}",
        "mode": "manual" if by_hand else "automatic",
        **{key: activation[key] for key in (*alike, "errorMessage") if key in activation},
        "resource": refer("Resource", resource["id"], resource["name"]),
        "serviceActivation": refer("ServiceActivation", activation["id"], activation["name"]),
        "configuration": [] if action == "delete" else resource["resourceCharacteristic"],
        "relatedParty": [installer(unit_of(customer.number))] if by_hand else [],
    }
