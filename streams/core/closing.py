"""Which periods of a legal entity are closed, and how firmly (docs/accounting.md section 8). Pure values.

Everything follows from the order of the entity's period events alone; no answer and no clock has a part in it.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from streams.core.fiscal import previous_period
from streams.records import CommercialEvent, PeriodClosed, PeriodLock, PeriodOpened


class Closing(Struct, frozen=True, omit_defaults=True):
    """The closed periods of one legal entity; periods are YYYY-MM."""

    closed_through: str = ""
    """Last period that was closed; empty when none is. Periods before it are closed too."""
    reopened: tuple[str, ...] = ()
    """Those of them that are open again, in order."""
    locked_through: str = ""
    """Last period into which nothing is posted any more (HARD); empty when none is."""

    def is_closed(self, period: str) -> bool:
        """Tell whether what is dated in a period is late."""
        return period <= self.closed_through and period not in self.reopened

    def lock_of(self, period: str) -> PeriodLock | None:
        """Return how firmly a period is closed; None when it is open."""
        if not self.is_closed(period):
            return None
        return PeriodLock.HARD if period <= self.locked_through else PeriodLock.SOFT


def objection(closing: Closing, event: CommercialEvent) -> str | None:
    """Return why a period event cannot take effect, or None. One that changes nothing is no reason to object."""
    match event.body:
        case PeriodClosed(period=period, lock=PeriodLock.HARD):
            entity = event.context.legal_entity
            if period > closing.closed_through:
                return (
                    f"period {period} of {entity} is open, expected one that is closed with lock SOFT: close it SOFT "
                    "first, and HARD when its recognition is posted"
                )
            if again := [other for other in closing.reopened if other <= period]:
                return (
                    f"period {', '.join(again)} of {entity} is open again, expected every period up to {period} to be "
                    "closed: close it SOFT first, then HARD"
                )
        case PeriodOpened(period=period, approved_by=approver, reason=reason):
            if closing.is_closed(period) and not (approver.strip() and reason.strip()):
                return (
                    f"period {period} of {event.context.legal_entity} is closed, expected approved_by and reason to "
                    "open it again: send the event again under a new event id with both"
                )
        case _:
            pass
    return None


def after(closing: Closing, event: CommercialEvent) -> Closing:
    """Return what is closed after a period event; the same when it changes nothing, or there is an objection."""
    if objection(closing, event) is not None:
        return closing
    match event.body:
        case PeriodClosed(period=period, lock=PeriodLock.HARD):
            return replace(closing, locked_through=max(period, closing.locked_through))
        case PeriodClosed(period=period):
            if period > closing.closed_through:
                return replace(closing, closed_through=period)
            return replace(closing, reopened=tuple(other for other in closing.reopened if other != period))
        case PeriodOpened(period=period):
            if not closing.is_closed(period):
                return closing
            # Later periods begin with what this one ends with: they stay closed, but have to be locked again.
            locked = min(closing.locked_through, previous_period(period))
            return replace(closing, reopened=tuple(sorted((*closing.reopened, period))), locked_through=locked)
        case _:
            return closing


def runs_recognition(before: Closing, event: CommercialEvent) -> bool:
    """Tell whether a period event runs recognition: it closes the entity's last period, for the first time or again.

    A period that is closed again after a later one has been run gets no run: what it would recognise belongs to a
    period that has been run already, and comes with the next run.
    """
    body = event.body
    if not isinstance(body, PeriodClosed) or body.lock is PeriodLock.HARD:
        return False
    return body.period >= before.closed_through and not before.is_closed(body.period)
