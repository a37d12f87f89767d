"""Questions about the schema: answered beside the event loop, one at a time, and kept."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import msgspec
from graphql import (
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
    get_argument_values,
)

from resolvers.errors import TooMuch
from resolvers.graphql.core import Asked, Collector, Details
from resolvers.graphql.documents import Document
from resolvers.graphql.validator import Operation
from resolvers.storage.kept import Kept

BYTES_KEPT = 16 * 1024 * 1024


class Introspection:
    """What a schema tells of itself. All of it is 3 MB, and takes some tenths of a second to put together."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._kept: Kept[bytes] = Kept(BYTES_KEPT)
        # One thread: whoever asks for much waits for those who asked before, and nobody else does.
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="introspection")

    async def answer(
        self, document: Document, operation: Operation, variables: VariableValues, bytes_at_most: int | None
    ) -> bytes:
        """The data of the answer as JSON. `variables` are coerced.

        GraphQLError where an argument is wrong, TooMuch where the answer would be too long.
        """
        name = operation.node.name.value if operation.node.name else None
        key = document.text, name, msgspec.json.encode(variables.coerced), bytes_at_most
        found = self._kept.get(key)
        if found is not None:
            return found
        telling = Telling(self._schema, operation.node, operation.fragments, variables, bytes_at_most)
        made = asyncio.get_running_loop().run_in_executor(self._beside, telling.all)
        made.add_done_callback(functools.partial(self._keep, key))
        return await made

    def _keep(self, key: Any, made: "asyncio.Future[bytes]") -> None:
        """Keeps an answer, also where the one who asked did not wait for it."""
        if not made.cancelled() and made.exception() is None:
            self._kept.put(key, made.result(), len(made.result()) + len(key[0]) + len(key[2]))


Reads = Callable[[Any], Any]
"""Gives what is asked of an object of the schema."""


class Telling:
    """Reads the objects of a schema as an operation asks: as graphql-core does, which takes eight times as
    long for the information that it makes for each resolver."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        bytes_at_most: int | None,
    ) -> None:
        self._schema = schema
        self._collector = Collector(schema, operation, fragments, variables)
        self._variables = variables
        self._info: Any = SimpleNamespace(schema=schema)
        self._most = bytes_at_most
        self._written = 0

    def all(self) -> bytes:
        """The answer to the whole operation, as JSON. TooMuch."""
        query = self._schema.query_type
        assert query is not None
        return msgspec.json.encode(self._object(query, self._collector.root(query), False)(None))

    def one(self, query: GraphQLObjectType, details: Details) -> bytes:
        """The answer to one field of the query, as JSON. TooMuch."""
        return msgspec.json.encode(self._field(query, details, False)(None))

    def _field(self, type_: GraphQLObjectType, details: Details, is_listed: bool) -> Reads:
        """What gives the value of a field of such an object. `is_listed`: whether that stands in a list."""
        node = details[0].node
        if node.name.value == "__typename":
            return lambda source: type_.name
        field = self._schema.get_field(type_, node.name.value)
        assert field is not None
        resolve, info = field.resolve, self._info
        assert resolve is not None
        arguments = get_argument_values(field, node, self._variables)
        completes = self._completes(field.type, details, is_listed)
        return lambda source: completes(resolve(source, info, **arguments))

    def _object(self, type_: GraphQLObjectType, asked: Asked, is_listed: bool) -> Reads:
        fields = [(key, self._field(type_, details, is_listed)) for key, details in asked.items()]

        def read(source: Any) -> dict[str, Any]:
            return {key: give(source) for key, give in fields}

        return read

    def _completes(self, type_: Any, details: Details, is_listed: bool) -> Reads:
        if isinstance(type_, GraphQLNonNull):
            return self._completes(type_.of_type, details, is_listed)
        if isinstance(type_, GraphQLList):
            one = self._completes(type_.of_type, details, True)
            if is_listed:
                return lambda found: None if found is None else [one(inner) for inner in found]
            return lambda found: None if found is None else [self._encoded(one(inner)) for inner in found]
        if isinstance(type_, GraphQLObjectType):
            read = self._object(type_, self._collector.below(type_, details), is_listed)
            return lambda found: None if found is None else read(found)
        if isinstance(type_, GraphQLEnumType):
            return lambda found: None if found is None else type_.serialize(found)
        return (lambda found: found) if is_listed else self._counted

    def _encoded(self, value: Any) -> msgspec.Raw:
        """One of a list, as JSON: so the answer is measured while it grows."""
        text = msgspec.json.encode(value)
        self._count(len(text))
        return msgspec.Raw(text)

    def _counted(self, value: Any) -> Any:
        """A value that stands in no list, such as a schema in the definition language."""
        if isinstance(value, str):
            self._count(len(value))
        return value

    def _count(self, number: int) -> None:
        self._written += number
        if self._most is not None and self._written > self._most:
            hint = "ask for the types by name (__type), and for each thing once"
            raise TooMuch("bytes of answer", self._written, self._most, hint)
