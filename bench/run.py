"""Measures tmfgraph beside its peers, on this machine, and prints one table: `python bench/run.py`.

It starts an embedded PostgreSQL with demo data and every system in a process of its own, checks that all
answer the same, and lets them take turns, so that the ratios of one run say something even where the machine
is busy with other things. bench/README.md says what is measured and how.
"""

import argparse
import http.client
import importlib.metadata
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import commands  # noqa: E402
import machine  # noqa: E402
import report  # noqa: E402
import systems  # noqa: E402
from client import Job, Result, apart  # noqa: E402
from database import Database  # noqa: E402
from report import Report, Row, Sample  # noqa: E402
from systems import MAKERS, PEER, System, Unavailable  # noqa: E402
from workloads import (  # noqa: E402
    MAKE_NO_ANSWER,
    TMFGRAPH,
    WORKLOADS,
    Data,
    Workload,
    difference,
    normalised,
)

COMMANDS = {"2": "two workers against one, on Q1 to Q3", "L": "bulk load", "S": "start-up"}
TWICE = 1.7
"""How much more two workers are to answer than one, where two cores are free for them."""
COUNTED_REQUESTS = 20
"""How many requests the statements are counted over."""


def arguments() -> argparse.Namespace:
    names = [*WORKLOADS, *COMMANDS]
    what = [f"  {one.name}  {one.title}" for one in WORKLOADS.values()]
    what += [f"  {name}   {title}" for name, title in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="workloads:\n" + "\n".join(what) + "\n\nsystems:\n  " + "\n  ".join(MAKERS) + "\n\n"
        "examples:\n"
        "  python bench/run.py                                everything, in some twenty minutes\n"
        "  python bench/run.py --only Q1,Q2 --seconds 1 --rounds 2       a glance\n"
        "  python bench/run.py --only R2 --systems 'tmfgraph,starlette + json'\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, help="of each system after a warm-up (default: 5)")
    parser.add_argument("--seconds", type=float, default=4, help="of each system in a round (default: 4)")
    parser.add_argument("--concurrency", type=int, default=16, help="connections at once (default: 16)")
    parser.add_argument("--scale", type=int, default=20, help="of the demo data (default: 20)")
    parser.add_argument("--auth", action="store_true", help="tmfgraph with --auth on, and a token")
    parser.add_argument("--orders", type=int, default=20_000, help="of the bulk load (default: 20000)")
    parser.add_argument(
        "--only",
        metavar="NAMES",
        type=_names(names),
        default=names,
        help=f"workloads, separated by commas (default: {','.join(names)})",
    )
    parser.add_argument(
        "--systems", metavar="NAMES", type=_names(list(MAKERS)), default=list(MAKERS), help="(default: all)"
    )
    parser.add_argument(
        "--output", metavar="DIR", type=Path, help="write bench.md, bench.json, bench.txt and plots there"
    )
    return parser.parse_args()


def _names(known: list[str]) -> Any:
    def read(text: str) -> list[str]:
        given = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in given if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        return [name for name in known if name in given]

    return read


# ---- one request, and many ----------------------------------------------------------------------


def drive(system: System, requests: list[str], workload: Workload, **limits: Any) -> Result:
    """What the load generator, in a process of its own, found."""
    result = apart(Job(port=system.port, requests=requests, status=workload.status, **limits))
    if result.problem:
        raise SystemExit(f"{workload.name}, {system.name}: {result.problem}")
    return result


def ask(system: System, text: str, status: int) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of one answer."""
    head, _, body = text.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    connection = http.client.HTTPConnection("127.0.0.1", system.port, timeout=60)
    connection.request(method, path, body.encode() or None, headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    told = {name.lower(): value for name, value in response.getheaders()}
    if response.status != status:
        raise SystemExit(f"{system.name} answers {path} with {response.status}: {answer[:2000].decode()}")
    if "content-encoding" in told:
        raise SystemExit(f"{system.name} compresses its answers")
    return answer, told


def requests_of(system: System, workload: Workload, data: Data, sizes: dict[str, int]) -> list[str]:
    made = workload.requests(system.name, data, sizes)
    if not system.token:
        return made
    header = f"\r\nAuthorization: Bearer {system.token}\r\n"
    return [text.replace("\r\n", header, 1) for text in made]


def check(started: list[System], workload: Workload, data: Data) -> dict[str, int]:
    """Sees to it that all answer the same; the mean size of each system's answers."""
    sizes: dict[str, int] = {}
    seen: list[tuple[str, list[Any]]] = []
    for system in started:
        if system.name in MAKE_NO_ANSWER:
            continue
        requests = requests_of(system, workload, data, {})[: len(data.orders)]
        asked = requests if workload.compared else requests[:1]
        answers = [ask(system, request, workload.status) for request in asked]
        sizes[system.name] = sum(len(body) for body, _ in answers) // len(answers)
        if not workload.compared:
            continue
        found = [(normalised(json.loads(body)), headers.get("x-total-count")) for body, headers in answers]
        seen.append((system.name, found))
        for answer, _ in found:
            if isinstance(answer, dict) and answer.get("errors"):
                raise SystemExit(f"{workload.name}, {system.name}: {answer['errors']}")
    for name, found in seen[1:]:
        if where := difference(seen[0][1], found):
            raise SystemExit(f"{workload.name}: {seen[0][0]} and {name} answer differently, at {where}")
    return sizes


def measure(
    started: list[System], workload: Workload, data: Data, database: Database, given: argparse.Namespace
) -> list[Row]:
    sizes = check(started, workload, data)
    if TMFGRAPH not in sizes and sizes:
        sizes[TMFGRAPH] = next(iter(sizes.values()))
    requests = {one.name: requests_of(one, workload, data, sizes) for one in started}
    rows = {one.name: Row(workload.name, one.name, []) for one in started}
    for turn in range(given.rounds + 1):
        for n in range(len(started)):
            system = started[(n + turn) % len(started)]
            server, postgres = system.cpu(), database.cpu()
            result = drive(
                system,
                requests[system.name],
                workload,
                seconds=given.seconds,
                concurrency=given.concurrency,
            )
            costs = [
                None if before is None or after is None else (after - before) / result.requests
                for before, after in ((server, system.cpu()), (postgres, database.cpu()))
            ]
            expected = sizes.get(system.name, sizes.get(TMFGRAPH, 0))
            mean = result.bytes / result.requests
            if expected and not 0.8 * expected < mean < 1.2 * expected:
                raise SystemExit(
                    f"{workload.name}, {system.name}: answers of {mean:.0f} bytes, not {expected}"
                )
            if turn:  # the first one warms up
                found = Sample(
                    rate=result.rate,
                    p50=result.p50,
                    p95=result.p95,
                    server=costs[0],
                    database=costs[1],
                    generator=result.cpu / result.requests,
                )
                rows[system.name].samples.append(found)
        say(f"{workload.name}: {'warm' if not turn else f'round {turn} of {given.rounds}'}")
    for system in started:
        rows[system.name].statements = counted(system, requests[system.name], workload, database)
    return list(rows.values())


def counted(system: System, requests: list[str], workload: Workload, database: Database) -> float | None:
    """SQL statements for each request."""

    def some() -> int:
        limits = {"seconds": 60, "concurrency": 1, "at_most": COUNTED_REQUESTS}
        return drive(system, requests, workload, **limits).requests

    return database.statements(some)


# ---- two workers --------------------------------------------------------------------------------


def two_workers(
    database: Database, data: Data, directory: Path, given: argparse.Namespace
) -> list[report.Fact]:
    """How much more two workers answer than one, where all processes share all cores.

    PostgreSQL and the load generator need cores too: what one worker leaves idle bounds what two can do.
    """
    started, before = list[System](), machine.cores_of_us()
    try:
        for count in (1, 2):
            system = MAKERS[TMFGRAPH](database.url)
            system.command += ["--workers", str(count)]
            system.start(machine.EVERY_CORE, directory / f"workers-{count}.log")
            started.append(system)
        chosen = [WORKLOADS[name] for name in ("Q1", "Q2", "Q3")]
        machine.move(machine.family(database.postmaster()), machine.EVERY_CORE)
        with machine.on(machine.EVERY_CORE):
            return [_two_workers(workload, started, database, data, given) for workload in chosen]
    finally:
        machine.move(machine.family(database.postmaster()), before)
        for system in started:
            system.stop()


def _two_workers(
    workload: Workload, started: list[System], database: Database, data: Data, given: argparse.Namespace
) -> report.Fact:
    requests = requests_of(started[0], workload, data, {})
    rates: list[list[float]] = [[], []]
    busy: list[float] = []
    limits = {"seconds": given.seconds, "concurrency": given.concurrency}
    for turn in range(given.rounds + 1):
        for n, system in enumerate(started):
            server, postgres = system.cpu() or 0.0, database.cpu() or 0.0
            result = drive(system, requests, workload, **limits)
            if not turn:  # it warms up
                continue
            rates[n].append(result.rate)
            if n == 0:
                spent = (system.cpu() or 0.0) - server + (database.cpu() or 0.0) - postgres + result.cpu
                busy.append(spent / result.seconds)
    one, two = (statistics.median(found) for found in rates)
    cores = len(machine.EVERY_CORE)
    left = min(2.0, cores / statistics.median(busy)) if busy and min(busy) > 0 else 2.0
    # Two cores are free for the workers where PostgreSQL and the load generator have two others.
    verdicts = (
        [report.Verdict(f">= {TWICE} x one worker", two / one, two / one >= TWICE)] if cores > 3 else []
    )
    return report.Fact(
        f"2 {workload.name}",
        f"two workers against one, {workload.name}",
        f"{report.number(two)} against {report.number(one)} requests/s: {two / one:.2f} x"
        f" (the {cores} cores leave room for {left:.2f} x)",
        verdicts,
        {"one": rates[0], "two": rates[1], "busy": busy},
    )


# ---- the whole ----------------------------------------------------------------------------------


def versions(database: Database) -> dict[str, str]:
    names = ("asyncpg", "graphql-core", "SQLAlchemy", "starlette", "strawberry-graphql", "uvicorn", "uvloop")
    found = {"tmfgraph": _commit(), "Python": platform.python_version(), "PostgreSQL": database.version()}
    found |= {name: importlib.metadata.version(name) for name in names}
    packages = PEER / "node_modules"
    if packages.exists():
        read = json.loads((packages / "postgraphile" / "package.json").read_text())
        found["PostGraphile"] = read["version"]
        node = subprocess.run([systems.node(), "--version"], capture_output=True, text=True, check=False)
        found["Node.js"] = node.stdout.strip().lstrip("v")
    return found


def _commit() -> str:
    version = importlib.metadata.version("tmfgraph")
    try:
        command = ["git", "-C", str(HERE.parent), "describe", "--always", "--dirty"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return version
    return f"{version} ({done.stdout.strip()})" if done.returncode == 0 else version


def say(text: str) -> None:
    """Progress, apart from the table."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def start_all(
    names: set[str], database: Database, data: Data, cores: list[int], logs: Path, *, auth: bool
) -> list[System]:
    """All of these systems, ready to answer; those that cannot run here are left out."""
    started: list[System] = []
    try:
        for name, maker in MAKERS.items():
            if name not in names:
                continue
            try:
                system = maker(database.url)
            except Unavailable as problem:
                say(f"without {name}: {problem}")
                continue
            if auth and name == TMFGRAPH:
                system = systems.with_token(system, logs / "token")
            system.environment["TMFGRAPH_BENCH_TEMPLATES"] = ",".join(data.orders)
            system.start(cores, logs / f"{name.replace(' ', '-')}.log")
            started.append(system)
    except BaseException:
        for system in started:
            system.stop()
        raise
    return started


def main() -> None:
    given = arguments()
    chosen = [WORKLOADS[name] for name in given.only if name in WORKLOADS]
    whole = tempfile.mkdtemp(prefix="tmfgraph-bench-")
    directory = Path(whole)
    directory.chmod(0o755)
    cores, pinned = machine.share_cores()
    database = Database(directory / "data")
    started: list[System] = []
    try:
        say(f"filling PostgreSQL with demo data of scale {given.scale}")
        database.start(given.scale)
        data = database.data()
        needed = {name for one in chosen for name in one.systems if name in given.systems}
        started = start_all(needed, database, data, cores, directory, auth=given.auth)
        counts = ", ".join(f"{count:,} {name}" for name, count in database.entities().items())
        made = Report(
            machine=machine.describe(),
            versions=versions(database),
            settings={
                "rounds": given.rounds,
                "seconds": given.seconds,
                "concurrency": given.concurrency,
                "scale": given.scale,
                "auth": "on" if given.auth else "off",
            },
            notes=[pinned, f"rows: {counts}"],
        )
        # Before anything is written: Q2 would find other orders.
        if "2" in given.only and TMFGRAPH in given.systems and machine.EVERY_CORE:
            say("two workers")
            made.facts += two_workers(database, data, directory, given)
        for workload in chosen:
            mine = [one for one in started if one.name in workload.systems]
            if mine:
                rows = measure(mine, workload, data, database, given)
                report.judge(rows, workload, TMFGRAPH)
                made.rows += rows
                database.settle()
        for system in started:
            system.stop()
        started = []
        if "L" in given.only and TMFGRAPH in given.systems:
            say("bulk load")
            made.facts.append(commands.load(database, given.orders, min(given.rounds, 3), directory))
        if "S" in given.only and TMFGRAPH in given.systems:
            say("start-up")
            made.facts += commands.start(3)
        floors = {one.name: one.floor for one in chosen}
        titles = {one.name: one.title for one in chosen}
        print(report.as_text(made, floors, titles, TMFGRAPH))
        if given.output:
            report.write(given.output, made, floors, titles, TMFGRAPH)
    finally:
        for system in started:
            system.stop()
        database.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
