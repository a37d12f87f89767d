"""`history`: what happened to an entity."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.declare import Kind
from resolvers.errors import BadRequest
from resolvers.graphql.fields import Ask, Field
from resolvers.graphql.plan import Arguments, Link, Run
from resolvers.graphql.source import attribute_of
from schema.graphql.types import EVENTS_AT_MOST, EVENTS_BY_DEFAULT

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


class History(Field):
    """What happened to the entity, oldest first."""

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
    column = COLUMNS[name]
    return lambda event: str(event[column]) if column == "id" else event[column]


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
