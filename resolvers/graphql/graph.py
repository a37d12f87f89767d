"""The graph: its schema, and what each of its fields does."""

import functools
from collections.abc import Mapping

from graphql import GraphQLObjectType, GraphQLSchema
from strawberry.federation import Schema as FederationSchema

from models.declare import (
    Kind,
    Points,
    World,
    attributes,
    link_of,
    other,
    special_of,
)
from models.links import ways_back
from resolvers.graphql.fields import (
    Extension,
    Field,
    Fields,
    Graph,
    Href,
    OfEveryEntity,
    Revision,
    RootField,
    Stored,
)
from resolvers.graphql.history import History
from resolvers.graphql.links import Named, Target
from resolvers.graphql.lists import Listing, WayBack
from resolvers.graphql.mutations import Creates, Deletes, Updates
from resolvers.graphql.roots import Entities, Node, One
from resolvers.graphql.validator import TELL_OF_THE_SCHEMA
from schema.graphql.parts import core_of
from schema.graphql.sdl import schema as build
from schema.graphql.sdl import sdl as printed

OF_EVERY_ENTITY: tuple[OfEveryEntity, ...] = (History(),)
"""What every entity has beside its attributes and ways back: one class each."""


@functools.cache
def schema(world: World) -> FederationSchema:
    """The schema of the graph of a world; made once."""
    return build(world, OF_EVERY_ENTITY)


def sdl(world: World) -> str:
    """The same in GraphQL's schema definition language."""
    return printed(schema(world))


@functools.cache
def graph(world: World) -> Graph:
    """The graph of a world; made once."""
    core = core_of(schema(world))
    return Graph(world, core, _fields(world, core))


def _fields(world: World, core: GraphQLSchema) -> Fields:
    """What each field does, by name of its type and its own; one that does nothing is a mistake."""
    query: dict[str, RootField] = {"node": Node(), "_entities": Entities()}
    mutation: dict[str, RootField] = {}
    made: dict[str, Mapping[str, Field | RootField]] = {"Query": query, "Mutation": mutation}
    for kind in world.kinds.values():
        made[kind.typename] = _of_kind(kind)
    for cls in world.values:
        made[other(cls.__name__) if special_of(cls) else cls.__name__] = _of_value(cls)
    for node in world.nodes:
        query |= {node.singular: One(node), node.plural: Listing(node)}
    for kind in world.kinds.values():
        mutation |= {
            f"create{kind.name}": Creates(kind),
            f"update{kind.name}": Updates(kind),
            f"delete{kind.name}": Deletes(kind),
        }
    for type_name, found in made.items():
        type_ = core.type_map.get(type_name)
        if isinstance(type_, GraphQLObjectType):
            missing = type_.fields.keys() - found.keys() - TELL_OF_THE_SCHEMA
            assert not missing, f"{type_name} has fields that do nothing: {missing}"
    return made


def _of_kind(kind: Kind) -> dict[str, Field]:
    found: dict[str, Field] = {a.graphql_name: Stored(a) for a in kind.attributes}
    found |= {
        "href": Href(),
        "revision": Revision(),
        "extension": Extension(kind.cls),
    }
    found |= {one.field_name: one for one in OF_EVERY_ENTITY}
    for attribute in kind.attributes:
        points = attribute.mark(Points)
        if points:
            found[points.field] = Named(attribute, points)
    return found | {way.name: WayBack(way) for way in ways_back(kind)}


def _of_value(cls: type) -> dict[str, Field]:
    found: dict[str, Field] = {a.graphql_name: Stored(a) for a in attributes(cls)}
    found["extension"] = Extension(cls)
    link = link_of(cls)
    return found | ({"target": Target(link)} if link else {})
