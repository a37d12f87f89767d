"""Links: what references lead to, and which attributes say so."""

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Points:
    """Marks a scalar attribute that says which entity is meant; the graph offers that as `field`."""

    link: Link
    field: str
    by_href: bool = False
    """Whether it holds the address of the entity, not its id."""


def points_to(to: str | Group, *, field: str, by_href: bool = False) -> Points:
    return Points(Link(to), field, by_href)
