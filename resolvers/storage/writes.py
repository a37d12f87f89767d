"""What is written with an entity: its row, the rows that side tables have of it, and what tells of the write.

`PARTS` lists the side tables, `TRACES` what every write leaves; all that creates, changes, deletes, loads or
reindexes entities walks these two lists. A side table is a class here, a table in `models/tables.py`, and its
migration.

A `Write` is one change of one entity. It is carried out by one statement, with or without a transaction
around it, or with many others by COPY.
"""

import enum
import functools
import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from models.check import check, holds_secrets
from models.declare import Kind
from models.links import relations
from models.tables import (
    INDEXED_CHARACTERS,
    characteristic,
    event,
    has_characteristics,
    indexed_text,
    key_of,
    new_id,
    pending,
    reference,
    secret,
    table,
)
from models.times import now
from resolvers.storage.digests import digest
from resolvers.storage.documents import Draft, columns_of, state_of
from resolvers.storage.reads import Statement
from resolvers.storage.rows import Row, among

Record = tuple[Any, ...]


class Change(enum.Enum):
    """What a write does to an entity."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


# ---- side tables --------------------------------------------------------------------------------


class Part:
    """A side table: the rows in it that belong to an entity are written, and deleted, with the entity."""

    table: sa.Table
    owner: tuple[str, str] = ("entity_key", "entity_kind")
    """Its columns that name the entity: key, and kind."""
    columns: tuple[str, ...]
    """Its other columns, in the order of `rows`."""
    keeps: str | None = None
    """The column by which a change keeps those of the rows that `kept` names; it replaces all others."""
    is_derived: bool = True
    """Whether its rows follow from the document: then they can be compared, and derived anew."""

    def concerns(self, kind: Kind) -> bool:
        """Whether entities of the kind may have rows in it."""
        return True

    def changes(self, old: Row, draft: Draft) -> bool:
        """Whether the rows of an entity have to be written when the draft takes its place."""
        return True

    async def rows(self, draft: Draft) -> Sequence[Record]:
        """The rows of an entity, those that are kept aside."""
        raise NotImplementedError

    def kept(self, draft: Draft) -> list[str]:
        """Which rows stay as they are when the draft takes the place of what is there."""
        return []

    def unseen(self, draft: Draft) -> sa.Select[Any] | None:
        """What to ask the database to learn whether a draft changes rows without changing the document: it
        does where there is an answer. None where there is nothing to ask."""
        return None

    def of(self, keys: Sequence[uuid.UUID], kind: Kind) -> sa.ColumnElement[bool]:
        """Whether a row belongs to one of the entities of a kind that have these keys."""
        key, name = (self.table.c[column] for column in self.owner)
        return sa.and_(name == kind.root.name, among(key, keys))


class References(Part):
    """One row for each reference of a document, and for each kind that it may lead to."""

    table = reference
    owner = ("source_key", "source_kind")
    columns = ("relation", "position", "rank", "target_key", "target_kind", "target_id")

    def changes(self, old: Row, draft: Draft) -> bool:
        # Most changes touch no attribute that may hold a reference.
        before, after = msgspec.json.decode(old.document), draft.body
        if all(before.get(key) == after.get(key) for key in _referring(old.kind.root)):
            return False
        return check(old.kind, before).references != draft.references

    async def rows(self, draft: Draft) -> Sequence[Record]:
        return [
            (found.relation, found.position, rank, key_of(name, found.id), name, found.id)
            for found in draft.references
            for rank, name in enumerate(found.kinds)
        ]


@functools.cache
def _referring(kind: Kind) -> frozenset[str]:
    """The attributes, at the first level of its documents, in which references may stand."""
    return frozenset(relation.path.partition(".")[0] for relation in relations(kind))


class Characteristics(Part):
    """One row for each characteristic at the first level of a document, by which it is found."""

    table = characteristic
    owner = ("source_key", "source_kind")
    columns = ("place", "position", "name", "value")

    def concerns(self, kind: Kind) -> bool:
        return any(map(_places, (kind.root, *kind.root.special)))

    def changes(self, old: Row, draft: Draft) -> bool:
        return self._rows(old.kind, old.body) != self._rows(draft.kind, draft.body)

    async def rows(self, draft: Draft) -> Sequence[Record]:
        return self._rows(draft.kind, draft.body)

    def _rows(self, kind: Kind, body: Mapping[str, Any]) -> list[Record]:
        return [
            (place, position, one["name"][:INDEXED_CHARACTERS], indexed_text(one.get("value")))
            for place in _places(kind)
            if isinstance(body.get(place), list)
            for position, one in enumerate(body[place])
            if isinstance(one, dict) and isinstance(one.get("name"), str)
        ]


@functools.cache
def _places(kind: Kind) -> tuple[str, ...]:
    """The attributes of a kind that hold characteristics."""
    return tuple(attribute.key for attribute in kind.attributes if has_characteristics(attribute))


class Secrets(Part):
    """The digests of what callers may write and nobody may read; one that comes in as null is forgotten."""

    table = secret
    columns = ("place", "digest")
    keeps = "place"
    is_derived = False

    def concerns(self, kind: Kind) -> bool:
        return any(map(holds_secrets, (kind.root, *kind.root.special)))

    async def rows(self, draft: Draft) -> Sequence[Record]:
        given = {one.place: one.text for one in draft.secrets}
        return [(place, await digest(text)) for place, text in given.items() if text is not None]

    def kept(self, draft: Draft) -> list[str]:
        given = {one.place for one in draft.secrets}
        return [place for place in draft.secret_places if place not in given]

    def unseen(self, draft: Draft) -> sa.Select[Any] | None:
        forgotten = [one.place for one in draft.secrets if one.text is None]
        if not forgotten:
            return None
        held = self.of([draft.key], draft.kind)
        return sa.select(secret.c.place).where(held, secret.c.place.in_(forgotten)).limit(1)


REFERENCES = References()
PARTS: tuple[Part, ...] = (REFERENCES, Characteristics(), Secrets())
"""Every side table."""


@functools.cache
def parts_of(kind: Kind) -> tuple[Part, ...]:
    """The side tables in which entities of a kind may have rows."""
    return tuple(part for part in PARTS if part.concerns(kind))


@functools.cache
def is_derived(kind: Kind) -> bool:
    """Whether all that is written with an entity of the kind follows from its document."""
    return all(part.is_derived for part in parts_of(kind))


def changed_parts(old: Row, draft: Draft) -> tuple[Part, ...]:
    """The side tables that have to be written when the draft takes the place of the entity."""
    return tuple(part for part in parts_of(old.kind) if part.changes(old, draft))


# ---- traces -------------------------------------------------------------------------------------


class Trace:
    """What every write leaves: one row for each, which outlives the entity.

    Besides `columns`, its table has the key and the kind of the entity (`entity_key`, `entity_kind`), and
    its revision after the write (`revision`).
    """

    table: sa.Table
    columns: tuple[str, ...] = ()
    is_loaded: bool = True
    """Whether those that come by COPY leave it too."""

    def row(self, write: "Write") -> Record:
        """The values of `columns`."""
        return ()


class Events(Trace):
    """What happened to the entity, and the document after it; of a deletion the one before."""

    table = event
    columns = ("id", "entity_id", "type", "time", "actor", "state_before", "state_after", "document")

    def row(self, write: "Write") -> Record:
        of, before, after = write.entity, write.state_before, write.state_after
        type_ = f"{of.kind.name}{self._name(write)}Event"
        return (new_id(), of.id, type_, write.moment, write.actor, before, after, of.document)

    def _name(self, write: "Write") -> str:
        if write.change is Change.CREATED:
            return "Create"
        if write.change is Change.DELETED:
            return "Delete"
        return "AttributeValueChange" if write.state_before == write.state_after else "StateChange"


class Pending(Trace):
    """That the event has no position yet: the sequencer gives it one, a load does so itself."""

    table = pending
    columns = ("quiet",)
    is_loaded = False

    def row(self, write: "Write") -> Record:
        return (write.quiet,)


TRACES: tuple[Trace, ...] = (Events(), Pending())
"""Everything that is told of a write."""


# ---- one write ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Write:
    """One change of one entity: what each table gets."""

    change: Change
    entity: Row
    """As it is once it is written, as it was where it is deleted. A new one has the revision 1, until the
    database says otherwise: an id that was used before goes on counting where its history ended."""
    actor: str
    moment: str
    state_before: str | None
    state_after: str | None
    values: Mapping[str, Any]
    """The columns of its row; none where it is deleted."""
    parts: Sequence[tuple[Part, Sequence[Record], Sequence[str]]]
    """The side tables that are written, each with the new rows, and with what is kept of the old ones."""
    quiet: bool = False
    """Whether it is no news: it comes with a load."""

    @property
    def statement(self) -> Statement:
        """The statement that carries it out, and gives the revision of the entity after it; nothing where
        the new id is taken, or the entity is not at the revision before this."""
        entity, change = self.entity, self.change
        given: list[Any] = [entity.key, entity.kind.root.name]
        if change is Change.CHANGED:
            given.append(entity.revision - 1)
        elif change is Change.DELETED:
            given.append(entity.revision)
        if change is not Change.DELETED:
            given += (self.values[name] for name in _columns(entity.kind.root))
        for part, rows, kept in self.parts:
            if part.keeps and change is Change.CHANGED:
                given.append(kept)
            if change is not Change.DELETED:
                given += map(list, zip(*rows, strict=True)) if rows else ([] for _ in part.columns)
        for trace in TRACES:
            given += trace.row(self)
        return Statement(
            _text(entity.kind.root, change, tuple(part for part, _, _ in self.parts)), tuple(given)
        )

    def records(self) -> Iterator[tuple[sa.Table, tuple[str, ...], list[Record]]]:
        """What COPY writes of a new entity: tables, their columns, and the records of it."""
        entity = self.entity
        whose = (entity.key, entity.kind.root.name)
        columns = ("key", "revision", *_columns(entity.kind.root))
        values = (entity.key, entity.revision, *(self.values[name] for name in columns[2:]))
        yield table(entity.kind), columns, [values]
        for part, rows, _ in self.parts:
            if rows:
                yield part.table, part.owner + part.columns, [whose + one for one in rows]
        for trace in TRACES:
            if trace.is_loaded:
                told = (*whose, entity.revision, *trace.row(self))
                yield trace.table, ("entity_key", "entity_kind", "revision", *trace.columns), [told]


async def creation(draft: Draft, actor: str) -> Write:
    """Stores a new entity."""
    moment = now()
    entity = Row(draft.kind, draft.key, draft.id, 1, moment, draft.document)
    parts = [(part, await part.rows(draft), ()) for part in parts_of(draft.kind)]
    return Write(Change.CREATED, entity, actor, moment, None, draft.state, _values(draft, moment), parts)


async def replacement(old: Row, draft: Draft, actor: str, changed: Sequence[Part]) -> Write:
    """Puts a draft in the place of an entity, and of its rows in the side tables that change with it."""
    moment = now()
    entity = Row(draft.kind, old.key, old.id, old.revision + 1, moment, draft.document)
    parts = [(part, await part.rows(draft), part.kept(draft)) for part in changed]
    before = state_of(old.kind, old.body)
    return Write(Change.CHANGED, entity, actor, moment, before, draft.state, _values(draft, moment), parts)


def deletion(old: Row, actor: str) -> Write:
    """Removes an entity, and its rows in all side tables."""
    parts = [(part, (), ()) for part in parts_of(old.kind)]
    return Write(Change.DELETED, old, actor, now(), state_of(old.kind, old.body), None, {}, parts)


def _values(draft: Draft, moment: str) -> dict[str, Any]:
    return {**columns_of(draft), "document": draft.document, "modified": moment}


# ---- the text of its statement ------------------------------------------------------------------

_DIALECT = postgresql.dialect()


@functools.cache
def _columns(kind: Kind) -> tuple[str, ...]:
    """The columns of a kind's table that are given with each write; key and revision have their own place."""
    return tuple(column.name for column in table(kind).c if column.name not in ("key", "revision"))


@functools.cache
def _text(kind: Kind, change: Change, parts: tuple[Part, ...]) -> str:
    """Writes an entity with these side tables and all traces, or nothing where that cannot be.

    Its parameters are the key; the kind; the revision, but for a creation; the columns of the table; for each
    part what it keeps, where it does, and its rows as an array for each column; the columns of the traces.
    """
    numbers = itertools.count(3)

    def given(columns: Sequence[sa.Column[Any]], suffix: str = "") -> list[str]:
        return [f"${next(numbers)}::{_sql_type(column)}{suffix}" for column in columns]

    steps = [f"made as ({_row_text(kind, change, given)})"]
    for part in parts:
        name, whose = part.table.name, f"{part.owner[0]} = $1::uuid and {part.owner[1]} = $2::text"
        source = "made"
        if change is not Change.CREATED:
            kept = ""
            if part.keeps and change is Change.CHANGED:
                [places] = given([part.table.c[part.keeps]], "[]")
                kept = f" and {part.keeps} <> all({places})"
            steps.append(f"{name}_gone as (delete from {name} using made where {whose}{kept} returning 1)")
            # Counting them makes them go first: new rows may have the keys of old ones.
            source = f"made, (select count(*) from {name}_gone) gone"
        if change is not Change.DELETED:
            arrays = given([part.table.c[column] for column in part.columns], "[]")
            steps.append(
                f"{name}_made as (insert into {name} ({', '.join(part.owner + part.columns)}) "
                f"select $1::uuid, $2::text, part.* from {source}, unnest({', '.join(arrays)}) part)"
            )
    for trace in TRACES:
        name, columns = trace.table.name, ("entity_key", "entity_kind", "revision", *trace.columns)
        values = ["$1::uuid", "$2::text", "revision", *given([trace.table.c[one] for one in trace.columns])]
        steps.append(
            f"{name}_made as (insert into {name} ({', '.join(columns)}) select {', '.join(values)} from made)"
        )
    return f"with {', '.join(steps)} select revision from made"


def _row_text(kind: Kind, change: Change, given: Any) -> str:
    t, names = table(kind), _columns(kind)
    if change is Change.CREATED:
        values = given([t.c[name] for name in names])
        history = "from event where entity_key = $1::uuid and entity_kind = $2::text"
        return (
            f"insert into {t.name} (key, {', '.join(names)}, revision) "
            f"values ($1::uuid, {', '.join(values)}, (select coalesce(max(revision), 0) + 1 {history})) "
            "on conflict do nothing returning revision"
        )
    [revision] = given([t.c.revision])
    held = f"where key = $1::uuid and revision = {revision}"
    if change is Change.DELETED:
        return f"delete from {t.name} {held} returning revision + 1 as revision"
    values = given([t.c[name] for name in names])
    changes = ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))
    return f"update {t.name} set {changes}, revision = revision + 1 {held} returning revision"


def _sql_type(column: sa.Column[Any]) -> str:
    return "text" if isinstance(column.type, sa.Text) else column.type.compile(_DIALECT)
