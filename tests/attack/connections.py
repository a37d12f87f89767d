"""Attacks by connections: slow ones, silent ones, many, ones that end early; and writers beside readers.

`python -m tests.attack.connections` runs them all. Each gives what it measured, and what is wrong with it.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from models import WHOLE
from models.tables import table_name
from tests.attack.inputs import JSON, Answer, Request
from tests.attack.measure import Address, Probe, Sample, Server, attacked, connect, p95, receive, wire
from tmfgraph.embedded import EmbeddedPostgres

CUSTOMERS = WHOLE.kinds["Customer"].homes[0].url
CATEGORIES = WHOLE.kinds["Category"].homes[0].url


@dataclass
class Found:
    """What a scenario came to."""

    scenario: str
    measured: str = ""
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n  ".join([f"{self.scenario}: {self.measured}", *(f"FAULT {one}" for one in self.faults)])


Scenario = Callable[[Server, float], Found]
SCENARIOS: dict[str, Scenario] = {}


def scenario(run: Scenario) -> Scenario:
    """Registers a scenario under the name of its function."""
    SCENARIOS[run.__name__] = run
    return run


# ---- slow and silent clients ---------------------------------------------------------------------


def _closed(connection: socket.socket) -> bool:
    """Whether the server has ended the connection, be it with an answer."""
    try:
        if not select.select([connection], [], [], 0)[0]:
            return False
        connection.setblocking(False)
        return not connection.recv(65536) or _closed(connection)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _outlast(
    server: Server, name: str, beginning: bytes, drip: bytes, count: int, seconds: float, allowed: float
) -> Found:
    """Opens connections that never come to the end of a request; all must be closed within some seconds."""
    found = Found(name)
    customer = _customer(server)
    probe, began = Probe(server.address, customer), time.monotonic()
    open_ = [connect(server.address) for _ in range(count)]
    for one in open_:
        with contextlib.suppress(OSError):
            one.sendall(beginning)
    closed_at: list[float] = []
    while open_ and time.monotonic() - began < seconds:
        time.sleep(0.5)
        for one in list(open_):
            if drip:
                with contextlib.suppress(OSError):
                    one.setblocking(True)
                    one.sendall(drip)
            if _closed(one):
                open_.remove(one)
                one.close()
                closed_at.append(time.monotonic() - began)
    for one in open_:
        one.close()
    samples = probe.end()
    last = max(closed_at, default=0.0)
    found.measured = f"{count} connections, {len(open_)} open after {seconds:.0f} s, the last closed after {last:.1f} s; probe p95 {p95(samples) * 1000:.0f} ms"
    if open_:
        found.faults.append(f"{len(open_)} of {count} connections stay open for {seconds:.0f} s")
    elif last > allowed:
        found.faults.append(f"the last was closed after {last:.1f} s, {allowed:.1f} s are meant")
    return found


@scenario
def slow_headers(server: Server, seconds: float) -> Found:
    """A letter of a header each half second."""
    head = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-A: "
    return _outlast(server, "slow_headers", head, b"a", 100, seconds, seconds)


@scenario
def slow_bodies(server: Server, seconds: float) -> Found:
    """A letter of a body each half second."""
    head = f"POST {CATEGORIES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{{".encode()
    return _outlast(server, "slow_bodies", head, b" ", 100, seconds, seconds)


@scenario
def slow_chunks(server: Server, seconds: float) -> Found:
    """A chunk of one letter each half second."""
    head = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return _outlast(server, "slow_chunks", head, b"1\r\n \r\n", 100, seconds, seconds)


@scenario
def silent(server: Server, seconds: float) -> Found:
    """Connections on which nothing is ever said."""
    return _outlast(server, "silent", b"", b"", 100, seconds, seconds)


@scenario
def idle(server: Server, seconds: float) -> Found:
    """Connections that are kept after a request, and not used again."""
    request = wire(Request("GET", "/health/live"), server.address, keep=True)
    return _outlast(server, "idle", request, b"", 100, seconds, seconds)


@scenario
def slow_readers(server: Server, seconds: float) -> Found:
    """Large answers that nobody reads."""
    found = Found("slow_readers")
    url, stamp = WHOLE.kinds["UsageSpecification"].homes[0].url, time.time_ns()
    ids = [f"{stamp}-{number}" for number in range(8)]
    for id in ids:
        document = {"id": id, "name": "large", "description": "x" * 990_000}
        server.send(Request("POST", url, json.dumps(document).encode(), (JSON,)))
    request = wire(Request("GET", f"{url}?limit=1000"), server.address)
    before = server.rss
    open_ = []
    for _ in range(20):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.settimeout(10)
        one.connect(server.address)
        one.sendall(request)
        open_.append(one)
    began, grown = time.monotonic(), 0
    ended = 0
    while time.monotonic() - began < seconds and ended < len(open_):
        time.sleep(0.5)
        grown = max(grown, server.rss - before)
        ended = sum(_reset(server, one) for one in open_)
    for one in open_:
        one.close()
    found.measured = f"{len(open_)} connections, {ended} ended after {time.monotonic() - began:.1f} s; {grown >> 20} MiB held"
    if ended < len(open_):
        found.faults.append(
            f"{len(open_) - ended} of {len(open_)} clients that read nothing stay for {seconds:.0f} s"
        )
    return found


def _reset(server: Server, connection: socket.socket) -> bool:
    """Whether the server has given up a connection whose answer is not read: the kernel knows no peer."""
    port = connection.getsockname()[1]
    wanted = f":{server.address[1]:04X} ", f":{port:04X} "
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if f"{local} ".endswith(wanted[0]) and f"{remote} ".endswith(wanted[1]):
            return state != "01"  # no longer established at the server's end
    return True


@scenario
def many(server: Server, seconds: float) -> Found:
    """So many connections that nobody else would get one."""
    found = Found("many")
    open_: list[socket.socket] = []
    refused = 0
    for _ in range(900):
        try:
            open_.append(connect(server.address, 2))
        except OSError:
            refused += 1
    began, statuses = time.monotonic(), []
    for _ in range(10):
        answer = server.send(Request("GET", _customer_path), 5)
        statuses.append(answer.status)
    waited = time.monotonic() - began
    for one in open_:
        one.close()
    time.sleep(0.5)
    after = server.send(Request("GET", _customer_path), 5).status
    found.measured = f"{len(open_)} open, {refused} refused; ten reads beside them: {set(statuses)} in {waited:.2f} s; afterwards {after}"
    if not {200, 503, 0}.issuperset(statuses) or after != 200:
        found.faults.append(f"others are answered {set(statuses)}, afterwards {after}")
    return found


_customer_path = f"{CUSTOMERS}?limit=1"


def _customer(server: Server) -> str:
    return f"{CUSTOMERS}/{server.send(Request('GET', f'{CUSTOMERS}?limit=1&fields=none')).json[0]['id']}"


# ---- heads ---------------------------------------------------------------------------------------


def _raw(address: Address, sent: bytes) -> Answer:
    try:
        with connect(address, 10) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(sent)
            return receive(connection)
    except Exception as error:
        return Answer(failure=repr(error))


@scenario
def heads(server: Server, seconds: float) -> Found:
    """Heads that are too large, or say two things at once: refused, and the server goes on."""
    found = Found("heads")
    line, host = b"GET /health/live HTTP/1.1\r\n", b"Host: localhost\r\n"
    body = b'{"query":"{__typename}"}'
    post = b"POST /graphql HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n"
    tried: dict[str, tuple[bytes, set[int]]] = {
        "two hosts": (line + host + b"Host: evil.example\r\n\r\n", {400, 0}),
        "twice the same host": (line + host * 2 + b"\r\n", {400, 0}),
        "no host": (line + b"\r\n", {200, 400, 0}),
        "1,000 headers": (
            line + host + b"".join(b"X-%d: 1\r\n" % n for n in range(1_000)) + b"\r\n",
            {431, 0},
        ),
        "a header of 1 MB": (line + host + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n", {431, 0}),
        "a name of 1 MB": (line + host + b"X" * 1_000_000 + b": a\r\n\r\n", {431, 400, 0}),
        "a path of 1 MB": (
            b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n" + host + b"\r\n",
            {414, 431, 400, 0},
        ),
        "two lengths": (post + b"Content-Length: 24\r\nContent-Length: 5\r\n\r\n" + body, {400, 0}),
        "length and chunks": (
            post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            {400, 0},
        ),
        "a negative length": (post + b"Content-Length: -5\r\n\r\n" + body, {400, 0}),
        "a length beyond all": (post + b"Content-Length: 99999999999999999999\r\n\r\n" + body, {400, 413, 0}),
        "a chunk beyond all": (
            post + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
            {400, 413, 0},
        ),
        "a folded header": (line + host + b"X-A: 1\r\n 2\r\n\r\n", {200, 400, 0}),
        "a blank before the colon": (line + b"Host : localhost\r\n\r\n", {400, 0}),
        "a bare line feed": (b"GET /health/live HTTP/1.1\nHost: localhost\n\n", {200, 400, 0}),
        "another protocol": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400, 0}),
        "PRI": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505, 0}),
        "an absolute target": (
            b"GET http://evil.example/health/live HTTP/1.1\r\n" + host + b"\r\n",
            {200, 400, 404, 0},
        ),
    }
    given = {}
    for name, (sent, right) in tried.items():
        answer = _raw(server.address, sent)
        given[name] = answer.status
        if answer.status not in right:
            found.faults.append(f"{name}: {answer.status}, {' or '.join(map(str, sorted(right)))} is right")
    if server.send(Request("GET", "/health/live")).status != 200:
        found.faults.append("the server does not answer afterwards")
    found.measured = ", ".join(f"{name} {status or 'closed'}" for name, status in given.items())
    return found


@scenario
def pipelines(server: Server, seconds: float) -> Found:
    """A thousand requests at once on one connection, whose answers nobody reads."""
    found = Found("pipelines")
    probe = Probe(server.address, _customer(server))
    one = wire(Request("GET", f"{CUSTOMERS}?limit=5"), server.address, keep=True)
    before = server.rss
    with connect(server.address) as connection:
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.send(one * 1_000)
        time.sleep(min(seconds, 3))
    samples = probe.end()
    found.measured = f"probe p95 {p95(samples) * 1000:.0f} ms, {(server.rss - before) >> 20} MiB more"
    return found


# ---- disconnects and locks -----------------------------------------------------------------------


@contextlib.contextmanager
def _locked(server: Server, lock: str) -> Iterator[Callable[[str], int]]:
    """A lock in the database; gives what counts the statements that wait, by a part of their text."""
    runner = asyncio.Runner()
    postgres = EmbeddedPostgres(server.directory / "data")
    dsn = postgres.start()

    async def begin() -> Any:
        holder, watcher = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
        await holder.execute("begin")
        await holder.execute(lock)
        return holder, watcher

    holder, watcher = runner.run(begin())
    counting = (
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%' || $1 || '%'"
    )
    try:
        yield lambda part: runner.run(watcher.fetchval(counting, part))
    finally:
        for one in (holder, watcher):
            runner.run(one.close())
        runner.close()
        postgres.stop()


def _until(true: Callable[[], bool], seconds: float) -> float | None:
    """After how many seconds something was so; None where it was not in time."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if true():
            return time.monotonic() - began
        time.sleep(0.02)
    return None


@scenario
def disconnects(server: Server, seconds: float) -> Found:
    """Clients that go while their statement runs: within a second it must be gone as well."""
    found = Found("disconnects")
    name, id = table_name(WHOLE.kinds["Category"]), f"gone-{time.time_ns()}"
    server.send(Request("POST", CATEGORIES, json.dumps({"id": id, "name": "n"}).encode(), (JSON,)))
    query = json.dumps({"query": f"{{ categories(first: 7) {{ nodes {{ id }} }} }} # {id}"}).encode()
    mutation = json.dumps(
        {"query": f'mutation {{ updateCategory(id: "{id}", input: {{name: "x"}}) {{ id }} }}'}
    ).encode()
    requests = {
        "a REST list": Request("GET", f"{CATEGORIES}?limit=7"),
        "a REST read": Request("GET", f"{CATEGORIES}/{id}"),
        "a query": Request("POST", "/graphql", query, (JSON,)),
        "a REST write": Request("PATCH", f"{CATEGORIES}/{id}", b'{"name": "y"}', (JSON,)),
        "a mutation": Request("POST", "/graphql", mutation, (JSON,)),
    }
    times = {}
    for what, request in requests.items():
        with _locked(server, f"lock table {name} in access exclusive mode") as waiting:
            with connect(server.address) as connection:
                connection.sendall(wire(request, server.address))
                if _until(lambda: waiting(name) > 0, 4) is None:
                    found.faults.append(f"{what}: no statement was seen to wait")
                    continue
            gone = _until(lambda: waiting(name) == 0, 8)
            times[what] = gone
            if gone is None or gone > 1:
                after = "8 s and more" if gone is None else f"{gone:.1f} s"
                found.faults.append(f"{what}: its statement ran on for {after} after its client had gone")
    found.measured = ", ".join(
        f"{what} {gone:.2f} s" if gone is not None else f"{what} stays" for what, gone in times.items()
    )
    return found


@scenario
def locks(server: Server, seconds: float) -> Found:
    """Writes to what somebody else holds: 503 or 409 in time, and others are answered meanwhile."""
    found = Found("locks")
    name, id = table_name(WHOLE.kinds["Category"]), f"held-{time.time_ns()}"
    server.send(Request("POST", CATEGORIES, json.dumps({"id": id, "name": "n"}).encode(), (JSON,)))
    mutation = json.dumps(
        {"query": f'mutation {{ updateCategory(id: "{id}", input: {{name: "x"}}) {{ id }} }}'}
    ).encode()
    requests = {
        "PATCH": Request("PATCH", f"{CATEGORIES}/{id}", b'{"name": "y"}', (JSON,)),
        "DELETE": Request("DELETE", f"{CATEGORIES}/{id}"),
        "mutation": Request("POST", "/graphql", mutation, (JSON,)),
    }
    parts = []
    for what, request in requests.items():
        with _locked(server, f"select from {name} where id = '{id}' for update"):
            answer = server.send(request, 15)
        codes = [one.get("extensions", {}).get("code") for one in answer.errors]
        parts.append(f"{what} {answer.status} {' '.join(map(str, codes))} after {answer.seconds:.1f} s")
        right = answer.status in (409, 503) or (codes and set(codes) <= {"UNAVAILABLE", "CONFLICT"})
        if not right or answer.seconds > 6:
            found.faults.append(f"{parts[-1]}: {answer.body[:200]!r}")
        if answer.status == 503 and "retry-after" not in answer.headers:
            found.faults.append(f"{what}: 503 without Retry-After")
    found.measured = ", ".join(parts)
    return found


# ---- writers beside readers ----------------------------------------------------------------------


class _Client(threading.Thread):
    """Sends one request after the other until told to end."""

    def __init__(self, address: Address, make: Callable[[], Request], ending: threading.Event) -> None:
        super().__init__(daemon=True)
        self._address, self._make, self._ending = address, make, ending
        self.statuses: list[int] = []

    def run(self) -> None:
        with contextlib.ExitStack() as stack:
            connection: socket.socket | None = None
            while not self._ending.is_set():
                try:
                    connection = connection or stack.enter_context(connect(self._address))
                    request = self._make()
                    connection.sendall(wire(request, self._address, keep=True))
                    self.statuses.append(receive(connection, request.method).status)
                except Exception:
                    connection = None
                    self.statuses.append(0)


def _beside(
    server: Server, clients: int, make: Callable[[], Request], seconds: float
) -> tuple[list[Sample], list[int]]:
    ending = threading.Event()
    threads = [_Client(server.address, make, ending) for _ in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    probe = Probe(server.address, _customer(server))
    time.sleep(seconds)
    samples = probe.end()
    ending.set()
    for thread in threads:
        thread.join(20)
    return samples, [status for thread in threads for status in thread.statuses]


@scenario
def writers(server: Server, seconds: float) -> Found:
    """Writers in transactions: a small read beside them waits at most 3 times as long as beside readers."""
    found = Found("writers")
    numbers, stamp = itertools.count(), time.time_ns()

    def write() -> Request:
        number = next(numbers)
        key = ("Idempotency-Key", f"{stamp}-{number}")
        return Request(
            "POST", CATEGORIES, json.dumps({"id": f"{stamp}-{number}", "name": "n"}).encode(), (JSON, key)
        )

    def read() -> Request:
        return Request("GET", f"{CUSTOMERS}?limit=5")

    parts = []
    for clients in (4, 16, 48):
        (plain, _), (beside, written) = (
            _beside(server, clients, make, min(seconds, 3)) for make in (read, write)
        )
        bad = [one.status for one in beside if one.status != 200]
        parts.append(
            f"{clients} clients: {p95(plain) * 1000:.0f} ms beside readers, {p95(beside) * 1000:.0f} ms beside writers"
        )
        if p95(beside) > 3 * p95(plain) + 0.01:
            found.faults.append(f"{parts[-1]}, more than 3 times")
        if bad:
            found.faults.append(
                f"{clients} writers: {len(bad)} of {len(beside)} reads were answered {set(bad)}"
            )
        wrong = {status for status in written if status not in (201, 200)}
        if wrong:
            found.faults.append(f"{clients} writers: writes were answered {wrong}")
    found.measured = "; ".join(parts)
    return found


# ---- the worker ----------------------------------------------------------------------------------


@scenario
def worker(server: Server, seconds: float) -> Found:
    """Jobs that can never succeed: they end, and the server is idle again."""
    found = Found("worker")
    stamp = time.time_ns()
    names = ["x" * 300, "é" * 200, "a/" * 200, "x" * 10_000, "..", "a\u0000b"] * 5
    urls = {name: WHOLE.kinds[name].homes[0].url for name in ("ImportJob", "ExportJob")}
    accepted = []
    for number, name in enumerate(names):
        for url in urls.values():
            id = f"{stamp}-{number}"
            answer = server.send(Request("POST", url, json.dumps({"id": id, "url": name}).encode(), (JSON,)))
            accepted += [f"{url}/{id}"] * (answer.status == 201)
    deadline = time.monotonic() + max(seconds, 30)
    while True:
        states = [(server.send(Request("GET", one)).json or {}).get("status") for one in accepted]
        waiting = [state for state in states if state not in ("Succeeded", "Failed")]
        if not waiting or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    position, before = server.log_position, server.cpu
    time.sleep(3)
    used, log = (server.cpu - before) / 3, len(server.log_since(position))
    found.measured = f"{len(accepted)} jobs accepted, {len(waiting)} not ended; then {used:.1%} CPU, {log / 3:.0f} bytes of log a second"
    if waiting:
        found.faults.append(f"{len(waiting)} of {len(accepted)} jobs do not end: {set(waiting)}")
    if used > 0.10 or log > 3_000:
        found.faults.append(
            f"afterwards the server is busy: {used:.1%} CPU, {log / 3:.0f} bytes of log a second"
        )
    return found


def run(server: Server, seconds: float, only: Sequence[str] = ()) -> Iterator[Found]:
    """All scenarios, one after the other; `seconds` is how long each waits for the server to act."""
    for name, one in SCENARIOS.items():
        if not only or name in only:
            try:
                yield one(server, seconds)
            except Exception as error:
                yield Found(name, faults=[f"ended by {error!r}"])
            server.revive()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack.connections", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=40, help="how long slow clients may stay (default: 40)"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=list(SCENARIOS),
        metavar="SCENARIO",
        help=", ".join(SCENARIOS),
    )
    parser.add_argument("--flag", action="append", default=[], help="a flag for the server")
    given = parser.parse_args()
    faults = 0
    with attacked(*given.flag) as server:
        for found in run(server, given.seconds, given.only):
            print(found, flush=True)
            faults += len(found.faults)
    print(f"{faults} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
