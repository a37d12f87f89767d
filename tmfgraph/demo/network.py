"""What products run on: access nodes with their ports, and the services and resources of one product."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tmfgraph.demo.catalog import ADDRESS, FIBRE, MOBILE, Offering, service_specification
from tmfgraph.demo.common import DAY, Document, Documents, characteristics, href, moment, refer
from tmfgraph.demo.people import CITIES, City, Customer

CUSTOMERS = 100
"""How many customers a unit of scale has."""
NODES = 10
PORTS = 2
FAILED_PORT = 2
"""The port of each unit that is out of order, counted from 1."""

TANGIBLE = ("olt", "ont", "router")
"""The categories of resources that can be touched; the others are numbers, addresses and the like."""
FULL_POWER, POWER_OFF = "3", "12"


def unit_of(number: int) -> int:
    """The unit that a customer belongs to, counted from 1 as customers are."""
    return (number - 1) // CUSTOMERS + 1


def port_of(number: int) -> int:
    """The port of its unit that a customer's fibre ends at."""
    return (number - 1) % (NODES * PORTS) + 1


def city_of(number: int) -> City:
    """Where a customer lives: in the city of the access node."""
    return _city(unit_of(number), (port_of(number) - 1) // PORTS)


def _city(unit: int, node: int) -> City:
    return CITIES[((unit - 1) * NODES + node) % len(CITIES)]


def _port_id(unit: int, port: int) -> str:
    return f"PORT-{unit:04}-{port:02}"


def port_reference(number: int) -> Document:
    unit, port = unit_of(number), port_of(number)
    city = _city(unit, (port - 1) // PORTS)
    return refer("Resource", _port_id(unit, port), _port_name(unit, port, city))


def _port_name(unit: int, port: int, city: City) -> str:
    return f"{city.code}-OLT-{unit:04}-{(port - 1) // PORTS + 1:02}/pon{(port - 1) % PORTS + 1}"


def failed(number: int) -> bool:
    """Whether the port of a customer's fibre is out of order."""
    return port_of(number) == FAILED_PORT


def network_documents(unit: int) -> Documents:
    """The access nodes of a unit and their ports."""
    for node in range(NODES):
        city = _city(unit, node)
        id, name = f"OLT-{unit:04}-{node + 1:02}", f"{city.code}-OLT-{unit:04}-{node + 1:02}"
        ports = range(node * PORTS + 1, node * PORTS + PORTS + 1)
        references = [refer("Resource", _port_id(unit, p), _port_name(unit, p, city)) for p in ports]
        yield (
            "PhysicalResource",
            {
                **_resource(id, name, "olt", {"vendor": "Optavia", "model": "OX-16", "ports": PORTS}),
                **_item(f"OX{unit:04}{node + 1:02}", "C", -400 + node),
                "startOperatingDate": moment(-300 * DAY),
                "place": {"id": f"SITE-{city.code}", "name": f"{city.name} exchange", "role": "site"},
                "resourceRelationship": [_tie("contains", reference) for reference in references],
            },
        )
        for port in ports:
            broken = port == FAILED_PORT
            values = {"technology": "XGS-PON", "capacity": 10, "capacityUnit": "Gbit/s"}
            yield (
                "LogicalResource",
                {
                    **_resource(_port_id(unit, port), _port_name(unit, port, city), "accessPort", values),
                    "value": f"pon{(port - 1) % PORTS + 1}",
                    "startOperatingDate": moment(-300 * DAY),
                    "operationalState": "disable" if broken else "enable",
                    "resourceStatus": "alarm" if broken else "available",
                    "resourceRelationship": [_tie("containedIn", refer("Resource", id, name))],
                    "place": {"id": f"SITE-{city.code}", "name": f"{city.name} exchange", "role": "site"},
                },
            )


def _resource(id: str, name: str, category: str, values: dict[str, Any]) -> Document:
    """A resource in full use; who knows better says so."""
    return {
        "id": id,
        "name": name,
        "category": category,
        "resourceVersion": "1",
        "administrativeState": "unlocked",
        "operationalState": "enable",
        "usageState": "active",
        "resourceStatus": "available",
        "resourceSpecification": {"id": f"RS-{category.upper()}", "name": category},
        "resourceCharacteristic": characteristics(values),
    }


def _item(serial: str, version: str, made: int) -> Document:
    """What only a resource that can be touched has; `made` is the day, counted from the start."""
    return {
        "serialNumber": serial,
        "versionNumber": version,
        "manufactureDate": moment(made * DAY),
        "powerState": FULL_POWER,
    }


def resource_kind(resource: Document) -> str:
    """The kind that a resource is of."""
    return "PhysicalResource" if resource["category"] in TANGIBLE else "LogicalResource"


def _tie(kind: str, resource: Document) -> Document:
    return {"relationshipType": kind, "resource": resource}


# ---- one product ------------------------------------------------------------------------------


@dataclass
class Installed:
    """A product with the services and resources that deliver it."""

    offering: Offering
    product: Document
    services: list[Document] = field(default_factory=list)
    resources: list[Document] = field(default_factory=list)
    port: Document | None = None

    @property
    def reference(self) -> Document:
        return refer("Product", self.product["id"], self.product["name"])


def install(customer: Customer, to: Installed, lines: Iterable[Installed]) -> None:
    """Builds the services and resources that deliver a product; `lines` are what the customer has."""
    specification = to.offering.specification
    if specification is FIBRE:
        _install_fibre(customer, to)
    elif specification is MOBILE:
        _install_mobile(customer, to)
    elif specification is ADDRESS:
        _install_address(customer, to)
    else:
        _install_router(customer, to)
    if specification not in (FIBRE, MOBILE):
        _rely_on_fibre(to, lines)
    services = [refer("Service", service["id"], service["name"]) for service in to.services]
    to.product["realizingService"] = services[:1]


def _install_fibre(customer: Customer, to: Installed) -> None:
    key, number = to.product["id"][2:], customer.number
    to.port = port_reference(number)
    vlan = _own(customer, to, "VLAN", f"C-VLAN {100 + number % 3900}", "vlan", {
        "outerVlan": 1000 + port_of(number), "innerVlan": 100 + number % 3900,
    })  # fmt: skip
    vlan["value"] = f"{1000 + port_of(number)}.{100 + number % 3900}"
    terminal = _own(customer, to, "ONT", f"ONT {key}", "ont", {"model": "OX-1"})
    terminal |= _item(f"NHON{number:08}", "B", -90 - number % 200)
    for resource, kind in ((vlan, "reliesOn"), (terminal, "connectedTo")):
        resource["resourceRelationship"] = [_tie(kind, to.port)]
    terminal["place"] = customer.place
    values = {name: value for name, value in to.offering.values.items() if name.endswith("Speed")}
    facing = _service(customer, to, "CFS", {**values, "speedUnit": "Mbit/s"})
    bearer = _service(customer, to, "RFS", {"vlan": 100 + number % 3900, "technology": "XGS-PON"})
    facing["supportingResource"] = [to.port, _short(terminal)]
    bearer["supportingResource"] = [_short(vlan)]


def _install_mobile(customer: Customer, to: Installed) -> None:
    key = to.product["id"][2:]
    digits = key.replace("-", "")
    phone = _own(customer, to, "MSISDN", f"+999 170 {digits}", "msisdn", {"msisdn": f"+999170{digits}"})
    sim = _own(customer, to, "SIM", f"SIM {key}", "sim", {
        "iccid": f"89999{digits:>014}", "imsi": f"99901{digits:>010}", "form": "eSIM",
    })  # fmt: skip
    phone["value"], sim["value"] = f"+999170{digits}", f"89999{digits:>014}"
    phone["resourceRelationship"] = [_tie("reliesOn", _short(sim))]
    facing = _service(customer, to, "CFS", to.offering.values)
    bearer = _service(customer, to, "RFS", {"apn": "internet.nordhaven.example"})
    facing["supportingResource"] = [{**_short(phone), "value": f"+999170{digits}"}, _short(sim)]
    bearer["supportingResource"] = [_short(sim)]


def _install_address(customer: Customer, to: Installed) -> None:
    # 198.18.0.0/15 is set aside for tests (RFC 2544): nobody's address.
    number = customer.number % 2**17
    address = f"198.{18 + number // 2**16}.{number // 256 % 256}.{number % 256}"
    resource = _own(customer, to, "IP", address, "ipAddress", {"address": address, "prefixLength": 32})
    resource["value"] = address
    facing = _service(customer, to, "CFS", {"address": address})
    facing["supportingResource"] = [{**_short(resource), "value": address}]


def _install_router(customer: Customer, to: Installed) -> None:
    serial = f"NHR{to.product['id'][2:].replace('-', '')}"
    model = to.offering.values["model"]
    resource = _own(customer, to, "CPE", f"{model} {serial}", "router", {"model": model})
    resource |= _item(serial, "A", -30 - customer.number % 100)
    resource["place"] = customer.place
    facing = _service(customer, to, "CFS", {"firmware": "6.2.1", "remoteManagement": True})
    facing["supportingResource"] = [_short(resource)]
    to.product["productSerialNumber"] = serial
    to.product["realizingResource"] = [_short(resource)]


def _rely_on_fibre(to: Installed, lines: Iterable[Installed]) -> None:
    """Ties a router or an address to the fibre line that it is used on."""
    base = next((line for line in lines if line.offering.specification is FIBRE and line.services), None)
    if base is None:
        return
    service = refer("Service", base.services[0]["id"], base.services[0]["name"])
    to.services[0]["serviceRelationship"] = [{"relationshipType": "reliesOn", "service": service}]
    to.product["productRelationship"] = [{"relationshipType": "reliesOn", "product": base.reference}]
    if base.resources:
        to.resources[0]["resourceRelationship"] = [_tie("connectedTo", _short(base.resources[-1]))]


def _own(
    customer: Customer, to: Installed, prefix: str, name: str, category: str, values: dict[str, Any]
) -> Document:
    """A resource that serves this product alone."""
    made = _resource(f"{prefix}-{to.product['id'][2:]}", name, category, values)
    made["relatedParty"] = [customer.reference]
    to.resources.append(made)
    return made


def _service(customer: Customer, to: Installed, category: str, values: dict[str, Any]) -> Document:
    """The customer-facing service of a product, or the resource-facing one beneath it."""
    facing = category == "CFS"
    specified = to.offering.specification.service or ""
    name = specified if facing else f"{specified} bearer"
    made: Document = {
        "id": f"{category}-{to.product['id'][2:]}",
        "name": f"{name} {to.product['id'][2:]}",
        "category": category,
        "serviceType": name,
        "startMode": "3",
        "isBundle": False,
        "isStateful": True,
        "serviceSpecification": service_specification(name),
        "serviceCharacteristic": characteristics(values),
        "serviceOrderItem": [],
        "relatedParty": [customer.reference],
        "place": [customer.place],
    }
    if to.services:
        to.services[0]["supportingService"] = [refer("Service", made["id"], made["name"])]
    to.services.append(made)
    return made


def _short(resource: Document) -> Document:
    return {"id": resource["id"], "href": href("Resource", resource["id"]), "name": resource["name"]}
