"""The rules that hold for every kind, over REST and in the graph."""

import copy
import json
from typing import Any

import pytest
import sqlalchemy as sa

from models import WHOLE
from models.declare import ANY, Attribute, External, Kind, Points, Reached, attributes, special_of
from models.links import relations
from models.tables import event
from resolvers.errors import StillReferred
from tests.conftest import Client
from tests.samples import (
    complete,
    every_kind,
    fresh,
    from_graphql,
    made_object,
    minimal,
    selection,
    to_graphql,
)

every = pytest.mark.parametrize("kind", every_kind())
creatable = pytest.mark.parametrize("kind", every_kind("create"))
patchable = pytest.mark.parametrize("kind", every_kind("create", "patch"))


def url(kind: Kind) -> str:
    return kind.homes[0].url


def create(client: Client, kind: Kind, document: dict[str, Any]) -> dict[str, Any]:
    """What was created, over REST where that offers it."""
    if "create" not in kind.operations:
        return client.get(f"{url(kind)}/{client.hold(kind, document).id}").json()
    answer = client.post(url(kind), document)
    assert answer.status_code == 201, answer.text
    return answer.json()


@creatable
def test_the_minimal_document_is_accepted_at_every_home_and_read_back(shared: Client, kind: Kind) -> None:
    for home in kind.homes:
        made = shared.post(home.url, minimal(kind))
        assert made.status_code == 201, made.text
        body = made.json()
        assert made.headers["location"] == body["href"] == f"http://localhost:8000{home.url}/{body['id']}"
        assert body["@type"] == kind.name
        assert shared.get(f"{home.url}/{body['id']}").json() == body
        listed = shared.get(home.url, params={"id": body["id"]})
        assert listed.json() == [body]
        assert listed.headers["x-total-count"] == listed.headers["x-result-count"] == "1"


@every
def test_a_complete_document_is_the_same_over_rest_and_in_the_graph(shared: Client, kind: Kind) -> None:
    sent = complete(kind)
    body = create(shared, kind, copy.deepcopy(sent))
    reached = {a.key for a in kind.attributes if a.mark(Reached)}
    assert {k: v for k, v in body.items() if k in sent and k not in reached} == {
        k: v for k, v in sent.items() if k not in reached
    }
    query = f"query Q($id: ID!) {{ {kind.singular}(id: $id) {{ {selection(kind.cls)} }} }}"
    answer = from_graphql(kind.cls, shared.data(query, id=body["id"])[kind.singular])
    assert answer == _spelled_as_in_graphql(kind.cls, body, kind)


def _spelled_as_in_graphql(cls: type[Any], body: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Enumeration values without the blanks that GraphQL names cannot have."""
    found = from_graphql(cls, to_graphql(cls, body))
    return {**found, "href": f"http://localhost:8000{url(kind)}/{body['id']}"}


@creatable
def test_a_document_written_in_the_graph_is_the_one_written_over_rest(shared: Client, kind: Kind) -> None:
    sent = {**complete(kind), "id": fresh(kind.name)}
    query = f"mutation M($data: {kind.name}Create!) {{ create{kind.name}(input: $data) {{ id }} }}"
    data = {k: v for k, v in to_graphql(kind.cls, sent).items() if k != "href"}
    shared.data(query, data=data)
    in_graph = shared.get(f"{url(kind)}/{sent['id']}").json()
    over_rest = create(shared, kind, {**sent, "id": fresh(kind.name)})
    for varying in ("id", "href", *(a.key for a in kind.attributes if a.server_set or a.mark(Reached))):
        in_graph.pop(varying, None)
        over_rest.pop(varying, None)
    assert in_graph == over_rest


def _mandatory_places(kind: Kind) -> list[str]:
    return [a.key for a in kind.attributes if a.mandatory]


@creatable
def test_each_mandatory_attribute_is_asked_for_by_its_path(shared: Client, kind: Kind) -> None:
    for key in _mandatory_places(kind):
        document = minimal(kind)
        del document[key]
        answer = shared.post(url(kind), document)
        assert answer.status_code == 400
        assert {"path": f"$.{key}", "message": "is mandatory"} in answer.json()["problems"]


@creatable
def test_every_problem_of_a_document_is_named_at_once(shared: Client, kind: Kind) -> None:
    wrong = {
        a.key: {"no": "such"} if not a.is_value else "text" for a in kind.attributes if a.type in (str, int)
    }
    wrong = {k: v for k, v in wrong.items() if not kind.by_key[k].server_set}
    answer = shared.post(url(kind), {**minimal(kind), **wrong})
    assert answer.status_code == 400
    named = {problem["path"] for problem in answer.json()["problems"]}
    expected = {f"$['{k}']" if k.startswith("@") else f"$.{k}" for k in wrong}
    assert expected <= named


def _clearable(kind: Kind) -> list[Attribute]:
    return [
        a
        for a in kind.attributes
        if not (a.mandatory or a.fixed or a.key in ("@type", kind.state) or a.mark(Reached))
    ]


@patchable
def test_patch_with_null_clears_and_leaves_the_rest(shared: Client, kind: Kind) -> None:
    body = create(shared, kind, complete(kind))
    address = f"{url(kind)}/{body['id']}"
    for attribute in _clearable(kind):
        answer = shared.patch(address, {attribute.key: None})
        assert answer.status_code == 200, answer.text
        del body[attribute.key]
        changed = {a.key for a in kind.attributes if a.server_set and a.key not in ("id", "href")}
        assert {k: v for k, v in answer.json().items() if k not in changed} == {
            k: v for k, v in body.items() if k not in changed
        }


@patchable
def test_an_update_in_the_graph_tells_absent_null_and_value_apart(shared: Client, kind: Kind) -> None:
    texts = [a for a in _clearable(kind) if a.type is str and not a.many][:2]
    if len(texts) < 2:
        pytest.skip(reason="this kind has fewer than two optional texts to tell apart")
    kept, cleared = texts
    body = create(shared, kind, complete(kind))
    query = (
        f"mutation M($id: ID!, $data: {kind.name}Update!) {{ update{kind.name}(id: $id, input: $data)"
        f" {{ {kept.graphql_name} {cleared.graphql_name} }} }}"
    )
    answer = shared.data(query, id=body["id"], data={cleared.graphql_name: None})[f"update{kind.name}"]
    assert answer == {kept.graphql_name: body[kept.key], cleared.graphql_name: None}
    answer = shared.data(query, id=body["id"], data={cleared.graphql_name: "again"})[f"update{kind.name}"]
    assert answer == {kept.graphql_name: body[kept.key], cleared.graphql_name: "again"}


@patchable
def test_what_the_server_sets_cannot_be_changed(shared: Client, kind: Kind) -> None:
    body = create(shared, kind, complete(kind))
    address = f"{url(kind)}/{body['id']}"
    for attribute in kind.attributes:
        if attribute.server_set and attribute.key != "href":
            answer = shared.patch(address, {attribute.key: "2020-01-01T00:00:00Z"})
            assert answer.status_code == 400, attribute
            assert answer.json()["problems"][0]["path"] == f"$.{attribute.key}"
    assert shared.get(address).json() == body


@patchable
def test_sending_back_what_was_read_changes_nothing(shared: Client, kind: Kind) -> None:
    body = create(shared, kind, complete(kind))
    changing = {a.key for a in kind.attributes if a.server_set and a.key not in ("id", "href")}
    answer = shared.patch(f"{url(kind)}/{body['id']}", body)
    assert answer.status_code == 200, answer.text
    assert {k: v for k, v in answer.json().items() if k not in changing} == {
        k: v for k, v in body.items() if k not in changing
    }


@every
def test_extension_attributes_survive_at_every_level(shared: Client, kind: Kind) -> None:
    extra = {"text": "q\"uo'te \\ ü", "number": 1.25, "list": [1, None, {"deep": [True]}], "Über": None}
    sent = complete(kind)
    sent["x-extension"] = extra
    nested = next((a for a in kind.attributes if a.is_value and a.key in sent), None)
    if nested is not None:
        inner = sent[nested.key][0] if nested.many else sent[nested.key]
        inner["x-inside"] = extra
    body = create(shared, kind, sent)
    assert body["x-extension"] == extra
    inside = f"{nested.graphql_name} {{ extension }}" if nested else ""
    query = f"query Q($id: ID!) {{ {kind.singular}(id: $id) {{ extension {inside} }} }}"
    answer = shared.data(query, id=body["id"])[kind.singular]
    assert answer["extension"] == {"x-extension": extra}
    if nested is not None:
        found = answer[nested.graphql_name]
        assert (found[0] if nested.many else found)["extension"] == {"x-inside": extra}


def _moves(kind: Kind) -> list[tuple[str, str]]:
    assert kind.flow and kind.state
    values = (
        [member.value for member in kind.by_key[kind.state].type]
        if kind.by_key[kind.state].type is not str
        else []
    )
    states = sorted(
        {*values, *kind.flow.starts, *kind.flow.moves, *(n for m in kind.flow.moves.values() for n in m)}
    )
    return [(old, new) for old in states for new in states if old != new]


with_flow = pytest.mark.parametrize("kind", [p for p in every_kind("patch") if p.values[0].flow])


@with_flow
def test_every_move_of_the_flow_is_allowed_and_every_other_refused(shared: Client, kind: Kind) -> None:
    assert kind.flow and kind.state
    for old, new in _moves(kind):
        # An import may stand anywhere in its life: the way to each state without walking there.
        held = shared.hold(kind, {**minimal(kind), kind.state: old})
        address = f"{url(kind)}/{held.id}"
        answer = shared.patch(address, {kind.state: new})
        if kind.flow.allows(old, new):
            assert answer.status_code == 200, (old, new, answer.text)
            assert answer.json()[kind.state] == new
        else:
            assert answer.status_code == 409, (old, new)
            assert (answer.json()["from"], answer.json()["to"]) == (old, new)
            assert old.strip() in answer.json()["message"] and new.strip() in answer.json()["message"]
            assert shared.get(address).json()[kind.state] == old


@with_flow
def test_a_new_one_starts_where_the_flow_starts(shared: Client, kind: Kind) -> None:
    assert kind.flow and kind.state
    if not kind.by_key[kind.state].mandatory:
        assert create(shared, kind, minimal(kind))[kind.state] == kind.flow.starts[0]
    states = {old for old, _ in _moves(kind)}
    for state in states:
        answer = shared.post(url(kind), {**minimal(kind), kind.state: state})
        assert answer.status_code == (201 if state in kind.flow.starts else 400), (state, answer.text)


@every
def test_each_write_leaves_its_event(shared: Client, kind: Kind) -> None:
    body = create(shared, kind, complete(kind))
    address = f"{url(kind)}/{body['id']}"
    if "patch" in kind.operations:
        assert shared.patch(address, {"x-remark": "changed"}).status_code == 200
    else:
        shared.run(shared.store.patch(kind, body["id"], {"x-remark": "changed"}))
    query = (
        f"query Q($id: ID!) {{ {kind.singular}(id: $id) "
        "{ history { type revision actor time stateBefore stateAfter } } }"
    )
    events = shared.data(query, id=body["id"])[kind.singular]["history"]
    types = [e["type"] for e in events]
    # A task moves on by itself, in writes that leave events of their own.
    assert types[0] == f"{kind.name}CreateEvent" and types[-1] == f"{kind.name}AttributeValueChangeEvent"
    assert len(types) == 2 or set(types[1:-1]) == {f"{kind.name}StateChangeEvent"}
    assert [e["revision"] for e in events] == list(range(1, len(types) + 1))
    assert {e["actor"] for e in events} == {"anonymous"}
    if kind.state:
        assert events[0]["stateBefore"] is None and events[-1]["stateAfter"] == body.get(kind.state)
    if "delete" in kind.operations:
        assert shared.delete(address, params={"force": "true"}).status_code == 204
    else:
        shared.run(shared.store.delete(kind, body["id"], force=True))
    assert shared.get(address).status_code == 404
    stored = shared.run(_events(shared, body["id"]))
    assert stored[-1][0] == f"{kind.name}DeleteEvent" and stored[-1][1] == len(types) + 1


async def _events(client: Client, id: str) -> list[Any]:
    async with client.app.state.engine.connect() as connection:
        rows = await connection.execute(
            sa.select(event.c.type, event.c.revision)
            .where(event.c.entity_id == id)
            .order_by(event.c.revision)
        )
        return list(rows.all())


@every
def test_every_scalar_filters_and_sorts_alike_on_both_facades(shared: Client, kind: Kind) -> None:
    body = create(shared, kind, complete(kind))
    for attribute in kind.scalars:
        if attribute.key not in body:
            continue
        value = body[attribute.key]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if "," in text:
            continue
        found = shared.get(url(kind), params={attribute.key: text, "id": body["id"]})
        assert found.json() == [body], attribute.key
        other = {str: "other", int: "4", float: "4.5", bool: "false"}.get(attribute.type)
        if other:
            assert shared.get(url(kind), params={attribute.key: other, "id": body["id"]}).json() == []
        operand = to_graphql(kind.cls, body)[attribute.graphql_name]
        query = (
            f"query Q($where: {kind.name}Filter, $order: [{kind.name}Sort!]) "
            f"{{ {kind.plural}(where: $where, orderBy: $order) {{ totalCount nodes {{ id }} }} }}"
        )
        where = {attribute.graphql_name: {"eq": operand}, "id": {"eq": body["id"]}}
        order = [{attribute.graphql_name: "DESC"}]
        answer = shared.data(query, where=where, order=order)[kind.plural]
        assert answer == {"totalCount": 1, "nodes": [{"id": body["id"]}]}, attribute.key


def _links() -> list[Any]:
    """Every reference with each kind that it may lead to; one to any kind with some, and with all in turn."""
    found, turn = [], 0
    for kind in WHOLE.roots:
        for relation in relations(kind):
            names = relation.targets.held_names
            if relation.targets.link.to is ANY:
                names = tuple(names[(turn + n) % len(names)] for n in range(4))
                turn += 4
            found += [(kind, relation, WHOLE.kinds[name]) for name in names]
    return [pytest.param(k, r, t, id=f"{k.name}.{r.path}->{t.name}") for k, r, t in found]


@pytest.mark.parametrize(("kind", "relation", "target"), _links())
def test_every_declared_reference_is_walked_both_ways(
    shared: Client, kind: Kind, relation: Any, target: Kind
) -> None:
    held = create(shared, target, minimal(target))
    document = _referring(kind, relation, held["id"], target)
    if _attribute(kind, relation).server_set:
        body = {"id": shared.hold(kind, document).id}
    else:
        body = create(shared, kind, document)
    forward = _forward(kind, relation)
    query = f"query Q($id: ID!) {{ {kind.singular}(id: $id) {{ {forward} }} }}"
    answer = shared.data(query, id=body["id"])[kind.singular]
    assert {"id": held["id"], "__typename": target.typename} in _found(answer)
    assert len(shared.statements) <= 1 + len(relation.targets.held_names)
    query = f"query Q($id: ID!) {{ {target.singular}(id: $id) {{ {kind.plural} {{ totalCount nodes {{ id }} }} }} }}"
    back = shared.data(query, id=held["id"])[target.singular][kind.plural]
    assert back == {"totalCount": 1, "nodes": [{"id": body["id"]}]}
    assert len(shared.statements) == 2  # the entity with those that refer to it, and their number
    referrer = {"type": kind.name, "id": body["id"], "attribute": relation.path}
    if "delete" in target.operations:
        refused = shared.delete(f"{url(target)}/{held['id']}")
        assert refused.status_code == 409
        assert referrer in refused.json()["referrers"]
    else:
        with pytest.raises(StillReferred) as refusal:
            shared.run(shared.store.delete(target, held["id"]))
        assert referrer in refusal.value.details()["referrers"]


def _attribute(kind: Kind, relation: Any) -> Attribute:
    """The first-level attribute that a relation starts from."""
    name = relation.path.split(".")[0]
    return next(a for one in (kind, *kind.special) for a in one.attributes if a.key == name)


def _externals() -> list[Any]:
    return [
        pytest.param(kind, relation, id=f"{kind.name}.{relation.path}")
        for kind in WHOLE.roots
        for relation in relations(kind)
        if isinstance(relation.targets.link.to, External) and not _attribute(kind, relation).server_set
    ]


@pytest.mark.parametrize(("kind", "relation"), _externals())
def test_what_other_systems_hold_is_found_by_its_id(shared: Client, kind: Kind, relation: Any) -> None:
    id = fresh("elsewhere")
    body = create(shared, kind, _referring(kind, relation, id, None))
    found = shared.get(url(kind), params={f"{relation.path}.{relation.targets.link.id_key}": id})
    assert [one["id"] for one in found.json()] == [body["id"]]
    query = f"query Q($id: ID!) {{ {kind.singular}(id: $id) {{ {_forward(kind, relation, 'id')} }} }}"
    assert '"target": null' in json.dumps(shared.data(query, id=body["id"]))


def _referring(kind: Kind, relation: Any, id: str, target: Kind | None) -> dict[str, Any]:
    """A document of the kind whose one reference at this place points to the target."""
    document = minimal(kind)
    owner: Any = document
    declared: Any = kind.by_key
    steps = relation.path.split(".")
    for place, step in enumerate(steps):
        attribute = declared[step]
        points = attribute.mark(Points)
        if points:
            owner[step] = f"http://localhost:8000{url(target)}/{id}" if points.by_href and target else id
            return document
        case = _case(attribute, steps[place + 1 :])
        inner = made_object(case, kind, full=False, depth=1)
        if case is not attribute.type:
            inner["@type"] = case.__name__
        owner[step] = [inner] if attribute.many else inner
        owner = inner
        declared = {a.key: a for a in attributes(case)}
    owner[relation.targets.link.id_key] = id
    if relation.targets.link.type_key in declared and target:
        owner[relation.targets.link.type_key] = target.name
    return document


def _case(attribute: Attribute, following: list[str]) -> type[Any]:
    """The value at a step of a path, or the special case of it that has the next step."""
    for case in (attribute.type, *special_of(attribute.type).values()):
        if not following or following[0] in {a.key for a in attributes(case)}:
            return case
    raise AssertionError(f"nothing at {attribute.key} has {following[0]}")


def _forward(kind: Kind, relation: Any, target: str | None = None) -> str:
    declared: Any = kind.by_key
    opening, closing = "", ""
    steps = relation.path.split(".")
    for place, step in enumerate(steps):
        attribute = declared[step]
        points = attribute.mark(Points)
        if points:
            inner = target or "__typename ... on Entity { id }"
            return f"{opening} {points.field} {{ {inner} }} {closing}"
        case = _case(attribute, steps[place + 1 :])
        opening += f" {attribute.graphql_name} {{"
        closing += " }"
        if case is not attribute.type:
            opening += f" ... on {case.__name__} {{"
            closing += " }"
        declared = {a.key: a for a in attributes(case)}
    inner = target or "__typename ... on Entity { id }"
    return f"{opening} target {{ {inner} }} {closing}"


def _found(answer: Any) -> list[Any]:
    if isinstance(answer, dict):
        if "__typename" in answer:
            return [answer]
        return [found for value in answer.values() for found in _found(value)]
    return [found for value in answer for found in _found(value)] if isinstance(answer, list) else []
