"""Long texts: what is in an index has to be short, and all that is accepted can be filtered and sorted by."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from models import WHOLE
from models.check import Problem
from models.declare import Kind
from models.tables import INDEXED_AT_MOST, indexed, table, tables
from resolvers.errors import Invalid
from resolvers.storage.documents import prepare
from tests.conftest import Client
from tests.samples import complete, every_kind, fresh, minimal

CHOICE = random.Random(11)
LENGTHS = (INDEXED_AT_MOST + 1, 3_000, 200_000)


_NOISE = "".join(
    chr(CHOICE.choice((CHOICE.randint(0x21, 0x7E), CHOICE.randint(0x10000, 0x1FFFF)))) for _ in range(250_000)
)


def noise(length: int) -> str:
    """Text that cannot be compressed, and takes up to four bytes a character."""
    start = CHOICE.randint(0, len(_NOISE) - length)
    return _NOISE[start : start + length]


def test_every_text_in_an_index_is_known_to_be_short(database_url: str) -> None:
    """What the database itself says is indexed, against why each text in it cannot be too long."""
    short = {
        "id", "kind",  # of entities: a pattern, and names of ours
        "relation", "place", "source_kind", "target_kind", "entity_kind",  # names of ours; ids of secrets
        "name", "value",  # of characteristics: cut off
        "time", "actor", "key",  # of events and idempotency keys: bounded where they come in
    }  # fmt: skip
    found = asyncio.run(_indexed_texts(database_url))
    bounded = {
        (table(kind).name, a.name)
        for kind in WHOLE.kinds.values()
        for a in kind.columns
        if a.key in indexed(kind)
    }
    assert len(bounded) > len(WHOLE.kinds) and len(found) > len(bounded)
    unknown = [one for one in found if one not in bounded and one[1] not in short]
    assert [one for one in unknown if one[0] in tables(WHOLE).tables] == []


async def _indexed_texts(database_url: str) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(database_url)
    try:
        found = await connection.fetch(
            """select t.relname, a.attname from pg_index i
            join pg_class t on t.oid = i.indrelid join pg_namespace n on n.oid = t.relnamespace
            join pg_attribute a on a.attrelid = t.oid and a.attnum = any(i.indkey)
            where n.nspname = 'public' and a.atttypid = 'text'::regtype"""
        )
    finally:
        await connection.close()
    return [(one[0], one[1]) for one in found]


@pytest.mark.parametrize("kind", every_kind())
def test_a_long_text_for_an_index_is_refused_by_its_path(shared: Client, kind: Kind) -> None:
    url = kind.homes[0].url
    held = shared.hold(kind, minimal(kind)).id
    for key in indexed(kind):
        for length in LENGTHS:
            document = {**minimal(kind), "@type": kind.name, key: noise(length)}
            for lenient in (False, True):
                with pytest.raises(Invalid) as refused:
                    prepare(kind, dict(document), imported=True, lenient=lenient)
                words = f"may have up to {INDEXED_AT_MOST} characters, not {length:,}"
                assert Problem(f"$.{key}", words) in refused.value.problems
            if "create" in kind.operations and not kind.by_key[key].server_set:
                _refused(shared.post(url, document), key)
            if "patch" in kind.operations:
                _refused(shared.patch(f"{url}/{held}", {key: document[key]}), key)


def _refused(answer: Any, key: str) -> None:
    assert answer.status_code == 400, answer.text[:500]
    assert answer.json()["code"] == "VALIDATION_FAILED"
    assert f"$.{key}" in [problem["path"] for problem in answer.json()["problems"]]
    assert len(answer.content) < 2_000, "an error does not repeat the text"


@pytest.mark.parametrize("kind", every_kind())
def test_the_longest_text_that_an_index_takes_fits_beside_the_longest_id(shared: Client, kind: Kind) -> None:
    longest = "".join(chr(CHOICE.randint(0x10000, 0x1FFFF)) for _ in range(INDEXED_AT_MOST))
    for key in indexed(kind):
        if kind.by_key.get(key) is None or kind.by_key[key].type is not str:
            continue
        id = fresh("i") + "".join(CHOICE.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=120))
        assert shared.hold(kind, {**minimal(kind), "id": id[:128], key: longest}).id == id[:128]


@pytest.mark.parametrize("kind", every_kind("create"))
def test_no_text_anywhere_in_a_document_breaks_the_server(shared: Client, kind: Kind) -> None:
    url = kind.homes[0].url
    places = list(_texts(complete(kind), ()))
    top = [place for place in places if len(place) == 1]
    for place in {*CHOICE.sample(top, min(3, len(top))), *CHOICE.sample(places, min(4, len(places)))}:
        document, text = complete(kind), noise(CHOICE.choice((3_000, 20_000, 200_000)))
        holder: Any = document
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = text
        answer = shared.post(url, document)
        assert answer.status_code in (201, 400, 409), (place, answer.text[:500])
        attribute = kind.by_key.get(place[0])
        if answer.status_code != 201 or len(place) > 1 or attribute is None or not attribute.is_scalar:
            continue
        if attribute.type is str and len(text) <= 20_000 and attribute.key != "id":
            name = attribute.graphql_name
            query = f"""query Q($text: String!) {{ {kind.plural}(where: {{ {name}: {{ eq: $text }} }}) {{
                nodes {{ id }} }} }}"""
            found = shared.data(query, text=text)[kind.plural]["nodes"]
            assert answer.json()["id"] in [one["id"] for one in found]
        listed = shared.get(f"{url}?sort={attribute.key}&limit=1000&fields=none")
        assert listed.status_code in (200, 206), listed.text[:500]


def _texts(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The places of all texts in a value."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, (dict, list)):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, (*place, step))


def test_the_id_of_a_secret_is_short(shared: Client) -> None:
    url = WHOLE.kinds["DigitalIdentity"].homes[0].url
    for type_ in ("LoginPasswordCredential", "BiometricCredential", "Other"):
        credential = {"@type": type_, "id": noise(3_000), "password": "x"}
        answer = shared.post(url, {"credential": [credential]})
        assert answer.status_code == 400
        assert [p["path"] for p in answer.json()["problems"]] == ["$.credential[0].id"]
