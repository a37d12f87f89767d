"""Two applications in one process, each with kinds of its own; neither sees those of the other."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import WHOLE
from models.common import Entity, RelatedParty, ServiceRef
from models.declare import ANY, Api, External, Group, Link, World, reference, resource
from models.party.customer import Customer
from models.party.party import Individual
from models.resource.inventory import PhysicalResource
from models.tables import table, tables
from resolvers.graphql.graph import graph, sdl
from schema.rest import openapi
from schema.scopes import unknown
from tests.conftest import Client
from tmfgraph import database

ROOT = Path(__file__).resolve().parent.parent
LIGHTING = Api("TMF999", "Lighting", "resource", "/tmf-api/lighting/v4")
CUSTOMERS = "/tmf-api/customerManagement/v4/customer"
LAMPS = "/tmf-api/lighting/v4/lamp"
ORDERS = "/tmf-api/productOrderingManagement/v4/productOrder"


@resource(LIGHTING.at("lamp"))
class Lamp(Entity):
    """Something that gives light."""

    name: str
    """What people call it."""
    related_party: tuple[RelatedParty, ...] = ()
    """Those who switch it on."""
    service: ServiceRef | None = None
    """The service that needs its light."""


def small() -> World:
    """Two of the kinds, and one that the whole does not have."""
    held = {"Individual", "Customer"}
    foreign = [kind.cls for kind in WHOLE.kinds.values() if kind.name not in held]
    return World([Individual, Customer, Lamp], foreign)


SMALL = small()


@pytest.fixture
def lit(twin_database_url: str) -> Iterator[Client]:
    """A client of an application for the small world."""
    database.run(twin_database_url, tables(SMALL).create_all)
    made = Client(twin_database_url, SMALL)
    yield made
    made.close()


def test_two_applications_with_different_kinds_live_in_one_process(client: Client, lit: Client) -> None:
    for one, name in ((client, "whole"), (lit, "small")):
        body = {"id": "c", "name": name, "engagedParty": {"id": "i", "@referredType": "Individual"}}
        assert one.post(CUSTOMERS, body).status_code == 201
    party = {"id": "c", "role": "owner", "@referredType": "Customer"}
    lamp = {"id": "l", "name": "red", "relatedParty": [party], "service": {"id": "s"}}
    assert lit.post(LAMPS, lamp).status_code == 201
    assert client.post(LAMPS, lamp).status_code == 404
    order = {"id": "o", "productOrderItem": [{"id": "1", "action": "add"}], "relatedParty": [party]}
    assert client.post(ORDERS, order).status_code == 201
    assert lit.post(ORDERS, order).status_code == 404

    assert [client.get(f"{CUSTOMERS}/c").json()["name"], lit.get(f"{CUSTOMERS}/c").json()["name"]] == [
        "whole",
        "small",
    ]
    query = '{ customer(id: "c") { name %s { nodes { id } } } }'
    assert client.data(query % "productOrders")["customer"] == {
        "name": "whole",
        "productOrders": {"nodes": [{"id": "o"}]},
    }
    assert lit.data(query % "lamps")["customer"] == {"name": "small", "lamps": {"nodes": [{"id": "l"}]}}
    assert "Cannot query field" in str(client.graphql(query % "lamps"))
    assert "Cannot query field" in str(lit.graphql(query % "productOrders"))

    made = lit.data('mutation { createLamp(input: {id: "m", name: "blue"}) { id revision } }')
    assert made == {"createLamp": {"id": "m", "revision": 1}}
    assert [one["id"] for one in lit.get(f"{LAMPS}?name=blue").json()] == ["m"]
    assert lit.get(f"{LAMPS}/l?expand=relatedParty").json()["relatedParty"][0]["name"] == "small"
    assert lit.delete(f"{CUSTOMERS}/c").status_code == 409


def test_each_tells_of_its_own_kinds_alone(client: Client, lit: Client) -> None:
    told = {entry["resource"] for entry in lit.get("/tmf-api").json()}
    assert told == {"Individual", "Party", "Customer", "Lamp"}
    assert [one["api"] for one in lit.get("/openapi").json()] == ["TMF629", "TMF632", "TMF999"]
    assert set(lit.get("/openapi/TMF999.json").json()["paths"]) == {LAMPS, f"{LAMPS}/{{id}}"}
    assert (
        lit.get("/openapi/TMF622.json").status_code == client.get("/openapi/TMF999.json").status_code == 404
    )
    assert "Lamp" in lit.get("/").text and "Lamp" not in client.get("/").text
    assert "ProductOrder" not in lit.get("/").text
    service = "query { _service { sdl } }"
    assert lit.data(service)["_service"]["sdl"] == sdl(SMALL).rstrip("\n")
    assert client.data(service)["_service"]["sdl"] == sdl(WHOLE).rstrip("\n")
    assert unknown(SMALL, ["tmf999:lamp:read", "tmf622:productOrder:read"]) == ["tmf622:productOrder:read"]
    assert unknown(WHOLE, ["tmf999:lamp:read", "tmf622:productOrder:read"]) == ["tmf999:lamp:read"]


def test_two_worlds_share_no_kind_table_or_type() -> None:
    assert SMALL.kinds["Customer"] is not WHOLE.kinds["Customer"]
    assert SMALL.kinds["Customer"].cls is WHOLE.kinds["Customer"].cls
    assert table(SMALL.kinds["Customer"]) is not table(WHOLE.kinds["Customer"])
    assert "lamp" in tables(SMALL).tables and "lamp" not in tables(WHOLE).tables
    assert "product_order" not in tables(SMALL).tables
    assert graph(SMALL).core.type_map["Customer"] is not graph(WHOLE).core.type_map["Customer"]
    assert "Lamp" not in graph(WHOLE).core.type_map and "ProductOrder" not in graph(SMALL).core.type_map
    assert "Lamp" not in openapi.apis(WHOLE).values()


def test_what_is_foreign_is_as_what_other_systems_hold(lit: Client) -> None:
    """Its references are kept and found; what they lead to is null, and its key behind a gateway."""
    parties = [{"id": "o", "role": "owner", "@referredType": "Organization"}, {"id": "x", "role": "user", "@referredType": "?"}]  # fmt: skip
    lamp = {"id": "f", "name": "dark", "relatedParty": parties, "service": {"id": "far"}}
    assert lit.post(LAMPS, lamp).status_code == 201
    query = '{ lamp(id: "f") { service { id target { id } } relatedParty { id target { __typename } } } }'
    assert lit.data(query)["lamp"] == {
        "service": {"id": "far", "target": None},
        "relatedParty": [{"id": "o", "target": None}, {"id": "x", "target": None}],
    }
    for wanted in ("service.id=far", "relatedParty.id=o", "relatedParty.id=x"):
        assert [one["id"] for one in lit.get(f"{LAMPS}?{wanted}").json()] == ["f"], wanted
    answer = lit.get(f"{LAMPS}/f?expand=relatedParty&depth=1").json()
    assert answer["relatedParty"] == parties and answer["service"] == {"id": "far"}
    assert 'type Service @key(fields: "id", resolvable: false)' in sdl(SMALL)
    assert "union PartyOrPartyRole = Individual | Customer" in sdl(SMALL)


def test_a_world_that_does_not_go_together_is_refused() -> None:
    with pytest.raises(TypeError, match="may lead to Organization: hold that kind as well"):
        World([Individual, Customer]).targets(Link(Group("Pair", ("Individual", "Organization"), "Both.")))
    with pytest.raises(TypeError, match="PhysicalResource lives in the table of Resource"):
        World([PhysicalResource])
    with pytest.raises(TypeError, match="two kinds of the name Individual"):
        World([Individual, Individual])
    with pytest.raises(TypeError, match="RelatedParty is no @resource"):
        World([RelatedParty])


def test_targets_of_a_world_are_what_references_name_and_what_is_held() -> None:
    to_party = SMALL.targets(
        Link(Group("PartyOrPartyRole", ("Individual", "Organization", "Customer"), "One."))
    )
    assert to_party.names == ("Individual", "Organization", "Customer")
    assert [kind.name for kind in to_party.kinds] == ["Individual", "Customer"]
    unnamed, organization = {"id": "1"}, {"id": "1", "@referredType": "organization"}
    assert to_party.recorded(unnamed) == (to_party.names, "1")
    assert to_party.held(unnamed) == (("Individual", "Customer"), "1")
    assert to_party.recorded(organization) == (("Organization",), "1")
    assert to_party.held(organization) == ((), "1")
    assert to_party.recorded({"id": ""}) == to_party.recorded({}) == ((), "")
    to_any = SMALL.targets(Link(ANY))
    assert to_any.held({"id": "1", "@referredType": "lamp"}) == (("Lamp",), "1")
    assert to_any.recorded({"id": "1", "@referredType": "PhysicalResource"}) == (("Resource",), "1")
    assert to_any.recorded(unnamed) == ((), "1")
    elsewhere = SMALL.targets(Link(External("Account", "An account.")))
    assert elsewhere.recorded(unnamed) == (("Account",), "1") and elsewhere.held(unnamed) == ((), "1")


def test_the_editor_offers_no_query_for_kinds_that_are_not_there(client: Client, lit: Client) -> None:
    whole, small = (one.get("/graphql", headers={"Accept": "text/html"}).text for one in (client, lit))
    assert "productOrders" in whole and "productOrders" not in small and "createIndividual" in small


def test_declaring_a_class_registers_it_nowhere() -> None:
    @reference("Lamp")
    class LampRef(Entity):
        """A lamp."""

    assert LampRef not in SMALL.values and Lamp not in [kind.cls for kind in WHOLE.kinds.values()]


def test_no_room_knows_a_world_that_it_was_not_given() -> None:
    registry = re.compile(r"\b(WHOLE|KINDS|ABSTRACTS|VALUES|ENUMERATIONS)\b")
    for room in ("models", "schema", "resolvers"):
        for path in (ROOT / room).rglob("*.py"):
            if path != ROOT / "models" / "__init__.py":
                assert not registry.search(path.read_text(encoding="utf-8")), path
    wiring = (ROOT / "app.py").read_text(encoding="utf-8")
    assert [line.strip() for line in wiring.splitlines() if registry.search(line)] == [
        "from models import WHOLE",
        "def build(settings: Settings, world: World = WHOLE) -> Starlette:",
    ]
