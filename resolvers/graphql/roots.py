"""Fields of the query that give one entity, or what a federation gateway asks for."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

from models.declare import Abstract, Kind, World, other
from resolvers.errors import BadRequest, CallerError
from resolvers.graphql.fields import Ask, RootField
from resolvers.graphql.links import ToOne
from resolvers.graphql.lists import Referrers
from resolvers.graphql.plan import (
    OF_THE_WHOLE,
    Arguments,
    Grown,
    Level,
    Room,
    Root,
    Run,
    TooWide,
    branches,
    grown,
)
from resolvers.storage import reads
from resolvers.storage.reads import Statement
from resolvers.storage.rows import not_found
from resolvers.storage.store import Store
from resolvers.storage.view import View

if TYPE_CHECKING:
    from resolvers.graphql.compiler import Compiler


@dataclass(frozen=True)
class One(RootField):
    """The entity with an id, null where there is none."""

    node: Kind | Abstract

    def root(self, compiler: "Compiler", ask: Ask) -> Root:
        names = kinds_of(self.node)
        return Single(names, ask.arguments, compiler.level_of_each("", names, ask.details))


def kinds_of(node: Kind | Abstract) -> tuple[str, ...]:
    """Names of the kinds that an entity of a node may be of."""
    kinds = (node,) if isinstance(node, Kind) else node.kinds
    return tuple(kind.name for kind in kinds)


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
            statement, hanging = self.tree(run, level)
            records = await run.store.fetch(statement.of(id, run.store.budget.rows_left))
        except OF_THE_WHOLE:
            raise
        except (TooWide, CallerError, GraphQLError):
            # Nothing is read yet. Level by level it shows which field an error is of.
            return (await level.by_id(run, [id])).get(id)
        top: list[Any] = []
        parts = [top]
        run.fetched = {one.link.number: one.fetched(parts) for one in hanging}
        for number, record in records:
            parts[number].append(record)
        made = await level.objects(run, top)
        return made[0] if made else None

    def tree(self, run: Run, level: Level) -> tuple[Statement, list[Grown]]:
        """One statement for the entity and all that hangs on it: a round trip for each level would cost more
        than the rows, where there are so few."""
        view = run.store.view(level.kind)
        if view in self._together:
            return self._together[view]
        hanging = grown([level], run, Room())
        together = reads.tree(view, level.columns.all, branches(hanging)), hanging
        if all(map(_constant, hanging)):
            self._together[view] = together
        return together


def _constant(one: Grown) -> bool:
    """Whether the branch is the same whatever the variables are."""
    of_the_link = not isinstance(one.link, Referrers) or one.link.arguments.constant
    return of_the_link and all(map(_constant, one.below))


def _of_database(id: str) -> str:
    """The id as a text that the database knows; one that it cannot hold is nobody's, like the empty one."""
    return "" if "\0" in id else id


class Node(RootField):
    """`node`: the entity with an id; `Customer:42` says of which kind, where several hold it."""

    def root(self, compiler: "Compiler", ask: Ask) -> Root:
        return Anywhere(
            compiler.world, ask.arguments, compiler.level_of_each("", compiler.world.kinds, ask.details)
        )


@dataclass
class Anywhere:
    """Reads the entity with an id, whatever its kind."""

    world: World
    arguments: Arguments
    link: ToOne

    async def __call__(self, run: Run) -> Any:
        names, id = await _holding(self.world, run.store, self.arguments.of(run)["id"])
        return (await self.link.found(run, [(names, id)]))[0] if names else None


async def _holding(world: World, store: Store, id: str) -> tuple[tuple[str, ...], str]:
    """Which kind holds what `node` is asked for, and its id there; no name where none does."""
    name, colon, rest = id.partition(":")
    if colon and name in world.kinds:
        return (name,), rest
    rows = await store.anywhere(id)
    if len(rows) > 1:
        names = " or ".join(f'"{row.kind.name}:{id}"' for row in rows)
        raise BadRequest(f"Several kinds hold the id {id}: ask for {names}.")
    return tuple(row.kind.name for row in rows), id


class Entities(RootField):
    """`_entities`: what a federation gateway asks for by type and key."""

    def root(self, compiler: "Compiler", ask: Ask) -> Root:
        return Represented(
            _entity_types(compiler.world),
            ask.arguments,
            compiler.level_of_each("", compiler.world.kinds, ask.details),
        )


@dataclass
class Represented:
    """Reads entities by type and key. What is wrong with one of them is an error at its place."""

    types: Mapping[str, Kind | Abstract]
    arguments: Arguments
    link: ToOne

    async def __call__(self, run: Run) -> Any:
        asked = [_represented(self.types, one) for one in self.arguments.of(run)["representations"]]
        good = [one for one in asked if isinstance(one, tuple)]
        wanted = [(kinds_of(node), _of_database(id)) for node, id in good]
        found = iter(await self.link.found(run, wanted))
        made: list[Any] = []
        for one in asked:
            held = next(found) if isinstance(one, tuple) else one
            made.append(not_found(*one) if held is None and isinstance(one, tuple) else held)
        return made


def _represented(
    types: Mapping[str, Kind | Abstract], representation: Any
) -> tuple[Kind | Abstract, str] | BadRequest:
    try:
        return represented(types, representation)
    except BadRequest as error:
        return error


def represented(types: Mapping[str, Kind | Abstract], representation: Any) -> tuple[Kind | Abstract, str]:
    """The type and the id that a representation names."""
    if not isinstance(representation, dict):
        raise BadRequest("A representation is an object with __typename and id.")
    name, id = representation.get("__typename"), representation.get("id")
    if isinstance(id, int) and not isinstance(id, bool):
        id = str(id)  # as GraphQL coerces an ID
    if not isinstance(id, str):
        raise BadRequest("A representation needs an id, as text or whole number.")
    node = types.get(name) if isinstance(name, str) else None
    if node is None:
        raise BadRequest(f"There is no entity type {str(name)[:60]} here.")
    return node, id


@functools.cache
def _entity_types(world: World) -> Mapping[str, Kind | Abstract]:
    """What entities may be called in a representation."""
    others = {other(kind.name): kind for kind in world.kinds.values() if kind.special}
    return {**world.abstracts, **world.kinds, **others}
