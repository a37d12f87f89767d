"""The TMF paths: every kind answers at each of its homes, through the same store as the graph."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from models.codec import Problem
from models.declare import ABSTRACTS, KINDS, Abstract, Home, Kind
from models.door import BadJson, decode
from resolvers.errors import BadRequest, CallerError, Invalid, error_body
from resolvers.filters import All, Condition
from resolvers.query import from_json_path, from_query
from resolvers.rows import Row
from resolvers.store import Page, Store

LIMIT_BY_DEFAULT = 100
LIMIT_AT_MOST = 1000
BODY_AT_MOST = 2 * 1024 * 1024
PARAMETERS_AT_MOST = 100
MERGE_PATCH = ("application/merge-patch+json", "application/json")
ALWAYS = ("id", "href", "@type")


class HttpError(CallerError):
    """A request that HTTP itself has a status for."""

    def __init__(self, status: int, reason: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.reason, self.headers = status, reason, headers or {}
        self.code = reason.upper().replace(" ", "_")


def homes() -> dict[str, tuple[Home, Kind | Abstract]]:
    """Every path below which entities answer, with what answers there."""
    nodes: tuple[Kind | Abstract, ...] = (*KINDS.values(), *ABSTRACTS.values())
    return {home.url: (home, node) for node in nodes for home in node.homes}


class Rest:
    """Answers everything below /tmf-api."""

    def __init__(self, store: Callable[[Request], Store], base_url: str) -> None:
        self._store = store
        self._base_url = base_url
        self._homes = homes()

    async def __call__(self, request: Request) -> Response:
        # As the server decoded it; request.url would escape it anew.
        path = request.scope["path"].rstrip("/")
        if path in self._homes:
            home, node = self._homes[path]
            methods = {"GET": self._list} | _offered(node, create=("POST", self._create))
            return await self._dispatch(request, methods, home, node)
        collection, _, id = path.rpartition("/")
        if collection in self._homes:
            home, node = self._homes[collection]
            methods = {"GET": self._get}
            methods |= _offered(node, patch=("PATCH", self._patch), delete=("DELETE", self._delete))
            return await self._dispatch(request, methods, home, node, id)
        raise HttpError(404, "Not found", f"There is no resource at {path[:200]}; GET /tmf-api lists them.")

    async def _dispatch(
        self,
        request: Request,
        methods: Mapping[str, Callable[..., Awaitable[Response]]],
        home: Home,
        node: Kind | Abstract,
        *id: str,
    ) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            allowed = ", ".join([*methods, "HEAD"])
            raise HttpError(
                405, "Method not allowed", f"{method} is not offered here, {allowed} are.", {"Allow": allowed}
            )
        return await methods[method](request, self._base_url + home.url, node, *id)

    async def _list(self, request: Request, url: str, node: Kind | Abstract) -> Response:
        kinds = _kinds(node)
        query = _Query(request)
        condition = query.condition(kinds)
        store = self._store(request)
        rows = await store.search(kinds, Page(condition, limit=query.limit, offset=query.offset))
        total = await store.count(kinds, condition)
        headers = {"X-Total-Count": str(total), "X-Result-Count": str(len(rows))}
        texts = [_selected(row, url, query.fields) for row in rows]
        return _json("[" + ",".join(texts) + "]", headers=headers)

    async def _get(self, request: Request, url: str, node: Kind | Abstract, id: str) -> Response:
        query = _Query(request, single=True)
        row = await self._store(request).get(_kinds(node), id)
        return _json(_selected(row, url, query.fields))

    async def _create(self, request: Request, url: str, node: Kind | Abstract) -> Response:
        fields = _Query(request, single=True).fields
        _check_type(request, ("application/json",), "Accept-Post")
        document = await _body(request)
        kind, store = _kind_of(node, document), self._store(request)
        monitored = _monitored_at(url.removeprefix(self._base_url))
        if monitored and _prefers_async(request):
            monitor = await store.accept(kind, document, url)
            place = f"{self._base_url}{monitored.url}"
            headers = {"Location": f"{place}/{monitor.id}", "Preference-Applied": "respond-async"}
            return _json(monitor.json(place), 202, headers)
        row = await store.create(kind, document)
        return _json(_selected(row, url, fields), 201, {"Location": f"{url}/{row.id}"})

    async def _patch(self, request: Request, url: str, node: Kind | Abstract, id: str) -> Response:
        fields = _Query(request, single=True).fields
        _check_type(request, MERGE_PATCH, "Accept-Patch")
        change = await _body(request)
        store = self._store(request)
        kind = await _kind_holding(store, node, id)
        return _json(_selected(await store.patch(kind, id, change), url, fields))

    async def _delete(self, request: Request, url: str, node: Kind | Abstract, id: str) -> Response:
        force = {"true": True, "false": False}.get(request.query_params.get("force", "false"))
        if force is None or set(request.query_params) - {"force"}:
            raise BadRequest("A DELETE takes one parameter, force=true or force=false.")
        store = self._store(request)
        await store.delete(await _kind_holding(store, node, id), id, force=force)
        return Response(status_code=204)


class _Query:
    """The query string, taken apart and checked."""

    def __init__(self, request: Request, *, single: bool = False) -> None:
        try:
            pairs = parse_qsl(
                request.scope["query_string"].decode("ascii"),
                keep_blank_values=True,
                max_num_fields=PARAMETERS_AT_MOST,
                errors="strict",
            )
        except UnicodeDecodeError:
            raise BadRequest("The query string is not UTF-8.") from None
        except ValueError:
            raise BadRequest(f"At most {PARAMETERS_AT_MOST} parameters are taken.") from None
        known = {"fields"} if single else {"fields", "offset", "limit", "sort", "filter"}
        self.filters = [(name, value) for name, value in pairs if name not in known]
        if single and self.filters:
            raise BadRequest(
                f'There is no parameter named "{self.filters[0][0][:60]}" here; there is fields.'
            )
        given = dict(pairs)
        self.fields = _fields(given.get("fields"))
        self.filter = given.get("filter")
        self.offset = _whole(given, "offset", 0)
        self.limit = min(_whole(given, "limit", LIMIT_BY_DEFAULT), LIMIT_AT_MOST)

    def condition(self, kinds: Sequence[Kind]) -> Condition:
        plain = from_query(kinds, self.filters)
        return All((plain, from_json_path(kinds, self.filter))) if self.filter else plain


def _whole(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadRequest(f'{name} must be a whole number from 0, not "{text[:60]}".')
    return int(text)


def _fields(text: str | None) -> frozenset[str] | None:
    """The first-level attributes to give, None for all; `none` leaves id and href."""
    if text is None or text == "":
        return None
    return frozenset(() if text == "none" else (name.strip() for name in text.split(",")))


def _selected(row: Row, url: str, fields: frozenset[str] | None) -> str:
    if fields is None:
        return row.json(url)
    body = {"id": row.id, "href": f"{url}/{row.id}", **row.body}
    chosen = {key: value for key, value in body.items() if key in fields or key in ALWAYS}
    return json.dumps(chosen, ensure_ascii=False, separators=(",", ":"))


def _offered(node: Kind | Abstract, **handlers: tuple[str, Any]) -> dict[str, Any]:
    """The handlers, by method, of the operations that all kinds behind a home offer."""
    return {
        method: handler
        for operation, (method, handler) in handlers.items()
        if all(operation in kind.operations for kind in _kinds(node))
    }


def _kinds(node: Kind | Abstract) -> Sequence[Kind]:
    return [node] if isinstance(node, Kind) else node.kinds


def _kind_of(node: Kind | Abstract, document: Any) -> Kind:
    """What a new document is to become: at the home of several kinds its @type or @baseType says it."""
    if isinstance(node, Kind):
        return node
    given = [document.get(key) for key in ("@type", "@baseType")] if isinstance(document, dict) else []
    for kind in node.kinds:
        if kind.name in given:
            return kind
    names = " or ".join(kind.name for kind in node.kinds)
    raise Invalid(node.name, [Problem("$['@type']", f"must say what it is: {names}")])


async def _kind_holding(store: Store, node: Kind | Abstract, id: str) -> Kind:
    return node if isinstance(node, Kind) else (await store.get(node.kinds, id)).kind


def _monitored_at(path: str) -> Home | None:
    """Where the monitors are for what is created at a path, None where that is never asynchronous."""
    base = path.rpartition("/")[0]
    return next((home for home in KINDS["Monitor"].homes if home.api.base == base), None)


def _prefers_async(request: Request) -> bool:
    """Whether the client asked for an answer before the work is done (RFC 7240)."""
    given = ",".join(request.headers.getlist("prefer")).split(",")
    return any(preference.partition(";")[0].strip().lower() == "respond-async" for preference in given)


def _check_type(request: Request, allowed: Sequence[str], header: str) -> None:
    given = request.headers.get("content-type", allowed[0]).partition(";")[0].strip().lower()
    if given not in allowed:
        types = ", ".join(allowed)
        raise HttpError(
            415, "Unsupported media type", f'The body must be {types}, not "{given[:60]}".', {header: types}
        )


async def _body(request: Request) -> Any:
    try:
        return decode(await read_body(request, BODY_AT_MOST))
    except BadJson as error:
        raise BadRequest(str(error)) from None


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request, refused with 413 as soon as it is known to be longer than `limit` bytes."""
    too_large = HttpError(
        413, "Content too large", f"A body may have up to {limit} bytes.", {"Connection": "close"}
    )
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        raise too_large
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_large
            parts.append(part)
    except ClientDisconnect:
        raise BadRequest("The connection was closed before the body had arrived.") from None
    return b"".join(parts)


def _json(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, headers, "application/json")


# ---- errors -------------------------------------------------------------------------------------


def error_response(request: Request, error: Exception) -> Response:
    """An error as TMF's Error body, whatever raised it."""
    headers: dict[str, str] = {}
    if isinstance(error, CallerError):
        headers = dict(getattr(error, "headers", {}))
        if error.status == 503:
            headers["Retry-After"] = "1"
        return JSONResponse(error.body(), error.status, headers)
    if isinstance(error, HTTPException):
        status, code, reason = error.status_code, error.detail.upper().replace(" ", "_"), error.detail
        message = f"{request.method} {request.url.path[:200]}: {error.detail}."
        headers = dict(error.headers or {})
    else:
        status, code, reason = 500, "INTERNAL_SERVER_ERROR", "Internal server error"
        message = "Something went wrong inside the server; its log says what."
    return JSONResponse(error_body(status, code, reason, message), status, headers)
