"""What is earned as it is used up: prepaid credits, and the minimum of metered usage (accounting.md 14.2, 14.3).

Each works out anew, from all that was reported, what is earned by the end of a day. Knows no contract and no event.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from tests.oracle.earning import part, split

_ALWAYS = 0
"""A day before every other."""


class Meter(Protocol):
    """What use does to an obligation."""

    def earned(self, by: int) -> int:
        """Return what is earned by the end of the day."""
        ...

    def total(self) -> int:
        """Return all that is going to be earned, as things stand."""
        ...

    def settled(self, on: int) -> int:
        """Return what a change from the day leaves alone: all that ended before it, and every use."""
        ...

    def stop(self, last: int) -> None:
        """End what is not over by the last day of service; what was used stands."""
        ...

    def days(self) -> Iterator[int]:
        """Return every day on which what is earned may change."""
        ...

    def give(self, amount: int, on: int) -> None:
        """Allocate a further amount from a day on."""
        ...

    def names(self) -> Iterator[str]:
        """Return the names of all uses."""
        ...

    def take_back(self, use: str) -> bool:
        """Forget a use; return whether it may be forgotten."""
        ...


@dataclass
class Credits:
    """Credits that were paid before they are used, some of which never will be."""

    face: Fraction
    end: int
    by_quantity: bool
    breakage: list[tuple[int, Fraction]]
    """From a day on until the next, the part that is expected never to be used; of one day the one told last first."""
    amounts: list[tuple[int, int]] = field(default_factory=list)
    """From a day on, what more is allocated."""
    late: list[tuple[int, int]] = field(default_factory=list)
    """What was allocated after the term was over, earned on its day."""
    uses: dict[str, tuple[int, Fraction]] = field(default_factory=dict)
    stopped: bool = False

    def left(self) -> Fraction:
        """Return the credits that are not used."""
        return self.face - sum(credit for _, credit in self.uses.values())

    def _by_use(self, by: int) -> int:
        allocated = sum(amount for day, amount in self.amounts if day <= by)
        used = sum((credit for day, credit in self.uses.values() if day <= by), Fraction(0))
        _, never = max((it for it in self.breakage if it[0] <= by), key=lambda it: it[0])
        return round(allocated * min(used / (self.face * (1 - never)), Fraction(1))) + self._late(by)

    def _late(self, by: int) -> int:
        return sum(amount for day, amount in self.late if day <= by)

    def earned(self, by: int) -> int:
        """Return what is earned by the end of the day: by use, and on the last day all of it."""
        if self.stopped or by < self.end:
            return self._by_use(by)
        return sum(amount for _, amount in self.amounts) + self._late(by)

    def total(self) -> int:
        """Return all of the allocation, or what was used when this has been stopped."""
        return self.earned(max([self.end, *self.days()]))

    def settled(self, on: int) -> int:
        """Return what use has earned, whatever its day."""
        return self.total() if self.end < on else self._by_use(max(self.days(), default=on))

    def stop(self, last: int) -> None:
        """Let no more be earned than by use, unless the term is over."""
        self.stopped = self.stopped or last < self.end

    def days(self) -> Iterator[int]:
        """Return the days of use, of new estimates and amounts, and the last of the term."""
        yield self.end
        yield from (day for day, _ in self.uses.values())
        yield from (day for day, _ in [*self.breakage, *self.amounts, *self.late] if day != _ALWAYS)

    def give(self, amount: int, on: int) -> None:
        """Allocate a further amount from a day on; the first counts for all days."""
        if self.amounts and on > self.end:
            self.late.append((on, amount))
        else:
            self.amounts.append((on if self.amounts else _ALWAYS, amount))

    def names(self) -> Iterator[str]:
        """Return the names of all uses."""
        return iter(self.uses)

    def take_back(self, use: str) -> bool:
        """Give the credits of a use back."""
        return not self.stopped and self.uses.pop(use, None) is not None


def credits(face: Fraction, end: int, percent: Fraction, *, by_quantity: bool) -> Credits:
    """Return credits of which a percentage is expected never to be used."""
    return Credits(face, end, by_quantity, [(_ALWAYS, percent / 100)])


@dataclass
class Commitment:
    """One period of a minimum."""

    start: int
    end: int
    minimum: int
    amount: int = 0
    """What is allocated to its minimum."""
    uses: dict[str, tuple[int, int]] = field(default_factory=dict)
    above: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Uses that do not count against the minimum, since it had ended when they were reported."""
    stopped: bool = False

    def used(self, by: int) -> int:
        """Return what is used by the end of the day."""
        return sum(amount for day, amount in self.uses.values() if day <= by)

    def counted(self, by: int) -> int:
        """Return what of it counts against the minimum: re-ratings may come before what they re-rate."""
        return min(max(self.used(by), 0), self.minimum)

    def fixed(self, by: int) -> int:
        """Return what of the minimum is earned by the end of the day."""
        if by >= self.end and not self.stopped:
            return self.amount
        return part(self.amount, self.counted(by), self.minimum)

    def variable(self, by: int) -> int:
        """Return what is earned besides the minimum by the end of the day."""
        beyond = self.used(by) - self.counted(by)
        return beyond + sum(amount for day, amount in self.above.values() if day <= by)


@dataclass
class Minimum:
    """Metered usage with a minimum for each of its periods."""

    periods: list[Commitment]

    def of_day(self, day: int) -> Commitment:
        """Return the period that a day is in."""
        return next(period for period in self.periods if period.start <= day <= period.end)

    def use(self, name: str, day: int, amount: int) -> None:
        """Count usage against its period."""
        period = self.of_day(day)
        (period.above if period.stopped else period.uses)[name] = (day, amount)

    def earned(self, by: int) -> int:
        """Return what is earned by the end of the day."""
        return sum(period.fixed(by) + period.variable(by) for period in self.periods)

    def total(self) -> int:
        """Return the minimums, or what was used of those that were stopped, and what goes beyond."""
        return self.earned(max(self.days()))

    def settled(self, on: int) -> int:
        """Return the minimums of the periods that ended, what was used of the others, and what goes beyond."""
        late = max(self.days())
        return sum(period.variable(late) for period in self.periods) + self.settled_minimum(on)

    def settled_minimum(self, on: int) -> int:
        """Return the minimums of the periods that ended, and what was used of the others."""
        return sum(
            period.amount
            if period.end < on and not period.stopped
            else part(period.amount, period.counted(period.end), period.minimum)
            for period in self.periods
        )

    def stop(self, last: int) -> None:
        """End the minimum of the periods that are not over."""
        for period in self.periods:
            period.stopped = period.stopped or period.end > last

    def days(self) -> Iterator[int]:
        """Return the days of use, and the last day of each period."""
        for period in self.periods:
            yield period.end
            yield from (day for day, _ in [*period.uses.values(), *period.above.values()])

    def give(self, amount: int, on: int) -> None:
        """Share an amount by the periods alike; `on` decides nothing: there is no later amount."""
        del on
        for period, share in zip(self.periods, split(amount, [1] * len(self.periods)), strict=True):
            period.amount += share

    def names(self) -> Iterator[str]:
        """Return the names of all uses."""
        for period in self.periods:
            yield from [*period.uses, *period.above]

    def take_back(self, use: str) -> bool:
        """Forget a use, unless it stands since its minimum was ended."""
        for period in self.periods:
            if period.above.pop(use, None) is not None:
                return True
            if use in period.uses and not period.stopped:
                del period.uses[use]
                return True
        return False


def minimum(start: int, end: int, months: int, amount: int) -> Minimum | None:
    """Return a minimum for every so many months of a term (0: for all of it); None when they do not fill the term."""
    if months == 0:
        return Minimum([Commitment(start, end, amount)])
    periods: list[Commitment] = []
    begin = start
    while begin <= end:
        following = _months_later(start, months * (len(periods) + 1))
        periods.append(Commitment(begin, following - 1, amount))
        begin = following
    return Minimum(periods) if periods and periods[-1].end == end else None


def _months_later(day: int, months: int) -> int:
    """Return the same day of a later month, or the last of it where it is shorter."""
    date = dt.date.fromordinal(day)
    number = date.year * 12 + date.month - 1 + months
    for day_of_month in range(date.day, 27, -1):
        try:
            return date.replace(number // 12, number % 12 + 1, day_of_month).toordinal()
        except ValueError:
            continue
    return date.replace(number // 12, number % 12 + 1).toordinal()
