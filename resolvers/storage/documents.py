"""Documents on their way in: checked, completed by what the server sets, and taken apart into rows."""

import functools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from models.check import ID_PATTERN, Checked, Found, Problem, Secret, check, holds_secrets
from models.declare import Kind, Reached
from models.tables import key_of, new_id
from models.times import canonical, now
from resolvers.errors import DocumentTooLarge, IllegalMove, Invalid, TooMuch
from resolvers.storage.rows import Row


@dataclass
class Draft:
    """A document on its way in: checked, with what the server adds."""

    kind: Kind
    id: str
    key: uuid.UUID
    body: dict[str, Any]
    references: list[Found]
    warnings: list[Problem] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    secret_places: list[str] = field(default_factory=list)
    filled: frozenset[str] = frozenset()
    """The attributes that the server filled with the present moment."""
    by_server: bool = False
    """Whether the server itself makes it, or this change of it."""

    @property
    def state(self) -> str | None:
        return state_of(self.kind, self.body)

    @functools.cached_property
    def document(self) -> str:
        return encode(self.body)

    def get(self, key: str) -> Any:
        return self.id if key == "id" else self.body.get(key)


def prepare(kind: Kind, document: Any, *, imported: bool = False, lenient: bool = False) -> Draft:
    """A document that came in, checked and completed by what the server sets; Invalid where it breaks a rule.

    An imported one keeps its server-set attributes and may stand anywhere in its life. A lenient import
    also keeps nested values without their mandatory attributes, unknown enumeration values and malformed
    dates, with a warning for each.
    """
    if not isinstance(document, dict):
        raise Invalid(kind.name, [Problem("$", "must be an object")])
    body = dict(document)
    body.pop("href", None)
    id, problems = _id(body.pop("id", None))
    kind = kind.narrowed(body)
    problems += _of_another_kind(kind, body)
    for attribute in kind.attributes:
        if attribute.server_set and not imported:
            body.pop(attribute.key, None)
    filled = [a.key for a in kind.attributes if a.stamped and a.key not in body]
    body |= dict.fromkeys(filled, now())
    if body.get("@type") is None:
        body["@type"] = kind.name
    flow, state = kind.flow, kind.state
    if flow and state and not body.get(state) and not kind.by_key[state].mandatory:
        body[state] = flow.starts[0]
    checked = check(kind, body)
    problems += checked.problems
    readable = not any(p.path == f"$.{state}" for p in problems)
    if flow and state and readable and not imported and body[state] not in flow.starts:
        starts = " or ".join(flow.starts)
        problems.append(Problem(f"$.{state}", f"is {body[state]}, but a {kind.name} starts as {starts}"))
    refused = [p for p in problems if not (lenient and p.lenient and not checked.stopped)]
    if refused:
        raise Invalid(kind.name, refused)
    if not imported:
        _stamp_reached(kind, body, None)
    return _draft(kind, id, body, checked, problems, filled=filled)


def extended(draft: Draft, change: dict[str, Any]) -> Draft:
    """A draft with attributes that the server adds, checked again."""
    body = {**draft.body, **change}
    checked = check(draft.kind, body)
    if checked.problems:
        raise Invalid(draft.kind.name, checked.problems)
    checked.secrets = draft.secrets
    return _draft(draft.kind, draft.id, body, checked, by_server=True)


def without_secrets(kind: Kind, document: Any) -> Any:
    """A document that came in, without its write-only values."""
    if not holds_secrets(kind) or not isinstance(document, dict):
        return document
    body = copied(document)
    check(kind.narrowed(body), body)
    return body


def _draft(
    kind: Kind,
    id: str,
    body: dict[str, Any],
    checked: Checked,
    warnings: Sequence[Problem] = (),
    *,
    filled: Iterable[str] = (),
    by_server: bool = False,
) -> Draft:
    return Draft(
        kind,
        id,
        key_of(kind, id),
        body,
        checked.references,
        list(warnings),
        checked.secrets,
        checked.secret_places,
        frozenset(filled),
        by_server,
    )


def _of_another_kind(kind: Kind, body: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with an @type that names another kind of the same table."""
    name = body.get("@type")
    if name == kind.name or name not in [one.name for one in (kind.root, *kind.root.special)]:
        return []
    return [Problem("$['@type']", f"names another kind: this is a {kind.name}")]


def _id(given: Any) -> tuple[str, list[Problem]]:
    if given is None:
        return str(new_id()), []
    if not isinstance(given, str) or not ID_PATTERN.fullmatch(given) or given in (".", ".."):
        return "", [Problem("$.id", "must be 1 to 128 letters, digits or any of . _ ~ : -, not . or ..")]
    return given, []


def merged(
    kind: Kind, id: str, old: dict[str, Any], change: dict[str, Any], *, by_server: bool = False
) -> Draft:
    """The document after a merge patch (RFC 7396), checked as `revised` does."""
    # A client that sends back the href that it read means no change: it has no fixed form.
    change = {key: value for key, value in change.items() if key != "href"}
    before = {"id": id, **old}
    return revised(kind, id, before, merge(before, change), by_server=by_server)


def revised(kind: Kind, id: str, old: dict[str, Any], new: Any, *, by_server: bool = False) -> Draft:
    """A whole document in the place of another, checked: only problems that were not there before count.

    Both have the id in front, and href where the change saw it. The server itself may change what
    callers may not.
    """
    if not isinstance(new, dict):
        raise Invalid(kind.name, [Problem("$", "must be an object")])
    problems = _of_another_kind(kind, new) if new.get("@type") != old.get("@type") else []
    for attribute in kind.attributes:
        key = attribute.key
        if attribute.fixed and not by_server and not _same(new.get(key), old.get(key)):
            problems.append(Problem(f"$.{key}", "cannot be changed"))
    before, body = ({k: v for k, v in one.items() if k not in ("id", "href")} for one in (old, new))
    if body.get("@type") is None:
        body["@type"] = kind.name
    filled = [a.key for a in kind.attributes if a.restamped]
    body |= dict.fromkeys(filled, now())
    checked = check(kind, body)
    if checked.problems:
        earlier = {(p.path, p.message) for p in check(kind, copied(before)).problems}
        problems += [p for p in checked.problems if (p.path, p.message) not in earlier]
    if problems:
        raise Invalid(kind.name, problems, tells=True)
    was, now_ = state_of(kind, before), state_of(kind, body)
    moved = kind.flow is not None and was is not None and was != now_
    if kind.flow and was and moved and (now_ is None or not kind.flow.allows(was, now_)):
        raise IllegalMove(kind.name, id, was, str(now_), kind.flow.moves.get(was, ()))
    _stamp_reached(kind, body, was)
    return _draft(kind, id, body, checked, filled=filled, by_server=by_server)


def _same(new: Any, old: Any) -> bool:
    if isinstance(new, str) and isinstance(old, str):
        return (canonical(new) or new) == (canonical(old) or old)
    return new == old


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes, an object merges, all else replaces. Neither argument is changed."""
    if not isinstance(patch, dict):
        return copied(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


SERVERS_ROOM = 5
"""How many times longer than a caller's a document may be that the server makes or changes: the monitor of a
request holds it as text, and the answer to it besides."""


REFERENCES_AT_MOST = 2000
"""How many references the documents of one request may hold that are new: each becomes a row."""


def check_references(*drafts: Draft) -> None:
    """TooMuch where new documents hold more references than one request may bring in."""
    number = sum(len(draft.references) for draft in drafts)
    if number > REFERENCES_AT_MOST:
        raise TooMuch("references", number, REFERENCES_AT_MOST, "store it in parts, or by `tmfgraph load`")


def check_size(draft: Draft, at_most: int | None, before: str = "") -> None:
    """DocumentTooLarge where a draft is longer than a document may be, unless it was no shorter before."""
    if at_most is None:
        return
    limit, size = at_most * (SERVERS_ROOM if draft.by_server else 1), _bytes(draft.document)
    if size > limit and size > _bytes(before):
        raise DocumentTooLarge(draft.kind.name, size, limit)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def is_change(old: Row, draft: Draft) -> bool:
    """Whether a draft says anything else than what is stored, moments that the server fills in aside.

    A secret that is given again counts, as nobody can tell; one to be forgotten does not.
    """
    if draft.kind is not old.kind or any(secret.text is not None for secret in draft.secrets):
        return True
    before: dict[str, Any] = msgspec.json.decode(old.document)
    before, after = ({k: v for k, v in one.items() if k not in draft.filled} for one in (before, draft.body))
    return not (before == after and equal(before, after))  # the first is fast, and takes 1 for true


def equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same: numbers by what they count, objects whatever their order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


def copied(value: Any) -> Any:
    """A JSON value of its own."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


def _stamp_reached(kind: Kind, body: dict[str, Any], was: str | None) -> None:
    """Notes when a state was reached, in the attributes declared for that."""
    state = state_of(kind, body)
    for attribute in kind.attributes:
        mark = attribute.mark(Reached)
        if mark and state in mark.states and state != was and not body.get(attribute.key):
            body[attribute.key] = now()


def state_of(kind: Kind, body: Mapping[str, Any]) -> str | None:
    value = body.get(kind.state) if kind.state else None
    return value if isinstance(value, str) else None


def encode(body: dict[str, Any]) -> str:
    return msgspec.json.encode(body).decode()


def columns_of(draft: Draft | Row) -> dict[str, Any]:
    """The values of the typed columns; null where a leniently kept value has another type."""
    values: dict[str, Any] = {"key": draft.key, "id": draft.id}
    if draft.kind.root.special:
        values["kind"] = draft.kind.name
    for attribute in draft.kind.columns:
        values[attribute.name] = _column_value(attribute.type, draft.body.get(attribute.key))
    return values


def _column_value(type_: Any, value: Any) -> Any:
    if type_ is float:
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if type_ is bool:
        return value if isinstance(value, bool) else None
    if type_ is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    return value if isinstance(value, str) else None
