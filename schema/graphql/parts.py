"""The types, fields and arguments that Strawberry makes a schema of, from data.

Its decorators make them from classes: each becomes a dataclass, and the annotation of each of its fields is
evaluated. Thousands of fields share some hundred annotations here, so each annotation is evaluated once, and
what the decorators would arrive at is made without them, in a third of the time. Only this module knows what
that looks like, and what else we use of Strawberry that it does not promise to keep.
"""

import enum
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import strawberry
from graphql import (
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLSchema,
    ObjectValueNode,
    ValidationContext,
    VariableNode,
)
from strawberry.annotation import StrawberryAnnotation
from strawberry.federation import Schema
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.schema_directives import OneOf
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

Field = StrawberryField
Argument = StrawberryArgument

ONE_OF = (OneOf(),)
"""Of an input: that exactly one of its fields is given."""


class Of(enum.Enum):
    """What a type is."""

    OBJECT = "object"
    INTERFACE = "interface"
    INPUT = "input"


def field(name: str, type_: Any, description: str, arguments: Sequence[Argument] = ()) -> Field:
    """A field of an object or an interface; `type_` as an annotation would say it."""
    made = Field(name, name, _annotation(type_), description=description)
    if arguments:
        made.arguments = list(arguments)
    return made


def input_field(name: str, type_: Any, description: str) -> Field:
    """A field of an input, which may be left out unless its type says otherwise."""
    return Field(name, name, _annotation(type_), description=description, default=strawberry.UNSET)


def argument(name: str, type_: Any, description: str, **default: Any) -> Argument:
    """An argument of a field, which may be left out if its type says so or it has a default."""
    return Argument(name, name, _annotation(type_), description=description, **default)


def empty(name: str, base: type | None = None) -> type:
    """A type that others can name already; `base` is the interface that it extends, which is filled first."""
    return type(name, (base,) if base else (), {})


def fill(
    made: Any,
    of: Of,
    description: str,
    fields: Iterable[Field],
    directives: Sequence[object] = (),
) -> None:
    """Says what an empty type is; it has the fields of the interface that it extends, too."""
    extended = [base.__strawberry_definition__ for base in made.__mro__[1:-1]]  # the nearest first
    inherited = extended[0].fields if extended else ()
    found = {one.python_name: one for one in (*inherited, *fields)}
    made.__strawberry_definition__ = StrawberryObjectDefinition(
        name=made.__name__,
        is_input=of is Of.INPUT,
        is_interface=of is Of.INTERFACE,
        origin=made,
        description=description,
        interfaces=extended,
        extend=False,
        directives=directives,
        is_type_of=None,
        resolve_type=None,
        fields=list(found.values()),
    )


def make(
    name: str,
    of: Of,
    description: str,
    fields: Iterable[Field],
    directives: Sequence[object] = (),
    base: type | None = None,
) -> Any:
    """A type at once, where nothing has to name it before."""
    made = empty(name, base)
    fill(made, of, description, fields, directives)
    return made


def enumeration(cls: type[enum.StrEnum], description: str) -> Any:
    """An enum of the graph, whose values are those of a Python one, without their spaces."""
    made: Any = strawberry.enum(cls, name=cls.__name__, description=description, graphql_name_from="value")
    for value in made.__strawberry_definition__.values:
        # Three official values are no GraphQL names: "aborted ", "Not Started".
        value.name = "".join(value.name.split())
    return made


@functools.lru_cache(maxsize=4096)
def _annotation(type_: Any) -> StrawberryAnnotation:
    return StrawberryAnnotation(type_)


# ---- the schema that Strawberry has made --------------------------------------------------------


def core_of(made: Schema) -> GraphQLSchema:
    """The same as graphql-core has it."""
    return made._schema  # pyright: ignore[reportPrivateUsage]


def is_one_of(type_: GraphQLInputObjectType) -> bool:
    """Whether exactly one field of an input is to be given. Strawberry does not tell graphql-core."""
    declared = type_.extensions.get("strawberry-definition")
    return type_.is_one_of or bool(declared is not None and declared.is_one_of)


class OneKey(OneOfInputValidationRule):
    """Strawberry's rule, which takes for granted that operations come first and declare their variables."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.variable_definitions = {}

    def validate_one_of(self, node: ObjectValueNode, type: GraphQLNamedType) -> None:
        for field_ in node.fields:
            value = field_.value
            if isinstance(value, VariableNode) and value.name.value not in self.variable_definitions:
                return  # another rule says that it is not declared; in a fragment the run says what is wrong
        super().validate_one_of(node, type)
