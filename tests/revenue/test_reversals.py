"""What was told and should not have been is taken back: the book is as it would have been without it."""

from __future__ import annotations

import datetime as dt

from hypothesis import event, given, settings
from hypothesis import strategies as st

from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import (
    CreditEffect,
    EstablishContract,
    RecordBilling,
    RecordFulfilment,
    RevenueAccepted,
    ReviseEstimate,
)
from tests.revenue.commands import (
    MONTHLY,
    POINT,
    CommandBody,
    Contract,
    amend,
    change,
    credit,
    establish,
    estimate,
    fulfil,
    line,
    months,
    recognition,
    undo,
)
from tests.revenue.examples.told import Told
from tests.revenue.examples.told import line as told_line
from tests.revenue.histories import histories
from tests.revenue.test_corrections import earning
from tests.revenue.test_corrections_told import superseding

Drawn = tuple[EstablishContract, list[tuple[str, CommandBody]]]


def subscription() -> Contract:
    """Return a contract of 1,200 for 2026 by month, and 300 for what is fulfilled once."""
    contract = Contract()
    contract.do(establish(line("L1", "1200", pattern=MONTHLY), line("L2", "300", pattern=POINT)))
    return contract


def test_a_fulfilment_that_never_was_is_taken_back_and_the_next_run_takes_back_its_revenue() -> None:
    contract = subscription()
    contract.do(fulfil("L2"), "2026-01-20")
    contract.do(recognition("2026-01"))
    answer = contract.do(undo("c2"), "2026-02-10")
    assert "L2" not in {entry.obligation_id for entry in answer.schedule}
    assert "RecordFulfilment t-c2 of 2026-01-20 is taken back" in answer.decisions[0].reason
    run = contract.do(recognition("2026-02"))
    assert {part.obligation_id: str(part.amount) for part in run.recognised} == {"L1": "100.00", "L2": "-300.00"}
    contract.do(fulfil("L2"), "2026-03-01")
    assert contract.refused(undo("c2"), "2026-03-02").code == RefusalCode.ALREADY_REVERSED


def test_an_estimate_is_taken_back_below_what_came_after_it() -> None:
    contract = subscription()
    contract.do(estimate("120", "L1"), "2026-04-01")
    contract.do(amend(change("L1", "1560", "1200")), "2026-07-01")
    answer = contract.do(undo("c2"), "2026-08-10")
    assert (str(answer.transaction_price), str(answer.treatment)) == ("1860.00", "PRICE_CHANGE")
    assert months(answer, "L1")["2026-06"] == "100.00"
    assert months(answer, "L1")["2026-07"] == "140.00", "600 and 360 and what waits, by 600 and 300 of SSP"


def test_a_credit_that_should_not_have_reduced_the_price_is_taken_back() -> None:
    contract = subscription()
    contract.do(credit("CN", reduces_price=True, L1="120"), "2026-04-01")
    answer = contract.do(undo("c2"), "2026-08-10")
    assert (str(answer.transaction_price), str(answer.billed_total)) == ("1500.00", "0.00")
    assert set(months(answer, "L1").values()) == {"100.00"}


def test_what_a_later_command_stands_on_is_not_taken_back() -> None:
    contract = subscription()
    contract.do(estimate("1000", "L1"), "2026-04-01")
    contract.do(estimate("-2200", "L1"), "2026-04-02")
    answer = contract.refused(undo("c2"), "2026-08-10")
    assert answer.code == RefusalCode.REPLAY_REFUSED
    assert "Without ReviseEstimate t-c2 of 2026-04-01, ReviseEstimate t-c3 of 2026-04-02" in answer.reason


@settings(max_examples=300, deadline=None)
@given(histories(), st.integers(0, 6), st.sets(st.integers(0, 6), max_size=3))
def test_a_history_with_a_step_taken_back_is_the_history_without_it(drawn: Drawn, at: int, runs: set[int]) -> None:
    signed, history = drawn
    at %= len(history)
    body = history[at][1]
    reduces = isinstance(body, RecordBilling) and body.effect is CreditEffect.PRICE_REDUCTION
    if not (reduces or isinstance(body, RecordFulfilment | ReviseEstimate)):
        return
    told, never = Contract(), Contract()
    for contract in (told, never):
        contract.try_(signed)
    for number, (on, each) in enumerate(history):
        told.try_(each, on)
        if number == at:
            never.count += 1
        else:
            never.try_(each, on)
        if number in runs:
            for contract in (told, never):
                contract.try_(recognition(f"2026-{number + 1:02d}"))
    target = next((name for name, sent in told.accepted.items() if sent.body is body), None)
    if target is None or set(told.accepted) - {target} != set(never.accepted):
        event("another command is accepted or refused because of it")
        return
    event(f"taken back: {type(body).__name__}")
    answer = told.do(undo(target), dt.date(2027, 7, 1).isoformat())
    assert isinstance(answer, RevenueAccepted)
    assert earning(told.book) == earning(never.book)
    for contract in (told, never):
        for entity in ("US01", "DE01"):
            contract.do(recognition("2040-12"), entity=entity)
    assert told.book is not None
    assert never.book is not None
    assert {it.obligation_id: it.recognised for it in told.book.obligations} == {
        it.obligation_id: it.recognised for it in never.book.obligations
    }
    assert (told.book.variable, told.book.refund_liability) == (never.book.variable, never.book.refund_liability)


def test_a_source_takes_a_fulfilment_back_by_one_that_tells_no_progress() -> None:
    told = Told().sign(told_line("L1", "RATABLE_MONTHLY", "1200"), told_line("L2", "POINT_IN_TIME", "300"))
    told.tell("ObligationFulfilled", "2026-01-20", line_id="L2", percent="100").close("2026-01")
    superseding(told, "ObligationFulfilled", "2026-01-20", "T2", 1, line_id="L2", percent="0")
    result = told.close("2026-02").run()
    assert (result.recognised, result.months("L2")) == ("200.00", {})
    told.tell("ObligationFulfilled", "2026-03-05", line_id="L2", percent="100").close("2026-03")
    assert told.run().recognised == "600.00"
    # Without something to take back it is a mistake.
    alone = Told().sign(told_line("L2", "POINT_IN_TIME", "300"))
    assert "/percent" in alone.tell("ObligationFulfilled", "2026-01-20", line_id="L2", percent="0").refused()


def test_a_credit_that_reduced_the_price_is_corrected() -> None:
    told = Told().sign(told_line("L1", "RATABLE_MONTHLY", "1200")).bill("2026-01-01", L1="1200")

    def credited(net: str, effect: str) -> dict[str, object]:
        return {
            "credit_id": "CN",
            "invoice_id": "INV-1",
            "currency": "USD",
            "effect": effect,
            "lines": [{"line_id": "L1", "net": net}],
        }

    told.tell("CreditIssued", "2026-02-10", **credited("600", "PRICE_REDUCTION")).close("2026-01", "2026-02")
    superseding(told, "CreditIssued", "2026-02-10", "T3", 1, **credited("60", "PRICE_REDUCTION"))
    result = told.close("2026-03").run()
    assert (result.price, result.balance("receivable")) == ("1140.00", "1140.00")
    assert sum(float(amount) for amount in result.months("L1").values()) == 1140
    assert result.contract["tie_out"]["tied_out"]
