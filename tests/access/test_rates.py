"""Rate limits: what is counted, for whom, what callers are told, and what happens where counts cannot be had."""

import json
import logging
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resolvers.access.rates import address_of, cost_of
from tests.access.test_auth import ISSUER, bearer, jwks, scoped
from tests.access.test_auth import KEYS as SIGNING
from tests.conftest import Client

REDIS = shutil.which("redis-server")
INDIVIDUAL = "/tmf-api/party/v4/individual"
PERSON = {"givenName": "Ada", "familyName": "Byron"}


@pytest.fixture
def limited(database_url: str) -> Iterator[Client]:
    """Everybody may ask for 20 units an hour."""
    made = Client(database_url, rate_limit="20/hour")
    yield made
    made.close()


def guarded(url: str, directory: Path, **settings: Any) -> Client:
    keys = directory / "jwks.json"
    keys.write_text(json.dumps(jwks(*{key.kid: key for key in SIGNING.values()}.values())))
    return Client(url, auth="on", issuer=ISSUER, key_file=keys, **settings)


def left(answer: Any) -> int:
    return int(answer.headers["x-rate-limit-remaining"])


def test_answers_say_what_is_left_until_there_is_nothing(limited: Client) -> None:
    first = limited.get(INDIVIDUAL)
    assert first.headers["x-rate-limit-limit"] == "20" and left(first) == 19
    assert 0 < int(first.headers["x-rate-limit-reset"]) <= 3600
    assert left(limited.post(INDIVIDUAL, PERSON)) == 14
    assert left(limited.get(f"{INDIVIDUAL}?limit=1000")) == 3
    assert left(limited.get(f"{INDIVIDUAL}/nobody")) == 2
    refused = limited.post(INDIVIDUAL, PERSON)
    assert refused.status_code == 429
    assert refused.json()["code"] == "TOO_MANY_REQUESTS" and limited.statements == []
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["x-rate-limit-remaining"] == "0"
    assert limited.get(INDIVIDUAL).status_code == 200  # what is left is enough for a read


def test_what_tells_of_the_server_is_free(limited: Client) -> None:
    for path in ("/health/live", "/health/ready", "/docs", "/", "/openapi/TMF622.json"):
        assert "x-rate-limit-limit" not in limited.get(path).headers
    assert left(limited.get(INDIVIDUAL)) == 19


def test_the_graph_is_charged_for_what_an_operation_comes_to(limited: Client) -> None:
    small = limited.post("/graphql", {"query": "{ individuals(first: 1) { totalCount } }"})
    assert left(small) == 19
    large = limited.post("/graphql", {"query": "{ individuals(first: 800) { nodes { id } } }"})
    assert left(large) in (10, 11) and "errors" not in large.json()
    refused = limited.post("/graphql", {"query": "{ individuals(first: 5000) { nodes { id } } }"})
    assert refused.status_code == 429 and limited.statements == []
    [error] = refused.json()["errors"]
    assert error["extensions"]["code"] == "TOO_MANY_REQUESTS" and "retry-after" in refused.headers


def test_without_a_limit_nothing_is_said(client: Client) -> None:
    assert not [name for name in client.get(INDIVIDUAL).headers if name.startswith("x-rate")]


def test_each_subject_has_a_count_of_its_own(database_url: str, tmp_path: Path) -> None:
    client = guarded(database_url, tmp_path, rate_limit="2/hour")
    try:
        for _ in range(2):
            assert client.get(INDIVIDUAL, headers=scoped("*:*:*", sub="a")).status_code == 200
        # Another token of the same subject does not help.
        assert client.get(INDIVIDUAL, headers=scoped("*:*:read", sub="a")).status_code == 429
        assert client.get(INDIVIDUAL, headers=scoped("*:*:*", sub="b")).status_code == 200
    finally:
        client.close()


def test_refused_tokens_count_for_the_address(database_url: str, tmp_path: Path) -> None:
    client = guarded(database_url, tmp_path, rate_limit="12/hour")
    try:
        codes = [client.get(INDIVIDUAL, headers=bearer(f"a.b.{n}")).status_code for n in range(4)]
        assert codes == [401, 401, 429, 429]
        assert client.get(INDIVIDUAL, headers=scoped("*:*:*")).status_code == 200
    finally:
        client.close()


@pytest.mark.parametrize(
    ("method", "path", "query", "cost"),
    [
        ("GET", "/tmf-api/x", b"", 1),
        ("GET", "/tmf-api/x", b"limit=99", 1),
        ("GET", "/tmf-api/x", b"a=b&limit=500", 6),
        ("GET", "/tmf-api/x", b"limit=999999999", 11),
        ("GET", "/tmf-api/x", b"limit=9999999999999", 1),
        ("HEAD", "/tmf-api/x", b"xlimit=500", 1),
        ("DELETE", "/tmf-api/x/1", b"", 5),
        ("POST", "/graphql", b"", 1),
        ("GET", "/metrics", b"", 1),
    ],
)
def test_what_a_request_costs(method: str, path: str, query: bytes, cost: int) -> None:
    assert cost_of({"method": method, "path": path, "query_string": query}) == cost


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.1", 5), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2::/64"),
        (("2001:db8:1:2::9", 5), "2001:db8:1:2::/64"),
        (None, "unknown"),
        (("", 0), "unknown"),
        (("somewhere", 0), "unknown"),
    ],
)
def test_the_address_of_a_caller(client: Any, address: str) -> None:
    assert address_of({"client": client}) == address


# ---- counts that several processes share ----------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    if REDIS is None:
        pytest.skip("Redis is not installed (Debian: redis-server)")
    port = free_port()
    command = [REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0", process
    finally:
        process.kill()
        process.wait()


def test_several_processes_count_in_redis(
    database_url: str, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url, process = redis
    one = Client(database_url, rate_limit="3/hour", rate_limit_storage=url)
    other = Client(database_url, rate_limit="3/hour", rate_limit_storage=url)
    try:
        assert [left(client.get(INDIVIDUAL)) for client in (one, other, one)] == [2, 1, 0]
        assert [client.get(INDIVIDUAL).status_code for client in (one, other)] == [429, 429]
        process.kill()
        process.wait()
        caplog.set_level(logging.INFO, "tmfgraph.rates")
        for _ in range(3):
            answer = one.get(INDIVIDUAL)
            assert answer.status_code == 200 and "x-rate-limit-limit" not in answer.headers
        said = [record for record in caplog.records if record.name == "tmfgraph.rates"]
        assert len(said) == 1 and re.search("everybody passes", said[0].getMessage())
    finally:
        for client in (one, other):
            client.run(client.app.state.rates.close())
            client.close()
