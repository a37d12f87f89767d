"""The vocabulary for declaring TMF types.

A TMF type is declared once, as a class. Everything else (its table, GraphQL type, inputs, REST
routes, events) is read off that class through `attributes`, the one place in the project that looks
inside annotations:

- an attribute is one line and its docstring; no default means mandatory on create;
- `tuple[X, ...]` is a list, a `@value` class is a nested object, an `@enumeration` a closed list;
- a `@reference` class is a link to the kinds it names.
"""

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
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, dataclass_transform
from urllib.parse import urlsplit

T = TypeVar("T")
C = TypeVar("C", bound=type)
E = TypeVar("E", bound=type[enum.StrEnum])

Json = typing.NewType("Json", object)
"""Any JSON value: for attributes whose type TMF leaves open."""


# ---- marks: what an annotation says beyond the type ------------------------------------------


class Mark(enum.Enum):
    """What the server does with an attribute."""

    SERVER_SET = "set by the server; ignored on create, cannot be changed"
    CREATED = "the time of creation, set by the server"
    CHANGED = "the time of the last change, set by the server"
    FIXED = "given on create, cannot be changed afterwards"
    WRITE_ONLY = "a secret: taken in, kept as a digest, never given out"


@dataclass(frozen=True)
class Reached:
    """The server fills the attribute with the time at which one of these states is reached."""

    states: tuple[str, ...]


@dataclass(frozen=True)
class MandatoryIn:
    """Mandatory in the resources of these TMF APIs only: some shared types are stricter there."""

    apis: frozenset[str]


ServerSet = Annotated[T, Mark.SERVER_SET]
Created = Annotated[T, Mark.CREATED]
Changed = Annotated[T, Mark.CHANGED]
Fixed = Annotated[T, Mark.FIXED]
WriteOnly = Annotated[T, Mark.WRITE_ONLY]


def reached(*states: str) -> Reached:
    return Reached(states)


def mandatory_in(*apis: str) -> MandatoryIn:
    return MandatoryIn(frozenset(apis))


# ---- links ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Several kinds that one reference may point to, in the order in which they are tried."""

    name: str
    kinds: tuple[str, ...]
    doc: str


@dataclass(frozen=True)
class External:
    """An entity that another system holds: a reference to it is kept, its target is null here."""

    name: str
    doc: str


ANY = Group("Entity", (), "Any entity of the graph, named by the type that the reference carries.")


@dataclass(frozen=True)
class Link:
    """What a reference points to, and which of its attributes say so."""

    to: str | Group | External
    id_key: str = "id"
    type_key: str = "@referredType"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds it may point to, for ANY of all; a general kind stands for its special ones."""
        if isinstance(self.to, External):
            return ()
        if isinstance(self.to, Group):
            return self.to.kinds or tuple(kind.name for kind in roots())
        return (self.to,)

    def targets(self, referred_type: object) -> tuple[str, ...]:
        """Names of the kinds that hold the target, the first that has the id being the one.

        For what other systems hold it is their name for it. The type that a reference carries
        decides where it names one of the declared kinds, in whatever case. Another name is that of
        an extension (`VirtualResource`), or missing: then the declared kinds are tried in their
        order. A reference to ANY must name a kind of ours.
        """
        if isinstance(self.to, External):
            return (self.to.name,)
        if isinstance(referred_type, str):
            named = _NAMES.get(referred_type.casefold())
            if named in self.kinds:
                return (named,)
        return () if self.to is ANY else self.kinds


@dataclass(frozen=True)
class Points:
    """Marks a scalar attribute that says which entity is meant; the graph offers that as `field`."""

    link: Link
    field: str
    by_href: bool = False
    """Whether it holds the address of the entity, not its id."""

    def found(self, value: object) -> tuple[tuple[str, ...], str]:
        """Names of the kinds that may hold the entity, and its id; no names where it cannot be told."""
        if not isinstance(value, str) or not value:
            return (), ""
        if not self.by_href:
            return self.link.kinds, value
        path, _, id = urlsplit(value).path.rpartition("/")
        kind = kind_at(path)
        return ((kind.root.name,) if kind and kind.root.name in self.link.kinds and id else ()), id


def points_to(to: str | Group, *, field: str, by_href: bool = False) -> Points:
    return Points(Link(to), field, by_href)


# ---- APIs, homes, flows, kinds ----------------------------------------------------------------

DOMAINS = ("resource", "service", "product", "customer", "revenue", "party")


@dataclass(frozen=True)
class Api:
    """One TMF Open API under one base path."""

    number: str
    title: str
    domain: str
    base: str

    def at(self, path: str) -> "Home":
        return Home(self, path)


@dataclass(frozen=True)
class Home:
    """A path at which a kind answers over REST."""

    api: Api
    path: str

    @property
    def url(self) -> str:
        return f"{self.api.base}/{self.path}"


@dataclass(frozen=True)
class Flow:
    """The life of a resource: the states it may be born in (the first is the default) and its moves."""

    starts: tuple[str, ...]
    moves: Mapping[str, tuple[str, ...]]

    def allows(self, old: str, new: str) -> bool:
        return old == new or new in self.moves.get(old, ())

    def way(self, old: str, new: str) -> tuple[str, ...] | None:
        """The states to go through from `old` to `new`, the shortest way; None where none leads there."""
        ways: dict[str, tuple[str, ...]] = {old: ()}
        queue = [old]
        for state in queue:
            for following in self.moves.get(state, ()):
                if following not in ways:
                    ways[following] = (*ways[state], following)
                    queue.append(following)
        return ways.get(new)


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


@dataclass(frozen=True, eq=False)
class Node:
    """What answers at paths and in the graph under a name of its own."""

    cls: type[Any]
    homes: tuple[Home, ...]

    @property
    def name(self) -> str:
        return self.cls.__name__

    @property
    def singular(self) -> str:
        """Name of the field that yields one: `productOrder`."""
        return self.name[0].lower() + self.name[1:]

    @property
    def plural(self) -> str:
        """Name of every field that yields many: `productOrders`."""
        return plural(self.singular)

    @property
    def doc(self) -> str:
        return description(self.cls)

    @functools.cached_property
    def attributes(self) -> tuple[Attribute, ...]:
        return attributes(self.cls)


OPERATIONS = ("create", "patch", "delete")


@dataclass(frozen=True, eq=False)
class Kind(Node):
    """What a `@resource` class says about itself, beyond its attributes."""

    flow: Flow | None = None
    state: str | None = None
    """JSON key of the attribute whose changes are changes of state; the one that `flow` rules."""
    extends: "Abstract | None" = field(default=None, repr=False)
    operations: frozenset[str] = frozenset(OPERATIONS)
    """What callers may do beyond listing and getting."""
    general: "Kind | None" = field(default=None, repr=False)
    """The polymorphic kind that this one is a special case of, and in whose table it lives."""

    @property
    def api(self) -> Api:
        return self.homes[0].api

    @property
    def root(self) -> "Kind":
        """The kind whose table, keys and references this one shares: the general one, or itself."""
        return self.general or self

    @functools.cached_property
    def special(self) -> "tuple[Kind, ...]":
        """The kinds that are special cases of this one: PhysicalResource and LogicalResource of Resource."""
        return tuple(kind for kind in KINDS.values() if kind.general is self)

    @property
    def typename(self) -> str:
        """Name of the GraphQL object type; that of a polymorphic kind is taken by the interface."""
        return other(self.name) if self.special else self.name

    def narrowed(self, document: Mapping[str, Any]) -> "Kind":
        """The special kind that a document's @type, else its @baseType, names; else this one."""
        given = (document.get("@type"), document.get("@baseType"))
        return next((kind for name in given for kind in self.special if kind.name == name), self)

    @property
    def domain(self) -> str:
        return self.api.domain

    @functools.cached_property
    def by_key(self) -> dict[str, Attribute]:
        return {attribute.key: attribute for attribute in self.attributes}

    @functools.cached_property
    def scalars(self) -> tuple[Attribute, ...]:
        """The attributes with a column of their own; `id` has one anyway, `href` is made on reading."""
        return tuple(a for a in self.attributes if a.is_scalar and a.key not in ("id", "href"))

    @functools.cached_property
    def columns(self) -> tuple[Attribute, ...]:
        """The scalars of all kinds that share its table."""
        family = (self.root, *self.root.special)
        return tuple({a.name: a for kind in family for a in kind.scalars}.values())


@dataclass(frozen=True, eq=False)
class Abstract(Node):
    """A type without a table, the common face of several kinds: Party of Individual and Organization."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(kind for kind in KINDS.values() if kind.extends is self)


def kind_at(path: str) -> Kind | None:
    """The kind that answers at a path: `/tmf-api/serviceInventory/v4/service`."""
    return next((kind for kind in KINDS.values() if any(home.url == path for home in kind.homes)), None)


def roots() -> tuple[Kind, ...]:
    """The kinds with a table of their own, in the order of declaration."""
    return tuple(kind for kind in KINDS.values() if kind.general is None)


KINDS: dict[str, Kind] = {}
ABSTRACTS: dict[str, Abstract] = {}
VALUES: list[type[Any]] = []
ENUMERATIONS: list[type[enum.StrEnum]] = []
_NAMES: dict[str, str] = {}  # the root kind of each name, found in whatever case a reference writes it


# ---- decorators -------------------------------------------------------------------------------


@dataclass_transform(kw_only_default=True)
def value(cls: C) -> C:
    """Declare a TMF type that lives inside a resource and has no path of its own."""
    cls.__tmf_value__ = True
    _check_documented(cls)
    VALUES.append(cls)
    general = general_of(cls)
    if general is not None:
        general.__tmf_special__[cls.__name__] = cls
    return cls


def polymorphic(cls: C) -> C:
    """Declare that a value or resource has special cases: the declared classes that inherit from it.

    The `@type` of an object, else its `@baseType`, says which it is. In the graph it is an interface.
    """
    cls.__tmf_special__ = {}
    return cls


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


@dataclass_transform(kw_only_default=True)
def reference(
    to: str | Group | External, *, id_key: str = "id", type_key: str = "@referredType"
) -> Callable[[C], C]:
    """Declare a value that points to a resource: by `id_key`, its kind in doubt told by `type_key`."""

    def declare(cls: C) -> C:
        cls.__tmf_link__ = Link(to, id_key, type_key)
        return value(cls)

    return declare


@dataclass_transform(kw_only_default=True)
def resource(
    *homes: Home,
    flow: Flow | None = None,
    state: str | None = None,
    mandatory: tuple[str, ...] = (),
    operations: tuple[str, ...] = OPERATIONS,
) -> Callable[[C], C]:
    """Declare a TMF type that has a path, a table and events.

    The first home is the official one. `state` is the JSON key of the attribute that says where the
    resource stands in its life, `flow` the rules for it. `mandatory` names attributes that are optional
    in a shared mixin and mandatory on create here. `operations` says what callers may do beyond listing
    and getting. A class that inherits from a polymorphic resource lives in the table of that one.
    """

    def declare(cls: C) -> C:
        cls.__tmf_mandatory__ = frozenset(mandatory)
        _check_documented(cls)
        extends = next((ABSTRACTS[b.__name__] for b in cls.__mro__[1:] if b.__name__ in ABSTRACTS), None)
        general = general_of(cls)
        kind = Kind(
            cls,
            homes,
            flow,
            state,
            extends,
            frozenset(operations),
            KINDS[general.__name__] if general else None,
        )
        KINDS[kind.name] = kind
        _NAMES[kind.name.casefold()] = kind.root.name
        return cls

    return declare


@dataclass_transform(kw_only_default=True)
def abstract(*homes: Home) -> Callable[[C], C]:
    """Declare the common face of several resources; its homes answer for all of them."""

    def declare(cls: C) -> C:
        _check_documented(cls)
        ABSTRACTS[cls.__name__] = Abstract(cls, homes)
        return cls

    return declare


def enumeration(cls: E) -> E:
    """Declare a closed list of values, spelled exactly as TMF spells them."""
    _check_documented(cls)
    ENUMERATIONS.append(cls)
    return cls


# ---- reading declarations ---------------------------------------------------------------------


def link_of(cls: type[Any]) -> Link | None:
    """The link that a value class declares, its own or an inherited one."""
    return getattr(cls, "__tmf_link__", None)


@functools.cache
def attributes(cls: type[Any]) -> tuple[Attribute, ...]:
    """The attributes of a declared class, inherited ones first."""
    hints = typing.get_type_hints(cls, include_extras=True)
    docs = _docs(cls)
    return tuple(
        _attribute(cls, name, hint, docs[name]) for name, hint in hints.items() if not name.startswith("_")
    )


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
    is_class = isinstance(hint, type)
    if not (
        hint in known or (is_class and (issubclass(hint, enum.StrEnum) or hasattr(hint, "__tmf_value__")))
    ):
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


def _check_documented(cls: type[Any]) -> None:
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
