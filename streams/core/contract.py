"""The state of one contract in orchestration: an immutable value, kept in the contract's state table.

It holds only what is still open (parked events, commands in flight) and the few totals that the next decision needs;
history lies in the topics. Knows no decision: those are in `streams.core.orchestration`.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from streams.core.closing import Closing
from streams.core.fx import Carried
from streams.core.money import ZERO
from streams.core.seen import Seen
from streams.records import (
    CommercialEvent,
    ContractAmended,
    ContractRenewed,
    ContractSigned,
    ContractState,
    ErpPosting,
    JournalLine,
    ProcessingStatus,
    RevenueAccepted,
    RevenueCommand,
    RevenueRejected,
    RootCause,
    SourceRecord,
)


class Wait(StrEnum):
    """What a parked event waits for."""

    CONTRACT = "contract"
    VERSION = "version"
    REVENUE = "revenue"
    SEQUENCE = "sequence"
    DOCUMENT = "document"
    APPROVAL = "approval"
    LATE = "late"
    """Dated in a closed period and held by policy: an approver lets it be posted in the open period."""

    @property
    def root_cause(self) -> RootCause:
        """Return the cause of the exception that an event becomes when it has waited too long."""
        return _ROOT_CAUSES[self]


_ROOT_CAUSES = {
    Wait.CONTRACT: RootCause.UNKNOWN_CONTRACT,
    Wait.VERSION: RootCause.VERSION_GAP,
    Wait.REVENUE: RootCause.TIMEOUT,
    Wait.SEQUENCE: RootCause.SEQUENCE_GAP,
    Wait.DOCUMENT: RootCause.SEQUENCE_GAP,
    Wait.APPROVAL: RootCause.APPROVAL_NEEDED,
    Wait.LATE: RootCause.CLOSED_PERIOD,
}


AWAITS_APPROVAL = frozenset({Wait.APPROVAL, Wait.LATE})
"""What an operator approves or rejects."""


class Parked(Struct, gc=False, frozen=True):
    """An event that came before it could be applied, in order of arrival."""

    event: CommercialEvent
    wait: Wait
    reason: str
    since: dt.datetime
    source: SourceRecord
    """Where it was read, without the payload."""


class PendingPosting(Struct, gc=False, frozen=True):
    """A released posting without a final answer; `held` waits for an operator and is not resent."""

    posting: ErpPosting
    event: CommercialEvent
    sent_at: dt.datetime
    attempts: int = 1
    held: bool = False
    ends: ProcessingStatus = ProcessingStatus.POSTED
    """What the event ends as when this is its last open posting; EXCEPTION when another step of it has failed."""


class InFlight(Struct, gc=False, frozen=True):
    """An admitted event (or a step of one) on its way, in order of admission.

    `command` is None when the event does not concern revenue. The answer is kept until everything before it is done,
    so that answers out of order still take effect in order.
    """

    event: CommercialEvent
    command: RevenueCommand | None
    posting_date: dt.date
    """Accounting date of what is posted, fixed on admission: a period that closes meanwhile does not move it."""
    sent_at: dt.datetime
    attempts: int = 1
    answer: RevenueAccepted | RevenueRejected | None = None
    reverses: CommercialEvent | None = None
    """The event whose effect this step takes back: a correction or a compensation."""
    withdrawn: PendingPosting | None = None
    """Posting of what is taken back that the ERP has refused: not to be posted any more, unless this step fails."""
    ends: ProcessingStatus = ProcessingStatus.POSTED
    """What the event ends as when this is its last open step; EXCEPTION when another step of it has failed."""
    request: str = ""
    """Operator command that asked for the reversal; empty when none did."""
    told: bool = False
    """Whether an exception says already what holds back its effect."""

    @property
    def refused(self) -> tuple[JournalLine, ...]:
        """Journal that the ERP never took: only its share in the contract's position is put right there."""
        return self.withdrawn.posting.body.lines if self.withdrawn is not None else ()

    @property
    def compensates(self) -> bool:
        """Whether the step only takes back, and nothing replaces it."""
        return self.ends is ProcessingStatus.COMPENSATED

    @property
    def done(self) -> bool:
        return self.command is None or self.answer is not None


class Contract(Struct, gc=False, frozen=True, omit_defaults=True):
    """One contract. Amounts are net, in the contract's currency."""

    contract_id: str
    legal_entity: str = ""
    customer_account: str = ""
    currency: str = ""
    terminated: bool = False
    changing: bool = False
    """Whether a new version is on its way to the revenue platform: nothing is admitted until its answer."""
    version: int = 0
    """Version in force: the latest that the revenue platform has accepted; 0 before that."""
    billed: Decimal = ZERO
    recognised: Decimal = ZERO
    refund_liability: Decimal = ZERO
    """Part of a position above 0 that is expected to go back to the customer, as the revenue platform last told it."""
    interest: Decimal = ZERO
    """Interest on a financing component, as the revenue platform last told it: income above 0, expense below."""
    entities: tuple[str, ...] = ()
    """Entities that contract or perform, as far as events have named them. Answers do not add any: which period events
    reach the contract must not depend on when an answer comes."""
    commands_accepted: int = 0
    postings_accepted: int = 0
    closed: dict[str, Closing] = {}
    """Closed periods by legal entity, as far as they have reached this contract."""
    sequences: dict[str, int] = {}
    """Last admitted sequence by source system."""
    event_offset: int = -1
    """Offset of the last commercial event that was taken in (protocol step 5); -1 before the first."""
    approved: tuple[str, ...] = ()
    """Parked events that an operator has approved."""
    parked: tuple[Parked, ...] = ()
    queue: tuple[InFlight, ...] = ()
    postings: tuple[PendingPosting, ...] = ()
    carried: Carried | None = None
    """What its balances are carried at in the books of the entity that contracts; None while they are not foreign."""

    @property
    def position(self) -> Decimal:
        """Net contract position: above 0 a contract liability, below 0 a contract asset (ASC 606-10-45-1)."""
        return self.billed - self.recognised - self.interest

    @property
    def state(self) -> ContractState:
        """Where the contract stands."""
        if self.changing:
            return ContractState.AWAITING_REVENUE
        if any(parked.wait in AWAITS_APPROVAL for parked in self.parked):
            return ContractState.AWAITING_APPROVAL
        return ContractState.TERMINATED if self.terminated else ContractState.ACTIVE


class Document(Struct, gc=False, frozen=True):
    """An admitted transaction that later events may refer to: to pay, to credit, to correct."""

    event: CommercialEvent
    void: bool = False
    """Superseded or reversed: it cannot be corrected again."""
    rejected: bool = False
    """Refused by revenue recognition: it can be corrected, and there is nothing to take back."""
    shared: bool = False
    """Another source system has a transaction of the same id, kept under `shared_transaction_key`."""


class Memory(Protocol):
    """What the stage remembers beyond the contract's state: event ids seen, and documents by contract."""

    def seen(self, event_id: str) -> Seen | None:
        """Return what is remembered of the first event of an id, or None."""
        ...

    def document(self, contract_id: str, key: str) -> Document | None:
        """Return a document by `document_key`, or None."""
        ...


def transaction_key(source_transaction_id: str) -> str:
    """Return the key of a document by source transaction."""
    return f"txn:{source_transaction_id}"


def shared_transaction_key(source_transaction_id: str, source_system: str) -> str:
    """Return the key of a document whose source transaction has the id of another source system's."""
    return f"{transaction_key(source_transaction_id)}\x1f{source_system}"


def invoice_key(invoice_id: str) -> str:
    """Return the key of a document by invoice number."""
    return f"inv:{invoice_id}"


_CHANGES = frozenset({"ContractSigned", "ContractAmended", "ContractRenewed", "ContractTerminated"})


def changes_version(event: CommercialEvent) -> bool:
    """Tell whether an event creates a version of its contract."""
    return event.event_type in _CHANGES


_CORRECTED_IN_PLACE = _CHANGES | {"ObligationFulfilled", "EstimateChanged"}


def corrected_in_place(event: CommercialEvent) -> bool:
    """Tell whether a correction of such an event takes its place in the contract's history, which is replayed.

    Other corrections reverse what they correct, and are then taken in as events of their own.
    """
    return event.event_type in _CORRECTED_IN_PLACE


def performing(contract: Contract) -> tuple[str, ...]:
    """Return the entities of a contract other than the one that contracts."""
    return tuple(entity for entity in contract.entities if entity != contract.legal_entity)


def entities_named(event: CommercialEvent) -> frozenset[str]:
    """Return the legal entities that an event names: the one that contracts, and those that perform its lines."""
    match event.body:
        case ContractSigned(lines=lines) | ContractRenewed(lines=lines) | ContractAmended(added_lines=lines):
            performing = {line.legal_entity for line in lines if line.legal_entity}
            return frozenset({event.context.legal_entity, *performing})
        case _:
            return frozenset({event.context.legal_entity})
