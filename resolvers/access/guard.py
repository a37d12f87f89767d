"""Who gets in: which routes need a token, and for which hosts the server answers."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from resolvers.auth import Authenticator
from resolvers.errors import BadRequest
from resolvers.rest import error_response
from tmfgraph.settings import Settings


def asks_for_graphiql(request: HTTPConnection) -> bool:
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
    "/graphql": Rule(asks_for_graphiql, "GraphiQL's page holds no data; each operation needs a token"),
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


def our_hosts(settings: Settings) -> frozenset[str] | None:
    """The hosts to answer for, None for any: where one listens on every address without a base URL."""
    local = {"localhost", "127.0.0.1", "::1"}
    if settings.base_url is None and settings.host not in local:
        return None
    return frozenset({urlsplit(settings.url).hostname or "", settings.host, *local})
