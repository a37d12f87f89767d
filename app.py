"""The wiring: settings in, a Starlette application out."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from models.declare import ABSTRACTS, KINDS
from resolvers import metrics, pages
from resolvers.access.guard import (
    NEEDS_TOKEN,
    RULES,
    Guard,
    Guarded,
    OnlyOurHosts,
    OnlyOurPages,
    asks_for_graphiql,
    our_hosts,
)
from resolvers.access.rates import Rates
from resolvers.access.tokens import Authenticator
from resolvers.background.worker import Worker
from resolvers.behaviour.effects import EFFECTS
from resolvers.deadline import in_time
from resolvers.errors import CallerError, HttpError, Unavailable
from resolvers.graphql.attach import attached
from resolvers.graphql.fields import Context
from resolvers.graphql.http import GraphQL, failed
from resolvers.graphql.limits import Limits
from resolvers.graphql.profile import DEVELOPMENT, PRODUCTION, Profile
from resolvers.http import error_response
from resolvers.rest.facade import Rest
from resolvers.storage import driver, pool
from resolvers.storage.budget import Bounds, Budget
from resolvers.storage.engine import is_pooled_elsewhere, new_engine
from resolvers.storage.pool import Pool
from resolvers.storage.store import Store
from schema.rest import openapi
from tmfgraph import memory
from tmfgraph.migrate import at_head
from tmfgraph.settings import Settings

logger = logging.getLogger("tmfgraph")


def create() -> Starlette:
    """The application with its settings from the environment: what `uvicorn app:create --factory` runs."""
    return build(Settings.read())


def build(settings: Settings) -> Starlette:
    """The application. `settings.database_url` names a migrated database."""
    authenticator = Authenticator(settings)
    engine = engine_of(settings)
    connections = pool.of(engine)
    bounds = Bounds.of(settings)
    profile = profile_of(settings)
    rates = Rates(settings.rate_limit, settings.rate_limit_storage) if settings.rate_limit else None
    graph = GraphQL(profile, Limits.of(settings))

    def store(request: Request) -> Store:
        access = request.state.access  # from the Guard; there is none on a route that is open
        return Store(
            engine,
            access=access,
            strict_references=settings.strict_references,
            effects=EFFECTS,
            budget=Budget(bounds),
        )

    base_url = settings.url
    rest = Rest(store, base_url, partial=settings.partial_content)
    worker = Worker(
        engine,
        base_url=base_url,
        directory=settings.exchange_dir,
        strict_references=settings.strict_references,
        document_bytes=settings.document_bytes_at_most,
    )

    async def graphql(request: Request) -> Response:
        if profile.graphiql and asks_for_graphiql(request):
            return HTMLResponse(pages.graphiql(authenticator.is_on), headers=pages.HEADERS)
        try:
            return await in_time(request, settings.request_timeout, operation)
        except TimeoutError:
            return failed(Unavailable(TOO_SLOW))

    async def operation(request: Request) -> Response:
        return await graph.answer(request, Context(store(request), base_url, settings.subgraph))

    async def tmf(request: Request) -> Response:
        try:
            return await in_time(request, settings.request_timeout, rest)
        except TimeoutError:
            raise Unavailable(TOO_SLOW) from None

    async def index(request: Request) -> Response:
        nodes = [*KINDS.values(), *ABSTRACTS.values()]
        found = [
            {
                "api": home.api.number,
                "name": home.api.title,
                "resource": node.name,
                "href": base_url + home.url,
                "operations": openapi.operations(node),
                "openapi": f"{base_url}/openapi/{home.api.number}.json",
            }
            for node in nodes
            for home in node.homes
        ]
        return JSONResponse(sorted(found, key=lambda entry: (entry["api"], entry["href"])))

    async def ready(request: Request) -> Response:
        try:
            async with connections.begin(writes=False) as connection:
                migrated = await connection.run_sync(at_head)
        except Exception as error:
            logger.warning("Not ready: %s", driver.in_short(error))
            return JSONResponse({"status": "unavailable", "reason": "The database is not reachable."}, 503)
        if not migrated:
            reason = "The database is not at this version's schema; run `tmfgraph migrate`."
            return JSONResponse({"status": "unavailable", "reason": reason}, 503)
        return JSONResponse({"status": "ready"})

    async def live(request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def counts(request: Request) -> Response:
        return Response(metrics.exposed(), media_type=metrics.MEDIA_TYPE)

    async def home(request: Request) -> Response:
        return HTMLResponse(pages.index(profile.graphiql), headers=pages.HEADERS)

    async def docs(request: Request) -> Response:
        return HTMLResponse(pages.swagger(), headers=pages.HEADERS)

    async def documents(request: Request) -> Response:
        return JSONResponse(
            [
                {"api": number, "name": title, "href": f"{base_url}/openapi/{number}.json"}
                for number, title in openapi.apis().items()
            ]
        )

    async def document(request: Request) -> Response:
        number = request.path_params["api"]
        if number not in openapi.apis():
            raise HttpError(404, "Not found", f"There is no API {number[:60]}; GET /openapi lists them.")
        # Without a base URL of its own the server may be known by several names: the document names none.
        body = openapi.encoded(number, settings.base_url or "", secured=authenticator.is_on)
        return Response(body, media_type="application/json")

    @contextlib.asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        started = time.monotonic()
        attached()
        logger.info("The schema of %d kinds is made in %.1f s.", len(KINDS), time.monotonic() - started)
        memory.spare_collector()
        authenticator.start()
        working = asyncio.create_task(worker.run())
        yield
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        if rates is not None:
            await rates.close()
        await engine.dispose()

    application = Starlette(
        routes=[  # tried in this order: the busiest first
            Route("/graphql", graphql, methods=["GET", "POST"]),
            Route("/tmf-api/", index),
            Route("/tmf-api/{path:path}", tmf, methods=METHODS),
            Route("/tmf-api", index),
            Route("/", home),
            Route("/docs", docs),
            Route("/openapi", documents),
            Route("/openapi/{api}.json", document),
            Route("/metrics", counts),
            Route("/health/live", live),
            Route("/health/ready", ready),
            Mount("/static/swagger", StaticFiles(directory=pages.swagger_directory())),
            Mount("/static", StaticFiles(directory=pages.static_directory())),
        ],
        middleware=[
            Middleware(
                Guarded,
                OnlyOurHosts(our_hosts(base_url, settings.base_url, settings.host)),
                OnlyOurPages(base_url),
            ),
        ],
        exception_handlers={CallerError: _error, HTTPException: _error, Exception: _error},
        lifespan=lifespan,
    )
    application.router.redirect_slashes = False
    rules = RULES if profile.graphiql else RULES | {"/graphql": NEEDS_TOKEN}
    for route in application.routes:
        assert isinstance(route, (Route, Mount))
        route.app = Guard(route.app, authenticator, rules.get(route.path, NEEDS_TOKEN), rates)
    application.state.engine = engine
    application.state.rates = rates
    application.state.worker = worker
    application.state.graph = graph
    return application


TOO_SLOW = "The request took too long; ask for less at a time, or try again."
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def profile_of(settings: Settings) -> Profile:
    """What the graph tells of itself. SettingError where the settings contradict each other."""
    return replace(PRODUCTION if settings.is_production else DEVELOPMENT, executor=settings.tells_executor)


def engine_of(settings: Settings) -> AsyncEngine:
    """The pool of database connections that one process works with."""
    if settings.database_url is None:
        raise ValueError(
            "The application needs a database: set TMFGRAPH_DATABASE_URL, or use `tmfgraph serve`."
        )
    limits = {"statement_timeout": settings.statement_timeout}
    if not is_pooled_elsewhere(settings.database_url):
        limits["lock_timeout"] = settings.lock_timeout
    engine = new_engine(
        settings.database_url,
        poolclass=NullPool,
        connect_args={
            "timeout": 4,
            "server_settings": {name: f"{round(value * 1000)}ms" for name, value in limits.items()},
        },
    )
    Pool(engine, size=settings.pool_size)
    return engine


async def _error(request: Request, error: Exception) -> Response:
    return error_response(request, error)
