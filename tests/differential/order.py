"""In which order errors stand: as the fields stand in the answer, each before those below the next."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

Keys = tuple[str, ...]


class Order:
    """The order of the response keys of one operation.

    Which of two fields comes first may depend on the type that an object turns out to have; of these none is
    said to come first.
    """

    def __init__(
        self, document: DocumentNode, operation: OperationDefinitionNode, given: Mapping[str, Any]
    ) -> None:
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._variables = {
            one.variable.name.value: one.default_value.value
            for one in operation.variable_definitions or ()
            if isinstance(one.default_value, BooleanValueNode)
        } | dict(given)
        self._places: dict[Keys, dict[str, set[str]]] = {}
        """By the keys above: the keys that may stand there, in order, and below which types each was asked for."""
        self._walk(operation.selection_set, (), "", frozenset())

    def sorted(self, errors: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Errors in the order of their paths, those without a path first; else by what they say."""
        return sorted(errors, key=lambda error: (self._rank(error), msgspec.json.encode(error)))

    def kept(self, errors: Iterable[dict[str, Any]]) -> bool:
        """Whether errors stand in the order of their paths."""
        return all(self._rank(one) <= self._rank(other) for one, other in itertools.pairwise(errors))

    def _rank(self, error: Mapping[str, Any]) -> tuple[int, ...]:
        made, above = list[int](), Keys()
        for step in error.get("path") or ():
            if isinstance(step, int):
                made.append(step)
                continue
            found = self._places.get(above, {})
            if any(len(types) > 1 for types in found.values()):
                break  # which of these comes first is up to the type of the object
            made.append(list(found).index(step))
            above = (*above, step)
        return tuple(made)

    def _walk(self, selected: SelectionSetNode, above: Keys, type_: str, within: frozenset[str]) -> None:
        for one in selected.selections:
            if not self._included(one):
                continue
            if isinstance(one, FieldNode):
                key = one.alias.value if one.alias else one.name.value
                self._places.setdefault(above, {}).setdefault(key, set()).add(type_)
                if one.selection_set is not None:
                    self._walk(one.selection_set, (*above, key), "", within)
            elif isinstance(one, InlineFragmentNode):
                on = one.type_condition.name.value if one.type_condition else type_
                self._walk(one.selection_set, above, on, within)
            elif isinstance(one, FragmentSpreadNode) and one.name.value not in within:
                fragment = self._fragments[one.name.value]
                deeper = within | {one.name.value}
                self._walk(fragment.selection_set, above, fragment.type_condition.name.value, deeper)

    def _included(self, one: Any) -> bool:
        for directive in one.directives or ():
            value = directive.arguments[0].value
            given = self._variables.get(value.name.value) if isinstance(value, VariableNode) else value.value
            if given is (directive.name.value == "skip"):
                return False
        return True
