"""The errors of GraphQL answers, as callers see them."""

import logging
from collections.abc import Iterable
from typing import Any

from graphql import GraphQLError

from resolvers.errors import CallerError

logger = logging.getLogger("tmfgraph.graphql")

LONGEST_MESSAGE = 500
"""Characters of a message: some hold what the caller sent."""


def public(errors: Iterable[GraphQLError], at_most: int) -> list[dict[str, Any]]:
    """The errors with a code each; unexpected ones without their words, which go to the log."""
    found = list(errors)
    told = [_public(error) for error in found[:at_most]]
    if len(found) > at_most:
        more = f"And {len(found) - at_most} errors more."
        told.append({"message": more, "extensions": {"code": "MORE_ERRORS"}})
    return told


def of_request(error: CallerError) -> dict[str, Any]:
    """An error of a request that is not carried out at all."""
    place = getattr(error, "place", None)
    where = {"locations": [{"line": place[0], "column": place[1]}]} if place else {}
    return {"message": str(error), **where, "extensions": {"code": error.code, **error.details()}}


def of_invalid(message: str, place: tuple[int, int] | None) -> dict[str, Any]:
    """An error of a document that is not valid."""
    where = {"locations": [{"line": place[0], "column": place[1]}]} if place else {}
    return {"message": shortened(message), **where, "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}


def _public(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    found: dict[str, Any] = dict(error.formatted)
    if isinstance(cause, CallerError):
        found["extensions"] = {"code": cause.code, **cause.details()}
    elif cause is None or isinstance(cause, GraphQLError):
        code = "GRAPHQL_VALIDATION_FAILED" if error.path is None else "BAD_VALUE"
        found["extensions"] = {"code": code, **(error.extensions or {})}
    else:
        logger.error("Unexpected error at %s", error.path, exc_info=cause)
        found["message"] = "Something went wrong inside the server; its log says what."
        found["extensions"] = {"code": "INTERNAL_SERVER_ERROR"}
    found["message"] = shortened(found["message"])
    return found


def shortened(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]} ..."
