"""The wiring: settings in, a Starlette application out."""

import asyncio
import contextlib
import functools
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
from starlette.responses import Response
from starlette.routing import Mount, Route

from models import WHOLE
from models.declare import World
from models.tables import tables
from resolvers import metrics, pages
from resolvers.access.guard import (
    NEEDS_TOKEN,
    RULES,
    Guard,
    Guarded,
    OnlyOurHosts,
    OnlyOurPages,
    our_hosts,
)
from resolvers.access.rates import Rates
from resolvers.access.tokens import Authenticator
from resolvers.background.sequencing import Sequencer
from resolvers.background.worker import Worker
from resolvers.behaviour.reactions import NEEDS, REACTIONS
from resolvers.errors import CallerError
from resolvers.graphql import routes as graphql
from resolvers.graphql.fields import Context
from resolvers.graphql.http import GraphQL
from resolvers.graphql.limits import Limits
from resolvers.graphql.profile import DEVELOPMENT, PRODUCTION, Profile
from resolvers.http import error_response
from resolvers.rest import routes as rest
from resolvers.rest.facade import Rest
from resolvers.storage import pool
from resolvers.storage.budget import Bounds, Budget
from resolvers.storage.engine import is_pooled_elsewhere, new_engine
from resolvers.storage.pool import Pool
from resolvers.storage.store import Store
from tmfgraph import health, memory
from tmfgraph.settings import Settings

logger = logging.getLogger("tmfgraph")


def create() -> Starlette:
    """The application with its settings from the environment: what `uvicorn app:create --factory` runs."""
    return build(Settings.read())


def build(settings: Settings, world: World = WHOLE) -> Starlette:
    """The application for the kinds of a world; `settings.database_url` names a migrated database."""
    authenticator = Authenticator(settings)
    engine = engine_of(settings)
    bounds = Bounds.of(settings)
    profile = profile_of(settings)
    rates = Rates(settings.rate_limit, settings.rate_limit_storage) if settings.rate_limit else None
    started = time.monotonic()
    with memory.resting_collector():
        graph = GraphQL(world, profile, Limits.of(settings))
        tables(world)
    logger.info("The schema of %d kinds is made in %.1f s.", len(world.kinds), time.monotonic() - started)
    base_url = settings.url
    worker = Worker(
        engine,
        world,
        base_url=base_url,
        directory=settings.exchange_dir,
        strict_references=settings.strict_references,
        document_bytes=settings.document_bytes_at_most,
        reactions=REACTIONS,
    )
    sequencer = Sequencer(engine)

    def store(request: Request) -> Store:
        access = request.state.access  # from the Guard; there is none on a route that is open
        return Store(
            engine,
            world,
            access=access,
            strict_references=settings.strict_references,
            reactions=REACTIONS,
            needs=NEEDS,
            budget=Budget(bounds),
        )

    def context(request: Request) -> Context:
        return Context(store(request), base_url, settings.subgraph)

    @contextlib.asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        memory.spare_collector()
        authenticator.start()
        working = [asyncio.create_task(worker.run()), asyncio.create_task(sequencer.run())]
        yield
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        if rates is not None:
            await rates.close()
        await engine.dispose()

    tmf = Rest(world, store, base_url, partial=settings.partial_content)
    examples = tuple(filter(graph.takes, pages.EXAMPLES.values()))
    editor = functools.partial(pages.editor, authenticator.is_on, examples) if profile.graphiql else None
    application = Starlette(
        routes=[  # tried in this order: the busiest first
            *graphql.routes(graph, context, settings.request_timeout, editor),
            *rest.routes(world, tmf, base_url, settings.request_timeout),
            *pages.routes(world, graphiql=profile.graphiql),
            *rest.documents(world, base_url, named=settings.base_url, secured=authenticator.is_on),
            *metrics.routes(),
            *health.routes(pool.of(engine)),
            *pages.static_files(),
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
    application.state.sequencer = sequencer
    application.state.graph = graph
    return application


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
