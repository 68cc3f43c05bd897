"""The period books of a partition, as one transaction sees and changes them. They know no contract."""

from __future__ import annotations

from streams.core.closing import Closing, objection
from streams.core.periods import PeriodBook, Sweep, advanced, after_period_event, begun, sweeps_in_order
from streams.records import CommercialEvent, SourceRecord
from streams.transport import Headers, Table, Transaction


class PeriodBooks:
    """Read once for a transaction: what is closed, and which period events are on their way through the contracts."""

    __slots__ = ("_books", "_table", "_transaction", "closed", "sweeps")

    def __init__(self, table: Table[PeriodBook], transaction: Transaction) -> None:
        self._table = table
        self._transaction = transaction
        self._books = {key.decode(): book for key, book in transaction.items(table)}
        self.closed: dict[str, Closing] = {entity: book.closing for entity, book in self._books.items()}
        """What is closed, by legal entity."""
        self.sweeps: tuple[Sweep, ...] = sweeps_in_order(self._books.values())
        """The earliest event first."""

    def objection(self, event: CommercialEvent) -> str | None:
        """Return why a period event cannot take effect, or None."""
        return objection(self.closed.get(event.context.legal_entity, Closing()), event)

    def take_in(self, event: CommercialEvent, source: SourceRecord, cause: Headers) -> None:
        """Note a period event; it counts as known from here on, and is on its way to the contracts."""
        entity = event.context.legal_entity
        book = after_period_event(self._books.get(entity), event)
        self._put(entity, begun(book, Sweep(event=event, source=source, cause=tuple(cause))))

    def advance(self, sweep: Sweep, reached: bytes | None) -> None:
        """Note that a sweep has come to a contract's key, or (None) to the end."""
        entity = sweep.event.context.legal_entity
        self._put(entity, advanced(self._books[entity], sweep, reached))

    def _put(self, entity: str, book: PeriodBook) -> None:
        self._books[entity] = book
        # Anew, since decisions that were made before keep theirs.
        self.closed = {**self.closed, entity: book.closing}
        self.sweeps = sweeps_in_order(self._books.values())
        self._transaction.put(self._table, entity.encode(), book)
