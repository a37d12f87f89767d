"""A server to attack, what each request costs it, and what is wrong with what came back."""

import contextlib
import http.client
import itertools
import json
import math
import os
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from models import WHOLE
from tests.attack import graphql_inputs, probe, rest_inputs
from tests.attack.inputs import ATTACKS, Answer, Attack, Request, made
from tests.serving import Serving, open_directory, serving
from tmfgraph.settings import Settings

assert graphql_inputs and rest_inputs  # they register what they make

MEMORY_AT_MOST = 3 << 30
"""Address space of the server: what asks for more fails, and leaves the machine as it is."""

READ_AT_MOST = 48 << 20
ANSWER_AT_MOST = Settings().answer_bytes_at_most
REFUSAL_AT_MOST = 64_000
"""How many bytes may say that something was refused."""

SECONDS_TO_ANSWER = 30.0
SECONDS_BOUND = Settings().request_timeout
"""What a request and a statement may take by the settings; from there on 503 is an honest answer."""

Address = tuple[str, int]


# ---- over the wire -------------------------------------------------------------------------------


def wire(request: Request, address: Address, *, keep: bool = False) -> bytes:
    """The request as it is sent."""
    host = f"localhost:{address[1]}" if request.host is None else request.host
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if request.body or request.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        lines.append(f"Content-Length: {len(request.body)}")
    lines += [f"Connection: {'keep-alive' if keep else 'close'}", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + request.body


def connect(address: Address, timeout: float = SECONDS_TO_ANSWER) -> socket.socket:
    made = socket.create_connection(address, timeout)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def receive(connection: socket.socket, method: str = "GET") -> Answer:
    """The answer that comes next on a connection."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    body = response.read(READ_AT_MOST)
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, found, body)


def send(request: Request, address: Address, timeout: float = SECONDS_TO_ANSWER) -> Answer:
    """Sends a request on a connection of its own."""
    started = time.monotonic()
    try:
        with connect(address, timeout) as connection:
            with contextlib.suppress(
                BrokenPipeError, ConnectionResetError
            ):  # it may be answered all the same
                connection.sendall(wire(request, address))
            answer = receive(connection, request.method)
    except (OSError, http.client.HTTPException) as error:
        answer = Answer(failure=f"{type(error).__name__}: {error}")
    answer.seconds = time.monotonic() - started
    return answer


# ---- the server ----------------------------------------------------------------------------------


class Server:
    """A `tmfgraph serve` process with demo data; started anew when an attack has killed it."""

    def __init__(self, directory: Path, *flags: str) -> None:
        self.directory = directory
        self._flags = flags
        self._stack = contextlib.ExitStack()
        self._log: list[bytes] = []
        self.deaths = 0
        self.start()

    def start(self) -> None:
        exchange = str(self.directory / "exchange")
        flags = ("--demo", "--log-format", "json", "--exchange-dir", exchange, *self._flags)
        self.serving: Serving = self._stack.enter_context(
            serving(*flags, data_dir=self.directory / "data", seconds=120)
        )
        self.pid = self.serving.process.pid
        self.address: Address = ("127.0.0.1", urlsplit(self.serving.url).port or 80)
        resource.prlimit(self.pid, resource.RLIMIT_AS, (MEMORY_AT_MOST, MEMORY_AT_MOST))
        threading.Thread(target=self._read_log, args=(self.serving,), daemon=True).start()

    def _read_log(self, served: Serving) -> None:
        assert served.process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            while read := os.read(served.process.stdout.fileno(), 65536):
                self._log.append(read)

    def log_since(self, position: int) -> str:
        return b"".join(self._log[position:]).decode(errors="replace")

    @property
    def log_position(self) -> int:
        return len(self._log)

    def stop(self) -> None:
        self._stack.close()

    def revive(self) -> bool:
        """Starts the server anew where it does not answer; whether it had to."""
        answer = send(Request("GET", "/health/live"), self.address, 10)
        if answer.status == 200:
            return False
        self.deaths += 1
        self.serving.process.kill()
        self.serving.process.wait()
        with contextlib.suppress(Exception):
            self._stack.close()
        self._stack = contextlib.ExitStack()
        self.start()
        return True

    def send(self, request: Request, timeout: float = SECONDS_TO_ANSWER) -> Answer:
        return send(request, self.address, timeout)

    # ---- what it costs

    @property
    def cpu(self) -> float:
        """Seconds of CPU that the process has used, all threads together, to the nanosecond."""
        return time.clock_gettime((~self.pid << 3) | 2)  # clock_getcpuclockid(3), which Python does not offer

    @property
    def rss(self) -> int:
        """Bytes of memory that the process has now."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def reset_peak(self) -> None:
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    @property
    def peak(self) -> int:
        """The most bytes of memory since the last reset."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0

    def ids(self) -> dict[str, list[str]]:
        """Some ids of each kind, of what the server holds."""
        found = {}
        for kind in WHOLE.kinds.values():
            answer = self.send(Request("GET", f"{kind.homes[0].url}?limit=5&fields=none"))
            found[kind.name] = [one["id"] for one in answer.json or ()]
        return found


@contextlib.contextmanager
def attacked(*flags: str) -> Iterator[Server]:
    """A server with demo data, for as long as it is attacked."""
    with open_directory() as directory:
        server = Server(directory, *flags)
        try:
            yield server
        finally:
            server.stop()


# ---- the probe -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """One read of the probe: when, how long, and what came."""

    at: float
    seconds: float
    status: int


class Probe:
    """A small read on a connection of its own, each 20 ms, in a process of its own."""

    def __init__(self, address: Address, target: str) -> None:
        request = wire(Request("GET", target), address, keep=True)
        self._process = subprocess.Popen(
            [sys.executable, probe.__file__, str(address[1]), request.hex()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def end(self) -> list[Sample]:
        told, _ = self._process.communicate(timeout=2 * probe.SECONDS_TO_ANSWER)
        return [Sample(*one) for one in json.loads(told or "[]")]


def p95(samples: Iterable[Sample]) -> float:
    """The 95th percentile of the seconds, 0 of none."""
    ordered = sorted(one.seconds for one in samples)
    return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else 0.0


# ---- what is wrong -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bounds:
    """What an attack may cost. The defaults are the strict ones."""

    slack: float = 1.0
    """By what CPU may be more than it ought to be."""
    probe: float = 0.025
    """By how many seconds the p95 of the probe may be more than with nothing beside it."""
    kept: int = 16 << 20
    """How many bytes a round may leave behind once every attack has been there before."""
    peak: int = 200 << 20
    """How many bytes one request may take for itself."""


GENEROUS = Bounds(slack=5.0, probe=0.5, kept=64 << 20, peak=300 << 20)
"""For a machine with other work."""

TOKENS, REFUSED, SMALL, LARGE = 0.010, 0.025, 0.100, 1.5
PER_BYTE = 0.1 / (1 << 20)
"""CPU that a refusal may take on top for each byte of a body, which has to be read."""

LEAKS = ("Traceback", "asyncpg", "sqlalchemy", "SELECT ", "INSERT INTO", ".py", "site-packages", "pg_")


def cpu_bound(request: Request, answer: Answer) -> float:
    """Seconds of CPU that a request may have cost, by what became of it."""
    reading = len(request.body) * PER_BYTE if not request.target.startswith("/graphql") else 0.0
    if answer.status >= 400 or not answer.status:
        limits = [
            str(one.get("extensions", {}).get("limit")) for one in answer.errors if isinstance(one, dict)
        ]
        if isinstance(answer.json, dict):
            limits.append(str(answer.json.get("limit")))
        return (TOKENS if any("token" in one for one in limits) else REFUSED) + reading
    if answer.errors and not (isinstance(answer.json, dict) and answer.json.get("data")):
        extensions = answer.errors[0].get("extensions", {})
        if "token" in str(extensions.get("limit")):
            return TOKENS
        if extensions.get("limit") in (
            "rows",
            "bytes read",
            "objects in the answer",
            "bytes of answer",
            "statements",
        ):
            return LARGE
        return REFUSED
    return (SMALL if len(answer.body) < 20_000 else LARGE) + reading


def faults(request: Request, answer: Answer, attack: Attack) -> Iterator[str]:
    """What is wrong with an answer, whatever was asked."""
    if not answer.status:
        if not attack.may_close:
            yield f"no answer ({answer.failure}) after {answer.seconds:.1f} s"
        return
    body = answer.body
    if len(body) > ANSWER_AT_MOST:
        yield f"an answer of {len(body):,} bytes"
    if answer.status == 503:
        if answer.seconds < 0.8 * SECONDS_BOUND:
            yield f"503 after {answer.seconds:.2f} s: {body[:200]!r}"
        if "retry-after" not in answer.headers:
            yield "503 without Retry-After"
    elif answer.status >= 500:
        yield f"{answer.status}: {body[:200]!r}"
    if request.method == "HEAD" or (answer.status < 400 and not answer.errors):
        return
    errors = len(json.dumps(answer.errors)) if answer.errors else len(body)
    if errors > REFUSAL_AT_MOST:
        yield f"{errors:,} bytes of errors"
    malformed = answer.headers.get("content-type", "").startswith("text/plain") and attack.may_close
    if malformed:
        return  # what HTTP itself cannot read, the server refuses before there is a request
    yield from contract(request, answer)
    sent = request.body.decode(errors="replace") + request.target
    told = body.decode(errors="replace")
    for word in LEAKS:
        if word in told and word not in sent and word.lower() not in sent.lower():
            yield f"tells {word!r}: {told[:200]!r}"


def contract(request: Request, answer: Answer) -> Iterator[str]:
    """Whether an error has the form of errors."""
    if answer.errors:
        for one in answer.errors[:50]:
            code = one.get("extensions", {}).get("code") if isinstance(one, dict) else None
            if not isinstance(code, str):
                yield f"an error without a code: {str(one)[:200]}"
                return
            if code == "INTERNAL_SERVER_ERROR":
                yield f"{code}: {str(one)[:200]}"
                return
        return
    body = answer.json
    if not (
        isinstance(body, dict) and isinstance(body.get("code"), str) and isinstance(body.get("reason"), str)
    ):
        yield f"{answer.status} without code and reason: {answer.body[:200]!r}"


@dataclass
class Outcome:
    """What an attack came to."""

    kind: str
    number: int
    shape: str
    statuses: list[str] = field(default_factory=list)
    """Status, or code, of each answer."""
    size: int = 0
    """Of the largest answer, in bytes."""
    cpu: float = 0.0
    """Of the dearest request, in seconds."""
    over: float = 0.0
    """How much more than it may have, as a factor, where that is more than 1."""
    peak: int = 0
    kept: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    sample: str = ""
    """The beginning of the request at fault."""


def told(answer: Answer) -> str:
    """Status and code of an answer."""
    if answer.errors and isinstance(answer.errors[0], dict):
        extensions = answer.errors[0].get("extensions", {})
        limit = f":{extensions['limit']}" if "limit" in extensions else ""
        return f"{answer.status} {extensions.get('code')}{limit}"
    if answer.status >= 400 and isinstance(answer.json, dict):
        return f"{answer.status} {answer.json.get('code')}"
    return str(answer.status or "closed")


_runs = itertools.count(1)


class Attacker:
    """Sends attacks, one request at a time."""

    def __init__(self, server: Server, ids: Mapping[str, Sequence[str]], seed: int, bounds: Bounds) -> None:
        self.server = server
        self.outcomes: dict[tuple[str, int], Outcome] = {}
        self.windows: dict[str, list[tuple[float, float]]] = {}
        self._ids = ids
        self._seed = seed
        self._bounds = bounds

    def attack(self, kind: str, number: int) -> Attack:
        """The attack, in words that were never sent."""
        return made(kind, self._seed, number, self._ids, f"{os.getpid()}-{next(_runs)}")

    def alone(self, kind: str, number: int, tries: int = 3) -> Outcome:
        """Runs an attack with nothing beside it: what it costs, and what is wrong with its answers.

        What costs too much is tried again, as other work of the machine may have been in the way.
        """
        outcome = self._once(kind, number)
        for _ in range(tries - 1):
            if outcome.over <= 1 or outcome.seconds > SECONDS_BOUND:
                break
            again = self._once(kind, number)
            if again.over < outcome.over:
                outcome = again
        if outcome.over > 1:
            outcome.faults.append(
                f"{outcome.cpu * 1000:,.0f} ms of CPU, {outcome.over:.1f} times what it may"
            )
        self.outcomes[kind, number] = outcome
        return outcome

    def _once(self, kind: str, number: int) -> Outcome:
        server, attack = self.server, self.attack(kind, number)
        outcome = Outcome(kind, number, attack.shape)
        server.reset_peak()
        position, rss, began = server.log_position, server.rss, time.monotonic()
        answers = []
        try:
            for request in attack.requests:
                before = server.cpu
                answer = server.send(request)
                used = server.cpu - before
                answers.append(answer)
                outcome.size = max(outcome.size, len(answer.body))
                outcome.cpu = max(outcome.cpu, used)
                over = used / (cpu_bound(request, answer) * self._bounds.slack)
                found = list(dict.fromkeys(faults(request, answer, attack)))
                if found or over > max(1, outcome.over):
                    outcome.sample = f"{request.method} {request.target[:300]} {request.headers!s:.300} {request.body[:1500]!r}"
                outcome.over = max(outcome.over, over)
                outcome.faults += found
            outcome.peak, outcome.kept = server.peak - rss, server.rss - rss
        except OSError:
            outcome.faults.append("the server has died")
        outcome.statuses = list(dict.fromkeys(told(one) for one in answers))
        outcome.seconds = time.monotonic() - began
        if attack.judge and len(answers) == len(attack.requests):
            outcome.faults += attack.judge(answers)
        if outcome.peak > self._bounds.peak:
            outcome.faults.append(f"takes {outcome.peak >> 20:,} MiB of memory")
        if any(not answer.status for answer in answers) and server.revive():
            outcome.faults.append("the server had to be started anew")
        time.sleep(0.01)  # what the server logs comes through a pipe
        log = server.log_since(position)
        if "Traceback" in log:
            end = log.rpartition("Traceback")[2]
            outcome.faults.append(f"a traceback in the log: ...{end[-300:].strip()}")
        for request in attack.cleanup:
            server.send(request)
        outcome.faults = list(dict.fromkeys(outcome.faults))
        return outcome

    def beside(self, kind: str, number: int, pause: float = 0.1) -> None:
        """Runs an attack once more while the probe reads, and notes when that was."""
        attack = self.attack(kind, number)
        for request in attack.requests:
            began = time.monotonic()
            self.server.send(request)
            time.sleep(pause)
            self.windows.setdefault(kind, []).append((began, time.monotonic()))
        for request in attack.cleanup:
            self.server.send(request)


@dataclass
class Report:
    """What came of all attacks."""

    outcomes: list[Outcome]
    idle: float
    """The p95 of the probe with nothing beside it, in seconds."""
    probes: dict[str, tuple[int, float, float]]
    """By kind: how many reads, their p95, and the longest."""
    rss: list[int]
    """Memory after each round, in bytes."""
    faults: list[str]

    def __str__(self) -> str:
        lines = [
            f"{'kind':20} {'cases':>5} {'failed':>6} {'largest':>11} {'CPU p50':>8} {'max':>8} {'peak':>8} {'probe p95':>9} {'max':>8}  answers"
        ]
        for kind in dict.fromkeys(one.kind for one in self.outcomes):
            mine = [one for one in self.outcomes if one.kind == kind]
            _, middle, longest = self.probes.get(kind, (0, 0.0, 0.0))
            statuses = list(dict.fromkeys(status for one in mine for status in one.statuses))
            lines.append(
                f"{kind:20} {len(mine):5} {sum(bool(one.faults) for one in mine):6} {max(one.size for one in mine):11,} "
                f"{statistics.median(one.cpu for one in mine) * 1000:5.0f} ms {max(one.cpu for one in mine) * 1000:5.0f} ms "
                f"{max(one.peak for one in mine) >> 20:4} MiB {middle * 1000:6.0f} ms {longest * 1000:5.0f} ms  {', '.join(statuses)[:160]}"
            )
        lines.append(
            f"\nprobe alone: p95 {self.idle * 1000:.1f} ms; memory after each round: {', '.join(f'{one >> 20} MiB' for one in self.rss)}"
        )
        for one in self.outcomes:
            lines += [f"\n{one.kind} {one.number} ({one.shape})\n    {fault}" for fault in one.faults]
            if one.faults and one.sample:
                lines.append(f"    {one.sample}")
        return "\n".join([*lines, *(f"\n{fault}" for fault in self.faults)])

    @property
    def failures(self) -> list[str]:
        """Each fault in one line."""
        found = [
            f"{one.kind} {one.number} ({one.shape}): {fault}" for one in self.outcomes for fault in one.faults
        ]
        return found + self.faults


def run(
    server: Server,
    *,
    cases: int,
    seed: int = 1,
    only: Sequence[str] = (),
    number: int | None = None,
    bounds: Bounds = GENEROUS,
    rounds: int = 2,
    seconds: float = math.inf,
    say: Callable[[str], None] = lambda words: None,
) -> Report:
    """Attacks of all kinds in turn, as many as `cases` in all.

    So many seconds go at most to all of them alone, and as many to all beside the probe.
    """
    kinds = [kind for kind in ATTACKS if not only or kind in only]
    deadline = time.monotonic() + seconds
    chosen = [(kind, n) for n in range(math.ceil(cases / len(kinds))) for kind in kinds][:cases]
    if number is not None:
        chosen = [(kind, number) for kind in kinds]
    attacker = Attacker(server, server.ids(), seed, bounds)
    for kind, n in chosen:
        if time.monotonic() > deadline:
            break
        found = attacker.alone(kind, n)
        for fault in found.faults:
            say(f"{kind} {n} ({found.shape}): {fault}")
    rss = [server.rss]
    done = list(attacker.outcomes)
    target = _target(server)
    idle = _idle(server, target)
    samples: list[Sample] = []
    for _ in range(rounds):
        reader, began, deaths = Probe(server.address, target), time.monotonic(), server.deaths
        for kind, n in done:
            if time.monotonic() - began > seconds / rounds:
                break
            if not attacker.outcomes[kind, n].faults or cases == 1:
                attacker.beside(kind, n)
            if server.revive() and deaths != server.deaths:
                break
        samples += reader.end()
        rss.append(server.rss)
    probes, faults_ = {}, []
    for kind, windows in attacker.windows.items():
        mine = [one for one in samples if any(a <= one.at <= b for a, b in windows)]
        probes[kind] = (len(mine), p95(mine), max((one.seconds for one in mine), default=0.0))
        if len(mine) >= 10 and probes[kind][1] > idle + bounds.probe:
            faults_.append(
                f"{kind}: a small read beside it takes {probes[kind][1] * 1000:.0f} ms at p95, {idle * 1000:.0f} ms alone"
            )
        refused = [one.status for one in mine if one.status != 200]
        if refused:
            faults_.append(
                f"{kind}: {len(refused)} of {len(mine)} small reads beside it were not answered: {set(refused)}"
            )
    if len(rss) > 2 and rss[-1] - rss[1] > bounds.kept:
        faults_.append(f"a round leaves {(rss[-1] - rss[1]) >> 20} MiB behind")
    return Report(list(attacker.outcomes.values()), idle, probes, rss, faults_)


def _target(server: Server) -> str:
    kind = WHOLE.kinds["Customer"]
    path = kind.homes[0].url
    found = server.send(Request("GET", f"{path}?limit=1&fields=none")).json
    return f"{path}/{found[0]['id']}"


def _idle(server: Server, target: str, seconds: float = 2.0) -> float:
    """The p95 of the probe with nothing beside it."""
    reader = Probe(server.address, target)
    time.sleep(seconds)
    return p95(reader.end()[5:])


# ---- growth --------------------------------------------------------------------------------------


def sorts(ids: Mapping[str, Sequence[str]], stamp: str) -> dict[str, Any]:
    """What makes the nth request of each sort whose many must leave the process no larger."""

    def graphql(query: str, **variables: Any) -> Request:
        body = json.dumps({"query": query, "variables": variables}).encode()
        return Request("POST", "/graphql", body, (("Content-Type", "application/json"),))

    customer = ids["Customer"][0]
    large = "x" * 20_000
    category = WHOLE.kinds["Category"].homes[0].url
    return {
        "queries": lambda n: graphql("query ($id: ID!) { customer(id: $id) { id name engagedParty { target { __typename } } } }", id=customer),
        "mutations": lambda n: graphql(
            "mutation ($id: ID!, $i: CategoryUpdate!) { updateCategory(id: $id, input: $i) { id } }", id="grown", i={"description": f"{n}{large}"}
        ),
        "refused mutations": lambda n: graphql("mutation ($i: CategoryCreate!) { createCategory(input: $i) { id } }", i={"name": n, "x": large}),
        "invalid ones": lambda n: graphql("{ customers { nodes { id nam } } }", v=large),
        "errors in a field": lambda n: graphql("query ($w: CustomerFilter) { customers(where: $w) { nodes { id } } }", w={"name": {"regex": f"({large[:50]}"}}),
        "introspection": lambda n: graphql("{ __type(name: \"Customer\") { fields { name } } }", v=large),
        "texts never seen": lambda n: graphql(f"{{ a{n}: customers(first: {n % 50}) {{ nodes {{ id name b{stamp}{n}: status }} }} }}"),
        "invalid texts never seen": lambda n: graphql(f"{{ a{n}: customers {{ nodes {{ id b{stamp}{n}: nam }} }} }}", v=large),
        "unreadable texts": lambda n: graphql(f"{{ a{stamp}{n} " * 20),
        "REST reads": lambda n: Request("GET", f"/tmf-api/customerManagement/v4/customer?limit=3&name=n{n}&fields=a{n}"),
        "REST refusals": lambda n: Request("GET", f"/tmf-api/customerManagement/v4/customer?x{n}=1"),
        "REST writes": lambda n: Request("PATCH", f"{category}/grown", json.dumps({"description": f"{n}{large}"}).encode(), (("Content-Type", "application/json"),)),
        "hosts": lambda n: Request("GET", "/health/live", host=f"h{stamp}{n}.example"),
    }  # fmt: skip


@dataclass(frozen=True)
class Growth:
    """How much larger the process was after many requests of one sort."""

    sort: str
    requests: int
    per_request: float
    """Bytes."""
    statuses: frozenset[int]


NEVER_SEEN = 9_000
"""How many texts fill what is kept of documents, which is bounded in bytes."""

WRITTEN = 3_000
"""How many mutations it takes until the heap has its size: what they leave is collected now and then."""


def growth(server: Server, *, requests: int, batches: int = 3, only: Sequence[str] = ()) -> list[Growth]:
    """Sends so many of each sort, several times, after a warm-up that fills what is kept of them."""
    body = json.dumps({"id": "grown", "name": "n"}).encode()
    server.send(
        Request("POST", WHOLE.kinds["Category"].homes[0].url, body, (("Content-Type", "application/json"),))
    )
    found = []
    for sort, make in sorts(server.ids(), f"s{os.getpid()}").items():
        if only and sort not in only:
            continue
        numbers = itertools.count()
        warm = max(
            requests, NEVER_SEEN if sort.endswith("never seen") else WRITTEN if "mutations" in sort else 0
        )
        _many(server, [make(next(numbers)) for _ in range(warm)])
        sizes, statuses = [server.rss], set[int]()
        for _ in range(batches):
            statuses |= _many(server, [make(next(numbers)) for _ in range(requests)])
            sizes.append(server.rss)
        # By the median of the batches: one may be the first to need a larger heap.
        steps = [after - before for before, after in itertools.pairwise(sizes)]
        found.append(
            Growth(sort, requests * batches, statistics.median(steps) / requests, frozenset(statuses))
        )
    return found


def _many(server: Server, requests: Sequence[Request]) -> set[int]:
    """Sends requests on one connection; the statuses that came."""
    statuses = set()
    with contextlib.ExitStack() as stack:
        connection: socket.socket | None = None
        for request in requests:
            try:
                connection = connection or stack.enter_context(connect(server.address))
                connection.sendall(wire(request, server.address, keep=True))
                answer = receive(connection, request.method)
            except (OSError, http.client.HTTPException):
                connection = None
                continue
            statuses.add(answer.status)
            if answer.headers.get("connection") == "close":
                connection = None
    return statuses
