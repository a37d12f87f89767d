"""The demo operator's catalogue: categories, specifications, offerings and their prices."""

from dataclasses import dataclass, field
from typing import Any

from tmfgraph.demo.common import DAY, TAX_RATE, Document, Documents, moment, money, party, price, refer

OPERATOR_ID, OPERATOR_NAME = "ORG-OPERATOR", "Nordhaven Telecom"
SELLER = party("Organization", OPERATOR_ID, OPERATOR_NAME, "seller")
PUBLISHED = moment(-60 * DAY)


@dataclass(frozen=True)
class Specification:
    """A product specification, and the service that delivers its products."""

    id: str
    name: str
    number: str
    properties: tuple[str, ...]
    service: str | None


@dataclass(frozen=True)
class Offering:
    """An offering; `values` are the characteristics that its products have."""

    id: str
    name: str
    category: str
    specification: Specification
    description: str
    monthly: float = 0
    once: float = 0
    months: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    parts: tuple[str, ...] = ()

    @property
    def reference(self) -> Document:
        return refer("ProductOffering", self.id, self.name)

    @property
    def charges(self) -> list[tuple[str, str, float]]:
        """Identifier, type and amount of each price."""
        found = [("M", "recurring", self.monthly), ("O", "oneTime", self.once)]
        return [(f"PRICE-{self.id[4:]}-{letter}", kind, value) for letter, kind, value in found if value]


FIBRE = Specification(
    "SPEC-FIBRE", "Fibre line", "NH-100", ("downstreamSpeed", "upstreamSpeed"), "Internet access"
)
MOBILE = Specification(
    "SPEC-MOBILE", "Mobile plan", "NH-200", ("dataVolume", "roaming"), "Mobile voice and data"
)
ROUTER = Specification("SPEC-ROUTER", "Home router", "NH-300", ("model", "wifi"), "Managed router")
ADDRESS = Specification("SPEC-ADDRESS", "Static IP address", "NH-110", ("ipVersion",), "Static addressing")
BUNDLE = Specification("SPEC-BUNDLE", "Home and mobile", "NH-900", (), None)
SPECIFICATIONS = (FIBRE, MOBILE, ROUTER, ADDRESS, BUNDLE)


@dataclass(frozen=True)
class UsageSort:
    """A sort of usage: what is counted and how, and what a unit costs where no plan includes it."""

    type: str
    name: str
    counted: str
    unit: str
    cents: int = 0

    @property
    def id(self) -> str:
        return f"USPEC-{self.type.upper()}"

    @property
    def reference(self) -> Document:
        return refer("UsageSpecification", self.id, self.name)


DATA = UsageSort("data", "Data", "volume", "GB")
VOICE = UsageSort("voice", "Calls", "duration", "min", cents=19)
MESSAGE = UsageSort("message", "Messages", "count", "message", cents=9)

CATEGORIES = {
    "CAT-FIBRE": "Fibre internet",
    "CAT-MOBILE": "Mobile",
    "CAT-DEVICES": "Devices",
    "CAT-BUNDLES": "Bundles",
}


def _fibre(down: int, up: int, monthly: float) -> Offering:
    return Offering(
        f"OFF-FIBRE-{down}",
        f"Fibre {down}",
        "CAT-FIBRE",
        FIBRE,
        f"Fibre to the home with up to {down} Mbit/s down and {up} Mbit/s up.",
        monthly,
        once=49.0,
        months=24,
        values={"downstreamSpeed": down, "upstreamSpeed": up, "speedUnit": "Mbit/s"},
    )


def _mobile(size: str, gigabytes: int, monthly: float) -> Offering:
    return Offering(
        f"OFF-MOBILE-{size}",
        f"Mobile {size}",
        "CAT-MOBILE",
        MOBILE,
        f"Calls and texts without limit, {gigabytes} GB of data a month.",
        monthly,
        once=9.9,
        months=12,
        values={"dataVolume": gigabytes, "volumeUnit": "GB", "roaming": size != "S"},
    )


def _router(id: str, name: str, monthly: float, model: str, wifi: str) -> Offering:
    return Offering(
        id, name, "CAT-DEVICES", ROUTER, f"{name}, looked after by us.", monthly,
        values={"model": model, "wifi": wifi},
    )  # fmt: skip


def _bundle(id: str, name: str, monthly: float, *parts: str) -> Offering:
    return Offering(
        id, name, "CAT-BUNDLES", BUNDLE, "Fibre and mobile together, for less.", monthly, parts=parts
    )


OFFERINGS = {
    offering.id: offering
    for offering in (
        _fibre(100, 50, 29.9),
        _fibre(500, 250, 39.9),
        _fibre(1000, 500, 54.9),
        _mobile("S", 5, 9.9),
        _mobile("M", 25, 17.9),
        _mobile("L", 100, 29.9),
        _router("OFF-ROUTER", "Wi-Fi router rental", 4.9, "NH Home 6", "Wi-Fi 6"),
        _router("OFF-MESH", "Mesh repeater rental", 2.9, "NH Mesh 2", "Wi-Fi 6"),
        Offering(
            "OFF-STATIC-IP",
            "Static IP address",
            "CAT-FIBRE",
            ADDRESS,
            "An IPv4 address of your own on the fibre line.",
            5.0,
            values={"ipVersion": "IPv4"},
        ),
        # Taken off the monthly price of the parts, which keep their own.
        _bundle("OFF-HOME-M", "Home and Mobile M", -5.0, "OFF-FIBRE-500", "OFF-MOBILE-M", "OFF-ROUTER"),
        _bundle("OFF-HOME-L", "Home and Mobile L", -8.0, "OFF-FIBRE-1000", "OFF-MOBILE-L", "OFF-ROUTER"),
    )
}


def catalog_documents() -> Documents:
    """The catalogue and all that is in it."""
    yield (
        "Catalog",
        {
            **_entry("CATALOG-1", "Residential and small business", "Everything that can be ordered online."),
            "catalogType": "Product",
            "category": [refer("Category", id, name) for id, name in CATEGORIES.items()],
            "relatedParty": [party("Organization", OPERATOR_ID, OPERATOR_NAME, "owner")],
        },
    )
    for id, name in CATEGORIES.items():
        within = [offering.reference for offering in OFFERINGS.values() if offering.category == id]
        yield "Category", {**_entry(id, name), "isRoot": True, "productOffering": within}
    for specification in SPECIFICATIONS:
        yield "ProductSpecification", _specification(specification)
    for offering in OFFERINGS.values():
        for id, kind, value in offering.charges:
            yield "ProductOfferingPrice", _price(offering, id, kind, value)
        yield "ProductOffering", _offering(offering)
    for sort in (DATA, VOICE, MESSAGE):
        yield "UsageSpecification", _usage_specification(sort)


def _entry(id: str, name: str, description: str | None = None) -> Document:
    """What everything in the catalogue has."""
    return {
        "id": id,
        "name": name,
        **({"description": description} if description else {}),
        "version": "1.0",
        "lifecycleStatus": "Launched",
        "lastUpdate": PUBLISHED,
        "validFor": {"startDateTime": PUBLISHED},
    }


def _specification(specification: Specification) -> Document:
    found = {key for o in OFFERINGS.values() if o.specification is specification for key in o.values}
    values: dict[str, list[Any]] = {name: [] for name in sorted(found)}
    for offering in OFFERINGS.values():
        if offering.specification is specification:
            for name, value in offering.values.items():
                values[name] += [] if value in values[name] else [value]
    made = {
        **_entry(specification.id, specification.name),
        "brand": OPERATOR_NAME,
        "productNumber": specification.number,
        "isBundle": specification is BUNDLE,
        "productSpecCharacteristic": [
            {
                "name": name,
                "configurable": name in specification.properties,
                "minCardinality": 1,
                "maxCardinality": 1,
                "productSpecCharacteristicValue": [{"value": value} for value in choices],
            }
            for name, choices in values.items()
        ],
    }
    if specification.service:
        made["serviceSpecification"] = [service_specification(specification.service)]
    if specification is BUNDLE:
        inside = (FIBRE, MOBILE, ROUTER)
        made["bundledProductSpecification"] = [refer("ProductSpecification", s.id, s.name) for s in inside]
    return made


def _usage_specification(sort: UsageSort) -> Document:
    counted = {"name": sort.counted, "valueType": "number", "minCardinality": 1, "maxCardinality": 1}
    unit = {"value": sort.unit, "valueType": "string", "isDefault": True}
    return {
        **_entry(sort.id, sort.name, f"{sort.name} of customers, counted in {sort.unit}."),
        "isBundle": False,
        "specCharacteristic": [
            counted,
            {"name": "unit", "valueType": "string", "characteristicValueSpecification": [unit]},
        ],
        "relatedParty": [party("Organization", OPERATOR_ID, OPERATOR_NAME, "owner")],
    }


def service_specification(name: str) -> Document:
    """A reference into the service catalogue, which another system holds."""
    return {"id": "SS-" + name.upper().replace(" ", "-"), "name": name, "version": "1.0"}


def _price(offering: Offering, id: str, kind: str, value: float) -> Document:
    what = "per month" if kind == "recurring" else "set-up"
    recurring = {"recurringChargePeriodType": "month", "recurringChargePeriodLength": 1}
    return {
        **_entry(id, f"{offering.name}, {what}"),
        "priceType": kind,
        "price": money(value),
        "tax": [{"taxCategory": "VAT", "taxRate": TAX_RATE}],
        "isBundle": False,
        **(recurring if kind == "recurring" else {}),
    }


def _offering(offering: Offering) -> Document:
    made = {
        **_entry(offering.id, offering.name, offering.description),
        "isSellable": True,
        "isBundle": bool(offering.parts),
        "productSpecification": specification_reference(offering),
        "category": [refer("Category", offering.category, CATEGORIES[offering.category])],
        "channel": [{"id": "CH-WEB", "name": "Web shop"}, {"id": "CH-SHOP", "name": "Shop"}],
        "productOfferingPrice": [
            {
                **refer("ProductOfferingPrice", id, f"{offering.name}, {kind}"),
                "priceType": kind,
                "price": price(value),
            }
            for id, kind, value in offering.charges
        ],
    }
    if offering.months:
        length = {"amount": offering.months, "units": "month"}
        made["productOfferingTerm"] = [{"name": f"{offering.months} months", "duration": length}]
    if offering.parts:
        made["bundledProductOffering"] = [
            {
                **OFFERINGS[part].reference,
                "lifecycleStatus": "Launched",
                "bundledProductOfferingOption": {
                    "numberRelOfferDefault": 1,
                    "numberRelOfferLowerLimit": 1,
                    "numberRelOfferUpperLimit": 1,
                },
            }
            for part in offering.parts
        ]
    if offering.specification is ADDRESS:
        made["productOfferingRelationship"] = [
            {**OFFERINGS[id].reference, "relationshipType": "requires", "role": "option"}
            for id in ("OFF-FIBRE-100", "OFF-FIBRE-500", "OFF-FIBRE-1000")
        ]
    return made


def specification_reference(offering: Offering) -> Document:
    specification = offering.specification
    return {**refer("ProductSpecification", specification.id, specification.name), "version": "1.0"}
