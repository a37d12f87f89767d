"""Filters: over REST, in the graph and by a plain evaluator of the rule they find the same."""

import contextlib
import datetime as dt
import enum
import json
import random
import re
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from models import WHOLE
from models.declare import Attribute, Json, Kind, attributes, case_of, family_attributes
from models.times import canonical
from resolvers.errors import BadRequest
from resolvers.query.tmf630 import NotSupported, from_json_path, from_query
from resolvers.storage.conditions import (
    All,
    AnyOf,
    Compare,
    Condition,
    Inside,
    Not,
    expression,
    number,
    regex,
)
from resolvers.storage.reads import Page
from resolvers.storage.view import view_of
from tests.conftest import Client
from tests.samples import complete, every_kind

SERVICE = WHOLE.kinds["Service"]
SERVICES = SERVICE.homes[0].url

# ---- the rule, in plain Python --------------------------------------------------------------------


def holds(condition: Condition, holder: Any) -> bool:
    """Whether a JSON object meets a condition."""
    match condition:
        case Compare(attribute, operator, value):
            return compares(attribute, operator, value, scalar(attribute, holder))
        case Inside(attribute, inner):
            found = holder.get(attribute.key) if isinstance(holder, dict) else None
            if attribute.many:
                return isinstance(found, list) and any(holds(inner, one) for one in found)
            return holds(inner, found)
        case All(parts):
            return all(holds(part, holder) for part in parts)
        case AnyOf(parts):
            return any(holds(part, holder) for part in parts)
        case Not(part):
            return not holds(part, holder)
    raise AssertionError(condition)


def scalar(attribute: Attribute, holder: Any) -> Any:
    value: Any = holder.get(attribute.key) if isinstance(holder, dict) else None
    if attribute.type is Json:
        return value
    types = {bool: (bool,), int: (int, float), float: (int, float)}.get(attribute.type, (str,))
    if not isinstance(value, types) or (isinstance(value, bool) and attribute.type is not bool):
        return None
    return str(value).rstrip("Z") if attribute.type is dt.datetime else value


def compares(attribute: Attribute, operator: str, given: Any, value: Any) -> bool:
    if operator == "isNull":
        return (value is None) is given
    if attribute.type is Json:
        return compares_any(operator, given, value)
    if operator == "in":
        return any(compares(attribute, "eq", one, value) for one in given)
    if isinstance(given, str) and attribute.type is dt.datetime:
        given = (canonical(given) or given).rstrip("Z")
    if given is None:
        return (value is None) is (operator == "eq")
    if operator == "ne":
        return value is None or value != given
    return value is not None and ordered(operator, value, given)


def compares_any(operator: str, given: Any, value: Any) -> bool:
    if operator == "in":
        return any(compares_any("eq", one, value) for one in given)
    if given is None:
        return (value is None) is (operator == "eq")
    if operator == "ne":
        return (value is not None and not compares_any("eq", given, value)) or value is None
    if isinstance(value, str):
        return ordered(operator, value, given)
    if isinstance(value, bool):
        return operator in ("eq", "regex") and ordered(operator, json.dumps(value), given)
    if isinstance(value, (int, float)):
        amount = number(given)
        if operator == "regex":
            return ordered(operator, json.dumps(value), given)
        return amount is not None and ordered(operator, value, float(amount))
    return False


def ordered(operator: str, left: Any, right: Any) -> bool:
    if isinstance(left, str):
        left, right = left.encode(), right.encode() if operator != "regex" else right
    return {
        "eq": lambda: left == right,
        "gt": lambda: left > right,
        "gte": lambda: left >= right,
        "lt": lambda: left < right,
        "lte": lambda: left <= right,
        "regex": lambda: re.search(right, left.decode()) is not None,
    }[operator]()


# ---- random entities and filters --------------------------------------------------------------------

TEXTS = ["a", "b", "A", "ab", "é", "x'y\"z\\", "100", "1e2", "true", "null", "%_", "a.b"]
NUMBERS = [0, 1, -1, 100, 1.5, 100.0, 2**31 - 1, -0.25]
DATES = [
    "2026-01-02T03:04:05.678Z",
    "2026-01-02T03:04:05.678901Z",
    "2026-01-02T03:04:05Z",
    "2025-12-31T00:00:00Z",
]
ANYTHING = [*TEXTS, *NUMBERS, True, False, None, [1], {"deep": "a"}]
TIMES = 400


def pool(attribute: Attribute) -> list[Any]:
    if attribute.type is Json:
        return ANYTHING
    if isinstance(attribute.type, type) and issubclass(attribute.type, enum.StrEnum):
        return [member.value for member in list(attribute.type)[:3]]
    values: dict[Any, list[Any]] = {
        str: TEXTS, dt.datetime: DATES, bool: [True, False], float: NUMBERS, int: [0, 1, -1, 100],
    }  # fmt: skip
    return values[attribute.type]


def some_object(rng: random.Random, kind: Kind, cls: type[Any], depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for a in attributes(cls):
        mandatory = a.mandatory_for(kind.api.number)
        left_out = a.key in ("href", "@type", "@baseType", "@schemaLocation") and not mandatory
        if a.write_only or a.server_set or left_out:
            continue
        wanted = mandatory or rng.random() < (0.7 if a.key in ("name", "value", "role", "id") else 0.3)
        if not wanted or (a.is_value and depth > 2 and not mandatory):
            continue
        if a.is_value:
            least = 1 if mandatory or not a.many else 0
            one = [some_object(rng, kind, a.type, depth + 1) for _ in range(rng.randint(least, 3))]
            made[a.key] = one if a.many else (one[0] if one else {})
        else:
            found = [value for value in pool(a) if value is not None]
            made[a.key] = (
                f"{rng.choice(TEXTS)}-{rng.random()}" if a.key == "id" and not depth else rng.choice(found)
            )
    for key in ("@referredType", "@type"):
        if any(a.key == key and a.mandatory_for(kind.api.number) for a in attributes(cls)):
            made[key] = rng.choice(["Customer", "Individual", "Elsewhere"])
    return made


def some_filter(rng: random.Random, found: tuple[Attribute, ...], depth: int) -> Condition:
    if depth < 3 and rng.random() < 0.25:
        parts = tuple(some_filter(rng, found, depth + 1) for _ in range(rng.randint(1, 3)))
        return rng.choice([All(parts), AnyOf(parts), Not(parts[0])])
    usable = [a for a in found if not a.write_only and a.key not in ("href", "@schemaLocation")]
    usable = [a for a in usable if depth < 4 or not a.is_value]
    nested = [a for a in usable if a.is_value]
    attribute = rng.choice(nested if nested and rng.random() < 0.6 and depth < 3 else usable)
    if attribute.is_value:
        inner = family_attributes(attribute.type)
        parts = tuple(some_filter(rng, inner, depth + 1) for _ in range(rng.randint(1, 2)))
        return Inside(attribute, All(parts))
    operators = ["eq", "ne", "in", "isNull"]
    if attribute.type is not bool and not _is_enum(attribute) and attribute.key != "id":
        operators += ["gt", "gte", "lt", "lte"]
    if attribute.type is str and attribute.key != "id":
        operators.append("regex")
    operator = rng.choice(operators)
    values = [v for v in pool(attribute) if isinstance(v, (str, int, float))]
    if attribute.type is Json:
        values = [v if isinstance(v, str) else json.dumps(v) for v in values]
    if operator == "isNull":
        return Compare(attribute, operator, rng.random() < 0.5)
    if operator == "in":
        return Compare(attribute, operator, tuple(rng.sample(values, rng.randint(1, min(3, len(values))))))
    if operator == "regex":
        return Compare(attribute, operator, rng.choice(["^a", "b$", "a|é", "[A-Z]", "a.b", r"\d+", "x'y"]))
    return Compare(attribute, operator, rng.choice(values))


def _is_enum(attribute: Attribute) -> bool:
    return isinstance(attribute.type, type) and issubclass(attribute.type, enum.StrEnum)


def as_where(condition: Condition) -> dict[str, Any]:
    """A condition as a GraphQL `where`."""
    match condition:
        case Compare(attribute, operator, value):
            spell = (lambda v: "".join(v.split())) if _is_enum(attribute) else (lambda v: v)
            given = (
                [spell(v) for v in value]
                if operator == "in"
                else spell(value)
                if isinstance(value, str)
                else value
            )
            return {attribute.graphql_name: {operator: given}}
        case Inside(attribute, inner):
            return {attribute.graphql_name: as_where(inner)}
        case All(parts):
            return {"and": [as_where(part) for part in parts]}
        case AnyOf(parts):
            return {"or": [as_where(part) for part in parts]}
        case Not(part):
            return {"not": as_where(part)}
    raise AssertionError(condition)


def as_json_path(condition: Condition, here: str = "@") -> str:
    """A condition as the inside of a JSONPath filter."""
    match condition:
        case Compare(attribute, "isNull", value):
            path = f"{here}['{attribute.key}']"
            return f"!({path})" if value else path
        case Compare(attribute, "in", values):
            return "(" + " || ".join(as_json_path(Compare(attribute, "eq", v), here) for v in values) + ")"
        case Compare(attribute, operator, value):
            sign = {"eq": "==", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "regex": "=~"}[
                operator
            ]
            escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
            literal = json.dumps(value) if isinstance(value, (bool, int, float)) else f"'{escaped}'"
            return f"{here}['{attribute.key}']{sign}{literal}"
        case Inside(attribute, inner):
            return f"{here}['{attribute.key}'][?({as_json_path(inner)})]"
        case All(parts):
            return "(" + " && ".join(as_json_path(part, here) for part in parts) + ")"
        case AnyOf(parts):
            return "(" + " || ".join(as_json_path(part, here) for part in parts) + ")"
        case Not(part):
            return f"!({as_json_path(part, here)})"
    raise AssertionError(condition)


PROPERTY_KINDS = ["Service", "ProductOrder", "Usage", "DigitalIdentity", "Resource"]


@pytest.mark.parametrize("name", PROPERTY_KINDS)
def test_rest_graph_and_rule_find_the_same(client: Client, name: str) -> None:
    kind = WHOLE.kinds[name]
    rng = random.Random(f"20261124:{name}")
    documents = {}
    for n in range(40):
        row = client.hold(kind, {**some_object(rng, kind, kind.cls, 0), "id": f"{n:03d}"})
        documents[row.id] = {"id": row.id, **row.body}
    for n in range(3):
        row = client.hold(kind, {**complete(kind), "id": f"complete-{n}"})
        documents[row.id] = {"id": row.id, **row.body}
    query = f"query Q($where: {name}Filter) {{ {kind.plural}(where: $where) {{ nodes {{ id }} }} }}"
    some = 0
    for _ in range(TIMES // len(PROPERTY_KINDS)):
        condition = some_filter(rng, kind.attributes, 0)
        expected = sorted(id for id, body in documents.items() if holds(condition, body))
        some += 0 < len(expected) < len(documents)
        found = [row.id for row in client.run(client.store.search([kind], Page(condition)))]
        assert found == expected, condition
        nodes = client.data(query, where=as_where(condition))[kind.plural]["nodes"]
        assert [node["id"] for node in nodes] == expected, condition
        path = f"$[?({as_json_path(condition)})]"
        answer = client.get(kind.homes[0].url, params={"filter": path, "fields": "id"})
        assert answer.status_code == 200, (path, answer.text)
        assert [one["id"] for one in answer.json()] == expected, path
    assert some > 10, "the random filters say next to nothing"


# ---- basic filters ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def services(shared: Client) -> Client:
    """Three services whose arrays tell same-element filters apart from others."""

    def characteristic(name: str, value: Any) -> dict[str, Any]:
        return {"name": name, "value": value}

    party = [
        {"id": "1", "role": "user", "@referredType": "Customer"},
        {"id": "2", "role": "owner", "@referredType": "Customer"},
    ]
    documents: list[dict[str, Any]] = [
        {"id": "f-1", "name": "One", "serviceCharacteristic": [characteristic("vlan", 100), characteristic("mtu", 1500)],
         "relatedParty": party, "startDate": "2026-01-01T00:00:00Z"},
        {"id": "f-2", "name": "Two", "serviceCharacteristic": [characteristic("vlan", 200), characteristic("mtu", 100)],
         "relatedParty": [{**party[0], "role": "owner"}], "startDate": "2026-02-01T00:00:00.500Z"},
        {"id": "f-3", "name": "three, with; comma", "serviceCharacteristic": [characteristic("vlan", "100")],
         "startDate": "2026-03-01T00:00:00Z", "isBundle": True, "hasStarted": False},
    ]  # fmt: skip
    for document in documents:
        shared.hold(SERVICE, {"state": "active", "serviceSpecification": {"id": "s-9"}, **document})
    return shared


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("serviceCharacteristic.name=vlan&serviceCharacteristic.value=100", "1 3"),
        ("serviceCharacteristic.name=mtu&serviceCharacteristic.value=100", "2"),
        ("serviceCharacteristic.name=vlan&serviceCharacteristic.value.gt=100", "2"),
        ("serviceCharacteristic.value=100.0&serviceCharacteristic.name=vlan", "1"),
        ("relatedParty.id=1&relatedParty.role=user", "1"),
        ("relatedParty.id=1&relatedParty.role=owner", "2"),
        ("relatedParty.id=1", "1 2"),
        ("relatedParty.id=1,2", "1 2"),
        ("relatedParty.id=2&relatedParty.id=7", "1"),
        ("serviceSpecification.id=s-9", "1 2 3"),
        ("name=One,Two", "1 2"),
        ("name=One;Two", "1 2"),
        ("name=One;name=Two", "1 2"),
        ("name=One&name=Two", "1 2"),
        ("name=One&isBundle=true", ""),
        ("isBundle=true", "3"),
        ("isBundle.ne=true", "1 2"),
        ("hasStarted=false", "3"),
        ("startDate.gt=2026-01-01", "2 3"),
        ("startDate.gte=2026-01-01T00:00:00Z&startDate.lt=2026-03-01", "1 2"),
        ("startDate%3E2026-01-01", "2 3"),
        ("startDate>=2026-02-01T01:00:00%2B01:00", "2 3"),
        ("startDate%3E%3D2026-02-01T01:00:00+01:00", "2 3"),
        ("startDate<=2026-01-01", "1"),
        ("startDate%3C2026-02-01", "1"),
        ("startDate%3D%3D2026-01-01", "1"),
        ("startDate==2026-01-01", "1"),
        ("name.regex=^T", "2"),
        ("name.regex=^(One|t.*,)", "1 3"),
        ("name*=^T", "2"),
        ("name=~wo$", "2"),
        ("name%3D~^[Ot]", "1 3"),
        ("name!=One", "2 3"),
        ("name.eq=One", "1"),
        ("state=active&name.ne=One,Two", "3"),
        ("filter=" + quote("$[?(@.serviceCharacteristic[?(@.name=='vlan' && @.value=='100')])]"), "1 3"),
        ("filter=" + quote("[?(@.serviceCharacteristic[?(@.name=='vlan' && @.value==100)])]"), "1 3"),
        ("filter=" + quote("@.name=='One' || @.isBundle==true"), "1 3"),
        ("filter=" + quote("$[?(!(@.name=='One') && @.startDate<'2026-03-01T00:00:00Z')]"), "2"),
        ("filter=" + quote("$[?(@.relatedParty[*].role=='owner')]"), "1 2"),
        ("filter=" + quote("$[?(@.relatedParty)]"), "1 2"),
        ("filter=" + quote("$[?(@.hasStarted==null)]"), "1 2"),
        ("filter=" + quote("$[?(@.name =~ /^t.*;/)]"), "3"),
        ("filter=" + quote("$[?(@.name=='One')]") + "&state=active", "1"),
        ("filter=" + quote("$[?(@.name=='One')]") + "&isBundle=true", ""),
    ],
)  # fmt: skip
def test_what_a_filter_finds(services: Client, query: str, expected: str) -> None:
    answer = services.get(f"{SERVICES}?{query}")
    assert answer.status_code == 200, answer.text
    assert [one["id"] for one in answer.json()] == [f"f-{n}" for n in expected.split()]
    assert answer.headers["x-total-count"] == str(len(expected.split()))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("nothing=1", 'no filter named "nothing"'),
        ("relatedParty=1", "filter by one of them, such as relatedParty."),
        ("relatedParty.nothing=1", "no filter named"),
        ("startDate.gt=yesterday", "cannot be compared"),
        ("isBundle=perhaps", "cannot be compared"),
        ("isBundle.regex=t", "is no text"),
        ("state=flying", "is one of"),
        ("name.regex=(a)\\1", "no back references"),
        ("name.regex=(?=a)", "no back references"),
        ("name.regex=(", "no pattern"),
        ("name.regex=" + "a" * 201, "up to 200"),
        ("name=One;isBundle=true", "semicolon joins values of one attribute"),
        ("credential.password=x", "no filter named"),
        ("href=x", "no filter named"),
        ("name=%00", "U+0000"),
        ("filter=" + quote("$[?(@.nothing==1)]"), "does not have"),
        ("filter=" + quote("$[?(@.name=='One')"), "cannot be read at character"),
        ("filter=" + quote("$[?(@.name='One')]"), "cannot be read at character"),
        ("filter=" + quote("@.name==One"), "cannot be read at character"),
        ("filter=" + quote("(" * 40 + "@.name=='x'" + ")" * 40), "levels deep"),
        ("filter=" + quote("!" * 60 + "(@.name=='x')"), "levels deep"),
        ("filter=" + quote(" && ".join(["@.name=='x'"] * 120)), "comparisons"),
        ("filter=" + "a" * 2001, "up to 2000"),
        ("filter=" + quote("'; drop table service; --"), "cannot be read at character"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(services: Client, query: str, words: str) -> None:
    answer = services.get(f"{SERVICES}?{query}")
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["message"]


def test_functions_of_json_path_are_not_offered(services: Client) -> None:
    answer = services.get(SERVICES, params={"filter": "length(@.note)>1"})
    assert answer.status_code == 501 and "length" in answer.json()["message"]


def test_filters_of_several_kinds_at_one_home(client: Client) -> None:
    client.hold(
        WHOLE.kinds["Individual"],
        {"id": "i", "givenName": "A", "familyName": "B", "partyCharacteristic": [{"name": "n", "value": 1}]},
    )
    client.hold(
        WHOLE.kinds["Organization"],
        {"id": "o", "tradingName": "C", "partyCharacteristic": [{"name": "n", "value": 2}]},
    )
    url = "/tmf-api/partyManagement/v4/party"
    for query, expected in (
        ("partyCharacteristic.name=n&partyCharacteristic.value=2", ["o"]),
        ("partyCharacteristic.name=n", ["i", "o"]),
        ("filter=" + quote("@.partyCharacteristic[?(@.value<2)]"), ["i"]),
        ("@type=Individual", ["i"]),
    ):
        assert [one["id"] for one in client.get(f"{url}?{query}").json()] == expected, query
    assert client.get(f"{url}?tradingName=C").status_code == 400


@pytest.mark.parametrize("kind", every_kind())
def test_every_nested_scalar_is_a_filter_on_both_facades(shared: Client, kind: Kind) -> None:
    """The first nested attributes of every kind: by their dotted names, by JSONPath, and in the graph."""
    row = shared.hold(kind, complete(kind))
    document = {"id": row.id, **row.body}
    checked = 0
    for holder in [a for a in kind.attributes if a.is_value and document.get(a.key)][:6]:
        inner = document[holder.key][0] if holder.many else document[holder.key]
        for attribute in [a for a in attributes(case_of(holder.type, inner)) if a.is_scalar][:5]:
            value = inner.get(attribute.key)
            if (
                value is None
                or attribute.key == "href"
                or (isinstance(value, str) and re.search("[,;]", value))
            ):
                continue
            text = json.dumps(value) if not isinstance(value, str) else value
            params = {"id": row.id, f"{holder.key}.{attribute.key}.eq": text}
            assert [one["id"] for one in shared.get(kind.homes[0].url, params=params).json()] == [row.id], (
                params
            )
            condition = Inside(holder, Compare(attribute, "eq", value))
            query = (
                f"query Q($where: {kind.name}Filter) {{ {kind.plural}(where: $where) {{ nodes {{ id }} }} }}"
            )
            where = {"id": {"eq": row.id}, **as_where(condition)}
            assert shared.data(query, where=where)[kind.plural]["nodes"] == [{"id": row.id}], where
            checked += 1
    assert checked or not any(a.is_value for a in kind.attributes)


# ---- the parser, whatever it is given ---------------------------------------------------------------


def test_no_text_breaks_the_parsers() -> None:
    rng = random.Random(20261124)
    alphabet = ["$", "[", "?", "(", ")", "]", "@", ".", "!", "&&", "||", "==", "<", "'a'", "1", "name", "note", "text",
                " ", "*", "/a/", "=~", "null", ",", "\\", "\"", "é", "\ud800", "length(", "state"]  # fmt: skip
    for _ in range(3000):
        text = "".join(rng.choices(alphabet, k=rng.randint(0, 25)))
        for parse in (
            lambda t: from_json_path([SERVICE], t),
            lambda t: from_query([SERVICE], [(t, "x"), (t, "")]),
            regex,
        ):
            with contextlib.suppress(BadRequest, NotSupported):
                parse(text)


# ---- plans ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("id=f-1", "service_id_key"),
        ("state=reserved", "service_state"),
        ("relatedParty.id=1", "reference_target"),
        ("relatedParty.id=1&relatedParty.role=user", "reference_target"),
        ("serviceSpecification.id=s-9", "reference_target"),
        ("serviceCharacteristic.name=vlan&serviceCharacteristic.value=100", "characteristic_name_value"),
    ],
)
def test_the_usual_filters_use_an_index(client: Client, query: str, index: str) -> None:
    """With statistics of a table too large to read through; the plan must not scan it."""
    condition = from_query([SERVICE], [tuple(part.split("=")) for part in query.split("&")])  # type: ignore[misc]

    async def plan() -> str:
        async with client.app.state.engine.connect() as connection:
            await connection.execute(sa.text(
                "insert into service (key, id, state, revision, modified, document) select gen_random_uuid(), 'p-' || n, 'active', 1, '', '{}' "
                "from generate_series(1, 20000) n"))  # fmt: skip
            await connection.execute(sa.text(
                "insert into reference select gen_random_uuid(), 'Service', 'relatedParty', n, 0, gen_random_uuid(), 'Customer', "
                "'c' || n from generate_series(1, 20000) n"))  # fmt: skip
            await connection.execute(sa.text(
                "insert into characteristic select gen_random_uuid(), 'Service', 'serviceCharacteristic', n, 'name' || n, "
                "'v' || n from generate_series(1, 20000) n"))  # fmt: skip
            for name in ("service", "reference", "characteristic"):
                await connection.execute(sa.text(f"analyze {name}"))
            view = view_of(SERVICE)
            found = sa.select(view.c.id).where(expression(condition, view), view.visible)
            statement = found.order_by(view.c.id).limit(100)
            compiled = statement.compile(
                dialect=client.app.state.engine.dialect, compile_kwargs={"render_postcompile": True}
            )
            values = [compiled.construct_params()[name] for name in compiled.positiontup or ()]
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            found = "\n".join(row[0] for row in await driver.fetch(f"explain {compiled}", *values))
            await connection.rollback()
            return found

    found = client.run(plan())
    assert index in found, found
    assert "Seq Scan on service" not in found, found
