"""Whether the server lives and is ready, for supervisors that restart it or send requests elsewhere."""

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from resolvers.storage import driver
from resolvers.storage.pool import Pool
from tmfgraph.migrate import at_head

logger = logging.getLogger("tmfgraph")


def routes(connections: Pool) -> list[Route]:
    """What answers at /health. The server is ready where its database is reachable and of its version."""

    async def live(request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(request: Request) -> Response:
        try:
            async with connections.begin(writes=False) as connection:
                migrated = await connection.run_sync(at_head)
        except Exception as error:
            logger.warning("Not ready: %s", driver.in_short(error))
            return _unavailable("The database is not reachable.")
        if not migrated:
            return _unavailable("The database is not at this version's schema; run `tmfgraph migrate`.")
        return JSONResponse({"status": "ready"})

    return [Route("/health/live", live), Route("/health/ready", ready)]


def _unavailable(reason: str) -> Response:
    return JSONResponse({"status": "unavailable", "reason": reason}, 503)
