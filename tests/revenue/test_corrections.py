"""Correcting an earlier event gives the book that would have been without the mistake; the next run posts the rest."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.revenue.embedded import Book, recognise
from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import (
    EstablishContract,
    ModifyContract,
    RecordFulfilment,
    RevenueAccepted,
    RevenueRejected,
    ReviseEstimate,
    TerminateContract,
)
from tests.revenue.commands import (
    MONTHLY,
    POINT,
    CommandBody,
    Contract,
    amend,
    change,
    command,
    establish,
    estimate,
    fulfil,
    invoice,
    line,
    months,
    recognition,
    renew,
    terminate,
    undo,
    usage,
)
from tests.revenue.histories import histories


def correcting(contract: Contract, target: str, body: CommandBody, on: str) -> RevenueAccepted | RevenueRejected:
    """Send a command in the place of an accepted one."""
    version = contract.accepted[target].context.contract_version
    entity = contract.accepted[target].context.legal_entity
    contract.count += 1
    sent = command(body, on, version=version, command_id=f"k{contract.count}", entity=entity)
    sent = replace(sent, corrects_command_id=target)
    contract.book, answer = recognise(contract.book, sent, contract.accepted)
    if isinstance(answer, RevenueAccepted):
        contract.accepted[sent.command_id] = sent
    return answer


def corrected(contract: Contract, target: str, body: CommandBody, on: str) -> RevenueAccepted:
    """Send a correction that must be accepted."""
    answer = correcting(contract, target, body, on)
    assert isinstance(answer, RevenueAccepted), answer
    return answer


def refused(contract: Contract, target: str, body: CommandBody, on: str) -> RevenueRejected:
    """Send a correction that must be refused, and leave the book as it was."""
    before = contract.book
    answer = correcting(contract, target, body, on)
    assert isinstance(answer, RevenueRejected), answer
    assert contract.book is before
    return answer


def amended_in_april() -> Contract:
    """Return a contract of 1,200 for 2026, stated at 1,560 from April on, recognised up to June."""
    contract = Contract()
    contract.do(establish(line("L1", "1200", pattern=MONTHLY)))
    contract.do(amend(change("L1", "1560", "1200")), "2026-04-01")
    contract.do(recognition("2026-06"))
    return contract


def test_a_corrected_amendment_is_replayed_and_the_next_run_posts_the_difference() -> None:
    contract = amended_in_april()
    # 300 by March; 1,260 over April to December, 140 a month: 300 + 420 by June.
    assert contract.book is not None
    assert contract.book.recognised == 72000
    answer = corrected(contract, "c2", amend(change("L1", "1380", "1200")), "2026-04-01")
    assert str(answer.transaction_price) == "1380.00"
    assert months(answer, "L1")["2026-05"] == "120.00"
    assert str(answer.recognised_total) == "720.00", "what was recognised stays until the next run"
    assert answer.decisions[0].reason.startswith("in the place of t-c2: changed, price 1200.00 to 1380.00")
    run = contract.do(recognition("2026-07"))
    # 300 + 4 * 120 = 780 by July, of which 720 is recognised.
    assert [str(part.amount) for part in run.recognised] == ["60.00"]


def test_what_came_after_the_corrected_command_stands_on_top_of_it() -> None:
    contract = amended_in_april()
    contract.do(estimate("90", "L1"), "2026-07-01")
    answer = corrected(contract, "c1", establish(line("L1", "1320", pattern=MONTHLY)), "2026-01-01")
    # 1,320 signed, 330 of it by March; the amendment states 1,560; the estimate adds 90.
    assert str(answer.transaction_price) == "1650.00"
    assert months(answer, "L1")["2026-01"] == "110.00"
    assert contract.book is not None
    assert contract.book.version == 2


def test_a_correction_is_corrected_by_naming_the_correction() -> None:
    contract = amended_in_april()
    corrected(contract, "c2", amend(change("L1", "9999", "1200")), "2026-04-01")
    answer = corrected(contract, "k4", amend(change("L1", "1380", "1200")), "2026-04-01")
    assert str(answer.transaction_price) == "1380.00"
    again = refused(contract, "c2", amend(change("L1", "1", "1")), "2026-04-01")
    assert again.code == RefusalCode.ALREADY_REVERSED
    assert "Correct what took its place" in again.reason


def test_a_correction_may_move_the_date() -> None:
    contract = amended_in_april()
    answer = corrected(contract, "c2", amend(change("L1", "1560", "1200")), "2026-07-01")
    assert months(answer, "L1")["2026-06"] == "100.00"
    assert months(answer, "L1")["2026-07"] == "160.00"


def test_revenue_of_a_line_that_is_no_more_is_taken_back_by_the_next_run() -> None:
    contract = Contract()
    contract.do(establish(line("L1", "1200", pattern=MONTHLY)))
    contract.do(amend(added=[line("L2", "600", pattern=MONTHLY, product_line="seats")]), "2026-01-01")
    contract.do(recognition("2026-01"))
    answer = corrected(contract, "c2", amend(added=[line("L3", "240", pattern=MONTHLY)]), "2026-01-01")
    assert str(answer.transaction_price) == "1440.00"
    run = contract.do(recognition("2026-02"))
    assert {part.obligation_id: str(part.amount) for part in run.recognised} == {
        "L1": "100.00",
        "L2": "-50.00",
        "L3": "40.00",
    }
    assert [part.product_line for part in run.recognised if part.obligation_id == "L2"] == ["seats"]
    assert contract.book is not None
    assert contract.book.recognised == 24000


def test_a_corrected_product_line_or_entity_takes_back_there_and_recognises_here() -> None:
    contract = Contract()
    contract.do(establish(line("L1", "1200", pattern=MONTHLY)))
    contract.do(recognition("2026-01"))
    corrected(contract, "c1", establish(line("L1", "1200", pattern=MONTHLY, product_line="seats")), "2026-01-01")
    run = contract.do(recognition("2026-02"))
    assert {part.product_line: str(part.amount) for part in run.recognised} == {
        "platform": "-100.00",
        "seats": "200.00",
    }
    corrected(contract, "k3", establish(line("L1", "1200", pattern=MONTHLY, entity="DE01")), "2026-01-01")
    given_up = contract.do(recognition("2026-03"))
    assert [(it.legal_entity, it.product_line, str(it.amount)) for it in given_up.recognised] == [
        ("US01", "seats", "-200.00")
    ]
    taken_up = contract.do(recognition("2026-03"), entity="DE01")
    assert [(it.legal_entity, it.product_line, str(it.amount)) for it in taken_up.recognised] == [
        ("DE01", "platform", "300.00")
    ]


def test_a_product_line_that_is_corrected_there_and_back_recognises_nothing_twice() -> None:
    contract = Contract()
    platform = establish(line("L1", "1200", pattern=MONTHLY))
    contract.do(platform)
    contract.do(recognition("2026-01"))
    corrected(contract, "c1", establish(line("L1", "1200", pattern=MONTHLY, product_line="seats")), "2026-01-01")
    corrected(contract, "k3", platform, "2026-01-01")
    run = contract.do(recognition("2026-02"))
    assert [(it.obligation_id, it.product_line, str(it.amount)) for it in run.recognised] == [
        ("L1", "platform", "100.00")
    ]
    assert contract.book is not None
    assert [it.obligation_id for it in contract.book.obligations] == ["L1"]


def test_a_fulfilment_that_was_reported_for_the_wrong_day_is_corrected() -> None:
    contract = Contract()
    contract.do(establish(line("L1", "300", pattern=POINT)))
    contract.do(fulfil("L1"), "2026-01-31")
    contract.do(recognition("2026-01"))
    corrected(contract, "c2", fulfil("L1"), "2026-02-02")
    run = contract.do(recognition("2026-02"))
    assert run.recognised == (), "300 stays recognised: by the end of February it is earned"


def test_what_was_taken_back_meanwhile_stays_taken_back() -> None:
    contract = Contract()
    contract.do(establish(line("L1", "1200", pattern=MONTHLY)))
    contract.do(invoice("I-1", L1="1200"))
    contract.do(undo("c2"))
    contract.do(invoice("I-2", L1="1100"))
    answer = corrected(contract, "c1", establish(line("L1", "1100", pattern=MONTHLY)), "2026-01-01")
    assert str(answer.billed_total) == "1100.00"


def test_a_correction_that_a_later_command_cannot_stand_on_names_that_command() -> None:
    contract = Contract()
    contract.do(establish(line("L1", "1200"), line("L2", "300", pattern=POINT)))
    contract.do(fulfil("L2"), "2026-02-01")
    answer = refused(contract, "c1", establish(line("L1", "1200")), "2026-01-01")
    assert answer.code == RefusalCode.REPLAY_REFUSED
    assert "RecordFulfilment t-c2 of 2026-02-01 could not be executed any more: line L2 is not a line" in answer.reason


def test_a_correction_must_be_of_the_same_kind_version_entity_and_currency() -> None:
    contract = amended_in_april()
    assert refused(contract, "c2", terminate("0"), "2026-04-01").code == RefusalCode.CORRECTION_INVALID
    assert refused(contract, "c2", renew(line("R", "1")), "2026-04-01").code == RefusalCode.CORRECTION_INVALID
    assert refused(contract, "c1", establish(line("L1", "1"), currency="EUR"), "2026-01-01").code == (
        RefusalCode.CORRECTION_INVALID
    )
    sent = replace(command(amend(change("L1", "1", "1")), version=3, command_id="k"), corrects_command_id="c2")
    _, answer = recognise(contract.book, sent, contract.accepted)
    assert isinstance(answer, RevenueRejected)
    assert answer.code == RefusalCode.VERSION_CONFLICT


def test_a_correction_of_a_command_that_was_refused_is_executed_as_it_is() -> None:
    contract = Contract()
    contract.do(establish(line("L1", "1200", pattern=MONTHLY)))
    contract.refused(estimate("-9999", "L1"))
    sent = replace(command(estimate("-12", "L1"), command_id="k"), corrects_command_id="c2")
    book, answer = recognise(contract.book, sent, contract.accepted)
    assert isinstance(answer, RevenueAccepted)
    assert book is not None
    assert book.transaction_price == 118800


Drawn = tuple[EstablishContract, list[tuple[str, CommandBody]]]
Elsewhere = dict[str, str]
ELSEWHERE: list[Elsewhere] = [{}, {"product_line": "elsewhere"}, {"legal_entity": "DE01"}, {"legal_entity": "US01"}]


def mistaken(body: CommandBody, by: int, elsewhere: Elsewhere) -> CommandBody | None:
    """Return a command with a mistake in an amount or in where it is recognised, or None where it cannot have one."""
    match body:
        case EstablishContract(terms=terms) if by or elsewhere:
            first = replace(terms.lines[0], price=terms.lines[0].price + by, **elsewhere)
            return EstablishContract(terms=replace(terms, lines=(first, *terms.lines[1:])))
        case ModifyContract(change=amended) if amended.added_lines and (by or elsewhere):
            first = replace(amended.added_lines[0], price=amended.added_lines[0].price + by, **elsewhere)
            return replace(body, change=replace(amended, added_lines=(first, *amended.added_lines[1:])))
        case ModifyContract(change=amended) if amended.changed_lines and by:
            changed = replace(amended.changed_lines[0], price=amended.changed_lines[0].price + by)
            return replace(body, change=replace(amended, changed_lines=(changed, *amended.changed_lines[1:])))
        case ReviseEstimate() if by:
            return replace(body, estimate=replace(body.estimate, price_change=body.estimate.price_change + by))
        case TerminateContract() if by:
            return replace(body, termination=replace(body.termination, fee=body.termination.fee + by))
        case ModifyContract() | ReviseEstimate() | TerminateContract() | RecordFulfilment() | EstablishContract():
            return body
        case _:
            return None


def earning(book: Book | None) -> object:
    """Return what a book has to say apart from what the runs wrote and how many commands it took."""
    assert book is not None
    obligations = tuple(
        replace(obligation, recognised=0) for obligation in book.obligations if obligation.segments or obligation.ssp
    )
    variable = tuple(replace(item, expected_back=0) for item in book.variable)
    return replace(
        book,
        obligations=obligations,
        variable=variable,
        refund_liability=0,
        runs=(),
        executed=0,
        reversed_commands=(),
    )


def run_everywhere(contract: Contract, period: str, booked: dict[tuple[str, str], Decimal]) -> None:
    """Run a period for both entities, and add up what is recognised by entity and product line."""
    for entity in ("US01", "DE01"):
        for part in contract.do(recognition(period), entity=entity).recognised:
            place = part.legal_entity, part.product_line
            booked[place] = booked.get(place, Decimal(0)) + part.amount


@settings(max_examples=400, deadline=None)
@given(
    histories(),
    st.integers(0, 7),
    st.integers(0, 50),
    st.sampled_from(ELSEWHERE),
    st.integers(0, 40),
    st.sets(st.integers(1, 8), max_size=4),
)
def test_a_corrected_history_is_the_history_without_the_mistake(
    drawn: Drawn, at: int, by: int, elsewhere: Elsewhere, late: int, runs: set[int]
) -> None:
    signed, history = drawn
    commands: list[tuple[str, CommandBody]] = [("2026-01-01", signed), *history]
    at %= len(commands)
    on, body = commands[at]
    mistake = mistaken(body, by, elsewhere)
    if mistake is None:
        return
    wrong_day = (dt.date.fromisoformat(on) + dt.timedelta(days=late if at else 0)).isoformat()
    wrong, right = Contract(), Contract()
    booked: list[tuple[Contract, dict[tuple[str, str], Decimal]]] = [(wrong, {}), (right, {})]
    period = 1
    for number, (day, each) in enumerate(commands):
        right.try_(each, day)
        wrong.try_(mistake if number == at else each, wrong_day if number == at else day)
        if number in runs and right.book is not None and wrong.book is not None:
            for contract, sums in booked:
                run_everywhere(contract, f"2026-{period:02d}", sums)
            period += 1
    target = next((name for name, sent in wrong.accepted.items() if sent.body is mistake), None)
    if target is None or set(right.accepted) != set(wrong.accepted):
        event("another command is refused because of the mistake")
        return
    event(f"corrected: {type(body).__name__}")
    corrected(wrong, target, body, on)
    assert earning(wrong.book) == earning(right.book)
    for contract, sums in booked:
        run_everywhere(contract, "2040-12", sums)
    assert wrong.book is not None
    assert right.book is not None
    mine = {it.obligation_id: it.recognised for it in wrong.book.obligations if it.recognised}
    assert mine == {it.obligation_id: it.recognised for it in right.book.obligations if it.recognised}
    (_, wrongly), (_, rightly) = booked
    assert {place: sums for place, sums in wrongly.items() if sums} == {
        place: sums for place, sums in rightly.items() if sums
    }, "each entity and product line has what it would have without the mistake"
    assert (wrong.book.variable, wrong.book.refund_liability) == (right.book.variable, right.book.refund_liability)


def test_usage_is_corrected_by_reversal_and_then_replays_as_what_it_became() -> None:
    contract = Contract()
    meter = line("U", "0", pattern=line("x", "0").pattern.USAGE)
    contract.do(establish(line("L1", "1200", pattern=MONTHLY), meter))
    contract.do(usage("U", "40", "2026-01-31"))
    contract.do(undo("c2"))
    contract.do(usage("U", "30", "2026-01-31"))
    answer = corrected(contract, "c1", establish(line("L1", "600", pattern=MONTHLY), meter), "2026-01-01")
    assert answer.transaction_price == Decimal("630.00")
