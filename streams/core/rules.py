"""The business rules that a single event must keep, whatever its contract's history: pure, and quick.

Checked by the API, so that a source hears at once, and by capture, because not every source comes by the API. What
needs the contract's history (an unknown line, the contract's currency, a closed period) is decided later, with it.
Knows the policy as a value; decides nothing about accounting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from streams.core.amendment_terms import variable_terms
from streams.core.collection_terms import collection_terms, signed_in_doubt
from streams.core.findings import EARLIEST, Findings, Rule, Violation
from streams.core.performance_terms import (
    breakage_terms,
    change_terms,
    combined_terms,
    exercise_terms,
    fulfilment_terms,
    line_terms,
)
from streams.core.period_terms import not_ahead, period_terms
from streams.core.policy import Policy
from streams.core.price_terms import estimate_terms, later_lines, no_residual, price_terms
from streams.core.rate_terms import rate_terms
from streams.records import (
    CommercialEvent,
    ContractAmended,
    ContractLine,
    ContractRenewed,
    ContractSigned,
    ContractTerminated,
    CreditIssued,
    DocumentLine,
    EstimateChanged,
    InvoiceIssued,
    ObligationFulfilled,
    PaymentReceived,
    PeriodClosed,
    PeriodOpened,
    RefundIssued,
    UsageRated,
)

EVERY_CONTRACT = "*"
"""Contract id of period events."""
INCREMENT_MARK = "@v"
"""Stands between line and version in the id of an increment's obligation (docs/accounting.md section 5)."""

__all__ = ["EVERY_CONTRACT", "INCREMENT_MARK", "Rule", "Violation", "all_violations", "violations"]


def all_violations(events: Sequence[CommercialEvent], policy: Policy) -> list[Violation]:
    """Return every rule that events break; pointers begin with the place of the event where they are several."""
    several = len(events) > 1
    return [
        replace(broken, pointer=f"/{index}{broken.pointer}") if several else broken
        for index, event in enumerate(events)
        for broken in violations(event, policy)
    ]


def violations(event: CommercialEvent, policy: Policy) -> list[Violation]:
    """Return every rule that the event breaks; empty for an event that may go on."""
    found = Findings(policy)
    _envelope(found, event)
    _context(found, event)
    _body(found, event)
    return found.violations


def _envelope(found: Findings, event: CommercialEvent) -> None:
    found.identifier("/event_id", event.event_id)
    body_type = type(event.body).__name__
    if event.event_type != body_type:
        found.add(
            "/event_type",
            Rule.EVENT_TYPE_MISMATCH,
            f"found {event.event_type!r}, expected {body_type!r} like the body; correct it, or leave it out in JSON",
        )
    if event.source_sequence is not None and event.source_sequence < 1:
        found.add(
            "/source_sequence", Rule.SEQUENCE, f"found {event.source_sequence}, expected 1 or more, or null; correct it"
        )
    if event.supersedes is not None:
        found.identifier("/supersedes", event.supersedes)
        if event.supersedes == event.context.source_transaction_id:
            found.add(
                "/supersedes",
                Rule.SUPERSEDES_ITSELF,
                f"found {event.supersedes!r}, the event's own source transaction, expected an earlier one; correct it",
            )
    found.plausible("/occurred_at", event.occurred_at.date())
    found.plausible("/effective_date", event.effective_date)


def _context(found: Findings, event: CommercialEvent) -> None:
    context = event.context
    found.identifier("/context/source_system", context.source_system)
    found.identifier("/context/source_transaction_id", context.source_transaction_id)
    found.identifier("/context/contract_id", context.contract_id)
    found.entity("/context/legal_entity", context.legal_entity)
    if context.product_line:
        found.product_line("/context/product_line", context.product_line)
    match event.body:
        case PeriodOpened() | PeriodClosed():
            if context.contract_id != EVERY_CONTRACT:
                found.add(
                    "/context/contract_id",
                    Rule.EVERY_CONTRACT,
                    f"found {context.contract_id!r}, expected '*': a period event concerns every contract; correct it",
                )
            wanted, fits = "0 on a period event", context.contract_version == 0
        case ContractSigned():
            wanted, fits = "1: signing creates version 1", context.contract_version == 1
        case ContractAmended() | ContractRenewed() | ContractTerminated():
            wanted, fits = "2 or more: the version that the change creates", context.contract_version >= 2
        case _:
            wanted, fits = "1 or more: the version that the event depends on", context.contract_version >= 1
    if not fits:
        found.add(
            "/context/contract_version",
            Rule.CONTRACT_VERSION,
            f"found {context.contract_version}, expected {wanted}; correct it",
        )
    if context.contract_id == EVERY_CONTRACT and not isinstance(event.body, PeriodOpened | PeriodClosed):
        found.add(
            "/context/contract_id",
            Rule.EVERY_CONTRACT,
            f"found '*', expected one contract: {type(event.body).__name__} concerns one; name it",
        )


def _body(found: Findings, event: CommercialEvent) -> None:
    body = event.body
    at = f"/body/{type(body).__name__}"
    rate_terms(found, at, event)
    match body:
        case ContractSigned():
            currency = body.currency if found.currency(f"{at}/currency", body.currency) else None
            _promises(found, f"{at}/lines", body.lines, currency)
            for index, option in enumerate(body.options):
                here = f"{at}/options/{index}"
                found.identifier(f"{here}/option_id", option.option_id)
                found.product_line(f"{here}/product_line", option.product_line)
                found.not_negative(f"{here}/ssp", option.ssp)
                found.positive(f"{here}/quantity", option.quantity, "state how much can be exercised, or leave it out")
                found.exact(f"{here}/ssp", option.ssp, currency)
                found.ordered(f"{here}/expires_on", event.effective_date, option.expires_on)
            found.unique(
                [
                    *((f"{at}/lines/{index}/line_id", line.line_id) for index, line in enumerate(body.lines)),
                    *((f"{at}/options/{index}/option_id", it.option_id) for index, it in enumerate(body.options)),
                ]
            )
            if body.billing_terms is not None and body.billing_terms.payment_days < 0:
                found.add(
                    f"{at}/billing_terms/payment_days",
                    Rule.SIGN,
                    f"found {body.billing_terms.payment_days}, expected 0 or more days; correct it",
                )
            price_terms(found, at, body)
            signed_in_doubt(found, at, body)
        case ContractAmended():
            _amendment(found, at, body)
        case ContractRenewed():
            _promises(found, f"{at}/lines", body.lines, None)
            found.unique((f"{at}/lines/{index}/line_id", line.line_id) for index, line in enumerate(body.lines))
            later_lines(found, f"{at}/lines", body.lines)
            no_residual(found, f"{at}/lines", body.lines)
            exercise_terms(found, at, body.exercised_options, body.exercised_parts)
        case ContractTerminated():
            found.not_negative(f"{at}/refund", body.refund)
            found.not_negative(f"{at}/fee", body.fee)
        case InvoiceIssued():
            found.identifier(f"{at}/invoice_id", body.invoice_id)
            _document(found, at, body.currency, body.exchange_rate, body.lines)
            if body.due_date is not None:
                found.ordered(f"{at}/due_date", event.effective_date, body.due_date)
        case CreditIssued():
            found.identifier(f"{at}/credit_id", body.credit_id)
            if body.invoice_id is not None:
                found.identifier(f"{at}/invoice_id", body.invoice_id)
            _document(found, at, body.currency, body.exchange_rate, body.lines)
        case PaymentReceived():
            found.identifier(f"{at}/payment_id", body.payment_id)
            _money(found, at, body)
        case RefundIssued():
            found.identifier(f"{at}/refund_id", body.refund_id)
            _money(found, at, body)
        case UsageRated():
            found.identifier(f"{at}/line_id", body.line_id)
            found.plausible(f"{at}/usage_start", body.usage_start)
            found.ordered(f"{at}/usage_end", body.usage_start, body.usage_end)
        case ObligationFulfilled():
            found.identifier(f"{at}/line_id", body.line_id)
            fulfilment_terms(found, at, body, corrects=event.supersedes is not None)
        case EstimateChanged():
            if body.line_id is not None:
                found.identifier(f"{at}/line_id", body.line_id)
            estimate_terms(found, at, body)
            breakage_terms(found, at, body)
            collection_terms(found, at, body)
        case PeriodOpened() | PeriodClosed():
            named = period_terms(found, at, event.context.legal_entity, body)
            if named and isinstance(body, PeriodClosed):
                not_ahead(found, at, event, body)
        case _:
            assert_never(body)


def _promises(found: Findings, at: str, lines: tuple[ContractLine, ...], currency: str | None) -> None:
    found.some(at, lines)
    _lines(found, at, lines, currency)


def _lines(found: Findings, at: str, lines: tuple[ContractLine, ...], currency: str | None) -> None:
    for index, line in enumerate(lines):
        here = f"{at}/{index}"
        found.identifier(f"{here}/line_id", line.line_id)
        if INCREMENT_MARK in line.line_id:
            found.add(
                f"{here}/line_id",
                Rule.RESERVED_ID,
                f"found {line.line_id!r}, expected an id without {INCREMENT_MARK!r}, which marks increments; rename it",
            )
        found.product_line(f"{here}/product_line", line.product_line)
        found.not_negative(f"{here}/quantity", line.quantity)
        _priced(found, here, line.price, line.ssp, currency)
        found.plausible(f"{here}/start_date", line.start_date)
        found.ordered(f"{here}/end_date", line.start_date, line.end_date)
        line_terms(found, here, line)
        if line.legal_entity is not None:
            found.entity(f"{here}/legal_entity", line.legal_entity)
    combined_terms(found, at, lines)


def _priced(found: Findings, here: str, price: Decimal, ssp: Decimal, currency: str | None) -> None:
    found.not_negative(f"{here}/price", price, "put a discount into the prices of the lines that it is on")
    found.exact(f"{here}/price", price, currency)
    found.not_negative(f"{here}/ssp", ssp)
    found.exact(f"{here}/ssp", ssp, currency)


def _amendment(found: Findings, at: str, body: ContractAmended) -> None:
    _lines(found, f"{at}/added_lines", body.added_lines, None)
    later_lines(found, f"{at}/added_lines", body.added_lines)
    no_residual(found, f"{at}/added_lines", body.added_lines)
    variable_terms(found, at, body)
    for index, change in enumerate(body.changed_lines):
        here = f"{at}/changed_lines/{index}"
        found.identifier(f"{here}/line_id", change.line_id)
        _priced(found, here, change.price, change.ssp, None)
        change_terms(found, here, change)
        if change.quantity is not None:
            found.not_negative(f"{here}/quantity", change.quantity)
        if change.end_date is not None:
            found.plausible(f"{here}/end_date", change.end_date)
    exercise_terms(found, at, body.exercised_options, body.exercised_parts)
    for index, line_id in enumerate(body.removed_lines):
        found.identifier(f"{at}/removed_lines/{index}", line_id)
    found.unique(
        [
            *((f"{at}/added_lines/{index}/line_id", line.line_id) for index, line in enumerate(body.added_lines)),
            *((f"{at}/changed_lines/{index}/line_id", it.line_id) for index, it in enumerate(body.changed_lines)),
            *((f"{at}/removed_lines/{index}", line_id) for index, line_id in enumerate(body.removed_lines)),
        ]
    )


def _document(found: Findings, at: str, code: str, exchange_rate: Decimal, lines: tuple[DocumentLine, ...]) -> None:
    currency = code if found.currency(f"{at}/currency", code) else None
    found.positive(f"{at}/exchange_rate", exchange_rate)
    found.some(f"{at}/lines", lines)
    for index, line in enumerate(lines):
        here = f"{at}/lines/{index}"
        found.identifier(f"{here}/line_id", line.line_id)
        found.positive(f"{here}/net", line.net, "send what is credited as a CreditIssued with positive amounts")
        found.exact(f"{here}/net", line.net, currency)
        if line.service_start is not None:
            found.plausible(f"{here}/service_start", line.service_start)
        if line.service_end is not None:
            found.ordered(f"{here}/service_end", line.service_start or EARLIEST, line.service_end)
        for position, tax in enumerate(line.taxes):
            there = f"{here}/taxes/{position}"
            found.known(
                f"{there}/jurisdiction",
                tax.jurisdiction,
                found.policy.accounts.tax_payable,
                Rule.UNKNOWN_JURISDICTION,
                "add it to config/tax.yaml",
            )
            found.not_negative(f"{there}/amount", tax.amount)
            found.exact(f"{there}/amount", tax.amount, currency)


def _money(found: Findings, at: str, body: PaymentReceived | RefundIssued) -> None:
    currency = body.currency if found.currency(f"{at}/currency", body.currency) else None
    found.identifier(f"{at}/invoice_id", body.invoice_id)
    found.positive(f"{at}/amount", body.amount)
    found.exact(f"{at}/amount", body.amount, currency)
    found.positive(f"{at}/exchange_rate", body.exchange_rate)
