"""What follows from stored documents, derived anew: `tmfgraph reindex`.

Columns and the rows of side tables are made from a document when it is written. After an upgrade that
declares more attributes or links, what was written before lacks theirs, until this has run. Events
without a position get one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.check import check
from models.declare import Kind, World
from models.tables import table
from resolvers.storage import sequencer
from resolvers.storage.documents import Draft, columns_of, copied
from resolvers.storage.engine import new_engine
from resolvers.storage.rows import Row, row, row_columns
from resolvers.storage.view import view_of
from resolvers.storage.writes import parts_of

BATCH = 500


async def run(dsn: str, world: World, say: Callable[[str], None]) -> int:
    """Derives columns and side tables of every entity anew; gives the number of entities.

    Some hundred entities at a time are locked and rewritten; documents, revisions and events stay as
    they are. It may be interrupted and started again, and runs beside a server.
    """
    engine = new_engine(dsn, connect_args={"timeout": 10})
    total = 0
    try:
        for kind in world.roots:
            number, last = 0, None
            while True:
                async with engine.begin() as connection:
                    rows = await _batch(connection, kind, last)
                    await _rewrite(connection, kind, rows)
                number += len(rows)
                if len(rows) < BATCH:
                    break
                last = rows[-1].key
            if number:
                say(f"{kind.name}: {number:,}")
            total += number
        late = await _leave_unnumbered(engine)
        if late:
            say(f"Events that had no position: {late:,}")
    finally:
        await engine.dispose()
    return total


async def _leave_unnumbered(engine: AsyncEngine) -> int:
    """Hands events of servers that knew no positions to the sequencer; gives their number."""
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        async with driver.transaction():
            return await sequencer.leave_unnumbered(driver)


async def _batch(connection: AsyncConnection, kind: Kind, last: Any) -> list[Row]:
    """The entities behind a key, in the order of their keys, locked."""
    view = view_of(kind)
    behind = sa.true() if last is None else view.c.key > last
    found = sa.select(*row_columns(view)).where(behind, view.visible).order_by(view.c.key)
    statement = found.limit(BATCH).with_for_update()
    return [row(kind.world, found) for found in (await connection.execute(statement)).all()]


async def _rewrite(connection: AsyncConnection, kind: Kind, rows: Sequence[Row]) -> None:
    if not rows:
        return
    t = table(kind)
    drafts = [_draft(one) for one in rows]
    values = [{f"new_{name}": value for name, value in columns_of(draft).items()} for draft in drafts]
    columns = {name.removeprefix("new_"): sa.bindparam(name) for name in values[0] if name != "new_key"}
    await connection.execute(sa.update(t).where(t.c.key == sa.bindparam("new_key")).values(columns), values)
    keys = [one.key for one in rows]
    for part in parts_of(kind):
        if not part.is_derived:
            continue
        await connection.execute(sa.delete(part.table).where(part.of(keys, kind)))
        found = [
            dict(zip(part.owner + part.columns, (draft.key, kind.name, *one), strict=True))
            for draft in drafts
            for one in await part.rows(draft)
        ]
        if found:
            await connection.execute(sa.insert(part.table), found)


def _draft(stored: Row) -> Draft:
    kind = stored.kind.narrowed(stored.body)
    found = check(kind, copied(stored.body)).references
    return Draft(kind, stored.id, stored.key, stored.body, found)
