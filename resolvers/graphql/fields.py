"""The fields of the graph: what each one is, and what becomes of it in a plan.

A field is one class. `write` says what it comes to in an object, as an expression in the function that makes
such objects (`source.py`); a field that leads on to other entities lets the object wait for a `Link`
(`plan.py`), which reads for all that wait at once. The fields of queries and mutations give a `Root` instead.

Here are the fields that are made of an entity's own row and document; `links.py`, `lists.py` and `history.py`
have those that lead on, `roots.py` and `mutations.py` those of the root.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from graphql import GraphQLSchema

from models.declare import Attribute, World, attributes
from resolvers.graphql.core import Details
from resolvers.graphql.plan import Arguments, Root, Run
from resolvers.storage.rows import Unseen
from resolvers.storage.store import Store
from schema.graphql.parts import Argument

if TYPE_CHECKING:
    from resolvers.graphql.compiler import Compiler, Entity, Object


@dataclass
class Context:
    """What one request's operation works with."""

    store: Store
    base_url: str
    subgraph: bool = False
    """Whether a federation gateway is in front, which can resolve what other systems hold by its key."""


@dataclass(frozen=True)
class Ask:
    """What an operation asks of a field: the key in the answer, and the places in the document that ask."""

    key: str
    details: Details
    definition: Any
    """The field in the schema."""

    @property
    def name(self) -> str:
        return self.details[0].node.name.value

    @functools.cached_property
    def arguments(self) -> Arguments:
        return Arguments(self.definition, self.details[0].node)


class Field:
    """A field of objects: of entities, or of what is nested in their documents."""

    reads_whole = False
    """Whether it needs all of a document, not only the attributes that are named."""

    def write(self, made: "Object", ask: Ask) -> str:
        """An expression for its value in the function that makes the objects."""
        raise NotImplementedError

    def unseen(self, row: Unseen, run: Run, made: Any, number: int | None) -> Any:
        """Its value for one who has written the entity and may not read it: the error that says so.

        `number` is that of the link by which it leads on, where it does.
        """
        return row.refusal


class OfEveryEntity(Field):
    """A field that every entity has beside its attributes and ways back: its type, and what it does."""

    field_name: ClassVar[str]
    type: ClassVar[Any]
    """As Strawberry takes it."""
    description: ClassVar[str]
    arguments: ClassVar[Sequence[Argument]] = ()


class RootField:
    """A field of the query or of the mutation."""

    def root(self, compiler: "Compiler", ask: Ask) -> Root:
        """What gives its value."""
        raise NotImplementedError


Fields = Mapping[str, Mapping[str, Field | RootField]]
"""By name of the type and of the field: the fields of objects and of the root."""


@dataclass(frozen=True)
class Graph:
    """The graph of one world: its schema, and what each of its fields does."""

    world: World
    core: GraphQLSchema
    fields: Fields


# ---- made of the entity itself ------------------------------------------------------------------


@dataclass(frozen=True)
class Stored(Field):
    """An attribute: a column where it has one, else a part of the document."""

    attribute: Attribute

    def write(self, made: "Object", ask: Ask) -> str:
        return made.attribute(self.attribute, ask.details)

    def unseen(self, row: Unseen, run: Run, made: Any, number: int | None) -> Any:
        return row.id if self.attribute.key == "id" else row.refusal


class Href(Field):
    """The address of the entity at its official home."""

    def write(self, made: "Entity", ask: Ask) -> str:  # type: ignore[override]
        return f"run.base_url + {made.kind.homes[0].url + '/'!r} + {made.column('id')}"

    def unseen(self, row: Unseen, run: Run, made: Any, number: int | None) -> Any:
        return f"{run.base_url}{row.kind.homes[0].url}/{row.id}"


class Revision(Field):
    """How often the entity was written."""

    def write(self, made: "Entity", ask: Ask) -> str:  # type: ignore[override]
        return made.column("revision")


@dataclass(frozen=True)
class Extension(Field):
    """The attributes of an object that its class does not declare, null where there are none."""

    cls: type[Any]
    reads_whole = True

    def write(self, made: "Object", ask: Ask) -> str:
        return made.call(self.of, made.whole())

    def of(self, body: Mapping[str, Any]) -> Any:
        declared = self._declared
        return {key: value for key, value in body.items() if key not in declared} or None

    @functools.cached_property
    def _declared(self) -> frozenset[str]:
        return frozenset(attribute.key for attribute in attributes(self.cls))
