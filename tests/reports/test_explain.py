"""From any balance to lines that add up to it exactly, whatever was posted and however it is paged or grouped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.erp.ledger import EmbeddedLedger
from connectors.erp.ledger.memory import MemoryLedger
from connectors.reading import Dimension, LineFilter
from streams.records import ErpPosting, PostingAccepted
from streams.reports.explain import Balance, By, explain
from streams.reports.journal import journal
from streams.reports.question import Books, QuestionRefused, Scope
from tests.ledger.postings import ACCOUNTS, ENTITIES, posting
from tests.ledger.test_properties import postings
from tests.reports.rows import books


def one_of(values: Sequence[str]) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(values)


JULY = Balance(entity="ACME-US", account="2100", period="2026-07")


def facts(books: Books, asked: Balance, **options: object) -> dict[str, object]:
    return dict(explain(books, asked, **options).facts)  # type: ignore[arg-type]


def amounts(books: Books, asked: Balance, **options: object) -> Decimal:
    report = explain(books, asked, **options)  # type: ignore[arg-type]
    at = [column.name for column in report.columns].index("amount")
    return sum((Decimal(str(row[at])) for row in report.rows), Decimal(0))


@given(st.lists(postings(), min_size=1, max_size=15), st.data())
@settings(deadline=None, max_examples=60)
def test_the_lines_of_any_balance_add_up_to_it_by_page_and_by_group(
    many: list[ErpPosting], data: st.DataObject
) -> None:
    ledger = MemoryLedger(ACCOUNTS, ENTITIES)
    ledger.post(many)
    balances = ledger.balances()
    if not balances:
        return
    chosen = data.draw(st.sampled_from(balances))
    periods = sorted({posting.period for posting in ledger.postings if posting.legal_entity == chosen.legal_entity})
    last = data.draw(st.sampled_from(periods))
    asked = Balance(entity=chosen.legal_entity, account=chosen.account, period=last, currency=chosen.currency)
    held = sum(
        (
            line.debit - line.credit
            for posting in ledger.postings
            for line in posting.body.lines
            if (posting.legal_entity, line.account, posting.currency)
            == (chosen.legal_entity, chosen.account, chosen.currency)
            and posting.period <= last
        ),
        Decimal(0),
    )
    opened = books(ledger)
    told = facts(opened, asked)
    assert told["balance"] == held
    assert amounts(opened, asked) == held
    assert all(amounts(opened, asked, by=by) == held for by in By)
    size = data.draw(st.integers(1, 5))
    pages = [
        facts(opened, asked, page=page, page_size=size) for page in range(1, -(-int(str(told["lines"])) // size) + 1)
    ]
    assert sum((Decimal(str(page["on_this_page"])) for page in pages), Decimal(0)) == held
    for page in pages:
        parts = (page["brought_forward"], page["on_this_page"], page["on_later_pages"])
        assert sum((Decimal(str(part)) for part in parts), Decimal(0)) == held


@given(st.lists(postings(), max_size=15), st.data())
@settings(deadline=None, max_examples=40)
def test_memory_and_database_answer_alike(many: list[ErpPosting], data: st.DataObject) -> None:
    memory, database = MemoryLedger(ACCOUNTS, ENTITIES), EmbeddedLedger("sqlite://", ACCOUNTS, ENTITIES)
    try:
        answers = zip(memory.post(many), database.post(many), strict=True)
        assert all(isinstance(one, PostingAccepted) == isinstance(other, PostingAccepted) for one, other in answers)
        accounts = st.none() | st.frozensets(st.sampled_from(ACCOUNTS), max_size=3)
        wanted = LineFilter(
            entity=data.draw(one_of(list(ENTITIES))),
            currency=data.draw(one_of(["USD", "JPY"])),
            accounts=data.draw(accounts),
            contract_id=data.draw(one_of(["C-1", "C-2"])),
            first_period=data.draw(one_of(["2025-09", "2026-01"])),
            last_period=data.draw(one_of(["2025-12", "2026-02"])),
            journals_on=data.draw(accounts),
        )
        by = data.draw(st.frozensets(st.sampled_from(Dimension)))
        assert memory.movements(wanted, by) == database.movements(wanted, by)
        skip, limit = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 20))
        # Document numbers differ: only the database numbers by entity and year.
        in_memory = [(line.command_id, line.line_number, line.amount) for line in memory.lines(wanted, skip, limit)]
        stored = [(line.command_id, line.line_number, line.amount) for line in database.lines(wanted, skip, limit)]
        assert in_memory == stored
        assert memory.sum_of_first(wanted, skip) == database.sum_of_first(wanted, skip)
    finally:
        database.close()


def test_every_line_leads_back_to_its_source(demo_books: Books) -> None:
    report = explain(demo_books, JULY)
    names = [column.name for column in report.columns]
    lines = [dict(zip(names, row, strict=True)) for row in report.rows]
    upgrade = next(line for line in lines if line["source_transaction_id"] == "INV-1002")
    assert upgrade["contract"] == "C-KESTREL"
    assert upgrade["version"] == 2
    assert upgrade["source_system"] == "zuora"
    assert upgrade["event_id"] == "zuora:INV-1002"
    assert (str(upgrade["amount"]), upgrade["document_number"]) == ("-5375.00", "20")
    assert all(line["command_id"] for line in lines)


def test_a_page_beyond_the_last_is_empty_and_adds_up_all_the_same(demo_books: Books) -> None:
    told = facts(demo_books, JULY, page=9, page_size=5)
    assert (str(told["brought_forward"]), str(told["on_this_page"]), told["pages"]) == ("-22268.75", "0.00", 3)
    assert explain(demo_books, JULY, page=9, page_size=5).rows == ()


def test_a_page_of_the_journal_says_that_it_is_one(demo_books: Books) -> None:
    report = journal(demo_books, Scope(), account="2100", page=2, page_size=5)
    assert len(report.rows) == 5
    assert report.notes[0].startswith("Page 2 of ")


def refusal(books: Books, **changed: str) -> str:
    with pytest.raises(QuestionRefused) as refused:
        explain(books, replace(JULY, **changed))  # type: ignore[arg-type]
    return str(refused.value)


def test_what_is_unknown_is_refused_with_what_is_known(demo_books: Books) -> None:
    assert "expected one of ACME-DE, ACME-JP, ACME-US" in refusal(demo_books, entity="ACME")
    assert "1100 Accounts receivable" in refusal(demo_books, account="999")
    assert "expected YYYY-MM" in refusal(demo_books, period="2026-13")
    assert "has postings from 2026-01 to 2026-07" in refusal(demo_books, period="2026-08")
    assert "comes after the last, 2026-07" in refusal(demo_books, since="2026-09")
    assert "the accounts with lines are 1000, 1100, 2100" in refusal(demo_books, account="4060")
    assert "nothing of ACME-JP yet" in refusal(demo_books, entity="ACME-JP")


def test_amounts_of_two_currencies_are_never_added_up() -> None:
    ledger = MemoryLedger(ACCOUNTS, ENTITIES)
    ledger.post([posting("a"), posting("b", currency="EUR")])
    opened = books(ledger)
    asked = Balance(entity="ACME-US", account="2100", period="2026-03")
    with pytest.raises(QuestionRefused, match=r"lines in EUR, USD.*--currency"):
        explain(opened, asked)
    assert str(facts(opened, replace(asked, currency="EUR"))["balance"]) == "-100.00"
