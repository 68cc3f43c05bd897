"""From an acknowledged step to the postings that it releases (docs/accounting.md section 7)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import assert_never

from msgspec.structs import replace

from streams.core import journals
from streams.core.contract import Contract, InFlight
from streams.core.ids import command_id
from streams.core.journals import Lines
from streams.core.money import ZERO
from streams.core.policy import Policy, PostingAccounts
from streams.records import (
    CommercialEvent,
    ContractAmended,
    ContractRenewed,
    ContractSigned,
    ContractTerminated,
    CreditIssued,
    ErpPosting,
    EstimateChanged,
    InvoiceIssued,
    ObligationFulfilled,
    PaymentReceived,
    PeriodClosed,
    PeriodOpened,
    PostJournal,
    ProcessingStatus,
    RefundIssued,
    RevenueAccepted,
    ReverseJournal,
    UsageRated,
)


def postings(contract: Contract, step: InFlight, policy: Policy) -> tuple[ErpPosting, ...]:
    """Return what a done step releases to the ERP, given the contract's position before it.

    Raises MappingMissing when the configuration lacks an account.
    """
    accounts = policy.accounts
    if step.reverses is not None:
        lines = _opposite(contract, step.reverses, accounts)
        lines = journals.with_refund_liability(accounts, lines, _refund_change(contract, step))
        if step.refused:
            lines = journals.netted((*step.refused, *lines))
        return _posting(contract, step, policy, step.event.context.legal_entity, lines, reverses=step.reverses)
    recognised = step.answer.recognised if isinstance(step.answer, RevenueAccepted) else ()
    match step.event.body:
        case PeriodClosed(period=period):
            entity = contract.legal_entity
            by_entity = journals.recognition(accounts, contract.position, entity, recognised)
            if change := _refund_change(contract, step):
                by_entity[entity] = journals.with_refund_liability(accounts, by_entity.get(entity, ()), change)
            dated = replace(step, posting_date=policy.calendar(step.event.context.legal_entity).last_day(period))
            return tuple(
                posting
                for name, lines in by_entity.items()
                for posting in _posting(contract, dated, policy, name, lines)
            )
        case InvoiceIssued(lines=billed):
            lines = journals.invoice(accounts, contract.position, billed)
        case CreditIssued(lines=credited):
            lines = journals.credit(accounts, contract.position, credited)
        case PaymentReceived(amount=amount):
            lines = journals.payment(accounts, amount)
        case RefundIssued(amount=amount):
            lines = journals.refund(accounts, amount)
        case (
            ContractSigned()
            | ContractAmended()
            | ContractRenewed()
            | ContractTerminated()
            | UsageRated()
            | ObligationFulfilled()
            | EstimateChanged()
            | PeriodOpened()
        ):
            return ()
        case _ as unreachable:
            assert_never(unreachable)
    lines = journals.with_refund_liability(accounts, lines, _refund_change(contract, step))
    return _posting(contract, step, policy, step.event.context.legal_entity, lines)


def _refund_change(contract: Contract, step: InFlight) -> Decimal:
    """Return by how much the step moves the refund liability."""
    if not isinstance(step.answer, RevenueAccepted):
        return ZERO
    return step.answer.refund_liability_total - contract.refund_liability


def _opposite(contract: Contract, reversed_event: CommercialEvent, accounts: PostingAccounts) -> Lines:
    match reversed_event.body:
        case InvoiceIssued(lines=billed):
            return journals.credit(accounts, contract.position, billed)
        case CreditIssued(lines=credited):
            return journals.invoice(accounts, contract.position, credited)
        case PaymentReceived(amount=amount):
            return journals.refund(accounts, amount)
        case RefundIssued(amount=amount):
            return journals.payment(accounts, amount)
        case _:
            return ()


def posting_id(contract_id: str, event_id: str, legal_entity: str) -> str:
    """Return the command id of the journal that an event posts in an entity's ledger."""
    return command_id(contract_id, event_id, "PostJournal", legal_entity)


def _posting(
    contract: Contract,
    step: InFlight,
    policy: Policy,
    entity: str,
    lines: Lines,
    *,
    reverses: CommercialEvent | None = None,
) -> tuple[ErpPosting, ...]:
    if not lines:
        return ()
    event, day = step.event, step.posting_date
    description = _description(event, day) + _adjusts(event, day, policy)
    body: PostJournal | ReverseJournal
    if reverses is None:
        identity = posting_id(contract.contract_id, event.event_id, entity)
        body = PostJournal(description=description, lines=lines)
    elif step.refused:
        identity = command_id(contract.contract_id, event.event_id, "PostJournal", f"instead of {reverses.event_id}")
        body = PostJournal(description=f"{description}: contract position without what was refused", lines=lines)
    else:
        identity = command_id(contract.contract_id, event.event_id, "ReverseJournal", reverses.event_id)
        body = ReverseJournal(
            reverses_command_id=posting_id(contract.contract_id, reverses.event_id, entity),
            description=f"{description}: reverses {reverses.context.source_transaction_id}",
            lines=lines,
        )
    treatment = (
        step.answer.treatment if isinstance(step.answer, RevenueAccepted) else event.context.accounting_treatment
    )
    posting = ErpPosting(
        command_id=identity,
        event_id=event.event_id,
        revenue_command_id=step.command.command_id if step.command else None,
        legal_entity=entity,
        currency=contract.currency,
        posting_date=day,
        period=policy.calendar(entity).period_of(day),
        context=replace(
            event.context,
            contract_id=contract.contract_id,
            customer_account=event.context.customer_account or contract.customer_account,
            legal_entity=entity,
            accounting_treatment=treatment,
            processing_status=ProcessingStatus.AWAITING_POSTING,
        ),
        body=body,
    )
    return (posting,)


def _description(event: CommercialEvent, day: dt.date) -> str:
    match event.body:
        case PeriodClosed(period=period):
            return f"Revenue {period}"
        case InvoiceIssued(invoice_id=number):
            return f"Invoice {number}"
        case CreditIssued(credit_id=number):
            return f"Credit note {number}"
        case PaymentReceived(payment_id=number):
            return f"Payment {number}"
        case RefundIssued(refund_id=number):
            return f"Refund {number}"
        case _:
            return f"{event.event_type} {event.context.source_transaction_id}, {day}"


def _adjusts(event: CommercialEvent, day: dt.date, policy: Policy) -> str:
    """Return what marks the journal of a late event: the period that it would have belonged to."""
    if isinstance(event.body, PeriodClosed):
        return ""
    calendar = policy.calendar(event.context.legal_entity)
    period = calendar.period_of(event.effective_date)
    return f", prior-period adjustment of {period}" if period < calendar.period_of(day) else ""
