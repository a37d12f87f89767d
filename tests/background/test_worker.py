"""The worker under difficulties: tasks that cannot be done, others that are at them, a server that dies."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from models import WHOLE
from models.tables import table_name
from resolvers.background.worker import INTERRUPTED, TRIES_AT_MOST
from resolvers.behaviour.cancel import CANCELS
from tests.behaviour.test_tasks import ASYNCHRONOUS, PATHS, get
from tests.conftest import Client
from tests.samples import fresh, minimal

DUE = "2026-01-01T00:00:00.000Z"
CANCEL = "CancelServiceOrder"
LOOK = 3
"""How many statements it takes to see what is due: one, in a transaction."""
START = WHOLE.kinds[CANCEL].flow.starts[0]  # type: ignore[union-attr]


@pytest.fixture
def client(database_url: str, tmp_path: Path) -> Iterator[Client]:
    made = Client(database_url, exchange_dir=tmp_path / "exchange", lock_timeout=0.1)
    yield made
    made.close()


@contextmanager
def locked(client: Client, url: str, *kinds: str) -> Iterator[None]:
    """All entities of these kinds, held by somebody else."""

    async def lock() -> Any:
        connection = await asyncpg.connect(url)
        await connection.execute("begin")
        for kind in kinds:
            await connection.execute(f"select 1 from {table_name(WHOLE.kinds[kind])} for update")
        return connection

    connection = client.run(lock())
    try:
        yield
    finally:
        client.run(connection.close())


def sql(client: Client, url: str, statement: str, *values: Any) -> list[Any]:
    async def fetch() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *values)]
        finally:
            await connection.close()

    return client.run(fetch())


def cancellation(client: Client, name: str = CANCEL) -> str:
    """Id of a request to cancel an open order, which is due."""
    task = CANCELS[name]
    line = {"id": "1", "action": "add", "service": {"id": "s"}}
    order = client.hold(
        WHOLE.kinds[task.kind], {"id": fresh("o"), "state": "inProgress", task.items: [line]}
    ).id
    request = {task.order: {"id": order}, "requestedCancellationDate": DUE}
    return client.hold(WHOLE.kinds[name], request).id


def monitored(client: Client) -> str:
    """Address of the monitor of a service that is to be made."""
    base, path, kind = ASYNCHRONOUS[0]
    answer = client.post(f"{base}/{path}", minimal(WHOLE.kinds[kind]), headers={"Prefer": "respond-async"})
    return answer.json()["href"]


def test_stuck_tasks_of_one_kind_keep_no_other_waiting(client: Client, database_url: str) -> None:
    stuck = [cancellation(client) for _ in range(20)]
    others = [cancellation(client, name) for name in CANCELS if name != CANCEL]
    monitor = monitored(client)
    exported = client.post(PATHS["ExportJob"], {"url": "f.ndjson"}).json()["id"]
    with locked(client, database_url, "ServiceOrder"):
        assert client.carry_out() == len(others) + 2
        assert client.get(monitor).json()["state"] == "Completed"
        assert get(client, "ExportJob", exported)["status"] == "Succeeded"
        assert {get(client, CANCEL, id)["state"] for id in stuck} == {START}
        later = "update postponed set until = '2999-01-01T00:00:00.000Z' returning tries"
        assert sql(client, database_url, later) == [(1,)] * 20
        client.statements.clear()
        assert client.carry_out() == 0
        assert len(client.statements) == LOOK, "what waits is not even looked at"
    # Its time comes, and what was in its way is gone.
    sql(client, database_url, "update postponed set until = $1 returning 1", DUE)
    assert client.carry_out() == 20
    assert {get(client, CANCEL, id)["state"] for id in stuck} == {"done"}
    assert sql(client, database_url, "select 1 from postponed") == []


def test_what_can_never_be_done_ends_with_its_reason(client: Client, database_url: str) -> None:
    id = cancellation(client)
    with locked(client, database_url, "ServiceOrder"):
        for tries in range(1, TRIES_AT_MOST):
            assert client.carry_out() == 0
            update = "update postponed set until = $1 returning tries"
            assert sql(client, database_url, update, DUE) == [(tries,)]
        assert client.carry_out() == 1
    ended = get(client, CANCEL, id)
    assert ended["state"] == "terminatedWithError"
    assert ended["completionMessage"].startswith(f"Given up after {TRIES_AT_MOST} tries.")
    assert sql(client, database_url, "select 1 from postponed") == []


def test_tasks_that_another_holds_are_not_found(client: Client, database_url: str) -> None:
    """Without `skip locked` the look waits for the other, and fails."""
    for _ in range(20):
        cancellation(client)
        monitored(client)
    with locked(client, database_url, CANCEL, "Monitor"):
        client.statements.clear()
        assert client.carry_out() == 0
        assert len(client.statements) == LOOK
    assert client.carry_out() == 40


def test_a_task_that_another_takes_between_look_and_claim_is_passed_over(
    client: Client, database_url: str
) -> None:
    id = cancellation(client)
    worker = client.app.state.worker

    async def taken() -> Any:
        found = await worker._due(worker._duties)
        connection = await asyncpg.connect(database_url)
        await connection.execute(f"begin; select 1 from {table_name(WHOLE.kinds[CANCEL])} for update")
        try:
            return [await worker._one(duty, key) for duty, keys in found for key in keys]
        finally:
            await connection.close()

    assert client.run(taken()) == [False]
    assert get(client, CANCEL, id)["state"] == START


def test_nothing_to_do_costs_one_look(client: Client) -> None:
    client.statements.clear()
    assert client.carry_out() == 0
    assert len(client.statements) == LOOK


def test_a_job_that_ends_its_server_each_time_is_given_up(client: Client, database_url: str) -> None:
    id = client.post(PATHS["ExportJob"], {"url": "f.ndjson"}).json()["id"]
    worker = client.app.state.worker

    async def die_at_work() -> None:
        """Begins the job, and is gone before its end."""
        connection = await asyncpg.connect(database_url)
        await connection.execute("begin; lock table product_offering in access exclusive mode")
        working = asyncio.create_task(worker.carry_out())
        while not await connection.fetchval("select 1 from pg_locks where not granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await connection.close()

    for tries in range(1, TRIES_AT_MOST + 1):
        client.run(die_at_work())
        update = "update postponed set until = $1 returning tries, reason"
        assert sql(client, database_url, update, DUE) == [(tries, INTERRUPTED)]
    assert get(client, "ExportJob", id)["status"] == "Running"
    assert client.carry_out() == 1
    done = get(client, "ExportJob", id)
    assert done["status"] == "Failed" and INTERRUPTED in done["errorLog"]


@pytest.mark.parametrize("kind", ["ImportJob", "ExportJob"])
def test_a_file_that_cannot_be_used_ends_the_job(client: Client, tmp_path: Path, kind: str) -> None:
    exchange = tmp_path / "exchange"
    (exchange / "directory").mkdir(parents=True)
    (exchange / "file").write_text("", encoding="utf-8")
    (exchange / "ring").symlink_to("ring")
    names = ["directory", "file/below", "ring", "n" * 300, "d/" * 3000]
    ids = [client.hold(WHOLE.kinds[kind], {"url": name, "status": "Not Started"}).id for name in names]
    assert client.carry_out() == len(names)
    for id in ids:
        done = get(client, kind, id)
        assert done["status"] == "Failed" and len(done["errorLog"]) < 1_000, done
        assert "Something went wrong" not in done["errorLog"], "the reason is told"
    assert client.carry_out() == 0


def test_an_export_replaces_its_own_file_and_none_of_others(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "exchange" / "catalog.ndjson"
    file.parent.mkdir()
    file.write_text("of the operator", encoding="utf-8")

    def export(name: str) -> str:
        id = client.post(PATHS["ExportJob"], {"url": name}).json()["id"]
        assert client.carry_out() == 1
        return get(client, "ExportJob", id)["status"]

    assert export("catalog.ndjson") == "Failed"
    assert file.read_text(encoding="utf-8") == "of the operator"
    assert [export("mine.ndjson"), export("mine.ndjson")] == ["Succeeded", "Succeeded"]
    # The same name, asked for by somebody else.
    id = client.hold(WHOLE.kinds["ExportJob"], {"url": "mine.ndjson", "status": "Not Started"}).id
    store = client.store
    store.actor = "somebody-else"
    other = client.run(store.create(WHOLE.kinds["ExportJob"], {"url": "mine.ndjson"})).id
    assert client.carry_out() == 2
    assert get(client, "ExportJob", id)["status"] == "Succeeded"
    assert get(client, "ExportJob", other)["status"] == "Failed"
    assert sorted(path.name for path in file.parent.iterdir()) == ["catalog.ndjson", "mine.ndjson"]
