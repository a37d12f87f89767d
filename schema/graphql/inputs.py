"""GraphQL input types, made from the declarations: what can be written, filtered and sorted."""

import datetime as dt
import enum
from collections.abc import Iterable
from typing import Any, Optional

import strawberry
from strawberry.scalars import JSON

from models.declare import (
    Abstract,
    Attribute,
    Json,
    Kind,
    description,
    family_attributes,
    general_of,
)
from models.links import Way
from schema.graphql.parts import ONE_OF, Argument, Field, Of, argument, empty, fill, input_field, make
from schema.graphql.types import NODES_AT_MOST, NODES_BY_DEFAULT, Types

BEYOND = input_field(
    "extension", Optional[JSON], "Attributes beyond those declared here, merged into the object."
)


@strawberry.enum(description="Which way to sort.")
class Direction(enum.Enum):
    ASC = "ASC"
    DESC = "DESC"


class Inputs:
    """Every input type, by the declaration that it comes from."""

    def __init__(self, types: Types) -> None:
        self._types = types
        world = types.world
        general = [cls for cls in world.values if general_of(cls) is None]
        self._comparisons = self._all_comparisons()
        self._value_filters: dict[Any, Any] = {cls: empty(f"{cls.__name__}Filter") for cls in general}
        for cls in self._value_filters:
            self._fill_value_filter(cls)
        self._values: dict[Any, Any] = {cls: empty(f"{cls.__name__}Input") for cls in general}
        for cls, made in self._values.items():
            self._fill_value(cls, made)
        kinds = world.kinds.values()
        self.create = {k.name: self._create(k) for k in kinds if "create" in k.operations}
        self.update = {k.name: self._update(k) for k in kinds if "patch" in k.operations}
        self._filters = {node.name: self._filter(node) for node in world.nodes}
        self._orders = {node.name: self._order(node) for node in world.nodes}
        self._list_arguments = {node.name: self._list_arguments_of(node) for node in world.nodes}

    def list_arguments(self, node: Kind | Abstract, way: Way | None = None) -> list[Argument]:
        """The arguments of every field that yields a connection."""
        found = self._list_arguments[node.name]
        if way is None or len(way.relations) == 1:
            return found
        return [argument("via", Optional[list[_via(way)]], "Only by these references."), *found]

    def _list_arguments_of(self, node: Kind | Abstract) -> list[Argument]:
        return [
            argument("where", Optional[self._filters[node.name]], "Only those that meet this."),
            argument("orderBy", Optional[list[self._orders[node.name]]], "Sort keys; the id comes last."),
            argument(
                "first",
                Optional[int],
                f"The first so many, at most {NODES_AT_MOST}; {NODES_BY_DEFAULT} where nothing is said.",
            ),
            argument("after", Optional[str], "Start behind this cursor."),
            argument("last", Optional[int], "How many from the end."),
            argument("before", Optional[str], "End in front of this cursor."),
        ]

    def _fill_value(self, cls: type[Any], made: Any) -> None:
        """The input of a value; that of a polymorphic one takes the attributes of all its special cases."""
        fields = [self._written(a) for a in family_attributes(cls)]
        fill(made, Of.INPUT, description(cls), [*fields, BEYOND])

    def _written(self, a: Attribute) -> Field:
        type_ = self._of(a)
        return input_field(a.graphql_name, type_ if a.mandatory else Optional[type_], a.doc)

    def _of(self, a: Attribute) -> Any:
        one = self._values[a.type] if a.is_value else self._types.of(a)
        return list[one] if a.many else one

    def _create(self, kind: Kind) -> Any:
        found = (a for a in kind.attributes if a.key == "id" or not a.server_set)
        fields = [self._written(a) for a in found]
        return make(f"{kind.name}Create", Of.INPUT, f"A new {kind.name}.", [*fields, BEYOND])

    def _update(self, kind: Kind) -> Any:
        found = (a for a in kind.attributes if not a.fixed)
        fields = [input_field(a.graphql_name, Optional[self._of(a)], a.doc) for a in found]
        doc = f"Changes to a {kind.name}: what is left out stays, null clears, a list is replaced as a whole."
        return make(f"{kind.name}Update", Of.INPUT, doc, [*fields, BEYOND])

    def _all_comparisons(self) -> dict[Any, Any]:
        some = ("eq", "ne", "in", "isNull")
        ordered = ("eq", "ne", "in", "gt", "gte", "lt", "lte", "isNull")
        found = {
            strawberry.ID: _comparison("ID", strawberry.ID, ("eq", "ne", "in", "isNull")),
            str: _comparison("String", str, (*ordered, "regex")),
            Json: _comparison("JSON", JSON, (*ordered, "regex")),
            int: _comparison("Int", int, ordered),
            float: _comparison("Float", float, ordered),
            bool: _comparison("Boolean", bool, some),
            dt.datetime: _comparison("DateTime", dt.datetime, ordered),
        }
        for cls in self._types.world.enumerations:
            found[cls] = _comparison(cls.__name__, self._types.enum(cls), some)
        return found

    def _filter(self, node: Kind | Abstract) -> Any:
        made = empty(f"{node.name}Filter")
        self._fill_filter(made, node.attributes, f"What {node.plural} to take; all parts must hold.")
        return made

    def _fill_value_filter(self, cls: type[Any]) -> None:
        doc = f"What is asked of a {cls.__name__}; one and the same meets all parts."
        self._fill_filter(self._value_filters[cls], family_attributes(cls), doc)

    def _fill_filter(self, made: Any, found: Iterable[Attribute], doc: str) -> None:
        fields = [
            input_field("and", Optional[list[made]], "All of these hold."),
            input_field("or", Optional[list[made]], "At least one of these holds."),
            input_field("not", Optional[made], "This does not hold."),
        ]
        for a in found:
            if a.write_only or a.key == "href":
                continue
            if a.is_value:
                type_ = self._value_filters[general_of(a.type) or a.type]
            else:
                type_ = self._comparisons[strawberry.ID if a.key == "id" else a.type]
            fields.append(input_field(a.graphql_name, Optional[type_], a.doc))
        fill(made, Of.INPUT, doc, fields)

    def _order(self, node: Kind | Abstract) -> Any:
        fields = [
            input_field(a.graphql_name, Optional[Direction], f"Sort by: {a.doc}") for a in sortable(node)
        ]
        return make(f"{node.name}Sort", Of.INPUT, f"One sort key of {node.plural}.", fields, ONE_OF)


def sortable(node: Kind | Abstract) -> Iterable[Attribute]:
    """The attributes with a column, by which a list can be filtered and sorted."""
    return (a for a in node.attributes if a.is_scalar and a.key != "href")


def _comparison(name: str, type_: Any, operators: tuple[str, ...]) -> Any:
    docs = {
        "eq": "Equal to this; null: without a value.",
        "ne": "Not equal to this.",
        "in": "Equal to one of these.",
        "gt": "Greater than this.",
        "gte": "Greater than or equal to this.",
        "lt": "Less than this.",
        "lte": "Less than or equal to this.",
        "isNull": "Without a value (true), or with one (false).",
        "regex": "Holds a match of this pattern.",
    }
    kinds = {"in": Optional[list[type_]], "isNull": Optional[bool], "regex": Optional[str]}
    fields = [input_field(op, kinds.get(op, Optional[type_]), docs[op]) for op in operators]
    return make(f"{name}Filter", Of.INPUT, f"Compares a {name}; all parts must hold.", fields)


def _via(way: Way) -> Any:
    name = f"{way.kind.name}To{way.target.name}"
    members = {way.via_name(r): r for r in way.relations}
    made: Any = enum.Enum(name, members)
    return strawberry.enum(
        made,
        name=name,
        description=f"The attributes by which a {way.kind.name} may refer to a {way.target.name}.",
    )
