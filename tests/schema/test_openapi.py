"""The OpenAPI documents: valid, current, and true to what the server takes and answers."""

import datetime as dt
import enum
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from models import WHOLE
from models.declare import Abstract, Home, Json, Kind, attributes, family_attributes, special_of
from models.links import relations
from models.times import canonical
from resolvers.behaviour.cancel import CANCELS
from resolvers.rest.facade import MERGE_PATCH, OPERATIONS
from resolvers.storage.documents import prepare
from schema.rest import examples, openapi
from schema.rest.contract import JSON_PATCH
from schema.rest.json_schema import Form
from tests.conftest import Client
from tests.samples import complete, every_kind, fresh, minimal
from tmfgraph import cli, logs

ROOT = Path(__file__).parent.parent.parent
NUMBERS = list(openapi.apis(WHOLE))
METHODS = ("get", "post", "patch", "delete")

FORMATS = FormatChecker(["date-time"])
FORMATS.checks("date-time")(lambda text: not isinstance(text, str) or canonical(text) is not None)


def problems(
    number: str, schema: dict[str, Any], instance: Any, formats: FormatChecker | None = FORMATS
) -> list[str]:
    """What is wrong with an instance of a schema that stands in the document of an API."""
    whole = {**schema, "components": openapi.document(WHOLE, number)["components"]}
    found = Draft202012Validator(whole, format_checker=formats).iter_errors(instance)
    return [f"{error.json_path}: {error.message[:300]}" for error in found]


def named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def answer(number: str, path: str, method: str = "get", status: str = "200") -> dict[str, Any]:
    """The schema of what an operation answers."""
    response = openapi.document(WHOLE, number)["paths"][path][method]["responses"][status]
    return response["content"]["application/json"]["schema"]


def every_home() -> list[Any]:
    return [pytest.param(home, node, id=path) for path, (home, node) in WHOLE.homes.items()]


def operations(number: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of all that a document describes."""
    for path, item in openapi.document(WHOLE, number)["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


# ---- the documents --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", NUMBERS)
def test_a_document_is_valid(number: str) -> None:
    OpenAPIV31SpecValidator(openapi.document(WHOLE, number)).validate()


@pytest.mark.parametrize("number", NUMBERS)
def test_every_schema_is_valid(number: str) -> None:
    for schema in openapi.document(WHOLE, number)["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_the_snapshots_in_git_are_what_the_declarations_yield() -> None:
    directory = ROOT / "schema" / "openapi"
    assert sorted(path.stem for path in directory.iterdir()) == NUMBERS
    stale = [
        n
        for n in NUMBERS
        if (directory / f"{n}.json").read_text(encoding="utf-8") != openapi.snapshot(WHOLE, n)
    ]
    assert stale == [], "stale: run `./run refresh`"


@pytest.mark.parametrize(("home", "node"), every_home())
def test_every_home_is_described_with_what_it_offers(home: Home, node: Kind | Abstract) -> None:
    paths = openapi.document(WHOLE, home.api.number)["paths"]
    at_home = {"get": "list", "post": "create", "patch": "create"}
    below = {"get": "get", "patch": "patch", "delete": "delete"}
    offered = openapi.operations(node)
    for path, methods in ((home.url, at_home), (f"{home.url}/{{id}}", below)):
        found = {method for method in METHODS if method in paths[path]}
        assert found == {method for method, operation in methods.items() if operation in offered}
    for path, taken in ((home.url, {JSON_PATCH}), (f"{home.url}/{{id}}", {*MERGE_PATCH, *OPERATIONS})):
        if "patch" in paths[path]:
            assert set(paths[path]["patch"]["requestBody"]["content"]) == taken


@pytest.mark.parametrize("number", NUMBERS)
def test_every_operation_has_an_id_of_its_own_and_says_what_it_does(number: str) -> None:
    found = [operation for _, _, operation in operations(number)]
    ids = [operation["operationId"] for operation in found]
    assert len(ids) == len(set(ids))
    assert all(operation["summary"] and operation["description"] for operation in found)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_reference_leads_somewhere_and_every_component_is_used(number: str) -> None:
    document = openapi.document(WHOLE, number)
    text = json.dumps(document)
    wanted = set(re.findall(r'"#/components/(\w+)/([^"]+)"', text))
    there = {(part, name) for part, found in document["components"].items() for name in found}
    assert wanted == {(part, name) for part, name in there if part != "securitySchemes"}


@pytest.mark.parametrize("number", NUMBERS)
def test_every_operation_names_its_scopes(number: str) -> None:
    for path, method, operation in operations(number):
        right = "read" if method == "get" else "write"
        enough = [one["bearer"] for one in operation["security"]]
        assert enough and all(scopes[-1].endswith(f":{right}") for scopes in enough), path
    unsecured = openapi.document(WHOLE, number, secured=False)
    assert not [p for p in unsecured["paths"].values() for m in METHODS if "security" in p.get(m, {})]


def test_the_base_url_is_that_of_the_server() -> None:
    assert openapi.document(WHOLE, "TMF622")["servers"] == [{"url": "/"}]
    assert openapi.document(WHOLE, "TMF622", "https://tmf.example.com")["servers"] == [
        {"url": "https://tmf.example.com"}
    ]


def test_a_secret_is_taken_and_never_given() -> None:
    schemas = openapi.document(WHOLE, "TMF720")["components"]["schemas"]
    assert schemas["LoginPasswordCredential_Create"]["properties"]["password"]["writeOnly"] is True
    assert "password" not in schemas["LoginPasswordCredential"]["properties"]
    assert "password" not in json.dumps(examples.answered(WHOLE.kinds["DigitalIdentity"]))


def test_what_is_mandatory_depends_on_the_api_of_the_kind() -> None:
    """TMF640's document has Service, whose rules are TMF638's, beside kinds of its own."""
    schemas = openapi.document(WHOLE, "TMF640")["components"]["schemas"]
    assert schemas["Note_TMF638_Create"]["required"] == ["author", "date", "text"]
    assert "required" not in schemas["Note_Create"]


def _json_types(cls: type[Any]) -> dict[str, str]:
    """What stands in JSON under each attribute."""
    names = {int: "number", float: "number", bool: "boolean", Json: "anything"}
    return {
        a.key: "array" if a.many else "object" if a.is_value else names.get(a.type, "string")
        for a in attributes(cls)
    }


def _holder(kind: Kind, path: str) -> type[Any]:
    """The class of what stands at a dotted path."""
    cls: Any = kind.cls
    for step in path.split("."):
        family = (cls, *special_of(cls).values())
        cls = next(a.type for one in family for a in attributes(one) if a.key == step)
    return cls


@pytest.mark.parametrize("kind", every_kind())
def test_an_expanded_reference_still_has_the_types_of_its_schema(kind: Kind) -> None:
    """What is inlined stands over the reference's own attributes, so these must not differ in type."""
    for relation in relations(kind):
        holder = _holder(kind, relation.path)
        if holder is str:
            continue
        own = _json_types(holder)
        for name in relation.targets.held_names:
            target = _json_types(WHOLE.kinds[name].cls)
            clash = {key for key in own.keys() & target.keys() if own[key] not in (target[key], "anything")}
            assert clash == set(), f"{kind.name}.{relation.path} to {name}"


# ---- the examples -----------------------------------------------------------------------------------


def examples_in(number: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every example of a document with its schema."""
    document = openapi.document(WHOLE, number)
    for path, method, operation in operations(number):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for name, example in content.get("examples", {}).items():
                if "$ref" in example:
                    example = document["components"]["examples"][example["$ref"].rpartition("/")[2]]
                yield f"{method} {path} {name}", content["schema"], example["value"]
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            yield name, named(name), example


@pytest.mark.parametrize("number", NUMBERS)
def test_every_example_is_valid(number: str) -> None:
    found = list(examples_in(number))
    assert found
    wrong = {where: errors for where, schema, value in found if (errors := problems(number, schema, value))}
    assert wrong == {}


@pytest.mark.parametrize("kind", every_kind("create"))
def test_every_example_of_a_creation_is_accepted(shared: Client, kind: Kind) -> None:
    url = kind.homes[0].url
    for full in (False, True):
        document = examples.given(kind, full=full)
        if kind.name in CANCELS:  # an order cannot be cancelled twice
            task = CANCELS[kind.name]
            order = fresh("order")
            shared.hold(
                WHOLE.kinds[task.kind],
                {"id": order, task.items: [{"id": "1", "action": "add", "service": {}}]},
            )
            document[task.order]["id"] = order
        made = shared.post(url, document)
        assert made.status_code == 201, made.text
        if "patch" in kind.operations:
            changed = shared.patch(f"{url}/{made.json()['id']}", examples.change(kind))
            assert changed.status_code == 200, changed.text


# ---- what is answered -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", every_kind("create"))
@pytest.mark.parametrize("sample", [minimal, complete])
def test_what_is_taken_and_answered_is_as_described(shared: Client, kind: Kind, sample: Any) -> None:
    given = sample(kind)
    number = kind.api.number
    assert problems(number, named(f"{kind.name}{Form.CREATE}"), given) == []
    made = shared.post(kind.homes[0].url, given)
    assert made.status_code == 201, made.text
    assert problems(number, answer(number, kind.homes[0].url, "post", "201"), made.json()) == []
    for home in kind.homes:
        got = shared.get(f"{home.url}/{made.json()['id']}")
        schema = answer(home.api.number, f"{home.url}/{{id}}")
        assert problems(home.api.number, schema, got.json()) == []


def _spoiled(cls: type[Any], document: dict[str, Any], *, top: bool = True) -> dict[str, Any]:
    """What a lenient load still takes: unknown enumeration values, dates that are none, bare nested objects."""
    made = dict(document)
    for a in family_attributes(cls):
        if a.key not in made:
            continue
        if a.is_value:
            spoil = functools.partial(_spoiled, a.type, top=False)
            made[a.key] = [*map(spoil, made[a.key]), {}] if a.many else spoil(made[a.key])
        elif isinstance(a.type, type) and issubclass(a.type, (enum.StrEnum, dt.datetime)) and not a.many:
            made[a.key] = "some other time"
        elif a.mandatory and not top and a.key != "id":
            del made[a.key]
    return made


@pytest.mark.parametrize("kind", every_kind())
def test_what_was_loaded_leniently_is_as_described(shared: Client, kind: Kind) -> None:
    spoiled = _spoiled(kind.cls, complete(kind)) | {"description": None}
    if kind.state:
        spoiled[kind.state] = "some other state"
    draft = prepare(kind, spoiled, imported=True, lenient=True)
    assert draft.warnings
    shared.run(shared.store.put(draft))
    number, url = kind.api.number, kind.homes[0].url
    got = shared.get(f"{url}/{draft.id}")
    assert got.status_code == 200
    schema = answer(number, f"{url}/{{id}}")
    # A format is an annotation: what does not have it is still a string.
    assert problems(number, schema, got.json(), formats=None) == []


@pytest.mark.parametrize("accept", ["application/json", "application/problem+json"])
def test_every_failure_is_as_described(shared: Client, accept: str) -> None:
    home = WHOLE.kinds["ProductOrder"].homes[0].url
    id = shared.post(home, minimal(WHOLE.kinds["ProductOrder"])).json()["id"]
    headers = {"accept": accept}
    failures = [
        ("get", "", shared.get(f"{home}?nothing=1", headers=headers)),
        ("post", "", shared.post(home, {"note": 1}, headers=headers)),
        ("get", "/{id}", shared.get(f"{home}/lost", headers=headers)),
        ("patch", "/{id}", shared.patch(f"{home}/{id}", {"state": "completed"}, headers=headers)),
        (
            "post",
            "",
            shared.request("POST", home, content="<a/>", headers={**headers, "content-type": "text/xml"}),
        ),
        ("delete", "/{id}", shared.delete(f"{home}/{id}", headers={**headers, "if-match": '"99"'})),
    ]
    assert [failure.status_code for _, _, failure in failures] == [400, 400, 404, 409, 415, 412]
    document = openapi.document(WHOLE, "TMF622")
    for method, below, failure in failures:
        described = document["paths"][home + below][method]["responses"][str(failure.status_code)]
        response = document["components"]["responses"][described["$ref"].rpartition("/")[2]]
        schema = response["content"][failure.headers["content-type"]]["schema"]
        assert problems("TMF622", schema, failure.json()) == []


@pytest.mark.parametrize(("home", "node"), every_home())
def test_every_list_answers_as_described(shared: Client, home: Home, node: Kind | Abstract) -> None:
    number = home.api.number
    found = shared.get(home.url, params={"limit": "50"})
    assert found.status_code == 200
    assert problems(number, answer(number, home.url), found.json(), formats=None) == []
    described = openapi.document(WHOLE, number)["paths"][home.url]["get"]["responses"]["200"]["headers"]
    required = [
        n for n in described if openapi.document(WHOLE, number)["components"]["headers"][n]["required"]
    ]
    assert [name for name in required if name not in found.headers] == []


# ---- where they are found ---------------------------------------------------------------------------


def test_the_documents_are_served(shared: Client) -> None:
    listed = shared.get("/openapi").json()
    assert [entry["api"] for entry in listed] == NUMBERS
    for entry in listed:
        served = shared.get(entry["href"].removeprefix("http://localhost:8000"))
        assert served.headers["content-type"] == "application/json"
        assert served.json() == openapi.document(WHOLE, entry["api"], secured=False)


def test_an_unknown_api_is_named(shared: Client) -> None:
    missing = shared.get("/openapi/TMF999.json")
    assert missing.status_code == 404
    assert missing.json()["message"] == "There is no API TMF999; GET /openapi lists them."


def test_the_index_leads_to_the_documents(shared: Client) -> None:
    for entry in shared.get("/tmf-api").json():
        number, path = entry["api"], entry["href"].removeprefix("http://localhost:8000")
        assert entry["openapi"] == f"http://localhost:8000/openapi/{number}.json"
        assert path in openapi.document(WHOLE, number)["paths"]
        assert entry["operations"][:2] == ["list", "get"]


def test_the_command_lists_prints_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "configure", lambda settings: None)
    assert cli.main(["openapi"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == NUMBERS
    assert cli.main(["openapi", "TMF622"]) == 0
    assert capsys.readouterr().out == openapi.snapshot(WHOLE, "TMF622")
    assert cli.main(["openapi", "TMF622", "--output-dir", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["TMF622.json"]
    assert cli.main(["openapi", "TMF999"]) == 1
    assert "There is no API TMF999" in capsys.readouterr().err
    assert cli.main(["openapi", "--output-dir", str(tmp_path / "none")]) == 1
    assert "cannot be written: No such file or directory." in capsys.readouterr().err
