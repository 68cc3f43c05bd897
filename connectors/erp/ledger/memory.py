"""The embedded ledger without a database: the same checks, kept in memory, for dry runs and simulation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from connectors.erp.ledger.checks import Books, Original, refuse_by_itself, refuse_closed, refuse_reversal
from connectors.erp.ledger.memory_reading import add_up, ledger_lines, select
from connectors.protocols import AccountBalance, PeriodStatus
from connectors.reading import Dimension, LedgerLine, LineFilter, Movement
from streams.core.fiscal import FiscalCalendar
from streams.core.money import ZERO, quantize
from streams.records import ErpPosting, PostingAccepted, PostingRejected


class MemoryLedger:
    """Implements `connectors.protocols.Erp`; what was accepted is in `postings`, in order."""

    def __init__(
        self,
        accounts: Collection[str],
        entities: Mapping[str, str],
        calendars: Mapping[str, FiscalCalendar] | None = None,
    ) -> None:
        self._books = Books(frozenset(accounts), entities, calendars or {})
        self._closed: set[tuple[str, str]] = set()
        self._answers: dict[str, PostingAccepted] = {}
        self._originals: dict[str, Original] = {}
        self.postings: list[ErpPosting] = []

    def post(self, postings: Sequence[ErpPosting]) -> list[PostingAccepted | PostingRejected]:
        """Post in order; one answer a posting. Posting a command id again returns its first answer."""
        return [self._post(posting) for posting in postings]

    def _post(self, posting: ErpPosting) -> PostingAccepted | PostingRejected:
        known = self._answers.get(posting.command_id)
        if known is not None:
            return known
        refusal = (
            refuse_by_itself(posting, self._books)
            or refuse_closed(posting, self._closed)
            or refuse_reversal(posting, self._originals)
        )
        if refusal is not None:
            return refusal
        self.postings.append(posting)
        self._originals[posting.command_id] = Original(posting.legal_entity, posting.currency)
        answer = PostingAccepted(
            document_number=str(len(self.postings)), period=posting.period, lines=posting.body.lines
        )
        self._answers[posting.command_id] = answer
        return answer

    def close_period(self, entity: str, period: str) -> None:
        """Take no more postings in a period; closing it again changes nothing."""
        self._closed.add((entity, period))

    def reopen_period(self, entity: str, period: str) -> None:
        """Take postings in a period again; reopening an open one changes nothing."""
        self._closed.discard((entity, period))

    def posted(self, command_ids: Collection[str]) -> dict[str, PostingAccepted]:
        """Return the first answers to the commands that were accepted."""
        return {name: self._answers[name] for name in command_ids if name in self._answers}

    def period_status(self, legal_entity: str, period: str) -> PeriodStatus:
        """Return whether an entity's period takes postings."""
        return self._books.period_status(legal_entity, period, closed=(legal_entity, period) in self._closed)

    def balances(self, contract_id: str | None = None) -> list[AccountBalance]:
        """Return debits less credits by entity, account and currency, sorted."""
        totals: dict[tuple[str, str, str], Decimal] = {}
        for posting in self.postings:
            if contract_id is not None and posting.context.contract_id != contract_id:
                continue
            for line in posting.body.lines:
                key = (posting.legal_entity, line.account, posting.currency)
                totals[key] = totals.get(key, ZERO) + line.debit - line.credit
        return [
            AccountBalance(entity, account, currency, quantize(total, currency))
            for (entity, account, currency), total in sorted(totals.items())
        ]

    def functional_balances(self, contract_id: str | None = None) -> list[AccountBalance]:
        """Return debits less credits by entity and account in functional currency, sorted.

        A journal without a functional currency is in it already.
        """
        totals: dict[tuple[str, str, str], Decimal] = {}
        for posting in self.postings:
            if contract_id is not None and posting.context.contract_id != contract_id:
                continue
            functional = posting.functional_currency
            for line in posting.body.lines:
                key = (posting.legal_entity, line.account, functional or posting.currency)
                amount = line.functional_debit - line.functional_credit if functional else line.debit - line.credit
                totals[key] = totals.get(key, ZERO) + amount
        return [
            AccountBalance(entity, account, currency, quantize(total, currency))
            for (entity, account, currency), total in sorted(totals.items())
        ]

    def movements(self, wanted: LineFilter, by: Collection[Dimension]) -> list[Movement]:
        """Return lines added up; see `connectors.reading.LedgerBooks`."""
        return add_up(select(self._lines(wanted.functional), wanted), by)

    def lines(self, wanted: LineFilter, skip: int, limit: int) -> list[LedgerLine]:
        """Return lines; see `connectors.reading.LedgerBooks`."""
        # Sorting is stable: what has the same date stays in order of posting.
        chosen = sorted(select(self._lines(wanted.functional), wanted), key=lambda line: line.posting_date)
        return chosen[skip : skip + limit]

    def sum_of_first(self, wanted: LineFilter, count: int) -> Decimal:
        """Return debits less credits; see `connectors.reading.LedgerBooks`."""
        return sum((line.amount for line in self.lines(wanted, 0, count)), ZERO)

    def _lines(self, functional: bool) -> list[LedgerLine]:
        return [
            line
            for posting in self.postings
            for line in ledger_lines(posting, self._answers[posting.command_id].document_number, functional)
        ]
