"""What every ERP connector promises, as one suite of tests: a test module of a connector is a `harness` fixture.

A test class derives from `ErpConformance`; the fixture gives a `Harness` around the real system. Names are new in
every test, so a system that cannot be emptied serves a whole session. Must not know any connector.
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Protocol

import pytest
from msgspec.structs import replace

from connectors.protocols import Erp, PeriodStatus
from streams.records import ErpPosting, JournalLine, PostingAccepted, PostingRejected, ReverseJournal
from tests.ledger.postings import command_id, foreign, invoice_lines, line, posting

ENTITY = "ACME-US"
"""Books in USD. The others of tests.ledger.postings must exist, too: ACME-DE in EUR, ACME-JP in JPY."""

CLOSING = "2026-11"
"""The period that the tests close and open again; nothing else is posted in it."""

CLOSING_DAY = dt.date(2026, 11, 15)


class Harness(Protocol):
    """A real ERP with the accounts and entities of `tests.ledger.postings`, open from 2026-01 to 2026-12."""

    def connect(self) -> Erp:
        """Return a new connector on the same books, as a process that has just started has one."""
        ...

    def close_period(self, entity: str, period: str) -> None:
        """Close a period as the ERP's own users do."""
        ...

    def reopen_period(self, entity: str, period: str) -> None:
        """Open it again."""
        ...

    def documents(self, command_id: str) -> int:
        """Count the journals that the ERP holds for a command, past the connector."""
        ...


class Names:
    """New names for one test."""

    def __init__(self) -> None:
        self._stem = uuid.uuid4().hex[:12]
        self._numbers = itertools.count(1)
        self.contract = f"C-{self._stem}"

    def posting(
        self,
        lines: Sequence[JournalLine] | None = None,
        *,
        entity: str = ENTITY,
        currency: str = "USD",
        date: dt.date = dt.date(2026, 3, 15),
        period: str | None = None,
        contract: str | None = None,
        reverses: str | None = None,
        functional_currency: str = "",
    ) -> ErpPosting:
        """A posting of a new name for the contract of this test."""
        return posting(
            self.name(),
            lines,
            entity=entity,
            currency=currency,
            date=date,
            period=period,
            contract=contract or self.contract,
            reverses=reverses,
            functional_currency=functional_currency,
        )

    def name(self) -> str:
        return f"{self._stem}-{next(self._numbers)}"

    def reversal_of(self, original: ErpPosting) -> ErpPosting:
        """The posting that undoes another one."""
        lines = [line(it.account, debit=it.credit, credit=it.debit) for it in original.body.lines]
        undo = self.posting(lines, reverses="")
        body = ReverseJournal(reverses_command_id=original.command_id, description="undo", lines=undo.body.lines)
        return replace(undo, body=body)

    def reversal(self, original: str) -> ErpPosting:
        """The posting that undoes an invoice posted under a name."""
        lines = [line(it.account, debit=it.credit, credit=it.debit) for it in invoice_lines()]
        return self.posting(lines, reverses=original)


@pytest.fixture
def names() -> Names:
    return Names()


def accepted(erp: Erp, *postings: ErpPosting) -> list[PostingAccepted]:
    answers = erp.post(postings)
    assert [type(answer) for answer in answers] == [PostingAccepted] * len(postings), answers
    return [answer for answer in answers if isinstance(answer, PostingAccepted)]


def refused(erp: Erp, wrong: ErpPosting) -> PostingRejected:
    [answer] = erp.post([wrong])
    assert isinstance(answer, PostingRejected), answer
    return answer


def balances(erp: Erp, contract: str | None) -> dict[tuple[str, str, str], Decimal]:
    """The balances that are not 0, by entity, account and currency."""
    rows = erp.balances(contract)
    assert len({(row.legal_entity, row.account, row.currency) for row in rows}) == len(rows)
    return {(row.legal_entity, row.account, row.currency): row.balance for row in rows if row.balance}


class ErpConformance:
    """The promises that hold for every ERP."""

    @pytest.fixture
    def erp(self, harness: Harness) -> Erp:
        return harness.connect()

    def test_a_posting_is_booked_in_its_period_and_is_in_the_contracts_balances(self, erp: Erp, names: Names) -> None:
        [answer] = accepted(erp, names.posting())
        assert answer.document_number
        assert (answer.period, answer.lines) == ("2026-03", invoice_lines())
        assert balances(erp, names.contract) == {
            (ENTITY, "1100", "USD"): Decimal("108.25"),
            (ENTITY, "2100", "USD"): Decimal("-100.00"),
            (ENTITY, "2510", "USD"): Decimal("-8.25"),
        }

    def test_document_numbers_tell_documents_apart(self, erp: Erp, names: Names) -> None:
        answers = accepted(erp, *(names.posting() for _ in range(5)))
        assert len({answer.document_number for answer in answers}) == 5

    def test_the_same_command_gives_the_first_answer_and_stays_one_document(
        self, harness: Harness, names: Names
    ) -> None:
        one, two = names.posting(), names.posting()
        erp = harness.connect()
        first = accepted(erp, one, two, one)
        assert first[0] == first[2]
        assert erp.post([two, one]) == [first[1], first[0]]
        # The answer was lost and the process died: a new one asks again.
        assert harness.connect().post([one, two]) == first[:2]
        assert [harness.documents(it.command_id) for it in (one, two)] == [1, 1]

    def test_a_command_that_comes_with_other_contents_gives_the_first_answer(self, erp: Erp, names: Names) -> None:
        name = names.name()
        [first] = accepted(erp, posting(name, contract=names.contract))
        assert erp.post([posting(name, invoice_lines("999.00"), contract=names.contract)]) == [first]
        assert balances(erp, names.contract)[ENTITY, "1100", "USD"] == Decimal("108.25")

    def test_two_workers_that_post_the_same_at_once_make_one_document(self, harness: Harness, names: Names) -> None:
        call = [names.posting() for _ in range(3)]
        workers = [harness.connect(), harness.connect()]
        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(lambda erp: erp.post(call), workers)
        assert one == two
        assert [harness.documents(it.command_id) for it in call] == [1, 1, 1]

    def test_a_refused_posting_does_not_hold_up_the_others_of_its_call(self, harness: Harness, names: Names) -> None:
        call = [
            names.posting(),
            names.posting([line("1100", debit="1")]),
            names.posting(),
            names.posting([line("1100", debit="1"), line("9999", credit="1")]),
            names.posting(entity="ACME-DE", currency="EUR"),
        ]
        kinds = [PostingAccepted, PostingRejected, PostingAccepted, PostingRejected, PostingAccepted]
        answers = harness.connect().post(call)
        assert [type(answer) for answer in answers] == kinds
        assert [harness.documents(it.command_id) for it in call] == [1, 0, 1, 0, 1]
        assert harness.connect().post(call) == answers

    def test_nothing_to_post_is_no_call(self, erp: Erp) -> None:
        assert erp.post([]) == []

    def test_a_reversal_is_a_document_of_its_own_and_takes_the_balances_back(
        self, harness: Harness, names: Names
    ) -> None:
        erp, original = harness.connect(), names.name()
        [first] = accepted(erp, posting(original, contract=names.contract))
        undo = names.reversal(original)
        [second] = accepted(erp, undo)
        assert first.document_number != second.document_number
        assert (second.period, second.lines) == ("2026-03", undo.body.lines)
        assert balances(erp, names.contract) == {}
        assert erp.post([undo]) == [second]
        assert harness.documents(undo.command_id) == 1

    def test_a_posting_and_its_reversal_may_come_in_one_call(self, erp: Erp, names: Names) -> None:
        original = names.name()
        accepted(erp, posting(original, contract=names.contract), names.reversal(original))
        assert balances(erp, names.contract) == {}

    def test_the_reversal_of_something_unknown_is_refused_until_that_is_posted(self, erp: Erp, names: Names) -> None:
        original = names.name()
        undo = names.reversal(original)
        answer = refused(erp, undo)
        assert (answer.code, answer.retryable) == ("nothing_to_reverse", True)
        assert command_id(original) in answer.reason
        accepted(erp, posting(original, contract=names.contract))
        accepted(erp, undo)

    def test_a_reversal_in_another_entity_than_its_original_is_refused(self, erp: Erp, names: Names) -> None:
        original = names.name()
        accepted(erp, posting(original, contract=names.contract))
        answer = refused(erp, names.posting(entity="ACME-DE", currency="EUR", reverses=original))
        assert (answer.code, answer.retryable) == ("nothing_to_reverse", False)

    def test_a_closed_period_takes_nothing_new_and_answers_for_what_it_has(
        self, harness: Harness, names: Names
    ) -> None:
        erp = harness.connect()
        before, late = names.posting(date=CLOSING_DAY), names.posting(date=CLOSING_DAY)
        [first] = accepted(erp, before)
        assert erp.period_status(ENTITY, CLOSING) is PeriodStatus.OPEN
        harness.close_period(ENTITY, CLOSING)
        try:
            assert erp.period_status(ENTITY, CLOSING) is PeriodStatus.CLOSED
            answer = refused(erp, late)
            assert (answer.code, answer.retryable) == ("closed_period", False)
            assert CLOSING in answer.reason
            assert erp.post([before]) == [first]
            in_open_one = names.posting()
            assert [type(it) for it in erp.post([late, in_open_one])] == [PostingRejected, PostingAccepted]
            assert harness.documents(late.command_id) == 0
        finally:
            harness.reopen_period(ENTITY, CLOSING)
        assert erp.period_status(ENTITY, CLOSING) is PeriodStatus.OPEN
        accepted(erp, late)

    def test_the_status_of_what_is_not_there_is_unknown(self, erp: Erp) -> None:
        assert erp.period_status("ACME-XX", "2026-03") is PeriodStatus.UNKNOWN

    def test_a_period_before_the_books_is_closed(self, erp: Erp, names: Names) -> None:
        answer = refused(erp, names.posting(date=dt.date(2024, 12, 31)))
        assert (answer.code, answer.retryable) == ("closed_period", False)
        assert erp.period_status(ENTITY, "2024-12") is not PeriodStatus.OPEN

    @pytest.mark.parametrize(
        ("lines", "code", "named"),
        [
            ([line("1100", debit="1"), line("9999", credit="1")], "unknown_account", "9999"),
            ([line("1100", debit="10"), line("2100", credit="9.99")], "unbalanced", "0.01"),
            ([], "empty", "no lines"),
            ([line("1100", debit="0.001"), line("2100", credit="0.001")], "currency_minor_unit", "0.01 USD"),
            ([line("1100", debit="-10"), line("2100", debit="10")], "negative_or_two_sided_line", "-10"),
        ],
        ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
    )
    def test_what_cannot_be_booked_is_refused_for_good_with_what_was_found(
        self, harness: Harness, names: Names, lines: list[JournalLine], code: str, named: str
    ) -> None:
        wrong = names.posting(lines)
        answer = refused(harness.connect(), wrong)
        assert (answer.code, answer.retryable) == (code, False)
        assert named in answer.reason
        assert harness.documents(wrong.command_id) == 0

    def test_an_unknown_entity_is_refused_by_name(self, erp: Erp, names: Names) -> None:
        answer = refused(erp, names.posting(entity="ACME-XX"))
        assert (answer.code, answer.retryable) == ("unknown_entity", False)
        assert "ACME-XX" in answer.reason

    def test_a_period_that_is_not_the_dates_is_refused(self, erp: Erp, names: Names) -> None:
        assert refused(erp, names.posting(period="2026-04")).code == "period_mismatch"

    def test_what_is_posted_can_be_looked_up_by_command_and_nothing_else_is_found(self, erp: Erp, names: Names) -> None:
        one, two, never = names.posting(), names.posting(), names.posting()
        refused(erp, bad := names.posting([line("1100", debit="1")]))
        first, second = accepted(erp, one, two)
        wanted = [one.command_id, two.command_id, never.command_id, bad.command_id]
        assert erp.posted(wanted) == {one.command_id: first, two.command_id: second}
        assert erp.posted([]) == {}

    def test_dimensions_and_awkward_names_come_back_as_they_were(self, harness: Harness, names: Names) -> None:
        contract = f"  {names.contract} | 100%_off\\%7C – 株式会社; 'x' \"y\" "
        lines = (
            JournalLine(account="1100", debit=Decimal("5.00"), credit=Decimal(0), partner_entity="ACME-DE"),
            JournalLine(
                account="4010", debit=Decimal(0), credit=Decimal("5.00"), product_line="A|B %", jurisdiction="US-CA"
            ),
        )
        wanted = names.posting(lines, contract=contract)
        [answer] = accepted(harness.connect(), wanted, names.posting(contract=names.contract + "_100%"))[:1]
        assert answer.lines == lines
        fresh = harness.connect()
        assert fresh.post([wanted]) == [answer]
        assert balances(fresh, contract) == {
            (ENTITY, "1100", "USD"): Decimal("5.00"),
            (ENTITY, "4010", "USD"): Decimal("-5.00"),
        }
        assert fresh.balances(names.contract) == []

    def test_a_foreign_journal_keeps_both_currencies(self, harness: Harness, names: Names) -> None:
        bill = names.posting(
            [foreign("1100", "100.00", "90.00"), foreign("2100", "-100.00", "-90.00")],
            entity="ACME-DE",
            functional_currency="EUR",
        )
        gain = names.posting(
            [foreign("1100", "0", "2.00"), foreign("4010", "0", "-2.00")],
            entity="ACME-DE",
            functional_currency="EUR",
        )
        erp = harness.connect()
        first, second = accepted(erp, bill, gain)
        assert (first.lines, second.lines) == (bill.body.lines, gain.body.lines)
        assert harness.connect().post([bill, gain]) == [first, second]
        assert balances(erp, names.contract) == {
            ("ACME-DE", "1100", "USD"): Decimal("100.00"),
            ("ACME-DE", "2100", "USD"): Decimal("-100.00"),
        }

    def test_currencies_without_a_minor_unit_are_whole(self, erp: Erp, names: Names) -> None:
        accepted(
            erp,
            names.posting([line("1100", debit="1200"), line("4010", credit="1200")], entity="ACME-JP", currency="JPY"),
        )
        assert [str(row.balance) for row in erp.balances(names.contract)] == ["1200", "-1200"]

    def test_amounts_with_more_zeros_than_the_currency_has_digits_are_booked(self, erp: Erp, names: Names) -> None:
        accepted(erp, names.posting([line("1100", debit="1200.0000"), line("4010", credit="1200.0000")]))
        assert balances(erp, names.contract)[ENTITY, "1100", "USD"] == Decimal("1200.00")

    def test_the_trial_balance_has_everything_and_sums_to_nothing(self, erp: Erp, names: Names) -> None:
        before = balances(erp, None)
        call = [names.posting(contract=f"{names.contract}-{number}") for number in range(3)]
        accepted(erp, *call, names.posting(entity="ACME-DE", currency="EUR"))
        after = balances(erp, None)
        zero = Decimal(0)
        moved = {key: after[key] - before.get(key, zero) for key in after if after[key] != before.get(key, zero)}
        assert moved == {
            (ENTITY, "1100", "USD"): Decimal("324.75"),
            (ENTITY, "2100", "USD"): Decimal("-300.00"),
            (ENTITY, "2510", "USD"): Decimal("-24.75"),
            ("ACME-DE", "1100", "EUR"): Decimal("108.25"),
            ("ACME-DE", "2100", "EUR"): Decimal("-100.00"),
            ("ACME-DE", "2510", "EUR"): Decimal("-8.25"),
        }
        sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for (entity, _, currency), balance in after.items():
            sums[entity, currency] += balance
        assert set(sums.values()) == {zero}

    def test_a_contract_that_the_erp_does_not_know_has_no_balances(self, erp: Erp, names: Names) -> None:
        assert erp.balances(names.contract) == []

    def test_a_long_call_is_answered_in_order(self, erp: Erp, names: Names) -> None:
        call = [names.posting([line("1100", debit=Decimal(n)), line("4010", credit=Decimal(n))]) for n in range(1, 61)]
        answers = accepted(erp, *call)
        assert [answer.lines[0].debit for answer in answers] == [Decimal(n) for n in range(1, 61)]
        assert balances(erp, names.contract)[ENTITY, "1100", "USD"] == Decimal(60 * 61 // 2)
