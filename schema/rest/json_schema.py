"""JSON Schemas (draft 2020-12) of kinds and values, read off the declarations."""

import datetime as dt
import enum
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.check import ID_PATTERN, INT_MAX, INT_MIN
from models.declare import (
    Abstract,
    Attribute,
    Json,
    Kind,
    attributes,
    description,
    special_of,
)
from models.json_in import MAX_SAFE_INTEGER
from schema.rest.contract import ALWAYS

Schema = dict[str, Any]

NO_NUL = "^[^\\u0000]*$"
ID = {
    "type": "string",
    "pattern": f"^{ID_PATTERN.pattern}$",
    "not": {"enum": [".", ".."]},
}

# What a task needs beyond the declared attributes, one of these (`resolvers/behaviour/billing.py`).
ONE_OF = {"CustomerBillOnDemand": ("billingAccount", "relatedParty")}


class Form(enum.StrEnum):
    """In which form a type travels; the value ends the name of its schema, as TMF names them."""

    ANSWER = ""
    """As it is answered. What was stored leniently must not contradict: nothing nested is mandatory, and
    an unknown value may stand where an enumeration does."""
    CREATE = "_Create"
    """As a caller gives it whole: on create, and in the arrays of a change."""
    UPDATE = "_Update"
    """As a merge patch (RFC 7396) changes it: all may be left out, null removes."""


class Schemas:
    """The schemas of one document, each made when it is first referred to."""

    def __init__(self, number: str) -> None:
        self._number = number
        self.components: dict[str, Schema] = {}

    def node(self, node: Kind | Abstract, form: Form) -> Schema:
        """What stands at a home: the kind, or any of several."""
        if isinstance(node, Abstract):
            named = form is Form.CREATE
            found = [self._named(kind) if named else self.kind(kind, form) for kind in node.kinds]
        else:
            found = [self.kind(kind, form) for kind in (*node.special, node)]
        return _any_of(found)

    def _named(self, kind: Kind) -> Schema:
        """A new entity at the home of several kinds, where it must say what it is."""
        says = [
            {"properties": {key: {"const": kind.name}}, "required": [key]} for key in ("@type", "@baseType")
        ]
        return {**self.kind(kind, Form.CREATE), "anyOf": says}

    def kind(self, kind: Kind, form: Form) -> Schema:
        name = f"{kind.name}{form}"
        if name not in self.components:
            self.components[name] = {}  # holds the place for what refers back to it
            self.components[name] = self._kind(kind, form)
        return _reference(name)

    def _kind(self, kind: Kind, form: Form) -> Schema:
        found = [a for a in kind.attributes if _takes_part(a, form)]
        made = self._object(kind.doc, found, form, kind.api.number)
        properties = made["properties"]
        if form is Form.ANSWER:
            properties["id"] |= {"type": "string"}
            properties["href"] |= {"type": "string"}
            properties["@type"]["type"] = "string"
            return {**made, "required": list(ALWAYS)}
        for attribute in found:
            if attribute.mandatory_for(kind.api.number):
                _not_blank(properties[attribute.key])
        if form is Form.CREATE:
            made["properties"] = properties = {"id": _nullable(ID) | {"description": _ID_DOC}, **properties}
            if kind.flow and kind.state in properties:
                _only(properties[kind.state], kind.flow.starts)
            if kind.name in ONE_OF:
                made["anyOf"] = [
                    {"required": [key], "properties": {key: _filled(properties[key])}}
                    for key in ONE_OF[kind.name]
                ]
        return made

    def value(self, cls: type[Any], form: Form, api: str) -> Schema:
        """A nested object; of a polymorphic one, any of its cases or one that is none of them."""
        return _any_of([self._case(one, form, api) for one in (*special_of(cls).values(), cls)])

    def _case(self, cls: type[Any], form: Form, api: str) -> Schema:
        name = f"{cls.__name__}{self._stricter(cls, form, api)}{form}"
        if name not in self.components:
            self.components[name] = {}
            found = [a for a in attributes(cls) if form is not Form.ANSWER or not a.write_only]
            self.components[name] = self._object(description(cls), found, form, api)
        return _reference(name)

    def _stricter(self, cls: type[Any], form: Form, api: str) -> str:
        """Tells apart what other attributes are mandatory of, in entities of another API."""
        same = form is Form.ANSWER or _mandatory(cls, api) == _mandatory(cls, self._number)
        return "" if same else f"_{api}"

    def enumeration(self, cls: type[enum.StrEnum]) -> Schema:
        if cls.__name__ not in self.components:
            values = [member.value for member in cls]
            self.components[cls.__name__] = {
                "type": "string",
                "description": description(cls),
                "enum": values,
            }
        return _reference(cls.__name__)

    def _object(self, doc: str, found: Sequence[Attribute], form: Form, api: str) -> Schema:
        made: Schema = {"type": "object", "description": doc, "properties": {}}
        mandatory = [a.key for a in found if a.mandatory_for(api)] if form is not Form.ANSWER else []
        for attribute in found:
            schema = self._attribute(attribute, form, api)
            one = _not_null(schema) if attribute.key in mandatory else _nullable(schema)
            made["properties"][attribute.key] = one | _about(attribute, form)
        if mandatory and form is Form.CREATE:
            made["required"] = mandatory
        # TMF's extensions: what no class declares is kept and comes back.
        return {**made, "additionalProperties": True if form is Form.ANSWER else self.anything()}

    def anything(self) -> Schema:
        """What may stand where no attribute or type is declared."""
        if "Anything" not in self.components:
            self.components["Anything"] = _OPEN
        return _ANYTHING

    def _attribute(self, attribute: Attribute, form: Form, api: str) -> Schema:
        if attribute.many:
            # A merge patch replaces an array as a whole.
            whole = Form.CREATE if form is Form.UPDATE else form
            return {"type": "array", "items": self._one(attribute, whole, api)}
        return self._one(attribute, form, api)

    def _one(self, attribute: Attribute, form: Form, api: str) -> Schema:
        type_ = attribute.type
        if attribute.is_value:
            return self.value(type_, form, api)
        if isinstance(type_, type) and issubclass(type_, enum.StrEnum):
            listed = self.enumeration(type_)
            return listed if form is not Form.ANSWER else {"anyOf": [listed, {"type": "string"}]}
        if type_ is Json and form is not Form.ANSWER:
            return self.anything()
        return scalar(type_, answered=form is Form.ANSWER)


def scalar(type_: Any, *, answered: bool = False) -> Schema:
    """The schema of a scalar, within the bounds that the server keeps to."""
    if type_ is Json:
        return {}
    if type_ is dt.datetime:
        return {"type": "string", "format": "date-time"}
    if type_ is int:
        return {"type": "integer", "format": "int32", "minimum": INT_MIN, "maximum": INT_MAX}
    if type_ is bool:
        return {"type": "boolean"}
    if type_ is float:
        limits = {"minimum": -MAX_SAFE_INTEGER, "maximum": MAX_SAFE_INTEGER}
        return {"type": "number"} | ({} if answered else limits)
    return {"type": "string"} | ({} if answered else {"pattern": NO_NUL})


# ---- parts of schemas -----------------------------------------------------------------------------

_SOMETHING = {"type": ["string", "number", "boolean", "object", "array"]}
_ANYTHING = {"$ref": "#/components/schemas/Anything"}
_OPEN: Schema = {
    "description": "Any JSON value that can be kept: no U+0000, and whole numbers of 64 bits.",
    "type": [*_SOMETHING["type"], "null"],
    "pattern": NO_NUL,
    "minimum": -(2**63),
    "maximum": 2**63 - 1024,  # the last below 2^63 that a double holds
    "items": _ANYTHING,
    "propertyNames": {"pattern": NO_NUL},
    "additionalProperties": _ANYTHING,
}
_ID_DOC = (
    "Identifier that you choose for it, in place of one that the server makes: 1 to 128 letters, digits "
    "or any of . _ ~ : -, not . or .. alone."
)


def _takes_part(attribute: Attribute, form: Form) -> bool:
    """Whether an attribute of a kind is given out, or may be given: others are ignored, or cannot change."""
    if form is Form.ANSWER:
        return not attribute.write_only
    return not (attribute.server_set if form is Form.CREATE else attribute.fixed)


def _about(attribute: Attribute, form: Form) -> Schema:
    """What is said beside the type of an attribute."""
    doc = attribute.doc
    if attribute.fixed and not attribute.server_set and form is Form.CREATE:
        doc += " Cannot be changed afterwards."
    marks = {"readOnly": attribute.server_set and form is Form.ANSWER, "writeOnly": attribute.write_only}
    return {"description": doc} | {name: True for name, holds in marks.items() if holds}


def _not_null(schema: Schema) -> Schema:
    """The schema of a mandatory attribute, which is no null even where its type is open."""
    return {**schema, **_SOMETHING} if schema == _ANYTHING else schema


def _nullable(schema: Schema) -> Schema:
    """The schema, or null: to an optional attribute null is the same as nothing."""
    if not schema or schema == _ANYTHING:
        return schema
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}]}


def _not_blank(schema: Schema) -> None:
    """At the first level a blank counts as missing."""
    if schema.get("type") == "array":
        schema["minItems"] = 1
    elif schema.get("type") == "string" and "format" not in schema:
        schema["minLength"] = 1


def _only(schema: Schema, states: Sequence[str]) -> None:
    """The states that an entity may start in; the first is the default."""
    nullable = {"type": "null"} in schema.get("anyOf", ()) or "null" in schema.get("type", ())
    doc = f"{schema.pop('description')} It starts as {' or '.join(state.strip() for state in states)}."
    schema.clear()
    schema |= {"type": ["string", "null"] if nullable else "string", "enum": [*states]}
    if nullable:
        schema["enum"].append(None)
        schema["default"] = states[0]
    schema["description"] = doc


def _filled(schema: Schema) -> Schema:
    """A nested value or array, with something in it."""
    return {"type": "array", "minItems": 1} if "array" in schema.get("type", ()) else {"type": "object"}


def _any_of(found: Iterable[Schema]) -> Schema:
    schemas = list(found)
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


@functools.cache
def _mandatory(cls: type[Any], api: str) -> Mapping[tuple[str, str], bool]:
    """Whether each attribute is mandatory, of a value and all that it holds, in entities of an API."""
    found: dict[tuple[str, str], bool] = {}
    waiting = [cls]
    for one in waiting:
        for attribute in attributes(one):
            found[one.__name__, attribute.key] = attribute.mandatory_for(api)
            if attribute.is_value:
                inner = (attribute.type, *special_of(attribute.type).values())
                waiting += [each for each in inner if each not in waiting]
    return found
