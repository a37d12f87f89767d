"""Who is let in before anything is asked: hosts, pages of other sites, media types; and what answers carry."""

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resolvers.access.guard import host_of
from tests.conftest import Client
from tests.serving import open_directory, serving

INDIVIDUAL = "/tmf-api/party/v4/individual"
SERVICE = "/tmf-api/serviceInventory/v4/service"
JSON = {"content-type": "application/json"}
QUERY = b'{"query": "{ __typename }"}'


@pytest.fixture(scope="module")
def held(shared: Client) -> str:
    """The id of an individual."""
    return str(shared.post(INDIVIDUAL, {"givenName": "Ada", "familyName": "Byron"}).json()["id"])


# ---- hosts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"localhost", "localhost"),
        (b"LOCALHOST:8000", "localhost"),
        (b"127.0.0.1:80", "127.0.0.1"),
        (b"[::1]:8000", "::1"),
        (b"[::1]", "::1"),
        (b"tmf.example.com:", "tmf.example.com"),
        (b"", None),
        (b"[", None),
        (b"[::1", None),
        (b"::1", None),
        (b"[::1]x", None),
        (b"localhost:99999999999", None),
        (b"localhost:-1", None),
        (b"localhost:\xb2", None),
        (b"a b", None),
        (b"user@localhost", None),
        (b"localhost/", None),
        (b"localhost?x", None),
        (b"localhost#x", None),
        (b"localhost\\x", None),
        (b"\xff\xfe", None),
        (b"localhost, localhost", None),
    ],
)
def test_the_name_in_a_host_header(header: bytes, name: str | None) -> None:
    assert host_of(header) == name


BROKEN_HOSTS = [
    "[",
    "[::1",
    "[::1]]",
    "]",
    "a:b:c",
    "@",
    "%",
    "[v1.x]",
    "\xb2",
    "\xff",
    "a" * 5000,
    "[" * 500,
    "",
]


@pytest.mark.parametrize("host", BROKEN_HOSTS)
@pytest.mark.parametrize("path", ["/", "/nothing", INDIVIDUAL, "/graphql", "/health/live", "/static/nothing"])
def test_a_broken_host_is_refused(shared: Client, path: str, host: str) -> None:
    answer = shared.get(path, headers={"host": host.encode("latin-1")})
    assert answer.status_code == (200 if path == "/health/live" else 400)


@pytest.mark.parametrize("host", BROKEN_HOSTS)
def test_a_broken_host_where_every_host_is_answered(
    module_database_url: str, tmp_path: Path, host: str
) -> None:
    everywhere = Client(module_database_url, host="0.0.0.0", auth="on", data_dir=tmp_path / "data")
    try:
        for path in ("/nothing", "/static/nothing", "/docs"):
            assert everywhere.get(path, headers={"host": host.encode("latin-1")}).status_code < 500
    finally:
        everywhere.close()


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_health_and_metrics_answer_whatever_host_asks(shared: Client, path: str) -> None:
    for host in (
        "10.2.3.4:8000",
        "tmfgraph.svc.cluster.local",
        "[fd00::1]:8000",
        "elsewhere.example.com",
        "[",
    ):
        assert shared.get(path, headers={"host": host}).status_code == 200, host
    assert shared.get("/tmf-api", headers={"host": "10.2.3.4:8000"}).status_code == 400


def test_health_answers_http_1_0_without_a_host() -> None:
    with open_directory() as directory, serving(data_dir=directory / "data") as served:
        port = int(served.url.rpartition(":")[2])
        for path, status in (
            ("/health/live", b"200"),
            ("/health/ready", b"200"),
            ("/metrics", b"200"),
            ("/", b"400"),
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                assert connection.makefile("rb").readline().split()[1] == status, path


# ---- pages of other sites ---------------------------------------------------------------------------

SITES = (None, "same-origin", "none", "same-site", "cross-site", "", "anything", "SAME-ORIGIN ")
ORIGINS = (
    None,
    "http://localhost:8000",
    "https://localhost:8000",  # a proxy ended its TLS
    "HTTP://LOCALHOST:8000",
    "http://localhost",
    "http://localhost:8001",
    "http://127.0.0.1:8000",
    "http://evil.example.com",
    "http://localhost:8000.evil.example.com",
    "http://localhost:8000@evil.example.com",
    "null",
    "",
    "localhost:8000",
    "file://",
    "chrome-extension://localhost:8000",
)
FROM_US = {
    (site, origin)
    for site in (None, "same-origin", "none")
    for origin in (None, "http://localhost:8000", "https://localhost:8000", "HTTP://LOCALHOST:8000")
} | {(site, "http://localhost:8000") for site in SITES}
"""`--base-url` itself is one of the allowed origins, whatever a browser calls the request."""


def from_page(site: str | None, origin: str | None) -> dict[str, str]:
    given = {"sec-fetch-site": site, "origin": origin}
    return {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize(("site", "origin"), list(itertools.product(SITES, ORIGINS)))
def test_only_our_pages_and_programs_write_and_ask(
    shared: Client, held: str, site: str | None, origin: str | None
) -> None:
    headers = JSON | from_page(site, origin)
    requests: list[tuple[str, str, bytes]] = [
        ("POST", INDIVIDUAL, b"{"),
        ("PATCH", f"{INDIVIDUAL}/{held}", b"{"),
        ("DELETE", f"{INDIVIDUAL}/nobody", b""),
        ("PUT", f"{INDIVIDUAL}/{held}", b"{}"),
        ("POST", "/graphql", b"{"),
        ("GET", "/graphql", b""),
    ]
    for method, path, body in requests:
        answer = shared.request(method, path, content=body, headers=headers)
        found = answer.json()
        code = found["code"] if "code" in found else found["errors"][0]["extensions"]["code"]
        assert (code == "CROSS_SITE") is ((site, origin) not in FROM_US), (method, path)
        assert (answer.status_code == 403) is (code == "CROSS_SITE")
        assert shared.statements == [] or code != "CROSS_SITE"
    query = shared.request("GET", "/graphql", params={"query": "{ __typename }"}, headers=headers)
    assert query.status_code == (200 if (site, origin) in FROM_US else 403)
    # What a page of another site cannot read, it may ask for.
    assert shared.get(INDIVIDUAL, headers=headers).status_code == 200
    assert shared.get("/docs", headers=headers).status_code == 200
    page = shared.get("/graphql", headers=headers | {"accept": "text/html"})
    assert page.status_code == 200 and "GraphiQL" in page.text


@pytest.mark.parametrize(
    "headers",
    [
        [("origin", "http://localhost:8000"), ("origin", "http://evil.example.com")],
        [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        [("origin", "\xff"), ("sec-fetch-site", "\xb2")],
    ],
)
def test_of_several_headers_each_counts(shared: Client, headers: list[tuple[str, str]]) -> None:
    given = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    answer = shared.request("DELETE", f"{INDIVIDUAL}/nobody", headers=given)
    assert answer.status_code == 403 and answer.json()["code"] == "CROSS_SITE"


def test_behind_a_base_url_its_pages_are_ours(module_database_url: str) -> None:
    proxied = Client(module_database_url, base_url="https://tmf.example.com/graph")
    try:
        for host in ("tmf.example.com", "localhost:8000"):
            headers = {"host": host, "origin": "https://tmf.example.com", "sec-fetch-site": "same-origin"}
            assert proxied.delete(f"{INDIVIDUAL}/nobody", headers=headers).status_code == 404
            other = headers | {"origin": "https://tmf.example.com:8443"}
            assert proxied.delete(f"{INDIVIDUAL}/nobody", headers=other).status_code == 403
    finally:
        proxied.close()


# ---- media types ------------------------------------------------------------------------------------

SENT_WITHOUT_ASKING = [
    None,
    "",
    "text/plain",
    "text/plain; application/json",
    "text/plain;charset=application/json",
    "text/plain, application/json",
    "application/json, text/plain",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; application/json",
    "multipart/form-data; boundary=application/json",
    "TEXT/PLAIN",
    "*/*",
    "application",
    "application/jsonx",
    ";application/json",
    "application/json; charset=utf-16",
    "application/json; charset=latin1; charset=utf-8",
    'application/json;charset="iso-8859-1"',
    "application/json\xa0",
    "\xff",
]
JSON_TYPES = [
    "application/json",
    "Application/JSON",
    "application/json; charset=utf-8",
    'application/json;charset="UTF-8"',
    "application/json; profile=x; a=b",
    "application/json ;charset=UTF8",
]


def typed(media: str | None) -> list[tuple[bytes, bytes]]:
    return [] if media is None else [(b"content-type", media.encode("latin-1"))]


@pytest.mark.parametrize("media", SENT_WITHOUT_ASKING)
def test_what_a_page_can_send_without_asking_is_no_json(shared: Client, held: str, media: str | None) -> None:
    body = b'{"givenName": "Eve"}'
    for method, path in (("POST", INDIVIDUAL), ("PATCH", f"{INDIVIDUAL}/{held}"), ("PATCH", INDIVIDUAL)):
        answer = shared.request(method, path, content=body, headers=typed(media))
        assert answer.status_code == 415, (method, path)
        assert answer.json()["code"] == "UNSUPPORTED_MEDIA_TYPE"
        assert shared.statements == []
    assert shared.request("POST", "/graphql", content=QUERY, headers=typed(media)).status_code == 415


def test_several_content_types_are_none(shared: Client) -> None:
    twice: list[Any] = [*typed("application/json"), *typed("text/plain")]
    for headers in (twice, twice[::-1], [twice[0], twice[0]]):
        assert shared.request("POST", INDIVIDUAL, content=b"{}", headers=headers).status_code == 415
        assert shared.request("POST", "/graphql", content=QUERY, headers=headers).status_code == 415


@pytest.mark.parametrize("media", JSON_TYPES)
def test_forms_of_json(shared: Client, media: str) -> None:
    body = b'{"givenName": "Ada", "familyName": "Byron"}'
    assert shared.request("POST", INDIVIDUAL, content=body, headers=typed(media)).status_code == 201
    assert shared.request("POST", "/graphql", content=QUERY, headers=typed(media)).status_code == 200


# ---- what answers carry -----------------------------------------------------------------------------


def answers(client: Client, held: str) -> Iterator[Any]:
    """Answers of every sort, errors included."""
    yield client.get(INDIVIDUAL)
    yield client.get(f"{INDIVIDUAL}/{held}")
    yield client.get(f"{INDIVIDUAL}/nobody")
    yield client.get("/tmf-api/nothing/v4/at/all")
    yield client.post(INDIVIDUAL, {"givenName": "Ada", "familyName": "Byron"})
    yield client.request("PATCH", f"{INDIVIDUAL}/{held}", json={"familyName": "Byron"})
    yield client.request("POST", INDIVIDUAL, content=b"{}")
    yield client.post("/graphql", {"query": "{ __typename }"})
    yield client.post("/graphql", {"query": "{ nothing }"})
    yield client.post("/graphql", {"query": "{ individuals(first: -1) { totalCount } }"})
    yield client.post("/graphql", {"query": "{ __typename }"}, headers={"origin": "null"})
    yield client.request("PUT", "/graphql")


def test_what_tells_of_persons_is_kept_nowhere(shared: Client, held: str) -> None:
    for answer in answers(shared, held):
        assert answer.headers["x-content-type-options"] == "nosniff", answer.request
        assert answer.headers["cache-control"] == "no-store", answer.request


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/openapi",
        "/openapi/TMF622.json",
        "/tmf-api",
        "/metrics",
        "/health/live",
        "/nothing",
        "/static/graphiql.min.js",
    ],
)
def test_no_browser_guesses_another_type(shared: Client, path: str) -> None:
    assert shared.get(path).headers["x-content-type-options"] == "nosniff"


def test_what_tells_of_the_network_is_kept_and_asked_for_anew(shared: Client) -> None:
    made = shared.post(SERVICE, {"name": "vpn", "state": "active", "serviceSpecification": {"id": "1"}})
    for path in (SERVICE, f"{SERVICE}/{made.json()['id']}"):
        found = shared.get(path)
        assert found.headers["cache-control"] == "private, no-cache"
        again = shared.get(path, headers={"if-none-match": found.headers["etag"]})
        assert again.status_code == 304 and again.headers["cache-control"] == "private, no-cache"
        assert shared.get(f"{path}?expand=relatedParty").headers["cache-control"] == "no-store"
    persons = shared.get(INDIVIDUAL)
    again = shared.get(INDIVIDUAL, headers={"if-none-match": persons.headers["etag"]})
    assert again.status_code == 304 and again.headers["cache-control"] == "no-store"
