"""How the systems know whom they deal with: the digital identities of people and of devices."""

from collections.abc import Sequence

from tmfgraph.demo.catalog import FIBRE
from tmfgraph.demo.common import Document, moment, refer
from tmfgraph.demo.network import Installed
from tmfgraph.demo.people import Customer


def identify(customer: Customer, has: Sequence[Installed]) -> None:
    """The identity of the person behind a customer, and of some devices that log on to the network."""
    if not customer.business:
        customer.add("DigitalIdentity", _person(customer))
    for one in has:
        terminal = next((found for found in one.resources if found["category"] == "ont"), None)
        if one.offering.specification is FIBRE and terminal and customer.number % 10 == 1:
            customer.add("DigitalIdentity", _device(customer, one, terminal))


def _person(customer: Customer) -> Document:
    number = customer.number
    mail = next(one["characteristic"]["emailAddress"] for one in customer.media if one["preferred"])
    medium = {"@type": "EmailMedium", "id": "1", "contactType": "home", "emailAddress": mail}
    state = "suspended" if customer.unpaid else "active"
    credentials = [
        {
            "@type": "LoginPasswordCredential",
            "id": "1",
            "state": state,
            "trustLevel": "1",
            "login": mail,
            "contactMedium": [medium],
        }
    ]
    if number % 4 == 1:
        token = {"@type": "TokenCredential", "id": "2", "state": state, "trustLevel": "3", "login": mail}
        credentials.append(token)
    individual = refer("Individual", f"IND-{number:06}", customer.name)
    return {
        **_entry(f"ID-{number:06}", customer.name.split()[0], state, customer.joined),
        "individualIdentified": {**individual, "@referredType": "Individual"},
        "partyRoleIdentified": [customer.reference],
        "credential": credentials,
        "contactMedium": [{**medium, "preferred": True}],
    }


def _device(customer: Customer, of: Installed, terminal: Document) -> Document:
    resource = refer("Resource", terminal["id"], terminal["name"])
    state = {"active": "active", "suspended": "suspended", "pendingActive": "unknown"}.get(
        of.product["status"], "archived"
    )
    return {
        **_entry(f"ID-{terminal['id']}", terminal["name"], state, customer.joined),
        "resourceIdentified": resource,
        "credential": [{"@type": "NetworkCredential", "id": "1", "state": state, "resource": resource}],
        "relatedParty": [customer.reference],
    }


def _entry(id: str, nickname: str, status: str, joined: int) -> Document:
    made = moment(joined)
    return {
        "id": id,
        "nickname": nickname,
        "status": status,
        "creationDate": made,
        "lastUpdate": made,
        "validFor": {"startDateTime": made},
    }
