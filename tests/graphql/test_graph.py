"""Journeys through the graph: the order chain, its way back, pages, and how many statements they take."""

from typing import Any

import pytest

from models import WHOLE
from resolvers.pages import EXAMPLES
from resolvers.storage import copy as bulk
from resolvers.storage.documents import Draft, prepare
from tests.conftest import Client

LINKS_OF_THE_CHAIN = 8
"""customers, productOrders, serviceOrders, resourceOrders, resource, product, service, resource of service."""


def drafts(number: int) -> list[Draft]:
    """One customer, with an order, a service order, a resource order, a product, a service and two resources."""
    n = f"{number:06d}"
    party = {"id": f"c-{n}", "@referredType": "Customer"}
    spec = {"id": "s"}
    documents: list[tuple[str, dict[str, Any]]] = [
        (
            "Customer",
            {
                "id": f"c-{n}",
                "name": f"Customer {n}",
                "engagedParty": {"id": "i", "@referredType": "Individual"},
            },
        ),
        (
            "ProductOrder",
            {
                "id": f"po-{n}",
                "relatedParty": [party],
                "productOrderItem": [{"id": "1", "action": "add", "product": {"id": f"p-{n}"}}],
            },
        ),
        (
            "Product",
            {
                "id": f"p-{n}",
                "status": "active",
                "realizingService": [{"id": f"s-{n}"}],
                "relatedParty": [party],
            },
        ),
        (
            "ServiceOrder",
            {
                "id": f"so-{n}",
                "externalReference": [
                    {"id": f"po-{n}", "name": f"po-{n}", "externalReferenceType": "PRODUCTORDER"}
                ],
                "serviceOrderItem": [{"id": "1", "action": "add", "service": {"id": f"s-{n}"}}],
            },
        ),
        (
            "Service",
            {
                "id": f"s-{n}",
                "state": "active",
                "serviceSpecification": spec,
                "supportingResource": [{"id": f"r-{n}"}],
            },
        ),
        (
            "ResourceOrder",
            {
                "id": f"ro-{n}",
                "externalReference": [{"id": f"so-{n}", "entityType": "ServiceOrder", "owner": "oss"}],
                "orderItem": [{"id": "1", "resource": {"id": f"q-{n}", "href": "/x"}}],
            },
        ),
        ("Resource", {"id": f"r-{n}", "name": f"port {n}"}),
        ("Resource", {"id": f"q-{n}", "name": f"cpe {n}", "operationalState": "enable"}),
    ]
    return [prepare(WHOLE.kinds[kind], document, imported=True) for kind, document in documents]


def fill(client: Client, numbers: range) -> None:
    made = [draft for number in numbers for draft in drafts(number)]
    client.run(bulk.copy(client.app.state.engine, made, actor="test"))


def test_the_chain_leads_from_a_customer_to_the_network(client: Client) -> None:
    fill(client, range(3))
    nodes = client.data(EXAMPLES["orders_to_network"])["customers"]["nodes"]
    assert len(client.statements) <= LINKS_OF_THE_CHAIN + 1
    assert [node["name"] for node in nodes] == ["Customer 000000", "Customer 000001", "Customer 000002"]
    order = nodes[1]["productOrders"]["nodes"][0]
    assert (order["id"], nodes[1]["productOrders"]["totalCount"]) == ("po-000001", 1)
    service_order = order["serviceOrders"]["nodes"][0]
    assert service_order["id"] == "so-000001"
    resource_order = service_order["resourceOrders"]["nodes"][0]
    assert resource_order["orderItem"][0]["resource"]["target"] == {
        "id": "q-000001", "name": "cpe 000001", "operationalState": "enable",
    }  # fmt: skip
    service = order["productOrderItem"][0]["product"]["target"]["realizingService"][0]["target"]
    assert service["supportingResource"][0]["target"]["name"] == "port 000001"


def test_the_way_back_leads_from_a_resource_to_the_customers_that_stand_on_it(client: Client) -> None:
    fill(client, range(2))
    query = """{ resource(id: "r-000001") { services { nodes { id serviceOrders { nodes { productOrders: externalReference
        { target { ... on ProductOrder { id relatedParty { target { ... on Customer { name } } } } } } } }
        products { nodes { relatedParty { target { __typename ... on Customer { name } } } } } } } } }"""
    service = client.data(query)["resource"]["services"]["nodes"][0]
    assert (
        len(client.statements) == 4
    )  # the ways back in one, two kinds of parties, customers at another place
    assert service["products"]["nodes"][0]["relatedParty"][0]["target"] == {
        "__typename": "Customer", "name": "Customer 000001",
    }  # fmt: skip
    order = service["serviceOrders"]["nodes"][0]["productOrders"][0]["target"]
    assert order == {"id": "po-000001", "relatedParty": [{"target": {"name": "Customer 000001"}}]}


@pytest.mark.parametrize("roots", [1, 100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_the_chain_takes_as_many_statements_for_many_orders_as_for_one(database_url: str, roots: int) -> None:
    client = Client(database_url, rows_at_most=10**6, objects_at_most=10**6, answer_bytes_at_most=10**8)
    fill(client, range(roots))
    query = """query Q($first: Int) { productOrders(first: $first) { totalCount nodes { id
        serviceOrders { nodes { id resourceOrders { nodes { id orderItem { resource { target { id } } } } } } }
        productOrderItem { product { target { realizingService { target { supportingResource { target { name } } } } } } }
        } } }"""
    found = client.data(query, first=roots)["productOrders"]
    assert found["totalCount"] == len(found["nodes"]) == roots
    last = found["nodes"][-1]
    assert last["serviceOrders"]["nodes"][0]["resourceOrders"]["nodes"][0]["orderItem"][0]["resource"][
        "target"
    ]
    assert len(client.statements) == 8
    client.close()


def test_pages_join_without_gap_or_overlap_in_both_directions(client: Client) -> None:
    fill(client, range(25))
    for order in (
        [],
        [{"name": "DESC"}],
        [{"operationalState": "ASC"}, {"name": "DESC"}],
        [{"operationalState": "DESC"}],
    ):
        query = """query Q($first: Int, $after: String, $last: Int, $before: String, $order: [ResourceSort!]) {
            resources(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id } } nodes { id } } }"""
        whole = [n["id"] for n in client.data(query, first=100, order=order)["resources"]["nodes"]]
        assert len(set(whole)) == 50
        forwards: list[str] = []
        after = None
        while True:
            page = client.data(query, first=7, after=after, order=order)["resources"]
            forwards += [n["id"] for n in page["nodes"]]
            assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert forwards == whole
        backwards: list[str] = []
        before = None
        while True:
            page = client.data(query, last=7, before=before, order=order)["resources"]
            backwards = [n["id"] for n in page["nodes"]] + backwards
            before = page["pageInfo"]["startCursor"]
            if not page["pageInfo"]["hasPreviousPage"]:
                break
        assert backwards == whole


def test_via_where_and_order_narrow_a_way_back(client: Client) -> None:
    fill(client, range(1))
    customer = "c-000000"
    for number, state in enumerate(["held", "completed", "held"]):
        document = {
            "id": f"extra-{number}",
            "state": state,
            "relatedParty": [{"id": customer, "@referredType": "Customer"}],
            "productOrderItem": [{"id": "1", "action": "add"}],
        }
        client.run(
            bulk.copy(
                client.app.state.engine,
                [prepare(WHOLE.kinds["ProductOrder"], document, imported=True)],
                actor="t",
            )
        )
    query = """{ customer(id: "c-000000") {
        all: productOrders { totalCount }
        held: productOrders(where: { state: { eq: held } }, orderBy: [{ id: DESC }], first: 1) { totalCount nodes { id } }
        nested: productOrders(via: [productOrderItem_product_relatedParty]) { totalCount } } }"""
    found = client.data(query)["customer"]
    assert found["all"] == {"totalCount": 4}
    assert found["held"] == {"totalCount": 2, "nodes": [{"id": "extra-2"}]}
    assert found["nested"] == {"totalCount": 0}


def test_a_reference_heals_when_its_target_arrives(client: Client) -> None:
    body = {"status": "active", "realizingService": [{"id": "late"}]}
    product = client.post("/tmf-api/productInventory/v4/product", body).json()["id"]
    query = "query Q($id: ID!) { product(id: $id) { realizingService { id target { name } } } }"
    assert client.data(query, id=product)["product"]["realizingService"] == [{"id": "late", "target": None}]
    service = {"id": "late", "name": "here", "state": "active", "serviceSpecification": {"id": "s"}}
    assert client.post("/tmf-api/serviceInventory/v4/service", service).status_code == 201
    assert client.data(query, id=product)["product"]["realizingService"][0]["target"] == {"name": "here"}
    back = client.data('{ service(id: "late") { products { nodes { id } } } }')
    assert back["service"]["products"]["nodes"] == [{"id": product}]


def test_a_reference_that_names_no_kind_leads_to_the_first_that_holds_the_id(client: Client) -> None:
    """Individual, Organization, PartyRole, Customer: in this order, forwards and backwards alike."""
    order = {
        "id": "o",
        "relatedParty": [{"id": "7", "@referredType": "SomePartner"}],
        "productOrderItem": [{"id": "1", "action": "add"}],
    }
    client.post("/tmf-api/productOrderingManagement/v4/productOrder", order)
    forward = '{ productOrder(id: "o") { relatedParty { target { __typename } } } }'
    backward = '{ partyRole(id: "7") { productOrders { totalCount } } organization(id: "7") { productOrders { totalCount } } }'
    client.post("/tmf-api/partyRoleManagement/v4/partyRole", {"id": "7", "name": "partner"})
    assert client.data(forward)["productOrder"]["relatedParty"] == [{"target": {"__typename": "PartyRole"}}]
    assert client.data(backward) == {"partyRole": {"productOrders": {"totalCount": 1}}, "organization": None}
    client.post("/tmf-api/party/v4/organization", {"id": "7", "tradingName": "partner"})
    assert client.data(forward)["productOrder"]["relatedParty"] == [
        {"target": {"__typename": "Organization"}}
    ]
    assert client.data(backward) == {
        "partyRole": {"productOrders": {"totalCount": 0}}, "organization": {"productOrders": {"totalCount": 1}},
    }  # fmt: skip


def test_the_same_id_in_two_kinds_stays_apart(client: Client) -> None:
    same = "0b0e2c4e-1111-4222-8333-444455556666"
    client.post("/tmf-api/party/v4/individual", {"id": same, "givenName": "A", "familyName": "B"})
    customer = {"id": same, "name": "A B", "engagedParty": {"id": same, "@referredType": "Individual"}}
    assert client.post("/tmf-api/customerManagement/v4/customer", customer).status_code == 201
    query = f'{{ individual(id: "{same}") {{ customers {{ nodes {{ name }} }} }} customer(id: "{same}") {{ customers {{ totalCount }} }} }}'
    assert client.data(query) == {
        "individual": {"customers": {"nodes": [{"name": "A B"}]}}, "customer": {"customers": {"totalCount": 0}},
    }  # fmt: skip
    answer = client.graphql(f'{{ node(id: "{same}") {{ id }} }}')
    assert "Individual:" in answer["errors"][0]["message"]
    assert (
        client.data(f'{{ node(id: "Customer:{same}") {{ __typename href }} }}')["node"]["__typename"]
        == "Customer"
    )


def test_errors_have_codes_and_tell_nothing_of_the_inside(client: Client) -> None:
    for query, code in (
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_VALIDATION_FAILED"),
        ("{ customers(first: -1) { nodes { id } } }", "BAD_REQUEST"),
        ('{ customers(after: "nonsense") { nodes { id } } }', "BAD_REQUEST"),
        ('mutation { updateCustomer(id: "none", input: { name: "x" }) { id } }', "NOT_FOUND"),
        (
            'mutation { createIndividual(input: { id: "a/b", givenName: "a", familyName: "b" }) { id } }',
            "VALIDATION_FAILED",
        ),
    ):
        assert client.graphql(query)["errors"][0]["extensions"]["code"] == code, query


def test_every_example_of_graphiql_runs(client: Client) -> None:
    fill(client, range(2))
    for example in EXAMPLES.values():
        for name in ("NewPerson", "People") if "mutation" in example else (None,):
            body = {"query": example, "operationName": name}
            answer = client.post("/graphql", body).json()
            assert "errors" not in answer, answer


def test_a_list_takes_so_many_sort_keys(shared: Client) -> None:
    query = "query Q($o: [CustomerSort!]) { customers(orderBy: $o) { totalCount nodes { id } } }"
    assert "errors" not in shared.graphql(query, o=[{"name": "ASC"}] * 8)
    [error] = shared.graphql(query, o=[{"name": "ASC"}] * 9)["errors"]
    assert "At most 8 sort keys" in error["message"]
