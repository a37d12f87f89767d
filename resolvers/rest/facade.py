"""The TMF paths: every kind answers at each of its homes, through the same store as the graph."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from models.check import Problem
from models.declare import Abstract, Home, Kind, World
from models.json_in import BadJson, decode, is_object
from resolvers.errors import BadRequest, Forbidden, HttpError, Invalid, TooMuch
from resolvers.http import media_type, read_body
from resolvers.rest.expand import expanded
from resolvers.rest.expand import parse as parse_expansion
from resolvers.rest.patches import added, json_patch, json_patch_query
from resolvers.rest.requests import (
    Query,
    Total,
    check_acceptable,
    etag,
    etag_of,
    etag_of_list,
    idempotency_key,
    last_modified,
    matches,
    preferences,
    revisions,
    wants_exact_count,
)
from resolvers.storage.budget import Budget, Pace
from resolvers.storage.documents import encode
from resolvers.storage.idempotency import Asked, digest
from resolvers.storage.loaders import Loaders
from resolvers.storage.rows import Row, Unseen
from resolvers.storage.store import COUNTED_AT_MOST, Store
from schema.rest.contract import JSON_PATCH, monitored_at

BODY_AT_MOST = 2 * 1024 * 1024
READ_AT_ONCE = 128 * 1024
"""Longer bodies are decoded beside the event loop: 2 MB may hold a million values."""
MERGE_PATCH = ("application/merge-patch+json", "application/json")
OPERATIONS = {JSON_PATCH: json_patch, "application/json-patch-query+json": json_patch_query}
"""Media types of patches that are lists of operations, and what carries them out."""


_Methods = dict[str, Callable[..., Awaitable[Response]]]


@dataclass(frozen=True)
class _Home:
    """What answers at the URL of a collection."""

    url: str
    node: Kind | Abstract
    every: _Methods
    """By method, for the collection."""
    one: _Methods
    """For one of it."""


class Rest:
    """Answers everything below /tmf-api."""

    def __init__(
        self, world: World, store: Callable[[Request], Store], base_url: str, *, partial: bool = False
    ) -> None:
        self._world = world
        self._store = store
        self._partial = partial
        self._base_url = base_url
        self._homes = {path: self._methods(home, node) for path, (home, node) in world.homes.items()}

    def _methods(self, home: Home, node: Kind | Abstract) -> "_Home":
        every: _Methods = {"GET": self._list}
        one: _Methods = {"GET": self._get}
        every |= _offered(node, create=("POST", self._create))
        every |= _offered(node, create=("PATCH", self._create_many))
        one |= _offered(node, patch=("PATCH", self._patch), delete=("DELETE", self._delete))
        return _Home(self._base_url + home.url, node, every, one)

    async def __call__(self, request: Request) -> Response:
        # As the server decoded it; request.url would escape it anew.
        path = request.scope["path"].rstrip("/")
        if path in self._homes:
            home = self._homes[path]
            return await self._dispatch(request, home.every, home)
        collection, _, id = path.rpartition("/")
        if collection in self._homes:
            home = self._homes[collection]
            return await self._dispatch(request, home.one, home, id)
        raise HttpError(404, "Not found", f"There is no resource at {path[:200]}; GET /tmf-api lists them.")

    async def _dispatch(self, request: Request, methods: "_Methods", home: "_Home", *id: str) -> Response:
        check_acceptable(request)
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            allowed = ", ".join([*methods, "HEAD"])
            raise HttpError(
                405, "Method not allowed", f"{method} is not offered here, {allowed} are.", {"Allow": allowed}
            )
        return await methods[method](request, home.url, home.node, *id)

    async def _list(self, request: Request, url: str, node: Kind | Abstract) -> Response:
        kinds, query = _kinds(node), Query(request)
        page, store = query.page(kinds, request), self._store(request)
        parse_expansion(kinds, query.expand, query.depth)  # a mistake in it costs no read
        rows = await store.search(kinds, replace(page, offset=0) if page.after else page)
        exact = wants_exact_count(request)
        total = Total(*await store.count_up_to(kinds, page.condition, None if exact else COUNTED_AT_MOST))
        if query.transforms:
            body = f"[{','.join(await self._texts(store, kinds, rows, query, url))}]".encode()
        else:
            body = _stored(rows, url, store.budget)
        address = f"{url}?{request.scope['query_string']}"
        headers = total.headers(page, len(rows)) | {
            "Link": query.links(url, page, rows, total), "Vary": "Accept, Range",
            "ETag": etag_of(body) if query.follows else etag_of_list(address, rows),
        }  # fmt: skip
        headers |= _caching(node, query)
        if exact:
            headers["Preference-Applied"] = "count=exact"
        if matches(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        ranged = request.headers.get("range", "").startswith("items=")
        if ranged and page.offset >= total.number and not total.capped:
            raise HttpError(
                416,
                "Range not satisfiable",
                f"There are {total.number} items.",
                {"Content-Range": f"items */{total.number}"},
            )
        partial = ranged or (self._partial and (page.offset or len(rows) < total.number))
        return _json(body, 206 if partial else 200, headers)

    async def _texts(
        self, store: Store, kinds: Sequence[Kind], rows: Sequence[Row], query: Query, url: str
    ) -> list[str]:
        """The entities as JSON: as they are stored, or what `fields`, `expand` and `depth` make of them.

        TooMuch as soon as they are longer than an answer may be.
        """
        expansion, fields = parse_expansion(kinds, query.expand, query.depth), query.fields
        made: Iterable[str]
        if expansion is not None:
            loaders = Loaders(store)
            documents = await expanded(
                loaders, rows, expansion, lambda row: f"{url}/{row.id}", self._base_url
            )
            made = (encode(fields.of(one) if fields else one) for one in documents)
        elif fields is not None:
            made = (fields.of_stored(row, url) for row in rows)
        else:
            made = (row.json(url) for row in rows)
        texts, pace = list[str](), Pace()
        for text in made:
            store.budget.write(_size(text))
            texts.append(text)
            await pace.rest()
        return texts

    async def _written(
        self, store: Store, kinds: Sequence[Kind], rows: Sequence[Row], query: Query, url: str
    ) -> list[str]:
        """What was written, as JSON. It is written whatever the caller may read of what it refers to."""
        if any(isinstance(row, Unseen) for row in rows):
            return [row.json(url) for row in rows]
        try:
            return await self._texts(store, kinds, rows, query, url)
        except (Forbidden, TooMuch):
            return [row.json(url) for row in rows]

    async def _get(self, request: Request, url: str, node: Kind | Abstract, id: str) -> Response:
        query, kinds, store = Query(request, single=True), _kinds(node), self._store(request)
        parse_expansion(kinds, query.expand, query.depth)
        row = await store.get(kinds, id)
        [text] = await self._texts(store, kinds, [row], query, url)
        headers = _headers(row)
        if query.follows:  # depends on more than this entity
            headers = {"ETag": etag_of(text.encode())}
        headers |= _caching(node, query)
        if matches(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return _json(text, headers=headers)

    async def _create(self, request: Request, url: str, node: Kind | Abstract) -> Response:
        query = Query(request, single=True)
        _check_type(request, ("application/json",), "Accept-Post")
        document = await _body(request)
        kind, store = _kind_of(node, document), self._store(request)
        parse_expansion(_kinds(node), query.expand, query.depth)  # before anything is written
        key = idempotency_key(request)
        asked = Asked(key, digest(url, kind, document)) if key else None
        monitored = monitored_at(self._world, url.removeprefix(self._base_url))
        if monitored and "respond-async" in preferences(request):
            row, again = await store.accept(kind, document, url, asked)
            url = f"{self._base_url}{monitored.url}"
            status, headers = 202, {"Preference-Applied": "respond-async"}
        else:
            only_new = request.headers.get("if-none-match", "").strip() == "*"
            row, again = await store.create_once(kind, document, asked, only_new=only_new)
            status, headers = 201, _headers(row)
        headers["Location"] = f"{url}/{row.id}"
        if again:
            headers["Idempotency-Replayed"] = "true"
        [text] = await self._written(store, _kinds(node), [row], query, url)
        return _json(text, status, headers)

    async def _patch(self, request: Request, url: str, node: Kind | Abstract, id: str) -> Response:
        query, kinds = Query(request, single=True), _kinds(node)
        parse_expansion(kinds, query.expand, query.depth)  # before anything is written
        media = _check_type(request, (*MERGE_PATCH, *OPERATIONS), "Accept-Patch")
        change = await _body(request)
        store, allowed = self._store(request), revisions(request)
        kind = await _kind_holding(store, node, id)
        if media in MERGE_PATCH:
            row = await store.patch(kind, id, change, revisions=allowed)
        else:
            patch = OPERATIONS[media]
            row = await store.revise(
                kind, id, lambda document: patch(document, change), url=url, revisions=allowed
            )
        if isinstance(row, Unseen):
            return Response(status_code=204)
        [text] = await self._written(store, kinds, [row], query, url)
        return _json(text, headers=_headers(row))

    async def _create_many(self, request: Request, url: str, node: Kind | Abstract) -> Response:
        """Bulk create (TMF630): a JSON Patch of a collection that adds to it, all or nothing."""
        query, kinds = Query(request, single=True), _kinds(node)
        parse_expansion(kinds, query.expand, query.depth)
        _check_type(request, (JSON_PATCH,), "Accept-Patch")
        documents = added(await _body(request))
        store = self._store(request)
        rows = await store.create_many(lambda document: _kind_of(node, document), documents)
        texts = await self._written(store, kinds, rows, query, url)
        return _json(f"[{','.join(texts)}]", 201)

    async def _delete(self, request: Request, url: str, node: Kind | Abstract, id: str) -> Response:
        force = {"true": True, "false": False}.get(request.query_params.get("force", "false"))
        if force is None or set(request.query_params) - {"force"}:
            raise BadRequest("A DELETE takes one parameter, force=true or force=false.")
        store = self._store(request)
        kind = await _kind_holding(store, node, id)
        await store.delete(kind, id, force=force, revisions=revisions(request))
        return Response(status_code=204)


def _offered(node: Kind | Abstract, **handlers: tuple[str, Any]) -> dict[str, Any]:
    """The handlers, by method, of the operations that all kinds behind a home offer."""
    return {
        method: handler
        for operation, (method, handler) in handlers.items()
        if all(operation in kind.operations for kind in _kinds(node))
    }


def _stored(rows: Sequence[Row], url: str, budget: Budget) -> bytes:
    """The array of these entities, as they are stored. TooMuch before it is made."""
    heads = [f',{{"id":"{row.id}","href":"{url}/{row.id}",' for row in rows]
    budget.write(sum(map(_size, heads)) + sum(_size(row.document) - 1 for row in rows) + 1)
    parts: list[str] = []
    for head, row in zip(heads, rows, strict=True):
        parts += (head, row.document[1:])
    return b"[%b]" % "".join(parts)[1:].encode()


def _size(text: str) -> int:
    """How many bytes a text has."""
    return len(text) if text.isascii() else len(text.encode())


def _headers(row: Row) -> dict[str, str]:
    if isinstance(row, Unseen):
        return {}
    return {"ETag": etag(row), "Last-Modified": last_modified(row)}


IMPERSONAL = ("resource", "service", "product")
"""Domains of what is there and what was ordered; persons are named in them, and described in the others."""


def _caching(node: Kind | Abstract, query: Query) -> dict[str, str]:
    """What a client may keep, to ask again with its ETag: of persons nothing, the default of `Guarded`."""
    if query.follows or not _is_impersonal(node):
        return {}
    return {"Cache-Control": "private, no-cache"}


@functools.cache
def _is_impersonal(node: Kind | Abstract) -> bool:
    return all(kind.domain in IMPERSONAL for kind in _kinds(node))


def _kinds(node: Kind | Abstract) -> Sequence[Kind]:
    return [node] if isinstance(node, Kind) else node.kinds


def _kind_of(node: Kind | Abstract, document: Any) -> Kind:
    """What a new document is to become: at the home of several kinds its @type or @baseType says it."""
    if isinstance(node, Kind):
        return node
    given = [document.get(key) for key in ("@type", "@baseType")] if is_object(document) else []
    for kind in node.kinds:
        if kind.name in given:
            return kind
    names = " or ".join(kind.name for kind in node.kinds)
    raise Invalid(node.name, [Problem("$['@type']", f"must say what it is: {names}")])


async def _kind_holding(store: Store, node: Kind | Abstract, id: str) -> Kind:
    return node if isinstance(node, Kind) else (await store.get(node.kinds, id)).kind


def _check_type(request: Request, allowed: Sequence[str], header: str) -> str:
    """The media type of the body, one of these; 415 where it is another."""
    given = media_type(request)
    if given not in allowed:
        types = ", ".join(allowed)
        what = f'not "{given[:60]}"' if given else "and Content-Type must say so"
        raise HttpError(415, "Unsupported media type", f"The body must be {types}, {what}.", {header: types})
    return given


async def _body(request: Request) -> Any:
    body = await read_body(request, BODY_AT_MOST)
    try:
        return decode(body) if len(body) < READ_AT_ONCE else await asyncio.to_thread(decode, body)
    except BadJson as error:
        raise BadRequest(str(error)) from None


def _json(body: str | bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, "application/json")


# ---- errors -------------------------------------------------------------------------------------
