"""From an acknowledged step to the postings that it releases (docs/accounting.md section 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import NamedTuple, assert_never

from msgspec.structs import replace

from streams.core import journals
from streams.core.commands import of_request
from streams.core.contract import Contract, InFlight
from streams.core.foreign import of_document, of_interest, of_refund_liability, of_run, remeasured
from streams.core.fx import Carried
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


class Released(NamedTuple):
    """What a step releases, and what the contract's foreign balances are carried at afterwards."""

    postings: tuple[ErpPosting, ...]
    carried: Carried | None


def postings(contract: Contract, step: InFlight, policy: Policy) -> Released:
    """Return what a done step releases to the ERP, given the contract's position before it.

    Raises MappingMissing when the configuration lacks an account, RateMissing when it lacks an exchange rate.
    """
    event, accounts, position = step.event, policy.accounts, contract.position
    if step.reverses is not None:
        lines = _opposite(contract, step.reverses, accounts)
        return _document(contract, step, step.reverses, lines, policy)
    match event.body:
        case PeriodClosed(period=period):
            last_day = policy.calendar(event.context.legal_entity).last_day(period)
            return _run(contract, replace(step, posting_date=last_day), policy)
        case InvoiceIssued(lines=billed):
            lines = journals.invoice(accounts, position, billed)
        case CreditIssued(lines=credited):
            lines = journals.credit(accounts, position, credited)
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
            return Released((), contract.carried)
        case _ as unreachable:
            assert_never(unreachable)
    return _document(contract, step, event, lines, policy)


def _document(contract: Contract, step: InFlight, document: CommercialEvent, lines: Lines, policy: Policy) -> Released:
    entity, day = contract.legal_entity, step.posting_date

    def journal(before: Contract) -> tuple[Carried | None, dict[str, Lines]]:
        taken_back = step.reverses is not None
        carried, translated = of_document(before, document, lines, policy, day, taken_back=taken_back)
        return carried, {entity: translated}

    carried, by_entity = _with_refund_liability(contract, step, policy, journal)
    posted = by_entity[entity]
    if step.refused:
        posted = journals.netted((*step.refused, *posted))
    return Released(_posting(contract, step, entity, posted, policy), carried)


def _run(contract: Contract, step: InFlight, policy: Policy) -> Released:
    """Revenue of the period by entity, then the remeasurement of what the closing entity holds in foreign currency."""
    recognised = step.answer.recognised if isinstance(step.answer, RevenueAccepted) else ()
    entity = contract.legal_entity
    total = step.answer.interest_total if isinstance(step.answer, RevenueAccepted) else ZERO
    accreted = replace(contract, interest=total) if total != contract.interest else contract
    earned = journals.recognition(policy.accounts, accreted.position, entity, recognised)

    def journal(before: Contract) -> tuple[Carried | None, dict[str, Lines]]:
        if accreted is contract:
            return of_run(before, earned, policy, step.posting_date)
        interest = journals.interest(policy.accounts, contract.position, contract.interest, total)
        carried, lines = of_interest(before, interest, policy, step.posting_date)
        carried, by_entity = of_run(replace(before, carried=carried), earned, policy, step.posting_date)
        return carried, {**by_entity, entity: journals.netted((*lines, *by_entity.get(entity, ())))}

    carried, by_entity = _with_refund_liability(contract, step, policy, journal)
    released = [
        posting for name, lines in by_entity.items() for posting in _posting(contract, step, name, lines, policy)
    ]
    if step.event.context.legal_entity == entity:
        carried, lines = remeasured(contract, carried, policy, step.posting_date)
        released += _posting(contract, step, entity, lines, policy, remeasures=True)
    return Released(tuple(released), carried)


Journal = Callable[[Contract], tuple[Carried | None, dict[str, Lines]]]
"""What is carried after a step, and its journals by legal entity, given the contract before it."""


def _with_refund_liability(
    contract: Contract, step: InFlight, policy: Policy, journal: Journal
) -> tuple[Carried | None, dict[str, Lines]]:
    """Return what is carried after a step and its journals, with the move of the refund liability that belongs to it.

    What is no refund liability any more is contract liability before the step uses it up, and what becomes one is
    contract liability first.
    """
    answer, entity = step.answer, contract.legal_entity
    change = answer.refund_liability_total - contract.refund_liability if isinstance(answer, RevenueAccepted) else ZERO
    if not change:
        return journal(contract)
    moved = journals.refund_liability(policy.accounts, change)
    if change < 0:
        carried, moved = of_refund_liability(contract, moved, policy, step.posting_date)
        carried, by_entity = journal(replace(contract, carried=carried))
    else:
        carried, by_entity = journal(contract)
        carried, moved = of_refund_liability(replace(contract, carried=carried), moved, policy, step.posting_date)
    return carried, {**by_entity, entity: journals.netted((*by_entity.get(entity, ()), *moved))}


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
    contract: Contract, step: InFlight, entity: str, lines: Lines, policy: Policy, *, remeasures: bool = False
) -> tuple[ErpPosting, ...]:
    if not lines:
        return ()
    event, day, reverses = step.event, step.posting_date, step.reverses
    description = _description(event, day) + _adjusts(event, day, policy)
    taken_back = of_request(reverses.event_id, step.request) if reverses is not None else ""
    body: PostJournal | ReverseJournal
    if remeasures:
        identity = command_id(contract.contract_id, event.event_id, "PostJournal", f"{entity} remeasurement")
        body = PostJournal(description=f"Foreign exchange, closing rate of {day}", lines=lines)
    elif reverses is None:
        identity = posting_id(contract.contract_id, event.event_id, entity)
        body = PostJournal(description=description, lines=lines)
    elif step.refused:
        identity = command_id(contract.contract_id, event.event_id, "PostJournal", f"instead of {taken_back}")
        body = PostJournal(description=f"{description}: contract position without what was refused", lines=lines)
    else:
        identity = command_id(contract.contract_id, event.event_id, "ReverseJournal", taken_back)
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
        functional_currency=policy.foreign(contract.currency, entity),
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
