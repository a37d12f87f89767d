"""The dataloaders: made on first use, living for one request.

They serve who walks from entity to entity in Python: `expand` over REST, and any field of the graph with a
resolver of its own. A plan reads a level at once and needs none (`docs/decisions/0011-one-author.md`).
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any

from aiodataloader import DataLoader

from models.declare import Kind
from models.tables import key_of
from resolvers.storage.reads import Page
from resolvers.storage.rows import Row
from resolvers.storage.store import Store


class Loaders:
    """Batches what one request asks of the store: one statement for all keys that are asked for at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.world = store.world
        self.budget = store.budget
        self._made: dict[Hashable, DataLoader[uuid.UUID, Any]] = {}

    def by_key(self, kind: Kind) -> "DataLoader[uuid.UUID, Row | None]":
        return self._loader(("by_key", kind), lambda keys: self._store.by_key(kind, keys))

    def first_held(self, names: Sequence[str], id: str) -> Awaitable[Row | None]:
        """The entity with this id, of the first of these kinds that holds it; all are asked at once.

        There must be at least one name.
        """
        kinds = (self.world.kinds[name] for name in names)
        futures = [self.by_key(kind).load(key_of(kind, id)) for kind in kinds]
        if len(futures) == 1:
            return futures[0]

        async def first() -> Row | None:
            held = None
            for one in await asyncio.gather(*futures, return_exceptions=True):
                if isinstance(one, BaseException):
                    raise one  # the same one each time, whichever failed first
                held = held or one
            return held

        return first()

    def pointing_at(
        self, kind: Kind, target: Kind, relations: tuple[str, ...], page: Page
    ) -> "DataLoader[uuid.UUID, list[Row]]":
        return self._loader(
            ("pointing_at", kind, target, relations, page),
            lambda keys: self._store.pointing_at(kind, target, relations, keys, page),
        )

    def _loader(
        self, name: Hashable, read: Callable[[list[uuid.UUID]], Awaitable[Mapping[uuid.UUID, Any]]]
    ) -> DataLoader[uuid.UUID, Any]:
        if name not in self._made:

            async def batch(keys: list[uuid.UUID]) -> list[Any]:
                found = await read(keys)
                return [found.get(key) for key in keys]

            self._made[name] = DataLoader(batch)
        return self._made[name]
