"""Prepaid credits, minimum commitments, the right to invoice: what use and invoices earn, in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import AccountingTreatment as Treatment
from streams.records import RecordUsage, RevenueAccepted, UsageRated
from tests.revenue.commands import (
    AS_INVOICED,
    MONTHLY,
    PREPAID,
    USAGE,
    CommandBody,
    Contract,
    allocated,
    amend,
    breakage,
    change,
    credit,
    day,
    establish,
    estimate,
    fulfil,
    invoice,
    line,
    months,
    recognition,
    terminate,
    undo,
    usage,
)


def credits(percent: str = "10") -> Contract:
    """Credits of 1,000 for 2026."""
    contract = Contract()
    contract.do(establish(line("C", "1000", pattern=PREPAID, breakage=percent)))
    return contract


def minimum() -> Contract:
    """A minimum of 300 a quarter."""
    contract = Contract()
    contract.do(establish(line("U", "300", pattern=USAGE, months=3)))
    return contract


# Prepaid credits


def test_use_beyond_what_was_expected_earns_no_more_than_the_price() -> None:
    contract = credits()
    contract.do(usage("C", "800", "2026-01-31"))
    answer = contract.do(usage("C", "200", "2026-02-28"))
    assert months(answer, "C") == {"2026-01": "888.89", "2026-02": "111.11"}


def test_another_breakage_is_caught_up_on_its_day() -> None:
    contract = credits()
    contract.do(usage("C", "450", "2026-01-31"))
    answer = contract.do(breakage("C", "25"), "2026-03-15")
    assert answer.treatment is Treatment.PRICE_CHANGE
    assert months(answer, "C") == {"2026-01": "500.00", "2026-03": "100.00", "2026-12": "400.00"}
    answer = contract.do(usage("C", "75", "2026-04-30"))
    assert months(answer, "C")["2026-04"] == "100.00"


def test_a_lower_price_of_credits_is_caught_up_for_those_used() -> None:
    contract = credits("0")
    contract.do(usage("C", "500", "2026-01-31"))
    answer = contract.do(credit("CN", reduces_price=True, C="100"), "2026-03-15")
    assert months(answer, "C") == {"2026-01": "500.00", "2026-03": "-50.00", "2026-12": "450.00"}


def test_use_that_is_taken_back_gives_the_credits_back() -> None:
    contract = credits("0")
    contract.do(usage("C", "900", "2026-01-31"))
    assert contract.refused(usage("C", "200", "2026-02-28")).code == RefusalCode.CREDITS_EXCEEDED
    contract.do(undo("c2"), "2026-02-28")
    assert months(contract.do(usage("C", "200", "2026-02-28")), "C") == {"2026-02": "200.00", "2026-12": "800.00"}


def test_credits_keep_what_they_were_allocated_when_other_lines_change() -> None:
    contract = Contract()
    contract.do(establish(line("C", "1000", pattern=PREPAID), line("S", "1200", pattern=MONTHLY)))
    answer = contract.do(amend(change("S", "960", "1200")), "2026-07-01")
    assert allocated(answer) == {"C": "1000.00", "S": "960.00"}


def test_credits_may_be_used_longer_and_then_expire_later() -> None:
    contract = credits("0")
    answer = contract.do(amend(change("C", "1000", "1000", end="2027-03-31")), "2026-07-01")
    assert months(answer, "C") == {"2027-03": "1000.00"}
    assert months(contract.do(usage("C", "100", "2027-02-28")), "C") == {"2027-02": "100.00", "2027-03": "900.00"}


def test_credits_that_are_cancelled_keep_what_was_used() -> None:
    contract = credits("0")
    contract.do(usage("C", "400", "2026-01-31"))
    answer = contract.do(amend(removed=["C"]), "2026-07-01")
    assert (allocated(answer), str(answer.transaction_price)) == ({"C": "400.00"}, "400.00")
    assert contract.refused(usage("C", "1", "2026-06-30")).code == RefusalCode.LINE_REMOVED


def test_the_end_of_the_contract_settles_the_credits_that_are_left() -> None:
    contract = credits("0")
    contract.do(usage("C", "400", "2026-01-31"))
    answer = contract.do(terminate("500"), "2026-06-30")
    assert months(answer, "C") == {"2026-01": "400.00", "2026-06": "100.00"}
    assert contract.refused(usage("C", "1", "2026-06-30")).code == RefusalCode.CONTRACT_TERMINATED


def counted(line_id: str, number: str, on: str, amount: str = "0") -> RecordUsage:
    """Return the use of a number of credits."""
    first = day(on)
    return RecordUsage(
        usage=UsageRated(
            line_id=line_id,
            usage_start=first,
            usage_end=first,
            quantity=line("x", number).price,
            amount=line("x", amount).price,
        )
    )


def test_points_that_come_with_a_sale_are_counted() -> None:
    contract = Contract()
    contract.do(establish(line("P", "100"), line("POINTS", "0", "25", pattern=PREPAID, quantity="50", breakage="20")))
    answer = contract.do(counted("POINTS", "10", "2026-02-01"))
    assert months(answer, "POINTS") == {"2026-02": "5.00", "2026-12": "15.00"}
    assert contract.refused(counted("POINTS", "1", "2026-02-01", "1")).code == RefusalCode.AMOUNT_INVALID
    assert contract.refused(counted("POINTS", "41", "2026-02-01")).code == RefusalCode.CREDITS_EXCEEDED


# Minimum commitments


def test_a_minimum_takes_its_share_of_a_discount_and_use_earns_that_share() -> None:
    contract = Contract()
    contract.do(
        establish(line("U", "600", "1200", pattern=USAGE, end="2026-12-31"), line("S", "600", "1200", pattern=MONTHLY))
    )
    contract.do(usage("U", "300", "2026-03-31"))
    answer = contract.do(usage("U", "400", "2026-06-30"))
    assert months(answer, "U") == {"2026-03": "300.00", "2026-06": "400.00"}
    assert str(answer.transaction_price) == "1300.00"


def test_usage_that_is_taken_back_leaves_the_minimum() -> None:
    contract = minimum()
    contract.do(usage("U", "350", "2026-02-28"))
    answer = contract.do(undo("c2"), "2026-03-01")
    assert str(answer.transaction_price) == "1200.00"
    assert months(answer, "U") == {"2026-03": "300.00", "2026-06": "300.00", "2026-09": "300.00", "2026-12": "300.00"}


def test_usage_reported_after_the_true_up_moves_it_in_time_only() -> None:
    contract = minimum()
    assert [str(entry.amount) for entry in contract.do(recognition("2026-03")).recognised] == ["300.00"]
    contract.do(usage("U", "120", "2026-02-28"))
    assert contract.do(recognition("2026-04")).recognised == ()


def test_a_minimum_ends_with_its_line_and_usage_of_that_period_is_variable_then() -> None:
    contract = minimum()
    contract.do(usage("U", "100", "2026-04-30"))
    answer = contract.do(amend(removed=["U"]), "2026-06-01")
    assert months(answer, "U") == {"2026-03": "300.00", "2026-04": "100.00"}
    assert str(answer.transaction_price) == "400.00"
    answer = contract.do(usage("U", "50", "2026-05-31"))
    assert (months(answer, "U")["2026-05"], str(answer.transaction_price)) == ("50.00", "450.00")


def test_the_end_of_the_contract_earns_what_is_kept_of_the_minimum() -> None:
    contract = minimum()
    contract.do(usage("U", "100", "2026-04-30"))
    answer = contract.do(terminate("600"), "2026-06-30")
    assert months(answer, "U") == {"2026-03": "300.00", "2026-04": "100.00", "2026-06": "200.00"}


def test_a_minimum_stays_with_its_line_when_other_lines_change() -> None:
    contract = Contract()
    contract.do(establish(line("U", "300", pattern=USAGE, months=3), line("S", "1200", pattern=MONTHLY)))
    answer = contract.do(amend(change("S", "960", "1200"), change("U", "300", "300", quantity="2")), "2026-07-01")
    assert allocated(answer) == {"U": "1200.00", "S": "960.00"}


# Right to invoice


def test_an_invoice_without_service_period_earns_on_its_date_and_taking_it_back_takes_that() -> None:
    contract = Contract()
    contract.do(establish(line("T", "0", pattern=AS_INVOICED), line("S", "1200", pattern=MONTHLY)))
    answer = contract.do(invoice("I", T="70", S="1200"), "2026-02-15")
    assert (months(answer, "T"), str(answer.transaction_price)) == ({"2026-02": "70.00"}, "1270.00")
    answer = contract.do(credit("CN", reduces_price=True, T="20", S="120"), "2026-07-01")
    assert (months(answer, "T"), allocated(answer)) == (
        {"2026-02": "70.00", "2026-07": "-20.00"},
        {"T": "50.00", "S": "1080.00"},
    )
    answer = contract.do(undo("c2"), "2026-07-02")
    assert months(answer, "T") == {"2026-07": "-20.00"}


REFUSED: list[tuple[RefusalCode, CommandBody]] = [
    (RefusalCode.NOT_USAGE, usage("T", "1", "2026-02-01")),
    (RefusalCode.USAGE_PRICED, amend(change("T", "1", "1"))),
    (RefusalCode.USAGE_PRICED, estimate("1", "T")),
    (RefusalCode.USAGE_PRICED, estimate("1", "U")),
    (RefusalCode.PATTERN_INVALID, amend(change("U", "301", "301"))),
    (RefusalCode.PATTERN_INVALID, amend(change("U", "300", "300", end="2027-03-31"))),
    (RefusalCode.PATTERN_INVALID, amend(change("C", "1001", "1001"))),
    (RefusalCode.PATTERN_INVALID, amend(added=[line("N", "300", "200", pattern=USAGE, months=3)])),
    (RefusalCode.USAGE_PRICED, amend(added=[line("N", "300", pattern=USAGE, months=5)])),
    (RefusalCode.USAGE_PRICED, amend(added=[line("N", "0", pattern=USAGE, months=3)])),
    (RefusalCode.USAGE_PRICED, amend(added=[line("N", "1", pattern=AS_INVOICED)])),
    (RefusalCode.PATTERN_INVALID, amend(added=[line("N", "1", pattern=PREPAID, breakage="100")])),
    (RefusalCode.PATTERN_INVALID, amend(added=[line("N", "1", breakage="5")])),
    (RefusalCode.PATTERN_INVALID, amend(added=[line("N", "1", months=5)])),
    (RefusalCode.PATTERN_INVALID, breakage("U", "5")),
    (RefusalCode.PATTERN_INVALID, breakage("C", "100")),
    (RefusalCode.UNKNOWN_LINE, breakage("X", "5")),
    (RefusalCode.NOT_FULFILLABLE, fulfil("C")),
    (RefusalCode.NOT_FULFILLABLE, fulfil("U")),
    (RefusalCode.OUTSIDE_TERM, usage("C", "1", "2027-01-01")),
]


@pytest.mark.parametrize(("code", "body"), REFUSED)
def test_what_the_pattern_does_not_allow_is_refused_and_changes_nothing(code: RefusalCode, body: CommandBody) -> None:
    contract = Contract()
    contract.do(
        establish(
            line("T", "0", pattern=AS_INVOICED),
            line("U", "300", pattern=USAGE, months=3),
            line("C", "1000", pattern=PREPAID),
        )
    )
    refused = contract.refused(body, "2026-02-01")
    assert (refused.code, len(refused.reason) > 40) == (code, True)


# In any order

rated = st.lists(st.tuples(st.integers(0, 400), st.dates(day("2026-01-01"), day("2026-12-31"))), min_size=1, max_size=6)
Shuffled = tuple[list[tuple[int, str]], list[tuple[int, str]]]


@st.composite
def shuffled(draw: st.DrawFn) -> Shuffled:
    """Draw usage, and the same in another order."""
    events = [(amount, on.isoformat()) for amount, on in draw(rated)]
    return events, draw(st.permutations(events))


@given(shuffled(), st.integers(1, 900), st.sampled_from([0, 1, 3, 4, 6, 12]))
def test_usage_against_a_minimum_earns_the_same_in_any_order(orders: Shuffled, least: int, length: int) -> None:
    schedules = []
    for order in orders:
        contract = Contract()
        other = line("S", "1000", "1300", pattern=MONTHLY)
        signed = contract.do(establish(line("U", str(least), pattern=USAGE, months=length), other))
        answers = [contract.do(usage("U", str(amount), on)) for amount, on in order]
        assert all(answer.transaction_price >= signed.transaction_price for answer in answers)
        schedules.append(answers[-1].schedule)
    assert schedules[0] == schedules[1]


@given(shuffled(), st.integers(400, 3000), st.integers(0, 99), st.integers(0, 99))
def test_credits_earn_the_same_in_any_order_and_exactly_their_price(
    orders: Shuffled, face: int, first: int, then: int
) -> None:
    schedules = []
    for order, last in zip(orders, (True, False), strict=True):
        contract = Contract()
        contract.do(establish(line("C", str(face), pattern=PREPAID, breakage=str(first))))
        bodies: list[tuple[CommandBody, str]] = [(usage("C", str(amount), on), on) for amount, on in order]
        bodies.insert(len(bodies) if last else 0, (breakage("C", str(then)), "2026-05-05"))
        if sum(amount for amount, _ in order) > face:
            return
        answers = [contract.do(body, on) for body, on in bodies]
        assert isinstance(answers[-1], RevenueAccepted)
        assert sum(entry.amount for entry in answers[-1].schedule) == face
        schedules.append(answers[-1].schedule)
    assert schedules[0] == schedules[1]
