"""Examples 31 to 35: consideration payable to a customer, and how a price is allocated (606-10-32-25 to 41)."""

from __future__ import annotations

from typing import Any

from tests.revenue.examples.estimates import outcomes, variable
from tests.revenue.examples.told import Told, line

A, B, C = (line(name, "POINT_IN_TIME", ssp) for name, ssp in (("A", "40"), ("B", "55"), ("C", "45")))
BUNDLE = {"line_ids": ["B", "C"], "bundle_price": "60"}


def three(price: str) -> list[dict[str, Any]]:
    """Return A, B and C of Example 34 with their whole price on the first: prices do not decide the allocation."""
    return [A | {"price": price}, B | {"price": "0"}, C | {"price": "0"}]


def test_32_a_payment_to_the_customer_for_nothing_distinct_reduces_every_transfer() -> None:
    """Goods for 15,000,000 in a year; 1,500,000 is paid to the retailer for its shelves: 10 % of each transfer."""
    shelves = {"payable_id": "SHELVES", "amount": "1500000"}
    told = Told().sign(line("GOODS", "UNITS", "15000000", quantity="15000000"), payable_to_customer=[shelves])
    told.bill("2026-01-31", GOODS="2000000")
    told.tell("ObligationFulfilled", "2026-01-31", line_id="GOODS", units="2000000").close("2026-01")
    result = told.run()
    assert (result.price, result.recognised) == ("13500000.00", "1800000.00")


def test_32_like_what_the_customer_gives_in_return_is_a_purchase_up_to_its_fair_value() -> None:
    """Of 1,500,000 paid, advertising worth 1,000,000 is bought: 500,000 reduces the price."""
    campaign = {"payable_id": "CAMPAIGN", "amount": "1500000", "fair_value": "1000000"}
    goods = line("GOODS", "POINT_IN_TIME", "15000000")
    assert Told().sign(goods, payable_to_customer=[campaign]).run().price == "14500000.00"
    at_value = campaign | {"fair_value": "1600000"}
    assert Told().sign(goods, payable_to_customer=[at_value]).run().price == "15000000.00"


def test_33_a_discount_without_evidence_is_shared_by_stand_alone_selling_price() -> None:
    """Three products for 100 whose SSP of 50, 25 and 75 are observed or estimated."""
    products = [
        line("A", "POINT_IN_TIME", "100", ssp="50"),
        line("B", "POINT_IN_TIME", "0", ssp="25"),
        line("C", "POINT_IN_TIME", "0", ssp="75"),
    ]
    assert Told().sign(*products).run().allocated() == {"A": "33.33", "B": "16.67", "C": "50.00"}


def test_34_a_a_discount_that_is_observed_on_a_bundle_belongs_to_the_bundle() -> None:
    """A, B and C for 100; B and C are regularly sold together for 60, A for 40."""
    result = Told().sign(*three("100"), bundles=[BUNDLE]).run()
    # 60 * 55 / 100 and 60 * 45 / 100.
    assert result.allocated() == {"A": "40.00", "B": "33.00", "C": "27.00"}


def test_34_b_the_bundle_comes_first_and_what_is_left_is_the_residual() -> None:
    """With D, whose price varies from 15 to 45, for 130: 100 belongs to A, B and C, and 30 is left for D."""
    d = line("D", "POINT_IN_TIME", "0", ssp="0", ssp_method="RESIDUAL")
    result = Told().sign(*three("130"), d, bundles=[BUNDLE]).run()
    assert result.allocated() == {"A": "40.00", "B": "33.00", "C": "27.00", "D": "30.00"}
    assert [part["ssp"] for part in result.contract["obligations"]] == ["40.00", "55.00", "45.00", "30.00"]


def test_34_c_a_residual_that_no_observed_price_supports_is_estimated_instead() -> None:
    """For 105 the residual of D would be 5, below all prices of 15 to 45: its SSP is estimated, here at 30.

    The example gives no amounts: the price is shared by SSP, 105 over 170.
    """
    d = line("D", "POINT_IN_TIME", "0", ssp="0", ssp_method="RESIDUAL")
    assert Told().sign(*three("105"), d, bundles=[BUNDLE]).run().allocated()["D"] == "5.00"
    stated = line("D", "POINT_IN_TIME", "0", ssp="30")
    assert Told().sign(*three("105"), stated).run().allocated() == {
        "A": "24.71",
        "B": "33.97",
        "C": "27.79",
        "D": "18.53",
    }


def test_34_like_a_residual_of_nothing_is_refused() -> None:
    d = line("D", "POINT_IN_TIME", "0", ssp="0", ssp_method="RESIDUAL")
    reason = Told().sign(*three("100"), d, bundles=[BUNDLE]).refused()
    assert "leaves 0.00 for residual line D" in reason
    assert "606-10-32-35" in reason


def test_35_a_royalties_that_relate_to_one_licence_belong_to_it_and_the_fixed_price_to_the_other() -> None:
    """Licence X for 800 and licence Y for 3 % of sales, estimated at 1,000: both at their SSP.

    Royalties count when they are sold (606-10-55-65): none is included before. Y is transferred first.
    """
    x, y = line("X", "POINT_IN_TIME", "800"), line("Y", "POINT_IN_TIME", "0", ssp="1000")
    royalties = variable("ROYALTIES", ("1000", "1"), highly_probable="0", line_ids=["Y"])
    told = Told().sign(x, y, variable=[royalties])
    told.tell("ObligationFulfilled", "2026-01-01", line_id="Y", percent="100").close("2026-01")
    result = told.run()
    assert result.allocated() == {"X": "800.00", "Y": "0.00"}
    assert result.recognised == "0.00"

    told.tell("ObligationFulfilled", "2026-02-01", line_id="X", percent="100")
    told.tell("EstimateChanged", "2026-02-28", variable_id="ROYALTIES", outcomes=outcomes(("200", "1")))
    result = told.close("2026-02").run()
    assert result.allocated() == {"X": "800.00", "Y": "200.00"}
    assert result.recognised == "1000.00"


def test_35_b_royalties_that_do_not_match_the_licence_are_shared_like_the_price() -> None:
    """Licence X for 300 and licence Y for 5 % of sales, estimated at 1,500: not what they are worth, 800 and 1,000.

    The fixed 300 is 133 and 167; Y is transferred first; royalties of 200 are 89 for X, which waits, and 111 for Y.
    """
    x, y = line("X", "POINT_IN_TIME", "300", ssp="800"), line("Y", "POINT_IN_TIME", "0", ssp="1000")
    royalties = variable("ROYALTIES", ("1500", "1"), highly_probable="0")
    told = Told().sign(x, y, variable=[royalties])
    told.tell("ObligationFulfilled", "2026-01-01", line_id="Y", percent="100").close("2026-01")
    result = told.run()
    assert result.allocated() == {"X": "133.33", "Y": "166.67"}
    assert result.recognised == "166.67"

    told.tell("EstimateChanged", "2026-01-31", variable_id="ROYALTIES", outcomes=outcomes(("200", "1")))
    told.close("2026-02")
    result = told.run()
    assert result.allocated() == {"X": "222.22", "Y": "277.78"}
    assert result.recognised == "277.78"

    told.tell("ObligationFulfilled", "2026-03-15", line_id="X", percent="100").close("2026-03")
    assert told.run().recognised == "500.00"


def test_31_consideration_that_is_not_cash_is_refused_and_says_so() -> None:
    """A service of a year for 100 shares a week: the measure of what is not cash is not kept here (32-21 to 24)."""
    reason = Told().sign(line("SERVICE", "RATABLE_DAILY", "0", ssp="5200"), non_cash="5200").refused()
    assert "/non_cash" in reason
    assert "606-10-32-21" in reason
