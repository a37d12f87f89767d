"""Amounts of money as documents have them."""

from decimal import Decimal
from typing import Any

from models.common.values import Money

Document = dict[str, Any]
Amount = tuple[Decimal, str | None]


def amount(money: Money | None) -> Amount:
    if money is None:
        return Decimal(), None
    return Decimal() if money.value is None else Decimal(str(money.value)), money.unit


def money(value: Decimal, unit: str | None) -> Document:
    return {"value": float(value)} if unit is None else {"unit": unit, "value": float(value)}
