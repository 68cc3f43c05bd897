"""From an event to the command for the revenue platform: what the event affects (architecture, orchestration)."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from streams.core.ids import command_id
from streams.records import (
    CommercialEvent,
    ContractAmended,
    ContractRenewed,
    ContractSigned,
    ContractTerminated,
    CreditIssued,
    EstablishContract,
    EstimateChanged,
    InvoiceIssued,
    ModifyContract,
    ObligationFulfilled,
    PaymentReceived,
    PeriodClosed,
    PeriodOpened,
    ProcessingStatus,
    RecordBilling,
    RecordFulfilment,
    RecordUsage,
    RefundIssued,
    RevenueCommand,
    ReverseTransaction,
    ReviseEstimate,
    RunRecognition,
    TerminateContract,
    UsageRated,
)

Body = (
    EstablishContract
    | ModifyContract
    | RecordBilling
    | RecordUsage
    | RecordFulfilment
    | ReviseEstimate
    | TerminateContract
    | ReverseTransaction
    | RunRecognition
)


def revenue_command(contract_id: str, event: CommercialEvent) -> RevenueCommand | None:
    """Return the revenue command of an event, or None when it does not concern revenue."""
    body = _body(event)
    return None if body is None else _command(contract_id, event, body, 0)


def correcting_command(contract_id: str, event: CommercialEvent, corrects: CommercialEvent) -> RevenueCommand:
    """Return the command that takes the place of the command of an earlier event of the same type."""
    command, corrected = revenue_command(contract_id, event), revenue_command(contract_id, corrects)
    if command is None or corrected is None:
        raise LookupError(f"{event.event_id}: a {event.event_type} has no revenue command to correct another by")
    return replace(command, corrects_command_id=corrected.command_id)


def reversal_command(
    contract_id: str, event: CommercialEvent, reverses: CommercialEvent, reason: str, request: str = ""
) -> RevenueCommand | None:
    """Return the command that takes back what an earlier event of the contract did to revenue, or None if nothing.

    `request` is the operator command that asks for it, if one does: another one, after a refusal, is another command.
    """
    reversed_command = revenue_command(contract_id, reverses)
    if reversed_command is None:
        return None
    corrects = event.event_id != reverses.event_id
    replacement = event.body if corrects and isinstance(event.body, UsageRated) else None
    body = ReverseTransaction(reverses_command_id=reversed_command.command_id, reason=reason, replacement=replacement)
    return _command(contract_id, event, body, of_request(reverses.event_id, request))


def of_request(event_id: str, request: str) -> str:
    """Return what tells reversals of an event apart: the event, and the operator command that asked for it, if any."""
    return f"{event_id} {request}" if request else event_id


def _command(contract_id: str, event: CommercialEvent, body: Body, ordinal: int | str) -> RevenueCommand:
    kind = type(body).__name__
    return RevenueCommand(
        command_id=command_id(contract_id, event.event_id, kind, ordinal),
        event_id=event.event_id,
        effective_date=event.effective_date,
        context=replace(event.context, contract_id=contract_id, processing_status=ProcessingStatus.AWAITING_REVENUE),
        body=body,
    )


def _body(event: CommercialEvent) -> Body | None:
    match event.body:
        case ContractSigned() as terms:
            return EstablishContract(terms=terms)
        case ContractAmended() as change:
            return ModifyContract(change=change)
        case ContractRenewed(lines=lines, exercised_options=exercised, exercised_parts=parts):
            change = ContractAmended(added_lines=lines, exercised_options=exercised, exercised_parts=parts)
            return ModifyContract(change=change, renewal=True)
        case ContractTerminated() as termination:
            return TerminateContract(termination=termination)
        case InvoiceIssued(invoice_id=number, lines=billed):
            return RecordBilling(document_id=number, lines=billed)
        case CreditIssued(credit_id=number, lines=credited, effect=effect):
            return RecordBilling(document_id=number, lines=credited, credit=True, effect=effect)
        case UsageRated() as usage:
            return RecordUsage(usage=usage)
        case ObligationFulfilled() as fulfilment:
            return RecordFulfilment(fulfilment=fulfilment)
        case EstimateChanged() as estimate:
            return ReviseEstimate(estimate=estimate)
        case PeriodClosed(period=period):
            return RunRecognition(period=period)
        case PaymentReceived() | RefundIssued() | PeriodOpened():
            return None
        case _ as unreachable:
            assert_never(unreachable)
