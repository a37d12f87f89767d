"""Every entrance with values that nobody means well by: no answer is a 5xx, and none tells what goes on inside.

`ENTRANCE_CASES=5000 python -m pytest -n 0 tests/test_entrances.py` tries that many at each entrance.
"""

import base64
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import InvalidOperation
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from graphql import GraphQLError

from models import WHOLE, json_in
from resolvers.entrances import reads, whole
from resolvers.errors import BadRequest, Unavailable
from resolvers.graphql import literals
from tests.conftest import Client

CASES = int(os.environ.get("ENTRANCE_CASES", "40"))
SEED = int(os.environ.get("ENTRANCE_SEED", "20261125"))

ORDER = "/tmf-api/productOrderingManagement/v4/productOrder"
INDIVIDUAL = "/tmf-api/party/v4/individual"
SERVICE = "/tmf-api/serviceInventory/v4/service"
RESOURCE = "/tmf-api/resourceInventoryManagement/v4/resource"
USAGE = "/tmf-api/usageManagement/v4/usage"
HOMES = (ORDER, INDIVIDUAL, SERVICE, RESOURCE, USAGE, "/tmf-api/party/v4/party")

TEXTS = (
    "", " ", "\0", "a\0b", "\x7f", "\n", "\r\n", "\t", "é", "💥", "²", "٣", "½", "\ufeff", "\u2028", "\xff\xfe", "\xa0",
    "0", "-0", "1", "-1", "1.5", "1e3", "1e400", "1e999", "-1e999", "1e-999", "NaN", "Infinity", "0x10", "1_000", "²-³",
    "9" * 19, "9" * 20, "9" * 400, "9" * 5000, "1e99999999999", "2147483648", "9223372036854775808", "null", "true", "None",
    "[", "]", "{", "}", "(", ")", "<", ">", "[::1", "\"", "'", "`", "\\", "\\u0000", "\\ud800", "$", "@", "?", "*", "+", "-",
    "/", "//", "..", "../../etc/passwd", "%", "%zz", "%00", ";", "=", "==", "!=", "=~", "&&", "||", "!", "~", "^", "#", ":", ",",
    "2026-02-30", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "2026-01-01T00:00:00+99:99", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2026-01-01 00:00:00 01:00", "-2026-01-01T00:00:00Z", "٢٠٢٦-01-01",
    "items=0-", "items=²-³", "items=0-9,20-29", "items=-5", "items=9-1", "bytes=0-1", "items=" + "9" * 5000 + "-" + "9" * 5001,
    'W/"1"', '"1', '"²"', '"' + "9" * 5000 + '"', "*", "respond-async", "count=exact", "return=minimal; x=\"", "Bearer", "Bearer a.b.c",
    "Bearer " + "a" * 20_000, "application/json; charset=utf-16", "application/json-patch+json", "text/html;q=x", "*/*;q=0",
    "Mon, 99 Foo 2026 99:99:99 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "[?(@.x==1)]", "$[?(@.id)]", "$..*", "(a|b)*", "a{99}", "(?=x)", "[[:alpha:]]",
    "a*" * 90, "[a-", "\\1", "(" * 150, "(" * 90 + ")" * 90, "x{1,2}{3}", "id", "state", "orderDate", "relatedParty.id", "relatedParty", "href", "@type",
    "givenName", "category.regex", "productOrderItem.product.id", "validFor.startDateTime", "note.text.gt", "__proto__", "constructor",
)  # fmt: skip
LEAKS = (
    "sqlstate",
    "psycopg",
    "asyncpg",
    "sqlalchemy",
    "traceback",
    'file "',
    "site-packages",
    'relation "',
    "pg_catalog",
)


@dataclass
class Asked:
    """One request, as it would come from the wire."""

    method: str
    path: str
    query: bytes = b""
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    body: bytes = b""


class Hostile:
    """Makes values by a seeded random generator: known traps, and what becomes of them by bending."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        found = self.random.choice(TEXTS)
        for _ in range(self.random.choice((0, 0, 0, 1, 1, 2, 3))):
            found = self._bent(found)
        return found[:20_000]

    def _bent(self, text: str) -> str:
        other, times = self.random.choice(TEXTS), self.random.choice((2, 10, 33, 150, 500, 5000))
        place = self.random.randint(0, len(text))
        separator = self.random.choice((",", ".", "", " ", ";", "-", "&&", "||", "/"))
        opening, closing = self.random.choice(("[]", "()", "{}", "!  ", '""', "''", "<>"))[:2]
        return self.random.choice(
            (
                text[:place] + other + text[place:],
                text[:place] + text[place + 1 :],
                text + separator + other,
                separator.join([text[:30]] * times),
                opening * times + text + closing * times,
                opening * times + text,
                quote(text, errors="replace"),
                text[:place] + chr(self.random.choice((0, 9, 127, 128, 0xB2, 0x660, 0x2028, 0xFFFF, 0x1F4A5))) + text[place:],
            )
        )  # fmt: skip

    def header(self) -> bytes:
        if self.random.random() < 0.1:
            return self.random.randbytes(self.random.choice((1, 5, 300)))
        return self.text().encode(self.random.choice(("utf-8", "latin-1")), "replace")

    def value(self, depth: int = 0) -> Any:
        """A JSON value."""
        choice = self.random.random()
        if choice < 0.45 or depth > 4:
            return self.text().replace("\0", "" if choice < 0.4 else "\0")
        if choice < 0.7:
            return self.random.choice((None, True, False, 0, -1, 1.5, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 1e308, 5e-324, [], {}, [[]], [None]))  # fmt: skip
        if choice < 0.85:
            return [self.value(depth + 1) for _ in range(self.random.choice((1, 2, 3)))]
        return {self.text()[:40]: self.value(depth + 1) for _ in range(self.random.choice((1, 2, 3)))}

    def json(self) -> bytes:
        """JSON as bytes, or what looks like it."""
        choice = self.random.random()
        if choice < 0.5:
            return json.dumps(self.value(), ensure_ascii=choice < 0.3).encode("utf-8", "surrogatepass")
        return self.random.choice(
            (
                b"[" * 100_000,
                b'{"a":' * 5000 + b"1" + b"}" * 5000,
                b"[" * 33 + b"]" * 33,
                b"[" * 900 + b'"\\u0000"' + b"]" * 900,
                b"9" * 5000,
                b"1e400",
                b"-1e999",
                b"NaN",
                b"\xef\xbb\xbf{}",
                b"\xff\xfe{\0}\0",
                b'"\\ud800"',
                b'{"a":1,"a":2}',
                b'"\xed\xa0\x80"',
                b'{"\\u0000":1}',
                self.text().encode("utf-8", "surrogatepass"),
                self.random.randbytes(50),
            )
        )

    def bent_json(self, value: Any) -> Any:
        """The value with something else at some place of it."""
        if isinstance(value, dict) and value and self.random.random() < 0.85:
            key = self.random.choice(list(value))
            return value | {key: self.bent_json(value[key])}
        if isinstance(value, list) and value and self.random.random() < 0.85:
            place = self.random.randrange(len(value))
            return [*value[:place], self.bent_json(value[place]), *value[place + 1 :]]
        return self.value()


def entrances(held: str, other: str) -> dict[str, Callable[[Hostile], Asked]]:
    """What makes a request that is hostile at one place, by the name of the place."""
    as_json = ("content-type", b"application/json")

    def quoted(text: str) -> bytes:
        return quote(text.encode("utf-8", "surrogatepass"), safe="").encode()

    def home(h: Hostile) -> str:
        return h.random.choice(HOMES)

    def parameter(name: str) -> Callable[[Hostile], Asked]:
        return lambda h: Asked("GET", home(h), name.encode() + b"=" + quoted(h.text()))

    def header(name: str) -> Callable[[Hostile], Asked]:
        def made(h: Hostile) -> Asked:
            method, path, body = h.random.choice(
                (
                    ("GET", ORDER, b""),
                    ("GET", f"{ORDER}/{held}", b""),
                    ("PATCH", f"{INDIVIDUAL}/{other}", b'{"familyName": "x"}'),
                    ("POST", INDIVIDUAL, b'{"givenName": "x", "familyName": "y"}'),
                    ("DELETE", f"{INDIVIDUAL}/nobody", b""),
                    ("POST", "/graphql", b'{"query": "{ __typename }"}'),
                    ("GET", "/graphql", b""),
                    ("GET", "/nothing", b""),
                    ("GET", "/static/nothing", b""),
                    ("GET", "/health/ready", b""),
                )
            )
            others = [as_json] if name != "content-type" else []
            return Asked(method, path, headers=[*others, *[(name, h.header())] * h.random.choice((1, 1, 1, 2))], body=body)  # fmt: skip

        return made

    def cursor(h: Hostile) -> bytes:
        keys: Any = [h.random.choice((h.value(), h.text(), held))] * h.random.choice((0, 1, 1, 2, 2, 3))
        packed = h.random.choice((json.dumps(keys).encode("utf-8", "replace"), h.json()))
        return base64.urlsafe_b64encode(packed).rstrip(b"=") if h.random.random() < 0.9 else h.text().encode("utf-8", "replace")  # fmt: skip

    def cursors(h: Hostile) -> Asked:
        sort = h.random.choice((b"", b"&sort=-orderDate", b"&sort=state,category", b"&sort=priority"))
        return Asked("GET", ORDER, b"cursor=" + quote_from_bytes(cursor(h)).encode() + sort)

    def filters(h: Hostile) -> Asked:
        names = ("id", "state", "orderDate", "category", "priority", "relatedParty.id", "note.date", "isBundle", "status", "value")  # fmt: skip
        suffixes = ("", ".eq", ".ne", ".gt", ".gte", ".lt", ".lte", ".regex", ">", "<", "!", "*", "=", "~")
        pairs = [
            h.random.choice((h.random.choice(names), h.text())) + h.random.choice(suffixes) + "=" + h.text()
            for _ in range(h.random.choice((1, 1, 2, 120)))
        ]
        return Asked("GET", home(h), "&".join(quote(p[:3000], "=", errors="replace") for p in pairs).encode())

    def json_path(h: Hostile) -> Asked:
        parts = ("$", "[", "]", "?", "(", ")", "@", ".", "state", "relatedParty", "note", "id", "==", "!=", ">", "=~", "/a*/", "'x'", "1e999", "٣", "9" * 400, "&&", "||", "!", "[*]", "null", "true", " ", "min(", "'\\", "\0")  # fmt: skip
        text = "".join(h.random.choice(parts) for _ in range(h.random.choice((3, 9, 30, 200))))
        nested = h.random.choice(("!", "(", "@.relatedParty[?(", "@.note")) * h.random.choice((1, 20, 400))
        given = h.random.choice((text, nested + "@.id=='1'", f"$[?(@.id=='{h.text()}')]", f"$[?(@.note[?(@.text=~/{h.text()}/)])]"))  # fmt: skip
        return Asked("GET", home(h), b"filter=" + quoted(given))

    def body(method: str, media: str, valid: Any) -> Callable[[Hostile], Asked]:
        def made(h: Hostile) -> Asked:
            bent = json.dumps(h.bent_json(valid)).encode()
            path = INDIVIDUAL if method == "POST" else f"{INDIVIDUAL}/{other}"
            return Asked(method, path, headers=[("content-type", media.encode())], body=h.random.choice((bent, bent, h.json())))  # fmt: skip

        return made

    def graphql(query: str, **variables: Any) -> Asked:
        sent = json.dumps({"query": query, "variables": variables}).encode()
        return Asked("POST", "/graphql", headers=[as_json], body=sent)

    def literal(h: Hostile) -> Asked:
        value = h.random.choice(
            (json.dumps(h.text()), f'"""{h.text()}"""', h.text(), "9" * 5000, "-" + "9" * 19, "1e400", "1e999", "-1E+999",
             "9" * 400 + ".0", '"\\u0000"', '"\\ud800"', '"\\u{110000}"', "[" * 60 + "]" * 60, "{a: 1, a: 2}", "{a: 1e999}", "[1, {b: [9e400]}]", "null", "$x")
        )  # fmt: skip
        place = h.random.choice(
            ("{{ productOrder(id: {}) {{ id }} }}", "{{ productOrders(first: {}) {{ totalCount }} }}",
             "{{ productOrders(after: {}) {{ totalCount }} }}", "{{ productOrders(where: {}) {{ totalCount }} }}",
             "{{ productOrders(where: {{ category: {{ regex: {} }} }}) {{ totalCount }} }}",
             "{{ productOrders(where: {{ orderDate: {{ gt: {} }} }}) {{ totalCount }} }}",
             "{{ productOrders(where: {{ isBundle: {{ eq: {} }} }}) {{ totalCount }} }}",
             "{{ services(where: {{ serviceCharacteristic: {{ name: {{ eq: \"x\" }}, value: {{ in: [{}] }} }} }}) {{ totalCount }} }}",
             "{{ productOrders(orderBy: [{{ orderDate: {} }}]) {{ totalCount }} }}", "{{ _entities(representations: [{}]) {{ __typename }} }}",
             "{{ node(id: {}) {{ id }} }}", "query ($x: JSON = {}) {{ __typename }}", "{{ __typename @include(if: {}) }}",
             "mutation {{ createIndividual(input: {{ familyName: {} }}) {{ id }} }}",
             "mutation {{ createIndividual(input: {{ familyName: \"x\", extension: {{ y: {} }} }}) {{ id extension }} }}",
             "mutation {{ createIndividual(input: {{ familyName: \"x\", partyCharacteristic: [{{ name: \"n\", value: {} }}] }}) {{ id }} }}",
             "mutation {{ updateIndividual(id: {}, input: {{ familyName: \"x\" }}) {{ id }} }}", "mutation {{ deleteIndividual(id: {}) {{ id }} }}")
        )  # fmt: skip
        return graphql(place.format(value))

    def variable(h: Hostile) -> Asked:
        type_, use = h.random.choice(
            (("ID!", "productOrder(id: $x) { id }"), ("ProductOrderFilter", "productOrders(where: $x) { totalCount }"),
             ("[ProductOrderSort!]", "productOrders(orderBy: $x) { totalCount }"), ("Int", "productOrders(first: $x) { totalCount }"),
             ("String", "productOrders(after: $x) { nodes { id } }"), ("String", "productOrders(last: 1, before: $x) { nodes { id } }"),
             ("DateTime", "productOrders(where: { orderDate: { lt: $x } }) { totalCount }"),
             ("JSON", "services(where: { serviceCharacteristic: { value: { eq: $x } } }) { totalCount }"),
             ("Float", "usages(where: { ratedProductUsage: { taxRate: { eq: $x } } }) { totalCount }"),
             ("[_Any!]!", "_entities(representations: $x) { __typename }"), ("Boolean!", "__typename @skip(if: $x)"))
        )  # fmt: skip
        valid = {
            "and": [{"state": {"in": ["held"]}}, {"not": {"note": {"text": {"regex": "a"}}}}],
            "id": {"eq": "x"},
        }
        value = h.bent_json(valid) if "Filter" in type_ else h.value()
        return graphql(f"query (${'x'}: {type_}) {{ {use} }}", x=value)

    def document(h: Hostile) -> Asked:
        base = "query Q($n: Int = 1) { productOrders(first: $n, where: { state: { eq: held } }) { nodes { id ...f } } } fragment f on ProductOrder { note { text } }"  # fmt: skip
        place, end = sorted(h.random.randint(0, len(base)) for _ in range(2))
        nested = "not: { " * h.random.choice((10, 20, 40, 150, 1000))
        return graphql(
            h.random.choice(
                (
                    base[:place] + h.text() + base[end:],
                    base[:place] + base[end:],
                    f"{{ productOrders(where: {{ {nested} id: {{ eq: 1 }} {'}' * nested.count('{')} }}) {{ totalCount }} }}",
                    "{ a " * h.random.choice((30, 300, 2000)),
                    "[" * 5000,
                    h.text(),
                )
            )
        )

    def operation(h: Hostile) -> Asked:
        valid = {
            "query": "query A { __typename } query B { __typename }",
            "variables": {},
            "operationName": "A",
        }
        bent = json.dumps(h.bent_json(valid)).encode()
        return Asked("POST", "/graphql", headers=[as_json], body=h.random.choice((bent, bent, h.json())))

    def by_get(h: Hostile) -> Asked:
        pairs = [(h.random.choice(("query", "variables", "operationName", h.text()[:50])), h.text()) for _ in range(3)]  # fmt: skip
        pairs.append(("query", h.random.choice(("{ __typename }", "query Q { __typename }", h.text()))))
        return Asked("GET", "/graphql", b"&".join(quoted(n) + b"=" + quoted(v) for n, v in pairs))

    # fmt: off
    return {
        "an id": lambda h: Asked(h.random.choice(("GET", "DELETE", "PATCH")), f"{home(h)}/{h.text()}", headers=[as_json], body=b"{}"),
        "a path": lambda h: Asked(h.random.choice(("GET", "POST", "BREW", "PUT")), "/" + h.random.choice(("tmf-api/", "openapi/", "static/", "")) + h.text()),
        "a query string": lambda h: Asked("GET", home(h), h.random.choice((h.header(), b"&".join([b"a=%ff"] * 200), h.random.randbytes(60)))),
        "force": lambda h: Asked("DELETE", f"{INDIVIDUAL}/nobody", b"force=" + quoted(h.text())),
        **{name: parameter(name) for name in ("fields", "expand", "depth", "limit", "offset", "sort", "filter")},
        "names of fields": lambda h: Asked("GET", home(h), b"fields=" + h.random.choice((b",", b".")).join([quoted(h.text()[:8])] * h.random.choice((3, 500, 5000)))),
        "a cursor": cursors,
        "filters": filters,
        "JSONPath": json_path,
        **{
            name: header(name)
            for name in ("host", "range", "if-match", "if-none-match", "if-modified-since", "prefer", "accept", "content-type",
                         "content-length", "authorization", "idempotency-key", "origin", "sec-fetch-site", "x-forwarded-for", "cookie", "expect")
        },
        "a document": body("POST", "application/json", {"givenName": "a", "familyName": "b", "birthDate": "2000-01-01T00:00:00Z", "contactMedium": [{"mediumType": "x", "preferred": True, "characteristic": {"city": "x"}}], "relatedParty": [{"id": "1", "@referredType": "Individual"}]}),
        "a merge patch": body("PATCH", "application/merge-patch+json", {"familyName": "b", "contactMedium": [{"mediumType": "x", "validFor": {"startDateTime": "2026-01-01T00:00:00Z"}}], "status": "validated"}),
        "a JSON Patch": body("PATCH", "application/json-patch+json", [{"op": "add", "path": "/note/0/text", "value": {"a": 1}}, {"op": "move", "from": "/a/b", "path": "/c"}, {"op": "test", "path": "/id", "value": "x"}]),
        "a JSON Patch Query": body("PATCH", "application/json-patch-query+json", [{"op": "replace", "path": "/contactMedium/mediumType?mediumType=x", "value": "y"}, {"op": "add", "path": "$.contactMedium[?(@.mediumType=='x' && @.preferred==1e3)].validFor", "value": 1}]),
        "literals": literal,
        "variables": variable,
        "documents": document,
        "an operation": operation,
        "a GET": by_get,
        "cursors of the graph": lambda h: graphql("query ($c: String) { productOrders(orderBy: [{ orderDate: DESC }], first: 2, after: $c) { nodes { id } } }", c=cursor(h).decode("latin-1")),
    }
    # fmt: on


@pytest.fixture(scope="module")
def made(shared: Client) -> dict[str, Callable[[Hostile], Asked]]:
    party = {"id": "1", "role": "user", "@referredType": "Individual"}
    lines = [{"id": "1", "action": "add", "product": {"id": "p"}}]
    note = [{"text": "a", "date": "2026-01-01T00:00:00Z"}]
    for number in range(3):
        shared.hold(WHOLE.kinds["ProductOrder"], {"id": f"o{number}", "productOrderItem": lines, "note": note, "relatedParty": [party]})  # fmt: skip
    shared.hold(WHOLE.kinds["Individual"], {"id": "i", "givenName": "a", "familyName": "b"})
    shared.hold(WHOLE.kinds["Service"], {"id": "s", "state": "active", "serviceSpecification": {"id": "1"}, "serviceCharacteristic": [{"name": "x", "value": 1}]})  # fmt: skip
    return entrances("o1", "i")


NAMES = list(entrances("", ""))


async def answered(app: Any, asked: Asked) -> tuple[int, dict[bytes, bytes], bytes]:
    """What the application answers; an error that got out of it is raised."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": asked.body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value) for name, value in asked.headers]
    if not any(name == b"host" for name, _ in headers):
        headers.append((b"host", b"localhost:8000"))
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": asked.method, "scheme": "http",
        "path": asked.path, "raw_path": b"", "root_path": "", "query_string": asked.query, "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), body


def check(asked: Asked, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
    assert 200 <= status < 500 or (status == 501 and b"NOT_IMPLEMENTED" in body), (status, body[:300])
    if status == 304 or not body:
        return
    if status >= 400:
        assert headers[b"content-type"].startswith((b"application/json", b"application/problem+json", b"application/graphql-response+json"))  # fmt: skip
    if not headers[b"content-type"].startswith(b"application/"):
        return
    found = json.loads(body)
    if isinstance(found, dict) and "errors" in found:
        for error in found["errors"]:
            assert error["message"] and error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", found
    elif status >= 400:
        assert found["code"] and int(found["status"]) == status, found
        assert found.get("reason") or found.get("title")
    if status >= 400 or "errors" in found:
        text = body.decode().lower()
        assert not any(leak in text for leak in LEAKS), text[:500]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_comes_in_is_answered(
    shared: Client, made: dict[str, Callable[[Hostile], Asked]], name: str
) -> None:
    hostile = Hostile(SEED + NAMES.index(name))
    for number in range(CASES):
        asked = made[name](hostile)
        try:
            check(asked, *shared.run(answered(shared.app, asked)))
        except Exception as error:
            shown = f"{asked.method} {asked.path[:300]!r} {asked.query[:600]!r} {asked.headers!r:.400} {asked.body[:900]!r}"
            raise AssertionError(f"case {number}: {shown}") from error


# ---- the rules, one by one ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raised", [RecursionError, ValueError, OverflowError, UnicodeError, InvalidOperation]
)
def test_what_reading_raises_is_a_mistake_of_the_client(raised: type[Exception]) -> None:
    @reads("The text")
    def read() -> None:
        raise raised

    with pytest.raises(BadRequest, match="The text cannot be read"):
        read()


@pytest.mark.parametrize(
    "raised", [KeyError, TypeError, AttributeError, IndexError, AssertionError, Unavailable]
)
def test_a_mistake_of_ours_stays_one(raised: type[Exception]) -> None:
    @reads("The text")
    def read() -> None:
        raise raised("x")

    with pytest.raises(raised):
        read()


@pytest.mark.parametrize("text", ["²", "٣", "9" * 5000, "", "-1", "+1", "1.0", " 1", "1_0"])
def test_only_ascii_digits_are_a_whole_number(text: str) -> None:
    assert whole(text) is None and whole("012", 3) == 12


def nested(levels: int) -> dict[str, Any]:
    return {"not": nested(levels - 1)} if levels else {"id": {"eq": "1"}}


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ({"or": [{"category": {"regex": f"a{n}"}} for n in range(40)]}, "patterns of a filter"),
        ({"or": [{"id": {"eq": str(n)}} for n in range(201)]}, "comparisons of a filter"),
        ({"or": [{"note": {"text": {"eq": "x"}}} for n in range(120)]}, "comparisons of a filter"),
        (nested(20), "levels of conditions in each other"),
    ],
)  # fmt: skip
def test_the_work_of_a_filter_is_bounded(shared: Client, where: Any, what: str) -> None:
    query = "query ($w: ProductOrderFilter) { productOrders(where: $w) { totalCount } }"
    answer = shared.graphql(query, w=where)
    assert [error["extensions"]["limit"] for error in answer["errors"]] == [what]
    assert shared.statements == []


def test_a_filter_as_deep_as_it_may_be_is_answered(shared: Client) -> None:
    query = "query ($w: ProductOrderFilter) { productOrders(where: $w) { totalCount } }"
    assert "errors" not in shared.graphql(query, w=nested(15))


def test_the_same_over_rest(shared: Client) -> None:
    for query in (
        "&".join(["category.regex=a"] * 11),
        "filter=" + quote("||".join(["@.category=~/a/"] * 11)),
        "fields=" + ",".join(f"a{n}" for n in range(201)),
        "fields=" + ".".join(["a"] * 13),
    ):
        answer = shared.get(f"{ORDER}?{query}")
        assert answer.status_code == 400 and answer.json()["code"] == "TOO_MUCH", query
        assert shared.statements == []


@pytest.mark.parametrize(
    "keys",
    [[None], [1], [[]], [{}], [True], [], ["a", "b"], "a", None, 1, [1e308 * 10], ["\0"], ["\ud800"]],
)  # fmt: skip
def test_a_cursor_that_is_none(shared: Client, keys: Any) -> None:
    text = base64.urlsafe_b64encode(json.dumps(keys).encode()).decode()
    answer = shared.get(ORDER, params={"cursor": text})
    assert answer.status_code == 400 and "cursor" in answer.json()["message"]
    [error] = shared.graphql(
        "query ($c: String) { productOrders(after: $c) { totalCount nodes { id } } }", c=text
    )["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("value", [[], ["a"], [[]], {}, {"a": 1}])
def test_an_open_value_is_compared_with_scalars(shared: Client, value: Any) -> None:
    query = "query ($x: JSON) { services(where: { serviceCharacteristic: { value: { eq: $x } } }) { totalCount } }"
    [error] = shared.graphql(query, x=value)["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST" and "texts, numbers and booleans" in error["message"]


@pytest.mark.parametrize(
    "value",
    [
        float("inf"),
        float("-inf"),
        float("nan"),
        2**63,
        -(2**63) - 1,
        "\0",
        "\ud800",
        {"\0": 1},
        [[{"a": float("inf")}]],
    ],
)
def test_what_the_door_does_not_accept(value: Any) -> None:
    with pytest.raises(json_in.BadJson):
        json_in.accept({"a": value})


def test_a_name_that_stands_twice_is_found_at_once() -> None:
    """By the work that it takes: 200,000 names that were each counted would take hours."""
    names = ",".join(f'"{number}":1' for number in range(200_000))
    with pytest.raises(json_in.BadJson, match='The name "199999" stands twice'):
        json_in.decode(f'{{{names},"199999":2}}')


LITERALS = [
    "1e999",
    "-1e400",
    "1.0E+999",
    "9" * 400 + ".0",
    "9" * 5000,
    str(2**63),
    str(-(2**63) - 1),
    '"\\u0000"',
    '"a\\u{0}b"',
]


@pytest.mark.parametrize("literal", LITERALS)
def test_literals_pass_the_same_door(literal: str) -> None:
    for text in (f"{{ f(x: {literal}) }}", f"query ($x: JSON = [{{ a: {literal} }}]) {{ f(x: $x) }}"):
        with pytest.raises(GraphQLError):
            literals.check(text)


@pytest.mark.parametrize(
    "literal",
    [
        "1e308",
        "1e-999",
        str(2**63 - 1),
        str(-(2**63)),
        '"\\\\u0000"',
        '"1e999"',
        "# 1e999\n1",
        '"""\\u0000"""',
        '"\\u00e9"',
    ],
)
def test_literals_that_pass(literal: str) -> None:
    literals.check(f"{{ f(x: {literal}) }}")


@pytest.mark.parametrize(
    "query",
    [
        "{ productOrders(orderBy: [{ orderDate: $x }]) { totalCount } }",
        "query ($y: Direction!) { productOrders(orderBy: [{ orderDate: $x }]) { totalCount } }",
        "fragment f on Query { productOrders(orderBy: [{ orderDate: $x }]) { totalCount } } { ...f }",
        "fragment f on Query { productOrders(orderBy: [{ orderDate: $x }]) { totalCount } } query ($x: Direction) { ...f }",
        "fragment f on Query { productOrders(orderBy: [{ orderDate: $x, id: $x }]) { totalCount } } query { ...f }",
    ],
)
def test_a_sort_key_by_a_variable_that_is_none(shared: Client, query: str) -> None:
    for error in shared.graphql(query)["errors"]:
        assert error["extensions"]["code"] in ("GRAPHQL_VALIDATION_FAILED", "BAD_VALUE"), error
