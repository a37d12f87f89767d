"""Completes a tree that holds errors: null takes the place of each, and a list has them with their paths."""

from collections.abc import Mapping
from typing import Any

import msgspec
from graphql import (
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableValues,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    located_error,
)

from resolvers.graphql.core import Asked, Collector, Details
from resolvers.graphql.encoding import NULL, HoldsError, Writer, encoder, is_deep
from resolvers.graphql.source import attribute_of
from resolvers.storage.budget import Budget, Pace


class Failed(Exception):
    """A value that cannot be null has an error: what holds it becomes null in its place."""

    def __init__(self, error: Any) -> None:
        self.error = error


Path = tuple[Any, str | int] | None
"""The path of what is above, and the key or the place in that."""


class Completion:
    """Completes the tree of one operation as GraphQL says (6.4.3, 6.4.4).

    What holds no error is encoded as it is; only the way from the root to each error is walked.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        estimate: int,
        budget: Budget,
    ) -> None:
        """`estimate` is about how many bytes the tree has as JSON."""
        self._schema = schema
        self._collector = Collector(schema, operation, fragments, variables)
        self.estimate = estimate
        self._budget = budget
        self._pace = Pace()
        self.errors: list[GraphQLError] = []
        self._fields: dict[tuple[str, int], tuple[Details, Asked]] = {}

        is_query = operation.operation is OperationType.QUERY
        type_ = schema.query_type if is_query else schema.mutation_type
        assert type_ is not None
        self._type = type_
        self._asked_of_root = self._collector.root(type_)

    async def result(self, data: Mapping[str, Any]) -> ExecutionResult:
        """The whole answer."""
        try:
            completed = await self._object(self._type, self._asked_of_root, data, None)
        except Failed as failed:
            return self.failed(failed)
        return ExecutionResult(completed, self.errors or None)

    async def root(self, key: str, value: Any) -> Any:
        """The value of one field of the root. Failed where that leaves no data."""
        details = self._asked_of_root[key]
        return await self._field(self._type, key, details, value, None)

    def failed(self, failed: Failed) -> ExecutionResult:
        """The answer without data."""
        return ExecutionResult(None, [*self.errors, failed.error])

    async def _object(self, type_: GraphQLObjectType, asked: Asked, found: Any, path: Path) -> dict[str, Any]:
        completed = {}
        for key, details in asked.items():
            value = found[key] if isinstance(found, dict) else getattr(found, attribute_of(key))
            completed[key] = await self._field(type_, key, details, value, path)
        return completed

    async def _field(
        self, type_: GraphQLObjectType, key: str, details: Details, value: Any, path: Path
    ) -> Any:
        field = self._schema.get_field(type_, details[0].node.name.value)
        assert field is not None
        place = f"{type_.name}.{details[0].node.name.value}"
        return await self._guarded(field.type, details, value, (path, key), place)

    async def _guarded(
        self, type_: GraphQLOutputType, details: Details, value: Any, path: Path, place: str
    ) -> Any:
        """A value, or null for one with an error; Failed where null may not be."""
        try:
            return await self._value(type_, details, value, path, place)
        except Failed as failed:
            error = located_error(failed.error, [one.node for one in details], _listed(path))
            if is_non_null_type(type_):
                raise Failed(error) from None
            self.errors.append(error)
            return None

    async def _value(self, type_: Any, details: Details, value: Any, path: Path, place: str) -> Any:
        if isinstance(value, Exception):
            raise Failed(value)
        if is_non_null_type(type_):
            completed = await self._value(type_.of_type, details, value, path, place)
            if completed is None:
                raise Failed(TypeError(f"Cannot return null for non-nullable field {place}."))
            return completed
        if value is None or value is NULL:
            return None
        try:
            return msgspec.Raw(await self._encoded(value))
        except HoldsError:
            pass
        if is_list_type(type_):
            items = []
            for number, one in enumerate(value):
                items.append(await self._guarded(type_.of_type, details, one, (path, number), place))
                await self._pace.rest()
            return items
        assert not is_leaf_type(type_), f"{place} holds an error within a value."
        object_type: Any = type_ if isinstance(value, dict) else self._schema.type_map[value.graphql_type]
        return await self._object(object_type, self._asked(object_type, details), value, path)

    async def _encoded(self, value: Any) -> bytes:
        if is_deep(self.estimate, self._budget):
            return await Writer(self._budget, deep=True).written(value)
        text = encoder.encode(value)
        self._budget.write(len(text))
        await self._pace.rest()
        return text

    def _asked(self, type_: GraphQLObjectType, details: Details) -> Asked:
        """What is asked of objects of this type at this place: found out once, though a list has many."""
        key = (type_.name, id(details))
        if key not in self._fields:
            self._fields[key] = details, self._collector.below(type_, details)
        return self._fields[key][1]


def _listed(path: Path) -> list[str | int]:
    found: list[str | int] = []
    while path is not None:
        path, key = path
        found.append(key)
    return found[::-1]
