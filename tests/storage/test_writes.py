"""What is written with an entity is right after each way of writing it, for queries that use it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from models import WHOLE
from models.declare import Attribute, Kind, link_of
from models.tables import event, has_characteristics, key_of, secret
from resolvers.errors import IdTaken
from resolvers.storage import copy, reindex
from resolvers.storage.conditions import Compare, Leads, Refers
from resolvers.storage.documents import Draft, merged, prepare
from resolvers.storage.reads import Page
from resolvers.storage.transaction import Transaction
from resolvers.storage.writes import PARTS, Characteristics, Part, References, Secrets, deletion, parts_of
from tests.conftest import Client
from tests.samples import fresh, made_object, minimal


@dataclass(frozen=True)
class Case:
    """A kind, and the attribute of its documents from which one side table gets its rows."""

    kind: Kind
    part: Part
    attribute: Attribute
    base: dict[str, Any]
    """What is in every version of the document."""
    refers: dict[str, Any]
    """What is in every version of the reference, where it is about references."""

    def value(self, version: int) -> Any:
        """What the attribute holds in one version of the document."""
        if isinstance(self.part, Characteristics):
            return [{"name": "colour", "value": f"v-{version}"}]
        if isinstance(self.part, Secrets):
            credential = {"@type": "LoginPasswordCredential", "id": "1", "login": "ada"}
            return [{**credential, "password": f"p-{version}"}]
        link = link_of(self.attribute.type)
        assert link is not None
        refers = {**self.refers, link.id_key: self.target_id(version), link.type_key: self.target.name}
        return [refers] if self.attribute.many else refers

    def document(self, version: int, **more: Any) -> dict[str, Any]:
        return {**self.base, self.attribute.key: self.value(version), **more}

    @property
    def target(self) -> Kind:
        link = link_of(self.attribute.type)
        assert link is not None
        return WHOLE.kinds[WHOLE.targets(link).held_names[0]]

    def target_id(self, version: int) -> str:
        return f"target-{version}"

    def found(self, client: Client, id: str) -> list[int]:
        """The versions by which queries find the entity."""
        return [version for version in (1, 2, 3) if self._is_found(client, id, version)]

    def _is_found(self, client: Client, id: str, version: int) -> bool:
        kind, key = self.kind, key_of(self.kind, id)
        if isinstance(self.part, Characteristics):
            place = self.attribute.key
            query = f"{place}.name=colour&{place}.value=v-{version}&fields=id&limit=1000"
            answer = client.get(f"{kind.homes[0].url}?{query}")
            assert answer.status_code in (200, 206), answer.text
            return id in [one["id"] for one in answer.json()]
        if isinstance(self.part, Secrets):
            whose = (secret.c.entity_key == key, secret.c.place == "credential/1/password")
            digests = rows(client, sa.select(secret.c.digest).where(*whose))
            return any(_fits(digest, f"p-{version}") for (digest,) in digests)
        relation, target = self.attribute.key, self.target
        onwards = client.run(client.store.search([kind], Page(Refers(relation, (self.target_id(version),)))))
        is_it = Compare(target.by_key["id"], "eq", self.target_id(version))
        led = client.run(client.store.search([kind], Page(Leads(relation, target, is_it))))
        goal = key_of(target, self.target_id(version))
        back = client.run(client.store.pointing_at(kind, target, (relation,), [goal], Page()))[goal]
        ways = {id in [one.id for one in way] for way in (onwards, led, back)}
        assert len(ways) == 1, f"{kind.name} {id}: the ways to and from {self.target_id(version)} disagree"
        return ways.pop()


def _fits(digest: str, text: str) -> bool:
    try:
        return PasswordHasher().verify(digest, text)
    except VerifyMismatchError:
        return False


def _sources(kind: Kind, part: Part) -> Iterator[Attribute]:
    """The attributes of a kind by which a part can be tried; none that callers may not change."""
    for attribute in kind.attributes:
        link = link_of(attribute.type) if attribute.is_value else None
        if (
            (isinstance(part, Characteristics) and has_characteristics(attribute))
            or (
                isinstance(part, References)
                and link
                and WHOLE.targets(link).held_names
                and not attribute.fixed
            )
            or (isinstance(part, Secrets) and attribute.key == "credential")
        ):
            yield attribute


def _cases() -> list[Any]:
    made = []
    for kind in WHOLE.kinds.values():
        for part in parts_of(kind):
            for attribute in list(_sources(kind, part))[:1]:
                name = f"{kind.name}-{type(part).__name__}"
                refers = isinstance(part, References)
                value = made_object(attribute.type, kind, full=False, depth=1) if refers else {}
                made.append(pytest.param(Case(kind, part, attribute, minimal(kind), value), id=name))
    return made


CASES = _cases()


@pytest.fixture(scope="module")
def careful(module_database_url: str) -> Iterator[Client]:
    """A client of the same database whose writes all take a transaction."""
    made = Client(module_database_url, strict_references=True)
    yield made
    made.close()


def rows(client: Client, statement: Any) -> list[Any]:
    async def read() -> list[Any]:
        async with client.app.state.engine.begin() as connection:
            found = await connection.execute(statement)
            return list(found.all()) if found.returns_rows else []

    return client.run(read())


def hold_targets(client: Client, draft: Draft) -> None:
    """Stores what a document refers to, where it is not there."""
    for found in draft.references:
        if found.kinds[0] not in WHOLE.kinds:
            continue
        kind = WHOLE.kinds[found.kinds[0]]
        if client.run(client.store.by_id(kind, found.id)) is None:
            client.hold(kind, {**minimal(kind), "id": found.id})


def patch(client: Client, case: Case, id: str, change: dict[str, Any]) -> None:
    if "patch" in case.kind.operations:
        answer = client.patch(f"{case.kind.homes[0].url}/{id}", change)
        assert answer.status_code == 200, answer.text
    else:
        client.run(client.store.patch(case.kind, id, change))


@pytest.mark.parametrize("case", CASES)
def test_each_part_follows_each_way_of_writing(shared: Client, careful: Client, case: Case) -> None:
    kind, attribute = case.kind, case.attribute
    for version in (1, 2, 3):
        hold_targets(shared, prepare(kind, case.document(version), imported=True))
    if "create" in kind.operations:
        answer = shared.post(kind.homes[0].url, case.document(1))
        assert answer.status_code == 201, answer.text
        id = answer.json()["id"]
    else:
        id = shared.run(shared.store.create(kind, case.document(1))).id
    assert case.found(shared, id) == [1], "created"
    # By one statement where it can be, which is where no side table changes.
    patch(shared, case, id, {"x-other": 1})
    assert case.found(shared, id) == [1], "changed elsewhere"
    patch(shared, case, id, {attribute.key: case.value(2)})
    assert case.found(shared, id) == [2], "changed"
    patch(careful, case, id, {"x-other": 2})
    assert case.found(shared, id) == [2], "changed elsewhere, in a transaction"
    patch(careful, case, id, {attribute.key: case.value(3)})
    assert case.found(shared, id) == [3], "changed, in a transaction"
    shared.hold(kind, case.document(1, id=id))
    assert case.found(shared, id) == [1], "loaded over what is there"
    # Where there are several, one goes and the other stays.
    copied = fresh("copied")
    draft = prepare(kind, case.document(2, id=copied), imported=True)
    shared.run(copy.copy(shared.app.state.engine, [draft], actor="test"))
    assert case.found(shared, copied) == [2] and case.found(shared, id) == [1], "copied"
    patch(shared, case, copied, {attribute.key: case.value(3)})
    assert case.found(shared, copied) == [3] and case.found(shared, id) == [1], "changed once copied"
    for one in (id, copied):
        if "delete" in kind.operations:
            assert shared.delete(f"{kind.homes[0].url}/{one}?force=true").status_code == 204
        else:
            shared.run(shared.store.delete(kind, one, force=True))
        assert case.found(shared, one) == [], "deleted"
        for part in PARTS:
            left = sa.select(part.table).where(part.of([key_of(kind, one)], kind))
            assert rows(shared, left) == [], "deleted with it"


def test_reindexing_derives_each_part_anew(client: Client, database_url: str) -> None:
    held: list[tuple[Case, str]] = []
    for parameters in CASES:
        [case] = parameters.values
        hold_targets(client, prepare(case.kind, case.document(1), imported=True))
        held.append((case, client.hold(case.kind, case.document(1)).id))
    for part in PARTS:
        if part.is_derived:
            rows(client, sa.delete(part.table))
    for case, id in held:
        assert case.found(client, id) == ([] if case.part.is_derived else [1])
    client.run(reindex.run(database_url, WHOLE, lambda words: None))
    for case, id in held:
        assert case.found(client, id) == [1]


def test_every_part_of_a_kind_is_tried() -> None:
    tried = {(case.kind.name, type(case.part)) for [case] in (one.values for one in CASES)}
    assert {part for _, part in tried} == {type(part) for part in PARTS}
    wanted = {
        (kind.name, type(part)) for kind in WHOLE.kinds.values() for part in parts_of(kind)
        if not isinstance(part, References)
    }  # fmt: skip
    assert wanted <= tried, "say in `Case` by what a new part is tried"
    assert len({name for name, part in tried if part is References}) > 20


# ---- in how many statements -----------------------------------------------------------------------


def test_a_creation_takes_one_statement_whatever_is_written_with_it(client: Client) -> None:
    for kind in ("Customer", "DigitalIdentity"):
        [case] = next(one.values for one in reversed(CASES) if one.values[0].kind.name == kind)
        assert client.post(case.kind.homes[0].url, case.document(1)).status_code == 201
        assert len(client.statements) == 1, client.statements


def writing(statements: list[str]) -> list[str]:
    """Those that neither read nor begin or end the transaction."""
    return [one for one in statements if not one.lstrip().lower().startswith(("select", "begin", "commit"))]


def test_a_change_or_a_deletion_writes_everything_by_one_statement(client: Client) -> None:
    party = {"id": "1", "@referredType": "Individual"}
    customer = {"id": "c", "name": "n", "engagedParty": party}
    path = WHOLE.kinds["Customer"].homes[0].url
    client.post(path, customer)
    change = {"engagedParty": {**party, "id": "2"}, "characteristic": [{"name": "a", "value": 1}]}
    assert client.patch(f"{path}/c", change).status_code == 200
    assert len(writing(client.statements)) == 1, client.statements
    assert client.delete(f"{path}/c").status_code == 204
    assert len(writing(client.statements)) == 1, client.statements


# ---- both ways in the graph -----------------------------------------------------------------------


def test_a_changed_reference_is_followed_both_ways_in_the_graph(client: Client) -> None:
    for id in ("1", "2"):
        client.hold(WHOLE.kinds["Individual"], {**minimal(WHOLE.kinds["Individual"]), "id": id})
    party = {"id": "1", "@referredType": "Individual"}
    path = WHOLE.kinds["Customer"].homes[0].url
    client.post(path, {"id": "c", "name": "n", "engagedParty": party})
    client.patch(f"{path}/c", {"engagedParty": {**party, "id": "2"}})
    onwards = client.data(
        '{ customer(id: "c") { engagedParty { target { __typename ... on Individual { id } } } } }'
    )
    assert onwards["customer"]["engagedParty"]["target"]["id"] == "2"
    back = '{ individual(id: "%s") { customers { nodes { id } } } }'
    found = [client.data(back % id)["individual"]["customers"]["nodes"] for id in ("1", "2")]
    assert found == [[], [{"id": "c"}]]


# ---- what may be in the way -----------------------------------------------------------------------


def test_of_two_equal_places_the_last_secret_counts(client: Client) -> None:
    credential = {"@type": "LoginPasswordCredential", "id": "1", "login": "ada"}
    twice = [{**credential, "password": "one"}, {**credential, "password": "p-2"}]
    [secrets] = next(one.values for one in CASES if isinstance(one.values[0].part, Secrets))
    kind = secrets.kind
    url = kind.homes[0].url
    assert client.post(url, {"id": "made", "credential": twice}).status_code == 201
    client.post(url, {"id": "changed", "credential": [{**credential, "id": "2"}]})
    assert client.patch(f"{url}/changed", {"credential": twice}).status_code == 200
    draft = prepare(kind, {"id": "copied", "credential": twice}, imported=True)
    client.run(copy.copy(client.app.state.engine, [draft], actor="test"))
    for id in ("made", "changed", "copied"):
        assert secrets.found(client, id) == [2], id


def test_an_id_that_was_used_before_goes_on_counting(client: Client) -> None:
    kind = WHOLE.kinds["Category"]
    made = client.run(client.store.create(kind, {"id": "again", "name": "n"}))
    client.run(client.store.delete(kind, "again"))
    again = client.run(client.store.create(kind, {"id": "again", "name": "n"}))
    assert (made.revision, again.revision) == (1, 3)
    with pytest.raises(IdTaken):
        client.run(client.store.create(kind, {"id": "again", "name": "n"}))


def test_an_entity_that_is_no_longer_at_the_revision_is_not_written(client: Client) -> None:
    """Whoever writes holds the entity; what was read before it was changed cannot undo the change."""
    kind = WHOLE.kinds["Category"]
    old = client.run(client.store.create(kind, {"id": "c", "name": "one", "parentId": "p"}))
    client.run(client.store.patch(kind, "c", {"name": "two"}))
    before = rows(client, sa.select(event.c.revision))

    async def write(change: str) -> None:
        async with client.app.state.engine.begin() as connection:
            transaction = Transaction(connection, WHOLE, actor="test", strict_references=False)
            if change == "replace":
                await transaction.replace(old, merged(kind, "c", old.body, {"parentId": "q"}))
            else:
                await transaction.delete(old)

    for change in ("replace", "delete"):
        with pytest.raises(LookupError, match="no longer at revision 1"):
            client.run(write(change))
    [found] = client.run(client.store.search([kind], Page(Refers("parentId", ("p",)))))
    assert found.get("name") == "two"
    assert rows(client, sa.select(event.c.revision)) == before
    text = deletion(old, "test").statement.text
    assert text.count("using made") == len(parts_of(kind)), "nothing goes where the entity stays"


def test_writers_of_one_reference_at_once_leave_those_of_the_last(client: Client) -> None:
    path, party = WHOLE.kinds["Customer"].homes[0].url, {"@referredType": "Individual"}
    client.post(path, {"id": "c", "name": "n", "engagedParty": {**party, "id": "0"}})

    async def many() -> None:
        changes = ({"engagedParty": {**party, "id": str(number)}} for number in range(1, 9))
        await asyncio.gather(*(client.store.patch(WHOLE.kinds["Customer"], "c", one) for one in changes))

    client.run(many())
    held = client.run(client.store.by_id(WHOLE.kinds["Customer"], "c"))
    assert held.revision == 9
    last = held.get("engagedParty")["id"]
    found = [
        id for id in map(str, range(9))
        if client.run(client.store.search([WHOLE.kinds["Customer"]], Page(Refers("engagedParty", (id,)))))
    ]  # fmt: skip
    assert found == [last]


def test_copying_over_what_is_there_copies_nothing(client: Client) -> None:
    kind = WHOLE.kinds["Category"]
    client.run(client.store.create(kind, {"id": "held", "name": "n"}))
    drafts = [
        prepare(kind, {"id": id, "name": "n", "parentId": "p"}, imported=True) for id in ("new", "held")
    ]
    with pytest.raises(Exception, match="duplicate key"):
        client.run(copy.copy(client.app.state.engine, drafts, actor="test"))
    assert client.run(client.store.by_id(kind, "new")) is None
    assert rows(client, sa.select(event.c.entity_id)) == [("held",)]
