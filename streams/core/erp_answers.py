"""What the ERP's answer to a posting leads to: the event ends, the posting is sent again, held or compensated."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from streams.core.contract import PendingPosting
from streams.core.policy import RejectionPolicy
from streams.core.steps import finished, take_back
from streams.core.turn import Turn
from streams.records import (
    AuditAction,
    CreditIssued,
    InvoiceIssued,
    PostingAccepted,
    PostingAck,
    PostingRejected,
    PostJournal,
    ProcessingStatus,
    RootCause,
)


def erp_answered(turn: Turn, ack: PostingAck) -> None:
    """Take in the answer to a posting; one that is not pending any more has taken effect the first time."""
    for pending in turn.contract.postings:
        if pending.posting.command_id == ack.command_id:
            match ack.body:
                case PostingAccepted(document_number=number):
                    _posted(turn, pending, number)
                case PostingRejected() as rejection:
                    _refused(turn, pending, rejection)
                case _ as unreachable:
                    assert_never(unreachable)
            return


def _posted(turn: Turn, pending: PendingPosting, document_number: str) -> None:
    turn.change(
        postings=tuple(other for other in turn.contract.postings if other is not pending),
        postings_accepted=turn.contract.postings_accepted + 1,
    )
    turn.audit(
        AuditAction.POSTED,
        pending.event,
        ProcessingStatus.POSTED,
        command_id=pending.posting.command_id,
        detail=f"{pending.posting.legal_entity} {document_number}",
        context=pending.posting.context,
    )
    finished(turn, pending.event, pending.ends)


def _refused(turn: Turn, pending: PendingPosting, rejection: PostingRejected) -> None:
    posting = pending.posting
    turn.audit(
        AuditAction.POSTING_REJECTED,
        pending.event,
        ProcessingStatus.EXCEPTION,
        command_id=posting.command_id,
        detail=f"{rejection.code}: {rejection.reason}",
    )
    if rejection.retryable or pending.held:
        return  # stays pending: time sends it again, and raises the exception after the last attempt
    turn.exception(
        RootCause.CLOSED_PERIOD if rejection.code == "closed_period" else RootCause.POSTING_REJECTED,
        pending.event,
        f"the ERP refused {posting.legal_entity} {posting.posting_date}: {rejection.reason}",
        subject=posting.command_id,
    )
    held = tuple(replace(other, held=True) if other is pending else other for other in turn.contract.postings)
    turn.change(postings=held)
    turn.outcome(pending.event, ProcessingStatus.EXCEPTION)
    if turn.policy.erp_rejection is not RejectionPolicy.COMPENSATE or not _is_billing(pending):
        return
    document = turn.document(turn.key_of_transaction(pending.event))
    if document is None or document.void or document.event.event_id != pending.event.event_id:
        return
    reason = f"the ERP refused the posting: {rejection.code}"
    take_back(turn, pending.event, document, posting.posting_date, reason, compensates=True)


def _is_billing(pending: PendingPosting) -> bool:
    """Only billing can be taken back in revenue recognition."""
    return isinstance(pending.event.body, InvoiceIssued | CreditIssued) and isinstance(
        pending.posting.body, PostJournal
    )
