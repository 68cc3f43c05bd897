"""Soft and hard closing, opening again with approval, and late events that an operator lets pass."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace as changed

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.close_check import performer_open
from streams.core.closing import Closing, after, objection, runs_recognition
from streams.core.fiscal import FiscalWeeks, YearRule
from streams.core.policy import LatePolicy, Policy
from streams.core.rules import violations
from streams.records import (
    AuditAction,
    CommercialEvent,
    ErpPosting,
    OperatorAction,
    PeriodClosed,
    PeriodLock,
    PeriodOpened,
    ProcessingStatus,
    RootCause,
    RunRecognition,
)
from tests.core.builders import POLICY, event, invoice, line, payment, period_end, policy, signed
from tests.core.desk import BUSY, Desk
from tests.core.histories import Stage

POSTED = ProcessingStatus.POSTED
NEAR_FEBRUARY = FiscalWeeks((4, 4, 5), 2, 6, YearRule.NEAREST)


def lock(period: str, name: str = "lock") -> CommercialEvent:
    return replace(period_end(period, event_id=name), body=PeriodClosed(period=period, lock=PeriodLock.HARD))


def opened(period: str, by: str = "cfo", reason: str = "an invoice was forgotten", name: str = "") -> CommercialEvent:
    body = PeriodOpened(period=period, approved_by=by, reason=reason)
    return event(name or f"open-{period}", body, version=0, contract="*")


# --- what is closed follows from the events


def test_a_closed_period_is_opened_again_with_approval_only() -> None:
    closed = Closing("2026-02")
    again = after(closed, opened("2026-01"))
    assert (again.is_closed("2026-01"), again.is_closed("2026-02"), again.is_closed("2026-03")) == (False, True, False)
    for unapproved in (opened("2026-01", by=""), opened("2026-01", reason=" ")):
        assert after(closed, unapproved) == closed
        assert "expected approved_by and reason" in str(objection(closed, unapproved))
    assert objection(closed, opened("2026-03", by="", reason="")) is None, "a period that was never closed"


def test_a_period_that_is_open_again_is_closed_like_any_other() -> None:
    again = after(Closing("2026-02"), opened("2026-01"))
    assert after(again, period_end("2026-01")) == Closing("2026-02")
    assert after(again, period_end("2026-03")) == Closing("2026-03", reopened=("2026-01",))


def test_only_a_closed_period_is_locked_and_every_one_before_it() -> None:
    assert "is open" in str(objection(Closing("2026-01"), lock("2026-02")))
    again = Closing("2026-03", reopened=("2026-02",))
    assert "2026-02 of ACME-US is open again" in str(objection(again, lock("2026-03")))
    locked = after(again, lock("2026-01"))
    assert (locked.lock_of("2025-07"), locked.lock_of("2026-01")) == (PeriodLock.HARD, PeriodLock.HARD)
    assert (locked.lock_of("2026-02"), locked.lock_of("2026-03")) == (None, PeriodLock.SOFT)


def test_opening_again_takes_the_lock_from_the_period_and_from_later_ones() -> None:
    locked = after(Closing("2026-03"), lock("2026-03"))
    again = after(locked, opened("2026-02"))
    assert [again.lock_of(f"2026-0{month}") for month in (1, 2, 3)] == [PeriodLock.HARD, None, PeriodLock.SOFT]


period_events = st.one_of(
    *(
        st.sampled_from([make(f"2026-{month:02d}") for month in range(1, 7)])
        for make in (period_end, lock, opened, lambda period: opened(period, by=""))
    )
)


@given(st.lists(period_events, max_size=30))
def test_a_locked_period_is_closed_whatever_happens_and_only_an_approval_opens_one(
    events: list[CommercialEvent],
) -> None:
    closing = Closing()
    for happened in events:
        before, closing = closing, after(closing, happened)
        periods = [f"2026-{month:02d}" for month in range(1, 7)]
        assert all(closing.is_closed(it) for it in periods if it <= closing.locked_through)
        fell_open = [it for it in periods if before.is_closed(it) and not closing.is_closed(it)]
        assert fell_open in ([], [getattr(happened.body, "period", "")])
        if fell_open:
            assert isinstance(happened.body, PeriodOpened)
            assert happened.body.approved_by
        assert after(closing, happened) == closing, "a second time changes nothing"
        if runs_recognition(before, happened):
            assert closing.is_closed(closing.closed_through)


# --- what the contract does


def test_late_documents_go_into_a_period_that_is_open_again_and_its_run_recognises_differences() -> None:
    desk = Desk().sign()
    desk.arrive(period_end("2026-01"))
    desk.arrive(opened("2026-01"))
    desk.arrive(event("bill", invoice("I1"), on="2026-01-15"))
    desk.arrive(event("more", signed(), contract="C1"))  # refused: already signed
    desk.arrive(period_end("2026-01", event_id="close-again"))
    desk.arrive(event("bill2", invoice("I2"), on="2026-01-16"))
    desk.settle()
    bills = {it.event_id: (it.posting_date, it.period) for it in desk.postings}
    assert bills["bill"] == (dt.date(2026, 1, 15), "2026-01")
    assert bills["bill2"] == (dt.date(2026, 2, 1), "2026-02")
    runs = [it.event_id for it in desk.commands if isinstance(it.body, RunRecognition)]
    assert runs == ["close-ACME-US-2026-01", "close-again"]
    assert desk.contract.recognised == 100


def test_a_period_closed_again_after_a_later_one_was_run_is_not_run_again() -> None:
    desk = Desk().sign()
    for told in (period_end("2026-01"), period_end("2026-02"), opened("2026-01")):
        desk.arrive(told)
    desk.arrive(period_end("2026-01", event_id="close-again"))
    desk.settle()
    assert desk.status("close-again") is POSTED
    assert desk.contract.recognised == 200
    assert desk.exceptions == []


def test_what_opens_without_approval_opens_nothing() -> None:
    desk = Desk().sign()
    desk.arrive(period_end("2026-01"))
    desk.arrive(opened("2026-01", by=""))
    desk.arrive(event("bill", invoice("I1"), on="2026-01-15"))
    desk.settle()
    assert desk.postings[-1].posting_date == dt.date(2026, 2, 1)


def test_a_clean_contract_takes_the_lock() -> None:
    desk = Desk().sign()
    desk.arrive(period_end("2026-01"))
    desk.settle()
    desk.arrive(lock("2026-01"))
    assert desk.status("lock") is POSTED
    assert desk.contract.closed["ACME-US"] == Closing("2026-01", locked_through="2026-01")


@pytest.mark.parametrize("stage", ["revenue", "ERP"])
def test_a_lock_is_refused_while_the_period_has_something_open_and_says_what(stage: str) -> None:
    desk = Desk().sign()
    desk.arrive(period_end("2026-01"))
    if stage == "ERP":
        desk.answer(desk.commands[-1])
        desk.book(desk.postings[-1], BUSY)
    desk.arrive(lock("2026-01"))
    (refused,) = desk.exceptions
    assert refused.root_cause is RootCause.CLOSED_PERIOD
    expected = "close-ACME-US-2026-01 awaits revenue recognition" if stage == "revenue" else "has no answer of the ERP"
    assert expected in refused.message
    assert "send PeriodClosed with lock HARD again" in refused.message
    assert desk.contract.closed["ACME-US"].lock_of("2026-01") is PeriodLock.SOFT
    if stage == "ERP":
        desk.book(desk.postings[-1])
    desk.settle()
    desk.arrive(lock("2026-01", "lock-again"))
    assert desk.status("lock-again") is POSTED
    assert desk.contract.closed["ACME-US"].lock_of("2026-01") is PeriodLock.HARD


def test_a_run_of_an_entity_that_performs_keeps_the_books_of_the_one_that_contracts_from_being_locked() -> None:
    desk = Desk()
    desk.arrive(event("signed", signed(line("L1"), line("L2", "600.00", entity="ACME-DE"))))
    desk.settle()
    desk.arrive(period_end("2026-01"))
    desk.settle()
    desk.arrive(period_end("2026-01", entity="ACME-DE"))
    desk.arrive(lock("2026-01"))
    (refused,) = desk.exceptions
    assert "close-ACME-DE-2026-01 awaits revenue recognition" in refused.message
    desk.settle()
    desk.arrive(lock("2026-01", "lock-again"))
    assert desk.status("lock-again") is POSTED


def test_what_waits_and_is_dated_in_the_period_keeps_it_from_being_locked() -> None:
    desk = Desk().sign()
    desk.arrive(event("pay", payment("P1", "I-unknown", "5.00"), on="2026-01-20"))
    desk.arrive(event("later", payment("P2", "I-unknown", "5.00"), on="2026-02-20"))
    desk.arrive(period_end("2026-01"))
    desk.settle()
    desk.arrive(lock("2026-01"))
    (refused,) = desk.exceptions
    assert "PaymentReceived pay waits: invoice I-unknown has not come" in refused.message
    assert "later" not in refused.message


# --- late events that are held


def held() -> Desk:
    desk = Desk(policy(late=LatePolicy.HOLD)).sign()
    desk.arrive(period_end("2026-01"))
    desk.arrive(event("bill", invoice("I1"), on="2026-01-15", sequence=1))
    desk.arrive(event("bill2", invoice("I2"), on="2026-02-15", sequence=2))
    desk.settle()
    return desk


def test_a_held_late_event_waits_for_an_operator_and_nothing_waits_for_it() -> None:
    desk = held()
    assert desk.status("bill") is ProcessingStatus.AWAITING_APPROVAL
    assert desk.status("bill2") is POSTED
    assert [(it.event_id, it.root_cause) for it in desk.exceptions] == [("bill", RootCause.CLOSED_PERIOD)]
    desk.later(days=400)
    assert desk.parked == ["bill"], "time does not decide instead of the operator"
    assert len(desk.exceptions) == 1


def test_a_held_late_event_that_is_approved_is_posted_in_the_open_period_as_an_adjustment() -> None:
    desk = held()
    desk.ask(OperatorAction.APPROVE, "bill")
    desk.settle()
    posting = desk.postings[-1]
    assert (posting.event_id, posting.posting_date) == ("bill", dt.date(2026, 2, 1))
    assert posting.body.description == "Invoice I1, prior-period adjustment of 2026-01"
    assert AuditAction.LATE_POSTED_IN_OPEN_PERIOD in desk.actions("bill")
    assert (desk.status("bill"), desk.contract.sequences) == (POSTED, {"stripe": 2})


def test_a_held_late_event_that_is_rejected_ends_refused() -> None:
    desk = held()
    desk.ask(OperatorAction.REJECT, "bill")
    assert desk.status("bill") is ProcessingStatus.REFUSED
    assert desk.parked == []


def test_a_held_late_event_is_posted_on_its_date_when_its_period_is_opened_again() -> None:
    desk = held()
    desk.arrive(opened("2026-01"))
    desk.settle()
    assert (desk.postings[-1].event_id, desk.postings[-1].posting_date) == ("bill", dt.date(2026, 1, 15))
    assert "adjustment" not in desk.postings[-1].body.description


# --- periods of weeks


def weeks() -> Policy:
    entity = changed(POLICY.entities["ACME-US"], calendar=NEAR_FEBRUARY)
    return changed(POLICY, entities={**POLICY.entities, "ACME-US": entity})


def test_a_period_of_weeks_is_run_to_its_last_day_and_documents_belong_to_the_period_of_their_day() -> None:
    desk = Desk(weeks())
    desk.arrive(event("signed", signed(line(price="3650.00", ssp="3650.00"))))
    desk.settle()
    desk.arrive(event("bill", invoice("I1"), on="2026-02-28"))
    desk.arrive(period_end("2026-01"))  # 1 to 28 February 2026
    desk.arrive(event("late", invoice("I2"), on="2026-02-28"))
    desk.settle()
    run = next(it.body for it in desk.commands if isinstance(it.body, RunRecognition))
    assert run.last_day == dt.date(2026, 2, 28)
    dated = {it.event_id: (it.posting_date.isoformat(), it.period) for it in desk.postings}
    assert dated == {
        "bill": ("2026-02-28", "2026-01"),
        "close-ACME-US-2026-01": ("2026-02-28", "2026-01"),
        "late": ("2026-03-01", "2026-02"),
    }


def test_a_calendar_month_is_run_as_before() -> None:
    desk = Desk().sign()
    desk.arrive(period_end("2026-01"))
    assert desk.commands[-1].body == RunRecognition(period="2026-01")


# --- what is refused at capture


@pytest.mark.parametrize(
    ("told", "pointer", "expected"),
    [
        (opened("2026-01", reason=""), "/body/PeriodOpened/reason", "expected approved_by and reason, both"),
        (opened("2026-01", by=""), "/body/PeriodOpened/approved_by", "expected approved_by and reason, both"),
        (opened("2023-12"), "/body/PeriodOpened/period", "expected 2024-01 or later"),
        (period_end("2023-12"), "/body/PeriodClosed/period", "expected 2024-01 or later"),
        (opened("2026-13"), "/body/PeriodOpened/period", "expected a month like 2026-03"),
    ],
)
def test_a_period_event_that_can_never_take_effect_is_refused(
    told: CommercialEvent, pointer: str, expected: str
) -> None:
    (found,) = violations(told, POLICY)
    assert found.pointer == pointer
    assert expected in found.message


def test_an_approval_of_nothing_is_in_order_for_a_new_period() -> None:
    assert violations(opened("2026-05", by="", reason=""), POLICY) == []


def test_what_a_locked_ledger_refuses_is_not_sent_there() -> None:
    """Once locked, no event of the contract is dated in the period, however it comes."""
    desk = Desk().sign()
    desk.arrive(period_end("2026-01"))
    desk.settle()
    desk.arrive(lock("2026-01"))
    desk.ledger.close_period("ACME-US", "2026-01")
    desk.arrive(event("bill", invoice("I1"), on="2026-01-15"))
    desk.arrive(period_end("2026-01", event_id="again"))
    desk.settle()
    sent = desk.sent(ErpPosting)
    assert [it.period for it in sent if it.event_id in ("bill", "again")] == ["2026-02"]
    assert desk.exceptions == []


# --- the whole road, as the dry run goes it


def test_a_period_event_without_effect_counts_as_an_exception_and_one_contract_is_enough_to_refuse_a_lock() -> None:
    waits = event("pay", payment("P1", "I-none", "5.00"), contract="C2", on="2026-01-20")
    told = [
        event("signed-1", signed(), contract="C1"),
        event("signed-2", signed(), contract="C2"),
        event("signed-3", signed(), contract="C3"),
        waits,
        lock("2026-01", "too-early"),
        period_end("2026-01"),
        opened("2026-01", by="", reason=""),
        lock("2026-01"),
    ]
    world = Stage().in_order(told).world
    ended = {name: status.value for name, status in world.status.items() if status is ProcessingStatus.EXCEPTION}
    assert ended == dict.fromkeys(["too-early", "open-2026-01", "lock"], "EXCEPTION")
    assert sorted(it.context.contract_id for it in world.exceptions.values()) == ["*", "*", "C2"]
    locks = {name: contract.closed["ACME-US"].lock_of("2026-01") for name, contract in world.contracts.items()}
    assert locks == {"C1": PeriodLock.HARD, "C2": PeriodLock.SOFT, "C3": PeriodLock.HARD}


# --- a close of a period that has not come


@pytest.mark.parametrize("on", ["2026-03-31", "2062-03-31"], ids=["dated now", "dated like the period"])
def test_a_mistyped_year_closes_nothing(on: str) -> None:
    mistyped = replace(period_end("2062-03"), effective_date=dt.date.fromisoformat(on))
    (violation,) = violations(mistyped, POLICY)
    assert violation.pointer == "/body/PeriodClosed/period"
    assert "found '2062-03'" in violation.message
    assert "or earlier" in violation.message


def test_the_period_after_that_of_the_close_may_be_closed_and_none_later_in_the_entitys_calendar() -> None:
    weeks = changed(
        POLICY, entities={"ACME-US": changed(POLICY.entities["ACME-US"], calendar=NEAR_FEBRUARY, name="ACME-US")}
    )
    for judged, after_next in ((POLICY, "2026-05"), (weeks, "2026-04")):
        close = replace(period_end(after_next), effective_date=dt.date(2026, 3, 1))  # fiscal February by weeks
        assert [it.rule.value for it in violations(close, judged)] == ["implausible_date"]
        earlier = replace(close, body=PeriodClosed(period=f"2026-0{int(after_next[-1]) - 1}"))
        assert violations(earlier, judged) == []


# --- who performs closes before the books of the one that contracts are locked


ACROSS = signed(line("L1", "1200.00"), line("L2", "600.00", entity="ACME-DE", product_line="services"))


def test_the_books_are_not_locked_while_an_entity_that_performs_for_them_is_open() -> None:
    desk = Desk()
    desk.arrive(event("signed", ACROSS))
    desk.settle()
    desk.arrive(period_end("2026-01"))
    desk.settle()
    desk.arrive(lock("2026-01"))
    (refused,) = desk.exceptions
    assert "ACME-DE performs for ACME-US and has 2026-01 open: close that first" in refused.message
    assert desk.contract.closed["ACME-US"].lock_of("2026-01") is PeriodLock.SOFT
    desk.arrive(period_end("2026-01", entity="ACME-DE"))
    desk.settle()
    desk.arrive(lock("2026-01", "lock-again"))
    assert desk.status("lock-again") is POSTED
    german = replace(lock("2026-01", "german"), context=period_end("2026-01", entity="ACME-DE").context)
    desk.arrive(german)
    assert desk.status("german") is POSTED


def test_a_performer_by_weeks_closes_what_ends_by_the_month_that_is_locked() -> None:
    weeks = changed(
        POLICY, entities={**POLICY.entities, "ACME-DE": changed(POLICY.entities["ACME-DE"], calendar=NEAR_FEBRUARY)}
    )
    # Fiscal 2026-01 begins on 1 February: on 31 January its 2025-12 ends.
    assert performer_open(Closing("2025-12"), "ACME-DE", "ACME-US", "2026-01", weeks) is None
    assert "has 2025-12 open" in str(performer_open(Closing("2025-11"), "ACME-DE", "ACME-US", "2026-01", weeks))
    again = Closing("2025-12", reopened=("2025-10",))
    assert "has 2025-10 open" in str(performer_open(again, "ACME-DE", "ACME-US", "2026-01", weeks))
