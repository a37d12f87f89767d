"""A compiled operation: what to read, level by level, and how the rows become the answer.

See the package's docstring for the whole picture. The classes here run; `compiler.py` makes them.
"""

import functools
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec
from graphql import GraphQLError
from graphql.execution.values import get_argument_values

from models.declare import Abstract, Kind
from resolvers.errors import BadRequest, CallerError, TooMuch, Unavailable
from resolvers.graphql import fields as graph
from resolvers.graphql.encoding import HoldsError, encoder, measured
from resolvers.storage import reads as statements
from resolvers.storage.budget import Pace
from resolvers.storage.conditions import cursor
from resolvers.storage.reads import Branch, Page, Statement
from resolvers.storage.rows import not_found
from resolvers.storage.store import Store
from resolvers.storage.view import View

T = TypeVar("T")


OF_THE_WHOLE = (TooMuch, Unavailable)
"""Errors that end the operation."""
OF_A_FIELD = (CallerError, GraphQLError)
"""Errors that stand at a field's place in the tree, but for those that end the operation."""


class GiveUp(Exception):
    """What the plan was reading has changed meanwhile: graphql-core answers instead."""


@dataclass
class Run:
    """One execution of a plan."""

    store: Store
    base_url: str
    subgraph: bool
    variables: Any
    """Coerced by graphql-core."""
    pending: list[list[Any]]
    """For each link of the plan, which objects wait for what is at its end."""
    objects: int = 0
    """How many objects hang in the answer, or are about to."""
    around: int = 0
    """About how many bytes the answer has around what was read: keys, and what else objects need."""
    copied: int = 0
    """How many bytes of it are there because an object hangs in several places."""
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
                except OF_A_FIELD as error:
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


RECORDS_AT_A_TIME = 250


@dataclass
class Level:
    """Entities of one kind: what is read of them, and what becomes of it."""

    kind: Kind
    columns: Columns
    sources: dict[str, Callable[[], Build]] = field(default_factory=dict)
    """By name of the kind that a row is of: a general kind has rows of its special ones."""
    links: list["Link"] = field(default_factory=list)

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
            statement = statements.by_id(run.store.view(self.kind), self.columns.all)
            records += await run.store.fetch(statement.of(list(missing)))
        made = await self.objects(run, records)
        return {record[found]: one for record, one in zip(records, made, strict=True)}


class Nodes(Protocol):
    """Makes the objects of a list's records."""

    async def objects(self, run: Run, records: Sequence[Any]) -> list[Any]: ...


@dataclass
class Behind:
    """The entities of an abstract type: a list's records name them, and each kind is then read by id."""

    columns: Columns
    levels: dict[str, Level]

    async def objects(self, run: Run, records: Sequence[Any]) -> list[Any]:
        kind, id = self.columns.index("kind"), self.columns.index("id")
        wanted: dict[str, list[str]] = {}
        for record in records:
            wanted.setdefault(record[kind], []).append(record[id])
        found = {name: await self.levels[name].by_id(run, ids) for name, ids in wanted.items()}
        try:
            return [found[record[kind]][record[id]] for record in records]
        except KeyError:  # deleted since the list was read
            raise GiveUp from None


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


Wanted = tuple[Sequence[str], str]
"""Names of the kinds that may hold an entity, the first that does being the one, and its id."""


@dataclass
class ToOne(Link):
    """A reference: each waiting object knows which kinds may hold its target, and the target's id."""

    levels: dict[str, Level] = field(default_factory=dict)
    source: Kind | None = None
    relation: str = ""
    """Where the reference stands in the documents of the source; the table of references knows it by that."""

    async def follow(self, run: Run, waiting: list[Any], fetched: Sequence[Any] | None) -> None:
        if len(self.levels) == 1:
            [level] = self.levels.values()
            ids = list({id: None for _, id, _ in waiting})
            held = await level.by_id(run, ids, fetched)
            if len(ids) == len(waiting):
                for _, id, made in waiting:
                    setattr(made, self.attribute, held.get(id))
                return
            found = run.shared([held.get(id) for _, id, _ in waiting])
            for (_, _, made), one in zip(waiting, found, strict=True):
                setattr(made, self.attribute, one)
            return
        found = await self.found(run, [(names, id) for names, id, _ in waiting])
        for (_, _, made), one in zip(waiting, found, strict=True):
            setattr(made, self.attribute, one)

    async def found(self, run: Run, wanted: Sequence[Wanted]) -> list[Any]:
        """What is held of these, each asked of every kind that may hold it. One statement for each kind.

        The error where one of those kinds cannot be read.
        """
        ids: dict[str, dict[str, None]] = {}
        for names, id in wanted:
            for name in names:
                ids.setdefault(name, {})[id] = None
        held: dict[str, dict[str, Any]] = {}
        failed: dict[str, Exception] = {}
        for name, those in ids.items():
            try:
                held[name] = await self.levels[name].by_id(run, list(those))
            except OF_THE_WHOLE:
                raise
            except OF_A_FIELD as error:
                failed[name] = error
        if failed:
            wanted_of = [[failed.get(name) or held[name].get(id) for name in names] for names, id in wanted]
            found = [
                next((one for one in some if isinstance(one, Exception)), None)
                or next((one for one in some if one is not None), None)
                for some in wanted_of
            ]
        else:
            found = [
                next((one for name in names if (one := held[name].get(id)) is not None), None)
                for names, id in wanted
            ]
        return run.shared(found)

    def grown(self, run: Run, room: Room) -> Grown | None:
        if self.source is None or len(self.levels) != 1:
            return None
        room.take()
        [level] = self.levels.values()
        view = run.store.view(level.kind)
        below = grown([level], run, room)
        relations = (self.relation,)
        branch = Branch(view, level.columns.all, branches(below), relations, self.source, None)
        return Grown(self, branch, below)


@dataclass
class History(Link):
    """What happened to the waiting entities."""

    kind: Kind = None  # type: ignore[assignment]
    arguments: "Arguments" = None  # type: ignore[assignment]
    build: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
    bytes_of_each: int = 0
    """About how long the object of an event is."""

    async def follow(self, run: Run, waiting: list[Any], fetched: Sequence[Any] | None) -> None:
        first, after = self.arguments.turned(run, graph.part_of)
        keys = list(dict.fromkeys(key for key, _ in waiting))
        events = await run.store.history(self.kind, keys, first, after)
        made: dict[Any, list[Any]] = {}
        for key, some in events.items():
            run.hang(len(some), self.bytes_of_each)
            made[key] = [self.build(one) for one in some]
        found = [made[key] for key, _ in waiting]
        if len(keys) < len(found):
            found = run.shared(found)
        for (_, one), those in zip(waiting, found, strict=True):
            setattr(one, self.attribute, those)


# ---- lists --------------------------------------------------------------------------------------


@dataclass
class Arguments:
    """What a field was given: known once where no variable is among it."""

    field: Any
    node: Any
    constant: bool

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


@dataclass(slots=True)
class Part:
    """What one connection object is made of."""

    made: list[list[Any]]
    """The nodes, made once for each selection of them."""
    places: list[tuple[Any, ...]]
    """The sort keys of each node, where a cursor is asked for."""
    count: int
    page: Page
    more: bool
    total: int | None


@dataclass
class Connection:
    """A list of one kind or abstract type, as one field asks for it."""

    node: Kind | Abstract
    columns: Columns
    selections: list[Nodes] = field(default_factory=list)
    """For each selection of nodes in it, what makes them."""
    fields: list[tuple[str, Callable[[Part], Any]]] = field(default_factory=list)
    plain: str | None = None
    """The key of the nodes, where they are all that is asked for."""
    reads: bool = False
    """Whether it needs any row: `totalCount` alone does not."""
    cursors: bool = False
    counts: bool = False
    bytes_of_each: int = 0
    """About how long an object of it is beside its nodes."""
    edges: int = 0
    """How many times edges are asked for."""
    bytes_of_edge: int = 0
    """About how long the edge of a node is beside the node: the longest, where it has several."""

    def needs_rows(self, page: Page) -> bool:
        """Whether rows are to be read, be it only to see whether the cursor fits the list."""
        return self.reads or page.after is not None or page.before is not None

    async def parts(
        self, run: Run, page: Page, lists: Sequence[Sequence[Any]], totals: Sequence[int | None]
    ) -> list[dict[str, Any]]:
        """The connection objects of these lists of records; one beyond the page shows that more follow."""
        limit, spans, kept = page.limit or 0, [], list[Any]()
        run.hang(len(lists), self.bytes_of_each)
        for records in lists:
            some = records[:limit] if len(records) > limit else records
            start = len(kept)
            kept += reversed(some) if page.backwards else some
            spans.append((start, len(kept), len(records) > limit))
        made = [await one.objects(run, kept) for one in self.selections]
        await run.pace.rest()
        if self.edges:
            run.hang(len(kept) * self.edges, self.bytes_of_edge)
        if self.plain:
            key, [nodes] = self.plain, made
            return [{key: nodes[start:end]} for start, end, _ in spans]
        places = [tuple(record[self.columns.end :]) for record in kept] if self.cursors else []
        return [
            self._object(
                Part([one[start:end] for one in made], places[start:end], end - start, page, more, total)
            )
            for (start, end, more), total in zip(spans, totals, strict=True)
        ]

    def _object(self, part: Part) -> dict[str, Any]:
        return {key: make(part) for key, make in self.fields}


PAGE_INFO: dict[str, Callable[[Part], Any]] = {
    "hasNextPage": lambda part: part.page.before is not None if part.page.backwards else part.more,
    "hasPreviousPage": lambda part: part.more if part.page.backwards else part.page.after is not None,
    "startCursor": lambda part: cursor(part.places[0]) if part.places else None,
    "endCursor": lambda part: cursor(part.places[-1]) if part.places else None,
}


@dataclass
class WayBack(Link):
    """The entities that refer to the waiting ones, which wait by their key."""

    resolver: graph.WayBack = None  # type: ignore[assignment]
    arguments: Arguments = None  # type: ignore[assignment]
    connection: Connection = None  # type: ignore[assignment]

    async def follow(self, run: Run, waiting: list[Any], fetched: Sequence[Any] | None) -> None:
        way = self.resolver.way
        relations, page, statement = self.arguments.turned(run, self._asked)
        keys = list(dict.fromkeys(key for key, _ in waiting))
        lists: list[list[Any]] = [[] for _ in keys]
        view = run.store.view(way.kind)  # also where nothing is to be read of them
        if fetched is not None:
            places = {key: place for place, key in enumerate(keys)}
            for record in fetched:
                place = places.get(record[0])
                if place is not None:  # else it hangs on the one beyond the page
                    lists[place].append(record)
        elif self.connection.needs_rows(page):
            for record in await run.store.fetch(statement(view).of(keys, run.store.budget.rows_left)):
                lists[record[0] - 1].append(record)
        totals: list[int | None] = [None] * len(keys)
        if self.connection.counts:
            counting = statements.count_pointing_at(view, way.target, relations, page.condition)
            for place, number in await run.store.fetch(counting.of(keys)):
                totals[place - 1] = number
        found = await self.connection.parts(run, page, lists, totals)
        if len(keys) < len(waiting):
            made = dict(zip(keys, found, strict=True))
            found = run.shared([made[key] for key, _ in waiting])
        for (_, one), those in zip(waiting, found, strict=True):
            setattr(one, self.attribute, those)

    def grown(self, run: Run, room: Room) -> Grown | None:
        way, made = self.resolver.way, self.connection
        if not made.reads:
            return None
        room.take()
        view = run.store.view(way.kind)
        relations, page, _ = self.arguments.turned(run, self._asked)
        below = grown(made.selections, run, room)
        more, columns = graph.with_one_more(page), made.columns.all
        branch = Branch(view, columns, branches(below), relations, way.target, more, made.cursors)
        return Grown(self, branch, below)

    def _asked(self, given: dict[str, Any]) -> tuple[tuple[str, ...], Page, Callable[[View], Statement]]:
        way, columns, sorts = self.resolver.way, self.connection.columns.all, self.connection.cursors
        relations, page = self.resolver.relations(given), graph.page_of(way.kind, given)
        more = graph.with_one_more(page)

        def make(view: View) -> Statement:
            return statements.pointing_at(view, way.target, relations, columns, more, sorts)

        return relations, page, functools.cache(make)  # not made where the root's statement reads it


# ---- the root -----------------------------------------------------------------------------------

Root = Callable[[Run], Awaitable[Any]]
"""Gives the value of one field of the query."""


@dataclass
class Listing:
    """A field that lists all entities of a kind or abstract type."""

    resolver: graph.Listing
    arguments: Arguments
    connection: Connection

    async def __call__(self, run: Run) -> Any:
        kinds = self.resolver.kinds
        page, statement = self.arguments.turned(run, self._asked)
        records: Sequence[Any] = ()
        views = run.store.views(kinds)  # also where nothing is to be read of them
        if self.connection.needs_rows(page):
            records = await run.store.fetch(statement(views))
        total = await run.store.count(kinds, page.condition) if self.connection.counts else None
        return (await self.connection.parts(run, page, [records], [total]))[0]

    def _asked(self, given: dict[str, Any]) -> tuple[Page, Callable[[tuple[View, ...]], Statement]]:
        page, columns = graph.page_of(self.resolver.node, given), self.connection.columns.all
        more, sorts = graph.with_one_more(page), self.connection.cursors

        def make(views: tuple[View, ...]) -> Statement:
            return statements.search(views, columns, more, sorts)

        return page, functools.cache(make)


@dataclass
class Single:
    """A field that gives the entity with an id."""

    names: Sequence[str]
    arguments: Arguments
    link: ToOne
    _together: "dict[View, tuple[Statement, list[Grown]]]" = field(default_factory=dict)

    async def __call__(self, run: Run) -> Any:
        id = _of_database(self.arguments.of(run)["id"])
        if len(self.names) > 1:
            return (await self.link.found(run, [(self.names, id)]))[0]
        [level] = self.link.levels.values()
        if not level.links:
            return (await level.by_id(run, [id])).get(id)
        try:
            statement, hanging = self._tree(run, level)
            records = await run.store.fetch(statement.of(id, run.store.budget.rows_left))
        except OF_THE_WHOLE:
            raise
        except (TooWide, *OF_A_FIELD):
            # Nothing is read yet. Level by level it shows which field an error is of.
            return (await level.by_id(run, [id])).get(id)
        top: list[Any] = []
        parts = [top]
        run.fetched = {one.link.number: one.fetched(parts) for one in hanging}
        for number, record in records:
            parts[number].append(record)
        made = await level.objects(run, top)
        return made[0] if made else None

    def _tree(self, run: Run, level: Level) -> tuple[Statement, list[Grown]]:
        """One statement for the entity and all that hangs on it: a round trip for each level would cost more
        than the rows, where there are so few."""
        view = run.store.view(level.kind)
        if view in self._together:
            return self._together[view]
        hanging = grown([level], run, Room())
        together = statements.tree(view, level.columns.all, branches(hanging)), hanging
        if all(map(_constant, hanging)):
            self._together[view] = together
        return together


def _constant(one: Grown) -> bool:
    """Whether the branch is the same whatever the variables are."""
    of_the_link = not isinstance(one.link, WayBack) or one.link.arguments.constant
    return of_the_link and all(map(_constant, one.below))


def _of_database(id: str) -> str:
    """The id as a text that the database knows; one that it cannot hold is nobody's, like the empty one."""
    return "" if "\0" in id else id


@dataclass
class Anywhere:
    """`node`: the entity with an id, whatever its kind."""

    arguments: Arguments
    link: ToOne

    async def __call__(self, run: Run) -> Any:
        names, id = await graph.holding(run.store, self.arguments.of(run)["id"])
        return (await self.link.found(run, [(names, id)]))[0] if names else None


@dataclass
class Entities:
    """`_entities`: what a gateway asks for. What is wrong with one of them is an error at its place."""

    arguments: Arguments
    link: ToOne

    async def __call__(self, run: Run) -> Any:
        asked = [_represented(one) for one in self.arguments.of(run)["representations"]]
        good = [one for one in asked if isinstance(one, tuple)]
        wanted = [(graph.Single(node).names, _of_database(id)) for node, id in good]
        found = iter(await self.link.found(run, wanted))
        made: list[Any] = []
        for one in asked:
            held = next(found) if isinstance(one, tuple) else one
            made.append(not_found(*one) if held is None and isinstance(one, tuple) else held)
        return made


def _represented(representation: Any) -> tuple[Kind | Abstract, str] | BadRequest:
    try:
        return graph.represented(representation)
    except BadRequest as error:
        return error


@dataclass
class Plan:
    """A query, compiled."""

    roots: dict[str, Root]
    """By the key in the answer."""
    links: int
    """How many links it has."""
    times: int = 1
    """How many times an answer may have what was read once."""

    async def run(
        self, store: Store, base_url: str, subgraph: bool, variables: Any
    ) -> tuple[dict[str, Any], int]:
        """The data of the answer: a tree, in which an error stands where a field has one.

        And about how many bytes it has as JSON: seldom more.
        TooMuch or Unavailable where there is no answer, GiveUp where graphql-core must give it.
        """
        run = Run(store, base_url, subgraph, variables, [[] for _ in range(self.links)])
        data = {key: await _guarded(root, run) for key, root in self.roots.items()}
        store.budget.hang(run.objects)
        return data, store.budget.read_bytes * self.times + run.around + run.copied


async def _guarded(root: Root, run: Run) -> Any:
    run.fetched = {}
    try:
        return await root(run)
    except OF_THE_WHOLE:
        raise
    except OF_A_FIELD as error:
        return error
