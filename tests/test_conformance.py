"""The declarations against the official files: names, types and mandatory attributes, for every shared definition."""

import datetime as dt
import enum
import json
from pathlib import Path
from typing import Any

import pytest

from models.declare import ABSTRACTS, ENUMERATIONS, KINDS, VALUES, Json, attributes

SPECS = Path(__file__).parent.parent.parent / "shared" / "tmf-specs"
APIS = ("TMF620", "TMF622", "TMF629", "TMF632", "TMF637", "TMF638", "TMF639", "TMF641", "TMF652", "TMF669")

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="the official files are not part of the product")

OTHER_NAME = {"ServiceOrderExternalReference": "ExternalReference", "ServiceTaskStateType": "TaskStateType"}
"""Official names that two APIs give to different things; ours are apart."""

DEVIATIONS = {
    ("Service", "@type"): "TMF638 leaves out the @-attributes that TMF630 gives every resource",
    ("Service", "@baseType"): "as @type",
    ("Service", "@schemaLocation"): "as @type",
}


def definitions() -> dict[str, dict[str, Any]]:
    """For each API, its definitions."""
    found = {}
    for path in SPECS.glob("TMF*.json"):
        api = path.name.partition("-")[0]
        if api in APIS:
            found[api] = json.loads(path.read_text(encoding="utf-8"))["definitions"]
    return found


OFFICIAL = definitions() if SPECS.is_dir() else {}


def flat(api: str, name: str) -> tuple[dict[str, Any], set[str]]:
    """Properties and mandatory ones of a definition, inherited ones included."""
    properties: dict[str, Any] = {}
    required: set[str] = set()
    definition = OFFICIAL[api][name]
    for part in definition.get("allOf", ()):
        inner = part["$ref"].rpartition("/")[2] if "$ref" in part else None
        if inner:
            more, needed = flat(api, inner)
            properties |= more
            required |= needed
        else:
            properties |= part.get("properties", {})
            required |= set(part.get("required", ()))
    return properties | definition.get("properties", {}), required | set(definition.get("required", ()))


def official_type(found: dict[str, Any]) -> str:
    if "$ref" in found:
        return found["$ref"].rpartition("/")[2]
    if found.get("type") == "array":
        return f"[{official_type(found['items'])}]"
    if found.get("format") == "date-time":
        return "date-time"
    return found.get("type", "Any")


def our_type(attribute: Any) -> str:
    scalars: dict[Any, str] = {
        str: "string", int: "integer", float: "number", bool: "boolean", dt.datetime: "date-time", Json: "Any",
    }  # fmt: skip
    declared: str = attribute.type.__name__
    name = scalars.get(attribute.type) or OTHER_NAME.get(declared) or declared
    return f"[{name}]" if attribute.many else name


DECLARED = [*VALUES, *(node.cls for node in (*KINDS.values(), *ABSTRACTS.values()))]


@pytest.mark.parametrize("cls", DECLARED, ids=lambda cls: cls.__name__)
def test_a_declared_type_has_the_official_attributes_and_no_others(cls: type[Any]) -> None:
    name = OTHER_NAME.get(cls.__name__, cls.__name__)
    apis = [api for api in APIS if name in OFFICIAL[api]]
    if cls.__name__ == "ServiceOrderExternalReference":
        apis = ["TMF641"]
    if cls.__name__ == "ExternalReference":
        apis = ["TMF632"]
    assert apis, f"{name} is in none of the official files"
    ours = {a.key: a for a in attributes(cls)}
    union: dict[str, set[str]] = {}
    for api in apis:
        for key, found in flat(api, name)[0].items():
            union.setdefault(key, set()).add(official_type(found))
    deviating = {key for owner, key in DEVIATIONS if owner == cls.__name__}
    assert set(ours) - deviating == set(union) - deviating
    for key, types in union.items():
        assert our_type(ours[key]) in types, key


@pytest.mark.parametrize("cls", VALUES, ids=lambda cls: cls.__name__)
def test_a_nested_type_asks_for_what_the_official_file_asks_for(cls: type[Any]) -> None:
    name = OTHER_NAME.get(cls.__name__, cls.__name__)
    for api in APIS:
        if name not in OFFICIAL[api] or (
            name == "ExternalReference" and (api == "TMF641") == (cls.__name__ == name)
        ):
            continue
        properties, required = flat(api, name)
        ours = {a.key for a in attributes(cls) if a.mandatory_for(api)}
        assert ours.intersection(properties) == required.intersection(properties), api


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_resource_asks_on_create_for_what_the_official_file_asks_for(kind: Any) -> None:
    properties, required = flat(kind.api.number, f"{kind.name}_Create")
    assert {a.key for a in kind.attributes if a.mandatory} == required.intersection(properties)


@pytest.mark.parametrize("cls", ENUMERATIONS, ids=lambda cls: cls.__name__)
def test_an_enumeration_has_the_official_values(cls: type[enum.StrEnum]) -> None:
    name = OTHER_NAME.get(cls.__name__, cls.__name__)
    found = [set(OFFICIAL[api][name]["enum"]) for api in APIS if name in OFFICIAL[api]]
    assert {member.value for member in cls} in found


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_resource_answers_at_its_official_path(kind: Any) -> None:
    path = next(p for p in SPECS.glob(f"{kind.api.number}-*.json"))
    document = json.loads(path.read_text(encoding="utf-8"))
    base = document["basePath"].rstrip("/")
    assert kind.homes[0].url in {f"{base}{route}" for route in document["paths"]}
