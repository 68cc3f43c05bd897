"""Exchange rates by day, read from exchange_rates.yaml (docs/accounting.md section 11.1). Knows no journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from tests.oracle.reading import Json, UnsupportedHistory, day_number, digits, exact, integer, iso, record


@dataclass(frozen=True)
class Rates:
    """What one unit of a currency is worth in another, from a day on."""

    holds_days: int
    by_pair: Mapping[tuple[str, str], Mapping[int, Fraction]]

    def on(self, currency: str, functional: str, day: int) -> Fraction:
        """Return the rate of a day: the pair's, or the inverse of the other direction."""
        found = self._latest(currency, functional, day)
        if found is None:
            inverse = self._latest(functional, currency, day)
            found = None if inverse is None else 1 / inverse
        if found is None:
            raise UnsupportedHistory(f"no rate from {currency} to {functional} on {iso(day)}")
        return found

    def _latest(self, currency: str, functional: str, day: int) -> Fraction | None:
        rates = self.by_pair.get((currency, functional), {})
        since = max((since for since in rates if since <= day), default=None)
        return None if since is None or day >= since + self.holds_days else rates[since]


def read_rates(table: Mapping[str, Json]) -> Rates:
    """Read the table."""
    by_pair: dict[tuple[str, str], dict[int, Fraction]] = {}
    for pair, dated in record(table["rates"]).items():
        currency, functional = str(pair).split("/")
        found = {day_number(str(day)): exact(str(rate)) for day, rate in record(dated).items()}
        by_pair[currency, functional] = found
    return Rates(integer(table, "holds_days"), by_pair)


def worth(units: int, currency: str, functional: str, rate: Fraction) -> Fraction:
    """Return what minor units of a currency come to in minor units of another, before rounding."""
    return units * rate * Fraction(10) ** (digits(functional) - digits(currency))
