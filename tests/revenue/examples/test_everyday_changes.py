"""Deals that subscription finance meets every month: what is given back, re-rated, co-termed, taken up early."""

from __future__ import annotations

from decimal import Decimal

from tests.revenue.examples.told import Told, line


def test_a_termination_that_refunds_more_than_is_unearned_takes_earned_revenue_back() -> None:
    """1,200 a year is paid and half used when the parties agree that the customer gets 700 back: the price is 500."""
    told = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200")).bill("2026-01-01", SUB="1200").close("2026-05")
    told.tell("ContractTerminated", "2026-06-30", refund="700", fee="0")
    credit = [{"line_id": "SUB", "net": "700"}]
    told.tell("CreditIssued", "2026-06-30", credit_id="CN-1", currency="USD", lines=credit, effect="BILLING_ONLY")
    result = told.close("2026-06").run()
    assert (result.price, result.recognised) == ("500.00", "500.00")
    assert "2026-06" not in result.months("SUB")
    assert (result.balance("receivable"), result.balance("contract liability")) == ("500.00", "0.00")


def test_what_is_refunded_above_the_unearned_is_a_concession_on_all_that_was_performed() -> None:
    """600 of a subscription is unearned when 690 go back: 90 are shared by the 600 and the 300 that were earned.

    They reduce the revenue of the month that agrees on them; the months that earned it stay (25-13(b), 32-43).
    """
    told = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200"), line("SETUP", "POINT_IN_TIME", "300"))
    told.tell("ObligationFulfilled", "2026-01-15", line_id="SETUP", percent="100").close("2026-05")
    result = told.tell("ContractTerminated", "2026-06-30", refund="690", fee="0").close("2026-06").run()
    assert result.months("SUB") == {f"2026-0{month}": "100.00" for month in range(1, 6)} | {"2026-06": "40.00"}
    assert result.months("SETUP") == {"2026-01": "300.00", "2026-06": "-30.00"}
    assert (result.price, result.recognised) == ("810.00", "810.00")
    (termination,) = result.contract["modifications"]
    assert "taken back of what was earned" in termination["reason"]


def test_a_contract_that_is_rescinded_with_all_money_back_has_no_revenue() -> None:
    """Within the time of withdrawal, after a month was recognised; setup was done."""
    told = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200"), line("SETUP", "POINT_IN_TIME", "300"))
    told.tell("ObligationFulfilled", "2026-01-15", line_id="SETUP", percent="100").close("2026-01")
    told.tell("ContractTerminated", "2026-02-10", refund="1500", fee="0")
    result = told.close("2026-02").run()
    assert (result.price, result.recognised) == ("0.00", "0.00")
    assert result.allocated() == {"SUB": "0.00", "SETUP": "0.00"}


def test_14_like_work_that_is_stopped_and_paid_at_cost_plus_a_margin() -> None:
    """Half of a report for 100,000 is done at a cost of 40,000; the customer stops it and pays cost plus 15 %."""
    told = Told().sign(line("REPORT", "COST_TO_COST", "100000", expected_cost="80000"))
    told.tell("ObligationFulfilled", "2026-05-31", line_id="REPORT", cost_incurred="40000").close("2026-05")
    told.tell("ContractTerminated", "2026-06-15", refund="54000", fee="0").close("2026-06")
    result = told.run()
    assert result.months("REPORT") == {"2026-05": "50000.00", "2026-06": "-4000.00"}
    assert (result.price, result.recognised) == ("46000.00", "46000.00")


def test_credits_that_are_refunded_at_face_value_take_back_the_breakage_that_was_expected() -> None:
    """Of 1,000, 10 % are expected to lapse: 450 used earn 500. The 550 that were not used are paid back."""
    told = Told().sign(line("CREDITS", "PREPAID", "1000", breakage_percent="10")).bill("2026-01-01", CREDITS="1000")
    told.use("2026-03-10", "CREDITS", "450").close("2026-03")
    told.tell("ContractTerminated", "2026-06-15", refund="550", fee="0")
    assert told.close("2026-06").run().months("CREDITS") == {"2026-03": "500.00", "2026-06": "-50.00"}


def test_a_price_below_what_was_earned_is_agreed_with_the_concession_that_the_refusal_asks_for() -> None:
    """Half of 1,200 is earned when the price falls to 500: 100 of that is for what was performed already."""
    lower = {"line_id": "SUB", "price": "500", "ssp": "500"}
    told = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200"))
    reason = told.tell("ContractAmended", "2026-07-01", changed_lines=[lower]).refused()
    assert "-100.00 would remain" in reason
    assert "concession" in reason
    told = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200"))
    result = told.tell("ContractAmended", "2026-07-01", changed_lines=[lower | {"concession": "100"}]).run()
    assert result.price == "500.00"
    assert sum(Decimal(amount) for amount in result.months("SUB").values()) == 500
    assert result.months("SUB")["2026-07"] == "-100.00"


def test_a_refund_takes_back_nothing_of_what_was_used_or_invoiced_as_it_was_done() -> None:
    """Hours of 500 and usage of 600 stay as they are; a subscription of 1,200 is paid back whole, and no cent more."""
    lines = [line("HOURS", "AS_INVOICED", "0"), line("API", "USAGE", "0"), line("SUB", "RATABLE_MONTHLY", "1200")]
    told = Told().sign(*lines).bill("2026-02-28", HOURS="500").use("2026-03-31", "API", "600").close("2026-05")
    result = told.tell("ContractTerminated", "2026-06-30", refund="1200", fee="0").run()
    assert result.allocated() == {"HOURS": "500.00", "API": "600.00", "SUB": "0.00"}
    told = Told().sign(*lines).bill("2026-02-28", HOURS="500").use("2026-03-31", "API", "600")
    assert "re-rate usage" in told.tell("ContractTerminated", "2026-06-30", refund="1200.01", fee="0").refused()


def test_a_refund_above_the_whole_price_is_refused() -> None:
    """The reason says what was found, what is expected, and what to do."""
    told = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200"))
    reason = told.tell("ContractTerminated", "2026-06-30", refund="1200.01", fee="0").refused()
    assert "refund 1200.01" in reason
    assert "Correct the refund" in reason


def test_a_volume_tier_that_is_reached_re_rates_what_was_used_before() -> None:
    """100 units at 10; the next 100 bring all 200 to 8: 800 for the second month, less 200 for the first."""
    told = Told().sign(line("API", "USAGE", "0")).use("2026-01-31", "API", "1000", "100").close("2026-01")
    told.use("2026-02-28", "API", "800", "100").use("2026-02-28", "API", "-200", "0").close("2026-02")
    result = told.run()
    assert result.months("API") == {"2026-01": "1000.00", "2026-02": "600.00"}
    assert (result.price, result.recognised) == ("1600.00", "1600.00")


def test_a_re_rating_that_takes_back_more_than_was_rated_is_refused() -> None:
    """With and without a minimum, of which only the usage of its own period is re-rated."""
    told = Told().sign(line("API", "USAGE", "0")).use("2026-01-31", "API", "100").use("2026-02-28", "API", "-100.01")
    assert "supersede" in told.refused()
    told = Told().sign(line("API", "USAGE", "100", commitment_months=1))
    told.use("2026-01-31", "API", "150").use("2026-02-28", "API", "-1")
    assert "supersede" in told.refused()


def test_a_re_rating_within_a_minimum_leaves_the_minimum() -> None:
    """300 used in a month of at least 100, re-rated to 40: the shortfall makes it 100 again."""
    told = Told().sign(line("API", "USAGE", "100", commitment_months=1))
    told.use("2026-01-10", "API", "300").use("2026-01-31", "API", "-260")
    result = told.run()
    assert (result.price, result.months("API")["2026-01"]) == ("1200.00", "100.00")


def test_a_line_that_is_co_termed_below_its_price_is_blended_with_what_remains() -> None:
    """From May on 800 remain of the seats, and 640 are paid for a module worth 800: 720 each, 90 a month."""
    told = Told().sign(line("SEATS", "RATABLE_MONTHLY", "1200"))
    module = line("MODULE", "RATABLE_MONTHLY", "640", ssp="800", start_date="2026-05-01")
    result = told.tell("ContractAmended", "2026-05-01", added_lines=[module]).run()
    assert result.treatments() == ["PROSPECTIVE"]
    assert {result.months(name)["2026-05"] for name in ("SEATS", "MODULE")} == {"90.00"}


def test_fewer_seats_for_what_remains_earn_less_from_then_on() -> None:
    """10 seats for 1,200 become 6 in July: 600 for the first half, 360 for the second."""
    told = Told().sign(line("SEATS", "RATABLE_MONTHLY", "1200", quantity="10"))
    fewer = {"line_id": "SEATS", "quantity": "6", "price": "960", "ssp": "960"}
    months = told.tell("ContractAmended", "2026-07-01", changed_lines=[fewer]).run().months("SEATS")
    assert (months["2026-06"], months["2026-07"], months["2026-12"]) == ("100.00", "60.00", "60.00")


def test_a_renewal_option_that_is_exercised_early_still_earns_in_the_renewed_year() -> None:
    """Exercised in October for the year from January: the 200 of the right join the 800 of the second year."""
    right = {"option_id": "RENEWAL", "product_line": "platform", "ssp": "250", "expires_on": "2026-12-31"}
    told = Told().sign(line("Y1", "RATABLE_DAILY", "1000"), options=[right])
    y2 = line("Y2", "RATABLE_DAILY", "800", ssp="1000", start_date="2027-01-01", end_date="2027-12-31")
    result = told.tell("ContractRenewed", "2026-10-01", lines=[y2], exercised_options=["RENEWAL"]).run()
    assert result.allocated() == {"Y1": "800.00", "RENEWAL": "0.00", "Y2": "1000.00"}
    assert min(result.months("Y2")) == "2027-01"


def test_a_minimum_stays_as_it_is_when_the_seats_beside_it_are_upgraded() -> None:
    """Seats of 1,200 with a minimum of 100 a month; in July 480 more, below SSP, for twice the seats."""
    told = Told().sign(
        line("SEATS", "RATABLE_MONTHLY", "1200", quantity="10"),
        line("API", "USAGE", "100", commitment_months=1),
    )
    upgrade = {"line_id": "SEATS", "quantity": "20", "price": "1680", "ssp": "1800"}
    result = told.tell("ContractAmended", "2026-07-01", changed_lines=[upgrade]).run()
    assert (result.months("SEATS")["2026-07"], result.months("API")["2026-07"]) == ("180.00", "100.00")


def test_a_leap_day_is_a_day_and_a_year_from_it_has_366() -> None:
    """366 from 29 February 2024 to 28 February 2025: one a day."""
    leap = line("SUB", "RATABLE_DAILY", "366", start_date="2024-02-29", end_date="2025-02-28")
    months = Told().sign(leap, on="2024-02-29").run().months("SUB")
    assert (months["2024-02"], months["2024-03"], months["2025-02"]) == ("1.00", "31.00", "28.00")


def test_dinars_have_three_decimals_in_every_month() -> None:
    """100.001 in twelve months."""
    months = Told("BHD").sign(line("SUB", "RATABLE_MONTHLY", "100.001")).run().months("SUB")
    assert (months["2026-01"], months["2026-02"], months["2026-12"]) == ("8.333", "8.334", "8.333")
