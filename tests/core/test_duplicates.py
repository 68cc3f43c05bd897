"""Duplicates and replays: doing twice is doing once."""

from __future__ import annotations

import pytest

from streams.records import CommercialEvent, ErpPosting, OperatorAction, ProcessingStatus, RevenueCommand, RootCause
from tests.core.builders import event, invoice, policy, signed, terminated, upgraded
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


@pytest.mark.parametrize(
    "other",
    [
        event("bill", invoice("I2"), source="other", transaction="T-bill"),
        event("bill", invoice("I2"), transaction="T-other"),
        event("bill", invoice("I2"), contract="C2", transaction="T-bill"),
    ],
)
def test_another_transaction_under_the_same_id_is_an_exception_and_leaves_the_first_alone(
    other: CommercialEvent,
) -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    came = desk.arrive(other)
    assert desk.sent(RevenueCommand, came) == []
    (raised,) = desk.exceptions
    assert (raised.event_id, raised.root_cause) == ("bill", RootCause.PAYLOAD_INVALID)
    assert "the one at offset 1 of the same partition" in raised.message
    assert f"found {other.context.source_system} {other.context.source_transaction_id} of contract" in raised.message
    assert "publish it under another event id" in raised.message
    assert raised.source is not None
    assert raised.source.payload == b"raw"
    assert desk.status("bill") is ProcessingStatus.EXCEPTION
    desk.settle()
    assert [posting.event_id for posting in desk.postings] == ["bill"]
    assert desk.status("bill") is ProcessingStatus.POSTED


def test_another_transaction_under_the_same_id_takes_its_place_in_its_sequence_and_no_approval() -> None:
    desk = Desk(policy(terminations_wait=True)).sign()
    desk.arrive(event("end", terminated("0.00"), version=2, sequence=1))
    desk.arrive(event("end", invoice("I1"), transaction="T-other", sequence=1, source="other"))
    desk.arrive(event("bill", invoice("I2"), sequence=2, source="other"))
    assert desk.contract.sequences["other"] == 2
    desk.ask(OperatorAction.APPROVE, "end")
    desk.settle()
    assert desk.contract.terminated


def test_an_id_that_was_remembered_without_its_transaction_still_makes_duplicates() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.remembers_without_transaction("bill")
    desk.arrive(event("bill", invoice("I2"), source="other"))
    assert (desk.status("bill"), desk.exceptions) == (ProcessingStatus.DUPLICATE, [])
