"""`Retry-After` in each form that RFC 9110 allows, and what servers send beside it."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.retry_after import retry_after_seconds

NOW = dt.datetime(2026, 11, 6, 8, 49, 7, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Fri, 06 Nov 2026 08:49:37 GMT", 30.0),
        ("Friday, 06-Nov-26 08:49:37 GMT", 30.0),
        ("Fri Nov  6 08:49:37 2026", 30.0),
        ("Fri, 06 Nov 2026 08:00:00 GMT", 0.0),
        ("9" * 400, 1e9),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0663", None),
        ("Fri, 99 Nov 2026 08:49:37 GMT", None),
    ],
)
def test_seconds_and_dates_are_read_and_what_is_neither_counts_as_not_given(
    value: str | None, seconds: float | None
) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@given(st.integers(-(10**6), 10**6))
def test_a_date_is_the_time_until_then_and_never_negative(offset: int) -> None:
    value = format_datetime(NOW + dt.timedelta(seconds=offset), usegmt=True)
    assert retry_after_seconds(value, NOW) == max(0.0, offset)


@given(st.text(max_size=40))
def test_no_header_whatsoever_breaks_a_connector(value: str) -> None:
    seconds = retry_after_seconds(value, NOW)
    assert seconds is None or seconds >= 0
