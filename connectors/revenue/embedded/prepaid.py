"""Prepaid credits and loyalty points: earned as they are used, with the breakage expected.

Section 14.2 of docs/accounting.md, ASC 606-10-55-46 to 49. What is earned is a function of the days of use, of the
estimates and of the price changes, so that their order of arrival does not matter. Knows obligations and credits; no
book, no command.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

from msgspec.structs import replace

from connectors.revenue.embedded.book import Credits, Obligation, Segment, SegmentKind
from connectors.revenue.embedded.earning import point
from connectors.revenue.embedded.minor_units import divide
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import ContractLine, RecognitionPattern, UsageRated

_NOTHING = Decimal(0)


def credits_of(line: ContractLine) -> Credits | None:
    """Return the credits that a line grants: its price in money, or its quantity where it has no price."""
    if line.pattern is not RecognitionPattern.PREPAID:
        return None
    counted = line.price == 0
    return Credits(line.quantity if counted else line.price, 0, line.breakage_percent, counted)


def granted(obligation: Obligation, amount: int) -> Obligation:
    """Allocate an amount to credits of which none is used yet."""
    return _earning(obligation, replace(_credits(obligation), allocated=amount))


def left(credits: Credits) -> Decimal:
    """Return the credits that are not used."""
    return credits.face - sum((used for _, used in credits.used), _NOTHING)


def draw(obligation: Obligation, usage: UsageRated, *, back: bool = False) -> Obligation:
    """Use credits, or take a use back, on its last day. Raises CommandRefusedError when fewer are left."""
    credits = _credits(obligation)
    if credits.counted and usage.amount:
        raise CommandRefusedError(
            RefusalCode.AMOUNT_INVALID,
            f"credits of line {obligation.line_id} are counted, and their use has amount {usage.amount}; expected 0, "
            "and the credits as quantity. Report what is paid besides on a usage line.",
        )
    taken = usage.quantity if credits.counted else usage.amount
    if taken < 0 or (not back and taken > left(credits)):
        raise CommandRefusedError(
            RefusalCode.CREDITS_EXCEEDED,
            f"{taken} of the credits of line {obligation.line_id} are used and {left(credits)} are left; expected at "
            "most that, and 0 or more. Report what goes beyond as usage of a usage line.",
        )
    days = dict(credits.used)
    days[usage.usage_end] = days.get(usage.usage_end, _NOTHING) + (-taken if back else taken)
    return _earning(obligation, replace(credits, used=tuple(sorted((day, n) for day, n in days.items() if n))))


def repriced(obligation: Obligation, delta: int, day: dt.date) -> Obligation:
    """Change what is allocated to credits; what was used by the day is caught up on it (606-10-32-42 to 45)."""
    credits = _credits(obligation)
    changes = tuple(sorted((*credits.price_changes, (day, delta))))
    return _earning(obligation, replace(credits, price_changes=changes))


def expecting(obligation: Obligation, breakage: Decimal, day: dt.date) -> Obligation:
    """Expect another breakage from a day on; what was used by then is caught up on it (606-10-55-48)."""
    credits = _credits(obligation)
    others = (estimate for estimate in credits.estimates if estimate[0] != day)
    return _earning(obligation, replace(credits, estimates=tuple(sorted((*others, (day, breakage))))))


def until(obligation: Obligation) -> Obligation:
    """Plan the breakage for the end of a term that was changed."""
    return _earning(obligation, _credits(obligation))


def used_share(obligation: Obligation, day: dt.date) -> tuple[int, int]:
    """Return what use has earned of the allocation before a day, as numerator and denominator."""
    if day > obligation.end:
        return 1, 1
    share = _share(_credits(obligation), day - dt.timedelta(days=1))
    return share.numerator, share.denominator


def _credits(obligation: Obligation) -> Credits:
    assert obligation.credits is not None
    return obligation.credits


def _share(credits: Credits, day: dt.date) -> Fraction:
    """Return the share of the allocation that use by the end of a day has earned, 1 at most."""
    breakage = next((percent for since, percent in reversed(credits.estimates) if since <= day), credits.breakage)
    used = sum((number for on, number in credits.used if on <= day), _NOTHING)
    expected = Fraction(credits.face) * (100 - Fraction(breakage)) / 100
    return min(Fraction(used) / expected, Fraction(1))


def _earning(obligation: Obligation, credits: Credits) -> Obligation:
    """Work out all that the credits earn: use and estimates on their days, and the rest on the last day of the term."""
    days = (
        {on for on, _ in credits.used} | {on for on, _ in credits.price_changes} | {on for on, _ in credits.estimates}
    )
    end = obligation.end
    segments: list[Segment] = []
    earned = 0
    rest = credits.allocated + sum(delta for _, delta in credits.price_changes)
    for day in sorted(days):
        allocated = credits.allocated + sum(delta for on, delta in credits.price_changes if on <= day)
        if day > end:
            # The term is over and everything earned: a price change is earned on its day.
            delta = sum(change for on, change in credits.price_changes if on == day)
            segments += point(day, delta)
            rest -= delta
            continue
        share = _share(credits, day)
        upto = divide(allocated * share.numerator, share.denominator)
        segments += point(day, upto - earned)
        earned = upto
    if rest - earned:
        segments.append(Segment(SegmentKind.DAILY, end, end, rest - earned))
    whole = credits.allocated + sum(delta for _, delta in credits.price_changes)
    return replace(obligation, credits=credits, allocated=whole, segments=tuple(segments))
