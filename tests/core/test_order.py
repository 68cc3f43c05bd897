"""Order: versions, sequences, references; what comes early waits and is then applied once."""

from __future__ import annotations

from streams.records import (
    AuditAction,
    ErpPosting,
    ProcessingStatus,
    RevenueCommand,
    RootCause,
)
from tests.core.builders import (
    bounds,
    event,
    invoice,
    payment,
    period_end,
    policy,
    signed,
    terminated,
    upgraded,
)
from tests.core.desk import NO, Desk

PARKED, POSTED, EXCEPTION = ProcessingStatus.PARKED, ProcessingStatus.POSTED, ProcessingStatus.EXCEPTION


def test_an_early_invoice_waits_for_its_amendment_in_revenue_recognition_and_is_posted_once() -> None:
    desk = Desk().sign()
    desk.arrive(event("early", invoice("I1"), version=2))
    assert (desk.parked, desk.status("early")) == (["early"], PARKED)
    desk.arrive(event("upgrade", upgraded(), version=2))
    assert desk.sent(ErpPosting) == []
    (amend,) = [command for command in desk.commands if command.event_id == "upgrade"]
    released = desk.answer(amend)
    (record_billing,) = desk.sent(RevenueCommand, released)
    assert (record_billing.event_id, desk.parked) == ("early", [])
    assert desk.sent(ErpPosting) == []
    desk.settle()
    desk.answer(record_billing)
    (posting,) = desk.sent(ErpPosting)
    assert posting.revenue_command_id == record_billing.command_id
    assert desk.status("early") is POSTED
    assert desk.actions("early") == [
        AuditAction.PARKED,
        AuditAction.RELEASED,
        AuditAction.REVENUE_COMMANDED,
        AuditAction.REVENUE_ACCEPTED,
        AuditAction.POSTING_RELEASED,
        AuditAction.POSTED,
    ]


def test_amendments_are_applied_in_order_of_their_version_whatever_comes_first() -> None:
    desk = Desk().sign()
    desk.arrive(event("third", upgraded("3600.00"), version=3))
    assert desk.parked == ["third"]
    desk.arrive(event("second", upgraded("2400.00"), version=2))
    desk.settle()
    assert [command.event_id for command in desk.commands] == ["signed", "second", "third"]
    assert (desk.contract.version, desk.parked) == (3, [])


def test_everything_before_the_signature_waits_for_it() -> None:
    desk = Desk()
    desk.arrive(event("pay", payment("P1", "I1", "1200.00")))
    desk.arrive(event("bill", invoice("I1")))
    assert desk.parked == ["pay", "bill"]
    desk.sign()
    assert [posting.event_id for posting in desk.postings] == ["bill", "pay"]
    assert desk.contract.parked == ()


def test_nothing_is_admitted_while_a_change_is_in_flight() -> None:
    desk = Desk().sign()
    desk.arrive(event("upgrade", upgraded(), version=2))
    desk.arrive(event("bill", invoice("I1"), version=1))
    desk.arrive(event("next", upgraded("3600.00"), version=3))
    assert desk.parked == ["bill", "next"]
    desk.settle()
    assert [command.event_id for command in desk.commands] == ["signed", "upgrade", "bill", "next"]


def test_a_rejected_change_lets_what_waited_go_on_with_the_old_version() -> None:
    desk = Desk().sign()
    desk.arrive(event("upgrade", upgraded(), version=2))
    desk.arrive(event("bill", invoice("I1"), version=1))
    desk.arrive(event("bill2", invoice("I2"), version=2))
    desk.answer(desk.commands[-1], NO)
    assert (desk.contract.version, desk.status("upgrade"), desk.parked) == (1, EXCEPTION, ["bill2"])
    assert desk.commands[-1].event_id == "bill"


def test_an_older_version_is_good_enough_for_what_only_depends_on_it() -> None:
    desk = Desk().sign()
    desk.arrive(event("upgrade", upgraded(), version=2))
    desk.settle()
    desk.arrive(event("bill", invoice("I1"), version=1))
    desk.settle()
    assert desk.status("bill") is POSTED


def test_a_version_that_is_in_force_already_is_an_exception() -> None:
    desk = Desk().sign()
    desk.arrive(event("again", signed()))
    desk.arrive(event("upgrade", upgraded(), version=2))
    desk.settle()
    desk.arrive(event("late", upgraded(), version=2))
    assert [item.root_cause for item in desk.exceptions] == [RootCause.VERSION_GAP] * 2
    assert (desk.status("again"), desk.status("late")) == (EXCEPTION, EXCEPTION)


def test_a_gap_in_a_sources_sequence_parks_what_follows() -> None:
    desk = Desk().sign()
    desk.arrive(event("three", invoice("I3"), sequence=3))
    desk.arrive(event("two", invoice("I2"), sequence=2))
    desk.arrive(event("other", invoice("I9"), source="zuora", sequence=1))
    assert desk.parked == ["three", "two"]
    desk.arrive(event("one", invoice("I1"), sequence=1))
    desk.settle()
    assert [posting.event_id for posting in desk.postings] == ["other", "one", "two", "three"]


def test_a_sequence_number_is_used_once() -> None:
    desk = Desk().sign()
    desk.arrive(event("one", invoice("I1"), sequence=1))
    desk.arrive(event("again", invoice("I2"), sequence=1))
    assert [(item.event_id, item.root_cause) for item in desk.exceptions] == [("again", RootCause.SEQUENCE_GAP)]


def test_an_inadmissible_event_takes_its_place_in_its_sources_sequence() -> None:
    desk = Desk().sign()
    desk.arrive(event("again", signed(), sequence=1))
    desk.arrive(event("bill", invoice("I1"), sequence=2))
    desk.settle()
    assert (desk.status("again"), desk.status("bill")) == (EXCEPTION, POSTED)


def test_a_rejected_event_takes_its_place_in_its_sources_sequence() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1"), sequence=1))
    desk.answer(desk.commands[-1], NO)
    desk.arrive(event("bill2", invoice("I2"), sequence=2))
    desk.settle()
    assert desk.status("bill2") is POSTED


def test_a_payment_waits_for_its_invoice() -> None:
    desk = Desk().sign()
    desk.arrive(event("pay", payment("P1", "I1", "1200.00")))
    assert desk.parked == ["pay"]
    desk.arrive(event("bill", invoice("I1")))
    desk.settle()
    assert [posting.event_id for posting in desk.postings] == ["bill", "pay"]


def test_answers_out_of_order_take_effect_in_order() -> None:
    desk = Desk().sign()
    desk.arrive(event("one", invoice("I1")))
    desk.arrive(event("two", invoice("I2")))
    one, two = desk.commands[-2:]
    accepted = [desk.revenue.execute([command])[0] for command in (one, two)]
    assert desk.sent(ErpPosting, desk.answer(two, accepted[1])) == []
    assert [posting.event_id for posting in desk.sent(ErpPosting, desk.answer(one, accepted[0]))] == ["one", "two"]


def test_a_contract_that_ended_still_takes_payments_but_no_change() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.arrive(event("end", terminated("600.00"), version=2, on="2026-06-30"))
    desk.settle()
    assert desk.contract.terminated
    desk.arrive(event("pay", payment("P1", "I1", "1200.00"), version=2))
    desk.arrive(event("change", upgraded(), version=3))
    desk.settle()
    assert (desk.status("pay"), desk.status("change")) == (POSTED, EXCEPTION)
    assert (desk.contract.version, desk.contract.terminated) == (2, True)


# --- bounds


def test_the_event_over_the_bound_is_an_exception_not_silence() -> None:
    desk = Desk(policy(bounds=bounds(parked=2)))
    for number in range(3):
        desk.arrive(event(f"bill{number}", invoice(f"I{number}")))
    assert desk.parked == ["bill0", "bill1"]
    (overflow,) = desk.exceptions
    assert (overflow.event_id, overflow.root_cause) == ("bill2", RootCause.PARKING_OVERFLOW)
    assert overflow.source is not None
    assert overflow.source.payload == b"raw"


def test_the_bound_never_loses_a_period_end() -> None:
    desk = Desk(policy(bounds=bounds(parked=1)))
    desk.arrive(event("signed", signed()))
    desk.arrive(event("bill", invoice("I1")))
    desk.arrive(period_end("2026-01"))
    desk.settle()
    assert desk.exceptions == []
    assert desk.contract.recognised == 100


def test_an_event_that_waited_too_long_is_an_exception_that_names_what_is_missing() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1"), version=2))
    desk.arrive(event("pay", payment("P1", "I9", "1.00")))
    desk.arrive(event("gap", invoice("I3"), sequence=3))
    desk.later(hours=71)
    assert desk.exceptions == []
    desk.later(hours=1)
    assert desk.parked == []
    assert [(item.event_id, item.root_cause) for item in desk.exceptions] == [
        ("bill", RootCause.VERSION_GAP),
        ("pay", RootCause.SEQUENCE_GAP),
        ("gap", RootCause.SEQUENCE_GAP),
    ]
    assert {desk.status(name) for name in ("bill", "pay", "gap")} == {EXCEPTION}


def test_an_unknown_contract_is_an_exception_in_the_end() -> None:
    desk = Desk()
    desk.arrive(event("bill", invoice("I1")))
    desk.later(hours=73)
    assert [item.root_cause for item in desk.exceptions] == [RootCause.UNKNOWN_CONTRACT]


def test_nothing_is_given_up_while_the_change_that_it_waits_for_is_in_flight() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1"), version=2))
    desk.arrive(event("upgrade", upgraded(), version=2))
    desk.later(hours=100)
    assert desk.parked == ["bill"]
    desk.settle()
    assert desk.status("bill") is POSTED


def test_an_event_that_is_given_up_does_not_block_its_source_for_ever() -> None:
    desk = Desk().sign()
    desk.arrive(event("one", payment("P1", "I9", "1.00"), sequence=1))
    desk.later(hours=48)
    desk.arrive(event("two", invoice("I2"), sequence=2))
    assert desk.parked == ["one", "two"]
    desk.later(hours=24)
    desk.settle()
    assert (desk.status("one"), desk.status("two")) == (EXCEPTION, POSTED)
