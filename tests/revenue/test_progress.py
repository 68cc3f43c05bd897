"""Units delivered and cost incurred: what they earn, and what a change or the end of the contract leaves."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import AccountingTreatment as Treatment
from tests.revenue.commands import (
    COST,
    MILESTONE,
    MONTHLY,
    UNITS,
    CommandBody,
    Contract,
    allocated,
    amend,
    change,
    credit,
    deliver,
    establish,
    estimate,
    fulfil,
    incur,
    line,
    months,
    terminate,
)


def hundred_and_twenty() -> Contract:
    """120 products at 100, 60 of them delivered."""
    contract = Contract()
    contract.do(establish(line("P", "12000", pattern=UNITS, quantity="120")))
    contract.do(deliver("P", "60"), "2026-03-31")
    return contract


def test_units_earn_their_share_when_they_are_delivered() -> None:
    contract = Contract()
    contract.do(establish(line("P", "100", pattern=UNITS, quantity="3")))
    contract.do(deliver("P", "1"), "2026-01-31")
    contract.do(deliver("P", "2"), "2026-02-28")
    answer = contract.do(deliver("P", "3"), "2026-03-31")
    assert months(answer, "P") == {"2026-01": "33.33", "2026-02": "33.34", "2026-03": "33.33"}


def test_units_added_at_their_ssp_are_a_separate_contract_delivered_after_those_before() -> None:
    contract = hundred_and_twenty()
    answer = contract.do(amend(change("P", "14850", "14850", quantity="150")), "2026-04-01")
    assert answer.treatment is Treatment.SEPARATE_CONTRACT
    assert allocated(answer) == {"P": "12000.00", "P@v2": "2850.00"}
    answer = contract.do(deliver("P", "130"), "2026-05-31")
    assert (months(answer, "P")["2026-05"], months(answer, "P@v2")) == ("6000.00", {"2026-05": "950.00"})
    assert contract.refused(deliver("P", "151"), "2026-06-01").code == RefusalCode.PROGRESS_INVALID


def test_units_added_below_their_ssp_are_blended_with_those_not_delivered() -> None:
    contract = hundred_and_twenty()
    answer = contract.do(amend(change("P", "14400", "15000", quantity="150")), "2026-04-01")
    assert answer.treatment is Treatment.PROSPECTIVE
    # 60 at 100 and 30 at 80 remain: 93.33 each.
    answer = contract.do(deliver("P", "105"), "2026-05-31")
    assert months(answer, "P") == {"2026-03": "6000.00", "2026-05": "4200.00"}
    answer = contract.do(deliver("P", "150"), "2026-06-30")
    assert months(answer, "P")["2026-06"] == "4200.00"


def test_further_units_of_a_line_that_was_delivered_are_earned_by_themselves() -> None:
    contract = hundred_and_twenty()
    contract.do(deliver("P", "120"), "2026-04-30")
    answer = contract.do(amend(change("P", "12800", "13000", quantity="130")), "2026-05-01")
    assert answer.treatment is Treatment.PROSPECTIVE
    answer = contract.do(deliver("P", "125"), "2026-05-31")
    assert months(answer, "P")["2026-05"] == "400.00"


def test_units_share_a_prospective_change_by_the_ssp_of_what_is_not_delivered() -> None:
    contract = Contract()
    contract.do(establish(line("P", "1200", pattern=UNITS, quantity="12"), line("S", "1200", pattern=MONTHLY)))
    contract.do(deliver("P", "9"), "2026-03-31")
    # 300 and 900 remain from April on; of the 240 less, 60 is on the units and 180 on the seats.
    answer = contract.do(amend(change("S", "960", "1200")), "2026-04-01")
    assert allocated(answer) == {"P": "1140.00", "S": "1020.00"}


def test_a_removed_line_of_units_keeps_what_was_delivered() -> None:
    answer = hundred_and_twenty().do(amend(removed=["P"]), "2026-04-01")
    assert (allocated(answer), str(answer.transaction_price)) == ({"P": "6000.00"}, "6000.00")


def test_fewer_units_than_were_delivered_cannot_be_agreed() -> None:
    refused = hundred_and_twenty().refused(amend(change("P", "5000", "5000", quantity="50")), "2026-04-01")
    assert refused.code == RefusalCode.PROGRESS_INVALID


def test_a_price_change_concerns_delivered_units_at_once_and_the_others_when_they_are_delivered() -> None:
    contract = hundred_and_twenty()
    answer = contract.do(credit("CN", reduces_price=True, P="1200"), "2026-04-15")
    assert months(answer, "P") == {"2026-03": "6000.00", "2026-04": "-600.00"}
    answer = contract.do(deliver("P", "120"), "2026-05-31")
    assert months(answer, "P")["2026-05"] == "5400.00"


def test_the_end_of_the_contract_earns_what_is_kept_for_units_not_delivered() -> None:
    answer = hundred_and_twenty().do(terminate("5000"), "2026-04-30")
    assert months(answer, "P") == {"2026-03": "6000.00", "2026-04": "1000.00"}


def test_cost_earns_by_what_is_incurred_of_what_is_expected() -> None:
    contract = Contract()
    contract.do(establish(line("B", "1000", pattern=COST, cost="600")))
    contract.do(incur("B", "200"), "2026-01-31")
    answer = contract.do(incur("B", "300", "900"), "2026-02-28")
    assert months(answer, "B") == {"2026-01": "333.33"}
    answer = contract.do(incur("B", "300", "1000"), "2026-03-31")
    assert months(answer, "B") == {"2026-01": "333.33", "2026-03": "-33.33"}
    answer = contract.do(incur("B", "1000"), "2026-04-30")
    assert months(answer, "B")["2026-04"] == "700.00"


def test_cost_above_the_price_earns_no_more_than_the_price() -> None:
    contract = Contract()
    contract.do(establish(line("B", "1000", pattern=COST, cost="600")))
    contract.do(incur("B", "600", "1200"), "2026-01-31")
    answer = contract.do(incur("B", "1200"), "2026-02-28")
    assert months(answer, "B") == {"2026-01": "500.00", "2026-02": "500.00"}


def test_cost_that_rises_after_the_end_takes_progress_back() -> None:
    contract = Contract()
    contract.do(establish(line("B", "1000", pattern=COST, cost="600")))
    contract.do(incur("B", "600"), "2026-01-31")
    answer = contract.do(incur("B", "600", "800"), "2026-02-28")
    assert months(answer, "B") == {"2026-01": "1000.00", "2026-02": "-250.00"}


def test_a_change_of_work_that_has_begun_is_caught_up_and_one_that_has_not_is_prospective() -> None:
    contract = Contract()
    contract.do(establish(line("B", "1000", pattern=COST, cost="600")))
    answer = contract.do(amend(change("B", "1100", "1100", cost="500")), "2026-02-01")
    assert answer.treatment is Treatment.PROSPECTIVE
    contract.do(incur("B", "250"), "2026-02-28")
    answer = contract.do(amend(change("B", "1200", "1200", cost="1000")), "2026-03-01")
    assert answer.treatment is Treatment.CUMULATIVE_CATCH_UP
    assert months(answer, "B") == {"2026-02": "550.00", "2026-03": "-250.00"}


def test_lines_that_are_not_distinct_are_measured_by_their_cost_together() -> None:
    contract = Contract()
    contract.do(
        establish(
            line("A", "600", pattern=COST, cost="300", distinct=False),
            line("B", "400", pattern=COST, cost="200", distinct=False),
        )
    )
    assert months(contract.do(incur("A", "250"), "2026-01-31"), "A") == {"2026-01": "500.00"}
    answer = contract.do(amend(added=[line("C", "200", pattern=COST, cost="500", distinct=False)]), "2026-02-01")
    assert months(answer, "A") == {"2026-01": "500.00", "2026-02": "-200.00"}


REFUSED: list[tuple[RefusalCode, CommandBody]] = [
    (RefusalCode.PROGRESS_INVALID, deliver("U", "0")),
    (RefusalCode.PROGRESS_INVALID, deliver("U", "11")),
    (RefusalCode.PROGRESS_INVALID, fulfil("U", "50")),
    (RefusalCode.PROGRESS_INVALID, incur("U", "5")),
    (RefusalCode.PROGRESS_INVALID, deliver("B", "5")),
    (RefusalCode.PROGRESS_INVALID, incur("B", "0")),
    (RefusalCode.PROGRESS_INVALID, incur("B", "601")),
    (RefusalCode.PROGRESS_INVALID, incur("B", "10", "5")),
    (RefusalCode.PROGRESS_INVALID, deliver("M", "5")),
    (RefusalCode.NOT_FULFILLABLE, deliver("S", "5")),
    (RefusalCode.PATTERN_INVALID, amend(change("U", "10", "10", cost="5"))),
    (RefusalCode.PATTERN_INVALID, amend(added=[line("N", "1", pattern=UNITS, quantity="0")])),
    (RefusalCode.PATTERN_INVALID, amend(added=[line("N", "1", pattern=UNITS, distinct=False)])),
    (RefusalCode.PATTERN_INVALID, amend(added=[line("N", "1", pattern=COST)])),
    (RefusalCode.PATTERN_INVALID, amend(added=[line("N", "1", cost="5")])),
]


@pytest.mark.parametrize(("code", "body"), REFUSED)
def test_progress_that_does_not_fit_is_refused_and_changes_nothing(code: RefusalCode, body: CommandBody) -> None:
    contract = Contract()
    contract.do(
        establish(
            line("U", "10", pattern=UNITS, quantity="10"),
            line("B", "10", pattern=COST, cost="600"),
            line("M", "10", pattern=MILESTONE),
            line("S", "10", pattern=MONTHLY),
        )
    )
    refused = contract.refused(body, "2026-02-01")
    assert (refused.code, len(refused.reason) > 40) == (code, True)


@given(
    st.integers(0, 10**6),
    st.lists(st.integers(1, 50), min_size=1, max_size=12),
    st.integers(0, 5000),
    st.integers(0, 12),
)
def test_all_units_together_earn_exactly_what_is_allocated(price: int, steps: list[int], more: int, at: int) -> None:
    """Whatever the sizes of deliveries, and whenever the price changes in between."""
    contract = Contract()
    contract.do(establish(line("P", str(price), pattern=UNITS, quantity=str(sum(steps)))))
    done = 0
    for number, step in enumerate(steps):
        if number == at and more:
            contract.do(estimate(str(more), "P"), "2026-02-01")
        done += step
        answer = contract.do(deliver("P", str(done)), "2026-02-01")
    assert answer.allocations[0].unscheduled == 0
    assert sum(entry.amount for entry in answer.schedule) == answer.transaction_price


@given(st.integers(0, 10**6), st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 1000)), min_size=1, max_size=12))
def test_cost_earns_its_share_whatever_was_estimated_before(price: int, reports: list[tuple[int, int]]) -> None:
    contract = Contract()
    contract.do(establish(line("B", str(price), pattern=COST, cost="7")))
    incurred = 0
    for more, rest in reports:
        incurred += more
        answer = contract.try_(incur("B", str(incurred), str(incurred + rest)), "2026-02-01")
        if answer.__class__.__name__ == "RevenueRejected":
            continue
        earned = sum((segment.amount for segment in contract.book.obligations[0].segments), 0) if contract.book else 0
        exact = Decimal(price) * 100 * incurred / (incurred + rest)
        assert abs(earned - exact) <= Decimal("0.5")
