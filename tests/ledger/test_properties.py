"""What holds for any list of postings."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.erp.ledger import EmbeddedLedger
from streams.core.money import minor_unit
from streams.records import ErpPosting, JournalLine, PostingAccepted, PostingRejected
from tests.ledger.postings import ACCOUNTS, ENTITIES, posting

CURRENCIES = ("USD", "EUR", "JPY", "BHD")


@st.composite
def journals(draw: st.DrawFn, currency: str) -> list[JournalLine]:
    """Mostly balanced journals; now and then one that is not."""
    unit = minor_unit(currency)
    amounts = draw(st.lists(st.integers(1, 10**9), min_size=0, max_size=4))
    lines = [JournalLine(account=draw(st.sampled_from(ACCOUNTS)), debit=n * unit, credit=Decimal(0)) for n in amounts]
    total = sum(amounts) + draw(st.sampled_from((0, 0, 0, 0, 1)))
    if total:
        lines.append(JournalLine(account=draw(st.sampled_from(ACCOUNTS)), debit=Decimal(0), credit=total * unit))
    return lines


@st.composite
def postings(draw: st.DrawFn) -> ErpPosting:
    currency = draw(st.sampled_from(CURRENCIES))
    return posting(
        draw(st.sampled_from("abcdefgh")),
        draw(journals(currency)),
        entity=draw(st.sampled_from((*ENTITIES, "ACME-XX"))),
        currency=currency,
        date=draw(st.dates(dt.date(2025, 5, 1), dt.date(2026, 2, 28))),
        contract=draw(st.sampled_from(("C-1", "C-2"))),
    )


def fresh() -> EmbeddedLedger:
    return EmbeddedLedger("sqlite://", ACCOUNTS, ENTITIES)


def in_calls(ledger: EmbeddedLedger, many: Sequence[ErpPosting], cuts: Sequence[int]) -> list[object]:
    answers: list[object] = []
    bounds = [0, *sorted(cut % (len(many) + 1) for cut in cuts), len(many)]
    for start, end in pairwise(bounds):
        answers.extend(ledger.post(many[start:end]))
    return answers


@given(st.lists(postings(), max_size=20))
@settings(deadline=None)
def test_the_trial_balance_is_zero_for_every_entity_and_currency(many: list[ErpPosting]) -> None:
    ledger = fresh()
    answers = ledger.post(many)
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for balance in ledger.balances():
        totals[balance.legal_entity, balance.currency] += balance.balance
    assert not any(totals.values())
    accepted = {p.command_id for p, a in zip(many, answers, strict=True) if isinstance(a, PostingAccepted)}
    assert {entry.command_id for entry in ledger.entries()} == accepted


@given(st.lists(postings(), max_size=20), st.lists(st.integers(0, 20), max_size=4))
@settings(deadline=None)
def test_how_postings_are_split_into_calls_makes_no_difference(many: list[ErpPosting], cuts: list[int]) -> None:
    at_once, split = fresh(), fresh()
    assert at_once.post(many) == in_calls(split, many, cuts)
    assert list(at_once.entries()) == list(split.entries())


@given(st.lists(postings(), min_size=1, max_size=12), st.data())
@settings(deadline=None)
def test_repeating_any_of_them_in_any_order_changes_nothing(many: list[ErpPosting], data: st.DataObject) -> None:
    ledger = fresh()
    first = dict(zip([p.command_id for p in many], ledger.post(many), strict=True))
    accepted = {key for key, answer in first.items() if isinstance(answer, PostingAccepted)}
    before = list(ledger.entries())
    repeats = [p for p in data.draw(st.lists(st.sampled_from(many), max_size=20)) if p.command_id in accepted]
    answers = ledger.post(repeats)
    assert answers == [first[p.command_id] for p in repeats]
    assert list(ledger.entries()) == before


@given(st.lists(postings(), max_size=20))
@settings(deadline=None)
def test_document_numbers_count_from_one_without_gaps(many: list[ErpPosting]) -> None:
    ledger = fresh()
    ledger.post(many)
    by_series: dict[str, list[int]] = defaultdict(list)
    for entry in ledger.entries():
        series, _, number = entry.document_number.rpartition("-")
        by_series[series].append(int(number))
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_series.values())


@given(postings())
@settings(deadline=None)
def test_a_refusal_always_says_why(one: ErpPosting) -> None:
    [answer] = fresh().post([one])
    if isinstance(answer, PostingRejected):
        assert answer.code
        assert len(answer.reason) > 20
