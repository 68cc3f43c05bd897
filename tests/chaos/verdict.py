"""What is left after the faults, checked from the topics and the ledger alone against an independent calculation.

Nothing here trusts the workers: ends and doubles are derived from `audit-trail` and `exceptions`, bookings from the
ledger's database, amounts from `tests/oracle`, order from offsets' timestamps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

import msgspec

from streams.codec.wire import PayloadInvalid
from streams.config import load_configuration
from streams.records import (
    AuditAction,
    AuditRecord,
    CommercialEvent,
    ErpPosting,
    ExceptionRecord,
    PeriodClosed,
    PeriodOpened,
    PostingAccepted,
    PostingAck,
    RevenueAccepted,
    RevenueAck,
    RevenueCommand,
)
from streams.topics import (
    AUDIT_TRAIL,
    ERP_POSTINGS,
    EXCEPTIONS,
    POSTING_ACKS,
    REVENUE_ACKS,
    REVENUE_COMMANDS,
    SOURCE_EVENTS,
    VARIANCES,
)
from streams.wiring import ledger
from tests.chaos.corrupt import PREFIX, SPOILT
from tests.chaos.inputs import readers
from tests.oracle.batch import Result
from tests.system.deployment import Deployment

R = TypeVar("R", bound=msgspec.Struct)
_AGAIN = frozenset({AuditAction.PARKED, AuditAction.EXCEPTION_RAISED, AuditAction.POSTING_REJECTED})
"""Steps that may be told twice with the same words: an event may wait for the same thing twice."""


@dataclass
class Evidence:
    """Every committed record, decoded, with the time it was produced at in seconds; corrupt ones left out."""

    events: list[tuple[float, CommercialEvent]]
    audit: list[tuple[float, AuditRecord]]
    exceptions: list[ExceptionRecord]
    commands: list[tuple[float, RevenueCommand]]
    revenue_acks: list[tuple[float, RevenueAck]]
    postings: list[tuple[float, ErpPosting]]
    posting_acks: list[tuple[float, PostingAck]]
    variances: int
    balances: dict[tuple[str, str, str], Decimal]
    booked: Counter[str]
    """Command ids in the ledger, and how many entries each has."""


@dataclass
class Verdict:
    """What was found. Losses and doubles are 0 and `faults` is empty when every promise was kept."""

    losses: list[str] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    """How many inputs ended how."""

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not (self.losses or self.doubles or self.wrong)


def gather(deployment: Deployment) -> Evidence:
    """Read everything."""
    books = ledger(deployment.settings, load_configuration(deployment.settings.config))
    try:
        balances = {(row.legal_entity, row.account, row.currency): row.balance for row in books.balances()}
        booked = Counter(entry.command_id for entry in books.entries())
    finally:
        books.close()
    return Evidence(
        events=_of(deployment, SOURCE_EVENTS, CommercialEvent),
        audit=_of(deployment, AUDIT_TRAIL, AuditRecord),
        exceptions=[record for _, record in _of(deployment, EXCEPTIONS, ExceptionRecord)],
        commands=_of(deployment, REVENUE_COMMANDS, RevenueCommand),
        revenue_acks=_of(deployment, REVENUE_ACKS, RevenueAck),
        postings=_of(deployment, ERP_POSTINGS, ErpPosting),
        posting_acks=_of(deployment, POSTING_ACKS, PostingAck),
        variances=len(deployment.read(VARIANCES)),
        balances={key: balance for key, balance in balances.items() if balance},
        booked=booked,
    )


def _of(deployment: Deployment, topic: str, record_type: type[R]) -> list[tuple[float, R]]:
    codec, found = deployment.codec(topic), []
    for message in deployment.read(topic):
        if topic in SPOILT and (message.key() or b"").startswith(PREFIX):
            continue
        try:
            record = codec.decode(message.value())
        except PayloadInvalid as fault:
            raise AssertionError(f"{topic}/{message.partition()}/{message.offset()}: {fault}") from fault
        assert isinstance(record, record_type)
        found.append((message.timestamp()[1] / 1000, record))
    return found


def judge(
    evidence: Evidence,
    published: Mapping[str, int],
    corrupt: Sequence[tuple[str, bytes, bytes | None]],
    expected: Result,
) -> Verdict:
    """Return what was kept and what was not; `published` says how often each event id was published."""
    verdict = Verdict()
    _inputs(verdict, evidence, published)
    _ends(verdict, evidence)
    _corrupt(verdict, evidence, corrupt)
    _steps_once(verdict, evidence)
    _bookings(verdict, evidence)
    _order(verdict, evidence)
    _ledger(verdict, evidence, expected)
    if evidence.variances:
        verdict.wrong.append(f"{evidence.variances} variances between billing, revenue recognition and the ERP")
    return verdict


def _inputs(verdict: Verdict, evidence: Evidence, published: Mapping[str, int]) -> None:
    """Each published event is in the topic as often as it was published, and captured as often."""
    arrived = Counter(event.event_id for _, event in evidence.events)
    captured = _actions(evidence.audit, AuditAction.CAPTURED)
    for event_id in sorted(set(published) | set(arrived) | set(captured)):
        _compare(verdict, f"{event_id} in {SOURCE_EVENTS}", arrived[event_id], published.get(event_id, 0))
        _compare(verdict, f"capture of {event_id}", captured[event_id], arrived[event_id])


def _ends(verdict: Verdict, evidence: Evidence) -> None:
    """Every captured input ends once: the first of an event id as posted, parked or exception, others as duplicates."""
    periods = {event.event_id for _, event in evidence.events if isinstance(event.body, PeriodClosed | PeriodOpened)}
    captured = _actions(evidence.audit, AuditAction.CAPTURED)
    duplicates = _actions(evidence.audit, AuditAction.DUPLICATE)
    roads: dict[str, list[AuditRecord]] = defaultdict(list)
    for _, record in evidence.audit:
        roads[record.event_id].append(record)
    for event_id, times in captured.items():
        if event_id in periods:
            verdict.ends["period"] += times  # belongs to every contract; its effects are checked in the ledger
            continue
        _compare(verdict, f"duplicate of {event_id}", duplicates[event_id], times - 1)
        verdict.ends["duplicate"] += duplicates[event_id]
        end = _end_of(roads[event_id])
        verdict.ends[end] += 1
        if end == "lost":
            verdict.losses.append(f"{event_id} ends as nothing: {[record.action.value for record in roads[event_id]]}")


def _end_of(road: Iterable[AuditRecord]) -> str:
    """Return how an event ended, from its steps on the audit trail, which one partition keeps in order."""
    steps = [record for record in road if record.action not in {AuditAction.CAPTURED, AuditAction.DUPLICATE}]
    actions = [record.action for record in steps]
    if AuditAction.EXCEPTION_RAISED in actions:
        return "exception"
    if actions.count(AuditAction.PARKED) and AuditAction.RELEASED not in actions:
        return "parked"
    asked = {it.command_id for it in steps if it.action is AuditAction.REVENUE_COMMANDED}
    accepted = {it.command_id for it in steps if it.action is AuditAction.REVENUE_ACCEPTED}
    released = {it.command_id for it in steps if it.action is AuditAction.POSTING_RELEASED}
    posted = {it.command_id for it in steps if it.action is AuditAction.POSTED}
    return "posted" if asked == accepted and released == posted and asked | released else "lost"


def _corrupt(verdict: Verdict, evidence: Evidence, corrupt: Sequence[tuple[str, bytes, bytes | None]]) -> None:
    """Every corrupt record is one exception that keeps it whole, told once by each stage that reads its topic."""
    ids: dict[tuple[str, bytes | None, bytes | None], Counter[str]] = defaultdict(Counter)
    for record in evidence.exceptions:
        if record.source is not None and (record.source.key or b"").startswith(PREFIX):
            ids[record.source.topic, record.source.key, record.source.payload][record.exception_id] += 1
        else:
            verdict.wrong.append(f"unexpected exception of {record.event_id}: {record.root_cause}: {record.message}")
    for topic, key, value in corrupt:
        found = ids.pop((topic, key, value), Counter())
        verdict.ends["refused" if topic == SOURCE_EVENTS else "unreadable"] += 1
        _compare(verdict, f"exception for {key!r} in {topic}", len(found), 1)
        _compare(verdict, f"telling of {key!r} in {topic}", found.total(), readers(topic))
    verdict.wrong += [f"an exception keeps {key!r} of {topic}, which nobody published so" for topic, key, _ in ids]


def _steps_once(verdict: Verdict, evidence: Evidence) -> None:
    """No step is told twice on the audit trail, no command sent twice but by a resend, which is told as such."""
    steps = Counter((record.audit_id, record.action) for _, record in evidence.audit if record.action not in _AGAIN)
    for (audit_id, action), times in steps.items():
        if times > 1:
            verdict.doubles.append(f"{action} {audit_id} is on the audit trail {times} times")
    resent = _commands(evidence.audit, AuditAction.REVENUE_RESENT, AuditAction.POSTING_RESENT)
    sent = Counter(record.command_id for _, record in [*evidence.commands, *evidence.postings])
    for command_id, times in sent.items():
        if times != 1 + resent[command_id]:
            verdict.doubles.append(f"command {command_id} was sent {times} times with {resent[command_id]} resends")


def _bookings(verdict: Verdict, evidence: Evidence) -> None:
    """Every released posting is in the ledger once, acknowledged, and told as posted; nothing else is in the ledger."""
    released = {record.command_id for _, record in evidence.postings}
    acknowledged = {ack.command_id for _, ack in evidence.posting_acks if isinstance(ack.body, PostingAccepted)}
    posted = _commands(evidence.audit, AuditAction.POSTED)
    for command_id in sorted(released | set(evidence.booked)):
        _compare(verdict, f"booking of {command_id}", evidence.booked[command_id], int(command_id in released))
        _compare(verdict, f"posting of {command_id} on the audit trail", posted[command_id], 1)
        if command_id not in acknowledged:
            verdict.losses.append(f"posting {command_id} was never acknowledged")
    told = _commands(evidence.audit, AuditAction.REVENUE_ACCEPTED)
    for command_id in sorted({record.command_id for _, record in evidence.commands}):
        _compare(verdict, f"acceptance of {command_id} on the audit trail", told[command_id], 1)


def _order(verdict: Verdict, evidence: Evidence) -> None:
    """No posting is on its topic before the revenue acknowledgment that it names."""
    first: dict[str, float] = {}
    for at, ack in evidence.revenue_acks:
        if isinstance(ack.body, RevenueAccepted):
            first[ack.command_id] = min(at, first.get(ack.command_id, at))
    for at, posting in evidence.postings:
        named = posting.revenue_command_id
        if named is not None and first.get(named, float("inf")) > at:
            verdict.wrong.append(f"posting {posting.command_id} left before revenue acknowledged {named}")


def _ledger(verdict: Verdict, evidence: Evidence, expected: Result) -> None:
    for key in sorted(set(evidence.balances) | set(expected.balances)):
        found, wanted = evidence.balances.get(key, Decimal(0)), expected.balances.get(key, Decimal(0))
        if found != wanted:
            verdict.wrong.append(f"{' '.join(key)}: the ledger says {found}, the independent calculation {wanted}")


def _compare(verdict: Verdict, what: str, found: int, wanted: int) -> None:
    if found < wanted:
        verdict.losses.append(f"{what}: {found} times, expected {wanted}")
    elif found > wanted:
        verdict.doubles.append(f"{what}: {found} times, expected {wanted}")


def _actions(audit: Iterable[tuple[float, AuditRecord]], action: AuditAction) -> Counter[str]:
    return Counter(record.event_id for _, record in audit if record.action is action)


def _commands(audit: Iterable[tuple[float, AuditRecord]], *actions: AuditAction) -> Counter[str]:
    return Counter(record.command_id for _, record in audit if record.action in actions and record.command_id)
