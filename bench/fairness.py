"""How long a small read takes beside readers and beside writers: python bench/fairness.py.

Starts `tmfgraph serve` with a pool of ten on an embedded PostgreSQL, and lets one client read one entity
while N others read it too, or write: plainly, with --strict-references, or with an Idempotency-Key each.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from time import perf_counter

CHECKOUT = Path(__file__).resolve().parent.parent
CUSTOMER = "/tmf-api/customerManagement/v4/customer"
NEVER = 10.0
numbers = itertools.count()


def request(method: str, path: str, body: object = None, **headers: str) -> bytes:
    text = "" if body is None else json.dumps(body)
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(text)}"]
    lines += ["Content-Type: application/json"] if text else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", text]).encode()


def read() -> bytes:
    return request("GET", f"{CUSTOMER}/probe")


def customer(id: str) -> dict[str, object]:
    return {"id": id, "name": "n", "engagedParty": {"id": "probe", "@referredType": "Individual"}}


def write() -> bytes:
    """A creation: one statement, or a transaction where references are strict."""
    return request("POST", CUSTOMER, customer(f"c{next(numbers)}"))


def write_once() -> bytes:
    """A creation with an Idempotency-Key: always a transaction."""
    number = next(numbers)
    return request("POST", CUSTOMER, customer(f"c{number}"), Idempotency_Key=f"key-{number}")


class Connection:
    """A keep-alive connection; made again where the server closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, sent: bytes) -> int:
        """The status of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        if b"connection: close" in head.lower():
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def measure(
    port: int, clients: int, make: Callable[[], bytes], seconds: float
) -> tuple[list[float], int, float]:
    """The latencies of the reads, how many answers were 503, and what the others got done a second."""
    unavailable = done = 0
    until = perf_counter() + seconds

    async def beside() -> None:
        nonlocal unavailable, done
        connection = Connection(port)
        while perf_counter() < until:
            status = await connection.ask(make())
            unavailable += status == 503
            done += status < 300
        connection.close()

    async def probe() -> list[float]:
        nonlocal unavailable
        connection, found = Connection(port), list[float]()
        await asyncio.sleep(min(0.3, seconds / 5))
        while perf_counter() < until:
            started = perf_counter()
            status = await connection.ask(read())
            found.append(perf_counter() - started if status == 200 else NEVER)
            unavailable += status == 503
            await asyncio.sleep(0.005)
        connection.close()
        return found

    _, *rest = await asyncio.gather(asyncio.sleep(0), *(beside() for _ in range(clients)), probe())
    return rest[-1] or [NEVER], unavailable, done / seconds


@contextlib.contextmanager
def served(checkout: Path, *flags: str) -> Iterator[int]:
    """A server of a checkout on an empty database; the port that it listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="tmfgraph-bench-") as directory:
        Path(directory).chmod(0o755)  # PostgreSQL runs under an account of its own, where we are root
        places = ["--port", str(port), "--data-dir", f"{directory}/data", "--no-demo", "--pool-size", "10"]
        process = subprocess.Popen(
            [sys.executable, "-m", "tmfgraph", "serve", *places, *flags],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(checkout)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield port
        finally:
            process.terminate()
            process.wait(timeout=60)


async def ready(port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await Connection(port).ask(request("GET", "/health/ready")) == 200:
                break
        await asyncio.sleep(0.2)
    connection = Connection(port)
    party = {"id": "probe", "givenName": "g", "familyName": "f"}
    assert await connection.ask(request("POST", "/tmf-api/party/v4/individual", party)) == 201
    assert await connection.ask(request("POST", CUSTOMER, customer("probe"))) in (201, 409)
    connection.close()


def row(name: str, found: tuple[list[float], int, float], beside: float | None) -> str:
    latencies, unavailable, rate = found
    p50, p95 = statistics.median(latencies), quantile(latencies)
    times = "" if beside is None else f"{p95 / beside:.1f}"
    return f"| {name} | {p50 * 1000:.1f} | {p95 * 1000:.1f} | {times} | {unavailable} | {rate:.0f} |"


def quantile(latencies: list[float]) -> float:
    return sorted(latencies)[int(len(latencies) * 0.95)]


async def table(
    port: int, kinds: dict[str, Callable[[], bytes]], given: argparse.Namespace
) -> AsyncIterator[str]:
    idle = await measure(port, 0, read, given.seconds)
    yield row("idle", idle, None)
    for clients in given.clients:
        among = await measure(port, clients, read, given.seconds)
        yield row(f"{clients} readers", among, None)
        for name, make in kinds.items():
            found = await measure(port, clients, make, given.seconds)
            yield row(f"{clients} {name}", found, quantile(among[0]))


async def main(given: argparse.Namespace) -> None:
    print("| beside | p50 ms | p95 ms | times that beside readers | 503 | answers/s beside |")
    print("|---|---:|---:|---:|---:|---:|")
    runs: list[tuple[tuple[str, ...], dict[str, Callable[[], bytes]]]] = [
        ((), {"writers": write, "writers, Idempotency-Key": write_once}),
        (("--strict-references",), {"writers, --strict-references": write}),
    ]
    for flags, kinds in runs:
        with served(given.checkout, *flags) as port:
            await ready(port)
            async for line in table(port, kinds, given):
                print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkout", type=Path, default=CHECKOUT, help="whose server to measure")
    parser.add_argument("--clients", type=int, nargs="+", default=[4, 8, 16, 32, 64])
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each row is measured")
    asyncio.run(main(parser.parse_args()))
