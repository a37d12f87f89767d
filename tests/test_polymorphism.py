"""Special cases: physical and logical resources, kinds of credentials and media, and secrets among them."""

import hashlib
import json
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from models import WHOLE
from models.check import holds_secrets
from models.tables import event, idempotency, secret, table
from resolvers.storage import copy as bulk
from resolvers.storage.documents import prepare
from tests.conftest import Client
from tmfgraph import load
from tmfgraph.settings import Settings

BASE = "/tmf-api/resourceInventoryManagement/v4"
IDENTITIES = "/tmf-api/digitalIdentityManagement/v4/digitalIdentity"


def made(client: Client, path: str, **document: Any) -> dict[str, Any]:
    answer = client.post(f"{BASE}/{path}", {"name": "x", **document})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("path", "document", "typename", "type_"),
    [
        ("resource", {}, "OtherResource", "Resource"),
        ("resource", {"@type": "PhysicalResource"}, "PhysicalResource", "PhysicalResource"),
        ("resource", {"@type": "Slice"}, "OtherResource", "Slice"),
        ("resource", {"@type": "Slice", "@baseType": "LogicalResource"}, "LogicalResource", "Slice"),
        ("physicalResource", {}, "PhysicalResource", "PhysicalResource"),
        ("physicalResource", {"@type": "Router"}, "PhysicalResource", "Router"),
        ("logicalResource", {}, "LogicalResource", "LogicalResource"),
    ],
)
def test_what_a_resource_says_it_is(
    shared: Client, path: str, document: dict[str, Any], typename: str, type_: str
) -> None:
    body = made(shared, path, **document)
    assert body["@type"] == type_
    query = "query Q($id: ID!) { resource(id: $id) { __typename id } node(id: $id) { __typename } }"
    found = shared.data(query, id=body["id"])
    assert found["resource"]["__typename"] == found["node"]["__typename"] == typename
    for other, kind in (("physicalResource", "PhysicalResource"), ("logicalResource", "LogicalResource")):
        is_it = typename == kind
        assert shared.get(f"{BASE}/{other}/{body['id']}").status_code == (200 if is_it else 404)
        listed = shared.get(f"{BASE}/{other}", params={"id": body["id"]})
        assert listed.headers["x-total-count"] == str(int(is_it))
        query = f"query Q($id: ID!) {{ {other}(id: $id) {{ id }} }}"
        assert (shared.data(query, id=body["id"])[other] is not None) is is_it
    assert shared.get(f"{BASE}/resource/{body['id']}").json()["@type"] == type_
    address = f"{BASE}/resource/{body['id']}"
    assert shared.patch(address, {"description": "changed"}).json()["@type"] == type_
    events = shared.data("query Q($id: ID!) { resource(id: $id) { history { type } } }", id=body["id"])
    kind = "Resource" if typename == "OtherResource" else typename
    types = [one["type"] for one in events["resource"]["history"]]
    assert types == [f"{kind}CreateEvent", f"{kind}AttributeValueChangeEvent"]


def test_a_resource_stays_what_it_is(shared: Client) -> None:
    body = made(shared, "physicalResource", serialNumber="SN-1")
    for path in ("resource", "physicalResource"):
        for name in ("LogicalResource", "Resource"):
            answer = shared.patch(f"{BASE}/{path}/{body['id']}", {"@type": name})
            assert answer.status_code == 400
            assert answer.json()["problems"][0]["path"] == "$['@type']"
    answer = shared.post(f"{BASE}/physicalResource", {"name": "x", "@type": "LogicalResource"})
    assert answer.json()["problems"] == [
        {"path": "$['@type']", "message": "names another kind: this is a PhysicalResource"}
    ]
    # One id space: what is physical cannot be had a second time as something logical.
    answer = shared.post(f"{BASE}/logicalResource", {"name": "x", "id": body["id"]})
    assert answer.status_code == 409


def test_attributes_are_checked_by_what_a_resource_is(shared: Client) -> None:
    assert made(shared, "resource", serialNumber={"kept": "as it came"})["serialNumber"]
    answer = shared.post(
        f"{BASE}/resource", {"name": "x", "@type": "PhysicalResource", "serialNumber": {"no": "text"}}
    )
    assert answer.json()["problems"][0]["path"] == "$.serialNumber"


def test_one_query_selects_on_what_resources_are(client: Client) -> None:
    physical = made(client, "physicalResource", name="1 ONT", serialNumber="SN-1")
    made(client, "logicalResource", name="2 number", value="+4930123")
    made(client, "resource", name="3 rack", **{"@type": "Rack"})
    service = {
        "state": "active",
        "serviceSpecification": {"id": "s"},
        "supportingResource": [{"id": physical["id"], "@referredType": "PhysicalResource"}],
    }
    client.post("/tmf-api/serviceInventory/v4/service", service)
    query = """{ resources(orderBy: [{ name: ASC }]) { totalCount nodes {
          __typename name atType
          ... on PhysicalResource { serialNumber }
          ... on LogicalResource { value }
          services { totalCount } } }
        physicalResources(where: { serialNumber: { eq: "SN-1" } }) { nodes { name } }
        services { nodes { supportingResource { target { __typename ... on PhysicalResource { serialNumber } } } } } }"""
    found = client.data(query)
    assert found["resources"] == {
        "totalCount": 3,
        "nodes": [
            {"__typename": "PhysicalResource", "name": "1 ONT", "atType": "PhysicalResource", "serialNumber": "SN-1",
             "services": {"totalCount": 1}},
            {"__typename": "LogicalResource", "name": "2 number", "atType": "LogicalResource", "value": "+4930123",
             "services": {"totalCount": 0}},
            {"__typename": "OtherResource", "name": "3 rack", "atType": "Rack", "services": {"totalCount": 0}},
        ],
    }  # fmt: skip
    assert found["physicalResources"] == {"nodes": [{"name": "1 ONT"}]}
    [service_found] = found["services"]["nodes"]
    assert service_found["supportingResource"] == [
        {"target": {"__typename": "PhysicalResource", "serialNumber": "SN-1"}}
    ]
    assert len(client.statements) == 6


def test_the_graph_writes_special_kinds(client: Client) -> None:
    query = 'mutation { createPhysicalResource(input: { name: "ONT", serialNumber: "1" }) { id atType serialNumber } }'
    body = client.data(query)["createPhysicalResource"]
    assert (body["atType"], body["serialNumber"]) == ("PhysicalResource", "1")
    query = """mutation M($id: ID!) { updatePhysicalResource(id: $id, input: { serialNumber: "2" }) { serialNumber }
        updateLogicalResource(id: $id, input: { value: "3" }) { value } }"""
    answer = client.graphql(query, id=body["id"])
    assert [e["extensions"]["code"] for e in answer["errors"]] == ["NOT_FOUND"]


def test_party_is_asked_as_one(client: Client) -> None:
    for document in (
        {"@type": "Individual", "id": "i", "givenName": "Ada", "familyName": "Byron"},
        {"@type": "Organization", "id": "o", "tradingName": "Engines Ltd"},
    ):
        assert client.post("/tmf-api/partyManagement/v4/party", document).status_code == 201
    query = """{ parties { totalCount nodes { __typename id ... on Individual { familyName }
        ... on Organization { tradingName } } } party(id: "o") { __typename } }"""
    found = client.data(query)
    assert found["party"] == {"__typename": "Organization"}
    assert found["parties"]["nodes"] == [
        {"__typename": "Individual", "id": "i", "familyName": "Byron"},
        {"__typename": "Organization", "id": "o", "tradingName": "Engines Ltd"},
    ]


# ---- credentials --------------------------------------------------------------------------------

CREDENTIALS: list[dict[str, Any]] = [
    {"@type": "LoginPasswordCredential", "id": "1", "login": "ada"},
    {"@type": "TokenCredential", "id": "2", "login": "ada"},
    {"@type": "BiometricCredential", "id": "3", "biometricType": "finger", "biometricSubType": "thumb"},
    {"@type": "NetworkCredential", "id": "4", "resource": {"id": "r-1"}},
    {"@type": "Riddle", "@baseType": "Credential", "id": "5", "question": "Who goes there?"},
]


def test_credentials_are_selected_by_what_they_are(client: Client) -> None:
    client.hold(WHOLE.kinds["Resource"], {"id": "r-1", "name": "line"})
    media = [
        {"@type": "EmailMedium", "id": "1", "emailAddress": "ada@example.com"},
        {"@type": "PhoneMedium", "id": "2", "phoneNumber": "+44"},
        {"@type": "PigeonMedium", "id": "3", "loft": 7},
    ]
    body = client.post(IDENTITIES, {"credential": CREDENTIALS, "contactMedium": media}).json()
    assert body["credential"] == CREDENTIALS and body["contactMedium"] == media
    query = """query Q($id: ID!) { digitalIdentity(id: $id) {
        credential { __typename id
          ... on LoginPasswordCredential { login }
          ... on BiometricCredential { biometricSubType }
          ... on NetworkCredential { resource { target { name } } }
          ... on OtherCredential { atType extension } }
        contactMedium { __typename ... on EmailMedium { emailAddress } ... on PhoneMedium { phoneNumber } extension } } }"""
    found = client.data(query, id=body["id"])["digitalIdentity"]
    assert found["credential"] == [
        {"__typename": "LoginPasswordCredential", "id": "1", "login": "ada"},
        {"__typename": "TokenCredential", "id": "2"},
        {"__typename": "BiometricCredential", "id": "3", "biometricSubType": "thumb"},
        {"__typename": "NetworkCredential", "id": "4", "resource": {"target": {"name": "line"}}},
        {"__typename": "OtherCredential", "id": "5", "atType": "Riddle", "extension": {"question": "Who goes there?"}},
    ]  # fmt: skip
    assert found["contactMedium"] == [
        {"__typename": "EmailMedium", "emailAddress": "ada@example.com", "extension": None},
        {"__typename": "PhoneMedium", "phoneNumber": "+44", "extension": None},
        {"__typename": "OtherDigitalIdentityContactMedium", "extension": {"loft": 7}},
    ]
    back = client.data('{ resource(id: "r-1") { digitalIdentities { totalCount } } }')
    assert back["resource"]["digitalIdentities"]["totalCount"] == 1


def test_each_credential_is_checked_as_what_it_is(client: Client) -> None:
    wrong = [{"@type": "BiometricCredential", "id": "1", "biometricType": 7}, {"@type": "TokenCredential"}]
    answer = client.post(IDENTITIES, {"credential": wrong}).json()
    paths = {problem["path"] for problem in answer["problems"]}
    assert paths == {"$.credential[0].biometricType", "$.credential[1].id"}


# ---- secrets ------------------------------------------------------------------------------------

CANARY = "canary-0451"


def _with_secrets(text: str = CANARY) -> list[dict[str, Any]]:
    return [
        {**CREDENTIALS[0], "password": text},
        {**CREDENTIALS[1], "tokenCredential": text},
        {**CREDENTIALS[3], "password": text},
        # Not what the type declares; a secret all the same.
        {**CREDENTIALS[2], "password": text},
        {**CREDENTIALS[4], "tokenCredential": text},
    ]


def digests(client: Client) -> dict[str, str]:
    async def read() -> Any:
        async with client.app.state.engine.connect() as connection:
            return (await connection.execute(sa.select(secret.c.place, secret.c.digest))).all()

    return dict(client.run(read()))


def everything_stored(client: Client) -> str:
    async def read() -> Any:
        async with client.app.state.engine.connect() as connection:
            kept = [
                await connection.execute(sa.select(t))
                for t in (table(WHOLE.kinds["DigitalIdentity"]), event, secret)
            ]
            return str([rows.all() for rows in kept])

    return client.run(read())


def test_a_secret_is_kept_as_a_digest_and_shown_nowhere(client: Client) -> None:
    seen = [client.post(IDENTITIES, {"id": "1", "credential": _with_secrets()}).text]
    seen.append(client.patch(f"{IDENTITIES}/1", {"credential": _with_secrets()}).text)
    seen.append(client.get(f"{IDENTITIES}/1").text)
    seen.append(client.get(IDENTITIES, params={"fields": "credential"}).text)
    seen.append(client.get("/tmf-api/identityAndCredentialManagement/v4/identity/1").text)
    query = '{ digitalIdentity(id: "1") { extension credential { id extension } } }'
    seen.append(str(client.graphql(query)))
    mutation = """mutation M($data: DigitalIdentityCreate!) { createDigitalIdentity(input: $data) {
        id credential { id extension } } }"""
    data = {"id": "2", "credential": [{"atType": "LoginPasswordCredential", "id": "1", "password": CANARY}]}
    seen.append(str(client.data(mutation, data=data)))
    seen.append(everything_stored(client))
    assert not [text for text in seen if CANARY in text]
    for refused in ("credential.password", "password", "credential.tokenCredential"):
        assert client.get(IDENTITIES, params={refused: CANARY}).status_code == 400
    for field in ("password", "tokenCredential"):
        assert "errors" in client.graphql(
            f'{{ digitalIdentity(id: "1") {{ credential {{ ... on LoginPasswordCredential {{ {field} }} }} }} }}'
        )
    kept = digests(client)
    assert {place.split("/")[1] for place in kept} == {"1", "2", "3", "4", "5"}
    for digest in kept.values():
        assert digest.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert PasswordHasher().verify(digest, CANARY)


def test_a_secret_stays_until_it_is_changed_cleared_or_its_credential_goes(client: Client) -> None:
    address = f"{IDENTITIES}/1"
    client.post(IDENTITIES, {"id": "1", "credential": _with_secrets()[:3]})
    first = digests(client)
    assert len(first) == 3
    # A client that reads, edits and writes back has no secret to send: it stays.
    body = client.get(address).json()
    assert client.patch(address, {"credential": body["credential"], "nickname": "Ada"}).status_code == 200
    assert digests(client) == first
    change = [{**CREDENTIALS[0], "password": "another"}, {**CREDENTIALS[1], "tokenCredential": None}]
    assert client.patch(address, {"credential": change}).status_code == 200
    second = digests(client)
    assert list(second) == ["credential/1/password"]
    assert PasswordHasher().verify(second["credential/1/password"], "another")
    assert client.patch(address, {"credential": [{**CREDENTIALS[0], "password": 5}]}).status_code == 400
    assert digests(client) == second
    assert client.delete(address).status_code == 204
    assert digests(client) == {}


def test_a_load_keeps_digests_as_well(client: Client, database_url: str, tmp_path: Any) -> None:
    draft = prepare(
        WHOLE.kinds["DigitalIdentity"], {"id": "b", "credential": _with_secrets()[:1]}, imported=True
    )
    client.run(bulk.copy(client.app.state.engine, [draft], actor="test"))
    file = tmp_path / "identities.json"
    file.write_text(f'{{"@type":"DigitalIdentity","id":"f","credential":[{{"@type":"TokenCredential","id":"9",'
                    f'"tokenCredential":"{CANARY}"}}]}}', encoding="utf-8")  # fmt: skip
    settings = Settings(database_url=database_url)
    assert client.run(load.run(database_url, settings, files=[str(file)], quiet=True)) == 0
    assert set(digests(client)) == {"credential/1/password", "credential/9/tokenCredential"}
    assert CANARY not in everything_stored(client)


def test_only_identities_hold_secrets() -> None:
    assert [kind.name for kind in WHOLE.kinds.values() if holds_secrets(kind)] == ["DigitalIdentity"]


@pytest.mark.parametrize(
    "recordings", [[{"content": CANARY, "name": CANARY}], [{"url": CANARY}, {"id": CANARY}]]
)
def test_recordings_of_the_body_are_secrets(client: Client, recordings: list[Any]) -> None:
    credential = {**CREDENTIALS[2], "attachment": recordings}
    seen = [client.post(IDENTITIES, {"id": "1", "credential": [credential]})]
    assert seen[0].status_code == 201, seen[0].text
    seen += [client.get(f"{IDENTITIES}/1"), client.get(IDENTITIES), client.patch(f"{IDENTITIES}/1", {})]
    assert all(CANARY not in answer.text for answer in seen)
    assert CANARY not in everything_stored(client)
    kept = digests(client)
    assert list(kept) == ["credential/3/attachment"]
    for path in ("credential.attachment.name", "credential.attachment.url"):
        assert client.get(f"{IDENTITIES}?{path}={CANARY}").status_code == 400
    query = "{ digitalIdentities { nodes { credential { ... on BiometricCredential { attachment { name } } } } } }"
    assert "errors" in client.graphql(query)
    wrong = {**credential, "attachment": [{"size": "large"}]}
    assert client.patch(f"{IDENTITIES}/1", {"credential": [wrong]}).status_code == 400
    assert client.patch(f"{IDENTITIES}/1", {"credential": [CREDENTIALS[2]]}).status_code == 200
    assert digests(client) == kept, "what is left out is kept"
    gone = {**credential, "attachment": []}
    assert client.patch(f"{IDENTITIES}/1", {"credential": [gone]}).status_code == 200
    assert digests(client) == {}


LIKE_SECRETS = ["pin", "PIN", "x-pin", "simPin", "secret", "clientSecret", "token", "api_key", "apiKey", "otpSeed",
                "passWord", "x-Password", "privateKey", "PUK2", "access-token", "userPwd"]  # fmt: skip


@pytest.mark.parametrize("name", LIKE_SECRETS)
def test_what_looks_like_a_secret_is_not_kept_as_an_extension(client: Client, name: str) -> None:
    for place, document in (
        (f"$.credential[0].{name}", {"credential": [{**CREDENTIALS[0], name: CANARY}]}),
        (f"$.credential[0].{name}", {"credential": [{**CREDENTIALS[4], name: {"value": CANARY}}]}),
        (
            f"$.credential[0].x-more[0].{name}",
            {"credential": [{**CREDENTIALS[3], "x-more": [{name: CANARY}]}]},
        ),
        (f"$.{name}", {"credential": CREDENTIALS, name: CANARY}),
    ):
        answer = client.post(IDENTITIES, document)
        assert answer.status_code == 400, document
        assert [p["path"] for p in answer.json()["problems"]] == [place]
        assert CANARY not in answer.text
    client.post(IDENTITIES, {"id": "1", "credential": CREDENTIALS})
    patch = client.patch(f"{IDENTITIES}/1", {"credential": [{**CREDENTIALS[0], name: CANARY}]})
    assert patch.status_code == 400
    assert CANARY not in everything_stored(client)


def test_other_names_are_kept(client: Client) -> None:
    credential = {
        **CREDENTIALS[4],
        "opinion": 1,
        "spinner": 1,
        "compass": "north",
        "shipping": {"pinnacle": 2},
    }
    assert client.post(IDENTITIES, {"credential": [credential]}).json()["credential"] == [credential]


def test_nothing_kept_of_an_idempotent_request_tells_its_password(client: Client) -> None:
    document = {"id": "1", "credential": [{**CREDENTIALS[0], "password": "one"}]}
    headers = {"Idempotency-Key": "k"}
    first = client.post(IDENTITIES, document, headers=headers)
    again = client.post(IDENTITIES, document, headers=headers)
    assert again.headers["idempotency-replayed"] == "true" and again.content == first.content

    async def read() -> Any:
        async with client.app.state.engine.connect() as connection:
            return str((await connection.execute(sa.select(idempotency))).all())

    kept = client.run(read())
    path = "http://localhost:8000" + IDENTITIES
    for password in (None, "one", "two"):
        body = {"id": "1", "credential": [CREDENTIALS[0] | ({"password": password} if password else {})]}
        text = json.dumps([path, body], sort_keys=True, ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() not in kept, "there is a key in it"
    # Secrets are left out: they tell no two requests apart.
    document["credential"][0]["password"] = "two"
    assert client.post(IDENTITIES, document, headers=headers).headers["idempotency-replayed"] == "true"
    document["nickname"] = "other"
    assert client.post(IDENTITIES, document, headers=headers).status_code == 422
