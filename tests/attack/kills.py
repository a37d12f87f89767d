"""Kills of the server and of PostgreSQL under write load, and whether all that was acknowledged is there.

`python -m tests.attack.kills --kills 20` kills the server 20 times, and PostgreSQL 20 times.
"""

import argparse
import asyncio
import collections
import contextlib
import http.client
import itertools
import json
import os
import random
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import sqlalchemy as sa

from models import WHOLE
from models.tables import characteristic, event, reference, table, table_name
from resolvers.storage import reindex, sequencer
from resolvers.storage.engine import new_engine
from tests.serving import Serving, open_directory, serving
from tmfgraph import migrate
from tmfgraph.embedded import EmbeddedPostgres

SERVICE = WHOLE.kinds["Service"].homes[0].url
WRITERS = 6
SECONDS_TO_RECOVER = 60.0


@dataclass
class Written:
    """What a writer knows of one entity."""

    acknowledged: int
    """The last step that was answered with success."""
    tried: int
    """The last step that was sent at all."""


@dataclass
class Load:
    """What all writers have seen together."""

    answers: collections.Counter[str] = field(default_factory=collections.Counter)
    """How often each status came over each way."""
    unanswered: collections.Counter[str] = field(default_factory=collections.Counter)
    """How often no answer came, and why."""
    faults: list[str] = field(default_factory=list)
    written: dict[str, Written] = field(default_factory=dict)
    last_success: float = 0.0
    ending: threading.Event = field(default_factory=threading.Event)


class Writer(threading.Thread):
    """Creates services and changes them, over both facades, each one step by step."""

    def __init__(self, load: Load, port: int, number: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._load = load
        self._port = port
        self._number = number
        self._rng = random.Random(f"{seed}:{number}")
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        try:
            for count in itertools.count():
                if self._load.ending.is_set():
                    return
                self._one(f"w{self._number}-{count}")
        except Exception as error:
            self._load.faults.append(f"a writer ended: {error!r}")
        finally:
            if self._connection is not None:
                self._connection.close()

    def _one(self, id: str) -> None:
        """One service from its creation on."""
        over_rest = self._number % 2 == 0
        known = self._load.written[id] = Written(-1, 0)
        create = self._create if over_rest else self._create_in_graph
        while not create(id) and not self._load.ending.is_set():
            time.sleep(0.05)
        if known.acknowledged < 0:
            return
        for step in range(1, self._rng.randint(2, 6)):
            known.tried = step
            change = self._change if self._rng.random() < 0.5 else self._change_in_graph
            if change(id, step):
                known.acknowledged = step
            elif self._load.ending.is_set():
                return

    def _body(self, step: int) -> dict[str, Any]:
        return {
            "state": "active",
            "description": f"step {step}",
            "serviceCharacteristic": [{"name": "step", "value": step}, {"name": "w", "value": "x" * step}],
            "relatedParty": [
                {"id": f"P{self._number}-{step}-{n}", "role": "user", "@referredType": "Individual"}
                for n in range(3)
            ],
        }

    def _create(self, id: str) -> bool:
        document = {"id": id, "serviceSpecification": {"id": "S1"}, **self._body(0)}
        status, answer = self._send("POST", SERVICE, document, {"Idempotency-Key": f"key-{id}"})
        if status == 201:
            if answer.get("id") != id:
                self._load.faults.append(f"the answer to {id} is of {answer.get('id')}")
            self._load.written[id].acknowledged = 0
        return status == 201

    def _create_in_graph(self, id: str) -> bool:
        text = "mutation ($i: ServiceCreate!) { createService(input: $i) { id } }"
        given = {"id": id, "serviceSpecification": {"id": "S1"}, **self._inputs(0)}
        status, answer = self._send("POST", "/graphql", {"query": text, "variables": {"i": given}}, {})
        codes = _codes(answer)
        if status == 200 and (not codes or codes == ["CONFLICT"]):  # the one before was carried out after all
            self._load.written[id].acknowledged = 0
            return True
        return False

    def _change(self, id: str, step: int) -> bool:
        return self._send("PATCH", f"{SERVICE}/{id}", self._body(step), {})[0] == 200

    def _change_in_graph(self, id: str, step: int) -> bool:
        text = (
            "mutation ($id: ID!, $i: ServiceUpdate!) { updateService(id: $id, input: $i) { id description } }"
        )
        asked = {"query": text, "variables": {"id": id, "i": self._inputs(step)}}
        status, answer = self._send("POST", "/graphql", asked, {})
        return status == 200 and not _codes(answer)

    def _inputs(self, step: int) -> dict[str, Any]:
        body = self._body(step)
        for party in body["relatedParty"]:
            party["atReferredType"] = party.pop("@referredType")
        return body

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body; 0 where no answer came, of which the writer then knows nothing."""
        load, way = self._load, "graph" if path == "/graphql" else "REST"
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            sent = {"Content-Type": "application/json", **headers}
            self._connection.request(method, path, json.dumps(body), sent)
            response = self._connection.getresponse()
            status, told = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            load.answers[f"{way} none"] += 1
            load.unanswered[type(error).__name__] += 1
            time.sleep(0.05)
            return 0, {}
        answer = json.loads(told)
        codes = _codes(answer)
        load.answers[f"{way} {status} {' '.join(codes)}".strip()] += 1
        unavailable = status == 503 or codes == ["UNAVAILABLE"]
        if status == 503 and response.getheader("Retry-After") is None:
            load.faults.append(f"503 without Retry-After: {told[:200]!r}")
        if unavailable:
            time.sleep(0.05)
        elif status >= 500 or codes not in ([], ["CONFLICT"]) or (status >= 400 and status != 409):
            load.faults.append(f"{method} {path}: {status} {told[:300]!r}")
        else:
            load.last_success = time.monotonic()
        return status, answer


def _codes(answer: Any) -> list[str]:
    errors = answer.get("errors", []) if isinstance(answer, dict) else []
    return [one.get("extensions", {}).get("code", "none") for one in errors]


class Reader(threading.Thread):
    """Reads what the writers write, over both facades."""

    def __init__(self, load: Load, port: int) -> None:
        super().__init__(daemon=True)
        self._load = load
        self._port = port

    def run(self) -> None:
        paths = itertools.cycle(
            [
                f"{SERVICE}/w0-0",
                f"{SERVICE}?limit=3",
                f"{SERVICE}?relatedParty.id=P0-0-0",
                "/graphql?query=%7Bservices(first:3)%7BtotalCount%20nodes%7Bid%20history%7Bid%7D%7D%7D%7D",
                "/graphql?query=%7B__typename%7D",
            ]
        )
        while not self._load.ending.is_set():
            path = next(paths)
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
                with contextlib.closing(connection):
                    connection.request("GET", path)
                    response = connection.getresponse()
                    status, told = response.status, response.read()
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            codes = _codes(json.loads(told))
            self._load.answers[f"read {status} {' '.join(codes[:1])}".strip()] += 1
            if codes[:1] not in ([], ["UNAVAILABLE"]) or status not in (200, 206, 404, 503):
                self._load.faults.append(f"GET {path}: {status} {told[:300]!r}")
            if status == 503 and response.getheader("Retry-After") is None:
                self._load.faults.append(f"503 without Retry-After: {told[:200]!r}")


@contextlib.contextmanager
def _load(port: int, seed: int) -> Iterator[Load]:
    """Writers and a reader, for as long as the block runs."""
    load = Load()
    threads = [Writer(load, port, number, seed) for number in range(WRITERS)]
    for thread in (*threads, reader := Reader(load, port)):
        thread.start()
    try:
        yield load
    finally:
        load.ending.set()
        for thread in (*threads, reader):
            thread.join(40)


@dataclass
class Result:
    """What the kills came to."""

    kills: int
    recovered: list[float]
    """Seconds to the next success: from each kill of the server, and from when PostgreSQL answered again."""
    entities: int
    answers: dict[str, int]
    faults: list[str]

    def __str__(self) -> str:
        times = ", ".join(f"{one:.1f}" for one in sorted(self.recovered))
        lines = [f"{self.kills} kills, {self.entities} entities; seconds to the next success: {times}"]
        lines += [f"  {count:7,} {answer}" for answer, count in sorted(self.answers.items())]
        return "\n".join([*lines, *(f"  FAULT {one}" for one in dict.fromkeys(self.faults))])


def kill_server(kills: int, seed: int = 1) -> Result:
    """Kills `tmfgraph serve` with SIGKILL, and starts it anew, so many times."""
    rng = random.Random(seed)
    with open_directory() as directory, EmbeddedPostgres(directory / "database") as dsn:
        migrate.upgrade(dsn)
        with contextlib.ExitStack() as stack:
            served = _serve(stack, dsn, directory, 0)
            port = urlsplit(served.url).port or 0
            recovered = []
            with _load(port, seed) as load:
                _await_success(load, time.monotonic())
                for _ in range(kills):
                    time.sleep(rng.uniform(0.2, 1.0))
                    served.process.kill()
                    killed = time.monotonic()
                    served.process.wait()
                    served = _serve(stack, dsn, directory, port)
                    recovered.append(_await_success(load, killed))
            faults = load.faults + check(dsn, load)
        return Result(kills, recovered, len(load.written), dict(load.answers), faults)


def kill_postgres(kills: int, seed: int = 1) -> Result:
    """Kills PostgreSQL beside a server that stays: one backend, the postmaster, or all at once."""
    rng = random.Random(seed)
    with open_directory() as directory:
        postgres = EmbeddedPostgres(directory / "database")
        with postgres as dsn:
            migrate.upgrade(dsn)
            with contextlib.ExitStack() as stack:
                served = _serve(stack, dsn, directory, 0)
                port = urlsplit(served.url).port or 0
                recovered = []
                with _load(port, seed) as load:
                    _await_success(load, time.monotonic())
                    for number in range(kills):
                        time.sleep(rng.uniform(0.2, 1.0))
                        _kill_postgres(
                            directory / "database", ("backend", "postmaster", "immediate")[number % 3], rng
                        )
                        postgres.start()  # returns when it answers
                        recovered.append(_await_success(load, time.monotonic()))
                faults = load.faults + check(dsn, load)
                if load.answers["REST none"] or load.answers["graph none"]:
                    faults.append(
                        f"requests were not answered, though the server was there: {dict(load.unanswered)}"
                    )
            return Result(kills, recovered, len(load.written), dict(load.answers), faults)


def _serve(stack: contextlib.ExitStack, dsn: str, directory: Path, port: int) -> Serving:
    flags = ("--database-url", dsn, "--port", str(port), "--log-level", "error")
    served = stack.enter_context(serving(*flags, data_dir=directory / "data", seconds=120))
    assert served.process.stdout is not None
    # What the server prints must not fill the pipe.
    threading.Thread(target=_drain, args=(served.process.stdout.fileno(),), daemon=True).start()
    return served


def _drain(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(descriptor, 65536):
            pass


def _await_success(load: Load, since: float) -> float:
    """Seconds from a moment to the next success; faults of the load end the wait."""
    deadline = time.monotonic() + SECONDS_TO_RECOVER
    while load.last_success <= since:
        if time.monotonic() > deadline:
            load.faults.append(f"no write succeeded in {SECONDS_TO_RECOVER:.0f} s after a kill")
            break
        time.sleep(0.01)
    return load.last_success - since


def _kill_postgres(place: Path, way: str, rng: random.Random) -> None:
    postmaster = int((place / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    children = [
        int(one) for one in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    ]
    with contextlib.suppress(ProcessLookupError):
        if way == "backend":
            os.kill(rng.choice(children), signal.SIGKILL)
        elif way == "postmaster":
            os.kill(postmaster, signal.SIGKILL)
        else:
            os.kill(postmaster, signal.SIGQUIT)  # what `pg_ctl stop -m immediate` does


# ---- what must be there --------------------------------------------------------------------------


def check(dsn: str, load: Load) -> list[str]:
    """What is missing of what was acknowledged, and what is there by half."""
    return asyncio.run(_check(dsn, load))


async def _check(dsn: str, load: Load) -> list[str]:
    faults = []
    name = table_name(WHOLE.kinds["Service"])
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(f"select id, revision, document from {name}")
        found = {row["id"]: row for row in rows}
        for id, known in load.written.items():
            if known.acknowledged < 0:
                continue
            if id not in found:
                faults.append(f"{id} was acknowledged and is missing")
                continue
            document = json.loads(found[id]["document"])
            step = document["serviceCharacteristic"][0]["value"]
            if not known.acknowledged <= step <= known.tried:
                faults.append(
                    f"{id} is at step {step}; {known.acknowledged} was acknowledged, {known.tried} tried"
                )
            if (
                document["description"] != f"step {step}"
                or f"-{step}-" not in document["relatedParty"][0]["id"]
            ):
                faults.append(f"{id} is mixed of several steps")
        for row in await connection.fetch(
            f"""select e.id, e.revision, count(v.revision) events, min(v.revision) first, max(v.revision) last
                from {name} e left join event v on v.entity_key = e.key and v.entity_kind = 'Service'
                group by e.id, e.revision"""
        ):
            whole = row["events"] == row["last"] == row["revision"] and row["first"] == 1
            faults += (
                [] if whole else [f"{row['id']} has revision {row['revision']} and {row['events']} events"]
            )
        lost = (
            f"select count(*) from event v where not exists (select from {name} e where e.key = v.entity_key)"
        )
        if number := await connection.fetchval(lost):
            faults.append(f"{number} events are of nothing")
        faults += await _numbered(connection)
        half = "select count(*) from idempotency where entity_id is null"
        if number := await connection.fetchval(half):
            faults.append(f"{number} idempotency keys stand for nothing")
    finally:
        await connection.close()
    before = await _derived(dsn)
    await reindex.run(dsn, WHOLE, lambda words: None)
    if await _derived(dsn) != before:
        faults.append("columns, references or characteristics are not those of the documents")
    return faults


async def _numbered(connection: Any) -> list[str]:
    """What is wrong with the positions of events, once the server has given one to each."""
    deadline = time.monotonic() + SECONDS_TO_RECOVER
    while number := await connection.fetchval("select count(*) from pending"):
        if time.monotonic() > deadline:
            return [f"{number} events have no position after {SECONDS_TO_RECOVER:.0f} s"]
        await asyncio.sleep(0.05)
    ids = [row["id"] for row in await connection.fetch("select id from event")]
    found = await sequencer.since(connection, None, len(ids) + 1)
    faults = []
    if sorted(one.id for one in found) != sorted(ids):
        faults.append(f"{len(found)} events have positions, of {len(ids)}")
    last: dict[uuid.UUID, int] = {}
    for one in found:
        if one.revision != last.get(one.entity_key, 0) + 1:
            faults.append(f"revision {one.revision} of {one.entity_id} is at position {one.position}")
        last[one.entity_key] = one.revision
    return faults


async def _derived(dsn: str) -> list[Sequence[str]]:
    """All that is derived from documents, in one order."""
    engine = new_engine(dsn)
    try:
        async with engine.connect() as connection:
            tables = [*(table(kind) for kind in WHOLE.roots), reference, characteristic, event]
            return [sorted(map(repr, (await connection.execute(sa.select(one))).all())) for one in tables]
    finally:
        await engine.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how often each is killed (default: 20)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    results = {
        "server": kill_server(given.kills, given.seed),
        "PostgreSQL": kill_postgres(given.kills, given.seed),
    }
    for name, result in results.items():
        print(f"{name}: {result}", flush=True)
    return int(any(result.faults for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
