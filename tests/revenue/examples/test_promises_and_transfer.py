"""Examples 10 A and C, 11 A and C to E, 12 B and C, 14 to 17: what is promised, and when it is transferred.

606-10-55-137 to 182. Most of them have no numbers; where they have none, these are ours.
"""

from __future__ import annotations

import pytest

from tests.revenue.examples.told import Told, line


def test_10_a_goods_and_services_that_are_inputs_of_one_hospital_are_one_obligation() -> None:
    """Design, foundation, structure, piping and finishing: a contract to deliver the whole."""
    parts = ("DESIGN", "FOUNDATION", "STRUCTURE", "FINISHING")
    told = Told().sign(*(line(part, "COST_TO_COST", "250", distinct=False, expected_cost="200") for part in parts))
    told.tell("ObligationFulfilled", "2026-06-30", line_id="DESIGN", cost_incurred="400")
    result = told.run()
    assert result.allocated() == {"DESIGN": "1000.00"}
    assert result.months("DESIGN") == {"2026-06": "500.00"}


def test_10_c_software_that_is_worth_little_without_its_updates_is_one_promise_with_them() -> None:
    """Anti-virus software for three years with unspecified updates, which are critical to it: earned over the time."""
    term = {"end_date": "2028-12-31", "distinct": False}
    result = (
        Told()
        .sign(
            line("SOFTWARE", "RATABLE_MONTHLY", "360", **term),
            line("UPDATES", "RATABLE_MONTHLY", "0", ssp="90", **term),
        )
        .run()
    )
    assert result.allocated() == {"SOFTWARE": "360.00"}
    assert set(result.months("SOFTWARE").values()) == {"10.00"}


def test_11_a_a_licence_installation_updates_and_support_are_four_promises() -> None:
    """Each is of use without the others, and the installation does not change the software."""
    told = Told().sign(
        line("LICENCE", "POINT_IN_TIME", "600", ssp="600", end_date="2027-12-31"),
        line("INSTALLATION", "POINT_IN_TIME", "100", product_line="services"),
        line("UPDATES", "RATABLE_MONTHLY", "240", end_date="2027-12-31"),
        line("SUPPORT", "RATABLE_MONTHLY", "20", ssp="60", end_date="2027-12-31", product_line="support"),
    )
    told.tell("ObligationFulfilled", "2026-01-01", line_id="LICENCE", percent="100")
    told.tell("ObligationFulfilled", "2026-02-10", line_id="INSTALLATION", percent="100")
    result = told.run()
    assert result.allocated() == {"LICENCE": "576.00", "INSTALLATION": "96.00", "UPDATES": "230.40", "SUPPORT": "57.60"}
    assert result.months("LICENCE") == {"2026-01": "576.00"}
    assert set(result.months("UPDATES").values()) == {"9.60"}


def test_11_c_d_equipment_and_its_installation_are_distinct_even_if_only_the_seller_may_install_it() -> None:
    """What the contract restricts does not change what the customer could do with what it gets."""
    told = Told().sign(line("EQUIPMENT", "POINT_IN_TIME", "900"), line("INSTALLATION", "MILESTONE", "100"))
    told.tell("ObligationFulfilled", "2026-03-01", line_id="EQUIPMENT", percent="100")
    told.tell("ObligationFulfilled", "2026-03-10", line_id="INSTALLATION", percent="50")
    result = told.close("2026-03").run()
    assert (result.recognised, result.months("INSTALLATION")) == ("950.00", {"2026-03": "50.00"})


def test_11_e_equipment_and_the_consumables_for_it_are_distinct() -> None:
    """The consumables are delivered over three years, and are made by the seller alone."""
    told = Told().sign(
        line("EQUIPMENT", "POINT_IN_TIME", "10000"),
        line("CONSUMABLES", "UNITS", "3000", quantity="300", end_date="2028-12-31"),
    )
    told.tell("ObligationFulfilled", "2026-03-01", line_id="EQUIPMENT", percent="100")
    told.tell("ObligationFulfilled", "2026-12-31", line_id="CONSUMABLES", units="100")
    assert told.run().months("CONSUMABLES") == {"2026-12": "1000.00"}


def test_12_b_a_service_that_is_customary_is_promised_and_one_that_is_offered_later_is_not() -> None:
    """Maintenance for end customers: known when the product is sold it takes its share; afterwards it is no promise.

    In case C it is offered when the distributor has control already: it is not part of the contract, and its cost is
    not a matter of revenue.
    """
    promised = Told().sign(
        line("PRODUCT", "POINT_IN_TIME", "1000", ssp="900"), line("CARE", "MILESTONE", "0", ssp="100")
    )
    assert promised.run().allocated() == {"PRODUCT": "900.00", "CARE": "100.00"}
    not_promised = Told().sign(line("PRODUCT", "POINT_IN_TIME", "1000"))
    not_promised.tell("ObligationFulfilled", "2026-01-10", line_id="PRODUCT", percent="100")
    assert not_promised.run().months("PRODUCT") == {"2026-01": "1000.00"}


def test_14_a_report_that_has_no_other_use_and_must_be_paid_for_is_earned_as_it_is_made() -> None:
    """Cost plus 15 % is due when the customer stops it: revenue by cost incurred."""
    told = Told().sign(line("REPORT", "COST_TO_COST", "115000", expected_cost="100000"))
    told.tell("ObligationFulfilled", "2026-04-30", line_id="REPORT", cost_incurred="25000")
    assert told.run().months("REPORT") == {"2026-04": "28750.00"}


def test_15_a_satellite_without_another_use_is_earned_as_it_is_built() -> None:
    told = Told().sign(line("SATELLITE", "COST_TO_COST", "5000000", expected_cost="4000000", end_date="2028-12-31"))
    told.tell("ObligationFulfilled", "2026-12-31", line_id="SATELLITE", cost_incurred="1000000").close("2026-12")
    assert told.run().recognised == "1250000.00"


def test_16_equipment_is_earned_when_it_is_handed_over_if_what_was_paid_would_not_cover_the_work() -> None:
    """10 % at signing and half while it is built stay with the seller, which is not pay for performance to date."""
    told = Told().sign(line("EQUIPMENT", "POINT_IN_TIME", "1000000"))
    told.bill("2026-01-01", EQUIPMENT="100000").bill("2026-06-30", EQUIPMENT="500000").close("2026-06")
    result = told.run()
    assert (result.recognised, result.balance("contract liability")) == ("0.00", "-600000.00")
    told.tell("ObligationFulfilled", "2026-11-30", line_id="EQUIPMENT", percent="100").close("2026-11")
    result = told.run()
    assert (result.recognised, result.balance("contract asset")) == ("1000000.00", "400000.00")


@pytest.mark.parametrize(("over_time", "by_june"), [(False, "0.00"), (True, "200000.00")])
def test_17_a_unit_of_a_building_is_earned_as_it_is_built_where_that_must_be_paid_for(
    over_time: bool, by_june: str
) -> None:
    """A deposit alone: when it is handed over (A). Payments as it is built, enforced by law: over the time (B, C)."""
    unit = line("UNIT", "COST_TO_COST", "800000", expected_cost="600000") if over_time else None
    told = Told().sign(unit or line("UNIT", "POINT_IN_TIME", "800000"))
    told.bill("2026-01-10", UNIT="80000")
    if over_time:
        told.tell("ObligationFulfilled", "2026-06-30", line_id="UNIT", cost_incurred="150000")
    assert told.close("2026-06").run().recognised == by_june
