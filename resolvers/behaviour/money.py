"""Amounts of money as documents have them."""

import datetime as dt
from decimal import Decimal
from typing import Any

Document = dict[str, Any]


def moment(text: str) -> dt.datetime:
    """The moment that a canonical date-time says."""
    return dt.datetime.fromisoformat(text)


Amount = tuple[Decimal, str | None]


def amount(money: Document | None) -> Amount:
    value = (money or {}).get("value")
    return Decimal(str(value)) if isinstance(value, (int, float)) else Decimal(), (money or {}).get("unit")


def money(value: Decimal, unit: str | None) -> Document:
    return {"value": float(value)} if unit is None else {"unit": unit, "value": float(value)}
