"""What the embedded ledger promises about one posting: booked once, or refused with a reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.erp.ledger import EmbeddedLedger, EntryFilter
from connectors.erp.ledger.memory import MemoryLedger
from connectors.protocols import ConnectorUnavailable
from streams.core.fiscal import FiscalWeeks, YearRule
from streams.records import ErpPosting, JournalLine, PostingAccepted, PostingRejected
from tests.ledger.postings import ACCOUNTS, ENTITIES, command_id, foreign, invoice_lines, line, posting


def in_euros(*lines: JournalLine, currency: str = "USD", functional: str = "EUR", name: str = "x") -> ErpPosting:
    return posting(name, lines, entity="ACME-DE", currency=currency, functional_currency=functional)


def rejected(ledger: EmbeddedLedger, wrong: ErpPosting) -> PostingRejected:
    [answer] = ledger.post([wrong])
    assert isinstance(answer, PostingRejected)
    assert ledger.balances() == []
    return answer


def test_an_accepted_posting_is_in_the_balances_and_can_be_read_back_with_its_context(ledger: EmbeddedLedger) -> None:
    [answer] = ledger.post([posting("a")])
    assert answer == PostingAccepted(document_number="ACME-US-2026-000001", period="2026-03", lines=invoice_lines())
    assert {(b.legal_entity, b.account, b.currency): b.balance for b in ledger.balances()} == {
        ("ACME-US", "1100", "USD"): Decimal("108.25"),
        ("ACME-US", "2100", "USD"): Decimal("-100.00"),
        ("ACME-US", "2510", "USD"): Decimal("-8.25"),
    }
    [entry] = ledger.entries()
    assert (entry.command_id, entry.event_id, entry.contract_id) == (command_id("a"), "event-a", "C-1")
    assert (entry.customer_account, entry.source_system, entry.source_transaction_id) == ("Globex", "billing", "INV-a")
    assert entry.lines == invoice_lines()
    assert entry.posting_date == dt.date(2026, 3, 15)


def test_the_same_command_id_gives_the_first_answer_and_changes_nothing(ledger: EmbeddedLedger) -> None:
    first = ledger.post([posting("a"), posting("b"), posting("a")])
    assert first[0] == first[2]
    again = ledger.post([posting("b"), posting("a", invoice_lines("999.00"))])
    assert again == [first[1], first[0]]
    assert len(list(ledger.entries())) == 2


def test_document_numbers_have_no_gaps_for_an_entity_and_year_though_postings_are_refused(
    ledger: EmbeddedLedger,
) -> None:
    answers = ledger.post(
        [
            posting("us-1"),
            posting("refused", []),
            posting("de-1", entity="ACME-DE", currency="EUR"),
            posting("us-2"),
            posting("us-2025", date=dt.date(2025, 12, 31)),
        ]
    )
    answers += ledger.post([posting("refused-too", entity="ACME-XX"), posting("us-3")])
    numbers = [answer.document_number for answer in answers if isinstance(answer, PostingAccepted)]
    assert numbers == [
        "ACME-US-2026-000001",
        "ACME-DE-2026-000001",
        "ACME-US-2026-000002",
        "ACME-US-2025-000001",
        "ACME-US-2026-000003",
    ]


@pytest.mark.parametrize(
    ("wrong", "code", "retryable", "named"),
    [
        (posting("x", []), "empty", False, "no lines"),
        (posting("x", [line("1100", debit="10"), line("2100", credit="9.99")]), "unbalanced", False, "0.01"),
        (
            posting("x", [line("1100", debit="-10"), line("2100", debit="10")]),
            "negative_or_two_sided_line",
            False,
            "-10",
        ),
        (posting("x", [line("1100", debit="5", credit="5")]), "negative_or_two_sided_line", False, "line 1"),
        (posting("x", [line("1100"), line("2100")]), "negative_or_two_sided_line", False, "1100"),
        (posting("x", [line("1100", debit="NaN")]), "negative_or_two_sided_line", False, "NaN"),
        (posting("x", [line("1100", debit="1e30"), line("2100", credit="1e30")]), "amount_too_large", False, "1E+30"),
        (
            posting("x", [line("1100", debit="0.001"), line("2100", credit="0.001")]),
            "currency_minor_unit",
            False,
            "0.01 USD",
        ),
        (
            posting("x", [line("1100", debit="1.5"), line("2100", credit="1.5")], entity="ACME-JP", currency="JPY"),
            "currency_minor_unit",
            False,
            "1 JPY",
        ),
        (posting("x", currency="dollars"), "currency_minor_unit", False, "'dollars'"),
        (posting("x", period="2026-04"), "period_mismatch", False, "2026-03"),
        (posting("x", entity="ACME-XX"), "unknown_entity", False, "ACME-DE"),
        (posting("x", [line("1100", debit="1"), line("9999", credit="1")]), "unknown_account", False, "9999"),
        (posting("x", date=dt.date(2024, 12, 31)), "closed_period", False, "2025-01"),
        (posting("x", reverses="never-posted"), "nothing_to_reverse", True, command_id("never-posted")),
        (posting("x", contract="C-\0"), "invalid_text", False, "NUL"),
        (in_euros(foreign("1100", "10", "9"), foreign("2100", "-10", "-9.01")), "unbalanced", False, "9.01 EUR"),
        (in_euros(foreign("1100", "10", "9"), foreign("2100", "-9", "-9")), "unbalanced", False, "9 USD"),
        (in_euros(foreign("1100", "10", "9.001")), "currency_minor_unit", False, "0.01 EUR"),
        (in_euros(foreign("1100", "0", "0")), "negative_or_two_sided_line", False, "1100"),
        (in_euros(foreign("1100", "1", "1"), currency="EUR"), "currency_minor_unit", False, "'EUR'"),
        (in_euros(foreign("1100", "1", "1"), functional=""), "functional_amount", False, "line 1"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.islower() else "",
)
def test_what_the_ledger_refuses_is_refused_with_a_code_and_what_was_found(
    ledger: EmbeddedLedger, wrong: ErpPosting, code: str, retryable: bool, named: str
) -> None:
    answer = rejected(ledger, wrong)
    assert (answer.code, answer.retryable) == (code, retryable)
    assert named in answer.reason


def test_a_refused_posting_does_not_hold_up_the_others_of_its_call(ledger: EmbeddedLedger) -> None:
    answers = ledger.post([posting("a"), posting("bad", [line("1100", debit="1")]), posting("b")])
    assert [type(answer) for answer in answers] == [PostingAccepted, PostingRejected, PostingAccepted]
    assert len(list(ledger.entries())) == 2


def test_the_period_of_a_posting_is_that_of_the_entitys_fiscal_calendar() -> None:
    weeks = FiscalWeeks((4, 4, 5), 2, 6, YearRule.NEAREST)
    ledger = EmbeddedLedger("sqlite://", ACCOUNTS, ENTITIES, {"ACME-US": weeks})
    wrong = rejected(ledger, posting("a"))
    assert (wrong.code, "expected 2026-02" in wrong.reason) == ("period_mismatch", True)
    assert isinstance(ledger.post([posting("b", period="2026-02")])[0], PostingAccepted)
    assert isinstance(ledger.post([posting("c", entity="ACME-DE", currency="EUR")])[0], PostingAccepted)
    ledger.close()


def test_a_posting_into_a_closed_period_is_taken_with_the_same_id_once_the_period_is_reopened(
    ledger: EmbeddedLedger,
) -> None:
    ledger.close_period("ACME-US", "2026-03")
    ledger.close_period("ACME-US", "2026-03")
    answer = rejected(ledger, posting("a"))
    assert (answer.code, answer.retryable) == ("closed_period", False)
    assert isinstance(ledger.post([posting("de", entity="ACME-DE", currency="EUR")])[0], PostingAccepted)
    assert [(p.legal_entity, p.period) for p in ledger.closed_periods()] == [("ACME-US", "2026-03")]
    ledger.reopen_period("ACME-US", "2026-03")
    assert isinstance(ledger.post([posting("a")])[0], PostingAccepted)


def test_a_posting_made_before_its_period_closed_still_gives_its_first_answer(ledger: EmbeddedLedger) -> None:
    first = ledger.post([posting("a")])
    ledger.close_period("ACME-US", "2026-03")
    assert ledger.post([posting("a")]) == first


def test_an_account_that_was_missing_is_posted_to_with_the_same_id_once_it_is_in_the_chart(
    ledger: EmbeddedLedger, database_url: str
) -> None:
    new_account = posting("a", [line("1100", debit="1"), line("4030", credit="1")])
    assert rejected(ledger, new_account).code == "unknown_account"
    wider = EmbeddedLedger(database_url, [*ACCOUNTS, "4030"], ENTITIES)
    assert isinstance(wider.post([new_account])[0], PostingAccepted)
    wider.close()


def test_a_reversal_is_taken_after_its_original_even_in_the_same_call(ledger: EmbeddedLedger) -> None:
    undo = [line("2100", debit="100"), line("2510", debit="8.25"), line("1100", credit="108.25")]
    answers = ledger.post([posting("r", undo, reverses="a"), posting("a"), posting("r", undo, reverses="a")])
    assert [type(answer) for answer in answers] == [PostingRejected, PostingAccepted, PostingAccepted]
    assert {balance.balance for balance in ledger.balances()} == {Decimal(0)}
    assert [entry.reverses_command_id for entry in ledger.entries()] == [None, command_id("a")]


def test_a_reversal_in_another_entity_or_currency_than_its_original_is_refused_for_good(ledger: EmbeddedLedger) -> None:
    ledger.post([posting("a")])
    [answer] = ledger.post([posting("r", entity="ACME-DE", currency="EUR", reverses="a")])
    assert isinstance(answer, PostingRejected)
    assert (answer.code, answer.retryable) == ("nothing_to_reverse", False)


def test_balances_and_entries_of_a_contract_leave_out_the_others(ledger: EmbeddedLedger) -> None:
    ledger.post([posting("a"), posting("b", contract="C-2"), posting("c", date=dt.date(2026, 4, 1))])
    assert [balance.balance for balance in ledger.balances("C-2")] == [
        Decimal("108.25"),
        Decimal("-100"),
        Decimal("-8.25"),
    ]
    assert ledger.balances("C-3") == []
    read = [
        [entry.event_id for entry in ledger.entries(wanted)]
        for wanted in (
            EntryFilter(contract_id="C-1"),
            EntryFilter(period="2026-04"),
            EntryFilter(account="4010"),
            EntryFilter(account="2510", contract_id="C-2"),
            EntryFilter(command_id=command_id("b")),
            EntryFilter(legal_entity="ACME-DE"),
        )
    ]
    assert read == [["event-a", "event-c"], ["event-c"], [], ["event-b"], ["event-b"], []]


def test_entries_come_in_order_over_many_pages(ledger: EmbeddedLedger) -> None:
    names = [f"p{number}" for number in range(1201)]
    ledger.post([posting(name) for name in names])
    assert [entry.event_id for entry in ledger.entries()] == [f"event-{name}" for name in names]


@pytest.mark.parametrize(
    ("amount", "currency"), [("0.0001", "UYW"), ("9999999999999.999", "BHD"), ("1000000000000", "JPY"), ("0.01", "USD")]
)
def test_amounts_come_back_exactly(ledger: EmbeddedLedger, amount: str, currency: str) -> None:
    ledger.post([posting("a", [line("1100", debit=amount), line("2100", credit=amount)], currency=currency)])
    assert [balance.balance for balance in ledger.balances()] == [Decimal(amount), -Decimal(amount)]


def test_the_books_survive_a_restart(open_ledger: Callable[[], EmbeddedLedger]) -> None:
    first = open_ledger()
    answer = first.post([posting("a")])
    first.close_period("ACME-US", "2026-04")
    first.close()
    second = open_ledger()
    assert second.post([posting("a")]) == answer
    assert [p.period for p in second.closed_periods()] == ["2026-04"]


def test_an_unknown_entity_or_a_wrong_period_cannot_be_closed(ledger: EmbeddedLedger) -> None:
    with pytest.raises(ValueError, match=r"ACME-XX.*ACME-DE, ACME-JP, ACME-US"):
        ledger.close_period("ACME-XX", "2026-03")
    with pytest.raises(ValueError, match="2026-3"):
        ledger.close_period("ACME-US", "2026-3")
    with pytest.raises(ValueError):
        ledger.reopen_period("ACME-US", "2026-13")


def test_a_ledger_in_memory_needs_no_file() -> None:
    ledger = EmbeddedLedger("sqlite://", ACCOUNTS, ENTITIES)
    assert isinstance(ledger.post([posting("a")])[0], PostingAccepted)
    assert len(ledger.balances()) == 3


@pytest.mark.parametrize("place", ["no server", "a file as folder", "a folder as file"])
def test_a_database_that_cannot_be_reached_is_an_outage_and_not_a_refusal(place: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    urls = {
        "no server": "postgresql+psycopg://nobody@127.0.0.1:1/ledger",
        "a file as folder": f"sqlite:///{file / 'ledger.db'}",
        "a folder as file": f"sqlite:///{tmp_path}",
    }
    ledger = EmbeddedLedger(urls[place], ACCOUNTS, ENTITIES)
    with pytest.raises(ConnectorUnavailable, match=r"does not answer|cannot be made"):
        ledger.post([posting("a")])


def test_functional_amounts_are_kept_and_give_a_trial_balance_in_functional_currency(ledger: EmbeddedLedger) -> None:
    bill = in_euros(foreign("1100", "100.00", "90.00"), foreign("2100", "-100.00", "-90.00"), name="bill")
    gain = in_euros(foreign("1100", "0", "2.00"), foreign("4010", "0", "-2.00"), name="gain")
    home = posting("home", entity="ACME-DE", currency="EUR")
    [first, *_] = ledger.post([bill, gain, home])
    assert ledger.post([bill]) == [first]
    assert isinstance(first, PostingAccepted)
    assert first.lines == bill.body.lines
    assert [(entry.functional_currency, entry.lines) for entry in ledger.entries()] == [
        ("EUR", bill.body.lines),
        ("EUR", gain.body.lines),
        ("", home.body.lines),
    ]
    held = MemoryLedger(ACCOUNTS, ENTITIES)
    held.post([bill, gain, home])
    assert ledger.functional_balances() == held.functional_balances()
    assert [(row.account, row.currency, str(row.balance)) for row in ledger.functional_balances()] == [
        ("1100", "EUR", "200.25"),
        ("2100", "EUR", "-190.00"),
        ("2510", "EUR", "-8.25"),
        ("4010", "EUR", "-2.00"),
    ]
    assert ledger.functional_balances("C-9") == []
