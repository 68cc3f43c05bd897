"""Interest of a financing component, day by day: an account that bears interest, kept from the first flow to the last.

Slow and written on its own: it shares nothing with the engine but the sentences of docs/accounting.md section 18. The
price is not discounted but solved for: it is what the account takes so that nothing is left on it.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

ONE_DAY = dt.timedelta(days=1)


class Account:
    """A customer's payments and what it got for them, in minor units; interest at an effective annual rate."""

    def __init__(self, rate: Decimal, anchor: dt.date, paid: Mapping[dt.date, int], got: Mapping[dt.date, Decimal]):
        self.rate, self.anchor = rate, anchor
        self.paid, self.got = paid, got
        """By day: amounts, and parts of the whole that add up to 1."""
        self._by_length: dict[int, Decimal] = {}
        days = sorted({*paid, *got})
        self.first, self.last = days[0], days[-1]
        with localcontext(prec=60):
            left = self._balance(Decimal(0), self.last)
            self.exact = left / (left - self._balance(Decimal(1), self.last))
        self.price = int(self.exact.to_integral_value(ROUND_HALF_EVEN))

    def interest(self, day: dt.date) -> int:
        """Return income, above 0, or expense by the end of a day."""
        if day >= self.last:
            return sum(self.paid.values()) - self.price
        with localcontext(prec=60):
            flows = sum((Decimal(amount) for on, amount in self.paid.items() if on <= day), Decimal(0))
            flows -= sum((self.exact * part for on, part in self.got.items() if on <= day), Decimal(0))
            held = self._balance(self.exact, day) * self._growth(day) if day >= self.first else Decimal(0)
            return int((flows - held).to_integral_value(ROUND_HALF_EVEN))

    def _balance(self, price: Decimal, until: dt.date) -> Decimal:
        """Return what the account holds on a day after that day's flows."""
        held, day = Decimal(0), self.first
        while day <= until:
            if day > self.first:
                held *= self._growth(day - ONE_DAY)
            held += self.paid.get(day, 0) - price * self.got.get(day, Decimal(0))
            day += ONE_DAY
        return held

    def _growth(self, day: dt.date) -> Decimal:
        """Return by what a balance grows in a day: the day's part of its month, reckoned from the anchor."""
        begins, ends = day, day + ONE_DAY
        while not self._begins(begins):
            begins -= ONE_DAY
        while not self._begins(ends):
            ends += ONE_DAY
        days = (ends - begins).days
        if days not in self._by_length:
            self._by_length[days] = (1 + self.rate) ** (1 / Decimal(12 * days))
        return self._by_length[days]

    def _begins(self, day: dt.date) -> bool:
        """Tell whether a month, reckoned from the anchor, begins on a day."""
        return day.day == min(self.anchor.day, monthrange(day.year, day.month)[1])
