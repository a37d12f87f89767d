"""What the database says in any state reaches a caller as 503 with Retry-After, in none of its own words."""

import asyncio
import logging
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from resolvers.storage.store import STATES
from tests.conftest import Client
from tmfgraph import migrate
from tmfgraph.embedded import EmbeddedPostgres

pytestmark = pytest.mark.slow

CUSTOMER = "/tmf-api/customerManagement/v4/customer"
SQL = re.compile(
    r"sql|select|insert|relation|column|postgres|asyncpg|constraint|transaction_|errcode|\b\d[\dA-Z]{4}\b",
    re.I,
)
SETUP = """
    create table said (state text);
    insert into said values (null);
    create function says() returns boolean language plpgsql as $$
        declare now_said text := (select state from said);
        begin
            if now_said is not null then
                raise exception 'asked for by a test' using errcode = now_said;
            end if;
            return true;
        end $$;
    create function says_on_write() returns trigger language plpgsql as $$
        begin perform says(); return null; end $$;
    alter table customer rename to customer_;
    create view customer as select * from customer_ where says();
    create trigger says before insert or update or delete on event
        for each statement execute function says_on_write();
"""


def codes() -> list[str]:
    """Every SQLSTATE that the driver knows of and that an error may have."""
    known = {getattr(one, "sqlstate", None) for one in vars(asyncpg.exceptions).values()}
    return sorted(
        code for code in known if isinstance(code, str) and code[:2] not in ("00", "01", "02", "03")
    )


@pytest.fixture(scope="module")
def spoken(module_database_url: str) -> Iterator[Client]:
    made = Client(module_database_url)
    assert made.post(CUSTOMER, customer("c")).status_code == 201

    async def setup() -> None:
        async with made.app.state.engine.begin() as connection:
            raw = await connection.get_raw_connection()
            await raw.driver_connection.execute(SETUP)

    made.run(setup())
    # What was prepared before knows nothing of the view.
    made.run(made.app.state.engine.dispose())
    yield made
    made.close()


def customer(id: str) -> dict[str, Any]:
    return {"id": id, "name": "n", "engagedParty": {"id": "1", "@referredType": "Individual"}}


def say(client: Client, state: str | None) -> None:
    async def work() -> None:
        async with client.app.state.engine.begin() as connection:
            raw = await connection.get_raw_connection()
            await raw.driver_connection.execute("update said set state = $1", state)

    client.run(work())


PARTY = '{id: "1", atReferredType: "Individual"}'
CREATE = f'mutation {{ createCustomer(input: {{id: "m", name: "n", engagedParty: {PARTY}}}) {{ id }} }}'
REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", f"{CUSTOMER}/c", None),
    ("GET", CUSTOMER, None),
    ("GET", f"{CUSTOMER}?name=n&expand=engagedParty", None),
    ("POST", "/graphql", {"query": '{ customer(id: "c") { name history { actor } } }'}),
    ("POST", "/graphql", {"query": "{ customers { totalCount nodes { id } } }"}),
    ("POST", "/graphql", {"query": '{ party(id: "x") { id } customers { nodes { id } } }'}),
    ("POST", "/graphql", {"query": CREATE}),
    ("POST", "/graphql", {"query": 'mutation { deleteCustomer(id: "c") { id } }'}),
    ("POST", CUSTOMER, customer("new")),
    ("PATCH", f"{CUSTOMER}/c", {"name": "other"}),
    ("PATCH", f"{CUSTOMER}/c", {"characteristic": [{"name": "a", "value": "b"}]}),
    ("DELETE", f"{CUSTOMER}/c", None),
]


def send(client: Client, method: str, path: str, body: Any) -> httpx.Response:
    return client.request(method, path, **({} if body is None else {"json": body}))


def message(answer: httpx.Response) -> str:
    body = answer.json()
    return (body["errors"][0] if "errors" in body else body)["message"]


def check(answer: httpx.Response) -> None:
    """The answer is one of ours for a state of the database."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    body = answer.json()
    assert (body["errors"][0]["extensions"] if "errors" in body else body)["code"] == "UNAVAILABLE"
    assert not SQL.search(message(answer)), answer.text


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: f"{r[0]} {r[1][-12:]} {str(r[2])[:60]}")
def test_every_state_that_postgresql_can_say_is_told_in_our_words(
    spoken: Client, request_: tuple[str, str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    ours = {code for code in codes() if STATES.get(code, STATES.get(code[:2], True)) is None}
    refused = {code for code in codes() if code[:2] in ("22", "23", "54")}
    try:
        for code in codes():
            if code in ours:
                continue
            say(spoken, code)
            caplog.clear()
            answer = send(spoken, *request_)
            if code in refused:
                assert 400 <= answer.status_code < 500 or (
                    answer.status_code == 200 and answer.json()["errors"]
                )
                assert not SQL.search(message(answer))
            else:
                check(answer)
                lines = [r for r in caplog.records if r.levelno >= logging.WARNING]
                assert len(lines) <= 2
                assert all(r.exc_info is None for r in lines), code
    finally:
        say(spoken, None)


def test_a_mistake_of_ours_is_a_500_without_its_words(spoken: Client) -> None:
    transport = httpx.ASGITransport(spoken.app, raise_app_exceptions=False)
    try:
        say(spoken, "42601")
        answer = spoken.run(httpx.AsyncClient(transport=transport).get(f"http://localhost:8000{CUSTOMER}"))
        assert answer.status_code == 500
        assert not SQL.search(answer.text)
    finally:
        say(spoken, None)


# ---- real states -----------------------------------------------------------------------------------


def execute(url: str, *statements: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(work())


READS = [request for request in REQUESTS if request[0] == "GET" or "mutation" not in str(request[2])][:5]
WRITES = [request for request in REQUESTS if request not in READS and request[0] != "GET"]
WRITES = [one for one in WRITES if one[0] != "POST" or one[1] == CUSTOMER or "mutation" in str(one[2])]


@pytest.mark.parametrize("request_", WRITES, ids=lambda r: f"{r[0]} {r[1][-12:]} {str(r[2])[:60]}")
def test_a_database_that_may_only_be_read(database_url: str, request_: tuple[str, str, Any]) -> None:
    client = Client(database_url)
    try:
        assert client.post(CUSTOMER, customer("c")).status_code == 201
        name = re.search(r"/(test_\d+)", database_url)
        assert name is not None
        execute(database_url, f"alter database {name[1]} set default_transaction_read_only = on")
        client.run(client.app.state.engine.dispose())
        check(send(client, *request_))
        assert client.get(f"{CUSTOMER}/c").status_code == 200
        assert client.get("/health/ready").status_code == 200
        execute(
            database_url,
            "set transaction read write",
            f"begin; set transaction read write; alter database {name[1]} reset default_transaction_read_only; commit",
        )
        client.run(client.app.state.engine.dispose())
        assert send(client, *request_).status_code < 300
    finally:
        client.close()


@pytest.mark.parametrize("request_", WRITES[2:], ids=lambda r: f"{r[0]} {r[1][-12:]} {str(r[2])[:60]}")
def test_a_wait_for_a_lock_ends_in_time_and_leaves_readers_alone(
    database_url: str, request_: tuple[str, str, Any]
) -> None:
    """Many who want what one holds: each hears of it when its time is up, and readers do not wait at all."""
    client = Client(database_url, lock_timeout=0.3, pool_size=4)

    async def work() -> None:
        holder = await asyncpg.connect(database_url)
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("lock table event in share mode")
        await holder.execute("select 1 from customer where id = 'c' for update")
        method, path, body = request_
        options = {} if body is None else {"json": body}
        writing = [asyncio.create_task(client._http.request(method, path, **options)) for _ in range(6)]
        while not await holder.fetchval("select 1 from pg_locks where not granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert (await client._http.get(f"{CUSTOMER}/c")).status_code == 200
        assert not all(one.done() for one in writing)
        for answer in await asyncio.gather(*writing):
            check(answer)
        await transaction.rollback()
        await holder.close()
        assert (await client._http.request(method, path, **options)).status_code < 300

    try:
        assert client.post(CUSTOMER, customer("c")).status_code == 201
        client.run(work())
    finally:
        client.close()


def test_all_connections_are_taken(database_url: str) -> None:
    """The role may have no connection more: 53300."""
    execute(
        database_url,
        "create role narrow login connection limit 0",
        "grant all on all tables in schema public to narrow",
    )
    client = Client(re.sub(r"//[^@]*@", "//narrow@", database_url))
    try:
        for request_ in REQUESTS:
            check(send(client, *request_))
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/live").status_code == 200
        execute(database_url, "alter role narrow connection limit 5")
        assert client.get(CUSTOMER).status_code == 200
    finally:
        client.close()
        execute(database_url, "drop owned by narrow", "drop role narrow")


@pytest.fixture
def own_server() -> Iterator[tuple[EmbeddedPostgres, str]]:
    directory = Path(tempfile.mkdtemp(prefix="tmfgraph-tests-"))
    directory.chmod(0o755)
    server = EmbeddedPostgres(directory / "data", durable=False)
    try:
        url = server.start()
        migrate.upgrade(url)
        yield server, url
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def test_a_database_that_stands_still(own_server: tuple[EmbeddedPostgres, str]) -> None:
    """All of its processes are stopped: each request ends in time, and so does the next; then all is well."""
    _, url = own_server
    client = Client(url, pool_size=2, request_timeout=1)

    async def everybody() -> list[int]:
        looker = await asyncpg.connect(url)
        postmaster = int(
            await looker.fetchval("select split_part(pg_read_file('postmaster.pid'), chr(10), 1)")
        )
        found = await looker.fetch("select pid from pg_stat_activity where pid <> pg_backend_pid()")
        await looker.close()
        return [postmaster, *(row[0] for row in found)]

    async def asked() -> list[httpx.Response]:
        return await asyncio.gather(*(client._http.get(CUSTOMER) for _ in range(4)))

    async def work() -> None:
        assert {answer.status_code for answer in await asked()} == {200}
        stopped = await everybody()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                for answer in await asked():
                    check(answer)
            assert (await client._http.get("/health/live")).status_code == 200
            assert (await client._http.get("/health/ready")).status_code == 503
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        answers = await asked()
        for _ in range(100):
            if {answer.status_code for answer in answers} == {200}:
                break
            await asyncio.sleep(0.1)
            answers = await asked()
        assert {answer.status_code for answer in answers} == {200}

    try:
        client.run(work())
    finally:
        client.close()


def test_a_crash_is_told_as_such_and_gets_over_by_itself(own_server: tuple[EmbeddedPostgres, str]) -> None:
    """A backend is killed: PostgreSQL throws everybody out, recovers (57P03), and takes connections again."""
    _, url = own_server
    client = Client(url, pool_size=4)

    async def once(number: int) -> list[httpx.Response]:
        many = []
        for n, (method, path, body) in enumerate([*REQUESTS[:6], ("POST", CUSTOMER, customer(f"n{number}"))]):
            options: dict[str, Any] = {} if body is None else {"json": body}
            many.append(client._http.request(method, path, **options))
            assert n < 20
        return await asyncio.gather(*many)

    async def work() -> None:
        await once(0)
        for crash in range(3):
            victim = await asyncpg.connect(url)
            os.kill(victim.get_server_pid(), signal.SIGKILL)
            fine, unavailable = 0, 0
            for n in range(400):
                for answer in await once(1000 * (crash + 1) + n):
                    if answer.status_code == 503:
                        check(answer)
                        unavailable += 1
                        fine = 0
                    elif answer.status_code != 404:
                        assert answer.status_code in (200, 201), answer.text
                        fine += 1
                if fine > 20:
                    break
                await asyncio.sleep(0.02)
            assert fine > 20
            victim.terminate()

    try:
        client.run(work())
        assert client.get("/health/ready").status_code == 200
    finally:
        client.close()
