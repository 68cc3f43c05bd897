"""Whatever happens to a contract, no cent appears, disappears, or moves in time that should not."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from connectors.revenue.embedded import Book
from connectors.revenue.embedded.earning import DAY, earned_by, is_satisfied, schedule, total, unscheduled
from connectors.revenue.embedded.minor_units import digits
from streams.core.money import next_period
from streams.records import (
    EstablishContract,
    ModifyContract,
    RecordBilling,
    RecordFulfilment,
    RevenueAccepted,
    ReviseEstimate,
    TerminateContract,
)
from tests.revenue.commands import CommandBody, Contract, day, invoice, recognition
from tests.revenue.histories import histories

END = dt.date(2040, 12, 31)
EXAMPLES = settings(max_examples=300, deadline=None)

Drawn = tuple[EstablishContract, list[tuple[str, CommandBody]]]


def live(drawn: Drawn) -> tuple[Contract, list[RevenueAccepted]]:
    signed, history = drawn
    contract = Contract()
    answers = [contract.try_(signed)]
    answers += [contract.try_(body, on) for on, body in history]
    return contract, [answer for answer in answers if isinstance(answer, RevenueAccepted)]


@EXAMPLES
@given(histories())
def test_allocations_and_schedules_always_add_up(drawn: Drawn) -> None:
    _, answers = live(drawn)
    for answer in answers:
        event(f"accepted as {answer.treatment}")
        if not answer.allocations:
            continue
        assert sum(entry.allocated for entry in answer.allocations) == answer.transaction_price
        for entry in answer.allocations:
            mine = [item.amount for item in answer.schedule if item.obligation_id == entry.obligation_id]
            assert sum(mine, Decimal(0)) + entry.unscheduled == entry.allocated
            assert all(mine)
        order = {entry.obligation_id: at for at, entry in enumerate(answer.allocations)}
        keys = [(order[item.obligation_id], item.period) for item in answer.schedule]
        assert keys == sorted(set(keys))


@EXAMPLES
@given(histories())
def test_the_platform_never_breaks_its_own_invariants(drawn: Drawn) -> None:
    signed, history = drawn
    contract = Contract()
    for on, body in [("2026-01-01", signed), *history]:
        answer = contract.try_(body, on)
        if not isinstance(answer, RevenueAccepted):
            event(f"refused as {answer.code}")
            assert answer.code != "VALIDATION_FAILED", answer.reason


@EXAMPLES
@given(histories())
def test_a_change_never_changes_what_was_earned_before_its_date(drawn: Drawn) -> None:
    signed, history = drawn
    contract = Contract()
    contract.try_(signed)
    for on, body in history:
        before = contract.book
        contract.try_(body, on)
        if before is None or not isinstance(
            body, ModifyContract | ReviseEstimate | TerminateContract | RecordFulfilment
        ):
            continue
        after = {obligation.obligation_id: obligation for obligation in (contract.book or before).obligations}
        # The last day of service is the effective date of a termination, and earns what is retained.
        eve = day(on) - DAY
        for obligation in before.obligations:
            for earlier in (eve, eve - 17 * DAY, eve - 100 * DAY):
                assert earned_by(after[obligation.obligation_id], earlier) == earned_by(obligation, earlier)


@EXAMPLES
@given(histories())
def test_the_schedule_is_the_difference_of_cumulative_earnings(drawn: Drawn) -> None:
    contract, _ = live(drawn)
    for obligation in contract.book.obligations if contract.book else ():
        months = dict(schedule(obligation))
        before, first = 0, dt.date(2025, 1, 1)
        while first < dt.date(2030, 1, 1):
            following = (first.replace(day=28) + 4 * DAY).replace(day=1)
            upto = earned_by(obligation, following - DAY)
            assert months.get(f"{first:%Y-%m}", 0) == upto - before
            before, first = upto, following
        assert sum(months.values()) == total(obligation.segments) == earned_by(obligation, END)


@EXAMPLES
@given(histories())
def test_nothing_stays_open_where_nothing_is_left_to_perform(drawn: Drawn) -> None:
    contract, _ = live(drawn)
    for obligation in contract.book.obligations if contract.book else ():
        if is_satisfied(obligation, END):
            assert unscheduled(obligation) == 0


@EXAMPLES
@given(histories(), st.sets(st.integers(0, 40), max_size=12), st.lists(st.integers(0, 40), min_size=8, max_size=8))
def test_any_split_into_runs_recognises_the_same_total(drawn: Drawn, stops: set[int], arrivals: list[int]) -> None:
    contract, _ = live(drawn)
    signed, history = drawn
    split = Contract()
    split.try_(signed)
    waiting = list(zip(sorted(arrivals), history, strict=False))
    assert len(waiting) == len(history)
    period = "2026-01"
    for at in range(41):
        while waiting and waiting[0][0] <= at:
            _, (on, body) = waiting.pop(0)
            split.try_(body, on)
        if at in stops and split.book is not None:
            split.do(recognition(period), entity="US01")
            split.do(recognition(period), entity="DE01")
        period = next_period(period)
    if contract.book is None or split.book is None:
        assert contract.book is split.book
        return
    for each in (contract, split):
        for entity in ("US01", "DE01"):
            each.do(recognition("2040-12"), entity=entity)
            assert each.do(recognition("2040-12"), entity=entity).recognised == ()
    for obligation in contract.book.obligations:
        assert obligation.recognised == obligation.allocated - unscheduled(obligation)
    assert [o.recognised for o in split.book.obligations] == [o.recognised for o in contract.book.obligations]
    still_open = sum(unscheduled(obligation) for obligation in contract.book.obligations)
    assert contract.book.recognised + still_open == contract.book.transaction_price


@EXAMPLES
@given(histories(), st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_what_is_to_go_back_is_part_of_what_is_billed_and_not_recognised(drawn: Drawn, stops: list[int]) -> None:
    signed, history = drawn
    contract = Contract()
    contract.try_(signed)
    contract.try_(invoice("I-0", **{signed.terms.lines[0].line_id: "200000"}))
    periods = iter(("2026-03", "2026-06", "2026-12", "2027-06"))
    for at, (on, body) in enumerate(history):
        before = contract.book
        answer = contract.try_(body, on)
        if isinstance(answer, RevenueAccepted) and before is not None and not isinstance(body, RecordBilling):
            assert answer.refund_liability_total == Decimal(before.refund_liability).scaleb(-digits(before.currency))
        for _ in range(stops.count(at) if contract.book is not None else 0):
            contract.do(recognition(next(periods)), entity="US01")
        book = contract.book
        if book is not None:
            event(f"refund liability {'stands' if book.refund_liability else 'is nothing'}")
            assert 0 <= book.refund_liability <= max(0, book.billed - book.recognised)


@EXAMPLES
@given(histories())
def test_a_book_is_stored_and_read_unchanged(drawn: Drawn) -> None:
    contract, _ = live(drawn)
    if contract.book is not None:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(contract.book), type=Book) == contract.book
