"""Marks: what an annotation says of an attribute beyond its type."""

import enum
import typing
from dataclasses import dataclass
from typing import Annotated, TypeVar

T = TypeVar("T")

Json = typing.NewType("Json", object)
"""Any JSON value: for attributes whose type TMF leaves open."""


class Mark(enum.Enum):
    """What the server does with an attribute."""

    SERVER_SET = "set by the server; ignored on create, cannot be changed"
    CREATED = "the time of creation, set by the server"
    CHANGED = "the time of the last change, set by the server"
    FIXED = "given on create, cannot be changed afterwards"
    WRITE_ONLY = "a secret: taken in, kept as a digest, never given out"


@dataclass(frozen=True)
class Reached:
    """The server fills the attribute with the time at which one of these states is reached."""

    states: tuple[str, ...]


@dataclass(frozen=True)
class MandatoryIn:
    """Mandatory in the resources of these TMF APIs only: some shared types are stricter there."""

    apis: frozenset[str]


ServerSet = Annotated[T, Mark.SERVER_SET]
Created = Annotated[T, Mark.CREATED]
Changed = Annotated[T, Mark.CHANGED]
Fixed = Annotated[T, Mark.FIXED]
WriteOnly = Annotated[T, Mark.WRITE_ONLY]


def reached(*states: str) -> Reached:
    return Reached(states)


def mandatory_in(*apis: str) -> MandatoryIn:
    return MandatoryIn(frozenset(apis))
