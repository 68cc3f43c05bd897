"""Fiscal calendars: which days make up an accounting period of a legal entity (docs/accounting.md section 6).

A period keeps its name `YYYY-MM`: fiscal year and number of the period, 01 to 12, so names sort like the periods they
name. Knows no entity: `streams.core.policy` says which calendar an entity has.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate

from streams.core.money import period_end, period_of, period_start

PERIODS_A_YEAR = 12


class YearRule(StrEnum):
    """Which occurrence of the year's first weekday begins a fiscal year."""

    NEAREST = "nearest"
    """The one nearest to the first of the month: at most three days before or after it."""
    ON_OR_BEFORE = "on_or_before"
    """The last one that is not after the first of the month."""
    ON_OR_AFTER = "on_or_after"
    """The first one in the month."""


class NamedBy(StrEnum):
    """Which of the two calendar years that a fiscal year touches gives it its name."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class CalendarMonths:
    """Periods are calendar months."""

    def period_of(self, day: dt.date) -> str:
        """Return the period of a day."""
        return period_of(day)

    def first_day(self, period: str) -> dt.date:
        """Return the first day of a period. Raises ValueError when it is not YYYY-MM."""
        return period_start(period)

    def last_day(self, period: str) -> dt.date:
        """Return the last day of a period. Raises ValueError when it is not YYYY-MM."""
        return period_end(period)


@dataclass(frozen=True, slots=True)
class FiscalWeeks:
    """Periods are whole weeks, 52 or 53 a year, in four equal quarters; a 53rd week belongs to the last period."""

    weeks: tuple[int, int, int]
    """Weeks of the periods of a quarter: 4-4-5, 4-5-4 or 5-4-4."""
    month: int
    """Month, 1 to 12, on whose first day the year would begin if it were no matter of weeks."""
    weekday: int
    """First day of a week and of a year, Monday 0."""
    rule: YearRule
    named_by: NamedBy = NamedBy.START

    def period_of(self, day: dt.date) -> str:
        """Return the period of a day."""
        return _period_of(self, day)

    def first_day(self, period: str) -> dt.date:
        """Return the first day of a period. Raises ValueError when it is not YYYY-MM."""
        year, number = _numbers(period)
        return self.year_start(year) + dt.timedelta(weeks=_weeks_before(self.weeks)[number - 1])

    def last_day(self, period: str) -> dt.date:
        """Return the last day of a period. Raises ValueError when it is not YYYY-MM."""
        year, number = _numbers(period)
        if number == PERIODS_A_YEAR:
            return self.year_start(year + 1) - dt.timedelta(days=1)
        return self.year_start(year) + dt.timedelta(weeks=_weeks_before(self.weeks)[number], days=-1)

    def year_start(self, year: int) -> dt.date:
        """Return the first day of a fiscal year."""
        started_before = self.named_by is NamedBy.END and self.month > 1
        first = dt.date(year - started_before, self.month, 1)
        after = (self.weekday - first.weekday()) % 7
        if self.rule is YearRule.ON_OR_BEFORE or (self.rule is YearRule.NEAREST and after > 3):
            after = -((first.weekday() - self.weekday) % 7)
        return first + dt.timedelta(days=after)


FiscalCalendar = CalendarMonths | FiscalWeeks

MONTHS = CalendarMonths()
"""The calendar of an entity for which none is configured."""


@dataclass(frozen=True, slots=True)
class CloseWindow:
    """Days around the month end in which the books are closed and deadlines are shorter. Both count calendar days."""

    days_before_month_end: int
    """Last days of a period that belong to the window; 0: none."""
    days_after_month_end: int
    """First days of the next period that belong to it; 0: none."""

    def contains(self, day: dt.date, calendar: FiscalCalendar) -> bool:
        """Tell whether a day lies in the window around the ends of a fiscal calendar's periods."""
        period = calendar.period_of(day)
        before, after = dt.timedelta(days=self.days_before_month_end), dt.timedelta(days=self.days_after_month_end)
        return day > calendar.last_day(period) - before or day < calendar.first_day(period) + after


def previous_period(period: str) -> str:
    """Return the name of the period before a period, in any calendar."""
    year, number = _numbers(period)
    return f"{year - 1:04d}-{PERIODS_A_YEAR}" if number == 1 else f"{year:04d}-{number - 1:02d}"


@lru_cache(maxsize=4096)
def _period_of(calendar: FiscalWeeks, day: dt.date) -> str:
    year = day.year + 1
    while calendar.year_start(year) > day:
        year -= 1
    week = (day - calendar.year_start(year)).days // 7
    number = sum(before <= week for before in _weeks_before(calendar.weeks))
    return f"{year:04d}-{number:02d}"


@lru_cache(maxsize=8)
def _weeks_before(weeks: tuple[int, int, int]) -> tuple[int, ...]:
    """Return how many weeks of the year lie before each of its periods."""
    return tuple(accumulate((weeks * 4)[:-1], initial=0))


def _numbers(period: str) -> tuple[int, int]:
    year, number = int(period[:4]), int(period[5:])
    if not 1 <= number <= PERIODS_A_YEAR:
        raise ValueError(f"period {period!r}; expected YYYY-MM with a number from 01 to {PERIODS_A_YEAR}")
    return year, number
