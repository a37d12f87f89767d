"""Documents made from the declarations, so that one test covers every kind."""

import datetime as dt
import enum
import itertools
from collections.abc import Iterable
from typing import Any

import pytest

from models import WHOLE
from models.declare import (
    ANY,
    Attribute,
    Json,
    Kind,
    MandatoryIn,
    Points,
    attributes,
    case_of,
    family_attributes,
    link_of,
    special_of,
)
from resolvers.behaviour.cancel import CANCELS

_numbers = itertools.count(1)
NESTED_AT_MOST = 4


def fresh(prefix: str = "x") -> str:
    """An id that no other test uses."""
    return f"{prefix}-{next(_numbers)}"


HELD_ORDER = "held-order"
"""Id of an order of each kind that is there for requests to cancel it (see `conftest.Client`)."""


def minimal(kind: Kind) -> dict[str, Any]:
    """A document with nothing but what is mandatory."""
    return _fit(made_object(kind.cls, kind, full=False, depth=0), kind)


def complete(kind: Kind) -> dict[str, Any]:
    """A document with a value for every attribute, nested ones included."""
    document = made_object(kind.cls, kind, full=True, depth=0)
    if kind.flow and kind.state and not kind.by_key[kind.state].server_set:
        document[kind.state] = kind.flow.starts[0]
    return _fit(document, kind)


def _fit(document: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """A document that a task can work on."""
    if kind.name in CANCELS:
        document[CANCELS[kind.name].order]["id"] = HELD_ORDER
    if kind.name == "CustomerBillOnDemand":
        document.setdefault("billingAccount", {"id": fresh("account")})
    if kind.name in ("ImportJob", "ExportJob"):
        works = {"contentType": "application/json", "path": "/category", "query": "name=x"}
        document |= {key: value for key, value in works.items() if key in document}
    return document


def made_object(cls: type[Any], kind: Kind, *, full: bool, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for a in attributes(cls):
        wanted = (a.mandatory_for(kind.api.number) or (full and not a.server_set)) and not a.write_only
        deep = a.is_value and depth >= NESTED_AT_MOST and not a.mandatory_for(kind.api.number)
        if wanted and not deep and not (depth == 0 and a.key == "id"):
            one = _value(a, kind, full=full, depth=depth)
            made[a.key] = [one, *_special_cases(a, kind, full=full, depth=depth)] if a.many else one
    link = link_of(cls)
    if link is not None and link.type_key in made:
        # A type that is none of ours: such a reference is kept, whatever it names.
        made[link.type_key] = (
            "Elsewhere" if link.to is ANY else next(iter(WHOLE.targets(link).held_names), "Elsewhere")
        )
    return made


def _special_cases(a: Attribute, kind: Kind, *, full: bool, depth: int) -> list[Any]:
    """One of each special case of a polymorphic value."""
    return [
        {**made_object(case, kind, full=full, depth=depth + 1), "@type": name}
        for name, case in (special_of(a.type) if full and a.is_value else {}).items()
    ]


def _value(a: Attribute, kind: Kind, *, full: bool, depth: int) -> Any:
    if a.is_value:
        return made_object(a.type, kind, full=full, depth=depth + 1)
    if a.type is Json:
        return {"any": ["thing", 1, None, {"at": "all"}]}
    if isinstance(a.type, type) and issubclass(a.type, enum.StrEnum):
        return next(iter(a.type)).value
    if a.type is dt.datetime:
        return "2026-01-02T03:04:05.678Z"
    points = a.mark(Points)
    if points is not None and points.by_href:
        return f"http://localhost:8000{WHOLE.kinds[WHOLE.targets(points).held_names[0]].homes[0].url}/{fresh('source')}"
    values: dict[Any, Any] = {str: f"some {a.key} \"'\\ ü ✓", int: 3, float: 1.5, bool: True}
    return fresh(a.key) if a.key.lower().endswith("id") else values[a.type]


def selection(cls: type[Any], depth: int = 0) -> str:
    """GraphQL fields for every attribute of a class, as deep as `complete` goes."""
    parts = _fields(attributes(cls), depth)
    for name, case in special_of(cls).items():
        own = [a for a in attributes(case) if a not in attributes(cls)]
        parts.append(f"... on {name} {{ __typename {' '.join(_fields(own, depth))} }}")
    return " ".join(parts)


def _fields(found: Iterable[Attribute], depth: int) -> list[str]:
    parts = []
    for a in found:
        if a.write_only:
            continue
        if not a.is_value:
            parts.append(a.graphql_name)
        elif depth < NESTED_AT_MOST or a.mandatory or a.mark(MandatoryIn):
            parts.append(f"{a.graphql_name} {{ {selection(a.type, depth + 1)} }}")
    return parts


def from_graphql(cls: type[Any], answer: dict[str, Any]) -> dict[str, Any]:
    """A GraphQL answer under TMF's names, without what is null or empty."""
    found: dict[str, Any] = {}
    for a in attributes(case_of(cls, {"@type": answer.get("atType")})):
        value = answer.get(a.graphql_name)
        if value in (None, []):
            continue
        if a.is_value:
            value = [from_graphql(a.type, v) for v in value] if a.many else from_graphql(a.type, value)
        found[a.key] = value
    return found


def to_graphql(cls: type[Any], document: dict[str, Any]) -> dict[str, Any]:
    """A TMF document as a GraphQL input."""
    made: dict[str, Any] = {}
    for a in family_attributes(cls):
        if a.key not in document:
            continue
        value = document[a.key]
        if value is None:
            pass
        elif a.is_value:
            value = [to_graphql(a.type, v) for v in value] if a.many else to_graphql(a.type, value)
        elif isinstance(a.type, type) and issubclass(a.type, enum.StrEnum):
            value = "".join(value.split())
        made[a.graphql_name] = value
    return made


def every_kind(*operations: str) -> list[Any]:
    """Parameters for a test that is a rule for all kinds, or for all that offer these operations."""
    return [
        pytest.param(kind, id=kind.name)
        for kind in WHOLE.kinds.values()
        if kind.operations.issuperset(operations)
    ]
