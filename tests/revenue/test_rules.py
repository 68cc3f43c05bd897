"""Rules at the edges: what is refused, and why; what is chosen where the standard leaves a choice."""

from __future__ import annotations

import pytest

from connectors.revenue.embedded import recognise
from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import AccountingTreatment as Treatment
from tests.revenue.commands import (
    MILESTONE,
    MONTHLY,
    POINT,
    USAGE,
    CommandBody,
    Contract,
    allocated,
    amend,
    change,
    command,
    credit,
    establish,
    estimate,
    fulfil,
    invoice,
    line,
    months,
    recognition,
    renew,
    terminate,
    undo,
    usage,
)


@pytest.fixture
def contract() -> Contract:
    signed = Contract()
    signed.do(
        establish(
            line("L1", "1200", pattern=MONTHLY, quantity="10"),
            line("P", "600", pattern=POINT),
            line("M", "1000", pattern=MILESTONE),
            line("U", "0", pattern=USAGE),
            line("OLD", "60", pattern=MONTHLY, end="2026-02-28"),
        )
    )
    return signed


REFUSED: list[tuple[RefusalCode, str, CommandBody]] = [
    (RefusalCode.ALREADY_ESTABLISHED, "2026-01-01", establish(line("L1", "1"))),
    (RefusalCode.NOTHING_TO_CHANGE, "2026-07-01", amend()),
    (RefusalCode.NOTHING_TO_CHANGE, "2026-07-01", renew()),
    (RefusalCode.UNKNOWN_LINE, "2026-07-01", amend(change("X", "1", "1"))),
    (RefusalCode.UNKNOWN_LINE, "2026-07-01", amend(removed=["X"])),
    (RefusalCode.UNKNOWN_LINE, "2026-07-01", invoice("I", X="1")),
    (RefusalCode.UNKNOWN_LINE, "2026-07-01", fulfil("X")),
    (RefusalCode.UNKNOWN_LINE, "2026-07-01", usage("X", "1", "2026-07-01")),
    (RefusalCode.UNKNOWN_LINE, "2026-07-01", estimate("1", "X")),
    (RefusalCode.LINE_ID_USED, "2026-07-01", amend(added=[line("L1", "1")])),
    (RefusalCode.LINE_ID_USED, "2026-07-01", renew(line("L1", "1"))),
    (RefusalCode.LINE_REPEATED, "2026-07-01", amend(change("L1", "1", "1"), removed=["L1"])),
    (RefusalCode.LINE_SATISFIED, "2026-07-01", amend(removed=["OLD"])),
    (RefusalCode.NO_COMBINED_OBLIGATION, "2026-07-01", amend(added=[line("N", "1", distinct=False)])),
    (RefusalCode.TERM_INVALID, "2026-07-01", amend(change("L1", "1", "2", end="2025-12-31"))),
    (RefusalCode.TERM_INVALID, "2026-07-01", amend(added=[line("N", "1", "2", end="2026-06-30")])),
    (RefusalCode.AMOUNT_INVALID, "2026-07-01", amend(change("L1", "1.001", "1"))),
    (RefusalCode.AMOUNT_INVALID, "2026-07-01", invoice("I", L1="-1")),
    (RefusalCode.USAGE_PRICED, "2026-07-01", amend(change("U", "1", "1"))),
    (RefusalCode.USAGE_PRICED, "2026-07-01", amend(added=[line("N", "0", "1", pattern=USAGE)])),
    (RefusalCode.PRICE_WITHOUT_SSP, "2026-07-01", renew(line("N", "1", "0"))),
    (RefusalCode.NOT_USAGE, "2026-07-01", usage("L1", "1", "2026-07-01")),
    (RefusalCode.OUTSIDE_TERM, "2026-07-01", usage("U", "1", "2027-01-01")),
    (RefusalCode.NOT_FULFILLABLE, "2026-07-01", fulfil("L1")),
    (RefusalCode.PROGRESS_INVALID, "2026-07-01", fulfil("M", "101")),
    (RefusalCode.PROGRESS_INVALID, "2026-07-01", fulfil("P", "50")),
    (RefusalCode.TREATMENT_DISPUTE, "2026-07-01", amend(removed=["P"], requested=Treatment.CUMULATIVE_CATCH_UP)),
    (RefusalCode.NEGATIVE_POOL, "2026-12-01", amend(change("L1", "0", "0"), removed=["P", "M"])),
    (RefusalCode.NEGATIVE_PRICE, "2026-07-01", estimate("-9999")),
    (RefusalCode.REFUND_OVER_PRICE, "2026-12-31", terminate("2860.01")),
    (RefusalCode.UNKNOWN_COMMAND, "2026-07-01", undo("nothing")),
    (RefusalCode.NOT_REVERSIBLE, "2026-07-01", undo("c1")),
    (RefusalCode.PERIOD_INVALID, "2026-07-01", recognition("2026-13")),
    (RefusalCode.PERIOD_INVALID, "2026-07-01", recognition("2026-7")),
]


@pytest.mark.parametrize(("code", "on", "body"), REFUSED, ids=lambda value: getattr(value, "value", None))
def test_a_command_against_the_rules_is_refused_and_changes_nothing(
    contract: Contract, code: RefusalCode, on: str, body: CommandBody
) -> None:
    refused = contract.refused(body, on)
    assert refused.code == code
    assert len(refused.reason) > 40


def test_a_command_for_a_contract_that_is_not_established_is_refused() -> None:
    assert Contract().refused(invoice("I", L1="1")).code == RefusalCode.UNKNOWN_CONTRACT


def test_a_contract_whose_price_has_no_ssp_is_refused() -> None:
    assert Contract().refused(establish(line("L1", "10", "0"))).code == RefusalCode.PRICE_WITHOUT_SSP
    assert Contract().refused(establish()).code == RefusalCode.NOTHING_TO_CHANGE


def test_a_change_that_skips_a_version_is_refused(contract: Contract) -> None:
    _, answer = recognise(contract.book, command(amend(removed=["P"]), "2026-07-01", version=3))
    assert getattr(answer, "code", "") == RefusalCode.VERSION_CONFLICT


def test_a_terminated_contract_neither_changes_nor_performs_but_is_still_billed(contract: Contract) -> None:
    contract.do(terminate("0"), "2026-06-30")
    for body in (amend(removed=["P"]), renew(line("N", "1")), terminate("0"), fulfil("P")):
        assert contract.refused(body, "2026-07-01").code == RefusalCode.CONTRACT_TERMINATED
    assert contract.refused(usage("U", "1", "2026-07-01")).code == RefusalCode.OUTSIDE_TERM
    assert str(contract.do(usage("U", "5", "2026-06-30")).transaction_price) == "2865.00"
    assert str(contract.do(invoice("I", L1="1200")).billed_total) == "1200.00"


def test_the_treatment_that_facts_lead_to_may_be_requested(contract: Contract) -> None:
    answer = contract.do(amend(removed=["P"], requested=Treatment.PROSPECTIVE), "2026-07-01")
    assert answer.treatment is Treatment.PROSPECTIVE


def test_a_line_that_was_removed_is_gone(contract: Contract) -> None:
    contract.do(amend(removed=["P"]), "2026-07-01")
    for body in (amend(removed=["P"]), amend(change("P", "1", "1")), fulfil("P")):
        assert contract.refused(body, "2026-07-02").code == RefusalCode.LINE_REMOVED


def test_removing_the_only_line_leaves_what_was_earned() -> None:
    contract = Contract()
    contract.do(establish(line("L1", "1200", pattern=MONTHLY)))
    answer = contract.do(amend(removed=["L1"]), "2026-04-01")
    assert allocated(answer) == {"L1": "300.00"}
    assert str(answer.transaction_price) == "300.00"


def test_removing_a_line_removes_its_increments(contract: Contract) -> None:
    contract.do(amend(change("L1", "1320", "1320", quantity="11")), "2026-07-01")
    answer = contract.do(amend(removed=["L1"]), "2026-10-01")
    # 9 months of 100 and 3 months of 20.
    assert (allocated(answer)["L1"], allocated(answer)["L1@v2"]) == ("900.00", "60.00")


def test_a_change_of_a_satisfied_line_is_earned_at_once(contract: Contract) -> None:
    answer = contract.do(amend(change("OLD", "90", "90")), "2026-07-01")
    assert answer.treatment is Treatment.CUMULATIVE_CATCH_UP
    assert months(answer, "OLD") == {"2026-01": "30.00", "2026-02": "30.00", "2026-07": "30.00"}


def test_usage_terms_change_without_amounts(contract: Contract) -> None:
    answer = contract.do(amend(change("U", "0", "0", end="2027-03-31")), "2026-07-01")
    assert answer.treatment is Treatment.PROSPECTIVE
    assert str(answer.transaction_price) == "2860.00"
    contract.do(usage("U", "7", "2027-03-31"))
    contract.do(amend(removed=["U"]), "2027-01-01")
    assert contract.refused(usage("U", "1", "2027-01-01")).code == RefusalCode.OUTSIDE_TERM
    contract.do(usage("U", "1", "2026-12-31"))


def test_two_price_changes_of_one_day_are_both_caught_up() -> None:
    contract = Contract()
    contract.do(establish(line("L1", "1200", pattern=MONTHLY)))
    contract.do(estimate("120"), "2026-07-01")
    answer = contract.do(estimate("120"), "2026-07-01")
    # Half of 240 on 1 July on top of the month's (1440 - 600 - 120) / 6.
    assert months(answer, "L1")["2026-07"] == "240.00"
    assert months(answer, "L1")["2026-12"] == "120.00"


def test_a_price_change_has_a_line_with_a_price_in_force(contract: Contract) -> None:
    contract.do(amend(removed=["P"]), "2026-03-01")
    assert contract.refused(credit("CN", reduces_price=True, P="1"), "2026-03-02").code == RefusalCode.LINE_REMOVED
    assert contract.refused(estimate("1", "U"), "2026-03-02").code == RefusalCode.USAGE_PRICED
    contract.do(terminate("0"), "2026-06-30")
    for body in (credit("CN", reduces_price=True, L1="1"), estimate("1", "L1"), estimate("1")):
        assert contract.refused(body, "2026-07-01").code == RefusalCode.CONTRACT_TERMINATED
    contract.do(credit("CN", L1="1"), "2026-07-01")


def test_reversed_usage_is_taken_back_from_the_period_of_use(contract: Contract) -> None:
    contract.do(usage("U", "100", "2026-01-31"))
    contract.do(undo("c2"), "2026-02-10")
    answer = contract.do(usage("U", "80", "2026-01-31"))
    assert months(answer, "U") == {"2026-01": "80.00"}
    assert str(answer.transaction_price) == "2940.00"
    assert contract.refused(undo("c2"), "2026-02-11").code == RefusalCode.ALREADY_REVERSED


def test_reversed_billing_is_taken_back(contract: Contract) -> None:
    contract.do(invoice("I", L1="1200", P="600"))
    contract.do(credit("CN-1", L1="100"), "2026-07-01")
    contract.do(credit("CN-2", reduces_price=True, L1="120"), "2026-07-01")
    assert str(contract.do(undo("c2"), "2026-07-02").billed_total) == "-220.00"
    assert str(contract.do(undo("c3"), "2026-07-02").billed_total) == "-120.00"
    answer = contract.do(undo("c4"), "2026-07-02")
    assert (str(answer.billed_total), str(answer.transaction_price)) == ("0.00", "2860.00")


def test_only_what_an_entity_performs_is_recognised_in_its_run() -> None:
    contract = Contract()
    contract.do(establish(line("HERE", "120", pattern=MONTHLY), line("THERE", "240", pattern=MONTHLY, entity="DE01")))
    run = contract.do(recognition("2026-02"), entity="DE01")
    assert [(entry.obligation_id, entry.legal_entity, str(entry.amount)) for entry in run.recognised] == [
        ("THERE", "DE01", "40.00")
    ]
    assert contract.refused(recognition("2026-01"), entity="DE01").code == RefusalCode.RUN_OUT_OF_ORDER
    assert [entry.obligation_id for entry in contract.do(recognition("2026-01")).recognised] == ["HERE"]


def test_a_change_dated_before_a_run_lands_in_the_next_run(contract: Contract) -> None:
    contract.do(recognition("2026-07"))
    contract.do(amend(change("L1", "1440", "1500", quantity="15"), removed=["P", "M"]), "2026-07-01")
    run = contract.do(recognition("2026-08"))
    # July was run at 100 and is now 140: 40 of it with August's 140.
    assert [str(entry.amount) for entry in run.recognised] == ["180.00"]


def test_lines_that_are_not_distinct_go_together() -> None:
    contract = Contract()
    contract.do(
        establish(
            line("A", "1200", pattern=MONTHLY, distinct=False),
            line("B", "600", pattern=MONTHLY, distinct=False),
            line("C", "100", pattern=POINT),
        )
    )
    assert contract.refused(amend(removed=["B"]), "2026-07-01").code == RefusalCode.LINE_NOT_SEPARABLE
    assert contract.refused(fulfil("B")).code == RefusalCode.LINE_NOT_SEPARABLE
    changed = contract.do(amend(change("B", "840", "600")), "2026-07-01")
    # 240 more, half performed: 120 in July, and 150 + 20 a month from July on.
    assert changed.treatment is Treatment.CUMULATIVE_CATCH_UP
    assert months(changed, "A")["2026-07"] == "290.00"
    assert months(changed, "A")["2026-08"] == "170.00"
    assert contract.refused(amend(removed=["A", "B"]), "2026-08-01").code == RefusalCode.LINE_NOT_SEPARABLE
