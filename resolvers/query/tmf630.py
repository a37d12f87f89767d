"""TMF630's query language: the filters of a query string, JSONPath filters and sort keys, as conditions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from models.declare import Attribute, Json, Kind, family_attributes
from resolvers.errors import BadRequest
from resolvers.storage.conditions import All, AnyOf, Compare, Condition, Inside, Not, Order, regex, typed
from schema.rest.contract import JSONPATH_AT_MOST, SORT_KEYS_AT_MOST, SUFFIXES, filter_names

# The literal forms, as they stand in a decoded query string; a longer one before what it starts with.
LITERALS = {
    ">=": "gte",
    "<=": "lte",
    "!=": "ne",
    "==": "eq",
    "=~": "regex",
    "*=": "regex",
    ">": "gt",
    "<": "lt",
}
PATH_AT_MOST = 12


# ---- basic filters --------------------------------------------------------------------------------


@dataclass
class _Group:
    """The conditions on one object: on its scalars, and on what it holds."""

    conditions: list[Condition] = field(default_factory=list[Condition])
    inside: "dict[str, tuple[Attribute, _Group]]" = field(default_factory=dict[str, Any])

    def condition(self) -> All:
        nested = (Inside(attribute, group.condition()) for attribute, group in self.inside.values())
        return All((*self.conditions, *nested))


def from_query(kinds: Sequence[Kind], parameters: Sequence[tuple[str, str]]) -> All:
    """The condition that `?state=held&relatedParty.id=7&relatedParty.role=user` states.

    Names are ANDed, the values of one name ORed (`a,b`, `a;b`, or the name again). Names that lead into
    one array are about the same element of it.
    """
    by_name: dict[tuple[str, str], list[str]] = {}
    for name, value in parameters:
        stem, operator, values = _split(kinds, name, value)
        by_name.setdefault((stem, operator), []).extend(values)
    whole = _Group()
    for (stem, operator), values in by_name.items():
        group = whole
        *holders, last = _path(kinds, stem)
        for holder in holders:
            group = group.inside.setdefault(holder.key, (holder, _Group()))[1]
        group.conditions.append(_compare(last, operator, values, stem))
    return whole.condition()


def _split(kinds: Sequence[Kind], name: str, value: str) -> tuple[str, str, list[str]]:
    """The attribute, the operator and the values of one parameter, in whichever form they are written."""
    if not value:
        # `dateTime%3E2013-04-20` has no sign of equality outside the name.
        for position in range(len(name)):
            for literal, operator in LITERALS.items():
                if position and name.startswith(literal, position):
                    rest = name[position + len(literal) :]
                    return name[:position], operator, _values(name[:position], operator, rest)
    if name[-1:] in "<>!*" and len(name) > 1:  # `dateTime>=2013-04-20`, cut at the sign of equality
        operator = LITERALS[name[-1] + "="]
        return name[:-1], operator, _values(name[:-1], operator, value)
    for sign, operator in (("=", "eq"), ("~", "regex")):  # `name==x`, `name=~x`
        if value.startswith(sign):
            return name, operator, _values(name, operator, value[1:])
    stem, dot, suffix = name.rpartition(".")
    if dot and suffix in SUFFIXES and _found(kinds, name) is None:
        return stem, suffix, _values(name, suffix, value)
    return name, "eq", _values(name, "eq", value)


def _values(name: str, operator: str, text: str) -> list[str]:
    if operator == "regex":
        return [text]
    found: list[str] = []
    for part in text.split(";"):
        part = part.removeprefix(f"{name}=")
        if re.match(r"[A-Za-z@][\w.@]*=", part) and ";" in text:
            raise BadRequest(
                f"A semicolon joins values of one attribute: {name}=a;{name}=b. Use & for others."
            )
        found += part.split(",")
    return found


def _compare(attribute: Attribute, operator: str, values: list[str], name: str) -> Condition:
    if not (attribute.is_scalar or attribute.type is Json) or attribute.many:
        inner = ", ".join(f"{name}.{one.key}" for one in _inner(attribute)[:12])
        raise BadRequest(f"{name} holds other attributes: filter by one of them, such as {inner}.")
    if operator == "regex":
        if not (attribute.type in (str, Json) or _is_enumeration(attribute)):
            raise BadRequest(f"{name} is no text: patterns are for texts.")
        return _any([Compare(attribute, "regex", regex(value)) for value in values])
    if attribute.type is not Json:
        given: list[Any] = [typed(attribute, value) for value in values]
    else:
        given = [value for value in values if typed(attribute, value) is not None]
    if operator == "eq":
        return Compare(attribute, "in", tuple(given))
    if operator == "ne":
        return All(tuple(Compare(attribute, "ne", value) for value in given))
    return _any([Compare(attribute, operator, value) for value in given])


def _any(conditions: list[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else AnyOf(tuple(conditions))


def _is_enumeration(attribute: Attribute) -> bool:
    return attribute.is_scalar and hasattr(attribute.type, "__members__")


def _path(kinds: Sequence[Kind], name: str) -> list[Attribute]:
    """The attributes that a dotted name leads through; BadRequest where there is no such attribute."""
    found = _found(kinds, name)
    if found is None:
        kind = kinds[0]
        raise BadRequest(
            f'There is no filter named "{name[:120]}" for {kind.name}; filter by '
            f"{', '.join(filter_names(kind))}, or by a dotted path into what it holds."
        )
    return found


def _found(kinds: Sequence[Kind], name: str) -> list[Attribute] | None:
    steps = name.split(".")
    if len(steps) > PATH_AT_MOST:
        return None
    paths = [_walk(kind.attributes, steps) for kind in kinds]
    return paths[0] if all(path is not None for path in paths) else None


def _walk(found: Sequence[Attribute], steps: Sequence[str]) -> list[Attribute] | None:
    path: list[Attribute] = []
    for step in steps:
        attribute = next((one for one in found if one.key == step and not one.write_only), None)
        if attribute is None or (not path and attribute.key == "href"):
            return None
        path.append(attribute)
        found = _inner(attribute)
    return path


def _inner(attribute: Attribute) -> tuple[Attribute, ...]:
    return family_attributes(attribute.type) if attribute.is_value else ()


# ---- sort -----------------------------------------------------------------------------------------


def order_by(kinds: Sequence[Kind], text: str | None) -> tuple[Order, ...]:
    """The order that `sort=-orderDate,name,validFor.startDateTime` states."""
    if not text:
        return ()
    keys = text.split(",")
    if len(keys) > SORT_KEYS_AT_MOST:
        raise BadRequest(f"At most {SORT_KEYS_AT_MOST} sort keys are taken.")
    return tuple(_order(kinds, key.strip(), text) for key in keys)


def _order(kinds: Sequence[Kind], key: str, text: str) -> Order:
    name = key.removeprefix("-").removeprefix("+").strip()
    path = _found(kinds, name) if name else None
    if path is None:
        raise BadRequest(f'sort names "{name[:60]}", which {kinds[0].name} does not have.')
    *within, last = path
    if any(one.many for one in path) or not last.is_scalar:
        raise BadRequest(f"One cannot sort by {name}: it has not one value but holds several.")
    return Order(last, key.startswith("-"), tuple(within))


# ---- JSONPath -------------------------------------------------------------------------------------

DEPTH_AT_MOST = 16
COMPARISONS_AT_MOST = 100
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][\w-]*)|(?P<regex>/(?:[^/\\\n]|\\.)*/)|(?P<sign>&&|\|\||[=!<>]=|=~|[\[\]()?@.!<>*$,]))"
)  # fmt: skip
_COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=~": "regex"}
_FUNCTIONS = ("min", "max", "avg", "stddev", "length", "sum")


class NotSupported(BadRequest):
    """A part of TMF630 that is not offered."""

    status = 501
    code = "NOT_IMPLEMENTED"
    reason = "Not implemented"


def from_json_path(kinds: Sequence[Kind], text: str) -> Condition:
    """The condition that `$[?(@.serviceCharacteristic[?(@.name=='vlan' && @.value=='100')])]` states.

    Compared are paths with literals (`== != < <= > >= =~ /pattern/`), a path alone asks whether it is
    there; `&&`, `||`, `!` and brackets combine. Functions are answered with 501.
    """
    if len(text) > JSONPATH_AT_MOST:
        raise BadRequest(f"A filter may have up to {JSONPATH_AT_MOST} characters.")
    return _JsonPath(kinds, text).whole()


class _JsonPath:
    """A parser by recursive descent; what it reads becomes conditions on declared attributes."""

    def __init__(self, kinds: Sequence[Kind], text: str) -> None:
        self._kinds = kinds
        self._text = text
        self._tokens = list(self._scan())
        self._at = 0
        self._comparisons = 0

    def _scan(self) -> Any:
        position = 0
        while position < len(self._text.rstrip()):
            match = _TOKEN.match(self._text, position)
            if match is None:
                raise self._wrong(position)
            yield match.lastgroup, match.group(match.lastgroup or 0), match.start(match.lastgroup or 0)
            position = match.end()

    def _wrong(self, position: int) -> BadRequest:
        where = f'"{self._text[position : position + 20]}"' if position < len(self._text) else "its end"
        return BadRequest(f"The filter cannot be read at character {position + 1}: {where}.")

    def _peek(self, ahead: int = 0) -> str:
        place = self._at + ahead
        return self._tokens[place][1] if place < len(self._tokens) else ""

    def _take(self, *expected: str) -> str:
        position = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
        if expected and self._peek() not in expected:
            raise self._wrong(position)
        if self._at >= len(self._tokens):
            raise self._wrong(position)
        self._at += 1
        return self._tokens[self._at - 1][1]

    def whole(self) -> Condition:
        if self._peek() == "$":
            self._take()
        parts = [kind.attributes for kind in self._kinds]
        common = tuple(a for a in parts[0] if all(a in others for others in parts[1:]))
        bracketed = self._peek() == "["
        condition = self._selector(common, 0) if bracketed else self._or(common, 0)
        if self._at < len(self._tokens):
            raise self._wrong(self._tokens[self._at][2])
        return condition

    def _selector(self, found: Sequence[Attribute], depth: int) -> Condition:
        """`[?(...)]`"""
        self._take("[")
        self._take("?")
        self._take("(")
        condition = self._or(found, depth + 1)
        self._take(")")
        self._take("]")
        return condition

    def _or(self, found: Sequence[Attribute], depth: int) -> Condition:
        if depth > DEPTH_AT_MOST:
            raise BadRequest(f"A filter may be nested up to {DEPTH_AT_MOST} levels deep.")
        parts = [self._and(found, depth)]
        while self._peek() == "||":
            self._take()
            parts.append(self._and(found, depth))
        return _any(parts)

    def _and(self, found: Sequence[Attribute], depth: int) -> Condition:
        parts = [self._not(found, depth)]
        while self._peek() == "&&":
            self._take()
            parts.append(self._not(found, depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _not(self, found: Sequence[Attribute], depth: int) -> Condition:
        if depth > DEPTH_AT_MOST:
            raise BadRequest(f"A filter may be nested up to {DEPTH_AT_MOST} levels deep.")
        if self._peek() == "!":
            self._take()
            return Not(self._not(found, depth + 1))
        if self._peek() == "(":
            self._take()
            condition = self._or(found, depth + 1)
            self._take(")")
            return condition
        if self._peek() in _FUNCTIONS and self._peek(1) == "(":
            raise NotSupported(f"Functions such as {self._peek()}() are not offered in filters.")
        self._take("@")
        return self._path(found, (), depth)

    def _path(self, found: Sequence[Attribute], passed: tuple[str, ...], depth: int) -> Condition:
        """What follows `@`: steps down, a selector on an array, and what the end of it is compared with."""
        self._comparisons += 1
        if self._comparisons > COMPARISONS_AT_MOST or len(passed) > PATH_AT_MOST:
            raise BadRequest(f"A filter may have up to {COMPARISONS_AT_MOST} comparisons.")
        attribute = self._step(found, passed)
        inner, name = _inner(attribute), (*passed, attribute.key)
        if attribute.many and self._peek() == "[" and self._peek(1) == "*":
            for expected in ("[", "*", "]"):
                self._take(expected)
        if attribute.is_value and self._peek() == "[" and self._peek(1) == "?":
            condition = self._selector(inner, depth)
            if self._peek() in (".", "["):
                condition = All((condition, self._path(inner, name, depth)))
            return Inside(attribute, condition)
        if attribute.is_value:
            if self._peek() in (".", "["):
                return Inside(attribute, self._path(inner, name, depth))
            return Inside(attribute, All(()))
        return self._comparison(attribute, ".".join(name))

    def _step(self, found: Sequence[Attribute], passed: tuple[str, ...]) -> Attribute:
        """`.name`, `.@type` or `['name']`"""
        if self._take(".", "[") == "[":
            key = self._string(self._take())
            self._take("]")
        else:
            key = self._take()
            if key == "@":
                key += self._take()
        attribute = next((one for one in found if one.key == key and not one.write_only), None)
        if attribute is None or (not passed and key == "href"):
            name = ".".join((*passed, key))
            raise BadRequest(f'The filter names "{name[:120]}", which {self._kinds[0].name} does not have.')
        return attribute

    def _string(self, token: str) -> str:
        if token[:1] not in ("'", '"'):
            raise self._wrong(self._tokens[self._at - 1][2])
        return re.sub(r"\\(.)", r"\1", token[1:-1])

    def _comparison(self, attribute: Attribute, name: str) -> Condition:
        if self._peek() not in _COMPARISONS:
            return Compare(attribute, "isNull", False)
        operator = _COMPARISONS[self._take()]
        kind = self._tokens[self._at][0] if self._at < len(self._tokens) else ""
        token = self._take()
        if operator == "regex":
            if kind not in ("regex", "string"):
                raise self._wrong(self._tokens[self._at - 1][2])
            pattern = token[1:-1].replace("\\/", "/") if kind == "regex" else self._string(token)
            return _compare(attribute, "regex", [pattern], name)
        if token == "null" and operator in ("eq", "ne"):
            return Compare(attribute, "isNull", operator == "eq")
        if kind == "string":
            token = self._string(token)
        elif kind != "number" and token not in ("true", "false"):
            raise self._wrong(self._tokens[self._at - 1][2])
        return _compare(attribute, operator, [token], name)
