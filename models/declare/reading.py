"""Reading declarations: the attributes of a class, its docstrings, and the family that it belongs to."""

import ast
import datetime as dt
import enum
import functools
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from models.declare.links import Link
from models.declare.marks import Json, MandatoryIn, Mark

T = TypeVar("T")


@dataclass(frozen=True)
class Attribute:
    name: str
    """In Python: `order_date`."""
    key: str
    """In JSON: `orderDate`."""
    type: Any
    """The class or scalar, without `| None` and `tuple`."""
    many: bool
    mandatory: bool
    doc: str
    marks: tuple[Any, ...] = ()

    @functools.cached_property
    def graphql_name(self) -> str:
        return camel(self.name)

    @functools.cached_property
    def is_value(self) -> bool:
        return isinstance(self.type, type) and hasattr(self.type, "__tmf_value__")

    @functools.cached_property
    def is_scalar(self) -> bool:
        """Whether it has a column of its own, and can be filtered and sorted by."""
        return not (self.many or self.is_value or self.type is Json)

    @functools.cached_property
    def server_set(self) -> bool:
        return bool({Mark.SERVER_SET, Mark.CREATED, Mark.CHANGED}.intersection(self._plain_marks))

    @functools.cached_property
    def stamped(self) -> bool:
        """Whether it says when the entity was created or last changed."""
        return bool({Mark.CREATED, Mark.CHANGED}.intersection(self._plain_marks))

    @functools.cached_property
    def restamped(self) -> bool:
        """Whether it says when the entity was last changed."""
        return Mark.CHANGED in self._plain_marks

    @functools.cached_property
    def fixed(self) -> bool:
        return self.server_set or Mark.FIXED in self._plain_marks

    @functools.cached_property
    def write_only(self) -> bool:
        return Mark.WRITE_ONLY in self._plain_marks

    @functools.cached_property
    def _plain_marks(self) -> tuple[Mark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, Mark))

    def mark(self, kind: Callable[..., T]) -> T | None:
        return next((mark for mark in self.marks if type(mark) is kind), None)

    def mandatory_for(self, api: str) -> bool:
        extra = self.mark(MandatoryIn)
        return self.mandatory or (extra is not None and api in extra.apis)


@functools.cache
def attributes(cls: type[Any]) -> tuple[Attribute, ...]:
    """The attributes of a declared class, inherited ones first."""
    hints = typing.get_type_hints(cls, include_extras=True)
    docs = _docs(cls)
    return tuple(
        _attribute(cls, name, hint, docs[name]) for name, hint in hints.items() if not name.startswith("_")
    )


def link_of(cls: type[Any]) -> Link | None:
    """The link that a value class declares, its own or an inherited one."""
    return getattr(cls, "__tmf_link__", None)


def general_of(cls: type[Any]) -> type[Any] | None:
    """The polymorphic class that a class is a special case of."""
    return next((base for base in cls.__mro__[1:] if "__tmf_special__" in base.__dict__), None)


def special_of(cls: type[Any]) -> Mapping[str, type[Any]]:
    """The special cases of a polymorphic value by name; none where it is not polymorphic."""
    return cls.__dict__.get("__tmf_special__", {})


def case_of(cls: type[Any], document: Mapping[str, Any]) -> type[Any]:
    """The special case of a polymorphic value that a document's @type or @baseType names, else the value."""
    cases = special_of(cls)
    for name in (document.get("@type"), document.get("@baseType")):
        if isinstance(name, str) and name in cases:
            return cases[name]
    return cls


def other(name: str) -> str:
    """Name of the GraphQL type for what is none of the special cases of a polymorphic type."""
    return f"Other{name}"


def family_attributes(cls: type[Any]) -> tuple[Attribute, ...]:
    """The attributes of a value and of all its special cases."""
    classes = (cls, *special_of(cls).values())
    return tuple({a.name: a for one in classes for a in attributes(one)}.values())


def description(cls: type[Any]) -> str:
    """The docstring of a declared class as one paragraph."""
    return " ".join((inspect.getdoc(cls) or "").split())


@functools.cache
def json_key(name: str) -> str:
    """`order_date` -> `orderDate`, `at_type` -> `@type`."""
    return "@" + camel(name.removeprefix("at_")) if name.startswith("at_") else camel(name)


def camel(name: str) -> str:
    """`order_date` -> `orderDate`."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"


def _attribute(cls: type[Any], name: str, hint: Any, doc: str) -> Attribute:
    marks: tuple[Any, ...] = ()
    if typing.get_origin(hint) is Annotated:
        hint, *rest = typing.get_args(hint)
        marks = tuple(rest)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        arms = [arm for arm in typing.get_args(hint) if arm is not types.NoneType]
        if len(arms) != 1:
            raise TypeError(f"{cls.__name__}.{name}: an attribute has one type, not {hint}")
        [hint] = arms
    many = typing.get_origin(hint) is tuple
    if many:
        hint = typing.get_args(hint)[0]
    known = (str, int, float, bool, dt.datetime, Json)
    cls_ = inspect.isclass(hint) and (issubclass(hint, enum.StrEnum) or hasattr(hint, "__tmf_value__"))
    if hint not in known and not cls_:
        raise TypeError(
            f"{cls.__name__}.{name}: {hint} is neither a scalar nor a declared value or enumeration"
        )
    return Attribute(
        name=name,
        key=json_key(name),
        type=hint,
        many=many,
        mandatory=not hasattr(cls, name) or name in getattr(cls, "__tmf_mandatory__", ()),
        doc=doc,
        marks=marks,
    )


def _docs(cls: type[Any]) -> dict[str, str]:
    """Attribute docstrings, inherited ones included."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base is not object and base.__module__ in sys.modules:
            found.update(_attribute_docs(base.__module__).get(base.__qualname__, {}))
    return found


def check_documented(cls: type[Any]) -> None:
    """Every declared class and attribute reads well in GraphiQL: refuse one that says nothing."""
    if not cls.__dict__.get("__doc__"):
        raise TypeError(f"{cls.__name__} has no docstring")
    own = _attribute_docs(cls.__module__).get(cls.__qualname__, {})
    for name in _annotated_names(cls.__module__).get(cls.__qualname__, ()):
        if not own.get(name):
            raise TypeError(f"{cls.__name__}.{name} has no docstring below it")


def _classes(module: str) -> Iterator[ast.ClassDef]:
    tree = _tree(module)
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


@functools.cache
def _tree(module: str) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(sys.modules[module])))


@functools.cache
def _annotated_names(module: str) -> dict[str, tuple[str, ...]]:
    return {
        node.name: tuple(
            line.target.id
            for line in node.body
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        )
        for node in _classes(module)
    }


@functools.cache
def _attribute_docs(module: str) -> dict[str, dict[str, str]]:
    """For each class of a module, the string below each annotated attribute."""
    return {
        node.name: {
            line.target.id: " ".join(below.value.value.split())
            for line, below in zip(node.body, node.body[1:], strict=False)
            if isinstance(line, ast.AnnAssign)
            and isinstance(line.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        }
        for node in _classes(module)
    }
