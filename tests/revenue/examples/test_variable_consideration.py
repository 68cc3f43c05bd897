"""Examples 2, 3 and 20 to 25: variable consideration, its estimate and its constraint (606-10-32-5 to 14, 40)."""

from __future__ import annotations

from tests.revenue.examples.estimates import outcomes, variable
from tests.revenue.examples.told import Told, line


def test_20_a_penalty_is_variable_consideration() -> None:
    """An asset for 1,000,000, of which 100,000 is lost when it is late: 900,000 is fixed, 100,000 is variable."""
    asset = line("ASSET", "MILESTONE", "900000")
    on_time = variable("ON-TIME", ("100000", "0.9"), ("0", "0.1"), method="MOST_LIKELY_AMOUNT")
    told = Told().sign(asset, variable=[on_time])
    assert told.run().price == "1000000.00"

    # Half is done when lateness becomes certain: half of the 100,000 is taken back.
    told.tell("ObligationFulfilled", "2026-02-28", line_id="ASSET", percent="50")
    told.tell("EstimateChanged", "2026-03-31", variable_id="ON-TIME", outcomes=outcomes(("0", "1")))
    result = told.run()
    assert result.price == "900000.00"
    assert result.months("ASSET") == {"2026-02": "500000.00", "2026-03": "-50000.00"}


def test_21_each_part_is_estimated_by_the_method_that_predicts_it_better() -> None:
    """An asset for 2,500,000; 10,000 a day for being early or late has many outcomes, the inspection bonus has two.

    The example states no probabilities; these are ours.
    """
    days = variable("DAYS", ("20000", "0.2"), ("0", "0.5"), ("-30000", "0.3"))
    bonus = variable("INSPECTION", ("150000", "0.8"), ("0", "0.2"), method="MOST_LIKELY_AMOUNT")
    result = Told().sign(line("ASSET", "MILESTONE", "2500000"), variable=[days, bonus]).run()
    # 4,000 - 9,000 expected; the bonus is most likely 150,000 and not 120,000.
    assert result.price == "2645000.00"


def test_23_a_an_expected_price_concession_that_is_not_constrained_is_in_the_price() -> None:
    """1,000 units at 100 to a distributor, who is expected to be granted 20 % less, as others were before."""
    concession = variable("CONCESSION", ("-20000", "1"), line_ids=["UNITS"])
    told = Told().sign(line("UNITS", "POINT_IN_TIME", "100000"), variable=[concession])
    told.bill("2026-12-01", UNITS="100000").tell("ObligationFulfilled", "2026-12-01", line_id="UNITS", percent="100")
    result = told.close("2026-12").run()
    assert (result.price, result.recognised) == ("80000.00", "80000.00")


def test_23_b_a_concession_that_is_hard_to_predict_is_included_as_far_as_it_is_highly_probable() -> None:
    """Concessions ranged from 20 % to 60 %: 40 % is expected, and no more than 50 a unit is highly probable to stay."""
    chances = ("-20000", "0.25"), ("-40000", "0.5"), ("-60000", "0.25")
    concession = variable("CONCESSION", *chances, highly_probable="-50000", line_ids=["UNITS"])
    told = Told().sign(line("UNITS", "POINT_IN_TIME", "100000"), variable=[concession])
    told.tell("ObligationFulfilled", "2026-12-01", line_id="UNITS", percent="100")
    told.close("2026-12")
    result = told.run()
    assert (result.recognised, result.contract["variable_included"]) == ("50000.00", "-50000.00")
    estimate = result.contract["pricing"][0]["lines"][0]
    assert estimate["line_id"] == "CONCESSION"
    assert estimate["reason"].startswith(
        "expected value (606-10-32-8(a)) -40000.00, included at -50000.00: more might be reversed"
    )

    # Two months later the concession is agreed at 45 %.
    told.tell("EstimateChanged", "2027-02-10", variable_id="CONCESSION", outcomes=outcomes(("-45000", "1")))
    result = told.close("2027-02").run()
    assert (result.price, result.recognised) == ("55000.00", "55000.00")


def test_24_a_volume_discount_that_becomes_probable_is_caught_up_for_what_was_sold() -> None:
    """100 a unit, 90 for all units of the year when more than 1,000 are bought; 1,250 are expected at last.

    75 units in the first quarter, then 500 in the second and the discount is expected: 45,000 less 750 is 44,250.
    """
    discount = variable("VOLUME", ("0", "1"))
    told = Told().sign(line("UNITS", "UNITS", "125000", quantity="1250"), variable=[discount])
    told.tell("ObligationFulfilled", "2026-03-31", line_id="UNITS", units="75").close("2026-03")
    assert told.run().recognised == "7500.00"

    told.tell("EstimateChanged", "2026-05-01", variable_id="VOLUME", outcomes=outcomes(("-12500", "1")))
    told.tell("ObligationFulfilled", "2026-06-30", line_id="UNITS", units="575").close("2026-06")
    result = told.run()
    assert (result.price, result.recognised) == ("112500.00", "51750.00")
    assert result.months("UNITS") == {"2026-03": "7500.00", "2026-05": "-750.00", "2026-06": "45000.00"}


def test_25_a_fee_of_a_quarter_belongs_to_the_quarter_and_an_incentive_waits_until_it_is_certain() -> None:
    """A fund is managed for five years: 2 % of the assets each quarter, and 20 % of the return above an index.

    At the end of the first quarter the assets are 100,000,000: its fee of 2,000,000 is earned in the quarter. The
    incentive could still be lost to the market, so that nothing of it is included.
    """
    fund = line("FUND", "RATABLE_DAILY", "0", end_date="2030-12-31")
    quarters = [("Q1", "2026-01-01", "2026-03-31"), ("Q2", "2026-04-01", "2026-06-30")]
    fees = [
        variable(name, ("2000000", "1"), highly_probable="0", line_ids=["FUND"], service_start=start, service_end=end)
        for name, start, end in quarters
    ]
    incentive = variable("INCENTIVE", ("3000000", "0.6"), ("0", "0.4"), highly_probable="0", line_ids=["FUND"])
    told = Told().sign(fund, variable=[*fees, incentive])
    assert told.run().price == "0.00"

    told.tell("EstimateChanged", "2026-03-31", variable_id="Q1", outcomes=outcomes(("2000000", "1")))
    result = told.close("2026-03").run()
    assert result.recognised == "2000000.00"
    assert result.months("FUND@vc:Q1") == {"2026-03": "2000000.00"}
    assert result.price == "2000000.00"

    # Known before the second quarter begins, its fee is earned over the quarter and in no other month.
    told.tell("EstimateChanged", "2026-04-01", variable_id="Q2", outcomes=outcomes(("1820000", "1")))
    result = told.run()
    assert result.months("FUND@vc:Q2") == {"2026-04": "600000.00", "2026-05": "620000.00", "2026-06": "600000.00"}
    assert set(result.allocated().values()) == {"0.00", "2000000.00", "1820000.00"}


def test_22_what_is_expected_to_come_back_is_a_refund_liability() -> None:
    """100 products for 100 each, invoiced and delivered; three are expected to be returned within 30 days.

    Revenue is 9,700 and 300 are a refund liability. The right to recover the products is a matter of cost.
    """
    returns = variable("RETURNS", ("-300", "1"), line_ids=["PRODUCTS"], refundable=True)
    told = Told().sign(line("PRODUCTS", "POINT_IN_TIME", "10000"), variable=[returns])
    told.bill("2026-01-10", PRODUCTS="10000")
    told.tell("ObligationFulfilled", "2026-01-10", line_id="PRODUCTS", percent="100").close("2026-01")
    result = told.run()
    assert (result.price, result.recognised) == ("9700.00", "9700.00")
    assert (result.balance("refund liability"), result.contract["refund_liability"]) == ("-300.00", "300.00")
    assert result.balance("contract liability") == "0.00"
    assert result.contract["tie_out"]["tied_out"]

    # Two come back and are credited; then the time is over.
    lines = [{"line_id": "PRODUCTS", "net": "200"}]
    told.tell("CreditIssued", "2026-02-05", credit_id="CN-1", currency="USD", lines=lines, effect="BILLING_ONLY")
    assert told.run().balance("refund liability") == "-100.00"
    told.tell("EstimateChanged", "2026-02-10", variable_id="RETURNS", outcomes=outcomes(("-200", "1")))
    result = told.close("2026-02").run()
    assert (result.recognised, result.balance("refund liability")) == ("9800.00", "0.00")
    assert result.contract["tie_out"]["tied_out"]


def test_22_like_only_what_is_billed_and_transferred_is_a_refund_liability() -> None:
    """Half of the products is delivered, and billed after the month; the other half is billed in advance."""
    returns = variable("RETURNS", ("-300", "1"), refundable=True)
    told = Told().sign(line("PRODUCTS", "UNITS", "10000", quantity="100"), variable=[returns])
    told.tell("ObligationFulfilled", "2026-01-10", line_id="PRODUCTS", units="50").close("2026-01")
    result = told.run()
    assert (result.balance("contract asset"), result.balance("refund liability")) == ("4850.00", "0.00")

    told.bill("2026-02-01", PRODUCTS="10000")
    result = told.run()
    assert (result.balance("contract liability"), result.balance("refund liability")) == ("-5000.00", "-150.00")
    assert result.contract["tie_out"]["tied_out"]

    # The invoice is corrected to what was delivered: nothing but the refund liability is left of it.
    told.bill("2026-02-02", PRODUCTS="5000")
    told.events[-1]["supersedes"] = told.events[-2]["context"]["source_transaction_id"]
    result = told.run()
    assert (result.balance("contract liability"), result.balance("refund liability")) == ("0.00", "-150.00")
    assert result.balance("contract asset") == "0.00"
    assert result.contract["tie_out"]["tied_out"]


def test_2_a_price_that_is_not_expected_to_be_paid_in_full_is_an_implicit_concession() -> None:
    """1,000 units for 1,000,000 to a region in crisis, to win it: the seller expects to be entitled to 400,000."""
    concession = variable("CONCESSION", ("-600000", "1"), method="MOST_LIKELY_AMOUNT")
    told = Told().sign(line("UNITS", "UNITS", "1000000", quantity="1000"), variable=[concession])
    told.tell("ObligationFulfilled", "2026-01-31", line_id="UNITS", units="1000").close("2026-01")
    result = told.run()
    assert (result.price, result.recognised) == ("400000.00", "400000.00")


def test_3_a_hospital_that_accepts_less_than_its_rate_has_the_price_that_it_expects() -> None:
    """10,000 at the standard rate of an emergency; of such patients 1,000 is expected."""
    concession = variable("CONCESSION", ("-9000", "1"))
    told = Told().sign(line("CARE", "POINT_IN_TIME", "10000"), variable=[concession])
    told.tell("ObligationFulfilled", "2026-01-05", line_id="CARE", percent="100").bill("2026-01-05", CARE="10000")
    result = told.close("2026-01").run()
    assert (result.recognised, result.balance("receivable")) == ("1000.00", "10000.00")
    # What is collected above the estimate is revenue when it is expected.
    told.tell("EstimateChanged", "2026-02-10", variable_id="CONCESSION", outcomes=outcomes(("-8500", "1")))
    assert told.close("2026-02").run().recognised == "1500.00"
