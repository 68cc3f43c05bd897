"""The embedded ledger as an ERP: posts journals exactly once by command id, closes periods, answers balances.

One call is one database transaction: it commits all accepted postings of the call or none. Refusals are not
remembered, so a refused posting may come again with the same id once its reason is gone. Must not know why a journal
is posted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal

from sqlalchemy import Engine, case, delete, func, select, type_coerce
from sqlalchemy.exc import IntegrityError

from connectors.erp.ledger.checks import Books
from connectors.erp.ledger.database import Database, open_engine
from connectors.erp.ledger.entries import ClosedPeriod, EntryFilter, LedgerEntry, read_page
from connectors.erp.ledger.posting import insert_absent, lock_numbers, post_in, read_posted
from connectors.erp.ledger.reading import read_lines, read_movements, read_sum_of_first
from connectors.erp.ledger.schema import Amount, entries, lines, periods
from connectors.protocols import AccountBalance, ConnectorUnavailable, Erp, PeriodStatus
from connectors.reading import Dimension, LedgerLine, LineFilter, Movement
from streams.core.fiscal import FiscalCalendar
from streams.core.money import period_start, quantize
from streams.records import ErpPosting, PostingAccepted, PostingRejected

_PAGE = 500
_RACES = 5


class EmbeddedLedger(Erp):
    """A double-entry general ledger on SQLite or PostgreSQL. Threads and processes may share its database.

    `database` is a URL, or an engine made by `connectors.erp.ledger.database.open_engine`; `accounts` are the numbers
    that may be posted to; `entities` maps every legal entity to its first open period; `calendars` names the fiscal
    calendars of those that do not have calendar months. Nothing is connected before
    the first call, which also makes the tables.
    """

    def __init__(
        self,
        database: str | Engine,
        accounts: Collection[str],
        entities: Mapping[str, str],
        calendars: Mapping[str, FiscalCalendar] | None = None,
    ) -> None:
        self._database = Database(open_engine(database) if isinstance(database, str) else database)
        self._books = Books(frozenset(accounts), dict(entities), dict(calendars or {}))

    def post(self, postings: Sequence[ErpPosting]) -> list[PostingAccepted | PostingRejected]:
        """Post in order; one answer a posting, the first one again for a command id that is in the ledger.

        Raises ConnectorUnavailable when the outcome is unknown: the same call must be made again.
        """
        if not postings:
            return []
        for _ in range(_RACES):
            try:
                with self._database.write() as connection:
                    return post_in(connection, postings, self._books)
            except IntegrityError as race:
                # Another process posted one of these ids for another entity or year meanwhile: now it will be found.
                lost = race
        raise ConnectorUnavailable(f"lost {_RACES} races for the same command ids; post again") from lost

    def balances(self, contract_id: str | None = None) -> list[AccountBalance]:
        """Return debits less credits by entity, account and currency. Raises ConnectorUnavailable."""
        balance = type_coerce(func.sum(lines.c.debit) - func.sum(lines.c.credit), Amount).label("balance")
        keys = (entries.c.entity, lines.c.account, entries.c.currency)
        query = select(*keys, balance).join(entries, lines.c.entry_id == entries.c.entry_id)
        if contract_id is not None:
            query = query.where(entries.c.contract_id == contract_id)
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(*keys).order_by(*keys)).all()
        return [
            AccountBalance(row.entity, row.account, row.currency, quantize(row.balance, row.currency)) for row in rows
        ]

    def functional_balances(self, contract_id: str | None = None) -> list[AccountBalance]:
        """Return debits less credits by entity and account in functional currency. Raises ConnectorUnavailable.

        A journal without a functional currency is in it already.
        """
        foreign = entries.c.functional_currency != ""
        currency = case((foreign, entries.c.functional_currency), else_=entries.c.currency).label("book_currency")
        amount = case(
            (foreign, lines.c.functional_debit - lines.c.functional_credit), else_=lines.c.debit - lines.c.credit
        )
        balance = type_coerce(func.sum(amount), Amount).label("balance")
        keys = (entries.c.entity, lines.c.account, currency)
        query = select(*keys, balance).join(entries, lines.c.entry_id == entries.c.entry_id)
        if contract_id is not None:
            query = query.where(entries.c.contract_id == contract_id)
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(*keys).order_by(*keys)).all()
        return [
            AccountBalance(row.entity, row.account, row.book_currency, quantize(row.balance, row.book_currency))
            for row in rows
        ]

    def posted(self, command_ids: Collection[str]) -> dict[str, PostingAccepted]:
        """Return the first answers to the commands that are in the ledger. Raises ConnectorUnavailable."""
        with self._database.read() as connection:
            return read_posted(connection, command_ids)

    def period_status(self, legal_entity: str, period: str) -> PeriodStatus:
        """Return whether an entity's period takes postings. Raises ConnectorUnavailable."""
        query = select(periods.c.period).where(periods.c.entity == legal_entity, periods.c.period == period)
        with self._database.read() as connection:
            closed = connection.execute(query).first() is not None
        return self._books.period_status(legal_entity, period, closed=closed)

    def entries(self, wanted: EntryFilter | None = None) -> Iterator[LedgerEntry]:
        """Iterate over entries, oldest first, a page at a time. Raises ConnectorUnavailable."""
        last = 0
        while True:
            with self._database.read() as connection:
                page = read_page(connection, wanted or EntryFilter(), last, _PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].entry_id

    def movements(self, wanted: LineFilter, by: Collection[Dimension]) -> list[Movement]:
        """Return lines added up; see `connectors.reading.LedgerBooks`. Raises ConnectorUnavailable."""
        with self._database.read() as connection:
            return read_movements(connection, wanted, by)

    def lines(self, wanted: LineFilter, skip: int, limit: int) -> list[LedgerLine]:
        """Return lines; see `connectors.reading.LedgerBooks`. Raises ConnectorUnavailable."""
        with self._database.read() as connection:
            return read_lines(connection, wanted, skip, limit)

    def sum_of_first(self, wanted: LineFilter, count: int) -> Decimal:
        """Return debits less credits; see `connectors.reading.LedgerBooks`. Raises ConnectorUnavailable."""
        with self._database.read() as connection:
            return read_sum_of_first(connection, wanted, count)

    def close_period(self, entity: str, period: str) -> None:
        """Take no more postings in a period; closing it again changes nothing.

        Waits for postings in flight. Raises ValueError for an unknown entity or a period that is not YYYY-MM, and
        ConnectorUnavailable.
        """
        self._check(entity, period)
        with self._database.write() as connection:
            lock_numbers(connection, {(entity, period[:4])})
            insert_absent(connection, periods, [{"entity": entity, "period": period}])

    def reopen_period(self, entity: str, period: str) -> None:
        """Take postings in a period again; reopening an open one changes nothing. Raises as `close_period`."""
        self._check(entity, period)
        with self._database.write() as connection:
            lock_numbers(connection, {(entity, period[:4])})
            connection.execute(delete(periods).where(periods.c.entity == entity, periods.c.period == period))

    def closed_periods(self) -> list[ClosedPeriod]:
        """Return the periods that were closed, by entity and period. Raises ConnectorUnavailable."""
        with self._database.read() as connection:
            rows = connection.execute(select(periods).order_by(periods.c.entity, periods.c.period)).all()
        return [ClosedPeriod(row.entity, row.period, row.closed_at) for row in rows]

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.dispose()

    def _check(self, entity: str, period: str) -> None:
        if entity not in self._books.first_open_period:
            known = ", ".join(sorted(self._books.first_open_period))
            raise ValueError(f"entity {entity!r} is unknown; expected one of {known}")
        if len(period) != 7 or period[4] != "-":
            raise ValueError(f"period {period!r}; expected YYYY-MM")
        period_start(period)
