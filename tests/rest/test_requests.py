"""What REST requests ask for beside their body: pages, order, fields, preconditions, idempotency, media types."""

import asyncio
import datetime as dt
import json
import re
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from models import WHOLE
from models.declare import Kind
from models.tables import event, idempotency, table
from models.times import instant
from resolvers.storage import store as store_module
from tests.conftest import Client
from tests.samples import complete, every_kind, fresh, minimal

CATEGORY = WHOLE.kinds["Category"]
URL = CATEGORY.homes[0].url

every = pytest.mark.parametrize("kind", every_kind())


def create(client: Client, kind: Kind) -> str:
    return client.hold(kind, complete(kind)).id


# ---- pages ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def categories(shared: Client) -> Client:
    for n in range(25):
        document = {"id": f"c-{n:02d}", "name": f"n{n % 5}", "isRoot": n % 2 == 0}
        if n % 3:
            document["validFor"] = {"startDateTime": f"2026-01-{n + 1:02d}T00:00:00Z"}
        shared.hold(CATEGORY, document)
    return shared


def links(answer: httpx.Response) -> dict[str, str]:
    found = re.findall(r'<([^>]*)>; rel="([a-z]+)"', answer.headers["link"])
    return {name: address.removeprefix("http://localhost:8000") for address, name in found}


def ids(answer: httpx.Response) -> list[str]:
    return [one["id"] for one in answer.json()]


@pytest.mark.parametrize("query", ["", "&sort=-name", "&sort=name,-isRoot", "&sort=-validFor.startDateTime"])
def test_links_lead_through_the_whole_list_in_both_directions(categories: Client, query: str) -> None:
    whole = ids(categories.get(f"{URL}?limit=100{query}"))
    assert len(whole) == 25
    answer = categories.get(f"{URL}?limit=7{query}")
    forwards, pages = ids(answer), 1
    while "next" in links(answer):
        assert answer.headers["x-total-count"] == "25"
        answer = categories.get(links(answer)["next"])
        assert answer.status_code == 200, answer.text
        forwards += ids(answer)
        pages += 1
    assert forwards == whole and pages == 4
    assert answer.headers["content-range"] == "items 21-24/25"
    assert ids(categories.get(links(answer)["last"])) == ids(answer) == whole[21:]
    backwards = ids(answer)
    while "prev" in links(answer):
        answer = categories.get(links(answer)["prev"])
        backwards = ids(answer) + backwards
    assert backwards == whole
    assert links(answer)["self"] and ids(categories.get(links(answer)["first"])) == whole[:7]


def test_a_page_keeps_its_filters_and_fields_in_its_links(categories: Client) -> None:
    answer = categories.get(f"{URL}?name=n1&isRoot.ne=true&fields=name&limit=1&offset=1&sort=-id")
    assert set(answer.json()[0]) == {"id", "href", "@type", "name"}
    following = categories.get(links(answer)["next"]) if "next" in links(answer) else answer
    assert all(one["name"] == "n1" for one in following.json())
    assert answer.headers["x-total-count"] == following.headers["x-total-count"] == "3"


def test_a_list_is_sorted_by_several_keys(categories: Client) -> None:
    found = categories.get(f"{URL}?sort=-name,id&limit=100").json()
    assert [(one["name"], one["id"]) for one in found] == sorted(
        ((one["name"], one["id"]) for one in found), key=lambda pair: (-int(pair[0][1:]), pair[1])
    )
    starts = [one.get("validFor", {}).get("startDateTime") for one in
              categories.get(f"{URL}?sort=validFor.startDateTime&limit=100").json()]  # fmt: skip
    known = [start for start in starts if start]
    assert known == sorted(known) and starts[len(known) :] == [None] * (25 - len(known))
    for wrong in ("nothing", "validFor", "-", "relatedParty.id", "name,,id", ",".join(["name"] * 9)):
        assert categories.get(f"{URL}?sort={wrong}").status_code == 400, wrong


def test_a_part_of_a_list_by_range_or_as_the_setting_says(
    categories: Client, module_database_url: str
) -> None:
    assert categories.get(f"{URL}?limit=5").status_code == 200
    answer = categories.get(URL, headers={"Range": "items=5-9"})
    assert (answer.status_code, answer.headers["content-range"]) == (206, "items 5-9/25")
    assert ids(answer) == [f"c-{n:02d}" for n in range(5, 10)]
    past = categories.get(URL, headers={"Range": "items=25-30"})
    assert (past.status_code, past.headers["content-range"]) == (416, "items */25")
    assert categories.get(URL, headers={"Range": "items=9-5"}).status_code == 400
    assert categories.get(URL, headers={"Range": "bytes=0-5"}).status_code == 200
    partial = Client(module_database_url, partial_content=True)
    try:
        assert partial.get(f"{URL}?limit=5").status_code == 206
        assert partial.get(f"{URL}?limit=100").status_code == 200
    finally:
        partial.close()


def test_a_long_list_is_counted_so_far_unless_asked(
    categories: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.rest.facade.COUNTED_AT_MOST", 10)
    answer = categories.get(f"{URL}?limit=5")
    assert (answer.headers["x-total-count"], answer.headers["x-total-count-capped"]) == ("10", "true")
    assert answer.headers["content-range"] == "items 0-4/*" and "last" not in links(answer)
    found = ids(answer)
    while "next" in links(answer):
        answer = categories.get(links(answer)["next"])
        found += ids(answer)
    assert len(found) == 25, "the links go on beyond what was counted"
    exact = categories.get(f"{URL}?limit=5", headers={"Prefer": "count=exact"})
    assert exact.headers["x-total-count"] == "25" and "x-total-count-capped" not in exact.headers
    assert exact.headers["preference-applied"] == "count=exact"
    assert store_module.COUNTED_AT_MOST == 100_000


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=x", "offset=1.5", "cursor=nonsense", "limit=1&limit=2", "fields=a&fields=b"]
)
def test_a_page_that_cannot_be_is_refused(categories: Client, query: str) -> None:
    assert categories.get(f"{URL}?{query}").status_code == 400


# ---- fields ---------------------------------------------------------------------------------------


@every
def test_fields_choose_at_every_level(shared: Client, kind: Kind) -> None:
    id = create(shared, kind)
    for home in kind.homes:
        address = f"{home.url}/{id}"
        whole = shared.get(address).json()
        always = {key: whole[key] for key in ("id", "href", "@type")}
        assert shared.get(f"{address}?fields=none").json() == always
        assert shared.get(f"{address}?fields=").json() == whole
        for attribute in kind.attributes:
            if attribute.key in always or attribute.key not in whole:
                continue
            chosen = shared.get(f"{address}?fields={attribute.key}").json()
            assert chosen == {**always, attribute.key: whole[attribute.key]}, attribute.key
        nested = next((a for a in kind.attributes if a.is_value and whole.get(a.key)), None)
        if nested is None:
            continue
        one = whole[nested.key][0] if nested.many else whole[nested.key]
        name = next(iter(one))
        chosen = shared.get(f"{address}?fields={nested.key}.{name},nothing").json()[nested.key]
        expected = (
            [{k: v for k, v in o.items() if k == name} for o in whole[nested.key]]
            if nested.many
            else {name: one[name]}
        )
        assert chosen == expected


# ---- conditional requests ---------------------------------------------------------------------------


@every
def test_an_entity_has_a_tag_and_a_date(shared: Client, kind: Kind) -> None:
    id = create(shared, kind)
    address = f"{kind.homes[0].url}/{id}"
    answer = shared.get(address)
    tag = answer.headers["etag"]
    assert re.fullmatch(r'"\d+"', tag)
    when = parsedate_to_datetime(answer.headers["last-modified"])
    assert abs(when - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)
    same = shared.get(address, headers={"If-None-Match": f'"other", {tag}'})
    assert (same.status_code, same.text, same.headers["etag"]) == (304, "", tag)
    assert shared.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
    assert shared.get(address, headers={"If-None-Match": "*"}).status_code == 304
    listed = shared.get(kind.homes[0].url, params={"id": id})
    again = shared.get(
        kind.homes[0].url, params={"id": id}, headers={"If-None-Match": listed.headers["etag"]}
    )
    assert again.status_code == 304
    if "patch" not in kind.operations:
        return
    stale = shared.patch(address, {"x-a": 1}, headers={"If-Match": '"999"'})
    assert stale.status_code == 412 and "Read it again" in stale.json()["message"]
    assert shared.get(address).json() == answer.json()
    for condition in ('W/"1"', "nonsense", '""'):
        assert shared.patch(address, {"x-a": 1}, headers={"If-Match": condition}).status_code == 412
    changed = shared.patch(address, {"x-a": 1}, headers={"If-Match": f'"7", {tag}'})
    assert changed.status_code == 200, changed.text
    assert changed.headers["etag"] not in (tag, "")
    assert shared.get(address, headers={"If-None-Match": tag}).status_code == 200
    assert shared.patch(address, {"x-a": 2}, headers={"If-Match": "*"}).status_code == 200
    if "delete" in kind.operations:
        force = {"force": "true"}
        assert shared.delete(address, params=force, headers={"If-Match": tag}).status_code == 412
        now = shared.get(address).headers["etag"]
        assert shared.delete(address, params=force, headers={"If-Match": now}).status_code == 204
        assert shared.delete(address, params=force, headers={"If-Match": now}).status_code == 404


def test_a_new_one_only_where_there_is_none(client: Client) -> None:
    document, only_new = {"id": "c", "name": "n"}, {"If-None-Match": "*"}
    assert client.post(URL, document, headers=only_new).status_code == 201
    answer = client.post(URL, document, headers=only_new)
    assert answer.status_code == 412 and "exists already" in answer.json()["message"]
    assert client.post(URL, document).status_code == 409


def test_of_many_writers_with_one_tag_one_wins(client: Client) -> None:
    id = client.post(URL, {"name": "n"}).json()["id"]
    address = f"http://localhost:8000{URL}/{id}"

    async def race() -> list[int]:
        answers = await asyncio.gather(
            *(client._http.patch(address, json={f"x-{n}": n}, headers={"If-Match": '"1"'}) for n in range(20))
        )
        return sorted(answer.status_code for answer in answers)

    assert client.run(race()) == [200, *[412] * 19]
    assert len([key for key in client.get(address).json() if key.startswith("x-")]) == 1


# ---- idempotency ------------------------------------------------------------------------------------


def rows(client: Client, kind: Kind) -> tuple[int, int]:
    """How many entities and events of a kind there are."""

    async def count() -> tuple[int, int]:
        async with client.app.state.engine.connect() as connection:
            entities = await connection.scalar(sa.select(sa.func.count()).select_from(table(kind)))
            events = await connection.scalar(
                sa.select(sa.func.count()).where(event.c.entity_kind == kind.name)
            )
            return entities, events

    return client.run(count())


def test_fifty_at_once_with_one_key_create_one(client: Client) -> None:
    async def many() -> list[httpx.Response]:
        return await asyncio.gather(
            *(
                client._http.post(URL, json={"name": "n"}, headers={"Idempotency-Key": "k-1"})
                for _ in range(50)
            )
        )

    answers = client.run(many())
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len({(answer.headers["location"], answer.headers["etag"]) for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 49
    assert rows(client, CATEGORY) == (1, 1)


def test_a_key_stands_for_one_request(client: Client) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = client.post(URL, {"name": "n", "version": "1"}, headers=key)
    assert client.post(URL, {"version": "1", "name": "n"}, headers=key).text == first.text
    other = client.post(URL, {"name": "m"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    elsewhere = client.post(WHOLE.kinds["Catalog"].homes[0].url, {"name": "n", "version": "1"}, headers=key)
    assert elsewhere.status_code == 422
    # What became of it later does not change the answer of then.
    client.patch(first.json()["href"], {"name": "changed"})
    again = client.post(URL, {"name": "n", "version": "1"}, headers=key)
    assert again.json() == first.json() and again.headers["etag"] == '"1"'
    for wrong in ("", "x" * 256, "\x01"):
        assert client.post(URL, {"name": "n"}, headers={"Idempotency-Key": wrong}).status_code == 400


def test_a_refused_request_uses_up_no_key(client: Client) -> None:
    key = {"Idempotency-Key": "k-1"}
    assert client.post(URL, {"version": "1"}, headers=key).status_code == 400
    client.post(URL, {"id": "taken", "name": "n"})
    assert client.post(URL, {"id": "taken", "name": "n"}, headers=key).status_code == 409
    assert client.post(URL, {"name": "n"}, headers=key).status_code == 201


def test_tasks_and_asynchronous_writes_are_done_once(client: Client) -> None:
    kind, key = WHOLE.kinds["SearchTimeSlot"], {"Idempotency-Key": "k-1"}
    first = client.post(kind.homes[0].url, {}, headers=key)
    assert client.post(kind.homes[0].url, {}, headers=key).text == first.text
    assert rows(client, kind)[0] == 1
    url = "/tmf-api/ServiceActivationAndConfiguration/v4/service"
    headers = {"Idempotency-Key": "k-2", "Prefer": "respond-async"}
    document = minimal(WHOLE.kinds["Service"])
    found = {client.post(url, document, headers=headers).headers["location"] for _ in range(3)}
    assert len(found) == 1 and client.carry_out() == 1
    assert rows(client, WHOLE.kinds["Service"])[0] == 1


def test_old_keys_are_forgotten(client: Client) -> None:
    client.post(URL, {"name": "n"}, headers={"Idempotency-Key": "new"})
    client.post(URL, {"name": "n"}, headers={"Idempotency-Key": "old"})

    async def age_and_sweep() -> list[str]:
        async with client.app.state.engine.begin() as connection:
            past = instant(dt.datetime.now(dt.UTC) - dt.timedelta(days=3))
            await connection.execute(
                sa.update(idempotency).where(idempotency.c.key == "old").values(time=past)
            )
        await client.app.state.worker.sweep()
        async with client.app.state.engine.connect() as connection:
            return list(await connection.scalars(sa.select(idempotency.c.key)))

    assert client.run(age_and_sweep()) == ["new"]


# ---- media types and errors -------------------------------------------------------------------------


@pytest.fixture
def refusals(client: Client) -> Any:
    def refuse(**headers: str) -> list[httpx.Response]:
        return [
            client.get("/tmf-api/nothing", headers=headers),
            client.get(f"{URL}/absent", headers=headers),
            client.post(URL, {}, headers=headers),
            client.request("PUT", URL, headers=headers),
            client.get(f"{URL}?limit=x", headers=headers),
            client.request("POST", URL, content=b"<a/>", headers={**headers, "content-type": "text/xml"}),
        ]

    return refuse


def test_errors_are_tmf_errors_or_problem_details_as_one_likes(refusals: Any) -> None:
    codes = [404, 404, 400, 405, 400, 415]
    for answer, code in zip(refusals(), codes, strict=True):
        body = answer.json()
        assert answer.headers["content-type"] == "application/json"
        assert (answer.status_code, body["status"], body["@type"]) == (code, str(code), "Error")
        assert isinstance(body["code"], str) and isinstance(body["reason"], str)
    for answer, code in zip(refusals(Accept="application/problem+json"), codes, strict=True):
        body = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, body["status"], body["type"]) == (code, code, "about:blank")
        assert body["title"] and body["detail"] and body["code"]
    invalid = refusals(Accept="application/json, application/problem+json")[2].json()
    assert invalid["problems"] == [{"path": "$.name", "message": "is mandatory"}]


def test_who_takes_no_json_is_told(client: Client) -> None:
    for accept, status in (
        ("text/xml", 406), ("text/html", 406), ("*/*", 200), ("application/json;charset=utf-8", 200),
        ("text/html, application/*;q=0.1", 200), ("", 200),
    ):  # fmt: skip
        assert client.get(URL, headers={"Accept": accept}).status_code == status, accept


def test_every_answer_is_json(client: Client) -> None:
    id = fresh("c")
    for answer in (client.post(URL, {"id": id, "name": "n"}), client.get(URL), client.get(f"{URL}/{id}")):
        assert answer.headers["content-type"] == "application/json"
        json.loads(answer.text)
