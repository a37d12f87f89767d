"""Compiled plans against graphql-core: `python tests/differential/same_answer.py --cases 100000 --seed 0`.

Random queries (`tests/differential/queries.py`) over random data, each answered twice: as the application does, by a plan
where there is one, and by graphql-core alone. Data, errors and their paths, and the order of keys must be the
same, byte for byte. The first differences are shown, shrunk to the least query that still tells the two apart.
Every case can be had again by its seed, block and number: `--seed 0 --block 3 --document 17`.
"""

import argparse
import asyncio
import collections
import datetime as dt
import enum
import functools
import itertools
import json
import logging
import random
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import asyncpg
import msgspec
import sqlalchemy as sa
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    validate,
    visit,
)
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from strawberry.types.graphql import OperationType

import app
from models import WHOLE, times
from models import tables as stored
from models.declare import ANY, Attribute, External, Json, Kind, Points, attributes, link_of, special_of
from models.tables import table, tables
from resolvers.errors import Invalid
from resolvers.graphql.errors import public
from resolvers.graphql.executor import VARIABLE_ERRORS_AT_MOST
from resolvers.graphql.fields import Context
from resolvers.graphql.graph import schema
from resolvers.graphql.http import GraphQL
from resolvers.graphql.limits import Limits
from resolvers.graphql.profile import DEVELOPMENT
from resolvers.rights import EVERYTHING, Access
from resolvers.storage import copy as bulk
from resolvers.storage.conditions import cursor
from resolvers.storage.documents import Draft, columns_of, prepare
from resolvers.storage.store import Store
from schema.scopes import scope
from tests.differential import queries, resolvers
from tests.differential.order import Order
from tests.differential.queries import HOSTILE, Known, Query
from tests.samples import to_graphql
from tmfgraph.settings import Settings

BASE_URL = "https://tmf.example.com"
DOCUMENTS_OF_A_KIND = 11
QUERIES_ON_THE_SAME_DATA = 400
MUTATIONS_ON_THE_SAME_DATA = 120
MADE_ONCE = ("counter", "server_key")
"""Tables whose rows the migrations make."""
STILL = "2026-11-26T00:00:00.000Z"
AT_THE_CLOCK = ("CustomerBillOnDemand", "SearchTimeSlot")
"""Kinds that look at the clock themselves."""
LONGEST_INPUT = 40_000
SETS = 8
"""How many sets of variables a query is run with."""

# ---- random data --------------------------------------------------------------------------------

DATES = [
    "2026-01-02T03:04:05.678Z",
    "2026-01-02T03:04:05.678901Z",
    "2026-01-02T03:04:05+02:00",
    "1999-12-31T23:59:60Z"[:17] + "59Z",
]
BAD_DATES = ["yesterday", "", "2026-13-01T00:00:00Z", "2026-01-02"]
FLOATS = [1, 1.0, 0, -0.0, 0.1, 1e21, 1.5, 2**53, -(2**53), 1e-7, 1.7976931348623157e308, 5e-324]
INTS = [0, 1, -1, 3, 100, 2**31 - 1, -(2**31)]
OPEN: list[Any] = [
    *HOSTILE[:18], *FLOATS, True, False, 2**62, -1, [], {}, [None], [1, None, "a", [None, {}]], {"a": None},
    {"@type": "x", "id": 1, 'q"': [1.0, 1e21]}, {"deep": {"deep": {"deep": [0.1, -0.0]}}}, "2026-01-02T03:04:05.678Z",
]  # fmt: skip
EXTENSIONS = [
    "x-ext", 'a"b\\c', "é", "", "$ref", "k0", "document", "__typename", "extension", "atType", "@extra", "\u2028", "target",
    "serialNumber", "value", "name", "state", "lifecycleState", "resourceVersion",
]  # fmt: skip
REVISIONS = [2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1]
NESTED_AT_MOST = 4
VALUES_KNOWN = 40
"""Of one attribute."""


class Data:
    """Documents of every kind, that refer to each other, and what a generator may know of them."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._odd = rng.choice([0.0, 0.0, 0.01, 0.05])
        """How often there is what only a lenient load keeps."""
        self._full = rng.choice([0.3, 0.5, 0.8])
        """How often an attribute has a value."""
        self.known = Known()
        self.known.ids = self._ids()
        self.known.cursor = self._cursor
        self.drafts = [
            self._draft(WHOLE.kinds[name], id) for name, ids in self.known.ids.items() for id in ids
        ]
        for draft in self.drafts:
            self._learn(draft.kind.cls, draft.body)
            if len(draft.document) <= LONGEST_INPUT:
                held = self.known.inputs.setdefault(draft.kind.name, [])
                held.append(to_graphql(draft.kind.cls, json.loads(draft.document)))
        self.known.values["id"] = [*self.known.shared, *(ids[0] for ids in self.known.ids.values())]

    def _ids(self) -> dict[str, list[str]]:
        rng = self._rng
        shared = ["shared-1", "shared-2", "7", "Customer:42", str(self._uuid()), str(self._uuid())]
        self.known.shared = shared
        found: dict[str, list[str]] = {}
        taken: dict[str, set[str]] = {kind.name: set() for kind in WHOLE.roots}
        for kind in WHOLE.kinds.values():
            ids = [f"{kind.singular}-{number}" for number in range(DOCUMENTS_OF_A_KIND - 4)]
            ids += [str(self._uuid()), str(self._uuid()).upper(), "A" * 128, "~.-_:"]
            ids += [id for id in shared if rng.random() < 0.4]
            fresh = [id for id in ids if id not in taken[kind.root.name]]
            taken[kind.root.name].update(fresh)
            found[kind.name] = fresh
        return found

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._rng.getrandbits(128), version=4)

    def _draft(self, kind: Kind, id: str) -> Draft:
        """A document as an import makes it; where a lenient load cannot keep it, one without oddities."""
        odd = self._odd
        while True:
            document = {**self._object(kind.cls, kind, 0), "id": id}
            document["@type"] = self._rng.choice([kind.name, kind.name, "Mine", None])
            if document["@type"] == "Mine" and kind.general is not None:
                document["@baseType"] = kind.name
            try:
                draft = prepare(kind, document, imported=True, lenient=True)
            except Invalid:
                self._odd /= 2
                continue
            self._odd = odd
            return draft

    def _object(self, cls: type[Any], kind: Kind, depth: int) -> dict[str, Any]:
        rng = self._rng
        case = rng.choice([cls, *special_of(cls).values()]) if depth else cls
        made: dict[str, Any] = {}
        for a in attributes(case):
            mandatory = a.mandatory_for(kind.api.number)
            if a.write_only or (depth == 0 and a.key in ("id", "href", "@type", "@baseType")):
                continue
            if mandatory and (depth == 0 or rng.random() >= self._odd):
                made[a.key] = self._several(a, kind, depth, least=1)
            elif rng.random() < self._full and not (a.is_value and depth >= NESTED_AT_MOST):
                made[a.key] = None if rng.random() < 0.04 else self._several(a, kind, depth, least=0)
        if case is not cls:
            made["@type"] = rng.choice([case.__name__, "Mine"])
            made["@baseType"] = case.__name__ if made["@type"] == "Mine" or rng.random() < 0.2 else "Other"
        if rng.random() < 0.15:
            declared = {a.key for a in attributes(case)}
            for key in rng.sample(EXTENSIONS, rng.randint(1, 3)):
                if key not in declared:
                    made[key] = rng.choice(OPEN)
        if depth:
            self._refer(case, made, kind)
        items = list(made.items())
        rng.shuffle(items)
        return dict(items)

    def _several(self, a: Attribute, kind: Kind, depth: int, *, least: int) -> Any:
        if not a.many:
            return self._one(a, kind, depth)
        count = max(least, self._rng.choice([0, 1, 1, 2, 3] if depth < 3 else [0, 1, 2]))
        return [self._one(a, kind, depth) for _ in range(count)]

    def _one(self, a: Attribute, kind: Kind, depth: int) -> Any:
        rng = self._rng
        if a.is_value:
            return self._object(a.type, kind, depth + 1)
        if a.type is Json:
            return rng.choice(OPEN)
        points = a.mark(Points)
        if points is not None:
            return self._pointing(points)
        if isinstance(a.type, type) and issubclass(a.type, enum.StrEnum):
            odd = rng.random() < self._odd
            return rng.choice(["unknown", "", "None"] if odd else [member.value for member in a.type])
        if a.type is dt.datetime:
            return rng.choice(BAD_DATES if rng.random() < self._odd else DATES)
        pools: dict[Any, list[Any]] = {int: INTS, float: FLOATS, bool: [True, False]}
        if a.type is str and rng.random() < 0.5:
            return f"{a.key} {rng.randint(0, 5)}"
        found = pools.get(a.type) or [*HOSTILE, "long" * 3000]
        # A blank counts as nothing where something is mandatory.
        return rng.choice([one for one in found if one != ""] if a.type is str and not depth else found)

    def _pointing(self, points: Points) -> str:
        name = self._rng.choice(WHOLE.targets(points).held_names)
        id = self._id_of(name)
        if not points.by_href:
            return id
        base = self._rng.choice(["http://localhost:8000", "", "https://elsewhere"])
        home = self._rng.choice([WHOLE.kinds[name].homes[0].url, "/tmf-api/nothing/v4/here"])
        return f"{base}{home}/{id}"

    def _id_of(self, name: str) -> str:
        """An id for a reference to a kind: held by it, by its special ones, by others or by none."""
        rng, family = self._rng, [WHOLE.kinds[name], *WHOLE.kinds[name].special]
        chance = rng.random()
        if chance < 0.75:
            return rng.choice(self.known.ids[rng.choice(family).name])
        if chance < 0.85:
            return rng.choice(self.known.shared)
        return rng.choice(["missing", "x y/z", 'q"', *self.known.ids[rng.choice(list(self.known.ids))]])

    def _refer(self, cls: type[Any], made: dict[str, Any], kind: Kind) -> None:
        """Makes an object that is a reference lead somewhere."""
        link, rng = link_of(cls), self._rng
        if link is None:
            return
        keys = {a.key for a in attributes(cls)}
        mandatory = {a.key for a in attributes(cls) if a.mandatory_for(kind.api.number)}
        name = rng.choice(WHOLE.targets(link).held_names) if WHOLE.targets(link).held_names else "Elsewhere"
        if link.id_key in keys and (link.id_key in mandatory or rng.random() < 0.9):
            made[link.id_key] = (
                self._id_of(name) if WHOLE.targets(link).held_names else rng.choice(["ext-1", "ext-2", "x y"])
            )
            if rng.random() < self._odd:
                del made[link.id_key]
        if link.type_key not in keys:
            return
        held = [
            name,
            name,
            *(
                [rng.choice(WHOLE.kinds[name].special).name]
                if WHOLE.targets(link).held_names and WHOLE.kinds[name].special
                else []
            ),
        ]
        chance = rng.random()
        if chance < (0.9 if link.to is ANY else 0.5):
            made[link.type_key] = rng.choice(held)
        elif chance < 0.9:
            made[link.type_key] = rng.choice(
                [name.upper(), "Elsewhere", "Customer", rng.choice(list(WHOLE.kinds))]
            )
            if isinstance(link.to, External):
                made[link.type_key] = link.to.name
        elif link.type_key not in mandatory:
            made.pop(link.type_key, None)

    def _learn(self, cls: type[Any], body: dict[str, Any]) -> None:
        """Notes some of the values that attributes have."""
        for a in attributes(cls):
            value = body.get(a.key)
            for one in value if isinstance(value, list) and a.many else [value]:
                if a.is_value and isinstance(one, dict):
                    self._learn(a.type, one)
                elif isinstance(one, (str, int, float, bool)) and not (
                    isinstance(one, str) and len(one) > 100
                ):
                    held = self.known.values.setdefault(a.graphql_name, [])
                    if len(held) < VALUES_KNOWN:
                        held.append(one)

    def _cursor(self, rng: random.Random, node: str, order: Sequence[tuple[str, str]]) -> str:
        """The cursor that an entity of this type has in a list with this order."""
        found = WHOLE.kinds.get(node) or WHOLE.abstracts[node]
        names = [one.name for one in ([found, *found.special] if isinstance(found, Kind) else found.kinds)]
        draft = rng.choice([one for one in self.drafts if one.kind.name in names])
        columns = columns_of(draft)
        by_name = {a.graphql_name: a for a in found.attributes}
        values = []
        for name, _ in order:
            value = columns[by_name[name].name]
            cut = isinstance(value, str) and by_name[name].type is dt.datetime
            values.append(value.rstrip("Z") if cut else value)
        return cursor([*values, draft.id])


async def fill(engine: AsyncEngine, data: Data, rng: random.Random) -> None:
    """Stores the data in place of what there is, with some history."""
    names = ", ".join(f'"{one.name}"' for one in tables(WHOLE).sorted_tables if one.name not in MADE_ONCE)
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"truncate {names}"))
    await bulk.copy(engine, data.drafts, actor="a 'loader'")
    store = Store(engine, WHOLE, actor='the "second"')
    for draft in rng.sample(data.drafts, 30):
        await store.put(draft)
    for draft in rng.sample(data.drafts, 8):
        await store.delete(draft.kind, draft.id, force=True)
    async with engine.begin() as connection:
        for kind in rng.sample(WHOLE.roots, 3):
            await connection.execute(sa.update(table(kind)).values(revision=rng.choice(REVISIONS)))


# ---- two answers --------------------------------------------------------------------------------


@dataclass
class Case:
    """One query with one set of variables, as one caller asks it."""

    text: str
    variables: dict[str, Any]
    operation_name: str | None
    access: Access
    subgraph: bool

    def given(self, engine: AsyncEngine) -> tuple[Store, str, bool]:
        """What the context of either side is made of."""
        return Store(engine, WHOLE, access=self.access), BASE_URL, self.subgraph


@dataclass
class Answers:
    """What came of a case: the plan's answer, or that of what stands in for it, and graphql-core's."""

    ours: bytes
    theirs: bytes
    outcome: str
    in_order: bool
    """Whether the errors of the plan stand in the order of the fields."""

    @property
    def failed(self) -> bool:
        """Whether the plan ended in a way that it must not."""
        return self.outcome in ("the plan failed", "no executor was named")

    @property
    def differ(self) -> bool:
        return self.failed or not self.in_order or self.ours != self.theirs

    @property
    def has_errors(self) -> bool:
        return b'"errors":[' in self.theirs[:12]


@functools.cache
def _graph() -> GraphQL:
    """Without limits: the queries are what chance makes of them."""
    most = 10**9
    limits = Limits(
        tokens=most, literals=most, directives=most, directives_at_one=most, aliases=most, depth=200,
        repetitions=most, fields=most, nesting=500, cost=10**18, errors=most, word=most,
    )  # fmt: skip
    return GraphQL(WHOLE, replace(DEVELOPMENT, executor=True), limits)


async def answers(engine: AsyncEngine, case: Case, twin: AsyncEngine | None = None) -> Answers:
    """Both answers. A mutation is carried out on two databases that hold the same, at the same time."""
    first_id = uuid.uuid4().int
    with _standing_still(first_id):
        ours, outcome = await _by_plan(engine, case)
    with _standing_still(first_id):
        theirs = await _by_core(case, resolvers.Context(*case.given(twin or engine)))
    document = parse(case.text)
    order = Order(document, _operation(document), case.variables)
    in_order = order.kept(msgspec.json.decode(ours).get("errors", ()))
    return Answers(*_compared(_sorted(ours, order), _sorted(theirs, order)), outcome, in_order)


async def _by_plan(engine: AsyncEngine, case: Case) -> tuple[bytes, str]:
    response = await _graph().answer(_request(case), Context(*case.given(engine)))
    return _apart(bytes(response.body))


@contextmanager
def _standing_still(first_id: int) -> Iterator[None]:
    """Within it is always the same time, and new ids follow the first one."""
    numbers = itertools.count(first_id)
    made = {
        "now": lambda: STILL,
        "new_id": lambda: uuid.UUID(int=next(numbers)),
    }
    real = {"now": times.now, "new_id": stored.new_id}
    patched = [
        (module, name)
        for module in list(sys.modules.values())
        for name, function in real.items()
        if getattr(module, name, None) is function
    ]
    for module, name in patched:
        setattr(module, name, made[name])
    try:
        yield
    finally:
        for module, name in patched:
            setattr(module, name, real[name])


class _Extended(msgspec.Struct):
    extensions: dict[str, Any] = {}


def _apart(body: bytes) -> tuple[bytes, str]:
    """An answer without what it says about who made it; and that."""
    extensions = msgspec.json.decode(body, type=_Extended).extensions
    if not extensions:
        return body, "no executor was named" if b'"data":' in body else "refused before it ran"
    end = b',"extensions":' + msgspec.json.encode(extensions) + b"}"
    assert body.endswith(end)
    made_by = extensions["executor"]
    return body.removesuffix(end) + b"}", made_by.get("reason", made_by["name"])


def _request(case: Case) -> Request:
    """The case as it comes over HTTP."""
    asked = {"query": case.text, "variables": case.variables, "operationName": case.operation_name}
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    body = json.dumps(asked).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    return Request(scope, receive)


async def _by_core(case: Case, context: resolvers.Context) -> bytes:
    """The answer of graphql-core, put together as the application does."""
    variables = json.loads(json.dumps(case.variables))
    result: Any = await resolvers.attached().execute(
        case.text,
        variable_values=variables,
        context_value=context,
        operation_name=case.operation_name,
        allowed_operation_types={OperationType.QUERY, OperationType.MUTATION},
    )
    if result.errors and len(result.errors) > VARIABLE_ERRORS_AT_MOST and not result.errors[0].path:
        too_many = "Too many errors processing variables, error limit reached. Execution aborted."
        result.errors[VARIABLE_ERRORS_AT_MOST:] = [GraphQLError(too_many)]
    body: dict[str, Any] = {"errors": public(result.errors, 10**9)} if result.errors else {}
    if result.data is not None or not result.errors or any(error.path for error in result.errors):
        body["data"] = result.data
    return msgspec.json.encode(body)


def _sorted(answer: bytes, order: Order) -> bytes:
    """The answer with its errors in order: in graphql-core, the database decides which field fails first."""
    if not answer.startswith(b'{"errors":'):
        return answer
    body = msgspec.json.decode(answer)
    body["errors"] = order.sorted(body["errors"])
    return msgspec.json.encode(body)


def _compared(ours: bytes, theirs: bytes) -> tuple[bytes, bytes]:
    """Both without errors that only one of them has, below a null that an error of each has made.

    One error is enough for the null; whether others below it are told is up to what fails first.
    """
    if ours == theirs or not (ours.startswith(b'{"errors":') and theirs.startswith(b'{"errors":')):
        return ours, theirs
    both = [msgspec.json.decode(one) for one in (ours, theirs)]
    common = [error for error in both[0]["errors"] if error in both[1]["errors"]]
    made = [[_null_above(body.get("data"), error) for error in body["errors"]] for body in both]
    nulls = [null for null in made[0] if null is not None and null in made[1]]
    for body in both:
        body["errors"] = [
            error
            for error in body["errors"]
            if error in common or _null_above(body.get("data"), error) not in nulls
        ]
    return msgspec.json.encode(both[0]), msgspec.json.encode(both[1])


def _null_above(data: Any, error: dict[str, Any]) -> list[Any] | None:
    """The path of the null that an error has made above its own place."""
    path: list[Any] = error.get("path") or []
    for number, step in enumerate(path):
        if data is None:
            return path[:number]
        data = data[step]
    return None


# ---- what is found ------------------------------------------------------------------------------


@dataclass
class Difference:
    """A case with two answers, and how to have it again."""

    where: str
    case: Case
    answers: Answers
    raised: str = ""
    """What the plan raised that it must not."""

    def __str__(self) -> str:
        lines = [
            f"DIFFERENCE at {self.where} ({self.answers.outcome})",
            f"  query:     {self.case.text}",
            f"  variables: {json.dumps(self.case.variables, ensure_ascii=False)[:2000]}",
            *([] if self.answers.in_order else ["  the errors are not in the order of the fields"]),
            f"  subgraph:  {self.case.subgraph}, restricted: {self.case.access is not EVERYTHING}",
            f"  ours:      {self.answers.ours[:1500]!r}",
            f"  theirs:    {self.answers.theirs[:1500]!r}",
        ]
        if self.raised:
            lines.append("  raised:    " + self.raised.replace("\n", "\n             "))
        return "\n".join(lines)


@dataclass
class Report:
    """What became of many cases."""

    cases: int = 0
    without_errors: int = 0
    compiled: int = 0
    mutations: int = 0
    written: int = 0
    """Mutations that were carried out as a whole."""
    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    answered: int = 0
    """How many bytes of answers were compared."""
    broken: list[Difference] = field(default_factory=list)
    """Cases in which graphql-core itself failed inside."""
    differences: list[Difference] = field(default_factory=list)
    """One for each thing that a plan raised, and all others."""
    seen: collections.Counter[str] = field(default_factory=collections.Counter)
    """How many there were of each, by what the plan raised or by where they were found."""

    @property
    def coverage(self) -> float:
        """The share of all fields of all types that queries have asked for."""
        wanted = queries.whole().pairs
        return len(self.pairs & wanted) / len(wanted)

    def missed(self) -> list[tuple[str, str]]:
        return sorted(queries.whole().pairs - self.pairs)

    def note(self, found: Answers) -> None:
        self.cases += 1
        self.outcomes[found.outcome] += 1
        self.answered += len(found.theirs)
        if not found.has_errors:
            self.without_errors += 1
            self.compiled += found.outcome == "compiled"

    def __str__(self) -> str:
        share = self.compiled / max(1, self.without_errors)
        return (
            f"{self.cases:,} cases, {self.without_errors:,} without errors, of these {share:.1%} compiled; "
            f"{self.mutations:,} mutations, {self.written:,} of them carried out; "
            f"{self.coverage:.1%} of all fields; {self.answered / 1e6:,.0f} MB; "
            f"{self.seen.total()} differences of {len(self.seen)} kinds, {len(self.broken)} broken"
        )


class _Raised(logging.Handler):
    """Keeps the last exception that was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.place = ""
        """Where it was raised, and what it is."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            lines = traceback.format_exception(*record.exc_info)
            self.text = "".join(lines[-4:])
            self.place = "".join(line.split("\n")[0] for line in lines[-2:-1]) + lines[-1].split(":")[0]


@contextmanager
def _raised(name: str) -> Iterator[_Raised]:
    logger, handler = logging.getLogger(name), _Raised()
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated


def some_access(rng: random.Random, rights: Sequence[str] = ("read",)) -> Access:
    """What a caller may do: mostly everything, else these rights over some kinds."""
    if rng.random() < 0.8:
        return EVERYTHING
    share = rng.choice([0.3, 0.7, 0.9])
    found = [scope(kind, right) for right in rights for kind in WHOLE.kinds.values() if rng.random() < share]
    return Access("tester", frozenset(found))


def made(seed: int, block: int, number: int, known: Known) -> tuple[Query, list[Case]]:
    """The query with this number in a block, and the cases that it makes."""
    rng = random.Random(f"{seed}:{block}:{number}")
    goals = list(queries.whole().goals)
    random.Random(seed).shuffle(goals)
    place = block * QUERIES_ON_THE_SAME_DATA + number
    # Once all types have been a goal, some queries go where they will.
    goal = goals[place % len(goals)] if place < len(goals) or rng.random() < 0.8 else None
    query = queries.query(rng, known, goal, SETS)
    cases = [
        Case(query.text, variables, query.operation_name, some_access(rng), rng.random() < 0.3)
        for variables in query.variables
    ]
    return query, cases


def made_mutation(seed: int, block: int, number: int, known: Known) -> tuple[Query, Case]:
    """The mutation with this number in a block."""
    rng = random.Random(f"{seed}:{block}:mutation {number}")
    query = queries.mutation(rng, known, AT_THE_CLOCK)
    [variables] = query.variables
    access = some_access(rng, ("read", "write", "write"))
    return query, Case(query.text, variables, None, access, False)


def run(
    engine: AsyncEngine,
    runner: asyncio.Runner,
    seed: int,
    cases: int,
    *,
    twin: AsyncEngine | None = None,
    progress: Callable[[Report], None] = lambda report: None,
    enough: int = 20,
    only: tuple[int, int | None] | None = None,
) -> Report:
    """Runs so many cases, or until there are enough differences; `only` those of one block, or one query.

    With a second database, the `twin`, there are mutations among them.
    """
    report = Report()
    blocks = [only[0]] if only else range(sys.maxsize)
    for block in blocks:
        rng = random.Random(f"{seed}:{block}")
        data = Data(rng)
        state = rng.getstate()
        first_id = uuid.uuid4().int
        with _standing_still(first_id):
            runner.run(fill(engine, data, rng))
        if twin is not None:
            rng.setstate(state)
            with _standing_still(first_id):
                runner.run(fill(twin, data, rng))
            for number in range(MUTATIONS_ON_THE_SAME_DATA):
                query, case = made_mutation(seed, block, number, data.known)
                where = f"--seed {seed} --block {block}, mutation {number}"
                runner.run(_try(engine, case, report, where, twin))
                progress(report)
        numbers = range(QUERIES_ON_THE_SAME_DATA)
        for number in numbers if not only or only[1] is None else [only[1]]:
            query, wanted = made(seed, block, number, data.known)
            report.pairs |= query.pairs
            for case in wanted:
                runner.run(_try(engine, case, report, f"--seed {seed} --block {block} --document {number}"))
                progress(report)
            if report.cases >= cases or len(report.differences) >= enough:
                return report
    return report


async def _try(
    engine: AsyncEngine, case: Case, report: Report, where: str, twin: AsyncEngine | None = None
) -> None:
    with _raised("tmfgraph.executor") as raised, _raised("tmfgraph.graphql") as broken:
        found = await answers(engine, case, twin)
    report.note(found)
    report.mutations += twin is not None
    report.written += twin is not None and not found.has_errors
    if found.outcome == "invalid":
        # Valid all the same, but for a rule of Strawberry's own: one key in each element of orderBy.
        problems = validate(schema(WHOLE)._schema, parse(case.text))
        assert not problems, f"{where} is no valid query: {problems[0].message}\n{case.text}"
    if found.differ:
        what = raised.place or where
        report.seen[what] += 1
        if report.seen[what] == 1:
            report.differences.append(Difference(where, case, found, raised.text))
    elif b"INTERNAL_SERVER_ERROR" in found.theirs:
        report.broken.append(Difference(where, case, found, broken.text))


# ---- shrinking ----------------------------------------------------------------------------------


async def shrunk(engine: AsyncEngine, difference: Difference) -> Difference:
    """The same difference with the least query that one gets to by leaving out one thing after the other."""
    best, failed = difference, difference.answers.failed
    with _raised("tmfgraph.executor") as raised, _raised("tmfgraph.graphql"):
        for access, subgraph in (
            (EVERYTHING, False),
            (EVERYTHING, best.case.subgraph),
            (best.case.access, False),
        ):
            tried = await _tried(
                engine, best, best.case.text, raised, failed, access=access, subgraph=subgraph
            )
            if tried is not None:
                best = tried
                break
        smaller = True
        while smaller:
            smaller = False
            for text in _smaller(best.case.text):
                tried = await _tried(engine, best, text, raised, failed)
                if tried is not None:
                    best, smaller = tried, True
                    break
    return best


async def _tried(
    engine: AsyncEngine, best: Difference, text: str, raised: _Raised, failed: bool, **changed: Any
) -> Difference | None:
    """The difference with another text, None where there is none."""
    if validate(schema(WHOLE)._schema, parse(text)):
        return None
    names = {one.variable.name.value for one in _operation(parse(text)).variable_definitions or ()}
    case = Case(
        text,
        {name: value for name, value in best.case.variables.items() if name in names},
        None,
        changed.get("access", best.case.access),
        changed.get("subgraph", best.case.subgraph),
    )
    raised.text = ""
    found = await answers(engine, case)
    if not found.differ or found.failed is not failed:
        return None
    return Difference(best.where, case, found, raised.text)


def _operation(document: Any) -> OperationDefinitionNode:
    found = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    return next((one for one in found if not one.name or one.name.value != "Other"), found[0])


def _smaller(text: str) -> Iterator[str]:
    """Documents with one thing less than this one, the boldest cuts first."""
    places = _places(parse(text))
    for number in range(len(places)):
        document = parse(text)
        _cut(_places(document)[number])
        yield _clean(document)
    for number in range(len(places)):
        document = parse(text)
        if _unwrap(_places(document)[number]):
            yield _clean(document)


Place = tuple[Node, str, int]


def _places(document: Any) -> list[Place]:
    """Every selection, argument, directive and field of an object in a document, the outermost first."""
    found: list[Place] = []

    class Finds(Visitor):
        def enter(self, node: Any, *_: Any) -> None:
            for name in ("selections", "arguments", "directives"):
                found.extend((node, name, n) for n in range(len(getattr(node, name, None) or ())))
            if isinstance(node, ObjectValueNode) and len(node.fields) > 1:
                found.extend((node, "fields", n) for n in range(len(node.fields)))

    visit(document, Finds())
    return found


def _cut(place: Place) -> None:
    node, name, number = place
    held = list(getattr(node, name))
    del held[number]
    _set(node, name, tuple(held))


def _unwrap(place: Place) -> bool:
    """Puts what stands in a fragment in its place, and takes an alias away."""
    node, name, number = place
    held = list(getattr(node, name))
    one = held[number]
    if name != "selections":
        return False
    if isinstance(one, FieldNode):
        if one.alias is None:
            return False
        _set(one, "alias", None)
        return True
    inner = getattr(one, "selection_set", None)
    if inner is None:
        return False
    held[number : number + 1] = inner.selections
    _set(node, name, tuple(held))
    return True


def _set(node: Any, name: str, value: Any) -> None:
    object.__setattr__(node, name, value)


def _clean(document: Any) -> str:
    """The text of a document without what is empty or used nowhere."""
    operation = _operation(document)
    fragments = {o.name.value: o for o in document.definitions if isinstance(o, FragmentDefinitionNode)}
    for _ in range(len(fragments) + 1):  # an empty one may leave another empty
        for one in (*fragments.values(), operation):
            _prune(one.selection_set, fragments)
    used, queue = set[str](), [operation]
    variables: set[str] = set()
    for node in queue:
        selected: Any = node

        class Finds(Visitor):
            def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
                if node.name.value not in used and node.name.value in fragments:
                    used.add(node.name.value)
                    queue.append(fragments[node.name.value])  # type: ignore[arg-type]

            def enter_variable(self, node: VariableNode, *_: Any) -> None:
                variables.add(node.name.value)

        visit(selected.selection_set, Finds())
    kept = tuple(o for o in operation.variable_definitions or () if o.variable.name.value in variables)
    _set(operation, "variable_definitions", kept)
    return "\n".join([print_ast(operation), *(print_ast(fragments[name]) for name in sorted(used))])


def _prune(selected: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]) -> None:
    """Drops fields and fragments with nothing left inside."""
    kept = []
    for one in selected.selections:
        inner = getattr(one, "selection_set", None)
        if inner is not None:
            _prune(inner, fragments)
            if not inner.selections:
                continue
        if isinstance(one, FragmentSpreadNode) and not fragments[one.name.value].selection_set.selections:
            continue
        kept.append(one)
    _set(selected, "selections", tuple(kept))


# ---- the command --------------------------------------------------------------------------------


@contextmanager
def own_databases() -> Iterator[tuple[str, str]]:
    """The URLs of two empty databases on a PostgreSQL of this process's own."""
    from tmfgraph import migrate
    from tmfgraph.embedded import EmbeddedPostgres

    with tempfile.TemporaryDirectory(prefix="tmfgraph-same-answer-") as name:
        Path(name).chmod(0o755)
        server = EmbeddedPostgres(Path(name) / "data", durable=False)
        try:
            url = server.start()
            head, _, query = url.partition("?")
            twin = f"{head.rpartition('/')[0]}/twin?{query}"
            asyncio.run(_create_twin(url))
            migrate.upgrade(url)
            migrate.upgrade(twin)
            yield url, twin
        finally:
            server.stop()


def patient_engine(url: str) -> AsyncEngine:
    """One connection, whose statements may take long: the machine may have much else to do."""
    return app.engine_of(Settings(database_url=url, pool_size=1, statement_timeout=60.0, lock_timeout=60.0))


async def _create_twin(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("create database twin")
    finally:
        await connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=10_000, help="how many to run (default: 10,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the data and the queries (default: 0)")
    parser.add_argument("--enough", type=int, default=20, help="differences to stop at (default: 20)")
    parser.add_argument("--block", type=int, help="only the queries on these data")
    parser.add_argument("--document", type=int, help="only this query of the block")
    parser.add_argument("--as-is", action="store_true", help="show differences without shrinking them")
    parser.add_argument(
        "--database-url", help="an empty migrated database to use; what is in it will be lost"
    )
    given = parser.parse_args()
    if given.document is not None and given.block is None:
        parser.error("--document needs --block")
    if given.database_url:
        return _command(given, given.database_url, None)
    with own_databases() as (url, twin):
        return _command(given, url, twin)


def _command(given: argparse.Namespace, url: str, twin_url: str | None) -> int:
    only = None if given.block is None else (given.block, given.document)
    started, last, shown = time.monotonic(), [time.monotonic()], [0]

    def progress(report: Report) -> None:
        for one in report.differences[shown[0] :]:
            print(one, flush=True)
        shown[0] = len(report.differences)
        if report.cases % 1000 == 0:
            rate = 1000 / (time.monotonic() - last[0])
            last[0] = time.monotonic()
            print(f"{report} ({rate:.0f}/s)", flush=True)

    with asyncio.Runner() as runner:
        engine = patient_engine(url)
        twin = patient_engine(twin_url) if twin_url else None
        try:
            report = run(
                engine,
                runner,
                given.seed,
                given.cases,
                twin=twin,
                progress=progress,
                enough=given.enough,
                only=only,
            )
            for one in () if given.as_is else report.differences:
                if "mutation" not in one.where:
                    print("SHRUNK:", runner.run(shrunk_on_its_data(engine, one)), flush=True)
            for one in report.broken[:5]:
                print(f"graphql-core failed inside; {one}", flush=True)
        finally:
            runner.run(engine.dispose())
    print(f"{report} in {time.monotonic() - started:.0f} s")
    for outcome, number in report.outcomes.most_common():
        print(f"  {number:>8,} {outcome}")
    return 1 if report.differences else 0


async def shrunk_on_its_data(engine: AsyncEngine, difference: Difference) -> Difference:
    """A difference shrunk, on the data that it was found on."""
    words = difference.where.split()
    seed, block = int(words[1]), int(words[3])
    rng = random.Random(f"{seed}:{block}")
    await fill(engine, Data(rng), rng)
    return await shrunk(engine, difference)


if __name__ == "__main__":
    sys.exit(main())
