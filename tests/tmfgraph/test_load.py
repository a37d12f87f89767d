"""Real input: documents from files, the official samples among them."""

import asyncio
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from models import WHOLE
from tests.conftest import Client
from tmfgraph import load
from tmfgraph.settings import Settings

SAMPLES = Path(__file__).parent.parent.parent.parent / "shared" / "tmf-samples"
NEEDS_LENIENCE = {"ServiceOrder", "ResourceOrder", "Service", "Resource"}
"""These break their own official definitions: a mandatory attribute lacks, a date is blank or malformed."""

samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the official samples are not part of the product")
every_sample = pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.json")))


def run(url: str, *files: Path, **options: Any) -> tuple[int, str]:
    out = io.StringIO()
    code = asyncio.run(load.run(url, Settings(), files=[str(file) for file in files], out=out, **options))
    return code, out.getvalue()


@samples
@every_sample
def test_an_official_sample_loads_and_is_read_back_equal(
    client: Client, database_url: str, name: str
) -> None:
    path = SAMPLES / f"{name}.json"
    code, told = run(database_url, path, kind=name)
    if name in NEEDS_LENIENCE:
        assert code == 1 and " is mandatory" in told
        assert client.get(WHOLE.kinds[name].homes[0].url).json() == []
        code, told = run(database_url, path, kind=name, lenient=True)
        assert code == 0 and "warning" in told
    assert code == 0, told
    given = json.loads(path.read_text(encoding="utf-8"))
    kind = WHOLE.kinds[name]
    for document in given if isinstance(given, list) else [given]:
        for home in kind.homes:
            body = client.get(f"{home.url}/{document['id']}").json()
            assert body.pop("href") == f"http://localhost:8000{home.url}/{body['id']}"
            document.pop("href", None)
            added = {key for key in body if key not in document}
            assert added <= {"@type", *(a.key for a in kind.attributes if a.server_set)}
            assert {key: value for key, value in body.items() if key not in added} == document


@samples
def test_all_samples_at_once_are_one_graph(client: Client, database_url: str) -> None:
    for path in sorted(SAMPLES.glob("*.json")):
        assert run(database_url, path, kind=path.stem, lenient=True)[0] == 0
    answer = client.data(
        """{ service(id: "5351") { name supportingResource { id target { name } } serviceOrderItem { target { id state } } }
             serviceOrder(id: "42") { services { nodes { name } } serviceOrderItem { service { id serviceCharacteristic { value } } } }
             resources { nodes { id startOperatingDate } } }"""
    )
    assert answer["service"]["serviceOrderItem"][0]["target"] == {"id": "42", "state": "acknowledged"}
    assert answer["serviceOrder"]["services"]["nodes"] == [{"name": answer["service"]["name"]}]
    assert all(document["id"] for document in answer["resources"]["nodes"])


PERSON = {"@type": "individual", "givenName": "Ada", "familyName": "Byron"}


def test_bad_documents_are_named_by_line_and_path_and_the_good_ones_are_kept(
    client: Client, database_url: str, tmp_path: Path
) -> None:
    lines = [
        json.dumps({**PERSON, "id": "1"}),
        '{"@type": "Individual", "givenName": ',
        json.dumps({"@type": "Individual", "id": "3", "givenName": "no family"}),
        "",
        json.dumps({"@type": "Unheard", "id": "5"}),
        json.dumps({"@type": "MyCustomer", "@baseType": "Customer", "id": "6", "name": "x",
                    "engagedParty": {"id": "1", "@referredType": "Individual"}}),
        json.dumps({**PERSON, "id": "7", "birthDate": "soon"}),
    ]  # fmt: skip
    file = tmp_path / "mixed.ndjson"
    file.write_text("\n".join(lines), encoding="utf-8")
    code, told = run(database_url, file)
    assert code == 1
    assert re.search(r"mixed\.ndjson:2: .*JSON", told)
    assert re.search(r"mixed\.ndjson:3: Individual 3: \$\.familyName is mandatory", told)
    assert re.search(r"mixed\.ndjson:5: .*--kind", told)
    assert re.search(r"mixed\.ndjson:7: Individual 7: \$\.birthDate must be a date-time", told)
    assert "2 documents are new, 0 changed, 4 refused" in told
    assert [e["id"] for e in client.get("/tmf-api/party/v4/individual").json()] == ["1"]
    assert client.get("/tmf-api/customerManagement/v4/customer/6").json()["@type"] == "MyCustomer"


def test_arrays_and_laid_out_documents_tell_their_lines(
    client: Client, database_url: str, tmp_path: Path
) -> None:
    array = tmp_path / "array.json"
    array.write_text(
        json.dumps([{**PERSON, "id": "a"}, {"@type": "Individual", "id": "b"}], indent=2), encoding="utf-8"
    )
    code, told = run(database_url, array)
    assert code == 1 and "array.json:8: Individual b: $.givenName is mandatory" in told
    several = tmp_path / "several.json"
    several.write_text("\n".join(json.dumps({**PERSON, "id": n}, indent=1) for n in "cd"), encoding="utf-8")
    assert run(database_url, several)[0] == 0
    assert [e["id"] for e in client.get("/tmf-api/party/v4/individual").json()] == ["a", "c", "d"]


def test_loading_again_changes_what_is_there_and_leaves_its_history(
    client: Client, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "person.json"
    file.write_text(json.dumps({**PERSON, "id": "1", "status": "validated"}), encoding="utf-8")
    assert "1 documents are new" in run(database_url, file)[1]
    # An import may stand anywhere in its life: no rule of the flow applies.
    file.write_text(json.dumps({**PERSON, "id": "1", "status": "initialized"}), encoding="utf-8")
    assert "0 documents are new, 1 changed" in run(database_url, file)[1]
    query = '{ individual(id: "1") { status history { type actor stateBefore stateAfter } } }'
    person = client.data(query)["individual"]
    assert person["status"] == "initialized"
    assert person["history"] == [
        {"type": "IndividualCreateEvent", "actor": "load", "stateBefore": None, "stateAfter": "validated"},
        {
            "type": "IndividualStateChangeEvent",
            "actor": "load",
            "stateBefore": "validated",
            "stateAfter": "initialized",
        },
    ]


@pytest.mark.parametrize("between", [0, load.BATCH + 500])
def test_the_last_of_two_documents_with_one_id_wins(
    client: Client, database_url: str, tmp_path: Path, between: int
) -> None:
    file = tmp_path / "twice.ndjson"
    others = [{**PERSON, "id": f"other-{n}"} for n in range(between)]
    twice = [{**PERSON, "id": "1", "title": title} for title in ("first", "last")]
    file.write_text("\n".join(map(json.dumps, (twice[0], *others, twice[1]))), encoding="utf-8")
    assert f"{between + 1:,} documents are new, 1 changed" in run(database_url, file)[1]
    assert client.get("/tmf-api/party/v4/individual/1").json()["title"] == "last"


def test_a_dry_run_writes_nothing(client: Client, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "person.json"
    file.write_text(json.dumps({**PERSON, "id": "1"}), encoding="utf-8")
    code, told = run(database_url, file, dry_run=True)
    assert code == 0 and "nothing was written" in told
    assert client.get("/tmf-api/party/v4/individual").json() == []


def test_a_lenient_load_never_takes_a_page_of_results_down(
    client: Client, database_url: str, tmp_path: Path
) -> None:
    odd = {
        "@type": "ProductOrder",
        "id": "odd",
        "productOrderItem": [{"quantity": 1}],
        "orderDate": "long ago",
    }
    good = {"@type": "ProductOrder", "id": "good", "productOrderItem": [{"id": "1", "action": "add"}]}
    file = tmp_path / "orders.ndjson"
    file.write_text("\n".join(map(json.dumps, (good, odd))), encoding="utf-8")
    code, told = run(database_url, file, lenient=True)
    assert code == 0 and "$.productOrderItem[0].action is mandatory" in told
    nodes = client.data("{ productOrders { nodes { id orderDate productOrderItem { id action } } } }")[
        "productOrders"
    ]["nodes"]
    assert [node["id"] for node in nodes] == ["good", "odd"]
    assert nodes[1]["orderDate"] == "long ago"
    # What was odd before may stay; what a patch brings is checked.
    order = "/tmf-api/productOrderingManagement/v4/productOrder/odd"
    assert client.patch(order, {"category": "legacy"}).status_code == 200
    assert client.patch(order, {"requestedStartDate": "soon"}).status_code == 400


def test_what_stands_before_the_place_where_a_file_breaks_is_kept(
    client: Client, database_url: str, tmp_path: Path
) -> None:
    file, good = tmp_path / "torn.ndjson", load.BATCH + 200
    lines = [json.dumps({**PERSON, "id": f"{n}"}).encode() for n in range(good)]
    file.write_bytes(b"\n".join((*lines, *[b" " * 1000] * 100, b'{"id": "\xff"}', lines[0])))
    code, told = run(database_url, file)
    assert code == 2 and "torn.ndjson cannot be read: it is not UTF-8" in told
    assert int(client.get("/tmf-api/party/v4/individual?limit=1").headers["X-Total-Count"]) == good


def test_what_cannot_be_read_is_said(database_url: str, tmp_path: Path) -> None:
    code, told = run(database_url, tmp_path / "none.json")
    assert code == 2 and "none.json cannot be read" in told
    code, told = run(database_url, tmp_path, kind="Nothing")
    assert code == 2 and "ProductOrder" in told
