"""The floor: Starlette and asyncpg fetch the rows that a request asks for, and answer a body made before.

What is left out is all that a server is for: no GraphQL, no validation, no answer made of the rows. Each
level is one statement, the best that we can write. `/static/...` does not even ask the database. The size of
an answer stands in the path: it is that of the real one.

For the writes it executes the statements of one transaction of ours, bare: the rows were read from what a
POST of ours wrote, and get new keys.
"""

import contextlib
import json
import os
from collections.abc import AsyncIterator, Sequence
from itertools import cycle
from typing import Any

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from models.tables import new_id

ORDER = """id, state, category, description, order_date, priority, completion_date, expected_completion_date,
    requested_start_date, requested_completion_date"""
ONE_ORDER = f"select key, {ORDER} from product_order where id = $1"
ORDERS = f"select key, {ORDER} from product_order where state = $1 order by id limit 100"
SERVICE_ORDERS = """
    select r.target_key, s.key, s.id, s.state, s.category, s.description, s.order_date, s.priority,
        s.completion_date, s.expected_completion_date, s.requested_start_date, s.start_date
    from reference r join service_order s on s.key = r.source_key
    where r.target_key = any($1) and r.target_kind = 'ProductOrder' and r.source_kind = 'ServiceOrder'
"""
SERVICES = """
    select r.target_key, s.key, s.id, s.state, s.category, s.description, s.name, s.service_date,
        s.service_type, s.start_date, s.end_date, s.start_mode
    from reference r join service s on s.key = r.source_key
    where r.target_key = any($1) and r.target_kind = 'ServiceOrder' and r.source_kind = 'Service'
"""
SUPPORTING_RESOURCES = """
    select r.source_key, t.id, t.name, t.category, t.description, t.operational_state,
        t.administrative_state, t.resource_status, t.usage_state, t.resource_version, t.start_operating_date
    from reference r join resource t on t.key = r.target_key
    where r.source_key = any($1) and r.source_kind = 'Service' and r.relation = 'supportingResource'
"""
RESOURCES = """
    select id, name, category, description, operational_state, administrative_state, resource_status,
        usage_state
    from resource order by id limit 1000
"""
DOCUMENT = "select id, document from product_order where id = $1"
DOCUMENTS = "select id, document from product_order where state = $1 order by id limit $2"
COUNT = "select count(*) from product_order where state = $1"


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async def keep(connection: asyncpg.Connection) -> None:
        """Nothing is left behind on a connection, so nothing needs to be reset."""

    app.state.pool = await asyncpg.create_pool(
        os.environ["TMFGRAPH_DATABASE_URL"],
        min_size=10,
        max_size=10,
        reset=keep,
        # With plans of their own for each array of keys, planning takes longer than the rest.
        server_settings={"plan_cache_mode": "force_generic_plan"},
    )
    app.state.templates = None
    yield
    await app.state.pool.close()


def answer(request: Request, status: int = 200) -> Response:
    body = b"x" * request.path_params["size"]
    return Response(body, status, media_type="application/json")


async def below(connection: Any, orders: Sequence[asyncpg.Record]) -> None:
    """The three levels below these orders."""
    service_orders = await connection.fetch(SERVICE_ORDERS, [row[0] for row in orders])
    services = await connection.fetch(SERVICES, [row[1] for row in service_orders])
    await connection.fetch(SUPPORTING_RESOURCES, [row[1] for row in services])


async def q1(request: Request) -> Response:
    id = json.loads(await request.body())["variables"]["id"]
    async with request.app.state.pool.acquire() as connection:
        await below(connection, await connection.fetch(ONE_ORDER, id))
    return answer(request)


async def q2(request: Request) -> Response:
    await request.body()
    async with request.app.state.pool.acquire() as connection:
        await below(connection, await connection.fetch(ORDERS, "completed"))
    return answer(request)


async def q3(request: Request) -> Response:
    await request.body()
    await request.app.state.pool.fetch(RESOURCES)
    return answer(request)


async def r1(request: Request) -> Response:
    await request.app.state.pool.fetch(DOCUMENT, request.path_params["id"])
    return answer(request)


async def r2(request: Request) -> Response:
    async with request.app.state.pool.acquire() as connection:
        await connection.fetch(DOCUMENTS, "completed", 100)
        await connection.fetchval(COUNT, "completed")
    return answer(request)


async def static(request: Request) -> Response:
    await request.body()
    return answer(request)


# ---- writes -------------------------------------------------------------------------------------

# Each table with what of its rows names the entity; product_order has its id besides.
WRITTEN = {
    "product_order": "key",
    "reference": "source_key",
    "characteristic": "source_key",
    "event": "entity_key",
}


class Template:
    """The rows that a POST of ours wrote for one order, and a statement for those of each table."""

    def __init__(self, rows: dict[str, list[asyncpg.Record]], types: dict[tuple[str, str], str]) -> None:
        self.parts: list[tuple[str, str, list[str], list[list[Any]]]] = []
        for table, found in rows.items():
            if found:
                names = list(found[0].keys())
                arrays = ", ".join(f"${n + 1}::{types[table, name]}[]" for n, name in enumerate(names))
                statement = f"insert into {table} ({', '.join(names)}) select * from unnest({arrays})"
                columns = [list(column) for column in zip(*(row.values() for row in found), strict=True)]
                self.parts.append((table, statement, names, columns))

    def fresh(self) -> list[tuple[str, list[list[Any]]]]:
        """The statements with an array for each column, under a key and an id of their own."""
        key = new_id()
        own: dict[str, dict[str, Any]] = {table: {WRITTEN[table]: key} for table, *_ in self.parts}
        own["product_order"]["id"] = str(key)
        own["event"] |= {"id": new_id(), "entity_id": str(key)}
        return [
            (
                statement,
                [
                    [own[table][name]] * len(values) if name in own[table] else values
                    for name, values in zip(names, columns, strict=True)
                ],
            )
            for table, statement, names, columns in self.parts
        ]


async def templates(connection: Any) -> list[Template]:
    """Of the orders that the bench names."""
    columns = await connection.fetch(
        "select table_name, column_name, udt_name from information_schema.columns"
        " where table_schema = 'public'"
    )
    types = {(table, column): type_ for table, column, type_ in columns}
    made = []
    for id in os.environ["TMFGRAPH_BENCH_TEMPLATES"].split(","):
        key = await connection.fetchval("select key from product_order where id = $1", id)
        rows = {
            # Of events the first: that of the creation.
            table: await connection.fetch(
                f"select * from {table} where {column} = $1"
                + (" order by revision limit 1" if table == "event" else ""),
                key,
            )
            for table, column in WRITTEN.items()
        }
        made.append(Template(rows, types))
    return made


async def w1(request: Request) -> Response:
    await request.body()
    state = request.app.state
    async with state.pool.acquire() as connection:
        if state.templates is None:
            state.templates = cycle(await templates(connection))
        async with connection.transaction():
            for statement, columns in next(state.templates).fresh():
                await connection.execute(statement, *columns)
    return answer(request, 201)


async def w2(request: Request) -> Response:
    description = json.loads(await request.body())["description"]
    id, moment = request.path_params["id"], "2026-01-01T00:00:00.000Z"
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            "select key, revision, state, document from product_order where id = $1 for update", id
        )
        await connection.execute(
            "update product_order set description = $2, document = $3, revision = $4, modified = $5"
            " where key = $1",
            *(row["key"], description, row["document"], row["revision"] + 1, moment),
        )
        await connection.execute(
            "insert into event (entity_key, entity_kind, revision, id, entity_id, type, time, actor,"
            " state_before, state_after, document) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            *(row["key"], "ProductOrder", row["revision"] + 1, new_id(), id),
            *("ProductOrderAttributeValueChangeEvent", moment, "bench", row["state"], row["state"]),
            row["document"],
        )
    return answer(request)


app = Starlette(
    routes=[
        Route("/q1/{size:int}", q1, methods=["POST"]),
        Route("/q2/{size:int}", q2, methods=["POST"]),
        Route("/q3/{size:int}", q3, methods=["POST"]),
        Route("/r1/{size:int}/{id}", r1),
        Route("/r2/{size:int}", r2),
        Route("/w1/{size:int}", w1, methods=["POST"]),
        Route("/w2/{size:int}/{id}", w2, methods=["PATCH"]),
        Route("/static/{size:int}", static, methods=["GET", "POST"]),
    ],
    lifespan=lifespan,
)
