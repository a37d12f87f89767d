"""Work that goes on after its request was answered: catalog jobs, asynchronous writes, later cancellations.

What is to do stands in the tasks themselves (an import that has not started, a monitor in progress), so
nothing is lost when a process ends: another one, or the next, takes it up. A task is carried out in one
transaction that holds its row: what it wrote and that it is done become visible together, or not at all.
"""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.codec import instant, now
from models.declare import KINDS, Kind, kind_at
from models.door import decode
from models.tables import event, idempotency, table
from resolvers import exchange, tasks
from resolvers.documents import encode, prepare
from resolvers.errors import CallerError, Unavailable
from resolvers.rows import Row, row, row_columns
from resolvers.storage import driver, pool
from resolvers.transaction import Transaction

log = logging.getLogger("tmfgraph.worker")

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_SWEEPS = 3600
KEYS_KEPT = dt.timedelta(days=2)
AT_ONCE = 20
RUNNING = {"status": "Running"}
UNEXPECTED = "Something went wrong inside the server; its log says what."

Work = Callable[[Transaction, Row], Awaitable[Any]]


@dataclass(frozen=True)
class Duty:
    """A kind of task that waits in the database to be carried out."""

    kind: Kind
    due: Callable[[sa.Table], sa.ColumnElement[bool]]
    """Whether a task is to be carried out now."""
    work: Work
    failed: Callable[[str], Sequence[dict[str, Any]]]
    """What changes, one after the other, in a task whose work failed for the reason given."""
    first: dict[str, Any] | None = None
    """What changes before the work starts, for all to see."""


class Worker:
    """Carries out what is due, in one process or in several beside each other."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        base_url: str,
        directory: Path,
        strict_references: bool = False,
        document_bytes: int | None = None,
    ) -> None:
        self._pool = pool.of(engine)
        self._document_bytes = document_bytes
        self._strict_references = strict_references
        files = exchange.Exchange(directory, base_url)
        self._duties = [
            Duty(KINDS["ImportJob"], _job_due, files.import_, _job_failed, RUNNING),
            Duty(KINDS["ExportJob"], _job_due, files.export, _job_failed, RUNNING),
            Duty(KINDS["Monitor"], lambda t: t.c.state == "InProgress", _finish, _monitor_failed),
            *(
                Duty(KINDS[name], _cancellation_due, tasks.due_cancellation, _cancellation_failed)
                for name in tasks.CANCELS
            ),
        ]

    async def run(self) -> None:
        """Looks for due tasks once a second, until cancelled."""
        failing, swept = False, 0.0
        while True:
            try:
                await self.carry_out()
                if time.monotonic() - swept > SECONDS_BETWEEN_SWEEPS:
                    await self.sweep()
                    swept = time.monotonic()
                failing = False
            except Exception:
                if not failing:  # once, not every second while the database is away
                    log.warning("The worker could not look for tasks; it goes on trying.", exc_info=True)
                failing = True
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def sweep(self) -> None:
        """Forgets idempotency keys that are older than two days."""
        old = instant(dt.datetime.now(dt.UTC) - KEYS_KEPT)
        async with self._pool.begin() as connection:
            await connection.execute(sa.delete(idempotency).where(idempotency.c.time < old))

    async def carry_out(self) -> int:
        """Carries out every task that is due; gives their number."""
        done = 0
        while found := await self._due():
            for duty, key in found:
                done += await self._one(duty, key)
            if len(found) < AT_ONCE:
                break
        return done

    async def _due(self) -> list[tuple[Duty, Any]]:
        parts = [
            sa.select(sa.literal(number), table(duty.kind).c.key).where(duty.due(table(duty.kind)))
            for number, duty in enumerate(self._duties)
        ]
        async with self._pool.begin(writes=False) as connection:
            found = (await connection.execute(sa.union_all(*parts).limit(AT_ONCE))).all()
        return [(self._duties[number], key) for number, key in found]

    async def _one(self, duty: Duty, key: Any) -> bool:
        """Whether the task was still to do and nobody else was at it."""
        if duty.first is not None:
            async with self._pool.begin() as connection:
                task = await _claim(connection, duty, key)
                if task is None:
                    return False
                if any(task.get(name) != value for name, value in duty.first.items()):
                    await (await self._transaction(connection, task)).change(task, duty.first)
        try:
            async with self._pool.begin() as connection:
                task = await _claim(connection, duty, key)
                if task is None:
                    return False
                await duty.work(await self._transaction(connection, task), task)
        except (DBAPIError, OSError, Unavailable) as error:
            log.warning("%s %s is put off: %s", duty.kind.name, key, driver.in_short(error))
            return False
        except CallerError as error:
            reason = str(error)
        except Exception:
            log.exception("%s %s failed", duty.kind.name, key)
            reason = UNEXPECTED
        else:
            return True
        async with self._pool.begin() as connection:
            task = await _claim(connection, duty, key)
            if task is not None:
                transaction = await self._transaction(connection, task)
                for change in duty.failed(reason):
                    task = await transaction.change(task, change)
        return True

    async def _transaction(self, connection: AsyncConnection, task: Row) -> Transaction:
        """A transaction on behalf of whoever asked for the task."""
        actor = await connection.scalar(
            sa.select(event.c.actor)
            .where(event.c.entity_key == task.key, event.c.entity_kind == task.kind.root.name)
            .order_by(event.c.revision.desc())
            .limit(1)
        )
        # Statements of the work may take longer than those of a request.
        await connection.execute(sa.text("set local statement_timeout = 0"))
        return Transaction(
            connection,
            actor=actor or "worker",
            strict_references=self._strict_references,
            document_bytes=self._document_bytes,
        )


async def _claim(connection: AsyncConnection, duty: Duty, key: Any) -> Row | None:
    t = table(duty.kind)
    found = await connection.execute(
        sa.select(*row_columns(duty.kind))
        .where(t.c.key == key, duty.due(t))
        .with_for_update(skip_locked=True)
    )
    record = found.first()
    return None if record is None else row(record)


# ---- jobs ---------------------------------------------------------------------------------------


def _job_due(t: sa.Table) -> sa.ColumnElement[bool]:
    return t.c.status.in_(("Not Started", "Running"))


def _job_failed(reason: str) -> list[dict[str, Any]]:
    return [{"status": "Failed", "errorLog": reason, "completionDate": now()}]


# ---- requests to cancel that had a time -----------------------------------------------------------


def _cancellation_due(t: sa.Table) -> sa.ColumnElement[bool]:
    waiting = t.c.state.in_(("acknowledged", "accepted"))
    when = t.c.requested_cancellation_date
    return sa.and_(waiting, when.is_not(None), sa.func.rtrim(when, "Z") <= now().rstrip("Z"))


def _cancellation_failed(reason: str) -> list[dict[str, Any]]:
    return [{"state": "inProgress"}, {"state": "terminatedWithError"}]


# ---- monitors: writes that were accepted with 202 ---------------------------------------------------


async def _finish(transaction: Transaction, monitor: Row) -> None:
    """Creates what the monitored request asked for, and notes the answer to it."""
    request = monitor.get("request")
    kind = kind_at(urlsplit(request["to"]).path)
    assert kind is not None
    try:
        async with transaction.connection.begin_nested():
            made = await transaction.insert(prepare(kind, decode(request["body"])))
    except CallerError as error:
        change = _answered("InError", error.status, encode(error.body()))
    else:
        location = {"name": "Location", "value": monitor.get("sourceHref")}
        change = _answered("Completed", 201, made.json(request["to"]), location)
    await transaction.change(monitor, change)


def _monitor_failed(reason: str) -> list[dict[str, Any]]:
    error = {"code": "INTERNAL_SERVER_ERROR", "reason": "Internal server error", "message": reason}
    return [_answered("InError", 500, encode(error))]


def _answered(state: str, status: int, body: str, *header: dict[str, str]) -> dict[str, Any]:
    type_ = {"name": "Content-Type", "value": "application/json"}
    return {"state": state, "response": {"statusCode": str(status), "body": body, "header": [type_, *header]}}
