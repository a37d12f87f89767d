"""Every event gets its position: by the server that wrote it, or by another one after it was killed."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from models import WHOLE
from resolvers import metrics
from resolvers.background.sequencing import Sequencer
from resolvers.storage import reindex, sequencer
from tests.conftest import Client
from tests.samples import minimal
from tmfgraph import demo, load
from tmfgraph.settings import Settings

CUSTOMER = "/tmf-api/customerManagement/v4/customer"
ORDER = WHOLE.kinds["ProductOrder"].homes[0].url
PARTY = {"id": "1", "@referredType": "Individual"}


def customer(id: str, name: str = "n") -> dict[str, Any]:
    return {"id": id, "name": name, "engagedParty": PARTY, "@type": "Customer"}


def positions(client: Client, url: str) -> list[tuple[str, int, bool]]:
    """What is numbered: ids of entities, revisions, and whether quietly. All events there are, each once."""

    async def read() -> list[tuple[str, int, bool]]:
        connection = await asyncpg.connect(url)
        try:
            assert await connection.fetchval("select count(*) from pending") == 0
            found = await sequencer.since(connection, None, 1_000_000)
            ids = [row[0] for row in await connection.fetch("select id from event")]
            assert sorted(one.id for one in found) == sorted(ids)
            assert [one.position for one in found] == list(range(1, len(ids) + 1))
            return [(one.entity_id, one.revision, one.quiet) for one in found]
        finally:
            await connection.close()

    return client.run(read())


def number(client: Client) -> int:
    return client.run(client.app.state.sequencer.number())


def test_each_way_of_writing_leaves_an_event_to_be_numbered(client: Client, database_url: str) -> None:
    before = b"tmfgraph_events_numbered_total"
    assert before in metrics.exposed()
    assert client.post(CUSTOMER, customer("a")).status_code == 201
    assert client.post(CUSTOMER, customer("b"), headers={"Idempotency-Key": "k"}).status_code == 201
    assert client.patch(f"{CUSTOMER}/a", {"name": "other"}).status_code == 200
    assert client.patch(f"{CUSTOMER}/a", {"engagedParty": PARTY | {"id": "2"}}).status_code == 200
    client.data('mutation { updateCustomer(id: "b", input: {name: "m"}) { id } }')
    client.data(
        'mutation { createCustomer(input: {id: "c", name: "n", engagedParty: {id: "1", atReferredType: "Individual"}}) { id } }'
    )
    assert client.delete(f"{CUSTOMER}/b").status_code == 204
    client.hold(WHOLE.kinds["Customer"], customer("d"))
    client.hold(WHOLE.kinds["Customer"], customer("d", "other"))
    written = [("a", n) for n in (1, 2, 3)] + [("b", n) for n in (1, 2, 3)] + [("c", 1), ("d", 1), ("d", 2)]
    assert number(client) == len(written)
    numbered = positions(client, database_url)
    assert sorted(numbered) == [(id, revision, False) for id, revision in written]
    for id in "abcd":
        assert [one for one in numbered if one[0] == id] == sorted(one for one in numbered if one[0] == id)


def test_what_follows_from_a_write_is_numbered_with_it(client: Client, database_url: str) -> None:
    order = client.post(WHOLE.kinds["ServiceOrder"].homes[0].url, minimal(WHOLE.kinds["ServiceOrder"])).json()
    asked = {"serviceOrder": {"id": order["id"], "@referredType": "ServiceOrder"}}
    assert client.post(WHOLE.kinds["CancelServiceOrder"].homes[0].url, asked).status_code == 201
    assert number(client) >= 3
    moments = client.run(_moments(database_url))
    assert [len(group) for group in moments.values()] == [len(positions(client, database_url))]


async def _moments(url: str) -> dict[Any, list[int]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("select moment, array_agg(position) from stream group by moment")
        return {row[0]: row[1] for row in rows}
    finally:
        await connection.close()


@pytest.mark.parametrize("strict", [False, True])
def test_all_that_a_load_writes_is_quiet(
    client: Client, database_url: str, tmp_path: Path, strict: bool
) -> None:
    def loaded(*documents: dict[str, Any]) -> None:
        path = tmp_path / "customers.json"
        path.write_text(json.dumps(documents))
        settings = Settings(strict_references=strict)
        code = asyncio.run(load.run(database_url, settings, files=[str(path)], out=io.StringIO()))
        assert code == 0

    if strict:
        client.hold(WHOLE.kinds["Individual"], {"id": "1", "givenName": "g", "familyName": "f"})
    client.hold(WHOLE.kinds["Customer"], customer("a"))
    loaded(customer("b"), customer("c"), customer("b", "other"))
    loaded(customer("a", "other"), customer("d"))
    number(client)
    numbered = positions(client, database_url)
    loud = sorted(one for one in numbered if not one[2])
    assert loud == [("1", 1, False), ("a", 1, False)][not strict :]
    assert sorted(one for one in numbered if one[2]) == [
        ("a", 2, True),
        ("b", 1, True),
        ("b", 2, True),
        ("c", 1, True),
        ("d", 1, True),
    ]


def test_demo_data_is_numbered_by_its_load(client: Client, database_url: str) -> None:
    demo.ensure(database_url, Settings())
    numbered = positions(client, database_url)
    assert len(numbered) > 1000
    assert all(quiet for _, _, quiet in numbered)


def test_what_a_server_without_positions_wrote_is_numbered_after_a_reindex(
    client: Client, database_url: str
) -> None:
    async def forget() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute("delete from pending where revision = 1")
        await connection.close()

    for n in range(3):
        client.post(CUSTOMER, customer(f"{n}"))
    client.run(forget())
    client.post(CUSTOMER, customer("new"))
    assert number(client) == 1
    client.post(CUSTOMER, customer("newer"))
    told: list[str] = []
    for _ in range(2):
        client.run(reindex.run(database_url, WHOLE, told.append))
    assert [one for one in told if "position" in one] == ["Events that had no position: 3"]
    assert number(client) == 4
    assert len(positions(client, database_url)) == 5


# ---- the task -----------------------------------------------------------------------------------


def test_a_server_numbers_what_it_writes(client: Client, database_url: str) -> None:
    async def work() -> None:
        async with running(client, 2):
            for n in range(20):
                assert (await client._http.post(CUSTOMER, json=customer(f"{n}"))).status_code == 201
            await until_numbered(database_url, 20)

    client.run(work())
    assert len(positions(client, database_url)) == 20


def test_a_server_numbers_what_another_one_left(client: Client, database_url: str) -> None:
    for n in range(5):
        assert client.post(CUSTOMER, customer(f"{n}")).status_code == 201

    async def work() -> None:
        client.app.state.sequencer._pool.written.clear()  # as in a process that has written nothing
        async with running(client, 1):
            await until_numbered(database_url, 5)

    client.run(work())
    assert len(positions(client, database_url)) == 5


def test_it_goes_on_after_its_connections_were_cut(client: Client, database_url: str) -> None:
    async def work() -> None:
        looker = await asyncpg.connect(database_url)
        async with running(client, 2):
            for n in range(5):
                await until_status(lambda n=n: client._http.post(CUSTOMER, json=customer(f"{n}")), 201)
                await until_numbered(database_url, n + 1)
                await looker.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
        await looker.close()

    client.run(work())
    assert len(positions(client, database_url)) == 5


def test_more_than_a_statement_may_take_is_numbered_all_the_same(database_url: str) -> None:
    client = Client(database_url, statement_timeout=0.1)
    slow = """
        create function slow() returns trigger language plpgsql as
            $$ begin perform pg_sleep(0.3); return null; end $$;
        create trigger slow after insert on stream for each statement execute function slow();
    """

    async def work() -> None:
        looker = await asyncpg.connect(database_url)
        await looker.execute(slow)
        await looker.close()
        async with running(client, 1):
            for n in range(2):
                assert (await client._http.post(CUSTOMER, json=customer(f"{n}"))).status_code == 201
                await until_numbered(database_url, n + 1)

    try:
        client.run(work())
        assert len(positions(client, database_url)) == 2
    finally:
        client.close()


def test_whoever_sits_on_the_counter_stops_no_writer(client: Client, database_url: str) -> None:
    async def work() -> None:
        sitter = await asyncpg.connect(database_url)
        async with running(client, 1):
            async with sitter.transaction():
                await sitter.execute("select from counter for update")
                for n in range(5):
                    assert (await client._http.post(CUSTOMER, json=customer(f"{n}"))).status_code == 201
            await until_numbered(database_url, 5)
        await sitter.close()

    client.run(work())
    assert len(positions(client, database_url)) == 5


@asynccontextmanager
async def running(client: Client, number: int) -> AsyncIterator[None]:
    """Sequencers of so many servers: they end when they are told to."""
    engine = client.app.state.engine
    tasks = [asyncio.create_task(Sequencer(engine).run()) for _ in range(number)]
    try:
        yield
    finally:
        for task in tasks:
            assert not task.done()
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended


async def until_numbered(url: str, number: int) -> None:
    """Returns when so many events are numbered."""
    connection = await asyncpg.connect(url)
    try:
        while True:
            if await connection.fetchval("select value from counter") >= number:
                return
            await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def until_status(ask: Callable[[], Awaitable[Any]], status: int) -> None:
    """Returns when the answer has this status: the connection that it takes first may be cut."""
    while True:
        if (await ask()).status_code == status:
            return
        await asyncio.sleep(0.01)
