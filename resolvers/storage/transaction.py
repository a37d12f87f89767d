"""All SQL that writes: what one transaction may do to entities, each under its row lock."""

import enum
import hmac
import uuid
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.check import Problem
from models.declare import Kind, World
from models.tables import event, idempotency, key_of, reference, server_key
from models.times import now
from resolvers.errors import EndlessReactions, IdTaken, Invalid, KeyReused, NotFound, Stale, StillReferred
from resolvers.storage.conditions import Condition, expression
from resolvers.storage.documents import Draft, check_size, is_change, merged, prepare
from resolvers.storage.reactions import DEPTH_AT_MOST, NONE, Creating, Reactions
from resolvers.storage.rows import Row, leads, not_found, row, row_columns
from resolvers.storage.view import view_of
from resolvers.storage.writes import (
    REFERENCES,
    Change,
    Write,
    changed_parts,
    creation,
    deletion,
    parts_of,
    replacement,
)

REFERRERS_NAMED = 20
_server_keys: "weakref.WeakKeyDictionary[sa.Engine, dict[str, str]]" = weakref.WeakKeyDictionary()


class Put(enum.Enum):
    """What became of an entity that was put where another may be."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "unchanged"


class Transaction:
    """Reads under lock and writes, all or nothing; every write leaves its event.

    What follows from a write happens in it (`reactions`), before the write returns. It may write again, and
    set off more: an entity in hand may then be older than what is stored, so `change` and `delete` go on from
    what this transaction left of it.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        world: World,
        *,
        actor: str,
        strict_references: bool,
        document_bytes: int | None = None,
        quiet: bool = False,
        reactions: Reactions = NONE,
    ) -> None:
        """`document_bytes` is how long a document may become; `quiet` writes are no news to anybody."""
        self.connection = connection
        self.world = world
        self.actor = actor
        self._strict_references = strict_references
        self._document_bytes = document_bytes
        self._quiet = quiet
        self._reactions = reactions
        self._followed: list[str] = []  # the writes that one has led to another by now
        self._left: dict[tuple[str, uuid.UUID], Row | None] = {}  # what was written, None where deleted

    async def lock(self, kind: Kind, id: str, revisions: frozenset[int] | None = None) -> Row:
        """The entity, kept from all other writers until the end. NotFound.

        PreconditionFailed where it is at none of these revisions.
        """
        view = view_of(kind)
        found = (
            await self.connection.execute(
                sa.select(*row_columns(view))
                .where(view.c.key == key_of(kind, id), view.visible)
                .with_for_update()
            )
        ).first()
        if found is None:
            raise not_found(kind, id)
        held = row(self.world, found)
        check_revision(held, revisions)
        return held

    async def select(self, kind: Kind, condition: Condition, *extra: sa.ColumnElement[bool]) -> list[Row]:
        """The entities that meet a condition, in the order of their ids, locked. One statement."""
        view = view_of(kind)
        statement = (
            sa.select(*row_columns(view))
            .where(expression(condition, view), view.visible, *extra)
            .order_by(view.c.id)
            .with_for_update()
        )
        return [row(self.world, found) for found in (await self.connection.execute(statement)).all()]

    async def has_own(self, kind: Kind, **values: str) -> bool:
        """Whether there is an entity with these values in its columns that the same caller wrote."""
        view, past = view_of(kind), event.c
        alike = (view.c[name] == value for name, value in values.items())
        found = (
            sa.select(view.c.key)
            .join(event, sa.and_(past.entity_key == view.c.key, past.entity_kind == kind.root.name))
            .where(past.actor == self.actor, view.visible, *alike)
            .limit(1)
        )
        return (await self.connection.execute(found)).first() is not None

    async def each(self, kind: Kind, condition: Condition) -> AsyncIterator[Row]:
        """The entities that meet a condition, one by one and not locked, however many. One statement."""
        view = view_of(kind)
        statement = sa.select(*row_columns(view)).where(expression(condition, view), view.visible)
        async for found in await self.connection.stream(statement):
            yield row(self.world, found)

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """A block of which nothing is left where it raises an error."""
        before = dict(self._left)
        try:
            async with self.connection.begin_nested():
                yield
        except BaseException:
            self._left = before
            raise

    async def create(self, kind: Kind, document: dict[str, Any]) -> Row:
        """Stores a new entity that the server makes: it may stand anywhere in its life."""
        draft = prepare(kind, document, imported=True)
        draft.by_server = True
        return await self.insert(draft)

    async def change(self, old: Row, change: dict[str, Any]) -> Row:
        """Merges a change that the server makes (RFC 7396) into an entity; the rules of its life apply.
        NotFound where this transaction has deleted it."""
        old = self._by_now(old)
        return await self.replace(old, merged(old.kind, old.id, old.body, change, by_server=True))

    async def put(self, draft: Draft) -> Put:
        """Stores an imported entity over what is there. No rule of life applies, and nothing follows."""
        try:
            old = await self.lock(draft.kind, draft.id)
        except NotFound:
            await self._insert(draft)
            return Put.NEW
        return Put.SAME if await self._replace(old, draft) is old else Put.CHANGED

    async def insert(self, draft: Draft) -> Row:
        """Stores a new entity, and gives what it is after all that follows. Conflict where the id is taken,
        DocumentTooLarge."""
        reactions = self._reactions.to(Change.CREATED, draft.kind)
        if not reactions:
            return await self._insert(draft)
        with self._following(Change.CREATED, draft.kind):
            made = await self._created(draft, reactions)
        return self._left.get(_place(made)) or made

    async def _created(self, draft: Draft, reactions: Sequence[Creating]) -> Row:
        if not reactions:
            return await self._insert(draft)
        first, others = reactions[0], reactions[1:]
        return await first(self, draft, lambda completed: self._created(completed, others))

    async def replace(self, old: Row, draft: Draft) -> Row:
        """Puts a draft in the place of a locked entity, and gives what is there after all that follows: the
        entity as it was, where the draft changes nothing. DocumentTooLarge."""
        new = await self._replace(old, draft)
        reactions = self._reactions.to(Change.CHANGED, new.kind) if new is not old else ()
        if not reactions:
            return new
        with self._following(Change.CHANGED, new.kind):
            for reaction in reactions:
                await reaction(self, old, new)
                left = self._left[_place(new)]
                if left is None:
                    break
                new = left
        return new

    async def delete(self, old: Row, *, force: bool = False) -> Row:
        """Removes an entity. StillReferred where others point to it, unless forced."""
        old = self._by_now(old)
        if not force:
            await self._refuse_referred(old)
        await self._carry_out_on(old, deletion(old, self.actor))
        self._left[_place(old)] = None
        reactions = self._reactions.to(Change.DELETED, old.kind)
        if reactions:
            with self._following(Change.DELETED, old.kind):
                for reaction in reactions:
                    await reaction(self, old)
        return old

    @contextmanager
    def _following(self, change: Change, kind: Kind) -> Iterator[None]:
        """What follows from a write. EndlessReactions where too many have led to it."""
        self._followed.append(f"{kind.name} {change.value}")
        try:
            if len(self._followed) > DEPTH_AT_MOST:
                raise EndlessReactions(self._followed)
            yield
        finally:
            self._followed.pop()

    def _by_now(self, entity: Row) -> Row:
        """An entity as this transaction left it. NotFound where it has deleted it."""
        left = self._left.get(_place(entity), entity)
        if left is None:
            raise not_found(entity.kind, entity.id)
        return left

    async def begin_once(self, key: str, digest: str) -> Row | None:
        """What an earlier request with this Idempotency-Key created; None where this is the first.

        Another one with the same key waits here until this one is through. KeyReused where the key stands
        for another request.
        """
        i = idempotency.c
        made_with = bytes.fromhex(await self._server_key("idempotency"))
        digest = hmac.digest(made_with, digest.encode(), "sha256").hex()
        values = {"actor": self.actor, "key": key, "digest": digest, "time": now()}
        first = await self.connection.execute(
            insert(idempotency).values(values).on_conflict_do_nothing().returning(i.key)
        )
        if first.first() is not None:
            return None
        columns = (i.digest, i.entity_kind, i.entity_id, i.revision, i.time, i.document)
        found = (
            await self.connection.execute(sa.select(*columns).where(i.actor == self.actor, i.key == key))
        ).one()
        if found[0] != digest:
            raise KeyReused(f'The Idempotency-Key "{key[:60]}" was used for another request: take a new one.')
        kind = self.world.kinds[found[1]]
        return Row(kind, key_of(kind, found[2]), *found[2:])

    async def _server_key(self, name: str) -> str:
        """A key that all servers on this database share."""
        known = _server_keys.setdefault(self.connection.engine.sync_engine, {})
        if name not in known:
            found = sa.select(server_key.c.value).where(server_key.c.name == name)
            known[name] = (await self.connection.execute(found)).scalar_one()
        return known[name]

    async def end_once(self, key: str, made: Row) -> None:
        """Keeps what a request with an Idempotency-Key created."""
        i = idempotency.c
        await self.connection.execute(
            sa.update(idempotency)
            .where(i.actor == self.actor, i.key == key)
            .values(
                entity_kind=made.kind.name,
                entity_id=made.id,
                revision=made.revision,
                time=made.modified,
                document=made.document,
            )
        )

    async def _insert(self, draft: Draft) -> Row:
        check_size(draft, self._document_bytes)
        if self._strict_references:
            await self._refuse_dangling(draft)
        write = await creation(draft, self.actor)
        revision = await self._carry_out(write)
        if revision is None:
            raise id_taken(draft)
        write.entity.revision = revision
        self._left[_place(write.entity)] = write.entity
        return write.entity

    async def _replace(self, old: Row, draft: Draft) -> Row:
        if not is_change(old, draft) and not await self._changes_unseen(draft):
            return old
        check_size(draft, self._document_bytes, old.document)
        changed = changed_parts(old, draft)
        if self._strict_references and REFERENCES in changed:
            await self._refuse_dangling(draft)
        write = await replacement(old, draft, self.actor, changed)
        await self._carry_out_on(old, write)
        self._left[_place(old)] = write.entity
        return write.entity

    async def _carry_out(self, write: Write) -> int | None:
        """The revision of the entity after the write; None where it could not be written."""
        write.quiet = self._quiet
        statement = write.statement
        made = (await self.connection.exec_driver_sql(statement.text, statement.arguments)).first()
        return made[0] if made else None

    async def _carry_out_on(self, old: Row, write: Write) -> None:
        if await self._carry_out(write) is None:
            raise LookupError(f"{old.kind.name} {old.id} is no longer at revision {old.revision}.")

    async def _changes_unseen(self, draft: Draft) -> bool:
        """Whether a draft that changes nothing in the document does so in a side table."""
        for part in parts_of(draft.kind):
            asked = part.unseen(draft)
            if asked is not None and (await self.connection.execute(asked)).first() is not None:
                return True
        return False

    async def _refuse_dangling(self, draft: Draft) -> None:
        """Locks every target against deletion until this write is through; Invalid where one is missing."""
        wanted: dict[str, set[uuid.UUID]] = {}
        kinds = self.world.kinds
        ours = [found for found in draft.references if all(name in kinds for name in found.kinds)]
        for found in ours:
            for name in found.kinds:
                wanted.setdefault(name, set()).add(key_of(name, found.id))
        held: set[tuple[str, uuid.UUID]] = {(draft.kind.root.name, draft.key)}
        for name, keys in sorted(wanted.items()):
            view = view_of(kinds[name])
            rows = await self.connection.execute(
                sa.select(view.c.key)
                .where(view.c.key.in_(sorted(keys)), view.visible)
                .order_by(view.c.key)
                .with_for_update(key_share=True, read=True)
            )
            held.update((name, key) for (key,) in rows)
        missing = [
            Problem(
                f"$.{found.relation}",
                f"refers to {' or '.join(found.kinds)} {found.id}, which is not held here",
            )
            for found in ours
            if not any((name, key_of(name, found.id)) in held for name in found.kinds)
        ]
        if missing:
            raise Invalid(draft.kind.name, missing)

    async def _refuse_referred(self, old: Row) -> None:
        r = reference.c
        statement = (
            sa.select(r.source_kind, r.source_key, r.relation)
            .distinct()
            .where(r.target_key == old.key, r.target_kind == old.kind.root.name, leads(view_of(old.kind)))
            .where(sa.or_(r.source_key != old.key, r.source_kind != old.kind.root.name))
            .order_by(r.source_kind, r.source_key, r.relation)
            .limit(REFERRERS_NAMED + 1)
        )
        found = (await self.connection.execute(statement)).all()
        if not found:
            return
        # What another application on this database holds is not named.
        ours = [one for one in found[:REFERRERS_NAMED] if one[0] in self.world.kinds]
        ids: dict[tuple[str, uuid.UUID], str] = {}
        for name in {name for name, _, _ in ours}:
            view = view_of(self.world.kinds[name])
            keys = [key for kind, key, _ in ours if kind == name]
            held = sa.select(view.c.key, view.c.id).where(view.c.key.in_(keys), view.visible)
            for key, id in await self.connection.execute(held):
                ids[name, key] = id
        named = [(name, ids[name, key], relation) for name, key, relation in ours]
        raise StillReferred(old.kind.name, old.id, named, len(found) > len(named))


def check_revision(held: Row, revisions: frozenset[int] | None) -> None:
    """Stale where the entity is at none of these revisions."""
    if revisions is not None and held.revision not in revisions:
        raise Stale(held.kind.name, held.id, held.revision)


def _place(entity: Row) -> tuple[str, uuid.UUID]:
    return entity.kind.root.name, entity.key


def id_taken(draft: Draft) -> IdTaken:
    return IdTaken(f"{draft.kind.name} {draft.id} exists already; change it with PATCH, or take another id.")
