"""How much each caller may ask for in a time: by what requests cost, not by their number."""

import ipaddress
import logging
import math
import re
import time
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.types import Message, Scope, Send

from resolvers.errors import CallerError, Misconfigured

if TYPE_CHECKING:
    from limits import RateLimitItem

logger = logging.getLogger("tmfgraph.rates")

IN_MEMORY = "memory://"
SECONDS_FOR_STORAGE = 0.25
"""How long a storage elsewhere may take; a request then passes without it."""

READ, WRITE = 1, 5
OBJECTS_A_UNIT = 100
"""So many entities of a list that is asked for, or objects of an answer of the graph, cost one unit more."""
_LIMIT = re.compile(rb"(?:^|&)limit=([0-9]{1,9})(?:&|$)")


class TooManyRequests(CallerError):
    """A caller has asked for as much as one may in the time."""

    status = 429
    code = "TOO_MANY_REQUESTS"
    reason = "Too many requests"

    def __init__(self, limit: "RateLimitItem", seconds: int) -> None:
        self.headers = {"Retry-After": str(seconds), **headers(limit, 0, seconds)}
        super().__init__(f"A caller may ask for {limit}; ask again in {seconds} s.")


def headers(limit: "RateLimitItem", remaining: int, seconds: int) -> dict[str, str]:
    """What tells a caller how much is left, and in how many seconds more will be."""
    return {
        "X-Rate-Limit-Limit": str(limit.amount),
        "X-Rate-Limit-Remaining": str(max(remaining, 0)),
        "X-Rate-Limit-Reset": str(seconds),
    }


def cost_of(scope: Scope) -> int:
    """What a request costs before it is carried out. The graph adds what its operation comes to."""
    if scope["path"] == "/graphql":
        return READ
    if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        return WRITE
    asked = _LIMIT.search(scope["query_string"])
    return READ + (min(int(asked[1]), 1000) // OBJECTS_A_UNIT if asked else 0)


def address_of(scope: Scope) -> str:
    """Where a request comes from, as the server knows it; of IPv6 the network that one client has."""
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


class Rates:
    """Counts what callers ask for. Where the counts cannot be had, everybody passes, and the log says so."""

    def __init__(self, limit: str, storage: str | None = None) -> None:
        # A server that counts nothing loads none of it.
        from limits import parse
        from limits.aio.storage import Storage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter
        from limits.storage import storage_from_string

        self._limit = parse(limit)
        self._pool: Any = None
        options: dict[str, Any] = {}
        if storage is not None:
            self._pool = _connections(storage)
            options = {"implementation": "redispy", "connection_pool": self._pool}
        made = storage_from_string(f"async+{storage or IN_MEMORY}", wrap_exceptions=True, **options)
        assert isinstance(made, Storage)
        self._counter = SlidingWindowCounterRateLimiter(made)
        self._works = True

    async def charge(self, caller: str, cost: int) -> dict[str, str]:
        """Counts a cost for a caller, and gives the headers that say what is left. TooManyRequests."""
        limit = self._limit
        try:
            # What is dearer than all that one may ask for takes all of it.
            passes = await self._counter.hit(limit, caller, cost=min(cost, limit.amount))
            window = await self._counter.get_window_stats(limit, caller)
        except Exception as error:
            if self._works:
                logger.error("Rates cannot be counted, so that everybody passes: %s", error)
            self._works = False
            return {}
        self._works = True
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        if not passes:
            raise TooManyRequests(limit, seconds)
        return headers(limit, window.remaining, seconds)

    async def close(self) -> None:
        """Gives up the connections to the storage."""
        if self._pool is not None:
            await self._pool.aclose()


def _connections(url: str) -> Any:
    try:
        from redis.asyncio import ConnectionPool
    except ImportError:
        raise Misconfigured(
            "--rate-limit-storage needs the client of Redis: pip install 'tmfgraph[redis]'."
        ) from None
    seconds = SECONDS_FOR_STORAGE
    pool: Any = ConnectionPool
    return pool.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds)


class Account:
    """What one request is charged for, and the headers that its answer gets."""

    def __init__(self, rates: Rates, caller: str) -> None:
        self._rates, self._caller = rates, caller
        self._headers: dict[str, str] = {}

    async def charge(self, cost: int) -> None:
        """TooManyRequests where the caller has no more."""
        self._headers = await self._rates.charge(self._caller, cost)

    def saying(self, send: Send) -> Send:
        """Sends an answer with these headers."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                found = ((name.lower().encode(), value.encode()) for name, value in self._headers.items())
                message["headers"].extend(one for one in found if one[0] not in given)
            await send(message)

        return sending


async def charge(state: MutableMapping[str, Any] | Any, objects: int) -> None:
    """Charges the caller of a request for the objects that its operation comes to. TooManyRequests."""
    account: Account | None = getattr(state, "account", None)
    if account is not None and objects >= OBJECTS_A_UNIT:
        await account.charge(objects // OBJECTS_A_UNIT)
