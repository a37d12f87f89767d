"""Encodes a finished tree: a small one at once, others in pieces, none beyond what an answer may have."""

from typing import Any

import msgspec

from resolvers.storage.budget import Budget, Pace

AT_ONCE = 1_000_000
"""How many bytes are encoded without letting others have their turn: some milliseconds."""
PIECE = 128 * 1024


class Null:
    """What stands where null may not stand: an error that only completing finds the words for."""


NULL = Null()


class HoldsError(Exception):
    """What was to be encoded holds an error."""


def _refuse(value: Any) -> Any:
    if isinstance(value, (Exception, Null)):
        raise HoldsError
    raise NotImplementedError(f"An answer cannot hold a {type(value).__name__}.")


encoder = msgspec.json.Encoder(enc_hook=_refuse)
"""Encodes what holds no error; HoldsError where it does."""
_measure = msgspec.json.Encoder(enc_hook=lambda value: None)


def measured(value: Any) -> bytes:
    """As `encoder` does it, with null in the place of errors."""
    return _measure.encode(value)


class Writer:
    """Writes a value as JSON in pieces. TooMuch as soon as it is longer than what an answer has left.

    `deep`: whether that may well happen. Then no piece holds more than one value of a stored document.
    """

    def __init__(self, budget: Budget, *, deep: bool) -> None:
        self._budget = budget
        self._deep = deep
        self._pace = Pace()
        self._text = bytearray()
        most = budget.bounds.answer_bytes
        self._left = None if most is None else most - budget.answer_bytes

    async def written(self, value: Any) -> bytes:
        """The value as JSON. HoldsError where it holds an error."""
        await self._write(value)
        self._budget.write(len(self._text))
        return bytes(self._text)

    async def _write(self, value: Any) -> None:
        kind = type(value)
        if kind is dict:
            await self._object(value)
        elif kind is list:
            await self._list(value)
        elif not getattr(kind, "whole", True):
            attributes = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
            await self._object({key: getattr(value, attribute) for key, attribute in attributes})
        else:
            self._add(encoder.encode(value))
            await self._pace.rest()

    async def _object(self, value: dict[str, Any]) -> None:
        opening = b"{"
        for key, one in value.items():
            self._add(b"%b%b:" % (opening, encoder.encode(key)))
            await self._write(one)
            opening = b","
        self._add(b"}" if value else b"{}")

    async def _list(self, values: list[Any]) -> None:
        self._add(b"[")
        if self._deep and not all(map(_is_whole, {type(one) for one in values})):
            for number, one in enumerate(values):
                if number:
                    self._add(b",")
                await self._write(one)
        else:
            start, size = 0, 1
            while start < len(values):
                piece = encoder.encode(values[start : start + size])
                self._add(piece[1:-1] if start == 0 else b",%b" % piece[1:-1])
                start += size
                size = size * 2 if len(piece) < PIECE else max(1, size // 2)
                await self._pace.rest()
        self._add(b"]")

    def _add(self, piece: bytes) -> None:
        self._text += piece
        if self._left is not None and len(self._text) > self._left:
            self._budget.write(len(self._text))


def _is_whole(kind: type[Any]) -> bool:
    """Whether values of a type are encoded in one piece."""
    return getattr(kind, "whole", kind is not dict and kind is not list)


def is_deep(estimate: int, budget: Budget) -> bool:
    """Whether what has about so many bytes may well be too long."""
    most = budget.bounds.answer_bytes
    return most is not None and estimate > most - budget.answer_bytes
