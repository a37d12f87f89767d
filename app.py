"""The wiring: settings in, a Starlette application out."""

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from graphql import ExecutionResult
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.types.graphql import OperationType

from models.declare import ABSTRACTS, KINDS
from models.door import BadJson, decode
from resolvers import metrics, pages
from resolvers.auth import Authenticator
from resolvers.errors import BadRequest, CallerError, HttpError, TooMuch, Unavailable
from resolvers.executor import COMPILED
from resolvers.graph import Context
from resolvers.rest import Rest, error_response, read_body
from resolvers.store import Store
from resolvers.tasks import EFFECTS
from resolvers.worker import Worker
from schema import openapi
from schema.graphql import executor, public_errors, schema
from tmfgraph import database, memory
from tmfgraph.migrate import at_head
from tmfgraph.settings import Settings

logger = logging.getLogger("tmfgraph")

GRAPHQL_BODY_AT_MOST = 256 * 1024
GRAPHQL_RESPONSE = "application/graphql-response+json"


def create() -> Starlette:
    """The application with its settings from the environment: what `uvicorn app:create --factory` runs."""
    return build(Settings.read())


def build(settings: Settings) -> Starlette:
    """The application. `settings.database_url` names a migrated database."""
    authenticator = Authenticator(settings)
    engine = engine_of(settings)

    def store(request: Request) -> Store:
        access = request.state.access  # from the Guard; there is none on a route that is open
        return Store(
            engine,
            access=access,
            strict_references=settings.strict_references,
            effects=EFFECTS,
            rows_at_most=settings.rows_at_most,
        )

    base_url = settings.url
    rest = Rest(store, base_url, partial=settings.partial_content)
    worker = Worker(
        engine,
        base_url=base_url,
        directory=settings.exchange_dir,
        strict_references=settings.strict_references,
    )

    async def graphql(request: Request) -> Response:
        if _asks_for_graphiql(request):
            return HTMLResponse(pages.graphiql(authenticator.is_on), headers=pages.HEADERS)
        context = Context(store(request), base_url, settings.subgraph)
        try:
            async with asyncio.timeout(settings.request_timeout):
                return await _graphql(request, context, settings.show_executor)
        except TimeoutError:
            return _failed(Unavailable("The operation took too long; ask for less at a time."))

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
            async with engine.connect() as connection:
                migrated = await connection.run_sync(at_head)
        except Exception as error:
            logger.warning("Not ready: %s", error)
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
        return HTMLResponse(pages.index(), headers=pages.HEADERS)

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
        schema()
        logger.info("The schema of %d kinds is made in %.1f s.", len(KINDS), time.monotonic() - started)
        memory.spare_collector()
        authenticator.start()
        working = asyncio.create_task(worker.run())
        yield
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        await engine.dispose()

    application = Starlette(
        routes=[  # tried in this order: the busiest first
            Route("/graphql", graphql, methods=["GET", "POST"]),
            Route("/tmf-api/", index),
            Route("/tmf-api/{path:path}", _endpoint(rest), methods=METHODS),
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
        middleware=[Middleware(OnlyOurHosts, hosts=_our_hosts(settings))],
        exception_handlers={CallerError: _error, HTTPException: _error, Exception: _error},
        lifespan=lifespan,
    )
    application.router.redirect_slashes = False
    for route in application.routes:
        assert isinstance(route, (Route, Mount))
        route.app = Guard(route.app, authenticator, RULES.get(route.path, NEEDS_TOKEN))
    application.state.engine = engine
    application.state.worker = worker
    return application


# ---- who gets in ----------------------------------------------------------------------------------


def _asks_for_graphiql(request: HTTPConnection) -> bool:
    """Whether a browser asks for the page. What the page asks for then are requests of their own."""
    return (
        request.scope["method"] == "GET"
        and "query" not in request.query_params
        and "text/html" in request.headers.get("accept", "")
    )


@dataclass(frozen=True)
class Rule:
    """Which requests to a route need no token, and why."""

    open: Callable[[HTTPConnection], bool]
    why: str


def _open(why: str) -> Rule:
    return Rule(lambda request: True, why)


NEEDS_TOKEN = Rule(lambda request: False, "it reads and writes entities; the store checks each kind")
RULES = {
    "/": _open("it shows which kinds there are, and no data"),
    "/graphql": Rule(_asks_for_graphiql, "GraphiQL's page holds no data; each operation needs a token"),
    "/tmf-api": _open("it lists paths, and no data"),
    "/tmf-api/": _open("it lists paths, and no data"),
    "/tmf-api/{path:path}": NEEDS_TOKEN,
    "/docs": _open("the page holds no data; what is tried out on it needs a token"),
    "/openapi": _open("it describes the paths, and holds no data"),
    "/openapi/{api}.json": _open("it describes the paths, and holds no data"),
    "/metrics": Rule(lambda request: False, "it tells how the server is used"),
    "/health/live": _open("a supervisor has no token"),
    "/health/ready": _open("a supervisor has no token"),
    "/static": _open("the files of the pages are the same for everybody"),
    "/static/swagger": _open("the files of the pages are the same for everybody"),
}
"""What each route needs. One that is not named here needs a token."""


class Guard:
    """In front of one route: lets requests in, with what they may do. Unauthorized without a valid token."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, rule: Rule) -> None:
        self._app = app
        self._authenticator = authenticator
        self._rule = rule

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._rule.open(HTTPConnection(scope)):
            given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
            access = await self._authenticator.access(", ".join(given) if given else None)
            scope.setdefault("state", {})["access"] = access
        await self._app(scope, receive, send)


@functools.lru_cache(maxsize=100)
def _host(header: bytes) -> str | None:
    """The name in a Host header, without the port."""
    return urlsplit(f"//{header.decode('latin-1')}").hostname


class OnlyOurHosts:
    """Refuses requests meant for another host: a page elsewhere that points its own name at this server
    could otherwise read and write with a visitor's browser (DNS rebinding)."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._hosts is not None:
            given = next((value for name, value in scope["headers"] if name == b"host"), b"")
            if _host(given) not in self._hosts:
                request = Request(scope)
                message = (
                    "This server does not answer for that host; set TMFGRAPH_BASE_URL to the URL it has."
                )
                await error_response(request, BadRequest(message))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _our_hosts(settings: Settings) -> frozenset[str] | None:
    """The hosts to answer for, None for any: where one listens on every address without a base URL."""
    local = {"localhost", "127.0.0.1", "::1"}
    if settings.base_url is None and settings.host not in local:
        return None
    return frozenset({urlsplit(settings.url).hostname or "", settings.host, *local})


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def engine_of(settings: Settings) -> AsyncEngine:
    """The pool of database connections that one process works with."""
    if settings.database_url is None:
        raise ValueError(
            "The application needs a database: set TMFGRAPH_DATABASE_URL, or use `tmfgraph serve`."
        )
    milliseconds = str(int(settings.statement_timeout * 1000))
    engine = database.engine(
        settings.database_url,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=4,
        connect_args={"timeout": 4, "server_settings": {"statement_timeout": milliseconds}},
    )
    database.check_idle_connections(engine)
    return engine


def _endpoint(rest: Rest) -> Any:
    async def endpoint(request: Request) -> Response:
        return await rest(request)

    return endpoint


async def _error(request: Request, error: Exception) -> Response:
    return error_response(request, error)


# ---- GraphQL over HTTP ----------------------------------------------------------------------------


async def _graphql(request: Request, context: Context, show_executor: bool) -> Response:
    """One operation."""
    if request.method == "GET" and "query" not in request.query_params:
        raise BadRequest(
            "Send a GraphQL operation: POST it as JSON, or GET with ?query=. A browser gets GraphiQL."
        )
    query, variables, name = await _operation(request)
    allowed = {"query"} if request.method == "GET" else {"query", "mutation"}
    media = _media(request)
    try:
        data, outcome = await executor().answer(query, variables, name, context)
    except (TooMuch, Unavailable) as error:
        metrics.count_operation(None)
        return _failed(error, media)
    metrics.count_operation(None if outcome is COMPILED else outcome)
    made_by = {"name": "compiled"} if outcome is COMPILED else {"name": "graphql-core", "reason": outcome}
    shown = {"extensions": {"executor": made_by}} if show_executor else {}
    if data is not None:
        rest = b"," + _encode(shown)[1:] if shown else b"}"
        return Response(b'{"data":%b%b' % (data, rest), media_type=media)
    result = await execute(query, variables, name, context, allowed)
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = public_errors(result)
    # Without a data entry the request never ran: it was not valid GraphQL.
    ran = result.data is not None or any(error.path for error in result.errors or ())
    if ran or not result.errors:
        body["data"] = result.data
    body |= shown
    unavailable = any(isinstance(e.original_error, Unavailable) for e in result.errors or ())
    nothing = not any(value is not None for value in (result.data or {}).values())
    status = 503 if unavailable and nothing else 200 if ran or not result.errors else 400
    headers = {"Retry-After": "1"} if status == 503 else None
    return Response(_encode(body), status, headers, media)


def _media(request: Request) -> str:
    return GRAPHQL_RESPONSE if GRAPHQL_RESPONSE in request.headers.get("accept", "") else "application/json"


def _failed(error: CallerError, media: str = "application/json") -> Response:
    """The answer to a query that cannot be answered at all."""
    extensions = {"code": error.code, **error.details()}
    body = {"errors": [{"message": str(error), "extensions": extensions}], "data": None}
    unavailable = isinstance(error, Unavailable)
    headers = {"Retry-After": "1"} if unavailable else None
    return Response(_encode(body), 503 if unavailable else 200, headers, media)


async def _operation(request: Request) -> tuple[str, dict[str, Any] | None, str | None]:
    if request.method == "GET":
        data: Any = dict(request.query_params)
        if "variables" in data:
            data["variables"] = _decode(data["variables"].encode()) if data["variables"] else None
    else:
        given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given not in ("application/json", "application/graphql-response+json"):
            raise HttpError(415, "Unsupported media type", "POST an operation as application/json.")
        data = _decode(await read_body(request, GRAPHQL_BODY_AT_MOST))
    if not isinstance(data, dict) or not isinstance(data.get("query"), str):
        raise BadRequest('The body must be a JSON object with the operation\'s text under "query".')
    variables, name = data.get("variables"), data.get("operationName")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest("variables must be an object.")
    if name is not None and not isinstance(name, str):
        raise BadRequest("operationName must be a string.")
    return data["query"], variables, name


def _decode(data: bytes) -> Any:
    try:
        return decode(data)
    except BadJson as error:
        raise BadRequest(str(error)) from None


async def execute(
    query: str,
    variables: dict[str, Any] | None,
    operation_name: str | None,
    context: Context,
    allowed: set[str],
) -> ExecutionResult:
    """Runs one operation of an allowed type."""
    types = {OperationType(name) for name in allowed}
    try:
        result: Any = await schema().execute(
            query,
            variable_values=variables,
            context_value=context,
            operation_name=operation_name,
            allowed_operation_types=types,
        )
    except CallerError:
        raise
    except Exception as error:
        if type(error).__name__ == "InvalidOperationTypeError":
            raise HttpError(
                405, "Method not allowed", "A GET may only read; POST a mutation.", {"Allow": "POST"}
            ) from None
        raise
    return result


def _encode(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode(body)
