"""Documents from files into the store: `tmfgraph load`."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Self, TextIO

from asyncpg import UniqueViolationError
from sqlalchemy.ext.asyncio import AsyncEngine

from models import WHOLE
from models.declare import Kind
from models.json_in import BadJson
from resolvers.behaviour.files import Place, read
from resolvers.errors import BadRequest, CallerError, DocumentTooLarge, Invalid
from resolvers.storage import copy as bulk
from resolvers.storage.budget import Bounds, Budget
from resolvers.storage.documents import Draft, check_size, prepare
from resolvers.storage.engine import new_engine
from resolvers.storage.store import Store
from resolvers.storage.transaction import Put
from tmfgraph import memory
from tmfgraph.settings import Settings

BATCH = 1000
PAUSE = 4
"""After how many documents the batch before gets to send on; about as long as the socket has enough."""


@dataclass
class Tally:
    """What became of the documents."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    warnings: int = 0

    def count(self, put: Put) -> None:
        setattr(self, put.value, getattr(self, put.value) + 1)

    @property
    def seen(self) -> int:
        return self.new + self.changed + self.unchanged + self.refused


async def run(
    dsn: str,
    settings: Settings,
    *,
    files: Sequence[str],
    kind: str | None = None,
    dry_run: bool = False,
    lenient: bool = False,
    quiet: bool = False,
    out: TextIO | None = None,
) -> int:
    """Loads TMF documents: JSON, arrays, or one document per line; `-` is standard input.

    Ids are kept, and a document whose id is held replaces what is there. A bad document is reported with
    its line and JSON paths, and the others are loaded all the same. The exit code is 0 where all were
    good, 1 where some were refused, 2 where a file could not be read or the kind is unknown.
    """
    said: TextIO = sys.stderr if out is None else out
    chosen = _named(kind) if kind else None
    if kind and chosen is None:
        print(f'There is no kind named "{kind}"; there are {", ".join(WHOLE.kinds)}.', file=said)
        return 2
    progress = _Progress(said, quiet)
    memory.spare_collector(young=500_000)
    engine = new_engine(dsn, connect_args={"timeout": 10})
    budget = Budget(Bounds(document_bytes=settings.document_bytes_at_most))
    store = Store(
        engine,
        WHOLE,
        actor="load",
        strict_references=settings.strict_references,
        budget=budget,
        quiet=True,
    )
    try:
        return await _load(engine, store, files, chosen, dry_run, lenient, progress)
    finally:
        await engine.dispose()


async def _load(
    engine: AsyncEngine,
    store: Store,
    files: Sequence[str],
    chosen: Kind | None,
    dry_run: bool,
    lenient: bool,
    progress: "_Progress",
) -> int:
    tally = progress.tally

    async def keep(batch: list[tuple[Place, Draft]]) -> None:
        if not dry_run:
            await _keep(engine, store, batch, progress)
        else:
            tally.new += len(batch)
        progress.show()

    async with _Batches(keep) as batches:
        for name in files:
            try:
                for place, found in read(name):
                    draft = _draft(
                        place, found, chosen, lenient, store.budget.bounds.document_bytes, progress
                    )
                    if draft is not None:
                        await batches.add((place, draft))
            except (OSError, UnicodeDecodeError) as error:
                await batches.end()
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                progress.say(f"{name} cannot be read: {reason}.")
                return 2
        await batches.end()
    progress.end(dry_run)
    return 1 if tally.refused else 0


class _Batches:
    """Drafts by the thousand: one is stored while the next is read and checked. Never two at once,
    since a later document may replace an earlier one."""

    def __init__(self, keep: Callable[[list[tuple[Place, Draft]]], Coroutine[Any, Any, None]]) -> None:
        self._keep = keep
        self._batch: list[tuple[Place, Draft]] = []
        self._kept: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._kept is not None and not self._kept.done():
            self._kept.cancel()
            await asyncio.wait([self._kept])

    async def add(self, one: tuple[Place, Draft]) -> None:
        self._batch.append(one)
        if len(self._batch) >= BATCH:
            await self._stored()
            self._kept = asyncio.create_task(self._keep(self._batch))
            self._batch = []
        elif len(self._batch) % PAUSE == 0:
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Returns when all is stored."""
        await self._stored()
        await self._keep(self._batch)
        self._batch = []

    async def _stored(self) -> None:
        if self._kept is not None:
            await self._kept


def _named(name: Any) -> Kind | None:
    wanted = name.casefold() if isinstance(name, str) else None
    return next((kind for kind in WHOLE.kinds.values() if kind.name.casefold() == wanted), None)


def _draft(
    place: Place,
    found: Any,
    chosen: Kind | None,
    lenient: bool,
    document_bytes: int | None,
    progress: "_Progress",
) -> Draft | None:
    if isinstance(found, BadJson):
        return progress.refuse(place, str(found))
    kind = chosen
    if kind is None and isinstance(found, dict):
        kind = _named(found.get("@type")) or _named(found.get("@baseType"))
    if kind is None:
        return progress.refuse(place, "neither @type nor @baseType names a kind; say which with --kind")
    try:
        draft = prepare(kind, found, imported=True, lenient=lenient)
        check_size(draft, document_bytes)
    except DocumentTooLarge as error:
        return progress.refuse(place, str(error))
    except Invalid as error:
        for problem in error.problems:
            progress.say(
                f"{place}: {kind.name} {found.get('id', '') if isinstance(found, dict) else ''}: {problem}"
            )
        return progress.refuse(place, None)
    for problem in draft.warnings:
        progress.tally.warnings += 1
        progress.say(f"{place}: warning: {kind.name} {draft.id}: {problem}")
    return draft


async def _keep(
    engine: AsyncEngine, store: Store, batch: list[tuple[Place, Draft]], progress: "_Progress"
) -> None:
    """New ones by COPY where that is safe, all others one by one."""
    seen: set[tuple[str, Any]] = set()
    for kind in {draft.kind for _, draft in batch}:
        keys = [draft.key for _, draft in batch if draft.kind is kind]
        seen.update((kind.root.name, key) for key in await bulk.held(engine, kind, keys))
    new: list[tuple[Place, Draft]] = []
    rest: list[tuple[Place, Draft]] = []
    for place, draft in batch:
        name = (draft.kind.root.name, draft.key)
        (rest if name in seen else new).append((place, draft))
        seen.add(name)
    if store.strict_references:
        rest, new = new + rest, []
    try:
        await bulk.copy(engine, [draft for _, draft in new], actor=store.actor)
        progress.tally.new += len(new)
    except UniqueViolationError:  # an id that was deleted before, or another writer
        rest = new + rest
    for place, draft in rest:
        try:
            progress.tally.count(await store.put(draft))
        except BadRequest as error:
            progress.refuse(place, str(error))
        except CallerError as error:
            if error.status >= 500:
                raise
            progress.refuse(place, str(error))


class _Progress:
    """Tells how far the load is: on one line of a terminal, else now and then."""

    def __init__(self, out: TextIO, quiet: bool) -> None:
        self.tally = Tally()
        self._out = out
        self._quiet = quiet
        self._live = out.isatty() and not quiet

    def say(self, words: str) -> None:
        print(f"\r\033[K{words}" if self._live else words, file=self._out)

    def refuse(self, place: Place, words: str | None) -> None:
        self.tally.refused += 1
        if words:
            self.say(f"{place}: {words}")

    def show(self) -> None:
        if self._live:
            print(f"\r\033[K{self.tally.seen:,} documents", end="", file=self._out, flush=True)

    def end(self, dry_run: bool) -> None:
        t = self.tally
        if dry_run:
            words = f"{t.new:,} documents are good, {t.refused:,} bad; nothing was written"
        else:
            words = f"{t.new:,} documents are new, {t.changed:,} changed, {t.refused:,} refused"
            words += f", {t.unchanged:,} as they were" if t.unchanged else ""
        words += f"; {t.warnings:,} warnings." if t.warnings else "."
        if not self._quiet or t.refused:
            self.say(words)
