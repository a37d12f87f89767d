"""GraphQL over HTTP: a request in, one operation carried out, an answer in the media type asked for."""

from typing import Any

import msgspec
from graphql import ExecutionResult
from starlette.requests import Request
from starlette.responses import Response
from strawberry.types.graphql import OperationType

from models.door import BadJson, decode
from resolvers import metrics
from resolvers.errors import BadRequest, CallerError, HttpError, TooMuch, Unavailable
from resolvers.executor import COMPILED
from resolvers.graph import Context
from resolvers.graphql.profile import IntrospectionDisabled, Profile, introspects
from resolvers.requests import media_type
from resolvers.rest import read_body
from schema.graphql import executor, public_errors, schema

GRAPHQL_BODY_AT_MOST = 256 * 1024
GRAPHQL_RESPONSE = "application/graphql-response+json"


async def answer(request: Request, context: Context, profile: Profile) -> Response:
    """One operation."""
    if request.method == "GET" and not profile.queries_by_get:
        raise HttpError(405, "Method not allowed", "POST operations to /graphql.", {"Allow": "POST"})
    if request.method == "GET" and "query" not in request.query_params:
        raise BadRequest(
            "Send a GraphQL operation: POST it as JSON, or GET with ?query=. A browser gets GraphiQL."
        )
    query, variables, name = await _operation(request)
    allowed = {"query"} if request.method == "GET" else {"query", "mutation"}
    media = _media(request)
    if introspects(query) and not (profile.introspection or context.store.access.may_introspect):
        return failed(IntrospectionDisabled(), media)
    try:
        data, outcome = await executor().answer(query, variables, name, context)
    except (TooMuch, Unavailable) as error:
        metrics.count_operation(None)
        return failed(error, media)
    metrics.count_operation(None if outcome is COMPILED else outcome)
    made_by = {"name": "compiled"} if outcome is COMPILED else {"name": "graphql-core", "reason": outcome}
    shown = {"extensions": {"executor": made_by}} if profile.executor else {}
    if isinstance(data, bytes):
        rest = b"," + _encode(shown)[1:] if shown else b"}"
        return Response(b'{"data":%b%b' % (data, rest), media_type=media)
    result = data or await execute(query, variables, name, context, allowed)
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = public_errors(result, profile.suggestions)
    # Without a data entry the request never ran: it was not valid GraphQL.
    ran = result.data is not None or any(error.path for error in result.errors or ())
    if ran or not result.errors:
        body["data"] = result.data
    body |= shown
    unavailable = any(isinstance(e.original_error, Unavailable) for e in result.errors or ())
    nothing = not any(value is not None for value in (result.data or {}).values())
    status = 503 if unavailable and nothing else 200 if ran or not result.errors else 400
    headers = {"Retry-After": "1"} if status == 503 else None
    return Response(_encode(body), status, headers, media)


def _media(request: Request) -> str:
    return GRAPHQL_RESPONSE if GRAPHQL_RESPONSE in request.headers.get("accept", "") else "application/json"


def failed(error: CallerError, media: str = "application/json") -> Response:
    """The answer to a query that cannot be answered at all."""
    extensions = {"code": error.code, **error.details()}
    body: dict[str, Any] = {"errors": [{"message": str(error), "extensions": extensions}]}
    if isinstance(error, IntrospectionDisabled):
        return Response(_encode(body), error.status, None, media)  # it never ran: there is no data
    body["data"] = None
    unavailable = isinstance(error, Unavailable)
    headers = {"Retry-After": "1"} if unavailable else None
    return Response(_encode(body), 503 if unavailable else 200, headers, media)


async def _operation(request: Request) -> tuple[str, dict[str, Any] | None, str | None]:
    if request.method == "GET":
        data: Any = dict(request.query_params)
        if "variables" in data:
            data["variables"] = _decode(data["variables"].encode()) if data["variables"] else None
    else:
        if media_type(request) not in ("application/json", "application/graphql-response+json"):
            raise HttpError(415, "Unsupported media type", "POST an operation as application/json.")
        data = _decode(await read_body(request, GRAPHQL_BODY_AT_MOST))
    if not isinstance(data, dict) or not isinstance(data.get("query"), str):
        raise BadRequest('The body must be a JSON object with the operation\'s text under "query".')
    variables, name = data.get("variables"), data.get("operationName")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest("variables must be an object.")
    if name is not None and not isinstance(name, str):
        raise BadRequest("operationName must be a string.")
    return data["query"], variables, name


def _decode(data: bytes) -> Any:
    try:
        return decode(data)
    except BadJson as error:
        raise BadRequest(str(error)) from None


async def execute(
    query: str,
    variables: dict[str, Any] | None,
    operation_name: str | None,
    context: Context,
    allowed: set[str],
) -> ExecutionResult:
    """Runs one operation of an allowed type."""
    types = {OperationType(name) for name in allowed}
    try:
        result: Any = await schema().execute(
            query,
            variable_values=variables,
            context_value=context,
            operation_name=operation_name,
            allowed_operation_types=types,
        )
    except CallerError:
        raise
    except Exception as error:
        if type(error).__name__ == "InvalidOperationTypeError":
            raise HttpError(
                405, "Method not allowed", "A GET may only read; POST a mutation.", {"Allow": "POST"}
            ) from None
        raise
    return result


def _encode(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode(body)
