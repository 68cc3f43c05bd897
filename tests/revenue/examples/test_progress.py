"""Examples 8, 12, 13, 18 and 19: progress by cost, by time, and what does not show it (606-10-25-31 to 37)."""

from __future__ import annotations

from tests.revenue.examples.told import Told, line


def test_8_like_cost_over_expected_cost_is_caught_up_when_the_estimate_changes() -> None:
    """A building for 1,000,000 at an expected cost of 700,000: 60 % is incurred, then 120,000 more is expected."""
    told = Told().sign(line("BUILDING", "COST_TO_COST", "1000000", expected_cost="700000", end_date="2027-12-31"))
    told.tell("ObligationFulfilled", "2026-12-31", line_id="BUILDING", cost_incurred="420000")
    assert told.run().months("BUILDING") == {"2026-12": "600000.00"}

    told.tell("ObligationFulfilled", "2027-03-31", line_id="BUILDING", cost_incurred="420000", cost_expected="820000")
    # 420,000 of 820,000 of the price is 512,195.12.
    assert told.run().months("BUILDING") == {"2026-12": "600000.00", "2027-03": "-87804.88"}

    told.tell("ObligationFulfilled", "2027-12-31", line_id="BUILDING", cost_incurred="820000")
    assert told.run().months("BUILDING")["2027-12"] == "487804.88"


def test_8_like_a_change_of_scope_of_one_promise_is_caught_up_with_its_new_cost() -> None:
    """Price up by 150,000 and expected cost by 120,000 in one amendment, after 60 % was performed.

    A bonus of 200,000 that has become probable is in the new price: 51.2 % of 1,350,000 is earned in all.
    """
    told = Told().sign(line("BUILDING", "COST_TO_COST", "1000000", expected_cost="700000", end_date="2027-12-31"))
    told.tell("ObligationFulfilled", "2026-12-31", line_id="BUILDING", cost_incurred="420000")
    new = {"line_id": "BUILDING", "price": "1350000", "ssp": "1350000", "expected_cost": "820000"}
    told.tell("ContractAmended", "2027-03-01", changed_lines=[new])
    result = told.run()
    assert result.treatments() == ["CUMULATIVE_CATCH_UP"]
    assert result.months("BUILDING") == {"2026-12": "600000.00", "2027-03": "91463.41"}


def test_12_a_service_promised_with_a_product_takes_its_share_of_the_price_and_is_earned_over_its_time() -> None:
    """A product sold to a distributor with free maintenance for whoever buys it: two promises, the numbers are ours."""
    told = Told().sign(
        line("PRODUCT", "POINT_IN_TIME", "950", ssp="900"),
        line("MAINTENANCE", "RATABLE_MONTHLY", "0", ssp="100", product_line="support"),
    )
    told.tell("ObligationFulfilled", "2026-01-10", line_id="PRODUCT", percent="100")
    result = told.run()
    assert result.allocated() == {"PRODUCT": "855.00", "MAINTENANCE": "95.00"}
    assert result.months("PRODUCT") == {"2026-01": "855.00"}
    assert len(result.months("MAINTENANCE")) == 12


def test_13_a_service_that_is_consumed_as_it_is_performed_is_earned_over_its_term() -> None:
    """Payroll processing for a year, every month alike: a series of distinct services is one obligation."""
    result = Told().sign(line("PAYROLL", "RATABLE_MONTHLY", "12000")).run()
    assert set(result.months("PAYROLL").values()) == {"1000.00"}
    assert len(result.months("PAYROLL")) == 12


def test_18_access_that_is_open_all_the_time_is_earned_by_time_however_much_it_is_used() -> None:
    """A health club for 100 a month, invoiced monthly, as often as the customer comes."""
    told = Told().sign(line("CLUB", "RATABLE_MONTHLY", "1200"))
    told.bill("2026-01-01", CLUB="100").bill("2026-02-01", CLUB="100").close("2026-01", "2026-02")
    result = told.run()
    assert set(result.months("CLUB").values()) == {"100.00"}
    assert (result.recognised, result.balance("contract liability")) == ("200.00", "0.00")


def test_19_materials_that_do_not_show_progress_are_earned_at_cost_on_a_line_of_their_own() -> None:
    """Renovation for 5,000,000 with elevators that cost 1,500,000 and are bought early; other cost is 2,500,000.

    The elevators are a line at their cost, fulfilled when control passes, so that their cost is no progress.
    """
    told = Told().sign(
        line("RENOVATION", "COST_TO_COST", "3500000", expected_cost="2500000", end_date="2027-06-30"),
        line("ELEVATORS", "POINT_IN_TIME", "1500000"),
    )
    told.tell("ObligationFulfilled", "2026-12-01", line_id="ELEVATORS", percent="100")
    told.tell("ObligationFulfilled", "2026-12-31", line_id="RENOVATION", cost_incurred="500000")
    result = told.run()
    assert result.months("RENOVATION") == {"2026-12": "700000.00"}
    assert result.months("ELEVATORS") == {"2026-12": "1500000.00"}
