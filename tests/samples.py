"""Documents made from the declarations, so that one test covers every kind."""

import datetime as dt
import enum
import itertools
from typing import Any

import pytest

from models.declare import ANY, KINDS, Attribute, Json, Kind, MandatoryIn, attributes, link_of

_numbers = itertools.count(1)
NESTED_AT_MOST = 4


def fresh(prefix: str = "x") -> str:
    """An id that no other test uses."""
    return f"{prefix}-{next(_numbers)}"


def minimal(kind: Kind) -> dict[str, Any]:
    """A document with nothing but what is mandatory."""
    return made_object(kind.cls, kind, full=False, depth=0)


def complete(kind: Kind) -> dict[str, Any]:
    """A document with a value for every attribute, nested ones included."""
    document = made_object(kind.cls, kind, full=True, depth=0)
    if kind.flow and kind.state:
        document[kind.state] = kind.flow.starts[0]
    return document


def made_object(cls: type[Any], kind: Kind, *, full: bool, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for a in attributes(cls):
        wanted = a.mandatory_for(kind.api.number) or (full and not a.server_set)
        deep = a.is_value and depth >= NESTED_AT_MOST and not a.mandatory_for(kind.api.number)
        if wanted and not deep and not (depth == 0 and a.key == "id"):
            one = _value(a, kind, full=full, depth=depth)
            made[a.key] = [one] if a.many else one
    link = link_of(cls)
    if link is not None and link.type_key in made:
        # A type that is none of ours: such a reference is kept, whatever it names.
        made[link.type_key] = "Elsewhere" if link.to is ANY else next(iter(link.kinds), "Elsewhere")
    return made


def _value(a: Attribute, kind: Kind, *, full: bool, depth: int) -> Any:
    if a.is_value:
        return made_object(a.type, kind, full=full, depth=depth + 1)
    if a.type is Json:
        return {"any": ["thing", 1, None, {"at": "all"}]}
    if isinstance(a.type, type) and issubclass(a.type, enum.StrEnum):
        return next(iter(a.type)).value
    if a.type is dt.datetime:
        return "2026-01-02T03:04:05.678Z"
    values: dict[Any, Any] = {str: f"some {a.key} \"'\\ ü ✓", int: 3, float: 1.5, bool: True}
    return fresh(a.key) if a.key.lower().endswith("id") else values[a.type]


def selection(cls: type[Any], depth: int = 0) -> str:
    """GraphQL fields for every attribute of a class, as deep as `complete` goes."""
    parts = []
    for a in attributes(cls):
        if not a.is_value:
            parts.append(a.graphql_name)
        elif depth < NESTED_AT_MOST or a.mandatory or a.mark(MandatoryIn):
            parts.append(f"{a.graphql_name} {{ {selection(a.type, depth + 1)} }}")
    return " ".join(parts)


def from_graphql(cls: type[Any], answer: dict[str, Any]) -> dict[str, Any]:
    """A GraphQL answer under TMF's names, without what is null or empty."""
    found: dict[str, Any] = {}
    for a in attributes(cls):
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
    for a in attributes(cls):
        if a.key not in document:
            continue
        value = document[a.key]
        if a.is_value:
            value = [to_graphql(a.type, v) for v in value] if a.many else to_graphql(a.type, value)
        elif isinstance(a.type, type) and issubclass(a.type, enum.StrEnum):
            value = "".join(value.split())
        made[a.graphql_name] = value
    return made


def every_kind() -> list[Any]:
    """Parameters for a test that is a rule for all kinds."""
    return [pytest.param(kind, id=kind.name) for kind in KINDS.values()]
