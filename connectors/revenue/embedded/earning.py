"""When an obligation's revenue is earned: segments, cuts, cumulative earnings and the schedule (accounting section 4).

Pure arithmetic over dates and minor units; knows no command and no treatment.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable
from functools import cache

from connectors.revenue.embedded.book import Obligation, Segment, SegmentKind
from connectors.revenue.embedded.minor_units import divide
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import RecognitionPattern

DAY = dt.timedelta(days=1)


def _month(day: dt.date) -> int:
    return day.year * 12 + day.month - 1


@cache
def _last_day_of_month(month: int) -> dt.date:
    year, index = divmod(month, 12)
    return dt.date(year, index + 1, calendar.monthrange(year, index + 1)[1])


@cache
def _period_of_month(month: int) -> str:
    year, index = divmod(month, 12)
    return f"{year:04d}-{index + 1:02d}"


def units(kind: SegmentKind, start: dt.date, end: dt.date) -> int:
    """Return the days, or the calendar months touched, from start to end, both included; 0 when end is before start."""
    if end < start:
        return 0
    if kind is SegmentKind.MONTHLY:
        return _month(end) - _month(start) + 1
    return end.toordinal() - start.toordinal() + 1


def elapsed(kind: SegmentKind, start: dt.date, end: dt.date, day: dt.date) -> int:
    """Return the units of a term that are over by the end of a day; a month is over on its last day inside the term."""
    if day < start:
        return 0
    if day >= end:
        return units(kind, start, end)
    if kind is SegmentKind.MONTHLY:
        month = _month(day)
        return month - _month(start) + (day == _last_day_of_month(month))
    return day.toordinal() - start.toordinal() + 1


def earned(segment: Segment, day: dt.date) -> int:
    """Return what a segment has earned by the end of a day."""
    if segment.cut is not None and day > segment.cut:
        day = segment.cut
    if day < segment.start:
        return 0
    if day >= segment.end:
        return segment.amount
    start, end = segment.start, segment.end
    return divide(segment.amount * elapsed(segment.kind, start, end, day), units(segment.kind, start, end))


def total(segments: Iterable[Segment]) -> int:
    """Return all that segments will ever earn."""
    return sum(segment.amount if segment.cut is None else earned(segment, segment.cut) for segment in segments)


def earned_by(obligation: Obligation, day: dt.date) -> int:
    """Return `cum(day)`: what an obligation has earned by the end of a day."""
    return sum(earned(segment, day) for segment in obligation.segments)


def unscheduled(obligation: Obligation) -> int:
    """Return what is allocated and has no date yet."""
    return obligation.allocated - total(obligation.segments)


def cut(segments: Iterable[Segment], last_day: dt.date) -> tuple[Segment, ...]:
    """End segments on a day: what they would have earned later is free to be planned again.

    Points stand: they are facts, not plans. Earlier days never change.
    """
    kept: list[Segment] = []
    for segment in segments:
        if segment.kind is SegmentKind.POINT or (segment.cut or segment.end) <= last_day:
            kept.append(segment)
        elif segment.start <= last_day:
            kept.append(Segment(segment.kind, segment.start, segment.end, segment.amount, last_day))
    return tuple(kept)


def point(day: dt.date, amount: int) -> tuple[Segment, ...]:
    """Return the segment that earns an amount on a day; none for nothing."""
    return (Segment(SegmentKind.POINT, day, day, amount),) if amount else ()


def with_point(segments: tuple[Segment, ...], day: dt.date, amount: int) -> tuple[Segment, ...]:
    """Add an amount to what is earned on a day, keeping one point a day."""
    for at, segment in enumerate(segments):
        if segment.kind is SegmentKind.POINT and segment.start == day:
            return segments[:at] + point(day, segment.amount + amount) + segments[at + 1 :]
    return segments + point(day, amount)


def planned_kind(obligation: Obligation) -> SegmentKind | None:
    """Return how an obligation is planned ahead, or None when only facts earn it.

    An option is planned on the one day on which it expires.
    """
    if obligation.option or obligation.pattern is RecognitionPattern.RATABLE_DAILY:
        return SegmentKind.DAILY
    if obligation.pattern is RecognitionPattern.RATABLE_MONTHLY:
        return SegmentKind.MONTHLY
    return None


def plan(obligation: Obligation, amount: int, first_day: dt.date | None = None) -> tuple[Segment, ...]:
    """Spread an amount over an obligation's term, or what is left of it from a day on.

    Gives no segment where only facts earn the obligation: the amount then stays unscheduled. Raises CommandRefusedError
    where nothing of the term is left.
    """
    kind = planned_kind(obligation)
    if kind is None or not amount:
        return ()
    start = obligation.start if first_day is None else max(first_day, obligation.start)
    if start > obligation.end:
        raise CommandRefusedError(
            RefusalCode.TERM_INVALID,
            f"obligation {obligation.obligation_id} would end on {obligation.end}, and something is left to earn from "
            f"{start} on; expected an end on that day or later. Correct the end, or terminate the contract.",
        )
    return (Segment(kind, start, obligation.end, amount),)


def first_use(obligation: Obligation, day: dt.date) -> dt.date:
    """Return the day on which what was performed on a day is earned: a thing, not before the customer can use it."""
    if obligation.pattern is RecognitionPattern.POINT_IN_TIME and not obligation.option:
        return max(day, obligation.start)
    return day


def is_satisfied(obligation: Obligation, day: dt.date) -> bool:
    """Tell whether nothing remained to be performed at the start of a day (docs/accounting.md section 5)."""
    if obligation.removed_on is not None or obligation.progress == 100:
        return True
    by_time = planned_kind(obligation) is not None or obligation.pattern is RecognitionPattern.PREPAID
    return by_time and obligation.end < day


def schedule(obligation: Obligation) -> list[tuple[str, int]]:
    """Return what an obligation earns by accounting period, in order; periods that earn nothing are left out."""
    months: dict[int, int] = {}
    for segment in obligation.segments:
        if segment.kind is SegmentKind.POINT:
            month = _month(segment.start)
            months[month] = months.get(month, 0) + segment.amount
        else:
            _add_months(segment, months)
    return [(_period_of_month(month), months[month]) for month in sorted(months) if months[month]]


def months_of(days: Iterable[dt.date]) -> range:
    """Return the months, as numbers, from the first to the last of some days; none for no days."""
    months = [_month(day) for day in days]
    return range(min(months), max(months) + 1) if months else range(0)


def last_day_of(month: int) -> dt.date:
    """Return the last day of a month given as a number."""
    return _last_day_of_month(month)


def _add_months(segment: Segment, months: dict[int, int]) -> None:
    start, end, amount = segment.start, segment.end, segment.amount
    last = end if segment.cut is None else min(segment.cut, end)
    monthly = segment.kind is SegmentKind.MONTHLY
    whole = units(segment.kind, start, end)
    over = elapsed(segment.kind, start, end, last)
    first_month = _month(start)
    day_before = start.toordinal() - 1
    before = done = 0
    month = first_month
    while done < over:
        done = month - first_month + 1 if monthly else min(over, _last_day_of_month(month).toordinal() - day_before)
        upto = divide(amount * done, whole)
        months[month] = months.get(month, 0) + upto - before
        before = upto
        month += 1
