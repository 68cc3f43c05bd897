"""One performance obligation on the worksheet of a contract. Knows how it earns, not why it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from tests.oracle.consumption import Credits, Meter
from tests.oracle.earning import Piece, Unit, elapsed, point, units


class Refused(Exception):
    """An accountant would send this event back."""


def require(holds: bool, otherwise: str) -> None:
    """Refuse the event unless the condition holds."""
    if not holds:
        raise Refused(otherwise)


@dataclass
class Obligation:
    """A promise with what is allocated to it and the pieces in which that is earned."""

    name: str
    line: str
    product: str
    entity: str
    pattern: str
    group: str
    start: int
    end: int
    price: int = 0
    ssp: Fraction = Fraction(0)
    distinct: bool = True
    allocated: int = 0
    progress: Fraction = Fraction(0)
    promised: Fraction | None = None
    """Units promised, or cost expected."""
    done: Fraction = Fraction(0)
    """Units delivered, or cost incurred."""
    done_before: Fraction = Fraction(0)
    earned_before: int = 0
    """Units that were delivered, and had earned this, when what they earn last changed."""
    removed: bool = False
    pieces: list[Piece] = field(default_factory=list)
    usage: dict[str, Piece] = field(default_factory=dict)
    """By transaction: usage without a minimum, and what was invoiced of work that is earned as it may be."""
    meter: Meter | None = None
    """Of prepaid credits, and of usage with a minimum."""

    @property
    def unit(self) -> Unit | None:
        """The unit of a ratable pattern, else None."""
        return {"RATABLE_DAILY": "daily", "RATABLE_MONTHLY": "monthly"}.get(self.pattern)  # type: ignore[return-value]

    @property
    def consumed(self) -> bool:
        """Whether it is earned by what is used or invoiced, and no part of what a change spreads anew."""
        return self.pattern in {"USAGE", "AS_INVOICED", "PREPAID"}

    @property
    def unpriced(self) -> bool:
        """Whether nothing is allocated ahead: usage without a minimum, and work that is earned as invoiced."""
        return self.pattern == "AS_INVOICED" or (self.pattern == "USAGE" and self.meter is None)

    @property
    def takes_price_changes(self) -> bool:
        """Whether a change of the price may concern it."""
        return self.pattern not in {"USAGE", "AS_INVOICED"} and not self.removed

    def all_pieces(self) -> list[Piece]:
        """Return the pieces, usage included."""
        return [*self.pieces, *self.usage.values()] if self.usage else self.pieces

    def days(self) -> Iterator[int]:
        """Return the first and the last days on which something is earned."""
        for piece in self.all_pieces():
            yield from (piece.start, piece.last())
        if self.meter is not None:
            yield from self.meter.days()

    def earned(self, by: int) -> int:
        """Return what is earned by the end of the day."""
        metered = 0 if self.meter is None else self.meter.earned(by)
        return metered + sum(piece.by(by) for piece in self.all_pieces())

    def scheduled(self) -> int:
        """Return what has dates."""
        metered = 0 if self.meter is None else self.meter.total()
        return metered + sum(piece.total() for piece in self.all_pieces())

    def satisfied(self, on: int) -> bool:
        """Whether nothing is left to do from the day on."""
        if self.progress == 1:
            return True
        return (self.unit is not None or self.pattern in {"OPTION", "PREPAID"}) and self.end < on

    def under_way(self) -> bool:
        """Whether this is one promise that has begun: a milestone line, not complete, or work measured by cost."""
        if self.pattern == "COST_TO_COST":
            return self.done > 0
        return self.pattern == "MILESTONE" and 0 < self.progress < 1

    def planned(self, piece: Piece) -> bool:
        """Whether a piece is what an option earns on its expiry if it is not exercised; other points are facts."""
        return self.pattern == "OPTION" and self.progress == 0 and piece.start == self.end

    def cut_pieces(self, day: int) -> list[Piece]:
        """Return the pieces ended with the day; points are facts and stand, except that of an option still open."""
        ended = (p if p.unit == "point" and not self.planned(p) else p.cut(day) for p in self.pieces)
        return [piece for piece in ended if piece.total()]

    def settled(self, on: int) -> int:
        """Return what a change from the day leaves alone: what is earned before it, and every point."""
        metered = 0 if self.meter is None else self.meter.settled(on)
        return metered + sum(piece.total() for piece in self.cut_pieces(on - 1))

    def cut(self, day: int) -> None:
        """End what is planned with the day."""
        self.pieces = self.cut_pieces(day)

    def end_service(self, last: int) -> None:
        """Promise nothing after the day; nothing but what is earned stays allocated."""
        if self.consumed:
            self.end = min(self.end, last)
        if self.meter is not None:
            self.meter.stop(last)
            self.allocated = self.scheduled()
        elif not self.consumed:
            self.restart(last + 1, 0)

    def give(self, amount: int, from_day: int) -> None:
        """Allocate a further amount: over what remains of the term, on the expiry of an option, else undated."""
        self.allocated += amount
        if self.meter is not None:
            self.meter.give(amount, from_day)
            return
        self._date(amount, from_day)

    def _date(self, amount: int, from_day: int) -> None:
        if self.unit is not None:
            start = max(from_day, self.start)
            require(start <= self.end or amount == 0, f"nothing remains of {self.name} to spread over")
            if amount:
                self.pieces.append(Piece(self.unit, start, self.end, amount))
        elif self.pattern == "OPTION" and amount:
            self.pieces.append(point(self.end, amount))

    def restart(self, on: int, share: int) -> None:
        """Keep what is earned before the day, and earn the share from then on."""
        self.cut(on - 1)
        self.allocated = self.scheduled()
        self.settle_units()
        self.give(share, on)

    def settle_units(self) -> None:
        """Leave what delivered units have earned; the others share the rest of the allocation."""
        self.done_before, self.earned_before = self.done, self.scheduled()

    def reach(self, on: int, done: Fraction) -> None:
        """Deliver units, or incur cost, up to a total: what that has earned and was not is earned on the day."""
        assert self.promised is not None
        self.done = done
        self.progress = done / self.promised
        if self.pattern == "UNITS":
            part_done = (done - self.done_before) / (self.promised - self.done_before)
            upto = self.earned_before + round((self.allocated - self.earned_before) * part_done)
        else:
            upto = round(self.allocated * self.progress)
        self._add_point(on, upto - self.scheduled())

    def require_joins(self, other: Obligation) -> None:
        """Refuse to measure a line in another way than the rest of one promise."""
        require(other.pattern == self.pattern, f"{other.name} is {other.pattern} and joins {self.name}: {self.pattern}")

    def join_cost(self, other: Obligation) -> None:
        """Measure the cost of a line that is not distinct together with this one's."""
        self.require_joins(other)
        if other.pattern == "COST_TO_COST":
            self.promise_now((self.promised or Fraction(0)) + (other.promised or Fraction(0)))

    def promise_now(self, promised: Fraction | None) -> None:
        """Promise other units, or expect another cost."""
        if promised is not None:
            self.promised = promised
            self.progress = self.done / promised

    def take(self, on: int, amount: int) -> None:
        """Add an amount to the allocation that is all earned on the day, or when the customer can use it first."""
        self.allocated += amount
        self._add_point(self.usable(on), amount)
        self.settle_units()

    def usable(self, on: int) -> int:
        """Return the day, or the first of the term of what is transferred at once and cannot be used before."""
        return max(on, self.start) if self.pattern == "POINT_IN_TIME" else on

    def catch_up(self, on: int, delta: int, end: int | None = None) -> None:
        """Add to the allocation as if it had been so from the start: the part by progress is earned on the day."""
        if isinstance(self.meter, Credits):
            self.give(delta, on)
            return
        if self.pattern == "COST_TO_COST":
            self.allocated += delta
            self.end = self.end if end is None else end
            self.reach(on, self.done)
            return
        if self.satisfied(on):
            self.take(on, delta)
            return
        self.end = self.end if end is None else end
        progress = self.progress
        if self.unit is not None:
            progress = Fraction(
                elapsed(self.unit, self.start, self.end, on - 1), units(self.unit, self.start, self.end)
            )
        now = round(delta * progress)
        self.allocated += delta
        if self.unit is not None:
            rest = self.allocated - self.settled(on) - now
            self.cut(on - 1)
            self._add_point(on, now)
            self._date(rest, on)
        elif self.pattern == "OPTION":
            self._date(delta, on)
        else:
            self._add_point(on, now)
            self.settle_units()

    def remaining_weight(self, on: int, ssp: Fraction, end: int, promised: Fraction | None = None) -> Fraction:
        """Return the stand-alone selling price of what remains, of a line with this SSP, end and promised units."""
        promised = promised or self.promised
        if promised is not None:
            return ssp * (promised - self.done) / promised
        if self.unit is None:
            return ssp
        return ssp * Fraction(units(self.unit, max(on, self.start), end), units(self.unit, self.start, end))

    def _add_point(self, on: int, amount: int) -> None:
        if amount:
            self.pieces.append(point(on, amount))


@dataclass
class Line:
    """A contract line as it is agreed now, whole, and the obligation it belongs to."""

    obligation: Obligation
    price: int
    ssp: Fraction
    quantity: Fraction
    """Price and stand-alone selling price of a minimum are those of one of its periods."""
    increments: list[Obligation] = field(default_factory=list)

    def obligations(self) -> Iterator[Obligation]:
        """Return the line's own obligation and its increments."""
        yield self.obligation
        yield from self.increments
