"""The pages for people: what is here, GraphiQL, Swagger UI. Nothing on them is fetched from another host."""

import functools
import html
import importlib.util
import json
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from models.declare import DOMAINS, Abstract, Kind, World
from models.declare import description as described
from schema.rest.openapi import apis

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

HERE = Path(__file__).resolve().parent
EXAMPLES = {
    path.stem.partition("_")[2]: path.read_text(encoding="utf-8")
    for path in sorted((HERE / "examples").glob("*.graphql"))
}
"""The example queries by name, in the order of GraphiQL's tabs: their files are numbered."""


def routes(world: World, *, graphiql: bool) -> list[Route]:
    """What answers at / and /docs; `graphiql` says whether there is GraphiQL to point to."""

    async def home(request: Request) -> Response:
        return HTMLResponse(index(world, graphiql), headers=HEADERS)

    async def docs(request: Request) -> Response:
        return HTMLResponse(swagger(world), headers=HEADERS)

    return [Route("/", home), Route("/docs", docs)]


def static_files() -> list[Mount]:
    """What answers below /static: the files that the pages need."""
    return [
        Mount("/static/swagger", StaticFiles(directory=swagger_directory())),
        Mount("/static", StaticFiles(directory=static_directory())),
    ]


def editor(needs_token: bool, examples: tuple[str, ...]) -> Response:
    """GraphiQL with these queries in its tabs, for a browser that opens /graphql."""
    return HTMLResponse(graphiql(needs_token, examples), headers=HEADERS)


def static_directory() -> Path:
    """Where GraphiQL's files lie: in the installed asset package, found without importing it."""
    package = _installed("graphene_django_graphiql_static")
    return package / "static" / "graphene_django_graphiql_static"


def swagger_directory() -> Path:
    """Where Swagger UI's files lie: in the installed asset package, found without importing it."""
    found = next((_installed("swagger_ui_bundle") / "vendor").glob("swagger-ui-*"), None)
    if found is None:
        raise RuntimeError("The files of Swagger UI are missing: install tmfgraph again.")
    return found


def _installed(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"The package {package} is missing: install tmfgraph again.")
    return Path(spec.submodule_search_locations[0])


def _page(name: str, **places: str) -> str:
    """A page from its file. What goes to its places, marked $name there, must be HTML or JSON by now."""
    return Template((HERE / name).read_text(encoding="utf-8")).substitute(places)


def _json(value: Any) -> str:
    """A value for a script within a page, which nothing in it can end."""
    return json.dumps(value).replace("</", "<\\/")


@functools.cache
def graphiql(needs_token: bool, examples: tuple[str, ...]) -> str:
    """GraphiQL with these queries in its tabs, and a word on the token where one is needed."""
    headers = '{\n  "Authorization": "Bearer "\n}' if needs_token else None
    return _page(
        "graphiql.html",
        hint=_page("token_hint.html").rstrip() if needs_token else "",
        tabs=_json([{"query": query, "headers": headers} for query in examples]),
        tools=_json("headers" if needs_token else False),
        headers=_json(headers),
    )


@functools.cache
def swagger(world: World) -> str:
    """Swagger UI with all APIs in its selector."""
    documents = [
        {"url": f"/openapi/{number}.json", "name": f"{number} {title}"}
        for number, title in apis(world).items()
    ]
    return _page("swagger.html", documents=_json(documents))


GRAPHIQL_LINK = '<a href="/graphql">GraphiQL: ask the graph</a>'


@functools.cache
def index(world: World, graphiql: bool = True) -> str:
    """What this server offers, with links."""
    sections: list[str] = []
    for domain in DOMAINS:
        rows = [_row(node) for node in world.nodes if node.homes[0].api.domain == domain]
        if rows:
            sections.append(f"<h2>{domain.title()}</h2><table>{''.join(rows)}</table>")
    return _page("index.html", link_to_graphiql=GRAPHIQL_LINK if graphiql else "", kinds="".join(sections))


def _row(node: Kind | Abstract) -> str:
    links = "<br>".join(
        f'<a href="{home.url}"><code>{html.escape(home.url)}</code></a>' for home in node.homes
    )
    doc = html.escape(described(node.cls))
    apis = {home.api.number: f"{home.api.number} {home.api.title}" for home in node.homes}
    shown = " ".join(
        f'<a class="api" href="/docs?urls.primaryName={quote(named)}#/{node.name}">{number}</a>'
        for number, named in apis.items()
    )
    return f"<tr><td>{node.name} {shown}</td><td>{doc}<br>{links}</td></tr>"
