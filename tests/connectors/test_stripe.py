"""Stripe Billing's deliveries become canonical events; what a delivery does not hold is refused by name."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connectors.sources.faults import SourceInvalid
from connectors.sources.mapped import MappedSource
from streams.api.source_files import read_source
from streams.core.rules import violations
from streams.records import (
    CommercialEvent,
    ContractAmended,
    ContractSigned,
    ContractTerminated,
    CreditIssued,
    InvoiceIssued,
    PaymentReceived,
    RefundIssued,
)
from streams.shipped import shipped
from tests.connectors.stripe_payloads import (
    MID,
    YEAR_END,
    YEAR_START,
    charge,
    credit_note,
    delivery,
    invoice,
    subscription,
)
from tests.core.builders import POLICY


def stripe() -> MappedSource:
    read = read_source(shipped("config") / "sources" / "stripe.yaml")
    assert not isinstance(read, list), read
    return read[0]


STRIPE = stripe()


def one(payload: dict[str, Any]) -> CommercialEvent:
    """Return the only event of a delivery, which breaks no rule."""
    (event,) = STRIPE.events(payload)
    assert violations(event, POLICY) == []
    return event


def refused(payload: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SourceInvalid) as caught:
        STRIPE.events(payload)
    return {fault.field: fault.rule for fault in caught.value.faults}


SIGNED = delivery("customer.subscription.created", subscription())


def test_an_active_subscription_is_a_contract_over_its_period() -> None:
    event = one(SIGNED)
    assert event.event_id == "stripe:evt_1"
    assert (event.context.contract_id, event.context.contract_version) == ("sub_1", 1)
    assert isinstance(event.body, ContractSigned)
    (line,) = event.body.lines
    assert (event.body.currency, line.line_id, line.product_line) == ("USD", "si_1", "platform")
    assert (line.price, line.ssp, line.quantity) == (Decimal(2000), Decimal(2400), Decimal(10))
    assert (line.start_date, line.end_date) == (dt.date(2026, 1, 1), dt.date(2026, 12, 31))


def test_a_subscription_that_is_paid_later_is_signed_by_the_update_and_not_before() -> None:
    assert STRIPE.events(delivery("customer.subscription.created", subscription(status="incomplete"))) == []
    event = one(delivery("customer.subscription.updated", subscription(), {"status": "incomplete"}))
    assert event.body == one(SIGNED).body


def test_a_price_that_the_catalogue_does_not_have_is_refused_with_every_field() -> None:
    unknown = subscription()
    unknown["items"]["data"][0]["price"]["id"] = "price_unknown"
    found = refused(delivery("customer.subscription.created", unknown))
    line = "/body/ContractSigned/lines/0"
    assert found == {f"{line}/{name}": "not_in_catalogue" for name in ("product_line", "pattern", "ssp")}


def test_a_price_in_another_currency_than_the_subscription_is_refused() -> None:
    found = refused(delivery("customer.subscription.created", subscription(currency="eur")))
    assert found == {"/body/ContractSigned/currency": "differs"}


def test_a_change_of_quantity_amends_and_needs_version_and_price_of_the_whole_term() -> None:
    bare = delivery("customer.subscription.updated", subscription(), {"items": {"data": [{"quantity": 5}]}}, id="evt_2")
    line = "/body/ContractAmended/changed_lines/0"
    assert refused(bare) == {
        "/context/contract_version": "missing",
        f"{line}/price": "missing",
        f"{line}/ssp": "missing",
    }
    told = subscription(metadata={"contract_version": "2"})
    told["items"]["data"][0]["metadata"] = {"term_price": "1500.00", "term_ssp": "1800.00"}
    event = one(delivery("customer.subscription.updated", told, {"items": {"data": [{"quantity": 5}]}}))
    assert event.context.contract_version == 2
    assert isinstance(event.body, ContractAmended)
    assert event.body.changed_lines[0].price == Decimal(1500)


@pytest.mark.parametrize(
    "previous",
    [{"current_period_start": 1}, {"items": {"data": [{"current_period_start": 1}]}}],
    ids=["before 2025-03-31", "since"],
)
def test_a_new_period_is_refused_and_not_taken_for_an_amendment(previous: dict[str, Any]) -> None:
    assert refused(delivery("customer.subscription.updated", subscription(), previous)) == {"": "refused"}


def test_an_update_of_nothing_that_matters_is_ignored() -> None:
    outcome = STRIPE.read(delivery("customer.subscription.updated", subscription(), {"description": "old"}))
    assert (outcome.events, outcome.ignored) == ((), "no rule is about it")


def test_a_cancelled_subscription_terminates_and_needs_the_refund() -> None:
    gone = {"status": "canceled", "ended_at": MID}
    assert refused(delivery("customer.subscription.deleted", subscription(**gone))) == {
        "/body/ContractTerminated/refund": "missing"
    }
    event = one(delivery("customer.subscription.deleted", subscription(**gone, metadata={"refund": "800.00"})))
    assert event.effective_date == dt.date(2026, 6, 1)
    assert event.context.contract_version == 2
    assert event.body == ContractTerminated(refund=Decimal(800))


OLD_INVOICE = {
    "parent": None,
    "subscription": "sub_1",
    "lines": {
        "data": [
            {
                "amount": 200000,
                "period": {"start": YEAR_START, "end": YEAR_END},
                "subscription_item": "si_1",
                "tax_amounts": [{"amount": 17000, "inclusive": False, "tax_rate": "txr_california"}],
            }
        ]
    },
}


@pytest.mark.parametrize("changes", [{}, OLD_INVOICE], ids=["since 2025-03-31", "before"])
def test_an_invoice_has_lines_and_taxes_by_jurisdiction(changes: dict[str, Any]) -> None:
    event = one(delivery("invoice.finalized", invoice(**changes)))
    assert isinstance(event.body, InvoiceIssued)
    (line,) = event.body.lines
    assert (line.line_id, line.net) == ("si_1", Decimal(2000))
    assert [(tax.jurisdiction, tax.amount) for tax in line.taxes] == [("US-CA", Decimal(170))]
    assert (line.service_start, line.service_end) == (dt.date(2026, 1, 1), dt.date(2026, 12, 31))


@pytest.mark.parametrize(
    "changes",
    [
        {"total_discount_amounts": [{"amount": 100}]},
        {"total_taxes": [{"tax_behavior": "inclusive"}]},
        {"total_tax_amounts": [{"inclusive": True}]},
    ],
)
def test_an_invoice_whose_net_is_not_in_the_payload_is_refused(changes: dict[str, Any]) -> None:
    assert refused(delivery("invoice.finalized", invoice(**changes))) == {"": "refused"}


def test_a_currency_without_cents_keeps_its_amounts() -> None:
    event = one(delivery("invoice.paid", invoice(currency="jpy", amount_paid=5000)))
    assert isinstance(event.body, PaymentReceived)
    assert (event.body.amount, event.body.currency) == (Decimal(5000), "JPY")


def test_a_credit_note_credits_the_line_and_has_the_effect_of_its_metadata() -> None:
    event = one(delivery("credit_note.created", credit_note()))
    assert isinstance(event.body, CreditIssued)
    assert (event.body.invoice_id, event.body.lines[0].net, event.body.effect.value) == (
        "in_1",
        Decimal(50),
        "PRICE_REDUCTION",
    )
    without = delivery("credit_note.created", credit_note(metadata={}))
    assert refused(without).keys() == {
        "/context/contract_id",
        "/body/CreditIssued/effect",
        "/body/CreditIssued/lines/0/line_id",
    }


def test_a_refund_is_what_this_delivery_adds_to_the_charges_total() -> None:
    event = one(delivery("charge.refunded", charge(), {"amount_refunded": 10000}))
    assert event.body == RefundIssued(refund_id="ch_1-30000", invoice_id="in_1", amount=Decimal(200), currency="USD")
