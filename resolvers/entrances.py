"""Where what clients send is read: whatever reading it can raise is a mistake of the client's."""

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from resolvers.errors import BadRequest

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("tmfgraph.entrances")

# Of too deep, of no value, of too large, of no text (a ValueError) and of no number (an ArithmeticError).
UNREADABLE = (RecursionError, ValueError, OverflowError, ArithmeticError)


def reads(what: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Makes a function that reads what a client sent refuse, with BadRequest, what it cannot read.

    It is for what takes texts apart alone. An error in what is then done with them is one of ours.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def reading(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except UNREADABLE as error:
                logger.info("%s could not be read: %s", what, type(error).__name__)
                raise BadRequest(
                    f"{what} cannot be read: it is nested too deeply, or out of bounds."
                ) from None

        return reading

    return decorate


def whole(text: str, digits: int = 9) -> int | None:
    """The whole number that a text of so many ASCII digits at most stands for, None for any other."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
