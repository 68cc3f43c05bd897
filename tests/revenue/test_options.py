"""Options that are material rights: exercised for what is added, refused where they are not open, or left to expire."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import AccountingTreatment as Treatment
from streams.records import ContractAmended, ContractLine, MaterialRight, ModifyContract
from tests.revenue.commands import (
    MONTHLY,
    POINT,
    CommandBody,
    Contract,
    allocated,
    change,
    day,
    establish,
    estimate,
    fulfil,
    line,
    months,
    recognition,
    renew,
)


@pytest.fixture
def contract() -> Contract:
    """A year for 1,000 with the option of another, which is worth 250."""
    option = MaterialRight(option_id="OPT", product_line="platform", ssp=Decimal(250), expires_on=day("2027-01-15"))
    signed = Contract()
    signed.do(establish(line("Y1", "1000", pattern=MONTHLY), options=[option]))
    return signed


def second_year() -> ContractLine:
    return line("Y2", "800", "1000", pattern=MONTHLY, start="2027-01-01", end="2027-12-31")


def exercise(*options: str, requested: Treatment | None = None) -> ModifyContract:
    """Return an amendment that exercises options for a second year."""
    added = ContractAmended(added_lines=(second_year(),), exercised_options=options, requested_treatment=requested)
    return ModifyContract(change=added)


@pytest.mark.parametrize("body", [exercise("OPT"), renew(second_year(), exercised=["OPT"])])
def test_what_the_option_was_allocated_is_earned_with_what_it_is_exercised_for(
    contract: Contract, body: CommandBody
) -> None:
    answer = contract.do(body, "2027-01-01")
    assert answer.treatment is Treatment.SEPARATE_CONTRACT
    assert "OPT" in answer.decisions[0].reason
    assert allocated(answer) == {"Y1": "800.00", "OPT": "0.00", "Y2": "1000.00"}
    assert set(months(answer, "Y2").values()) <= {"83.33", "83.34"}
    assert str(answer.transaction_price) == "1800.00"


def test_added_lines_share_the_option_by_their_ssp(contract: Contract) -> None:
    added = second_year(), line("T", "0", "500", pattern=POINT, start="2027-01-01", end="2027-12-31")
    answer = contract.do(renew(*added, exercised=["OPT"]), "2027-01-01")
    assert (allocated(answer)["Y2"], allocated(answer)["T"]) == ("666.67", "333.33")


def test_an_option_that_is_not_exercised_is_earned_when_it_expires(contract: Contract) -> None:
    contract.do(renew(second_year()), "2027-01-01")
    run = contract.do(recognition("2027-01"))
    assert {entry.obligation_id: str(entry.amount) for entry in run.recognised}["OPT"] == "200.00"


def test_a_price_change_of_an_open_option_goes_with_it(contract: Contract) -> None:
    contract.do(estimate("125"), "2026-01-01")
    assert allocated(contract.do(exercise("OPT"), "2027-01-01"))["Y2"] == "1025.00"


def test_an_option_is_exercised_once_and_while_it_is_open(contract: Contract) -> None:
    assert contract.refused(exercise("OPT"), "2027-01-16").code == RefusalCode.OPTION_INVALID
    assert contract.refused(exercise("Y1"), "2027-01-01").code == RefusalCode.OPTION_INVALID
    assert contract.refused(exercise("OPT", "OPT"), "2027-01-01").code == RefusalCode.OPTION_INVALID
    assert (
        contract.refused(exercise("OPT", requested=Treatment.PROSPECTIVE), "2027-01-01").code
        == RefusalCode.TREATMENT_DISPUTE
    )
    contract.do(exercise("OPT"), "2027-01-01")
    again = renew(line("Y3", "1", start="2028-01-01", end="2028-12-31"), exercised=["OPT"])
    assert contract.refused(again, "2027-01-02").code == RefusalCode.OPTION_INVALID
    assert contract.refused(fulfil("OPT"), "2027-01-02").code == RefusalCode.PROGRESS_INVALID


def test_an_exercise_changes_nothing_else(contract: Contract) -> None:
    other = ContractAmended(
        added_lines=(second_year(),), changed_lines=(change("Y1", "1", "1"),), exercised_options=("OPT",)
    )
    assert contract.refused(ModifyContract(change=other), "2026-07-01").code == RefusalCode.NOTHING_TO_CHANGE
