"""Engines: how SQLAlchemy and asyncpg connect to a PostgreSQL URL."""

from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

# Both must be 0 behind PgBouncer in transaction mode. PostgreSQL itself does not know them.
_CLIENT_OPTIONS = ("statement_cache_size", "prepared_statement_cache_size")


def new_engine(dsn: str, **options: Any) -> AsyncEngine:
    """An SQLAlchemy engine for a PostgreSQL URL, with whatever `create_async_engine` takes besides.

    asyncpg reads the URL itself, so that all of libpq's spelling works: `?sslmode=verify-full`,
    several hosts, a socket directory, a password file.
    """
    parts = urlsplit(dsn)
    query = parse_qsl(parts.query, keep_blank_values=True)
    arguments = {name: int(value) for name, value in query if name in _CLIENT_OPTIONS}
    kept = urlencode([pair for pair in query if pair[0] not in _CLIENT_OPTIONS], quote_via=quote)
    # Not by `async_creator`, with which SQLAlchemy drops all other arguments of the connection.
    whole = {"dsn": urlunsplit(parts._replace(query=kept))}
    options["connect_args"] = whole | arguments | options.get("connect_args", {})
    return create_async_engine("postgresql+asyncpg://", **options)


def is_pooled_elsewhere(dsn: str) -> bool:
    """Whether PgBouncer in transaction mode is in between: it lets through only settings that it knows."""
    query = dict(parse_qsl(urlsplit(dsn).query))
    return any(query.get(name) == "0" for name in _CLIENT_OPTIONS)
