"""Gives events their positions, soon after they are committed: a task of each server process."""

import asyncio
import contextlib
import logging

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from resolvers import metrics
from resolvers.storage import driver, pool, sequencer

log = logging.getLogger("tmfgraph.sequencer")

SECONDS_AT_MOST = 1.0
"""How long it rests where nothing was written: then it looks for what commands and killed servers wrote."""


class Sequencer:
    """Numbers what is pending, in one process or in several beside each other."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._pool = pool.of(engine)

    async def run(self) -> None:
        """Looks for pending events, until cancelled: soon after each write of this process, else ever less
        often, once a second in the end."""
        rest, failing = 0.0, True  # the first look may find what many hours have left
        while True:
            if await self._written(rest):
                rest = sequencer.SECONDS_BETWEEN
                await asyncio.sleep(rest)
                self._pool.written.clear()
            try:
                found = await (self._number_all() if failing else self.number(sequencer.SECONDS_BETWEEN))
                failing = False
            except Exception as error:
                if not failing or not rest:  # once, not every second while the database is away
                    log.warning("Events could not be numbered; it goes on trying: %s", driver.in_short(error))
                found, rest, failing = 0, SECONDS_AT_MOST, True
            pool.end_if_cancelled()
            # A batch of another process that has just been numbered may lack our last writes.
            rest = sequencer.SECONDS_BETWEEN if found or not rest else min(2 * rest, SECONDS_AT_MOST)

    async def number(self, seconds_between: float = 0.0) -> int:
        """Numbers what is pending, unless the last batch is younger than this; gives the number of events."""
        lent = await self._pool.take()
        try:
            found = await sequencer.number(lent.driver, seconds_between)
        except BaseException:
            self._pool.give_in_the_middle(lent)
            raise
        self._pool.give(lent)
        metrics.count_numbered(found)
        return found

    async def _number_all(self) -> int:
        """Numbers what is pending, however many, and whoever stands in the way."""
        async with self._pool.begin(writes=False) as connection:
            await connection.execute(sa.text("set local statement_timeout = 0"))
            await connection.execute(sa.text("set local lock_timeout = '1s'"))
            raw = await connection.get_raw_connection()
            found = await sequencer.number(raw.driver_connection)
        metrics.count_numbered(found)
        return found

    async def _written(self, seconds: float) -> bool:
        """Whether this process wrote something before so much time was over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._pool.written.wait()
        return False
