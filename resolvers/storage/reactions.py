"""Reactions: what a write brings about beyond itself, in the same transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.declare import Kind
from resolvers.storage.documents import Draft
from resolvers.storage.rows import Row
from resolvers.storage.writes import Change

if TYPE_CHECKING:
    from resolvers.storage.transaction import Transaction

Storing = Callable[[Draft], Awaitable[Row]]
Creating = Callable[["Transaction", Draft, Storing], Awaitable[Row]]
Changed = Callable[["Transaction", Row, Row], Awaitable[None]]
Deleted = Callable[["Transaction", Row], Awaitable[None]]

DEPTH_AT_MOST = 10
"""How many writes may follow from each other: each is one that a reaction to the one before it made."""


@dataclass(frozen=True)
class Reactions:
    """Lists of what follows from writes, by name of the kind that is written; in their order.

    Those of a general kind are for its special kinds as well. Whoever writes sets them off: callers, the
    worker, reactions. Imports do not, as they store what is so already.
    """

    created: Mapping[str, Sequence[Creating]] = field(default_factory=dict)
    """Around the creation of one, the first outermost: they get the draft, and `store` to store it, which
    gives the entity. So they lock what they need before, complete the draft, and go on from the entity."""
    changed: Mapping[str, Sequence[Changed]] = field(default_factory=dict)
    """After one was changed: from what it was to what it is by now, earlier reactions included."""
    deleted: Mapping[str, Sequence[Deleted]] = field(default_factory=dict)
    """After one was deleted, with what it was."""

    def act(self, change: Change, kind: Kind) -> bool:
        """Whether anything may follow where one of a kind, or of its special kinds, is written so."""
        return any(one.name in self._of(change) for one in (kind, kind.root, *kind.special))

    def to(self, change: Change, kind: Kind) -> tuple[Any, ...]:
        """What follows where one of exactly this kind is written in this way."""
        if not self._of(change):
            return ()
        names = (kind.name,) if kind is kind.root else (kind.name, kind.root.name)
        return tuple(one for name in names for one in self._of(change).get(name, ()))

    def _of(self, change: Change) -> Mapping[str, Sequence[Any]]:
        if change is Change.CREATED:
            return self.created
        return self.changed if change is Change.CHANGED else self.deleted


NONE = Reactions()
