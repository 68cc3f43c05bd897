"""Examples 26 to 30: whether there is a significant financing component, its rate, the interest (606-10-32-15 to 20).

Whether there is one is a judgement of the seller. It arrives as `ContractSigned.financing`, and where there is none
the field is left out: examples 27 and 30 are told like that. Rates are effective a year, so that 1 % a month is
1.01^12 - 1.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.revenue.examples.told import Result, Told, line

MONTHLY_1_PERCENT = str((Decimal("1.01") ** 12 - 1).quantize(Decimal("1e-10")))
FIVE_PERCENT_IN_MONTHS = str(((1 + Decimal("0.05") / 12) ** 12 - 1).quantize(Decimal("1e-10")))
OVER_21_MONTHS = str((Decimal("1.21") ** (Decimal(12) / 21) - 1).quantize(Decimal("1e-10")))
"""121 for 100."""


def financing(rate: str, transfer_on: str, *payments: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Return a component of line EQUIPMENT: what is paid when."""
    terms = [{"due_on": due_on, "amount": amount} for due_on, amount in payments]
    return {"annual_rate": rate, "transfer_on": transfer_on, "payments": terms, "line_id": "EQUIPMENT"} | more


def months(first: int, last: int) -> list[str]:
    """Return months by number, 1 being January 2026."""
    return [f"{2026 + (month - 1) // 12}-{(month - 1) % 12 + 1:02d}" for month in range(first, last + 1)]


def instalments(amount: str) -> list[tuple[str, str]]:
    """Return sixty payments, each at the beginning of a month, the first a month after the transfer."""
    return [(f"{month}-01", amount) for month in months(2, 61)]


def sold(rate: str, instalment: str, price: str, *, paid: int) -> Result:
    """Sell equipment on 1 January 2026 for sixty instalments, the first ones invoiced as they are due."""
    told = Told().sign(
        line("EQUIPMENT", "POINT_IN_TIME", price), financing=financing(rate, "2026-01-01", *instalments(instalment))
    )
    told.tell("ObligationFulfilled", "2026-01-01", line_id="EQUIPMENT", percent="100")
    for month in months(1, paid + 1):
        if month != "2026-01":
            told.bill(f"{month}-01", EQUIPMENT=instalment)
        told.close(month)
    return told.run()


def test_26_extended_terms_with_a_right_of_return() -> None:
    """A product for 121 payable after 24 months, cash price 100; a new product that may go back for three months.

    Nothing is recognised while it may go back, and no interest, since nothing is owed. Then revenue is 100, and 21 is
    interest over the 21 months that are left, at the rate that this implies. Control is told to pass, for revenue, on
    the day on which the right has lapsed.
    """
    terms = financing(OVER_21_MONTHS, "2026-04-01", ("2028-01-01", "121"))
    told = Told().sign(line("EQUIPMENT", "POINT_IN_TIME", "121", ssp="100"), financing=terms).close(*months(1, 3))
    result = told.run()
    assert (result.recognised, result.contract["interest"], result.balance("contract asset")) == (
        "0.00",
        "0.00",
        "0.00",
    )

    told.tell("ObligationFulfilled", "2026-04-01", line_id="EQUIPMENT", percent="100").close("2026-04")
    assert told.run().recognised == "100.00"
    told.bill("2028-01-01", EQUIPMENT="121").close(*months(5, 25))
    result = told.run()
    assert (result.recognised, result.contract["interest"]) == ("100.00", "21.00")
    assert (result.balance("contract asset"), result.balance("receivable")) == ("0.00", "121.00")
    assert result.contract["tie_out"]["tied_out"]


def test_27_what_is_withheld_until_the_work_is_accepted_is_no_financing() -> None:
    """A building by milestones; the customer keeps back a part of each payment until the end, against bad work.

    That is protection and not financing (606-10-32-17(c)): the event states none, and the contract asset bears no
    interest over the years.
    """
    told = Told().sign(line("BUILDING", "MILESTONE", "1000000", end_date="2028-12-31"))
    for at, percent in (("2026-06-30", "40"), ("2027-06-30", "80"), ("2028-06-30", "100")):
        told.tell("ObligationFulfilled", at, line_id="BUILDING", percent=percent)
        told.bill(at, BUILDING="360000" if percent != "100" else "180000").close(at[:7])
    result = told.run()
    assert (result.recognised, result.contract["interest"]) == ("1000000.00", "0.00")
    assert result.balance("contract asset") == "100000.00"


def test_28_a_the_contract_states_a_rate_that_reflects_credit() -> None:
    """Equipment, cash price 1,000,000, sixty payments of 18,871.23 at 5 % a year: revenue is 1,000,000.

    The instalment is rounded to the cent: 0.19 of 1,000,000.
    """
    result = sold(FIVE_PERCENT_IN_MONTHS, "18871.23", "1132273.80", paid=1)
    assert result.price == "999999.81"
    assert result.recognised == result.price
    assert result.contract["tie_out"]["tied_out"]


def test_28_b_the_contract_states_a_rate_that_does_not_reflect_credit() -> None:
    """The same payments; the rate of a separate financing is 12 %, 1 % a month: revenue is 848,357.

    Interest of the first month is 1 % of that, of the second 1 % of what is left after the first payment.
    """
    result = sold(MONTHLY_1_PERCENT, "18871.23", "1132273.80", paid=1)
    assert result.price == result.recognised == "848356.87"
    assert result.contract["interest"] == "16863.26"
    assert result.balance("interest income") == "-16863.26"
    assert result.balance("contract asset") == "846348.90"
    assert result.contract["tie_out"]["tied_out"]


def test_28_b_in_the_end_all_is_paid_and_nothing_is_left() -> None:
    result = sold(MONTHLY_1_PERCENT, "18871.23", "1132273.80", paid=60)
    assert (result.recognised, result.contract["interest"]) == ("848356.87", "283916.93")
    assert (result.balance("contract asset"), result.balance("contract liability")) == ("0.00", "0.00")


def test_29_a_payment_two_years_before_the_transfer_bears_interest() -> None:
    """4,000 at inception instead of 5,000 after two years; the customer would lend at 6 %: 494 of interest expense.

    The implied 11.8 % is not the rate: that of the seller's own borrowing is. Revenue on transfer is 4,494.
    """
    told = Told().sign(
        line("EQUIPMENT", "POINT_IN_TIME", "4000"), financing=financing("0.06", "2028-01-01", ("2026-01-01", "4000"))
    )
    told.bill("2026-01-01", EQUIPMENT="4000").close(*months(1, 12))
    result = told.run()
    assert (result.price, result.recognised) == ("4494.40", "0.00")
    assert (result.balance("interest expense"), result.balance("contract liability")) == ("240.00", "-4240.00")

    told.close(*months(13, 24))
    result = told.run()
    assert (result.balance("interest expense"), result.balance("contract liability")) == ("494.40", "-4494.40")

    told.tell("ObligationFulfilled", "2028-01-01", line_id="EQUIPMENT", percent="100").close("2028-01")
    result = told.run()
    assert (result.recognised, result.balance("contract liability")) == ("4494.40", "0.00")
    assert result.contract["interest"] == "-494.40"
    assert result.contract["tie_out"]["tied_out"]


def test_30_a_service_plan_that_is_paid_in_advance_for_other_reasons_than_financing() -> None:
    """A plan of three years, offered for 300 at the sale and not by the month, because customers would drop out.

    The reason is the risk of the plan (606-10-32-17): the event states no financing, revenue is 300.
    """
    told = Told().sign(line("PLAN", "RATABLE_MONTHLY", "300", end_date="2028-12-31"))
    result = told.bill("2026-01-01", PLAN="300").close(*months(1, 36)).run()
    assert (result.recognised, result.contract["interest"]) == ("300.00", "0.00")
