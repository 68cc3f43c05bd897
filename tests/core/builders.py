"""Small builders of events: contract C1 of ACME-US in USD, over 2026, unless told otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace as replaced
from decimal import Decimal

from streams.config import load_configuration
from streams.core.policy import ApprovalRule, Bounds, LatePolicy, Policy, RejectionPolicy
from streams.records import (
    CommercialEvent,
    Context,
    ContractAmended,
    ContractLine,
    ContractRenewed,
    ContractSigned,
    ContractTerminated,
    CreditEffect,
    CreditIssued,
    DocumentLine,
    EstimateChanged,
    InvoiceIssued,
    LineChange,
    ObligationFulfilled,
    PaymentReceived,
    PeriodClosed,
    PeriodOpened,
    RecognitionPattern,
    RefundIssued,
    TaxAmount,
    UsageRated,
)
from streams.shipped import shipped

CONFIGURATION = load_configuration(shipped("config"))
POLICY = CONFIGURATION.policy
START = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)

Body = (
    ContractSigned
    | ContractAmended
    | ContractRenewed
    | ContractTerminated
    | InvoiceIssued
    | CreditIssued
    | PaymentReceived
    | RefundIssued
    | UsageRated
    | ObligationFulfilled
    | EstimateChanged
    | PeriodOpened
    | PeriodClosed
)


def policy(
    *,
    bounds: Bounds | None = None,
    late: LatePolicy | None = None,
    erp_rejection: RejectionPolicy | None = None,
    amendment_over: str | None = None,
    terminations_wait: bool = False,
) -> Policy:
    """Return the shipped policy with changes."""
    approvals = ApprovalRule(
        amendment_price_change_over=None if amendment_over is None else Decimal(amendment_over),
        termination=terminations_wait,
    )
    return replaced(
        POLICY,
        bounds=bounds or POLICY.bounds,
        late=POLICY.late if late is None else dict.fromkeys(POLICY.late, late),
        erp_rejection=erp_rejection or POLICY.erp_rejection,
        approvals=approvals,
    )


def bounds(
    *,
    parked: int = 100,
    open_bytes: int = 600 * 1024,
    parked_hours: int = 72,
    resend: int = 30,
    at_most: int = 900,
    attempts: int = 8,
) -> Bounds:
    """Return bounds, in hours and seconds."""
    return Bounds(
        parked_events=parked,
        open_bytes=open_bytes,
        parked_for=dt.timedelta(hours=parked_hours),
        resend_after=dt.timedelta(seconds=resend),
        resend_at_most=dt.timedelta(seconds=at_most),
        attempts=attempts,
        seen_for=dt.timedelta(days=400),
    )


def event(
    event_id: str,
    body: Body,
    *,
    version: int = 1,
    on: str = "2026-01-01",
    contract: str = "C1",
    entity: str = "ACME-US",
    source: str = "stripe",
    transaction: str | None = None,
    sequence: int | None = None,
    supersedes: str | None = None,
) -> CommercialEvent:
    """Return an event; its source transaction is T-<event id>."""
    return CommercialEvent(
        event_id=event_id,
        event_type=type(body).__name__,
        source_sequence=sequence,
        supersedes=supersedes,
        occurred_at=START,
        effective_date=dt.date.fromisoformat(on),
        context=Context(
            source_system=source,
            source_transaction_id=transaction or f"T-{event_id}",
            contract_id=contract,
            contract_version=version,
            customer_account="A1",
            legal_entity=entity,
        ),
        body=body,
    )


def line(
    line_id: str = "L1",
    price: str = "1200.00",
    ssp: str | None = None,
    *,
    pattern: RecognitionPattern = RecognitionPattern.RATABLE_MONTHLY,
    product_line: str = "platform",
    start: str = "2026-01-01",
    end: str = "2026-12-31",
    quantity: str = "10",
    entity: str | None = None,
) -> ContractLine:
    """Return a contract line that earns the same every month."""
    return ContractLine(
        line_id=line_id,
        product_line=product_line,
        pattern=pattern,
        quantity=Decimal(quantity),
        price=Decimal(price),
        ssp=Decimal(ssp or price),
        start_date=dt.date.fromisoformat(start),
        end_date=dt.date.fromisoformat(end),
        legal_entity=entity,
    )


USAGE_LINE = line("U1", "0", pattern=RecognitionPattern.USAGE, product_line="usage")


def signed(*lines: ContractLine, currency: str = "USD") -> ContractSigned:
    """Return a signed contract; by default of one line of 1,200 over 2026."""
    return ContractSigned(currency=currency, lines=lines or (line(),))


def upgraded(price: str = "2400.00", line_id: str = "L1", *, approved: bool = True) -> ContractAmended:
    """Return an amendment that changes the price of a line."""
    change = LineChange(line_id=line_id, price=Decimal(price), ssp=Decimal(price))
    return ContractAmended(changed_lines=(change,), approved=approved)


def added(*lines: ContractLine, approved: bool = True) -> ContractAmended:
    """Return an amendment that adds lines."""
    return ContractAmended(added_lines=lines, approved=approved)


def billed(net: str, line_id: str = "L1", taxes: Sequence[tuple[str, str]] = ()) -> DocumentLine:
    """Return a line of a document; taxes are (jurisdiction, amount)."""
    amounts = tuple(TaxAmount(jurisdiction=code, amount=Decimal(amount)) for code, amount in taxes)
    return DocumentLine(line_id=line_id, net=Decimal(net), taxes=amounts)


def invoice(number: str, *lines: DocumentLine, currency: str = "USD") -> InvoiceIssued:
    """Return an invoice; by default of 1,200 net on L1, without tax."""
    return InvoiceIssued(invoice_id=number, currency=currency, lines=lines or (billed("1200.00"),))


def credit(
    number: str,
    *lines: DocumentLine,
    of: str | None = None,
    currency: str = "USD",
    effect: CreditEffect = CreditEffect.BILLING_ONLY,
) -> CreditIssued:
    """Return a credit note."""
    return CreditIssued(credit_id=number, invoice_id=of, currency=currency, lines=lines, effect=effect)


def payment(number: str, of: str, amount: str, *, currency: str = "USD") -> PaymentReceived:
    """Return a payment of an invoice."""
    return PaymentReceived(payment_id=number, invoice_id=of, amount=Decimal(amount), currency=currency)


def refund(number: str, of: str, amount: str) -> RefundIssued:
    """Return a refund of the payment of an invoice."""
    return RefundIssued(refund_id=number, invoice_id=of, amount=Decimal(amount), currency="USD")


def usage(amount: str, on: str = "2026-01-31", line_id: str = "U1") -> UsageRated:
    """Return usage of a single day."""
    day = dt.date.fromisoformat(on)
    return UsageRated(line_id=line_id, usage_start=day, usage_end=day, quantity=Decimal(1), amount=Decimal(amount))


def terminated(refund: str = "0.00") -> ContractTerminated:
    """Return a termination."""
    return ContractTerminated(refund=Decimal(refund))


def period_end(period: str, *, entity: str = "ACME-US", event_id: str = "") -> CommercialEvent:
    """Return the close of a period of an entity."""
    body = PeriodClosed(period=period)
    name = event_id or f"close-{entity}-{period}"
    return event(name, body, version=0, contract="*", entity=entity, source="erp", on=f"{period}-28")
