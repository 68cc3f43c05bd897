"""Each rule of docs/accounting.md sections 3 to 5 once, with the sum worked out by hand in a comment.

2025 has 365 days; 182 of them end before 2 July, 183 remain from it.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.oracle.cases import Case, document, line, new_terms
from tests.oracle.reading import Json

MID = "2025-07-02"


def amounts(**values: str) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in values.items()}


def test_price_is_shared_by_ssp_with_cumulative_rounding() -> None:
    # 100 by 1:1:1 is 33.33 | 66.67 | 100.00 cumulative.
    contract = Case().sign(line("A", "100", "7"), line("B", "0", "7"), line("C", "0", "7")).contract()
    assert contract.allocated == amounts(A="33.33", B="33.34", C="33.33")


def test_price_without_ssp_is_rejected() -> None:
    assert set(Case().sign(line("A", "10", "0")).result().rejected) == {"e1"}


def test_a_day_of_a_daily_line_is_worth_the_same() -> None:
    contract = Case().sign(line("A", "365")).contract()
    assert [contract.schedule["2025-01"], contract.schedule["2025-02"]] == [31, 28]


def test_a_month_touched_is_worth_the_same_and_the_last_ends_with_the_term() -> None:
    # 15 January to 14 March touches three months: 33.33 | 66.67 | 100.00.
    term = line("A", "100", pattern="RATABLE_MONTHLY", start_date="2025-01-15", end_date="2025-03-14")
    contract = Case().sign(term).contract()
    assert contract.schedule == {
        "2025-01": Decimal("33.33"),
        "2025-02": Decimal("33.34"),
        "2025-03": Decimal("33.33"),
    }


def test_a_point_in_time_is_undated_until_it_is_fulfilled() -> None:
    case = Case().sign(line("P", "500", pattern="POINT_IN_TIME"))
    assert case.contract().unscheduled == 500
    assert case.contract().schedule == {}
    assert case.fulfil("2025-04-10", "P").contract().schedule == {"2025-04": 500}


def test_a_milestone_earns_the_progress_above_the_last() -> None:
    # 30 % of 1,000 in March, then the 70 % that are left; 20 % after 30 % is sent back.
    case = Case().sign(line("M", "1000", pattern="MILESTONE"))
    case.fulfil("2025-03-01", "M", "30").fulfil("2025-05-01", "M", "20").fulfil("2025-06-01", "M", "100")
    result = case.result()
    assert result.contracts["C1"].schedule == {"2025-03": 300, "2025-06": 700}
    assert set(result.rejected) == {"e3"}


def test_usage_is_earned_when_used_and_adds_to_the_price() -> None:
    case = Case().sign(line("A", "365"), line("U", "0", "0", pattern="USAGE"))
    use = {"line_id": "U", "usage_start": "2025-02-01", "usage_end": "2025-02-28", "quantity": "9", "amount": "12.50"}
    late = use | {"usage_end": "2026-01-01"}
    result = case.add("UsageRated", "2025-03-02", dict(use)).add("UsageRated", "2026-01-02", dict(late)).result()
    contract = result.contracts["C1"]
    assert contract.schedule_by_obligation["U", "2025-02"] == Decimal("12.50")
    assert contract.transaction_price == Decimal("377.50")
    assert set(result.rejected) == {"e3"}


def test_a_material_right_takes_its_share_and_is_earned_when_it_expires_or_is_used() -> None:
    # 1,000 by SSP 900 : 100.
    option: dict[str, Json] = {
        "option_id": "O",
        "product_line": "analytics",
        "ssp": "100",
        "expires_on": "2025-10-31",
    }
    case = Case().sign(line("A", "1000", "900"), options=(option,))
    assert case.contract().schedule_by_obligation["O", "2025-10"] == 100
    assert case.fulfil("2025-05-05", "O").contract().schedule_by_obligation["O", "2025-05"] == 100


def test_lines_that_are_not_distinct_are_one_obligation() -> None:
    lines = (line("A", "100", distinct=False), line("B", "60"), line("C", "200", distinct=False))
    assert Case().sign(*lines).contract().allocated == amounts(A="300", B="60")


def test_more_of_the_same_at_its_price_is_a_separate_contract() -> None:
    # 183 more for 183 days is 1.00 a day beside the 1.00 a day of before: July is 31 + 30.
    case = Case().sign(line("A", "365")).amend(MID, changed=(new_terms("A", "548", "548", "15"),))
    contract = case.contract()
    assert contract.treatments == ("SEPARATE_CONTRACT",)
    assert contract.allocated == {"A": 365, "A@v2": 183}
    assert contract.schedule["2025-07"] == 61


def test_more_at_another_price_is_spread_over_what_remains() -> None:
    # 183 unearned + 91.50 new over 183 days is 1.50 a day: July is 1 + 30 * 1.50.
    case = Case().sign(line("A", "365")).amend(MID, changed=(new_terms("A", "456.50", "548", "15"),))
    contract = case.contract()
    assert contract.treatments == ("PROSPECTIVE",)
    assert contract.schedule["2025-07"] == 46
    assert contract.schedule["2025-06"] == 30


def test_an_added_line_at_another_price_shares_what_remains_by_remaining_ssp() -> None:
    # 183 unearned + 183 for B, by 183 of A's SSP and 366 of B's: 122 and 244; A keeps its 182.
    added = line("B", "183", "366", start_date=MID)
    contract = Case().sign(line("A", "365")).amend(MID, added=(added,), requested="PROSPECTIVE").contract()
    assert contract.allocated == {"A": 304, "B": 244}


def test_an_added_line_at_its_ssp_stands_alone() -> None:
    added = line("B", "183", start_date=MID)
    contract = Case().sign(line("A", "365", "400")).amend(MID, added=(added,)).contract()
    assert contract.treatments == ("SEPARATE_CONTRACT",)
    assert contract.allocated == {"A": 365, "B": 183}


def test_the_month_of_the_change_belongs_to_what_remains_of_a_monthly_line() -> None:
    # Six months are earned (600); 600 + 300 over July to December is 150 a month.
    case = Case().sign(line("A", "1200", pattern="RATABLE_MONTHLY"))
    contract = case.amend("2025-07-15", changed=(new_terms("A", "1500", "1900"),)).contract()
    assert [contract.schedule[month] for month in ("2025-06", "2025-07", "2025-12")] == [100, 150, 150]


def test_a_removed_line_costs_its_unearned_share() -> None:
    # B's price falls by 365 - 182 = 183, just what it had not earned: A keeps what it has.
    contract = Case().sign(line("A", "365"), line("B", "365")).amend(MID, removed=("B",)).contract()
    assert contract.allocated == {"A": 365, "B": 182}
    assert contract.transaction_price == 547


def test_what_a_removal_leaves_of_a_discount_goes_to_the_others() -> None:
    # 600 and 300 by SSP 1:1 are 450 each, over 100 days from 1 January; 40 days are earned by 9 February (180 each).
    # B's price falls by 300 - 300 * 180 / 450 = 180, but 270 of it were unearned: 90 go to A, 270 + 90 = 360.
    end: dict[str, Json] = {"end_date": "2025-04-10"}
    case = Case().sign(line("A", "600", "500", **end), line("B", "300", "500", **end))
    assert case.amend("2025-02-10", removed=("B",)).contract().allocated == {"A": 540, "B": 180}


def test_a_separately_added_line_can_be_removed() -> None:
    case = Case().sign(line("A", "365", "400")).amend("2025-01-05", added=(line("B", "365"),))
    assert case.amend(MID, 3, removed=("B",)).contract().allocated == {"A": 365, "B": 182}


def test_a_change_of_what_is_not_distinct_is_caught_up() -> None:
    # 73 * 182/365 = 36.40 on the day; 438 - 182 - 36.40 = 219.60 over 183 days is 1.20 a day: July 1 + 36.40 + 36.
    case = Case().sign(line("A", "365", distinct=False)).amend(MID, changed=(new_terms("A", "438", "438"),))
    contract = case.contract()
    assert contract.treatments == ("CUMULATIVE_CATCH_UP",)
    assert contract.schedule["2025-07"] == Decimal("73.40")


def test_a_milestone_under_way_is_caught_up_by_its_progress() -> None:
    # 40 % of 1,000, then 40 % of the 100 that are added; the last 60 % are 1,100 - 440.
    case = Case().sign(line("M", "1000", pattern="MILESTONE")).fulfil("2025-03-01", "M", "40")
    case.amend("2025-05-01", changed=(new_terms("M", "1100", "1100"),)).fulfil("2025-06-01", "M")
    assert case.contract().schedule == {"2025-03": 400, "2025-05": 40, "2025-06": 660}


def test_a_price_change_of_a_satisfied_line_is_earned_at_once() -> None:
    case = Case().sign(line("P", "500", pattern="POINT_IN_TIME")).fulfil("2025-02-01", "P")
    contract = case.amend("2025-03-01", changed=(new_terms("P", "550", "550"),)).contract()
    assert contract.schedule == {"2025-02": 500, "2025-03": 50}


def test_items_of_different_treatments_are_mixed() -> None:
    case = Case().sign(line("A", "365"))
    case.amend(MID, added=(line("B", "50", start_date=MID),), changed=(new_terms("A", "400", "500"),))
    assert case.contract().treatments == ("MIXED",)


@pytest.mark.parametrize(
    ("changed", "removed", "requested"),
    [
        ((new_terms("A", "456.50", "548", "15"),), (), "SEPARATE_CONTRACT"),  # the facts say prospective
        ((new_terms("Z", "1", "1"),), (), None),  # no such line
        ((), ("P",), None),  # satisfied: nothing to cancel
        ((), (), None),  # nothing asked
        ((new_terms("A", "1", "1"),), (), None),  # the pool would be 183 - 364
    ],
)
def test_amendments_that_are_sent_back_change_nothing(
    changed: tuple[dict[str, Json], ...], removed: tuple[str, ...], requested: str | None
) -> None:
    case = Case().sign(line("A", "365"), line("P", "500", pattern="POINT_IN_TIME")).fulfil("2025-02-01", "P")
    before = case.contract()
    result = case.amend(MID, changed=changed, removed=removed, requested=requested).result()
    assert set(result.rejected) == {"e3"}
    assert result.contracts["C1"] == before


def test_a_later_change_of_a_line_leaves_its_increment_alone() -> None:
    # After the increment of 183 the line costs 548; a change to 639.50 gives 91.50 to A's own 183 unearned.
    case = Case().sign(line("A", "365")).amend(MID, changed=(new_terms("A", "548", "548", "15"),))
    contract = case.amend(MID, 3, changed=(new_terms("A", "639.50", "700"),)).contract()
    assert contract.allocated == {"A": Decimal("456.50"), "A@v2": 183}


def test_a_renewal_is_allocated_among_its_own_lines() -> None:
    case = Case().sign(line("A", "365", "400"))
    term: dict[str, Json] = {"start_date": "2026-01-01", "end_date": "2026-12-31"}
    lines: list[Json] = [line("R", "300", "100", **term), line("S", "100", "100", **term)]
    contract = case.add("ContractRenewed", "2025-12-01", {"lines": lines, "approved": True}, 2).contract()
    assert contract.allocated == {"A": 365, "R": 200, "S": 200}


def test_a_termination_earns_what_is_kept_of_the_unearned() -> None:
    # 182 days are served; 183 - 100 + 10 = 93 is earned on the last day.
    body: dict[str, Json] = {"refund": "100", "fee": "10"}
    contract = Case().sign(line("A", "365")).add("ContractTerminated", "2025-07-01", body, 2).contract()
    assert contract.schedule["2025-07"] == 94
    assert contract.transaction_price == 275


def test_a_termination_that_gives_back_more_than_is_unearned_takes_back_what_was_earned() -> None:
    # 182 and 182 days are served at 1 and 2 a day; 549 is unearned, 30 more is given back: 10 and 20.
    body: dict[str, Json] = {"refund": "579", "fee": "0"}
    signed = Case().sign(line("A", "365"), line("B", "730"))
    contract = signed.add("ContractTerminated", "2025-07-01", body, 2).contract()
    assert contract.allocated == {"A": 172, "B": 344}
    assert contract.schedule["2025-07"] == 3 - 30


def test_a_termination_that_gives_back_more_than_the_price_is_rejected() -> None:
    body: dict[str, Json] = {"refund": "365.01", "fee": "0"}
    assert set(Case().sign(line("A", "365")).add("ContractTerminated", "2025-07-01", body, 2).result().rejected) == {
        "e2"
    }


def test_a_price_reduction_is_caught_up_and_credited() -> None:
    # -73 * 182/365 = -36.40 on the day; 292 - 182 + 36.40 = 146.40 over 183 days is 0.80: July 1 - 36.40 + 24.
    credit = document("A", "73") | {"credit_id": "K", "invoice_id": None, "effect": "PRICE_REDUCTION"}
    contract = Case().sign(line("A", "365")).add("CreditIssued", MID, credit).contract()
    assert contract.schedule["2025-07"] == Decimal("-11.40")
    assert contract.transaction_price == 292
    assert contract.billed == -73


def test_an_estimate_of_the_whole_contract_is_shared_by_ssp() -> None:
    # 30 by 2 : 1; the point in time is open and keeps its 10 undated.
    case = Case().sign(line("A", "200"), line("P", "100", pattern="POINT_IN_TIME"))
    contract = case.add("EstimateChanged", MID, {"line_id": None, "price_change": "30"}).contract()
    assert contract.allocated == {"A": 220, "P": 110}
    assert contract.unscheduled == 110
