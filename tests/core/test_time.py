"""Time: unanswered commands are sent again with growing waits; what stays unanswered is told once."""

from __future__ import annotations

import dataclasses

from streams.core.overdue import next_due
from streams.records import AuditAction, ErpPosting, ExceptionRecord, Owner, RevenueCommand, RootCause
from tests.core.builders import POLICY, billed, bounds, event, invoice, line, period_end, policy, signed
from tests.core.desk import Desk

QUICK = policy(bounds=bounds(resend=30, at_most=100, attempts=3))


def test_a_command_is_sent_again_after_30_60_and_then_every_100_seconds() -> None:
    desk = Desk(QUICK)
    desk.arrive(event("signed", signed()))
    sent = []
    for second in range(10, 401, 10):
        if desk.sent(RevenueCommand, desk.later(seconds=10)):
            sent.append(second)
    assert sent == [30, 90, 190, 290, 390]
    assert len({command.command_id for command in desk.sent(RevenueCommand)}) == 1


def test_an_answer_that_does_not_come_is_told_once_after_the_last_attempt() -> None:
    desk = Desk(QUICK)
    desk.arrive(event("signed", signed()))
    for _ in range(200):
        desk.later(seconds=10)
    (timeout,) = desk.exceptions
    assert (timeout.root_cause, timeout.owner) == (RootCause.TIMEOUT, Owner.PLATFORM_ENGINEERING)
    assert "after 3 attempts" in timeout.message
    desk.settle()
    assert desk.contract.version == 1


def test_a_posting_is_sent_again_and_told_once() -> None:
    desk = Desk(QUICK).sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.answer(desk.commands[-1])
    for _ in range(200):
        desk.later(seconds=10)
    assert [item.root_cause for item in desk.exceptions] == [RootCause.TIMEOUT]
    assert len(desk.sent(ErpPosting)) > 4
    assert AuditAction.POSTING_RESENT in desk.actions("bill")
    desk.settle()
    assert len(desk.ledger.postings) == 1


def test_nothing_is_due_when_nothing_is_open() -> None:
    desk = Desk().sign()
    assert next_due(desk.contract, POLICY.bounds) is None
    assert desk.later(days=400) == ()


def test_what_is_due_is_known_in_advance() -> None:
    desk = Desk(QUICK).sign()
    desk.arrive(event("bill", invoice("I1"), version=2))
    due = next_due(desk.contract, QUICK.bounds)
    assert due is not None
    assert due - desk.now == QUICK.bounds.parked_for
    desk.arrive(event("bill2", invoice("I2")))
    due = next_due(desk.contract, QUICK.bounds)
    assert due is not None
    assert due - desk.now == QUICK.bounds.resend_after


def test_time_that_changes_nothing_leaves_the_contract_as_it_is() -> None:
    desk = Desk(QUICK)
    desk.arrive(event("signed", signed()))
    before = desk.contract
    desk.later(seconds=1)
    assert desk.contract is before


def test_a_missing_account_is_told_once_and_posted_when_it_is_there() -> None:
    accounts = dataclasses.replace(POLICY.accounts, revenue={}, tax_payable={})
    desk = Desk(dataclasses.replace(POLICY, accounts=accounts)).sign()
    desk.arrive(event("bill", invoice("I1", billed("100.00", taxes=[("US-CA", "8.00")]))))
    desk.answer(desk.commands[-1])
    desk.arrive(period_end("2026-01"))
    desk.answer(desk.commands[-1])
    for _ in range(5):
        desk.later(seconds=1)
    assert [item.root_cause for item in desk.exceptions] == [RootCause.MAPPING_MISSING]
    assert "US-CA" in desk.exceptions[0].message
    desk.policy = POLICY
    assert [posting.event_id for posting in desk.sent(ErpPosting, desk.later(seconds=1))] == [
        "bill",
        "close-ACME-US-2026-01",
    ]
    desk.settle()
    assert desk.contract.postings == ()
    assert str(desk.status("bill")) == "POSTED"


def test_exceptions_have_owner_deadline_actions_and_the_record_that_they_stem_from() -> None:
    desk = Desk()
    desk.arrive(event("bill", invoice("I1")))
    desk.sign()
    desk.arrive(event("again", signed(line())))
    (item,) = desk.sent(ExceptionRecord)
    rule = POLICY.exceptions[RootCause.VERSION_GAP]
    assert (item.owner, item.severity, item.resolving_actions) == (rule.owner, rule.severity, rule.actions)
    assert item.sla_due_at - item.opened_at == rule.sla
    assert item.source is not None
    assert (item.source.topic, item.source.offset) == ("commercial-events", 2)
    assert item.context.contract_id == "C1"
    assert item.event_id == "again"
    assert "send an amendment" in item.message
