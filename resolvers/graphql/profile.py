"""What the graph tells of itself, and to whom: everything in development, what it must in production."""

import re
from dataclasses import dataclass

from graphql import GraphQLSyntaxError, Lexer, Source, TokenKind

from resolvers.errors import CallerError


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What clients get to see beside the data that they ask for."""

    graphiql: bool
    """Whether a browser that opens `/graphql` gets GraphiQL."""
    queries_by_get: bool
    introspection: bool
    """Whether anybody who may query may introspect; otherwise the scope `graphql:schema:read` lets one."""
    suggestions: bool
    """Whether an error for a name that is not there gives those that are like it."""
    executor: bool
    """Whether the extensions of an answer say what made it."""


DEVELOPMENT = Profile(
    graphiql=True, queries_by_get=True, introspection=True, suggestions=True, executor=False
)
PRODUCTION = Profile(
    graphiql=False, queries_by_get=False, introspection=False, suggestions=False, executor=False
)


class IntrospectionDisabled(CallerError):
    """A question about the schema where that is not answered."""

    status = 403
    code = "INTROSPECTION_DISABLED"
    reason = "Introspection is not answered here"

    def __init__(self) -> None:
        super().__init__(
            "Introspection needs the scope graphql:schema:read here (--profile production). "
            "The schema stands in the repository and comes from `tmfgraph schema`."
        )


_FIELDS = ("__schema", "__type")
_PERHAPS = re.compile(r"__(?:schema|type)\b")


def introspects(text: str) -> bool:
    """Whether a document has one of the fields that tell of the schema; `__typename` is none."""
    if not _PERHAPS.search(text):
        return False
    lexer = Lexer(Source(text))
    try:
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            if token.kind is TokenKind.NAME and token.value in _FIELDS:
                return True
    except GraphQLSyntaxError:
        pass  # whoever parses it says so
    return False


_SUGGESTION = re.compile(r" Did you mean .*", re.DOTALL)


def without_suggestion(message: str) -> str:
    """The message of an error without the names that it proposes."""
    return _SUGGESTION.sub("", message)
