"""Did everything end as the story has it, and do the three systems agree? Pure: from what was read, at the end.

Billing is added up from its events, revenue from its acknowledgments and what its platform holds, the ERP from its
ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from connectors.protocols import AccountBalance, RevenuePosition
from streams.core.money import ZERO
from streams.core.policy import PostingAccounts
from streams.core.reconciliation import Comparison, Tie, billed, compare, recognised
from streams.demo.scenario import AMENDMENT, EARLY_INVOICE, KESTREL, PAID_TWICE, Outcome
from streams.records import AuditAction, AuditRecord, PostingAccepted, RevenueAccepted
from streams.timeline import ContractHistory


@dataclass(frozen=True, slots=True)
class Check:
    """A promise and whether it was kept."""

    promise: str
    faults: tuple[str, ...] = ()
    """What was found instead; empty when it was kept."""

    @property
    def kept(self) -> bool:
        return not self.faults


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read after the play."""

    histories: Mapping[str, ContractHistory]
    """By contract, from the topics."""
    booked: Sequence[tuple[str, str]]
    """Command id and event id of every entry of the contracts in the ERP's ledger."""
    ties: Mapping[str, Sequence[Comparison]]
    """By contract."""


def three_way(
    history: ContractHistory,
    position: RevenuePosition | None,
    balances: Iterable[AccountBalance],
    accounts: PostingAccounts,
) -> list[Comparison]:
    """Compare billing's events, what the revenue platform holds, and what the ERP holds of a contract."""
    tie = Tie(contract_id=history.contract_id)
    for story in history.stories:
        tie = billed(tie, story.event, story.captured.at)
        for ack in story.revenue:
            if isinstance(ack.body, RevenueAccepted):
                tie = recognised(tie, ack.body, ack.context, ack.answered_at)
    by_entity = dict(tie.revenue_recognised)
    held = position.recognised if position is not None else ZERO
    # The platform's own total counts: what its answers do not add up to shows as a difference of the contract's entity.
    by_entity[tie.legal_entity] = by_entity.get(tie.legal_entity, ZERO) + held - sum(by_entity.values(), ZERO)
    return compare(
        replace(
            tie,
            revenue_billed=position.billed if position is not None else ZERO,
            revenue_recognised=by_entity,
            erp={f"{row.legal_entity}|{row.account}": row.balance for row in balances},
        ),
        accounts,
    )


def checks(evidence: Evidence, outcomes: Iterable[Outcome]) -> list[Check]:
    """Return every promise of the demo, kept or not."""
    audit = [record for history in evidence.histories.values() for record in history.of(AuditRecord)]
    return [
        Check("every event ended as expected", tuple(_missing(audit, outcomes))),
        Check(
            "the invoice that came early waited for its amendment's acknowledgment and was posted once",
            tuple(_early_invoice(evidence, audit)),
        ),
        Check("the payment that came twice was recognised and posted once", tuple(_twice(evidence, audit))),
        Check("every posting is in the ledger exactly once", tuple(_booked_once(evidence))),
        Check("nothing is parked or waits for an answer", tuple(_open(evidence))),
        Check("no exception was raised", tuple(_exceptions(evidence))),
        Check("billing, revenue and ERP tie out", tuple(_differences(evidence))),
    ]


def _missing(audit: Iterable[AuditRecord], outcomes: Iterable[Outcome]) -> Iterator[str]:
    seen = {Outcome(record.context.contract_id, record.event_id, record.action) for record in audit}
    for outcome in outcomes:
        if outcome not in seen:
            yield f"{outcome.event_id} on {outcome.contract_id}: {outcome.action} is not on the audit trail"


def _early_invoice(evidence: Evidence, audit: Sequence[AuditRecord]) -> Iterator[str]:
    steps = [(record.event_id, record.action) for record in audit if record.context.contract_id == KESTREL.contract_id]
    expected = [
        (EARLY_INVOICE, AuditAction.PARKED),
        (AMENDMENT, AuditAction.REVENUE_ACCEPTED),
        (EARLY_INVOICE, AuditAction.RELEASED),
        (EARLY_INVOICE, AuditAction.REVENUE_ACCEPTED),
        (EARLY_INVOICE, AuditAction.POSTING_RELEASED),
        (EARLY_INVOICE, AuditAction.POSTED),
    ]
    found = [step for step in steps if step in expected]
    if found != expected:
        yield "found " + (", ".join(f"{action} of {event_id}" for event_id, action in found) or "nothing of it")
    yield from _entries(evidence, EARLY_INVOICE)


def _twice(evidence: Evidence, audit: Iterable[AuditRecord]) -> Iterator[str]:
    times = sum(record.event_id == PAID_TWICE and record.action is AuditAction.DUPLICATE for record in audit)
    if times != 1:
        yield f"{PAID_TWICE} was recognised as a duplicate {times} times, expected once"
    yield from _entries(evidence, PAID_TWICE)


def _entries(evidence: Evidence, event_id: str) -> Iterator[str]:
    entries = sum(of == event_id for _, of in evidence.booked)
    if entries != 1:
        yield f"{event_id} has {entries} entries in the ledger, expected one"


def _booked_once(evidence: Evidence) -> Iterator[str]:
    entries = Counter(command_id for command_id, _ in evidence.booked)
    released: set[str] = set()
    for history in evidence.histories.values():
        for posted in history.postings:
            released.add(posted.posting.command_id)
            times = entries[posted.posting.command_id]
            if times != 1:
                yield f"{posted.posting.body.description} of {history.contract_id} is booked {times} times"
            elif posted.ack is None or not isinstance(posted.ack.body, PostingAccepted):
                yield f"{posted.posting.body.description} of {history.contract_id} is booked but not acknowledged"
    yield from (f"entry of command {name} was never released" for name in sorted(set(entries) - released))


def _open(evidence: Evidence) -> Iterator[str]:
    for history in evidence.histories.values():
        status = history.status
        if status is None:
            yield f"{history.contract_id} has no status"
            continue
        yield from (f"{history.contract_id}: {parked.event_id} waits: {parked.reason}" for parked in status.parked)
        if status.commands_pending or status.postings_pending:
            yield (
                f"{history.contract_id}: {status.commands_pending} revenue commands and "
                f"{status.postings_pending} postings without an answer"
            )


def _exceptions(evidence: Evidence) -> Iterator[str]:
    for history in evidence.histories.values():
        yield from (f"{found.root_cause}: {found.message}" for found in history.exceptions)
        yield from history.unreadable


def _differences(evidence: Evidence) -> Iterator[str]:
    for contract_id, comparisons in evidence.ties.items():
        for row in comparisons:
            if row.difference:
                yield (
                    f"{contract_id}, {row.measure.value.lower()} of {row.legal_entity}: {row.left_system} says "
                    f"{row.left_amount}, {row.right_system} says {row.right_amount}"
                )
    for history in evidence.histories.values():
        for found in history.variances:
            if found.difference:
                yield f"{history.contract_id}: reconciliation tells {found.measure} {found.difference} {found.currency}"
