"""Bytes that are no HTTP, or hardly: a running server refuses them, and goes on."""

import os
import random
import re
import socket

from tests.serving import open_directory, serving

GOOD = b"GET /tmf-api/party/v4/individual?limit=1 HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
PIECES = (
    b"\0", b"\r", b"\n", b"\r\n", b" ", b":", b"\xff", b"\xb2", b"[", b"%00", b"%", b"HTTP/9.9", b"HTTP/1.0", b"A" * 5000, b"Host: [\r\n",
    b"Host: a\r\nHost: b\r\n", b"Content-Length: -1\r\n", b"Content-Length: " + b"9" * 5000 + b"\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Range: items=\xb2-\xb3\r\n", b"Cookie: \0\r\n", b"\xe2\x80\xa8: x\r\n", b"Expect: 100-continue\r\n",
)  # fmt: skip
REQUESTS = int(os.environ.get("BROKEN_REQUESTS", "100"))


def bent(rng: random.Random) -> bytes:
    found = GOOD
    for _ in range(rng.choice((1, 1, 2, 4))):
        place, piece = rng.randrange(len(found)), rng.choice(PIECES)
        if rng.random() < 0.4:  # where a header may stand
            place = found.find(b"\r\n") + 2
        found = found[:place] + piece + found[place + rng.choice((0, 0, 1, 8)) :]
    return found


def asked(port: int, request: bytes, seconds: float = 0.3) -> bytes:
    """The answer, as far as there is one: to half a request the server waits for the rest."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            connection.sendall(request + b"\r\n\r\n")
            while part := connection.recv(65536):
                found += part
        except (ConnectionError, TimeoutError):
            pass
    return found


def test_broken_requests_are_refused_and_the_server_goes_on() -> None:
    rng = random.Random(20261125)
    with open_directory() as directory, serving(data_dir=directory / "data") as served:
        port = int(served.url.rpartition(":")[2])
        for _ in range(REQUESTS):
            request = bent(rng)
            answer = asked(port, request)
            status = re.match(rb"HTTP/1\.[01] ([1-5])", answer)
            assert not answer or (status is not None and status[1] != b"5"), (request, answer[:300])
        assert asked(port, GOOD, 30).startswith(b"HTTP/1.1 200 ")
        served.stop()
        assert "Traceback" not in served.output
