"""JSON documents checked against declared types: every problem at once, each with its JSON path.

A checked document has its date-times in one canonical form (UTC, "Z", milliseconds, or microseconds
where the input was finer) and carries the references found in it; all else stays as it came.
"""

import datetime as dt
import enum
import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from models.declare import (
    Attribute,
    Json,
    Kind,
    Points,
    Targets,
    World,
    attributes,
    family_attributes,
    general_of,
    link_of,
    special_of,
)
from models.json_in import MAX_SAFE_INTEGER, is_array, is_object
from models.tables import INDEXED_AT_MOST, indexed
from models.times import canonical

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
ID_PATTERN = re.compile(r"[A-Za-z0-9._~:-]{1,128}")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a document."""

    path: str
    """JSON path from the document's root: `$.note[0].text`."""
    message: str
    lenient: bool = False
    """Whether a lenient load keeps the value all the same."""

    def __str__(self) -> str:
        return f"{self.path} {self.message}"


@dataclass(frozen=True)
class Relation:
    """A place in the documents of one kind where a reference may stand."""

    path: str
    """Attribute names from the root, without indexes: `productOrderItem.product`. Values that hold
    values of their own type repeat the path of the outermost."""
    targets: Targets


class Found(NamedTuple):
    """A reference found in a document."""

    relation: str
    position: int
    kinds: tuple[str, ...]
    """Where the target may be, in the order in which to look; never empty. Other systems may hold it."""
    id: str


@dataclass(frozen=True)
class Secret:
    """A write-only value that was taken out of a document; no text where it is to be forgotten."""

    place: str
    """Which one it is, by the id of the object that held it: `credential/42/password`."""
    text: str | None = field(repr=False)


@dataclass
class Checked:
    """What checking a document gave."""

    problems: list[Problem] = field(default_factory=list[Problem])
    references: list[Found] = field(default_factory=list[Found])
    secrets: list[Secret] = field(default_factory=list[Secret])
    secret_places: list[str] = field(default_factory=list[str])
    """Where secrets may be, given or kept from earlier."""
    stopped: bool = False
    """Whether there were so many problems that the rest of the document was not looked at."""


PROBLEMS_AT_MOST = 1000


class _Enough(Exception):
    """The document has as many problems as are looked for."""


def check(kind: Kind, document: dict[str, Any]) -> Checked:
    """The problems of a document of this kind and the references in it.

    Makes its dates canonical, and takes its secrets out.
    """
    result = Checked()
    run = _Run(result)
    try:
        if holds_secrets(kind):
            _refuse_likely_secrets(kind.cls, document, None, run)
        shape(kind).check(document, None, run)
    except _Enough:
        result.stopped = True
    return result


@functools.cache
def holds_secrets(kind: Kind) -> bool:
    """Whether documents of this kind have write-only attributes."""

    def found(cls: type[Any], seen: set[type[Any]]) -> bool:
        seen.add(cls)
        return any(
            a.write_only or (a.is_value and a.type not in seen and found(a.type, seen))
            for a in family_attributes(cls)
        )

    return found(kind.cls, set())


# ---- what looks like a secret, and would be kept as it is ---------------------------------------

_SECRET_WORDS = {
    "otp", "hotp", "totp", "pin", "puk", "pwd", "pass", "passwd", "passcode", "cvc", "cvv", "seed",
}  # fmt: skip
_SECRET_PARTS = (
    "password", "passwd", "passwort", "passphrase", "passcode", "secret", "token", "pincode", "privatekey",
    "apikey", "accesskey", "sharedkey", "signingkey", "encryptionkey", "securitycode", "recoverycode",
    "fingerprint", "biometric",
)  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def looks_secret(name: str) -> bool:
    """Whether an attribute is named like a secret: `pin`, `apiKey`, `x-login_token`."""
    words = [word.lower() for word in _WORD.findall(name)]
    joined = "".join(words)
    return not _SECRET_WORDS.isdisjoint(words) or any(part in joined for part in _SECRET_PARTS)


def _refuse_likely_secrets(cls: type[Any] | None, value: Any, at: "_Path", run: "_Run") -> None:
    """Refuses undeclared attributes that look like secrets, in documents that hold declared ones."""
    if is_array(value):
        for index, inner in enumerate(value):
            _refuse_likely_secrets(cls, inner, (at, index), run)
    elif is_object(value):
        declared = {a.key: a for a in family_attributes(general_of(cls) or cls)} if cls else {}
        for key, inner in value.items():
            attribute = declared.get(key)
            if attribute is None and looks_secret(key):
                run.problem(
                    (at, key),
                    "looks like a secret, and would be kept and shown as it is: leave it out, or put it into "
                    "the password or tokenCredential of a credential",
                )
            elif isinstance(inner, (dict, list)):
                within = attribute.type if attribute and attribute.is_value else None
                _refuse_likely_secrets(within, inner, (at, key), run)


# ---- the shape of a kind: its checks, compiled once ---------------------------------------------


@dataclass
class _Run:
    """State of one check: what it found so far."""

    result: Checked
    positions: dict[str, int] = field(default_factory=dict[str, int])

    def problem(self, path: "_Path", message: str, *, lenient: bool = False) -> None:
        self.result.problems.append(Problem(_text(path), message, lenient))
        if len(self.result.problems) >= PROBLEMS_AT_MOST:
            raise _Enough

    def reference(self, relation: str, kinds: tuple[str, ...], id: str) -> None:
        position = self.positions.get(relation, 0)
        self.positions[relation] = position + 1
        self.result.references.append(Found(relation, position, kinds, id))

    def secret(self, place: str, at: "tuple[_Path, str]", holder: dict[str, Any], check: "_Handler") -> None:
        """Takes a secret, where there is one, out of the object that holds it."""
        key, id = at[1], holder.get("id")
        where = f"{place}/{id}/{key}"
        if isinstance(id, str):
            self.result.secret_places.append(where)
        if key not in holder:
            return
        value, before = holder.pop(key), len(self.result.problems)
        if value is not None:
            value = check(value, at, self)
        if isinstance(id, str) and len(self.result.problems) == before:
            self.result.secrets.append(Secret(where, _secret_text(value)))


_Path = tuple["_Path", str | int] | None  # linked, so that a path costs nothing until it is needed
_Handler = Callable[[Any, _Path, _Run], Any]  # gives the value to keep


def _secret_text(value: Any) -> str | None:
    """What a digest is made of: a text itself, else its JSON; nothing is as good as null."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else None


@dataclass(frozen=True)
class _Shape:
    check: _Handler
    relations: tuple[Relation, ...]


@functools.cache
def shape(kind: Kind) -> _Shape:
    entity = _Entity(kind.world, kind.api.number, {})
    check = _object(kind.cls, entity, "", {}, short=indexed(kind))
    return _Shape(check, tuple(entity.relations.values()))


@dataclass(frozen=True)
class _Entity:
    """What a check is made for: entities of one API in one world, and where references were seen in them."""

    world: World
    api: str
    relations: dict[str, Relation]


def _value(cls: type[Any], entity: _Entity, path: str, within: dict[type[Any], _Handler]) -> _Handler:
    """The check of a nested object; of a polymorphic one, that of the case which its @type names."""
    plain = _object(cls, entity, path, within)
    cases = {name: _object(case, entity, path, within) for name, case in special_of(cls).items()}
    if not cases:
        return plain

    def check(value: Any, at: _Path, run: _Run) -> Any:
        named = (value.get("@type"), value.get("@baseType")) if is_object(value) else ()
        case = next((cases[name] for name in named if isinstance(name, str) and name in cases), plain)
        return case(value, at, run)

    return check


def _object(
    cls: type[Any],
    entity: _Entity,
    path: str,
    within: dict[type[Any], _Handler],
    *,
    short: frozenset[str] = frozenset(),
) -> _Handler:
    """The check of one declared class at one place; `within` holds the classes it is nested in, `short` the
    attributes whose texts an index has to take."""
    if cls in within:
        return within[cls]
    handlers: dict[str, _Handler] = {}
    good: dict[str, type] = {}
    """By key, the Python type that needs no more checks: most values are of it."""
    mandatory: list[str] = []
    # Whatever case an object says it is, a secret of any case of its family stays none of its text.
    hidden: dict[str, _Handler] = {}
    top = not path

    def check(given: Any, at: _Path, run: _Run) -> Any:
        value: dict[str, Any] = given
        if not isinstance(given, dict):
            run.problem(at, f"must be an object, not {_name(given)}")
            return given
        for key, inner in value.items():
            if type(inner) is good.get(key):
                continue
            handler = handlers.get(key)
            if handler is not None and inner is not None:
                kept = handler(inner, (at, key), run)
                if kept is not inner:
                    value[key] = kept
        for key in mandatory:
            found = value.get(key)
            # A blank counts as nothing where the conformance profiles speak: at the first level.
            if found is None or (top and (found == "" or found == [])):
                run.problem((at, key), "is mandatory", lenient=not top)
        if follow is not None:
            follow(value, run)
        if hidden:
            short_id(value.get("id"), (at, "id"), run)
        for key, good_secret in hidden.items():
            run.secret(path, (at, key), value, good_secret)
        return value

    nested = {**within, cls: check}
    unseen = replace(entity, relations={})  # nobody is to find a secret by what it refers to either
    for attribute in family_attributes(general_of(cls) or cls):
        if attribute.write_only:
            hidden[attribute.key] = _attribute(attribute, unseen, path, nested)
    for attribute in attributes(cls):
        if not attribute.write_only:
            handlers[attribute.key] = _attribute(attribute, entity, path, nested)
            if attribute.key in short:
                handlers[attribute.key] = _short(handlers[attribute.key])
            elif attribute.type in _ALWAYS_GOOD and not attribute.many and attribute.mark(Points) is None:
                good[attribute.key] = attribute.type
        if attribute.mandatory_for(entity.api):
            mandatory.append(attribute.key)
    link = link_of(cls) if path else None
    follow = _follow(entity.world.targets(link), path, entity.relations) if link else None
    short_id = _short(lambda value, at, run: value)  # secrets are found by it
    return check


def _attribute(
    attribute: Attribute, entity: _Entity, path: str, within: dict[type[Any], _Handler]
) -> _Handler:
    place = f"{path}.{attribute.key}" if path else attribute.key
    points = attribute.mark(Points)
    if attribute.is_value:
        one = _value(attribute.type, entity, place, within)
    elif points is not None:
        targets = entity.world.targets(points)
        entity.relations[place] = Relation(place, targets)
        one = _pointing_scalar(place, targets)
    else:
        one = _scalar(attribute)
    return _list(one) if attribute.many else one


def _short(one: _Handler) -> _Handler:
    """The check of a text that goes into an index."""

    def check(value: Any, at: _Path, run: _Run) -> Any:
        if isinstance(value, str) and len(value) > INDEXED_AT_MOST:
            run.problem(at, f"may have up to {INDEXED_AT_MOST} characters, not {len(value):,}")
            return value
        return one(value, at, run)

    return check


def _list(one: _Handler) -> _Handler:
    def check(given: Any, at: _Path, run: _Run) -> Any:
        value: list[Any] = given
        if not isinstance(given, list):
            run.problem(at, f"must be an array, not {_name(given)}")
            return given
        for index, inner in enumerate(value):
            if inner is None:
                run.problem((at, index), "must not be null")
                continue
            kept = one(inner, (at, index), run)
            if kept is not inner:
                value[index] = kept
        return value

    return check


def _follow(
    targets: Targets, place: str, relations: dict[str, Relation]
) -> Callable[[dict[str, Any], _Run], None]:
    relations[place] = Relation(place, targets)

    def follow(value: dict[str, Any], run: _Run) -> None:
        kinds, id = targets.recorded(value)
        if kinds:
            run.reference(place, kinds, id)

    return follow


def _pointing_scalar(place: str, targets: Targets) -> _Handler:
    def check(value: Any, at: _Path, run: _Run) -> Any:
        if not isinstance(value, str):
            run.problem(at, f"must be a string, not {_name(value)}")
        else:
            kinds, id = targets.recorded(value)
            if kinds:
                run.reference(place, kinds, id)
        return value

    return check


def _scalar(attribute: Attribute) -> _Handler:
    type_ = attribute.type
    if type_ is Json:
        return lambda value, at, run: value
    if type_ is dt.datetime:
        return _date_time
    if isinstance(type_, type) and issubclass(type_, enum.StrEnum):
        return _enumeration(type_)
    return {str: _string, int: _integer, float: _number, bool: _boolean}[type_]


_ALWAYS_GOOD = (str, float, bool)


def _string(value: Any, at: _Path, run: _Run) -> Any:
    if not isinstance(value, str):
        run.problem(at, f"must be a string, not {_name(value)}")
    return value


def _integer(value: Any, at: _Path, run: _Run) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        run.problem(at, f"must be a whole number, not {_name(value)}")
    elif not INT_MIN <= value <= INT_MAX:
        run.problem(at, f"must lie between {INT_MIN} and {INT_MAX}")
    return value


def _number(value: Any, at: _Path, run: _Run) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        run.problem(at, f"must be a number, not {_name(value)}")
    elif isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        run.problem(at, "is beyond 2^53, where numbers are no longer exact")
    return value


def _boolean(value: Any, at: _Path, run: _Run) -> Any:
    if not isinstance(value, bool):
        run.problem(at, f"must be true or false, not {_name(value)}")
    return value


def _date_time(value: Any, at: _Path, run: _Run) -> Any:
    if not isinstance(value, str):
        run.problem(at, f"must be a date-time, not {_name(value)}")
        return value
    kept = canonical(value)
    if kept is None:
        message = f"must be a date-time with an offset such as 2026-11-24T08:00:00Z, not {_quote(value)}"
        run.problem(at, message, lenient=True)
        return value
    return kept


def _enumeration(cls: type[enum.StrEnum]) -> _Handler:
    """A closed list; blanks around a value do not count, since one official value ends in one."""
    values = {member.value: member.value for member in cls}
    trimmed = {member.value.strip(): member.value for member in cls}
    allowed = ", ".join(member.value.strip() for member in cls)

    def check(value: Any, at: _Path, run: _Run) -> Any:
        if not isinstance(value, str):
            run.problem(at, f"must be one of {allowed}, not {_name(value)}")
            return value
        kept = values.get(value) or trimmed.get(value)
        if kept is None:
            run.problem(at, f"must be one of {allowed}, not {_quote(value)}", lenient=True)
            return value
        return kept

    return check


_NAMES: dict[type[Any], str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    type(None): "null",
}


def _name(value: object) -> str:
    return _NAMES.get(type(value), "a number")


def _quote(value: str) -> str:
    return f'"{value[:60]}…"' if len(value) > 60 else f'"{value}"'


def _text(path: _Path) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(
            f"[{step}]" if isinstance(step, int) else f".{step}" if step[:1] != "@" else f"['{step}']"
        )
    return "$" + "".join(reversed(steps))
