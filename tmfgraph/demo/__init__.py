"""Demo data: an operator that does not exist, its customers, and all that they ordered, linked throughout."""

import asyncio
import logging
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TextIO

import sqlalchemy as sa
from asyncpg import UniqueViolationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models import WHOLE
from resolvers.storage import copy as bulk
from resolvers.storage.documents import Draft, prepare
from resolvers.storage.engine import new_engine
from resolvers.storage.view import view_of
from tmfgraph import database
from tmfgraph.demo.catalog import catalog_documents
from tmfgraph.demo.common import Document
from tmfgraph.demo.identity import identify
from tmfgraph.demo.money import charge
from tmfgraph.demo.network import CUSTOMERS, city_of, network_documents
from tmfgraph.demo.orders import tell
from tmfgraph.demo.people import Customer, installer_documents, introduce, partner_documents
from tmfgraph.settings import Settings

log = logging.getLogger(__name__)

CHUNK = 5000
ACTOR = "demo"
SECONDS_BETWEEN_LINES = 10

# Any number will do, as long as every tmfgraph takes the same and migrations take another.
_LOCK = 0x746D6464


def documents(scale: int, seed: int) -> Iterator[tuple[str, Document]]:
    """Kind and document of every entity: the same for the same scale and seed.

    A greater scale tells more stories and leaves the others as they are.
    """
    yield from partner_documents()
    yield from catalog_documents()
    for unit in range(1, scale + 1):
        yield from installer_documents(unit)
        yield from network_documents(unit)
        for number in range((unit - 1) * CUSTOMERS + 1, unit * CUSTOMERS + 1):
            yield from _story(number, seed)


def _story(number: int, seed: int) -> list[tuple[str, Document]]:
    rng = random.Random(f"{seed}:{number}")
    customer = Customer(number, rng, city_of(number), business=number % 10 == 6)
    introduce(customer)
    has = tell(customer)
    identify(customer, has)
    charge(customer, has)
    return customer.documents


def run(dsn: str, settings: Settings, *, scale: int, seed: int, quiet: bool = False) -> int:
    """Adds the demo data; the exit code: 1 where some of it is held already."""
    progress = _Progress(sys.stderr, scale * CUSTOMERS, quiet)
    try:
        asyncio.run(_run(dsn, scale, seed, progress))
    except UniqueViolationError:
        kept = (
            f"the {progress.stored:,} documents before them were added"
            if progress.stored
            else "nothing was added"
        )
        progress.say(
            f"Entities with ids of the demo data are in {database.masked(dsn)} already, or were deleted "
            f"there; {kept}. Use an empty database."
        )
        return 1
    progress.end()
    return 0


def ensure(dsn: str, settings: Settings) -> None:
    """Adds the smallest demo data where no customer is held. Of two at once, one waits and does nothing."""
    try:
        asyncio.run(_ensure(dsn))
    except UniqueViolationError:
        log.info("no demo data added: entities with its ids are held already, or were deleted")


async def _run(dsn: str, scale: int, seed: int, progress: "_Progress") -> None:
    async with _alone(dsn) as (engine, _):
        await _fill(engine, scale, seed, progress)


async def _ensure(dsn: str) -> None:
    async with _alone(dsn) as (engine, connection):
        customers = view_of(WHOLE.kinds["Customer"])
        held = sa.exists().where(customers.c.key.is_not(None), customers.visible)
        if await connection.scalar(sa.select(held)):
            return
        started = time.monotonic()
        progress = _Progress(sys.stderr, CUSTOMERS, quiet=True)
        await _fill(engine, 1, 1, progress)
        log.info("added demo data: %s documents in %.1f s", progress.stored, time.monotonic() - started)


@asynccontextmanager
async def _alone(dsn: str) -> AsyncIterator[tuple[AsyncEngine, AsyncConnection]]:
    """An engine, and a connection that keeps everybody else from adding demo data meanwhile."""
    engine = new_engine(dsn, connect_args={"timeout": 10})
    try:
        async with engine.connect() as connection, connection.begin():
            for setting in ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout"):
                await connection.execute(sa.text(f"set local {setting} = 0"))
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield engine, connection
    finally:
        await engine.dispose()


async def _fill(engine: AsyncEngine, scale: int, seed: int, progress: "_Progress") -> None:
    """Stores the documents, some thousands in each transaction."""
    chunk: list[Draft] = []
    customers = 0
    for kind, document in documents(scale, seed):
        chunk.append(prepare(WHOLE.kinds[kind], document, imported=True))
        customers += kind == "Customer"
        if len(chunk) >= CHUNK:
            await bulk.copy(engine, chunk, actor=ACTOR)
            progress.show(len(chunk), customers)
            chunk.clear()
    await bulk.copy(engine, chunk, actor=ACTOR)
    progress.show(len(chunk), customers)


class _Progress:
    """Tells how far the work is: on one line of a terminal, else now and then."""

    def __init__(self, out: TextIO, customers: int, quiet: bool) -> None:
        self.stored = 0
        self._out = out
        self._customers = customers
        self._quiet = quiet
        self._live = out.isatty()
        self._started = self._said = time.monotonic()

    def show(self, documents: int, customers: int) -> None:
        """So many documents more; so many customers in all."""
        self.stored += documents
        now = time.monotonic()
        if self._quiet or not (self._live or now - self._said >= SECONDS_BETWEEN_LINES):
            return
        self._said = now
        # The customers are counted beforehand, the documents are not.
        total = round(self.stored * self._customers / max(customers, 1))
        words = f"{self.stored:,} of about {total:,} documents, {self._rate():,.0f} per second"
        if self._live:
            print(f"\r\033[K{words}", end="", file=self._out, flush=True)
        else:
            self.say(words)

    def say(self, words: str) -> None:
        print(f"\r\033[K{words}" if self._live else words, file=self._out, flush=True)

    def end(self) -> None:
        if not self._quiet:
            seconds = time.monotonic() - self._started
            self.say(f"{self.stored:,} documents added in {seconds:.1f} s, {self._rate():,.0f} per second.")

    def _rate(self) -> float:
        return self.stored / max(time.monotonic() - self._started, 0.001)
