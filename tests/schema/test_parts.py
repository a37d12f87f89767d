"""The parts that schemas are made of: what Strawberry's decorators would make of the same."""

import dataclasses
import enum
import inspect
import re
from pathlib import Path
from typing import Any

import strawberry
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLSchema
from strawberry.federation import Schema
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.base import StrawberryObjectDefinition

from schema.graphql.parts import (
    ONE_OF,
    Of,
    argument,
    core_of,
    empty,
    enumeration,
    field,
    fill,
    input_field,
    is_one_of,
    make,
)

ROOT = Path(__file__).parent.parent.parent

KEY = (Key(fields=FieldSet("id")),)


@strawberry.interface(description="Something.", directives=KEY)
class Thing:
    id: strawberry.ID = strawberry.field(description="Identifier.")


@strawberry.type(name="Book", description="A book.", directives=KEY)
class Book(Thing):
    name: str | None = strawberry.field(description="Title.")
    sequels: list["Book"] = strawberry.field(description="What follows.")


@strawberry.input(description="Compares.")
class BookFilter:
    either: list["BookFilter"] | None = strawberry.field(
        name="or", description="One.", default=strawberry.UNSET
    )
    name: str = strawberry.field(description="Title.")


@strawberry.input(description="Sorts.", one_of=True)
class BookSort:
    name: bool | None = strawberry.field(description="By title.", default=strawberry.UNSET)


def decorated() -> Schema:
    @strawberry.type(description="What can be read.")
    class Query:
        books: list[Book] = strawberry.field(description="All books.")

    definition: Any = Query
    [books] = definition.__strawberry_definition__.fields
    books.arguments = [
        argument("where", BookFilter | None, "Only these."),
        argument("sort", BookSort | None, "In this order."),
        argument("old", bool, "Old ones too.", default=False),
    ]
    return Schema(query=Query, types=[Book], federation_version="2.9")


def made() -> Schema:
    thing = make("Thing", Of.INTERFACE, "Something.", [field("id", strawberry.ID, "Identifier.")], KEY)
    book = empty("Book", thing)
    sequels: Any = list[book]
    title = field("name", str | None, "Title.")
    fill(book, Of.OBJECT, "A book.", [title, field("sequels", sequels, "What follows.")], KEY)
    where: Any = empty("BookFilter")
    either = input_field("or", list[where] | None, "One.")
    fill(where, Of.INPUT, "Compares.", [either, input_field("name", str, "Title.")])
    by_name = input_field("name", bool | None, "By title.")
    sort = make("BookSort", Of.INPUT, "Sorts.", [by_name], ONE_OF)
    arguments = [
        argument("where", where | None, "Only these."),
        argument("sort", sort | None, "In this order."),
        argument("old", bool, "Old ones too.", default=False),
    ]
    books = field("books", list[book], "All books.", arguments)
    query = make("Query", Of.OBJECT, "What can be read.", [books])
    return Schema(query=query, types=[book], federation_version="2.9")


def test_a_schema_made_from_data_is_the_one_made_from_classes() -> None:
    assert made().as_str() == decorated().as_str()
    assert made().introspect() == decorated().introspect()


def test_strawberry_knows_no_more_of_a_type_than_is_said_of_it() -> None:
    """Where a release adds what a definition has to say, it is to be seen here."""
    given = {
        "name", "is_input", "is_interface", "origin", "description", "interfaces", "extend", "directives",
        "is_type_of", "resolve_type", "fields",
    }  # fmt: skip
    needed = {
        one.name
        for one in dataclasses.fields(StrawberryObjectDefinition)
        if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    }
    assert needed == given


def test_fields_of_one_type_share_its_annotation() -> None:
    first, second = field("a", str | None, "One."), input_field("b", str | None, "Two.")
    assert first.type_annotation is second.type_annotation


def test_strawberry_has_the_private_names_that_parts_take_from_it() -> None:
    core = core_of(made())
    assert isinstance(core, GraphQLSchema)
    found = {
        name: is_one_of(type_)
        for name, type_ in core.type_map.items()
        if isinstance(type_, GraphQLInputObjectType)
    }
    assert found == {"BookFilter": False, "BookSort": True}
    assert [*inspect.signature(OneOfInputValidationRule.validate_one_of).parameters] == [
        "self",
        "node",
        "type",
    ]
    assert "self.variable_definitions" in inspect.getsource(OneOfInputValidationRule)


def test_the_values_of_an_enumeration_get_names_that_the_graph_can_have() -> None:
    class State(enum.StrEnum):
        NOT_STARTED = "Not Started"

    state = field("state", enumeration(State, "How it is."), "How it is.")
    query = make("Query", Of.OBJECT, "What can be read.", [state])
    type_ = core_of(Schema(query=query)).type_map["State"]
    assert isinstance(type_, GraphQLEnumType)
    assert {name: value.value for name, value in type_.values.items()} == {"NotStarted": State.NOT_STARTED}


def test_only_parts_reach_into_strawberry() -> None:
    private = re.compile(
        r"\b(?!self)\w+\)*\._schema\b|strawberry.definition|strawberry\.(types|annotation|schema\.validation)"
    )
    files = [file for room in ("schema", "resolvers", "tmfgraph") for file in (ROOT / room).rglob("*.py")]
    reaching = [file.name for file in files if private.search(file.read_text(encoding="utf-8"))]
    assert reaching == ["parts.py"]
