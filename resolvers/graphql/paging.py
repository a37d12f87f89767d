"""Which part of a list is asked for: the arguments of every field that yields a connection."""

import enum
import json
from collections.abc import Iterable
from typing import Any

from models.declare import Abstract, Attribute, Json, Kind, family_attributes
from resolvers.entrances import reads
from resolvers.errors import BadRequest
from resolvers.storage.conditions import (
    All,
    AnyOf,
    Compare,
    Condition,
    Inside,
    Not,
    Order,
    bounded,
    read_cursor,
    regex,
)
from resolvers.storage.reads import Page
from schema.graphql.types import NODES_AT_MOST, NODES_BY_DEFAULT
from schema.rest.contract import SORT_KEYS_AT_MOST


def with_one_more(page: Page) -> Page:
    """One row beyond the page tells whether there are more."""
    return Page(page.condition, page.order, (page.limit or 0) + 1, 0, page.after, page.before, page.backwards)


@reads("What a list is asked for")
def page_of(node: Kind | Abstract, arguments: dict[str, Any]) -> Page:
    first, last = arguments.get("first"), arguments.get("last")
    for name, number in (("first", first), ("last", last)):
        if number is not None and not 0 <= number <= NODES_AT_MOST:
            raise BadRequest(f"{name} must lie between 0 and {NODES_AT_MOST}, not {number}.")
    if first is not None and last is not None:
        raise BadRequest("Ask for the first or for the last, not for both.")
    by_name = {attribute.graphql_name: attribute for attribute in node.attributes}
    order = tuple(
        Order(by_name[name], direction.value == "DESC")
        for key in arguments.get("orderBy") or ()
        for name, direction in key.items()
    )
    if len(order) > SORT_KEYS_AT_MOST:
        raise BadRequest(f"At most {SORT_KEYS_AT_MOST} sort keys are taken, not {len(order)}.")
    length = len(order) + 1
    after, before = arguments.get("after"), arguments.get("before")
    limit = last if last is not None else first if first is not None else NODES_BY_DEFAULT
    return Page(
        condition=bounded(_condition(node.attributes, arguments.get("where") or {})),
        order=order,
        limit=limit,
        after=tuple(read_cursor(after, length)) if after is not None else None,
        before=tuple(read_cursor(before, length)) if before is not None else None,
        backwards=last is not None,
    )


def _condition(found: Iterable[Attribute], where: dict[str, Any]) -> Condition:
    """What a `where` states of an object with these attributes."""
    by_name = {attribute.graphql_name: attribute for attribute in found}
    parts: list[Condition] = []
    for name, value in where.items():
        if value is None:
            continue
        if name == "and":
            parts.append(All(tuple(_condition(by_name.values(), part) for part in value)))
        elif name == "or":
            parts.append(AnyOf(tuple(_condition(by_name.values(), part) for part in value)))
        elif name == "not":
            parts.append(Not(_condition(by_name.values(), value)))
        elif by_name[name].is_value:
            inner = _condition(family_attributes(by_name[name].type), value)
            parts.append(Inside(by_name[name], inner))
        else:
            parts += [_comparison(by_name[name], operator, given) for operator, given in value.items()]
    return All(tuple(parts))


def _comparison(attribute: Attribute, operator: str, operand: Any) -> Condition:
    if operand is None and operator not in ("eq", "ne"):
        raise BadRequest(
            f"{attribute.graphql_name}.{operator} needs a value; to find those without one use isNull."
        )
    if operator == "regex" and operand is not None:
        return Compare(attribute, "regex", regex(operand))
    if operator != "isNull":
        operand = _plain(operand) if attribute.type is not Json else _texts(attribute, operator, operand)
    return Compare(attribute, operator, operand)


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    return tuple(_plain(inner) for inner in value) if isinstance(value, list) else value


def _texts(attribute: Attribute, operator: str, value: Any) -> Any:
    """Values of an open type as the texts that they are compared by."""
    if isinstance(value, list) and operator == "in":
        return tuple(_texts(attribute, "eq", inner) for inner in value)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise BadRequest(f"{attribute.graphql_name} can be compared with texts, numbers and booleans alone.")
