"""Who calls, and what they may do."""

import logging
import math
import time
from dataclasses import dataclass

from models.declare import Kind
from resolvers.errors import Forbidden
from schema.scopes import INTROSPECT, scope, sufficient

logger = logging.getLogger("tmfgraph.auth")


@dataclass(frozen=True)
class Access:
    """Who calls, and what they may do."""

    actor: str
    """The token's subject; events name it."""
    scopes: frozenset[str]

    def may(self, kind: Kind, right: str) -> bool:
        return not self.scopes.isdisjoint(sufficient(kind, right))

    @property
    def may_introspect(self) -> bool:
        """Whether it says so by name; of interest in production alone."""
        return INTROSPECT in self.scopes

    def check(self, kind: Kind, right: str) -> None:
        """Forbidden, with the scope that is missing, where the caller does not have the right."""
        if not self.may(kind, right):
            _note_refusal(self.actor, scope(kind, right))
            raise self.missing(kind, right)

    def missing(self, kind: Kind, right: str) -> Forbidden:
        """What one is told who does not have the right."""
        return Forbidden(f"To {right} {kind.plural}", scope(kind, right))


SECONDS_BETWEEN_NOTES = 60.0
REFUSALS_REMEMBERED = 1000
_refused: dict[tuple[str, str], float] = {}


def _note_refusal(actor: str, missing: str) -> None:
    """Logs who lacks which scope: once a minute, as one operation may lack it a thousand times."""
    present, who = time.monotonic(), (actor, missing)
    if present - _refused.get(who, -math.inf) < SECONDS_BETWEEN_NOTES:
        return
    logger.info("%s was refused what needs the scope %s.", ascii(actor), missing)
    _refused.pop(who, None)
    _refused[who] = present
    while len(_refused) > REFUSALS_REMEMBERED:
        _refused.pop(next(iter(_refused)))


EVERYTHING = Access("anonymous", frozenset({"*:*:*"}))
"""What callers may do where authentication is off."""
