"""Positions of events: a reader that remembers the last one misses nothing and reads nothing twice.

`TMFGRAPH_STRESS=50 ./run test tests/storage/test_positions.py` makes the stress test fifty times as long.
"""

import asyncio
import os
import random
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import groupby, pairwise
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.migration import MigrationContext

from models.tables import new_id
from resolvers.storage import sequencer
from resolvers.storage.sequencer import Cursor, Discontinuity, Numbered
from tmfgraph import migrate
from tmfgraph.database import run as in_database

STRESS = int(os.environ.get("TMFGRAPH_STRESS", "1"))
WRITERS, READERS, ENTITIES = 12, 3, 10
STEPS = 20 * STRESS
SECONDS_ASLEEP = 0.03

# As a write of ours: the row's lock decides on the revision; event and pending go with it.
SETUP = "create table entity (key uuid primary key, revision bigint not null)"
WRITE = """
    with made as (
        insert into entity values ($1, 1)
        on conflict (key) do update set revision = entity.revision + 1 returning revision
    ), told as (
        insert into event (entity_key, entity_kind, revision, id, entity_id, type, time, actor, document)
        select $1, 'Service', revision, $2, 'e', 'ServiceStateChangeEvent', '', 'test', '{}' from made
    ), left_over as (
        insert into pending (entity_key, entity_kind, revision) select $1, 'Service', revision from made
    )
    select revision from made
"""
LOAD = """
    insert into event (entity_key, entity_kind, revision, id, entity_id, type, time, actor, document)
    select key, 'Service', 1, key, 'e', 'ServiceCreateEvent', '', 'test', '{}' from unnest($1::uuid[]) key
"""


@pytest.fixture
def run(database_url: str) -> Callable[[Callable[["Database"], Awaitable[Any]]], Any]:
    """Runs a test with connections to a database of its own."""

    def run(test: Callable[["Database"], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            database = Database(database_url)
            try:
                await (await database.connection()).execute(SETUP)
                return await test(database)
            finally:
                await database.close()

        return asyncio.run(whole())

    return run


class Database:
    """As many connections as a test asks for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made: list[Any] = []

    async def connection(self) -> Any:
        made = await asyncpg.connect(self.url)
        await made.execute("set deadlock_timeout = '20ms'; set lock_timeout = '1s'")
        self._made.append(made)
        return made

    async def close(self) -> None:
        for made in self._made:
            await made.close()


async def write(connection: Any, key: uuid.UUID) -> int:
    return await connection.fetchval(WRITE, key, new_id())


async def load(connection: Any, number: int) -> None:
    """The events of new entities, as a load leaves them; the transaction is the caller's."""
    keys = [new_id() for _ in range(number)]
    await connection.execute(LOAD, keys)
    await sequencer.number_loaded(connection, [(key, "Service") for key in keys])


async def everything(connection: Any) -> list[Numbered]:
    return await sequencer.since(connection, None, 10_000_000)


# ---- many at once -------------------------------------------------------------------------------


class Stress:
    """Writers, loaders, sequencers and readers at once, with roll-backs and deadlocks among them."""

    def __init__(self, database: Database, seed: int) -> None:
        self._database = database
        self._rng = random.Random(seed)
        self._keys = [new_id() for _ in range(ENTITIES)]
        self._written = False
        self._numbered = False
        self.together: list[set[uuid.UUID]] = []
        """The events of each transaction that wrote several."""
        self.deadlocks = 0

    async def run(self) -> list[list[Numbered]]:
        """What each reader has read."""
        readers = [asyncio.create_task(self._read()) for _ in range(READERS)]
        sequencers = [asyncio.create_task(self._number()) for _ in range(2)]
        await asyncio.gather(*(self._write() for _ in range(WRITERS)), self._load())
        self._written = True
        await asyncio.gather(*sequencers)
        self._numbered = True
        return list(await asyncio.gather(*readers))

    async def _write(self) -> None:
        connection, rng = await self._database.connection(), self._rng
        for _ in range(STEPS):
            if rng.random() < 0.7:
                await write(connection, rng.choice(self._keys))
                continue
            ids: set[uuid.UUID] = set()
            with suppress(_RolledBack):
                try:
                    async with connection.transaction():
                        for _ in range(rng.randint(1, 5)):
                            ids.add(id := new_id())
                            await connection.fetchval(WRITE, rng.choice(self._keys), id)
                            await asyncio.sleep(rng.random() * SECONDS_ASLEEP)
                        if rng.random() < 0.25:
                            raise _RolledBack
                    self.together.append(ids)
                except (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError):
                    self.deadlocks += 1

    async def _load(self) -> None:
        connection, rng = await self._database.connection(), self._rng
        for _ in range(STEPS):
            await asyncio.sleep(rng.random() * SECONDS_ASLEEP)
            with suppress(_RolledBack):
                async with connection.transaction():
                    await load(connection, rng.randint(1, 20))
                    if rng.random() < 0.25:
                        raise _RolledBack

    async def _number(self) -> None:
        connection, rng = await self._database.connection(), self._rng
        while True:
            last = self._written
            with suppress(_RolledBack):
                async with connection.transaction():
                    found = await sequencer.number(connection)
                    if rng.random() < 0.4:
                        await asyncio.sleep(rng.random() * SECONDS_ASLEEP)
                        if rng.random() < 0.5:
                            raise _RolledBack
                if last and not found:
                    return
            await asyncio.sleep(rng.random() * SECONDS_ASLEEP)

    async def _read(self) -> list[Numbered]:
        connection, rng = await self._database.connection(), self._rng
        read: list[Numbered] = []
        while True:
            last = self._numbered
            found = await sequencer.since(connection, read[-1].cursor if read else None, rng.randint(1, 50))
            read += found
            if last and not found:
                return read
            await asyncio.sleep(rng.random() * SECONDS_ASLEEP)


class _RolledBack(Exception):
    """On purpose."""


@pytest.mark.parametrize("seed", [1, 2])
def test_interleaved_transactions_are_read_whole_once_and_in_order(seed: int, run: Any) -> None:
    async def test(database: Database) -> None:
        stress = Stress(database, seed)
        lists = await stress.run()
        connection = await database.connection()
        committed = {row[0] for row in await connection.fetch("select id from event")}
        assert await connection.fetchval("select count(*) from pending") == 0
        for read in lists:
            assert [one.position for one in read] == list(range(1, len(committed) + 1))
            assert {one.id for one in read} == committed
        check_order(lists[0])
        batches = {one.id: one.moment for one in lists[0]}
        assert stress.together
        for ids in stress.together:
            assert len({batches[id] for id in ids}) == 1, "a transaction was cut"

    run(test)


def check_order(read: list[Numbered]) -> None:
    """Moments never go back, and an entity's revisions follow each other."""
    assert all(one.moment <= following.moment for one, following in pairwise(read))
    of_one = sorted(read, key=lambda one: (one.entity_key, one.position))
    for _, events in groupby(of_one, key=lambda one: one.entity_key):
        revisions = [one.revision for one in events]
        assert revisions == list(range(1, len(revisions) + 1))


# ---- one thing at a time ------------------------------------------------------------------------


def test_an_open_transaction_keeps_back_its_own_events_alone(run: Any) -> None:
    async def test(database: Database) -> None:
        slow, quick, looker = [await database.connection() for _ in range(3)]
        key = new_id()
        async with slow.transaction():
            await write(slow, key)
            await write(quick, new_id())
            assert await sequencer.number(looker) == 1
            await write(slow, key)
        await write(quick, key)
        assert await sequencer.number(looker) == 3
        assert [one.revision for one in await everything(looker) if one.entity_key == key] == [1, 2, 3]

    run(test)


def test_of_two_at_once_the_second_goes_on_where_the_first_ended(run: Any) -> None:
    async def test(database: Database) -> None:
        writer, one, other = [await database.connection() for _ in range(3)]
        await write(writer, new_id())
        async with one.transaction():
            assert await sequencer.number(one) == 1
            await write(writer, new_id())
            waiting = asyncio.create_task(sequencer.number(other))
            await until_waiting(writer)
            await write(writer, new_id())
        assert await waiting == 1
        assert await sequencer.number(other) == 1
        assert [event.position for event in await everything(one)] == [1, 2, 3]

    run(test)


def test_of_two_at_once_the_second_may_find_nothing(run: Any) -> None:
    async def test(database: Database) -> None:
        writer, one, other = [await database.connection() for _ in range(3)]
        await write(writer, new_id())
        async with one.transaction():
            assert await sequencer.number(one) == 1
            waiting = asyncio.create_task(sequencer.number(other))
            await until_waiting(writer)
        assert await waiting == 0

    run(test)


async def until_waiting(connection: Any) -> None:
    """Returns when somebody waits for a lock."""
    while True:
        if await connection.fetchval("select exists (select from pg_locks where not granted)"):
            return
        await asyncio.sleep(0.005)


def test_a_look_that_finds_nothing_writes_nothing(run: Any) -> None:
    async def test(database: Database) -> None:
        connection = await database.connection()
        await write(connection, new_id())
        assert await sequencer.number(connection) == 1
        stands = "select xmax::text, xmin::text, ctid::text from counter"
        before = await connection.fetchrow(stands)
        assert await sequencer.number(connection) == 0
        await write(connection, new_id())
        assert await sequencer.number(connection, seconds_between=3600) == 0
        assert await connection.fetchrow(stands) == before
        assert await sequencer.number(connection) == 1

    run(test)


def test_a_clock_that_was_set_back_stops_nothing(run: Any) -> None:
    async def test(database: Database) -> None:
        connection = await database.connection()
        await connection.execute("update counter set moment = now() + interval '1 day'")
        for _ in range(2):
            await write(connection, new_id())
            assert await sequencer.number(connection, seconds_between=3600) == 1
        first, second = await everything(connection)
        assert first.moment < second.moment

    run(test)


def test_a_load_is_quiet_and_comes_after_what_was_pending(run: Any) -> None:
    async def test(database: Database) -> None:
        connection = await database.connection()
        await write(connection, new_id())
        async with connection.transaction():
            await load(connection, 3)
        await write(connection, new_id())
        assert await sequencer.number(connection) == 1
        assert [one.quiet for one in await everything(connection)] == [False, True, True, True, False]

    run(test)


def test_a_load_that_is_rolled_back_leaves_no_gap(run: Any) -> None:
    async def test(database: Database) -> None:
        connection = await database.connection()
        await write(connection, new_id())
        with suppress(_RolledBack):
            async with connection.transaction():
                await load(connection, 3)
                raise _RolledBack
        assert await sequencer.number(connection) == 1
        assert [one.position for one in await everything(connection)] == [1]

    run(test)


async def five_events(database: Database) -> tuple[Any, list[Numbered]]:
    connection = await database.connection()
    for _ in range(5):
        await write(connection, new_id())
    await sequencer.number(connection)
    return connection, await everything(connection)


def test_a_reader_goes_on_after_its_cursor(run: Any) -> None:
    async def test(database: Database) -> None:
        assert await sequencer.head(await database.connection()) is None
        connection, events = await five_events(database)
        assert await sequencer.since(connection, None, 2) == events[:2]
        assert await sequencer.since(connection, events[1].cursor, 2) == events[2:4]
        assert await sequencer.since(connection, events[4].cursor, 2) == []
        assert await sequencer.head(connection) == events[4].cursor

    run(test)


def test_a_cursor_whose_event_stands_elsewhere_is_refused(run: Any) -> None:
    async def test(database: Database) -> None:
        connection, events = await five_events(database)
        for cursor in (Cursor(2, events[2].id), Cursor(2, new_id()), Cursor(6, events[4].id)):
            with pytest.raises(Discontinuity) as refused:
                await sequencer.since(connection, cursor, 10)
            assert refused.value.first == 1

    run(test)


def test_a_cursor_below_what_is_kept_is_refused_with_the_first_position(run: Any) -> None:
    async def test(database: Database) -> None:
        connection, events = await five_events(database)
        await connection.execute("delete from stream where position < 4")
        with pytest.raises(Discontinuity) as refused:
            await sequencer.since(connection, events[0].cursor, 10)
        assert refused.value.first == 4
        assert await sequencer.since(connection, None, 10) == events[3:]
        await connection.execute("delete from stream")
        with pytest.raises(Discontinuity) as refused:
            await sequencer.since(connection, events[4].cursor, 10)
        assert refused.value.first == 6
        assert await sequencer.since(connection, None, 10) == []

    run(test)


def test_an_event_that_is_not_held_any_more_is_told_instead_of_passed_over(run: Any) -> None:
    async def test(database: Database) -> None:
        connection, events = await five_events(database)
        await connection.execute("delete from event where id = $1", events[2].id)
        with pytest.raises(Discontinuity, match="position 3"):
            await sequencer.since(connection, events[0].cursor, 10)

    run(test)


# ---- events that are older than positions -------------------------------------------------------


def migrated(url: str, revision: str) -> None:
    """Brings the tables of a database to a version, be it an older one."""

    def work(connection: sa.Connection) -> None:
        prepared = migrate.config()
        prepared.attributes["connection"] = connection
        here = MigrationContext.configure(connection).get_current_revision()
        (command.upgrade if here is None or here < revision else command.downgrade)(prepared, revision)

    in_database(url, work)


# 22,222 events of 5,000 entities, seven of them at a time; of some entities the third revision comes too early.
OLD = """
    insert into event (entity_key, entity_kind, revision, id, entity_id, type, time, actor, document)
    select md5('k' || n % 5000)::uuid, 'Service', n / 5000 + 1, md5('e' || n)::uuid, 'e', 'ServiceCreateEvent',
        to_char(timestamp '2026-01-01' + interval '1 s' * (n / 7), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 't', '{}'
    from generate_series(0, 22221) n;
    update event set time = '2025-06-01T00:00:00.000Z' where revision = 3 and entity_id = 'e'
        and entity_key < '10000000-0000-0000-0000-000000000000'
"""


def test_what_was_there_before_is_numbered_by_time_and_for_each_entity_by_revision(database_url: str) -> None:
    async def work(new: bool) -> list[Numbered]:
        connection = await asyncpg.connect(database_url)
        try:
            if new:
                await connection.execute(OLD)
                return []
            before = await everything(connection)
            await connection.execute(SETUP)
            await write(connection, new_id())
            await connection.execute("drop table entity")
            assert await sequencer.number(connection) == 1
            following = await sequencer.since(connection, before[-1].cursor, 10)
            return [*before, *following]
        finally:
            await connection.close()

    migrated(database_url, "0005")
    asyncio.run(work(True))
    migrated(database_url, "0006")
    events = asyncio.run(work(False))
    assert [one.position for one in events] == list(range(1, 22224))
    check_order(events)
    assert [one.quiet for one in events] == [True] * 22222 + [False]
    early = [one.entity_key for one in events if one.revision == 3 and one.time < "2026"]
    told = [one for one in events[:-1] if one.entity_key not in early]
    assert early
    assert [(one.time, one.entity_key) for one in told] == sorted((one.time, one.entity_key) for one in told)


def test_the_tables_of_positions_go_and_come_again(database_url: str) -> None:
    migrated(database_url, "0005")
    migrated(database_url, "0006")
    assert in_database(database_url, lambda c: c.scalar(sa.text("select value from counter"))) == 0
    migrated(database_url, "0005")
    assert "stream" not in in_database(database_url, lambda c: sa.inspect(c).get_table_names())
