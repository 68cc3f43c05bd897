"""What changes nothing changes no number, what is independent commutes, and a stored book goes on where it was."""

from __future__ import annotations

import datetime as dt

import msgspec
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.revenue.embedded import Book
from connectors.revenue.embedded.minor_units import to_amount
from streams.records import (
    AccountingTreatment,
    EstablishContract,
    LineChange,
)
from tests.revenue.commands import (
    POINT,
    USAGE,
    CommandBody,
    Contract,
    amend,
    fulfil,
    invoice,
    line,
    recognition,
    renew,
    usage,
)
from tests.revenue.histories import histories

EXAMPLES = settings(max_examples=300, deadline=None)

Drawn = tuple[EstablishContract, list[tuple[str, CommandBody]]]


def lived(drawn: Drawn) -> Contract:
    """Return a contract after everything that happened to it."""
    signed, history = drawn
    contract = Contract()
    contract.try_(signed)
    for on, body in history:
        contract.try_(body, on)
    return contract


def terms_in_force(book: Book) -> list[LineChange]:
    """Return every line that can change, with the terms that it has."""
    own = {obligation.obligation_id: obligation for obligation in book.obligations}
    return [
        LineChange(
            line_id=line.line_id,
            price=to_amount(line.price, book.currency),
            ssp=to_amount(line.ssp, book.currency),
            quantity=line.quantity,
            end_date=own[line.obligation_id].end,
        )
        for line in book.lines
        if own[line.obligation_id].removed_on is None and not own[line.obligation_id].commitment
    ]


@EXAMPLES
@given(histories(), st.dates(dt.date(2026, 1, 1), dt.date(2027, 6, 30)), st.data())
def test_a_modification_that_changes_nothing_changes_no_number(drawn: Drawn, on: dt.date, data: st.DataObject) -> None:
    contract = lived(drawn)
    before = contract.book
    assume(before is not None)
    assert before is not None
    same = terms_in_force(before)
    assume(same and before.terminated_on is None)
    chosen = data.draw(st.lists(st.sampled_from(same), min_size=1, unique_by=lambda it: it.line_id))
    answer = contract.do(amend(*chosen), str(on))
    assert answer.treatment is AccountingTreatment.NOT_A_MODIFICATION
    assert {decision.treatment for decision in answer.decisions} == {AccountingTreatment.NOT_A_MODIFICATION}
    assert contract.book == replace(before, version=before.version + 1, executed=before.executed + 1)


@EXAMPLES
@given(histories(), st.integers(0, 8))
def test_a_history_that_is_split_anywhere_and_resumed_from_the_stored_book_gives_the_same(
    drawn: Drawn, at: int
) -> None:
    signed, history = drawn
    whole, resumed = Contract(), Contract()
    for number, (on, body) in enumerate([("2026-01-01", signed), *history]):
        if number >= at and resumed.book is not None:
            stored = msgspec.msgpack.encode(resumed.book)
            resumed.book = msgspec.msgpack.decode(stored, type=Book)
        assert resumed.try_(body, on) == whole.try_(body, on)
        if whole.book is not None and resumed.book is not None:
            assert resumed.do(recognition("2027-12")) == whole.do(recognition("2027-12"))
    assert resumed.book == whole.book


def independent(name: str) -> CommandBody:
    """Return something that can happen to a contract, by itself; on lines of its own."""
    known: dict[str, CommandBody] = {
        "bill": invoice("I-9", X1="10"),
        "use": usage("X2", "7", "2026-05-31"),
        "use more": usage("X2", "5", "2026-05-31"),
        "deliver": fulfil("X3"),
        "deliver another": fulfil("X4"),
        "add at SSP": amend(added=[line("X5", "70")]),
        "renew": renew(line("X6", "90")),
    }
    return known[name]


NAMES = ["bill", "use", "use more", "deliver", "deliver another", "add at SSP", "renew"]


def figures(book: Book | None) -> object:
    """Return a book without the order of its parts and the numbers of its groups."""
    assert book is not None
    obligations = {
        it.obligation_id: replace(it, group=0, segments=tuple(sorted(it.segments, key=lambda s: (s.start, s.end))))
        for it in book.obligations
    }
    lines = {it.line_id: it for it in book.lines}
    return obligations, lines, replace(book, obligations=(), lines=(), executed=0)


@EXAMPLES
@given(histories(), st.permutations(NAMES), st.permutations(NAMES), st.integers(2, len(NAMES)))
def test_events_of_one_day_that_are_independent_commute(
    drawn: Drawn, order: list[str], another: list[str], many: int
) -> None:
    names = order[:many]
    signed, history = drawn
    more = (
        line("X1", "120"),
        line("X2", "0", pattern=USAGE),
        line("X3", "50", pattern=POINT),
        line("X4", "60", pattern=POINT),
    )
    signed = replace(signed, terms=replace(signed.terms, lines=(*signed.terms.lines, *more)))
    one, other = lived((signed, history)), lived((signed, history))
    assume(one.book is not None)
    answers = {name: one.try_(independent(name), "2026-06-15") for name in names}
    for name in (name for name in another if name in names):
        answer = other.try_(independent(name), "2026-06-15")
        assert type(answer) is type(answers[name]), (name, answer, answers[name])
        event(f"{name}: {type(answer).__name__}")
    assert figures(one.book) == figures(other.book)
