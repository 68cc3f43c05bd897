"""A contract's record stays below the limit of its changelog, whatever holds the contract back."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from streams.records import ErpPosting, ProcessingStatus, RootCause
from tests.core.builders import billed, bounds, event, invoice, payment, period_end, policy, signed
from tests.core.desk import Desk

LIMIT = 1_000_000
"""What a producer of librdkafka, and about what a broker, takes of one record unless told otherwise."""
ARRIVING = 5000


def size(desk: Desk) -> int:
    return len(msgspec.msgpack.encode(desk.contract))


def test_five_thousand_events_behind_a_command_without_an_answer_fit_into_the_changelog_to_the_last_answer() -> None:
    desk = Desk().sign()
    for number in range(ARRIVING):
        desk.arrive(event(f"bill{number}", invoice(f"I{number}")))
    held, *others = [command for command in desk.commands if command.event_id != "signed"]
    for command in others:
        desk.answer(command)
    assert size(desk) < LIMIT
    overflows = [it for it in desk.exceptions if it.root_cause is RootCause.PARKING_OVERFLOW]
    assert len(overflows) + len(desk.contract.queue) == ARRIVING, "each is on its way or an exception"
    assert len(desk.contract.queue) > 300
    assert all(it.source is not None and it.source.payload == b"raw" for it in overflows)
    assert "settle what holds them back, then send this event again under a new event id" in overflows[0].message
    desk.answer(held)
    assert len(desk.sent(ErpPosting)) == len(others) + 1
    assert size(desk) < LIMIT


def test_postings_that_the_erp_does_not_take_are_bounded_too_and_events_are_taken_again_when_it_does() -> None:
    desk = Desk(policy(bounds=bounds(open_bytes=100_000))).sign()
    for number in range(200):
        desk.arrive(event(f"bill{number}", invoice(f"I{number}")))
        (command,) = [it for it in desk.commands if it.event_id == f"bill{number}"] or (None,)
        if command is not None:
            desk.answer(command)
    assert 100_000 < size(desk) < 120_000
    assert desk.status("bill199") is ProcessingStatus.EXCEPTION
    for posting in desk.postings:
        desk.book(posting)
    desk.arrive(event("again", invoice("I199")))
    desk.settle()
    assert desk.status("again") is ProcessingStatus.POSTED


def test_events_that_wait_are_bounded_by_their_size_as_well_as_their_number() -> None:
    desk = Desk(policy(bounds=bounds(parked=10_000, open_bytes=100_000)))
    for number in range(1000):
        desk.arrive(event(f"pay{number}", payment(f"P{number}", "I1", "1.00")))
    assert size(desk) < 110_000
    assert {it.root_cause for it in desk.exceptions} == {RootCause.PARKING_OVERFLOW}
    assert len(desk.parked) + len(desk.exceptions) == 1000


@pytest.mark.parametrize(("lines", "taken"), [(200, True), (2000, False)])
def test_one_event_that_is_too_large_for_the_record_is_an_exception_and_a_large_one_is_not(
    lines: int, taken: bool
) -> None:
    desk = Desk(policy(bounds=bounds(open_bytes=100_000))).sign()
    desk.raw = b"x" * 20 * lines
    desk.arrive(event("bill", invoice("I1", *(billed("1.00") for _ in range(lines)))))
    assert bool(desk.contract.queue) is taken
    assert [it.root_cause for it in desk.exceptions] == ([] if taken else [RootCause.PARKING_OVERFLOW])
    if not taken:
        assert "split it at its source" in desk.exceptions[0].message


def test_a_period_end_is_never_refused_for_want_of_room() -> None:
    desk = Desk(policy(bounds=bounds(open_bytes=1)))
    desk.contract = replace(Desk().sign().contract, event_offset=-1)
    desk.raw = b"x" * 2000
    desk.arrive(event("signed again", signed(), version=2))
    desk.arrive(period_end("2026-01"))
    assert [it.event_id for it in desk.exceptions] == ["signed again"]
    assert [command.event_id for command in desk.commands] == [period_end("2026-01").event_id]
