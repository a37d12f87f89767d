"""Patches as lists of operations: JSON Patch (RFC 6902) and TMF630's JSON Patch Query, on JSON values.

Pure functions. A patch changes no document that it is given, and is carried out as a whole or not at all.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from models import json_in
from models.json_in import MAX_DEPTH, is_array, is_object
from resolvers.entrances import reads
from resolvers.errors import BadRequest, Conflict, FailedTest, PathNotFound, TooMuch
from resolvers.storage.documents import equal
from schema.rest.contract import OPERATIONS_AT_MOST, PATH_AT_MOST

BYTES_AT_MOST = 2 * 1024 * 1024
NESTED_AT_MOST = 16
CHANGES_AT_MOST = 10_000
PATHS_AT_MOST = 16_000
STEPS_AT_MOST = 30_000
MOVED_IN_A_STEP = 200
"""How many elements of an array count as one step where they are only moved along."""

Path = tuple[Any, ...]
"""The names and indexes that lead to a place in a document."""

Place = tuple[Path, Any]
"""A place in a document, with what is there."""


def json_patch(document: Any, operations: Any) -> Any:
    """The document after a JSON Patch (RFC 6902), which finds its places by JSON Pointer (RFC 6901).

    The given document is never changed; the new one shares with it what stays as it is. BadRequest names an
    operation that is malformed by its place, `$[2].path`; FailedTest and PathNotFound one that does not fit
    the document. TooMuch.
    """
    return _Patch(document, queried=False).applied(_operations(operations, _pointer))


def json_patch_query(document: Any, operations: Any) -> Any:
    """The document after a JSON Patch Query (TMF630 part 5): JSON Patch whose paths may select.

    `/orderItem/quantity?orderItem.productOffering.id=1513` walks through arrays and keeps the elements
    for which all conditions hold, those below one array of the same element;
    `note[?(@.author=='John Doe')].text` says it in JSONPath. All places that are selected are changed,
    and `test` is about all of them. `add` at an array appends to it, and at an object adds members, as
    TMF630's examples do.
    """
    return _Patch(document, queried=True).applied(_operations(operations, _query))


def added(operations: Any) -> list[Any]:
    """The values that a JSON Patch adds to a collection (TMF630's bulk create); BadRequest for others."""
    if is_array(operations) and not operations:
        raise BadRequest("A bulk create adds at least one entity.")
    values: list[Any] = []
    for operation in _operations(operations, _pointer):
        if operation.op != "add" or operation.path not in ("/", "/-", ""):
            key = "path" if operation.op == "add" else "op"
            raise BadRequest(
                f"{operation.place}.{key}: a collection takes additions only, "
                '{"op": "add", "path": "/-", "value": ...}.'
            )
        values.append(operation.value)
    return values


# ---- operations -----------------------------------------------------------------------------------

NEEDS = {
    "add": ("value",),
    "remove": (),
    "replace": ("value",),
    "move": ("from",),
    "copy": ("from",),
    "test": ("value",),
}


@dataclass(frozen=True)
class _Operation:
    place: str
    """Where it stands in the patch: `$[2]`."""
    op: str
    steps: "_Steps"
    path: str
    value: Any
    source: "_Steps"
    source_path: str


@reads("The patch")
def _operations(given: Any, steps: "Callable[[str, str], _Steps]") -> list[_Operation]:
    """The operations of a patch, read and checked; BadRequest where one is malformed."""
    if not is_array(given):
        raise BadRequest("A patch must be an array of operations.")
    if len(given) > OPERATIONS_AT_MOST:
        raise BadRequest(f"A patch may have up to {OPERATIONS_AT_MOST} operations, not {len(given)}.")
    paths = [one.get(key) for one in given if is_object(one) for key in ("path", "from")]
    length = sum(len(path) for path in paths if isinstance(path, str))
    if length > PATHS_AT_MOST:
        raise TooMuch("characters in the paths of a patch", length, PATHS_AT_MOST, "write them shorter")
    return [_operation(one, f"$[{number}]", steps) for number, one in enumerate(given)]


def _operation(given: Any, place: str, steps: "Callable[[str, str], _Steps]") -> _Operation:
    if not is_object(given):
        raise BadRequest(f"{place} must be an object.")
    op = given.get("op")
    if not isinstance(op, str) or op not in NEEDS:
        raise BadRequest(f"{place}.op must be one of {', '.join(NEEDS)}.")
    for key in NEEDS[op]:
        if key not in given:
            raise BadRequest(f"{place}.{key} is mandatory for {op}.")
    path = _path(given, place, "path")
    source = _path(given, place, "from") if "from" in NEEDS[op] else ""
    read = _Operation(
        place,
        op,
        steps(path, f"{place}.path"),
        path,
        given.get("value"),
        steps(source, f"{place}.from"),
        source,
    )
    if op == "move" and read.steps != read.source and read.steps[: len(read.source)] == read.source:
        raise BadRequest(f"{place}.path lies inside {place}.from: a value cannot be moved into itself.")
    return read


def _path(given: dict[str, Any], place: str, key: str) -> str:
    path = given.get(key)
    if not isinstance(path, str):
        raise BadRequest(f"{place}.{key} must be a string.")
    if len(path) > PATH_AT_MOST:
        raise BadRequest(f"{place}.{key} may have up to {PATH_AT_MOST} characters.")
    return path


# ---- steps: what a path is made of ----------------------------------------------------------------

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def _is_index(key: str) -> bool:
    return key == "-" or _INDEX.fullmatch(key) is not None


class _Work:
    """Counts what a patch goes through and writes, so that none can keep the server busy."""

    def __init__(self) -> None:
        self._steps = self._bytes = 0

    def step(self, number: int = 1) -> None:
        """So many more values are looked at, compared, moved along or copied."""
        self._steps += number
        if self._steps > STEPS_AT_MOST:
            hint = "let its paths go through fewer values, and write fewer"
            raise TooMuch("values that a patch goes through", self._steps, STEPS_AT_MOST, hint)

    def write(self, value: Any) -> None:
        """One more value is written."""
        self._bytes += len(msgspec.json.encode(value))
        if self._bytes > BYTES_AT_MOST:
            hint = "write less, what is copied and moved included"
            raise TooMuch("bytes that a patch writes", self._bytes, BYTES_AT_MOST, hint)


@dataclass(frozen=True)
class _Key:
    """A member of an object, or an element of an array by its index; `-` is the place behind the last."""

    key: str

    def after(self, found: list[Place], work: _Work, new: bool) -> list[Place]:
        """The places that the step leads to; a new one where a value is to be added."""
        key, reached = self.key, list[Place]()
        work.step(len(found))
        for path, value in found:
            members: dict[str, Any] = value
            if isinstance(value, dict):
                if new or key in members:
                    reached.append(((*path, key), members.get(key)))
            elif is_array(value):
                reached += self._within(path, value, work, new)
        return reached

    def _within(self, path: Path, value: list[Any], work: _Work, new: bool) -> list[Place]:
        if self.key == "-" and new:
            return [((*path, len(value)), None)]
        if _INDEX.fullmatch(self.key) and int(self.key) < len(value) + new:
            index = int(self.key)
            return [((*path, index), value[index] if index < len(value) else None)]
        return []


@dataclass(frozen=True)
class _Name(_Key):
    """A step that goes through arrays: what is no index is looked for in every element."""

    def _within(self, path: Path, value: list[Any], work: _Work, new: bool) -> list[Place]:
        if _is_index(self.key):
            return super()._within(path, value, work, new)
        work.step(len(value))
        return self.after([((*path, index), element) for index, element in enumerate(value)], work, new)


@dataclass(frozen=True)
class _Where:
    """The elements of an array for which a condition holds; anything else where it holds for that."""

    holds: "_Condition"

    def after(self, found: list[Place], work: _Work, new: bool) -> list[Place]:
        reached = list[Place]()
        for path, value in found:
            elements: list[Any] = value
            if not isinstance(value, list):
                work.step()
                if self.holds(value, work):
                    reached.append((path, value))
                continue
            work.step(len(elements))
            for index, element in enumerate(elements):
                if self.holds(element, work):
                    reached.append(((*path, index), element))
        return reached


_Steps = tuple[_Key | _Where, ...]
_Condition = Callable[[Any, _Work], bool]


def _selected(value: Any, steps: _Steps, work: _Work, *, new: bool = False) -> list[Place]:
    """The places that steps lead to from a value, in the order of the document."""
    found: list[Place] = [((), value)]
    for left, step in zip(range(len(steps) - 1, -1, -1), steps, strict=True):
        found = step.after(found, work, new and not left)
    return found


def _values(value: Any, steps: _Steps, work: _Work) -> list[Any]:
    """What is at the places that steps lead to from a value."""
    work.step()
    for number, step in enumerate(steps):
        members: dict[str, Any] = value
        if not isinstance(value, dict) or not isinstance(step, _Key):
            return [inner for _, inner in _selected(value, steps[number:], work)]
        if step.key not in members:
            return []
        value = members[step.key]
    return [value]


# ---- carrying out ---------------------------------------------------------------------------------


class _Patch:
    """A document that operations change, within bounds. What they change of it becomes a copy; the rest is
    that of the document given."""

    def __init__(self, document: Any, *, queried: bool) -> None:
        # In a list, so that the whole document has a place as every part of it has.
        self._root = [document]
        self._ours: dict[int, Any] = {}
        """The objects and arrays that were copied for this patch, and may be changed, by their identity."""
        self._queried = queried
        self._work = _Work()
        self._changes = 0

    def applied(self, operations: list[_Operation]) -> Any:
        """The document after all operations."""
        for operation in operations:
            getattr(self, f"_{operation.op}")(operation)
        return self._root[0]

    def _add(self, operation: _Operation) -> None:
        self._add_value(operation, operation.value)

    def _remove(self, operation: _Operation) -> None:
        for path in reversed(self._found(operation)):
            self._take(operation, path)

    def _replace(self, operation: _Operation) -> None:
        for path in self._found(operation):
            self._holder(path)[path[-1]] = self._new(operation, operation.value, path)

    def _move(self, operation: _Operation) -> None:
        path = self._only(operation)
        if operation.steps != operation.source:
            self._add_value(operation, self._take(operation, path))

    def _copy(self, operation: _Operation) -> None:
        path = self._only(operation)
        self._add_value(operation, self._at(path))

    def _test(self, operation: _Operation) -> None:
        for path in self._found(operation):
            if not self._equal(self._at(path), operation.value):
                raise FailedTest(operation.place, operation.path)

    def _add_value(self, operation: _Operation, value: Any) -> None:
        by_key = bool(operation.steps) and isinstance(operation.steps[-1], _Key)
        for path in reversed(self._found(operation, new=True)):
            holder, key = self._holder(path), path[-1]
            if by_key and is_array(holder):
                self._work.step(len(holder) // MOVED_IN_A_STEP)
                holder.insert(key, self._new(operation, value, path))
                continue
            old = holder[key] if is_array(holder) else holder.get(key)
            if self._queried and is_array(old) and not is_array(value):
                self._own(holder, key).append(self._new(operation, value, (*path, len(old))))
            elif self._queried and is_object(old) and is_object(value):
                self._own(holder, key).update(self._new(operation, value, path))
            else:
                holder[key] = self._new(operation, value, path)

    def _found(self, operation: _Operation, *, new: bool = False) -> list[Path]:
        """The places that the operation's path leads to: one or more."""
        found = [path for path, _ in _selected(self._root[0], operation.steps, self._work, new=new)]
        if not found:
            raise PathNotFound(f"{operation.place}.path", operation.path)
        self._changes += len(found)
        if self._changes > CHANGES_AT_MOST:
            hint = "let its paths lead to fewer places"
            raise TooMuch("changes that a patch makes", self._changes, CHANGES_AT_MOST, hint)
        return [(0, *path) for path in found]

    def _only(self, operation: _Operation) -> Path:
        """The one place that the operation takes its value from."""
        found = [path for path, _ in _selected(self._root[0], operation.source, self._work)]
        if not found:
            raise PathNotFound(f"{operation.place}.from", operation.source_path)
        if len(found) > 1:
            raise Conflict(
                f"{operation.place}.from leads to {len(found)} values; a {operation.op} takes one."
            )
        return (0, *found[0])

    def _take(self, operation: _Operation, path: Path) -> Any:
        """Removes the value at a place and gives it."""
        if len(path) == 1:
            raise BadRequest(f"{operation.place} would take away the whole document; use DELETE for that.")
        holder = self._holder(path)
        self._work.step(len(holder) // MOVED_IN_A_STEP)
        return holder.pop(path[-1])

    def _at(self, path: Path) -> Any:
        """What is at a place."""
        value: Any = self._root
        for step in path:
            value = value[step]
        return value

    def _holder(self, path: Path) -> Any:
        """The object or array that a place is in, to be changed."""
        value: Any = self._root
        for step in path[:-1]:
            value = self._own(value, step)
        return value

    def _own(self, holder: Any, step: Any) -> Any:
        """The object or array below another, to be changed: a copy of it in its place, the first time."""
        inner = holder[step]
        if id(inner) not in self._ours:
            self._work.step(len(inner) // MOVED_IN_A_STEP)
            inner = holder[step] = inner.copy()
            self._ours[id(inner)] = inner
        return inner

    def _equal(self, one: Any, other: Any) -> bool:
        parts: list[Any] = one  # or an object
        if not isinstance(one, (dict, list)):
            self._work.step(1)
            return equal(one, other)
        self._work.step(len(parts) + 1)
        if is_object(one) and is_object(other):
            return one.keys() == other.keys() and all(self._equal(v, other[k]) for k, v in one.items())
        if is_array(one) and is_array(other):
            return len(one) == len(other) and all(map(self._equal, one, other))
        return equal(one, other)

    def _new(self, operation: _Operation, value: Any, path: Path) -> Any:
        """A value of its own for a place; refused where the document would become too deep or too large."""
        self._work.write(value)
        return self._copied(operation, value, MAX_DEPTH + 1 - len(path))

    def _copied(self, operation: _Operation, value: Any, levels: int) -> Any:
        parts: dict[Any, Any] = value  # or an array, which takes an index as an object takes a key
        if not isinstance(value, (dict, list)):
            return value
        if levels <= 0:
            raise BadRequest(f"{operation.place}: a document may be nested up to {MAX_DEPTH} levels deep.")
        self._work.step(len(parts) + 1)
        found = parts.copy()
        members: Iterable[tuple[Any, Any]] = parts.items() if isinstance(value, dict) else enumerate(parts)
        for key, inner in members:
            if isinstance(inner, (dict, list)):
                found[key] = self._copied(operation, inner, levels - 1)
        return found


# ---- JSON Pointer, alone and with a query ---------------------------------------------------------


def _pointer(text: str, place: str) -> _Steps:
    """`/note/0/text`"""
    return tuple(map(_Key, _keys(text, place)))


def _keys(text: str, place: str) -> list[str]:
    if text and not text.startswith("/"):
        raise BadRequest(f"{place} must be empty or start with /, as a JSON Pointer does.")
    if re.search("~(?![01])", text):
        raise BadRequest(f"{place}: in a JSON Pointer ~ is written ~0, and / inside a name ~1.")
    return [key.replace("~1", "/").replace("~0", "~") for key in text.split("/")[1:]]


def _query(text: str, place: str) -> _Steps:
    """Whichever way a path of a JSON Patch Query is written."""
    pointer, question, query = text.partition("?")
    if (text and not text.startswith("/")) or "[" in pointer:
        return _JsonPath(text, place).steps()
    steps = [_Name(key) for key in _keys(pointer, place)]
    return _narrowed(steps, query, place) if question else tuple(steps)


def _narrowed(steps: list[_Name], query: str, place: str) -> _Steps:
    """A path with its conditions, each at the last step that the path and its name share."""
    names = [(number, step.key) for number, step in enumerate(steps) if not _is_index(step.key)]
    wanted: dict[int, list[tuple[list[str], str]]] = {}
    for condition in query.split("&"):
        name, sign, value = condition.partition("=")
        if not sign or not name:
            raise BadRequest(f"{place}: a condition is written name=value, several are joined by &.")
        keys = _unquoted(name, place).split(".")
        if len(keys) > MAX_DEPTH:
            raise BadRequest(f"{place}: a condition's name may have up to {MAX_DEPTH} steps.")
        pairs = zip(keys, names, strict=False)
        shared = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1][1], pairs)))
        # What the path has between two names are indexes into the array of the first.
        end = names[shared][0] if shared < len(names) else len(steps)
        wanted.setdefault(end, []).append((keys[shared:], _unquoted(value, place)))
    found: list[_Key | _Where] = []
    for number in range(len(steps) + 1):
        if number in wanted:
            found.append(_Where(_all_hold(wanted[number])))
        found += steps[number : number + 1]
    return tuple(found)


def _unquoted(text: str, place: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest(f"{place}: what stands behind % is not UTF-8.") from None


def _all_hold(wanted: list[tuple[list[str], str]]) -> _Condition:
    """Whether a value has all these texts at these names, those below one array in the same element of it."""
    here = [_reader(text) for keys, text in wanted if not keys]
    inside: dict[str, list[tuple[list[str], str]]] = {}
    for keys, text in wanted:
        if keys:
            inside.setdefault(keys[0], []).append((keys[1:], text))
    deeper = {key: _all_hold(rest) for key, rest in inside.items()}

    def holds(value: Any, work: _Work) -> bool:
        work.step()
        elements: list[Any] = value
        if isinstance(value, list):
            work.step(len(elements))
            return any(holds(element, work) for element in elements)
        for is_met in here:
            if not is_met(value):
                return False
        return not deeper or (
            isinstance(value, dict)
            and all(key in value and condition(value[key], work) for key, condition in deeper.items())
        )

    return holds


def _reader(text: str) -> Callable[[Any], bool]:
    """Whether a scalar is what a text says."""
    number = float(text) if _NUMBER.fullmatch(text) else None

    def reads(value: Any) -> bool:
        if isinstance(value, str):
            return value == text
        if isinstance(value, bool) or value is None:
            return json.dumps(value) == text
        return number is not None and isinstance(value, (int, float)) and value == number

    return reads


# ---- JSONPath -------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>" + _NUMBER.pattern + r")"
    r"|(?P<name>@?[^\W\d][\w-]*)|(?P<sign>&&|\|\||[=!<>]=|[\[\]()?@.!<>*/$-]))"
)
_WORDS = {"true": True, "false": False, "null": None}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


class _JsonPath:
    """A parser by recursive descent of the JSONPath that TMF630 part 5 uses in patches."""

    def __init__(self, text: str, place: str) -> None:
        self._text = text.rstrip()
        self._place = place
        self._tokens: list[tuple[str, str, int]] = list(self._scan())
        self._at = 0
        self._depth = 0

    def _scan(self) -> Iterator[tuple[str, str, int]]:
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None or match.lastgroup is None:
                raise self._wrong(position)
            yield match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)
            position = match.end()

    def _wrong(self, position: int | None = None) -> BadRequest:
        if position is None:
            position = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
        where = f'"{self._text[position : position + 20]}"' if position < len(self._text) else "its end"
        return BadRequest(f"{self._place} cannot be read at character {position + 1}: {where}.")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _take(self, *expected: str) -> str:
        if self._at >= len(self._tokens) or (expected and self._peek() not in expected):
            raise self._wrong()
        self._at += 1
        return self._tokens[self._at - 1][1]

    def steps(self) -> _Steps:
        """The whole path: `$.note[?(@.author=='John Doe')].text`, `$.` or `/` in front or not."""
        if self._peek() == "$":
            self._take()
        elif self._peek() not in ("/", "[", ""):
            self._tokens.insert(0, ("sign", ".", 0))
        found = self._steps()
        if self._at < len(self._tokens):
            raise self._wrong()
        return found

    def _steps(self) -> _Steps:
        found: list[_Key | _Where] = []
        while self._peek() in (".", "/", "["):
            if self._take() == "[":
                found.append(self._bracket())
            elif self._peek() != "[":
                found.append(self._name())
        return tuple(found)

    def _name(self) -> _Key | _Where:
        if self._kind() in ("name", "number") or self._peek() in ("*", "-"):
            key = self._take()
            return _EVERY if key == "*" else _Name(key)
        raise self._wrong()

    def _bracket(self) -> _Key | _Where:
        """What stands behind `[`: an index, a name in quotes, `*`, or a condition behind `?`."""
        if self._peek() == "?":
            self._take()
            found: _Key | _Where = _Where(self._or())
        elif self._kind() == "text":
            found = _Name(_unescaped(self._take()))
        else:
            found = self._name()
        self._take("]")
        return found

    def _or(self) -> _Condition:
        self._depth += 1
        if self._depth > NESTED_AT_MOST:
            raise BadRequest(f"{self._place} may be nested up to {NESTED_AT_MOST} levels deep.")
        parts = [self._and()]
        while self._peek() == "||":
            self._take()
            parts.append(self._and())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else lambda value, work: any(part(value, work) for part in parts)

    def _and(self) -> _Condition:
        parts = [self._one()]
        while self._peek() == "&&":
            self._take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda value, work: all(part(value, work) for part in parts)

    def _one(self) -> _Condition:
        denied = False
        while self._peek() == "!":
            self._take()
            denied = not denied
        if self._peek() == "(":
            self._take()
            condition = self._or()
            self._take(")")
        else:
            self._take("@")
            condition = self._comparison(self._steps())
        return (lambda value, work: not condition(value, work)) if denied else condition

    def _comparison(self, steps: _Steps) -> _Condition:
        """What is asked of the values that a path leads to: that there is one, or one that compares so."""
        operator = self._peek()
        if operator not in ("==", "!=", *_ORDERS):
            return lambda value, work: bool(_values(value, steps, work))
        self._take()
        literal = self._literal()
        if operator in ("==", "!="):
            wanted = operator == "=="
            return lambda value, work: (
                wanted == any(equal(found, literal) for found in _values(value, steps, work))
            )
        in_order = _ORDERS[operator]
        return lambda value, work: any(
            _comparable(found, literal) and in_order(found, literal) for found in _values(value, steps, work)
        )

    def _literal(self) -> Any:
        kind, text = self._kind(), self._peek()
        if kind == "text":
            return _unescaped(self._take())
        if kind == "number":
            return json_in.number(self._take())
        if kind == "name" and text in _WORDS:
            return _WORDS[self._take()]
        raise self._wrong()


_EVERY = _Where(lambda value, work: True)


def _unescaped(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _comparable(one: Any, other: Any) -> bool:
    """Whether one of two values can lie before the other: two texts, or two numbers."""
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    return (isinstance(one, str) and isinstance(other, str)) or (
        isinstance(one, (int, float)) and isinstance(other, (int, float))
    )
