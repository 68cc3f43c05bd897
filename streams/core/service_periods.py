"""Periods of so many months within a term of service, counted from its first day. Knows no accounting."""

from __future__ import annotations

import calendar
import datetime as dt


def months_later(day: dt.date, months: int) -> dt.date:
    """Return the same day of a later month, or its last day where that is shorter; at most the last of all days."""
    year, index = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > dt.MAXYEAR:
        return dt.date.max
    return dt.date(year, index + 1, min(day.day, calendar.monthrange(year, index + 1)[1]))


def service_periods(start: dt.date, end: dt.date, months: int) -> tuple[tuple[dt.date, dt.date], ...]:
    """Return first and last day of each period of a term; 0 months: the whole term is one.

    Empty where the term does not end with the last day of a period.
    """
    if months == 0:
        return ((start, end),)
    periods: list[tuple[dt.date, dt.date]] = []
    first = start
    while first <= end:
        following = months_later(start, months * (len(periods) + 1))
        periods.append((first, following - dt.timedelta(days=1)))
        first = following
    return tuple(periods) if periods and periods[-1][1] == end else ()
