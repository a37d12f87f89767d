"""Attacks over REST: documents, changes, query strings, headers, other people's pages, jobs."""

import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from models import WHOLE
from tests.attack.inputs import (
    JSON,
    JSON_PATCH,
    MERGE_PATCH,
    REST_BODY,
    Answer,
    Attack,
    Maker,
    Request,
    attack,
    nested,
)
from tmfgraph.settings import Settings

DOCUMENT = Settings().document_bytes_at_most
"""How large a document may become by changes."""


def _large(m: Maker, size: int) -> tuple[str, Any]:
    """A value of about so many bytes."""
    made: dict[str, Any] = {
        "text": lambda: m.text(size),
        "list": lambda: list(range(size // 7)),
        "texts": lambda: [m.text(20) for _ in range(size // 24)],
        "objects": lambda: [{"a": n} for n in range(size // 12)],
        "keys": lambda: {f"k{n}": n for n in range(size // 14)},
        "deep": lambda: json.loads(nested('{"a":', "1", "}", min(size // 6, 900))),
        "quotes": lambda: '"\\\n' * (size // 6),
        "letters": lambda: "é𝄞" * (size // 10),
        "empty": lambda: [{} for _ in range(size // 3)],
    }
    name = m.rng.choice(list(made))
    return name, made[name]()


@attack
def documents(m: Maker) -> Attack:
    """New documents of every kind that are large, deep, or full of numbers and names that hurt."""
    kind = m.kind("create", "delete")
    size = m.size(1_000, 2_300_000)
    document = m.document(kind)
    id = document["id"]
    way = m.rng.choice(["attribute", "extension", "reference", "characteristic", "number", "raw", "names"])
    body: Any = document
    name = way
    if way == "attribute":
        attribute = m.rng.choice(kind.attributes)
        name, document[attribute.key] = _large(m, size)
        name = f"{attribute.key}: {name}"
    elif way == "extension":
        name, document["x" + m.text(5).replace(" ", "")] = _large(m, size)
    elif way == "reference":
        one = {
            "id": m.text(30).replace(" ", ""),
            "role": "x",
            "@referredType": m.rng.choice(["Individual", "X"]),
        }
        document["relatedParty"] = [one | {"id": f"{n}"} for n in range(size // 70)]
    elif way == "characteristic":
        key = next((a.key for a in kind.attributes if "haracteristic" in a.key and a.many), "characteristic")
        document[key] = [{"name": m.text(40), "value": n} for n in range(size // 80)]
    elif way == "number":
        numbers = [
            "1e308",
            "1e999",
            "-1e999",
            "9" * size,
            "0." + "1" * size,
            "1e-400",
            "NaN",
            "Infinity",
            "01",
            "1e99999999999",
        ]
        body = (
            json.dumps(document | {"xNumber": 0})
            .replace('"xNumber": 0', f'"xNumber": {m.rng.choice(numbers)}')
            .encode()
        )
    elif way == "names":
        document[m.text(size)] = 1
    else:
        text = json.dumps(document)
        body = m.rng.choice(
            [text[:-1].encode(), text.encode("utf-16"), b"\xef\xbb\xbf" + text.encode(), b"[" * size, b'{"a":' * (size // 5),
             text.replace("{", '{"id": "a", "id": "b",', 1).encode(), text[:-1].encode() + b', "x": "\xff"}',
             text[:-1].encode() + b', "x": "\\ud800"}', text[:-1].encode() + b', "x": "\\u0000"}',
             text[:-1].encode() + b', "\\u0000": 1}', b"", b"null", b"[]", b"1", b'"x"', text.encode() + b"}" * 9]
        )  # fmt: skip
    request = m.post(kind, body)
    read = m.get(f"{kind.homes[0].url}/{id}")

    def judge(answers: Sequence[Answer]) -> Iterable[str]:
        created, found = answers
        if created.status == 201 and found.status != 200:
            yield f"was accepted and is not to be read: {found.status}"

    return Attack(
        f"{kind.name}: {name} of {size}",
        (request, read),
        judge,
        may_close=len(request.body) > REST_BODY,
        cleanup=(m.delete(kind, id),),
    )


@attack
def growing(m: Maker) -> Attack:
    """A document that grows by changes, none of which is large."""
    kind = m.kind("create", "patch", "delete")
    document = m.document(kind)
    id, steps = document["id"], m.rng.randint(3, 12)
    size = m.size(100_000, 1_900_000)
    way = m.rng.choice(["merge", "copy", "add", "query", "doubling", "graphql"])
    requests = [m.post(kind, document)]
    if way == "merge":
        requests += [m.patch(kind, id, {f"x{n}": m.text(size)}) for n in range(steps)]
    elif way == "copy":
        requests.append(m.patch(kind, id, {"x": [m.text(size // 4)]}))
        copies = [{"op": "copy", "from": "/x/0", "path": "/x/-"} for _ in range(m.size(10, 500))]
        requests.append(m.patch(kind, id, copies, JSON_PATCH))
    elif way == "doubling":
        requests.append(m.patch(kind, id, {"x": [{"a": m.text(10)}]}))
        doubled = [
            {"op": "copy", "from": "/x", "path": m.rng.choice(["/x/-", f"/x/0/b{n}"])}
            for n in range(m.rng.randint(8, 60))
        ]
        requests.append(m.patch(kind, id, doubled, JSON_PATCH))
    elif way == "add":
        for number in range(steps):
            added = [{"op": "add", "path": f"/x{number}y{n}", "value": m.text(size // 10)} for n in range(9)]
            requests.append(m.patch(kind, id, added, JSON_PATCH))
    elif way == "query":
        requests.append(m.patch(kind, id, {"x": [{"a": "b", "c": 1}] * 2}))
        media = ("Content-Type", "application/json-patch-query+json")
        query = [{"op": "add", "path": "/x/c?x.a=b", "value": m.text(size // 10)} for _ in range(steps)]
        requests.append(m.patch(kind, id, query, media))
    else:
        kind = WHOLE.kinds["Category"]
        requests = [m.post(kind, {"id": id, "name": "n"})]
        text = f'mutation ($i: CategoryUpdate!) {{ updateCategory(id: "{id}", input: $i) {{ id }} }}'
        requests += [m.graphql(text, {"i": {"extension": {f"x{n}": m.text(240_000)}}}) for n in range(14)]
    requests.append(m.get(f"{kind.homes[0].url}/{id}"))

    def judge(answers: Sequence[Answer]) -> Iterable[str]:
        if len(answers[-1].body) > 1.02 * DOCUMENT:
            yield f"the document has grown to {len(answers[-1].body):,} bytes"
        if answers[0].status != 201:
            yield f"the first request was not carried out: {answers[0].status} {answers[0].body[:200]!r}"

    return Attack(
        f"{kind.name} by {way}, {steps} x {size}", tuple(requests), judge, cleanup=(m.delete(kind, id),)
    )


@attack
def doing_nothing(m: Maker) -> Attack:
    """Changes that change nothing: they must leave no revision and no event."""
    kind = m.kind("create", "patch", "delete")
    document = m.document(kind, xKept={"a": [1, 2]})
    id, count = document["id"], m.size(3, 60)
    changes: list[tuple[Any, tuple[str, str]]] = [
        ({}, MERGE_PATCH),
        ({"xKept": {}}, MERGE_PATCH),
        ({"xKept": {"a": [1, 2]}}, MERGE_PATCH),
        ({"xNever": None}, MERGE_PATCH),
        ([], JSON_PATCH),
        ([{"op": "test", "path": "/xKept/a/0", "value": 1}], JSON_PATCH),
        ([{"op": "replace", "path": "/xKept/a/0", "value": 1}], JSON_PATCH),
        (
            [{"op": "add", "path": "/xKept/a/0", "value": 1}, {"op": "remove", "path": "/xKept/a/0"}],
            JSON_PATCH,
        ),
    ]
    chosen = m.rng.choice(changes)
    requests = [m.post(kind, document)] + [m.patch(kind, id, *chosen) for _ in range(count)]

    def judge(answers: Sequence[Answer]) -> Iterable[str]:
        tags = {answer.headers.get("etag") for answer in answers if answer.status in (200, 201)}
        if len(tags) > 1:
            yield f"{len(tags)} revisions by {chosen[0]!r}"

    return Attack(
        f"{kind.name}: {count} times {chosen[0]!r}", tuple(requests), judge, cleanup=(m.delete(kind, id),)
    )


@attack
def patches(m: Maker) -> Attack:
    """Patches that are no patches, or whose paths, operations and values hurt."""
    kind = m.kind("create", "patch", "delete")
    document = m.document(kind, x={"a": [1, {"b": 2}]})
    id, size = document["id"], m.size(10, 200_000)
    operation = m.rng.choice(
        [{"op": "add", "path": "/x/a/" + "9" * min(size, 5_000), "value": 1}, {"op": "add", "path": "/x" * size, "value": 1},
         {"op": "move", "from": "/x", "path": "/x/a/1/b"}, {"op": "copy", "from": "", "path": "/x"}, {"op": "remove", "path": ""},
         {"op": "replace", "path": "", "value": 1}, {"op": "test", "path": "/x", "value": [[]] * size}, {"op": "add", "path": 1},
         {"op": "x", "path": "/"}, {"op": [], "path": "/"}, {"op": "add", "path": "/~2", "value": 1}, {"op": "add", "path": "/x/a/-1", "value": 1},
         {"op": "add", "path": "/x/a/1٣", "value": 1}, {"op": "add", "path": "/\ud800", "value": 1}, {"op": "add", "path": "/\u0000", "value": 1}]
    )  # fmt: skip
    media = m.rng.choice(
        [JSON_PATCH, JSON_PATCH, MERGE_PATCH, ("Content-Type", "application/json-patch-query+json")]
    )
    change = m.rng.choice(
        [[operation], [operation] * m.size(2, 3_000), operation, [[operation]], [None], 1, None, "x"]
    )
    if len(json.dumps(change)) > REST_BODY:
        change = [operation]
    return Attack(
        f"{kind.name}: {str(operation)[:50]}", (m.post(kind, document), m.patch(kind, id, change, media)),
        cleanup=(m.delete(kind, id),), may_close=True,
    )  # fmt: skip


# ---- query strings -------------------------------------------------------------------------------


@attack
def query_strings(m: Maker) -> Attack:
    """Filters, sort keys, choices and expansions that are deep, long, many, or nonsense."""
    kind = m.kind(held=True)
    depth, names = m.size(2, 3_000), [a.key for a in kind.attributes]
    name = m.rng.choice(names)
    deep = ".".join([name] + ["a"] * depth)
    many = ",".join(m.rng.choice(names) for _ in range(depth))
    path = nested("[?(@." + name, "=='x'", ")]", min(depth, 300))
    parameters: list[tuple[str, str]] = m.rng.choice(
        [
            [("fields", deep)], [("fields", ",".join(f"{name}.{'a.' * 9}{n}" for n in range(depth)))], [("fields", many)],
            [("expand", deep)], [("expand", many)], [("expand", ".".join(["relatedParty"] * depth))], [("depth", "9" * depth)],
            [("depth", m.rng.choice(["1", "2", "9", "-1", "x"])), ("limit", "1000")],
            [("sort", deep)], [("sort", many)], [("sort", "-" * depth + name)],
            [("filter", f"${path}")], [("filter", "$" + "[?(@.a" * depth)], [("filter", "$[?(" + "!" * depth + "@.a)]")],
            [("filter", "$[?(" + "||".join([f"@.{name}=='x'"] * depth) + ")]")], [("filter", "$[?(" + nested("(", "@.a", ")", depth) + ")]")],
            [("filter", "$.." + "*" * depth)], [("limit", "9" * depth)], [("offset", "9" * 9)], [("offset", "-1")],
            [(deep, "x")], [(f"{name}.regex", "(a+)+$")], [(f"{name}.regex", "x" * depth)], [(name, "\u0000")], [(name, "x" * depth)],
            [(name, ",".join("x" for _ in range(depth)))], [(f"{name}.gt", "x"), (f"{name}.lt", "")], [("", "")],
            [(f"{name}{n}", "1") for n in range(min(depth, 400))], [(name, str(n)) for n in range(min(depth, 99))],
            [("cursor", "x" * depth)], [("cursor", "W" * depth)], [("@type", "x"), ("@type.ne", "y")], [("limit", "1٣")], [("offset", "²")],
        ]
    )  # fmt: skip
    text = urlencode(parameters)
    if m.rng.random() < 0.1:
        text = m.rng.choice(
            ["%", "%zz", "%ff=1", "a=%ff", "&" * depth, "=" * depth, "a=%00", "%ED%A0%80=1", "a;b"]
        )
    path_ = m.path(kind) if m.rng.random() < 0.8 else f"{m.path(kind)}/{quote(m.id(kind))}"
    return Attack(
        f"{text[:60]} of {len(text)}", (m.get(f"{path_}?{text[:60_000]}"),), may_close=len(text) > 7_000
    )


@attack
def paths(m: Maker) -> Attack:
    """Paths that lead nowhere, or somewhere else."""
    kind = m.kind(held=True)
    size = m.size(2, 40_000)
    id = m.rng.choice(
        ["..", "../..", "%2e%2e", "%00", "%ff", "%", "%zz", "a" * size, "%41" * (size // 3), "/" * size, ";" * size, "\\..\\..", "é",
         "%ED%A0%80", "a%0d%0aX: y", "?", "#", "a?b=%00", "*", "{id}", "%2F%2F", "..;/", "a b"]
    )  # fmt: skip
    base = m.rng.choice(
        [
            f"{m.path(kind)}/",
            "/tmf-api/",
            "/openapi/",
            "/static/",
            "/static/swagger/",
            "/graphql/",
            "/",
            "/health/",
        ]
    )
    method = m.rng.choice(
        ["GET", "GET", "PATCH", "DELETE", "PUT", "POST", "HEAD", "OPTIONS", "TRACE", "X" * 30]
    )
    return Attack(
        f"{method} {base}{id[:30]}",
        (Request(method, f"{base}{id}".replace(" ", "%20"), b"{}", (JSON,)),),
        may_close=True,
    )


# ---- headers -------------------------------------------------------------------------------------


@attack
def headers(m: Maker) -> Attack:
    """Headers that are malformed, long, many, or contradict each other."""
    kind = m.kind(held=True)
    id, size = m.id(kind), m.size(10, 200_000)
    host: str | None = None
    hosts = ["[", "[::1", "]", "[::1]:", "a:b:c", "localhost:99999999", "localhost:x", "[x]", "\xff", "", " ", "localhost@evil",
             "127.0.0.1:80:80", "[v1.x]", "::1", "[::ffff:127.0.0.1%25x]", "localhost\t", "l" * size, "xn--", "[" * size]  # fmt: skip
    values = [
        "",
        "*",
        "\xff\xfe",
        "x" * size,
        ",".join('"x"' for _ in range(size // 4)),
        '"' * min(size, 9_000),
        "\u00b2",
        "=",
        ";",
        "0" * size,
    ]
    given = m.rng.choice(
        [("Range", "items=\u00b2-\u00b3"), ("Range", f"items=0-{'9' * size}"), ("Range", "items=" + "0-1," * (size // 4)), ("Range", "items=-"),
         ("Range", "items=5-1"), ("If-None-Match", m.rng.choice(values)), ("If-Match", m.rng.choice(values)), ("Prefer", m.rng.choice(values)),
         ("Accept", m.rng.choice(values)), ("Accept", "a/b;q=" + "9" * min(size, 9_000)), ("Content-Type", m.rng.choice(values)),
         ("Idempotency-Key", m.rng.choice(values)), ("Authorization", f"Bearer {'a.' * (size // 2)}"), ("Authorization", m.rng.choice(values)),
         ("Cookie", m.rng.choice(values)), ("Origin", m.rng.choice(values)), ("X-Forwarded-Host", "evil"), ("Expect", "100-continue"),
         ("Content-Encoding", "gzip"), ("Content-Encoding", "br, gzip, deflate"), ("Upgrade", "websocket"), ("X-A" * min(size, 9_000), "1")]
    )  # fmt: skip
    if m.rng.random() < 0.4:
        host = m.rng.choice(hosts)
    many = m.rng.choice([1, 1, 1, 3, 1_000])
    more = tuple((f"X-{n}", "1") for n in range(many)) if many > 1 else ()
    method, target, body = m.rng.choice(
        [("GET", m.path(kind), b""), ("GET", f"{kind.homes[0].url}/{id}", b""), ("GET", "/graphql?query=%7B__typename%7D", b""),
         ("POST", "/graphql", b'{"query":"{__typename}"}'), ("GET", "/health/live", b""), ("GET", "/", b""), ("GET", "/openapi/TMF622.json", b"")]
    )  # fmt: skip
    kept = () if given[0] == "Content-Type" or method == "GET" else (JSON,)
    shape = (
        f"Host {host[:20]!r}"
        if host is not None
        else f"{given[0][:20]}: {given[1][:20]!r} of {len(given[1])}"
    )
    return Attack(
        f"{shape}, {many} more on {method} {target[:30]}",
        (Request(method, target, body, (*kept, given, *more), host),),
        may_close=True,
    )


# ---- what is stored ------------------------------------------------------------------------------


@attack
def indexed_text(m: Maker) -> Attack:
    """Long text in attributes that an index may hold: states, ids, names of characteristics, references."""
    kind = m.kind("create", "delete")
    document = m.document(kind)
    id, size = document["id"], m.size(2_000, 150_000)
    scalars = [a.key for a in kind.scalars if a.type is str and not a.write_only]
    ways = ["characteristic", "reference", "key", "type"] + (["scalar"] * 5 if scalars else [])
    way = m.rng.choice(ways)
    request_headers: tuple[tuple[str, str], ...] = ()
    if way == "scalar":
        state = [kind.state] if kind.state in scalars else []
        way = m.rng.choice([*state * 3, *scalars])
        document[way] = m.text(size)
    elif way == "characteristic":
        key = next((a.key for a in kind.attributes if "haracteristic" in a.key and a.many), "characteristic")
        document[key] = [{"name": m.text(size), "value": m.text(size)}]
    elif way == "reference":
        document["relatedParty"] = [
            {"id": m.text(size), "role": m.text(size), "name": "x", "@referredType": "Individual"}
        ]
    elif way == "type":
        document["@type"] = m.text(size)
    else:
        request_headers = (("Idempotency-Key", m.text(min(size, 255)).strip() or "x"),)
    return Attack(
        f"{kind.name}.{way} of {size}",
        (m.post(kind, document, *request_headers),),
        cleanup=(m.delete(kind, id),),
    )


@attack
def lists_of_large(m: Maker) -> Attack:
    """Lists of documents that are each as large as may be."""
    kind = WHOLE.kinds["UsageSpecification"]
    count, size = m.size(3, 15), m.size(200_000, 990_000)
    ids = [m.fresh() for _ in range(count)]
    requests = [m.post(kind, m.document(kind, id=id, xLarge=m.text(size))) for id in ids]
    path = kind.homes[0].url
    requests += [
        m.get(f"{path}?limit=1000"), m.get(f"{path}?fields=xLarge&limit=1000"), m.get(f"{path}?depth=1"),
        m.get(f"{path}?xLarge=1" if m.rng.random() < 0.3 else f"{path}?sort=-lastUpdate"),
        m.graphql("{ a: usageSpecifications { nodes { extension } } b: usageSpecifications { nodes { extension } } }"),
    ]  # fmt: skip
    return Attack(f"{count} of {size}", tuple(requests), cleanup=tuple(m.delete(kind, id) for id in ids))


@attack
def bulk(m: Maker) -> Attack:
    """Many creations in one request."""
    kind = m.rng.choice([WHOLE.kinds["Category"], WHOLE.kinds["Individual"], m.kind("create", "delete")])
    count = m.size(5, 4_000)
    documents = [m.document(kind) for _ in range(count)]
    if m.rng.random() < 0.3:
        documents[-1]["id"] = documents[0]["id"]
    change = [{"op": "add", "path": "/-", "value": one} for one in documents]
    body = json.dumps(change).encode()
    request = Request("PATCH", kind.homes[0].url, body, (JSON_PATCH,))
    return Attack(
        f"{count} of {kind.name}", (request,), may_close=len(body) > REST_BODY,
        cleanup=tuple(m.delete(kind, one["id"]) for one in documents[: min(count, 50)]),
    )  # fmt: skip


# ---- other people's pages ------------------------------------------------------------------------


@attack
def foreign_pages(m: Maker) -> Attack:
    """What a page of another site can make a browser send without asking this server first."""
    kind = WHOLE.kinds["Category"]
    id = m.fresh()
    document = json.dumps({"id": id, "name": "from another site"}).encode()
    mutation = f'mutation {{ createCategory(input: {{ id: "{id}", name: "n" }}) {{ id }} }}'
    simple: list[tuple[tuple[str, str], ...]] = [
        (), (("Content-Type", "text/plain"),), (("Content-Type", "text/plain;charset=UTF-8"),), (("Content-Type", ""),),
        (("Content-Type", "application/x-www-form-urlencoded"),), (("Content-Type", "multipart/form-data; boundary=x"),),
        (("Content-Type", "text/plain; application/json"),), (("Content-Type", "text/plain, application/json"),),
        (("Content-Type", "*/*"),),
    ]  # fmt: skip
    sites: list[tuple[tuple[str, str], ...]] = [
        (("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")), (("Origin", "https://evil.example"),),
        (("Origin", "null"),), (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")), (("Origin", "http://localhost.evil.example"),),
        (("Sec-Fetch-Site", "same-site"), ("Origin", "http://other.localhost")), (("Origin", "http://localhost:1"),),
    ]  # fmt: skip
    way = m.rng.choice(["type", "site", "graphql type", "graphql site", "get", "delete"])
    site = m.rng.choice(sites)
    request = {
        "type": lambda: Request("POST", kind.homes[0].url, document, m.rng.choice(simple)),
        "site": lambda: Request("POST", kind.homes[0].url, document, (JSON, *site)),
        "graphql type": lambda: Request(
            "POST", "/graphql", json.dumps({"query": mutation}).encode(), m.rng.choice(simple)
        ),
        "graphql site": lambda: Request(
            "POST", "/graphql", json.dumps({"query": mutation}).encode(), (JSON, *site)
        ),
        "get": lambda: Request(
            "GET", f"/graphql?{urlencode({'query': '{ customers { nodes { id } } }'})}", b"", site
        ),
        "delete": lambda: Request("DELETE", f"{kind.homes[0].url}/none", b"", site),
    }[way]()

    def judge(answers: Sequence[Answer]) -> Iterable[str]:
        tried, written = answers
        if written.status == 200:
            yield "a page of another site has written"
        if tried.status < 400:
            yield f"was carried out for a page of another site: {tried.status}"

    return Attack(
        f"{way}: {request.headers}",
        (request, m.get(f"{kind.homes[0].url}/{id}")),
        judge,
        cleanup=(m.delete(kind, id),),
    )


@attack
def jobs(m: Maker) -> Attack:
    """Import and export jobs whose files have names that no file can have, or should not have."""
    kind = WHOLE.kinds[m.rng.choice(["ImportJob", "ExportJob"])]
    name = m.rng.choice(
        ["x" * m.size(200, 100_000), "../" * m.size(1, 300) + "etc/passwd", "/etc/passwd", "a\u0000b", "", ".", "..", "a/b/c", "é" * 200,
         "file:///etc/passwd", "http://169.254.169.254/", "\\\\host\\share", "con", "a" * 255, "a" * 251 + ".json", "%2e%2e%2fx", "a\nb", "-rf"]
    )  # fmt: skip
    ids = [m.fresh() for _ in range(m.rng.choice([1, 1, 25]))]
    requests = [m.post(kind, {"id": id, "url": name}) for id in ids]
    return Attack(
        f"{len(ids)} {kind.name} of {name[:30]!r}, {len(name)} long",
        tuple(requests),
        cleanup=tuple(m.delete(kind, id) for id in ids),
    )
