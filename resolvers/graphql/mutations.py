"""Fields of the mutation: an entity is created, changed or deleted, and given as it is then."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models import json_in
from models.declare import Attribute, Kind, family_attributes
from models.json_in import BadJson
from resolvers.entrances import reads
from resolvers.errors import BadRequest
from resolvers.graphql.fields import Ask, RootField
from resolvers.graphql.plan import OF_THE_WHOLE, Arguments, Level, Root, Run
from resolvers.storage.idempotency import Asked, accepted_key, digest
from resolvers.storage.rows import Row
from resolvers.storage.store import Store

if TYPE_CHECKING:
    from resolvers.graphql.compiler import Compiler


@dataclass(frozen=True)
class Writes(RootField):
    """A field that writes one entity."""

    kind: Kind

    def root(self, compiler: "Compiler", ask: Ask) -> Root:
        return Written(self, ask.arguments, compiler.level(self.kind, ask.details))

    async def write(self, store: Store, given: dict[str, Any]) -> Row:
        """Carries it out with these arguments, and gives the entity."""
        raise NotImplementedError


@dataclass
class Written:
    """Writes an entity, and then makes its object of the row that was written, and of what hangs on it."""

    field: Writes
    arguments: Arguments
    level: Level

    async def __call__(self, run: Run) -> Any:
        try:
            row = await self.field.write(run.store, self.arguments.of(run))
        except OF_THE_WHOLE as error:
            return error  # of this field: those in front of it are carried out
        run.written += 1
        async with run.store.holding():
            return await self.level.written(run, row)


class Creates(Writes):
    """`createX`: stores a new entity."""

    async def write(self, store: Store, given: dict[str, Any]) -> Row:
        document = _document(self.kind.cls, given["input"], keep_null=False)
        return (await store.create_once(self.kind, document, _asked(self.kind, document, given)))[0]


class Updates(Writes):
    """`updateX`: merges a change into an entity."""

    async def write(self, store: Store, given: dict[str, Any]) -> Row:
        change, expected = _document(self.kind.cls, given["input"], keep_null=True), _expected(given)
        return await store.patch(self.kind, given["id"], change, revisions=expected)


class Deletes(Writes):
    """`deleteX`: removes an entity, and gives what it was."""

    async def write(self, store: Store, given: dict[str, Any]) -> Row:
        return await store.delete(self.kind, given["id"], force=given["force"], revisions=_expected(given))


def _asked(kind: Kind, document: dict[str, Any], given: Mapping[str, Any]) -> Asked | None:
    """The creation as one that may be asked for again, where it has a key."""
    if "idempotencyKey" not in given:
        return None
    if given["idempotencyKey"] is None:
        raise BadRequest("idempotencyKey is null: leave it out to create without a key.")
    key = accepted_key(given["idempotencyKey"], "idempotencyKey")
    return Asked(key, digest(f"create{kind.name}", kind, document))


def _expected(given: Mapping[str, Any]) -> frozenset[int] | None:
    """The revisions that a write may replace; None where any will do."""
    if "ifRevision" not in given:
        return None
    if given["ifRevision"] is None:  # of a variable that was to hold one: it would protect nothing
        raise BadRequest("ifRevision is null: leave it out to write whatever the revision is.")
    return frozenset({given["ifRevision"]})


@reads("The input")
def _document(cls: type[Any], data: dict[str, Any], *, keep_null: bool) -> dict[str, Any]:
    """A TMF document from a coerced GraphQL input: TMF's names, extension attributes in their place."""
    document = _renamed(cls, data, keep_null)
    try:
        json_in.accept(document)
    except BadJson as error:
        raise BadRequest(str(error)) from None
    return document


def _renamed(cls: type[Any], data: dict[str, Any], keep_null: bool) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for attribute in family_attributes(cls):
        if attribute.graphql_name in data:
            value = data[attribute.graphql_name]
            if value is not None:
                document[attribute.key] = _renamed_value(attribute, value, keep_null)
            elif keep_null:
                document[attribute.key] = None
    extra = data.get("extension")
    if extra is not None:
        if not isinstance(extra, dict):
            raise BadRequest("extension must be an object: attribute names with their values.")
        taken = {attribute.key for attribute in family_attributes(cls)}.intersection(extra)
        if taken:
            raise BadRequest(f"extension cannot hold {', '.join(sorted(taken))}: {cls.__name__} declares it.")
        document.update(extra)
    return document


def _renamed_value(attribute: Attribute, value: Any, keep_null: bool) -> Any:
    if attribute.many:
        return [_renamed_one(attribute, inner, keep_null) for inner in value]
    return _renamed_one(attribute, value, keep_null)


def _renamed_one(attribute: Attribute, value: Any, keep_null: bool) -> Any:
    if attribute.is_value:
        return _renamed(attribute.type, value, keep_null)
    return value.value if isinstance(value, enum.Enum) else value
