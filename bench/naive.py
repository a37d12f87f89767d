"""What one would write in an hour with Starlette and json: the same answers as the facade, for comparison."""

import contextlib
import json
import os
from collections.abc import AsyncIterator

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

BASE = "/tmf-api/productOrderingManagement/v4/productOrder"
URL = f"http://localhost:8000{BASE}"


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(os.environ["TMFGRAPH_DATABASE_URL"], min_size=10, max_size=10)
    yield
    await app.state.pool.close()


def document(row: asyncpg.Record) -> dict[str, object]:
    return {"id": row["id"], "href": f"{URL}/{row['id']}", **json.loads(row["document"])}


async def one(request: Request) -> Response:
    statement = "select id, document from product_order where id = $1"
    row = await request.app.state.pool.fetchrow(statement, request.path_params["id"])
    return JSONResponse(document(row))


async def many(request: Request) -> Response:
    pool, state = request.app.state.pool, request.query_params["state"]
    statement = "select id, document from product_order where state = $1 order by id limit $2"
    rows = await pool.fetch(statement, state, int(request.query_params["limit"]))
    total = await pool.fetchval("select count(*) from product_order where state = $1", state)
    return JSONResponse([document(row) for row in rows], headers={"X-Total-Count": str(total)})


app = Starlette(routes=[Route(BASE, many), Route(BASE + "/{id}", one)], lifespan=lifespan)
