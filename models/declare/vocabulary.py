"""The decorators by which classes are declared. They write down what is said, on the class itself."""

import enum
from collections.abc import Callable
from typing import TypeVar, dataclass_transform

from models.declare.kinds import OPERATIONS, Declared, Flow, Home
from models.declare.links import External, Group, Link
from models.declare.reading import check_documented, general_of

C = TypeVar("C", bound=type)
E = TypeVar("E", bound=type[enum.StrEnum])


@dataclass_transform(kw_only_default=True)
def value(cls: C) -> C:
    """Declare a TMF type that lives inside a resource and has no path of its own."""
    cls.__tmf_value__ = True
    check_documented(cls)
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
        cls.__tmf_resource__ = Declared(homes, flow, state, frozenset(operations))
        check_documented(cls)
        return cls

    return declare


@dataclass_transform(kw_only_default=True)
def abstract(*homes: Home) -> Callable[[C], C]:
    """Declare the common face of several resources; its homes answer for all of them."""

    def declare(cls: C) -> C:
        cls.__tmf_abstract__ = homes
        check_documented(cls)
        return cls

    return declare


def enumeration(cls: E) -> E:
    """Declare a closed list of values, spelled exactly as TMF spells them."""
    check_documented(cls)
    return cls
