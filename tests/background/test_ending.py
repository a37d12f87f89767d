"""What runs beside requests ends when it is told to, also where it hears so in the middle of a commit.

A commit goes on to its end and swallows the cancellation; whoever then looked for more to do would keep the
server from ending.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncTransaction

from models import WHOLE
from resolvers.background import worker
from resolvers.behaviour.cancel import CANCELS
from tests.behaviour.test_tasks import PATHS
from tests.conftest import Client
from tests.samples import fresh

SECONDS = 20
CANCEL = "CancelServiceOrder"


@pytest.fixture
def client(database_url: str, tmp_path: Path) -> Iterator[Client]:
    made = Client(database_url, exchange_dir=tmp_path / "exchange")
    yield made
    made.close()


class Commits:
    """Holds up the commit with this number, and counts those that begin."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, held: int) -> None:
        self.begun = 0
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        commit = AsyncTransaction.commit

        async def slowly(transaction: Any) -> None:
            self.begun += 1
            if self.begun == held:
                self.reached.set()
                await self.go_on.wait()
            await commit(transaction)

        monkeypatch.setattr(AsyncTransaction, "commit", slowly)


def ends(client: Client, monkeypatch: pytest.MonkeyPatch, background: Any, held: int) -> None:
    """What runs in the background ends by a cancellation in this commit, and begins no further one."""

    async def work() -> None:
        commits = Commits(monkeypatch, held)
        task = asyncio.create_task(background.run())
        await asyncio.wait_for(commits.reached.wait(), SECONDS)
        task.cancel()
        await asyncio.sleep(0)
        commits.go_on.set()
        done, _ = await asyncio.wait([task], timeout=SECONDS)
        assert done, "it goes on"
        assert task.cancelled()
        assert commits.begun == held

    client.run(work())


@pytest.mark.parametrize("held", [1, 2], ids=["the look", "the sweep"])
def test_a_worker_with_nothing_to_do_ends(client: Client, monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    monkeypatch.setattr(worker, "SECONDS_BETWEEN_SWEEPS", -1)
    ends(client, monkeypatch, client.app.state.worker, held)


@pytest.mark.parametrize("held", [1, 2, 3], ids=["the look", "the first task", "the second"])
def test_a_worker_with_tasks_ends_after_the_one_that_it_is_at(
    client: Client, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    task = CANCELS[CANCEL]
    ids = []
    for _ in range(4):
        line = {"id": "1", "action": "add", "service": {"id": "s"}}
        order = client.hold(
            WHOLE.kinds[task.kind], {"id": fresh("o"), "state": "inProgress", task.items: [line]}
        )
        request = {task.order: {"id": order.id}, "requestedCancellationDate": "2026-01-01T00:00:00.000Z"}
        ids.append(client.hold(WHOLE.kinds[CANCEL], request).id)
    ends(client, monkeypatch, client.app.state.worker, held)
    states = [client.get(f"{WHOLE.kinds[CANCEL].homes[0].url}/{id}").json()["state"] for id in ids]
    assert states.count("done") == held - 1


@pytest.mark.parametrize("held", [1, 2, 3], ids=["the look", "before the work", "after it"])
def test_a_worker_at_a_job_ends(client: Client, monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    assert client.post(PATHS["ExportJob"], {"url": "f.ndjson"}).status_code == 201
    ends(client, monkeypatch, client.app.state.worker, held)


def test_the_sequencer_ends(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ends(client, monkeypatch, client.app.state.sequencer, 1)
