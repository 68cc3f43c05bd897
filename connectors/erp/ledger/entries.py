"""What the ledger holds, read back: entries with their lines, and closed periods, as frozen values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from sqlalchemy import Connection, Row, Select, select

from connectors.erp.ledger.schema import entries, lines
from streams.core.money import ZERO, quantize
from streams.records import JournalLine


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A posted journal."""

    entry_id: int
    """Rises with every entry."""
    command_id: str
    document_number: str
    """Without gaps for an entity and year."""
    legal_entity: str
    period: str
    posting_date: dt.date
    currency: str
    contract_id: str
    customer_account: str
    event_id: str
    source_system: str
    source_transaction_id: str
    description: str
    reverses_command_id: str | None
    lines: tuple[JournalLine, ...]
    functional_currency: str = ""
    """Of the entity, where it is another than the journal's."""


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A period that takes no postings."""

    legal_entity: str
    period: str
    closed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries to read; None does not restrict."""

    contract_id: str | None = None
    legal_entity: str | None = None
    period: str | None = None
    account: str | None = None
    event_id: str | None = None
    command_id: str | None = None

    def apply(self, query: Select[tuple[int]]) -> Select[tuple[int]]:
        """Restrict a query on the entries."""
        for column, wanted in (
            (entries.c.contract_id, self.contract_id),
            (entries.c.entity, self.legal_entity),
            (entries.c.period, self.period),
            (entries.c.event_id, self.event_id),
            (entries.c.command_id, self.command_id),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        if self.account is not None:
            on_account = select(lines.c.entry_id).where(lines.c.account == self.account)
            query = query.where(entries.c.entry_id.in_(on_account))
        return query


def read_page(connection: Connection, wanted: EntryFilter, after: int, size: int) -> list[LedgerEntry]:
    """Return the first entries after an entry id, oldest first."""
    page = select(entries.c.entry_id).where(entries.c.entry_id > after).order_by(entries.c.entry_id).limit(size)
    ids = [row.entry_id for row in connection.execute(wanted.apply(page))]
    return list(read_entries(connection, ids))


def read_entries(connection: Connection, ids: Sequence[int]) -> Iterator[LedgerEntry]:
    """Return entries by id, in the order of their ids."""
    query = (
        select(entries, lines)
        .join(lines, lines.c.entry_id == entries.c.entry_id)
        .where(entries.c.entry_id.in_(ids))
        .order_by(entries.c.entry_id, lines.c.line_number)
    )
    for _, rows in groupby(connection.execute(query), key=lambda row: row.entry_id):
        yield _entry(list(rows))


def _entry(rows: Sequence[Row[tuple[object, ...]]]) -> LedgerEntry:
    head = rows[0]
    return LedgerEntry(
        entry_id=head.entry_id,
        command_id=head.command_id,
        document_number=head.document_number,
        legal_entity=head.entity,
        period=head.period,
        posting_date=head.posting_date,
        currency=head.currency,
        contract_id=head.contract_id,
        customer_account=head.customer,
        event_id=head.event_id,
        source_system=head.source_system,
        source_transaction_id=head.source_transaction_id,
        description=head.description,
        reverses_command_id=head.reverses_command_id,
        lines=tuple(
            JournalLine(
                account=row.account,
                debit=quantize(row.debit, head.currency),
                credit=quantize(row.credit, head.currency),
                product_line=row.product_line,
                jurisdiction=row.jurisdiction,
                partner_entity=row.partner_entity,
                functional_debit=functional_amount(row.functional_debit, head.functional_currency),
                functional_credit=functional_amount(row.functional_credit, head.functional_currency),
            )
            for row in rows
        ),
        functional_currency=head.functional_currency,
    )


def functional_amount(amount: Decimal, functional_currency: str) -> Decimal:
    """Return a functional amount in its currency's minor unit; a journal without that currency has none."""
    return quantize(amount, functional_currency) if functional_currency else ZERO
