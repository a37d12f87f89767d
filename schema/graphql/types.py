"""GraphQL output types, made from the declarations: what each entity and value offers.

Strawberry makes the schema of them (`sdl.py`). What a field does is told in `resolvers/graphql`, so the types
here carry names, types and descriptions alone.
"""

import datetime as dt
import enum
import functools
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, NewType, Optional, Protocol, Union

import strawberry
from graphql import GraphQLError
from strawberry.federation.schema_directives import Key, Shareable
from strawberry.federation.types import FieldSet
from strawberry.scalars import JSON

from models.common.base import Entity
from models.declare import (
    Abstract,
    Attribute,
    External,
    Group,
    Json,
    Kind,
    Points,
    Targets,
    World,
    attributes,
    description,
    general_of,
    link_of,
    other,
    special_of,
)
from models.links import ways_back
from models.times import canonical
from schema.graphql.parts import Argument, Field, Of, empty, enumeration, field, fill, make

NODES_BY_DEFAULT = 100
NODES_AT_MOST = 10_000
NODES_ASSUMED = 10
"""How many nodes a way back is taken to give, where a cost is told from a text that does not say `first`."""
VALUES_ASSUMED = 5
"""How many values a list inside a document is then taken to have."""


def _parse_date_time(value: Any) -> str:
    moment = canonical(value) if isinstance(value, str) else None
    if moment is None:
        shown = str(value)[:60]
        raise GraphQLError(f"A date-time such as 2026-11-24T08:00:00Z is needed, not {shown!r}.")
    return moment


DateTime = strawberry.scalar(
    name="DateTime",
    description="A date-time of RFC 3339 in UTC, to the millisecond: 2026-11-24T08:00:00.000Z.",
    serialize=lambda value: value,
    parse_value=_parse_date_time,
)

REVISION_AT_MOST = 2**63 - 1


def _parse_revision(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if isinstance(value, float) and value.is_integer():  # as JSON may write a whole number
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= REVISION_AT_MOST:
        shown = str(value)[:60]
        raise GraphQLError(f"A revision is a whole number such as 3, as it was read, not {shown!r}.")
    return value


Revision = NewType("Revision", int)
REVISION = strawberry.scalar(
    name="Revision",
    description="How often an entity has been written, counted from 1: a whole number, which may be larger "
    "than an Int. It is given back as it was read, as a number or as text.",
    serialize=lambda value: value,
    parse_value=_parse_revision,
)

SCALARS: dict[Any, Any] = {str: str, int: int, float: float, bool: bool, dt.datetime: dt.datetime, Json: JSON}


# Types that more than one subgraph may serve, as each has all that it takes to answer for them.
SHARED = (Shareable(),)
KEY = (Key(fields=FieldSet("id")),)

EXTENSION = "Attributes beyond those declared here."


@strawberry.type(description="Where a page lies in its list.", directives=SHARED)
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool = strawberry.field(description="Whether more follow after this page.")
    has_previous_page: bool = strawberry.field(description="Whether some come before this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first edge, for `before`.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last edge, for `after`.")


class EntityField(Protocol):
    """A field that every entity has beside its attributes and ways back, as a type of the graph has it."""

    field_name: ClassVar[str]
    type: ClassVar[Any]
    """As Strawberry takes it."""
    description: ClassVar[str]
    arguments: ClassVar[Sequence[Argument]]


class Types:
    """Every output type, by the declaration that it comes from."""

    def __init__(self, world: World, fields: Sequence[EntityField] = ()) -> None:
        """`fields` are those that every entity has beside what is declared of it."""
        self.world = world
        self._of_every_entity = fields
        self._enums: dict[Any, Any] = {cls: _enum(cls) for cls in world.enumerations}
        self.externals: dict[str, Any] = {}
        self._unions: dict[str, Any] = {}
        doc = "How often it has been written, counted from 1; `ifRevision` of a mutation takes it back."
        of_all = [*self._plain(attributes(Entity)), field("revision", Revision, doc)]
        self.entity = make("Entity", Of.INTERFACE, description(Entity), of_all)
        self.abstracts: dict[str, Any] = {}
        self.values: dict[Any, Any] = {}
        for cls in world.values:
            general = general_of(cls)
            self.values[cls] = empty(cls.__name__, self.values[general] if general else None)
        for abstract in world.abstracts.values():
            self.abstracts[abstract.name] = make(
                abstract.name,
                Of.INTERFACE,
                abstract.doc,
                self._plain(a for a in abstract.attributes if a not in attributes(Entity)),
                base=self.entity,
            )
        self.kinds: dict[str, Any] = {}
        for kind in world.kinds.values():
            base = (
                self.kinds[kind.general.name]
                if kind.general
                else self.abstracts[kind.extends.name]
                if kind.extends
                else self.entity
            )
            self.kinds[kind.name] = empty(kind.name, base)
        # Object types for what is none of the special cases of a polymorphic type.
        polymorphic = [
            *((cls.__name__, made) for cls, made in self.values.items() if special_of(cls)),
            *((kind.name, self.kinds[kind.name]) for kind in world.kinds.values() if kind.special),
        ]
        self.others = {name: empty(other(name), made) for name, made in polymorphic}
        self.connections: dict[str, Any] = {}
        for node in world.nodes:
            self.connections[node.name] = self._connection(node)

    def complete(self, list_arguments: Any) -> None:
        """Fills the types, now that each can name all others; `list_arguments(kind, way)` are a
        connection's arguments."""
        for cls, made in self.values.items():
            self._complete_value(cls, made)
        for kind in self.world.kinds.values():
            self._complete_kind(kind, list_arguments)

    def _complete_value(self, cls: type[Any], made: Any) -> None:
        general = general_of(cls)
        inherited = attributes(general) if general else ()
        fields = self._plain(a for a in attributes(cls) if a not in inherited)
        if general is None:
            fields.append(field("extension", Optional[JSON], EXTENSION))
        link = link_of(cls)
        if link is not None:
            targets = self.world.targets(link)
            fields.append(field("target", Optional[self.target(targets)], _target_doc(targets)))
        if special_of(cls):
            fill(made, Of.INTERFACE, description(cls), fields)
            self._complete_other(cls.__name__, list(special_of(cls)), SHARED)
        else:
            fill(made, Of.OBJECT, description(cls), fields, SHARED)

    def _complete_kind(self, kind: Kind, list_arguments: Any) -> None:
        made = self.kinds[kind.name]
        base = kind.general or kind.extends
        inherited = base.attributes if base else attributes(Entity)
        fields = self._plain(a for a in kind.attributes if a not in inherited)
        if kind.general is None:
            fields += self._links(kind, list_arguments)
            fields += [
                field(one.field_name, one.type, one.description, one.arguments)
                for one in self._of_every_entity
            ]
            fields.append(field("extension", Optional[JSON], EXTENSION))
        fill(made, Of.INTERFACE if kind.special else Of.OBJECT, kind.doc, fields, KEY)
        if kind.special:
            self._complete_other(kind.name, [one.name for one in kind.special], KEY)

    def _links(self, kind: Kind, list_arguments: Any) -> list[Field]:
        fields: list[Field] = []
        for attribute in kind.attributes:
            points = attribute.mark(Points)
            if points:
                to = points.link.to
                named = to if isinstance(to, str) else "entity"
                doc = f"The {named} that `{attribute.key}` names; null where it is not held here."
                target = self.target(self.world.targets(points))
                fields.append(field(points.field, Optional[target], doc))
        for way in ways_back(kind):
            doc = f"The {way.kind.plural} that refer to this {kind.name}."
            # Null, with an error, where the caller may not read them: the rest is answered all the same.
            type_ = Optional[self.connections[way.kind.name]]
            fields.append(field(way.name, type_, doc, list_arguments(way.kind, way)))
        return fields

    def _complete_other(self, name: str, special: Sequence[str], directives: Sequence[object]) -> None:
        doc = f"A {name} that is none of {', '.join(special)}; its `@type` says what it is."
        fill(self.others[name], Of.OBJECT, doc, (), directives)

    def of(self, attribute: Attribute) -> Any:
        """The GraphQL type of an attribute, without list and null."""
        if attribute.is_value:
            return self.values[attribute.type]
        if attribute.key == "id":
            return strawberry.ID
        return self._enums.get(attribute.type) or SCALARS[attribute.type]

    def enum(self, cls: type[enum.StrEnum]) -> Any:
        return self._enums[cls]

    def target(self, targets: Targets) -> Any:
        """The GraphQL type of what a link leads to."""
        if targets.external is not None:
            return self._external(targets.external)
        to = targets.link.to
        return self._union(to, targets.kinds) if isinstance(to, Group) else self.kinds[targets.kinds[0].name]

    def _plain(self, found: Iterable[Attribute]) -> list[Field]:
        """Fields for attributes: lists and what the server always sets are never null, all else may be."""
        fields: list[Field] = []
        for a in found:
            if a.write_only:
                continue
            one = self.of(a)
            always = a.key in ("id", "href") and a.server_set
            type_ = list[one] if a.many else one if always else Optional[one]
            fields.append(field(a.graphql_name, type_, a.doc))
        return fields

    def _union(self, group: Group, held: Iterable[Kind]) -> Any:
        if not group.kinds:
            return self.entity
        if group.name not in self._unions:
            members: list[Any] = [made for kind in held for made in self._objects(kind)]
            either: Any = Union[tuple(members)]
            self._unions[group.name] = Annotated[either, strawberry.union(group.name, description=group.doc)]
        return self._unions[group.name]

    def _objects(self, kind: Kind) -> list[Any]:
        """The object types that an entity of this kind may have."""
        if not kind.special:
            return [self.kinds[kind.name]]
        return [*(self.kinds[one.name] for one in kind.special), self.others[kind.name]]

    def _external(self, external: External) -> Any:
        if external.name not in self.externals:
            taken = {cls.__name__ for cls in self.world.values} | self.world.kinds.keys()
            if external.name in taken:
                raise TypeError(f"{external.name} is a type of ours: what others hold needs another name.")
            id = field("id", strawberry.ID, "Identifier of the entity in the system that holds it.")
            key = Key(fields=FieldSet("id"), resolvable=False)
            self.externals[external.name] = make(external.name, Of.OBJECT, external.doc, [id], [key])
        return self.externals[external.name]

    def _connection(self, node: Kind | Abstract) -> Any:
        one = self.kinds[node.name] if isinstance(node, Kind) else self.abstracts[node.name]
        edge = make(
            f"{node.name}Edge",
            Of.OBJECT,
            f"One place in a list of {node.plural}.",
            [
                field("node", one, f"The {node.name} there."),
                field("cursor", str, "Names this place, for `after` and `before`."),
            ],
        )
        return make(
            f"{node.name}Connection",
            Of.OBJECT,
            f"A part of a list of {node.plural}.",
            [
                field("nodes", list[one], f"The {node.plural} of this page."),
                field("edges", list[edge], "The same, each with its cursor."),
                field("pageInfo", PageInfo, "Where this page lies in the list."),
                field("totalCount", int, "How many there are on all pages; counted only where asked for."),
            ],
        )


@functools.cache
def _enum(cls: type[enum.StrEnum]) -> Any:
    return enumeration(cls, description(cls))


def _target_doc(targets: Targets) -> str:
    if targets.external is not None:
        return f"The {targets.external.name}; null here, since another system holds it."
    to = targets.link.to
    return f"The {to if isinstance(to, str) else to.name} itself; null where it is not held here."
