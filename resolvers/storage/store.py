"""All SQL for resources: the one place through which every read and every write passes."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.check import Problem
from models.declare import Kind, World
from resolvers.errors import (
    BadRequest,
    CallerError,
    Conflict,
    IdTaken,
    Invalid,
    PreconditionFailed,
    StillReferred,
    Unavailable,
)
from resolvers.rights import EVERYTHING, Access
from resolvers.storage import driver, pool, reads
from resolvers.storage.budget import UNBOUNDED, Budget
from resolvers.storage.conditions import Condition
from resolvers.storage.documents import (
    Draft,
    check_references,
    check_size,
    copied,
    encode,
    is_change,
    merged,
    prepare,
    revised,
)
from resolvers.storage.gate import Gate
from resolvers.storage.idempotency import Asked
from resolvers.storage.pool import Lent
from resolvers.storage.reactions import NONE, Reactions
from resolvers.storage.reads import ROW, Page, Statement
from resolvers.storage.rows import Row, Unseen, not_found, row
from resolvers.storage.transaction import Put, Transaction, check_revision, id_taken
from resolvers.storage.view import View
from resolvers.storage.writes import Change, changed_parts, creation, is_derived, replacement

T = TypeVar("T")
log = logging.getLogger(__name__)

RETRIES = 5
COUNTED_AT_MOST = 100_000
"""How far a list is counted unless its exact size is asked for."""


Needs = Mapping[str, Callable[[Draft], Iterable[tuple[Kind, str]]]]
"""By name of a kind the rights beyond its own that a caller needs to create one; BadRequest where that cannot
be done."""


class Store:
    """Reads and writes entities on behalf of one caller."""

    def __init__(
        self,
        engine: AsyncEngine,
        world: World,
        *,
        access: Access = EVERYTHING,
        actor: str | None = None,
        strict_references: bool = False,
        reactions: Reactions = NONE,
        needs: Needs | None = None,
        budget: Budget | None = None,
        quiet: bool = False,
    ):
        """`actor` is whom events name, where it is not who the access is of: a command of ours.

        `budget` counts what the request does, and ends it where that is too much; none counts nothing.
        What is `put` here is no news to anybody where it is `quiet`: it comes with a load.
        """
        self._pool = pool.of(engine)
        self.world = world
        self.access = access
        self._gate = Gate(access)
        self.actor = actor or access.actor
        self.strict_references = strict_references
        self.budget = budget or Budget(UNBOUNDED)
        self._held: Any = None
        self._quiet = quiet
        self._reactions = reactions
        self._needs = needs or {}

    # ---- what all reads and writes pass: rights and limits act here -----------------------------

    def view(self, kind: Kind) -> View:
        """What the caller may see of a kind, to make a statement of. Forbidden where that is nothing."""
        return self._gate.view(kind)

    def views(self, kinds: Iterable[Kind]) -> tuple[View, ...]:
        """The same of several kinds. Forbidden, with the scope of the first that is missing."""
        return tuple(map(self._gate.view, kinds))

    async def fetch(self, statement: Statement) -> list[Any]:
        """The records that a statement reads. Forbidden where the caller may not see what it reads.

        TooMuch where the request has then asked more, or read more rows, than one may.
        """
        self._gate.passes(statement.views)
        self.budget.ask()
        async with self.connected() as connection:
            with _database_errors():
                count = self.budget.read_more_bytes
                found = await connection.fetch(statement.text, statement.arguments, count)
        self.budget.read(len(found))
        return found

    def connected(self, *, writes: bool = False) -> "_Connected":
        """A connection for single statements, in no transaction: `async with store.connected() as lent`."""
        return _Connected(self._pool, self._held, writes)

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[None]:
        """Within the block all reads share one connection; they must follow each other."""
        async with self.connected() as connection:
            self._held = connection
            try:
                yield
            finally:
                self._held = None

    async def writing(self, kinds: Sequence[Kind], work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Runs `work` in a transaction, again where the database gave up on it in favour of another.

        Forbidden where the caller may not write the kinds. What else the work writes, the server does itself.
        """
        for kind in kinds:
            self._gate.writable(kind)
        for attempt in range(RETRIES):
            try:
                with self._discreetly(), _database_errors():
                    async with self._pool.begin(count=self.budget.read_more_bytes) as connection:
                        return await work(self._transaction(connection))
            except _LostRace:
                if attempt == RETRIES - 1:
                    names = " and ".join(sorted({kind.name for kind in kinds}))
                    raise Unavailable(f"Too many writers at {names} at once; try again.") from None
                await asyncio.sleep(0.01 * 2**attempt)
        raise AssertionError("unreachable")

    @contextmanager
    def _discreetly(self) -> Iterator[None]:
        """Errors of a write tell nothing of stored entities to one who may not read them."""
        try:
            yield
        except CallerError as error:
            if error.tells is None or self._gate.sees(self.world.kinds[error.tells]):
                raise
            raise error.discreet() from None

    def _shown(self, written: Row) -> Row:
        """What the caller gets to see of an entity that was written."""
        if self._gate.sees(written.kind):
            return written
        return Unseen(written, self.access.missing(written.kind, "read"))

    def _check_needs(self, draft: Draft) -> None:
        needs = self._needs.get(draft.kind.name)
        for kind, right in needs(draft) if needs else ():
            self._gate.check(kind, right)

    def _transaction(self, connection: AsyncConnection) -> Transaction:
        return Transaction(
            connection,
            self.world,
            actor=self.actor,
            strict_references=self.strict_references,
            document_bytes=self.budget.bounds.document_bytes,
            quiet=self._quiet,
            reactions=self._reactions,
        )

    # ---- reading --------------------------------------------------------------------------------

    async def by_key(self, kind: Kind, keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, Row]:
        """The entities that hold these keys. One statement."""
        found = await self.fetch(reads.by_key(self.view(kind), ROW).of(keys))
        return {one[1]: row(self.world, one) for one in found}

    async def by_id(self, kind: Kind, id: str) -> Row | None:
        found = await self.fetch(reads.one(self.view(kind), ROW).of(id))
        return row(self.world, found[0]) if found else None

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
        roots = self.world.roots
        views = self.views([kind for kind in roots if self._gate.sees(kind)] or roots)
        found = (row(self.world, one) for one in await self.fetch(reads.anywhere(views, id)))
        rows = {one.kind.root: one for one in found}
        return [rows[kind] for kind in roots if kind in rows]

    async def search(self, kinds: Sequence[Kind], page: Page) -> list[Row]:
        """A part of the list of all entities of these kinds. One statement."""
        found = await self.fetch(reads.search(self.views(kinds), ROW, page))
        rows = [row(self.world, one, tuple(one[len(ROW) :])) for one in found]
        return rows[::-1] if page.backwards else rows

    async def count(self, kinds: Sequence[Kind], condition: Condition) -> int:
        """How many entities of these kinds meet the condition. One statement."""
        return (await self.fetch(reads.count(self.views(kinds), condition)))[0][0]

    async def count_up_to(
        self, kinds: Sequence[Kind], condition: Condition, limit: int | None
    ) -> tuple[int, bool]:
        """How many meet the condition, and whether counting stopped at `limit` of a kind. One statement."""
        if limit is None:
            return await self.count(kinds, condition), False
        [counts] = await self.fetch(reads.count_up_to(self.views(kinds), condition, limit))
        return sum(min(count, limit) for count in counts), any(count > limit for count in counts)

    async def pointing_at(
        self, kind: Kind, target: Kind, relations: tuple[str, ...], keys: Sequence[uuid.UUID], page: Page
    ) -> dict[uuid.UUID, list[Row]]:
        """For each target key, a part of the list of `kind` entities that refer to it. One statement."""
        statement = reads.pointing_at(self.view(kind), target, relations, ROW, page)
        lists: dict[uuid.UUID, list[Row]] = {key: [] for key in keys}
        for one in await self.fetch(statement.of(keys, self.budget.rows_left)):
            lists[keys[one[0] - 1]].append(row(self.world, one[1:], tuple(one[len(ROW) + 1 :])))
        return {key: rows[::-1] if page.backwards else rows for key, rows in lists.items()}

    async def history(
        self, kind: Kind, keys: Sequence[uuid.UUID], first: int, after: int
    ) -> dict[uuid.UUID, list[Mapping[str, Any]]]:
        """For each key, the first so many events of it after a revision, oldest first. One statement."""
        lists: list[list[Mapping[str, Any]]] = [[] for _ in keys]
        statement = reads.history(self.view(kind), first, after).of(keys, self.budget.rows_left)
        for one in await self.fetch(statement):
            lists[one[0] - 1].append(one)
        return dict(zip(keys, lists, strict=True))

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
        by_server: bool = False,
    ) -> tuple[Row, bool]:
        """Stores a new entity unless this was asked for before; then gives what came of it, and True.

        KeyReused where the key stands for another request. With `only_new` a taken id is a failed
        precondition instead of a conflict. `allowed_by` is the kind that one needs the right to write, where
        it is not this one.
        """
        self._gate.writable(allowed_by or kind)
        draft = prepare(kind, document)
        draft.by_server = by_server
        self._check_needs(draft)
        reacts = self._reactions.act(Change.CREATED, draft.kind)

        if not (reacts or asked or only_new or self.strict_references):
            with suppress(_LostRace):  # then once more, in a transaction that is tried again
                return self._shown(await self._insert(draft, allowed_by or kind)), False

        async def work(transaction: Transaction) -> tuple[Row, bool]:
            earlier = await transaction.begin_once(asked.key, asked.digest) if asked else None
            if earlier is not None:
                return earlier, True
            try:
                made = await transaction.insert(draft)
            except IdTaken as error:
                if only_new:
                    raise PreconditionFailed(str(error)) from None
                raise
            if asked:
                await transaction.end_once(asked.key, made)
            return made, False

        made, again = await self.writing([allowed_by or kind], work)
        return self._shown(made), again

    async def _insert(self, draft: Draft, kind: Kind) -> Row:
        """Stores a new entity with one statement, which needs no transaction around it."""
        self._gate.writable(kind)
        check_size(draft, self.budget.bounds.document_bytes)
        check_references(draft)
        write = await creation(draft, self.actor)
        statement = write.statement
        async with self.connected(writes=True) as connection:
            made = await connection.fetch(statement.text, statement.arguments, self.budget.read_more_bytes)
        if not made:
            raise id_taken(draft)
        write.entity.revision = made[0][0]
        return write.entity

    async def accept(
        self, kind: Kind, document: Any, url: str, asked: Asked | None = None
    ) -> tuple[Row, bool]:
        """Takes in a new entity that is to be stored later, and gives the monitor of that work.

        Invalid where the document breaks a rule; what else is in its way, the monitor tells.
        """
        draft = prepare(kind, copied(document))
        self._check_needs(draft)
        check_size(draft, self.budget.bounds.document_bytes)
        check_references(draft)
        request = {
            "method": "POST",
            "to": url,
            "body": encode({**document, "id": draft.id}),
            "header": [{"name": "Content-Type", "value": "application/json"}],
        }
        source = f"{url}/{draft.id}"
        monitor = {"sourceHref": source, "state": "InProgress", "request": request}
        return await self.create_once(
            self.world.kinds["Monitor"], monitor, asked, allowed_by=kind, by_server=True
        )

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
        check_references(*drafts)
        for draft in drafts:
            self._check_needs(draft)

        async def work(transaction: Transaction) -> list[Row]:
            # In one order of the keys, so that two that create the same do not wait for each other.
            made, problems = dict[int, Row](), list[Problem]()
            for number in sorted(range(len(drafts)), key=lambda one: drafts[one].key):
                draft = drafts[number]
                with _collected(problems, number):
                    made[number] = await transaction.insert(draft)
            if problems:
                raise Invalid(name, problems)
            return [made[number] for number in range(len(drafts))]

        return [self._shown(made) for made in await self.writing(kinds, work)]

    async def patch(
        self, kind: Kind, id: str, change: Any, *, revisions: frozenset[int] | None = None
    ) -> Row:
        """Merges a change (RFC 7396) into an entity. NotFound, Invalid or IllegalMove.

        PreconditionFailed where the entity is at none of these revisions.
        """
        if not isinstance(change, dict):
            raise Invalid(kind.name, [Problem("$", "must be an object")])
        self._gate.writable(kind)
        if not self._gate.sees(kind):  # whether it is what is there already would tell what is there
            fixed = [
                a.key for a in kind.attributes if a.fixed and a.key in change and a.key not in ("id", "href")
            ]
            if fixed:
                raise Invalid(kind.name, [Problem(f"$.{key}", "cannot be changed") for key in fixed])
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
        called again where the database asks for another attempt. It needs the right to read: it may test
        what is there, and copy it.
        """
        for right in ("write", "read"):
            self._gate.check(kind, right)

        def draft(old: Row) -> Draft:
            seen = {"id": old.id, "href": f"{url}/{old.id}", **old.body}
            return revised(old.kind, old.id, seen, change(seen))

        return await self._replace(kind, id, draft, revisions)

    async def _replace(
        self, kind: Kind, id: str, draft: Callable[[Row], Draft], revisions: frozenset[int] | None
    ) -> Row:
        reacts = self._reactions.act(Change.CHANGED, kind)

        if not (reacts or self.strict_references) and is_derived(kind):
            with self._discreetly(), suppress(_LostRace):
                swapped = await self._swap(kind, id, draft, revisions)
                if swapped is not None:
                    return self._shown(swapped)

        async def work(transaction: Transaction) -> Row:
            old = await transaction.lock(kind, id, revisions)
            return await transaction.replace(old, draft(old))

        return self._shown(await self.writing([kind], work))

    async def _swap(
        self, kind: Kind, id: str, draft: Callable[[Row], Draft], revisions: frozenset[int] | None
    ) -> Row | None:
        """Reads an entity and puts what becomes of it in its place by one statement, without a transaction.

        None where that will not do: it changed meanwhile, or what is in the other tables changes with it.
        """
        reading = reads.one(self._gate.writable(kind), ROW).of(id)
        async with self.connected() as connection:
            found = await connection.fetch(reading.text, reading.arguments, self.budget.read_more_bytes)
        if not found:
            raise not_found(kind, id)
        old = row(self.world, found[0])
        check_revision(old, revisions)
        changed = draft(old)
        if not is_change(old, changed):
            return old
        check_size(changed, self.budget.bounds.document_bytes, old.document)
        if changed_parts(old, changed):
            return None
        write = await replacement(old, changed, self.actor, ())
        statement = write.statement
        async with self.connected(writes=True) as connection:
            made = await connection.fetch(statement.text, statement.arguments, self.budget.read_more_bytes)
        return write.entity if made else None

    async def put(self, draft: Draft) -> Put:
        """Stores an imported entity over what is there. No rule of life applies."""

        async def work(transaction: Transaction) -> Put:
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
            return self._shown(await self.writing([kind], work))
        except StillReferred as error:
            raise error.seen_by(lambda name: self._gate.sees(self.world.kinds[name])) from None


class _Connected:
    """Takes a connection and gives it back, unless one is held. As a class it costs less than a generator."""

    __slots__ = ("_held", "_lent", "_pool", "_writes")

    def __init__(self, pool: pool.Pool, held: Lent | None, writes: bool) -> None:
        self._pool, self._held, self._writes = pool, held, writes

    async def __aenter__(self) -> Lent:
        if self._held is not None:
            return self._held
        with _database_errors():
            self._lent = await self._pool.take(writes=self._writes)
        return self._lent

    async def __aexit__(self, type_: Any, error: BaseException | None, traceback: Any) -> None:
        if self._held is not None:
            return
        if error is None or isinstance(error, (asyncpg.PostgresError, CallerError)):
            self._pool.give(self._lent)
        else:  # left in the middle of an answer, it may be
            self._pool.give_in_the_middle(self._lent)
        if error is not None:
            _database_errors().__exit__(type_, error, traceback)


# ---- problems of several documents --------------------------------------------------------------


@contextmanager
def _collected(problems: list[Problem], number: int) -> Iterator[None]:
    """Adds what is wrong with one document of several to the problems of all."""
    try:
        yield
    except Invalid as error:
        problems += [Problem(f"$[{number}].value{p.path[1:]}", p.message) for p in error.problems]


# ---- the database's errors ----------------------------------------------------------------------


class _LostRace(Unavailable):
    """The database ended this statement in favour of another; the same work may succeed now."""

    def __init__(self) -> None:
        super().__init__("The database gave up on this in favour of another request; try again.")


UNREACHABLE = "The database is not reachable; try again."
NOT_OURS = "The database does not let this server in, or not do this; its log says why."
NOT_MIGRATED = "The database does not have the tables of this version; `tmfgraph migrate` makes them."
STATES: dict[str, Callable[[], CallerError] | None] = {
    "22": lambda: BadRequest("A value does not fit the attribute it is meant for."),
    "54": lambda: BadRequest("It is more than the database takes at a time; ask or store less."),
    "23": lambda: Conflict("It contradicts what is stored."),
    "40": _LostRace,
    "0A000": _LostRace,  # the tables were changed since the statement was prepared
    "25": lambda: Unavailable("The database takes no changes at present; try again later."),
    "28": lambda: Unavailable(NOT_OURS),
    "3D": lambda: Unavailable(NOT_OURS),
    "42": None,  # our own mistake
    "42501": lambda: Unavailable(NOT_OURS),
    "42P01": lambda: Unavailable(NOT_MIGRATED),
    "42703": lambda: Unavailable(NOT_MIGRATED),
    "53": lambda: Unavailable("The database is short of connections, memory or disk; try again."),
    "55P03": lambda: Unavailable("Another request holds what this one is to change; try again."),
    "57014": lambda: Unavailable("The database took too long; narrow the request or try again."),
}
"""What the SQLSTATEs mean to a caller, the whole code before its class; all others: UNREACHABLE."""


def meaning(error: Exception) -> CallerError | None:
    """What an error of the database means to a caller; None where it is no such error, or our mistake."""
    state = driver.sqlstate(error)
    if state is not None:
        means = STATES.get(state, STATES.get(state[:2], lambda: Unavailable(UNREACHABLE)))
        return means() if means else None
    if driver.does_not_fit(error):
        return BadRequest("A value does not fit the attribute it is meant for.")
    return Unavailable(UNREACHABLE) if driver.is_lost(error) else None


class _database_errors:
    """Turns errors of the driver into errors for the caller; none of the driver's words gets out."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, type_: Any, error: BaseException | None, traceback: Any) -> None:
        if not isinstance(error, Exception) or isinstance(error, CallerError):
            return
        means = meaning(error)
        if means is None:
            return
        if isinstance(means, Unavailable) and not isinstance(means, _LostRace):
            log.warning("The database did not answer: %s", driver.in_short(error))
        raise means from error
