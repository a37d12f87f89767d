"""The PostgreSQL of a run: embedded, filled with demo data, and asked what the systems make it do."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import machine
from systems import PEER, ROOT, TOOL, environment
from workloads import Data

from tmfgraph.embedded import EmbeddedPostgres

T = TypeVar("T")

RICH_ORDERS = """
    select o.id
    from product_order o
    join reference a on a.target_key = o.key and a.target_kind = 'ProductOrder'
        and a.source_kind = 'ServiceOrder'
    join reference b on b.target_key = a.source_key and b.target_kind = 'ServiceOrder'
        and b.source_kind = 'Service'
    left join reference c on c.source_key = b.source_key and c.source_kind = 'Service'
        and c.relation = 'supportingResource'
    where o.state = 'completed'
    group by o.id
    order by count(*) >= 6 desc, md5(o.id)
    limit 50
"""
SET_BY_SERVER = ("id", "href", "state", "orderDate", "completionDate", "cancellationDate")


class Database:
    """An embedded PostgreSQL in a directory of its own."""

    def __init__(self, directory: Path, checkout: Path = ROOT) -> None:
        """`checkout` is whose tables and demo data it is to have."""
        self.directory, self.checkout = directory, checkout
        self.postgres = EmbeddedPostgres(directory, durable=False)
        self.url = ""
        self.counts = False

    def start(self, scale: int) -> None:
        """Starts it, with demo data of this scale in it."""
        self.url = self.postgres.start()
        try:
            # It is loaded from the next start on. It counts while we ask it to, and costs nothing else.
            self._execute(
                "alter system set shared_preload_libraries = 'pg_stat_statements'",
                "alter system set pg_stat_statements.track = 'none'",
                "alter system set pg_stat_statements.track_utility = 'off'",
            )
            self.counts = True
        except asyncpg.PostgresError:  # an installation without it
            pass
        self.postgres.stop()
        self.url = self.postgres.start()
        if self.counts:
            self._execute("create extension pg_stat_statements")
        for command in (["migrate"], ["demo", "--scale", str(scale)]):
            whole = [*TOOL, *command, "--database-url", self.url]
            env = environment(self.checkout)
            subprocess.run(whole, cwd=self.checkout, env=env, check=True, capture_output=True)
        self._execute((PEER / "views.sql").read_text())
        self.settle()

    def stop(self) -> None:
        self.postgres.stop()

    def settle(self) -> None:
        """What autovacuum would do sooner or later, in the middle of a round."""
        self._execute("vacuum analyze", "checkpoint")

    def postmaster(self) -> int:
        return int((self.directory / "cluster" / "postmaster.pid").read_text().split()[0])

    def cpu(self) -> float | None:
        """Seconds of CPU that all of PostgreSQL's processes took so far."""
        return machine.cpu(self.postmaster())

    def data(self) -> Data:
        async def read(connection: Any) -> Data:
            ids = [row["id"] for row in await connection.fetch(RICH_ORDERS)]
            found = await connection.fetch("select document from product_order where id = any($1)", ids)
            documents = [json.loads(row["document"]) for row in found]
            kept = [{k: v for k, v in one.items() if k not in SET_BY_SERVER} for one in documents]
            return Data(ids, kept)

        return self.run(read)

    def column(self, query: str) -> list[Any]:
        """The first column of what a query finds."""

        async def read(connection: Any) -> list[Any]:
            return [row[0] for row in await connection.fetch(query)]

        return self.run(read)

    def entities(self) -> dict[str, int]:
        """How many of the kinds that the queries read there are."""
        tables = ("product_order", "service_order", "service", "resource", "reference")

        async def read(connection: Any) -> dict[str, int]:
            return {name: await connection.fetchval(f"select count(*) from {name}") for name in tables}

        return self.run(read)

    def version(self) -> str:
        return str(self.run(lambda connection: connection.fetchval("show server_version")))

    def statements(self, work: Callable[[], int]) -> float | None:
        """How many statements a request takes, where `work` makes the requests and says how many.

        SELECT, INSERT, UPDATE and DELETE, as pg_stat_statements counts them: no BEGIN, no COMMIT.
        """
        if not self.counts:
            return None
        self._execute(
            "alter system set pg_stat_statements.track = 'top'",
            "select pg_reload_conf()",
            "select pg_sleep(0.2)",
        )
        work()  # what a pool asks a connection that lay idle is no part of a request
        self._execute("select pg_stat_statements_reset()")
        requests = work()
        # What ran less often than once for each request, something in the background asked.
        count = "select sum(calls)::int from pg_stat_statements where calls >= $1"
        calls: Any = self.run(lambda connection: connection.fetchval(count, requests))
        self._execute(
            "alter system set pg_stat_statements.track = 'none'",
            "select pg_reload_conf()",
            "select pg_sleep(0.2)",
        )
        return (calls or 0) / requests

    def run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        async def within() -> T:
            connection = await asyncpg.connect(self.url)
            try:
                return await work(connection)
            finally:
                await connection.close()

        return asyncio.run(within())

    def _execute(self, *statements: str) -> None:
        async def each(connection: Any) -> None:
            for statement in statements:
                await connection.execute(statement)

        self.run(each)
