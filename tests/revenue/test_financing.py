"""A financing component in the engine: what it measures, what may happen to a financed line, and what may not."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.revenue.embedded import Book, recognise
from connectors.revenue.embedded.time_value import growth, months_after
from streams.records import (
    ContractLine,
    ContractSigned,
    EstablishContract,
    EstimateChanged,
    Financing,
    PaymentTerm,
    RevenueAccepted,
    ReviseEstimate,
)
from tests.revenue.commands import (
    DAILY,
    MILESTONE,
    POINT,
    CommandBody,
    Contract,
    allocated,
    amend,
    change,
    command,
    credit,
    day,
    estimate,
    fulfil,
    invoice,
    line,
    months,
    recognition,
    terminate,
    undo,
)


def financing(transfer_on: str, *payments: tuple[str, str], rate: str = "0.06", expedient: bool = True) -> Financing:
    terms = tuple(PaymentTerm(due_on=day(on), amount=Decimal(amount)) for on, amount in payments)
    return Financing(
        annual_rate=Decimal(rate), transfer_on=day(transfer_on), payments=terms, line_id="A", expedient=expedient
    )


def signed(terms: Financing | None, *lines: ContractLine) -> EstablishContract:
    return EstablishContract(terms=ContractSigned(currency="USD", lines=lines, financing=terms))


ADVANCE = financing("2028-01-01", ("2026-01-01", "4000"))
ARREARS = financing("2026-01-01", ("2027-01-01", "53"), ("2028-01-01", "56.18"))
"""50 after a year and 50 after two, at 6 %."""


def advance(*others: ContractLine) -> Contract:
    contract = Contract()
    contract.do(signed(ADVANCE, line("A", "4000", pattern=POINT), *others))
    return contract


def arrears(*others: ContractLine) -> Contract:
    contract = Contract()
    contract.do(signed(ARREARS, line("A", "109.18", "100", pattern=POINT), *others))
    return contract


def close(contract: Contract, period: str) -> tuple[str, str]:
    answer = contract.do(recognition(period))
    return str(answer.recognised_total), str(answer.interest_total)


def test_an_advance_is_worth_more_on_transfer_and_the_difference_is_expense() -> None:
    contract = advance()
    assert [close(contract, period) for period in ("2026-12", "2027-12", "2028-01")] == [
        ("0.00", "-240.00"),
        ("0.00", "-494.40"),
        ("0.00", "-494.40"),
    ]
    contract.do(fulfil("A"), "2028-01-01")
    assert close(contract, "2028-02") == ("4494.40", "-494.40")


def test_arrears_are_worth_less_on_transfer_and_the_difference_is_income() -> None:
    contract = arrears()
    # Nothing is owed before it is transferred, and all of the interest since when the fact comes.
    assert close(contract, "2026-03") == ("0.00", "0")
    answer = contract.do(fulfil("A"), "2026-01-01")
    assert answer.transaction_price == 100
    assert close(contract, "2026-12") == ("100.00", "6.00")
    assert close(contract, "2027-12") == ("100.00", "9.18")
    assert close(contract, "2028-01") == ("100.00", "9.18")


def test_interest_of_a_run_is_that_of_the_days_up_to_its_last_day() -> None:
    contract = advance()
    week = replace(recognition("2026-12"), last_day=day("2026-12-26"))
    exact = Decimal(4000) * (1 - Decimal("1.06") ** (Decimal(11) / 12 + Decimal(26) / 31 / 12))
    assert contract.do(week).interest_total == round(exact, 2)


def test_service_that_is_paid_in_advance_is_worth_more_for_each_day_that_it_comes_later() -> None:
    contract = Contract()
    service = line("A", "3600", pattern=DAILY, end="2028-12-31")
    answer = contract.do(signed(financing("2026-01-01", ("2026-01-01", "3600")), service))
    # The last day is worth 3 years of interest more than paid, the first none: about half of it on average.
    assert answer.transaction_price == Decimal("3924.13")
    assert [close(contract, period)[1] for period in ("2026-12", "2027-12", "2028-12")] == [
        "-177.24",
        "-286.70",
        "-324.13",
    ]


def test_the_price_as_of_the_transfer_is_what_is_allocated() -> None:
    contract = Contract()
    answer = contract.do(signed(ARREARS, line("A", "109.18", "100", pattern=POINT), line("B", "100", "100")))
    assert allocated(answer) == {"A": "100.00", "B": "100.00"}
    assert "significant financing at 6 % a year" in answer.decisions[0].reason
    assert "9.18 is interest income, apart from revenue (606-10-32-15 to 20)" in answer.decisions[0].reason


@pytest.mark.parametrize(
    ("due_on", "left_out"), [("2027-01-01", True), ("2027-01-02", False), ("2025-01-01", True), ("2024-12-31", False)]
)
def test_a_payment_within_a_year_of_the_transfer_is_no_financing(due_on: str, left_out: bool) -> None:
    contract = Contract()
    terms = financing("2026-01-01", (due_on, "100"))
    answer = contract.do(signed(terms, line("A", "100", pattern=POINT)))
    assert (answer.transaction_price == 100) is left_out
    assert ("practical expedient (606-10-32-18)" in answer.decisions[0].reason) is left_out
    measured = Contract().do(signed(replace(terms, expedient=False), line("A", "100", pattern=POINT)))
    assert measured.transaction_price != 100


@pytest.mark.parametrize(
    ("payments", "left_out"),
    [
        ([("2026-01-01", "100"), ("2027-01-01", "100"), ("2028-01-01", "100")], True),
        ([("2026-01-01", "200"), ("2028-01-01", "100")], False),
        ([("2026-12-31", "100"), ("2027-12-31", "100"), ("2028-12-31", "100")], True),
        ([("2028-12-31", "300")], False),
    ],
)
def test_each_payment_of_a_service_is_compared_with_what_it_pays_for(
    payments: list[tuple[str, str]], left_out: bool
) -> None:
    service = line("A", "300", pattern=DAILY, end="2028-12-31")
    answer = Contract().do(signed(financing("2026-01-01", *payments), service))
    assert (answer.transaction_price == 300) is left_out


def test_a_transfer_on_another_day_than_the_price_was_measured_for_is_refused() -> None:
    contract = advance()
    answer = contract.refused(fulfil("A"), "2028-02-01")
    assert answer.code == "FINANCING_INVALID"
    assert "Correct transfer_on first, by a ContractSigned that supersedes the signed one" in answer.reason


@pytest.mark.parametrize(
    "body",
    [
        amend(change("A", "5000", "5000")),
        amend(removed=["A"]),
        amend(added=[line("C", "100", "200")]),
        estimate("-100", "A"),
        estimate("-100"),
        credit("K", reduces_price=True, A="100"),
        ReviseEstimate(estimate=EstimateChanged(collection_probable=False, basis="the customer is late")),
    ],
)
def test_what_would_change_the_price_of_a_financed_line_is_refused(body: CommandBody) -> None:
    contract = advance(line("B", "100"))
    contract.do(invoice("I", A="4000", B="100"))
    assert contract.refused(body, "2026-06-01").code == "FINANCING_INVALID"


def test_what_concerns_other_lines_is_taken_in() -> None:
    contract = advance(line("B", "100"))
    contract.do(amend(added=[line("C", "50")]), "2026-03-01")
    contract.do(estimate("-10", "B"), "2026-04-01")
    assert close(contract, "2026-12")[1] == "-240.00"


def test_a_termination_before_the_transfer_gives_back_what_was_paid_with_interest() -> None:
    contract = advance()
    contract.do(invoice("I", A="4000"))
    answer = contract.do(terminate("4240"), "2026-12-31")
    assert answer.transaction_price == 0
    assert close(contract, "2027-12") == ("0.00", "-240.00")
    contract.do(credit("K", A="4240"), "2027-12-31")
    assert contract.book is not None
    assert contract.book.position == 0


def test_a_termination_without_refund_keeps_what_was_paid_with_interest_as_revenue() -> None:
    contract = advance()
    contract.do(terminate("0"), "2026-12-31")
    assert close(contract, "2027-12") == ("4240.00", "-240.00")


def test_a_termination_of_service_that_is_paid_later_leaves_what_was_earned_and_its_interest() -> None:
    contract = Contract()
    service = line("A", "3000", pattern=DAILY, end="2028-12-31")
    contract.do(signed(financing("2026-01-01", ("2029-01-01", "3000")), service))
    earned, interest = close(contract, "2026-12")
    # The customer pays what it got, with the interest so far: nothing is left to be earned.
    owed = Decimal(earned) + Decimal(interest)
    answer = contract.do(terminate(str(3000 - owed)), "2026-12-31")
    assert answer.transaction_price == Decimal(earned)
    assert close(contract, "2028-12") == (earned, interest)


def test_what_was_transferred_bears_interest_until_it_is_paid_whatever_becomes_of_the_rest() -> None:
    contract = arrears(line("B", "120"))
    contract.do(fulfil("A"), "2026-01-01")
    contract.do(terminate("60"), "2026-06-30")
    assert close(contract, "2028-01")[1] == "9.18"


def test_a_corrected_component_is_measured_from_the_beginning_and_the_next_run_takes_the_difference() -> None:
    contract = advance()
    close(contract, "2026-12")
    later = replace(ADVANCE, transfer_on=day("2029-01-01"))
    corrected = correct(contract, "c1", signed(later, line("A", "4000", pattern=POINT)))
    assert corrected.transaction_price == Decimal("4764.06")
    assert corrected.interest_total == Decimal("-240.00")
    assert close(contract, "2028-12") == ("0.00", "-764.06")


def test_a_component_that_never_was_is_taken_back_by_the_next_run() -> None:
    contract = advance()
    close(contract, "2026-12")
    correct(contract, "c1", signed(None, line("A", "4000", pattern=POINT)))
    assert close(contract, "2027-01") == ("0.00", "0")


def test_a_transfer_that_is_taken_back_takes_back_the_interest_on_what_it_was_owed_for() -> None:
    contract = arrears()
    contract.do(fulfil("A"), "2026-01-01")
    assert close(contract, "2026-12") == ("100.00", "6.00")
    contract.do(undo("c2"), "2027-01-10")
    assert close(contract, "2027-01") == ("0.00", "0")


@pytest.mark.parametrize(
    ("terms", "sold"),
    [
        (ADVANCE, line("A", "5000", pattern=POINT)),
        (ADVANCE, line("A", "4000", pattern=MILESTONE)),
        (ADVANCE, line("A", "4000", pattern=POINT, distinct=False)),
        (ADVANCE, line("B", "4000", pattern=POINT)),
        (ADVANCE, line("A", "4000", pattern=DAILY)),
        (replace(ADVANCE, annual_rate=Decimal(6)), line("A", "4000", pattern=POINT)),
        (replace(ADVANCE, payments=()), line("A", "0", pattern=POINT)),
    ],
)
def test_a_component_that_cannot_be_measured_is_refused(terms: Financing, sold: ContractLine) -> None:
    assert Contract().refused(signed(terms, sold)).code == "FINANCING_INVALID"


def test_equal_instalments_stay_equal_whatever_the_days_of_their_months() -> None:
    rate, anchor = Decimal("0.12"), day("2028-01-31")
    for month in range(-24, 25):
        exact = Decimal("1.12") ** (Decimal(month) / 12)
        assert abs(growth(rate, anchor, months_after(anchor, month)) - exact) < Decimal("1e-25")


@settings(max_examples=200, deadline=None)
@given(st.integers(-4000, 4000), st.integers(1, 900), st.integers(0, 365))
def test_what_is_held_grows_every_day(days: int, rate: int, offset: int) -> None:
    anchor = dt.date(2028, 1, 1) + dt.timedelta(days=offset)
    on = anchor + dt.timedelta(days=days)
    grown = [growth(Decimal(rate) / 1000, anchor, on + dt.timedelta(days=more)) for more in (0, 1)]
    assert grown[0] < grown[1]
    assert (grown[0] >= 1) is (days >= 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=12), st.integers(0, 12))
def test_runs_in_any_steps_and_a_stored_book_come_to_the_same_interest(steps: list[int], stored_at: int) -> None:
    whole, stepwise = arrears(), arrears()
    for contract in (whole, stepwise):
        contract.do(fulfil("A"), "2026-01-01")
    for at, step in enumerate(sorted(set(steps))):
        if at == stored_at and stepwise.book is not None:
            stepwise.book = msgspec.msgpack.decode(msgspec.msgpack.encode(stepwise.book), type=Book)
        close(stepwise, f"{2026 + step // 12}-{step % 12 + 1:02d}")
    last = "2028-07"
    assert close(stepwise, last) == close(whole, last) == ("100.00", "9.18")


def correct(contract: Contract, command_id: str, body: CommandBody) -> RevenueAccepted:
    """Put a command in the place of an accepted one."""
    sent = replace(command(body, "2026-01-01", command_id=f"{command_id}'"), corrects_command_id=command_id)
    contract.book, answer = recognise(contract.book, sent, contract.accepted)
    assert isinstance(answer, RevenueAccepted), answer
    contract.accepted[sent.command_id] = sent
    return answer


def test_the_schedule_is_that_of_revenue_alone() -> None:
    contract = arrears()
    assert months(contract.do(fulfil("A"), "2026-01-01"), "A") == {"2026-01": "100.00"}
