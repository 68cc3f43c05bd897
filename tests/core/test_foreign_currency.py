"""A contract in another currency than the books (docs/accounting.md section 11), with numbers to follow by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from streams.core.contract import Contract
from streams.core.money import ZERO
from streams.records import (
    ContractSigned,
    CreditEffect,
    EstimateChanged,
    ObligationFulfilled,
    OperatorAction,
    PossibleOutcome,
    PostingRejected,
    ProcessingStatus,
    RecognitionPattern,
    RootCause,
    VariableConsideration,
)
from tests.core.abroad import DE, Abroad, at, policy, told, unbalanced
from tests.core.builders import billed, credit, event, invoice, line, payment, period_end, refund, signed
from tests.core.desk import Desk

GOLDEN = Path(__file__).parent.parent / "golden" / "foreign_currency.txt"
RATES = {"2026-01-31": "0.92", "2026-02-28": "0.92", "2026-03-31": "0.93", "2026-04-30": "0.97"}
QUARTER = signed(line(start="2026-01-01", end="2026-03-31"))


def abroad(rates: dict[str, str] | None = None) -> Abroad:
    return Abroad(policy(RATES if rates is None else rates)).take(event("signed", QUARTER, entity=DE, source="crm"))


def test_the_worked_example_is_as_worked_out_by_hand() -> None:
    desk = abroad()
    desk.take(at("0.90", "bill", invoice("I1"), "2026-01-01"))
    desk.close("2026-01", "2026-02")
    desk.take(at("0.95", "pay", payment("P1", "I1", "900.00"), "2026-03-10"))
    desk.take(at("0.94", "credit", credit("K1", billed("300.00"), of="I1"), "2026-03-20"))
    desk.close("2026-03")
    desk.take(at("0.96", "again", invoice("I2", billed("300.00")), "2026-04-10"))
    desk.close("2026-04")
    desk.take(at("0.91", "paid", payment("P2", "I2", "300.00"), "2026-05-05"))
    written = "\n".join(text for posting in desk.postings for text in told(posting)) + "\n"
    assert written == GOLDEN.read_text(encoding="utf-8")
    assert unbalanced(desk.postings) == []
    # Cash 855 + 273 = revenue 360 + 360 + 369, and exchange differences of 24 + 27 - 6 + 9 + 3 - 18.
    assert desk.balances() == {
        "1000": ("1200.00", "1128.00"),
        "4010": ("-1200.00", "-1089.00"),
        "4900": ("0.00", "-63.00"),
        "7900": ("0.00", "24.00"),
    }
    carried = desk.contract.carried
    assert carried is not None
    assert (carried.receivables, carried.liability.functional, carried.asset.functional) == ((), ZERO, ZERO)


def test_contract_liability_is_released_at_the_average_of_the_invoices_that_made_it() -> None:
    desk = abroad()
    desk.take(at("0.90", "b1", invoice("I1", billed("600.00")), "2026-01-01"))
    desk.take(at("0.96", "b2", invoice("I2", billed("600.00")), "2026-01-15"))
    desk.close("2026-01")
    (revenue, remeasured) = desk.postings[-2:]
    assert told(revenue) == [
        "2026-01-31 Revenue 2026-01",
        "  2100       400.00       372.00",
        "  4010     (400.00)     (372.00)",
    ]
    # 540 + 576 are carried, 1,200 at 0.92 are worth 1,104.
    assert told(remeasured) == [
        "2026-01-31 Foreign exchange, closing rate of 2026-01-31",
        "  1100            -      (12.00)",
        "  7900            -        12.00",
    ]
    assert remeasured.functional_currency == "EUR"


def test_revenue_takes_the_penny_of_rounding_and_not_the_exchange_difference() -> None:
    desk = abroad()
    desk.take(at("0.9012625", "bill", invoice("I1", billed("800.00")), "2026-02-01")).close("2026-01")
    # Half of 721.01 stays: 360.505, rounded half-even 360.50.
    assert told(desk.postings[-1])[1:] == ["  2100       400.00       360.51", "  4010     (400.00)     (360.51)"]


def test_an_invoice_dated_after_the_period_is_not_remeasured_at_its_closing_rate() -> None:
    desk = abroad()
    desk.take(at("0.90", "bill", invoice("I1"), "2026-02-03")).close("2026-01")
    assert [posting.body.description for posting in desk.postings] == ["Invoice I1", "Revenue 2026-01"]


def test_taxes_and_pennies_add_up_in_both_currencies() -> None:
    desk = abroad()
    taxed = (billed("0.05", taxes=[("DE", "0.01")]), billed("100.01", taxes=[("FR", "20.03")]))
    desk.take(at("0.9137", "bill", invoice("I1", *taxed), "2026-01-01"))
    # 120.10 at the rate are 109.74, without the first tax 109.73, without both 91.42: that is left for the position.
    assert told(desk.postings[0])[1:] == [
        "  1100       120.10       109.74",
        "  2100     (100.06)      (91.42)",
        "  2530       (0.01)       (0.01)",
        "  2540      (20.03)      (18.31)",
    ]


def test_a_document_without_a_rate_takes_the_table_s() -> None:
    desk = abroad()
    desk.take(at(None, "bill", invoice("I1"), "2026-02-10"))
    assert told(desk.postings[0])[1] == "  1100      1200.00      1104.00"


def test_a_missing_rate_posts_nothing_and_names_pair_and_day() -> None:
    desk = abroad({})
    desk.take(at(None, "bill", invoice("I1"), "2026-02-10"))
    assert desk.postings == []
    (exception,) = desk.exceptions
    assert exception.root_cause is RootCause.MAPPING_MISSING
    assert "USD to EUR on 2026-02-10" in exception.message
    desk.take(at("0.90", "later", invoice("I2"), "2026-02-11"))
    assert desk.postings == []  # nothing overtakes it
    desk.policy = policy(RATES)
    desk.later(hours=1)
    desk.settle()
    assert [posting.body.description for posting in desk.postings] == ["Invoice I1", "Invoice I2"]


def test_a_superseded_invoice_leaves_no_trace_but_its_remeasurement() -> None:
    desk = abroad()
    desk.take(at("0.90", "b1", invoice("I1", billed("600.00", taxes=[("DE", "114.01")])), "2026-01-01"))
    desk.take(at("0.9611", "b2", invoice("I2", billed("600.03", taxes=[("DE", "114.01")])), "2026-01-15"))
    right = invoice("I3", billed("500.00"))
    desk.take(at("0.95", "b3", right, "2026-01-16", supersedes="T-b2"))
    assert desk.balances() == {
        "1100": ("1214.01", "1117.61"),
        "2100": ("-1100.00", "-1015.00"),
        "2530": ("-114.01", "-102.61"),
    }
    assert desk.postings[-2].functional_currency == "EUR"


def test_a_refund_settles_what_the_customer_is_owed() -> None:
    desk = abroad()
    desk.take(at("0.90", "bill", invoice("I1"), "2026-01-01"))
    desk.take(at("0.90", "pay", payment("P1", "I1", "1200.00"), "2026-01-10"))
    desk.take(at("0.90", "credit", credit("K1", billed("300.00"), of="I1"), "2026-01-20"))
    assert desk.contract.carried is not None
    (owed,) = desk.contract.carried.receivables
    assert (str(owed.amount), str(owed.functional)) == ("-300.00", "-270.00")
    desk.take(at("0.95", "refund", refund("R1", "I1", "300.00"), "2026-01-25"))
    assert told(desk.postings[-1])[1:] == [
        "  1100       300.00       270.00",
        "  1000     (300.00)     (285.00)",
        "  7900            -        15.00",
    ]
    assert desk.contract.carried.receivables == ()


def test_revenue_that_is_taken_back_leaves_at_the_average_at_which_it_came() -> None:
    desk = abroad()
    desk.take(at("0.90", "bill", invoice("I1"), "2026-01-01")).close("2026-01", "2026-02")
    lower = credit("K1", billed("1200.00"), of="I1", effect=CreditEffect.PRICE_REDUCTION)
    desk.take(at("0.90", "free", lower, "2026-03-02")).close("2026-03")
    assert told(desk.postings[-1]) == [
        "2026-03-31 Revenue 2026-03",
        "  1200     (800.00)     (720.00)",
        "  4010       800.00       720.00",
    ]
    # The gain of the remeasurement in January is gone with the receivable.
    assert desk.balances() == {"4900": ("0.00", "-24.00"), "7900": ("0.00", "24.00")}


def test_what_another_entity_performs_is_worth_the_closing_rate_in_its_books() -> None:
    lines = signed(line("L1", "1200.00"), line("L2", "1200.00", entity="ACME-DE", product_line="services"))
    desk = Abroad(policy(RATES))
    desk.take(event("signed", lines, source="crm"), event("bill", invoice("I1")))
    desk.close("2026-01")
    by_entity = {posting.legal_entity: posting for posting in desk.postings[1:]}
    assert told(by_entity[DE])[1:] == ["  1300       100.00        92.00", "  4040     (100.00)      (92.00)"]
    assert (by_entity[DE].functional_currency, by_entity["ACME-US"].functional_currency) == ("EUR", "")
    assert desk.contract.carried is None


def test_what_is_owed_to_an_entity_that_performs_is_worth_the_closing_rate_from_the_beginning() -> None:
    """A monetary item comes in at the rate of its day (IAS 21.21; 830-20-30-1), whatever the advance was worth."""
    lines = signed(line("L1", "1200.00"), line("L2", "1200.00", entity="ACME-US", product_line="services"))
    desk = Abroad(policy(RATES)).take(event("signed", lines, entity=DE, source="crm"))
    desk.take(at("0.90", "bill", invoice("I1"), "2026-01-01"), period_end("2026-01", entity="ACME-US"))
    by_entity = {posting.legal_entity: posting for posting in desk.postings[1:]}
    assert told(by_entity[DE])[1:] == [
        "  2100       100.00        90.00",
        "  2300     (100.00)      (92.00)",
        "  7900            -         2.00",
    ]
    assert told(by_entity["ACME-US"])[1:] == [
        "  1300       100.00            -",
        "  4040     (100.00)            -",
    ]


def test_a_contract_in_functional_currency_has_no_functional_amounts() -> None:
    desk = Desk(policy({})).sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.settle()
    desk.arrive(period_end("2026-01"))
    desk.settle()
    assert len(desk.postings) == 2
    assert {posting.functional_currency for posting in desk.postings} == {""}
    assert not any(line.functional_debit or line.functional_credit for it in desk.postings for line in it.body.lines)
    assert desk.contract.carried is Contract(contract_id="C1").carried is None


def test_taking_back_what_the_erp_refused_nets_functional_amounts_too() -> None:
    desk = abroad()
    desk.arrive(at("0.90", "bill", invoice("I1"), "2026-01-01"))
    desk.answer(desk.commands[-1])
    desk.book(desk.postings[-1], PostingRejected(code="unbalanced", reason="found, expected, do", retryable=False))
    desk.close("2026-01")
    desk.ask(OperatorAction.REVERSE, "T-bill")
    desk.settle()
    assert desk.status("bill") in (ProcessingStatus.COMPENSATED, ProcessingStatus.EXCEPTION)
    assert unbalanced(desk.postings) == []
    carried = desk.contract.carried
    assert carried is not None
    assert carried.receivables == ()
    assert (carried.liability.functional, carried.asset.amount) == (ZERO, Decimal(400))


def test_a_refund_liability_is_worth_what_it_comes_from_and_is_remeasured() -> None:
    expected = PossibleOutcome(amount=Decimal("-300.00"), probability=Decimal(1))
    returns = VariableConsideration(variable_id="R", outcomes=(expected,), line_ids=("L1",), refundable=True)
    sold = line("L1", "10000.00", pattern=RecognitionPattern.POINT_IN_TIME)
    terms = ContractSigned(currency="USD", lines=(sold,), variable=(returns,))
    desk = Abroad(policy(RATES)).take(event("signed", terms, entity=DE, source="crm"))
    desk.take(at("0.90", "bill", invoice("I1", billed("10000.00")), "2026-01-10"))
    done = ObligationFulfilled(line_id="L1", percent=Decimal(100))
    desk.take(event("done", done, entity=DE, on="2026-01-10")).close("2026-01")
    assert desk.balances()["2400"] == ("-300.00", "-276.00")  # 270, remeasured at 0.92
    desk.take(at("0.95", "back", credit("K1", billed("200.00"), of="I1"), "2026-02-05"))
    # The refund liability goes as it is carried, and so does the receivable: both at 0.92.
    assert told(desk.postings[-1])[1:] == ["  1100     (200.00)     (184.00)", "  2400       200.00       184.00"]
    fewer = EstimateChanged(
        variable_id="R", outcomes=(PossibleOutcome(amount=Decimal("-200.00"), probability=Decimal(1)),)
    )
    desk.take(event("fewer", fewer, entity=DE, on="2026-02-10")).close("2026-02")
    assert told(desk.postings[-1])[1:] == ["  4010     (100.00)      (92.00)", "  2400       100.00        92.00"]
    desk.take(at("0.92", "pay", payment("P1", "I1", "9800.00"), "2026-02-20"))
    assert unbalanced(desk.postings) == []
    assert {"1100", "1200", "2100", "2400"}.isdisjoint(desk.balances())


@pytest.mark.parametrize("rate", ["0.92", "1.07"])
def test_a_gain_is_revenue_and_a_loss_is_expense(rate: str) -> None:
    desk = abroad()
    desk.take(at("1.01", "bill", invoice("I1"), "2026-01-01"))
    desk.take(at(rate, "pay", payment("P1", "I1", "1200.00"), "2026-01-02"))
    held = desk.balances()
    assert ("4900" in held, "7900" in held) == (rate == "1.07", rate == "0.92")
