"""Each rule of docs/accounting.md sections 6 to 8, and of the order of events, once, worked by hand."""

from __future__ import annotations

from decimal import Decimal

from tests.oracle.cases import Case, document, line, new_terms
from tests.oracle.reading import Json

RECEIVABLE, LIABILITY, ASSET, CASH, PLATFORM = "1100", "2100", "1200", "1000", "4010"


def us(case: Case) -> dict[str, Decimal]:
    return {account: amount for (entity, account, _), amount in case.result().balances.items() if entity == "ACME-US"}


def payment(amount: str) -> dict[str, Json]:
    return {"payment_id": "P1", "invoice_id": "I1", "amount": amount, "currency": "USD"}


def refund(amount: str) -> dict[str, Json]:
    return {"refund_id": "R1", "invoice_id": "I1", "amount": amount, "currency": "USD"}


def test_an_invoice_is_a_liability_until_it_is_earned_and_tax_passes_through() -> None:
    case = Case().sign(line("A", "365"))
    case.add("InvoiceIssued", "2025-01-01", document("A", "365", (("US-CA", "20"), ("US-NY", "9"))))
    case.close("2025-01")
    assert us(case) == {RECEIVABLE: 394, "2510": -20, "2520": -9, LIABILITY: -334, PLATFORM: -31}


def test_what_is_earned_before_it_is_billed_is_an_asset() -> None:
    case = Case().sign(line("A", "365")).add("InvoiceIssued", "2025-01-01", document("A", "10")).close("2025-01")
    assert us(case) == {RECEIVABLE: 10, ASSET: 21, PLATFORM: -31}


def test_credits_payments_and_refunds_move_the_receivable() -> None:
    case = Case().sign(line("A", "365")).add("InvoiceIssued", "2025-01-01", document("A", "365"))
    case.add("CreditIssued", "2025-01-02", document("A", "65") | {"credit_id": "K", "effect": "BILLING_ONLY"})
    case.add("PaymentReceived", "2025-01-03", payment("290")).add("RefundIssued", "2025-01-04", refund("40"))
    assert us(case) == {RECEIVABLE: 50, CASH: 250, LIABILITY: -300}
    assert case.result().contracts["C1"].transaction_price == 365


def test_another_entity_that_performs_is_owed_by_the_one_that_bills() -> None:
    case = Case().sign(line("A", "365"), line("S", "365", product_line="support", legal_entity="ACME-DE"))
    case.close("2025-01").close("2025-01", entity="ACME-DE")
    result = case.result()
    assert result.balances == {
        ("ACME-DE", "1300", "USD"): 31,
        ("ACME-DE", "4030", "USD"): -31,
        ("ACME-US", ASSET, "USD"): 62,
        ("ACME-US", "2300", "USD"): -31,
        ("ACME-US", PLATFORM, "USD"): -31,
    }
    assert result.journals == {"Recognition": 2, "Intercompany": 1}


def test_a_change_dated_before_a_run_is_taken_in_by_the_next_run() -> None:
    # January is run at 31; then 1 January is changed to 730 over the year: by the end of February 118 are earned.
    case = Case().sign(line("A", "365")).close("2025-01")
    case.amend("2025-01-01", changed=(new_terms("A", "730", "800"),)).close("2025-02")
    assert us(case)[PLATFORM] == -118
    assert case.result().journals["Recognition"] == 2


def test_a_run_that_finds_nothing_gives_no_journal() -> None:
    case = Case().sign(line("P", "10", pattern="POINT_IN_TIME")).close("2025-01", "2025-02")
    assert case.result().journals == {}


def test_a_corrected_invoice_counts_as_corrected() -> None:
    case = Case().sign(line("A", "365")).add("InvoiceIssued", "2025-01-01", document("A", "365"))
    case.add("InvoiceIssued", "2025-01-09", document("A", "300", number="I2"), supersedes="t2")
    assert us(case) == {RECEIVABLE: 300, LIABILITY: -300}
    assert case.result().journals == {"InvoiceIssued": 2, "Reversal": 1}


def test_corrected_usage_counts_as_corrected() -> None:
    case = Case().sign(line("U", "0", "0", pattern="USAGE"))
    use: dict[str, Json] = {"line_id": "U", "usage_start": "2025-02-01", "usage_end": "2025-02-28", "amount": "12"}
    case.add("UsageRated", "2025-03-01", use).add("UsageRated", "2025-03-02", use | {"amount": "7"}, supersedes="t2")
    assert case.result().contracts["C1"].schedule == {"2025-02": 7}


def test_a_correction_waits_for_what_it_corrects() -> None:
    case = Case().sign(line("A", "365")).add("InvoiceIssued", "2025-01-09", document("A", "1"), supersedes="t3")
    assert case.result().parked == {"e2"}
    case.add("InvoiceIssued", "2025-01-08", document("A", "5", number="I2"))
    assert us(case) == {RECEIVABLE: 1, LIABILITY: -1}


def test_an_invoice_before_its_amendment_waits_for_it() -> None:
    case = Case().sign(line("A", "365"))
    case.add("InvoiceIssued", "2025-07-02", document("B", "50"), 2)
    assert case.result().parked == {"e2"}
    assert us(case) == {}
    case.amend("2025-07-02", added=(line("B", "50"),))
    assert case.result().parked == frozenset()
    assert us(case) == {RECEIVABLE: 50, LIABILITY: -50}


def test_a_gap_in_a_source_parks_what_follows_it() -> None:
    case = Case().sign(line("A", "365")).add("InvoiceIssued", "2025-01-01", document("A", "9"))
    case.add("PaymentReceived", "2025-01-03", payment("2"), source="bank", sequence=2)
    case.add("PaymentReceived", "2025-01-03", payment("4"), source="other")
    assert us(case)[CASH] == 4
    assert case.result().parked == {"e3"}
    case.add("PaymentReceived", "2025-01-03", payment("1"), source="bank", sequence=1)
    assert us(case)[CASH] == 7


def test_a_repeated_event_counts_once() -> None:
    case = Case().sign(line("A", "365")).add("InvoiceIssued", "2025-01-01", document("A", "9"))
    case.add("PaymentReceived", "2025-01-03", payment("2"))
    case.events.append(case.events[2])
    assert us(case)[CASH] == 2
    assert case.result().duplicates == ("e3",)


def test_a_payment_waits_for_the_invoice_that_it_names() -> None:
    case = Case().sign(line("A", "365")).add("PaymentReceived", "2025-01-03", payment("2"))
    assert case.result().parked == {"e2"}
    assert us(case) == {}
    case.add("InvoiceIssued", "2025-01-01", document("A", "9"))
    assert us(case) == {RECEIVABLE: 7, CASH: 2, LIABILITY: -9}


def test_what_is_not_accounted_for_yet_is_rejected() -> None:
    euros = document("A", "5") | {"currency": "EUR"}
    assert set(Case().sign(line("A", "365")).add("InvoiceIssued", "2025-01-01", euros).result().rejected) == {"e2"}
