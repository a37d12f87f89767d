"""The routes of the TMF paths, of their index, and of the documents that describe them."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from models.declare import World
from resolvers.deadline import TOO_SLOW, in_time
from resolvers.errors import HttpError, Unavailable
from resolvers.rest.facade import Rest
from schema.rest import openapi

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def routes(world: World, rest: Rest, base_url: str, seconds: float) -> list[Route]:
    """What answers at /tmf-api. A request that takes longer than `seconds` is Unavailable."""

    async def tmf(request: Request) -> Response:
        try:
            return await in_time(request, seconds, rest)
        except TimeoutError:
            raise Unavailable(TOO_SLOW) from None

    async def index(request: Request) -> Response:
        found = [
            {
                "api": home.api.number,
                "name": home.api.title,
                "resource": node.name,
                "href": base_url + home.url,
                "operations": openapi.operations(node),
                "openapi": f"{base_url}/openapi/{home.api.number}.json",
            }
            for node in world.nodes
            for home in node.homes
        ]
        return JSONResponse(sorted(found, key=lambda entry: (entry["api"], entry["href"])))

    return [
        Route("/tmf-api/", index),
        Route("/tmf-api/{path:path}", tmf, methods=METHODS),
        Route("/tmf-api", index),
    ]


def documents(world: World, base_url: str, *, named: str | None, secured: bool) -> list[Route]:
    """What answers at /openapi. Each document names the server `named`: where that is None, it names none,
    as the server may be known by several names. `secured` says that requests need a token."""

    async def every(request: Request) -> Response:
        return JSONResponse(
            [
                {"api": number, "name": title, "href": f"{base_url}/openapi/{number}.json"}
                for number, title in openapi.apis(world).items()
            ]
        )

    async def one(request: Request) -> Response:
        number = request.path_params["api"]
        if number not in openapi.apis(world):
            raise HttpError(404, "Not found", f"There is no API {number[:60]}; GET /openapi lists them.")
        body = openapi.encoded(world, number, named or "", secured=secured)
        return Response(body, media_type="application/json")

    return [Route("/openapi", every), Route("/openapi/{api}.json", one)]
