"""All SQL for resources: the one place through which every read and every write passes."""

import asyncio
import copy
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.codec import Problem, check
from models.declare import KINDS, Kind
from models.tables import event, key_of, reference, table
from resolvers.documents import Draft, columns_of, event_row, merged, prepare, reference_rows, state_of
from resolvers.errors import (
    BadRequest,
    CallerError,
    Conflict,
    Invalid,
    NotFound,
    StillReferred,
    Unavailable,
)
from resolvers.filters import EVERYTHING, Condition, Order, beyond, comparable, expression

T = TypeVar("T")

RETRIES = 5
REFERRERS_NAMED = 20

_decode = msgspec.json.decode


@dataclass(slots=True)
class Row:
    """A stored entity: its document as text, decoded when an attribute is first asked for."""

    kind: Kind
    key: uuid.UUID
    id: str
    revision: int
    document: str
    place: tuple[Any, ...] = ()
    """Its sort keys in the list it came in, for the cursor."""
    _body: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def body(self) -> dict[str, Any]:
        """The attributes, without id and href."""
        body = self._body
        if body is None:
            body = self._body = _decode(self.document)
        return body

    def get(self, key: str) -> Any:
        return self.id if key == "id" else self.body.get(key)

    def json(self, url: str) -> str:
        """The document as REST serves it under the home at `url`, the stored text handed through."""
        return f'{{"id":"{self.id}","href":"{url}/{self.id}",{self.document[1:]}'


@dataclass(frozen=True)
class Page:
    """Which part of a list to read, and in which order."""

    condition: Condition = EVERYTHING
    order: tuple[Order, ...] = ()
    limit: int | None = 100
    offset: int = 0
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None
    backwards: bool = False
    """Take from the end: the last rows before `before`, still given in the list's order."""


class Store:
    """Reads and writes entities on behalf of one caller."""

    def __init__(self, engine: AsyncEngine, *, actor: str = "anonymous", strict_references: bool = False):
        self._engine = engine
        self.actor = actor
        self.strict_references = strict_references

    # ---- the gate: rights and limits act in these two -------------------------------------------

    @asynccontextmanager
    async def _reading(self, kinds: Sequence[Kind]) -> AsyncIterator[AsyncConnection]:
        with _database_errors():
            async with self._engine.connect() as connection:
                yield connection

    async def _writing(self, kind: Kind, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in a transaction, again where the database gave up on it in favour of another."""
        for attempt in range(RETRIES):
            try:
                with _database_errors():
                    async with self._engine.begin() as connection:
                        return await work(connection)
            except _LostRace:
                if attempt == RETRIES - 1:
                    raise Unavailable(f"Too many writers at {kind.name} at once; try again.") from None
                await asyncio.sleep(0.01 * 2**attempt)
        raise AssertionError("unreachable")

    # ---- reading --------------------------------------------------------------------------------

    async def by_key(self, kind: Kind, keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
        """The entities that hold these keys. One statement."""
        t = table(kind)
        statement = sa.select(t.c.key, t.c.id, t.c.revision, t.c.document).where(
            t.c.key == sa.any_(sa.literal(list(keys), sa.ARRAY(sa.Uuid)))
        )
        async with self._reading([kind]) as connection:
            rows = (await connection.execute(statement)).all()
        return {key: Row(kind, key, id, revision, document) for key, id, revision, document in rows}

    async def by_id(self, kind: Kind, id: str) -> Row | None:
        return (await self.by_key(kind, [key_of(kind.name, id)])).get(key_of(kind.name, id))

    async def get(self, kinds: Sequence[Kind], id: str) -> Row:
        """The entity, of the first of these kinds that has the id. NotFound where none has."""
        for kind in kinds:
            row = await self.by_id(kind, id)
            if row is not None:
                return row
        raise not_found(kinds[0], id)

    async def anywhere(self, id: str) -> list[Row]:
        """Every entity with this id, of whatever kind, in the order of declaration. One statement."""
        parts = []
        for kind in KINDS.values():
            t = table(kind)
            name = sa.literal(kind.name).label("kind")
            parts.append(
                sa.select(name, t.c.key, t.c.id, t.c.revision, t.c.document).where(
                    t.c.key == key_of(kind.name, id)
                )
            )
        async with self._reading(list(KINDS.values())) as connection:
            found: Any = (await connection.execute(sa.union_all(*parts))).all()
        rows = {name: Row(KINDS[name], key, id_, revision, doc) for name, key, id_, revision, doc in found}
        return [rows[name] for name in KINDS if name in rows]

    async def search(self, kinds: Sequence[Kind], page: Page) -> list[Row]:
        """A part of the list of all entities of these kinds. One statement."""
        order = _full_order(page)
        parts = []
        for kind in kinds:
            t = table(kind)
            columns = _sort_columns(kind, order)
            select = sa.select(
                sa.literal(kind.name).label("kind"),
                t.c.key,
                t.c.id,
                t.c.revision,
                t.c.document,
                *(column.label(f"sort{n}") for n, (column, _) in enumerate(columns)),
            ).where(expression(page.condition, kind), *_bounds(columns, page))
            parts.append(select)
        whole = (parts[0] if len(parts) == 1 else sa.union_all(*parts)).subquery()
        turned = page.backwards
        keys = [(whole.c[f"sort{n}"], descending != turned) for n, (_, descending) in enumerate(order)]
        statement = (
            sa.select(whole)
            .order_by(*(c.desc() if descending else c.asc() for c, descending in keys))
            .limit(page.limit)
            .offset(page.offset or None)
        )
        async with self._reading(kinds) as connection:
            found = (await connection.execute(statement)).all()
        rows = [Row(KINDS[r[0]], r[1], r[2], r[3], r[4], tuple(r[5:])) for r in found]
        return rows[::-1] if turned else rows

    async def count(self, kinds: Sequence[Kind], condition: Condition) -> int:
        """How many entities of these kinds meet the condition. One statement."""
        parts = [
            sa.select(sa.func.count())
            .select_from(table(kind))
            .where(expression(condition, kind))
            .scalar_subquery()
            for kind in kinds
        ]
        total: Any = parts[0]
        for part in parts[1:]:
            total = total + part
        async with self._reading(kinds) as connection:
            return (await connection.execute(sa.select(total))).scalar_one()

    async def pointing_at(
        self, kind: Kind, target: Kind, relations: Sequence[str], keys: Sequence[uuid.UUID], page: Page
    ) -> dict[uuid.UUID, list[Row]]:
        """For each target key, a part of the list of `kind` entities that refer to it. One statement."""
        t = table(kind)
        links = self._links(kind, target, relations, keys).subquery()
        columns = _sort_columns(kind, _full_order(page))
        turned = [c.desc() if descending != page.backwards else c.asc() for c, descending in columns]
        numbered = (
            sa.select(
                links.c.target_key.label("target"),
                t.c.key,
                t.c.id,
                t.c.revision,
                t.c.document,
                *(column.label(f"sort{n}") for n, (column, _) in enumerate(columns)),
                sa.func.row_number().over(partition_by=links.c.target_key, order_by=turned).label("nth"),
            )
            .select_from(links.join(t, t.c.key == links.c.source_key))
            .where(expression(page.condition, kind), *_bounds(columns, page))
            .subquery()
        )
        statement = sa.select(numbered).order_by(numbered.c.target, numbered.c.nth)
        if page.limit is not None:
            statement = statement.where(numbered.c.nth <= page.limit)
        async with self._reading([kind]) as connection:
            found: Any = (await connection.execute(statement)).all()
        lists: dict[uuid.UUID, list[Row]] = {key: [] for key in keys}
        for r in found:
            lists[r[0]].append(Row(kind, r[1], r[2], r[3], r[4], tuple(r[5:-1])))
        return {key: rows[::-1] if page.backwards else rows for key, rows in lists.items()}

    async def count_pointing_at(
        self,
        kind: Kind,
        target: Kind,
        relations: Sequence[str],
        keys: Sequence[uuid.UUID],
        condition: Condition,
    ) -> dict[uuid.UUID, int]:
        """For each target key, how many `kind` entities refer to it. One statement."""
        t = table(kind)
        links = self._links(kind, target, relations, keys).subquery()
        statement = (
            sa.select(links.c.target_key, sa.func.count())
            .select_from(links.join(t, t.c.key == links.c.source_key))
            .where(expression(condition, kind))
            .group_by(links.c.target_key)
        )
        async with self._reading([kind]) as connection:
            found = (await connection.execute(statement)).all()
        return dict.fromkeys(keys, 0) | dict(found)

    async def history(
        self, kind: Kind, keys: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, list[Mapping[str, Any]]]:
        """For each key, what happened to the entity, oldest first. One statement."""
        statement = (
            sa.select(event)
            .where(event.c.entity_key == sa.any_(sa.literal(list(keys), sa.ARRAY(sa.Uuid))))
            .where(event.c.entity_kind == kind.name)
            .order_by(event.c.entity_key, event.c.revision)
        )
        async with self._reading([kind]) as connection:
            found: Any = (await connection.execute(statement)).mappings().all()
        lists: dict[uuid.UUID, list[Mapping[str, Any]]] = {key: [] for key in keys}
        for row in found:
            lists[row["entity_key"]].append(row)
        return lists

    def _links(
        self, kind: Kind, target: Kind, relations: Sequence[str], keys: Sequence[uuid.UUID]
    ) -> sa.Select[Any, Any]:
        r = reference.c
        return (
            sa.select(r.target_key, r.source_key)
            .distinct()
            .where(
                r.target_key == sa.any_(sa.literal(list(keys), sa.ARRAY(sa.Uuid))),
                r.target_kind == target.name,
                r.source_kind == kind.name,
                r.relation.in_(relations),
                _leads(),
            )
        )

    # ---- writing --------------------------------------------------------------------------------

    async def create(self, kind: Kind, document: Any) -> Row:
        """Stores a new entity. Invalid, or Conflict where the id is taken."""
        draft = prepare(kind, document)

        async def work(connection: AsyncConnection) -> Row:
            return await self._insert(connection, draft)

        return await self._writing(kind, work)

    async def patch(self, kind: Kind, id: str, change: Any) -> Row:
        """Merges a change (RFC 7396) into an entity. NotFound, Invalid or IllegalMove."""
        if not isinstance(change, dict):
            raise Invalid(kind.name, [Problem("$", "must be an object")])

        async def work(connection: AsyncConnection) -> Row:
            old = await self._lock(connection, kind, id)
            draft = merged(kind, old.id, old.body, change)
            return await self._replace(connection, old, draft)

        return await self._writing(kind, work)

    async def put(self, draft: Draft) -> bool:
        """Stores an imported entity over what is there; True where it is new. No rule of life applies."""

        async def work(connection: AsyncConnection) -> bool:
            try:
                old = await self._lock(connection, draft.kind, draft.id)
            except NotFound:
                await self._insert(connection, draft)
                return True
            await self._replace(connection, old, draft)
            return False

        return await self._writing(draft.kind, work)

    async def delete(self, kind: Kind, id: str, *, force: bool = False) -> Row:
        """Removes an entity and gives what it was. StillReferred where others point to it, unless forced."""

        async def work(connection: AsyncConnection) -> Row:
            old = await self._lock(connection, kind, id)
            if not force:
                await self._refuse_referred(connection, old)
            await connection.execute(sa.delete(table(kind)).where(table(kind).c.key == old.key))
            await connection.execute(_without_references(old))
            await connection.execute(
                self._event(old, "Delete", old.revision + 1, state_of(kind, old.body), None, old.document)
            )
            return old

        return await self._writing(kind, work)

    async def _lock(self, connection: AsyncConnection, kind: Kind, id: str) -> Row:
        t = table(kind)
        found = (
            await connection.execute(
                sa.select(t.c.key, t.c.id, t.c.revision, t.c.document)
                .where(t.c.key == key_of(kind.name, id))
                .with_for_update()
            )
        ).first()
        if found is None:
            raise not_found(kind, id)
        return Row(kind, *found)

    async def _insert(self, connection: AsyncConnection, draft: Draft) -> Row:
        kind, t = draft.kind, table(draft.kind)
        # An id that was used before goes on counting where its history ended.
        past = (
            sa.select(sa.func.coalesce(sa.func.max(event.c.revision), 0) + 1)
            .where(event.c.entity_key == draft.key, event.c.entity_kind == kind.name)
            .scalar_subquery()
        )
        document = draft.document
        made = (
            await connection.execute(
                insert(t)
                .values(**columns_of(draft), document=document, revision=past)
                .on_conflict_do_nothing()
                .returning(t.c.revision)
            )
        ).first()
        if made is None:
            raise Conflict(
                f"{kind.name} {draft.id} exists already; change it with PATCH, or take another id."
            )
        row = Row(kind, draft.key, draft.id, made[0], document)
        await self._write_references(connection, draft)
        await connection.execute(self._event(row, "Create", made[0], None, draft.state, document))
        return row

    async def _replace(self, connection: AsyncConnection, old: Row, draft: Draft) -> Row:
        t, document = table(old.kind), draft.document
        row = Row(old.kind, old.key, old.id, old.revision + 1, document)
        await connection.execute(
            sa.update(t)
            .where(t.c.key == old.key)
            .values(**columns_of(draft), document=document, revision=row.revision)
        )
        if check(old.kind, copy.deepcopy(old.body)).references != draft.references:
            await connection.execute(_without_references(old))
            await self._write_references(connection, draft)
        before, after = state_of(old.kind, old.body), draft.state
        change = "StateChange" if before != after else "AttributeValueChange"
        await connection.execute(self._event(row, change, row.revision, before, after, document))
        return row

    async def _write_references(self, connection: AsyncConnection, draft: Draft) -> None:
        rows = reference_rows(draft)
        if self.strict_references:
            await self._refuse_dangling(connection, draft)
        if rows:
            await connection.execute(sa.insert(reference), rows)

    async def _refuse_dangling(self, connection: AsyncConnection, draft: Draft) -> None:
        """Locks every target against deletion until this write is through; Invalid where one is missing."""
        wanted: dict[str, set[uuid.UUID]] = {}
        for found in draft.references:
            for name in found.kinds:
                wanted.setdefault(name, set()).add(key_of(name, found.id))
        held: set[tuple[str, uuid.UUID]] = {(draft.kind.name, draft.key)}
        for name, keys in sorted(wanted.items()):
            t = table(KINDS[name])
            rows = await connection.execute(
                sa.select(t.c.key)
                .where(t.c.key.in_(sorted(keys)))
                .order_by(t.c.key)
                .with_for_update(key_share=True, read=True)
            )
            held.update((name, key) for (key,) in rows)
        missing = [
            Problem(
                f"$.{found.relation}",
                f"refers to {' or '.join(found.kinds)} {found.id}, which is not held here",
            )
            for found in draft.references
            if not any((name, key_of(name, found.id)) in held for name in found.kinds)
        ]
        if missing:
            raise Invalid(draft.kind.name, missing)

    async def _refuse_referred(self, connection: AsyncConnection, old: Row) -> None:
        r = reference.c
        statement = (
            sa.select(r.source_kind, r.source_key, r.relation)
            .distinct()
            .where(r.target_key == old.key, r.target_kind == old.kind.name, _leads())
            .where(sa.or_(r.source_key != old.key, r.source_kind != old.kind.name))
            .order_by(r.source_kind, r.source_key, r.relation)
            .limit(REFERRERS_NAMED + 1)
        )
        found = (await connection.execute(statement)).all()
        if not found:
            return
        ids: dict[tuple[str, uuid.UUID], str] = {}
        for name in {name for name, _, _ in found}:
            t = table(KINDS[name])
            keys = [key for kind, key, _ in found if kind == name]
            for key, id in await connection.execute(sa.select(t.c.key, t.c.id).where(t.c.key.in_(keys))):
                ids[name, key] = id
        named = [(name, ids[name, key], relation) for name, key, relation in found[:REFERRERS_NAMED]]
        raise StillReferred(old.kind.name, old.id, named, len(found) > REFERRERS_NAMED)

    def _event(
        self, row: Row, change: str, revision: int, before: str | None, after: str | None, document: str
    ) -> sa.Insert:
        return sa.insert(event).values(
            event_row(row.kind, row.key, row.id, change, revision, before, after, document, self.actor)
        )


# ---- parts of statements ------------------------------------------------------------------------


def _full_order(page: Page) -> tuple[tuple[Any, bool], ...]:
    """The sort keys that were asked for, and the id, which makes the order total."""
    return (*((order.attribute, order.descending) for order in page.order), (None, False))


def _sort_columns(kind: Kind, order: Sequence[tuple[Any, bool]]) -> list[tuple[sa.ColumnElement[Any], bool]]:
    return [
        (table(kind).c.id if attribute is None else comparable(attribute, kind), descending)
        for attribute, descending in order
    ]


def _bounds(
    columns: Sequence[tuple[sa.ColumnElement[Any], bool]], page: Page
) -> list[sa.ColumnElement[bool]]:
    bounds = []
    if page.after is not None:
        bounds.append(beyond(columns, page.after))
    if page.before is not None:
        bounds.append(beyond([(column, not descending) for column, descending in columns], page.before))
    return bounds


def _leads() -> sa.ColumnElement[bool]:
    """Whether a reference row leads to its target: the first kind that holds the id, where several may.

    A reference that names its target's kind has one row, of rank 0. One that does not has a row for
    each kind that it may point to: the row counts while no kind of a lower rank holds the id.
    """
    earlier = reference.alias("earlier")
    holds = [
        sa.and_(
            earlier.c.target_kind == kind.name,
            sa.exists().where(table(kind).c.key == earlier.c.target_key),
        )
        for kind in KINDS.values()
        if kind.name in _OFTEN_UNNAMED
    ]
    first = sa.not_(
        sa.exists().where(
            earlier.c.source_key == reference.c.source_key,
            earlier.c.source_kind == reference.c.source_kind,
            earlier.c.relation == reference.c.relation,
            earlier.c.position == reference.c.position,
            earlier.c.rank < reference.c.rank,
            sa.or_(sa.false(), *holds),
        )
    )
    return sa.or_(reference.c.rank == 0, first)


def _groups() -> frozenset[str]:
    """Names of the kinds that a reference may point to without naming them."""
    from models.codec import relations

    return frozenset(
        name
        for kind in KINDS.values()
        for relation in relations(kind)
        for name in relation.link.targets(None)
        if len(relation.link.targets(None)) > 1
    )


_OFTEN_UNNAMED = _groups()


def _without_references(row: Row) -> sa.Delete:
    return sa.delete(reference).where(
        reference.c.source_key == row.key, reference.c.source_kind == row.kind.name
    )


def not_found(kind: Kind, id: str) -> NotFound:
    return NotFound(f"There is no {kind.name} {id[:128]}.")


# ---- the database's errors ----------------------------------------------------------------------


class _LostRace(Exception):
    """The database ended this transaction in favour of another; the same work may succeed now."""


class _database_errors:
    """Turns errors of the driver into errors for the caller; none of the driver's words gets out."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, type_: Any, error: BaseException | None, traceback: Any) -> None:
        if error is None or isinstance(error, CallerError):
            return
        if isinstance(error, PoolTimeout):
            raise Unavailable("All database connections are busy; try again.") from error
        if isinstance(error, DBAPIError):
            state = str(getattr(error.orig, "sqlstate", None) or "")
            if state in ("40001", "40P01"):
                raise _LostRace from error
            if state == "57014":
                raise Unavailable("The database took too long; narrow the request or try again.") from error
            if state.startswith(("08", "53", "57P")) or error.connection_invalidated:
                raise Unavailable("The database is not reachable; try again.") from error
            if state.startswith("22") or (not state and not isinstance(error, IntegrityError)):
                raise BadRequest("A value does not fit the attribute it is meant for.") from error
        if isinstance(error, (OSError, asyncio.TimeoutError)):
            raise Unavailable("The database is not reachable; try again.") from error
