"""Examples 11, 44 and 53 to 61: licences, warranties that are sold, fees that are not returned."""

from __future__ import annotations

from decimal import Decimal

from tests.revenue.examples.told import Told, line


def test_11_b_a_licence_that_is_customised_is_one_promise_beside_updates_and_support() -> None:
    """Software and its significant customisation are not distinct; updates and support are."""
    told = Told().sign(
        line("LICENCE", "COST_TO_COST", "60000", distinct=False, expected_cost="30000"),
        line("CUSTOMISING", "COST_TO_COST", "20000", distinct=False, expected_cost="10000"),
        line("UPDATES", "RATABLE_MONTHLY", "12000"),
        line("SUPPORT", "RATABLE_MONTHLY", "8000", ssp="12000"),
    )
    told.tell("ObligationFulfilled", "2026-02-28", line_id="LICENCE", cost_incurred="20000")
    result = told.run()
    # 100,000 by 80,000, 12,000 and 12,000.
    assert result.allocated() == {"LICENCE": "76923.08", "UPDATES": "11538.46", "SUPPORT": "11538.46"}
    assert result.months("LICENCE") == {"2026-02": "38461.54"}


def test_44_like_a_warranty_that_is_a_service_is_earned_over_its_time_after_the_assurance() -> None:
    """A product for 1,000 with a year of assurance, no promise of its own, and two further years of service."""
    service = line("SERVICE", "RATABLE_DAILY", "0", ssp="250", start_date="2027-01-01", end_date="2028-12-31")
    told = Told().sign(line("PRODUCT", "POINT_IN_TIME", "1000"), service)
    told.tell("ObligationFulfilled", "2026-01-31", line_id="PRODUCT", percent="100")
    result = told.run()
    assert result.months("PRODUCT") == {"2026-01": "800.00"}
    assert min(result.months("SERVICE")) == "2027-01"


def test_53_a_fee_for_setting_up_is_part_of_the_price_of_the_service() -> None:
    """Setting up transfers nothing to the customer: its fee, a line of SSP 0 or not distinct, is earned by time."""
    service = line("SERVICE", "RATABLE_MONTHLY", "1200")
    for setup in (line("SETUP", "POINT_IN_TIME", "120", ssp="0"), line("SETUP", "RATABLE_MONTHLY", "120")):
        together = setup["ssp"] == "120"
        lines = [item | {"distinct": False} for item in (service, setup)] if together else [service, setup]
        result = Told().sign(*lines).run()
        assert set(result.months("SERVICE").values()) == {"110.00"}
        assert result.price == "1320.00"


def test_59_a_right_to_use_is_earned_when_the_customer_can_use_it() -> None:
    """A recording for two years at 10,000 a month: all of it at the beginning, most of it a contract asset."""
    told = Told().sign(line("RECORDING", "POINT_IN_TIME", "240000", end_date="2027-12-31"))
    told.tell("ObligationFulfilled", "2026-01-01", line_id="RECORDING", percent="100")
    result = told.bill("2026-01-31", RECORDING="10000").close("2026-01").run()
    assert (result.recognised, result.balance("contract asset")) == ("240000.00", "230000.00")


def test_61_a_right_to_access_is_earned_by_time_and_its_royalties_when_sales_occur() -> None:
    """A team's logo for a fixed fee and a royalty on sales: the royalty counts in the month of the sales."""
    told = Told().sign(line("LOGO", "RATABLE_MONTHLY", "24000", end_date="2027-12-31"), line("ROYALTY", "USAGE", "0"))
    result = told.use("2026-02-28", "ROYALTY", "55").close("2026-01", "2026-02").run()
    assert result.months("ROYALTY") == {"2026-02": "55.00"}
    assert (result.months("LOGO")["2026-02"], result.recognised) == ("1000.00", "2055.00")


def test_royalties_with_a_guaranteed_minimum_a_year_are_the_greater_of_both() -> None:
    """At least 10,000 a year: 15,000 of sales royalties in the first year, none in the second."""
    told = Told().sign(line("ROYALTY", "USAGE", "10000", end_date="2027-12-31", commitment_months=12))
    told.use("2026-06-30", "ROYALTY", "6000").use("2026-12-31", "ROYALTY", "9000")
    assert told.run().months("ROYALTY") == {"2026-06": "6000.00", "2026-12": "9000.00", "2027-12": "10000.00"}


def test_59_a_licence_that_is_handed_over_early_is_earned_when_its_period_begins() -> None:
    """Contract and code in December, the right to use from January on: nothing is revenue in December (55-58C)."""
    told = Told().sign(line("RECORDING", "POINT_IN_TIME", "240000", end_date="2027-12-31"), on="2025-12-10")
    told.tell("ObligationFulfilled", "2025-12-15", line_id="RECORDING", percent="100")
    result = told.close("2025-12", "2026-01").run()
    assert result.months("RECORDING") == {"2026-01": "240000.00"}
    assert [posting["period"] for posting in told.document()["postings"]] == ["2026-01"]
    # A discount that is agreed before the period begins is no revenue of December either.
    told = Told().sign(line("RECORDING", "POINT_IN_TIME", "240000", end_date="2027-12-31"), on="2025-12-10")
    told.tell("ObligationFulfilled", "2025-12-15", line_id="RECORDING", percent="100")
    told.tell("EstimateChanged", "2025-12-20", line_id="RECORDING", price_change="-40000")
    assert told.run().months("RECORDING") == {"2026-01": "200000.00"}


def test_54_a_licence_beside_services_that_do_not_change_it_is_earned_when_it_can_be_used() -> None:
    """Software with installation and updates that are distinct: a right to use it as it is."""
    told = Told().sign(
        line("SOFTWARE", "POINT_IN_TIME", "500", end_date="2027-12-31"),
        line("UPDATES", "RATABLE_MONTHLY", "240", end_date="2027-12-31"),
    )
    told.tell("ObligationFulfilled", "2026-01-02", line_id="SOFTWARE", percent="100")
    result = told.run()
    assert (result.months("SOFTWARE"), result.months("UPDATES")["2026-01"]) == ({"2026-01": "500.00"}, "10.00")


def test_55_a_licence_that_is_nothing_without_its_upgrades_is_earned_over_its_time_with_them() -> None:
    """A design and process that change all the time: licence and upgrades are inputs of one promise."""
    term = {"end_date": "2028-12-31", "distinct": False}
    lines = line("LICENCE", "RATABLE_DAILY", "2192", **term), line("UPGRADES", "RATABLE_DAILY", "1096", **term)
    result = Told().sign(*lines).run()
    assert result.allocated() == {"LICENCE": "3288.00"}
    assert result.months("LICENCE")["2026-01"] == "93.00"


def test_56_a_licence_of_a_drug_is_one_promise_with_its_making_only_where_nobody_else_can_make_it() -> None:
    """A: the process is unique, units earn the whole. B: others can make it, the licence is earned at once."""
    one = Told().sign(line("DRUG", "UNITS", "1000", quantity="100", end_date="2028-12-31"))
    one.tell("ObligationFulfilled", "2026-06-30", line_id="DRUG", units="10")
    assert one.run().months("DRUG") == {"2026-06": "100.00"}
    two = Told().sign(
        line("LICENCE", "POINT_IN_TIME", "600", end_date="2028-12-31"),
        line("MAKING", "UNITS", "400", quantity="100", end_date="2028-12-31"),
    )
    two.tell("ObligationFulfilled", "2026-01-02", line_id="LICENCE", percent="100")
    two.tell("ObligationFulfilled", "2026-06-30", line_id="MAKING", units="10")
    result = two.run()
    assert (result.months("LICENCE"), result.months("MAKING")) == ({"2026-01": "600.00"}, {"2026-06": "40.00"})


def test_57_a_franchise_earns_its_equipment_when_it_is_handed_over_and_its_royalty_as_sales_occur() -> None:
    """Ten years for 5 % of the sales, and equipment for the 150,000 that it sells for: the fixed price is its own."""
    told = Told().sign(
        line("FRANCHISE", "USAGE", "0", end_date="2035-12-31"), line("EQUIPMENT", "POINT_IN_TIME", "150000")
    )
    told.tell("ObligationFulfilled", "2026-01-20", line_id="EQUIPMENT", percent="100")
    result = told.use("2026-02-28", "FRANCHISE", "2500").close("2026-01", "2026-02").run()
    assert result.allocated() == {"FRANCHISE": "2500.00", "EQUIPMENT": "150000.00"}
    assert (result.months("FRANCHISE"), result.recognised) == ({"2026-02": "2500.00"}, "152500.00")


def test_58_access_to_characters_that_live_on_is_earned_by_time() -> None:
    """Four years of a cruise line for 1,000,000 a year."""
    result = Told().sign(line("CHARACTERS", "RATABLE_MONTHLY", "4000000", end_date="2029-12-31")).run()
    months = result.months("CHARACTERS").items()
    years = [sum(Decimal(v) for month, v in months if month[:4] == str(year)) for year in range(2026, 2030)]
    assert years == [1_000_000] * 4


def test_60_the_royalty_of_a_film_counts_as_tickets_are_sold_whatever_else_is_promised_with_it() -> None:
    """A film for six weeks with memorabilia and advertising, for a share of the tickets."""
    told = Told().sign(line("FILM", "USAGE", "0", end_date="2026-02-11"))
    result = told.use("2026-01-31", "FILM", "900").use("2026-02-11", "FILM", "300").close("2026-01", "2026-02").run()
    assert (result.months("FILM"), result.recognised) == ({"2026-01": "900.00", "2026-02": "300.00"}, "1200.00")
