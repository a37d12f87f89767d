"""The GraphQL schema, assembled by one loop over the declared kinds.

Strawberry makes the schema: types, inputs, SDL, introspection, validation. What its fields do is told by
`resolvers/graphql/fields.py` and its neighbours.
"""

import datetime as dt
import functools
import logging
from collections.abc import Sequence
from typing import Any, Optional

import strawberry
from strawberry.federation import Schema as FederationSchema
from strawberry.schema.config import StrawberryConfig

from models.declare import Kind, World, special_of
from schema.graphql.inputs import Inputs
from schema.graphql.parts import Argument, Field, Of, argument, core_of, field, make
from schema.graphql.types import REVISION, DateTime, EntityField, Revision, Types

logger = logging.getLogger("tmfgraph.graphql")

FEDERATION = "2.9"
"""The version of Apollo Federation: newer ones do not compose with every open composer."""


def schema(world: World, fields: Sequence[EntityField]) -> FederationSchema:
    """The schema of the graph of a world, with these fields of every entity beside what is declared."""
    types = Types(world, fields)
    inputs = Inputs(types)
    types.complete(inputs.list_arguments)
    made = FederationSchema(
        query=_query(types, inputs),
        mutation=_mutation(types, inputs),
        types=[*types.kinds.values(), *_cases(types), *types.others.values()],
        config=StrawberryConfig(scalar_map={dt.datetime: DateTime, Revision: REVISION}),
        federation_version=FEDERATION,
    )
    _describe(made)
    return made


@functools.cache
def sdl(made: FederationSchema) -> str:
    """A schema in GraphQL's schema definition language."""
    return made.as_str() + "\n"


def _cases(types: Types) -> list[Any]:
    """The special cases of polymorphic values, which no field names as its type."""
    return [types.values[case] for cls in types.world.values for case in special_of(cls).values()]


def _id(name: str) -> Argument:
    return argument("id", strawberry.ID, f"Identifier of the {name}.")


def _query(types: Types, inputs: Inputs) -> Any:
    doc = (
        "The entity with this id, of whatever kind; null where there is none. "
        "Where several kinds hold the id, say which: `Customer:42`."
    )
    id_doc = "Identifier, alone or behind the name of a kind and a colon."
    fields = [field("node", Optional[types.entity], doc, [argument("id", strawberry.ID, id_doc)])]
    for node in types.world.nodes:
        one = types.kinds[node.name] if isinstance(node, Kind) else types.abstracts[node.name]
        doc = f"The {node.name} with this id, null where there is none."
        fields.append(field(node.singular, Optional[one], doc, [_id(node.name)]))
        doc = f"All {node.plural}, page by page."
        connection = Optional[types.connections[node.name]]
        fields.append(field(node.plural, connection, doc, inputs.list_arguments(node)))
    return make("Query", Of.OBJECT, "What can be read.", fields)


def _mutation(types: Types, inputs: Inputs) -> Any:
    fields: list[Field] = []
    for kind in types.world.kinds.values():
        one, id = types.kinds[kind.name], _id(kind.name)
        if "create" in kind.operations:
            data = argument("input", inputs.create[kind.name], f"The new {kind.name}.")
            doc = f"Creates a {kind.name}."
            fields.append(field(f"create{kind.name}", one, doc, [data, _key(kind)]))
        if "patch" in kind.operations:
            data = argument("input", inputs.update[kind.name], "What changes.")
            doc = f"Changes a {kind.name}."
            fields.append(field(f"update{kind.name}", one, doc, [id, data, _expected(kind)]))
        if "delete" in kind.operations:
            force = argument("force", bool, "Delete it even where others refer to it.", default=False)
            doc = f"Deletes a {kind.name} and gives what it was."
            fields.append(field(f"delete{kind.name}", one, doc, [id, force, _expected(kind)]))
    return make("Mutation", Of.OBJECT, "What can be written.", fields)


def _key(kind: Kind) -> Argument:
    doc = (
        "Names this creation, in 1 to 255 printable ASCII characters: the same again under the same key "
        f"gives the {kind.name} that the first made, and makes no second one. Keys are kept for two days."
    )
    return argument("idempotencyKey", Optional[str], doc, default=strawberry.UNSET)


def _expected(kind: Kind) -> Argument:
    doc = (
        f"The `revision` at which the {kind.name} was read: at any other nothing is written, and the error "
        "is PRECONDITION_FAILED. Left out, it is written whatever its revision."
    )
    return argument("ifRevision", Optional[Revision], doc, default=strawberry.UNSET)


def _describe(made: FederationSchema) -> None:
    """Says what federation's own parts of the schema are; Strawberry leaves them without a word."""
    core: Any = core_of(made)
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

    def service_of(source: Any, info: Any) -> dict[str, Any]:
        return {}

    def text_of(source: Any, info: Any) -> str:
        return sdl(made).rstrip("\n")

    query["_service"].resolve = service_of
    service.fields["sdl"].resolve = text_of
