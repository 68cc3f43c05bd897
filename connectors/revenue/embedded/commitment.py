"""Minimum commitments of usage lines, trued up at the end of each period (docs/accounting.md section 14.3).

The minimum is fixed consideration; usage counts against the minimum of its period, and what goes beyond is variable
(ASC 606-10-32-5 to 9 and 32-40). Knows obligations and periods; no book, no command.
"""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from connectors.revenue.embedded.book import CommittedPeriod, Obligation, Segment, SegmentKind
from connectors.revenue.embedded.earning import with_point
from connectors.revenue.embedded.minor_units import divide, split
from streams.core.service_periods import service_periods
from streams.records import ContractLine, RecognitionPattern


def periods_of(line: ContractLine, price: int) -> tuple[CommittedPeriod, ...]:
    """Return the periods of a usage line whose price is the minimum of all; none for a line without a minimum."""
    if line.pattern is not RecognitionPattern.USAGE or not price:
        return ()
    periods = service_periods(line.start_date, line.end_date, line.commitment_months)
    return tuple(CommittedPeriod(start, end, price // len(periods)) for start, end in periods)


def committed(obligation: Obligation, amount: int) -> Obligation:
    """Allocate an amount to the periods alike, and plan each to be trued up on its last day."""
    shares = split(amount, [1] * len(obligation.commitment))
    periods = tuple(replace(it, allocated=share) for it, share in zip(obligation.commitment, shares, strict=True))
    segments = tuple(Segment(SegmentKind.DAILY, it.end, it.end, it.allocated) for it in periods if it.allocated)
    return replace(obligation, allocated=amount, commitment=periods, segments=segments)


def fixed_part(obligation: Obligation) -> int:
    """Return what of the allocation is not usage beyond a minimum."""
    beyond = sum(max(sum(used for _, used in it.used) - it.minimum, 0) for it in obligation.commitment)
    return obligation.allocated - beyond


def count(obligation: Obligation, day: dt.date, amount: int) -> Obligation:
    """Count usage, negative to take it back, against the minimum of the period that its last day is in.

    Within a period usage is counted by day, whatever its order of arrival.
    """
    at = next(at for at, it in enumerate(obligation.commitment) if it.start <= day <= it.end)
    before = obligation.commitment[at]
    days = dict(before.used)
    days[day] = days.get(day, 0) + amount
    after = replace(before, used=tuple(sorted((on, number) for on, number in days.items() if number)))
    old, old_rest = _earned(before)
    new, new_rest = _earned(after)
    segments = obligation.segments
    for on in sorted(old.keys() | new.keys()):
        segments = with_point(segments, on, new.get(on, 0) - old.get(on, 0))
    planned = Segment(SegmentKind.DAILY, before.end, before.end, old_rest)
    segments = tuple(segment for segment in segments if segment != planned)
    if new_rest:
        segments += (Segment(SegmentKind.DAILY, before.end, before.end, new_rest),)
    grown = sum(new.values()) + new_rest - sum(old.values()) - old_rest
    periods = (*obligation.commitment[:at], after, *obligation.commitment[at + 1 :])
    return replace(obligation, allocated=obligation.allocated + grown, commitment=periods, segments=segments)


def used_in_period(obligation: Obligation, day: dt.date) -> int:
    """Return what was used in the period that a day is in."""
    return sum(number for it in obligation.commitment if it.start <= day <= it.end for _, number in it.used)


def same_period(obligation: Obligation, day: dt.date, other: dt.date) -> bool:
    """Tell whether two days are in one period of a minimum."""
    return any(it.start <= day <= it.end and it.start <= other <= it.end for it in obligation.commitment)


def without_minimum(obligation: Obligation, last_day: dt.date) -> tuple[CommittedPeriod, ...]:
    """Return the periods of a line that ends on a day: those not over have no minimum any more.

    What was used of them stands; what is reported of them later is variable.
    """
    return tuple(it if it.end <= last_day else CommittedPeriod(it.start, it.end, 0) for it in obligation.commitment)


def _earned(period: CommittedPeriod) -> tuple[dict[dt.date, int], int]:
    """Return what usage of a period earns by day, and what is left to be trued up."""
    by_day: dict[dt.date, int] = {}
    running = within = beyond = 0
    for day, number in period.used:
        running += number
        counted = max(min(running, period.minimum), 0)
        upto = divide(period.allocated * counted, period.minimum) if period.minimum else 0
        by_day[day] = upto - within + (running - counted) - beyond
        within, beyond = upto, running - counted
    return by_day, period.allocated - within
