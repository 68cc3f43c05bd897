"""Options that are material rights: exercised for what is added, refused where they are not open, or left to expire."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import AccountingTreatment as Treatment
from streams.records import ContractAmended, ContractLine, MaterialRight, ModifyContract, OptionExercise
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


def seats() -> Contract:
    """A platform for 800 with the right to 30 seats at a discount, worth 200: the right is allocated 160."""
    option = MaterialRight(
        option_id="SEATS", product_line="seats", ssp=Decimal(200), quantity=Decimal(30), expires_on=day("2026-12-31")
    )
    signed = Contract()
    signed.do(establish(line("P", "800", pattern=MONTHLY), options=[option]))
    return signed


def seat(line_id: str, of: str, quantity: str) -> ModifyContract:
    """Return an amendment that exercises a part of an option for a line of 50."""
    part = OptionExercise(option_id=of, quantity=Decimal(quantity))
    return ModifyContract(
        change=ContractAmended(added_lines=(line(line_id, "50", pattern=MONTHLY),), exercised_parts=(part,))
    )


def test_a_part_of_an_option_joins_what_it_is_exercised_for_and_the_rest_stays_open() -> None:
    contract = seats()
    answer = contract.do(seat("S1", "SEATS", "10"), "2026-04-01")
    assert answer.treatment is Treatment.SEPARATE_CONTRACT
    assert "10 of 30 of SEATS" in answer.decisions[0].reason
    assert allocated(answer) == {"P": "640.00", "SEATS": "106.67", "S1": "103.33"}
    assert months(answer, "SEATS") == {"2026-12": "106.67"}
    answer = contract.do(seat("S2", "SEATS", "5"), "2026-05-01")
    assert (allocated(answer)["SEATS"], allocated(answer)["S2"]) == ("80.00", "76.67")
    # What is left is exercised as a whole, with the parts before it no cent is lost.
    rest = ModifyContract(
        change=ContractAmended(added_lines=(line("S3", "75", pattern=MONTHLY),), exercised_options=("SEATS",))
    )
    answer = contract.do(rest, "2026-06-01")
    assert (allocated(answer)["SEATS"], allocated(answer)["S3"]) == ("0.00", "155.00")
    assert contract.refused(seat("S4", "SEATS", "1"), "2026-07-01").code == RefusalCode.OPTION_INVALID


def test_the_last_part_closes_the_option_and_what_is_never_exercised_is_earned_when_it_expires() -> None:
    contract = seats()
    contract.do(seat("S1", "SEATS", "10"), "2026-04-01")
    run = contract.do(recognition("2026-12"))
    assert {entry.obligation_id: str(entry.amount) for entry in run.recognised}["SEATS"] == "106.67"
    contract = seats()
    contract.do(seat("S1", "SEATS", "10"), "2026-04-01")
    answer = contract.do(seat("S2", "SEATS", "20"), "2026-04-01")
    assert allocated(answer)["SEATS"] == "0.00"
    assert contract.refused(fulfil("SEATS"), "2026-05-02").code == RefusalCode.PROGRESS_INVALID


def test_what_is_left_of_an_option_is_fulfilled_or_takes_a_price_change() -> None:
    contract = seats()
    contract.do(seat("S1", "SEATS", "10"), "2026-04-01")
    answer = contract.do(estimate("100"), "2026-05-01")
    assert months(answer, "SEATS") == {"2026-12": "126.67"}, "20 by SSP, and the option is not performed"
    answer = contract.do(fulfil("SEATS"), "2026-06-01")
    assert months(answer, "SEATS") == {"2026-06": "126.67"}


def test_more_than_is_left_of_an_option_is_not_exercised() -> None:
    contract = seats()
    contract.do(seat("S1", "SEATS", "10"), "2026-04-01")
    answer = contract.refused(seat("S2", "SEATS", "20.5"), "2026-05-01")
    assert answer.code == RefusalCode.OPTION_INVALID
    assert "20 of 30 is left" in answer.reason
    assert contract.refused(seat("S2", "P", "1"), "2026-05-01").code == RefusalCode.OPTION_INVALID
    twice = OptionExercise(option_id="SEATS", quantity=Decimal(1))
    both = ContractAmended(
        added_lines=(line("S2", "50"),), exercised_options=("SEATS",), exercised_parts=(twice, twice)
    )
    assert contract.refused(ModifyContract(change=both), "2026-05-01").code == RefusalCode.OPTION_INVALID


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 9_999))
def test_parts_of_an_option_add_up_to_what_it_was_allocated(parts: list[int], ssp: int) -> None:
    option = MaterialRight(
        option_id="OPT",
        product_line="seats",
        ssp=Decimal(ssp),
        quantity=Decimal(sum(parts)),
        expires_on=day("2026-12-31"),
    )
    contract = Contract()
    whole = contract.do(establish(line("P", "800", pattern=MONTHLY), options=[option]))
    for number, part in enumerate(parts):
        answer = contract.do(seat(f"S{number}", "OPT", str(part)), "2026-04-01")
    joined = sum(Decimal(allocated(answer)[f"S{number}"]) - 50 for number in range(len(parts)))
    assert (allocated(answer)["OPT"], joined) == ("0.00", Decimal(allocated(whole)["OPT"]))
