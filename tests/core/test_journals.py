"""Every row of docs/accounting.md section 7, with numbers that can be added up by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from streams.core import journals
from streams.core.journals import Lines, MappingMissing
from streams.records import JournalLine, RecognisedAmount
from tests.core.builders import POLICY, billed

ACCOUNTS = POLICY.accounts
US, DE = "ACME-US", "ACME-DE"


def told(lines: Lines) -> list[str]:
    """Write a journal as an accountant would: Dr or Cr, account, amount, dimension."""
    return [
        " ".join(
            part
            for part in (
                "Dr" if line.debit else "Cr",
                line.account,
                str(line.debit or line.credit),
                line.product_line or line.jurisdiction or line.partner_entity,
            )
            if part
        )
        for line in lines
    ]


def of(amount: str, product_line: str = "platform", entity: str = US) -> RecognisedAmount:
    return RecognisedAmount(obligation_id="L1", product_line=product_line, legal_entity=entity, amount=Decimal(amount))


TAXED = (billed("1000.00", taxes=[("US-CA", "72.50")]), billed("200.00", "L2", taxes=[("US-NY", "8.00")]))


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ("0", ["Cr 2100 1200.00"]),
        ("500.00", ["Cr 2100 1200.00"]),
        ("-300.00", ["Cr 1200 300.00", "Cr 2100 900.00"]),
        ("-1200.00", ["Cr 1200 1200.00"]),
        ("-2000.00", ["Cr 1200 1200.00"]),
    ],
)
def test_an_invoice_bills_the_contract_asset_first_then_contract_liability(position: str, expected: list[str]) -> None:
    lines = journals.invoice(ACCOUNTS, Decimal(position), TAXED)
    assert told(lines) == ["Dr 1100 1280.50", *expected, "Cr 2510 72.50 US-CA", "Cr 2520 8.00 US-NY"]


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ("2000.00", ["Dr 2100 1200.00"]),
        ("1200.00", ["Dr 2100 1200.00"]),
        ("500.00", ["Dr 2100 500.00", "Dr 1200 700.00"]),
        ("0", ["Dr 1200 1200.00"]),
        ("-500.00", ["Dr 1200 1200.00"]),
    ],
)
def test_a_credit_uses_up_the_contract_liability_first_then_builds_an_asset(position: str, expected: list[str]) -> None:
    lines = journals.credit(ACCOUNTS, Decimal(position), TAXED)
    assert told(lines) == [*expected, "Dr 2510 72.50 US-CA", "Dr 2520 8.00 US-NY", "Cr 1100 1280.50"]


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ("150.00", ["Dr 2100 100.00"]),
        ("60.00", ["Dr 2100 60.00", "Dr 1200 40.00"]),
        ("-10.00", ["Dr 1200 100.00"]),
    ],
)
def test_recognition_uses_up_the_contract_liability_first_then_builds_an_asset(
    position: str, expected: list[str]
) -> None:
    found = journals.recognition(ACCOUNTS, Decimal(position), US, [of("60.00"), of("40.00", "support")])
    assert list(found) == [US]
    assert told(found[US]) == [*expected, "Cr 4010 60.00 platform", "Cr 4030 40.00 support"]


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ("50.00", ["Cr 2100 100.00"]),
        ("-60.00", ["Cr 1200 60.00", "Cr 2100 40.00"]),
        ("-100.00", ["Cr 1200 100.00"]),
    ],
)
def test_revenue_that_is_taken_back_clears_the_asset_first(position: str, expected: list[str]) -> None:
    found = journals.recognition(ACCOUNTS, Decimal(position), US, [of("-100.00")])
    assert told(found[US]) == [*expected, "Dr 4010 100.00 platform"]


def test_revenue_of_both_signs_stands_on_both_sides_and_the_position_carries_the_net() -> None:
    found = journals.recognition(ACCOUNTS, Decimal("500.00"), US, [of("100.00"), of("-30.00", "support")])
    assert told(found[US]) == ["Dr 2100 70.00", "Cr 4010 100.00 platform", "Dr 4030 30.00 support"]


def test_what_another_entity_performs_goes_between_the_companies_in_both_books() -> None:
    found = journals.recognition(ACCOUNTS, Decimal("70.00"), US, [of("100.00", "services", DE)])
    assert told(found[DE]) == ["Dr 1300 100.00 ACME-US", "Cr 4040 100.00 services"]
    assert told(found[US]) == ["Dr 2100 70.00", "Dr 1200 30.00", "Cr 2300 100.00 ACME-DE"]


def test_what_another_entity_takes_back_goes_the_other_way() -> None:
    found = journals.recognition(ACCOUNTS, Decimal("-70.00"), US, [of("-100.00", "services", DE)])
    assert told(found[DE]) == ["Cr 1300 100.00 ACME-US", "Dr 4040 100.00 services"]
    assert told(found[US]) == ["Cr 1200 70.00", "Cr 2100 30.00", "Dr 2300 100.00 ACME-DE"]


def test_a_shift_of_the_performing_entity_between_product_lines_concerns_its_book_only() -> None:
    found = journals.recognition(ACCOUNTS, Decimal(0), US, [of("5.00", "services", DE), of("-5.00", "usage", DE)])
    assert {entity: told(lines) for entity, lines in found.items()} == {
        DE: ["Cr 4040 5.00 services", "Dr 4050 5.00 usage"]
    }


def test_nothing_recognised_is_no_journal() -> None:
    assert journals.recognition(ACCOUNTS, Decimal(5), US, []) == {}
    assert journals.recognition(ACCOUNTS, Decimal(5), US, [of("5.00"), of("-5.00")]) == {}


def test_payments_and_refunds() -> None:
    assert told(journals.payment(ACCOUNTS, Decimal("10.00"))) == ["Dr 1000 10.00", "Cr 1100 10.00"]
    assert told(journals.refund(ACCOUNTS, Decimal("10.00"))) == ["Dr 1100 10.00", "Cr 1000 10.00"]


def test_lines_of_zero_are_left_out() -> None:
    lines = journals.invoice(ACCOUNTS, Decimal(0), [billed("10.00", taxes=[("US-CA", "0.00")])])
    assert told(lines) == ["Dr 1100 10.00", "Cr 2100 10.00"]


def test_tax_of_one_jurisdiction_is_one_line() -> None:
    lines = [billed("10.00", taxes=[("DE", "1.90")]), billed("20.00", taxes=[("DE", "3.80")])]
    assert told(journals.invoice(ACCOUNTS, Decimal(0), lines))[2:] == ["Cr 2530 5.70 DE"]


def test_what_has_no_account_is_named_with_the_remedy() -> None:
    with pytest.raises(MappingMissing, match=r"no tax payable account for 'MARS': add it to config"):
        journals.invoice(ACCOUNTS, Decimal(0), [billed("1.00", taxes=[("MARS", "1.00")])])
    with pytest.raises(MappingMissing, match=r"no revenue account for 'rockets': add it to config"):
        journals.recognition(ACCOUNTS, Decimal(0), US, [of("1.00", "rockets")])


def test_netting_keeps_dimensions_apart_and_drops_what_cancels() -> None:
    def line(account: str, debit: str, credit: str, jurisdiction: str = "") -> JournalLine:
        return JournalLine(account=account, debit=Decimal(debit), credit=Decimal(credit), jurisdiction=jurisdiction)

    lines = [line("1100", "8", "0"), line("2100", "0", "7"), line("2510", "0", "1", "US-CA")]
    back = [line("1100", "0", "8"), line("1200", "7", "0"), line("2510", "1", "0", "US-CA")]
    assert told(journals.netted([*lines, *back])) == ["Cr 2100 7", "Dr 1200 7"]
    assert (
        journals.netted([*lines, *(line(it.account, str(it.credit), str(it.debit), it.jurisdiction) for it in lines)])
        == ()
    )
