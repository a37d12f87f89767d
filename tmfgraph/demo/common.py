"""What all demo documents are written with: moments, references, characteristics, prices."""

import datetime as dt
import functools
from collections.abc import Iterator
from typing import Any

from models import WHOLE

Document = dict[str, Any]
Documents = Iterator[tuple[str, Document]]

START = dt.datetime(2026, 1, 5, 6, tzinfo=dt.UTC)
"""The day on which the story starts; every date is counted from it, so that each run gives the same."""

DAY = 24 * 60
CURRENCY = "EUR"
TAX_RATE = 20.0
MONTH = 9
"""The month of the year in which the story is told: the orders lie before it, its charges are on no bill."""


def moment(minutes: int) -> str:
    """The moment that many minutes after the start, as documents write it."""
    return (START + dt.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def month(number: int) -> int:
    """Minutes from the start to the beginning of a month of its year."""
    return int((dt.datetime(START.year, number, 1, tzinfo=dt.UTC) - START).total_seconds()) // 60


@functools.cache
def _home(kind: str) -> str:
    return WHOLE.kinds[kind].homes[0].url


def href(kind: str, id: str) -> str:
    """The path at which an entity answers."""
    return f"{_home(kind)}/{id}"


def refer(kind: str, id: str, name: str | None = None) -> Document:
    """A reference to an entity."""
    made = {"id": id, "href": href(kind, id)}
    return made if name is None else {**made, "name": name}


def party(kind: str, id: str, name: str, role: str) -> Document:
    """A reference to a party or party role, which says of what kind it is."""
    return {**refer(kind, id, name), "role": role, "@type": "RelatedParty", "@referredType": kind}


def characteristic(name: str, value: str | float | bool) -> Document:
    """A property by name and value."""
    kind = "string" if isinstance(value, str) else "boolean" if isinstance(value, bool) else "number"
    return {"name": name, "valueType": kind, "value": value}


def characteristics(values: dict[str, Any]) -> list[Document]:
    return [characteristic(name, value) for name, value in values.items()]


def money(value: float) -> Document:
    return {"unit": CURRENCY, "value": round(value, 2)}


def price(value: float) -> Document:
    """An amount with tax, and what it is without."""
    net = value / (1 + TAX_RATE / 100)
    return {"taxRate": TAX_RATE, "dutyFreeAmount": money(net), "taxIncludedAmount": money(value)}
