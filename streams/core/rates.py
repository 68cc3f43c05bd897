"""Exchange rates by date, as finance keeps them in `config/exchange_rates.yaml` (docs/accounting.md section 11).

A rate holds from its day until the next one of its pair, at most `holds_days` days. A pair is kept in one direction;
the other is its exact inverse. Pure values; knows no file and no journal.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction


class RateMissing(Exception):
    """The configuration has no exchange rate for something that must be posted."""

    def __init__(self, currency: str, functional: str, day: dt.date) -> None:
        super().__init__(
            f"no exchange rate from {currency} to {functional} on {day}: add {currency}/{functional} for a day up to "
            "then to config/exchange_rates.yaml, restart the worker"
        )


@dataclass(frozen=True, slots=True)
class DatedRates:
    """The rates of one pair, units of the second currency for one of the first, in order of their days."""

    days: tuple[dt.date, ...]
    rates: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class ExchangeRates:
    """All rates that are known."""

    holds_days: int
    """Days that a rate holds, its own day included, when no later one takes its place."""
    pairs: Mapping[tuple[str, str], DatedRates]

    def rate(self, currency: str, functional: str, day: dt.date) -> Fraction:
        """Return the units of the functional currency for one unit of a currency on a day. Raises RateMissing."""
        direct = self._on(self.pairs.get((currency, functional)), day)
        if direct is not None:
            return Fraction(direct)
        inverse = self._on(self.pairs.get((functional, currency)), day)
        if inverse is not None:
            return 1 / Fraction(inverse)
        raise RateMissing(currency, functional, day)

    def _on(self, dated: DatedRates | None, day: dt.date) -> Decimal | None:
        place = bisect_right(dated.days, day) if dated is not None else 0
        if dated is None or place == 0 or (day - dated.days[place - 1]).days >= self.holds_days:
            return None
        return dated.rates[place - 1]
