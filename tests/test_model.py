"""One kind over both facades against a dict: whatever is asked in whatever order, both say what the dict says."""

import itertools
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from models import WHOLE
from tests.conftest import Client

URL = WHOLE.kinds["Category"].homes[0].url
FIELDS = "id name description revision"
_runs = itertools.count()


@dataclass(frozen=True)
class Said:
    """What a facade answered: what is wrong, or the entity; nothing of one that is not there."""

    code: str | None = None
    entity: dict[str, Any] | None = None
    again: bool = False


@dataclass(frozen=True)
class First:
    """The creation that used a key."""

    facade: str
    body: tuple[Any, ...]
    entity: dict[str, Any]


class Rest:
    """Asks over REST."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, body: dict[str, Any], key: str | None) -> Said:
        return self._said("POST", URL, body, {"Idempotency-Key": key} if key else {})

    def change(self, id: str, change: dict[str, Any], at: int | None) -> Said:
        return self._said("PATCH", f"{URL}/{id}", change, self._at(at))

    def delete(self, id: str, at: int | None) -> Said:
        return self._said("DELETE", f"{URL}/{id}", None, self._at(at))

    def read(self, id: str) -> Said:
        return self._said("GET", f"{URL}/{id}", None, {})

    def among(self, ids: list[str]) -> list[str]:
        found = self._client.get(f"{URL}?fields=id&id={','.join(ids)}").json()
        return [one["id"] for one in found]

    def _at(self, at: int | None) -> dict[str, str]:
        return {} if at is None else {"If-Match": f'"{at}"'}

    def _said(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Said:
        answer = self._client.request(method, path, json=body, headers=headers)
        if answer.status_code >= 400:
            return Said(answer.json()["code"])
        again = answer.headers.get("idempotency-replayed") == "true"
        if answer.status_code == 204:
            return Said()
        assert answer.status_code == (201 if method == "POST" else 200)
        document = answer.json()
        entity = {name: document.get(name) for name in ("id", "name", "description")}
        return Said(None, entity | {"revision": int(answer.headers["etag"].strip('"'))}, again)


class Graph:
    """Asks in the graph."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, body: dict[str, Any], key: str | None) -> Said:
        given = ", idempotencyKey: $key" if key else ""
        declared = ", $key: String" if key else ""
        query = f"mutation M($i: CategoryCreate!{declared}) {{ it: createCategory(input: $i{given}) {{ {FIELDS} }} }}"
        return self._said(query, i=body, key=key)

    def change(self, id: str, change: dict[str, Any], at: int | None) -> Said:
        declared, given = self._at(at)
        query = (
            f"mutation M($id: ID!, $i: CategoryUpdate!{declared}) "
            f"{{ it: updateCategory(id: $id, input: $i{given}) {{ {FIELDS} }} }}"
        )
        return self._said(query, id=id, i=change, at=at)

    def delete(self, id: str, at: int | None) -> Said:
        declared, given = self._at(at)
        query = f"mutation M($id: ID!{declared}) {{ it: deleteCategory(id: $id{given}) {{ {FIELDS} }} }}"
        return self._said(query, id=id, at=at)

    def read(self, id: str) -> Said:
        found = self._said(f"query Q($id: ID!) {{ it: category(id: $id) {{ {FIELDS} }} }}", id=id)
        return found if found.entity else Said("NOT_FOUND")

    def among(self, ids: list[str]) -> list[str]:
        query = "query Q($ids: [ID!]!) { categories(where: { id: { in: $ids } }) { nodes { id } } }"
        return [one["id"] for one in self._client.data(query, ids=ids)["categories"]["nodes"]]

    def _at(self, at: int | None) -> tuple[str, str]:
        return ("", "") if at is None else (", $at: Revision", ", ifRevision: $at")

    def _said(self, query: str, **variables: Any) -> Said:
        given = {name: value for name, value in variables.items() if f"${name}" in query}
        answer = self._client.graphql(query, **given)
        if "errors" in answer:
            return Said(answer["errors"][0]["extensions"]["code"])
        return Said(None, answer["data"]["it"])


facades = st.sampled_from(["rest", "graph"])
ids = st.sampled_from(["a", "b"])
names = st.sampled_from(["x", "y"])
descriptions = st.sampled_from([None, "d", "e"])
revisions = st.sampled_from(["any", "any", "held", "before", "after"])


class Model(RuleBasedStateMachine):
    """Categories, and keys of creations, as a dict holds them."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.facades: dict[str, Rest | Graph] = {"rest": Rest(client), "graph": Graph(client)}
        self.prefix = f"run{next(_runs)}-"
        self.held: dict[str, dict[str, Any]] = {}
        self.last: dict[str, int] = {}
        """The highest revision that an id ever had."""
        self.keys: dict[str, First] = {}

    @rule(facade=facades, id=ids, name=names, description=descriptions, key=st.sampled_from([None, "k", "l"]))
    def create(self, facade: str, id: str, name: str, description: str | None, key: str | None) -> None:
        id, key = self.prefix + id, key and self.prefix + key
        body = {"id": id, "name": name} | ({"description": description} if description else {})
        said = self.facades[facade].create(body, key)
        first = self.keys.get(key or "")
        if first is not None:
            if (first.facade, first.body) != (facade, tuple(body.items())):
                assert said == Said("IDEMPOTENCY_KEY_REUSED")
            else:  # as it was created then, whatever became of it
                assert said.entity == first.entity and said.again == (facade == "rest")
        elif id in self.held:
            assert said == Said("CONFLICT")
        else:
            assert said.entity is not None, said
            revision = said.entity["revision"]
            assert revision > self.last.get(id, 0)
            self._hold(id, {"id": id, "name": name, "description": description, "revision": revision})
            assert said == Said(None, self.held[id])
            if key:
                self.keys[key] = First(facade, tuple(body.items()), self.held[id])

    @rule(facade=facades, id=ids, at=revisions, data=st.data())
    def change(self, facade: str, id: str, at: str, data: st.DataObject) -> None:
        choices = st.fixed_dictionaries({}, optional={"name": names, "description": descriptions})
        change, id = data.draw(choices), self.prefix + id
        said = self.facades[facade].change(id, change, self._at(id, at))
        if self._is_refused(said, id, at):
            return
        held = self.held[id]
        if held | change != held:
            self._hold(id, held | change | {"revision": held["revision"] + 1})
        assert said == Said(None, self.held[id])

    @rule(facade=facades, id=ids, at=revisions)
    def delete(self, facade: str, id: str, at: str) -> None:
        id = self.prefix + id
        said = self.facades[facade].delete(id, self._at(id, at))
        if self._is_refused(said, id, at):
            return
        held = self.held.pop(id)
        if facade == "graph":
            assert said.code is None and said.entity is not None
            assert said.entity | {"revision": 0} == held | {"revision": 0}
        else:
            assert said == Said()

    @invariant()
    def both_facades_tell_what_is_held(self) -> None:
        every = [f"{self.prefix}a", f"{self.prefix}b"]
        for facade in self.facades.values():
            assert facade.among(every) == sorted(self.held)
            for id in every:
                expected = Said(None, self.held[id]) if id in self.held else Said("NOT_FOUND")
                assert facade.read(id) == expected

    def _hold(self, id: str, entity: dict[str, Any]) -> None:
        self.held[id] = entity
        self.last[id] = max(entity["revision"], self.last.get(id, 0))

    def _at(self, id: str, at: str) -> int | None:
        """The revision that a write names as the one that it replaces."""
        held = self.held[id]["revision"] if id in self.held else 1
        return {"any": None, "held": held, "before": held - 1, "after": held + 1}[at]

    def _is_refused(self, said: Said, id: str, at: str) -> bool:
        """Whether a write must be refused, and was with the right code."""
        if id not in self.held:
            assert said == Said("NOT_FOUND")
        elif at in ("before", "after"):
            assert said == Said("PRECONDITION_FAILED")
        else:
            return False
        return True


def test_both_facades_hold_what_a_dict_holds(client: Client) -> None:
    """The same cases at each run: they do not depend on a seed."""
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    bounds = settings(
        max_examples=15,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=checks,
    )

    class OfThisClient(Model):
        def __init__(self) -> None:
            super().__init__(client)

    run_state_machine_as_test(OfThisClient, settings=bounds)
