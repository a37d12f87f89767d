"""The TMF paths: what REST adds to the rules that hold for every kind."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from models import WHOLE
from models.tables import key_of
from tests.conftest import Client

ORDER = "/tmf-api/productOrderingManagement/v4/productOrder"
CUSTOMER = "/tmf-api/customerManagement/v4/customer"
INDIVIDUAL = "/tmf-api/party/v4/individual"
PARTY = "/tmf-api/partyManagement/v4/party"


def individual(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "givenName": "Ada", "familyName": "Byron", **more}


def test_no_two_kinds_share_a_path() -> None:
    found = [home.url for node in (*WHOLE.kinds.values(), *WHOLE.abstracts.values()) for home in node.homes]
    assert len(found) == len(set(found)) == len(WHOLE.homes)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/nothing", None, {}, 404),
        ("GET", "/tmf-api/nothing", None, {}, 404),
        ("GET", f"{ORDER}/nothing", None, {}, 404),
        ("PUT", ORDER, b"{}", {}, 405),
        ("POST", f"{ORDER}/1", b"{}", {}, 405),
        ("POST", ORDER, b"{", {}, 400),
        ("POST", ORDER, b"[]", {}, 400),
        ("POST", ORDER, b'{"a": 1, "a": 2}', {}, 400),
        ("POST", ORDER, b'{"a": NaN}', {}, 400),
        ("POST", ORDER, b'{"a": 1e999}', {}, 400),
        ("POST", ORDER, b'{"a": "\\u0000"}', {}, 400),
        ("POST", ORDER, b'{"a": "\\ud800"}', {}, 400),
        ("POST", ORDER, b"\xff", {}, 400),
        ("POST", ORDER, b'\xef\xbb\xbf{"a": 1}', {}, 400),
        ("POST", ORDER, b"[" * 50 + b"]" * 50, {}, 400),
        ("POST", ORDER, b"[" * 100_000, {}, 400),
        ("POST", ORDER, b"{}", {"content-type": "text/plain"}, 415),
        ("PATCH", f"{ORDER}/1", b"{}", {"content-type": "application/xml"}, 415),
        ("POST", ORDER, b" " * (2 * 1024 * 1024 + 1), {}, 413),
        ("GET", f"{ORDER}?nothing=1", None, {}, 400),
        ("GET", f"{ORDER}?limit=-1", None, {}, 400),
        ("GET", f"{ORDER}?offset=x", None, {}, 400),
        ("GET", f"{ORDER}?state=nothing", None, {}, 400),
        ("GET", f"{ORDER}?orderDate=yesterday", None, {}, 400),
        ("GET", f"{ORDER}?id=%00", None, {}, 400),
        ("GET", f"{ORDER}?id=%ff", None, {}, 400),
        ("GET", f"{ORDER}?" + "&".join(f"id={n}" for n in range(101)), None, {}, 400),
        ("DELETE", f"{ORDER}/1?force=maybe", None, {}, 400),
        ("POST", "/graphql", b"{}", {}, 400),
        ("POST", "/graphql", b'{"query": 1}', {}, 400),
        ("POST", "/graphql", b" " * (256 * 1024 + 1), {}, 413),
        ("GET", "/graphql?query=mutation{deleteCustomer(id:1){id}}", None, {}, 405),
        ("GET", ORDER, None, {"host": "evil.example"}, 400),
    ],
)
def test_bad_requests_get_errors_of_their_facade(
    shared: Client, method: str, path: str, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    headers = {"content-type": "application/json", **headers}
    answer = shared.request(method, path, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    if path.startswith("/graphql"):
        [error] = answer.json()["errors"]
        assert error["message"] and error["extensions"]["code"]
    else:
        error = answer.json()
        assert error["status"] == str(status)
        assert error["code"] and error["reason"] and error["message"] and error["@type"] == "Error"
    if status == 405:
        assert answer.headers["allow"]
    if status == 415 and method == "PATCH":
        assert "application/merge-patch+json" in answer.headers["accept-patch"]
    leaks = ("asyncpg", "sqlalchemy", "Traceback", ".py", "SELECT", "INSERT")
    assert not [word for word in leaks if word.lower() in answer.text.lower()]


def test_ids_that_cannot_stand_in_a_path_are_refused(shared: Client) -> None:
    for bad in ("a/b", "a b", "", ".", "..", "ü", "x" * 129, 7):
        answer = shared.post(INDIVIDUAL, individual(bad))  # type: ignore[arg-type]
        assert answer.status_code == 400, bad
        assert answer.json()["problems"][0]["path"] == "$.id"


def test_ids_are_found_however_they_are_escaped(shared: Client) -> None:
    shared.post(INDIVIDUAL, individual("plain"))
    assert shared.get(f"{INDIVIDUAL}/plain%3Fx").status_code == 404
    assert shared.get(f"{INDIVIDUAL}/plain%23x").status_code == 404
    assert shared.get(f"{INDIVIDUAL}/pl%61in").status_code == 200
    for id in ("a:b", "a~b", "a.b_c-d"):
        shared.post(INDIVIDUAL, individual(id))
        assert shared.get(f"{INDIVIDUAL}/{id}").json()["id"] == id


def test_finer_dates_sort_among_the_usual_ones(client: Client) -> None:
    moments = [f"2026-01-01T10:00:00.{fraction}Z" for fraction in ("506", "506123", "507", "5065")]
    for number, moment in enumerate(moments):
        client.post(INDIVIDUAL, individual(str(number), birthDate=moment))
    query = "{ individuals(orderBy: [{ birthDate: ASC }]) { nodes { id } } }"
    assert [node["id"] for node in client.data(query)["individuals"]["nodes"]] == ["0", "1", "3", "2"]


def test_an_id_is_taken_once(shared: Client) -> None:
    assert shared.post(INDIVIDUAL, individual("once")).status_code == 201
    again = shared.post(INDIVIDUAL, individual("once"))
    assert again.status_code == 409
    assert "once" in again.json()["message"]


def test_fields_select_and_id_href_and_type_always_come(shared: Client) -> None:
    shared.post(INDIVIDUAL, individual("fields", gender="f"))
    chosen = shared.get(f"{INDIVIDUAL}/fields", params={"fields": "givenName,gender,nothing"}).json()
    assert set(chosen) == {"id", "href", "@type", "givenName", "gender"}
    assert set(shared.get(f"{INDIVIDUAL}/fields?fields=none").json()) == {"id", "href", "@type"}
    listed = shared.get(INDIVIDUAL, params={"id": "fields", "fields": "familyName"}).json()
    assert [set(entry) for entry in listed] == [{"id", "href", "@type", "familyName"}]


def test_offset_and_limit_walk_the_list_and_the_headers_count_it(client: Client) -> None:
    for number in range(7):
        client.post(INDIVIDUAL, individual(f"n{number}"))
    seen = []
    for offset in range(0, 9, 3):
        answer = client.get(INDIVIDUAL, params={"offset": offset, "limit": 3})
        assert answer.headers["x-total-count"] == "7"
        assert answer.headers["x-result-count"] == str(len(answer.json()))
        seen += [entry["id"] for entry in answer.json()]
    assert seen == [f"n{number}" for number in range(7)]
    assert client.get(INDIVIDUAL, params={"limit": 0}).json() == []
    assert len(client.statements) == 2


def test_filters_combine_names_by_and_and_values_by_or(client: Client) -> None:
    for id, given, gender in (("1", "Ada", "f"), ("2", "Bob", "m"), ("3", "Cid", "m")):
        client.post(INDIVIDUAL, {"id": id, "givenName": given, "familyName": "X", "gender": gender})
    assert [e["id"] for e in client.get(f"{INDIVIDUAL}?givenName=Ada,Bob").json()] == ["1", "2"]
    assert [e["id"] for e in client.get(f"{INDIVIDUAL}?givenName=Ada&givenName=Cid").json()] == ["1", "3"]
    assert [e["id"] for e in client.get(f"{INDIVIDUAL}?givenName=Ada,Bob&gender=m").json()] == ["2"]


def test_a_list_filters_by_the_ids_that_its_references_hold(client: Client) -> None:
    party = {"id": "1", "@referredType": "Individual"}
    client.post(CUSTOMER, {"id": "c1", "name": "one", "engagedParty": party})
    client.post(CUSTOMER, {"id": "c2", "name": "two", "engagedParty": {**party, "id": "2"}})
    assert [entry["id"] for entry in client.get(f"{CUSTOMER}?engagedParty.id=2").json()] == ["c2"]
    query = '{ customers(where: { engagedParty: { id: { eq: "1" } } }) { nodes { id } } }'
    assert client.data(query)["customers"]["nodes"] == [{"id": "c1"}]


def test_party_answers_for_persons_and_organizations(client: Client) -> None:
    assert client.post(PARTY, {"@type": "Individual", **individual("p1")}).status_code == 201
    assert client.post(PARTY, {"@type": "Organization", "id": "o1", "tradingName": "Org"}).status_code == 201
    unsaid = client.post(PARTY, {"tradingName": "Org"})
    assert unsaid.status_code == 400 and "Individual or Organization" in unsaid.json()["message"]
    listed = client.get(PARTY)
    assert [(entry["id"], entry["@type"]) for entry in listed.json()] == [
        ("o1", "Organization"),
        ("p1", "Individual"),
    ]
    assert listed.headers["x-total-count"] == "2"
    assert [entry["id"] for entry in client.get(f"{PARTY}?@type=Individual").json()] == ["p1"]
    assert client.get(f"{PARTY}/p1").json()["href"].endswith(f"{PARTY}/p1")
    assert client.patch(f"{PARTY}/o1", {"name": "Organization"}).json()["name"] == "Organization"
    assert client.delete(f"{PARTY}/p1").status_code == 204
    assert client.get(f"{INDIVIDUAL}/p1").status_code == 404


def test_every_home_shows_the_same_entity_under_its_own_address(client: Client) -> None:
    document = {"id": "s1", "state": "active", "serviceSpecification": {"id": "spec"}}
    service = WHOLE.kinds["Service"]
    client.post(service.homes[0].url, document)
    for home in service.homes:
        body = client.get(f"{home.url}/s1").json()
        assert body["href"] == f"http://localhost:8000{home.url}/s1"
        assert client.get(home.url).json() == [body]


@pytest.mark.parametrize(
    ("original", "patch", "result"),
    [  # the examples of RFC 7396, appendix A, that are objects, inside an extension attribute
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_patch_merges_as_rfc_7396_says(shared: Client, original: Any, patch: Any, result: Any) -> None:
    made = shared.post(INDIVIDUAL, {"givenName": "a", "familyName": "b", "x": original}).json()
    headers = {"content-type": "application/merge-patch+json"}
    content = json.dumps({"x": patch})
    answer = shared.request("PATCH", f"{INDIVIDUAL}/{made['id']}", content=content, headers=headers)
    assert answer.json()["x"] == result


def test_concurrent_patches_lose_nothing(client: Client) -> None:
    client.post(INDIVIDUAL, individual("busy"))

    async def all_at_once() -> None:
        http = client._http
        answers = await asyncio.gather(
            *(http.patch(f"{INDIVIDUAL}/busy", json={f"x{n}": n}) for n in range(40))
        )
        assert {answer.status_code for answer in answers} == {200}

    client.run(all_at_once())
    body = client.get(f"{INDIVIDUAL}/busy").json()
    assert [body.get(f"x{n}") for n in range(40)] == list(range(40))
    history = client.data('{ individual(id: "busy") { history { revision } } }')["individual"]["history"]
    assert [entry["revision"] for entry in history] == list(range(1, 42))


def test_a_patch_of_attributes_without_references_takes_two_statements(client: Client) -> None:
    characteristic = {"name": "colour", "value": 1}
    body = individual("p") | {
        "relatedParty": [{"id": "1", "@referredType": "Organization"}],
        "partyCharacteristic": [characteristic],
    }
    client.post(INDIVIDUAL, body)
    assert client.patch(f"{INDIVIDUAL}/p", {"title": "Dr"}).json()["title"] == "Dr"
    assert len(client.statements) == 2
    # What references and characteristics there are, the index knows afterwards.
    change = {
        "relatedParty": [{"id": "2", "@referredType": "Organization"}],
        "partyCharacteristic": [characteristic | {"value": True}],
    }
    assert client.patch(f"{INDIVIDUAL}/p", change).status_code == 200
    for query, found in (
        ("relatedParty.id=1", 0),
        ("relatedParty.id=2", 1),
        ("partyCharacteristic.value=1", 0),
        ("partyCharacteristic.value=true", 1),
    ):
        assert len(client.get(f"{INDIVIDUAL}?{query}").json()) == found, query
    history = client.data('{ individual(id: "p") { title history { revision type } } }')["individual"]
    assert [event["revision"] for event in history["history"]] == [1, 2, 3]
    assert history["history"][1]["type"] == "IndividualAttributeValueChangeEvent"


def test_a_write_that_the_database_gave_up_on_is_tried_again(database_url: str) -> None:
    """PostgreSQL ends all but one of those that meet in one row, where transactions are serializable."""

    async def strict() -> None:
        connection = await asyncpg.connect(database_url)
        name = await connection.fetchval("select current_database()")
        await connection.execute(
            f"alter database \"{name}\" set default_transaction_isolation = 'serializable'"
        )
        await connection.close()

    asyncio.run(strict())
    client = Client(database_url)

    async def until_one_waits(connection: asyncpg.Connection) -> None:
        while not await connection.fetchval("select 1 from pg_locks where not granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def late() -> int:
        """A creation that meets another of the same id, not yet committed."""
        connection = await asyncpg.connect(database_url)
        await connection.execute("create temp table two as select * from individual where id = 'one'")
        await connection.execute("update two set id = 'two', key = $1", key_of("Individual", "two"))
        client.statements.clear()
        async with connection.transaction():
            await connection.execute("insert into individual select * from two")
            second = asyncio.create_task(client._http.post(INDIVIDUAL, json=individual("two")))
            await until_one_waits(connection)
        answer = await second
        await connection.close()
        return answer.status_code

    async def at_once(*requests: Any) -> list[int]:
        client.statements.clear()
        answers = await asyncio.gather(*(client._http.request(*one[:2], json=one[2]) for one in requests))
        return sorted(answer.status_code for answer in answers)

    try:
        client.post(INDIVIDUAL, individual("one"))
        assert client.run(late()) == 409
        assert len(client.statements) > 1  # it was tried again
        patches = [("PATCH", f"{INDIVIDUAL}/one", {f"x{n}": n}) for n in range(4)]
        assert client.run(at_once(*patches)) == [200] * 4
        assert len(client.statements) > 2 * len(patches)  # some were tried again
        body = client.get(f"{INDIVIDUAL}/one").json()
        assert [body[f"x{n}"] for n in range(4)] == list(range(4))
    finally:
        client.close()


def test_of_two_moves_from_one_state_one_wins(client: Client) -> None:
    item = {"productOrderItem": [{"id": "1", "action": "add"}]}
    for number in range(20):
        client.post(ORDER, {"id": f"r{number}", **item})
        client.patch(f"{ORDER}/r{number}", {"state": "pending"})

        async def race(path: str = f"{ORDER}/r{number}") -> list[int]:
            states = ("inProgress", "cancelled")
            answers = await asyncio.gather(*(client._http.patch(path, json={"state": s}) for s in states))
            return sorted(answer.status_code for answer in answers)

        assert client.run(race()) == [200, 409]


def test_reached_states_leave_their_dates(client: Client) -> None:
    made = client.post(ORDER, {"productOrderItem": [{"id": "1", "action": "add"}]}).json()
    assert made["state"] == "acknowledged" and made["orderDate"] and "completionDate" not in made
    client.patch(f"{ORDER}/{made['id']}", {"state": "inProgress"})
    done = client.patch(f"{ORDER}/{made['id']}", {"state": "completed"}).json()
    assert done["completionDate"] >= made["orderDate"]


def test_dates_are_kept_as_the_moment_they_name(client: Client) -> None:
    for given, kept in (
        ("2026-01-01T10:00:00+02:00", "2026-01-01T08:00:00.000Z"),
        ("2026-01-01T10:00:00.123456Z", "2026-01-01T10:00:00.123456Z"),
        ("2026-01-01t10:00:00.5z", "2026-01-01T10:00:00.500Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    ):
        assert (
            client.post(INDIVIDUAL, {"givenName": "a", "familyName": "b", "birthDate": given}).json()[
                "birthDate"
            ]
            == kept
        )
    for bad in ("2026-01-01", "2026-01-01T10:00:00", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+02:00", ""):
        answer = client.post(INDIVIDUAL, {"givenName": "a", "familyName": "b", "birthDate": bad})
        assert answer.status_code == 400, bad
    listed = client.get(INDIVIDUAL, params={"birthDate": "2026-01-01T09:00:00+01:00"}).json()
    assert len(listed) == 1


def test_deleting_what_others_refer_to_is_refused_unless_forced(client: Client) -> None:
    client.post(INDIVIDUAL, individual("engaged"))
    customer = {"id": "c", "name": "C", "engagedParty": {"id": "engaged", "@referredType": "Individual"}}
    client.post(CUSTOMER, customer)
    refused = client.delete(f"{INDIVIDUAL}/engaged")
    assert refused.status_code == 409
    assert refused.json()["referrers"] == [{"type": "Customer", "id": "c", "attribute": "engagedParty"}]
    assert client.graphql('mutation { deleteIndividual(id: "engaged") { id } }')["errors"][0]["extensions"][
        "code"
    ] == ("STILL_REFERRED_TO")
    assert client.delete(f"{INDIVIDUAL}/engaged?force=true").status_code == 204
    assert client.data('{ customer(id: "c") { engagedParty { target { __typename } } } }')["customer"] == {
        "engagedParty": {"target": None}
    }


def test_an_id_that_comes_back_goes_on_counting(client: Client) -> None:
    for _ in range(2):
        assert client.post(INDIVIDUAL, individual("again")).status_code == 201
        assert client.delete(f"{INDIVIDUAL}/again").status_code == 204
    client.post(INDIVIDUAL, individual("again"))
    history = client.data('{ individual(id: "again") { history { revision } } }')["individual"]["history"]
    assert [entry["revision"] for entry in history] == [1, 2, 3, 4, 5]


def test_the_strict_mode_refuses_references_to_what_is_not_held(database_url: str) -> None:
    strict = Client(database_url, strict_references=True)
    try:
        customer = {"name": "C", "engagedParty": {"id": "later", "@referredType": "Individual"}}
        refused = strict.post(CUSTOMER, customer)
        assert refused.status_code == 400
        assert "Individual later" in refused.json()["message"]
        strict.post(INDIVIDUAL, individual("later"))
        assert strict.post(CUSTOMER, customer).status_code == 201
    finally:
        strict.close()


def test_a_failed_write_leaves_nothing_behind(database_url: str) -> None:
    strict = Client(database_url, strict_references=True)
    try:
        customer = {"id": "half", "name": "C", "engagedParty": {"id": "none", "@referredType": "Individual"}}
        assert strict.post(CUSTOMER, customer).status_code == 400
        assert strict.get(f"{CUSTOMER}/half").status_code == 404
        assert strict.data("{ customers { totalCount } }") == {"customers": {"totalCount": 0}}
    finally:
        strict.close()


def test_health_tells_whether_the_database_is_there_and_migrated(client: Client) -> None:
    import sqlalchemy as sa

    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").status_code == 200

    async def forget() -> None:
        async with client.app.state.engine.begin() as connection:
            await connection.execute(sa.text("update alembic_version set version_num = 'older'"))

    client.run(forget())
    unready = client.get("/health/ready")
    assert unready.status_code == 503 and "tmfgraph migrate" in unready.json()["reason"]


def test_without_a_database_the_answer_is_503_and_the_process_lives(tmp_path: Any) -> None:
    lost = Client(f"postgresql://tmfgraph@/none?host={tmp_path}&port=1")
    try:
        answer = lost.get(ORDER)
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        assert lost.get("/health/live").status_code == 200
        assert lost.get("/health/ready").status_code == 503
        answer = lost.post("/graphql", {"query": "{ customers { nodes { id } } }"})
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    finally:
        lost.close()


def test_the_index_lists_every_home(shared: Client) -> None:
    entries = shared.get("/tmf-api").json()
    assert {entry["href"].removeprefix("http://localhost:8000") for entry in entries} == set(WHOLE.homes)


def test_a_statement_that_takes_too_long_is_ended(database_url: str) -> None:
    from resolvers.errors import Unavailable

    hurried = Client(database_url, statement_timeout=0.2)
    store = hurried.store

    async def slow() -> None:
        async with store.connected() as lent:
            assert await lent.driver.fetchval("show statement_timeout") == "200ms"
            await lent.driver.fetch("select pg_sleep(20)")

    try:
        with pytest.raises(Unavailable, match="took too long"):
            hurried.run(slow())
        assert hurried.get(ORDER).status_code == 200
    finally:
        hurried.close()
