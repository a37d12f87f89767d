"""The one decoder for JSON that comes in, whatever the entrance: REST, GraphQL or a file."""

import json
import math
import re
from collections import Counter
from typing import Any, TypeGuard

MAX_DEPTH = 32
MAX_SAFE_INTEGER = 2**53
WHOLE_BELOW = 2**63


class BadJson(ValueError):
    """The text is not JSON that we can keep; the message says why."""


def decode(data: bytes | str) -> Any:
    """The value that the JSON text holds.

    Refused with BadJson: what is not UTF-8 or carries a byte order mark, NaN and infinities (written out
    or by overflow), duplicate names in one object, more than 32 levels, U+0000 and lone surrogates,
    which the database cannot keep.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise BadJson(f"The body is not UTF-8 (byte {error.start}).") from None
    if text.startswith("\ufeff"):
        raise BadJson("The body starts with a byte order mark; send plain UTF-8.")
    try:
        value = DECODER.decode(text)
    except BadJson:
        raise
    except json.JSONDecodeError as error:
        raise BadJson(
            f"The body is not JSON: {error.msg} at line {error.lineno} column {error.colno}."
        ) from None
    except RecursionError:
        raise BadJson(f"The body is nested more than {MAX_DEPTH} levels deep.") from None
    _check_depth(value)
    if _ESCAPED.search(text):  # NUL and lone surrogates come in as escapes alone; JSON forbids a raw NUL
        _check_scalars(value)
    return value


def accept(value: Any) -> None:
    """The rules of `decode` for a value that came in some other way; BadJson where it breaks one."""
    _check_depth(value)
    _check_scalars(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = Counter(name for name, _ in pairs)
        twice = next(name for name, times in names.items() if times > 1)
        raise BadJson(f'The name "{twice[:60]}" stands twice in one object.')
    return found


def _constant(name: str) -> None:
    raise BadJson(f"{name} is not a JSON number.")


def _int(text: str) -> int:
    number = int(text) if len(text) <= 20 else 2**64
    if not -WHOLE_BELOW <= number < WHOLE_BELOW:
        raise BadJson(f"The whole number {text[:40]} is too large.")
    return number


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise BadJson(f"The number {text[:40]} is too large.")
    return number


def number(text: str) -> int | float:
    """The number that a text in JSON's form stands for; BadJson where `decode` would refuse it."""
    return _int(text) if text.lstrip("-").isdigit() else _float(text)


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value of JSON is an object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Whether a value of JSON is an array."""
    return isinstance(value, list)


def _check_scalars(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadJson(f"{value} is not a JSON number.")
    if isinstance(value, int) and not -WHOLE_BELOW <= value < WHOLE_BELOW:
        raise BadJson("A whole number is too large.")
    if isinstance(value, str):
        if "\0" in value:
            raise BadJson("A text holds the character U+0000, which cannot be stored.")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadJson("A text holds half of a surrogate pair, which cannot be stored.") from None
    elif is_object(value):
        for name, inner in value.items():
            _check_scalars(name)
            _check_scalars(inner)
    elif is_array(value):
        for inner in value:
            _check_scalars(inner)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):  # the containers of one level after another
        level = [
            inner
            for one in level
            for inner in (one.values() if type(one) is dict else one if type(one) is list else ())
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return
    raise BadJson(f"The body is nested more than {MAX_DEPTH} levels deep.")


_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")

# Finds documents in a longer text too (`raw_decode`); `accept` still has to see what it gives.
DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
)
