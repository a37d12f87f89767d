"""The load generator: a process of its own that keeps so many connections busy for a time.

Reads one job as JSON from standard input, writes one result as JSON to standard output. Each connection sends
its next request when the answer to the last one is complete; all take their requests from one cycle.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import Any

try:
    import uvloop

    new_loop: Any = uvloop.new_event_loop
except ImportError:
    new_loop = asyncio.new_event_loop


@dataclass
class Job:
    port: int
    requests: list[str]
    """Whole HTTP/1.1 requests, sent one after the other and from the start again."""
    seconds: float
    concurrency: int
    status: int = 200
    """What each answer must have."""
    at_most: int | None = None
    """Stop after so many requests, however much time is left."""


@dataclass
class Result:
    requests: int
    seconds: float
    """From the first request to the last answer."""
    bytes: int
    """Of all bodies."""
    p50: float
    """Seconds from a request to the end of its answer."""
    p95: float
    cpu: float
    """What the load generator itself took, in seconds."""
    problem: str | None = None
    """Why it stopped early: the first answer that was not as expected."""

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class Run:
    """What the connections of a job share."""

    def __init__(self, job: Job) -> None:
        self.status = b"HTTP/1.1 %d " % job.status
        self.requests: Iterator[bytes] = cycle([request.encode() for request in job.requests])
        self.left = job.at_most if job.at_most is not None else sys.maxsize
        self.until = time.perf_counter() + job.seconds
        self.latencies: list[float] = []
        self.bytes = 0
        self.problem: str | None = None

    def fail(self, problem: str) -> None:
        self.problem = self.problem or problem
        self.until = 0


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way at a time."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.closed = asyncio.get_running_loop().create_future()
        self.head = b""
        self.missing = 0  # bytes of the body under way; below 0 for a chunked one
        self.started = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.started:
            self.run.fail(f"the connection was lost: {exc}")
        self.closed.set_result(None)

    def send(self) -> None:
        run = self.run
        now = time.perf_counter()
        if now >= run.until or run.left <= 0:
            self.started = 0.0
            self.transport.close()
            return
        run.left -= 1
        self.started = now
        self.transport.write(next(run.requests))

    def data_received(self, data: bytes) -> None:
        if self.missing > 0:
            self.missing -= len(data)
            if self.missing == 0:
                self.answered()
            return
        if self.missing < 0:
            self.run.bytes += len(data)
            self.head = (self.head + data)[-5:]
            if self.head == b"0\r\n\r\n":
                self.answered()
            return
        if self.head:
            data = self.head + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.head = data
            return
        if not data.startswith(self.run.status):
            self.run.fail(data[:2000].decode(errors="replace"))
        head = data[:end].lower()
        length = head.find(b"content-length:")
        if length < 0:
            self.missing = -1
            self.head = data[end + 2 :][-5:]
            if self.head == b"0\r\n\r\n":
                self.answered()
            return
        stop = head.find(b"\r", length)
        size = int(head[length + 15 : stop if stop > 0 else end])
        self.run.bytes += size
        self.missing = size - (len(data) - end - 4)
        self.head = b""
        if self.missing == 0:
            self.answered()

    def answered(self) -> None:
        self.missing, self.head = 0, b""
        self.run.latencies.append(time.perf_counter() - self.started)
        self.send()


async def work(job: Job) -> Result:
    loop = asyncio.get_running_loop()
    run = Run(job)
    made = [
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", job.port)
        for _ in range(job.concurrency)
    ]
    connections = [connection for _, connection in made]
    spent, start = time.process_time(), time.perf_counter()
    run.until = start + job.seconds
    for connection in connections:
        connection.send()
    # An answer may take long, but not for ever.
    _, pending = await asyncio.wait([c.closed for c in connections], timeout=job.seconds + 60)
    if pending:
        run.fail(f"{len(pending)} connections wait for an answer, {job.seconds + 60:.0f} s after the start")
    seconds = time.perf_counter() - start
    latencies = sorted(run.latencies) or [0.0]
    return Result(
        requests=len(run.latencies),
        seconds=seconds,
        bytes=run.bytes,
        p50=latencies[len(latencies) // 2],
        p95=latencies[min(int(len(latencies) * 0.95), len(latencies) - 1)],
        cpu=time.process_time() - spent,
        problem=run.problem,
    )


def apart(job: Job) -> Result:
    """What comes of a job in a process of its own."""
    command = [sys.executable, __file__]
    done = subprocess.run(command, input=json.dumps(asdict(job)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the load generator failed: {done.stderr[-2000:]}")
    return Result(**json.loads(done.stdout))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        print(json.dumps(asdict(runner.run(work(Job(**json.load(sys.stdin)))))))
