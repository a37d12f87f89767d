"""What a change makes of a document: how long it may become, and that a change of nothing writes nothing."""

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models import WHOLE
from models.declare import Kind
from models.tables import event
from resolvers.storage.documents import SERVERS_ROOM
from tests.conftest import Client
from tests.samples import complete, every_kind, fresh, minimal
from tmfgraph import load
from tmfgraph.settings import Settings

JSON_PATCH = "application/json-patch+json"
PATCH_QUERY = "application/json-patch-query+json"
AT_MOST = 20_000


def send(client: Client, path: str, media: str, body: Any, **headers: str) -> Any:
    return client.patch(path, body, headers={"Content-Type": media, **headers})


def events(client: Client) -> int:
    async def count() -> int:
        async with client.app.state.engine.connect() as connection:
            return await connection.scalar(sa.select(sa.func.count()).select_from(event))

    return client.run(count())


# ---- a change of nothing ----------------------------------------------------------------------------


def _reversed(value: Any) -> Any:
    """The same value with the names of its objects in the other order."""
    if isinstance(value, dict):
        return {key: _reversed(inner) for key, inner in reversed(value.items())}
    return [_reversed(inner) for inner in value] if isinstance(value, list) else value


def _changes_of_nothing(read: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "application/json", {}
    yield "application/merge-patch+json", read
    yield "application/merge-patch+json", _reversed(read)
    yield "application/merge-patch+json", {"x-not-there": None}
    key = next(key for key in read if not key.startswith("@") and key not in ("id", "href"))
    yield JSON_PATCH, []
    yield JSON_PATCH, [{"op": "test", "path": f"/{key}", "value": read[key]}]
    yield JSON_PATCH, [{"op": "replace", "path": "", "value": _reversed(read)}]
    there = {"op": "add", "path": "/x-new", "value": [1]}
    moved = {"op": "move", "from": "/x-new", "path": "/x-newer"}
    yield JSON_PATCH, [there, moved, {"op": "remove", "path": "/x-newer"}]
    yield PATCH_QUERY, [{"op": "replace", "path": f"/{key}", "value": read[key]}]


@pytest.mark.parametrize("kind", every_kind("create", "patch"))
def test_a_change_of_nothing_writes_nothing(shared: Client, kind: Kind) -> None:
    url = kind.homes[0].url
    made = shared.post(url, complete(kind))
    assert made.status_code == 201, made.text
    path = f"{url}/{made.json()['id']}"
    first = shared.get(path)
    before = events(shared)
    for media, change in _changes_of_nothing(first.json()):
        answer = send(shared, path, media, change)
        assert answer.status_code == 200, (media, change, answer.text)
        assert answer.content == first.content, (media, change)
        for name in ("etag", "last-modified"):
            assert answer.headers[name] == first.headers[name], (media, change)
    mutation = f"mutation M($id: ID!) {{ {'update' + kind.name}(id: $id, input: {{}}) {{ id }} }}"
    shared.data(mutation, id=made.json()["id"])
    assert events(shared) == before
    assert shared.get(path).content == first.content
    # What came with a precondition is still held to it.
    assert send(shared, path, JSON_PATCH, [], **{"If-Match": '"9"'}).status_code == 412
    assert send(shared, path, JSON_PATCH, [], **{"If-Match": first.headers["etag"]}).status_code == 200
    changed = send(shared, path, "application/json", {"x-new": True})
    assert changed.headers["etag"] != first.headers["etag"] and events(shared) == before + 1
    numbered = send(shared, path, "application/json", {"x-new": 1})
    assert numbered.headers["etag"] != changed.headers["etag"], "true is not 1"


def test_a_secret_given_again_is_a_change_and_one_forgotten_twice_is_not(shared: Client) -> None:
    url = WHOLE.kinds["DigitalIdentity"].homes[0].url
    credential = {"@type": "LoginPasswordCredential", "id": "1", "login": "ada"}
    path = f"{url}/{shared.post(url, {'credential': [{**credential, 'password': 'one'}]}).json()['id']}"
    tags = [
        send(shared, path, "application/json", {"credential": [{**credential, **change}]}).headers["etag"]
        for change in ({}, {"password": "one"}, {}, {"password": None}, {})
    ]
    assert tags == ['"1"', '"2"', '"2"', '"3"', '"3"']
    forgotten = [{"op": "add", "path": "/credential/0/password", "value": None}]
    assert send(shared, path, JSON_PATCH, forgotten).headers["etag"] == '"3"'


def test_an_entity_that_is_loaded_again_stays_as_it_is(
    client: Client, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "documents.ndjson"
    lines = [{**minimal(kind), "id": fresh(), "@type": kind.name} for kind in WHOLE.kinds.values()]
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    for expected in (len(lines), len(lines)):
        assert client.run(load.run(database_url, Settings(), files=[str(file)])) == 0, capsys.readouterr()
        assert events(client) == expected
    assert f"{len(lines)} as they were" in capsys.readouterr().err


# ---- how long a document may become -----------------------------------------------------------------


@pytest.fixture(scope="module")
def small(module_database_url: str) -> Iterator[Client]:
    made = Client(module_database_url, document_bytes_at_most=AT_MOST)
    yield made
    made.close()


SERVICE = "/tmf-api/serviceInventory/v4/service"
ACTIVATED = "/tmf-api/ServiceActivationAndConfiguration/v4/service"
LONG = "ü" * (AT_MOST // 2)
HALF = "x" * (AT_MOST * 2 // 3)


def _service(**more: Any) -> dict[str, Any]:
    return {**minimal(WHOLE.kinds["Service"]), **more}


def test_no_kind_of_change_makes_a_document_too_long(small: Client) -> None:
    made = small.post(SERVICE, _service(**{"x-text": HALF}))
    assert made.status_code == 201
    path = f"{SERVICE}/{made.json()['id']}"
    before = events(small)
    copies = [{"op": "copy", "from": "/x-text", "path": "/x-again"}]
    answers = [
        small.post(SERVICE, _service(**{"x-text": LONG})),
        small.post(ACTIVATED, _service(**{"x-text": LONG}), headers={"Prefer": "respond-async"}),
        small.post(SERVICE, _service(**{"x-text": LONG}), headers={"Idempotency-Key": "long"}),
        send(small, path, "application/json", {"x-more": HALF}),
        send(small, path, JSON_PATCH, [{"op": "add", "path": "/x-more", "value": HALF}]),
        send(small, path, JSON_PATCH, copies),
        send(small, path, PATCH_QUERY, copies),
        send(small, SERVICE, JSON_PATCH, [{"op": "add", "path": "/-", "value": _service(x=LONG)}]),
    ]
    for number, answer in enumerate(answers):
        assert answer.status_code == 413, (number, answer.text[:500])
        body = answer.json()
        assert (body["code"], body["atMost"]) == ("DOCUMENT_TOO_LARGE", AT_MOST)
        assert body["value"] > AT_MOST and str(f"{AT_MOST:,}") in body["message"]
    create = "mutation M($d: ServiceCreate!) { createService(input: $d) { id } }"
    update = "mutation M($i: ID!, $d: ServiceUpdate!) { updateService(id: $i, input: $d) { id } }"
    service = {"state": "active", "serviceSpecification": {"id": "s"}}
    for query, given in (
        (create, {"d": {**service, "extension": {"x-text": LONG}}}),
        (update, {"i": made.json()["id"], "d": {"extension": {"x-more": HALF}}}),
    ):
        answer = small.graphql(query, **given)
        assert answer["errors"][0]["extensions"]["code"] == "DOCUMENT_TOO_LARGE", answer
    assert events(small) == before
    assert small.get(path).headers["etag"] == '"1"'


def test_a_document_that_was_longer_before_can_be_made_shorter(small: Client) -> None:
    unbounded = small.store  # counts nothing
    document = {**minimal(WHOLE.kinds["Service"]), "x-text": HALF, "x-more": HALF}
    made = small.run(unbounded.create(WHOLE.kinds["Service"], document))
    path = f"{SERVICE}/{made.id}"
    assert send(small, path, "application/json", {"name": "new and longer"}).status_code == 413
    assert send(small, path, "application/json", {"x-more": HALF[:-10]}).status_code == 200
    assert send(small, path, JSON_PATCH, [{"op": "remove", "path": "/x-more"}]).status_code == 200


def test_the_monitor_of_the_longest_request_still_fits(small: Client) -> None:
    room = AT_MOST - len(json.dumps(_service(**{"x-text": ""}), ensure_ascii=False).encode()) - 200
    for text in ('"' * (room // 2), "\\" * (room // 2), "\n" * (room // 2), "x" * room):
        answer = small.post(ACTIVATED, _service(**{"x-text": text}), headers={"Prefer": "respond-async"})
        assert answer.status_code == 202, (text[:5], answer.text)
        assert small.carry_out() == 1
        done = small.get(answer.json()["href"])
        assert done.json()["state"] == "Completed" and len(done.content) < AT_MOST * SERVERS_ROOM


def test_a_load_refuses_a_document_that_is_too_long(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = Client(database_url)
    file = tmp_path / "documents.ndjson"
    documents = [
        _service(**{"@type": "Service", "id": id, "x": text}) for id, text in (("a", "b"), ("c", LONG))
    ]
    file.write_text("\n".join(map(json.dumps, documents)), encoding="utf-8")
    settings = Settings(document_bytes_at_most=AT_MOST)
    assert client.run(load.run(database_url, settings, files=[str(file)])) == 1
    said = capsys.readouterr().err
    assert f"{file}:2: This Service would have" in said and "up to 20,000" in said
    assert [row["id"] for row in client.get(SERVICE).json()] == ["a"]
    client.close()


def test_random_changes_never_pass_the_bound(small: Client) -> None:
    choose = random.Random(7)
    path = f"{SERVICE}/{small.post(SERVICE, _service()).json()['id']}"
    for _ in range(60):
        text, name = "é" * choose.randint(1, AT_MOST // 2), f"x-{choose.randint(1, 4)}"
        place = {"path": f"/{name}", "value": [text]}
        if choose.random() < 0.5:
            send(small, path, "application/json", {name: choose.choice([text, None, {name: text}])})
        else:
            copy = {"op": "copy", "from": f"/{name}", "path": f"/x-{choose.randint(1, 4)}"}
            send(small, path, JSON_PATCH, [{"op": "add", **place}, copy])
        stored = small.get(path)
        assert stored.status_code == 200 and len(stored.content) < AT_MOST + 500


@pytest.mark.parametrize("number", [99, 101, 3000, 200_000])
def test_of_many_problems_the_first_are_told(shared: Client, number: int) -> None:
    for method, path, body in (
        ("POST", "/tmf-api/productOrderingManagement/v4/productOrder", {"productOrderItem": [None] * number}),
        ("PATCH", "/tmf-api/productOrderingManagement/v4/productOrder",
         [{"op": "add", "path": "/", "value": {"productOrderItem": [None] * (number // 10)}} for _ in range(10)]),
    ):  # fmt: skip
        media = "application/json" if method == "POST" else "application/json-patch+json"
        answer = shared.request(method, path, json=body, headers={"content-type": media})
        assert answer.status_code == 400, answer.text[:300]
        assert len(answer.content) < 30_000
        assert number < 100 or len(answer.json()["problems"]) == 100


def test_two_that_create_the_same_in_another_order_do_not_wait_for_each_other(client: Client) -> None:
    """One creates them all, the others are told so: nobody waits for a lock until it times out."""
    path, ids = "/tmf-api/party/v4/individual", [f"both-{number}" for number in range(30)]

    async def many() -> list[int]:
        headers = {"content-type": "application/json-patch+json"}
        bodies = []
        for turn in range(8):
            order = ids if turn % 2 else ids[::-1]
            values = [{"id": id, "givenName": "A", "familyName": "B"} for id in order]
            bodies.append([{"op": "add", "path": "/", "value": value} for value in values])
        answers = await asyncio.gather(
            *(client._http.patch(path, json=body, headers=headers) for body in bodies)
        )
        return sorted(answer.status_code for answer in answers)

    assert client.run(many()) == [201] + [409] * 7


def test_a_request_brings_in_so_many_references(shared: Client) -> None:
    path, body = "/tmf-api/party/v4/individual", {"givenName": "A", "familyName": "B"}
    parties = [{"id": f"{number}", "name": "x", "@referredType": "Organization"} for number in range(2001)]
    assert shared.post(path, {**body, "relatedParty": parties[:2000]}).status_code == 201
    answer = shared.post(path, {**body, "relatedParty": parties})
    assert answer.status_code == 400 and answer.json()["code"] == "TOO_MUCH"
