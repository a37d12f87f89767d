"""What the graph tells of itself, and to whom: everything in development, what it must in production."""

from dataclasses import dataclass

from resolvers.errors import CallerError


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What clients get to see beside the data that they ask for."""

    graphiql: bool
    """Whether a browser that opens `/graphql` gets GraphiQL."""
    queries_by_get: bool
    introspection: bool
    """Whether anybody who may query may introspect; otherwise the scope `graphql:schema:read` lets one, and a
    subgraph tells its gateway."""
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
