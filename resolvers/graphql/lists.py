"""Lists: connections, as fields of the query and as the ways back from an entity to what refers to it."""

import enum
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.declare import Abstract, Kind
from models.links import Way
from resolvers.graphql.fields import Ask, Field, RootField
from resolvers.graphql.paging import page_of, with_one_more
from resolvers.graphql.plan import (
    Arguments,
    Columns,
    Grown,
    Level,
    Link,
    Nodes,
    Room,
    Root,
    Run,
    branches,
    grown,
)
from resolvers.graphql.source import attribute_of
from resolvers.storage import reads
from resolvers.storage.conditions import cursor
from resolvers.storage.reads import Branch, Page, Statement
from resolvers.storage.rows import Unseen
from resolvers.storage.view import View

if TYPE_CHECKING:
    from resolvers.graphql.compiler import Compiler, Entity


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
    error: Exception | None = None
    """What stands in its place, where its selection cannot be made out."""

    def needs_rows(self, page: Page) -> bool:
        """Whether rows are to be read, be it only to see whether the cursor fits the list."""
        return self.reads or page.after is not None or page.before is not None

    async def parts(
        self, run: Run, page: Page, lists: Sequence[Sequence[Any]], totals: Sequence[int | None]
    ) -> list[Any]:
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
        if self.error is not None:
            return [self.error for _ in lists]
        if any(None in one for one in made):
            kept, spans, made = _still_there(kept, spans, made)
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


def _still_there(
    kept: list[Any], spans: list[tuple[int, int, bool]], made: list[list[Any]]
) -> tuple[list[Any], list[tuple[int, int, bool]], list[list[Any]]]:
    """The same without what was deleted since the list was read."""
    there = [not any(one[place] is None for one in made) for place in range(len(kept))]
    before = [0, *itertools.accumulate(there)]
    return (
        list(itertools.compress(kept, there)),
        [(before[start], before[end], more) for start, end, more in spans],
        [list(itertools.compress(one, there)) for one in made],
    )


PAGE_INFO: dict[str, Callable[[Part], Any]] = {
    "hasNextPage": lambda part: part.page.before is not None if part.page.backwards else part.more,
    "hasPreviousPage": lambda part: part.more if part.page.backwards else part.page.after is not None,
    "startCursor": lambda part: cursor(part.places[0]) if part.places else None,
    "endCursor": lambda part: cursor(part.places[-1]) if part.places else None,
}


@dataclass
class Behind:
    """The entities of an abstract type: a list's records name them, and each kind is then read by id."""

    columns: Columns
    levels: dict[str, Level]

    async def objects(self, run: Run, records: Sequence[Any]) -> list[Any]:
        """The object of each record; None where it was deleted since the list was read."""
        kind, id = self.columns.index("kind"), self.columns.index("id")
        wanted: dict[str, list[str]] = {}
        for record in records:
            wanted.setdefault(record[kind], []).append(record[id])
        found = {name: await self.levels[name].by_id(run, ids) for name, ids in wanted.items()}
        return [found[record[kind]].get(record[id]) for record in records]


# ---- the ways back ------------------------------------------------------------------------------


@dataclass(frozen=True)
class WayBack(Field):
    """The entities that refer to this one."""

    way: Way

    def write(self, made: "Entity", ask: Ask) -> str:  # type: ignore[override]
        number = made.link(ask, self.way, lambda: self._link(made.compiler, ask))
        return made.waits(number, f"({made.column('key')}, out)")

    def _link(self, compiler: "Compiler", ask: Ask) -> "Referrers":
        connection = compiler.connection(self.way.kind, ask.details, offset=1)
        return Referrers(compiler.number(), attribute_of(ask.key), self.way, ask.arguments, connection)

    def unseen(self, row: Unseen, run: Run, made: Any, number: int | None) -> Any:
        assert number is not None
        run.pending[number].append((row.key, made))
        return None


@dataclass
class Referrers(Link):
    """Reads the entities that refer to the waiting ones, which wait by their key."""

    way: Way
    arguments: Arguments
    connection: Connection

    async def follow(self, run: Run, waiting: list[Any], fetched: Sequence[Any] | None) -> None:
        way = self.way
        relations, page, statement = self.arguments.turned(run, self.asked)
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
            counting = reads.count_pointing_at(view, way.target, relations, page.condition)
            for place, number in await run.store.fetch(counting.of(keys)):
                totals[place - 1] = number
        found = await self.connection.parts(run, page, lists, totals)
        if len(keys) < len(waiting):
            made = dict(zip(keys, found, strict=True))
            found = run.shared([made[key] for key, _ in waiting])
        for (_, one), those in zip(waiting, found, strict=True):
            setattr(one, self.attribute, those)

    def grown(self, run: Run, room: Room) -> Grown | None:
        way, made = self.way, self.connection
        if not made.reads:
            return None
        room.take()
        view = run.store.view(way.kind)
        relations, page, _ = self.arguments.turned(run, self.asked)
        below = grown(made.selections, run, room)
        more, columns = with_one_more(page), made.columns.all
        branch = Branch(view, columns, branches(below), relations, way.target, more, made.cursors)
        return Grown(self, branch, below)

    def asked(self, given: dict[str, Any]) -> tuple[tuple[str, ...], Page, Callable[[View], Statement]]:
        """By which relations, which page of each list, and what makes the statement for all of them."""
        way, columns, sorts = self.way, self.connection.columns.all, self.connection.cursors
        relations, page = _relations(way, given), page_of(way.kind, given)
        more = with_one_more(page)

        def make(view: View) -> Statement:
            return reads.pointing_at(view, way.target, relations, columns, more, sorts)

        return relations, page, functools.cache(make)  # not made where the root's statement reads it


def _relations(way: Way, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """The relations that `via` names, all where it names none."""
    via = arguments.get("via")
    named = {one.value if isinstance(one, enum.Enum) else one for one in via or ()}
    return tuple(sorted(named)) or way.relations


# ---- lists of all ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listing(RootField):
    """The list of all entities of a kind, or of the kinds behind an abstract type."""

    node: Kind | Abstract

    def root(self, compiler: "Compiler", ask: Ask) -> Root:
        return ListOfAll(self.node, ask.arguments, compiler.connection(self.node, ask.details))


@dataclass
class ListOfAll:
    """Reads a list of all."""

    node: Kind | Abstract
    arguments: Arguments
    connection: Connection

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return (self.node,) if isinstance(self.node, Kind) else self.node.kinds

    async def __call__(self, run: Run) -> Any:
        kinds = self.kinds
        page, statement = self.arguments.turned(run, self.asked)
        records: Sequence[Any] = ()
        views = run.store.views(kinds)  # also where nothing is to be read of them
        if self.connection.needs_rows(page):
            records = await run.store.fetch(statement(views))
        total = await run.store.count(kinds, page.condition) if self.connection.counts else None
        return (await self.connection.parts(run, page, [records], [total]))[0]

    def asked(self, given: dict[str, Any]) -> tuple[Page, Callable[[tuple[View, ...]], Statement]]:
        """Which page of the list, and what makes its statement."""
        page, columns = page_of(self.node, given), self.connection.columns.all
        more, sorts = with_one_more(page), self.connection.cursors

        def make(views: tuple[View, ...]) -> Statement:
            return reads.search(views, columns, more, sorts)

        return page, functools.cache(make)
