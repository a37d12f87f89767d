"""All SQL for resources: the one place through which every read and every write passes."""

import asyncio
import copy
import functools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.codec import Problem
from models.declare import KINDS, Kind, roots
from models.tables import event, key_of, reference, table
from resolvers import auth
from resolvers.documents import Draft, encode, merged, prepare, revised
from resolvers.errors import (
    BadRequest,
    CallerError,
    IdTaken,
    Invalid,
    PreconditionFailed,
    StillReferred,
    Unavailable,
)
from resolvers.filters import EVERYTHING, Condition, Order, beyond, expression, sort_key
from resolvers.rows import ROW_COLUMNS, Row, among, leads, not_found, of_kind, row, row_columns
from resolvers.transaction import Transaction
from tmfgraph import database

T = TypeVar("T")

RETRIES = 5
COUNTED_AT_MOST = 100_000
"""How far a list is counted unless its exact size is asked for."""


@dataclass(frozen=True)
class Asked:
    """A creation that may be asked for again: its Idempotency-Key, and what tells whether it is the same."""

    key: str
    digest: str


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


@dataclass(frozen=True)
class Effects:
    """What writes bring about beyond themselves, in the same transaction; by name of the kind written."""

    created: Mapping[str, Callable[[Transaction, Draft], Awaitable[Row]]] = field(default_factory=dict)
    """Instead of only storing what a caller creates: stores it and all that follows."""
    changed: Mapping[str, Callable[[Transaction, Row, Row], Awaitable[None]]] = field(default_factory=dict)
    """After a caller changed one: from what it was to what it is."""


class Store:
    """Reads and writes entities on behalf of one caller."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        access: auth.Access = auth.EVERYTHING,
        actor: str | None = None,
        strict_references: bool = False,
        effects: Effects | None = None,
    ):
        """`actor` is whom events name, where it is not who the access is of: a command of ours."""
        self._engine = engine
        self.access = access
        self.actor = actor or access.actor
        self.strict_references = strict_references
        self._effects = effects or Effects()

    # ---- the gate: rights and limits act in these two -------------------------------------------

    @asynccontextmanager
    async def _reading(self, kinds: Sequence[Kind]) -> AsyncIterator[AsyncConnection]:
        """A connection to read entities of these kinds. Forbidden where the caller may not."""
        for kind in kinds:
            self.access.check(kind, "read")
        with _database_errors():
            async with database.reading(self._engine).connect() as connection:
                yield connection

    async def writing(self, kinds: Sequence[Kind], work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Runs `work` in a transaction, again where the database gave up on it in favour of another.

        Forbidden where the caller may not write the kinds. What else the work writes, the server does itself.
        """
        for kind in kinds:
            self.access.check(kind, "write")
        for attempt in range(RETRIES):
            try:
                with _database_errors():
                    async with self._engine.begin() as connection:
                        return await work(
                            Transaction(
                                connection, actor=self.actor, strict_references=self.strict_references
                            )
                        )
            except _LostRace:
                if attempt == RETRIES - 1:
                    names = " and ".join(sorted({kind.name for kind in kinds}))
                    raise Unavailable(f"Too many writers at {names} at once; try again.") from None
                await asyncio.sleep(0.01 * 2**attempt)
        raise AssertionError("unreachable")

    # ---- reading --------------------------------------------------------------------------------

    async def by_key(self, kind: Kind, keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
        """The entities that hold these keys. One statement."""
        async with self._reading([kind]) as connection:
            rows = map(row, (await connection.execute(_by_key(kind), {"keys": list(keys)})).all())
        return {one.key: one for one in rows}

    async def by_id(self, kind: Kind, id: str) -> Row | None:
        key = key_of(kind, id)
        return (await self.by_key(kind, [key])).get(key)

    async def get(self, kinds: Sequence[Kind], id: str) -> Row:
        """The entity, of the first of these kinds that has the id. NotFound where none has."""
        for kind in kinds:
            row = await self.by_id(kind, id)
            if row is not None:
                return row
        raise not_found(kinds[0], id)

    async def anywhere(self, id: str) -> list[Row]:
        """Every entity with this id, of whatever kind, in the order of declaration. One statement.

        Kinds that the caller may not read are passed over. Forbidden where that is all of them.
        """
        kinds = [kind for kind in roots() if self.access.may(kind, "read")] or roots()
        parts = [sa.select(*row_columns(kind)).where(table(kind).c.key == key_of(kind, id)) for kind in kinds]
        async with self._reading(kinds) as connection:
            found: Any = (await connection.execute(sa.union_all(*parts))).all()
        rows = {one.kind.root: one for one in map(row, found)}
        return [rows[kind] for kind in roots() if kind in rows]

    async def search(self, kinds: Sequence[Kind], page: Page) -> list[Row]:
        """A part of the list of all entities of these kinds. One statement."""
        order = _full_order(page)
        parts = []
        for kind in kinds:
            columns = _sort_columns(kind, order)
            select = sa.select(
                *row_columns(kind),
                *(column.label(f"sort{n}") for n, (column, _) in enumerate(columns)),
            ).where(expression(page.condition, kind), of_kind(kind), *_bounds(columns, page))
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
        rows = [row(r, tuple(r[ROW_COLUMNS:])) for r in found]
        return rows[::-1] if turned else rows

    async def count(self, kinds: Sequence[Kind], condition: Condition) -> int:
        """How many entities of these kinds meet the condition. One statement."""
        parts = [
            sa.select(sa.func.count())
            .select_from(table(kind))
            .where(expression(condition, kind), of_kind(kind))
            .scalar_subquery()
            for kind in kinds
        ]
        total: Any = parts[0]
        for part in parts[1:]:
            total = total + part
        async with self._reading(kinds) as connection:
            return (await connection.execute(sa.select(total))).scalar_one()

    async def count_up_to(
        self, kinds: Sequence[Kind], condition: Condition, limit: int | None
    ) -> tuple[int, bool]:
        """How many meet the condition, and whether counting stopped at `limit` of a kind. One statement."""
        if limit is None:
            return await self.count(kinds, condition), False
        parts = []
        for kind in kinds:
            found = sa.select(sa.literal(1)).select_from(table(kind))
            some = found.where(expression(condition, kind), of_kind(kind)).limit(limit + 1).subquery()
            parts.append(sa.select(sa.func.count()).select_from(some).scalar_subquery())
        async with self._reading(kinds) as connection:
            counts = (await connection.execute(sa.select(*parts))).one()
        return sum(min(count, limit) for count in counts), any(count > limit for count in counts)

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
                *row_columns(kind),
                links.c.target_key.label("target"),
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
            lists[r[ROW_COLUMNS]].append(row(r, tuple(r[ROW_COLUMNS + 1 : -1])))
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
            .where(among(event.c.entity_key, keys), event.c.entity_kind == kind.root.name)
            .order_by(event.c.entity_key, event.c.revision)
        )
        async with self._reading([kind]) as connection:
            found: Any = (await connection.execute(statement)).mappings().all()
        lists: dict[uuid.UUID, list[Mapping[str, Any]]] = {key: [] for key in keys}
        for one in found:
            lists[one["entity_key"]].append(one)
        return lists

    def _links(
        self, kind: Kind, target: Kind, relations: Sequence[str], keys: Sequence[uuid.UUID]
    ) -> sa.Select[Any, Any]:
        r = reference.c
        return (
            sa.select(r.target_key, r.source_key)
            .distinct()
            .where(
                among(r.target_key, keys),
                r.target_kind == target.root.name,
                r.source_kind == kind.root.name,
                r.relation.in_(relations),
                leads(),
            )
        )

    # ---- writing --------------------------------------------------------------------------------

    async def create(self, kind: Kind, document: Any) -> Row:
        """Stores a new entity. Invalid, or Conflict where the id is taken."""
        return (await self.create_once(kind, document, None))[0]

    async def create_once(
        self,
        kind: Kind,
        document: Any,
        asked: Asked | None,
        *,
        only_new: bool = False,
        allowed_by: Kind | None = None,
    ) -> tuple[Row, bool]:
        """Stores a new entity unless this was asked for before; then gives what came of it, and True.

        KeyReused where the key stands for another request. With `only_new` a taken id is a failed
        precondition instead of a conflict. `allowed_by` is the kind that one needs the right to write, where
        it is not this one.
        """
        draft = prepare(kind, document)
        effect = self._effects.created.get(draft.kind.name)

        async def work(transaction: Transaction) -> tuple[Row, bool]:
            earlier = await transaction.begin_once(asked.key, asked.digest) if asked else None
            if earlier is not None:
                return earlier, True
            try:
                made = await (effect(transaction, draft) if effect else transaction.insert(draft))
            except IdTaken as error:
                if only_new:
                    raise PreconditionFailed(str(error)) from None
                raise
            if asked:
                await transaction.end_once(asked.key, made)
            return made, False

        return await self.writing([allowed_by or kind], work)

    async def accept(
        self, kind: Kind, document: Any, url: str, asked: Asked | None = None
    ) -> tuple[Row, bool]:
        """Takes in a new entity that is to be stored later, and gives the monitor of that work.

        Invalid where the document breaks a rule; what else is in its way, the monitor tells.
        """
        draft = prepare(kind, copy.deepcopy(document))
        request = {
            "method": "POST",
            "to": url,
            "body": encode({**document, "id": draft.id}),
            "header": [{"name": "Content-Type", "value": "application/json"}],
        }
        source = f"{url}/{draft.id}"
        monitor = {"sourceHref": source, "state": "InProgress", "request": request}
        return await self.create_once(KINDS["Monitor"], monitor, asked, allowed_by=kind)

    async def create_many(self, kind_of: Callable[[Any], Kind], documents: Sequence[Any]) -> list[Row]:
        """Stores new entities, all or none. Invalid with the problems of all of them, or Conflict.

        `kind_of` says what a document is to become. A problem's path starts where TMF630 has the document
        in a bulk create: `$[3].value.name`.
        """
        name, problems = "Bulk create", list[Problem]()
        kinds, drafts = list[Kind](), list[Draft]()
        for number, document in enumerate(documents):
            with _collected(problems, number):
                kinds.append(kind_of(document))
                drafts.append(prepare(kinds[-1], document))
        if problems:
            raise Invalid(name, problems)

        async def work(transaction: Transaction) -> list[Row]:
            made, problems = list[Row](), list[Problem]()
            for number, draft in enumerate(drafts):
                effect = self._effects.created.get(draft.kind.name)
                with _collected(problems, number):
                    made.append(await (effect(transaction, draft) if effect else transaction.insert(draft)))
            if problems:
                raise Invalid(name, problems)
            return made

        return await self.writing(kinds, work)

    async def patch(
        self, kind: Kind, id: str, change: Any, *, revisions: frozenset[int] | None = None
    ) -> Row:
        """Merges a change (RFC 7396) into an entity. NotFound, Invalid or IllegalMove.

        PreconditionFailed where the entity is at none of these revisions.
        """
        if not isinstance(change, dict):
            raise Invalid(kind.name, [Problem("$", "must be an object")])
        return await self._replace(
            kind, id, lambda old: merged(old.kind, old.id, old.body, change), revisions
        )

    async def revise(
        self,
        kind: Kind,
        id: str,
        change: Callable[[dict[str, Any]], Any],
        *,
        url: str,
        revisions: frozenset[int] | None = None,
    ) -> Row:
        """Puts what `change` makes of an entity in its place, as `patch` does.

        `change` gets the document as REST gives it under the home at `url`, leaves it as it is, and may be
        called again where the database asks for another attempt.
        """

        def draft(old: Row) -> Draft:
            seen = {"id": old.id, "href": f"{url}/{old.id}", **old.body}
            return revised(old.kind, old.id, seen, change(seen))

        return await self._replace(kind, id, draft, revisions)

    async def _replace(
        self, kind: Kind, id: str, draft: Callable[[Row], Draft], revisions: frozenset[int] | None
    ) -> Row:
        effect = self._effects.changed.get(kind.name)

        async def work(transaction: Transaction) -> Row:
            old = await transaction.lock(kind, id, revisions)
            new = await transaction.replace(old, draft(old))
            if effect:
                await effect(transaction, old, new)
            return new

        return await self.writing([kind], work)

    async def put(self, draft: Draft) -> bool:
        """Stores an imported entity over what is there; True where it is new. No rule of life applies."""

        async def work(transaction: Transaction) -> bool:
            return await transaction.put(draft)

        return await self.writing([draft.kind], work)

    async def delete(
        self, kind: Kind, id: str, *, force: bool = False, revisions: frozenset[int] | None = None
    ) -> Row:
        """Removes an entity and gives what it was. StillReferred where others point to it, unless forced.

        PreconditionFailed where the entity is at none of these revisions.
        """

        async def work(transaction: Transaction) -> Row:
            return await transaction.delete(await transaction.lock(kind, id, revisions), force=force)

        try:
            return await self.writing([kind], work)
        except StillReferred as error:
            raise error.seen_by(lambda name: self.access.may(KINDS[name], "read")) from None


# ---- parts of statements ------------------------------------------------------------------------


@functools.cache
def _by_key(kind: Kind) -> sa.Select[Any]:
    """Made once for each kind: the statement that most requests are answered with."""
    keys = sa.bindparam("keys", type_=sa.ARRAY(sa.Uuid))
    return sa.select(*row_columns(kind)).where(table(kind).c.key == sa.any_(keys), of_kind(kind))


def _full_order(page: Page) -> tuple[tuple[Order | None, bool], ...]:
    """The sort keys that were asked for, and the id, which makes the order total."""
    return (*((order, order.descending) for order in page.order), (None, False))


def _sort_columns(
    kind: Kind, orders: Sequence[tuple[Order | None, bool]]
) -> list[tuple[sa.ColumnElement[Any], bool]]:
    return [
        (table(kind).c.id if order is None else sort_key(order, kind), descending)
        for order, descending in orders
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


@contextmanager
def _collected(problems: list[Problem], number: int) -> Iterator[None]:
    """Adds what is wrong with one document of several to the problems of all."""
    try:
        yield
    except Invalid as error:
        problems += [Problem(f"$[{number}].value{p.path[1:]}", p.message) for p in error.problems]


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
