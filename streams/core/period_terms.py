"""The rules that a period event must keep by itself (docs/accounting.md section 8). Knows no history."""

from __future__ import annotations

import datetime as dt

from streams.core.findings import EARLIEST, LATEST, Findings, Rule
from streams.core.money import next_period
from streams.records import CommercialEvent, PeriodClosed, PeriodOpened

_AHEAD_AT_MOST = dt.timedelta(days=366)
"""How far an effective date may lie behind the moment of a close and still say when the close is."""


def period_terms(found: Findings, at: str, legal_entity: str, body: PeriodClosed | PeriodOpened) -> bool:
    """Check the period's name, that it is one of ours, and that an approval is whole; tell whether it is a name."""
    period = body.period
    year, dash, number = period[:4], period[4:5], period[5:]
    digits = len(period) == 7 and dash == "-" and (year + number).isascii() and (year + number).isdigit()
    if not (digits and EARLIEST.year <= int(year) <= LATEST.year and 1 <= int(number) <= 12):
        found.add(f"{at}/period", Rule.PERIOD_FORMAT, f"found {period!r}, expected a month like 2026-03; correct it")
        return False
    entity = found.policy.entities.get(legal_entity)
    if entity is not None and period < entity.first_open_period:
        found.add(
            f"{at}/period",
            Rule.PERIOD_FORMAT,
            f"found {period!r}, expected {entity.first_open_period} or later: the books of {legal_entity} were taken "
            "over then; correct it",
        )
    if isinstance(body, PeriodOpened) and bool(body.approved_by.strip()) != bool(body.reason.strip()):
        missing = "reason" if body.approved_by.strip() else "approved_by"
        found.add(
            f"{at}/{missing}",
            Rule.BLANK,
            "found nothing, expected approved_by and reason, both: to open a closed period again needs them; add it",
        )
    return True


def not_ahead(found: Findings, at: str, event: CommercialEvent, body: PeriodClosed) -> None:
    """Check that a period is not closed before it has come: a mistyped year would close all that lies between.

    The event's own dates are the clock, so that it is judged alike whenever it is read.
    """
    calendar = found.policy.calendar(event.context.legal_entity)
    occurred = _within(event.occurred_at.date())
    day = min(max(occurred, _within(event.effective_date)), occurred + _AHEAD_AT_MOST)
    latest = next_period(calendar.period_of(day))
    if body.period > latest:
        found.add(
            f"{at}/period",
            Rule.IMPLAUSIBLE_DATE,
            f"found {body.period!r} in a close of {day}, expected {latest} or earlier, the period after that day's: "
            "a later one has not begun; correct the period, or the dates of the event",
        )


def _within(day: dt.date) -> dt.date:
    return min(max(day, EARLIEST), LATEST)
