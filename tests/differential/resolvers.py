"""The graph by plain resolvers, as graphql-core calls them one by one: what the plans are compared with.

Nothing of the product uses them. They work on whole entities, with dataloaders, and know nothing of plans.
"""

import enum
import functools
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiodataloader import DataLoader
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLResolveInfo, GraphQLUnionType
from strawberry.federation import Schema as FederationSchema

from models import WHOLE
from models.declare import (
    Abstract,
    Attribute,
    External,
    Kind,
    Link,
    Points,
    attributes,
    case_of,
    link_of,
    other,
    special_of,
)
from models.links import Way, ways_back
from resolvers.errors import BadRequest
from resolvers.graphql.graph import OF_EVERY_ENTITY, sdl
from resolvers.graphql.history import EVENTS_AT_MOST, EVENTS_BY_DEFAULT
from resolvers.graphql.mutations import Creates, Deletes, Updates, Writes
from resolvers.graphql.paging import page_of, with_one_more
from resolvers.storage import reads as statements
from resolvers.storage.conditions import (
    Condition,
    cursor,
)
from resolvers.storage.loaders import Loaders
from resolvers.storage.reads import Page
from resolvers.storage.rows import Row, not_found
from resolvers.storage.store import Store
from schema.graphql.sdl import schema

Resolver = Callable[..., Any]


class MoreLoaders(Loaders):
    """With what nothing but these resolvers asks for."""

    def count_pointing_at(
        self, kind: Kind, target: Kind, relations: tuple[str, ...], condition: Condition
    ) -> "DataLoader[uuid.UUID, int]":
        return self._loader(
            ("count_pointing_at", kind, target, relations, condition),
            lambda keys: self._count_pointing_at(kind, target, relations, keys, condition),
        )

    def history(self, kind: Kind, first: int, after: int) -> "DataLoader[uuid.UUID, list[Mapping[str, Any]]]":
        return self._loader(
            ("history", kind, first, after), lambda keys: self._store.history(kind, keys, first, after)
        )

    async def _count_pointing_at(
        self,
        kind: Kind,
        target: Kind,
        relations: tuple[str, ...],
        keys: Sequence[uuid.UUID],
        condition: Condition,
    ) -> dict[uuid.UUID, int]:
        """For each target key, how many `kind` entities refer to it. One statement."""
        statement = statements.count_pointing_at(self._store.view(kind), target, relations, condition)
        found = await self._store.fetch(statement.of(keys))
        return {keys[place - 1]: number for place, number in found}


@dataclass
class Context:
    """What one request's resolvers work with."""

    store: Store
    base_url: str
    subgraph: bool = False
    """Whether a federation gateway is in front, which can resolve what other systems hold by its key."""

    def __post_init__(self) -> None:
        self.loaders = MoreLoaders(self.store)


# ---- attributes ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reads:
    """Reads one attribute off a Row or a nested object."""

    attribute: Attribute

    def __call__(self, source: Any, info: GraphQLResolveInfo) -> Any:
        found = source.get(self.attribute.key)
        return found or [] if self.attribute.many else found


def href(source: Row, info: GraphQLResolveInfo) -> str:
    return f"{info.context.base_url}{source.kind.homes[0].url}/{source.id}"


def revision(source: Row, info: GraphQLResolveInfo) -> int:
    return source.revision


@dataclass(frozen=True)
class Extension:
    """The attributes of an object that its class does not declare, null where there are none."""

    cls: type[Any]

    def __call__(self, source: Any, info: GraphQLResolveInfo) -> Any:
        return self.of(source.body if isinstance(source, Row) else source)

    def of(self, body: Mapping[str, Any]) -> Any:
        declared = self._declared
        return {key: value for key, value in body.items() if key not in declared} or None

    @functools.cached_property
    def _declared(self) -> frozenset[str]:
        return frozenset(attribute.key for attribute in attributes(self.cls))


# ---- links --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """The entity that a reference points to, null where it is not held here.

    What other systems hold is null as well; behind a gateway it is its key, from which the gateway goes on.
    """

    link: Link

    def __call__(self, source: Any, info: GraphQLResolveInfo) -> Any:
        if isinstance(self.link.to, External):
            return self.external(source, info.context.subgraph)
        return _held(info, *WHOLE.targets(self.link).held(source))

    def external(self, source: Any, subgraph: bool) -> Any:
        return {"id": id} if subgraph and (id := source.get(self.link.id_key)) else None


@dataclass(frozen=True)
class Pointed:
    """The entity that a scalar attribute names."""

    attribute: Attribute
    points: Points

    def __call__(self, source: Any, info: GraphQLResolveInfo) -> Any:
        return _held(info, *WHOLE.targets(self.points).held(source.get(self.attribute.key)))


def _held(info: GraphQLResolveInfo, names: Sequence[str], id: str) -> Awaitable[Row | None] | None:
    return info.context.loaders.first_held(names, id) if names else None


# ---- lists --------------------------------------------------------------------------------------


@dataclass
class Connection:
    """A page of a list, as the connection types read it."""

    rows: list[Row]
    page: Page
    more: bool
    total: Callable[[], Awaitable[int]]


@dataclass(frozen=True)
class WayBack:
    """The entities that refer to this one."""

    way: Way

    def __call__(self, source: Row, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        way, relations, page = self.way, self.relations(arguments), page_of(self.way.kind, arguments)
        loaders: MoreLoaders = info.context.loaders
        found = loaders.pointing_at(way.kind, way.target, relations, with_one_more(page)).load(source.key)

        def total() -> Awaitable[int]:
            return loaders.count_pointing_at(way.kind, way.target, relations, page.condition).load(source.key)

        return _connection(found, page, total)

    def relations(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """The relations that `via` names, all where it names none."""
        via = arguments.get("via")
        named = {one.value if isinstance(one, enum.Enum) else one for one in via or ()}
        return tuple(sorted(named)) or self.way.relations


@dataclass(frozen=True)
class Listing:
    """The list of all entities of a kind, or of the kinds behind an abstract type."""

    node: Kind | Abstract

    def __call__(self, source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        page, store = page_of(self.node, arguments), info.context.store

        def total() -> Awaitable[int]:
            return store.count(self.kinds, page.condition)

        return _connection(store.search(self.kinds, with_one_more(page)), page, total)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return (self.node,) if isinstance(self.node, Kind) else self.node.kinds


async def _connection(
    rows: Awaitable[list[Row]], page: Page, total: Callable[[], Awaitable[int]]
) -> Connection:
    found = await rows
    limit = page.limit or 0
    more = len(found) > limit
    kept = (found[-limit:] if page.backwards else found[:limit]) if limit else []
    return Connection(kept, page, more, total)


CONNECTION: dict[str, Resolver] = {
    "nodes": lambda source, info: source.rows,
    "edges": lambda source, info: source.rows,
    "pageInfo": lambda source, info: source,
    "totalCount": lambda source, info: source.total(),
}
EDGE: dict[str, Resolver] = {
    "node": lambda source, info: source,
    "cursor": lambda source, info: cursor(source.place),
}
PAGE_INFO: dict[str, Resolver] = {
    "hasNextPage": lambda source, info: (
        source.page.before is not None if source.page.backwards else source.more
    ),
    "hasPreviousPage": lambda source, info: (
        source.more if source.page.backwards else source.page.after is not None
    ),
    "startCursor": lambda source, info: cursor(source.rows[0].place) if source.rows else None,
    "endCursor": lambda source, info: cursor(source.rows[-1].place) if source.rows else None,
}


# ---- one entity ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Single:
    """The entity with an id, null where there is none."""

    node: Kind | Abstract

    def __call__(self, source: Any, info: GraphQLResolveInfo, id: str) -> Any:
        return info.context.loaders.first_held(self.names, id)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The kinds that may hold it."""
        kinds = (self.node,) if isinstance(self.node, Kind) else self.node.kinds
        return tuple(kind.name for kind in kinds)


async def node(source: Any, info: GraphQLResolveInfo, id: str) -> Row | None:
    """The entity with an id, of whatever kind; `Customer:42` says which where several kinds hold it."""
    names, id = await holding(info.context.store, id)
    return await info.context.loaders.first_held(names, id) if names else None


async def holding(store: Store, id: str) -> tuple[tuple[str, ...], str]:
    """Which kind holds what `node` is asked for, and its id there; no name where none does."""
    name, colon, rest = id.partition(":")
    if colon and name in WHOLE.kinds:
        return (name,), rest
    rows = await store.anywhere(id)
    if len(rows) > 1:
        names = " or ".join(f'"{row.kind.name}:{id}"' for row in rows)
        raise BadRequest(f"Several kinds hold the id {id}: ask for {names}.")
    return tuple(row.kind.name for row in rows), id


def entities(source: Any, info: GraphQLResolveInfo, representations: list[Any]) -> list[Any]:
    """What a federation gateway asks for by type and key: one batch for each type, through the same loaders.

    What is wrong with one representation, or not held, is null with an error at its place.
    """
    return [_entity(info.context.loaders, one) for one in representations]


def _entity(loaders: Loaders, representation: Any) -> Awaitable[Row] | Exception:
    try:
        node, id = represented(representation)
    except BadRequest as error:
        return error
    held = loaders.first_held(Single(node).names, id)  # asked for at once, so that all go in one batch

    async def found() -> Row:
        row = await held
        if row is None:
            raise not_found(node, id)
        return row

    return found()


def represented(representation: Any) -> tuple[Kind | Abstract, str]:
    """The type and the id that a representation names."""
    if not isinstance(representation, dict):
        raise BadRequest("A representation is an object with __typename and id.")
    name, id = representation.get("__typename"), representation.get("id")
    if isinstance(id, int) and not isinstance(id, bool):
        id = str(id)  # as GraphQL coerces an ID
    if not isinstance(id, str):
        raise BadRequest("A representation needs an id, as text or whole number.")
    nodes: dict[Any, Kind | Abstract] = {**WHOLE.abstracts, **WHOLE.kinds, **_OTHERS}
    node = nodes.get(name) if isinstance(name, str) else None
    if node is None:
        raise BadRequest(f"There is no entity type {str(name)[:60]} here.")
    return node, id


_OTHERS: dict[str, Kind] = {other(kind.name): kind for kind in WHOLE.kinds.values() if kind.special}


def history(source: Row, info: GraphQLResolveInfo, **arguments: Any) -> Any:
    return info.context.loaders.history(source.kind, *part_of(arguments)).load(source.key)


def part_of(arguments: Mapping[str, Any]) -> tuple[int, int]:
    """Which part of a history is asked for: how many events at most, and after which revision."""
    first, after = arguments.get("first"), arguments.get("after")
    if first is not None and not 0 <= first <= EVENTS_AT_MOST:
        raise BadRequest(f"first must lie between 0 and {EVENTS_AT_MOST} for a history, not {first}.")
    return EVENTS_BY_DEFAULT if first is None else first, after or 0


@dataclass(frozen=True)
class Item:
    """What a mapping has under a key."""

    key: str

    def __call__(self, source: Any, info: GraphQLResolveInfo) -> Any:
        return source[self.key]


EVENT = {
    "id": "id",
    "type": "type",
    "time": "time",
    "actor": "actor",
    "revision": "revision",
    "stateBefore": "state_before",
    "stateAfter": "state_after",
}


# ---- mutations ----------------------------------------------------------------------------------


def writes(what: Writes) -> Resolver:
    async def run(source: Any, info: GraphQLResolveInfo, **given: Any) -> Row:
        return await what.write(info.context.store, given)

    return run


# ---- the schema with these resolvers ------------------------------------------------------------


@functools.cache
def attached() -> FederationSchema:
    """The schema of the whole graph, each field with its resolver; a field without one is a mistake."""
    made = schema(WHOLE, OF_EVERY_ENTITY)
    core: Any = made._schema
    for found in core.type_map.values():
        if isinstance(found, (GraphQLInterfaceType, GraphQLUnionType)) and not found.name.startswith("__"):
            found.resolve_type = lambda row, info, type_: row.kind.typename
        if isinstance(found, GraphQLObjectType):
            found.is_type_of = None
    for cls in WHOLE.values:
        if special_of(cls):
            core.type_map[cls.__name__].resolve_type = _case(cls)
    for kind in WHOLE.kinds.values():
        resolvers: dict[str, Resolver] = {a.graphql_name: Reads(a) for a in kind.attributes}
        resolvers |= {
            "href": href,
            "revision": revision,
            "extension": Extension(kind.cls),
            "history": history,
        }
        for attribute in kind.attributes:
            points = attribute.mark(Points)
            if points:
                resolvers[points.field] = Pointed(attribute, points)
        resolvers |= {way.name: WayBack(way) for way in ways_back(kind)}
        _resolve(core, kind.typename, resolvers)
    for cls in WHOLE.values:
        resolvers: dict[str, Resolver] = {a.graphql_name: Reads(a) for a in attributes(cls)}
        resolvers["extension"] = Extension(cls)
        link = link_of(cls)
        if link is not None:
            resolvers["target"] = Target(link)
        name = other(cls.__name__) if special_of(cls) else cls.__name__
        if name in core.type_map:
            _resolve(core, name, resolvers)
    links = (link for link in map(link_of, WHOLE.values) if link)
    for external in {link.to.name for link in links if isinstance(link.to, External)}:
        _resolve(core, external, {"id": Item("id")})
    _resolve(core, "_Service", {"sdl": lambda source, info: sdl(WHOLE).rstrip("\n")})
    queries: dict[str, Any] = {
        "node": node,
        "_service": lambda source, info: {},
        "_entities": entities,
    }
    for one in (*WHOLE.kinds.values(), *WHOLE.abstracts.values()):
        queries |= {one.singular: Single(one), one.plural: Listing(one)}
        _resolve(core, f"{one.name}Connection", CONNECTION)
        _resolve(core, f"{one.name}Edge", EDGE)
    _resolve(core, "Query", queries)
    mutations: dict[str, Any] = {}
    for kind in WHOLE.kinds.values():
        mutations |= {
            f"create{kind.name}": writes(Creates(kind)),
            f"update{kind.name}": writes(Updates(kind)),
            f"delete{kind.name}": writes(Deletes(kind)),
        }
    _resolve(core, "Mutation", mutations)
    _resolve(core, "PageInfo", PAGE_INFO)
    _resolve(core, "Event", {name: Item(key) for name, key in EVENT.items()})
    return made


def _case(cls: type[Any]) -> Any:
    """Which type an object of a polymorphic value is."""

    def resolve(source: Any, info: Any, type_: Any) -> str:
        case = case_of(cls, source)
        return other(cls.__name__) if case is cls else case.__name__

    return resolve


def _resolve(core: Any, type_name: str, resolvers: dict[str, Any]) -> None:
    for name, found in core.type_map[type_name].fields.items():
        found.resolve = resolvers[name]
