"""What a write tells: of an entity that the caller may not read, nothing but where it is."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from models import WHOLE
from models.declare import Kind
from schema.scopes import scope
from tests.access.test_auth import beside, guarded, key_file, scoped  # noqa: F401  (fixtures)
from tests.conftest import Client
from tests.samples import every_kind, fresh, minimal, to_graphql

CANARY = "canary-that-nobody-may-see"
MERGE = {"content-type": "application/merge-patch+json"}
LISTS = ("application/json-patch+json", "application/json-patch-query+json")


def holders(kind: Kind) -> dict[str, dict[str, str]]:
    """The headers of callers with each set of rights over a kind."""
    sets = {"none": (), "read": ("read",), "write": ("write",), "both": ("read", "write")}
    more = beside(kind) if "create" in kind.operations else []
    found = {}
    for name, rights in sets.items():
        scopes = {scope(kind, right) for right in rights} | {
            one for one in more if one != scope(kind, "read")
        }
        found[name] = scoped(*sorted(scopes)) if scopes else scoped("tmf000:nothing:read")
    return found


def held(client: Client, kind: Kind) -> str:
    """Id of an entity with canaries in it, at some revision."""
    id = fresh("e")
    for canary in (f"{CANARY}-1", f"{CANARY}-2", CANARY):
        client.hold(kind, {**minimal(kind), "id": id, "x-canary": canary, "x-list": [{CANARY: CANARY}]})
    return id


def rest_writes(kind: Kind, id: str, url: str) -> Iterator[tuple[str, str, Any, dict[str, str]]]:
    one, fixed = (
        f"{url}/{id}",
        next((a.key for a in kind.attributes if a.fixed and a.key not in ("id", "href")), "href"),
    )
    if "patch" in kind.operations:
        yield "PATCH", one, {}, MERGE
        yield "PATCH", one, {}, {**MERGE, "if-match": '"99"'}
        yield "PATCH", one, {"x-other": 1}, {**MERGE, "if-match": "*"}
        yield "PATCH", one, {"x-other": 1}, MERGE
        yield "PATCH", one, {fixed: "guessed"}, MERGE
        yield "PATCH", one, {"@type": "Other", "relatedParty": [{"id": 5}]}, MERGE
        yield "PATCH", one, {kind.state or "state": "no state at all"}, MERGE
        yield "PATCH", f"{one}?fields=x-canary", {}, MERGE
        for media in LISTS:
            for operation in (
                {"op": "test", "path": "/x-canary", "value": "guess"},
                {"op": "test", "path": "/x-canary", "value": CANARY},
                {"op": "copy", "from": "/x-canary", "path": "/x-copy"},
            ):
                yield "PATCH", one, [operation], {"content-type": media}
    if "create" in kind.operations:
        body = {**minimal(kind), "@type": kind.name, "x-canary": CANARY}
        yield "POST", url, body, {}
        key = {"idempotency-key": fresh("key")}
        yield "POST", url, body, key
        yield "POST", url, body, key
        yield "POST", url, {**body, "id": id}, {}
        yield "POST", url, {**body, "id": id}, {"if-none-match": "*"}
        yield "PATCH", url, [{"op": "add", "path": "/-", "value": body}], {"content-type": LISTS[0]}
    if "delete" in kind.operations:
        yield "DELETE", one, None, {"if-match": '"99"'}
        yield "DELETE", one, None, {}


def graph_writes(kind: Kind, id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    selected = "id href extension revision"
    name = kind.name
    if "patch" in kind.operations:
        query = f"mutation M($id: ID!) {{ update{name}(id: $id, input: {{}}) {{ {selected} }} }}"
        yield query, {"id": id}
        query = (
            f"mutation M($id: ID!) {{ update{name}(id: $id, ifRevision: 99, input: {{}}) {{ {selected} }} }}"
        )
        yield query, {"id": id}
    if "create" in kind.operations:
        given = {"input": {**to_graphql(kind.cls, minimal(kind)), "extension": {"x-canary": CANARY}}}
        yield f"mutation M($input: {name}Create!) {{ create{name}(input: $input) {{ {selected} }} }}", given
    if "delete" in kind.operations:
        yield f"mutation M($id: ID!) {{ delete{name}(id: $id) {{ {selected} }} }}", {"id": id}


@pytest.mark.parametrize("kind", every_kind())
def test_a_write_tells_of_an_entity_to_readers_alone(guarded: Client, kind: Kind) -> None:  # noqa: F811
    url = kind.homes[0].url
    for who, headers in holders(kind).items():
        id, writes, shown = held(guarded, kind), who in ("write", "both"), who == "both"
        for method, path, body, more in rest_writes(kind, id, url):
            given = {} if body is None else {"json": body}
            answer = guarded.request(method, path, headers={**headers, **more}, **given)
            told = answer.text + str(dict(answer.headers))
            assert answer.status_code < 500, told
            if not shown:
                assert CANARY not in told, (who, method, body, more)
                assert "etag" not in answer.headers and "last-modified" not in answer.headers
                assert "revision" not in answer.text or answer.status_code != 412 or "at revision" not in told
            if not writes:
                assert answer.status_code == 403, (who, method, body, more, told)
            elif who == "write" and answer.is_success:
                assert (method, answer.status_code) in (("PATCH", 204), ("DELETE", 204), ("POST", 201),
                                                        ("PATCH", 201)), told  # fmt: skip
                bodies = answer.json() if answer.status_code == 201 else []
                for one in bodies if isinstance(bodies, list) else [bodies]:
                    assert one.keys() == {"id", "href"}
        id = held(guarded, kind)
        for query, variables in graph_writes(kind, id):
            answer = guarded.post("/graphql", {"query": query, "variables": variables}, headers=headers)
            if not shown:
                assert CANARY not in answer.text and "at revision" not in answer.text, (who, query)
                errors = answer.json()["errors"]
                assert {"FORBIDDEN", "PRECONDITION_FAILED", "VALIDATION_FAILED"}.issuperset(
                    e["extensions"]["code"] for e in errors
                )
        if writes:
            continue
        assert guarded.run(guarded.store.by_id(kind, id)).revision == 3, "nothing was written"


def test_over_graphql_a_writer_gets_the_id(guarded: Client) -> None:  # noqa: F811
    kind = WHOLE.kinds["Service"]
    id = held(guarded, kind)
    query = f'mutation {{ updateService(id: "{id}", input: {{ name: "new" }}) {{ id href name }} }}'
    answer = guarded.post("/graphql", {"query": query}, headers=scoped(scope(kind, "write"))).json()
    assert answer["data"]["updateService"] == {
        "id": id, "href": f"http://localhost:8000{kind.homes[0].url}/{id}", "name": None,
    }  # fmt: skip
    assert [error["path"] for error in answer["errors"]] == [["updateService", "name"]]
    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN", "scope": scope(kind, "read")}
    assert guarded.run(guarded.store.by_id(kind, id)).get("name") == "new"


def test_an_illegal_move_names_no_state_to_one_who_may_not_read(guarded: Client) -> None:  # noqa: F811
    kind = WHOLE.kinds["ProductOrder"]
    id = guarded.hold(kind, {**minimal(kind), "state": "completed"}).id
    path, change = f"{kind.homes[0].url}/{id}", {"state": "inProgress"}
    blind = guarded.patch(path, change, headers={**scoped(scope(kind, "write")), **MERGE})
    assert blind.status_code == 409 and blind.json()["code"] == "ILLEGAL_STATE_CHANGE"
    assert "completed" not in blind.text and blind.json()["to"] == "inProgress"
    both = scoped(scope(kind, "write"), scope(kind, "read"))
    assert guarded.patch(path, change, headers={**both, **MERGE}).json()["from"] == "completed"


def test_a_refusal_is_logged_with_who_and_what(
    guarded: Client,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    kind = WHOLE.kinds["Individual"]
    who = scoped(scope(kind, "read"), sub="eve\nForged line")
    with caplog.at_level(logging.INFO, "tmfgraph.auth"):
        for _ in range(3):
            body = {**minimal(kind), "givenName": CANARY}
            assert guarded.post(kind.homes[0].url, body, headers=who).status_code == 403
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"'eve\\nForged line' was refused what needs the scope {scope(kind, 'write')}."]


# ---- what tasks do beyond their own right -------------------------------------------------------------


def writer(kind: str, *more: str) -> dict[str, str]:
    return scoped(scope(WHOLE.kinds[kind], "write"), scope(WHOLE.kinds[kind], "read"), *more)


def test_a_report_of_usage_is_for_those_who_may_read_usage(guarded: Client) -> None:  # noqa: F811
    url = WHOLE.kinds["QueryUsageConsumption"].homes[0].url
    guarded.hold(WHOLE.kinds["Usage"], {**minimal(WHOLE.kinds["Usage"]), "usageType": CANARY})
    refused = guarded.post(url, {}, headers=writer("QueryUsageConsumption"))
    assert refused.status_code == 403 and refused.json()["scope"] == scope(WHOLE.kinds["Usage"], "read")
    reads = scope(WHOLE.kinds["Usage"], "read")
    assert CANARY in guarded.post(url, {}, headers=writer("QueryUsageConsumption", reads)).text
    by_product = {"searchCriteria": {"service": [{"id": "s"}]}}
    refused = guarded.post(url, by_product, headers=writer("QueryUsageConsumption", reads))
    assert refused.json()["scope"] == scope(WHOLE.kinds["Product"], "read")


@pytest.mark.parametrize(("job", "right"), [("ImportJob", "write"), ("ExportJob", "read")])
def test_a_job_needs_the_rights_over_what_it_is_about(guarded: Client, job: str, right: str) -> None:  # noqa: F811
    url, offering = WHOLE.kinds[job].homes[0].url, scope(WHOLE.kinds["ProductOffering"], right)
    document = {"url": "f.ndjson", "path": "/productOffering"}
    assert guarded.post(url, document, headers=writer(job)).json()["scope"] == offering
    assert guarded.post(url, document, headers=writer(job, offering)).status_code == 201
    whole = guarded.post(url, {"url": "f.ndjson"}, headers=writer(job, offering))
    assert whole.status_code == 403, "without a path it is about the whole catalog"
    several = [{"op": "add", "path": "/-", "value": document}]
    headers = {**writer(job), "content-type": LISTS[0]}
    assert guarded.patch(url, several, headers=headers).status_code == 403
    query = f"mutation M($d: {job}Create!) {{ create{job}(input: $d) {{ id }} }}"
    answer = guarded.post("/graphql", {"query": query, "variables": {"d": document}}, headers=writer(job))
    assert answer.json()["errors"][0]["extensions"]["scope"] == offering


def test_a_search_for_time_slots_tells_nothing_but_what_is_free(guarded: Client) -> None:  # noqa: F811
    """Decided in docs/auth.md: whoever may search learns what is taken, and nothing of the appointments."""
    kind = WHOLE.kinds["Appointment"]
    guarded.hold(kind, {**minimal(kind), "description": CANARY, "status": "confirmed"})
    answer = guarded.post(WHOLE.kinds["SearchTimeSlot"].homes[0].url, {}, headers=writer("SearchTimeSlot"))
    assert answer.status_code == 201 and CANARY not in answer.text


def test_a_request_to_cancel_tells_no_state_to_one_who_may_not_read_orders(guarded: Client) -> None:  # noqa: F811
    """Decided in docs/auth.md: the right to ask is the right to cancel; the order itself stays unseen."""
    kind = WHOLE.kinds["ProductOrder"]
    open_, ended = (
        guarded.hold(kind, {**minimal(kind), "state": state}).id for state in ("inProgress", "completed")
    )
    url = WHOLE.kinds["CancelProductOrder"].homes[0].url
    who = writer("CancelProductOrder")
    assert guarded.post(url, {"productOrder": {"id": open_}}, headers=who).json()["state"] == "done"
    refused = guarded.post(url, {"productOrder": {"id": ended}}, headers=who)
    assert refused.status_code == 409 and "is completed" not in refused.text


def test_a_bill_on_demand_names_no_currencies_to_one_who_may_not_read_rates(guarded: Client) -> None:  # noqa: F811
    """Decided in docs/auth.md: the request makes the bill, and tells its id alone."""
    account, kind = fresh("account"), WHOLE.kinds["AppliedCustomerBillingRate"]
    for unit in ("EUR", "USD"):
        amount = {"unit": unit, "value": 5}
        more = {"billingAccount": {"id": account}, "isBilled": False, "taxExcludedAmount": amount}
        guarded.hold(kind, {**minimal(kind), **more, "taxIncludedAmount": amount})
    url = WHOLE.kinds["CustomerBillOnDemand"].homes[0].url
    refused = guarded.post(url, {"billingAccount": {"id": account}}, headers=writer("CustomerBillOnDemand"))
    assert refused.status_code == 409 and "USD" not in refused.text
