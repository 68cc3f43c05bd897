"""Doubt about collection holds revenue back and changes nothing else: afterwards all is as if it had never been."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.revenue.embedded import Book
from connectors.revenue.embedded.collectibility import recognisable
from connectors.revenue.embedded.earning import DAY, earned_by
from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import EstablishContract, EstimateChanged, ReviseEstimate, TerminateContract
from tests.revenue.commands import POINT, CommandBody, Contract, establish, estimate, fulfil, line, terminate
from tests.revenue.histories import histories

FIRST, LAST = dt.date(2025, 12, 1), dt.date(2028, 12, 31)
Drawn = tuple[EstablishContract, list[tuple[str, CommandBody]]]


def assessed(probable: bool) -> ReviseEstimate:
    """Return an assessment of collection."""
    return ReviseEstimate(estimate=EstimateChanged(collection_probable=probable, basis="what the customer can pay"))


def kept(amount: int) -> ReviseEstimate:
    """Return that an amount stays."""
    return ReviseEstimate(estimate=EstimateChanged(consideration_kept=Decimal(amount), basis="the service has ended"))


def lived(signed: EstablishContract, history: list[tuple[str, CommandBody]]) -> Book | None:
    """Return the book after a history, in which something may be refused."""
    contract = Contract()
    for on, body in [("2026-01-01", signed), *history]:
        contract.try_(body, on)
    return contract.book


def test_what_is_kept_is_never_more_than_the_price_whatever_the_order_of_its_dates() -> None:
    contract = Contract()
    terms = establish(line("A", "100"), line("B", "100")).terms
    contract.do(EstablishContract(terms=replace(terms, collection_probable=False)))
    contract.do(kept(150), "2026-03-02")
    assert "50.00 of the price is not recognised" in contract.refused(kept(150), "2026-03-01").reason


@pytest.mark.parametrize("doubted", [False, True])
def test_collection_is_not_assessed_anew_after_the_end(doubted: bool) -> None:
    contract = Contract()
    contract.do(establish(line("A", "100")))
    if doubted:
        contract.do(assessed(False), "2026-01-15")
    contract.do(terminate("0"), "2026-02-01")
    assert contract.refused(assessed(doubted), "2026-02-01").code == RefusalCode.CONTRACT_TERMINATED


def test_what_is_kept_takes_nothing_back_of_what_was_recognised_before_the_doubt() -> None:
    """A is reduced to 60 in doubt, when 100 of it were recognised: what is kept belongs to B alone."""
    contract = Contract()
    contract.do(establish(line("A", "100", pattern=POINT), line("B", "100")))
    contract.do(fulfil("A"), "2026-01-01")
    contract.do(assessed(False), "2026-01-02")
    contract.do(estimate("-40", "A"), "2026-02-01")
    contract.do(kept(30), "2026-03-01")
    book = contract.book
    assert book is not None
    before, after = ([recognisable(book, it, on) for it in book.obligations] for on in (dt.date(2026, 2, 28), LAST))
    assert [late - early for early, late in zip(before, after, strict=True)] == [0, 30_00]
    assert before[0] > book.obligations[0].allocated


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_doubt_holds_back_what_is_earned_in_it_and_nothing_before_or_after(drawn: Drawn, data: st.DataObject) -> None:
    signed, history = drawn[0], [step for step in drawn[1] if not isinstance(step[1], TerminateContract)]
    doubted = data.draw(st.dates(FIRST, LAST))
    resolved = data.draw(st.dates(doubted, LAST))
    first = data.draw(st.integers(0, len(history)))
    second = data.draw(st.integers(first, len(history)))
    told = [
        *history[:first],
        (doubted.isoformat(), assessed(False)),
        *history[first:second],
        (resolved.isoformat(), assessed(True)),
        *history[second:],
    ]
    sure, unsure = lived(signed, history), lived(signed, told)
    if sure is None:
        return
    assert unsure is not None
    assert replace(unsure, doubts=(), executed=sure.executed) == sure
    day = data.draw(st.dates(FIRST, LAST))
    for obligation in unsure.obligations:
        counts = doubted - DAY if doubted <= day < resolved else day
        assert recognisable(unsure, obligation, day) == earned_by(obligation, counts)


@settings(max_examples=100, deadline=None)
@given(histories(), st.data())
def test_a_contract_signed_in_doubt_recognises_nothing_until_it_is_resolved(drawn: Drawn, data: st.DataObject) -> None:
    signed, history = drawn[0], [step for step in drawn[1] if not isinstance(step[1], TerminateContract)]
    in_doubt = EstablishContract(terms=replace(signed.terms, collection_probable=False))
    day = data.draw(st.dates(FIRST, LAST))
    book, sure = lived(in_doubt, history), lived(signed, history)
    if book is None or sure is None:
        return
    assert not any(recognisable(book, obligation, day) for obligation in book.obligations)
    resolved = lived(in_doubt, [*history, (day.isoformat(), assessed(True))])
    assert resolved is not None
    assert [recognisable(resolved, it, day) for it in resolved.obligations] == [
        earned_by(it, day) for it in sure.obligations
    ]
