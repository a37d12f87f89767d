"""Conditions and orders, whatever they were written in, turned into SQL in one place.

A condition on nested values follows the attributes down: `Inside(relatedParty, All((id = 7, role = user)))`
holds where one and the same element of the array meets all of what is inside. What is nested is looked up
in the document itself; indexes narrow down beforehand which documents are looked at (`_candidates`).
"""

import base64
import contextlib
import datetime as dt
import decimal
import enum
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from models.declare import ANY, Attribute, Json, Kind, Targets, link_of
from models.json_in import decode
from models.links import relations
from models.tables import (
    INDEXED_CHARACTERS,
    characteristic,
    has_characteristics,
    indexed_text,
    key_of,
    reference,
)
from models.times import canonical
from resolvers.entrances import reads
from resolvers.errors import BadRequest, TooMuch
from resolvers.storage.view import View

OPERATORS = ("eq", "ne", "in", "gt", "gte", "lt", "lte", "regex", "isNull")


@dataclass(frozen=True)
class Compare:
    """A scalar attribute against a value, or against a list of them for `in`."""

    attribute: Attribute
    operator: str
    value: Any


@dataclass(frozen=True)
class Inside:
    """What an attribute holds, or one of its elements where it holds an array, meets a condition."""

    attribute: Attribute
    condition: "Condition"


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


Condition = Compare | Inside | Refers | Leads | All | AnyOf | Not
EVERYTHING = All(())


@dataclass(frozen=True)
class Order:
    """One sort key. Entities without a value come last, and first where it is turned round."""

    attribute: Attribute
    descending: bool = False
    within: tuple[Attribute, ...] = ()
    """The nested objects that hold the attribute, from the outermost in."""


def expression(condition: Condition, view: View) -> sa.ColumnElement[bool]:
    """The condition as SQL on what a reader may see of a kind; every value is bound, none enters the text.

    What the condition leads to is what the same reader may see of that.
    """
    match condition:
        case Compare():
            return _compare(condition, comparable(condition.attribute, view))
        case Inside(attribute, inner):
            exact = _by_reference(view, condition)
            if exact is not None:
                return exact
            document = sa.cast(view.c.document, JSONB)
            return sa.and_(*_candidates(view, (attribute,), inner), _inside(document, attribute, inner))
        case Refers(relation, ids):
            targets = next(one.targets for one in relations(view.kind) if one.path == relation)
            return _refers(view, relation, targets, ids)
        case Leads(relation, kind, inner):
            r, target = reference.alias().c, view.of(kind)
            met = sa.select(target.c.key).where(expression(inner, target), target.visible)
            leads = sa.and_(r.target_kind == kind.root.name, r.target_key.in_(met))
            return _in_sources(r, view, r.relation == relation, leads)
        case All(parts):
            return sa.and_(sa.true(), *(expression(part, view) for part in parts))
        case AnyOf(parts):
            return sa.or_(sa.false(), *(expression(part, view) for part in parts))
        case Not(part):
            return sa.not_(sa.func.coalesce(expression(part, view), sa.false()))


# ---- one value ----------------------------------------------------------------------------------


def comparable(attribute: Attribute, view: View) -> sa.ColumnElement[Any]:
    """The column as it compares. Date-times do without their Z, so that .506 comes before .506123."""
    column = view.c[attribute.name]
    return sa.func.rtrim(column, "Z") if attribute.type is dt.datetime else column


def _compare(condition: Compare, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    attribute, operator, value = condition.attribute, condition.operator, condition.value
    if operator == "isNull":
        return column.is_(None) if value else column.is_not(None)
    if attribute.type is Json:
        return _compare_any(column, operator, value)
    if operator == "in":
        bound = [_bound(attribute, one) for one in value]
        listed = column.in_([one for one in bound if one is not None])
        return sa.or_(listed, column.is_(None)) if None in bound else listed
    bound = _bound(attribute, value)
    if bound is None:
        return column.is_(None) if operator == "eq" else column.is_not(None)
    match operator:
        case "eq":
            return column == bound
        case "ne":
            return sa.or_(column != bound, column.is_(None))
        case "regex":
            return column.regexp_match(bound)
        case "gt":
            return column > bound
        case "gte":
            return column >= bound
        case "lt":
            return column < bound
        case _:
            return column <= bound


def _bound(attribute: Attribute, value: Any) -> Any:
    if isinstance(value, str) and attribute.type is dt.datetime:
        return (canonical(value) or value).rstrip("Z")
    return value


def number(text: str) -> decimal.Decimal | None:
    """The number that a text stands for, None where it is none."""
    if not re.fullmatch(r"-?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?", text, re.ASCII):
        return None
    return decimal.Decimal(text)


def _compare_any(value: sa.ColumnElement[Any], operator: str, given: Any) -> sa.ColumnElement[bool]:
    """A value of an open type: numbers compare as numbers, texts and booleans as texts.

    What is compared with is a text; objects and arrays are equal to none.
    """
    if operator == "in":
        return sa.or_(sa.false(), *(_compare_any(value, "eq", one) for one in given))
    if given is None:
        return value.is_(None) if operator == "eq" else value.is_not(None)
    if operator == "ne":
        return sa.not_(sa.func.coalesce(_compare_any(value, "eq", given), sa.false()))
    kind, text = sa.func.jsonb_typeof(value), _text(value)
    cases = [(kind == "string", _ordered(operator, text, given))]
    if operator in ("eq", "regex"):
        cases.append((kind == "boolean", _ordered(operator, text, given)))
    amount = number(given)
    if operator == "regex":
        cases.append((kind == "number", _ordered(operator, text, given)))
    elif amount is not None:
        cases.append((kind == "number", _ordered(operator, sa.cast(text, sa.Numeric), amount)))
    return sa.case(*cases, else_=sa.false())


def _ordered(operator: str, left: sa.ColumnElement[Any], right: Any) -> sa.ColumnElement[bool]:
    return {
        "eq": lambda: left == right,
        "regex": lambda: left.regexp_match(right),
        "gt": lambda: left > right,
        "gte": lambda: left >= right,
        "lt": lambda: left < right,
        "lte": lambda: left <= right,
    }[operator]()


# ---- nested values ------------------------------------------------------------------------------


def _inside(holder: sa.ColumnElement[Any], attribute: Attribute, inner: Condition) -> sa.ColumnElement[bool]:
    """The condition on what `holder`, a JSON object, has under the attribute."""
    found = holder[attribute.key]
    if not attribute.many:
        return _nested(inner, found)
    array = sa.case((sa.func.jsonb_typeof(found) == "array", found), else_=sa.text("'[]'::jsonb"))
    element = sa.func.jsonb_array_elements(array).table_valued(sa.column("value", JSONB)).lateral()
    return sa.exists(sa.select(sa.literal(1)).select_from(element).where(_nested(inner, element.c.value)))


def _nested(condition: Condition, holder: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    match condition:
        case Compare():
            return _compare(condition, nested_scalar(holder, condition.attribute))
        case Inside(attribute, inner):
            return _inside(holder, attribute, inner)
        case All(parts):
            return sa.and_(sa.true(), *(_nested(part, holder) for part in parts))
        case AnyOf(parts):
            return sa.or_(sa.false(), *(_nested(part, holder) for part in parts))
        case Not(part):
            return sa.not_(sa.func.coalesce(_nested(part, holder), sa.false()))
        case Refers() | Leads():
            raise TypeError("references are conditions on whole documents")


def nested_scalar(holder: sa.ColumnElement[Any], attribute: Attribute) -> sa.ColumnElement[Any]:
    """A scalar of a JSON object as it compares: null where it is absent, or of another type."""
    value = holder[attribute.key]
    kind = sa.func.jsonb_typeof(value)
    if attribute.type is Json:
        return sa.case((kind != "null", value))
    if attribute.type is bool:
        return sa.case((kind == "boolean", sa.cast(value, sa.Boolean)))
    if attribute.type in (int, float):
        return sa.case((kind == "number", sa.cast(sa.cast(value, sa.Numeric), sa.Double)))
    text = sa.case((kind == "string", _text(value)))
    return sa.func.rtrim(text, "Z") if attribute.type is dt.datetime else text


def _text(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A JSON value as text, compared by bytes."""
    return sa.collate(value.op("#>>", return_type=sa.Text())(sa.text("'{}'::text[]")), "C")


def sort_key(order: Order, view: View) -> sa.ColumnElement[Any]:
    """The value that an order sorts by."""
    if not order.within:
        return comparable(order.attribute, view)
    holder: Any = sa.cast(view.c.document, JSONB)
    for attribute in order.within:
        holder = holder[attribute.key]
    return nested_scalar(holder, order.attribute)


# ---- what indexes know of nested values ---------------------------------------------------------


def _refers(view: View, relation: str, targets: Targets, ids: Sequence[str]) -> sa.ColumnElement[bool]:
    r = reference.alias().c
    keys = sorted({key_of(name, id) for name in targets.names for id in ids})
    leads = r.target_key == sa.any_(sa.literal(keys, sa.ARRAY(sa.Uuid)))
    return _in_sources(r, view, r.relation == relation, leads)


def _in_sources(r: Any, view: View, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether the document in hand has a reference such as this.

    Found from the target's end, by the index on it: far fewer references lead to one target than stand in
    all documents.
    """
    sources = sa.select(r.source_key).where(r.source_kind == view.kind.root.name, *conditions)
    return view.c.key.in_(sources)


def _by_reference(view: View, condition: Inside) -> sa.ColumnElement[bool] | None:
    """The same as a look-up in the table of references, where that says it all: `relatedParty.id = 7`."""
    link, inner = link_of(condition.attribute.type), condition.condition
    if link is None or link.to is ANY:
        return None
    ids = _equal_to(inner, link.id_key)
    if ids is None or not isinstance(inner, Compare | All) or _parts(inner) != 1:
        return None
    return _refers(view, condition.attribute.key, view.kind.world.targets(link), ids)


def _parts(condition: Condition) -> int:
    return sum(map(_parts, condition.of)) if isinstance(condition, All) else 1


def _equal_to(condition: Condition, key: str) -> tuple[str, ...] | None:
    """The texts one of which an attribute of the object in hand must have, None where that is left open."""
    match condition:
        case Compare(attribute, "eq" | "in" as operator, value) if attribute.key == key:
            values = value if operator == "in" else (value,)
            return tuple(values) if all(isinstance(one, str) for one in values) else None
        case All(parts):
            return next((ids for part in parts if (ids := _equal_to(part, key)) is not None), None)
    return None


def _candidates(
    view: View, path: tuple[Attribute, ...], inner: Condition
) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that every document with this nested condition meets, and for which there are indexes."""
    attribute = path[-1]
    place = ".".join(one.key for one in path)
    link = link_of(attribute.type)
    if link is not None:
        ids = _equal_to(inner, link.id_key)
        types = _equal_to(inner, link.type_key) if link.to is ANY else ()
        targets = view.kind.world.targets(link)
        known = types is not None and all(map(targets.named, types))
        relation = next((one for one in relations(view.kind) if one.path == place), None)
        if ids is not None and known and relation is not None:
            yield _refers(view, place, relation.targets, ids)
    if len(path) == 1 and has_characteristics(attribute):
        names, values = _equal_to(inner, "name"), _equal_to(inner, "value")
        if names is not None:
            yield _characterized(view, attribute, names, values)
    for part in inner.of if isinstance(inner, All) else (inner,):
        if isinstance(part, Inside):
            yield from _candidates(view, (*path, part.attribute), part.condition)


def _characterized(
    view: View, attribute: Attribute, names: Sequence[str], values: Sequence[str] | None
) -> sa.ColumnElement[bool]:
    c = characteristic.alias().c
    conditions = [
        c.source_kind == view.kind.root.name,
        c.place == attribute.key,
        c.name.in_([name[:INDEXED_CHARACTERS] for name in names]),
    ]
    if values is not None:
        conditions.append(c.value.in_({form for value in values for form in indexed_forms(value)}))
    return view.c.key.in_(sa.select(c.source_key).where(*conditions))


def indexed_forms(text: str) -> Iterator[str]:
    """How a characteristic that equals a text may stand in the index: as it is, and as the number it is."""
    yield indexed_text(text) or ""
    amount = number(text)
    if amount is not None:
        yield indexed_text(float(amount)) or ""


# ---- what callers give --------------------------------------------------------------------------

REGEX_AT_MOST = 200
# No back references, look-around or named classes: what is left costs time linear in the text.
_REGEX = re.compile(
    r"""(?: [^\\\[\](){}*+?|]                                         # a character that means itself
          | \\[dDwWsS.\\^$*+?()\[\]{}|/-]                              # one that is escaped, or a class
          | \[\^?\]?(?:[^\\\[\]]|\\[dDwWsS.\\\]^-])*\]                  # one of several
          | \((?!\?) | \) | \|
          | [*+?](?![*+?{]) | \{\d{1,2}(?:,\d{0,2})?\}(?![*+?{])        # how often
        )*""",
    re.DOTALL | re.VERBOSE,
)


@reads("A pattern")
def regex(text: str) -> str:
    """A pattern of the safe subset, BadRequest for any other."""
    problem = (
        f'"{text[:60]}" is no pattern that is taken here: plain characters, . [...] (...) | * + ? and {{m,n}}'
    )
    if len(text) > REGEX_AT_MOST:
        raise BadRequest(f"A pattern may have up to {REGEX_AT_MOST} characters.")
    if not _REGEX.fullmatch(text) or "\0" in text or text.count("{") > 3:
        raise BadRequest(f"{problem}; no back references or look-around.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what may come to mean something else is no safe pattern
            re.compile(text)
    except (re.error, Warning):
        raise BadRequest(f"{problem}.") from None
    return text


def typed(attribute: Attribute, text: str) -> Any:
    """A text as a value of the attribute's type; BadRequest where it is none."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise BadRequest(f"{attribute.key} cannot hold the character U+0000 or half of a surrogate pair.")
    if isinstance(attribute.type, type) and issubclass(attribute.type, enum.StrEnum):
        values = {member.value.strip(): member.value for member in attribute.type}
        if text.strip() not in values:
            raise BadRequest(f'{attribute.key} is one of {", ".join(values)}, not "{text[:60]}".')
        return values[text.strip()]
    try:
        if attribute.type is bool:
            return {"true": True, "false": False}[text]
        if attribute.type is int:
            whole = int(text)
            if not -(2**31) <= whole < 2**31:
                raise ValueError
            return whole
        if attribute.type is float:
            amount = number(text)
            if amount is None or float(amount) in (float("inf"), float("-inf")):
                raise ValueError
            return float(amount)
        if attribute.type is dt.datetime:
            return _date_time(text)
    except (ValueError, KeyError):
        raise BadRequest(f'{attribute.key} cannot be compared with "{text[:60]}".') from None
    return text


def _date_time(text: str) -> str:
    """A date-time; a date alone is its first moment in UTC. A + that became a blank in a URL is a + again."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        text += "T00:00:00Z"
    moment = canonical(re.sub(r" (\d\d:\d\d)$", r"+\1", text))
    if moment is None:
        raise ValueError
    return moment


COMPARISONS_AT_MOST = 200
PATTERNS_AT_MOST = 10
LEVELS_AT_MOST = 32
SIMPLER = "ask for less at a time"


def bounded(condition: Condition) -> Condition:
    """The condition; TooMuch where one request makes the database compare too much for each entity."""
    comparisons = patterns = levels = 0
    level: list[Condition] = [condition]
    while level:
        levels += 1
        below: list[Condition] = []
        for one in level:
            match one:
                case Compare(attribute, operator, value):
                    patterns += operator == "regex"
                    each = operator == "in" and attribute.type is Json  # the others are one look into a list
                    comparisons += len(value) if each else 1
                case All(parts) | AnyOf(parts):
                    below += parts
                case Not(part):
                    below.append(part)
                case Inside(_, inner) | Leads(_, _, inner):
                    comparisons += 1
                    below.append(inner)
                case Refers():
                    comparisons += 1
        if levels > LEVELS_AT_MOST:
            raise TooMuch("levels of conditions in each other", levels, LEVELS_AT_MOST, SIMPLER)
        if comparisons > COMPARISONS_AT_MOST:
            raise TooMuch("comparisons of a filter", comparisons, COMPARISONS_AT_MOST, SIMPLER)
        if patterns > PATTERNS_AT_MOST:
            raise TooMuch("patterns of a filter", patterns, PATTERNS_AT_MOST, "join them by | in one")
        level = below
    return condition


# ---- cursors ------------------------------------------------------------------------------------


def cursor(values: Sequence[Any]) -> str:
    """An opaque text for a place in a sorted list: the sort keys of the row there, the id last."""
    packed = json.dumps(list(values), separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def read_cursor(text: str, length: int) -> list[Any]:
    """What `cursor` packed, as many values as there are sort keys; BadRequest for any other text."""
    values: Any = None
    with contextlib.suppress(ValueError):  # no base64, or nothing that may come in as JSON
        values = decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    scalars = (str, int, float, bool, type(None))
    are_keys = isinstance(values, list) and len(values) == length and all(type(v) in scalars for v in values)
    if not are_keys or type(values[-1]) is not str:  # the id comes last
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
            bound = sa.literal(value, column.type)
            after = column < bound if descending else sa.or_(column > bound, column.is_(None))
            later.append(sa.and_(*same, after))
            same.append(column == bound)
        else:  # null is the greatest
            if descending:
                later.append(sa.and_(*same, column.is_not(None)))
            same.append(column.is_(None))
    return sa.or_(*later)
