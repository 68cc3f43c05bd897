"""Periods: a close runs recognition for its entity; late events follow the policy of their type."""

from __future__ import annotations

import datetime as dt

import pytest

from streams.core.closing import Closing
from streams.core.periods import PeriodBook, after_period_event, concerns
from streams.core.policy import LatePolicy
from streams.records import AuditAction, PeriodOpened, ProcessingStatus, RootCause, RunRecognition
from tests.core.builders import (
    USAGE_LINE,
    added,
    event,
    invoice,
    line,
    payment,
    period_end,
    policy,
    signed,
    upgraded,
    usage,
)
from tests.core.desk import Desk

POSTED = ProcessingStatus.POSTED
ACROSS = signed(line("L1", "1200.00"), line("L2", "600.00", entity="ACME-DE", product_line="services"))


def test_a_close_recognises_what_the_entity_has_earned_dated_the_last_day_of_the_period() -> None:
    desk = Desk().sign()
    desk.arrive(period_end("2026-02"))
    desk.settle()
    (posting,) = desk.postings
    assert (posting.posting_date, posting.period) == (dt.date(2026, 2, 28), "2026-02")
    assert desk.contract.recognised == 200
    assert posting.revenue_command_id == desk.commands[-1].command_id
    assert (posting.context.contract_id, posting.context.contract_version) == ("C1", 1)


def test_each_entity_closes_for_itself_and_posts_between_the_companies() -> None:
    desk = Desk()
    desk.arrive(event("signed", ACROSS))
    desk.settle()
    desk.arrive(period_end("2026-01", entity="ACME-DE"))
    desk.settle()
    assert [(it.legal_entity, it.event_id) for it in desk.postings] == [
        ("ACME-DE", "close-ACME-DE-2026-01"),
        ("ACME-US", "close-ACME-DE-2026-01"),
    ]
    assert desk.contract.recognised == 50
    assert desk.ends("close-ACME-DE-2026-01").count(POSTED) == 1
    desk.arrive(period_end("2026-01"))
    desk.settle()
    assert desk.contract.recognised == 150


def test_a_close_comes_after_what_arrived_before_it_and_before_what_arrived_after() -> None:
    desk = Desk().sign()
    desk.arrive(event("upgrade", upgraded("2400.00"), version=2))
    desk.arrive(event("early", invoice("I1"), version=2))
    desk.arrive(period_end("2026-01"))
    desk.arrive(event("upgrade2", upgraded("4800.00"), version=3))
    desk.settle()
    kinds = [command.event_id for command in desk.commands]
    assert kinds == ["signed", "upgrade", "early", "close-ACME-US-2026-01", "upgrade2"]
    assert desk.contract.recognised == 200


@pytest.mark.parametrize("slow", [False, True], ids=["answer before the close", "answer after the close"])
def test_the_close_of_an_entity_that_is_about_to_perform_does_not_depend_on_the_answers_delay(slow: bool) -> None:
    desk = Desk().sign()
    desk.arrive(event("add", added(line("L2", "600.00", entity="ACME-DE", product_line="services")), version=2))
    if not slow:
        desk.settle()
    close = period_end("2026-01", entity="ACME-DE")
    assert concerns(close, desk.contract)
    desk.arrive(close)
    desk.settle()
    assert desk.contract.recognised == 50
    assert desk.commands[-1].context.contract_version == 2


def test_a_period_is_closed_once_and_in_order() -> None:
    desk = Desk().sign()
    desk.arrive(period_end("2026-02"))
    desk.arrive(period_end("2026-02", event_id="again"))
    desk.arrive(period_end("2026-01", event_id="earlier"))
    desk.settle()
    assert len([it for it in desk.commands if isinstance(it.body, RunRecognition)]) == 1
    assert (desk.status("again"), desk.status("earlier")) == (POSTED, POSTED)


def test_a_parked_close_ends_when_the_contract_never_comes_about() -> None:
    desk = Desk()
    desk.arrive(event("signed", signed(line(price="100.00", ssp="0"))))
    desk.arrive(period_end("2026-01"))
    assert desk.status("close-ACME-US-2026-01") is ProcessingStatus.PARKED
    desk.settle()
    assert desk.contract.version == 0
    assert desk.status("close-ACME-US-2026-01") is POSTED


def test_a_contract_that_comes_after_a_close_knows_it() -> None:
    desk = Desk(closed={"ACME-US": Closing("2026-03"), "ACME-DE": Closing("2026-04")}).sign()
    desk.arrive(event("bill", invoice("I1"), on="2026-02-10"))
    desk.settle()
    assert desk.postings[0].posting_date == dt.date(2026, 4, 1)


def test_an_entity_that_is_named_later_brings_its_closed_periods() -> None:
    desk = Desk(closed={"ACME-US": Closing("2026-03")})
    desk.arrive(event("bill", invoice("I1"), entity="ACME-DE", on="2026-02-10"))
    desk.arrive(event("signed", signed()))
    desk.arrive(event("bill2", invoice("I2"), on="2026-02-10"))
    desk.settle()
    assert desk.contract.legal_entity == "ACME-US"
    assert [(it.event_id, it.posting_date) for it in desk.postings] == [("bill2", dt.date(2026, 4, 1))]


def test_a_late_document_is_posted_on_the_first_open_day_and_revenue_gets_the_true_date() -> None:
    desk = Desk().sign()
    desk.arrive(period_end("2026-01"))
    desk.arrive(event("bill", invoice("I1"), on="2026-01-15"))
    desk.arrive(event("pay", payment("P1", "I1", "1200.00"), on="2026-02-03"))
    desk.settle()
    bill, pay = desk.postings[-2:]
    assert (bill.posting_date, bill.period) == (dt.date(2026, 2, 1), "2026-02")
    assert pay.posting_date == dt.date(2026, 2, 3)
    assert desk.commands[-1].effective_date == dt.date(2026, 1, 15)
    assert AuditAction.LATE_POSTED_IN_OPEN_PERIOD in desk.actions("bill")


def test_a_period_that_closes_while_a_document_is_in_flight_does_not_move_its_date() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1"), on="2026-01-15"))
    desk.arrive(period_end("2026-01"))
    desk.settle()
    assert desk.postings[0].posting_date == dt.date(2026, 1, 15)


def test_a_document_from_before_the_books_were_taken_over_is_late() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1"), on="2023-12-31"))
    desk.settle()
    assert desk.postings[0].posting_date == dt.date(2024, 1, 1)


def test_a_late_document_is_held_where_the_policy_says_so() -> None:
    desk = Desk(policy(late=LatePolicy.HOLD)).sign()
    desk.arrive(period_end("2026-01"))
    desk.arrive(event("bill", invoice("I1"), on="2026-01-15", sequence=1))
    desk.arrive(event("bill2", invoice("I2"), on="2026-02-15", sequence=2))
    desk.settle()
    assert [(it.event_id, it.root_cause) for it in desk.exceptions] == [("bill", RootCause.CLOSED_PERIOD)]
    assert desk.status("bill2") is POSTED


def test_what_has_no_accounting_date_is_never_late() -> None:
    desk = Desk(policy(late=LatePolicy.HOLD))
    desk.arrive(event("signed", signed(line(), USAGE_LINE)))
    desk.arrive(period_end("2026-01"))
    desk.arrive(event("use", usage("5.00"), on="2026-01-31"))
    desk.arrive(period_end("2026-02"))
    desk.settle()
    assert desk.exceptions == []
    assert desk.contract.recognised == 205


def test_closing_is_monotone() -> None:
    opened = event("open", PeriodOpened(period="2026-01"), version=0, contract="*")
    book = after_period_event(None, period_end("2026-02"))
    assert book == PeriodBook(closing=Closing("2026-02"))
    assert after_period_event(book, period_end("2026-01")) == book
    assert after_period_event(book, opened) == book


def test_a_contract_that_comes_after_a_period_was_only_opened_knows_when_the_books_were_taken_over() -> None:
    opened = event("open", PeriodOpened(period="2026-03"), version=0, contract="*", source="erp")
    told = Desk(closed={"ACME-US": after_period_event(None, opened).closing})
    for desk in (told, Desk()):
        desk.arrive(event("signed", signed(line(start="2023-11-01")), on="2023-11-01"))
        desk.settle()
        desk.arrive(event("bill", invoice("I1"), on="2023-11-15"))
        desk.settle()
        assert [posting.posting_date for posting in desk.postings] == [dt.date(2024, 1, 1)]
