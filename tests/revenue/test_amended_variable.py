"""Variable consideration that comes with an amendment: of one line, from the amendment on (accounting section 16.6)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from connectors.revenue.embedded.earning import DAY, earned_by
from connectors.revenue.embedded.minor_units import digits
from streams.records import (
    ContractAmended,
    EstablishContract,
    ModifyContract,
    PossibleOutcome,
    RevenueAccepted,
    VariableConsideration,
)
from tests.revenue.commands import CommandBody, Contract
from tests.revenue.examples.estimates import outcomes, variable
from tests.revenue.examples.told import Told, line
from tests.revenue.histories import histories


def bonus(line_id: str, amount: str = "120", **more: Any) -> dict[str, Any]:
    """Return a bonus that is certain, of a line."""
    return variable("BONUS", (amount, "1"), line_ids=[line_id], **more)


def subscription() -> Told:
    """1,200 for 2026 by month."""
    return Told().sign(line("SUB", "RATABLE_MONTHLY", "1200"), line("SETUP", "POINT_IN_TIME", "300"))


def test_a_bonus_for_the_rest_of_a_service_belongs_to_the_rest_of_it() -> None:
    told = subscription().tell("ContractAmended", "2026-07-01", variable=[bonus("SUB")])
    result = told.run()
    assert (result.price, result.treatments()) == ("1620.00", ["PROSPECTIVE"])
    assert set(result.months("SUB").values()) == {"100.00"}
    assert result.months("SUB@vc:BONUS") == {f"2026-{month:02d}": "20.00" for month in range(7, 13)}
    assert result.contract["variable_included"] == "120.00"
    # Estimated anew after half of the time that it is for.
    told.tell("EstimateChanged", "2026-10-01", variable_id="BONUS", outcomes=outcomes(("0", "1")))
    result = told.run()
    assert (result.price, result.months("SUB@vc:BONUS")["2026-10"]) == ("1500.00", "-60.00")


def test_a_bonus_for_a_service_that_is_over_is_earned_at_once() -> None:
    result = subscription().tell("ContractAmended", "2027-02-01", variable=[bonus("SUB")]).run()
    assert (result.price, result.treatments()) == ("1620.00", ["CUMULATIVE_CATCH_UP"])
    assert result.months("SUB")["2027-02"] == "120.00"


def test_a_bonus_is_for_a_period_where_one_is_told() -> None:
    period = bonus("SUB", service_start="2026-10-01", service_end="2026-12-31")
    result = subscription().tell("ContractAmended", "2026-07-01", variable=[period]).run()
    assert result.months("SUB@vc:BONUS") == {"2026-10": "40.00", "2026-11": "40.00", "2026-12": "40.00"}


def test_a_bonus_for_a_line_in_progress_is_caught_up_and_for_one_that_waits_it_waits() -> None:
    told = Told().sign(line("BUILDING", "MILESTONE", "1000"), line("SETUP", "POINT_IN_TIME", "300"))
    told.tell("ObligationFulfilled", "2026-03-31", line_id="BUILDING", percent="40")
    two = [bonus("BUILDING", "100"), variable("FAST", ("30", "1"), line_ids=["SETUP"])]
    result = told.tell("ContractAmended", "2026-05-01", variable=two).run()
    assert result.treatments() == ["MIXED"]
    assert result.months("BUILDING") == {"2026-03": "400.00", "2026-05": "40.00"}
    assert result.allocated() == {"BUILDING": "1100.00", "SETUP": "330.00"}
    told.tell("EstimateChanged", "2026-06-01", variable_id="BONUS", outcomes=outcomes(("200", "1")))
    assert told.run().months("BUILDING")["2026-06"] == "40.00"


def test_the_price_of_an_added_line_is_with_its_bonus() -> None:
    """400 and a bonus of 100 are what 500 of support sells for: a contract of its own."""
    support = line("SUPPORT", "RATABLE_MONTHLY", "400", ssp="500", start_date="2026-07-01")
    told = subscription().tell(
        "ContractAmended", "2026-07-01", added_lines=[support], variable=[bonus("SUPPORT", "100")]
    )
    result = told.run()
    assert (result.treatments(), result.price) == (["SEPARATE_CONTRACT"], "2000.00")
    assert set(result.months("SUB").values()) == {"100.00"}
    assert result.allocated() == {
        "SUB": "1200.00",
        "SETUP": "300.00",
        "SUPPORT": "400.00",
        "SUPPORT@vc:BONUS": "100.00",
    }


def test_what_is_probable_to_be_reversed_is_not_included() -> None:
    item = variable("BONUS", ("120", "0.9"), ("0", "0.1"), highly_probable="0", line_ids=["SUB"])
    told = subscription().tell("ContractAmended", "2026-07-01", variable=[item])
    assert told.run().price == "1500.00"
    told.tell("EstimateChanged", "2026-07-01", variable_id="BONUS", outcomes=outcomes(("60", "1")))
    assert told.run().months("SUB@vc:BONUS")["2026-07"] == "10.00"


UNITS = line("UNITS", "UNITS", "1000", quantity="100")


@pytest.mark.parametrize(
    ("item", "parts"),
    [
        (variable("BONUS", ("1", "1")), ["/variable/0/line_ids", "one line", "each"]),
        (bonus("SUB", refundable=True), ["/variable/0/refundable"]),
        (bonus("SUB", service_start="2026-08-01"), ["/variable/0/service_end"]),
        (variable("BONUS", ("1", "0.5"), line_ids=["SUB"]), ["/variable/0/outcomes"]),
        (bonus("API"), ["API", "metered"]),
        (bonus("NOBODY"), ["NOBODY"]),
        (bonus("SUB", service_start="2026-06-01", service_end="2026-12-31"), ["2026-06-01", "EstimateChanged"]),
        (bonus("SUB", service_start="2026-08-01", service_end="2027-12-31"), ["2027-12-31"]),
        (bonus("UNITS"), ["UNITS", "50 units", "EstimateChanged"]),
        (bonus("SETUP", "-300.01"), ["SETUP", "-0.01"]),
        (bonus("SETUP", service_start="2026-08-01", service_end="2026-08-31"), ["SETUP", "ratable"]),
    ],
)
def test_what_cannot_be_added_is_refused_with_what_to_do(item: dict[str, Any], parts: list[str]) -> None:
    told = Told().sign(
        line("SUB", "RATABLE_MONTHLY", "1200"), line("SETUP", "POINT_IN_TIME", "300"), line("API", "USAGE", "0"), UNITS
    )
    told.tell("ObligationFulfilled", "2026-03-31", line_id="UNITS", units="50")
    reason = told.tell("ContractAmended", "2026-07-01", variable=[item]).refused()
    assert all(part in reason for part in parts), reason


def test_a_name_is_used_once_and_an_exercise_does_nothing_else() -> None:
    told = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200"), variable=[bonus("SUB")])
    assert "BONUS" in told.tell("ContractAmended", "2026-07-01", variable=[bonus("SUB")]).refused()
    right = {"option_id": "OPT", "product_line": "platform", "ssp": "250", "expires_on": "2026-12-31"}
    told = Told().sign(line("SUB", "RATABLE_MONTHLY", "1200"), options=[right])
    more = line("MORE", "RATABLE_MONTHLY", "100", start_date="2026-07-01")
    told.tell("ContractAmended", "2026-07-01", added_lines=[more], variable=[bonus("MORE")], exercised_options=["OPT"])
    assert "/variable" in told.refused()


@settings(max_examples=200, deadline=None)
@given(histories(), st.data())
def test_what_an_amendment_adds_is_in_the_price_once_and_moves_nothing_earlier(
    drawn: tuple[EstablishContract, list[tuple[str, CommandBody]]], data: st.DataObject
) -> None:
    signed, history = drawn
    contract = Contract()
    contract.try_(signed)
    at = data.draw(st.integers(0, len(history)))
    for on, body in history[:at]:
        contract.try_(body, on)
    before = contract.book
    if before is None:
        return
    added = data.draw(st.dates(dt.date(2026, 1, 1), dt.date(2027, 6, 30)))
    named = data.draw(st.sampled_from([item.line_id for item in before.lines]))
    amount = Decimal(data.draw(st.integers(-50, 5_000)))
    item = VariableConsideration(
        variable_id="LATER",
        outcomes=(PossibleOutcome(amount=amount, probability=Decimal(1)),),
        line_ids=(named,),
    )
    answer = contract.try_(ModifyContract(change=ContractAmended(variable=(item,))), added.isoformat())
    if isinstance(answer, RevenueAccepted):
        event(f"accepted as {answer.treatment}")
        assert contract.book is not None
        assert contract.book.transaction_price - before.transaction_price == amount * 10 ** digits(before.currency)
        eve = added - DAY
        earlier = {it.obligation_id: earned_by(it, eve) for it in before.obligations}
        assert earlier.items() <= {it.obligation_id: earned_by(it, eve) for it in contract.book.obligations}.items()
    else:
        assert answer.code != "VALIDATION_FAILED", answer.reason
    for day, body in history[at:]:
        later = contract.try_(body, day)
        assert isinstance(later, RevenueAccepted) or later.code != "VALIDATION_FAILED", later.reason
