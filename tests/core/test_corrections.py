"""Corrections: what supersedes a transaction reverses and replaces it; what is refused is compensated or held."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from streams.core.policy import RejectionPolicy
from streams.core.validation import invalid_answer
from streams.records import (
    AccountingTreatment,
    AuditAction,
    CreditEffect,
    ErpPosting,
    OperatorAction,
    PostJournal,
    ProcessingStatus,
    RevenueAccepted,
    RevenueCommand,
    ReverseJournal,
    ReverseTransaction,
    RootCause,
)
from tests.core.builders import (
    POLICY,
    USAGE_LINE,
    billed,
    credit,
    event,
    invoice,
    line,
    payment,
    period_end,
    policy,
    refund,
    signed,
    upgraded,
    usage,
)
from tests.core.desk import BUSY, NO, NOT_BALANCED, Desk

POSTED, EXCEPTION, COMPENSATED = ProcessingStatus.POSTED, ProcessingStatus.EXCEPTION, ProcessingStatus.COMPENSATED
RECEIVABLE, LIABILITY, ASSET, CASH = "1100", "2100", "1200", "1000"


def balances(desk: Desk) -> dict[str, Decimal]:
    return {row.account: row.balance for row in desk.ledger.balances() if row.balance}


def amounts(**by_account: str) -> dict[str, Decimal]:
    return {account.removeprefix("a"): Decimal(amount) for account, amount in by_account.items()}


# --- supersede


def test_a_corrected_invoice_is_reversed_and_replaced() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1", billed("1200.00"))))
    desk.arrive(event("fix", invoice("I1", billed("1000.00")), supersedes="T-bill", on="2026-01-05"))
    desk.settle()
    assert [type(posting.body) for posting in desk.postings] == [PostJournal, ReverseJournal, PostJournal]
    original, reversal, _ = desk.postings
    assert isinstance(reversal.body, ReverseJournal)
    assert reversal.body.reverses_command_id == original.command_id
    assert (desk.status("bill"), desk.ends("fix")[-1]) == (POSTED, POSTED)
    assert desk.ends("fix").count(POSTED) == 1
    assert balances(desk) == amounts(a1100="1000", a2100="-1000")
    assert desk.contract.billed == 1000


def test_a_corrected_credit_payment_refund_and_usage_are_reversed_and_replaced() -> None:
    desk = Desk()
    desk.arrive(event("signed", signed(line(), USAGE_LINE)))
    desk.arrive(event("bill", invoice("I1", billed("1200.00"))))
    desk.arrive(event("credit", credit("N1", billed("200.00"), of="I1")))
    desk.arrive(event("pay", payment("P1", "I1", "900.00")))
    desk.arrive(event("refund", refund("R1", "I1", "50.00")))
    desk.arrive(event("use", usage("30.00")))
    desk.arrive(event("credit2", credit("N1", billed("100.00"), of="I1"), supersedes="T-credit"))
    desk.arrive(event("pay2", payment("P1", "I1", "1000.00"), supersedes="T-pay"))
    desk.arrive(event("refund2", refund("R1", "I1", "70.00"), supersedes="T-refund"))
    desk.arrive(event("use2", usage("40.00"), supersedes="T-use"))
    desk.arrive(period_end("2026-01"))
    desk.settle()
    assert {desk.status(name) for name in ("credit2", "pay2", "refund2", "use2")} == {POSTED}
    # 1,200 - 100 credited - 1,000 paid + 70 refunded; recognised: a month of the licence, and the corrected usage.
    assert balances(desk) == amounts(a1000="930", a1100="170", a2100="-960", a4010="-100", a4050="-40")


def test_a_correction_that_comes_first_waits_for_what_it_corrects() -> None:
    desk = Desk().sign()
    desk.arrive(event("fix", invoice("I1", billed("1000.00")), supersedes="T-bill"))
    assert desk.parked == ["fix"]
    desk.arrive(event("bill", invoice("I1")))
    desk.settle()
    assert balances(desk) == amounts(a1100="1000", a2100="-1000")


def test_a_transaction_is_corrected_once_and_the_correction_can_be_corrected() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.arrive(event("fix", invoice("I1", billed("1000.00")), supersedes="T-bill"))
    desk.arrive(event("fix2", invoice("I1", billed("900.00")), supersedes="T-bill"))
    desk.arrive(event("fix3", invoice("I1", billed("800.00")), supersedes="T-fix"))
    desk.settle()
    assert [(item.event_id, item.root_cause) for item in desk.exceptions] == [("fix2", RootCause.SEQUENCE_GAP)]
    assert balances(desk) == amounts(a1100="800", a2100="-800")


def test_a_contract_change_cannot_supersede_nor_anything_supersede_another_kind() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.arrive(event("upgrade", upgraded(), version=2, supersedes="T-signed"))
    desk.arrive(event("pay", payment("P1", "I1", "1.00"), supersedes="T-bill"))
    desk.settle()
    assert [(it.event_id, it.root_cause) for it in desk.exceptions] == [
        ("upgrade", RootCause.TREATMENT_DISPUTE),
        ("pay", RootCause.TREATMENT_DISPUTE),
    ]
    assert len(desk.postings) == 1


@pytest.mark.parametrize("correction_first", [False, True], ids=["after the refusal", "before the refusal"])
def test_a_refused_invoice_can_be_corrected_whenever_the_correction_comes(correction_first: bool) -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1", billed("1200.00", "NO-SUCH-LINE"))))
    if not correction_first:
        desk.settle()
    desk.arrive(event("fix", invoice("I1", billed("1000.00")), supersedes="T-bill"))
    desk.settle()
    assert [item.event_id for item in desk.exceptions] == ["bill"]
    assert (desk.status("bill"), desk.status("fix")) == (EXCEPTION, POSTED)
    assert balances(desk) == amounts(a1100="1000", a2100="-1000")
    assert desk.contract.billed == 1000
    assert desk.contract.queue == ()


def test_a_correction_whose_replacement_is_refused_ends_as_an_exception_though_its_reversal_is_posted() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.settle()
    desk.arrive(event("fix", invoice("I1", billed("1000.00", "NO-SUCH-LINE")), supersedes="T-bill"))
    desk.settle()
    assert desk.status("fix") is EXCEPTION
    assert balances(desk) == {}


def test_a_correction_whose_reversal_is_refused_takes_no_effect_and_what_it_corrects_stands() -> None:
    """Replacing a price reduction that the revenue platform does not take back would count it twice."""
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1", billed("1200.00"))))
    reduction = credit("C1", billed("120.00"), of="I1", effect=CreditEffect.PRICE_REDUCTION)
    desk.arrive(event("cut", reduction))
    desk.settle()
    smaller = credit("C2", billed("100.00"), of="I1", effect=CreditEffect.PRICE_REDUCTION)
    desk.arrive(event("fix", smaller, supersedes="T-cut"))
    desk.answer(desk.commands[-1], NO)
    desk.arrive(event("pay", payment("P1", "I1", "1080.00")))
    desk.settle()
    assert (desk.status("cut"), desk.status("fix"), desk.status("pay")) == (POSTED, EXCEPTION, POSTED)
    assert desk.contract.billed == 1080
    assert balances(desk) == amounts(a1000="1080", a2100="-1080")
    assert (desk.contract.queue, desk.contract.parked) == ((), ())


def test_a_posting_that_waits_for_an_operator_still_waits_when_its_reversal_is_refused() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1", billed("1200.00"))))
    desk.settle()
    desk.arrive(event("cut", credit("C1", billed("120.00"), of="I1", effect=CreditEffect.PRICE_REDUCTION)))
    desk.answer(desk.commands[-1])
    held = desk.postings[-1]
    desk.book(held, NOT_BALANCED)
    desk.ask(OperatorAction.REVERSE, "T-cut")
    desk.answer(desk.commands[-1], NO)
    desk.settle()
    assert [pending.held for pending in desk.contract.postings] == [True]
    desk.ask(OperatorAction.RETRY, held.command_id)
    desk.book(held)
    assert balances(desk) == amounts(a1100="1080", a2100="-1080")
    assert desk.contract.postings == ()


def test_an_operator_takes_back_a_price_reduction() -> None:
    """It cannot be unspread: the revenue platform replays the contract without it (docs/accounting.md 16.1)."""
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1", billed("1200.00"))))
    desk.arrive(event("cut", credit("C1", billed("120.00"), of="I1", effect=CreditEffect.PRICE_REDUCTION)))
    desk.settle()
    desk.ask(OperatorAction.REVERSE, "T-cut")
    desk.settle()
    assert desk.status("cut") is COMPENSATED
    assert balances(desk) == amounts(a1100="1200", a2100="-1200")
    position = desk.revenue.position(desk.contract.contract_id)
    assert position is not None
    assert position.transaction_price == 1200


# --- revenue recognition refuses


def test_what_revenue_recognition_refuses_is_an_exception_and_posts_nothing() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.answer(desk.commands[-1], NO)
    assert (desk.status("bill"), desk.postings) == (EXCEPTION, [])
    (refusal,) = desk.exceptions
    assert refusal.root_cause is RootCause.REVENUE_REJECTED
    assert NO.reason in refusal.message


def test_a_dispute_about_the_treatment_goes_to_its_owner() -> None:
    desk = Desk().sign()
    change = upgraded()
    disputed = replace(change, requested_treatment=AccountingTreatment.CUMULATIVE_CATCH_UP)
    desk.arrive(event("upgrade", disputed, version=2, on="2026-07-01"))
    desk.settle()
    assert [item.root_cause for item in desk.exceptions] == [RootCause.TREATMENT_DISPUTE]
    assert desk.contract.version == 1


def accepted(desk: Desk, command: RevenueCommand) -> RevenueAccepted:
    (answer,) = desk.revenue.execute([command])
    assert isinstance(answer, RevenueAccepted)
    return answer


def test_a_schedule_that_does_not_add_up_releases_nothing() -> None:
    desk = Desk()
    desk.arrive(event("signed", signed()))
    answer = accepted(desk, desk.commands[0])
    desk.answer(desk.commands[0], replace(answer, transaction_price=Decimal(1)))
    assert (desk.contract.version, desk.status("signed")) == (0, EXCEPTION)
    assert "expected the transaction price 1" in desk.exceptions[0].message


def test_a_schedule_is_validated_in_every_part() -> None:
    desk = Desk()
    desk.arrive(event("signed", signed()))
    answer = accepted(desk, desk.commands[0])
    assert invalid_answer(answer) is None
    assert invalid_answer(NO) is None
    assert invalid_answer(None) is None
    assert "allocations add up" in (invalid_answer(replace(answer, transaction_price=Decimal(1))) or "")
    assert "L1: the schedule adds up to 1100" in (invalid_answer(replace(answer, schedule=answer.schedule[1:])) or "")
    stray = replace(answer.schedule[0], obligation_id="L9")
    assert "without an allocation: L9" in (invalid_answer(replace(answer, schedule=(*answer.schedule, stray))) or "")


# --- the ERP refuses


def test_a_refusal_that_can_pass_is_sent_again_until_it_is_accepted() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.answer(desk.commands[-1])
    desk.book(desk.postings[-1], BUSY)
    assert desk.exceptions == []
    assert desk.sent(ErpPosting, desk.later(days=1)) == desk.postings
    desk.book(desk.postings[-1])
    assert desk.status("bill") is POSTED


def test_a_refusal_for_good_is_held_for_an_operator_and_posted_once_on_retry() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.answer(desk.commands[-1])
    (posting,) = desk.postings
    desk.book(posting, NOT_BALANCED)
    assert (desk.status("bill"), desk.exceptions[0].root_cause) == (EXCEPTION, RootCause.POSTING_REJECTED)
    assert desk.later(days=30) == ()
    assert desk.sent(ErpPosting, desk.ask(OperatorAction.RETRY, posting.command_id)) == [posting]
    assert desk.ask(OperatorAction.RETRY, posting.command_id) == ()
    desk.book(posting)
    assert desk.status("bill") is POSTED
    assert balances(desk) == amounts(a1100="1200", a2100="-1200")


def test_a_refused_invoice_is_taken_back_in_revenue_recognition_when_the_policy_says_so() -> None:
    desk = Desk(policy(erp_rejection=RejectionPolicy.COMPENSATE)).sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.answer(desk.commands[-1])
    desk.book(desk.postings[-1], NOT_BALANCED)
    assert isinstance(desk.commands[-1].body, ReverseTransaction)
    desk.answer(desk.commands[-1])
    assert (desk.status("bill"), desk.contract.postings) == (COMPENSATED, ())
    assert desk.contract.billed == 0
    position = desk.revenue.position("C1")
    assert position is not None
    assert position.billed == 0
    assert desk.actions("bill")[-3:] == [
        AuditAction.COMPENSATION_REQUESTED,
        AuditAction.REVENUE_ACCEPTED,
        AuditAction.COMPENSATED,
    ]
    assert balances(desk) == {}


@pytest.mark.parametrize("way", ["compensated", "reversed", "corrected"])
def test_what_the_erp_refused_leaves_the_contract_position_on_the_right_side(way: str) -> None:
    """Between refusal and compensation a month was recognised against the liability that the ERP never took."""
    compensate = way == "compensated"
    desk = Desk(policy(erp_rejection=RejectionPolicy.COMPENSATE) if compensate else POLICY).sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.answer(desk.commands[-1])
    refused = desk.postings[-1]
    desk.arrive(period_end("2026-01"))
    desk.answer(desk.commands[-1])
    desk.book(desk.postings[-1])
    assert balances(desk) == amounts(a2100="100", a4010="-100")
    desk.book(refused, NOT_BALANCED)
    if way == "reversed":
        desk.ask(OperatorAction.REVERSE, "T-bill")
    if way == "corrected":
        desk.arrive(event("fix", invoice("I1", billed("40.00")), supersedes="T-bill"))
    desk.settle()
    assert desk.status("bill") is COMPENSATED
    assert desk.contract.postings == ()
    if way == "corrected":
        assert balances(desk) == amounts(a1100="40", a1200="60", a4010="-100")
        assert desk.status("fix") is POSTED
    else:
        assert balances(desk) == amounts(a1200="100", a4010="-100")
    assert desk.book(refused, NOT_BALANCED) == ()


# --- an operator reverses


def test_an_operator_reverses_a_posted_invoice_once() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.settle()
    desk.ask(OperatorAction.REVERSE, "T-bill")
    assert desk.ask(OperatorAction.REVERSE, "T-bill") == ()
    desk.settle()
    assert desk.status("bill") is COMPENSATED
    assert balances(desk) == {}
    assert desk.contract.billed == 0


def test_a_reversal_that_was_refused_is_tried_again_by_another_command_of_an_operator_only() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.settle()
    (refused,) = desk.sent(RevenueCommand, desk.ask(OperatorAction.REVERSE, "T-bill", command_id="first"))
    desk.answer(refused, NO)
    (delivered_twice,) = desk.sent(RevenueCommand, desk.ask(OperatorAction.REVERSE, "T-bill", command_id="first"))
    assert delivered_twice.command_id == refused.command_id
    desk.answer(delivered_twice, NO)
    (again,) = desk.sent(RevenueCommand, desk.ask(OperatorAction.REVERSE, "T-bill", command_id="second"))
    assert again.command_id != refused.command_id, "the platform would give the answer of the first"
    desk.settle()
    assert desk.status("bill") is COMPENSATED
    assert balances(desk) == {}


def two_of_one_id() -> Desk:
    """Two billing systems that both count from T-1."""
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1", billed("100.00")), transaction="T-1", source="stripe"))
    desk.arrive(event("bill2", invoice("I2", billed("40.00")), transaction="T-1", source="zuora"))
    desk.settle()
    return desk


@pytest.mark.parametrize(("source", "left"), [("stripe", "50"), ("zuora", "110")])
def test_a_correction_corrects_the_transaction_of_its_own_source_system(source: str, left: str) -> None:
    desk = two_of_one_id()
    desk.arrive(event("fix", invoice("I3", billed("10.00")), supersedes="T-1", source=source))
    desk.settle()
    assert desk.contract.billed == Decimal(left)
    assert desk.exceptions == []
    again = event("fix2", invoice("I4", billed("10.00")), supersedes="T-1", source=source)
    desk.arrive(again)
    assert "was corrected or reversed before" in desk.exceptions[-1].message


def test_a_correction_of_a_third_source_system_that_could_mean_either_is_refused() -> None:
    desk = two_of_one_id()
    desk.arrive(event("fix", invoice("I3", billed("10.00")), supersedes="T-1", source="finance"))
    assert "is one of stripe and of another source system" in desk.exceptions[-1].message
    assert desk.contract.billed == 140


def test_an_operator_reverses_nothing_where_two_source_systems_have_the_transaction() -> None:
    desk = two_of_one_id()
    desk.ask(OperatorAction.REVERSE, "T-1")
    desk.settle()
    assert "is one of stripe and of another source system" in desk.exceptions[-1].message
    assert desk.contract.billed == 140


def test_an_operator_reverses_a_payment_at_once() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.arrive(event("pay", payment("P1", "I1", "1200.00")))
    desk.settle()
    (posting,) = desk.sent(ErpPosting, desk.ask(OperatorAction.REVERSE, "T-pay"))
    assert isinstance(posting.body, ReverseJournal)
    desk.settle()
    assert balances(desk) == amounts(a1100="1200", a2100="-1200")


def test_documents_of_another_currency_or_entity_are_refused_with_the_remedy() -> None:
    desk = Desk().sign()
    desk.arrive(event("eur", invoice("I1", currency="EUR")))
    desk.arrive(event("de", invoice("I2"), entity="ACME-DE"))
    desk.arrive(event("pay", payment("P1", "I1", "1.00", currency="EUR")))
    assert [item.root_cause for item in desk.exceptions] == [RootCause.TREATMENT_DISPUTE] * 2
    assert "EUR, the contract's is USD" in desk.exceptions[0].message
    assert "ACME-DE, the contract of ACME-US" in desk.exceptions[1].message
    assert (desk.parked, desk.postings) == (["pay"], [])


def test_a_correction_cannot_take_the_source_transaction_of_what_it_would_correct() -> None:
    desk = Desk().sign()
    signing = desk.contract
    first = desk.outcomes[0].event_id
    transaction = f"T-{first}"
    desk.arrive(event("fix", signed(currency="EUR"), supersedes=transaction))
    desk.settle()
    assert desk.status("fix") == EXCEPTION
    desk.arrive(event("again", signed(currency="EUR"), supersedes="T-fix", transaction=transaction))
    desk.settle()
    assert desk.status("again") == EXCEPTION
    assert f"source transaction {transaction} is that of what is corrected" in desk.exceptions[-1].message
    assert desk.contract.version == signing.version
    desk.arrive(event("right", signed(line("L1", "2400.00")), supersedes="T-fix"))
    desk.settle()
    assert desk.status("right") == POSTED
