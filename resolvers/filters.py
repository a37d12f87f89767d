"""Conditions, orders and cursors, whatever they were written in, turned into SQL in one place."""

import base64
import binascii
import datetime as dt
import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from models.codec import canonical, relations
from models.declare import Attribute, External, Kind
from models.tables import key_of, reference, table
from resolvers.errors import BadRequest

OPERATORS = ("eq", "ne", "in", "gt", "gte", "lt", "lte", "isNull")


@dataclass(frozen=True)
class Compare:
    """A scalar attribute against a value, or against a list of them for `in`."""

    attribute: Attribute
    operator: str
    value: Any


@dataclass(frozen=True)
class Refers:
    """Documents that refer, at one place, to one of these ids."""

    relation: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Leads:
    """Documents that refer, at one place, to a `kind` entity which meets a condition."""

    relation: str
    kind: Kind
    condition: "Condition"


@dataclass(frozen=True)
class All:
    of: "tuple[Condition, ...]"


@dataclass(frozen=True)
class AnyOf:
    of: "tuple[Condition, ...]"


@dataclass(frozen=True)
class Not:
    of: "Condition"


Condition = Compare | Refers | Leads | All | AnyOf | Not
EVERYTHING = All(())


@dataclass(frozen=True)
class Order:
    """One sort key. Entities without a value come last, and first where it is turned round."""

    attribute: Attribute
    descending: bool = False


def expression(condition: Condition, kind: Kind) -> sa.ColumnElement[bool]:
    """The condition as SQL on the kind's table; every value is bound, none enters the text."""
    match condition:
        case Compare():
            return _compare(condition, kind)
        case Refers(relation, ids):
            r = reference.alias().c
            link = next(one.link for one in relations(kind) if one.path == relation)
            names = (link.to.name,) if isinstance(link.to, External) else link.kinds
            keys = sorted({key_of(name, id) for name in names for id in ids})
            return _in_sources(
                r, kind, relation, r.target_key == sa.any_(sa.literal(keys, sa.ARRAY(sa.Uuid)))
            )
        case Leads(relation, target, inner):
            r = reference.alias().c
            met = sa.select(table(target).c.key).where(expression(inner, target))
            leads = sa.and_(r.target_kind == target.root.name, r.target_key.in_(met))
            return _in_sources(r, kind, relation, leads)
        case All(parts):
            return sa.and_(sa.true(), *(expression(part, kind) for part in parts))
        case AnyOf(parts):
            return sa.or_(sa.false(), *(expression(part, kind) for part in parts))
        case Not(part):
            return sa.not_(sa.func.coalesce(expression(part, kind), sa.false()))


def _in_sources(r: Any, kind: Kind, relation: str, leads: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether the document in hand has a reference at this place that leads where it should.

    Found from the target's end, by the index on it: far fewer references lead to one target than stand in
    all documents.
    """
    sources = sa.select(r.source_key).where(r.source_kind == kind.root.name, r.relation == relation, leads)
    return table(kind).c.key.in_(sources)


def _compare(condition: Compare, kind: Kind) -> sa.ColumnElement[bool]:
    attribute, operator, value = condition.attribute, condition.operator, condition.value
    column = comparable(attribute, kind)
    bound = [_bound(attribute, v) for v in value] if operator == "in" else _bound(attribute, value)
    match operator:
        case "eq":
            return column.is_(None) if bound is None else column == bound
        case "ne":
            return column.is_not(None) if bound is None else sa.or_(column != bound, column.is_(None))
        case "in":
            listed = column.in_([v for v in bound if v is not None])
            return sa.or_(listed, column.is_(None)) if None in bound else listed
        case "isNull":
            return column.is_(None) if value else column.is_not(None)
        case "gt":
            return column > bound
        case "gte":
            return column >= bound
        case "lt":
            return column < bound
        case _:
            return column <= bound


def comparable(attribute: Attribute, kind: Kind) -> sa.ColumnElement[Any]:
    """The column as it compares. Date-times do without their Z, so that .506 comes before .506123."""
    column = table(kind).c[attribute.name]
    return sa.func.rtrim(column, "Z") if attribute.type is dt.datetime else column


def _bound(attribute: Attribute, value: Any) -> Any:
    if isinstance(value, str) and attribute.type is dt.datetime:
        return (canonical(value) or value).rstrip("Z")
    return value


# ---- REST: names and texts from a query string --------------------------------------------------


def from_query(kinds: Sequence[Kind], parameters: Sequence[tuple[str, str]]) -> All:
    """The condition that `?state=held&relatedParty.id=7` states, names and values checked."""
    by_name: dict[str, list[str]] = {}
    for name, value in parameters:
        by_name.setdefault(name, []).extend(value.split(","))
    return All(tuple(_one(kinds, name, values) for name, values in by_name.items()))


RANGES = ("gt", "gte", "lt", "lte", "ne")


def _one(kinds: Sequence[Kind], name: str, values: list[str]) -> Condition:
    kind = kinds[0]
    stem, dot, operator = name.rpartition(".")
    if dot and operator in RANGES and all(_is_filterable(other, stem) for other in kinds):
        attribute = kind.by_key[stem]
        return All(tuple(Compare(attribute, operator, _typed(attribute, value)) for value in values))
    attribute = kind.by_key.get(name)
    if attribute is not None and all(_is_filterable(other, name) for other in kinds):
        return Compare(attribute, "in", tuple(_typed(attribute, value) for value in values))
    places = dict(_reference_names(kind))
    if name in places:
        return Refers(places[name], tuple(values))
    raise BadRequest(
        f'There is no filter named "{name}" for {kind.name}; filter by {", ".join(filter_names(kind))}.'
    )


def _is_filterable(kind: Kind, name: str) -> bool:
    attribute = kind.by_key.get(name)
    return attribute is not None and attribute.is_scalar and attribute.key != "href"


def _reference_names(kind: Kind) -> list[tuple[str, str]]:
    """`relatedParty.id` for the relation `relatedParty`; scalars that hold an id have a name already."""
    return [
        (f"{r.path}.{r.link.id_key}", r.path)
        for r in relations(kind)
        if r.path not in kind.by_key or not kind.by_key[r.path].is_scalar
    ]


def filter_names(kind: Kind) -> list[str]:
    """The names by which a kind can be filtered over REST."""
    return ["id", *(a.key for a in kind.scalars), *(name for name, _ in _reference_names(kind))]


def _typed(attribute: Attribute, text: str) -> Any:
    """The text of a query parameter as a value of the attribute's type."""
    try:
        if attribute.type is bool:
            return {"true": True, "false": False}[text]
        if attribute.type is int:
            number = int(text)
            if not -(2**31) <= number < 2**31:
                raise ValueError
            return number
        if attribute.type is float:
            return float(text)
        if attribute.type is dt.datetime:
            moment = canonical(text)
            if moment is None:
                raise ValueError
            return moment
    except (ValueError, KeyError):
        raise BadRequest(f'{attribute.key} cannot be compared with "{text[:60]}".') from None
    if isinstance(attribute.type, type) and issubclass(attribute.type, enum.StrEnum):
        values = {member.value.strip(): member.value for member in attribute.type}
        if text.strip() not in values:
            raise BadRequest(f'{attribute.key} is one of {", ".join(values)}, not "{text[:60]}".')
        return values[text.strip()]
    if "\0" in text:
        raise BadRequest(f"{attribute.key} cannot hold the character U+0000.")
    return text


# ---- cursors ------------------------------------------------------------------------------------


def cursor(values: Sequence[Any]) -> str:
    """An opaque text for a place in a sorted list: the sort keys of the row there, the id last."""
    packed = json.dumps(list(values), separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def read_cursor(text: str, length: int) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        values = None
    scalars = (str, int, float, bool, type(None))
    if not isinstance(values, list) or len(values) != length or not all(type(v) in scalars for v in values):
        raise BadRequest("The cursor is not one of this list: pass on what pageInfo or an edge gave.")
    return values


def beyond(
    columns: Sequence[tuple[sa.ColumnElement[Any], bool]], values: Sequence[Any]
) -> sa.ColumnElement[bool]:
    """Rows that come after `values` in the order of `columns` (each with whether it descends)."""
    later: list[sa.ColumnElement[bool]] = []
    same: list[sa.ColumnElement[bool]] = []
    for (column, descending), value in zip(columns, values, strict=True):
        if value is not None:
            after = column < value if descending else sa.or_(column > value, column.is_(None))
            later.append(sa.and_(*same, after))
            same.append(column == value)
        else:  # null is the greatest
            if descending:
                later.append(sa.and_(*same, column.is_not(None)))
            same.append(column.is_(None))
    return sa.or_(*later)
