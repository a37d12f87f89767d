"""What is no request: the bulk load, against COPY alone, and the start, fresh and with data there."""

import asyncio
import json
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import machine
from database import Database
from report import Fact, Verdict, number
from systems import ROOT, TOOL, answers, environment, free_port

COPY_RATIO, ORDERS_PER_SECOND = 0.75, 10_000
WARM_SECONDS, COLD_SECONDS = 5, 12


# ---- load ---------------------------------------------------------------------------------------


def load(database: Database, orders: int, rounds: int, directory: Path) -> Fact:
    """`tmfgraph load` of so many product orders, against COPY of their rows into the one typed table."""
    documents = database.data().documents
    rates: list[float] = []
    whole: list[float] = []
    copies: list[float] = []
    for turn in range(rounds):
        # What the command takes for one order is its start.
        begin = _loaded(database, documents, 1, f"FIRST-{turn}", directory)
        seconds = _loaded(database, documents, orders, f"LOAD-{turn}", directory)
        rates.append(orders / (seconds - begin))
        whole.append(orders / seconds)
        copies.append(orders / asyncio.run(_copy(database.url, f"LOAD-{turn}-%")))
    rate, copy = statistics.median(rates), statistics.median(copies)
    if rate >= ORDERS_PER_SECOND:
        verdict = Verdict(f">= {ORDERS_PER_SECOND:,} orders/s", rate, True)
    else:
        target = f">= {COPY_RATIO} x COPY, or >= {ORDERS_PER_SECOND:,} orders/s"
        verdict = Verdict(target, rate / copy, rate / copy >= COPY_RATIO)
    return Fact(
        "L",
        f"load of {orders:,} product orders",
        f"{number(rate)} orders/s ({number(statistics.median(whole))} with the start of the command),"
        f" COPY of the rows alone {number(copy)} orders/s",
        [verdict],
        {"orders_per_second": rates, "with_start": whole, "copy": copies},
    )


def _loaded(
    database: Database, documents: Sequence[dict[str, Any]], orders: int, prefix: str, directory: Path
) -> float:
    """Seconds that the command takes for so many orders with ids of this prefix."""
    file = directory / f"{prefix}.ndjson"
    with file.open("w") as lines:
        for n in range(orders):
            own = {"@type": "ProductOrder", "id": f"{prefix}-{n:06}", "externalId": f"EXT-{n}"}
            document = {**own, **documents[n % len(documents)], "state": "acknowledged"} | own
            lines.write(json.dumps(document, ensure_ascii=False) + "\n")
    command = [*TOOL, "load", str(file), "--quiet", "--database-url", database.url]
    start = time.perf_counter()
    with machine.on(machine.EVERY_CORE):
        subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True)
    seconds = time.perf_counter() - start
    file.unlink()
    return seconds


async def _copy(url: str, pattern: str) -> float:
    """Seconds that COPY takes for the rows of these orders, into a table as the real one is."""
    connection: asyncpg.Connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("select * from product_order where id like $1", pattern)
        names, records = list(rows[0].keys()), [tuple(row.values()) for row in rows]
        await connection.execute("create table copied (like product_order including all)")
        start = time.perf_counter()
        async with connection.transaction():
            await connection.copy_records_to_table("copied", records=records, columns=names, timeout=600)
        seconds = time.perf_counter() - start
        await connection.execute("drop table copied")
        return seconds
    finally:
        await connection.close()


# ---- start --------------------------------------------------------------------------------------


def start(rounds: int) -> list[Fact]:
    """Seconds until `tmfgraph serve` is ready: in a fresh directory, and in the same again."""
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(rounds):
        directory = Path(tempfile.mkdtemp(prefix="tmfgraph-bench-start-"))
        directory.chmod(0o755)
        try:
            cold.append(_ready(directory))
            warm.append(_ready(directory))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    facts = []
    for name, title, found, limit in (
        ("S cold", "start with migrations and demo data", cold, COLD_SECONDS),
        ("S warm", "start with data there", warm, WARM_SECONDS),
    ):
        middle = statistics.median(found)
        verdicts = [Verdict(f"<= {limit} s", middle, middle <= limit)]
        span = f"{number(min(found))}-{number(max(found))}"
        facts.append(Fact(name, title, f"{number(middle)} s ({span})", verdicts, {"seconds": found}))
    return facts


def _ready(directory: Path) -> float:
    """From the command to a 200 of /health/ready, with all cores."""
    port, quiet = free_port(), subprocess.DEVNULL
    command = [*TOOL, "serve", "--port", str(port), "--data-dir", str(directory), "--log-level", "warning"]
    begun = time.perf_counter()
    with machine.on(machine.EVERY_CORE):
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=quiet, stdout=quiet, stderr=quiet
        )
    try:
        while answers(port, "/health/ready") != 200:
            if process.poll() is not None or time.perf_counter() - begun > 120:
                raise SystemExit(f"tmfgraph serve does not become ready: {' '.join(command)}")
            time.sleep(0.02)
        return time.perf_counter() - begun
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
