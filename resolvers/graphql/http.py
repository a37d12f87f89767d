"""GraphQL over HTTP: a request in, one operation carried out, an answer in the media type asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from graphql import ExecutionResult, GraphQLError, OperationType, execute_sync, parse
from starlette.requests import Request
from starlette.responses import Response

from models.declare import World
from models.json_in import BadJson, decode
from resolvers import metrics
from resolvers.access.rates import OBJECTS_A_UNIT, charge
from resolvers.errors import BadRequest, CallerError, HttpError, TooMuch, Unavailable
from resolvers.graphql import errors
from resolvers.graphql.documents import Document, Documents
from resolvers.graphql.encoding import Writer
from resolvers.graphql.executor import Executor, InvalidVariables, Untold
from resolvers.graphql.fields import Context
from resolvers.graphql.graph import graph
from resolvers.graphql.introspection import Introspection
from resolvers.graphql.limits import Limits, check_cost, check_variables
from resolvers.graphql.profile import IntrospectionDisabled, Profile
from resolvers.graphql.validator import Operation, examine
from resolvers.http import media_type, read_body
from resolvers.storage.budget import Budget

GRAPHQL_BODY_AT_MOST = 256 * 1024
GRAPHQL_RESPONSE = "application/graphql-response+json"
INTROSPECTION = "introspection"
"""What the schema tells of itself is read off it, not compiled."""


@dataclass
class Asked:
    """What a request asks for."""

    text: str
    variables: dict[str, Any]
    name: str | None
    shows_cost: bool
    """Whether the answer is to say what the operation cost: `{"extensions": {"cost": true}}`."""


class GraphQL:
    """Answers operations over HTTP."""

    def __init__(self, world: World, profile: Profile, limits: Limits | None = None) -> None:
        self._profile = profile
        self._limits = limits or Limits()
        self._schema = graph(world).core
        self._executor = Executor(graph(world))
        self._introspection = Introspection(self._schema)
        self.documents = Documents(self._schema, self._limits, suggestions=profile.suggestions)

    def takes(self, text: str) -> bool:
        """Whether all operations of a document are valid for certain."""
        return examine(self._schema, parse(text), self._limits).is_valid

    async def answer(self, request: Request, context: Context) -> Response:
        """The answer to one operation."""
        media = _media(request)
        try:
            asked = await self._asked(request)
            if asked.variables:
                check_variables(asked.variables, self._limits)
            document = self.documents.kept.get(asked.text) or await self.documents.read(asked.text)
            if document.errors:
                return _refused(document.errors, media)
            operation = document.operation(asked.name)
            is_mutation = operation.node.operation is OperationType.MUTATION
            if is_mutation and request.method == "GET":
                message = "A GET may only read; POST a mutation."
                raise HttpError(405, "Method not allowed", message, {"Allow": "POST"})
            if operation.introspects and not self._may_introspect(context):
                raise IntrospectionDisabled
            cost = check_cost(operation.weight, asked.variables, self._limits.cost)
            if cost >= OBJECTS_A_UNIT:
                await charge(request.state, cost)
        except CallerError as error:
            return _refused([errors.of_request(error)], media, error)
        try:
            return await self._carried_out(asked, document, operation, context, cost, media)
        except InvalidVariables as error:
            return _refused(errors.public(error.errors, self._limits.errors), media)
        except Untold as error:
            metrics.count_operation(None)
            return failed(error.cause, media, error.done)
        except (TooMuch, Unavailable) as error:
            metrics.count_operation(None)
            return failed(error, media)

    def _may_introspect(self, context: Context) -> bool:
        return self._profile.introspection or context.subgraph or context.store.access.may_introspect

    async def _carried_out(
        self,
        asked: Asked,
        document: Document,
        operation: Operation,
        context: Context,
        cost: int,
        media: str,
    ) -> Response:
        variables = self._executor.coerced(operation, asked.variables, self._profile.suggestions)
        if operation.only_introspects:
            found = await self._introspected(document, operation, asked, variables, context)
        else:
            plans = len(operation.plans)
            found = await self._executor.answer(operation, variables, context)
            if len(operation.plans) > plans:
                self.documents.grow(document, operation)
        metrics.count_operation(INTROSPECTION if operation.only_introspects else None)
        shown = self._extensions(asked, operation, cost, context)
        if isinstance(found, bytes):
            rest = b"," + _encode(shown)[1:] if shown else b"}"
            return Response(b'{"data":%b%b' % (found, rest), media_type=media)
        return self._with_errors(found, shown, media)

    async def _introspected(
        self, document: Document, operation: Operation, asked: Asked, variables: Any, context: Context
    ) -> bytes | ExecutionResult:
        """What the schema tells. What is wrong with the question, graphql-core says."""
        limit = context.store.budget.bounds.answer_bytes
        try:
            return await self._introspection.answer(document, operation, variables, limit)
        except GraphQLError:
            pass
        assert document.ast is not None
        found = execute_sync(
            self._schema,
            document.ast,
            variable_values=asked.variables,
            operation_name=asked.name,
            hide_suggestions=not self._profile.suggestions,
        )
        if found.data is not None:
            found.data = {key: await _within(one, context.store.budget) for key, one in found.data.items()}
        return found

    def _extensions(self, asked: Asked, operation: Operation, cost: int, context: Context) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._profile.executor:
            told = {"name": "graphql-core", "reason": INTROSPECTION}
            found["executor"] = told if operation.only_introspects else {"name": "compiled"}
        if asked.shows_cost:
            budget = context.store.budget
            found["cost"] = {
                "estimated": cost,
                "atMost": self._limits.cost,
                "statements": budget.statements,
                "rows": budget.rows,
            }
        return {"extensions": found} if found else {}

    def _with_errors(self, result: ExecutionResult, shown: dict[str, Any], media: str) -> Response:
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = errors.public(result.errors, self._limits.errors)
        # Without a data entry the request never ran: its variables were not what they were said to be.
        ran = result.data is not None or any(error.path for error in result.errors or ())
        if ran or not result.errors:
            body["data"] = result.data
        body |= shown
        unavailable = any(isinstance(e.original_error, Unavailable) for e in result.errors or ())
        nothing = not any(value is not None for value in (result.data or {}).values())
        status = 503 if unavailable and nothing else 200 if ran or not result.errors else 400
        headers = {"Retry-After": "1"} if status == 503 else None
        return Response(_encode(body), status, headers, media)

    async def _asked(self, request: Request) -> Asked:
        if request.method == "GET":
            if not self._profile.queries_by_get:
                raise HttpError(405, "Method not allowed", "POST operations to /graphql.", {"Allow": "POST"})
            if "query" not in request.query_params:
                raise BadRequest(
                    "Send a GraphQL operation: POST it as JSON, or GET with ?query=. A browser gets GraphiQL."
                )
            data: Any = dict(request.query_params)
            for name in ("variables", "extensions"):
                if name in data:
                    data[name] = _decode(data[name].encode()) if data[name] else None
        else:
            if media_type(request) not in ("application/json", "application/graphql-response+json"):
                raise HttpError(415, "Unsupported media type", "POST an operation as application/json.")
            data = _decode(await read_body(request, GRAPHQL_BODY_AT_MOST))
        if not isinstance(data, dict) or not isinstance(data.get("query"), str):
            raise BadRequest('The body must be a JSON object with the operation\'s text under "query".')
        variables, name, more = data.get("variables"), data.get("operationName"), data.get("extensions")
        if variables is not None and not isinstance(variables, dict):
            raise BadRequest("variables must be an object.")
        if name is not None and not isinstance(name, str):
            raise BadRequest("operationName must be a string.")
        if more is not None and not isinstance(more, dict):
            raise BadRequest("extensions must be an object.")
        return Asked(data["query"], variables or {}, name or None, (more or {}).get("cost") is True)


async def _within(value: Any, budget: Budget) -> Any:
    """A part of an answer as JSON; TooMuch as soon as it is longer than answers may be."""
    return None if value is None else msgspec.Raw(await Writer(budget, deep=True).written(value))


def _media(request: Request) -> str:
    return GRAPHQL_RESPONSE if GRAPHQL_RESPONSE in request.headers.get("accept", "") else "application/json"


def _refused(found: Sequence[Mapping[str, Any]], media: str, error: CallerError | None = None) -> Response:
    """The answer to a request that was not carried out: without data."""
    headers = dict(getattr(error, "headers", {}))
    if isinstance(error, Unavailable):
        headers["Retry-After"] = "1"
    return Response(_encode({"errors": found}), error.status if error else 400, headers, media)


def failed(error: CallerError, media: str = "application/json", before: str = "") -> Response:
    """The answer to an operation that came to nothing as a whole; `before` stands before its message."""
    told = errors.of_request(error)
    body = {"errors": [told | {"message": before + told["message"]}], "data": None}
    if isinstance(error, Unavailable):
        return Response(_encode(body), 503, {"Retry-After": "1"}, media)
    return Response(_encode(body), 200, None, media)


def _decode(data: bytes) -> Any:
    try:
        return decode(data)
    except BadJson as error:
        raise BadRequest(str(error)) from None


def _encode(body: Any) -> bytes:
    return msgspec.json.encode(body)
