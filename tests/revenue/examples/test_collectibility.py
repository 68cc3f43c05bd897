"""Examples 1 and 4: whether the customer will pay (606-10-25-1(e), 25-5 to 25-8 and 55-95 to 109)."""

from __future__ import annotations

from typing import Any

from tests.revenue.examples.told import Result, Told, line


def building() -> Told:
    """A building for 1,000,000 of which 50,000 is paid for good; the rest hangs on a restaurant that may not work."""
    told = Told().sign(line("BUILDING", "POINT_IN_TIME", "1000000"), collection_probable=False)
    told.tell("ObligationFulfilled", "2026-01-01", line_id="BUILDING", percent="100")
    return pay(told, "2026-01-01", "BUILDING", "50000")


def pay(told: Told, on: str, line_id: str, amount: str) -> Told:
    """Invoice an amount and pay it at once."""
    told.bill(on, **{line_id: amount})
    number = told.events[-1]["body"]["InvoiceIssued"]["invoice_id"]
    return told.tell("PaymentReceived", on, payment_id=f"P-{number}", invoice_id=number, currency="USD", amount=amount)


def assess(told: Told, on: str, **what: Any) -> Told:
    """Assess collection anew."""
    return told.tell("EstimateChanged", on, basis="what the customer can pay", **what)


def shown(result: Result) -> tuple[str, str, str, str]:
    """Return revenue, cash, contract asset and liability."""
    return (
        result.recognised,
        result.balance("cash"),
        result.balance("contract asset"),
        result.balance("contract liability"),
    )


def test_1_a_what_is_received_is_a_liability_while_collection_is_not_probable() -> None:
    result = building().close("2026-01", "2026-02").run()
    assert shown(result) == ("0.00", "50000.00", "0.00", "-50000.00")
    assert result.months("BUILDING") == {}
    (obligation,) = result.contract["obligations"]
    assert (result.price, obligation["unscheduled"]) == ("1000000.00", "1000000.00")
    # Further payments are a liability too.
    result = pay(building().close("2026-01"), "2026-02-01", "BUILDING", "20000").close("2026-02").run()
    assert shown(result) == ("0.00", "70000.00", "0.00", "-70000.00")


def test_1_a_all_that_was_performed_is_revenue_when_collection_becomes_probable() -> None:
    told = building().close("2026-01")
    result = assess(told, "2026-03-15", collection_probable=True).close("2026-02", "2026-03").run()
    assert shown(result) == ("1000000.00", "50000.00", "950000.00", "0.00")
    assert result.months("BUILDING") == {"2026-03": "1000000.00"}
    (reason,) = [item["lines"][0]["reason"] for item in result.contract["pricing"][1:]]
    assert "606-10-25-6" in reason


def test_1_a_what_is_kept_for_good_is_revenue_when_the_contract_has_ended() -> None:
    """The buyer gives the building back; the 50,000 are not returned (25-7(b))."""
    told = building().close("2026-01").tell("ContractTerminated", "2026-06-30", refund="0")
    result = told.close("2026-05").run()
    assert (result.recognised, result.price) == ("0.00", "0.00")
    result = assess(told, "2026-06-30", consideration_kept="50000").close("2026-06").run()
    assert shown(result) == ("50000.00", "50000.00", "0.00", "0.00")
    assert (result.price, result.months("BUILDING")) == ("50000.00", {"2026-06": "50000.00"})


def subscription(**more: Any) -> Told:
    """Service for three years at 20 a month, paid at the end of each month, of a customer of low credit quality."""
    return Told().sign(line("SERVICE", "RATABLE_MONTHLY", "720", end_date="2028-12-31"), **more)


def test_1_b_credit_risk_that_ends_with_the_service_leaves_collection_probable() -> None:
    """The service stops when the customer does: what is transferred will be paid, 20 a month is revenue."""
    result = pay(subscription(), "2026-01-31", "SERVICE", "20").close("2026-01").run()
    assert shown(result) == ("20.00", "20.00", "0.00", "0.00")


def test_1_c_service_that_goes_on_without_being_paid_is_no_contract() -> None:
    """Nothing is revenue while service goes on; once it has stopped for good, what was paid is (ASC 606-10-25-7(c))."""
    told = subscription(collection_probable=False)
    for month in ("2026-01-31", "2026-02-28"):
        pay(told, month, "SERVICE", "20")
    result = told.close("2026-03").run()
    assert shown(result) == ("0.00", "40.00", "0.00", "-40.00")
    result = assess(told, "2026-04-10", consideration_kept="40").close("2026-04").run()
    assert shown(result) == ("40.00", "40.00", "0.00", "0.00")
    assert result.months("SERVICE") == {"2026-04": "40.00"}


def licence() -> Told:
    """A patent for sales royalties. The customer pays in the first year, and in the second always late."""
    told = Told().sign(line("PATENT", "USAGE", "0", end_date="2029-12-31"))
    for quarter in ("2026-12-31", "2027-03-31", "2027-06-30", "2027-09-30", "2027-12-31"):
        told.use(quarter, "PATENT", "1000")
    told.bill("2026-12-31", PATENT="1000").bill("2027-12-31", PATENT="4000")
    return told.close("2026-12", "2027-12")


def test_4_revenue_stops_when_a_customer_cannot_be_expected_to_pay_and_what_was_recognised_stays() -> None:
    """In the third year the customer loses its credit and its customers. The receivable is an impairment's matter."""
    assert licence().run().recognised == "5000.00"
    told = assess(licence(), "2028-01-01", collection_probable=False).use("2028-03-31", "PATENT", "700")
    result = told.close("2028-03").run()
    assert (result.recognised, result.balance("receivable")) == ("5000.00", "5000.00")
    assert (result.balance("contract asset"), result.balance("contract liability")) == ("0.00", "0.00")
    assert max(result.months("PATENT")) == "2027-12"
    # What is paid for it after all, and stays, is revenue once nothing is owed for it any more.
    pay(told, "2028-05-01", "PATENT", "300")
    assert told.run().balance("contract liability") == "-300.00"
    result = assess(told, "2028-05-01", consideration_kept="300").close("2028-05").run()
    assert (result.recognised, result.balance("contract liability")) == ("5300.00", "0.00")


def test_collection_that_becomes_probable_again_catches_up_what_was_earned_meanwhile() -> None:
    told = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200")).close("2026-03")
    assess(told, "2026-04-01", collection_probable=False).close("2026-05")
    assert told.run().recognised == "300.00"
    result = assess(told, "2026-07-15", collection_probable=True).close("2026-07").run()
    assert result.recognised == "700.00"
    months = result.months("SUB")
    assert (months["2026-03"], months["2026-07"], months["2026-08"]) == ("100.00", "400.00", "100.00")
    assert "2026-05" not in months
    assert sum(float(amount) for amount in months.values()) == 1200


def test_an_assessment_that_does_not_fit_is_refused_with_what_to_do() -> None:
    def refusal(told: Told, *parts: str) -> None:
        reason = told.refused()
        assert all(part in reason for part in parts), reason

    sub = line("SUB", "RATABLE_MONTHLY", "1200")
    refusal(assess(Told().sign(sub), "2026-02-01", collection_probable=True), "probable already", "leave")
    refusal(assess(Told().sign(sub), "2026-02-01", consideration_kept="10"), "collection is probable", "606-10-25-7")
    doubtful = Told().sign(sub, collection_probable=False)
    refusal(assess(doubtful, "2026-02-01", collection_probable=False), "not probable already")
    doubtful = Told().sign(sub, collection_probable=False)
    refusal(assess(doubtful, "2026-02-01", consideration_kept="1200.01"), "1200.00", "Correct")
    doubtful = Told().sign(sub, collection_probable=False).tell("ContractTerminated", "2026-03-31", refund="100")
    refusal(doubtful, "refund", "RefundIssued", "consideration_kept")
    again = assess(Told().sign(sub), "2026-05-01", collection_probable=False)
    refusal(assess(again, "2026-04-01", collection_probable=True), "2026-05-01")
    kept = assess(Told().sign(sub, collection_probable=False), "2026-05-01", consideration_kept="10")
    refusal(assess(kept, "2026-06-01", collection_probable=True), "10.00", "606-10-25-7")


def test_an_assessment_says_one_thing_and_what_it_rests_on() -> None:
    sub = line("SUB", "RATABLE_MONTHLY", "1200")
    reason = assess(
        Told().sign(sub), "2026-02-01", collection_probable=False, line_id="SUB", price_change="5"
    ).refused()
    assert "/price_change" in reason
    assert "/line_id" in reason
    told = Told().sign(sub).tell("EstimateChanged", "2026-02-01", collection_probable=False)
    assert "/basis" in told.refused()
    told = Told().sign(sub).tell("EstimateChanged", "2026-02-01", consideration_kept="0", basis="terminated")
    assert "/consideration_kept" in told.refused()
