"""References: fields that lead from an entity, or from what is nested in it, to the entity that is meant."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType, get_named_type

from models.declare import Attribute, Kind, Points
from models.declare import Link as Reference
from resolvers.graphql.fields import Ask, Field
from resolvers.graphql.plan import OF_THE_WHOLE, Grown, Level, Link, Room, Run, branches, grown
from resolvers.storage.reads import Branch

if TYPE_CHECKING:
    from resolvers.graphql.compiler import Entity, Object

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
            except Exception as error:
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


# ---- the fields ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target(Field):
    """The entity that a reference points to, null where it is not held here.

    What other systems hold is null as well; behind a gateway it is its key, from which the gateway goes on.
    """

    link: Reference

    def write(self, made: "Object", ask: Ask) -> str:
        link, targets = self.link, made.compiler.world.targets(self.link)
        if targets.external is not None:
            return self._external(made, ask)
        compiler, holder, path = made.compiler, made.holder, made.path
        number = made.link(ask, (link, path), lambda: compiler.to_one(ask, targets, holder, path))
        id = made.fresh()
        if isinstance(link.to, str):  # whatever type the reference carries
            made.after(f"{id} = o.get({link.id_key!r})")
            return made.waits(
                number, f"({made.name(targets.held_names)}, {id}, out)", f"{id} and type({id}) is str"
            )
        names = made.fresh()
        made.after(f"{names}, {id} = {made.call(targets.held, 'o')}")
        return made.waits(number, f"({names}, {id}, out)", names)

    def _external(self, made: "Object", ask: Ask) -> str:
        type_ = get_named_type(ask.definition.type)
        assert isinstance(type_, GraphQLObjectType)
        asked = made.compiler.fields(type_, ask.details)
        keys = {key: details[0].node.name.value for key, details in asked.items()}
        id_key = self.link.id_key

        def external(o: Any, run: Run) -> Any:
            id = o.get(id_key) if run.subgraph else None
            if not id:
                return None
            if asked.error is not None:
                return asked.error
            return {key: type_.name if name == "__typename" else id for key, name in keys.items()}

        return made.call(external, "o", "run")


@dataclass(frozen=True)
class Named(Field):
    """The entity that a scalar attribute names."""

    attribute: Attribute
    points: Points

    def write(self, made: "Entity", ask: Ask) -> str:  # type: ignore[override]
        compiler, holder, path = made.compiler, made.holder, self.attribute.key
        targets = compiler.world.targets(self.points)
        if targets.external is not None:
            return "None"
        number = made.link(ask, self.points, lambda: compiler.to_one(ask, targets, holder, path))
        names, id = made.fresh(), made.fresh()
        found = made.call(targets.held, made.column(self.attribute.name))
        made.after(f"{names}, {id} = {found}")
        return made.waits(number, f"({names}, {id}, out)", names)
