"""What one request may do at most, counted in one place for every facade."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Self

from resolvers.errors import TooMuch

LESS = "ask for fewer at a time (first, limit), for fewer attributes, or in parts (after, cursor)"


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The bounds of one request; None where there is none."""

    statements: int | None = None
    """How many statements may be sent to the database."""
    rows: int | None = None
    """How many rows these may give."""
    read_bytes: int | None = None
    """How many bytes these may give: far more than an answer may have, as much that is read is left out."""
    objects: int | None = None
    """How many objects an answer may hold; one that stands in several places counts at each."""
    answer_bytes: int | None = None
    """How many bytes an answer may have."""
    document_bytes: int | None = None
    """How many bytes a document may have that the request writes."""

    @classmethod
    def of(cls, settings: Any) -> Self:
        return cls(
            statements=settings.statements_at_most,
            rows=settings.rows_at_most,
            read_bytes=4 * settings.answer_bytes_at_most,
            objects=settings.objects_at_most,
            answer_bytes=settings.answer_bytes_at_most,
            document_bytes=settings.document_bytes_at_most,
        )


UNBOUNDED = Bounds()


SECONDS_AT_A_TIME = 0.005


class Pace:
    """Lets others have their turn every few milliseconds of a long piece of work."""

    def __init__(self) -> None:
        self._until = time.monotonic() + SECONDS_AT_A_TIME

    async def rest(self) -> None:
        if time.monotonic() > self._until:
            await asyncio.sleep(0)
            self._until = time.monotonic() + SECONDS_AT_A_TIME


class Budget:
    """What one request has done so far. Each method counts, and raises TooMuch beyond the bound."""

    __slots__ = ("answer_bytes", "bounds", "objects", "read_bytes", "rows", "statements")

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.statements = self.rows = self.read_bytes = self.objects = self.answer_bytes = 0

    def ask(self) -> None:
        """One more statement, before it is sent."""
        self.statements += 1
        _check("statements", self.statements, self.bounds.statements)

    def read(self, rows: int) -> None:
        """So many more rows came."""
        self.rows += rows
        _check("rows", self.rows, self.bounds.rows)

    def read_more_bytes(self, number: int) -> None:
        """So many more bytes came from the database."""
        self.read_bytes += number
        _check("bytes read", self.read_bytes, self.bounds.read_bytes)

    def hang(self, objects: int) -> None:
        """So many more objects were hung into the answer."""
        self.objects += objects
        _check("objects in the answer", self.objects, self.bounds.objects)

    def write(self, number: int) -> None:
        """So many more bytes of the answer were written."""
        self.answer_bytes += number
        _check("bytes of answer", self.answer_bytes, self.bounds.answer_bytes)

    @property
    def rows_left(self) -> int | None:
        """How many more rows to read at most: one beyond what is allowed shows that it is too much."""
        return None if self.bounds.rows is None else self.bounds.rows - self.rows + 1


def _check(what: str, value: int, limit: int | None) -> None:
    if limit is not None and value > limit:
        raise TooMuch(what, value, limit, LESS)
