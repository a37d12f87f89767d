"""All SQL that writes: what one transaction may do to entities, each under its row lock."""

import enum
import hmac
import uuid
import weakref
from collections.abc import AsyncIterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.check import Problem, holds_secrets
from models.declare import KINDS, Kind
from models.tables import characteristic, event, idempotency, key_of, reference, secret, server_key, table
from models.times import now
from resolvers.errors import IdTaken, Invalid, KeyReused, NotFound, Stale, StillReferred
from resolvers.storage import reads
from resolvers.storage.conditions import Condition, expression
from resolvers.storage.digests import digest
from resolvers.storage.documents import (
    Draft,
    characteristic_rows,
    check_size,
    columns_of,
    event_row,
    is_change,
    merged,
    prepare,
    reference_rows,
    same_references,
    state_of,
)
from resolvers.storage.reads import Statement
from resolvers.storage.rows import Row, leads, not_found, row, row_columns
from resolvers.storage.view import view_of

REFERRERS_NAMED = 20
_server_keys: "weakref.WeakKeyDictionary[sa.Engine, dict[str, str]]" = weakref.WeakKeyDictionary()


class Put(enum.Enum):
    """What became of an entity that was put where another may be."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "unchanged"


class Transaction:
    """Reads under lock and writes, all or nothing; every write leaves its event."""

    def __init__(
        self,
        connection: AsyncConnection,
        *,
        actor: str,
        strict_references: bool,
        document_bytes: int | None = None,
    ) -> None:
        """`document_bytes` is how long a document may become."""
        self.connection = connection
        self.actor = actor
        self._strict_references = strict_references
        self._document_bytes = document_bytes

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
        held = row(found)
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
        return [row(found) for found in (await self.connection.execute(statement)).all()]

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
            yield row(found)

    async def create(self, kind: Kind, document: dict[str, Any]) -> Row:
        """Stores a new entity that the server makes: it may stand anywhere in its life."""
        draft = prepare(kind, document, imported=True)
        draft.by_server = True
        return await self.insert(draft)

    async def change(self, old: Row, change: dict[str, Any]) -> Row:
        """Merges a change that the server makes (RFC 7396) into an entity; the rules of its life apply."""
        return await self.replace(old, merged(old.kind, old.id, old.body, change, by_server=True))

    async def put(self, draft: Draft) -> Put:
        """Stores an imported entity over what is there. No rule of life applies."""
        try:
            old = await self.lock(draft.kind, draft.id)
        except NotFound:
            await self.insert(draft)
            return Put.NEW
        return Put.SAME if await self.replace(old, draft) is old else Put.CHANGED

    async def delete(self, old: Row, *, force: bool = False) -> Row:
        """Removes an entity. StillReferred where others point to it, unless forced."""
        if not force:
            await self._refuse_referred(old)
        await self.connection.execute(sa.delete(table(old.kind)).where(table(old.kind).c.key == old.key))
        await self.connection.execute(sa.delete(reference).where(_references_of(old)))
        await self.connection.execute(sa.delete(characteristic).where(_characteristics_of(old)))
        if holds_secrets(old.kind):
            await self.connection.execute(sa.delete(secret).where(_secrets_of(old)))
        await self.connection.execute(
            self._event(old, "Delete", old.revision + 1, state_of(old.kind, old.body), None, old.document)
        )
        return old

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
        kind = KINDS[found[1]]
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

    async def insert(self, draft: Draft) -> Row:
        """Stores a new entity. Conflict where the id is taken, DocumentTooLarge."""
        check_size(draft, self._document_bytes)
        if self._strict_references:
            await self._refuse_dangling(draft)
        statement, new = insertion(draft, self.actor)
        made = (await self.connection.exec_driver_sql(statement.text, statement.arguments)).first()
        if made is None:
            raise id_taken(draft)
        await self._write_secrets(draft)
        new.revision = made[0]
        return new

    async def replace(self, old: Row, draft: Draft) -> Row:
        """Puts a draft in the place of a locked entity, and gives what is there then: the entity as it was,
        where the draft changes nothing. DocumentTooLarge."""
        if not is_change(old, draft) and not await self._forgets(draft):
            return old
        check_size(draft, self._document_bytes, old.document)
        t, document, moment = table(old.kind), draft.document, now()
        new = Row(draft.kind, old.key, old.id, old.revision + 1, moment, document)
        await self.connection.execute(
            sa.update(t)
            .where(t.c.key == old.key)
            .values(**columns_of(draft), document=document, revision=new.revision, modified=moment)
        )
        if not same_references(old, draft):
            await self.connection.execute(sa.delete(reference).where(_references_of(old)))
            await self._write_references(draft)
        characteristics = characteristic_rows(draft.kind, draft.key, draft.body)
        if characteristic_rows(old.kind, old.key, old.body) != characteristics:
            await self.connection.execute(sa.delete(characteristic).where(_characteristics_of(old)))
            await self._write_characteristics(characteristics)
        if holds_secrets(old.kind):
            gone = sa.not_(secret.c.place.in_(draft.secret_places))
            await self.connection.execute(sa.delete(secret).where(_secrets_of(old), gone))
            await self._write_secrets(draft)
        change, before, after = _change(old, draft)
        await self.connection.execute(self._event(new, change, new.revision, before, after, document))
        return new

    async def _write_references(self, draft: Draft) -> None:
        rows = reference_rows(draft)
        if self._strict_references:
            await self._refuse_dangling(draft)
        if rows:
            await self.connection.execute(sa.insert(reference), rows)

    async def _write_characteristics(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            await self.connection.execute(sa.insert(characteristic), rows)

    async def _forgets(self, draft: Draft) -> bool:
        """Whether there is a digest of one of the secrets that came in as null."""
        places = [one.place for one in draft.secrets if one.text is None]
        if not places:
            return False
        whose = (secret.c.entity_key == draft.key, secret.c.entity_kind == draft.kind.root.name)
        held = sa.select(secret.c.place).where(*whose, secret.c.place.in_(places)).limit(1)
        return (await self.connection.execute(held)).first() is not None

    async def _write_secrets(self, draft: Draft) -> None:
        """Keeps the digests of the secrets that came in; one that came in as null is forgotten."""
        for one in draft.secrets:
            whose = {"entity_key": draft.key, "entity_kind": draft.kind.root.name, "place": one.place}
            if one.text is None:
                same = (secret.c[name] == value for name, value in whose.items())
                await self.connection.execute(sa.delete(secret).where(*same))
                continue
            made = insert(secret).values(**whose, digest=await digest(one.text))
            kept = {"digest": made.excluded.digest}
            await self.connection.execute(
                made.on_conflict_do_update(constraint=secret.primary_key, set_=kept)
            )

    async def _refuse_dangling(self, draft: Draft) -> None:
        """Locks every target against deletion until this write is through; Invalid where one is missing."""
        wanted: dict[str, set[uuid.UUID]] = {}
        ours = [found for found in draft.references if found.kinds[0] in KINDS]
        for found in ours:
            for name in found.kinds:
                wanted.setdefault(name, set()).add(key_of(name, found.id))
        held: set[tuple[str, uuid.UUID]] = {(draft.kind.root.name, draft.key)}
        for name, keys in sorted(wanted.items()):
            view = view_of(KINDS[name])
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
        ids: dict[tuple[str, uuid.UUID], str] = {}
        for name in {name for name, _, _ in found}:
            view = view_of(KINDS[name])
            keys = [key for kind, key, _ in found if kind == name]
            held = sa.select(view.c.key, view.c.id).where(view.c.key.in_(keys), view.visible)
            for key, id in await self.connection.execute(held):
                ids[name, key] = id
        named = [(name, ids[name, key], relation) for name, key, relation in found[:REFERRERS_NAMED]]
        raise StillReferred(old.kind.name, old.id, named, len(found) > REFERRERS_NAMED)

    def _event(
        self, of: Row, change: str, revision: int, before: str | None, after: str | None, document: str
    ) -> sa.Insert:
        return sa.insert(event).values(
            event_row(of.kind, of.key, of.id, change, revision, before, after, document, self.actor)
        )


def insertion(draft: Draft, actor: str) -> tuple[Statement, Row]:
    """The statement that stores a new entity and gives its revision, nothing where the id is taken; and the
    entity as it is then, but for the revision."""
    kind, document, moment = draft.kind, draft.document, now()
    values = {**columns_of(draft), "document": document, "modified": moment}
    references = reference_rows(draft)
    characteristics = characteristic_rows(kind, draft.key, draft.body)
    event = event_row(kind, draft.key, draft.id, "Create", 0, None, draft.state, document, actor)
    given = (
        kind.root.name,
        *(values[column.name] for column in table(kind).c if column.name != "revision"),
        *([one[name] for one in references] for name in reads.REFERENCE),
        *([one[name] for one in characteristics] for name in reads.CHARACTERISTIC),
        *(event[name] for name in reads.EVENT),
    )
    return Statement(reads.insertion(kind), given), Row(kind, draft.key, draft.id, 0, moment, document)


def swap(old: Row, draft: Draft, actor: str) -> tuple[Statement, Row]:
    """The statement that puts a draft in the place of an entity that is still at its revision, and gives
    nothing where it is not; and the entity as it is then. References and characteristics stay as they are."""
    kind, document, moment = draft.kind, draft.document, now()
    new = Row(kind, old.key, old.id, old.revision + 1, moment, document)
    values = {**columns_of(draft), "document": document, "modified": moment}
    change, before, after = _change(old, draft)
    event = event_row(kind, old.key, old.id, change, new.revision, before, after, document, actor)
    given = (
        kind.root.name,
        old.revision,
        *(values[column.name] for column in table(kind).c if column.name != "revision"),
        *(event[name] for name in reads.EVENT),
    )
    return Statement(reads.swap(kind), given), new


def _change(old: Row, draft: Draft) -> tuple[str, str | None, str | None]:
    """What an event calls the change, and the states before and after it."""
    before, after = state_of(old.kind, old.body), draft.state
    return "StateChange" if before != after else "AttributeValueChange", before, after


def check_revision(held: Row, revisions: frozenset[int] | None) -> None:
    """Stale where the entity is at none of these revisions."""
    if revisions is not None and held.revision not in revisions:
        raise Stale(held.kind.name, held.id, held.revision)


def id_taken(draft: Draft) -> IdTaken:
    return IdTaken(f"{draft.kind.name} {draft.id} exists already; change it with PATCH, or take another id.")


def _references_of(entity: Row) -> sa.ColumnElement[bool]:
    return sa.and_(reference.c.source_key == entity.key, reference.c.source_kind == entity.kind.root.name)


def _characteristics_of(entity: Row) -> sa.ColumnElement[bool]:
    return sa.and_(
        characteristic.c.source_key == entity.key, characteristic.c.source_kind == entity.kind.root.name
    )


def _secrets_of(entity: Row) -> sa.ColumnElement[bool]:
    return sa.and_(secret.c.entity_key == entity.key, secret.c.entity_kind == entity.kind.root.name)
