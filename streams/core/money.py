"""Amounts, currencies and periods: rounding, cumulative shares, months (docs/accounting.md section 1)."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import cache, lru_cache

ZERO = Decimal(0)

# ISO 4217 currencies whose minor unit is not a hundredth.
_EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


@cache
def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount of an ISO 4217 currency, for example 0.01 for USD and 1 for JPY."""
    return Decimal(1).scaleb(-_EXPONENTS.get(currency, 2))


def quantize(amount: Decimal, currency: str) -> Decimal:
    """Round an amount half-even to the currency's minor unit."""
    return amount.quantize(minor_unit(currency), ROUND_HALF_EVEN)


def is_exact(amount: Decimal, currency: str) -> bool:
    """Tell whether an amount needs no more decimals than the currency has."""
    return amount == quantize(amount, currency)


def round_fraction(amount: Fraction, currency: str) -> Decimal:
    """Round an exact fraction half-even to the currency's minor unit."""
    unit = minor_unit(currency)
    return Decimal(round(amount / Fraction(unit))) * unit


def shares(amount: Decimal, weights: Sequence[Fraction | int], currency: str) -> list[Decimal]:
    """Split an amount by weights with cumulative rounding: the shares add up to the amount exactly.

    Raises ZeroDivisionError when the weights add up to nothing.
    """
    total = sum(weights, Fraction(0))
    exact = Fraction(amount)
    result: list[Decimal] = []
    running, before = Fraction(0), ZERO
    for weight in weights:
        running += weight
        upto = round_fraction(exact * running / total, currency)
        result.append(upto - before)
        before = upto
    return result


@lru_cache(maxsize=1 << 14)
def period_of(day: dt.date) -> str:
    """Return the accounting period of a day, YYYY-MM."""
    return f"{day.year:04d}-{day.month:02d}"


def period_start(period: str) -> dt.date:
    """Return the first day of a period. Raises ValueError when it is not YYYY-MM."""
    return dt.date(int(period[:4]), int(period[5:]), 1)


def period_end(period: str) -> dt.date:
    """Return the last day of a period. Raises ValueError when it is not YYYY-MM."""
    start = period_start(period)
    return start.replace(day=calendar.monthrange(start.year, start.month)[1])


def next_period(period: str) -> str:
    """Return the period after a period."""
    return period_of(period_end(period) + dt.timedelta(days=1))
