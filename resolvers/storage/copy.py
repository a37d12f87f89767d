"""Many new entities at once, by COPY, in one transaction."""

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from models.declare import Kind
from resolvers.storage import sequencer
from resolvers.storage.documents import Draft
from resolvers.storage.rows import among
from resolvers.storage.view import view_of
from resolvers.storage.writes import Record, creation


async def copy(engine: AsyncEngine, drafts: Sequence[Draft], *, actor: str) -> None:
    """Stores new entities, all or none; the driver's UniqueViolationError where an id is taken.

    Their events have positions when it is done, one after the other; those of others wait meanwhile.
    """
    lists: dict[tuple[str, tuple[str, ...]], list[Record]] = {}
    for draft in drafts:
        for into, columns, records in (await creation(draft, actor)).records():
            lists.setdefault((into.name, columns), []).extend(records)
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        async with driver.transaction():
            for (name, columns), records in lists.items():
                await driver.copy_records_to_table(name, records=records, columns=columns, timeout=600)
            if drafts:
                own = [(draft.key, draft.kind.root.name) for draft in drafts]
                await sequencer.number_loaded(driver, own)


async def held(engine: AsyncEngine, kind: Kind, keys: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these keys are held already."""
    view = view_of(kind)
    statement = sa.select(view.c.key).where(among(view.c.key, keys), view.visible)
    async with engine.connect() as connection:
        return {key for (key,) in await connection.execute(statement)}
