"""What an attack consists of: requests as they go over the wire, made of a seed and the schema."""

import functools
import itertools
import json
import random
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLScalarType, get_named_type
from graphql.language.print_string import print_string

from models import WHOLE
from models.declare import Kind
from tests.differential import queries
from tests.differential.queries import Map, Step
from tests.samples import minimal

JSON = ("Content-Type", "application/json")
MERGE_PATCH = ("Content-Type", "application/merge-patch+json")
JSON_PATCH = ("Content-Type", "application/json-patch+json")
GRAPHQL_BODY = 256 * 1024
REST_BODY = 2 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One request; every header beside Host and Content-Length is named here."""

    method: str
    target: str
    """Path and query, escaped."""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    host: str | None = None
    """In place of the server's own."""


@dataclass
class Answer:
    """What came of a request. Without a status the server has closed the connection, or said nothing."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    """By their names in lower case."""
    body: bytes = b""
    seconds: float = 0.0
    failure: str = ""
    """Why there is no status."""

    @functools.cached_property
    def json(self) -> Any:
        """The body, None where it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def errors(self) -> list[Any]:
        """The errors of a GraphQL answer."""
        found = self.json.get("errors") if isinstance(self.json, dict) else None
        return found if isinstance(found, list) else []


Judge = Callable[[Sequence[Answer]], Iterable[str]]


@dataclass(frozen=True)
class Attack:
    """Requests that go one after the other, each when the one before is answered."""

    shape: str
    """Which of the inputs of its kind, and how large."""
    requests: tuple[Request, ...]
    judge: Judge | None = None
    """What is wrong with the answers, beyond what is wrong for all kinds."""
    may_close: bool = False
    """Whether the server may close the connection without an answer."""
    cleanup: tuple[Request, ...] = ()
    """Removes what it stored; not part of what is measured."""


class Maker:
    """What inputs are made of: chance, the schema, and ids of entities that the server holds.

    The same seed makes the same attack. `salt` is the one thing that differs from run to run, so that neither a
    text nor an id was seen before.
    """

    def __init__(self, rng: random.Random, ids: Mapping[str, Sequence[str]], salt: str) -> None:
        self.rng = rng
        self.salt = salt
        self.map: Map = queries.whole()
        self._ids = ids
        self._numbers = itertools.count(1)

    # ---- numbers and texts ------------------------------------------------------------------------

    def size(self, least: int, most: int) -> int:
        """A number of this order of magnitude: small ones are as likely as large ones."""
        return round(least * (most / least) ** self.rng.random())

    def text(self, length: int) -> str:
        """Letters and digits that do not compress well."""
        return b64encode(self.rng.randbytes(length * 3 // 4 + 3), b"xy").decode()[:length]

    def fresh(self) -> str:
        """An id that nothing has yet."""
        return f"attack-{self.salt}-{next(self._numbers)}"

    def alias(self, number: int) -> str:
        return f"{self.rng.choice('abcdefgh')}{number}"

    # ---- what there is ----------------------------------------------------------------------------

    @functools.cached_property
    def kinds(self) -> list[Kind]:
        return list(WHOLE.kinds.values())

    def kind(self, *operations: str, held: bool = False) -> Kind:
        """A kind that offers these operations; `held`: that the server holds some of."""
        return self.rng.choice(
            [
                one
                for one in self.kinds
                if one.operations.issuperset(operations) and (not held or self._ids.get(one.name))
            ]
        )

    def id(self, kind: Kind) -> str:
        """The id of an entity that is held, where any is."""
        return self.rng.choice(self._ids.get(kind.name) or ["missing"])

    def path(self, kind: Kind) -> str:
        return self.rng.choice(kind.homes).url

    def document(self, kind: Kind, **more: Any) -> dict[str, Any]:
        """A new document of a kind that is as small as may be, with more in it."""
        return {**minimal(kind), "id": self.fresh(), **more}

    # ---- GraphQL ----------------------------------------------------------------------------------

    def graphql(self, text: str, variables: Any = None, name: str | None = None) -> Request:
        """An operation, in a text that was never seen. Variables may be JSON already, which nests deeper."""
        asked: dict[str, Any] = {"query": f"# {self.salt}-{next(self._numbers)}\n{text}"}
        if name is not None:
            asked["operationName"] = name
        body = json.dumps(asked)
        if variables is not None:
            given = variables if isinstance(variables, str) else json.dumps(variables)
            body = f'{body[:-1]}, "variables": {given}}}'
        return Request("POST", "/graphql", body.encode(), (JSON,))

    def root(self, kind: Kind, first: int | None = None) -> tuple[str, str]:
        """The way into the graph at a kind: what opens it, and what closes it."""
        held = bool(self._ids.get(kind.name))
        if held and self.rng.random() < 0.4:
            return f"{kind.singular}(id: {print_string(self.id(kind))}) {{ ", " }"
        count = "" if first is None else f"(first: {first})"
        if self.rng.random() < 0.3:
            return f"{kind.plural}{count} {{ edges {{ node {{ ", " } } }"
        return f"{kind.plural}{count} {{ nodes {{ ", " } }"

    def opened(self, steps: Sequence[Step], first: int | None = None) -> tuple[str, str]:
        """A way through the graph: what opens it, and what closes it."""
        parts = []
        for step in steps:
            if step.field is None:
                parts.append(f"... on {step.on} {{ ")
            else:
                listed = first is not None and step.on.endswith("Connection")
                parts.append(f"{step.field}{f'(first: {first})' if listed else ''} {{ ")
        return "".join(parts), " }" * len(parts)

    def links(self, name: str) -> list[Step]:
        """The fields of a type that lead to other types."""
        ways = self.map.steps(name)
        return [step for step in ways if step.field not in ("pageInfo", "history")]

    def circle(self, name: str) -> list[Step]:
        """A way from a type back to itself, another one at each call where there are several."""
        distances = self.map.distances(name)
        onwards = [step for step in self.links(name) if step.on in distances]
        if not onwards:
            return []
        # Through other kinds rather than through values that hold values of their own type.
        near = sorted({distances[step.on] for step in onwards})
        wanted = self.rng.choice(near[:4])
        made = [self.rng.choice([step for step in onwards if distances[step.on] == wanted])]
        while made[-1].on != name:
            at = made[-1].on
            made.append(
                self.rng.choice([s for s in self.links(at) if distances.get(s.on, 99) == distances[at] - 1])
            )
        return made

    def circular(self) -> tuple[Kind, list[Step]]:
        """A kind that the graph leads back to, and the way."""
        for _ in range(100):
            kind = self.kind(held=True)
            steps = self.circle(kind.typename)
            if steps:
                return kind, steps
        raise AssertionError("nothing in the schema leads back to itself")

    def leaf(self, name: str) -> str:
        """A field of a type without fields of its own."""
        plain = [
            n
            for n, one in self.map.fields(name).items()
            if get_named_type(one.type).name not in self.map.possible
        ]
        return self.rng.choice([one for one in plain if one != "history"] or ["__typename"])

    def filter_of(self, kind: Kind) -> dict[str, Any]:
        """The fields of the kind's filter, by name."""
        found: Any = self.map.core.type_map[f"{kind.name}Filter"]
        return found.fields

    def compared(self, kind: Kind, operator: str, value: Any) -> dict[str, Any]:
        """A condition on some attribute that knows the operator."""
        fitting = []
        for name, one in self.filter_of(kind).items():
            inner = get_named_type(one.type)
            if isinstance(inner, GraphQLInputObjectType) and operator in inner.fields:
                taken = get_named_type(inner.fields[operator].type)
                text = taken.name in ("String", "ID", "JSON")
                if isinstance(taken, GraphQLScalarType) and not isinstance(taken, GraphQLEnumType) and text:
                    fitting.append(name)
        return {self.rng.choice(fitting): {operator: value}}

    # ---- REST -------------------------------------------------------------------------------------

    def post(self, kind: Kind, document: Any, *headers: tuple[str, str]) -> Request:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Request("POST", self.path(kind), body, (JSON, *headers))

    def patch(self, kind: Kind, id: str, change: Any, media: tuple[str, str] = MERGE_PATCH) -> Request:
        return Request("PATCH", f"{kind.homes[0].url}/{id}", json.dumps(change).encode(), (media,))

    def get(self, target: str, *headers: tuple[str, str]) -> Request:
        return Request("GET", target, b"", headers)

    def delete(self, kind: Kind, id: str) -> Request:
        return Request("DELETE", f"{kind.homes[0].url}/{id}?force=true")


Make = Callable[[Maker], Attack]
ATTACKS: dict[str, Make] = {}
"""What makes an attack of each kind."""


def attack(make: Make) -> Make:
    """Registers a kind of attack under the name of its function."""
    ATTACKS[make.__name__.rstrip("_")] = make
    return make


def made(kind: str, seed: int, number: int, ids: Mapping[str, Sequence[str]], salt: str) -> Attack:
    """The attack of a kind that has this number."""
    return ATTACKS[kind](Maker(random.Random(f"{seed}:{kind}:{number}"), ids, salt))


def nested(opening: str, inside: str, closing: str, times: int) -> str:
    """Something that stands in itself so many times."""
    return opening * times + inside + closing * times
