"""Where documents refer to each other: the relations of a kind, and the ways back to it."""

import functools
from dataclasses import dataclass

from models.check import Relation, shape
from models.declare import Kind


@dataclass(frozen=True)
class Way:
    """A way back: the entities of `kind` that refer to `target`, by one of these relations."""

    kind: Kind
    target: Kind
    relations: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.kind.plural

    def via_name(self, relation: str) -> str:
        """The relation as a GraphQL name: `productOrderItem_product`."""
        return relation.replace(".", "_")


@functools.cache
def ways_back(target: Kind) -> tuple[Way, ...]:
    """Every kind that may refer to `target`, with the relations by which it may."""
    ways: list[Way] = []
    for kind in target.world.roots:
        found = tuple(r.path for r in relations(kind) if target.root in r.targets.kinds)
        if found:
            ways.append(Way(kind, target.root, found))
    return tuple(ways)


@functools.cache
def relations(kind: Kind) -> tuple[Relation, ...]:
    """Every place in documents of this kind where a reference may stand."""
    return tuple({r.path: r for one in (kind, *kind.special) for r in shape(one).relations}.values())
