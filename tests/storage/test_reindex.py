"""Columns and references derived anew from what is stored."""

from typing import Any

import sqlalchemy as sa

from models import WHOLE
from models.tables import characteristic, event, reference, table
from resolvers.storage import reindex
from tests.conftest import Client
from tests.samples import complete


def stored(client: Client) -> list[Any]:
    """Everything that the database holds, in one order."""

    async def read() -> list[Any]:
        tables = [*(table(kind) for kind in WHOLE.roots), reference, characteristic, event]
        async with client.app.state.engine.connect() as connection:
            found = []
            for one in tables:
                rows = (await connection.execute(sa.select(one))).all()
                found.append(sorted(map(repr, rows)))
            return found

    return client.run(read())


def change(client: Client, statement: sa.Executable) -> None:
    async def run() -> None:
        async with client.app.state.engine.begin() as connection:
            await connection.execute(statement)

    client.run(run())


def test_what_was_derived_is_derived_again(client: Client, database_url: str) -> None:
    for kind in WHOLE.kinds.values():
        for _ in range(3):
            client.hold(kind, {**complete(kind), "@type": kind.name})
    before = stored(client)
    said: list[str] = []
    assert client.run(reindex.run(database_url, WHOLE, said.append)) == 3 * len(WHOLE.kinds)
    assert stored(client) == before
    # As after an upgrade: columns that are empty, references that nobody wrote, kinds that were not known.
    for kind in WHOLE.roots:
        t = table(kind)
        change(client, sa.update(t).values({a.name: None for a in kind.columns}))
        if kind.special:
            physical = t.c.document.like('%"@type":"PhysicalResource"%')
            change(client, sa.update(t).where(physical).values(kind=kind.name))
    change(client, sa.delete(reference))
    change(client, sa.delete(characteristic))
    assert stored(client) != before
    client.run(reindex.run(database_url, WHOLE, said.append))
    assert stored(client) == before
    assert "ProductOrder: 3" in said


def test_more_than_a_batch(client: Client, database_url: str) -> None:
    for number in range(7):
        client.hold(WHOLE.kinds["Category"], {"id": f"c-{number}", "name": "n", "parentId": "c-0"})
    before = stored(client)
    change(client, sa.delete(reference))
    small, reindex.BATCH = reindex.BATCH, 3
    try:
        assert client.run(reindex.run(database_url, WHOLE, lambda words: None)) == 7
    finally:
        reindex.BATCH = small
    assert stored(client) == before
