"""The GraphQL schema, assembled by one loop over the declared kinds.

Strawberry makes the schema: types, inputs, SDL, introspection, validation. Its fields are then given
plain resolvers, which work on stored documents as they are (a Row, and nested dicts) instead of on
instances of Strawberry classes: no object is built for what is only passed on.
"""

import datetime as dt
import functools
import logging
from collections.abc import Iterable
from typing import Any, Optional

import strawberry
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
)
from strawberry.federation import Schema as FederationSchema
from strawberry.schema.config import StrawberryConfig

from models.declare import (
    ABSTRACTS,
    KINDS,
    VALUES,
    Kind,
    Points,
    attributes,
    case_of,
    link_of,
    other,
    special_of,
)
from resolvers.graphql import fields as graph
from resolvers.graphql.executor import Executor
from schema.graphql.inputs import Inputs
from schema.graphql.types import REVISION, DateTime, Revision, Types, argument, field, make, ways_back

logger = logging.getLogger("tmfgraph.graphql")

FEDERATION = "2.9"
"""The version of Apollo Federation: newer ones do not compose with every open composer."""


@functools.cache
def schema() -> FederationSchema:
    """The schema of the whole graph; made once per process."""
    types = Types()
    inputs = Inputs(types)
    types.complete(inputs.list_arguments)
    made = FederationSchema(
        query=_query(types, inputs),
        mutation=_mutation(types, inputs),
        types=[*types.kinds.values(), *_cases(types), *types.others.values()],
        config=StrawberryConfig(scalar_map={dt.datetime: DateTime, Revision: REVISION}),
        federation_version=FEDERATION,
    )
    _attach(made, types.externals)
    return made


@functools.cache
def executor() -> Executor:
    """What answers queries by plans; made once per process."""
    return Executor(schema()._schema)


def sdl() -> str:
    """The schema in GraphQL's schema definition language."""
    return _sdl(schema()) + "\n"


@functools.cache
def _sdl(made: FederationSchema) -> str:
    return made.as_str()


def _cases(types: Types) -> list[Any]:
    """The special cases of polymorphic values, which no field names as its type."""
    return [types.values[case] for cls in VALUES for case in special_of(cls).values()]


def _id(name: str) -> Any:
    return argument("id", strawberry.ID, f"Identifier of the {name}.")


def _query(types: Types, inputs: Inputs) -> Any:
    fields: dict[str, tuple[Any, Any]] = {
        "node": (
            Optional[types.entity],
            field(
                "The entity with this id, of whatever kind; null where there is none. "
                "Where several kinds hold the id, say which: `Customer:42`.",
                "node",
                [
                    argument(
                        "id", strawberry.ID, "Identifier, alone or behind the name of a kind and a colon."
                    )
                ],
            ),
        )
    }
    for node in (*KINDS.values(), *ABSTRACTS.values()):
        one = types.kinds[node.name] if isinstance(node, Kind) else types.abstracts[node.name]
        doc = f"The {node.name} with this id, null where there is none."
        fields[node.singular] = (Optional[one], field(doc, node.singular, [_id(node.name)]))
        doc = f"All {node.plural}, page by page."
        fields[node.plural] = (
            Optional[types.connections[node.name]],
            field(doc, node.plural, inputs.list_arguments(node)),
        )
    return make("Query", "What can be read.", fields)


def _mutation(types: Types, inputs: Inputs) -> Any:
    fields: dict[str, tuple[Any, Any]] = {}
    for kind in KINDS.values():
        one, id = types.kinds[kind.name], _id(kind.name)
        if "create" in kind.operations:
            name, doc = f"create{kind.name}", f"Creates a {kind.name}."
            data = argument("input", inputs.create[kind.name], f"The new {kind.name}.")
            fields[name] = (one, field(doc, name, [data, _key(kind)]))
        if "patch" in kind.operations:
            name, doc = f"update{kind.name}", f"Changes a {kind.name}."
            data = argument("input", inputs.update[kind.name], "What changes.")
            fields[name] = (one, field(doc, name, [id, data, _expected(kind)]))
        if "delete" in kind.operations:
            name, doc = f"delete{kind.name}", f"Deletes a {kind.name} and gives what it was."
            force = argument("force", bool, "Delete it even where others refer to it.", default=False)
            fields[name] = (one, field(doc, name, [id, force, _expected(kind)]))
    return make("Mutation", "What can be written.", fields)


def _key(kind: Kind) -> Any:
    doc = (
        "Names this creation, in 1 to 255 printable ASCII characters: the same again under the same key "
        f"gives the {kind.name} that the first made, and makes no second one. Keys are kept for two days."
    )
    return argument("idempotencyKey", Optional[str], doc, default=strawberry.UNSET)


def _expected(kind: Kind) -> Any:
    doc = (
        f"The `revision` at which the {kind.name} was read: at any other nothing is written, and the error "
        "is PRECONDITION_FAILED. Left out, it is written whatever its revision."
    )
    return argument("ifRevision", Optional[Revision], doc, default=strawberry.UNSET)


def _attach(made: FederationSchema, externals: Iterable[str]) -> None:
    """Gives every field its resolver; a field without one is a mistake."""
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
    for external in externals:
        _resolve(core, external, {"id": graph.Item("id")})
    _resolve(core, "_Service", {"sdl": lambda source, info: _sdl(made)})
    _describe(core)
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


def _case(cls: type[Any]) -> Any:
    """Which type an object of a polymorphic value is."""

    def resolve(source: Any, info: Any, type_: Any) -> str:
        case = case_of(cls, source)
        return other(cls.__name__) if case is cls else case.__name__

    return resolve


def _describe(core: Any) -> None:
    """Says what federation's own parts of the schema are; Strawberry leaves them without a word."""
    query, service = core.type_map["Query"].fields, core.type_map["_Service"]
    query["_service"].description = "What a federation gateway needs to know of this subgraph."
    query[
        "_entities"
    ].description = (
        "The entities with these keys, for a federation gateway; what is not held is null, with an error."
    )
    query["_entities"].args["representations"].description = "Objects with __typename and id."
    service.description = "A subgraph, as a federation gateway sees it."
    service.fields["sdl"].description = "The schema in GraphQL's schema definition language."


def _resolve(core: Any, type_name: str, resolvers: dict[str, Any]) -> None:
    for name, found in core.type_map[type_name].fields.items():
        found.resolve = resolvers[name]
