"""Kinds: what has paths, a table and a life, as a world of kinds holds it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.declare.reading import Attribute, attributes, description, other, plural

if TYPE_CHECKING:
    from models.declare.world import World

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


@dataclass(frozen=True, eq=False)
class Node:
    """What answers at paths and in the graph under a name of its own."""

    cls: type[Any]
    homes: tuple[Home, ...]
    world: "World" = field(repr=False)
    """The kinds beside which it stands."""

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


@dataclass(frozen=True)
class Declared:
    """What `@resource` says of a class, beyond its attributes."""

    homes: tuple[Home, ...]
    flow: Flow | None
    state: str | None
    operations: frozenset[str]


@dataclass(frozen=True, eq=False)
class Kind(Node):
    """A `@resource` class in a world: what it says about itself, and how it stands to the other kinds."""

    flow: Flow | None
    state: str | None
    """JSON key of the attribute whose changes are changes of state; the one that `flow` rules."""
    operations: frozenset[str]
    """What callers may do beyond listing and getting."""
    extends: "Abstract | None" = field(repr=False)
    general: "Kind | None" = field(repr=False)
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
        return tuple(kind for kind in self.world.kinds.values() if kind.general is self)

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

    @functools.cached_property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(kind for kind in self.world.kinds.values() if kind.extends is self)
