"""Inlining what references lead to: every link of every kind, whole chains, and the bounds."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from models import WHOLE
from models.declare import External, Kind, Points
from models.links import Way, relations, ways_back
from resolvers.errors import BadRequest
from resolvers.rest.expand import INLINED_AT_MOST, REFERRERS_AT_MOST, Expansion, expanded, parse
from resolvers.storage.documents import prepare
from resolvers.storage.loaders import Loaders
from resolvers.storage.rows import Row
from schema.rest.contract import expandable
from tests.conftest import Client
from tests.graphql.test_graph import fill
from tests.samples import every_kind, fresh, minimal
from tests.test_rules import _attribute, _links, _referring, create, url

BASE = "http://localhost:8000"


def address(row: Row) -> str:
    return f"{BASE}{url(row.kind)}/{row.id}"


def inlined(
    client: Client, kind: Kind, ids: Sequence[str], expand: str | None = None, depth: str | None = None
) -> list[dict[str, Any]]:
    """Documents with what they refer to inlined; `client.statements` are those that it took."""
    rows = [client.run(client.store.by_id(kind, id)) for id in ids]
    stored = [row.document for row in rows]
    expansion = parse([kind], expand, depth)
    assert isinstance(expansion, Expansion)

    async def work() -> list[dict[str, Any]]:
        return await expanded(Loaders(client.store), rows, expansion, address, BASE)

    before = copy.deepcopy([row.body for row in rows])
    client.statements.clear()
    found = client.run(work())
    assert [row.body for row in rows] == before and [row.document for row in rows] == stored
    return found


def refused(kinds: Sequence[Kind], expand: str | None = None, depth: str | None = None) -> str:
    with pytest.raises(BadRequest) as refusal:
        parse(kinds, expand, depth)
    return str(refusal.value)


def whole(client: Client, kind: Kind, id: str) -> dict[str, Any]:
    answer = client.get(f"{url(kind)}/{id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def _name(kind: Kind, relation: Any) -> str:
    """The relation as `expand` names it."""
    points = _attribute(kind, relation).mark(Points)
    return points.field if points else relation.path


def _objects_at(document: Any, steps: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Every object at a dotted path, through arrays."""
    if isinstance(document, list):
        for one in document:
            yield from _objects_at(one, steps)
    elif not steps:
        yield document
    elif steps[0] in document:
        yield from _objects_at(document[steps[0]], steps[1:])


# ---- every link -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "relation", "target"), _links())
def test_every_reference_expands_to_itself_and_the_entity(
    shared: Client, kind: Kind, relation: Any, target: Kind
) -> None:
    held = create(shared, target, {**minimal(target), "x-mark": fresh("mark")})
    held = whole(shared, target, held["id"])
    document = _referring(kind, relation, held["id"], target)
    id = shared.hold(kind, document).id
    plain, name = whole(shared, kind, id), _name(kind, relation)
    assert name in expandable(kind)
    steps = name.split(".")
    expected = copy.deepcopy(plain)
    if name == relation.path:
        [reference] = _objects_at(expected, steps)
        reference.update(held)
    else:
        expected[name] = held
    [found] = inlined(shared, kind, [id], expand=name)
    assert found == expected
    assert list(found)[:2] == ["id", "href"]
    on_the_way = [r for r in relations(kind) if f"{name}.".startswith(f"{_name(kind, r)}.")]
    assert len(shared.statements) <= sum(max(1, len(r.targets.held_names)) for r in on_the_way)
    [found] = inlined(shared, kind, [id], depth="1")
    assert list(_objects_at(found, steps)) == list(_objects_at(expected, steps))
    answer = shared.get(f"{url(kind)}/{id}", params={"expand": name})
    assert answer.status_code == 200 and answer.json() == expected


def _ways() -> list[Any]:
    """Every way back, with a relation by which one comes here."""
    found = [
        (kind, way, relation)
        for kind in WHOLE.roots
        for way in ways_back(kind)
        for relation in relations(way.kind)
        if relation.path == way.relations[0]
    ]
    return [pytest.param(k, w, r, id=f"{k.name}<-{w.kind.name}") for k, w, r in found]


@pytest.mark.parametrize(("kind", "way", "relation"), _ways())
def test_every_way_back_lists_what_refers_to_the_entity(
    shared: Client, kind: Kind, way: Way, relation: Any
) -> None:
    name = way.kind.singular
    if name in kind.by_key:
        assert list(_references(kind, name)), "an attribute hides the way back and leads nowhere itself"
        return
    assert name in expandable(kind)
    held = create(shared, kind, minimal(kind))
    prefix = fresh(way.kind.name)
    referrers = [
        shared.hold(way.kind, {**_referring(way.kind, relation, held["id"], kind), "id": f"{prefix}-{n}"})
        for n in (2, 1)
    ]
    expected = [whole(shared, way.kind, row.id) for row in reversed(referrers)]
    plain = whole(shared, kind, held["id"])
    [found] = inlined(shared, kind, [held["id"]], expand=name)
    assert found == {**plain, name: expected}
    assert len(shared.statements) == 1
    answer = shared.get(f"{url(kind)}/{held['id']}", params={"expand": name})
    assert answer.status_code == 200 and answer.json() == found


def _references(kind: Kind, name: str) -> Iterator[str]:
    return (r.path for r in relations(kind) if r.path.split(".")[0] == name)


@pytest.mark.parametrize("kind", every_kind())
def test_what_can_be_expanded_is_what_is_refused_by_no_one(kind: Kind) -> None:
    found = expandable(kind)
    assert len(set(found)) == len(found)
    for name in found:
        assert parse([kind], name, None) is not None
    elsewhere = {r.path for r in relations(kind) if isinstance(r.targets.link.to, External)}
    assert not elsewhere & set(found)
    for name in elsewhere:
        assert refused([kind], name).startswith(f'"{name}" cannot be expanded: what can be at ')


# ---- chains ---------------------------------------------------------------------------------------

CHAIN = (
    "productOrder.serviceOrder.resourceOrder.orderItem.resource,"
    "productOrder.productOrderItem.product.realizingService.supportingResource"
)
STATEMENTS_OF_THE_CHAIN = 6
"""productOrder; serviceOrder and product; resourceOrder and realizingService; all resources."""


@pytest.mark.parametrize("number", [1, 100])
def test_the_chain_leads_to_what_the_graph_gives_in_as_many_statements(client: Client, number: int) -> None:
    fill(client, range(number))
    query = """query Q($first: Int) { customers(first: $first) { nodes { id name productOrders { nodes { id state
        serviceOrders { nodes { id state resourceOrders { nodes { id state
          orderItem { resource { target { id operationalState } } } } } } }
        productOrderItem { product { target { id status realizingService { target { id state
          supportingResource { target { id name } } } } } } } } } } } }"""
    nodes = client.data(query, first=number)["customers"]["nodes"]
    in_graph = len(client.statements)
    assert len(nodes) == number
    found = inlined(client, WHOLE.kinds["Customer"], [node["id"] for node in nodes], expand=CHAIN)
    # The graph's first statement lists the customers, which are given here.
    assert len(client.statements) == STATEMENTS_OF_THE_CHAIN <= in_graph - 1
    assert [_as_graph(one, OF_CUSTOMER) for one in found] == nodes


# What the query above selects, by the names that REST has for it: an attribute, a way back as its
# plural, a reference with its target.
OF_RESOURCE = {"id": None, "operationalState": None}
OF_CUSTOMER: dict[str, Any] = {
    "id": None,
    "name": None,
    "productOrder": {
        "id": None,
        "state": None,
        "serviceOrder": {
            "id": None,
            "state": None,
            "resourceOrder": {"id": None, "state": None, "orderItem": {"resource": OF_RESOURCE}},
        },
        "productOrderItem": {
            "product": {
                "id": None,
                "status": None,
                "realizingService": {
                    "id": None,
                    "state": None,
                    "supportingResource": {"id": None, "name": None},
                },
            }
        },
    },
}
BACKWARDS = {"productOrder", "serviceOrder", "resourceOrder"}
REFERENCES = {"resource", "product", "realizingService", "supportingResource"}


def _as_graph(document: dict[str, Any], wanted: Any) -> dict[str, Any]:
    """What is wanted of a document, in the form in which the graph has it."""
    found: dict[str, Any] = {}
    for name, inner in wanted.items():
        value = document.get(name)
        if inner is None:
            found[name] = value
        elif name in BACKWARDS:
            found[f"{name}s"] = {"nodes": [_as_graph(one, inner) for one in document[name]]}
        elif name in REFERENCES:
            many = isinstance(value, list)
            targets = [{"target": _as_graph(one, inner)} for one in (value if many else [document[name]])]
            found[name] = targets if many else targets[0]
        else:
            found[name] = [_as_graph(one, inner) for one in document[name]]
    return found


def test_a_list_over_rest_takes_as_many_statements_for_many_as_for_one(client: Client) -> None:
    fill(client, range(100))
    counts = set()
    for limit in (1, 100):
        parameters = {"expand": CHAIN, "limit": limit}
        answer = client.get(url(WHOLE.kinds["Customer"]), params=parameters)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()) == limit
        order = answer.json()[0]["productOrder"][0]
        assert order["serviceOrder"][0]["resourceOrder"][0]["orderItem"][0]["resource"]["name"]
        counts.add(len(client.statements))
    assert len(counts) == 1 and counts.pop() <= STATEMENTS_OF_THE_CHAIN + 2


def test_depth_follows_references_level_by_level(client: Client) -> None:
    fill(client, range(1))
    [one] = inlined(client, WHOLE.kinds["ProductOrder"], ["po-000000"], depth="1")
    assert len(client.statements) == 2
    product = one["productOrderItem"][0]["product"]
    assert one["relatedParty"][0]["name"] == "Customer 000000"
    assert (
        product["status"] == "active" and product["href"] == f"{BASE}{url(WHOLE.kinds['Product'])}/p-000000"
    )
    assert product["realizingService"] == [{"id": "s-000000"}]
    assert product["relatedParty"] == [{"id": "c-000000", "@referredType": "Customer"}]
    [two] = inlined(client, WHOLE.kinds["ProductOrder"], ["po-000000"], depth="2")
    # The customer, who is asked for anew at the second level, was read at the first.
    assert len(client.statements) == 4
    product = two["productOrderItem"][0]["product"]
    service = product["realizingService"][0]
    assert service["state"] == "active" and service["supportingResource"] == [{"id": "r-000000"}]
    assert product["relatedParty"][0]["name"] == "Customer 000000"
    [three] = inlined(client, WHOLE.kinds["ProductOrder"], ["po-000000"], depth="3")
    service = three["productOrderItem"][0]["product"]["realizingService"][0]
    assert service["supportingResource"][0]["name"] == "port 000000"
    assert "serviceOrder" not in three
    assert parse([WHOLE.kinds["ProductOrder"]], None, "0") is None


def test_depth_and_expand_go_together(client: Client) -> None:
    fill(client, range(1))
    [found] = inlined(
        client, WHOLE.kinds["ServiceOrder"], ["so-000000"], "resourceOrder.orderItem.resource", "1"
    )
    assert found["externalReference"][0]["state"] == "acknowledged"
    assert found["serviceOrderItem"][0]["service"]["state"] == "active"
    assert found["resourceOrder"][0]["orderItem"][0]["resource"]["name"] == "cpe 000000"


def test_fields_choose_after_expansion(client: Client) -> None:
    fill(client, range(1))
    parameters = {"expand": "relatedParty,serviceOrder", "fields": "relatedParty,serviceOrder"}
    found = client.get(f"{url(WHOLE.kinds['ProductOrder'])}/po-000000", params=parameters).json()
    assert found.keys() == {"id", "href", "@type", "relatedParty", "serviceOrder"}
    assert found["relatedParty"][0]["name"] == "Customer 000000"
    assert [one["id"] for one in found["serviceOrder"]] == ["so-000000"]


def test_the_home_asked_at_is_the_roots_and_the_official_one_that_of_the_rest(client: Client) -> None:
    fill(client, range(1))
    kind = WHOLE.kinds["ProductOrder"]
    for place in kind.homes:
        found = client.get(f"{place.url}/po-000000", params={"expand": "serviceOrder"}).json()
        assert found["href"] == f"{BASE}{place.url}/po-000000"
        assert found["serviceOrder"][0]["href"] == f"{BASE}{url(WHOLE.kinds['ServiceOrder'])}/so-000000"


# ---- references as they come ----------------------------------------------------------------------


def test_a_path_goes_through_values_and_entities_alike(client: Client) -> None:
    """The lines of an order hold products by value and by reference; both lead to their offerings."""
    client.hold(WHOLE.kinds["ProductOffering"], {"id": "offering", "name": "Fibre"})
    client.hold(
        WHOLE.kinds["Product"], {"id": "held", "status": "active", "productOffering": {"id": "offering"}}
    )
    lines = [
        {"id": "1", "action": "add", "product": {"name": "new", "productOffering": {"id": "offering"}}},
        {"id": "2", "action": "modify", "product": {"id": "held", "name": "mine", "x-own": 1}},
        {"id": "3", "action": "add", "product": {"id": "gone", "productOffering": {"id": "offering"}}},
        {"id": "4", "action": "add", "product": {"id": "gone"}},
    ]
    client.hold(WHOLE.kinds["ProductOrder"], {"id": "o", "productOrderItem": lines})
    path = "productOrderItem.product.productOffering"
    [found] = inlined(client, WHOLE.kinds["ProductOrder"], ["o"], expand=path)
    products = [line["product"] for line in found["productOrderItem"]]
    assert [product.get("productOffering", {}).get("name") for product in products] == ["Fibre"] * 3 + [None]
    assert products[0].keys() == {"name", "productOffering"}
    assert (products[1]["status"], products[1]["name"], products[1]["x-own"]) == ("active", "mine", 1)
    assert products[3] == lines[3]["product"]
    assert len(client.statements) == 2


def test_the_attributes_of_a_relationship_go_before_ways_back(client: Client) -> None:
    """`resource` is an attribute of a ResourceRelationship, and the way back of the Resource it leads to."""
    client.hold(WHOLE.kinds["Resource"], {"id": "a", "name": "a"})
    resource = {"id": "a", "href": "/elsewhere"}
    relationship = {"id": "a", "relationshipType": "contains", "resource": resource}
    client.hold(WHOLE.kinds["Resource"], {"id": "b", "name": "b", "resourceRelationship": [relationship]})
    [found] = inlined(client, WHOLE.kinds["Resource"], ["b"], expand="resourceRelationship.resource")
    [one] = found["resourceRelationship"]
    assert (one["name"], one["resource"]["name"], one["relationshipType"]) == ("a", "a", "contains")
    [found] = inlined(client, WHOLE.kinds["Resource"], ["a"], expand="resource.resource")
    assert [(one["id"], one["resource"]) for one in found["resource"]] == [("b", [])]


def test_what_is_not_held_stays_as_it_is(client: Client) -> None:
    parties = [
        {"id": "nobody", "role": "buyer", "@referredType": "Individual"},
        {"id": "no", "name": "one", "@referredType": "Elsewhere"},
    ]
    line = {"id": "1", "action": "add", "product": {"id": "none"}, "billingAccount": {"id": "elsewhere"}}
    document = {"id": "o", "relatedParty": parties, "productOrderItem": [line], "x-extra": {"id": "o"}}
    client.hold(WHOLE.kinds["ProductOrder"], document)
    plain = whole(client, WHOLE.kinds["ProductOrder"], "o")
    for parameters in ({"expand": "relatedParty,productOrderItem.product"}, {"depth": "3"}):
        assert inlined(client, WHOLE.kinds["ProductOrder"], ["o"], **parameters) == [plain]


def test_a_polymorphic_reference_expands_to_whatever_it_leads_to(client: Client) -> None:
    for name in ("Individual", "Organization", "PartyRole", "Customer"):
        client.hold(WHOLE.kinds[name], {**minimal(WHOLE.kinds[name]), "id": name})
    client.hold(WHOLE.kinds["PartyRole"], {"id": "7", "name": "partner"})
    client.hold(WHOLE.kinds["Customer"], {**minimal(WHOLE.kinds["Customer"]), "id": "7"})
    parties: list[dict[str, Any]] = [
        *(
            {"id": name, "role": "x", "@referredType": "Partner"}
            for name in ("Individual", "Organization", "PartyRole", "Customer")
        ),
        {"id": "7", "@referredType": "customer"},
        {"id": "7", "@referredType": "SomePartner"},
    ]
    client.hold(WHOLE.kinds["Service"], {"id": "s", **_service(), "relatedParty": parties})
    [found] = inlined(client, WHOLE.kinds["Service"], ["s"], expand="relatedParty")
    types = [party["@type"] for party in found["relatedParty"]]
    assert types == ["Individual", "Organization", "PartyRole", "Customer", "Customer", "PartyRole"]
    assert found["relatedParty"][0]["role"] == "x"
    assert found["relatedParty"][5]["@referredType"] == "SomePartner"
    assert len(client.statements) == 4


def test_a_special_kind_expands_as_what_it_is(client: Client) -> None:
    client.hold(WHOLE.kinds["PhysicalResource"], {"id": "p", "name": "port", "serialNumber": "SN-1"})
    client.hold(WHOLE.kinds["Service"], {"id": "s", **_service(), "supportingResource": [{"id": "p"}]})
    [found] = inlined(client, WHOLE.kinds["Service"], ["s"], expand="supportingResource")
    assert found["supportingResource"] == [whole(client, WHOLE.kinds["PhysicalResource"], "p")]
    kind = WHOLE.kinds["Resource"]
    assert inlined(client, kind, ["p"], expand="service")[0]["service"][0]["id"] == "s"


def _service() -> dict[str, Any]:
    return {"state": "active", "serviceSpecification": {"id": "spec"}}


def test_a_name_that_only_another_special_kind_has_is_passed_over(client: Client) -> None:
    """At the home of several kinds a path holds where one of them has it."""
    for name in ("Individual", "Organization"):
        client.hold(WHOLE.kinds[name], {**minimal(WHOLE.kinds[name]), "id": name})
    relationship = {"relationshipType": "parent", "organization": {"id": "Organization"}}
    document = {"id": "o", "tradingName": "x", "organizationParentRelationship": relationship}
    client.hold(WHOLE.kinds["Organization"], document)
    path = "organizationParentRelationship.organization"
    expansion = parse([WHOLE.kinds["Individual"], WHOLE.kinds["Organization"]], path, None)
    assert expansion is not None
    rows = [
        client.run(client.store.by_id(WHOLE.kinds[name], id))
        for name, id in (("Individual", "Individual"), ("Organization", "o"))
    ]

    async def work() -> list[dict[str, Any]]:
        return await expanded(Loaders(client.store), rows, expansion, address, BASE)

    individual, organization = client.run(work())
    assert individual == whole(client, WHOLE.kinds["Individual"], "Individual")
    inner = organization["organizationParentRelationship"]["organization"]
    assert inner == {
        **relationship["organization"],
        **whole(client, WHOLE.kinds["Organization"], "Organization"),
    }


def test_a_circle_ends(client: Client) -> None:
    document = {"id": "a", **_service(), "supportingService": [{"id": "a"}]}
    client.hold(WHOLE.kinds["Service"], document)
    plain = whole(client, WHOLE.kinds["Service"], "a")
    [found] = inlined(client, WHOLE.kinds["Service"], ["a"], depth="3")
    assert len(client.statements) == 1
    innermost = found["supportingService"][0]["supportingService"][0]["supportingService"][0]
    assert innermost == plain
    [found] = inlined(client, WHOLE.kinds["Service"], ["a"], expand="supportingService.service")
    assert found["supportingService"][0]["service"] == [plain]


# ---- bounds ---------------------------------------------------------------------------------------

ORDER = WHOLE.kinds["ProductOrder"]


def test_a_path_that_leads_nowhere_is_refused_with_what_could_be_asked_for() -> None:
    message = refused([ORDER], "nothing")
    assert message.startswith('"nothing" cannot be expanded: what can be at ProductOrder is ')
    assert "productOrderItem.product" in message and "serviceOrder" in message
    message = refused([ORDER], "productOrderItem.product.name")
    assert message.startswith(
        '"productOrderItem.product.name" cannot be expanded: what can be at Product is '
    )
    for path in (
        "note",
        "productOrderItem",
        "id",
        "",
        ".",
        "relatedParty.",
        "billingAccount",
        "serviceOrder.state",
    ):
        assert "cannot be expanded" in refused([ORDER], f"relatedParty,{path}"), path
    for path in (
        "relatedParty",
        "relatedParty.engagedParty",
        "productOrderItem.productOrderItem.product",
        "serviceOrder.resourceOrder.orderItem.resource",
    ):
        assert parse([ORDER], path, None)
    both = [WHOLE.kinds["Individual"], WHOLE.kinds["Organization"]]
    assert "at Individual or Organization is" in refused(both, "x")
    assert len(refused([WHOLE.kinds["DigitalIdentity"]], "relatedParty." + "x" * 5000)) < 5000


def test_nothing_asked_for_is_nothing_to_do() -> None:
    for expand, depth in ((None, None), ("", None), (None, ""), ("", "0")):
        assert parse([ORDER], expand, depth) is None


def test_paths_and_depth_are_bounded() -> None:
    assert parse([ORDER], ",".join(["relatedParty"] * 20), None)
    assert "at most 20 paths, not 21" in refused([ORDER], ",".join(["relatedParty"] * 21))
    lines = ["productOrderItem"] * 9
    assert parse([ORDER], ".".join([*lines, "product"]), None)
    assert "at most 10 names" in refused([ORDER], ".".join([*lines, "productOrderItem", "product"]))
    for depth in ("-1", "4", "1.0", "x", "+1", "٣"):
        assert "whole number from 0 to 3" in refused([ORDER], None, depth)


def test_a_way_back_lists_a_hundred(client: Client) -> None:
    client.hold(WHOLE.kinds["Customer"], {**minimal(WHOLE.kinds["Customer"]), "id": "c"})
    party = [{"id": "c", "@referredType": "Customer"}]
    for n in range(REFERRERS_AT_MOST + 1):
        document = {
            "id": f"o-{n:03d}",
            "relatedParty": party,
            "productOrderItem": [{"id": "1", "action": "add"}],
        }
        client.run(client.store.put(prepare(ORDER, document, imported=True)))
    [found] = inlined(client, WHOLE.kinds["Customer"], ["c"], expand="productOrder")
    assert [one["id"] for one in found["productOrder"]] == [f"o-{n:03d}" for n in range(REFERRERS_AT_MOST)]


def test_what_would_be_too_much_is_refused_before_it_is_read(client: Client) -> None:
    client.hold(WHOLE.kinds["Service"], {"id": "s", **_service()})
    references = [{"id": "s"}] * (INLINED_AT_MOST // 2)
    for id in ("one", "two", "three"):
        client.hold(WHOLE.kinds["Service"], {"id": id, **_service(), "supportingService": references})
    found = inlined(client, WHOLE.kinds["Service"], ["one", "two"], expand="supportingService")
    assert len(client.statements) == 1
    last = found[1]["supportingService"][-1]
    assert last["state"] == "active" and last is not found[1]["supportingService"][0]
    with pytest.raises(BadRequest, match="At most 10000 entities"):
        inlined(client, WHOLE.kinds["Service"], ["one", "two", "three"], expand="supportingService")
    assert client.statements == []


def test_over_rest_what_cannot_be_expanded_is_a_bad_request(client: Client) -> None:
    fill(client, range(1))
    for path in (url(ORDER), f"{url(ORDER)}/po-000000"):
        for parameters in ({"expand": "nothing"}, {"depth": "4"}, {"expand": "billingAccount"}):
            answer = client.get(path, params=parameters)
            assert answer.status_code == 400
            assert answer.json()["code"] == "BAD_REQUEST" and answer.json()["@type"] == "Error"
