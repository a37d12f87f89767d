"""The errors that reach a caller: each knows its HTTP status and its code, and says what to do."""

from collections.abc import Callable, Sequence
from typing import Any

from models.check import Problem

PATH_SHOWN = 200
PROBLEMS_TOLD = 100


def error_body(status: int, code: str, reason: str, message: str) -> dict[str, Any]:
    """The Error of TMF630: `code` and `reason` are mandatory."""
    return {"code": code, "reason": reason, "message": message, "status": str(status), "@type": "Error"}


class Misconfigured(ValueError):
    """A setting cannot be used as it is; the message says why, and what to do."""


class CallerError(Exception):
    """A request that cannot be carried out, in words for the one who sent it."""

    status = 400
    code = "BAD_REQUEST"
    reason = "The request cannot be understood"
    tells: str | None = None
    """Name of the kind whose stored entities the message says something of."""

    def discreet(self) -> "CallerError":
        """The same for one who may not read what it tells of."""
        return self

    def details(self) -> dict[str, Any]:
        """What a program can use beyond the message; goes into `extensions` of a GraphQL error."""
        return {}

    def body(self) -> dict[str, Any]:
        """TMF's Error, with the details beside its own attributes."""
        return error_body(self.status, self.code, self.reason, str(self)) | self.details()


class BadRequest(CallerError):
    """Something in the request is wrong."""


class TooMuch(CallerError):
    """A request that would take more than one request may."""

    code = "TOO_MUCH"
    reason = "The request asks for too much"

    def __init__(
        self,
        what: str,
        value: int | float | None,
        limit: int | float,
        hint: str,
        *,
        place: tuple[int, int] | None = None,
        path: str = "",
    ) -> None:
        """`what` is counted, `value` is how far it got where that is known, `hint` says how to ask for less.

        `place` is the line and column of a document where it shows, `path` the field that takes the most.
        """
        self.place = place
        found = {"limit": what, "atMost": limit, "value": value, "path": path or None}
        self._details = {name: given for name, given in found.items() if given is not None}
        taken = "more" if value is None else f"{value:,}"
        super().__init__(f"One request may take at most {limit:,} {what}, this takes {taken}: {hint}.")

    def details(self) -> dict[str, Any]:
        return self._details


class Invalid(CallerError):
    """A document that breaks the rules of its kind, with every problem at once."""

    code = "VALIDATION_FAILED"
    reason = "The document is not valid"

    def __init__(self, kind: str, problems: Sequence[Problem], *, tells: bool = False) -> None:
        """Of many problems the first are told.

        `tells`: whether the document is not the caller's alone, but what is stored with a change to it.
        """
        self.problems = tuple(problems[:PROBLEMS_TOLD])
        self._kind = kind
        self.tells = kind if tells else None
        told = "; ".join(str(problem) for problem in self.problems)
        more = "; and more" if len(problems) > PROBLEMS_TOLD else ""
        super().__init__(f"{kind}: {told}{more}")

    def details(self) -> dict[str, Any]:
        return {"problems": [{"path": p.path, "message": p.message} for p in self.problems]}

    def discreet(self) -> "Invalid":
        words = "would not be valid with this change; who may read it is told why"
        return Invalid(self._kind, [Problem("$", words)])


class DocumentTooLarge(CallerError):
    """A document that would be longer than one may be."""

    status = 413
    code = "DOCUMENT_TOO_LARGE"
    reason = "The document would be too large"

    def __init__(self, kind: str, value: int, limit: int) -> None:
        self._details = {"limit": "bytes of a document", "atMost": limit, "value": value}
        super().__init__(
            f"This {kind} would have {value:,} bytes; a document may have up to {limit:,} "
            "(document_bytes_at_most). Keep less in it."
        )

    def details(self) -> dict[str, Any]:
        return self._details


class NotFound(CallerError):
    """There is no such thing."""

    status = 404
    code = "NOT_FOUND"
    reason = "Not found"


class Conflict(CallerError):
    """The request does not fit the present state of things."""

    status = 409
    code = "CONFLICT"
    reason = "Conflict with the present state"


class IdTaken(Conflict):
    """A new entity whose id another one has."""


class IllegalMove(Conflict):
    """A change of state that the kind's life does not allow."""

    code = "ILLEGAL_STATE_CHANGE"
    reason = "Illegal change of state"

    def __init__(self, kind: str, id: str, old: str | None, new: str, allowed: Sequence[str]) -> None:
        """`old` is None where the caller may not know it."""
        self.tells, self._id, self._new = kind, id, new
        if old is None:
            self._details: dict[str, Any] = {"to": new}
            super().__init__(f"{kind} {id} cannot go to {new} from the state that it is in.")
            return
        self._details = {"from": old, "to": new, "allowed": list(allowed)}
        onwards = f"from there it can go to {', '.join(allowed)}" if allowed else "that state is final"
        super().__init__(f"{kind} {id} cannot go from {old} to {new}: {onwards}.")

    def discreet(self) -> "IllegalMove":
        return IllegalMove(str(self.tells), self._id, None, self._new, ())

    def details(self) -> dict[str, Any]:
        return self._details


class TaskConflict(Conflict):
    """A task that does not fit what it is about."""

    def __init__(self, kind: str, message: str, without: str) -> None:
        """`without` says it to one who may not read the kind that the message tells of."""
        self.tells, self._without = kind, without
        super().__init__(message)

    def discreet(self) -> Conflict:
        return Conflict(self._without)


class EndlessReactions(Conflict):
    """A write from which others follow, and from these others, without an end in sight."""

    code = "ENDLESS_REACTIONS"
    reason = "What follows from this has no end"

    def __init__(self, followed: Sequence[str]) -> None:
        """`followed` says which write led to which."""
        super().__init__(
            f"Each of these writes follows from the one before: {', '.join(followed)}. "
            "That is more than may follow from one; nothing was stored."
        )


class PathNotFound(Conflict):
    """An operation of a patch whose path leads to nothing in the document."""

    code = "PATH_NOT_FOUND"
    reason = "The path is not there"

    def __init__(self, place: str, path: str) -> None:
        self._details = {"operation": place, "path": path[:PATH_SHOWN]}
        super().__init__(f'{place} leads to nothing in the document: "{path[:PATH_SHOWN]}".')

    def details(self) -> dict[str, Any]:
        return self._details


class FailedTest(Conflict):
    """A `test` of a patch that does not hold."""

    code = "TEST_FAILED"
    reason = "A test does not hold"

    def __init__(self, place: str, path: str) -> None:
        self._details = {"operation": place, "path": path[:PATH_SHOWN]}
        super().__init__(
            f'{place}, a test, does not hold: at "{path[:PATH_SHOWN]}" is another value; nothing was changed.'
        )

    def details(self) -> dict[str, Any]:
        return self._details


class StillReferred(Conflict):
    """A delete that would leave others pointing to nothing."""

    code = "STILL_REFERRED_TO"
    reason = "Others refer to it"

    def __init__(self, kind: str, id: str, referrers: Sequence[tuple[str, str, str]], more: bool) -> None:
        self._kind, self._id, self._referrers, self._more = kind, id, referrers, more
        self._details = {"referrers": [{"type": k, "id": i, "attribute": r} for k, i, r in referrers]}
        listed = [f"{k} {i} ({r})" for k, i, r in referrers] + (["more"] if more else [])
        super().__init__(
            f"{kind} {id} is referred to by {', '.join(listed)}; "
            "remove these references first, or ask to delete it all the same with force=true."
        )

    def seen_by(self, may_read: Callable[[str], bool]) -> "StillReferred":
        """The same for one who may not read all kinds: of the others only that there are more."""
        seen = [referrer for referrer in self._referrers if may_read(referrer[0])]
        return StillReferred(self._kind, self._id, seen, self._more or len(seen) < len(self._referrers))

    def details(self) -> dict[str, Any]:
        return self._details


class Unavailable(CallerError):
    """The database cannot answer now; the same request may succeed later."""

    status = 503
    code = "UNAVAILABLE"
    reason = "Temporarily unavailable"


class HttpError(CallerError):
    """A request that HTTP itself has a status for."""

    def __init__(self, status: int, reason: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.reason, self.headers = status, reason, headers or {}
        self.code = reason.upper().replace(" ", "_")


class PreconditionFailed(CallerError):
    """The entity is not, or no longer, what the request expects."""

    status = 412
    code = "PRECONDITION_FAILED"
    reason = "Precondition failed"


class Stale(PreconditionFailed):
    """An entity that has changed since the caller read it."""

    def __init__(self, kind: str, id: str, revision: int) -> None:
        self.tells, self._id = kind, id
        super().__init__(f"{kind} {id} has changed since: it is at revision {revision}. Read it again.")

    def discreet(self) -> PreconditionFailed:
        return PreconditionFailed(f"{self.tells} {self._id} is not at a revision that the request names.")


class KeyReused(CallerError):
    """An Idempotency-Key that stands for another request."""

    status = 422
    code = "IDEMPOTENCY_KEY_REUSED"
    reason = "The idempotency key was used for another request"


class Unauthorized(CallerError):
    """A request without a valid token: the same words whatever is wrong with it (RFC 6750)."""

    status = 401
    code = "UNAUTHENTICATED"
    reason = "A valid token is needed"

    def __init__(self, *, invalid: bool = False) -> None:
        super().__init__('Send a valid bearer token: "Authorization: Bearer TOKEN".')
        self.headers = {"WWW-Authenticate": 'Bearer error="invalid_token"' if invalid else "Bearer"}


class Forbidden(CallerError):
    """A token that does not give the right to do this."""

    status = 403
    code = "FORBIDDEN"
    reason = "The token does not give this right"

    def __init__(self, what: str, scope: str) -> None:
        self._scope = scope
        self.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        super().__init__(f"{what} needs the scope {scope}, which the token does not have.")

    def details(self) -> dict[str, Any]:
        return {"scope": self._scope}
