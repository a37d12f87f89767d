"""What the fields of the graph do: each field of the schema gets its resolver.

Resolvers work on stored documents as they are (a Row, and nested dicts) instead of on instances of
Strawberry classes: no object is built for what is only passed on.
"""

import functools
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
)
from strawberry.federation import Schema as FederationSchema

from models.declare import (
    ABSTRACTS,
    KINDS,
    VALUES,
    External,
    Points,
    attributes,
    case_of,
    link_of,
    other,
    special_of,
)
from models.links import ways_back
from resolvers.graphql import fields as graph
from resolvers.graphql.executor import Executor
from schema.graphql.sdl import schema, sdl


@functools.cache
def executor() -> Executor:
    """What answers queries by plans; made once per process."""
    return Executor(attached()._schema)


@functools.cache
def attached() -> FederationSchema:
    """The schema of the whole graph, each field with its resolver; a field without one is a mistake."""
    made = schema()
    core: Any = made._schema
    for found in core.type_map.values():
        if isinstance(found, (GraphQLInterfaceType, GraphQLUnionType)) and not found.name.startswith("__"):
            found.resolve_type = lambda row, info, type_: row.kind.typename
        if isinstance(found, GraphQLObjectType):
            found.is_type_of = None
    for cls in VALUES:
        if special_of(cls):
            core.type_map[cls.__name__].resolve_type = _case(cls)
    for kind in KINDS.values():
        resolvers: dict[str, graph.Resolver] = {a.graphql_name: graph.Reads(a) for a in kind.attributes}
        resolvers |= {
            "href": graph.href,
            "revision": graph.revision,
            "extension": graph.Extension(kind.cls),
            "history": graph.history,
        }
        for attribute in kind.attributes:
            points = attribute.mark(Points)
            if points:
                resolvers[points.field] = graph.Pointed(attribute, points)
        resolvers |= {way.name: graph.WayBack(way) for way in ways_back(kind)}
        _resolve(core, kind.typename, resolvers)
    for cls in VALUES:
        resolvers: dict[str, graph.Resolver] = {a.graphql_name: graph.Reads(a) for a in attributes(cls)}
        resolvers["extension"] = graph.Extension(cls)
        link = link_of(cls)
        if link is not None:
            resolvers["target"] = graph.Target(link)
        name = other(cls.__name__) if special_of(cls) else cls.__name__
        if name in core.type_map:
            _resolve(core, name, resolvers)
    links = (link for link in map(link_of, VALUES) if link)
    for external in {link.to.name for link in links if isinstance(link.to, External)}:
        _resolve(core, external, {"id": graph.Item("id")})
    _resolve(core, "_Service", {"sdl": lambda source, info: sdl().rstrip("\n")})
    queries: dict[str, Any] = {
        "node": graph.node,
        "_service": lambda source, info: {},
        "_entities": graph.entities,
    }
    for node in (*KINDS.values(), *ABSTRACTS.values()):
        queries |= {node.singular: graph.Single(node), node.plural: graph.Listing(node)}
        _resolve(core, f"{node.name}Connection", graph.CONNECTION)
        _resolve(core, f"{node.name}Edge", graph.EDGE)
    _resolve(core, "Query", queries)
    mutations: dict[str, Any] = {}
    for kind in KINDS.values():
        mutations |= {
            f"create{kind.name}": graph.create(kind),
            f"update{kind.name}": graph.update(kind),
            f"delete{kind.name}": graph.delete(kind),
        }
    _resolve(core, "Mutation", mutations)
    _resolve(core, "PageInfo", graph.PAGE_INFO)
    _resolve(core, "Event", {name: graph.Item(key) for name, key in graph.EVENT.items()})
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
