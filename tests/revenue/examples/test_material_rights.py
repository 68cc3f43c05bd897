"""Examples 49 to 52: options, material rights, renewals, loyalty points (606-10-55-41 to 49 and 55-334 to 356)."""

from __future__ import annotations

from tests.revenue.examples.told import Told, line


def voucher() -> Told:
    """Sign a product for 100 with a voucher: 40 % of purchases of 50 on average, 10 % of which everyone gets.

    30 % more than others on 50, used by 80 %: its stand-alone selling price is 12.
    """
    option = {"option_id": "VOUCHER", "product_line": "platform", "ssp": "12", "expires_on": "2026-01-31"}
    return Told().sign(line("A", "POINT_IN_TIME", "100"), options=[option])


def test_49_a_discount_voucher_takes_its_share_of_the_price() -> None:
    told = voucher().tell("ObligationFulfilled", "2026-01-02", line_id="A", percent="100")
    result = told.run()
    assert result.allocated() == {"A": "89.29", "VOUCHER": "10.71"}
    assert result.months("A") == {"2026-01": "89.29"}
    # Unused, it is earned when it expires.
    assert result.months("VOUCHER") == {"2026-01": "10.71"}


def test_49_what_a_voucher_was_allocated_is_earned_with_what_it_is_used_for() -> None:
    """The customer buys for 50 and pays 30."""
    bought = line("B", "POINT_IN_TIME", "30", ssp="50", start_date="2026-01-20")
    told = voucher().tell("ContractAmended", "2026-01-20", added_lines=[bought], exercised_options=["VOUCHER"])
    told.tell("ObligationFulfilled", "2026-02-03", line_id="B", percent="100")
    result = told.run()
    assert (result.price, result.treatments()) == ("130.00", ["SEPARATE_CONTRACT"])
    assert result.allocated() == {"A": "89.29", "VOUCHER": "0.00", "B": "40.71"}
    assert result.months("B") == {"2026-02": "40.71"}


def test_50_an_option_at_its_stand_alone_selling_price_is_no_material_right_and_gets_nothing() -> None:
    """A handset and a service for two years; minutes beyond those included cost what they cost anyone."""
    told = Told().sign(
        line("HANDSET", "POINT_IN_TIME", "200", product_line="hardware"),
        line("SERVICE", "RATABLE_MONTHLY", "2400", end_date="2027-12-31"),
        line("MINUTES", "USAGE", "0", product_line="usage", end_date="2027-12-31"),
    )
    assert told.run().allocated() == {"HANDSET": "200.00", "SERVICE": "2400.00", "MINUTES": "0.00"}
    result = told.use("2026-03-31", "MINUTES", "12.50").run()
    assert (result.price, result.months("MINUTES")) == ("2612.50", {"2026-03": "12.50"})


def test_51_like_a_right_to_renew_defers_a_part_of_the_first_year_to_the_renewal() -> None:
    """100 contracts of a year for 1,000; of what they pay, 780 each is for the first year and the rest for renewals.

    The practical alternative of 55-45 is not offered: the option is allocated by its stand-alone selling price.
    """
    option = {"option_id": "RENEWAL", "product_line": "support", "ssp": "22000", "expires_on": "2027-01-01"}
    told = Told().sign(line("Y1", "RATABLE_MONTHLY", "100000", ssp="78000"), options=[option])
    told.bill("2026-01-01", Y1="100000").close("2026-12")
    first = told.run()
    assert (first.recognised, first.balance("contract liability")) == ("78000.00", "-22000.00")
    second = line("Y2", "RATABLE_MONTHLY", "90000", start_date="2027-01-01", end_date="2027-12-31")
    told.tell("ContractRenewed", "2027-01-01", lines=[second], exercised_options=["RENEWAL"])
    result = told.run()
    assert result.allocated() == {"Y1": "78000.00", "RENEWAL": "0.00", "Y2": "112000.00"}
    assert sum(float(amount) for amount in result.months("Y2").values()) == 112000.00


def test_52_loyalty_points_are_earned_as_they_are_redeemed_out_of_those_expected_to_be() -> None:
    """Products for 100,000 with 10,000 points of 1 each, of which 9,500 are expected to be redeemed, later 9,700."""
    told = Told().sign(
        line("PRODUCTS", "POINT_IN_TIME", "100000"),
        line("POINTS", "PREPAID", "0", ssp="9500", quantity="10000", breakage_percent="5", end_date="2028-12-31"),
    )
    told.tell("ObligationFulfilled", "2026-06-30", line_id="PRODUCTS", percent="100")
    told.use("2026-12-31", "POINTS", "0", "4500")
    first = told.run()
    assert first.allocated() == {"PRODUCTS": "91324.20", "POINTS": "8675.80"}
    assert first.months("POINTS")["2026-12"] == "4109.59"
    told.tell("EstimateChanged", "2027-12-31", line_id="POINTS", breakage_percent="3", basis="9,700 will be redeemed")
    told.use("2027-12-31", "POINTS", "0", "4000")
    # 8,500 of 9,700 of 8,675.80 less what was earned: 3,493 in whole dollars.
    assert told.run().months("POINTS")["2027-12"] == "3492.92"
