"""Examples for the OpenAPI documents: one small and one fuller entity of each kind, the same every time."""

import datetime as dt
import enum
import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from models.declare import (
    Attribute,
    Json,
    Kind,
    Points,
    Reached,
    Targets,
    World,
    attributes,
    general_of,
    link_of,
    special_of,
)
from schema.rest.json_schema import ONE_OF

Document = dict[str, Any]

NESTED_AT_MOST = 2
"""How deep a fuller example goes beyond what is mandatory."""


def given(kind: Kind, *, full: bool) -> Document:
    """A document to create an entity with: what is mandatory alone, or most of what there is."""
    maker = _Maker(kind, full)
    made = maker.attributes([a for a in kind.attributes if not a.server_set], (kind.cls,))
    if full:
        made = _named({"@type": kind.name, **made}, kind)
        if kind.flow and kind.state in made:
            made[kind.state] = kind.flow.starts[0]
    elif kind.name in ONE_OF:
        needed = kind.by_key[ONE_OF[kind.name][0]]
        made[needed.key] = maker.value(needed, (kind.cls,))
    return made


def answered(kind: Kind) -> Document:
    """The fuller example as it is answered, with what the server adds and without secrets."""
    head = {"id": _id(kind.name), "href": f"{kind.homes[0].url}/{_id(kind.name)}", "@type": kind.name}
    found = [a for a in kind.attributes if a.key not in head]
    made = _Maker(kind, full=True, answered=True).attributes(found, (kind.cls,))
    if kind.flow and kind.state in made:
        made[kind.state] = kind.flow.starts[0]
    return {**head, **_named(made, kind)}


def _named(made: Document, kind: Kind) -> Document:
    return made | {"name": _name(kind.name)} if "name" in made else made


def change(kind: Kind) -> Document:
    """A merge patch: two texts, or whatever else of the fuller example may change."""
    full = given(kind, full=True)
    free = [
        a for a in kind.attributes if a.key in full and not a.fixed and a.key not in ("@type", kind.state)
    ]
    texts = [a for a in free if a.type is str and not a.many]
    return {a.key: full[a.key] for a in (texts or free)[:2]}


@dataclass(frozen=True)
class _Maker:
    kind: Kind
    full: bool
    answered: bool = False

    def attributes(self, found: Iterable[Attribute], within: tuple[type[Any], ...]) -> Document:
        """Values for attributes of the class that `within` ends with; the others hold it."""
        return {a.key: self.value(a, within) for a in found if self._wanted(a, within)}

    def _wanted(self, a: Attribute, within: tuple[type[Any], ...]) -> bool:
        if a.write_only and self.answered:
            return False
        if a.mandatory_for(self.kind.api.number):
            return True
        deep = a.is_value and (len(within) > NESTED_AT_MOST or a.type in within)
        # Those of the entity itself are given otherwise; a value needs none.
        odd = a.key.startswith("@") or a.key in ("id", "href") or a.mark(Reached) is not None
        return self.full and not deep and not odd

    def value(self, a: Attribute, within: tuple[type[Any], ...]) -> Any:
        if a.is_value:
            cases = list(special_of(a.type).values()) if a.many and self.full else []
            made = [self._object(cls, (*within, cls)) for cls in cases or [a.type]]
        else:
            made = [_scalar(a, self.kind.world)]
        return made if a.many else made[0]

    def _object(self, cls: type[Any], within: tuple[type[Any], ...]) -> Document:
        made = self.attributes(attributes(cls), within)
        keys = {a.key for a in attributes(cls)}
        link = link_of(cls)
        if link is not None:
            made = self._pointing(made, self.kind.world.targets(link), keys)
        if "@type" in made or general_of(cls) is not None:
            made["@type"] = cls.__name__
        return made

    def _pointing(self, made: Document, targets: Targets, keys: set[str]) -> Document:
        """What makes an object a reference: the id, the name and the type of its target."""
        link, target = targets.link, targets.names[0]
        said = {"name": _name(target), link.type_key: target}
        kept = {key: text for key, text in said.items() if key in keys and (self.full or key in made)}
        head = {link.id_key: _id(target)} if link.id_key in made or self.full else {}
        held = self.kind.world.kinds.get(target)
        if "href" in keys and head and self.full and held:
            head["href"] = f"{held.homes[0].url}/{_id(target)}"
        return {**head, **{k: v for k, v in made.items() if k not in head}, **kept}


_NAMES = {
    "Customer": "Ada Byron",
    "DigitalIdentity": "Ada Byron",
    "Individual": "Ada Byron",
    "Organization": "Acme Telecom",
    "PartyRole": "Ada Byron",
}


def _name(target: str) -> str:
    return _NAMES.get(target) or ("Fibre 500" if target.startswith("Product") else _words(target))


def _words(key: str) -> str:
    return (
        "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in key).strip().capitalize()
    )


def _id(name: str) -> str:
    return f"{name[0].lower()}{name[1:]}-1"


# ---- scalars --------------------------------------------------------------------------------------

_EARLIER, _LATER = "2026-01-15T08:00:00.000Z", "2026-02-15T08:00:00.000Z"
_LATE_WORDS = ("end", "expected", "completion", "due", "expiry", "last", "effective")
_NAMED_IN_DOC = re.compile(r"(?:e\.g\.|such as|usually) \"([^\"]+)\"", re.IGNORECASE)

# Where neither the attribute's docstring nor its name makes a good example.
_TEXTS = {
    "author": "Ada Byron",
    "cancellationReason": "Ordered twice",
    "city": "Vienna",
    "content": "JVBERi0xLjcK",
    "contentType": "application/json",
    "country": "AT",
    "countryOfBirth": "AT",
    "description": "For the house at the lake",
    "emailAddress": "ada@example.com",
    "familyName": "Byron",
    "faxNumber": "+43 1 5550101",
    "formattedName": "Ms Ada Byron",
    "fullName": "Ada Byron",
    "givenName": "Ada",
    "id": "1",
    "legalName": "Ada Byron",
    "login": "ada",
    "name": "Fibre 500",
    "nickname": "Ada",
    "notificationContact": "ada@example.com",
    "password": "correct horse battery staple",
    "path": "/tmf-api/productCatalogManagement/v4/productOffering",
    "phoneNumber": "+43 1 5550100",
    "postCode": "1010",
    "priority": "1",
    "productSerialNumber": "SN-000042",
    "query": "lifecycleStatus=Launched",
    "regex": "^[0-9]+$",
    "relationshipType": "reliesOn",
    "role": "customer",
    "serialNumber": "SN-000042",
    "status": "active",
    "street1": "Ring 1",
    "text": "Please call before you come",
    "title": "Ms",
    "tradingName": "Acme Telecom",
    "url": "file:///catalog.json",
    "value": "+43 1 5550100",
    "version": "1.0",
}


_NUMBERS: dict[Any, Any] = {int: 1, float: 19.9, bool: True}


def _scalar(a: Attribute, world: World) -> Any:
    if a.type is Json:
        return "500"
    if inspect.isclass(a.type) and issubclass(a.type, enum.StrEnum):
        return next(iter(a.type)).value
    if a.type is dt.datetime:
        return _LATER if any(word in a.key.lower() for word in _LATE_WORDS) else _EARLIER
    if a.type is not str:
        return _NUMBERS[a.type]
    points = a.mark(Points)
    if points is not None:
        target = world.targets(points).names[0]
        return f"{world.path_of(target)}/{_id(target)}" if points.by_href else _id(target)
    return _text(a)


def _text(a: Attribute) -> str:
    """A plausible text: one that the docstring names, at worst the words of the attribute's name."""
    named = _NAMED_IN_DOC.search(a.doc)
    if a.key in _TEXTS or named:
        return _TEXTS.get(a.key) or (named.group(1) if named else "")
    key = a.key.removeprefix("@")
    if key.lower().endswith("href") or key in ("referenceError", "to") or key.endswith("Location"):
        return f"https://example.com/{key}"
    if key.endswith("Id"):
        return f"{key.removesuffix('Id')}-1"
    return _words(key)
