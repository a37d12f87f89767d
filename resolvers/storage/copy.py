"""Many new entities at once, by COPY: documents, references and events in one transaction."""

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from models.declare import KINDS, Kind
from models.tables import characteristic, event, reference, secret, table
from models.times import now
from resolvers.storage.digests import digest
from resolvers.storage.documents import Draft, characteristic_rows, columns_of, event_row, reference_rows
from resolvers.storage.rows import among
from resolvers.storage.view import view_of


async def copy(engine: AsyncEngine, drafts: Sequence[Draft], *, actor: str) -> None:
    """Stores new entities, all or none; the driver's UniqueViolationError where an id is taken."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    references: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    secrets: list[dict[str, Any]] = []
    characteristics: list[dict[str, Any]] = []
    moment = now()
    for draft in drafts:
        document = draft.document
        row = {**columns_of(draft), "revision": 1, "modified": moment, "document": document}
        by_kind.setdefault(draft.kind.root.name, []).append(row)
        references += reference_rows(draft)
        characteristics += characteristic_rows(draft.kind, draft.key, draft.body)
        made = event_row(draft.kind, draft.key, draft.id, "Create", 1, None, draft.state, document, actor)
        events.append(made)
        whose = {"entity_key": draft.key, "entity_kind": draft.kind.root.name}
        secrets += [
            {**whose, "place": one.place, "digest": await digest(one.text)}
            for one in draft.secrets
            if one.text is not None
        ]
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        async with driver.transaction():
            for name, rows in by_kind.items():
                await _copy(driver, table(KINDS[name]).name, rows)
            await _copy(driver, reference.name, references)
            await _copy(driver, characteristic.name, characteristics)
            await _copy(driver, event.name, events)
            await _copy(driver, secret.name, secrets)


async def _copy(driver: Any, name: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        columns = list(rows[0])
        records = [tuple(row.values()) for row in rows]
        await driver.copy_records_to_table(name, records=records, columns=columns, timeout=600)


async def held(engine: AsyncEngine, kind: Kind, keys: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these keys are held already."""
    view = view_of(kind)
    statement = sa.select(view.c.key).where(among(view.c.key, keys), view.visible)
    async with engine.connect() as connection:
        return {key for (key,) in await connection.execute(statement)}
