"""What both facades take and give over HTTP: media types, bodies, errors."""

import functools
import re
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from resolvers.deadline import body_time
from resolvers.entrances import whole
from resolvers.errors import BadRequest, CallerError, HttpError, error_body
from schema.rest.contract import PROBLEM


def media_type(request: Request) -> str:
    """What the body is said to be, in lower case and without parameters; empty where nothing is said.

    A body counts as JSON only where it is said to be: what a browser sends to another site without asking
    there first is a form or text, or says nothing. HttpError where it is said to be in another encoding.
    """
    return _media_type(",".join(request.headers.getlist("content-type")))


@functools.lru_cache(maxsize=100)
def _media_type(given: str) -> str:
    essence, _, parameters = given.partition(";")
    charset = _CHARSET.search(f";{parameters}")
    if charset and charset[1].strip('"').lower() not in ("utf-8", "utf8"):
        raise HttpError(415, "Unsupported media type", f'JSON is UTF-8, not "{charset[1][:60]}".')
    return essence.strip(" \t").lower()


_CHARSET = re.compile(r";\s*charset\s*=\s*([^;]*[^;\s])", re.IGNORECASE)


def wants_problem(request: Request) -> bool:
    """Whether errors are to be problem details (RFC 9457)."""
    return PROBLEM in request.headers.get("accept", "").lower()


def problem(body: Mapping[str, Any]) -> dict[str, Any]:
    """A TMF Error as problem details; what a program can use beyond it stays."""
    details = {k: v for k, v in body.items() if k not in ("reason", "message", "status", "@type")}
    return {
        "type": "about:blank",
        "title": body["reason"],
        "status": int(body["status"]),
        "detail": body["message"],
        **details,
    }


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request, refused with 413 as soon as it is known to be longer than `limit` bytes."""
    too_large = HttpError(
        413, "Content too large", f"A body may have up to {limit} bytes.", {"Connection": "close"}
    )
    length = request.headers.get("content-length", "")
    if (whole(length, 18) or 0) > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        with body_time(request):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_large
                parts.append(part)
    except ClientDisconnect:
        raise BadRequest("The connection was closed before the body had arrived.") from None
    return b"".join(parts)


def error_response(request: Request, error: Exception) -> Response:
    """An error as TMF's Error body, whatever raised it."""
    headers: dict[str, str] = {}
    if isinstance(error, CallerError):
        headers = dict(getattr(error, "headers", {}))
        if error.status == 503:
            headers["Retry-After"] = "1"
        return _error(request, error.body(), error.status, headers)
    if isinstance(error, HTTPException):
        status, code, reason = error.status_code, error.detail.upper().replace(" ", "_"), error.detail
        message = f"{request.method} {request.scope['path'][:200]}: {error.detail}."
        headers = dict(error.headers or {})
    else:
        status, code, reason = 500, "INTERNAL_SERVER_ERROR", "Internal server error"
        message = "Something went wrong inside the server; its log says what."
    return _error(request, error_body(status, code, reason, message), status, headers)


def _error(request: Request, body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    if wants_problem(request):
        return JSONResponse(problem(body), status, headers, PROBLEM)
    return JSONResponse(body, status, headers)
