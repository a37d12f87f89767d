"""A world: the kinds that one application holds, and what it knows of those that others hold."""

import enum
import functools
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from models.declare.kinds import Abstract, Declared, Home, Kind
from models.declare.links import ANY, External, Group, Link, Points
from models.declare.reading import attributes, description, general_of, link_of, special_of


class World:
    """The kinds that one application holds. Two worlds share no kind, though both may be of one class.

    A kind knows its world, so whoever has a kind can find the others. What only one world has, such as its
    tables and its schema, is made from the world and kept by it.
    """

    def __init__(self, held: Iterable[type[Any]], foreign: Iterable[type[Any]] = ()) -> None:
        """`held` and `foreign` are `@resource` classes, a polymorphic one in front of its special cases.

        Entities of the foreign ones exist, and other systems hold them: references to these are kept as
        those to what is External. TypeError where that does not go together; that a link leads to what is
        neither held nor foreign is seen when it is first followed, as a schema follows all of them.
        """
        classes, elsewhere = tuple(held), tuple(foreign)
        self.kinds: dict[str, Kind] = {}
        """By name, in the order in which they are given."""
        self.foreign: dict[str, type[Any]] = {cls.__name__: cls for cls in elsewhere}
        """By name, the declarations of what others hold."""
        found = (base for cls in classes for base in cls.__mro__[1:] if _is_abstract(base))
        self.abstracts: dict[str, Abstract] = {
            base.__name__: Abstract(base, base.__dict__[_ABSTRACT], self) for base in found
        }
        """The types without a table that some of the kinds extend, by name."""
        for cls in classes:
            self._add(cls)
        self.nodes: tuple[Kind | Abstract, ...] = (*self.kinds.values(), *self.abstracts.values())
        """All that answers at paths and in the graph."""
        self.roots = tuple(kind for kind in self.kinds.values() if kind.general is None)
        """The kinds with a table of their own."""
        self.homes: dict[str, tuple[Home, Kind | Abstract]] = {
            home.url: (home, node) for node in self.nodes for home in node.homes
        }
        """Every path below which entities answer, with what answers there."""
        of_roots = {cls: (general_of(cls) or cls).__name__ for cls in (*classes, *elsewhere)}
        self.roots_named: dict[str, str] = {cls.__name__.casefold(): root for cls, root in of_roots.items()}
        """Names of the kinds with a table, held or foreign: by those of all kinds in lower case."""
        self.roots_at: dict[str, str] = {
            home.url: root for cls, root in of_roots.items() for home in declared(cls).homes
        }
        """The same by path."""
        self._targets: dict[Link | Points, Targets] = {}

    def _add(self, cls: type[Any]) -> None:
        name, general, said = cls.__name__, general_of(cls), declared(cls)
        if name in self.kinds or name in self.foreign:
            raise TypeError(f"There are two kinds of the name {name}.")
        if general is not None and general.__name__ not in self.kinds:
            raise TypeError(f"{name} lives in the table of {general.__name__}, which has to stand before it.")
        extended = (self.abstracts[base.__name__] for base in cls.__mro__[1:] if _is_abstract(base))
        self.kinds[name] = Kind(
            cls,
            said.homes,
            self,
            said.flow,
            said.state,
            said.operations,
            next(extended, None),
            self.kinds[general.__name__] if general else None,
        )

    def __repr__(self) -> str:
        return f"World({', '.join(self.kinds)})"

    def kind_at(self, path: str) -> Kind | None:
        """The kind that answers at a path: `/tmf-api/serviceInventory/v4/service`."""
        node = self.homes[path][1] if path in self.homes else None
        return node if isinstance(node, Kind) else None

    def path_of(self, name: str) -> str:
        """The official path of a kind, held or foreign."""
        return declared(self.kinds[name].cls if name in self.kinds else self.foreign[name]).homes[0].url

    def targets(self, link: Link | Points) -> "Targets":
        """Where a link leads in this world."""
        found = self._targets.get(link)
        if found is None:
            found = self._targets[link] = Targets(self, link)
        return found

    @functools.cached_property
    def values(self) -> tuple[type[Any], ...]:
        """The values that occur in documents of its kinds, a general one in front of its special cases."""
        return tuple(cls for cls in self._reached if hasattr(cls, "__tmf_value__"))

    @functools.cached_property
    def enumerations(self) -> tuple[type[enum.StrEnum], ...]:
        """The closed lists that occur in documents of its kinds."""
        return tuple(cls for cls in self._reached if issubclass(cls, enum.StrEnum))

    @functools.cached_property
    def links(self) -> tuple[Link | Points, ...]:
        """Every link that occurs in documents of its kinds."""
        of_values = (link_of(cls) for cls in self.values)
        classes = (*(kind.cls for kind in self.kinds.values()), *self.values)
        points = (attribute.mark(Points) for cls in classes for attribute in attributes(cls))
        return tuple(dict.fromkeys(link for link in (*of_values, *points) if link is not None))

    @functools.cached_property
    def _reached(self) -> tuple[type[Any], ...]:
        found: dict[type[Any], None] = {}
        waiting = [node.cls for node in self.nodes]
        for cls in waiting:
            for one in _named(cls):
                if one not in found:
                    found[one] = None
                    if not issubclass(one, enum.StrEnum):
                        waiting.append(one)
        return tuple(found)


def declared(cls: type[Any]) -> Declared:
    """What `@resource` says of a class. TypeError where it says nothing."""
    found = cls.__dict__.get("__tmf_resource__")
    if not isinstance(found, Declared):
        raise TypeError(f"{cls.__name__} is no @resource: a world is made of those.")
    return found


def resources(module: ModuleType) -> list[type[Any]]:
    """The `@resource` classes of a module, in its order."""
    classes = (one for one in vars(module).values() if isinstance(one, type))
    own = (cls for cls in classes if cls.__module__ == module.__name__)
    return [cls for cls in own if "__tmf_resource__" in cls.__dict__]


_ABSTRACT = "__tmf_abstract__"


def _is_abstract(cls: type[Any]) -> bool:
    return _ABSTRACT in cls.__dict__


def _named(cls: type[Any]) -> Iterator[type[Any]]:
    """The values and enumerations that a class names, each value with its family."""
    for attribute in attributes(cls):
        if attribute.is_value:
            general = general_of(attribute.type) or attribute.type
            yield general
            yield from special_of(general).values()
        elif isinstance(attribute.type, type) and issubclass(attribute.type, enum.StrEnum):
            yield attribute.type


Names = tuple[str, ...]


class Targets:
    """Where a link leads in a world.

    Told by names, as references are stored: those of kinds with a table, held or foreign, or the one name of
    what is External.
    """

    def __init__(self, world: World, link: Link | Points) -> None:
        self._by_href = isinstance(link, Points) and link.by_href
        self._world = world
        self.link = link.link if isinstance(link, Points) else link
        self._scalar = isinstance(link, Points)
        to = self.link.to
        self.names: Names = _names(world, to)
        """All that it may lead to; a general kind stands for its special ones."""
        self.kinds: tuple[Kind, ...] = tuple(world.kinds[name] for name in self.names if name in world.kinds)
        """Those of them that are held here."""
        self.held_names: Names = tuple(kind.name for kind in self.kinds)
        named = {} if isinstance(to, External) else world.roots_named
        self._named: dict[str, Names] = {low: (root,) for low, root in named.items() if root in self.names}
        self._unnamed: Names = () if to is ANY else self.names
        self._only_held = self.held_names == self.names

    @property
    def external(self) -> External | None:
        """What others hold there, where nothing that it may lead to is held here."""
        to = self.link.to
        if self.kinds:
            return None
        if isinstance(to, External):
            return to
        if isinstance(to, Group):
            return External(to.name, to.doc)
        return External(to, description(self._world.foreign[to]))

    def recorded(self, given: Any) -> tuple[Names, str]:
        """Names of what may hold the target, in the order in which to look, and its id; no names: none can.

        `given` is the reference, or the scalar that points. The type that a reference carries decides where
        it names a kind, in whatever case. Another name is that of an extension (`VirtualResource`), or
        missing: then the first of all that has the id is the one. A reference to ANY must name a kind.
        """
        if self._scalar:
            return self._pointed(given)
        id = given.get(self.link.id_key)
        if not isinstance(id, str) or not id:
            return (), ""
        return self.named(given.get(self.link.type_key)), id

    def held(self, given: Any) -> tuple[Names, str]:
        """The same of the kinds that are held here alone."""
        names, id = self.recorded(given)
        if self._only_held:
            return names, id
        return tuple(name for name in names if name in self.held_names), id

    def named(self, referred_type: object) -> Names:
        """Names of what may hold the target, in the order in which to look; by the type in a reference."""
        if isinstance(referred_type, str):
            return self._named.get(referred_type.casefold(), self._unnamed)
        return self._unnamed

    def _pointed(self, value: object) -> tuple[Names, str]:
        if not isinstance(value, str) or not value:
            return (), ""
        if not self._by_href:
            return self.names, value
        path, _, id = urlsplit(value).path.rpartition("/")
        name = self._world.roots_at.get(path)
        return ((name,) if name in self.names and id else ()), id


def _names(world: World, to: str | Group | External) -> Names:
    if isinstance(to, External):
        return (to.name,)
    known = tuple(dict.fromkeys(world.roots_named.values()))
    names = (to.kinds or known) if isinstance(to, Group) else (to,)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise TypeError(
            f"A reference may lead to {unknown[0]}: hold that kind as well, or say that it is foreign."
        )
    return names
