"""What subscriptions are sold as: ramps, free months, prepaid credits, minimums, right to invoice.

Each is a contract as it is signed in practice, told in events (606-10-55-18 and 55-46 to 49).
"""

from __future__ import annotations

from tests.revenue.examples.told import Told, line


def test_free_months_are_part_of_the_term_and_earn_like_the_others() -> None:
    """Fifteen months of access for 1,200, of which three are free: one line over the whole term."""
    result = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200", end_date="2027-03-31")).run()
    assert set(result.months("SUB").values()) == {"80.00"}


def test_a_ramp_of_the_price_of_the_same_service_is_one_line() -> None:
    """The same seats for 900, 1,200 and 1,500 a year: the service is the same, so every month earns the same."""
    told = Told().sign(line("SUB", "RATABLE_MONTHLY", "3600", end_date="2028-12-31"))
    told.bill("2026-01-01", SUB="900").close("2026-12")
    result = told.run()
    assert set(result.months("SUB").values()) == {"100.00"}
    assert (result.recognised, result.balance("contract asset")) == ("1200.00", "300.00")


def test_a_ramp_of_the_quantity_is_a_line_for_each_step() -> None:
    """Ten seats from the start, ten more from July: each step is earned from the day on which it can be used."""
    told = Told().sign(
        line("SEATS", "RATABLE_MONTHLY", "1200", quantity="10"),
        line("MORE", "RATABLE_MONTHLY", "600", quantity="10", start_date="2026-07-01"),
    )
    result = told.run()
    assert set(result.months("SEATS").values()) == {"100.00"}
    assert result.months("MORE") == {f"2026-{month:02d}": "100.00" for month in range(7, 13)}


def test_prepaid_credits_are_earned_as_used_with_their_breakage_and_the_rest_on_the_last_day() -> None:
    """Credits of 1,000, of which 10 % are expected never to be used: use of 450 earns half."""
    told = Told().sign(line("CREDITS", "PREPAID", "1000", breakage_percent="10"))
    told.bill("2026-01-01", CREDITS="1000").use("2026-03-10", "CREDITS", "450").close("2026-03")
    result = told.run()
    assert result.months("CREDITS") == {"2026-03": "500.00", "2026-12": "500.00"}
    assert (result.price, result.recognised, result.balance("contract liability")) == ("1000.00", "500.00", "-500.00")
    result = told.use("2026-05-10", "CREDITS", "500").run()
    assert result.months("CREDITS") == {"2026-03": "500.00", "2026-05": "500.00"}
    assert "are left; expected at most that" in told.use("2026-06-10", "CREDITS", "50.01").refused()


def test_a_minimum_is_trued_up_at_the_end_of_its_period_and_what_goes_beyond_is_variable() -> None:
    """At least 300 a quarter: 200 and 40 used in the first, 350 in the second, nothing in the others."""
    told = Told().sign(line("API", "USAGE", "300", commitment_months=3, product_line="usage"))
    assert told.run().price == "1200.00"
    told.use("2026-01-31", "API", "200").use("2026-02-28", "API", "40").use("2026-05-31", "API", "350")
    result = told.run()
    assert result.price == "1250.00"
    assert result.months("API") == {
        "2026-01": "200.00",
        "2026-02": "40.00",
        "2026-03": "60.00",
        "2026-05": "350.00",
        "2026-09": "300.00",
        "2026-12": "300.00",
    }


def test_work_that_may_be_invoiced_as_it_is_done_is_revenue_at_the_end_of_the_service_billed() -> None:
    """Consultants at an hourly rate, invoiced in the month after; a credit takes it back."""
    told = Told().sign(line("HOURS", "AS_INVOICED", "0", product_line="services"))
    told.bill("2026-02-03", "2026-01-31", HOURS="5000").bill("2026-03-04", "2026-02-28", HOURS="7000")
    credited = {"line_id": "HOURS", "net": "500", "service_end": "2026-02-28"}
    told.tell("CreditIssued", "2026-03-20", credit_id="CN-1", currency="USD", lines=[credited], effect="BILLING_ONLY")
    result = told.run()
    assert (result.price, result.months("HOURS")) == ("11500.00", {"2026-01": "5000.00", "2026-02": "6500.00"})
