"""What is refused of a document's exchange rate at capture (docs/accounting.md section 11)."""

from __future__ import annotations

from decimal import Decimal

from streams.core.findings import Findings, Rule
from streams.records import CommercialEvent, CreditIssued, InvoiceIssued, PaymentReceived, RefundIssued

_NONE = Decimal(1)


def rate_terms(found: Findings, at: str, event: CommercialEvent) -> None:
    """A document in the functional currency of its entity has no rate but 1."""
    body = event.body
    if not isinstance(body, InvoiceIssued | CreditIssued | PaymentReceived | RefundIssued):
        return
    if body.exchange_rate == _NONE:
        return
    entity = found.policy.entities.get(event.context.legal_entity)
    if entity is not None and entity.functional_currency == body.currency:
        found.add(
            f"{at}/exchange_rate",
            Rule.EXCHANGE_RATE,
            f"found {body.exchange_rate} on a document in {body.currency}, the functional currency of {entity.name}, "
            "expected 1; correct the rate or the currency",
        )
