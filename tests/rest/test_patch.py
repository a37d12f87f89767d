"""PATCH in the three media types of TMF630, and bulk create."""

import asyncio
import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import WHOLE
from models.declare import Kind
from models.json_in import MAX_DEPTH
from resolvers.errors import BadRequest, CallerError, Conflict, FailedTest, PathNotFound, TooMuch
from resolvers.rest.patches import BYTES_AT_MOST, equal, json_patch, json_patch_query
from tests.conftest import Client
from tests.samples import complete, every_kind, fresh, minimal

JSON_PATCH = "application/json-patch+json"
PATCH_QUERY = "application/json-patch-query+json"
MERGE_PATCH = "application/merge-patch+json"
INDIVIDUAL = "/tmf-api/party/v4/individual"
ORDER = "/tmf-api/productOrderingManagement/v4/productOrder"
SERVICE = "/tmf-api/serviceInventory/v4/service"
PARTY = "/tmf-api/partyManagement/v4/party"
VECTORS = Path(__file__).parent / "vectors"


def vectors(*names: str) -> list[Any]:
    return [one for name in names for one in json.loads((VECTORS / name).read_text())]


def send(client: Client, path: str, media: str, patch: Any) -> httpx.Response:
    return client.request("PATCH", path, content=json.dumps(patch), headers={"content-type": media})


def person(client: Client, **more: Any) -> str:
    """The path of a new individual."""
    answer = client.post(INDIVIDUAL, {"givenName": "Ada", "familyName": "Byron", **more})
    assert answer.status_code == 201, answer.text
    return f"{INDIVIDUAL}/{answer.json()['id']}"


# ---- merge patch ----------------------------------------------------------------------------------


@pytest.mark.parametrize("media", [MERGE_PATCH, "application/json", f"{MERGE_PATCH}; charset=utf-8"])
@pytest.mark.parametrize("case", vectors("merge-patch.json"), ids=str)
def test_merge_patch_does_what_rfc_7396_says(shared: Client, case: dict[str, Any], media: str) -> None:
    path = person(shared, **{"x-doc": case["original"]})
    answer = send(shared, path, media, {"x-doc": case["patch"]})
    assert answer.status_code == 200, answer.text
    # One that is patched with null is gone, as a resource's attribute is.
    assert answer.json().get("x-doc") == case["result"]
    assert ("x-doc" in answer.json()) == (case["result"] is not None)
    assert shared.get(path).json() == answer.json()


# ---- JSON Patch -----------------------------------------------------------------------------------

CASES = [
    pytest.param(case, id=f"{number}: {case.get('comment', '')}")
    for number, case in enumerate(vectors("json-patch-spec-tests.json", "json-patch-tests.json"))
    if "patch" in case and not case.get("disabled")
]


@pytest.mark.parametrize("case", CASES)
def test_json_patch_does_what_rfc_6902_says(case: dict[str, Any]) -> None:
    document = copy.deepcopy(case["doc"])
    if "error" in case:
        with pytest.raises((BadRequest, Conflict)):
            json_patch(document, case["patch"])
    else:
        assert equal(json_patch(document, case["patch"]), case.get("expected", case["doc"]))
    assert document == case["doc"]


@pytest.mark.parametrize("case", CASES)
def test_json_patch_does_so_over_http(shared: Client, case: dict[str, Any]) -> None:
    path = person(shared, **{"x-doc": case["doc"]})
    before = shared.get(path).json()
    pointers = ("path", "from")
    patch = [{k: f"/x-doc{v}" if k in pointers else v for k, v in one.items()} for one in case["patch"]]
    answer = send(shared, path, JSON_PATCH, patch)
    if "error" in case:
        assert answer.status_code in (400, 409), answer.text
        assert shared.get(path).json() == before
    else:
        assert answer.status_code == 200, answer.text
        assert equal(answer.json()["x-doc"], case.get("expected", case["doc"]))
        assert shared.get(path).json() == answer.json()


@pytest.mark.parametrize(
    ("operations", "place"),
    [
        ({"op": "remove", "path": "/a"}, "array"),
        ([1], "$[0]"),
        ([{"op": "test", "path": "/a", "value": 1}, {"path": "/a"}], "$[1].op"),
        ([{"op": "Add", "path": "/a", "value": 1}], "$[0].op"),
        ([{"op": ["add"], "path": "/a", "value": 1}], "$[0].op"),
        ([{"op": "add", "path": "/a"}], "$[0].value"),
        ([{"op": "replace", "path": "/a"}], "$[0].value"),
        ([{"op": "test", "path": "/a"}], "$[0].value"),
        ([{"op": "add", "value": 1}], "$[0].path"),
        ([{"op": "remove", "path": 1}], "$[0].path"),
        ([{"op": "remove", "path": "/a~"}], "$[0].path"),
        ([{"op": "remove", "path": "/a~2"}], "$[0].path"),
        ([{"op": "remove", "path": "/" + "a" * 1000}], "$[0].path"),
        ([{"op": "remove", "path": ""}], "$[0]"),
        ([{"op": "move", "path": "/a"}], "$[0].from"),
        ([{"op": "copy", "path": "/a", "from": None}], "$[0].from"),
        ([{"op": "move", "path": "/a/b", "from": "/a"}], "$[0].path"),
        ([{"op": "move", "path": "/a", "from": ""}], "$[0].path"),
        ([{"op": "test", "path": "/a", "value": 1}] * 101, "100"),
    ],
)
def test_a_malformed_operation_is_named_by_its_place(operations: Any, place: str) -> None:
    for apply in (json_patch, json_patch_query):
        with pytest.raises(BadRequest) as refusal:
            apply({"a": {"b": 1}}, operations)
        assert place in str(refusal.value)


@pytest.mark.parametrize("path", ["a", "$.a", "a/b", " /a"])
def test_a_json_pointer_starts_with_a_slash(path: str) -> None:
    for operation, place in (
        ({"op": "remove", "path": path}, "$[0].path"),
        ({"op": "copy", "path": "/a", "from": path}, "$[0].from"),
    ):
        with pytest.raises(BadRequest) as refusal:
            json_patch({"a": {"b": 1}}, [operation])
        assert place in str(refusal.value)


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ({"op": "test", "path": "/a/0", "value": 2}, FailedTest),
        ({"op": "test", "path": "/a/0", "value": True}, FailedTest),
        ({"op": "test", "path": "/a/0", "value": "1"}, FailedTest),
        ({"op": "test", "path": "/o", "value": {"p": 1}}, FailedTest),
        ({"op": "test", "path": "/a/2", "value": 1}, PathNotFound),
        ({"op": "remove", "path": "/b"}, PathNotFound),
        ({"op": "remove", "path": "/a/-"}, PathNotFound),
        ({"op": "remove", "path": "/a/00"}, PathNotFound),
        ({"op": "replace", "path": "/b", "value": 1}, PathNotFound),
        ({"op": "replace", "path": "/a/01", "value": 1}, PathNotFound),
        ({"op": "add", "path": "/a/3", "value": 1}, PathNotFound),
        ({"op": "add", "path": "/a/\u0660", "value": 1}, PathNotFound),
        ({"op": "add", "path": "/b/c", "value": 1}, PathNotFound),
        ({"op": "add", "path": "/a/0/c", "value": 1}, PathNotFound),
        ({"op": "copy", "path": "/c", "from": "/b"}, PathNotFound),
    ],
)
def test_what_does_not_fit_the_document_is_a_conflict_and_changes_nothing(
    shared: Client, operation: dict[str, Any], error: type[Conflict]
) -> None:
    document = {"a": [1, 1.0], "o": {"p": 1, "q": [2]}}
    before = copy.deepcopy(document)
    first = {"op": "add", "path": "/a/-", "value": 9}, {"op": "remove", "path": "/a/2"}
    with pytest.raises(error):
        json_patch(document, [*first, operation])
    assert document == before
    path = person(shared, **document)
    read = shared.get(path).json()
    answer = send(shared, path, JSON_PATCH, [*first, operation])
    assert answer.status_code == 409
    assert answer.json()["code"] == error.code in ("TEST_FAILED", "PATH_NOT_FOUND")
    assert answer.json()["operation"].startswith("$[2]")
    assert answer.json()["path"] in (operation["path"], operation.get("from"))
    assert shared.get(path).json() == read


def test_numbers_are_tested_by_value_and_objects_without_order() -> None:
    document = {"a": 1, "o": {"p": 1e2, "q": [True, None]}}
    tests = [
        {"op": "test", "path": "/a", "value": 1.0},
        {"op": "test", "path": "/o", "value": {"q": [True, None], "p": 100}},
    ]
    assert json_patch(document, tests) == document


def test_a_patch_cannot_blow_up_a_document() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 100
    with pytest.raises(TooMuch, match="values"):
        json_patch({"a": [1]}, doubling)
    spreading = [{"op": "copy", "from": "/a", "path": f"/b{n}"} for n in range(100)]
    with pytest.raises(TooMuch, match="bytes"):
        json_patch({"a": "x" * 50_000}, spreading)
    deep: Any = 1
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert json_patch({}, [{"op": "add", "path": "/a", "value": deep}]) == {"a": deep}
    with pytest.raises(BadRequest, match="nested"):
        json_patch({}, [{"op": "add", "path": "/a", "value": [deep]}])
    with pytest.raises(BadRequest, match="nested"):
        json_patch({"a": deep, "b": {}}, [{"op": "move", "from": "/a", "path": "/b/a"}])
    large = {"a": "x" * BYTES_AT_MOST}
    assert json_patch(large, [{"op": "replace", "path": "/a", "value": ""}]) == {"a": ""}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc") | st.text(), inner),
    max_leaves=12,
)
NAMES = st.sampled_from(["a", "b", "c", "0", "1", "-", "", "~0", "x-y"])
POINTERS = st.lists(NAMES, max_size=4).map(lambda names: "".join(f"/{name}" for name in names))
CONDITIONS = st.sampled_from(
    [
        "?a=1",
        "?a.b=x&a.c=true",
        "[?(@.a==1)]",
        "[?(@.b=='x' && !(@.c || @.a[0]<2))].c",
        "[*]",
        "[0]",
        "[?@.a]",
    ]
)
PATHS = (
    POINTERS | st.text(alphabet="$./[]?()@*=!<>&|'\"ab01-~% ") | st.tuples(POINTERS, CONDITIONS).map("".join)
)
OPERATIONS = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"])},
        optional={"path": PATHS, "from": PATHS, "value": JSON},
    ),
    max_size=6,
)


@settings(max_examples=600, deadline=None)
@given(JSON, OPERATIONS | JSON)
def test_whatever_comes_in_a_patch_succeeds_or_is_refused_and_is_atomic(document: Any, patch: Any) -> None:
    before, sent = copy.deepcopy(document), copy.deepcopy(patch)
    for apply in (json_patch, json_patch_query):
        with contextlib.suppress(CallerError):
            made = apply(document, patch)
            assert not _containers(made) & _containers(patch), "what a patch holds is copied"
        assert equal(document, before) and equal(patch, sent)


def _containers(value: Any) -> set[int]:
    """The identities of all objects and arrays of a value."""
    if not isinstance(value, (dict, list)):
        return set()
    inner = value.values() if isinstance(value, dict) else value
    return {id(value)}.union(*map(_containers, inner))


# ---- what a patch may not do ------------------------------------------------------------------------

patchable = pytest.mark.parametrize("kind", every_kind("patch"))


@patchable
def test_what_the_server_sets_is_protected_from_operations(shared: Client, kind: Kind) -> None:
    url = kind.homes[0].url
    body = _created(shared, kind)
    for attribute in kind.attributes:
        if not attribute.fixed or (attribute.key not in body and not attribute.server_set):
            continue
        key = attribute.key
        tries = [[{"op": "add", "path": f"/{key}", "value": "2020-01-01T00:00:00Z"}]]
        if key in body:
            tries.append([{"op": "remove", "path": f"/{key}"}])
            tries.append([{"op": "move", "from": f"/{key}", "path": "/x-moved"}])
        for patch in tries:
            for media in (JSON_PATCH, PATCH_QUERY):
                answer = send(shared, f"{url}/{body['id']}", media, patch)
                assert answer.status_code == 400, (patch, answer.text)
                assert {"path": f"$.{key}", "message": "cannot be changed"} in answer.json()["problems"]
    assert shared.get(f"{url}/{body['id']}").json() == body


@patchable
def test_the_three_media_types_change_alike(shared: Client, kind: Kind) -> None:
    url = kind.homes[0].url
    changing = {a.key for a in kind.attributes if a.server_set}
    document = {**complete(kind), "x-remark": {"a": [1, 2]}}
    found = []
    for media, patch in (
        (MERGE_PATCH, {"x-remark": {"a": [1, 3]}, "x-more": "text"}),
        (
            JSON_PATCH,
            [
                {"op": "test", "path": "/@type", "value": document["@type"]},
                {"op": "replace", "path": "/x-remark/a/1", "value": 3},
                {"op": "add", "path": "/x-more", "value": "text"},
            ],
        ),
        (
            PATCH_QUERY,
            [
                {"op": "replace", "path": "x-remark.a[?(@==2)]", "value": 3},
                {"op": "add", "path": "/x-more", "value": "text"},
            ],
        ),
    ):
        body = _created(shared, kind, document)
        answer = send(shared, f"{url}/{body['id']}", media, patch)
        assert answer.status_code == 200, answer.text
        found.append({k: v for k, v in answer.json().items() if k not in changing})
        shared_id = body["id"]
        assert shared.get(f"{url}/{shared_id}").json() == answer.json()
    assert found[0] == found[1] == found[2]


def _created(client: Client, kind: Kind, document: dict[str, Any] | None = None) -> dict[str, Any]:
    url = kind.homes[0].url
    document = document or complete(kind)
    if "create" in kind.operations:
        answer = client.post(url, document)
        assert answer.status_code == 201, answer.text
        return answer.json()
    return client.get(f"{url}/{client.hold(kind, document).id}").json()


with_flow = pytest.mark.parametrize("kind", [p for p in every_kind("patch") if p.values[0].flow])


@with_flow
def test_states_move_as_their_flow_says(shared: Client, kind: Kind) -> None:
    assert kind.flow and kind.state
    old = kind.flow.starts[0]
    states = {*kind.flow.moves, *kind.flow.starts, *(n for m in kind.flow.moves.values() for n in m)}
    for new in sorted(states - {old}):
        held = shared.hold(kind, {**minimal(kind), kind.state: old})
        patch = [{"op": "replace", "path": f"/{kind.state}", "value": new}]
        answer = send(shared, f"{kind.homes[0].url}/{held.id}", JSON_PATCH, patch)
        if kind.flow.allows(old, new):
            assert answer.status_code == 200, answer.text
        else:
            assert answer.status_code == 409
            assert answer.json()["code"] == "ILLEGAL_STATE_CHANGE"


def test_the_rules_of_the_kind_hold_and_name_their_places(shared: Client) -> None:
    path = person(shared, contactMedium=[{"mediumType": "email"}])
    patch = [
        {"op": "remove", "path": "/givenName"},
        {"op": "replace", "path": "/contactMedium/0/mediumType", "value": 1},
        {"op": "add", "path": "/contactMedium/-", "value": "none"},
    ]
    answer = send(shared, path, JSON_PATCH, patch)
    assert answer.status_code == 400
    paths = {problem["path"] for problem in answer.json()["problems"]}
    assert paths == {"$.givenName", "$.contactMedium[0].mediumType", "$.contactMedium[1]"}
    assert send(shared, path, JSON_PATCH, [{"op": "add", "path": "", "value": 1}]).status_code == 400


def test_a_special_kind_stays_what_it_is(shared: Client) -> None:
    held = shared.hold(WHOLE.kinds["PhysicalResource"], minimal(WHOLE.kinds["PhysicalResource"]))
    path = f"{WHOLE.kinds['PhysicalResource'].homes[0].url}/{held.id}"
    patch = [{"op": "replace", "path": "/@type", "value": "LogicalResource"}]
    answer = send(shared, path, JSON_PATCH, patch)
    assert answer.status_code == 400 and answer.json()["problems"][0]["path"] == "$['@type']"


def test_a_secret_can_be_set_and_never_read(shared: Client) -> None:
    identity = WHOLE.kinds["DigitalIdentity"]
    login = {"@type": "LoginPasswordCredential", "id": "1", "login": "ada", "password": "one-secret"}
    document = {**minimal(identity), "credential": [login]}
    path = f"{identity.homes[0].url}/{_created(shared, identity, document)['id']}"
    place = "/credential/0/password"
    answer = send(shared, path, JSON_PATCH, [{"op": "add", "path": place, "value": "another-secret"}])
    assert answer.status_code == 200 and "secret" not in answer.text
    answer = send(shared, path, JSON_PATCH, [{"op": "test", "path": place, "value": "another-secret"}])
    assert answer.status_code == 409 and answer.json()["code"] == "PATH_NOT_FOUND"


def test_href_is_seen_as_the_home_that_was_asked_gives_it(shared: Client) -> None:
    individual = WHOLE.kinds["Individual"]
    id = person(shared).rpartition("/")[2]
    for home in individual.homes:
        address = f"{home.url}/{id}"
        href = shared.get(address).json()["href"]
        patch = [{"op": "test", "path": "/href", "value": href}, {"op": "test", "path": "/id", "value": id}]
        answer = send(shared, address, JSON_PATCH, patch)
        assert answer.status_code == 200, answer.text
        assert answer.json()["href"] == href


def test_other_media_types_are_refused_with_those_that_are_taken(shared: Client) -> None:
    path = person(shared)
    for media in ("text/plain", "application/xml", "application/json-patch"):
        answer = send(shared, path, media, [])
        assert answer.status_code == 415
        accepted = answer.headers["accept-patch"].split(", ")
        assert set(accepted) == {MERGE_PATCH, "application/json", JSON_PATCH, PATCH_QUERY}


@pytest.mark.parametrize("query", ["expand=nothing", "depth=x", "nothing=1"])
def test_a_mistake_in_the_query_string_is_told_before_anything_is_written(shared: Client, query: str) -> None:
    path, id = person(shared), fresh("unwritten")
    before = shared.get(path).json()
    for media, patch in (
        (MERGE_PATCH, {"x-more": 1}),
        (JSON_PATCH, [{"op": "add", "path": "/x-more", "value": 1}]),
        (PATCH_QUERY, [{"op": "add", "path": "/x-more", "value": 1}]),
    ):
        assert send(shared, f"{path}?{query}", media, patch).status_code == 400
    assert shared.get(path).json() == before
    document = {"id": id, "givenName": "Ada", "familyName": "Byron"}
    assert send(shared, f"{INDIVIDUAL}?{query}", JSON_PATCH, adds([document])).status_code == 400
    assert shared.get(f"{INDIVIDUAL}/{id}").status_code == 404


def test_a_precondition_holds_for_operations_too(shared: Client) -> None:
    path = person(shared)
    tag = shared.get(path).headers["etag"]
    for status in (200, 412):
        answer = shared.request(
            "PATCH",
            path,
            content=json.dumps([{"op": "add", "path": "/x-at", "value": status}]),
            headers={"content-type": JSON_PATCH, "if-match": tag},
        )
        assert answer.status_code == status
    assert shared.get(path).json()["x-at"] == 200


def test_no_patch_of_many_at_once_is_lost(client: Client) -> None:
    path = person(client, **{"x-list": []})

    async def all_at_once() -> list[int]:
        def patch(number: int) -> Any:
            operations = [
                {"op": "add", "path": f"/x{number}", "value": number},
                {"op": "add", "path": "/x-list/-", "value": number},
            ]
            headers = {"content-type": JSON_PATCH}
            return client._http.patch(path, content=json.dumps(operations), headers=headers)

        answers = await asyncio.gather(*(patch(number) for number in range(40)))
        return [answer.status_code for answer in answers]

    assert client.run(all_at_once()) == [200] * 40
    body = client.get(path).json()
    assert [body[f"x{number}"] for number in range(40)] == list(range(40))
    assert sorted(body["x-list"]) == list(range(40))


def test_an_operation_on_a_task_has_its_effect(shared: Client) -> None:
    service = shared.hold(WHOLE.kinds["Service"], {**minimal(WHOLE.kinds["Service"]), "state": "inactive"})
    activation = WHOLE.kinds["ServiceActivation"]
    task = {**minimal(activation), "service": {"id": service.id}, "state": "inProgress"}
    path = f"{activation.homes[0].url}/{shared.hold(activation, task).id}"
    answer = send(shared, path, JSON_PATCH, [{"op": "replace", "path": "/state", "value": "done"}])
    assert answer.status_code == 200, answer.text
    assert shared.get(f"{SERVICE}/{service.id}").json()["state"] == "active"


# ---- JSON Patch Query -----------------------------------------------------------------------------

TICKET = {
    "note": [
        {"author": "Arthur Evans", "text": "Already called the expert"},
        {"author": "John Doe", "text": "Informed"},
        {"author": "Diego Salas", "text": "Resolved"},
    ]
}
PRICES = {
    "productOfferingPrice": [
        {"name": "Monthly Price", "price": {"amount": 12, "units": "EUR"}},
        {"name": "Setup Price", "price": {"amount": 30, "units": "EUR"}},
    ]
}
OFFER = {"id": "1513", "name": "Offer Good Plan"}
LINES = {
    "orderItem": [
        {"quantity": 1, "productOffering": OFFER, "product": {"relatedParty": [{"name": "Mary", "role": "customer"}, {"name": "Ann", "role": "user"}]}},
        {"quantity": 2, "productOffering": OFFER, "product": {"relatedParty": [{"name": "John", "role": "customer"}]}},
        {"quantity": 3, "productOffering": {"id": "1514"}},
    ]
}  # fmt: skip
FEATURES = {
    "serviceCharacteristic": [
        {"name": "order", "value": {"orderReferenceId": "1", "sla": "Standard"}},
        {"name": "suspension", "value": ["lost", "fraud"]},
    ]
}
SECOND = {"author": "John Doe", "text": "Informed"}

# What TMF630 part 5 shows: each path in both of its forms.
BOTH_WAYS = [
    (TICKET, "add", ["/note?note.author=John Doe", "note[?(@.author=='John Doe')]"], {"date": "2013"},
     lambda d: d["note"][1].update(date="2013")),
    (TICKET, "remove", ["/note?note.author=John Doe", "/note[?(@.author=='John Doe')]"], None,
     lambda d: d["note"].pop(1)),
    (TICKET, "remove", ["/note/text?note.author=John%20Doe", "$.note[?(@.author == \"John Doe\")].text"], None,
     lambda d: d["note"][1].pop("text")),
    (TICKET, "test", ["/note?note.author=John Doe", "note[?@.author=='John Doe']"], SECOND, lambda d: None),
    (TICKET, "add", ["/note", "$.note", "/note/-", "note[-]"], {"author": "Ann"},
     lambda d: d["note"].append({"author": "Ann"})),
    (TICKET, "add", ["/note/0", "note[0]"], {"author": "Ann"}, lambda d: d["note"].insert(0, {"author": "Ann"})),
    (TICKET, "remove", ["/note/text", "note[*].text", "note.text", "$['note'][*]['text']"], None,
     lambda d: [one.pop("text") for one in d["note"]]),
    (TICKET, "remove", ["note[?(@.author!='John Doe' && @.author!='Diego Salas')]",
                        "note[?(!(@.author=='John Doe' || @.author=='Diego Salas'))]"], None,
     lambda d: d["note"].pop(0)),
    (PRICES, "replace", ["/productOfferingPrice/price/amount?productOfferingPrice.name=Monthly Price",
                         "productOfferingPrice[?(@.name=='Monthly Price')].price.amount",
                         "productOfferingPrice[?(@.price.amount<13)]/price/amount",
                         "productOfferingPrice[?(@.price.amount <= 12.0)].price.amount",
                         "/productOfferingPrice/price/amount?productOfferingPrice.price.amount=12"], 25,
     lambda d: d["productOfferingPrice"][0]["price"].update(amount=25)),
    (PRICES, "replace", ["/productOfferingPrice/price?productOfferingPrice.name=Setup Price",
                         "productOfferingPrice[?(@.name=='Setup Price')].price",
                         "productOfferingPrice[?(@.price.amount>=20)].price"], {"amount": 40},
     lambda d: d["productOfferingPrice"][1].update(price={"amount": 40})),
    (LINES, "replace", ["/orderItem/quantity?orderItem.productOffering.id=1513",
                        "orderItem[?(@.productOffering.id=='1513')].quantity"], 25,
     lambda d: [one.update(quantity=25) for one in d["orderItem"][:2]]),
    (LINES, "replace", [
        "/orderItem/quantity?orderItem.productOffering.id=1513&orderItem.product.relatedParty.name=Mary",
        "orderItem[?(@.productOffering.id=='1513' && @.product.relatedParty[0].name == 'Mary')].quantity",
        "orderItem[?(@.product.relatedParty[?(@.name=='Mary' && @.role=='customer')])].quantity"], 25,
     lambda d: d["orderItem"][0].update(quantity=25)),
    # Both conditions are about one party: the customer's name is not Ann.
    (LINES, "replace", [
        "/orderItem/product/relatedParty/role?orderItem.product.relatedParty.name=Ann&orderItem.quantity=1",
        "orderItem[?(@.quantity==1)].product.relatedParty[?(@.name=='Ann')].role",
        "/orderItem/0/product/relatedParty/role?orderItem.product.relatedParty.name=Ann"], "payer",
     lambda d: d["orderItem"][0]["product"]["relatedParty"][1].update(role="payer")),
    (FEATURES, "add", ["/serviceCharacteristic/value?serviceCharacteristic.name=order",
                       "serviceCharacteristic[?(@.name=='order')].value"], {"appointment": "7"},
     lambda d: d["serviceCharacteristic"][0]["value"].update(appointment="7")),
    (FEATURES, "add", ["/serviceCharacteristic/value?serviceCharacteristic.name=suspension",
                       "serviceCharacteristic[?(@.name=='suspension')].value"], "theft",
     lambda d: d["serviceCharacteristic"][1]["value"].append("theft")),
    (FEATURES, "remove", ["serviceCharacteristic[?(@.name=='suspension')].value[?(@=='lost')]"], None,
     lambda d: d["serviceCharacteristic"][1]["value"].pop(0)),
    (FEATURES, "add", ["serviceCharacteristic[?(@.name=='order')].valueType",
                       "/serviceCharacteristic/valueType?serviceCharacteristic.name=order"], "object",
     lambda d: d["serviceCharacteristic"][0].update(valueType="object")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "op", "path", "value", "change"),
    [
        (document, op, path, value, change)
        for document, op, paths, value, change in BOTH_WAYS
        for path in paths
    ],
)
def test_a_query_selects_what_is_changed(document: Any, op: str, path: str, value: Any, change: Any) -> None:
    expected = copy.deepcopy(document)
    change(expected)
    before = copy.deepcopy(document)
    assert json_patch_query(document, [{"op": op, "path": path, "value": value}]) == expected
    assert document == before


def test_a_query_moves_and_copies_one_value() -> None:
    users = {"users": [{"id": 1, "role": "admin"}, {"id": 2}], "admins": []}
    move = {"op": "move", "from": "users[?(@.id==1)].role", "path": "users[?(@.id==2)].role"}
    assert json_patch_query(users, [move])["users"] == [{"id": 1}, {"id": 2, "role": "admin"}]
    copied = json_patch_query(users, [{"op": "copy", "from": "/users?users.role=admin", "path": "/admins"}])
    assert copied == {**users, "admins": [{"id": 1, "role": "admin"}]}
    with pytest.raises(Conflict, match="2 values"):
        json_patch_query(users, [{"op": "copy", "from": "users[*].id", "path": "/id"}])


def test_a_query_is_evaluated_operation_by_operation() -> None:
    patch = [
        {"op": "replace", "path": "note[?(@.author=='John Doe')].author", "value": "Jane Doe"},
        {"op": "remove", "path": "/note?note.author=Jane Doe"},
    ]
    assert [one["author"] for one in json_patch_query(TICKET, patch)["note"]] == [
        "Arthur Evans",
        "Diego Salas",
    ]


@pytest.mark.parametrize("op", ["remove", "replace", "test", "add"])
@pytest.mark.parametrize(
    "path",
    [
        "/note/text?note.author=Nobody",
        "/note?note.author=John Doe&note.text=Resolved",
        "/note?author=John Doe",
        "note[?(@.author=='Nobody')]",
        "note[?(@.author<1)]",
        "nothing[0]",
        "/nothing/at/all",
        "note[9].text",
    ],
)
def test_a_query_that_selects_nothing_is_a_conflict(op: str, path: str) -> None:
    with pytest.raises(PathNotFound):
        json_patch_query(TICKET, [{"op": op, "path": path, "value": "text"}])


@pytest.mark.parametrize(
    "path",
    [
        "/note?",
        "/note?author",
        "/note?=1",
        "/note?a=1&",
        "/note?note.author=%ff",
        "/note?" + "a." * 450 + "a=1",
        "/note~2?note.author=1",
        "note[",
        "note[]",
        "note[?]",
        "note[?(]",
        "note[?()]",
        "note[?(@.a==)]",
        "note[?(@.a=='x]",
        "note[?(@.a=1)]",
        "note[?(@.a==1))]",
        "note[?(@.a==1)] x",
        "note[?(@.a==@.b)]",
        "note[?(1==1)]",
        "note[?(@.a=='x' &&)]",
        "note..text",
        "$",
        "note[?(__import__('os'))]",
        "note[?(" + "(" * 17 + "@.a" + ")" * 17 + ")]",
        "note[" * 17,
        "/note?note.author=" + "x" * 1000,
    ],
)
def test_a_query_that_cannot_be_read_is_refused(path: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        json_patch_query(TICKET, [{"op": "remove", "path": path}])
    assert "$[0]" in str(refusal.value)


def test_a_query_cannot_keep_the_server_busy() -> None:
    document = {"a": [{"b": [{"c": [1] * 100} for _ in range(100)]} for _ in range(100)]}
    with pytest.raises(TooMuch, match="values"):
        json_patch_query(document, [{"op": "test", "path": "a[?(@.b.c[?(@==2)])]", "value": 1}])
    with pytest.raises(TooMuch, match="changes"):
        json_patch_query({"a": [1] * 10_001}, [{"op": "replace", "path": "a[*]", "value": 2}])
    with pytest.raises(TooMuch, match="bytes"):
        json_patch_query({"a": [1] * 9_000}, [{"op": "replace", "path": "a[*]", "value": "x" * 1000}])


def test_a_query_patches_an_order_line_over_http(shared: Client) -> None:
    lines = [
        {"id": str(n), "action": "add", "quantity": n, "productOffering": {"id": f"o{n % 2}"}}
        for n in (1, 2, 3)
    ]
    order = shared.post(ORDER, {"productOrderItem": lines}).json()
    path = "/productOrderItem/quantity?productOrderItem.productOffering.id=o1"
    answer = send(
        shared, f"{ORDER}/{order['id']}", PATCH_QUERY, [{"op": "replace", "path": path, "value": 9}]
    )
    assert answer.status_code == 200, answer.text
    assert [line["quantity"] for line in answer.json()["productOrderItem"]] == [9, 2, 9]
    wrong = [{"op": "add", "path": "productOrderItem[?(@.id=='2')].quantity", "value": "many"}]
    answer = send(shared, f"{ORDER}/{order['id']}", PATCH_QUERY, wrong)
    assert answer.status_code == 400
    assert answer.json()["problems"][0]["path"] == "$.productOrderItem[1].quantity"


# ---- bulk create ----------------------------------------------------------------------------------


def adds(documents: list[Any], path: str = "/-") -> list[Any]:
    return [{"op": "add", "path": path, "value": document} for document in documents]


@pytest.mark.parametrize("kind", every_kind("create"))
def test_many_are_created_at_once_and_in_order(shared: Client, kind: Kind) -> None:
    url, ids = kind.homes[0].url, [fresh("bulk") for _ in range(3)]
    # One order can be cancelled but once.
    documents = [{**minimal(kind), "id": id} for id in (ids[:1] if kind.name.startswith("Cancel") else ids)]
    answer = send(shared, url, JSON_PATCH, adds(documents))
    assert answer.status_code == 201, answer.text
    assert [body["id"] for body in answer.json()] == [document["id"] for document in documents]
    for body in answer.json():
        assert body == shared.get(f"{url}/{body['id']}").json()


@pytest.mark.parametrize("path", ["/", "/-", ""])
def test_a_bulk_create_names_the_collection_in_each_way(shared: Client, path: str) -> None:
    answer = send(shared, INDIVIDUAL, JSON_PATCH, adds([{"givenName": "A", "familyName": "B"}], path))
    assert answer.status_code == 201, answer.text
    answer = send(
        shared, f"{INDIVIDUAL}?fields=none", JSON_PATCH, adds([{"givenName": "A", "familyName": "B"}])
    )
    assert set(answer.json()[0]) == {"id", "href", "@type"}


def test_a_bulk_create_is_all_or_nothing_and_tells_every_problem(shared: Client) -> None:
    good, id = {"givenName": "A", "familyName": "B"}, fresh("whole")
    documents = [{**good, "id": id}, {"givenName": "A"}, good, {"gender": 1, "familyName": "C"}, 5]
    answer = send(shared, INDIVIDUAL, JSON_PATCH, adds(documents))
    assert answer.status_code == 400 and answer.json()["code"] == "VALIDATION_FAILED"
    assert {problem["path"] for problem in answer.json()["problems"]} == {
        "$[1].value.familyName",
        "$[3].value.gender",
        "$[3].value.givenName",
        "$[4].value",
    }
    answer = send(shared, INDIVIDUAL, JSON_PATCH, adds([{**good, "id": id}, good, {**good, "id": id}]))
    assert answer.status_code == 409 and id in answer.json()["message"]
    assert shared.get(f"{INDIVIDUAL}/{id}").status_code == 404


def test_a_bulk_create_refers_to_what_it_creates(database_url: str) -> None:
    client = Client(database_url, strict_references=True)
    try:
        kind = WHOLE.kinds["Product"]
        first, second = ({**minimal(kind), "id": id} for id in ("first", "second"))
        second["productRelationship"] = [{"relationshipType": "reliesOn", "product": {"id": "first"}}]
        url = kind.homes[0].url
        assert send(client, url, JSON_PATCH, adds([first, second])).status_code == 201
        answer = send(
            client,
            url,
            JSON_PATCH,
            adds(
                [
                    {**second, "id": "third"},
                    {
                        **second,
                        "id": "fourth",
                        "productRelationship": [
                            {"relationshipType": "reliesOn", "product": {"id": "nowhere"}}
                        ],
                    },
                ]
            ),
        )
        assert answer.status_code == 400
        assert answer.json()["problems"][0]["path"].startswith("$[1].value.productRelationship")
        assert client.get(f"{url}/third").status_code == 404
    finally:
        client.close()


def test_where_several_kinds_answer_each_document_says_what_it_is(shared: Client) -> None:
    ada = {"@type": "Individual", "givenName": "Ada", "familyName": "Byron"}
    answer = send(shared, PARTY, JSON_PATCH, adds([ada, {"@type": "Organization", "tradingName": "Works"}]))
    assert answer.status_code == 201, answer.text
    assert [body["@type"] for body in answer.json()] == ["Individual", "Organization"]
    assert {body["href"].rpartition("/")[0] for body in answer.json()} == {f"http://localhost:8000{PARTY}"}
    answer = send(shared, PARTY, JSON_PATCH, adds([ada, {"name": "Works"}, {"@type": "Individual"}]))
    assert answer.status_code == 400
    paths = [problem["path"] for problem in answer.json()["problems"]]
    assert "$[1].value['@type']" in paths and "$[2].value.givenName" in paths


@pytest.mark.parametrize(
    ("patch", "place"),
    [
        ([], "at least one"),
        ({}, "array"),
        ([{"op": "remove", "path": "/-"}], "$[0].op"),
        ([{"op": "add", "path": "/1", "value": {}}], "$[0].path"),
        ([{"op": "add", "path": "/-"}], "$[0].value"),
        (adds([{}] * 101), "100"),
    ],
)
def test_a_collection_takes_additions_only(shared: Client, patch: Any, place: str) -> None:
    answer = send(shared, INDIVIDUAL, JSON_PATCH, patch)
    assert answer.status_code == 400 and place in answer.json()["message"]


def test_a_collection_takes_json_patch_only_where_one_can_create(shared: Client) -> None:
    for media in (MERGE_PATCH, PATCH_QUERY, "application/json"):
        answer = send(shared, INDIVIDUAL, media, [])
        assert answer.status_code == 415 and answer.headers["accept-patch"] == JSON_PATCH
    for node in (*WHOLE.kinds.values(), *WHOLE.abstracts.values()):
        kinds = [node] if isinstance(node, Kind) else node.kinds
        if not all("create" in kind.operations for kind in kinds):
            answer = send(shared, node.homes[0].url, JSON_PATCH, adds([{}]))
            assert answer.status_code == 405 and "PATCH" not in answer.headers["allow"]


def test_each_one_of_a_bulk_create_leaves_its_event_and_does_its_task(shared: Client) -> None:
    kind = WHOLE.kinds["SearchTimeSlot"]
    answer = send(shared, kind.homes[0].url, JSON_PATCH, adds([minimal(kind), minimal(kind)]))
    assert answer.status_code == 201, answer.text
    for body in answer.json():
        assert body["status"] == "done"
        history = shared.data(f'{{ {kind.singular}(id: "{body["id"]}") {{ history {{ type }} }} }}')
        assert {"type": "SearchTimeSlotCreateEvent"} in history[kind.singular]["history"]
