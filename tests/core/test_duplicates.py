"""Duplicates and replays: doing twice is doing once."""

from __future__ import annotations

import pytest

from streams.records import ErpPosting, OperatorAction, ProcessingStatus, RevenueCommand
from tests.core.builders import event, invoice, signed, upgraded
from tests.core.desk import NO, NOT_BALANCED, Desk


def test_the_same_event_again_is_a_duplicate_and_sends_nothing() -> None:
    desk = Desk().sign()
    bill = event("bill", invoice("I1"))
    desk.arrive(bill)
    again = desk.arrive(bill)
    assert desk.sent(RevenueCommand, again) == []
    assert desk.status("bill") is ProcessingStatus.DUPLICATE
    desk.settle()
    assert len(desk.postings) == 1


def test_a_parked_event_again_is_a_duplicate() -> None:
    desk = Desk().sign()
    early = event("early", invoice("I1"), version=2)
    desk.arrive(early)
    desk.arrive(early)
    desk.arrive(event("upgrade", upgraded(), version=2))
    desk.settle()
    assert len(desk.postings) == 1


def test_the_same_offset_again_is_a_replay_that_sends_nothing_at_all() -> None:
    desk = Desk()
    desk.arrive(event("signed", signed()), offset=7)
    before = desk.contract
    assert desk.arrive(event("signed", signed()), offset=7) == ()
    assert desk.arrive(event("other", invoice("I1")), offset=3) == ()
    assert desk.contract is before
    assert desk.ends("signed") == [ProcessingStatus.AWAITING_REVENUE]


def test_an_answer_of_revenue_recognition_again_changes_nothing() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.settle()
    before = desk.contract
    assert desk.answer(desk.commands[-1]) == ()
    assert desk.answer(desk.commands[-1], NO) == ()
    assert desk.contract is before


def test_an_answer_of_the_erp_again_changes_nothing() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.settle()
    before = desk.contract
    assert desk.book(desk.postings[-1]) == ()
    assert desk.book(desk.postings[-1], NOT_BALANCED) == ()
    assert desk.contract is before


def test_the_first_of_two_answers_counts_while_it_waits_its_turn() -> None:
    desk = Desk().sign()
    desk.arrive(event("one", invoice("I1")))
    desk.arrive(event("two", invoice("I2")))
    one, two = desk.commands[-2:]
    desk.answer(two, NO)
    desk.answer(two)
    desk.answer(one)
    assert [posting.event_id for posting in desk.sent(ErpPosting)] == ["one"]


def test_ids_are_derived_alike_every_time() -> None:
    def ids() -> list[str]:
        desk = Desk().sign()
        desk.arrive(event("bill", invoice("I1")))
        desk.arrive(event("fix", invoice("I1"), supersedes="T-bill"))
        desk.settle()
        return [it.command_id for it in desk.sent(RevenueCommand)] + [it.command_id for it in desk.sent(ErpPosting)]

    assert ids() == ids()
    assert len(set(ids())) == len(ids())


@pytest.mark.parametrize("action", list(OperatorAction))
def test_an_operator_who_asks_for_nothing_open_changes_nothing(action: OperatorAction) -> None:
    desk = Desk().sign()
    before = desk.contract
    assert desk.ask(action, "no such thing") == ()
    assert desk.contract is before


def test_an_invoice_number_is_booked_once_whatever_transaction_brings_it() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.arrive(event("again", invoice("I1")))
    desk.settle()
    assert len(desk.postings) == 1
    assert desk.status("again") is ProcessingStatus.EXCEPTION
    assert "invoice I1 was issued before" in desk.exceptions[-1].message


def test_the_number_of_an_invoice_that_revenue_recognition_refused_can_come_again() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.answer(desk.commands[-1], NO)
    desk.arrive(event("again", invoice("I1")))
    desk.settle()
    assert len(desk.postings) == 1
