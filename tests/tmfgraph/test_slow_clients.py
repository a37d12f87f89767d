"""Clients that are slow, or send too much, or are gone: a real server, and what real sockets see of it."""

import asyncio
import contextlib
import http.client
import inspect
import json
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tests.serving import Serving, open_directory, serving
from tmfgraph.protocol import (
    HEADER_BYTES_AT_MOST,
    HEADERS_AT_MOST,
    PIPELINED_AT_MOST,
    TARGET_AT_MOST,
    Protocol,
)

pytestmark = pytest.mark.slow

CUSTOMER = "/tmf-api/customerManagement/v4/customer"
AT_MOST = 30


@pytest.fixture(scope="module")
def hurried(module_database_url: str) -> Iterator[Serving]:
    """A server that soon loses its patience."""
    flags = ["--header-timeout", "1", "--body-timeout", "2", "--keep-alive-timeout", "1"]
    limits = ["--connections-at-most", str(AT_MOST)]
    with (
        open_directory() as directory,
        serving("--database-url", module_database_url, *flags, *limits, data_dir=directory) as served,
    ):
        yield served


def connect(served: Serving, receive_buffer: int | None = None) -> socket.socket:
    parts = urlsplit(served.url)
    made = socket.socket()
    if receive_buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.settimeout(30)
    made.connect(("127.0.0.1", parts.port or 80))
    return made


def rest_of(connection: socket.socket) -> bytes:
    """All that still comes until the server ends the connection; TimeoutError where it does not."""
    parts = []
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def answers(served: Serving) -> None:
    with connect(served) as made:
        made.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert rest_of(made).startswith(b"HTTP/1.1 200")


GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = f"POST {CUSTOMER} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
STALLED = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "half a method": b"GE",
    "half a target": b"GET /health",
    "a request line": b"GET / HTTP/1.1\r\n",
    "half a header": b"GET / HTTP/1.1\r\nHost: local",
    "a header": b"GET / HTTP/1.1\r\nHost: localhost\r\n",
    "a request and half of another": GET + b"GET / HTTP",
    "a request and nothing": GET,
    "a request and an empty line": GET + b"\r\n",
    "no body": POST + b"Content-Length: 10\r\n\r\n",
    "half a body": POST + b"Content-Length: 10\r\n\r\n{",
    "no chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n",
    "half a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    "no trailers": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    "a body expected": POST + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    "an unwanted body": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
}


@pytest.mark.parametrize("sent", STALLED)
def test_who_stalls_is_let_go(hurried: Serving, sent: str) -> None:
    with connect(hurried) as made:
        made.sendall(STALLED[sent])
        got = rest_of(made)
    last = got[got.rfind(b"HTTP/1.1 ") :]
    if sent.startswith(
        ("half a me", "half a t", "a request line", "half a h", "a header", "no ", "half a b")
    ):
        assert last.startswith(b"HTTP/1.1 408"), got
        body = json.loads(last.partition(b"\r\n\r\n")[2])
        assert body["status"] == "408" and body["code"] == "REQUEST_TIMEOUT" and body["@type"] == "Error"


TRICKLES: dict[str, tuple[bytes, bytes]] = {
    "the head": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a"),
    "headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"a: b\r\n"),
    "empty lines": (b"", b"\r\n"),
    "empty lines after a request": (GET, b"\r\n"),
    "the body": (POST + b"Content-Length: 1000\r\n\r\n", b" "),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "trailers": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"a: b\r\n"),
    "a body that nobody reads": (
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
        b" ",
    ),
}


@pytest.mark.parametrize("what", TRICKLES)
def test_who_trickles_is_let_go(hurried: Serving, what: str) -> None:
    """A byte now and then is not enough: what counts is when all of it is there."""
    start, drop = TRICKLES[what]
    with connect(hurried) as made:
        made.sendall(start)
        ended = threading.Event()

        def trickle() -> None:
            for _ in range(300):
                try:
                    made.sendall(drop)
                except OSError:
                    break
                if ended.wait(0.1):
                    return

        trickling = threading.Thread(target=trickle)
        trickling.start()
        rest_of(made)
        ended.set()
        trickling.join()
    answers(hurried)


def test_who_does_not_read_is_let_go(hurried: Serving) -> None:
    """Answers that nobody takes do not stay in memory: the connection is cut off before all of them came."""
    document = b"GET /openapi/TMF639.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(hurried, receive_buffer=4096) as made:
        sent = 0
        made.settimeout(1)
        try:
            while sent < 400:
                made.sendall(document)
                sent += 1
        except OSError:
            pass
        made.settimeout(30)
        time.sleep(5)
        got = rest_of(made)
    assert got.count(b"HTTP/1.1 200") < sent
    answers(hurried)


def head(*headers: str, target: str = "/health/live") -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", *headers, "", ""]).encode()


REFUSED: dict[str, tuple[bytes, int]] = {
    "one header too many": (head("Host: localhost", *["a: b"] * HEADERS_AT_MOST), 431),
    "very many headers": (head("Host: localhost", *["a: b"] * 50_000), 431),
    "a long header": (head("Host: localhost", "a: " + "b" * HEADER_BYTES_AT_MOST), 431),
    "a very long header": (head("Host: localhost", "a: " + "b" * 3_000_000), 431),
    "a very long name": (head("Host: localhost", "a" * 1_000_000 + ": b"), 431),
    "a long target": (head("Host: localhost", target="/" + "a" * TARGET_AT_MOST), 414),
    "a very long target": (head("Host: localhost", target="/" + "a" * 3_000_000), 414),
    "a long query": (head("Host: localhost", target="/graphql?query=" + "a" * TARGET_AT_MOST), 414),
    "two hosts": (head("Host: localhost", "Host: localhost"), 400),
    "two different hosts": (head("Host: localhost", "host: example.com"), 400),
    "no host": (head("Accept: */*"), 400),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS, it may be\r\n\r\n", 400),
    "a broken header": (head("Host: localhost", "no colon"), 400),
    "two lengths": (head("Host: localhost", "Content-Length: 1", "Content-Length: 2"), 400),
    "a length and chunks": (head("Host: localhost", "Content-Length: 1", "Transfer-Encoding: chunked"), 400),
    "many trailers": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"a: b\r\n" * 60_000,
        431,
    ),
    "a long trailer": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\na: " + b"b" * 3_000_000,
        431,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_too_much_or_wrong_is_refused_in_words_of_tmf(hurried: Serving, name: str) -> None:
    sent, status = REFUSED[name]
    with connect(hurried) as made:
        sending = threading.Thread(target=lambda: send_all(made, sent))
        sending.start()
        got = rest_of(made)
        sending.join()
    first, _, body = got.partition(b"\r\n\r\n")
    assert first.startswith(f"HTTP/1.1 {status} ".encode()), got[:200]
    said = json.loads(body)
    assert said["status"] == str(status) and said["@type"] == "Error" and said["message"]
    answers(hurried)


def send_all(made: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the server has refused it before its end
        made.sendall(data)


@pytest.mark.parametrize(
    "headers",
    [
        ["Host: localhost", *[f"a{n}: b" for n in range(HEADERS_AT_MOST - 2)]],
        ["Host: localhost", "a: " + "b" * (HEADER_BYTES_AT_MOST - 100)],
    ],
)
def test_what_is_not_too_much_passes(hurried: Serving, headers: list[str]) -> None:
    with connect(hurried) as made:
        made.sendall(
            head(*headers, "Connection: close", target="/health/live?" + "a" * (TARGET_AT_MOST - 100))
        )
        assert rest_of(made).startswith(b"HTTP/1.1 200")


def test_trailers_are_no_headers(hurried: Serving) -> None:
    """A body ends with what looks like another Host and Content-Type: the request is as its head says."""
    with connect(hurried) as made:
        made.sendall(
            POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n"
            b"Host: example.com\r\nContent-Type: text/plain\r\n\r\n"
        )
        assert rest_of(made).startswith(b"HTTP/1.1 400")


def test_requests_sent_ahead_are_answered_in_order_up_to_a_bound(hurried: Serving) -> None:
    for number, all_answered in ((PIPELINED_AT_MOST, True), (2000, False)):
        with connect(hurried) as made:
            sending = threading.Thread(target=lambda: send_all(made, GET * number))  # noqa: B023
            sending.start()
            got = rest_of(made)
            sending.join()
        assert (got.count(b"HTTP/1.1 200") == number) == all_answered
    answers(hurried)


def test_there_is_a_bound_on_connections_and_room_for_who_has_something_to_ask(hurried: Serving) -> None:
    """Those that wait for nothing make room; the server answers all the while, and holds no more than it may."""
    idle: list[socket.socket] = []
    try:
        idle += [connect(hurried) for _ in range(3 * AT_MOST)]
        for _ in range(5):
            answers(hurried)
        assert sum(is_open(made) for made in idle) <= AT_MOST
    finally:
        for made in idle:
            made.close()


def is_open(made: socket.socket) -> bool:
    made.settimeout(0.01)
    try:
        return made.recv(1000) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


# ---- gone ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def patient(module_database_url: str) -> Iterator[Serving]:
    """A server that would wait for long, with three connections to its database."""
    times = ["--statement-timeout", "60", "--lock-timeout", "60", "--request-timeout", "60"]
    with (
        open_directory() as directory,
        serving(
            "--database-url", module_database_url, "--pool-size", "3", *times, data_dir=directory
        ) as served,
    ):
        yield served


def posted(body: dict[str, Any], path: str = "/graphql", method: str = "POST") -> bytes:
    text = json.dumps(body)
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()


PARTY = {"id": "1", "@referredType": "Individual"}
LEAVING = {
    "one": f"GET {CUSTOMER}/c HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
    "list": f"GET {CUSTOMER} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
    "query": posted({"query": "{ customers { nodes { id } } }"}),
    "introspecting query": posted(
        {"query": "{ __typename customers { totalCount } __schema { queryType { name } } }"}
    ),
    "creation": posted({"id": "c", "name": "n", "engagedParty": PARTY}, CUSTOMER),
    "change": posted({"name": "m"}, f"{CUSTOMER}/c", "PATCH"),
    "mutation": posted({"query": 'mutation { deleteCustomer(id: "c") { id } }'}),
    "deletion": f"DELETE {CUSTOMER}/c HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
}


async def until(condition: Callable[[], Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not come to this in time"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("way", ["closed", "reset", "half closed"])
@pytest.mark.parametrize("request_", LEAVING)
def test_the_statement_ends_with_its_client(
    patient: Serving, module_database_url: str, request_: str, way: str
) -> None:
    """Each waits for a lock, for a minute; when its client is gone, so is the statement. 3 connections do for 6."""

    async def work() -> None:
        holder = await asyncpg.connect(module_database_url)
        looker = await asyncpg.connect(module_database_url)
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("lock table customer in access exclusive mode")

        async def waiting() -> int:
            return await looker.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and state = 'active' and wait_event_type = 'Lock'"
            )

        async def some() -> bool:
            return await waiting() > 0

        async def none() -> bool:
            return await waiting() == 0

        for _ in range(6):
            client = await asyncio.to_thread(connect, patient)
            client.sendall(LEAVING[request_])
            await until(some, 20)
            if way == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            if way == "half closed":
                client.shutdown(socket.SHUT_WR)
            else:
                client.close()
            await until(none, 15)
            client.close()
        await transaction.rollback()
        await holder.close()
        await looker.close()

    asyncio.run(work())
    parts = urlsplit(patient.url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
    connection.request("GET", CUSTOMER)
    assert connection.getresponse().status == 200
    connection.close()
    assert b"Traceback" not in patient_output(patient)


def patient_output(served: Serving) -> bytes:
    """What the server has printed so far."""
    assert served.process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(served.process.stdout, selectors.EVENT_READ)
        while selector.select(timeout=0.05):
            served.output += os.read(served.process.stdout.fileno(), 65536).decode()
    return served.output.encode()


# ---- the names of uvicorn that the protocol stands on ---------------------------------------------------


def test_the_private_names_of_uvicorn_are_those_we_know() -> None:
    ours = {
        name
        for name, member in vars(Protocol).items()
        if inspect.isfunction(member) and hasattr(HttpToolsProtocol, name) and not name.startswith("__")
    }
    assert ours == {
        "connection_made",
        "connection_lost",
        "data_received",
        "on_message_begin",
        "on_headers_complete",
        "on_body",
        "on_message_complete",
        "_start_asgi_task",
        "send_400_response",
    }
    source = inspect.getsource(HttpToolsProtocol)
    for name in ("connections", "parser", "url", "headers", "cycle", "pipeline", "transport", "flow", "loop"):
        assert f"self.{name}" in source
    assert "self._start_asgi_task(" in source and "self.send_400_response(" in source
    assert hasattr(HttpToolsProtocol, "_unset_keepalive_if_required")
    cycle = inspect.getsource(RequestResponseCycle)
    for name in ("disconnected", "message_event", "response_started", "response_complete", "logger"):
        assert f"self.{name}" in cycle
    assert hasattr(FlowControl, "resume_reading")
    # What ours does in place of uvicorn's, without a context of its own.
    starting = inspect.getsource(HttpToolsProtocol._start_asgi_task)
    assert "self.loop.create_task(cycle.run_asgi(app))" in starting and "self.tasks.add(task)" in starting
