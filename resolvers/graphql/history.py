"""`history`: what happened to an entity."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import strawberry
from graphql import GraphQLError, GraphQLInt

from models.declare import Kind
from resolvers.errors import BadRequest
from resolvers.graphql.fields import Ask, OfEveryEntity
from resolvers.graphql.plan import Arguments, Link, Run
from resolvers.graphql.source import attribute_of
from schema.graphql.parts import argument
from schema.graphql.types import SHARED, Revision

if TYPE_CHECKING:
    from resolvers.graphql.compiler import Compiler, Entity

COLUMNS = {
    "id": "id",
    "type": "type",
    "time": "time",
    "actor": "actor",
    "revision": "revision",
    "stateBefore": "state_before",
    "stateAfter": "state_after",
}
"""The columns of events, by the names of the fields that give them."""


EVENTS_BY_DEFAULT = 100
EVENTS_AT_MOST = 1000


@strawberry.type(
    description="Something that happened to an entity: its creation, a change, a change of state.",
    directives=SHARED,
)
class Event:
    """Something that happened to an entity: its creation, a change, a change of state."""

    id: strawberry.ID = strawberry.field(description="Identifier of the event.")
    type: str = strawberry.field(description="TMF's name of the event, such as ProductOrderStateChangeEvent.")
    time: dt.datetime = strawberry.field(description="When it happened.")
    actor: str = strawberry.field(description="Who asked for the change.")
    revision: int = strawberry.field(description="The entity's revision after the change, counted from 1.")
    state_before: str | None = strawberry.field(description="State before the change.")
    state_after: str | None = strawberry.field(description="State after the change.")


class History(OfEveryEntity):
    """What happened to the entity, oldest first."""

    field_name = "history"
    type = list[Event]
    description = (
        "What happened to it, oldest first: creation, changes, changes of state. One part at a time: where "
        "as many come as were asked for, there may be more after the `revision` of the last."
    )
    arguments = (
        argument(
            "first",
            int | None,
            f"The first so many, at most {EVENTS_AT_MOST}; {EVENTS_BY_DEFAULT} where nothing is said.",
        ),
        argument(
            "after",
            Revision | None,
            "Only what came after this revision: that of the last event that is known.",
        ),
    )

    def write(self, made: "Entity", ask: Ask) -> str:  # type: ignore[override]
        number = made.link(ask, made.kind, lambda: self._link(made.compiler, made.kind, ask))
        return made.waits(number, f"({made.column('key')}, out)")

    def _link(self, compiler: "Compiler", kind: Kind, ask: Ask) -> "Events":
        asked = compiler.fields(compiler.object_type("Event"), ask.details)
        fields = {key: _of_event(details[0].node.name.value) for key, details in asked.items()}

        def made(event: Mapping[str, Any]) -> Any:
            return asked.error or {key: give(event) for key, give in fields.items()}

        size = compiler.bytes_of(fields)
        return Events(compiler.number(), attribute_of(ask.key), kind, ask.arguments, made, size)


def _of_event(name: str) -> Callable[[Mapping[str, Any]], Any]:
    if name == "__typename":
        return lambda event: "Event"
    if name == "revision":
        return _revision
    column = COLUMNS[name]
    return lambda event: str(event[column]) if column == "id" else event[column]


def _revision(event: Mapping[str, Any]) -> Any:
    """The revision, or the error that it has where it is larger than an Int."""
    try:
        return GraphQLInt.coerce_output_value(event["revision"])
    except GraphQLError as error:
        return error


@dataclass
class Events(Link):
    """Reads what happened to the entities that wait, by their keys."""

    kind: Kind
    arguments: Arguments
    build: Callable[[Mapping[str, Any]], Any]
    bytes_of_each: int
    """About how long the object of an event is."""

    async def follow(self, run: Run, waiting: list[Any], fetched: Sequence[Any] | None) -> None:
        first, after = self.arguments.turned(run, part_of)
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


def part_of(arguments: Mapping[str, Any]) -> tuple[int, int]:
    """Which part of a history is asked for: how many events at most, and after which revision."""
    first, after = arguments.get("first"), arguments.get("after")
    if first is not None and not 0 <= first <= EVENTS_AT_MOST:
        raise BadRequest(f"first must lie between 0 and {EVENTS_AT_MOST} for a history, not {first}.")
    return EVENTS_BY_DEFAULT if first is None else first, after or 0
