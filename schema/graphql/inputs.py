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
from schema.graphql.types import NODES_AT_MOST, NODES_BY_DEFAULT, Types, argument, make

EXTENSION = "Attributes beyond those declared here, merged into the object."


@strawberry.enum(description="Which way to sort.")
class Direction(enum.Enum):
    ASC = "ASC"
    DESC = "DESC"


def optional(doc: str, name: str) -> Any:
    return strawberry.field(name=name, description=doc, default=strawberry.UNSET)


def _input(name: str, doc: str, fields: dict[str, tuple[Any, Any]], *, one_of: bool = False) -> Any:
    def decorate(cls: Any, **options: Any) -> Any:
        return strawberry.input(cls, one_of=one_of or None, **options)

    return make(name, doc, fields, decorator=decorate)


class Inputs:
    """Every input type, by the declaration that it comes from."""

    def __init__(self, types: Types) -> None:
        self._types = types
        world = types.world
        general = [cls for cls in world.values if general_of(cls) is None]
        self._values: dict[Any, Any] = {}
        self._comparisons = self._all_comparisons()
        self._value_filters: dict[Any, Any] = {cls: _empty_input(f"{cls.__name__}Filter") for cls in general}
        for cls in self._value_filters:
            self._fill_value_filter(cls)
        for cls in general:
            self._values[cls] = type(
                f"{cls.__name__}Input", (), {"__annotations__": {}, "__module__": __name__}
            )
        for cls, made in self._values.items():
            self._fill_value(cls, made)
        kinds = world.kinds.values()
        self.create = {k.name: self._create(k) for k in kinds if "create" in k.operations}
        self.update = {k.name: self._update(k) for k in kinds if "patch" in k.operations}
        self._filters = {node.name: self._filter(node) for node in world.nodes}
        self._orders = {node.name: self._order(node) for node in world.nodes}

    def list_arguments(self, node: Kind | Abstract, way: Way | None = None) -> list[Any]:
        """The arguments of every field that yields a connection."""
        found = [
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
        if way is not None and len(way.relations) > 1:
            found.insert(0, argument("via", Optional[list[_via(way)]], "Only by these references."))
        return found

    def _fill_value(self, cls: type[Any], made: Any) -> None:
        """The input of a value; that of a polymorphic one takes the attributes of all its special cases."""
        fields = {}
        for a in family_attributes(cls):
            type_ = self._of(a)
            if a.mandatory:
                fields[a.graphql_name] = (type_, strawberry.field(name=a.graphql_name, description=a.doc))
            else:
                fields[a.graphql_name] = (Optional[type_], optional(a.doc, a.graphql_name))
        fields["extension"] = (Optional[JSON], optional(EXTENSION, "extension"))
        made.__annotations__ = {f"{name}_": type_ for name, (type_, _) in fields.items()}
        for name, (_, one) in fields.items():
            setattr(made, f"{name}_", one)
        strawberry.input(made, name=f"{cls.__name__}Input", description=description(cls))

    def _of(self, a: Attribute) -> Any:
        one = self._values[a.type] if a.is_value else self._types.of(a)
        return list[one] if a.many else one

    def _create(self, kind: Kind) -> Any:
        fields: dict[str, tuple[Any, Any]] = {}
        for a in kind.attributes:
            if a.server_set and a.key != "id":
                continue
            if a.mandatory:
                one = strawberry.field(name=a.graphql_name, description=a.doc)
                fields[a.graphql_name] = (self._of(a), one)
            else:
                fields[a.graphql_name] = (Optional[self._of(a)], optional(a.doc, a.graphql_name))
        fields["extension"] = (Optional[JSON], optional(EXTENSION, "extension"))
        return _input(f"{kind.name}Create", f"A new {kind.name}.", fields)

    def _update(self, kind: Kind) -> Any:
        fields: dict[str, tuple[Any, Any]] = {
            a.graphql_name: (Optional[self._of(a)], optional(a.doc, a.graphql_name))
            for a in kind.attributes
            if not a.fixed
        }
        fields["extension"] = (Optional[JSON], optional(EXTENSION, "extension"))
        doc = f"Changes to a {kind.name}: what is left out stays, null clears, a list is replaced as a whole."
        return _input(f"{kind.name}Update", doc, fields)

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
        made = _empty_input(f"{node.name}Filter")
        return self._fill_filter(made, node.attributes, f"What {node.plural} to take; all parts must hold.")

    def _fill_value_filter(self, cls: type[Any]) -> None:
        doc = f"What is asked of a {cls.__name__}; one and the same meets all parts."
        self._fill_filter(self._value_filters[cls], family_attributes(cls), doc)

    def _fill_filter(self, made: Any, found: Iterable[Attribute], doc: str) -> Any:
        fields: dict[str, tuple[Any, Any]] = {
            "and": (Optional[list[made]], optional("All of these hold.", "and")),
            "or": (Optional[list[made]], optional("At least one of these holds.", "or")),
            "not": (Optional[made], optional("This does not hold.", "not")),
        }
        for a in found:
            if a.write_only or a.key == "href":
                continue
            if a.is_value:
                type_ = self._value_filters[general_of(a.type) or a.type]
            else:
                type_ = self._comparisons[strawberry.ID if a.key == "id" else a.type]
            fields[a.graphql_name] = (Optional[type_], optional(a.doc, a.graphql_name))
        made.__annotations__ = {f"{key}_": type_ for key, (type_, _) in fields.items()}
        for key, (_, one) in fields.items():
            setattr(made, f"{key}_", one)
        return strawberry.input(made, name=made.__name__, description=doc)

    def _order(self, node: Kind | Abstract) -> Any:
        fields: dict[str, tuple[Any, Any]] = {
            a.graphql_name: (Optional[Direction], optional(f"Sort by: {a.doc}", a.graphql_name))
            for a in sortable(node)
        }
        return _input(f"{node.name}Sort", f"One sort key of {node.plural}.", fields, one_of=True)


def sortable(node: Kind | Abstract) -> Iterable[Attribute]:
    """The attributes with a column, by which a list can be filtered and sorted."""
    return (a for a in node.attributes if a.is_scalar and a.key != "href")


def _empty_input(name: str) -> Any:
    return type(name, (), {"__annotations__": {}, "__module__": __name__})


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
    fields = {op: (kinds.get(op, Optional[type_]), optional(docs[op], op)) for op in operators}
    return _input(f"{name}Filter", f"Compares a {name}; all parts must hold.", fields)


def _via(way: Way) -> Any:
    name = f"{way.kind.name}To{way.target.name}"
    members = {way.via_name(r): r for r in way.relations}
    made: Any = enum.Enum(name, members)
    return strawberry.enum(
        made,
        name=name,
        description=f"The attributes by which a {way.kind.name} may refer to a {way.target.name}.",
    )
