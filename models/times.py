"""Moments as documents have them: UTC, in one canonical form."""

import datetime as dt
import re

_CANONICAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(?:\d{3}|\d{5}[1-9])Z", re.ASCII)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def canonical(text: str) -> str | None:
    """The date-time in canonical form, None where it is not one of RFC 3339 in the years 1 to 9999."""
    if _CANONICAL.fullmatch(text):
        try:
            dt.datetime.fromisoformat(text)
        except ValueError:
            return None
        return text
    match = _RFC3339.fullmatch(text)
    if not match:
        return None
    day, time, fraction, offset = match.groups()
    fraction = (fraction or ".0")[:7]
    try:
        return instant(dt.datetime.fromisoformat(f"{day}T{time}{fraction:0<7}{offset.upper()}"))
    except (ValueError, OverflowError):
        return None


def instant(moment: dt.datetime) -> str:
    """A moment as canonical text: `2026-11-24T08:00:00.000Z`."""
    text = moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    micros = moment.microsecond
    return f"{text}.{micros:06d}Z" if micros % 1000 else f"{text}.{micros // 1000:03d}Z"


def now() -> str:
    """The present moment as canonical text, to the millisecond."""
    moment = dt.datetime.now(dt.UTC)
    return instant(moment.replace(microsecond=moment.microsecond // 1000 * 1000))
