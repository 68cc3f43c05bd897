"""What an amount of one day is worth on another, at an effective annual rate (docs/accounting.md section 18).

Time is measured in calendar months from one day, the anchor, and in parts of a month by days: twelve months are a year
whatever its days, so that equal instalments stay equal. Exact to 40 digits; rounds nothing. Knows no contract.
"""

from __future__ import annotations

import calendar
import datetime as dt
from decimal import Context, Decimal
from functools import lru_cache

_EXACT = Context(prec=40)
_ONE = Decimal(1)


def months_after(anchor: dt.date, months: int) -> dt.date:
    """Return the day of the month of an anchor some months later, or before; the last day where a month is shorter."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return dt.date(year, month + 1, min(anchor.day, calendar.monthrange(year, month + 1)[1]))


def growth(rate: Decimal, anchor: dt.date, day: dt.date) -> Decimal:
    """Return what 1 of the anchor is worth at the beginning of a day; before the anchor, less than 1.

    `rate` is effective a year: 0.1 for 10 %.
    """
    months = (day.year - anchor.year) * 12 + day.month - anchor.month
    since = months_after(anchor, months)
    if since > day:
        months -= 1
        since = months_after(anchor, months)
    days = (day - since).days
    whole = _whole_months(rate, months)
    if not days:
        return whole
    return _EXACT.multiply(whole, _part_of_month(rate, days, (months_after(anchor, months + 1) - since).days))


@lru_cache(maxsize=4096)
def _whole_months(rate: Decimal, months: int) -> Decimal:
    years, rest = divmod(months, 12)
    whole = _EXACT.power(_EXACT.add(_ONE, rate), years)
    return _EXACT.multiply(whole, _part_of_month(rate, rest, 1)) if rest else whole


@lru_cache(maxsize=4096)
def _part_of_month(rate: Decimal, part: int, of: int) -> Decimal:
    """Return the growth of `part / of` months."""
    exponent = _EXACT.divide(Decimal(part), Decimal(12 * of))
    return _EXACT.exp(_EXACT.multiply(_EXACT.ln(_EXACT.add(_ONE, rate)), exponent))
