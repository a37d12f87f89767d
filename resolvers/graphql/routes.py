"""The route of the graph."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from resolvers.access.guard import asks_for_graphiql
from resolvers.deadline import TOO_SLOW, in_time
from resolvers.errors import Unavailable
from resolvers.graphql.fields import Context
from resolvers.graphql.http import GraphQL, failed


def routes(
    graph: GraphQL,
    context: Callable[[Request], Context],
    seconds: float,
    page: Callable[[], Response] | None = None,
) -> list[Route]:
    """What answers at /graphql: operations, each with its `context`, and `page` to a browser that opens it.

    An operation that takes longer than `seconds` is told to be Unavailable.
    """

    async def graphql(request: Request) -> Response:
        if page is not None and asks_for_graphiql(request):
            return page()
        try:
            return await in_time(request, seconds, operation)
        except TimeoutError:
            return failed(Unavailable(TOO_SLOW))

    async def operation(request: Request) -> Response:
        return await graph.answer(request, context(request))

    return [Route("/graphql", graphql, methods=["GET", "POST"])]
