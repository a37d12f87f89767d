"""What we need of asyncpg that it does not offer itself: its private names stand here and nowhere else."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import asyncpg


class Meter(asyncio.Protocol):
    """Stands between a connection and its socket, and counts what comes from the database.

    Who counts may refuse by raising an error: then the connection is cut off at once, and with it whatever
    the database would still send. It costs one call for each piece that the socket gives, whatever the number
    of rows in it.
    """

    def __init__(self, connection: Any) -> None:
        self.count: Callable[[int], None] | None = None
        """Is told of the bytes of each piece, as long as it stands here."""
        self.refused: Exception | None = None
        """What `count` raised; the connection is then closed."""
        protocol, self._transport = connection._protocol, connection._transport
        self._connection = connection
        self._receive: Callable[[bytes], None] = protocol.data_received
        self.connection_lost = protocol.connection_lost
        self.eof_received = protocol.eof_received
        self.pause_writing = protocol.pause_writing
        self.resume_writing = protocol.resume_writing
        self._transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        if self.count is not None:
            try:
                self.count(len(data))
            except Exception as refused:
                self.refused, self.count = refused, None
                self._transport.abort()
        if self.refused is None:
            self._receive(data)

    async def fetch(self, text: str, arguments: Sequence[Any], count: Callable[[int], None]) -> list[Any]:
        """The records of one statement. What `count` raises ends it while it runs."""
        self.count = count
        try:
            return await self._connection.fetch(text, *arguments)
        except Exception:
            if self.refused is not None:
                raise self.refused from None
            raise
        finally:
            self.count = None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was wrapped around."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = getattr(seen, "orig", None) or seen.__cause__


def sqlstate(error: BaseException) -> str | None:
    """What PostgreSQL calls the error, where it comes from there."""
    states = (getattr(one, "sqlstate", None) for one in _causes(error))
    return next((state for state in states if isinstance(state, str)), None)


def does_not_fit(error: BaseException) -> bool:
    """Whether the driver could not even send a value, as it is not of the type that the statement takes."""
    return any(
        isinstance(one, asyncpg.InterfaceError) and isinstance(one, ValueError) for one in _causes(error)
    )


def is_lost(error: BaseException) -> bool:
    """Whether there is no connection, or none any more."""
    lost = (OSError, TimeoutError, EOFError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    return any(isinstance(one, lost) for one in _causes(error))


def in_short(error: BaseException) -> str:
    """One line for a log: what the database or the system said first."""
    *_, first = _causes(error)
    said = str(first).partition("\n")[0]
    state = sqlstate(error)
    return f"{type(first).__name__}{f' ({state})' if state else ''}: {said or 'no more is known'}"
