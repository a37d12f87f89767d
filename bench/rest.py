"""REST reads against a plain Starlette server over the same table: `python bench/rest.py`.

R1 is an order by id, R2 a list of 100 whole orders by a filter, with its exact total. Rounds of both servers
take turns; printed are medians, and the CPU time of the server process for each request.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tmfgraph.embedded import EmbeddedPostgres  # noqa: E402

BASE = "/tmf-api/productOrderingManagement/v4/productOrder"
REQUESTS = {"R1": f"{BASE}/PO-000001-1", "R2": f"{BASE}?state=completed&limit=100"}
TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A server process, and what it costs."""

    def __init__(self, name: str, command: list[str], port: int, url: str) -> None:
        self.name, self.port = name, port
        environment = {**os.environ, "TMFGRAPH_DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=quiet, stderr=quiet)

    def wait(self) -> None:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{REQUESTS['R1']}", timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{self.name} did not start")

    def answer(self, path: str) -> object:
        return json.load(urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}"))

    def cpu(self) -> float:
        """Seconds of CPU that the process took so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


async def load(port: int, path: str, seconds: float, concurrency: int) -> int:
    """How many requests were answered by so many connections in a time."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()
    until, done = time.monotonic() + seconds, 0

    async def one() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        while time.monotonic() < until:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b" 200 " in head[:16], head
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            done += 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(concurrency)))
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each server and request (default: 5)")
    parser.add_argument("--seconds", type=float, default=4, help="of each round (default: 4)")
    parser.add_argument("--scale", type=int, default=20, help="of the demo data (default: 20)")
    parser.add_argument("--concurrency", type=int, default=16, help="connections at once (default: 16)")
    given = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="tmfgraph-bench-"))
    directory.chmod(0o755)
    postgres = EmbeddedPostgres(directory / "data", durable=False)
    url = postgres.start()
    servers: list[Server] = []
    try:
        tool = [sys.executable, "-m", "tmfgraph"]
        subprocess.run([*tool, "migrate", "--database-url", url], cwd=ROOT, check=True, capture_output=True)
        command = [*tool, "demo", "--database-url", url, "--scale", str(given.scale)]
        subprocess.run(command, cwd=ROOT, check=True)
        uvicorn = [sys.executable, "-m", "uvicorn", "naive:app", "--app-dir", "bench", "--no-access-log"]
        servers = [
            Server("tmfgraph", [*tool, "serve", "--port", "8601", "--log-level", "warning"], 8601, url),
            Server("starlette + json", [*uvicorn, "--port", "8602"], 8602, url),
        ]
        for server in servers:
            server.wait()
        measure(servers, given)
    finally:
        for server in servers:
            server.process.terminate()
            server.process.wait()
        postgres.stop()


def measure(servers: list[Server], given: argparse.Namespace) -> None:
    cores, rounds = os.cpu_count(), f"{given.rounds} rounds of {given.seconds} s"
    print(f"Python {platform.python_version()}, {cores} cores, {rounds}")
    titles = ("requests/s", "min-max", "CPU ms each", "ratio", "CPU ratio")
    print(f"{'':24}" + "".join(f"{title:>14}" for title in titles))
    for name, path in REQUESTS.items():
        first, second = (comparable(server.answer(path)) for server in servers)
        assert first == second, f"{name}: the servers answer differently"
        rates: dict[str, list[float]] = {server.name: [] for server in servers}
        costs: dict[str, list[float]] = {server.name: [] for server in servers}
        for turn in range(given.rounds + 1):
            for server in servers:
                before = server.cpu()
                done = asyncio.run(load(server.port, path, given.seconds, given.concurrency))
                if turn:  # the first one warms up
                    rates[server.name].append(done / given.seconds)
                    costs[server.name].append((server.cpu() - before) / done * 1000)
        base, cost = (statistics.median(found[servers[1].name]) for found in (rates, costs))
        for server in servers:
            rate, each = statistics.median(rates[server.name]), statistics.median(costs[server.name])
            span = f"{min(rates[server.name]):.0f}-{max(rates[server.name]):.0f}"
            cells = (f"{rate:.0f}", span, f"{each:.3f}", f"{rate / base:.2f}", f"{cost / each:.2f}")
            print(f"{name:4}{server.name:20}" + "".join(f"{cell:>14}" for cell in cells))


def comparable(answer: object) -> object:
    """An answer without the addresses, which carry the port."""
    if isinstance(answer, list):
        return [comparable(one) for one in answer]
    return {k: v for k, v in answer.items() if k != "href"} if isinstance(answer, dict) else answer


if __name__ == "__main__":
    main()
