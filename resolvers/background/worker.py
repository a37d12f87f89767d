"""Work that goes on after its request was answered: catalog jobs, asynchronous writes, later cancellations.

What is to do stands in the tasks themselves (an import that has not started, a monitor in progress), so
nothing is lost when a process ends: another one, or the next, takes it up. A task is carried out in one
transaction that holds its row: what it wrote and that it is done become visible together, or not at all.
"""

import asyncio
import datetime as dt
import functools
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.declare import Kind, World
from models.json_in import decode
from models.tables import event, idempotency, postponed
from models.times import instant, now
from resolvers.behaviour import cancel, catalog_jobs
from resolvers.errors import CallerError, Unavailable
from resolvers.storage import driver, pool
from resolvers.storage.documents import encode, prepare
from resolvers.storage.reactions import NONE, Reactions
from resolvers.storage.rows import Row, among, row, row_columns
from resolvers.storage.store import meaning
from resolvers.storage.transaction import Transaction
from resolvers.storage.view import View, view_of

log = logging.getLogger("tmfgraph.worker")

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_SWEEPS = 3600
KEYS_KEPT = dt.timedelta(days=2)
AT_ONCE = 20
"""How many tasks of a kind are looked for at once."""
AT_WORK = 2
"""How many tasks are carried out beside each other, of different kinds."""
TRIES_AT_MOST = 6
FIRST_PAUSE = dt.timedelta(seconds=2)
"""How long a task waits that could not be done; twice as long after each further try."""
SECONDS_ASIDE = 10
REASON_AT_MOST = 20_000
INTERRUPTED = "The server ended while it was at work."
RUNNING = {"status": "Running"}
UNEXPECTED = "Something went wrong inside the server; its log says what."

Work = Callable[[Transaction, Row], Awaitable[Any]]


@dataclass(frozen=True)
class Duty:
    """A kind of task that waits in the database to be carried out."""

    kind: Kind
    due: Callable[[View], sa.ColumnElement[bool]]
    """Whether a task is to be carried out now."""
    since: Callable[[View], sa.ColumnElement[Any]]
    """Since when it is to be carried out: the first comes first."""
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
        world: World,
        *,
        base_url: str,
        directory: Path,
        strict_references: bool = False,
        document_bytes: int | None = None,
        reactions: Reactions = NONE,
    ) -> None:
        self._pool = pool.of(engine)
        self._world = world
        self._document_bytes = document_bytes
        self._reactions = reactions
        self._strict_references = strict_references
        duties = _duties(catalog_jobs.Exchange(directory, base_url))
        held = world.kinds
        self._duties = [make(held[name]) for name, make in duties.items() if name in held]
        self._turns = asyncio.Semaphore(AT_WORK)
        self._aside: dict[uuid.UUID, float] = {}

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
            pool.end_if_cancelled()
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def sweep(self) -> None:
        """Forgets idempotency keys that are older than two days."""
        old = instant(dt.datetime.now(dt.UTC) - KEYS_KEPT)
        async with self._pool.begin() as connection:
            await connection.execute(sa.delete(idempotency).where(idempotency.c.time < old))

    async def carry_out(self) -> int:
        """Carries out every task that is due; gives their number, once nothing more is.

        Each kind of task has a lane of its own, in which one follows the other in the order in which they
        were due: what takes long, or waits, keeps no other kind from being carried out.
        """
        done, lanes, rests = 0, dict[asyncio.Task[int], Duty](), dict[str, float]()
        try:
            while True:
                busy = {duty.kind.name for duty in lanes.values()}
                present = time.monotonic()
                free = [
                    duty
                    for duty in self._duties
                    if duty.kind.name not in busy and rests.get(duty.kind.name, 0.0) <= present
                ]
                due = await self._due(free)
                pool.end_if_cancelled()
                for duty, keys in due:
                    lanes[asyncio.create_task(self._lane(duty, keys))] = duty
                if not lanes:
                    return done
                ended, _ = await asyncio.wait(
                    lanes, timeout=SECONDS_BETWEEN_LOOKS, return_when=asyncio.FIRST_COMPLETED
                )
                for lane in ended:
                    duty, number = lanes.pop(lane), lane.result()
                    done += number
                    if not number:  # others are at what was found, or it was put off
                        rests[duty.kind.name] = time.monotonic() + SECONDS_BETWEEN_LOOKS
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    async def _lane(self, duty: Duty, keys: Sequence[uuid.UUID]) -> int:
        """Carries out tasks of one kind, one after the other; gives how many of them it did."""
        done = 0
        for key in keys:
            async with self._turns:
                pool.end_if_cancelled()
                try:
                    done += await self._one(duty, key)
                except Exception as error:  # it cannot even be noted: the database is away, or worse
                    log.warning("%s %s is left for now: %s", duty.kind.name, key, driver.in_short(error))
                    self._aside[key] = time.monotonic() + SECONDS_ASIDE
        return done

    async def _due(self, duties: Sequence[Duty]) -> list[tuple[Duty, list[uuid.UUID]]]:
        """The tasks that nobody is at, those that were due first, so many of each kind. One statement."""
        if not duties:
            return []
        present = time.monotonic()
        self._aside = {key: until for key, until in self._aside.items() if until > present}
        parts = [_look(number, duty, list(self._aside)) for number, duty in enumerate(duties)]
        async with self._pool.begin(writes=False) as connection:
            found: Sequence[Any] = (await connection.execute(sa.union_all(*parts))).all()
        keys: dict[int, list[uuid.UUID]] = {}
        for number, key in found:
            keys.setdefault(number, []).append(key)
        return [(duties[number], several) for number, several in keys.items()]

    async def _one(self, duty: Duty, key: uuid.UUID) -> bool:
        """Whether the task is done, or has failed for good: nobody else was at it, and it was not put off."""
        if duty.first is not None:
            async with self._pool.begin() as connection:
                task = await _claim(connection, duty, key)
                if task is None:
                    return False
                tries, reason = await _tried(connection, task)
                if tries >= TRIES_AT_MOST:
                    await self._fail(connection, duty, task, f"Given up after {tries} tries. {reason}")
                    return True
                await _postpone(connection, task, tries + 1, INTERRUPTED)
                if any(task.get(name) != value for name, value in duty.first.items()):
                    await (await self._transaction(connection, task)).change(task, duty.first)
            pool.end_if_cancelled()
        try:
            async with self._pool.begin() as connection:
                task = await _claim(connection, duty, key)
                if task is None:
                    return False
                await duty.work(await self._transaction(connection, task), task)
                await _forget(connection, task)
                return True
        except Exception as error:
            means = error if isinstance(error, CallerError) else meaning(error)
            if means is None:
                log.exception("%s %s failed", duty.kind.name, key)
            elif isinstance(means, Unavailable):
                log.warning("%s %s is put off: %s", duty.kind.name, key, driver.in_short(error))
            reason = UNEXPECTED if means is None else str(means)
        async with self._pool.begin() as connection:
            task = await _claim(connection, duty, key)
            if task is None:
                return False
            if isinstance(means, Unavailable):
                tries = (await _tried(connection, task))[0] + (duty.first is None)
                if tries < TRIES_AT_MOST:
                    await _postpone(connection, task, tries, reason)
                    return False
                reason = f"Given up after {tries} tries. {reason}"
            await self._fail(connection, duty, task, reason)
        return True

    async def _fail(self, connection: AsyncConnection, duty: Duty, task: Row, reason: str) -> None:
        """Ends a task that cannot be done, with the reason."""
        transaction = await self._transaction(connection, task)
        for change in duty.failed(reason[:REASON_AT_MOST]):
            task = await transaction.change(task, change)
        await _forget(connection, task)

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
            self._world,
            actor=actor or "worker",
            strict_references=self._strict_references,
            document_bytes=self._document_bytes,
            reactions=self._reactions,
        )


def _duties(files: catalog_jobs.Exchange) -> dict[str, Callable[[Kind], Duty]]:
    """What is to be done with tasks, by the name of their kind."""

    def cancels(kind: Kind) -> Duty:
        failed = functools.partial(_cancellation_failed, kind)
        return Duty(kind, _cancellation_due, _asked_for, cancel.due_cancellation, failed)

    return {
        "ImportJob": lambda kind: Duty(kind, _job_due, _created, files.import_, _job_failed, RUNNING),
        "ExportJob": lambda kind: Duty(kind, _job_due, _created, files.export, _job_failed, RUNNING),
        "Monitor": lambda kind: Duty(
            kind, _monitor_due, lambda tasks: tasks.c.modified, _finish, _monitor_failed
        ),
        **dict.fromkeys(cancel.CANCELS, cancels),
    }


def _look(number: int, duty: Duty, aside: Sequence[uuid.UUID]) -> sa.Select[int, uuid.UUID]:
    """The first tasks of a kind that are due and that nobody has locked, with the number given."""
    tasks, p = view_of(duty.kind), postponed.c
    waits = sa.exists().where(p.key == tasks.c.key, p.kind == duty.kind.name, p.until > now())
    found = (
        sa.select(tasks.c.key)
        .where(duty.due(tasks), tasks.visible, sa.not_(waits), sa.not_(among(tasks.c.key, aside)))
        .order_by(duty.since(tasks), tasks.c.key)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, of=tasks.rows)
        .subquery()
    )
    return sa.select(sa.literal(number), found.c.key)


async def _tried(connection: AsyncConnection, task: Row) -> tuple[int, str]:
    """How often a task was begun, and why it was not done."""
    found = sa.select(postponed.c.tries, postponed.c.reason).where(_waiting(task))
    record = (await connection.execute(found)).first()
    return (record[0], record[1]) if record else (0, "")


async def _postpone(connection: AsyncConnection, task: Row, tries: int, reason: str) -> None:
    """Leaves a task for a while, that doubles from try to try."""
    until = instant((dt.datetime.now(dt.UTC) + FIRST_PAUSE * 2 ** (tries - 1)).replace(microsecond=0))
    values = {"tries": tries, "until": until, "reason": reason[:REASON_AT_MOST]}
    made = insert(postponed).values(key=task.key, kind=task.kind.name, **values)
    await connection.execute(made.on_conflict_do_update(constraint=postponed.primary_key, set_=values))


async def _forget(connection: AsyncConnection, task: Row) -> None:
    await connection.execute(sa.delete(postponed).where(_waiting(task)))


def _waiting(task: Row) -> sa.ColumnElement[bool]:
    return sa.and_(postponed.c.key == task.key, postponed.c.kind == task.kind.name)


async def _claim(connection: AsyncConnection, duty: Duty, key: uuid.UUID) -> Row | None:
    tasks = view_of(duty.kind)
    found = await connection.execute(
        sa.select(*row_columns(tasks))
        .where(tasks.c.key == key, tasks.visible, duty.due(tasks))
        .with_for_update(skip_locked=True)
    )
    record = found.first()
    return None if record is None else row(duty.kind.world, record)


# ---- jobs ---------------------------------------------------------------------------------------


def _job_due(tasks: View) -> sa.ColumnElement[bool]:
    return tasks.c.status.in_(("Not Started", "Running"))


def _created(tasks: View) -> sa.ColumnElement[Any]:
    return tasks.c.creation_date


def _job_failed(reason: str) -> list[dict[str, Any]]:
    return [{"status": "Failed", "errorLog": reason, "completionDate": now()}]


# ---- requests to cancel that had a time -----------------------------------------------------------


def _cancellation_due(tasks: View) -> sa.ColumnElement[bool]:
    waiting = tasks.c.state.in_(("acknowledged", "accepted"))
    when = tasks.c.requested_cancellation_date
    return sa.and_(waiting, when.is_not(None), sa.func.rtrim(when, "Z") <= now().rstrip("Z"))


def _asked_for(tasks: View) -> sa.ColumnElement[Any]:
    return tasks.c.requested_cancellation_date


def _cancellation_failed(kind: Kind, reason: str) -> list[dict[str, Any]]:
    end: dict[str, Any] = {"state": "terminatedWithError"}
    return [{"state": "inProgress"}, end | cancel.told(kind, "UNAVAILABLE", reason)]


# ---- monitors: writes that were accepted with 202 ---------------------------------------------------


def _monitor_due(tasks: View) -> sa.ColumnElement[bool]:
    return tasks.c.state == "InProgress"


async def _finish(transaction: Transaction, monitor: Row) -> None:
    """Creates what the monitored request asked for, and notes the answer to it."""
    request = monitor.get("request")
    to: str = request["to"]
    kind = transaction.world.kind_at(urlsplit(to).path)
    assert kind is not None
    try:
        async with transaction.attempt():
            made = await transaction.insert(prepare(kind, decode(request["body"])))
    except CallerError as error:
        change = _answered("InError", error.status, encode(error.body()))
    else:
        location = {"name": "Location", "value": monitor.get("sourceHref")}
        change = _answered("Completed", 201, made.json(to), location)
    await transaction.change(monitor, change)


def _monitor_failed(reason: str) -> list[dict[str, Any]]:
    error = {"code": "INTERNAL_SERVER_ERROR", "reason": "Internal server error", "message": reason}
    return [_answered("InError", 500, encode(error))]


def _answered(state: str, status: int, body: str, *header: dict[str, str]) -> dict[str, Any]:
    type_ = {"name": "Content-Type", "value": "application/json"}
    return {"state": state, "response": {"statusCode": str(status), "body": body, "header": [type_, *header]}}
