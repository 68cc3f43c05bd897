"""Fiscal calendars: every day is in exactly one period, and the published dates of known calendars hold."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.fiscal import CalendarMonths, FiscalCalendar, FiscalWeeks, NamedBy, YearRule, previous_period
from streams.core.money import next_period

SUNDAY, MONDAY = 6, 0
RETAIL = FiscalWeeks((4, 5, 4), 2, SUNDAY, YearRule.NEAREST)
"""The retail calendar: years begin on the Sunday nearest to 1 February."""
ISO = FiscalWeeks((4, 4, 5), 1, MONDAY, YearRule.NEAREST)
"""Years begin on the Monday nearest to 1 January, like those of ISO 8601."""
AUTUMN = FiscalWeeks((4, 4, 5), 10, SUNDAY, YearRule.ON_OR_BEFORE, NamedBy.END)
"""Years end on the last Saturday of September and have the name of the calendar year in which they end."""

calendars = st.one_of(
    st.just(CalendarMonths()),
    st.builds(
        FiscalWeeks,
        weeks=st.sampled_from([(4, 4, 5), (4, 5, 4), (5, 4, 4)]),
        month=st.integers(1, 12),
        weekday=st.integers(0, 6),
        rule=st.sampled_from(YearRule),
        named_by=st.sampled_from(NamedBy),
    ),
)
days = st.dates(dt.date(1990, 1, 1), dt.date(2200, 12, 31))


@given(calendars, days)
def test_every_day_is_in_the_period_that_begins_and_ends_around_it(calendar: FiscalCalendar, day: dt.date) -> None:
    period = calendar.period_of(day)
    assert calendar.first_day(period) <= day <= calendar.last_day(period)


@given(calendars, days)
def test_a_period_begins_on_the_day_after_the_one_before_ends(calendar: FiscalCalendar, day: dt.date) -> None:
    period = calendar.period_of(day)
    following = calendar.last_day(period) + dt.timedelta(days=1)
    assert calendar.period_of(following) == next_period(period)
    assert calendar.first_day(next_period(period)) == following
    assert previous_period(next_period(period)) == period


@given(calendars, days)
def test_names_sort_like_days(calendar: FiscalCalendar, day: dt.date) -> None:
    assert calendar.period_of(day) <= calendar.period_of(day + dt.timedelta(days=1))


@pytest.mark.parametrize(
    ("calendar", "period", "first", "last"),
    [
        (RETAIL, "2023-01", "2023-01-29", "2023-02-25"),
        (RETAIL, "2023-02", "2023-02-26", "2023-04-01"),
        (RETAIL, "2023-12", "2023-12-31", "2024-02-03"),  # 53 weeks
        (RETAIL, "2024-01", "2024-02-04", "2024-03-02"),
        (ISO, "2026-01", "2025-12-29", "2026-01-25"),
        (ISO, "2026-03", "2026-02-23", "2026-03-29"),
        (ISO, "2026-12", "2026-11-23", "2027-01-03"),  # ISO week 53
        (ISO, "2027-01", "2027-01-04", "2027-01-31"),
        (AUTUMN, "2026-01", "2025-09-28", "2025-10-25"),
        (AUTUMN, "2026-12", "2026-08-23", "2026-09-26"),
        (CalendarMonths(), "2024-02", "2024-02-01", "2024-02-29"),
    ],
)
def test_periods_begin_and_end_where_published_calendars_have_them(
    calendar: FiscalCalendar, period: str, first: str, last: str
) -> None:
    assert (calendar.first_day(period).isoformat(), calendar.last_day(period).isoformat()) == (first, last)


@given(days)
def test_weeks_from_the_monday_nearest_to_new_year_are_those_of_iso_8601(day: dt.date) -> None:
    year, week, _ = day.isocalendar()
    period = ISO.period_of(day)
    starts = [0, 4, 8, 13, 17, 21, 26, 30, 34, 39, 43, 47]
    assert period == f"{year:04d}-{sum(start < week for start in starts):02d}"


def test_a_period_number_beyond_twelve_is_refused() -> None:
    with pytest.raises(ValueError, match="'2026-13'; expected YYYY-MM"):
        ISO.first_day("2026-13")
