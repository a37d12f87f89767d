"""Moments as text."""

import datetime as dt

import pytest

from models.times import instant


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "000"),
        (1, "000001"),
        (999, "000999"),
        (1000, "001"),
        (1001, "001001"),
        (120_000, "120"),
        (999_999, "999999"),
    ],
)
def test_a_moment_has_as_many_digits_as_it_needs(micros: int, text: str) -> None:
    moment = dt.datetime(2026, 11, 24, 8, microsecond=micros, tzinfo=dt.UTC)
    assert instant(moment) == f"2026-11-24T08:00:00.{text}Z"
