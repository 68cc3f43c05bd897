"""What an event waits for (docs: ordering and duplicates in the architecture). Pure questions about a contract.

The order in which events are admitted depends on the order of their arrival alone, not on when answers come: while a
new version is on its way nothing is admitted, and after each admission the waiting events are looked at again from the
first. The property test of interleavings rests on this.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache

from msgspec import Struct

from streams.core.closing import Closing
from streams.core.contract import (
    Contract,
    Document,
    Wait,
    changes_version,
    corrected_in_place,
    invoice_key,
    transaction_key,
)
from streams.core.fiscal import previous_period
from streams.core.money import ZERO, next_period
from streams.core.policy import ApprovalRule, LatePolicy, Policy
from streams.records import (
    CommercialEvent,
    ContractAmended,
    ContractRenewed,
    ContractSigned,
    ContractTerminated,
    CreditIssued,
    InvoiceIssued,
    PaymentReceived,
    PeriodClosed,
    PeriodOpened,
    RefundIssued,
    RootCause,
)


class Blocked(Struct, frozen=True, gc=False):
    """The event must wait."""

    wait: Wait
    reason: str


class Inadmissible(Struct, frozen=True, gc=False):
    """The event can never be applied as it is."""

    root_cause: RootCause
    reason: str


def referred_documents(event: CommercialEvent) -> tuple[str, ...]:
    """Return the keys of the documents that must be known before the event can be applied."""
    keys = [transaction_key(event.supersedes)] if event.supersedes else []
    match event.body:
        case PaymentReceived(invoice_id=invoice) | RefundIssued(invoice_id=invoice):
            keys.append(invoice_key(invoice))
        case CreditIssued(invoice_id=str(invoice)):
            keys.append(invoice_key(invoice))
        case _:
            pass
    return tuple(keys)


def own_documents(event: CommercialEvent) -> tuple[str, ...]:
    """Return the keys under which a document with the event's own number would be known already.

    A correction may keep the number of what it corrects.
    """
    body = event.body
    return (invoice_key(body.invoice_id),) if isinstance(body, InvoiceIssued) and not event.supersedes else ()


def obstacle(
    contract: Contract, event: CommercialEvent, documents: dict[str, Document | None], policy: Policy
) -> Blocked | Inadmissible | None:
    """Return why an event cannot be admitted now, or None when it can.

    `documents` holds what is known under each of `referred_documents(event)` and `own_documents(event)`.
    """
    if contract.changing:
        return Blocked(Wait.REVENUE, "a contract change awaits its acknowledgment in revenue recognition")
    if isinstance(event.body, PeriodClosed | PeriodOpened):
        return None
    return (
        _sequence(contract, event)
        or _version(contract, event, documents)
        or _references(event, documents)
        or _issued_before(event, documents)
        or _approval(contract, event, policy.approvals)
        or _closed(contract, event, policy)
    )


def _sequence(contract: Contract, event: CommercialEvent) -> Blocked | Inadmissible | None:
    if event.source_sequence is None:
        return None
    source = event.context.source_system
    expected = contract.sequences.get(source, 0) + 1
    if event.source_sequence > expected:
        return Blocked(Wait.SEQUENCE, f"{source} sequence {expected} has not come; this is {event.source_sequence}")
    if event.source_sequence < expected:
        return Inadmissible(
            RootCause.SEQUENCE_GAP,
            f"{source} sequence {event.source_sequence} was used by an earlier event, expected {expected}: "
            "correct the sequence at the source and send the event again",
        )
    return None


def _version(
    contract: Contract, event: CommercialEvent, documents: dict[str, Document | None]
) -> Blocked | Inadmissible | None:
    named, in_force = event.context.contract_version, contract.version
    if event.supersedes and changes_version(event):
        corrected = documents.get(transaction_key(event.supersedes))
        if corrected is None or corrected.event.event_type != event.event_type:
            return None  # told by what it refers to
        version = corrected.event.context.contract_version
        if named != version:
            return Inadmissible(
                RootCause.VERSION_GAP,
                f"the correction names version {named} and {event.supersedes} created version {version}: "
                f"name version {version} and send it again",
            )
        if named <= in_force:
            return None
    match event.body:
        case ContractSigned():
            if in_force == 0:
                return None
            return Inadmissible(
                RootCause.VERSION_GAP, f"contract is already signed, version {in_force} is in force: send an amendment"
            )
        case ContractAmended() | ContractRenewed() | ContractTerminated():
            if named == in_force + 1 and in_force > 0:
                return None
            if named > in_force:
                return _wait_for_version(in_force, named - 1)
            return Inadmissible(
                RootCause.VERSION_GAP,
                f"version {named} is already in force (now {in_force}): name version {in_force + 1} and send it again",
            )
        case _:
            return None if 0 < named <= in_force else _wait_for_version(in_force, named)


def _wait_for_version(in_force: int, needed: int) -> Blocked:
    if in_force == 0:
        return Blocked(Wait.CONTRACT, f"the contract is not in force yet; version {needed} is needed")
    return Blocked(Wait.VERSION, f"version {needed} is not in force in revenue recognition; version {in_force} is")


def _references(event: CommercialEvent, documents: dict[str, Document | None]) -> Blocked | Inadmissible | None:
    for key in referred_documents(event):
        document = documents.get(key)
        if document is None:
            return Blocked(Wait.DOCUMENT, f"{_spoken(key)} has not come")
        if key == transaction_key(event.supersedes or ""):
            known = document.event.context.source_system
            if document.shared and known != event.context.source_system:
                reason = (
                    f"{_spoken(key)} is one of {known} and of another source system, expected that of what is "
                    f"corrected, found {event.context.source_system}: send the correction with that"
                )
                return Inadmissible(RootCause.TREATMENT_DISPUTE, reason)
            if document.void:
                reason = f"{_spoken(key)} was corrected or reversed before: supersede the one that replaced it"
                return Inadmissible(RootCause.SEQUENCE_GAP, reason)
            if document.event.event_type != event.event_type:
                reason = (
                    f"{_spoken(key)} is a {document.event.event_type}, expected {event.event_type} like what "
                    "supersedes it: name the transaction that is corrected"
                )
                return Inadmissible(RootCause.TREATMENT_DISPUTE, reason)
    if event.supersedes and not (corrected_in_place(event) or event.event_type in _REVERSED):
        return Inadmissible(
            RootCause.TREATMENT_DISPUTE,
            f"{event.event_type} cannot supersede a transaction: open or close the period again instead",
        )
    return None


def _issued_before(event: CommercialEvent, documents: dict[str, Document | None]) -> Inadmissible | None:
    for key in own_documents(event):
        document = documents.get(key)
        if document is not None and not document.void and not document.rejected:
            known = document.event.context
            return Inadmissible(
                RootCause.SEQUENCE_GAP,
                f"{_spoken(key)} was issued before by {known.source_system} {known.source_transaction_id}; an invoice "
                "is booked once: give this one its own number, or correct the other by naming it in supersedes",
            )
    return None


_REVERSED = frozenset({"InvoiceIssued", "CreditIssued", "PaymentReceived", "RefundIssued", "UsageRated"})


def _spoken(key: str) -> str:
    kind, _, name = key.partition(":")
    return f"invoice {name}" if kind == "inv" else f"transaction {name}"


def _approval(contract: Contract, event: CommercialEvent, rule: ApprovalRule) -> Blocked | None:
    if event.event_id in contract.approved:
        return None
    match event.body:
        case ContractAmended(approved=False) | ContractRenewed(approved=False):
            reason = "the parties have not approved the change (ASC 606-10-25-10)"
        case ContractAmended() as body if _exceeds(_price_of(body), rule.amendment_price_change_over):
            reason = f"the price of its lines, {_price_of(body)}, is over the limit {rule.amendment_price_change_over}"
        case ContractTerminated() if rule.termination:
            reason = "terminations need approval"
        case _:
            return None
    return Blocked(Wait.APPROVAL, f"approval needed: {reason}")


def _price_of(body: ContractAmended) -> Decimal:
    added = sum((line.price for line in body.added_lines), ZERO)
    return sum((change.price for change in body.changed_lines), added)


def _exceeds(amount: Decimal, limit: Decimal | None) -> bool:
    return limit is not None and abs(amount) > limit


def _closed(contract: Contract, event: CommercialEvent, policy: Policy) -> Blocked | None:
    if policy.late.get(event.event_type) is not LatePolicy.HOLD or not is_late(contract, event, policy):
        return None
    if event.event_id in contract.approved:
        return None
    entity = event.context.legal_entity
    return Blocked(
        Wait.LATE,
        f"period {policy.calendar(entity).period_of(event.effective_date)} of {entity} is closed and "
        f"{event.event_type} is held by policy: approve it to have it posted in the open period, or reject it",
    )


def closing_of(contract: Contract, legal_entity: str, policy: Policy) -> Closing:
    """Return which periods of an entity are closed, as far as the contract knows."""
    if legal_entity in contract.closed:
        return contract.closed[legal_entity]
    entity = policy.entities.get(legal_entity)
    if entity is None:
        return Closing()
    return _before(entity.first_open_period)


@cache
def _before(first_open_period: str) -> Closing:
    return Closing(closed_through=previous_period(first_open_period))


def is_late(contract: Contract, event: CommercialEvent, policy: Policy) -> bool:
    """Tell whether an event that has an accounting date falls into a closed period of its entity's calendar."""
    if event.event_type not in policy.late:
        return False
    entity = event.context.legal_entity
    return closing_of(contract, entity, policy).is_closed(policy.calendar(entity).period_of(event.effective_date))


def posting_date(contract: Contract, event: CommercialEvent, policy: Policy) -> dt.date:
    """Return the accounting date of an event: its effective date, or when that is closed the first day after all that
    were ever closed. A period that is open again takes only what is dated in it.
    """
    if not is_late(contract, event, policy):
        return event.effective_date
    entity = event.context.legal_entity
    return policy.calendar(entity).first_day(next_period(closing_of(contract, entity, policy).closed_through))
