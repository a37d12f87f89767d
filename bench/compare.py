"""What a request costs in one state of tmfgraph beside another: `python bench/compare.py REVISION`.

It serves two checkouts on this machine, each on a PostgreSQL of its own with the same demo data, lets them
take turns under the same requests, and prints for each workload the ratio of their CPU per request: the
median of all pairs of turns, and the quartiles between which half of them lie. bench/README.md says more.
"""

import argparse
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import client  # noqa: E402
import machine  # noqa: E402
from client import Job, Result  # noqa: E402
from database import Database  # noqa: E402
from report import number  # noqa: E402
from run import say  # noqa: E402
from systems import ROOT, TOOL, System, free_port  # noqa: E402
from workloads import ORDERS, QUERIES, TMFGRAPH, Data, request  # noqa: E402

DATES = (
    "select distinct order_date from product_order where state = 'completed' order by order_date limit 200"
)
PARTIES = """
    select distinct target_id from reference
    where source_kind = 'ProductOrder' and relation = 'relatedParty' and target_kind = 'Customer' limit 200
"""
Q2 = QUERIES["Q2"][TMFGRAPH].replace(
    "{ productOrders(where: {state: {eq: completed}}",
    "query($since: DateTime) { productOrders(where: {state: {eq: completed}, orderDate: {gte: $since}}",
    1,
)
Q3 = QUERIES["Q3"][TMFGRAPH].replace("{ resources(first: 1000)", "query($n: Int) { resources(first: $n)", 1)
PARTY = """query($party: ID) { productOrders(where: { relatedParty: { id: { eq: $party } } }, first: 10) {
    nodes { id state relatedParty { role target { ... on Customer { id name } } } } } }"""
MUTATION = """mutation($id: ID!, $text: String) {
    updateProductOrder(id: $id, input: { description: $text }) { id description } }"""


# ---- what is asked ------------------------------------------------------------------------------


@dataclass
class Known:
    """What of the demo data the requests name; no two requests in a row name the same."""

    data: Data
    dates: list[str]
    parties: list[str]


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    made: Callable[[Known, int], str]
    """The request with this number. Numbers are never used twice."""
    status: int = 200
    """What it is answered with; 400 of a query that is not valid."""


def _graphql(query: str, **variables: Any) -> str:
    return request("POST", "/graphql", json.dumps({"query": query, "variables": variables}))


def _one(of: Sequence[Any], n: int) -> Any:
    return of[n % len(of)]


def _posted(known: Known, n: int) -> str:
    document = _one(known.data.documents, n)
    fresh = {**document, "description": f"Order {n} of the bench", "externalId": f"BENCH-{n}"}
    return request("POST", ORDERS, json.dumps(fresh))


def _patched(known: Known, n: int) -> str:
    body = json.dumps({"description": f"Change {n} of the bench"})
    return request("PATCH", f"{ORDERS}/{_one(known.data.orders, n)}", body, "application/merge-patch+json")


WORKLOADS = [
    Workload(
        "Q1",
        "an order, three levels down",
        lambda k, n: _graphql(QUERIES["Q1"][TMFGRAPH], id=_one(k.data.orders, n)),
    ),
    Workload(
        "Q2",
        "100 orders since a day, three levels down",
        lambda k, n: _graphql(Q2, since=_one(k.dates, n)),
    ),
    Workload("Q3", "some 1,000 resources, eight fields", lambda k, n: _graphql(Q3, n=1000 - n % 20)),
    Workload("Q4", "the orders of a party", lambda k, n: _graphql(PARTY, party=_one(k.parties, n))),
    Workload("new", "a query never seen before", lambda k, n: _graphql(_unseen(k, n))),
    Workload(
        "invalid",
        "a query for a field that is not there",
        lambda k, n: _graphql(f"{{ productOrders(first: 5) {{ nodes {{ id none{n} }} }} }}"),
        400,
    ),
    Workload("R1", "REST: an order", lambda k, n: request("GET", f"{ORDERS}/{_one(k.data.orders, n)}")),
    Workload(
        "R2",
        "REST: 100 orders since a day, with the total",
        lambda k, n: request("GET", f"{ORDERS}?state=completed&limit=100&orderDate.gte={_one(k.dates, n)}"),
    ),
    Workload("POST", "REST: a new order", _posted, 201),
    Workload("PATCH", "REST: an order's description", _patched),
    Workload(
        "mutation",
        "GraphQL: an order's description",
        lambda k, n: _graphql(MUTATION, id=_one(k.data.orders, n), text=f"Change {n} in the graph"),
    ),
]
"""Those that write come last."""


def _unseen(known: Known, n: int) -> str:
    return (
        f'query Q{n} {{ one{n}: productOrder(id: "{_one(known.data.orders, n)}") {{ id state category }} }}'
    )


# ---- the two sides ------------------------------------------------------------------------------


class Refused(Exception):
    """A side does not answer a workload as it should; the message is what it says instead."""


@dataclass
class Turn:
    """One side's turn under one workload: seconds for each request."""

    server: float
    database: float
    p50: float
    p95: float


class Side:
    """A checkout that is served, on a PostgreSQL of its own."""

    def __init__(self, name: str, checkout: Path, directory: Path) -> None:
        self.name, self.checkout = name, checkout
        directory.mkdir(mode=0o755)
        self.database = Database(directory / "data", checkout)
        self._log = directory / "log"
        self._numbers: Iterator[int] = itertools.count()

    def start(self, scale: int, cores: list[int]) -> None:
        self.database.start(scale)
        port = free_port()
        flags = ["--port", str(port), "--database-url", self.database.url, "--log-level", "warning"]
        self.system = System(self.name, [*TOOL, "serve", *flags], {}, port, self.checkout)
        self.system.start(cores, self._log)
        self.known = Known(self.database.data(), self.database.column(DATES), self.database.column(PARTIES))

    def stop(self) -> None:
        if hasattr(self, "system"):
            self.system.stop()
        self.database.stop()

    def turn(self, workload: Workload, requests: int, concurrency: int) -> Turn:
        """Answers so many requests. Refused where an answer is not as it should be."""
        server, database = self._cpu()
        result = self._driven(workload, requests, concurrency, 600)
        server_after, database_after = self._cpu()
        return Turn(
            (server_after - server) / requests, (database_after - database) / requests, result.p50, result.p95
        )

    def rate(self, workload: Workload, seconds: float, concurrency: int) -> float:
        """Requests/s, on the way there warming up. Refused where an answer is not as it should be."""
        self._see(workload)
        return self._driven(workload, 4000, concurrency, seconds).rate

    def _see(self, workload: Workload) -> None:
        """Sees to it that a workload is answered, and not only with a right status."""
        asked = workload.made(self.known, next(self._numbers))
        head, _, body = asked.partition("\r\n\r\n")
        method, path, _ = head.split(" ", 2)
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
        status, answer = self.system.ask(method, path, body, headers)
        errors = b'"errors"' in answer and workload.status == 200
        if status != workload.status or errors:
            raise Refused(f"{status} {answer[:300].decode(errors='replace')}")

    def _driven(self, workload: Workload, requests: int, concurrency: int, seconds: float) -> Result:
        made = [workload.made(self.known, n) for n in itertools.islice(self._numbers, requests)]
        port = self.system.port
        result = client.apart(Job(port, made, seconds, concurrency, workload.status, at_most=requests))
        if result.problem:
            raise Refused(result.problem)
        return result

    def _cpu(self) -> tuple[float, float]:
        server, database = self.system.cpu(), self.database.cpu()
        if server is None or database is None:
            raise SystemExit("This system does not say what a process costs: there is no /proc.")
        return server, database


def checkout_of(given: str, directory: Path) -> Path:
    """The directory of a checkout: as given, or one into which the state of a git revision is copied."""
    path = Path(given)
    if (path / "tmfgraph" / "__main__.py").is_file():
        return path.resolve()
    directory.mkdir(mode=0o755)
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", given], capture_output=True, check=False)
    if archive.returncode != 0:
        words = archive.stderr.decode(errors="replace").strip()
        raise SystemExit(f"{given} is neither a checkout nor a revision of this one: {words}")
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive.stdout, check=True)
    return directory


# ---- what is found ------------------------------------------------------------------------------


@dataclass
class Found:
    """A workload under both: the turns in pairs, or why there are none."""

    workload: str
    title: str
    requests: int = 0
    """Of one turn."""
    before: list[Turn] = field(default_factory=list)
    after: list[Turn] = field(default_factory=list)
    refused: str = ""

    def ratios(self, what: str) -> list[float]:
        """Of what was measured after to what was measured before, for each pair."""
        pairs = zip(self.before, self.after, strict=True)
        return [getattr(b, what) / getattr(a, what) for a, b in pairs if getattr(a, what)]

    def milliseconds(self, what: str) -> str:
        before, after = (
            number(statistics.median(getattr(turn, what) for turn in turns) * 1000)
            for turns in (self.before, self.after)
        )
        return f"{before} -> {after}"


def spread(ratios: Sequence[float]) -> str:
    """The median, and the quartiles."""
    if len(ratios) < 2:
        return "".join(f"{ratio:.3f}" for ratio in ratios)
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{middle:.3f} ({low:.3f}-{high:.3f})"


def compare(workload: Workload, sides: tuple[Side, Side], given: argparse.Namespace) -> Found:
    found = Found(workload.name, workload.title)
    rates = []
    for side in sides:
        try:
            rates.append(side.rate(workload, given.seconds, given.concurrency))
        except Refused as error:
            found.refused = f"{side.name} does not answer it: {' '.join(str(error).split())[:300]}"
            say(f"{workload.name}: {found.refused}")
            return found
    found.requests = max(2 * given.concurrency, int(min(rates) * given.seconds))
    turns = {side.name: list[Turn]() for side in sides}
    for pair in range(given.pairs):
        for side in sides if pair % 2 else sides[::-1]:
            turns[side.name].append(side.turn(workload, found.requests, given.concurrency))
    found.before, found.after = (turns[side.name] for side in sides)
    say(f"{workload.name}: server {spread(found.ratios('server'))}")
    return found


def as_markdown(results: Sequence[Found], sides: tuple[Side, Side], notes: Sequence[str]) -> str:
    before, after = (side.name for side in sides)
    lines = [
        *(f"- {note}" for note in notes),
        f"- ratios are {after} / {before}, CPU for each request: median",
        "",
    ]
    lines[-2] += " of the pairs (quartiles)"
    lines += [
        "| | what | server ms | server | database ms | database | p50 |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for one in results:
        if one.refused:
            lines.append(f"| {one.workload} | {one.title} | {one.refused.replace('|', '/')} | | | | |")
            continue
        cells = (
            one.workload,
            one.title,
            one.milliseconds("server"),
            spread(one.ratios("server")),
            one.milliseconds("database"),
            spread(one.ratios("database")),
            spread(one.ratios("p50")),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


# ---- the command --------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    what = "\n".join(f"  {one.name:9} {one.title}" for one in WORKLOADS)
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"workloads:\n{what}\n\nexamples:\n"
        "  python bench/compare.py v0.1.0                  a revision against the working tree\n"
        "  python bench/compare.py HEAD~5 HEAD --only Q1,R1\n"
        "  python bench/compare.py ../other-checkout --quick\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", help="a revision in git, or the directory of a checkout")
    parser.add_argument(
        "after", nargs="?", default=str(ROOT), help="the same; the working tree where nothing is said"
    )
    parser.add_argument("--pairs", type=int, default=12, help="turns of each (default: 12)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn, about (default: 1)")
    parser.add_argument("--concurrency", type=int, default=4, help="connections at once (default: 4)")
    parser.add_argument("--scale", type=int, default=20, help="of the demo data (default: 20)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="scale 2, four pairs of short turns: says whether it works at all",
    )
    parser.add_argument("--only", metavar="NAMES", help="workloads, separated by commas (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every turn to this file")
    given = parser.parse_args()
    if given.quick:
        given.scale, given.pairs, given.seconds = 2, 4, 0.3
    names = [one.name for one in WORKLOADS]
    given.only = given.only.split(",") if given.only else names
    if unknown := set(given.only).difference(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return given


def main() -> None:
    given = arguments()
    directory = Path(tempfile.mkdtemp(prefix="tmfgraph-compare-"))
    directory.chmod(0o755)
    cores, pinned = machine.share_cores()
    sides: list[Side] = []
    try:
        for name, what in (("before", given.before), ("after", given.after)):
            say(f"{name}: {what}, with demo data of scale {given.scale}")
            sides.append(Side(name, checkout_of(what, directory / f"{name}-checkout"), directory / name))
            sides[-1].start(given.scale, cores)
        both = (sides[0], sides[1])
        unlike = _unlike(both)
        results = [compare(one, both, given) for one in WORKLOADS if one.name in given.only]
        notes = [
            f"before: {given.before}, after: {given.after}",
            ", ".join(f"{name} {value}" for name, value in machine.describe().items()),
            f"{pinned}; load of the machine {machine.load()}",
            f"{given.pairs} pairs of {given.seconds} s, concurrency {given.concurrency}, scale {given.scale}",
            *unlike,
        ]
        print(as_markdown(results, both, notes), end="")
        if given.json:
            given.json.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n")
    finally:
        for side in sides:
            side.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _unlike(sides: tuple[Side, Side]) -> list[str]:
    """What must be said where the data of both are not the same."""
    counts = [side.database.entities() for side in sides]
    return [] if counts[0] == counts[1] else [f"the data differ: {counts[0]} and {counts[1]}"]


if __name__ == "__main__":
    main()
