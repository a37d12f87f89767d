"""What the server counts, for Prometheus to collect at /metrics."""

import os

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_OPERATIONS = Counter(
    "tmfgraph_graphql_operations",
    "GraphQL operations, by what answered them: a compiled plan, or graphql-core and for which reason.",
    ["executor", "reason"],
)
_COMPILED = _OPERATIONS.labels("compiled", "")

_NUMBERED = Counter("tmfgraph_events_numbered", "Events that this server gave their position in the stream.")


def count_numbered(events: int) -> None:
    """Counts events that were given their positions."""
    _NUMBERED.inc(events)


def count_operation(reason: str | None) -> None:
    """Counts an operation that was answered by a plan, or for some reason by graphql-core."""
    (_COMPILED if reason is None else _OPERATIONS.labels("graphql-core", reason)).inc()


def routes() -> list[Route]:
    """What answers at /metrics."""

    async def counts(request: Request) -> Response:
        return Response(exposed(), media_type=MEDIA_TYPE)

    return [Route("/metrics", counts)]


def exposed() -> bytes:
    """All counts, of every worker where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
