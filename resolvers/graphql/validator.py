"""Reads a parsed document once: whether it is valid for certain, and what it would take to answer it.

A selection is walked once for each type it is asked of, however many places spread it, so the time is in the
length of the text. graphql-core decides wherever this walk does not know for certain; it needs fifty times as
long, and is quadratic in fields of one key.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    Node,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SchemaMetaFieldDef,
    SelectionSetNode,
    StringValueNode,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    Undefined,
    VariableNode,
    do_types_overlap,
    get_named_type,
    is_input_type,
    is_required_argument,
    is_required_input_field,
    is_type_sub_type_of,
    type_from_ast,
)

from resolvers.graphql.limits import Limits, Part, Size, Weight, place_of, refuse
from schema.graphql.parts import is_one_of
from schema.graphql.types import NODES_ASSUMED, NODES_BY_DEFAULT, VALUES_ASSUMED

INT = 2**31
TELL_OF_THE_SCHEMA = {"__schema", "__type", "_service"}
"""Fields of the query that read no data."""

_COMPOSITE = (GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType)


class NotCertain(Exception):
    """The document may be valid or not; graphql-core has to say."""


@dataclass
class Operation:
    """One operation of a document, and what it would take."""

    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    weight: Weight
    deciding: tuple[str, ...]
    """Names of the variables that `@skip` and `@include` look at."""
    sizing: tuple[str, ...]
    """Names of the variables that say how long lists are."""
    introspects: bool
    """Whether it asks for the schema, be it as a subgraph tells it."""
    only_introspects: bool
    """Whether it asks for nothing else."""
    plans: dict[Any, Any] = field(default_factory=dict)
    """The executor's, by the values of the deciding variables."""


@dataclass
class Examined:
    """What a document holds."""

    operations: list[Operation]
    is_valid: bool
    """Whether it is valid for certain."""
    problem: tuple[str, Node] | None
    """What is wrong for certain, and where."""


def examine(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> Examined:
    """Measures a document, and finds out whether it is valid. TooMuch where it is beyond a limit."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    definitions = [one for one in document.definitions if isinstance(one, FragmentDefinitionNode)]
    for what, found, limit in (
        ("operations", operations, limits.operations),
        ("fragments", definitions, limits.fragments),
    ):
        if len(found) > limit:
            refuse(what, len(found), limit, "send them apart", place_of(found[limit]))
    fragments = {one.name.value: one for one in definitions}
    examination = _Examination(schema, fragments, limits)
    if len(fragments) < len(definitions) or len(operations) + len(definitions) < len(document.definitions):
        examination.doubt()
    names = [one.name.value if one.name else None for one in operations]
    if len(set(names)) < len(names) or (None in names and len(names) > 1):
        examination.doubt()
    if examination.find_cycle():
        return Examined([], False, examination.problem)
    made = [examination.operation(one) for one in operations]
    unused = fragments.keys() - examination.spread
    if unused:
        name = min(unused)
        examination.wrong(f"Fragment '{name}' is never used.", fragments[name])
    return Examined(made, examination.is_certain, examination.problem)


@dataclass
class _Scope:
    """What holds for one operation."""

    variables: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """By name, type and default."""
    used: set[str] = field(default_factory=set)
    deciding: set[str] = field(default_factory=set)
    sizing: set[str] = field(default_factory=set)
    checked: set[tuple[int, str]] = field(default_factory=set)
    """Fields whose arguments are checked, by node and parent type."""
    weights: dict[Any, Weight] = field(default_factory=dict)
    work: int = 0


Asked = dict[str, list[tuple[Any, FieldNode]]]
"""By key, the fields that ask for it, each with the type that it is asked of."""


class _Examination:
    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], limits: Limits
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._limits = limits
        self._scope = _Scope()
        self._types: dict[str, Any] = {}
        self.spread: set[str] = set()
        self.is_certain = True
        self.problem: tuple[str, Node] | None = None

    def doubt(self) -> None:
        self.is_certain = False

    def wrong(self, message: str, node: Node) -> None:
        self.is_certain = False
        if self.problem is None:
            self.problem = message, node

    # ---- operations -----------------------------------------------------------------------------

    def find_cycle(self) -> bool:
        """Whether a fragment spreads itself."""
        below = {name: list(_spreads(one.selection_set)) for name, one in self._fragments.items()}
        done: set[str] = set()
        for start in below:
            path: list[tuple[str, Iterator[FragmentSpreadNode]]] = []
            entered = {start}
            if start not in done:
                path.append((start, iter(below[start])))
            while path:
                name, rest = path[-1]
                spread = next(rest, None)
                if spread is None:
                    path.pop()
                    entered.discard(name)
                    done.add(name)
                    continue
                inner = spread.name.value
                if inner in entered:
                    self.wrong(f"Cannot spread fragment '{inner}' within itself.", spread)
                    return True
                if inner in below and inner not in done:
                    entered.add(inner)
                    path.append((inner, iter(below[inner])))
        return False

    def operation(self, node: OperationDefinitionNode) -> Operation:
        scope = self._scope = _Scope()
        root = {
            OperationType.QUERY: self._schema.query_type,
            OperationType.MUTATION: self._schema.mutation_type,
        }.get(node.operation)
        if node.directives or root is None:
            self.doubt()
        for one in node.variable_definitions or ():
            self._define(one)
        if root is None:
            weight, names = Weight(0, 0, ()), set[str]()
        else:
            weight = self._selection(root, (node.selection_set,), 1, 0)
            names = set(self._names(node.selection_set)) - {"__typename"}
        for name in scope.variables.keys() - scope.used:
            self.wrong(f"Variable '${name}' is never used.", node)
        return Operation(
            node,
            self._fragments,
            weight,
            tuple(sorted(scope.deciding)),
            tuple(sorted(scope.sizing)),
            bool(names & TELL_OF_THE_SCHEMA),
            bool(names) and names <= TELL_OF_THE_SCHEMA,
        )

    def _names(self, selections: SelectionSetNode) -> Iterator[str]:
        """The names of the fields of the root."""
        for one in selections.selections:
            if isinstance(one, FieldNode):
                yield one.name.value
            elif isinstance(one, InlineFragmentNode):
                yield from self._names(one.selection_set)
            elif isinstance(one, FragmentSpreadNode) and one.name.value in self._fragments:
                yield from self._names(self._fragments[one.name.value].selection_set)

    def _define(self, node: Any) -> None:
        name = node.variable.name.value
        type_ = type_from_ast(self._schema, node.type)
        if type_ is None or not is_input_type(type_) or node.directives or name in self._scope.variables:
            self.doubt()
        self._scope.variables[name] = (type_, node.default_value)
        if node.default_value is not None and type_ is not None:
            self._attempt(type_, node.default_value)

    # ---- selections -----------------------------------------------------------------------------

    def _selection(
        self, type_: Any, sets: Sequence[SelectionSetNode], depth: int, introspected: int
    ) -> Weight:
        """What these selections, merged, come to where they are asked of a type."""
        asked: Asked = {}
        for one in sets:
            self._collect(type_, one, asked, set())
        # The same fields weigh the same wherever they stand.
        key = (type_.name, introspected, frozenset(id(node) for those in asked.values() for _, node in those))
        known = self._scope.weights.get(key)
        if known is None:
            if depth > self._limits.depth:
                self._too_deep(depth, sets[0])
            known = self._weighed(asked, depth, introspected, type_)
            self._scope.weights[key] = known
        if depth + known.height - 1 > self._limits.depth:
            self._too_deep(depth + known.height - 1, sets[0])
        if known.fields > self._limits.fields:
            hint = "spread fewer fragments within each other"
            refuse("fields, fragments spread out", known.fields, self._limits.fields, hint, place_of(sets[0]))
        return known

    def _too_deep(self, depth: int, node: Node) -> None:
        refuse("levels of fields", depth, self._limits.depth, "nest less deeply", place_of(node))

    def _collect(self, type_: Any, selections: SelectionSetNode, asked: Asked, within: set[str]) -> None:
        for one in selections.selections:
            self._scope.work += 1
            if self._scope.work > 4 * self._limits.fields:
                refuse(
                    "fields, fragments spread out", self._scope.work, 4 * self._limits.fields,
                    "spread fewer fragments", place_of(one),
                )  # fmt: skip
            if one.directives:
                self._directives(one)
            if isinstance(one, FieldNode):
                key = one.alias.value if one.alias else one.name.value
                those = asked.setdefault(key, [])
                those.append((type_, one))
                if len(those) > self._limits.repetitions:
                    what = "fields under one key of an object"
                    hint = f'ask for "{key}" once'
                    refuse(what, len(those), self._limits.repetitions, hint, place_of(one))
                continue
            inner = self._inside(type_, one, within)
            if inner is not None:
                self._collect(*inner, asked, within)

    def _inside(self, type_: Any, spread: Any, within: set[str]) -> tuple[Any, SelectionSetNode] | None:
        """What a fragment selects, and of which type; None where that is known already, or nothing."""
        if isinstance(spread, InlineFragmentNode):
            condition, inner = spread.type_condition, spread.selection_set
        else:
            name = spread.name.value
            fragment = self._fragments.get(name)
            if fragment is None:
                self.wrong(f"Unknown fragment '{name}'.", spread)
                return None
            if fragment.directives or fragment.variable_definitions:
                self.doubt()
            condition, inner = fragment.type_condition, fragment.selection_set
        there = type_ if condition is None else self._composite(condition.name.value)
        if there is None:  # there is no such type, or it has no fields
            self.doubt()
            return None
        if there is not type_ and not do_types_overlap(self._schema, type_, there):
            self.doubt()
        if isinstance(spread, FragmentSpreadNode):
            self.spread.add(spread.name.value)
            if spread.name.value in within:
                return None
            within.add(spread.name.value)
        return there, inner

    def _composite(self, name: str) -> Any:
        type_ = self._schema.type_map.get(name)
        return (
            type_ if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType) else None
        )

    def _weighed(self, asked: Asked, depth: int, introspected: int, on: Any) -> Weight:
        fields = height = 0
        parts = list[Part]()
        for key, those in asked.items():
            parent, node = those[0]
            types = (
                1 if isinstance(parent, GraphQLObjectType) else len(self._schema.get_possible_types(parent))
            )
            fields += types
            definition = self._definition(parent, node)
            if definition is None:
                continue
            for other_parent, other in those:
                self._field(other_parent, other)
            if len(those) > 1:
                self._same(those, definition)
            named = get_named_type(definition.type)
            sets = tuple(one.selection_set for _, one in those if one.selection_set is not None)
            what = f"Field '{node.name.value}' of type '{definition.type}'"
            if not isinstance(named, _COMPOSITE):
                if sets:
                    self.wrong(f"{what} must not have a selection: it has no subfields.", node)
                continue
            if len(sets) < len(those):
                self.wrong(f"{what} must have a selection of subfields.", node)
                if not sets:
                    continue
            deeper = introspected + (_tells(named) and node.name.value in _CIRCLES)
            if deeper > self._limits.introspected:
                refuse(
                    "lists of the schema's parts in each other", deeper, self._limits.introspected,
                    "ask for the types' fields by name", place_of(node),
                )  # fmt: skip
            below = self._selection(named, sets, depth + 1, deeper)
            fields += types * below.fields
            height = max(height, below.height)
            parts.append(self._part(key, parent, node, definition, below))
        return Weight(fields, height + 1, parts)

    def _definition(self, parent: Any, node: FieldNode) -> GraphQLField | None:
        name = node.name.value
        found = None if isinstance(parent, GraphQLUnionType) else parent.fields.get(name)
        if found is None:
            if name == "__typename":
                return TypeNameMetaFieldDef
            if parent is self._schema.query_type:
                found = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}.get(name)
        if found is None:
            self.wrong(f"Cannot query field '{name}' on type '{parent.name}'.", node)
        return found

    def _part(self, key: str, parent: Any, node: FieldNode, definition: GraphQLField, below: Weight) -> Part:
        """How many objects a field gives."""
        name, type_name = node.name.value, get_named_type(definition.type).name
        if type_name.endswith("Connection"):
            assumed = NODES_BY_DEFAULT if parent is self._schema.query_type else NODES_ASSUMED
            return Part(key, below, nodes=self._page(node, ("first", "last"), assumed))
        if parent.name.endswith("Connection") and name in ("nodes", "edges"):
            return Part(key, below, of_nodes=True)
        if not _lists(definition.type):
            return Part(key, below)
        if name == "_entities":
            return Part(key, below, self._page(node, ("representations",), 1))
        if "first" in definition.args:
            return Part(key, below, self._page(node, ("first",), NODES_ASSUMED))
        if name == "types":
            return Part(key, below, Size(len(self._schema.type_map)))
        return Part(
            key, below, Size(_INTROSPECTED.get(name, VALUES_ASSUMED) if _tells(parent) else VALUES_ASSUMED)
        )

    def _page(self, node: FieldNode, names: Sequence[str], default: int) -> Size:
        for one in node.arguments or ():
            if one.name.value not in names:
                continue
            value = one.value
            if isinstance(value, IntValueNode) and len(value.value) < 10:
                return Size(max(int(value.value), 0))
            if isinstance(value, ListValueNode):
                return Size(len(value.values))
            if isinstance(value, VariableNode):
                name = value.name.value
                self._scope.sizing.add(name)
                _, otherwise = self._scope.variables.get(name, (None, None))
                if isinstance(otherwise, IntValueNode) and len(otherwise.value) < 10:
                    default = max(int(otherwise.value), 0)
                return Size(default, name)
        return Size(default)

    # ---- fields that are merged -----------------------------------------------------------------

    def _same(self, those: Sequence[tuple[Any, FieldNode]], definition: GraphQLField) -> None:
        """Doubts that fields of one key can be merged unless they are alike."""
        parent, first = those[0]
        for other_parent, other in those[1:]:
            there = definition if other_parent is parent else self._definition(other_parent, other)
            if (
                other.name.value != first.name.value
                or not _alike(first.arguments, other.arguments)
                or there is None
                or str(there.type) != str(definition.type)
            ):
                self.doubt()

    # ---- arguments ------------------------------------------------------------------------------

    def _field(self, parent: Any, node: FieldNode) -> None:
        """Checks the arguments of a field."""
        known = (id(node), parent.name)
        if known in self._scope.checked:
            return
        self._scope.checked.add(known)
        definition = self._definition(parent, node)
        if definition is None:
            return
        given: set[str] = set()
        for one in node.arguments or ():
            name = one.name.value
            argument = definition.args.get(name)
            if argument is None:
                self.wrong(f"Unknown argument '{name}' on field '{parent.name}.{node.name.value}'.", one)
                self._use_all(one.value)
                continue
            if name in given:
                self.doubt()
            given.add(name)
            self._attempt(argument.type, one.value, _has_default(argument))
        for name, argument in definition.args.items():
            if name not in given and is_required_argument(argument):
                place = f"{parent.name}.{node.name.value}({name}:)"
                self.wrong(
                    f"Argument '{place}' of type '{argument.type}' is required, but it was not provided.",
                    node,
                )

    def _directives(self, node: Any) -> None:
        found = node.directives
        if len(found) > self._limits.directives_at_one:
            place = place_of(found[self._limits.directives_at_one])
            refuse(
                "directives at one place", len(found), self._limits.directives_at_one, "leave some out", place
            )
        names = [one.name.value for one in found]
        if len(set(names)) < len(names):
            self.doubt()
        for one in found:
            self._directive(one)

    def _directive(self, node: DirectiveNode) -> None:
        arguments = node.arguments or ()
        if node.name.value not in ("skip", "include") or [one.name.value for one in arguments] != ["if"]:
            self.doubt()
            for one in arguments:
                self._use_all(one.value)
            return
        [value] = [one.value for one in arguments]
        if isinstance(value, VariableNode):
            self._scope.deciding.add(value.name.value)
        self._attempt(GraphQLNonNull(self._schema.type_map["Boolean"]), value)  # type: ignore[arg-type]

    def _use_all(self, value: Any) -> None:
        for name in _variables(value):
            self._scope.used.add(name)

    # ---- values ---------------------------------------------------------------------------------

    def _attempt(self, type_: Any, value: Any, has_default: bool = False) -> None:
        """Doubts a value unless it is one of the type."""
        try:
            self._value(type_, value, has_default)
        except NotCertain:
            self.doubt()
            self._use_all(value)

    def _value(self, type_: Any, value: Any, has_default: bool = False) -> None:
        if isinstance(value, VariableNode):
            self._variable(type_, value, has_default)
            return
        if isinstance(type_, GraphQLNonNull):
            if isinstance(value, NullValueNode):
                raise NotCertain
            type_ = type_.of_type
        if isinstance(value, NullValueNode):
            return
        if isinstance(type_, GraphQLList):
            for one in value.values if isinstance(value, ListValueNode) else (value,):
                self._value(type_.of_type, one)
        elif isinstance(type_, GraphQLInputObjectType):
            self._object(type_, value)
        elif isinstance(type_, GraphQLEnumType):
            if not isinstance(value, EnumValueNode) or value.value not in type_.values:
                raise NotCertain
        else:
            self._scalar(type_, value)

    def _variable(self, type_: Any, value: VariableNode, has_default: bool) -> None:
        name = value.name.value
        self._scope.used.add(name)
        if name not in self._scope.variables:
            self.wrong(f"Variable '${name}' is not defined.", value)
            return
        given, otherwise = self._scope.variables[name]
        if given is None:
            raise NotCertain
        if isinstance(type_, GraphQLNonNull) and not isinstance(given, GraphQLNonNull):
            if not has_default and (otherwise is None or isinstance(otherwise, NullValueNode)):
                raise NotCertain
            type_ = type_.of_type
        if not is_type_sub_type_of(self._schema, given, type_):
            raise NotCertain

    def _object(self, type_: GraphQLInputObjectType, value: Any) -> None:
        if not isinstance(value, ObjectValueNode):
            raise NotCertain
        given = {one.name.value: one.value for one in value.fields}
        if len(given) < len(value.fields):
            raise NotCertain
        for name, one in given.items():
            found = type_.fields.get(name)
            if found is None:
                raise NotCertain
            self._value(found.type, one, _has_default(found))
        if is_one_of(type_):
            [*values] = given.values()
            if len(values) != 1 or isinstance(values[0], NullValueNode | VariableNode):
                raise NotCertain
        elif any(is_required_input_field(found) for name, found in type_.fields.items() if name not in given):
            raise NotCertain

    def _scalar(self, type_: GraphQLScalarType, value: Any) -> None:
        match type_.name:
            case "String":
                fits = isinstance(value, StringValueNode)
            case "ID":
                fits = isinstance(value, StringValueNode | IntValueNode)
            case "Boolean":
                fits = isinstance(value, BooleanValueNode)
            case "Int":
                fits = (
                    isinstance(value, IntValueNode)
                    and len(value.value) < 12
                    and -INT <= int(value.value) < INT
                )
            case "Float":
                fits = isinstance(value, IntValueNode | FloatValueNode) and len(value.value) < 20
            case _:
                fits = self._custom(type_, value)
        if not fits:
            raise NotCertain

    def _custom(self, type_: GraphQLScalarType, value: Any) -> bool:
        if next(_variables(value), None) is not None:
            return False
        try:
            type_.parse_literal(value, {})
        except Exception:  # whatever it is, graphql-core meets it as well and says what is wrong
            return False
        return True


_INTROSPECTED = {"fields": 15, "inputFields": 20, "args": 6, "enumValues": 8}
"""How many of these a part of the schema has, more or less."""
_CIRCLES = {"types", "fields", "inputFields", "interfaces", "possibleTypes"}
"""Lists of the schema's parts from which one comes to such lists again."""


def _tells(type_: Any) -> bool:
    """Whether it is a type of introspection."""
    return type_.name.startswith("__")


def _has_default(place: Any) -> bool:
    """Whether an argument or a field of an input has a default."""
    return place.default is not None or place.default_value is not Undefined


def _lists(type_: Any) -> bool:
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    return isinstance(type_, GraphQLList)


def _spreads(selections: SelectionSetNode) -> Iterator[FragmentSpreadNode]:
    for one in selections.selections:
        if isinstance(one, FragmentSpreadNode):
            yield one
        elif one.selection_set is not None:  # type: ignore[union-attr]
            yield from _spreads(one.selection_set)  # type: ignore[union-attr]


def _variables(value: Any) -> Iterator[str]:
    """The names of the variables in a value."""
    if isinstance(value, VariableNode):
        yield value.name.value
    elif isinstance(value, ListValueNode):
        for one in value.values:
            yield from _variables(one)
    elif isinstance(value, ObjectValueNode):
        for one in value.fields:
            yield from _variables(one.value)


def _alike(some: Any, others: Any) -> bool:
    """Whether two lists of arguments are written alike, in the same order."""
    if len(some or ()) != len(others or ()):
        return False
    return all(
        one.name.value == other.name.value and _equal(one.value, other.value)
        for one, other in zip(some or (), others or (), strict=True)
    )


def _equal(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, VariableNode):
        return one.name.value == other.name.value
    if isinstance(one, ListValueNode):
        return len(one.values) == len(other.values) and all(map(_equal, one.values, other.values))
    if isinstance(one, ObjectValueNode):
        return _alike(one.fields, other.fields)
    return isinstance(one, NullValueNode) or one.value == other.value
