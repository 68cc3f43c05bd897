"""From an event's journals to the same in functional currency too, where the entity's is another than the contract's.

Decides which rate and which rule of `streams.core.fx` a journal takes; a journal in functional currency passes
unchanged. Knows events and the policy; knows no posting.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import partial

from streams.core import fx
from streams.core.contract import Contract
from streams.core.fx import Carried
from streams.core.journals import Lines
from streams.core.policy import Policy
from streams.records import CommercialEvent, CreditIssued, InvoiceIssued, PaymentReceived, RefundIssued

NOT_STATED = Decimal(1)
"""Exchange rate of a foreign document that states none: the table's rate of its effective date is used."""


def of_document(
    contract: Contract,
    event: CommercialEvent,
    lines: Lines,
    policy: Policy,
    day: dt.date,
    *,
    taken_back: bool = False,
) -> tuple[Carried | None, Lines]:
    """Return what is carried after a document, or after it is taken back, and its journal with functional amounts.

    `day` is the accounting date. Raises RateMissing.
    """
    functional = policy.foreign(contract.currency, contract.legal_entity)
    if not functional or not lines:
        return contract.carried, lines
    return fx.document(
        contract.carried or Carried(),
        lines,
        policy.accounts,
        functional,
        _rate(contract, event, functional, policy),
        invoice_id=_invoice(event),
        day=day,
        takes_back_invoice=taken_back and isinstance(event.body, InvoiceIssued),
    )


def of_run(
    contract: Contract, by_entity: Mapping[str, Lines], policy: Policy, day: dt.date
) -> tuple[Carried | None, dict[str, Lines]]:
    """Return what is carried after a recognition run, and its journals with functional amounts. Raises RateMissing.

    `day` is the last day of the period: what has no carrying amount yet is worth its rate.
    """
    carried, journals = contract.carried, dict(by_entity)
    for entity, lines in by_entity.items():
        functional = policy.foreign(contract.currency, entity)
        if not functional:
            continue
        if entity == contract.legal_entity:
            closing = _table(contract, functional, policy, day)
            before = carried or Carried()
            carried, journals[entity] = fx.recognition(before, lines, policy.accounts, functional, closing)
        else:
            journals[entity] = fx.at_one_rate(lines, functional, _table(contract, functional, policy, day)())
    return carried, journals


def of_interest(contract: Contract, lines: Lines, policy: Policy, day: dt.date) -> tuple[Carried | None, Lines]:
    """Return what is carried after interest, and its lines at the closing rate. Raises RateMissing.

    Interest adds to contract liability or asset at that rate; what it reduces goes at its carrying amount.
    """
    functional = policy.foreign(contract.currency, contract.legal_entity)
    if not functional:
        return contract.carried, lines
    closing = _table(contract, functional, policy, day)()
    before = contract.carried or Carried()
    return fx.document(before, lines, policy.accounts, functional, closing, invoice_id="", day=day)


def of_refund_liability(contract: Contract, lines: Lines, policy: Policy, day: dt.date) -> tuple[Carried | None, Lines]:
    """Return what is carried after a move between contract and refund liability, and its lines. Raises RateMissing."""
    functional = policy.foreign(contract.currency, contract.legal_entity)
    if not functional:
        return contract.carried, lines
    rate = _table(contract, functional, policy, day)
    return fx.refund_liability(contract.carried or Carried(), lines, policy.accounts, functional, rate)


def remeasured(
    contract: Contract, carried: Carried | None, policy: Policy, day: dt.date
) -> tuple[Carried | None, Lines]:
    """Return what is carried after the remeasurement at the end of a period, and its journal. Raises RateMissing."""
    functional = policy.foreign(contract.currency, contract.legal_entity)
    if not functional or carried is None:
        return carried, ()
    closing = _table(contract, functional, policy, day)
    return fx.remeasurement(carried, policy.accounts, functional, closing, day)


def _table(contract: Contract, functional: str, policy: Policy, day: dt.date) -> fx.Rate:
    return partial(policy.rates.rate, contract.currency, functional, day)


def _rate(contract: Contract, event: CommercialEvent, functional: str, policy: Policy) -> Fraction:
    match event.body:
        case InvoiceIssued() | CreditIssued() | PaymentReceived() | RefundIssued() as body:
            if body.exchange_rate != NOT_STATED:
                return Fraction(body.exchange_rate)
        case _:
            pass
    return policy.rates.rate(contract.currency, functional, event.effective_date)


def _invoice(event: CommercialEvent) -> str:
    match event.body:
        case InvoiceIssued(invoice_id=number) | PaymentReceived(invoice_id=number) | RefundIssued(invoice_id=number):
            return number
        case CreditIssued(invoice_id=number):
            return number or ""
        case _:
            return ""
