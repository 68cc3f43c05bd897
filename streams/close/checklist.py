"""What must be done before a period of a legal entity is locked (docs/close.md). Pure: made from records.

Must not know brokers, or how it is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from streams.core.close_check import performer_open
from streams.core.closing import Closing, after, runs_recognition
from streams.core.fiscal import previous_period
from streams.core.policy import Policy
from streams.records import (
    CommercialEvent,
    ContractStatus,
    ExceptionRecord,
    ExceptionState,
    PeriodLock,
    Variance,
)

_EXAMPLES = 3
_SETTLED = frozenset({ExceptionState.RESOLVED, ExceptionState.CLOSED_AS_DUPLICATE})


class Check(StrEnum):
    """The checks, in the order in which they are worked off."""

    CLOSED = "closed"
    """The period, and every one before it, is closed (SOFT)."""
    BACKLOG = "backlog"
    """Records that a stage has not read, of any entity."""
    PERFORMERS = "performers"
    """Entities that perform for contracts of this one, and have a period open that posts in its books."""
    RECOGNITION = "recognition"
    """Contracts that the period's recognition run has not reached."""
    COMMANDS = "commands"
    """Revenue commands without an answer."""
    POSTINGS = "postings"
    """Postings that the ERP has not accepted, held ones too."""
    PARKED = "parked"
    """Events that wait and are dated in the period or before."""
    EXCEPTIONS = "exceptions"
    """Exceptions that are open."""
    VARIANCES = "variances"
    """Measures on which two systems differ."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A contract's status and the partition that it lies in."""

    partition: int
    status: ContractStatus


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the topics hold: the last record of each key where only the last counts."""

    period_events: Sequence[CommercialEvent]
    """Of every entity, in the order of one partition."""
    told_at: Mapping[tuple[str, int], int]
    """Offsets of period events by event id and partition, as far as they were looked for."""
    statuses: Sequence[Placed]
    exceptions: Sequence[ExceptionRecord]
    variances: Sequence[Variance]
    backlog: Mapping[str, int] = field(default_factory=dict)
    """Records not read, by stage and topic."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist."""

    check: Check
    open: int
    """How many are open; 0 when it is done."""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseStatus:
    """Where the close of a period stands."""

    legal_entity: str
    period: str
    first_day: dt.date
    last_day: dt.date
    lock: PeriodLock | None
    """None: open."""
    items: tuple[Item, ...]

    @property
    def left(self) -> tuple[Check, ...]:
        """The checks that are not done."""
        return tuple(item.check for item in self.items if item.open)


def checklist(policy: Policy, legal_entity: str, period: str, evidence: Evidence) -> CloseStatus:
    """Return the checklist of an entity and period. Raises ValueError for an entity that is not configured."""
    if legal_entity not in policy.entities:
        known = ", ".join(sorted(policy.entities))
        raise ValueError(f"entity {legal_entity!r} is unknown; expected one of {known}")
    calendar = policy.calendar(legal_entity)
    last_day = calendar.last_day(period)
    closing, run = _history(policy, legal_entity, period, evidence.period_events)
    mine = [placed for placed in evidence.statuses if placed.status.context.legal_entity == legal_entity]
    return CloseStatus(
        legal_entity=legal_entity,
        period=period,
        first_day=calendar.first_day(period),
        last_day=last_day,
        lock=closing.lock_of(period),
        items=(
            _item(Check.CLOSED, _not_closed(closing, period)),
            _counted(Check.BACKLOG, evidence.backlog.items()),
            _item(Check.PERFORMERS, _performers(policy, legal_entity, period, mine, evidence.period_events)),
            _item(Check.RECOGNITION, _not_run(mine, run, evidence.told_at)),
            _counted(Check.COMMANDS, ((it.status.context.contract_id, it.status.commands_pending) for it in mine)),
            _counted(Check.POSTINGS, ((it.status.context.contract_id, it.status.postings_pending) for it in mine)),
            _item(Check.PARKED, _parked(evidence.statuses, legal_entity, last_day)),
            _item(Check.EXCEPTIONS, _exceptions(evidence.exceptions, legal_entity)),
            _item(Check.VARIANCES, _variances(evidence.variances, legal_entity)),
        ),
    )


def run_of(policy: Policy, legal_entity: str, period: str, events: Iterable[CommercialEvent]) -> CommercialEvent | None:
    """Return the last event that ran recognition of a period or a later one for an entity, or None."""
    return _history(policy, legal_entity, period, events)[1]


def _history(
    policy: Policy, legal_entity: str, period: str, events: Iterable[CommercialEvent]
) -> tuple[Closing, CommercialEvent | None]:
    closing, run = Closing(previous_period(policy.entities[legal_entity].first_open_period)), None
    seen: set[str] = set()
    for event in events:
        if event.context.legal_entity != legal_entity or event.event_id in seen:
            continue
        seen.add(event.event_id)
        if runs_recognition(closing, event) and getattr(event.body, "period", "") >= period:
            run = event
        closing = after(closing, event)
    return closing, run


def _not_closed(closing: Closing, period: str) -> list[str]:
    found = [f"{again} is open again" for again in closing.reopened if again <= period]
    return found if period <= closing.closed_through else [f"{period} is open", *found]


def _performers(
    policy: Policy, legal_entity: str, period: str, mine: Iterable[Placed], events: Sequence[CommercialEvent]
) -> list[str]:
    performers = sorted({name for it in mine for name in it.status.performing_entities if name in policy.entities})
    found = (
        performer_open(_history(policy, name, period, events)[0], name, legal_entity, period, policy)
        for name in performers
    )
    return [said for said in found if said is not None]


def _not_run(mine: Iterable[Placed], run: CommercialEvent | None, told_at: Mapping[tuple[str, int], int]) -> list[str]:
    if run is None:
        return ["no PeriodClosed has started it"]
    return [
        it.status.context.contract_id
        for it in mine
        if it.status.last_event_offset < told_at.get((run.event_id, it.partition), 0)
    ]


def _parked(statuses: Iterable[Placed], legal_entity: str, last_day: dt.date) -> list[str]:
    return [
        f"{placed.status.context.contract_id} {parked.event_type} {parked.event_id}: {parked.reason}"
        for placed in statuses
        for parked in placed.status.parked
        if (parked.legal_entity or placed.status.context.legal_entity) == legal_entity
        and (parked.effective_date is None or parked.effective_date <= last_day)
    ]


def _exceptions(exceptions: Iterable[ExceptionRecord], legal_entity: str) -> list[str]:
    latest = {exception.exception_id: exception for exception in exceptions}
    return [
        f"{it.context.contract_id} {it.root_cause.value} {it.event_id}".replace("  ", " ")
        for it in latest.values()
        if it.context.legal_entity in (legal_entity, "") and it.state not in _SETTLED
    ]


def _variances(variances: Iterable[Variance], legal_entity: str) -> list[str]:
    latest = {variance.variance_id: variance for variance in variances}
    return [
        f"{it.context.contract_id} {it.measure.value} {it.difference} {it.currency}"
        for it in latest.values()
        if it.legal_entity == legal_entity and it.difference
    ]


def _item(check: Check, found: Sequence[str]) -> Item:
    return Item(check, len(found), tuple(found[:_EXAMPLES]))


def _counted(check: Check, counts: Iterable[tuple[str, int]]) -> Item:
    found = [(name, count) for name, count in counts if count]
    examples = tuple(f"{name}: {count}" for name, count in found[:_EXAMPLES])
    return Item(check, sum(count for _, count in found), examples)
