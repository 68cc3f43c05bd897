"""Steps of an admitted event on their way to revenue recognition: starting, taking back, remembering."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from msgspec.structs import replace

from streams.core.commands import reversal_command
from streams.core.contract import Document, InFlight, changes_version, invoice_key, transaction_key
from streams.core.journals import net_of
from streams.core.money import ZERO
from streams.core.turn import Turn
from streams.records import (
    AuditAction,
    CommercialEvent,
    CreditIssued,
    InvoiceIssued,
    PeriodClosed,
    PeriodOpened,
    ProcessingStatus,
)


def start(turn: Turn, step: InFlight) -> None:
    """Queue a step and send its revenue command, if it has one."""
    turn.change(queue=(*turn.contract.queue, step))
    if step.command is None:
        return
    turn.send(step.command)
    turn.audit(
        AuditAction.COMPENSATION_REQUESTED if step.compensates else AuditAction.REVENUE_COMMANDED,
        step.event,
        ProcessingStatus.AWAITING_REVENUE,
        command_id=step.command.command_id,
        detail=type(step.command.body).__name__,
    )
    if step.reverses is None:
        turn.outcome(step.event, ProcessingStatus.AWAITING_REVENUE)
        if changes_version(step.event):
            turn.change(changing=True)


def take_back(
    turn: Turn, cause: CommercialEvent, document: Document, day: dt.date, reason: str, *, compensates: bool = False
) -> None:
    """Start the reversal of a document's event, caused by a correction, an operator or a refusal of the ERP."""
    void(turn, document)
    command = reversal_command(turn.contract.contract_id, cause, document.event, reason)
    start(
        turn,
        InFlight(
            event=cause,
            command=command,
            posting_date=day,
            sent_at=turn.at,
            reverses=document.event,
            compensates=compensates,
        ),
    )


def remember(turn: Turn, event: CommercialEvent, revenue_command_id: str | None) -> None:
    """Remember an admitted transaction for those that will refer to it."""
    if isinstance(event.body, PeriodClosed | PeriodOpened):
        return
    document = Document(event=event, revenue_command_id=revenue_command_id)
    for key in _keys(event):
        turn.remember_document(key, document)


def void(turn: Turn, document: Document) -> None:
    """A rejected or reversed document cannot be corrected again."""
    for key in _keys(document.event):
        known = turn.document(key)
        if known is not None and known.event.event_id == document.event.event_id:
            turn.remember_document(key, replace(document, void=True))


def _keys(event: CommercialEvent) -> tuple[str, ...]:
    key = transaction_key(event.context.source_transaction_id)
    return (key, invoice_key(event.body.invoice_id)) if isinstance(event.body, InvoiceIssued) else (key,)


def billed_by(step: InFlight) -> Decimal:
    """Return what a step adds to the net billed of the contract."""
    if step.reverses is not None:
        return -_net(step.reverses)
    return _net(step.event)


def _net(event: CommercialEvent) -> Decimal:
    match event.body:
        case InvoiceIssued(lines=lines):
            return net_of(lines)
        case CreditIssued(lines=lines):
            return -net_of(lines)
        case _:
            return ZERO
