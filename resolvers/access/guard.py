"""Who gets in: which routes need a token, and for which hosts the server answers."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resolvers.access.rates import WRITE, Account, Rates, address_of, cost_of
from resolvers.access.tokens import Authenticator
from resolvers.errors import BadRequest, CallerError, Unauthorized
from resolvers.http import error_response
from resolvers.rights import Access


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

    def __init__(
        self, app: ASGIApp, authenticator: Authenticator, rule: Rule, rates: Rates | None = None
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._rule = rule
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._rule.open(HTTPConnection(scope)):
            access = await self._access(scope)
            state = scope.setdefault("state", {})
            state["access"] = access
            if self._rates is not None:
                caller = f"subject:{access.actor}" if self._authenticator.is_on else address_of(scope)
                account = state["account"] = Account(self._rates, caller)
                await account.charge(cost_of(scope))
                send = account.saying(send)
        await self._app(scope, receive, send)

    async def _access(self, scope: Scope) -> Access:
        given = [value.decode("latin-1") for value in _headers(scope, b"authorization")]
        try:
            return await self._authenticator.access(", ".join(given) if given else None)
        except Unauthorized:
            if self._rates is not None:  # whoever tries tokens is stopped by the address
                await self._rates.charge(f"refused:{address_of(scope)}", WRITE)
            raise


# ---- hosts ------------------------------------------------------------------------------------------

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[^\x00-\x20\[\]:/?#@\\\x7f-\xff]+)(?::[0-9]{0,5})?")
WHATEVER_HOST = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Asked by those who know the server by some address: a pod's, a service's, or none at all (HTTP/1.0)."""


@functools.lru_cache(maxsize=100)
def host_of(header: bytes) -> str | None:
    """The name in a Host header, without the port; None where it is no host (RFC 9110, section 7.2)."""
    found = _HOST.fullmatch(header)
    return None if found is None else found[1].strip(b"[]").lower().decode("ascii")


class OnlyOurHosts:
    """Refuses requests for another host: a page elsewhere that points its own name at this server
    could otherwise read and write with a visitor's browser (DNS rebinding)."""

    def __init__(self, hosts: frozenset[str] | None) -> None:
        """`hosts` are those to answer for, None for any."""
        self._hosts = hosts

    def refusal(self, scope: Scope) -> CallerError | None:
        """Why a request is refused; None where it is not."""
        if scope["path"] in WHATEVER_HOST or self._is_ours(scope):
            return None
        return BadRequest(
            "This server does not answer for that host; set TMFGRAPH_BASE_URL to the URL it has."
        )

    def _is_ours(self, scope: Scope) -> bool:
        given = {host_of(header) for header in _headers(scope, b"host")}
        if len(given) > 1 or None in given:
            return False
        return self._hosts is None or not given.isdisjoint(self._hosts)


def our_hosts(url: str, base_url: str | None, host: str) -> frozenset[str] | None:
    """The hosts to answer for, None for any: where one listens on every address without a base URL."""
    local = {"localhost", "127.0.0.1", "::1"}
    if base_url is None and host not in local:
        return None
    return frozenset({urlsplit(url).hostname or "", host.lower(), *local})


# ---- pages of others --------------------------------------------------------------------------------

READING = frozenset({"GET", "HEAD", "OPTIONS"})
OF_THE_SAME_SITE = frozenset({b"same-origin", b"none"})
"""What `Sec-Fetch-Site` says of a request by a page of ours, and of one by the user alone."""


class CrossSite(CallerError):
    """A request that a page of another site made."""

    status = 403
    code = "CROSS_SITE"
    reason = "A page of another site asks"

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"A page of {origin} made this request. Pages of other origins may neither write here nor ask "
            "the graph; programs that are no pages send neither Origin nor Sec-Fetch-Site."
        )


class OnlyOurPages:
    """Refuses what pages of other origins make a visitor's browser send: writes, and whatever asks the graph.

    Where requests need no token, the browser's place in the network is right enough, and forms, images and
    scripts are sent without asking. Browsers say where a request comes from in headers that pages cannot
    set; who sends none of these is no page.
    """

    def __init__(self, base_url: str, allowed: frozenset[str] = frozenset()) -> None:
        """`allowed` are the origins of others that may all the same: `https://portal.example.com`."""
        self._allowed = {origin.encode() for origin in (_origin(base_url), *allowed)}

    def refusal(self, scope: Scope) -> CallerError | None:
        """Why a request is refused; None where it is not."""
        if not self._matters(scope) or self._is_ours(scope):
            return None
        origin = next(iter(_headers(scope, b"origin")), b"another site").decode("latin-1")
        return CrossSite(origin if origin.isprintable() else "another site")

    def _matters(self, scope: Scope) -> bool:
        if scope["path"] == "/graphql":
            return not asks_for_graphiql(HTTPConnection(scope))
        return scope["method"] not in READING

    def _is_ours(self, scope: Scope) -> bool:
        origins = _headers(scope, b"origin")
        if origins and self._allowed.issuperset(origins):
            return True
        if not OF_THE_SAME_SITE.issuperset(_headers(scope, b"sec-fetch-site")):
            return False
        hosts = _headers(scope, b"host")
        return all(_is_origin_of(origin, hosts) for origin in origins)


def _is_origin_of(origin: bytes, hosts: list[bytes]) -> bool:
    """Whether a page of this origin came from the host that it now asks; a proxy may have ended its TLS."""
    scheme, separator, place = origin.lower().partition(b"://")
    port = {b"http": b":80", b"https": b":443"}.get(scheme)
    if not separator or port is None or len(hosts) != 1:
        return False
    return place.removesuffix(port) == hosts[0].lower().removesuffix(port)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


# ---- in front of all routes ---------------------------------------------------------------------------

NOSNIFF = (b"x-content-type-options", b"nosniff")
NO_STORE = (b"cache-control", b"no-store")
OF_DATA = ("/tmf-api/", "/graphql")


class Guarded:
    """In front of all routes: refuses what a rule refuses, and says what may be done with each answer.

    No browser is to guess another type than is named. What tells of entities is kept nowhere, where the
    answer does not say otherwise: persons are in most of it.
    """

    def __init__(self, app: ASGIApp, *rules: OnlyOurHosts | OnlyOurPages) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        of_data = scope["path"].startswith(OF_DATA)

        async def saying(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                given = [name for name, _ in headers]
                if b"x-content-type-options" not in given:
                    headers.append(NOSNIFF)
                if of_data and b"cache-control" not in given:
                    headers.append(NO_STORE)
            await send(message)

        for rule in self._rules:
            error = rule.refusal(scope)
            if error is not None:
                await error_response(Request(scope), error)(scope, receive, saying)
                return
        await self._app(scope, receive, saying)


def _headers(scope: Scope, name: bytes) -> list[bytes]:
    return [value for given, value in scope["headers"] if given == name]
