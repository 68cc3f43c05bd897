"""How much of an amount is earned by the end of a day, in closed form (docs/accounting.md section 4).

Days are day numbers, amounts whole minor units. Knows no contract and no event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from tests.oracle.reading import month_of

Unit = Literal["daily", "monthly", "point"]


def part(amount: int, numerator: int, denominator: int) -> int:
    """Return amount * numerator / denominator to the minor unit, half to even."""
    return round(Fraction(amount * numerator, denominator))


def split(amount: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Split an amount by weights with cumulative rounding."""
    whole = sum(weights, Fraction(0))
    running, before, shares = Fraction(0), 0, []
    for weight in weights:
        running += weight
        upto = round(amount * running / whole)
        shares.append(upto - before)
        before = upto
    return shares


def units(unit: Unit, start: int, end: int) -> int:
    """Return the days, or the calendar months touched, of a term; 0 when it is empty."""
    if end < start:
        return 0
    return end - start + 1 if unit == "daily" else month_of(end) - month_of(start) + 1


def elapsed(unit: Unit, start: int, end: int, by: int) -> int:
    """Return the units of a term that have ended by the end of a day."""
    if by < start:
        return 0
    if by >= end:
        return units(unit, start, end)
    return by - start + 1 if unit == "daily" else month_of(by + 1) - month_of(start)


@dataclass(frozen=True, slots=True)
class Piece:
    """An amount earned over a term, or on a day; after the day `until` it earns nothing more."""

    unit: Unit
    start: int
    end: int
    amount: int
    until: int | None = None

    def by(self, day: int) -> int:
        """Return what is earned by the end of the day."""
        if self.until is not None and day > self.until:
            day = self.until
        if day < self.start:
            return 0
        if self.unit == "point" or day >= self.end:
            return self.amount
        return part(self.amount, elapsed(self.unit, self.start, self.end, day), units(self.unit, self.start, self.end))

    def total(self) -> int:
        """Return all that it will ever earn."""
        return self.amount if self.until is None else self.by(self.until)

    def cut(self, day: int) -> Piece:
        """Return the piece ended with the day."""
        return replace(self, until=day if self.until is None else min(day, self.until))

    def last(self) -> int:
        """Return the last day on which it earns."""
        return self.end if self.until is None else min(self.end, self.until)


def point(day: int, amount: int) -> Piece:
    """Return a piece earned on one day."""
    return Piece("point", day, day, amount)
