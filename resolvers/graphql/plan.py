"""A compiled operation: what to read, level by level, and how the rows become the answer.

See `executor.py` for the whole picture. The classes here run; `compiler.py` makes them of what an operation
asks of the fields of the graph (`fields.py` and its neighbours).
"""

import functools
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec
from graphql import ListValueNode, ObjectValueNode, VariableNode, VariableValues, get_argument_values

from models.declare import Kind
from resolvers.errors import TooMuch, Unavailable
from resolvers.graphql.encoding import HoldsError, encoder, measured
from resolvers.storage import reads
from resolvers.storage.budget import Pace
from resolvers.storage.documents import columns_of
from resolvers.storage.reads import Branch
from resolvers.storage.rows import Row, Unseen
from resolvers.storage.store import Store

T = TypeVar("T")


OF_THE_WHOLE = (TooMuch, Unavailable)
"""Errors that end the operation. All others stand at a field's place in the tree."""


@dataclass
class Run:
    """One execution of a plan."""

    store: Store
    base_url: str
    subgraph: bool
    variables: VariableValues
    """Coerced by graphql-core."""
    pending: list[list[Any]]
    """For each link of the plan, which objects wait for what is at its end."""
    objects: int = 0
    """How many objects hang in the answer, or are about to."""
    around: int = 0
    """About how many bytes the answer has around what was read: keys, and what else objects need."""
    copied: int = 0
    """How many bytes of it are there because an object hangs in several places."""
    written: int = 0
    """How many fields of a mutation are carried out."""
    pace: Pace = field(default_factory=Pace)
    fetched: "dict[int, Fetched]" = field(default_factory=dict)
    """By number of a link of the level at hand, what the statement of the root has read at its end."""

    def __post_init__(self) -> None:
        bounds = self.store.budget.bounds
        self.objects_at_most = math.inf if bounds.objects is None else bounds.objects
        self.bytes_at_most = math.inf if bounds.answer_bytes is None else bounds.answer_bytes

    def hang(self, number: int, bytes_of_each: int = 0) -> None:
        """So many more objects are about to be made for the answer. TooMuch before they are."""
        self.objects += number
        self.around += number * bytes_of_each
        if self.objects > self.objects_at_most:
            self.refuse()

    def refuse(self) -> None:
        self.store.budget.hang(self.objects)

    def shared(self, made: list[Any]) -> list[Any]:
        """The same, of which some hang in several places: those as JSON, so that encoding only copies them.

        Counts them with all that hangs on them, at each place. TooMuch before any is copied.
        """
        times = Counter(map(id, made))
        often = {key: number - 1 for key, number in times.items() if number > 1}
        often.pop(id(None), None)
        encoded: dict[int, Any] = {}
        for one in made:
            more = often.pop(id(one), 0)
            if not more or isinstance(one, Exception):
                continue
            try:
                text = encoder.encode(one)
                encoded[id(one)] = msgspec.Raw(text)
            except HoldsError:
                text = measured(one)
            self.copied += more * len(text)
            if self.copied > self.bytes_at_most:
                self.store.budget.write(self.copied)
            self.hang(more * text.count(b'{"'))
        return [encoded.get(id(one), one) for one in made] if encoded else made

    async def follow(self, links: Sequence["Link"]) -> None:
        """Completes the objects that wait for these links: one batch for each link.

        Where a link cannot be followed, its error is what each of them gets.
        """
        for link in links:
            waiting = self.pending[link.number]
            if waiting:
                await self.pace.rest()
                self.pending[link.number] = []
                here = self.fetched
                read = here.get(link.number)
                self.fetched = read.below if read else {}
                try:
                    await link.follow(self, waiting, read and read.records)
                except OF_THE_WHOLE:
                    raise
                except Exception as error:
                    for *_, made in waiting:
                        setattr(made, link.attribute, error)
                finally:
                    self.fetched = here


@dataclass(slots=True)
class Fetched:
    """What one statement has read for a link, at one of the places that it is followed from."""

    records: list[Any] = field(default_factory=list)
    below: "dict[int, Fetched]" = field(default_factory=dict)


Build = Callable[[Any, list[list[Any]], Run], Any]
"""Makes the objects of an answer out of records, or one out of a nested object of a document. Generated."""


@dataclass
class Columns:
    """Which columns of a table a statement reads, and where a record has them."""

    offset: int = 0
    """How many values come before the columns in a record."""
    names: list[str] = field(default_factory=list)
    open: bool = False
    """Whether more values follow the columns."""

    def index(self, name: str) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.offset + self.names.index(name)

    def variable(self, name: str) -> str:
        """What a generated function calls the value of a column."""
        return f"c{self.index(name) - self.offset}"

    @property
    def variables(self) -> list[str]:
        """What it calls all values of a record."""
        columns = [self.variable(name) for name in self.all]
        return [*("_" for _ in range(self.offset)), *columns, *(["*_"] if self.open else [])]

    @functools.cached_property
    def all(self) -> tuple[str, ...]:
        """Final: called when the plan is complete."""
        return tuple(self.names)

    @property
    def end(self) -> int:
        return self.offset + len(self.all)


MakesUnseen = Callable[[Unseen, Run], Any]

RECORDS_AT_A_TIME = 250


@dataclass
class Level:
    """Entities of one kind: what is read of them, and what becomes of it."""

    kind: Kind
    columns: Columns
    sources: dict[str, Callable[[], Build]] = field(default_factory=dict)
    """By name of the kind that a row is of: a general kind has rows of its special ones."""
    links: list["Link"] = field(default_factory=list)
    unseen: dict[str, "MakesUnseen"] = field(default_factory=dict)
    """What makes the object of an entity that the caller may write and not read, by name of its kind."""

    @functools.cached_property
    def builds(self) -> dict[str, Build]:
        return {name: source() for name, source in self.sources.items()}

    async def objects(self, run: Run, records: Sequence[Any]) -> list[Any]:
        """The objects of these records, complete with all that hangs below them."""
        if len(records) <= RECORDS_AT_A_TIME:
            made = self._made(run, records)
        else:
            made = []
            for start in range(0, len(records), RECORDS_AT_A_TIME):
                made += self._made(run, records[start : start + RECORDS_AT_A_TIME])
                await run.pace.rest()
        if self.links:
            await run.follow(self.links)
        return made

    async def written(self, run: Run, row: Row) -> Any:
        """The object of an entity that was just written, complete with all that hangs below it."""
        if isinstance(row, Unseen):
            made = self.unseen[row.kind.name](row, run)
            await run.follow(self.links)
            return made
        columns = columns_of(row) | {
            "kind": row.kind.name,
            "revision": row.revision,
            "modified": row.modified,
            "document": row.document,
        }
        record = tuple(columns[name] for name in self.columns.all)
        return (await self.objects(run, [record]))[0]

    def _made(self, run: Run, records: Sequence[Any]) -> list[Any]:
        if len(self.builds) == 1:
            [build] = self.builds.values()
            return build(records, run.pending, run)
        kind, places = self.columns.index("kind"), dict[str, list[int]]()
        for place, record in enumerate(records):
            places.setdefault(record[kind], []).append(place)
        made: list[Any] = [None] * len(records)
        for name, those in places.items():
            some = self.builds[name]([records[place] for place in those], run.pending, run)
            for place, one in zip(those, some, strict=True):
                made[place] = one
        return made

    async def by_id(
        self, run: Run, ids: Sequence[str], fetched: Sequence[Any] | None = None
    ) -> dict[str, Any]:
        """The objects of the entities with these ids, as far as there are any. One statement at most."""
        found = self.columns.index("id")
        missing, records = ids, list[Any]()
        if fetched:
            wanted = set(ids)
            records = [record for record in fetched if record[found] in wanted]
            missing = wanted.difference(record[found] for record in records)
            if missing:  # what hangs on these is not fetched
                run.fetched = {}
        if missing:
            statement = reads.by_id(run.store.view(self.kind), self.columns.all)
            records += await run.store.fetch(statement.of(list(missing)))
        made = await self.objects(run, records)
        return {record[found]: one for record, one in zip(records, made, strict=True)}


class Nodes(Protocol):
    """Makes the objects of a list's records."""

    async def objects(self, run: Run, records: Sequence[Any]) -> list[Any]:
        """The object of each record; None for what is not there any more."""
        ...


# ---- links --------------------------------------------------------------------------------------


@dataclass
class Link:
    """A field that leads on to other entities; objects wait for what goes under one of their attributes."""

    number: int
    attribute: str

    async def follow(self, run: Run, waiting: list[Any], fetched: Sequence[Any] | None) -> None:
        """Gives each that waits what is at the end; `fetched` are the records of that, where it is read."""
        raise NotImplementedError

    def grown(self, run: Run, room: "Room") -> "Grown | None":
        """What is at its end, and all that hangs on that, as a part of the statement of the root. None where
        only a statement of its own will do."""
        return None


@dataclass
class Grown:
    """A link as a part of the root's statement, and those below it that are parts as well."""

    link: Link
    branch: Branch
    below: "list[Grown]"

    def fetched(self, parts: list[list[Any]]) -> Fetched:
        """Where the records go; `parts` gets a list for each branch, each before those below it."""
        made = Fetched()
        parts.append(made.records)
        made.below = {one.link.number: one.fetched(parts) for one in self.below}
        return made


BRANCHES_AT_MOST = 40


class Room:
    """How many branches a statement still has room for: levels that links share stand in it for each link."""

    def __init__(self) -> None:
        self._left = BRANCHES_AT_MOST

    def take(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooWide


class TooWide(Exception):
    """More hangs on an entity than one statement should read."""


def grown(levels: Iterable[Any], run: Run, room: Room) -> list[Grown]:
    """What hangs on the entities of these levels and can be read together with them."""
    links = {link.number: link for level in levels if isinstance(level, Level) for link in level.links}
    found = [link.grown(run, room) for link in links.values()]
    return [one for one in found if one is not None]


def branches(some: Iterable[Grown]) -> tuple[Branch, ...]:
    return tuple(one.branch for one in some)


# ---- arguments ----------------------------------------------------------------------------------


@dataclass
class Arguments:
    """What a field was given: known once where no variable is among it."""

    field: Any
    node: Any

    @functools.cached_property
    def constant(self) -> bool:
        return not any(_names_variable(one.value) for one in self.node.arguments or ())

    def of(self, run: Run) -> dict[str, Any]:
        if self.constant:
            return self._known
        return get_argument_values(self.field, self.node, run.variables)

    def turned(self, run: Run, turn: Callable[[dict[str, Any]], T]) -> T:
        """What `turn` makes of the arguments; always the same function for one field."""
        if not self.constant:
            return turn(self.of(run))
        if self._turned is None:
            self._turned = turn(self._known)
        return self._turned

    _turned: Any = None

    @functools.cached_property
    def _known(self) -> dict[str, Any]:
        return get_argument_values(self.field, self.node, None)


def _names_variable(node: Any) -> bool:
    """Whether an argument's value holds a variable."""
    match node:
        case VariableNode():
            return True
        case ListValueNode():
            return any(map(_names_variable, node.values))
        case ObjectValueNode():
            return any(_names_variable(field.value) for field in node.fields)
    return False


# ---- the whole ----------------------------------------------------------------------------------

Root = Callable[[Run], Awaitable[Any]]
"""Gives the value of one field of the root: a tree, in which an error stands where a field has one."""


@dataclass
class Plan:
    """A query or mutation, compiled."""

    roots: dict[str, Root]
    """By the key in the answer."""
    links: int
    """How many links it has."""
    times: int = 1
    """How many times an answer may have what was read once."""

    def run(self, store: Store, base_url: str, subgraph: bool, variables: VariableValues) -> Run:
        """What one execution keeps together."""
        return Run(store, base_url, subgraph, variables, [[] for _ in range(self.links)])

    def size(self, run: Run) -> int:
        """About how many bytes what is made so far has as JSON: seldom more."""
        return run.store.budget.read_bytes * self.times + run.around + run.copied

    async def data(self, run: Run) -> dict[str, Any]:
        """The data of a query. TooMuch or Unavailable where there is none."""
        data = {key: await valued(root, run) for key, root in self.roots.items()}
        run.store.budget.hang(run.objects)
        return data


async def valued(root: Root, run: Run) -> Any:
    """The value of one field, or its error. TooMuch or Unavailable where the operation ends."""
    run.fetched = {}
    try:
        return await root(run)
    except OF_THE_WHOLE:
        raise
    except Exception as error:
        return error
