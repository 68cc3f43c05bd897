"""What an operator may ask of a contract: approve, reject, retry, reverse. Ordered with the contract's events.

Idempotent: asking again for what is done, or for what is not open, changes nothing.
"""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from streams.core.admission import posting_date
from streams.core.contract import AWAITS_APPROVAL, Parked, transaction_key
from streams.core.steps import take_back, take_sequence
from streams.core.turn import Turn
from streams.records import AuditAction, OperatorAction, OperatorCommand, ProcessingStatus, RootCause


def asked(turn: Turn, command: OperatorCommand) -> None:
    """Apply an operator's command to the contract."""
    match command.action:
        case OperatorAction.APPROVE:
            _approve(turn, command)
        case OperatorAction.REJECT:
            _reject(turn, command)
        case OperatorAction.RETRY:
            _retry(turn, command)
        case OperatorAction.REVERSE:
            _reverse(turn, command)
        case _ as unreachable:
            assert_never(unreachable)


def _told(command: OperatorCommand) -> str:
    return f"{command.operator}: {command.reason}"


def _awaiting_approval(turn: Turn, event_id: str) -> Parked | None:
    for parked in turn.contract.parked:
        if parked.event.event_id == event_id and parked.wait in AWAITS_APPROVAL:
            return parked
    return None


def _approve(turn: Turn, command: OperatorCommand) -> None:
    parked = _awaiting_approval(turn, command.target_id)
    if parked is None:
        return
    if command.target_id in turn.contract.approved:
        return
    turn.change(approved=(*turn.contract.approved, command.target_id))
    turn.audit(AuditAction.APPROVED, parked.event, ProcessingStatus.CAPTURED, detail=_told(command))


def _reject(turn: Turn, command: OperatorCommand) -> None:
    parked = _awaiting_approval(turn, command.target_id)
    if parked is None:
        return
    turn.change(parked=tuple(other for other in turn.contract.parked if other is not parked))
    take_sequence(turn, parked.event)
    turn.audit(AuditAction.DISAPPROVED, parked.event, ProcessingStatus.REFUSED, detail=_told(command))
    turn.outcome(parked.event, ProcessingStatus.REFUSED)


def _retry(turn: Turn, command: OperatorCommand) -> None:
    postings = list(turn.contract.postings)
    for index, pending in enumerate(postings):
        if pending.posting.command_id == command.target_id and pending.held:
            postings[index] = replace(pending, held=False, attempts=1, sent_at=turn.at)
            turn.change(postings=tuple(postings))
            turn.send(pending.posting)
            turn.audit(
                AuditAction.POSTING_RESENT,
                pending.event,
                ProcessingStatus.AWAITING_POSTING,
                command_id=pending.posting.command_id,
                detail=_told(command),
            )
            return


def _reverse(turn: Turn, command: OperatorCommand) -> None:
    document = turn.document(transaction_key(command.target_id))
    if document is None or document.void:
        return
    if document.shared:
        message = (
            f"transaction {command.target_id} is one of {document.event.context.source_system} and of another source "
            "system, expected one that is alone: nothing is reversed; correct it by an event of its source system that "
            "names it in supersedes"
        )
        turn.exception(RootCause.TREATMENT_DISPUTE, document.event, message, subject=command.command_id)
        return
    day = posting_date(turn.contract, document.event, turn.policy)
    take_back(turn, document.event, document, day, _told(command), compensates=True, request=command.command_id)
