"""What docs/features.md promises is there: each attribute, way back, path and query in it, and each endpoint."""

import functools
import re
from pathlib import Path
from typing import Any

import pytest

from models import WHOLE
from models.declare import Abstract, Kind, family_attributes
from resolvers.graphql.graph import schema
from tests.conftest import Client
from tests.samples import minimal

TEXT = (Path(__file__).parent.parent / "docs" / "features.md").read_text(encoding="utf-8")
NODES: dict[str, Kind | Abstract] = {**WHOLE.kinds, **WHOLE.abstracts}
REQUEST = re.compile(r"(?:(GET|POST|PATCH|DELETE) )?(/tmf-api/[^?]*)(?:\?(.*))?")


def _code(text: str) -> list[str]:
    """What stands between backticks, each once."""
    return list(dict.fromkeys(re.findall(r"`([^`\n]+)`", text)))


def _rows(heading: str) -> list[list[str]]:
    """The rows of all tables with these columns."""
    rows: list[list[str]] = []
    inside = False
    for line in TEXT.splitlines():
        if line == heading:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("| ---"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


FEATURES = _rows("| API | Feature | What answers it |")
ENDPOINTS = _rows("| API | Method | Path | Kind |")
NAMES = [code for code in _code(TEXT) if re.fullmatch(r"[A-Z][A-Za-z]+(\.[@A-Za-z0-9]+)*", code)]
REQUESTS = [code for code in _code(TEXT) if REQUEST.fullmatch(code)]
QUERIES = [code for code in REQUESTS if "?" in code]
OPERATIONS = [code for code in _code(TEXT) if code.startswith("{")]


def test_each_api_and_each_of_its_features_is_answered() -> None:
    assert len(FEATURES) == 70 and len(ENDPOINTS) == 85
    assert len({api for api, *_ in FEATURES}) == 17
    assert {api.split()[0] for api, *_ in FEATURES} == {api for api, *_ in ENDPOINTS}
    assert len({(api, feature) for api, feature, _ in FEATURES}) == len(FEATURES)
    tried = {*NAMES, *REQUESTS, *OPERATIONS}
    assert [feature for _, feature, answer in FEATURES if not tried.intersection(_code(answer))] == []
    untried = {code for *_, answer in FEATURES for code in _code(answer)} - tried
    assert untried == {"@type", "Prefer: respond-async", "done", "enable"}


@functools.cache
def _graphql_fields(name: str) -> frozenset[str]:
    found: Any = schema(WHOLE)._schema.type_map.get(name)
    return frozenset(getattr(found, "fields", ()))


def _is_declared(name: str) -> bool:
    """Whether a class, an attribute of one at whatever depth, or a field of the graph at the end, is there."""
    first, *keys = name.split(".")
    if first in ("Query", "Mutation"):
        return len(keys) == 1 and keys[0] in _graphql_fields(first)
    classes = {cls.__name__: cls for cls in (*WHOLE.values, *(node.cls for node in NODES.values()))}
    cls: Any = classes.get(first)
    for number, key in enumerate(keys, 1):
        if cls is None:
            return False
        # A polymorphic value has the attributes of its special cases too.
        attribute = next((a for a in family_attributes(cls) if a.key == key), None)
        if attribute is None:
            return number == len(keys) and key in _graphql_fields(cls.__name__)
        cls = attribute.type if attribute.is_value or number == len(keys) else None
    return cls is not None


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_declared_or_a_field_of_the_graph(name: str) -> None:
    assert _is_declared(name)


def test_a_name_that_leads_nowhere_is_found_out() -> None:
    wrong = (
        "Nothing",
        "Nothing.id",
        "Usage.nothing",
        "Usage.status.id",
        "Usage.customerUsages.id",
        "Query.nothing",
    )
    assert [name for name in wrong if _is_declared(name)] == []


@pytest.mark.parametrize("request_line", REQUESTS)
def test_every_path_is_a_home_that_offers_the_method(request_line: str) -> None:
    match = REQUEST.fullmatch(request_line)
    assert match
    method, path = match[1] or "GET", match[2].removesuffix("/{id}")
    assert path in WHOLE.homes
    node = WHOLE.homes[path][1]
    kinds = [node] if isinstance(node, Kind) else node.kinds
    operation = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}.get(method)
    assert operation is None or all(operation in kind.operations for kind in kinds)


@pytest.mark.parametrize("request_line", QUERIES)
def test_every_query_is_answered(shared: Client, request_line: str) -> None:
    method, _, address = request_line.partition(" ")
    answer = shared.request(method, address)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_of_the_graph_is_answered(shared: Client, operation: str) -> None:
    shared.data(operation)


def _new(name: str) -> dict[str, Any]:
    """A document to create at the path of a kind; at that of an abstract one it says what it is."""
    node = NODES[name]
    kind = node if isinstance(node, Kind) else node.kinds[0]
    return {**minimal(kind), "@type": kind.name}


@pytest.mark.parametrize(
    ("method", "place", "name"),
    [pytest.param(m, p.strip("`"), n, id=f"{m} {p.strip('`')}") for _, m, p, n in ENDPOINTS],
)
def test_every_endpoint_answers(shared: Client, method: str, place: str, name: str) -> None:
    path = place.removesuffix("/{id}")
    assert WHOLE.homes[path][1] is NODES[name]
    made = shared.post(path, _new(name))
    assert made.status_code == 201, made.text
    body = made.json()
    address = f"{path}/{body['id']}"
    assert body["href"] == f"http://localhost:8000{address}"
    match method, place != path:
        case "POST", False:
            assert made.headers["location"] == body["href"]
        case "GET", False:
            assert shared.get(path, params={"id": body["id"]}).json() == [body]
        case "GET", True:
            assert shared.get(address).json() == body
        case "PATCH", True:
            changed = shared.patch(address, {"x-note": "seen"})
            assert changed.status_code == 200, changed.text
            assert changed.json()["x-note"] == shared.get(address).json()["x-note"] == "seen"
        case "DELETE", True:
            assert shared.delete(address).status_code == 204
            assert shared.get(address).status_code == 404
        case _:
            pytest.fail(f"{method} {place} is no endpoint")
