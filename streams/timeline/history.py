"""A contract's records put in order: what each event waited for, how revenue treated it, where it was posted.

Pure: made from records, whoever read them. Must not know brokers or how it is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Generic, TypeVar

import msgspec

from streams.core.money import ZERO
from streams.records import (
    Allocation,
    AuditAction,
    AuditRecord,
    CommercialEvent,
    ContractStatus,
    ErpPosting,
    ExceptionRecord,
    PeriodClosed,
    PeriodOpened,
    PostingAccepted,
    PostingAck,
    RevenueAccepted,
    RevenueAck,
    RevenueCommand,
    Variance,
)

R = TypeVar("R", bound=msgspec.Struct)
R_co = TypeVar("R_co", bound=msgspec.Struct, covariant=True)


@dataclass(frozen=True, slots=True)
class Kept(Generic[R_co]):
    """A record and where the broker keeps it."""

    topic: str
    partition: int
    offset: int
    at: dt.datetime
    """The broker's timestamp, UTC."""
    record: R_co


@dataclass(frozen=True, slots=True)
class Waiting:
    """A time that an event was parked."""

    reason: str
    since: dt.datetime
    until: dt.datetime | None
    """When it was released, or began to wait for something else; None while it waits."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A posting that was released, and the ERP's last answer."""

    posting: ErpPosting
    ack: PostingAck | None

    @property
    def document_number(self) -> str | None:
        """Number of the ERP document; None when the ERP has not accepted."""
        if self.ack is None or not isinstance(self.ack.body, PostingAccepted):
            return None
        return self.ack.body.document_number


@dataclass(frozen=True, slots=True)
class EventStory:
    """One event's way."""

    captured: Kept[CommercialEvent]
    waits: tuple[Waiting, ...]
    duplicates: int
    """How often it came again."""
    revenue: tuple[RevenueAck, ...]
    """First answer to each of its commands."""
    postings: tuple[Posted, ...]

    @property
    def event(self) -> CommercialEvent:
        return self.captured.record


@dataclass(frozen=True)
class ContractHistory:
    """Everything the topics hold of one contract, each topic in the order of its offsets."""

    contract_id: str
    records: tuple[Kept[msgspec.Struct], ...]
    unreadable: tuple[str, ...] = ()
    """Records of the contract that could not be decoded: where they are and why."""

    @property
    def known(self) -> bool:
        """Whether any topic has heard of the contract."""
        return bool(self.records or self.unreadable)

    def kept(self, record: type[R]) -> list[Kept[R]]:
        """Return the records of a type with their places."""
        return [kept for kept in self.records if isinstance(kept.record, record)]  # type: ignore[misc]

    def of(self, record: type[R]) -> list[R]:
        """Return the records of a type."""
        return [kept.record for kept in self.kept(record)]

    @cached_property
    def status(self) -> ContractStatus | None:
        """The latest status; None before orchestration has seen the contract."""
        statuses = self.of(ContractStatus)
        return statuses[-1] if statuses else None

    @cached_property
    def currency(self) -> str:
        """The contract's currency, empty before it is signed."""
        return self.status.currency if self.status is not None else ""

    @cached_property
    def stated(self) -> RevenueAccepted | None:
        """The last acceptance that stated allocation and schedule; later ones left them unchanged."""
        answers = [ack.body for ack in self.of(RevenueAck) if isinstance(ack.body, RevenueAccepted)]
        return next((answer for answer in reversed(answers) if answer.allocations), None)

    @property
    def interest(self) -> Decimal:
        """Interest of a financing component as the revenue platform last told it: income above 0, expense below."""
        answers = [ack.body for ack in self.of(RevenueAck) if isinstance(ack.body, RevenueAccepted)]
        return answers[-1].interest_total if answers else ZERO

    @property
    def allocations(self) -> tuple[Allocation, ...]:
        """Obligations with their share of the transaction price."""
        return self.stated.allocations if self.stated is not None else ()

    @cached_property
    def schedule(self) -> dict[str, dict[str, Decimal]]:
        """Revenue by period, then obligation, in order of periods."""
        months: dict[str, dict[str, Decimal]] = {}
        for line in sorted(self.stated.schedule if self.stated is not None else (), key=lambda line: line.period):
            months.setdefault(line.period, {})[line.obligation_id] = line.amount
        return months

    @cached_property
    def exceptions(self) -> tuple[ExceptionRecord, ...]:
        """The latest state of each exception."""
        return tuple({exception.exception_id: exception for exception in self.of(ExceptionRecord)}.values())

    @cached_property
    def variances(self) -> tuple[Variance, ...]:
        """The latest state of each variance; a difference of 0 has ended."""
        return tuple({variance.variance_id: variance for variance in self.of(Variance)}.values())

    @cached_property
    def postings(self) -> tuple[Posted, ...]:
        """Every posting once, in order of release."""
        acks = {ack.command_id: ack for ack in self.of(PostingAck)}
        released = {posting.command_id: posting for posting in reversed(self.of(ErpPosting))}
        return tuple(Posted(posting, acks.get(name)) for name, posting in reversed(released.items()))

    @cached_property
    def stories(self) -> tuple[EventStory, ...]:
        """Every event once, in order of arrival; period events where they concerned the contract."""
        audit: dict[str, list[AuditRecord]] = {}
        for record in self.of(AuditRecord):
            audit.setdefault(record.event_id, []).append(record)
        commanded = {command.event_id for command in self.of(RevenueCommand)}
        stories = {}
        for captured in self.kept(CommercialEvent):
            event = captured.record
            everywhere = isinstance(event.body, PeriodClosed | PeriodOpened)
            if event.event_id in stories or (everywhere and event.event_id not in commanded):
                continue
            stories[event.event_id] = EventStory(
                captured=captured,
                waits=waits_of(audit.get(event.event_id, ())),
                duplicates=sum(step.action is AuditAction.DUPLICATE for step in audit.get(event.event_id, ())),
                revenue=tuple(_first_answers(ack for ack in self.of(RevenueAck) if ack.event_id == event.event_id)),
                postings=tuple(posted for posted in self.postings if posted.posting.event_id == event.event_id),
            )
        return tuple(stories.values())


_WAITS = frozenset({AuditAction.PARKED, AuditAction.APPROVAL_REQUESTED})
_GOES_ON = frozenset({AuditAction.RELEASED, AuditAction.EXCEPTION_RAISED, AuditAction.DISAPPROVED})


def waits_of(steps: Iterable[AuditRecord]) -> tuple[Waiting, ...]:
    """Return the times that an event was parked, from its steps on the audit trail."""
    waits: list[Waiting] = []
    since: AuditRecord | None = None
    for step in steps:
        if since is not None and step.action in _WAITS | _GOES_ON and step.at >= since.at:
            if step.action is AuditAction.EXCEPTION_RAISED and since.action is AuditAction.APPROVAL_REQUESTED:
                continue  # the work item for the approver: it goes on waiting
            waits.append(Waiting(since.detail, since.at, step.at))
            since = None
        if step.action in _WAITS:
            since = step
    if since is not None:
        waits.append(Waiting(since.detail, since.at, None))
    return tuple(waits)


def _first_answers(acks: Iterable[RevenueAck]) -> Iterable[RevenueAck]:
    first: dict[str, RevenueAck] = {}
    for ack in acks:
        first.setdefault(ack.command_id, ack)
    return first.values()
