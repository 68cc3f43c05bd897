"""The ledger read for reports (`connectors.reading`): lines and their sums, added up by the database."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Column,
    ColumnClause,
    ColumnElement,
    Connection,
    Select,
    case,
    func,
    literal_column,
    select,
    type_coerce,
)

from connectors.erp.ledger.schema import Amount, entries, lines
from connectors.reading import Dimension, LedgerLine, LineFilter, Movement
from streams.core.money import quantize

_NONE: ColumnClause[str] = literal_column("''")
"""Written out: what is grouped by must be the same text wherever it stands."""

_COLUMNS: dict[Dimension, ColumnElement[str] | ColumnElement[bool]] = {
    Dimension.ENTITY: entries.c.entity,
    Dimension.CURRENCY: entries.c.currency,  # or the functional one: see _key
    Dimension.PERIOD: entries.c.period,
    Dimension.ACCOUNT: lines.c.account,
    Dimension.CONTRACT: entries.c.contract_id,
    Dimension.PRODUCT_LINE: lines.c.product_line,
    Dimension.SOURCE_SYSTEM: entries.c.source_system,
    Dimension.CUSTOMER: entries.c.customer,
    Dimension.REVERSAL: entries.c.reverses_command_id.is_not(None),
}


def read_movements(connection: Connection, wanted: LineFilter, by: Collection[Dimension]) -> list[Movement]:
    """Return lines added up by dimensions and currency, sorted by the dimensions in the order of `Dimension`."""
    dimensions = grouping(by)
    keys = [_key(dimension, wanted) for dimension in dimensions]
    debit = type_coerce(func.sum(_debit(wanted)), Amount).label("debit")
    credit = type_coerce(func.sum(_credit(wanted)), Amount).label("credit")
    columns = [key.label(dimension.value) for key, dimension in zip(keys, dimensions, strict=True)]
    query = select(*columns, debit, credit, func.count().label("line_count")).join_from(
        lines, entries, lines.c.entry_id == entries.c.entry_id
    )
    rows = connection.execute(query.where(*_conditions(wanted)).group_by(*keys)).mappings()
    movements = [
        Movement(
            debit=quantize(row["debit"], row["currency"]),
            credit=quantize(row["credit"], row["currency"]),
            lines=row["line_count"],
            **{
                dimension.value: row[dimension.value] for dimension in dimensions if dimension is not Dimension.REVERSAL
            },
            reversal=bool(row.get("reversal", False)),
        )
        for row in rows
    ]
    # Sorted here: databases sort text each in its own way.
    return sorted(movements, key=lambda movement: tuple(getattr(movement, name.value) for name in dimensions))


def read_lines(connection: Connection, wanted: LineFilter, skip: int, limit: int) -> list[LedgerLine]:
    """Return lines by posting date, then in order of posting."""
    columns = select(
        entries,
        *(column for column in lines.c if column.name != "entry_id"),
        _key(Dimension.CURRENCY, wanted).label("shown_in"),
        _debit(wanted).label("shown_debit"),
        _credit(wanted).label("shown_credit"),
    )
    query = _in_order(columns, wanted).offset(skip).limit(limit)
    return [
        LedgerLine(
            document_number=row.document_number,
            line_number=row.line_number,
            command_id=row.command_id,
            reverses_command_id=row.reverses_command_id,
            entity=row.entity,
            period=row.period,
            posting_date=row.posting_date,
            currency=row.shown_in,
            contract_id=row.contract_id,
            contract_version=row.contract_version,
            customer=row.customer,
            event_id=row.event_id,
            source_system=row.source_system,
            source_transaction_id=row.source_transaction_id,
            description=row.description,
            account=row.account,
            debit=quantize(row.shown_debit, row.shown_in),
            credit=quantize(row.shown_credit, row.shown_in),
            product_line=row.product_line,
            jurisdiction=row.jurisdiction,
            partner_entity=row.partner_entity,
        )
        for row in connection.execute(query)
    ]


def read_sum_of_first(connection: Connection, wanted: LineFilter, count: int) -> Decimal:
    """Return debits less credits of the first lines, in the order of `read_lines`."""
    amounts: list[ColumnElement[Any]] = [_debit(wanted).label("debit"), _credit(wanted).label("credit")]
    first = _in_order(select(*amounts), wanted).limit(count).subquery()
    query = select(type_coerce(func.sum(first.c.debit) - func.sum(first.c.credit), Amount))
    return connection.execute(query).scalar_one() or Decimal(0)


def grouping(by: Collection[Dimension]) -> list[Dimension]:
    """Return the dimensions in their order, the currency always among them: amounts of two are never added up."""
    return [dimension for dimension in Dimension if dimension in by or dimension is Dimension.CURRENCY]


def _key(dimension: Dimension, wanted: LineFilter) -> ColumnElement[Any]:
    if dimension is Dimension.CURRENCY and wanted.functional:
        return func.coalesce(func.nullif(entries.c.functional_currency, _NONE), entries.c.currency)
    return _COLUMNS[dimension]


def _debit(wanted: LineFilter) -> ColumnElement[Decimal]:
    return _amount(wanted, lines.c.debit, lines.c.functional_debit)


def _credit(wanted: LineFilter) -> ColumnElement[Decimal]:
    return _amount(wanted, lines.c.credit, lines.c.functional_credit)


def _amount(wanted: LineFilter, amount: Column[Decimal], functional: Column[Decimal]) -> ColumnElement[Decimal]:
    """Return the amount that is asked for; a journal without a functional currency is in it already."""
    if not wanted.functional:
        return amount
    return type_coerce(case((entries.c.functional_currency == _NONE, amount), else_=functional), Amount)


def _in_order(columns: Select[Any], wanted: LineFilter) -> Select[Any]:
    return (
        columns.join_from(lines, entries, lines.c.entry_id == entries.c.entry_id)
        .where(*_conditions(wanted))
        .order_by(entries.c.posting_date, entries.c.entry_id, lines.c.line_number)
    )


def _conditions(wanted: LineFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for column, value in (
        (entries.c.entity, wanted.entity),
        (_key(Dimension.CURRENCY, wanted), wanted.currency),
        (entries.c.contract_id, wanted.contract_id),
        (lines.c.product_line, wanted.product_line),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.first_period is not None:
        conditions.append(entries.c.period >= wanted.first_period)
    if wanted.last_period is not None:
        conditions.append(entries.c.period <= wanted.last_period)
    if wanted.accounts is not None:
        conditions.append(lines.c.account.in_(sorted(wanted.accounts)))
    if wanted.journals_on is not None:
        on_accounts = select(lines.c.entry_id).where(lines.c.account.in_(sorted(wanted.journals_on)))
        conditions.append(entries.c.entry_id.in_(on_accounts))
    return conditions
