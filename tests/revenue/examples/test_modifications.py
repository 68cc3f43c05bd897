"""Examples 5 to 10, 38 and 43: contract modifications, and what a contract has on the balance sheet meanwhile.

606-10-55-110 to 140, 284 to 290 and 305 to 307; each docstring tells the facts.
"""

from __future__ import annotations

from tests.revenue.examples.told import Result, Told, line


def products() -> Told:
    """120 products for 12,000, of which 60 were delivered."""
    told = Told().sign(line("PRODUCT", "UNITS", "12000", quantity="120"))
    return told.tell("ObligationFulfilled", "2026-03-31", line_id="PRODUCT", units="60")


def test_5_a_further_products_at_their_price_are_a_contract_of_their_own() -> None:
    """30 more at 95 each, what they sell for then: the first 60 of the rest earn 100 each, the 30 earn 95 each."""
    told = products()
    told.tell("ContractAmended", "2026-04-01", added_lines=[line("MORE", "UNITS", "2850", quantity="30")])
    told.tell("ObligationFulfilled", "2026-05-31", line_id="PRODUCT", units="61")
    told.tell("ObligationFulfilled", "2026-05-31", line_id="MORE", units="1")
    result = told.run()
    assert result.treatments() == ["SEPARATE_CONTRACT"]
    assert result.price == "14850.00"
    assert result.months("PRODUCT") == {"2026-03": "6000.00", "2026-05": "100.00"}
    assert result.months("MORE") == {"2026-05": "95.00"}


def test_5_b_a_credit_for_defects_is_no_part_of_the_price_of_what_remains() -> None:
    """30 more at 80 each, which is not what they sell for, less 15 for each of the 60 defective ones delivered.

    The 900 reduce revenue at once. What remains, 60 at 100 and 30 at 80, earns 8,400 / 90 = 93.33 each.
    """
    told = products()
    told.tell(
        "ContractAmended",
        "2026-04-01",
        changed_lines=[{"line_id": "PRODUCT", "price": "11100", "ssp": "12000", "concession": "900"}],
        added_lines=[line("MORE", "UNITS", "2400", quantity="30", ssp="3000")],
    )
    told.tell("ObligationFulfilled", "2026-05-31", line_id="PRODUCT", units="61")
    told.tell("ObligationFulfilled", "2026-05-31", line_id="MORE", units="1")
    result = told.run()
    assert result.treatments() == ["MIXED"]
    (amended,) = result.contract["modifications"]
    assert [(part["line_id"], part["treatment"]) for part in amended["lines"]] == [
        ("PRODUCT", "PRICE_CHANGE"),
        ("MORE", "PROSPECTIVE"),
        ("PRODUCT", "NOT_A_MODIFICATION"),
    ]
    assert result.price == "13500.00"
    assert result.months("PRODUCT") == {"2026-03": "6000.00", "2026-04": "-900.00", "2026-05": "93.33"}
    assert result.months("MORE") == {"2026-05": "93.33"}
    assert result.allocated() == {"PRODUCT": "10700.00", "MORE": "2800.00"}


def test_6_a_price_change_of_before_a_modification_follows_the_modification() -> None:
    """Products X and Y for 1,000 and a variable 200; X is delivered; then Z joins for 300, below what it sells for.

    The 600 of Y and the 300 are shared by Y and Z. Then 240 instead of 200 are expected of what was promised first:
    20 belong to X, earned at once, and 20 belonged to Y before Z joined: 10 each for Y and Z.
    """
    told = Told().sign(
        line("X", "POINT_IN_TIME", "500", ssp="600"),
        line("Y", "POINT_IN_TIME", "500", ssp="600"),
        variable=[
            {
                "variable_id": "BONUS",
                "method": "MOST_LIKELY_AMOUNT",
                "outcomes": [{"amount": "200", "probability": "1"}],
            }
        ],
    )
    told.tell("ObligationFulfilled", "2026-01-01", line_id="X", percent="100")
    assert told.run().allocated() == {"X": "600.00", "Y": "600.00"}

    told.tell("ContractAmended", "2026-06-30", added_lines=[line("Z", "POINT_IN_TIME", "300", ssp="600")])
    assert told.run().allocated() == {"X": "600.00", "Y": "450.00", "Z": "450.00"}

    told.tell(
        "EstimateChanged",
        "2026-08-01",
        variable_id="BONUS",
        outcomes=[{"amount": "240", "probability": "1"}],
    )
    result = told.run()
    assert result.allocated() == {"X": "620.00", "Y": "460.00", "Z": "460.00"}
    assert result.months("X") == {"2026-01": "600.00", "2026-08": "20.00"}

    told.tell("ObligationFulfilled", "2026-09-01", line_id="Y", percent="100")
    told.tell("ObligationFulfilled", "2026-10-01", line_id="Z", percent="100")
    result = told.run()
    assert result.months("Y") == {"2026-09": "460.00"}
    assert result.months("Z") == {"2026-10": "460.00"}


def test_7_a_service_that_is_extended_and_repriced_earns_what_remains_over_what_remains() -> None:
    """Cleaning for three years at 100,000 a year. After two, the third is lowered to 80,000, and three more join.

    The three years cost 200,000 in all, below what they sell for: 280,000 over the four years that remain.
    """
    term = {"start_date": "2026-01-01", "end_date": "2028-12-31"}
    told = Told().sign(line("CLEANING", "RATABLE_MONTHLY", "300000", **term))
    new = {"line_id": "CLEANING", "price": "480000", "ssp": "540000", "end_date": "2031-12-31"}
    told.tell("ContractAmended", "2028-01-01", changed_lines=[new])
    result = told.run()
    assert result.treatments() == ["PROSPECTIVE"]
    by_year: dict[str, float] = {}
    for period, amount in result.months("CLEANING").items():
        by_year[period[:4]] = round(by_year.get(period[:4], 0) + float(amount), 2)
    assert by_year == {
        "2026": 100000,
        "2027": 100000,
        "2028": 70000,
        "2029": 70000,
        "2030": 70000,
        "2031": 70000,
    }


def test_8_one_obligation_is_caught_up_with_its_bonus_and_its_new_cost() -> None:
    """A building for 1,000,000, and 200,000 more if it is ready in time, which is not probable at first.

    60 % of 700,000 of cost is incurred: 600,000 is earned. Then the plan changes: 150,000 more of price and 120,000
    more of cost, and the bonus has become probable. 420,000 of 820,000 of cost is 51.2195 %, of 1,350,000 691,463.41
    by then: 91,463.41 more. Facts and measure are those of the example; it rounds the progress to 51.2 % before it
    multiplies, 691,200, and comes to 91,200. A progress of 51.2 % and no more gives that amount here, too.
    """
    assert revised_building("820000").months("BUILDING") == {"2026-12": "600000.00", "2027-03": "91463.41"}
    # 420,000 of 820,312.50 is 51.2 % exactly.
    assert revised_building("820312.50").months("BUILDING") == {"2026-12": "600000.00", "2027-03": "91200.00"}


def revised_building(expected_cost: str) -> Result:
    """Run the building, its change and its bonus, with the cost that is expected after the change."""
    told = Told().sign(
        line("BUILDING", "COST_TO_COST", "1000000", expected_cost="700000", end_date="2027-12-31"),
        variable=[
            {
                "variable_id": "BONUS",
                "method": "MOST_LIKELY_AMOUNT",
                "outcomes": [{"amount": "200000", "probability": "1"}],
                "highly_probable": "0",
            }
        ],
    )
    told.tell("ObligationFulfilled", "2026-12-31", line_id="BUILDING", cost_incurred="420000")
    result = told.run()
    assert (result.price, result.months("BUILDING")) == ("1000000.00", {"2026-12": "600000.00"})

    new = {"line_id": "BUILDING", "price": "1150000", "ssp": "1150000", "expected_cost": expected_cost}
    told.tell("ContractAmended", "2027-03-01", changed_lines=[new])
    told.tell(
        "EstimateChanged",
        "2027-03-01",
        variable_id="BONUS",
        outcomes=[{"amount": "200000", "probability": "1"}],
    )
    result = told.run()
    assert result.treatments() == ["CUMULATIVE_CATCH_UP"]
    assert result.price == "1350000.00"
    return result


def building_with_a_late_site() -> Told:
    """A building that is 30 % done when the customer hands its land over late."""
    told = Told().sign(line("BUILDING", "MILESTONE", "1000000", end_date="2027-12-31"))
    return told.tell("ObligationFulfilled", "2026-06-30", line_id="BUILDING", percent="30")


def test_9_a_change_that_nobody_approved_and_nothing_enforces_waits_and_changes_no_number() -> None:
    """The contractor asks for more, and the customer has not answered."""
    told = building_with_a_late_site()
    before = told.run()
    new = {"line_id": "BUILDING", "price": "1080000", "ssp": "1080000"}
    told.tell("ContractAmended", "2026-07-15", changed_lines=[new], approved=False)
    document = told.document()
    (contract,) = document["contracts"]
    assert contract["transaction_price"] == before.price == "1000000.00"
    assert contract["schedule"] == before.contract["schedule"]
    assert contract["state"] == "AWAITING_APPROVAL"
    (waiting,) = document["waiting"]
    assert "606-10-25-10" in waiting["reason"]


def test_9_the_part_of_an_unapproved_change_that_is_enforceable_is_taken_in_as_estimated() -> None:
    """The contract makes the customer pay for delays that it causes, so that the claim is enforceable.

    Its price is not agreed: it is estimated, 50,000 after the constraint, and is part of the price of the one
    obligation (606-10-25-11, 32-14). The rest of the request waits until it is approved.
    """
    told = building_with_a_late_site()
    new = {"line_id": "BUILDING", "price": "1080000", "ssp": "1080000"}
    told.tell("EstimateChanged", "2026-07-15", line_id="BUILDING", price_change="50000", basis="claim for delay")
    told.tell("ContractAmended", "2026-07-15", changed_lines=[new], approved=False)
    document = told.document()
    (contract,) = document["contracts"]
    assert contract["transaction_price"] == "1050000.00"
    assert {row["period"]: row["amount"] for row in contract["schedule"]} == {
        "2026-06": "300000.00",
        "2026-07": "15000.00",
    }
    assert len(document["waiting"]) == 1


def test_10_b_units_that_one_design_and_process_integrates_are_one_obligation() -> None:
    """A device to a customer's design, ten units, the design and the process to make them: highly interdependent."""
    result = (
        Told()
        .sign(
            line("DESIGN", "MILESTONE", "300000", distinct=False),
            line("PROCESS", "MILESTONE", "200000", distinct=False),
            line("UNITS", "MILESTONE", "500000", distinct=False),
        )
        .tell("ObligationFulfilled", "2026-06-30", line_id="DESIGN", percent="40")
        .run()
    )
    assert result.allocated() == {"DESIGN": "1000000.00"}
    assert result.months("DESIGN") == {"2026-06": "400000.00"}


def test_38_a_what_is_paid_before_it_is_due_for_good_is_a_liability_when_it_is_paid() -> None:
    """A product for 1,000, due on 31 January, delivered on 31 March, cancellable; the customer pays on 1 March.

    While the contract can be cancelled nothing is due: the invoice that is recorded is the payment's.
    """
    told = Told().sign(line("PRODUCT", "POINT_IN_TIME", "1000"), on="2026-01-01").close("2026-01", "2026-02")
    told.bill("2026-03-01", PRODUCT="1000")
    told.tell("PaymentReceived", "2026-03-01", payment_id="P1", invoice_id="INV-3", currency="USD", amount="1000.00")
    result = told.run()
    assert [result.balance(name) for name in ("cash", "receivable", "contract liability")] == [
        "1000.00",
        "0.00",
        "-1000.00",
    ]
    told.tell("ObligationFulfilled", "2026-03-31", line_id="PRODUCT", percent="100").close("2026-03")
    result = told.run()
    assert (result.balance("contract liability"), result.recognised) == ("0.00", "1000.00")


def test_38_b_what_is_due_for_good_is_a_receivable_and_a_liability_before_it_is_paid() -> None:
    """The same, and it cannot be cancelled: on 31 January the right to 1,000 is unconditional."""
    told = Told().sign(line("PRODUCT", "POINT_IN_TIME", "1000"), on="2026-01-01")
    told.bill("2026-01-31", PRODUCT="1000")
    result = told.run()
    assert (result.balance("receivable"), result.balance("contract liability")) == ("1000.00", "-1000.00")
    told.tell("PaymentReceived", "2026-03-01", payment_id="P1", invoice_id="INV-1", currency="USD", amount="1000.00")
    result = told.run()
    assert [result.balance(name) for name in ("cash", "receivable", "contract liability")] == [
        "1000.00",
        "0.00",
        "-1000.00",
    ]
    told.tell("ObligationFulfilled", "2026-03-31", line_id="PRODUCT", percent="100").close("2026-03")
    result = told.run()
    assert (result.balance("contract liability"), result.recognised) == ("0.00", "1000.00")


def test_43_what_is_not_performed_of_one_obligation_over_time_is_what_remains_of_its_price() -> None:
    """A building for 10,000,000, of which 3,200,000 is recognised at the end of the year: 6,800,000 remains."""
    told = Told().sign(line("BUILDING", "MILESTONE", "10000000", end_date="2028-06-30"))
    told.tell("ObligationFulfilled", "2026-12-31", line_id="BUILDING", percent="32").close("2026-12")
    result = told.run()
    assert result.recognised == "3200000.00"
    (obligation,) = result.contract["obligations"]
    assert obligation["unscheduled"] == "6800000.00"
