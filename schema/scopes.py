"""The scopes that give rights over kinds: `tmf622:productOrder:read`."""

import functools
import itertools
import re
from collections.abc import Iterable

from models.declare import Kind, World

RIGHTS = ("read", "write")
SCOPE = re.compile(r"[A-Za-z0-9*]{1,64}:[A-Za-z0-9*]{1,64}:[a-z*]{1,64}")
INTROSPECT = "graphql:schema:read"
"""Lets a token introspect in production. It has to be given by name: `*` does not cover it."""


@functools.cache
def scope(kind: Kind, right: str) -> str:
    """The scope that gives a right over a kind: `tmf622:productOrder:read`."""
    return f"{kind.api.number.lower()}:{kind.singular}:{right}"


@functools.cache
def sufficient(kind: Kind, right: str) -> frozenset[str]:
    """Every scope that gives a right over a kind: its own and its general kind's, `*` in any place."""
    parts = [scope(one, right).split(":") for one in (kind, kind.root)]
    return frozenset(
        ":".join(chosen) for three in parts for chosen in itertools.product(*((part, "*") for part in three))
    )


def unknown(world: World, scopes: Iterable[str]) -> list[str]:
    """Those of the scopes that give no right over anything."""
    known = {one for kind in world.kinds.values() for right in RIGHTS for one in sufficient(kind, right)}
    return [one for one in scopes if one not in known and one != INTROSPECT]
