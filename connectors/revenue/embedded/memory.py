"""The embedded revenue platform without a database: the same engine, books in memory, for dry runs and simulation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from connectors.protocols import RevenuePosition
from connectors.reading import ObligationRow, RecognitionRow
from connectors.revenue.embedded.book import Book
from connectors.revenue.embedded.engine import recognise
from connectors.revenue.embedded.reading import obligation_rows, recognitions_of
from streams.core.fiscal import FiscalCalendar
from streams.records import RevenueAccepted, RevenueCommand, RevenueRejected

Answer = RevenueAccepted | RevenueRejected


class MemoryRevenuePlatform:
    """Implements `connectors.protocols.RevenuePlatform`."""

    def __init__(self, calendars: Mapping[str, FiscalCalendar] | None = None) -> None:
        self._calendars = calendars or {}
        self._books: dict[str, Book | None] = {}
        self._earlier: dict[str, dict[str, RevenueCommand]] = {}
        self._answers: dict[str, Answer] = {}
        self.latest: dict[str, RevenueAccepted] = {}
        """The last acceptance of each contract: billed and recognised totals as the platform holds them."""

    def execute(self, commands: Sequence[RevenueCommand]) -> list[Answer]:
        """Execute in order; one answer a command. Executing a command id again returns its first answer."""
        return [self._execute(command) for command in commands]

    def _execute(self, command: RevenueCommand) -> Answer:
        known = self._answers.get(command.command_id)
        if known is not None:
            return known
        contract_id = command.context.contract_id
        earlier = self._earlier.setdefault(contract_id, {})
        self._books[contract_id], answer = recognise(self._books.get(contract_id), command, earlier)
        self._answers[command.command_id] = answer
        if isinstance(answer, RevenueAccepted):
            earlier[command.command_id] = command
            self.latest[contract_id] = answer
        return answer

    def position(self, contract_id: str) -> RevenuePosition | None:
        """Return what the platform holds of a contract, or None when it does not know it."""
        answer = self.latest.get(contract_id)
        if answer is None:
            return None
        return RevenuePosition(
            contract_id=contract_id,
            currency=answer.currency,
            billed=answer.billed_total,
            recognised=answer.recognised_total,
            transaction_price=answer.transaction_price,
        )

    def obligations(self, contract_id: str | None = None) -> Iterator[ObligationRow]:
        """Return the obligations; see `connectors.reading.RevenueBooks`."""
        for name, book in sorted(self._books.items()):
            if book is not None and contract_id in (None, name):
                yield from obligation_rows(book, self._calendars)

    def recognitions(self, contract_id: str | None = None) -> Iterator[RecognitionRow]:
        """Return what runs have recognised; see `connectors.reading.RevenueBooks`."""
        for name, commands in sorted(self._earlier.items()):
            for command_id, command in commands.items():
                answer = self._answers[command_id]
                if isinstance(answer, RevenueAccepted) and contract_id in (None, name):
                    yield from recognitions_of(command, answer)
