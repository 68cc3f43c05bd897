"""A report as a plain value, and the two ways to write it down as data: CSV and JSON.

Columns, rows, totals, and what does not agree. Knows no accounting and no screen.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from streams.core.money import ZERO, quantize

Cell: TypeAlias = str | int | Decimal | None
"""Text, a count, an amount in the minor unit of its row's currency, or nothing to say."""

Row: TypeAlias = tuple[Cell, ...]
Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


class Shown(Enum):
    """Where a column appears."""

    EVERYWHERE = "everywhere"
    AS_DATA = "data"
    """In CSV and JSON only: too wide for a table, where another column tells it."""
    IN_TABLE = "table"
    """In tables only: made of columns that the data have one by one."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report."""

    name: str
    """In lower case with underscores: the name of the field in CSV and JSON."""
    amount: bool = False
    shown: Shown = Shown.EVERYWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was asked, answered."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: tuple[Row, ...] = ()
    """Rows under the line, of the same columns."""
    facts: tuple[tuple[str, Cell], ...] = ()
    """Single values that belong to the whole."""
    notes: tuple[str, ...] = ()
    """What a reader must know to read it right."""
    differences: tuple[str, ...] = ()
    """What does not agree with another record of the same thing; none: it ties out."""


def named(*names: str, amount: bool = False, shown: Shown = Shown.EVERYWHERE) -> tuple[Column, ...]:
    """Return columns of the same kind."""
    return tuple(Column(name, amount, shown) for name in names)


def totals_by_currency(
    columns: Sequence[Column], rows: Iterable[Row], leave_out: Sequence[str] = ()
) -> tuple[Row, ...]:
    """Return one row for each currency with the sums of the amounts; amounts that do not add up are left out."""
    at = [column.name for column in columns].index("currency")
    sums: dict[str, list[Decimal]] = {}
    for row in rows:
        totals = sums.setdefault(str(row[at]), [ZERO] * len(columns))
        for number, cell in enumerate(row):
            if isinstance(cell, Decimal):
                totals[number] += cell
    return tuple(
        tuple(
            quantize(totals[number], currency)
            if column.amount and column.name not in leave_out
            else "total"
            if number == 0
            else currency
            if number == at
            else None
            for number, column in enumerate(columns)
        )
        for currency, totals in sorted(sums.items())
    )


def to_csv(report: Report) -> str:
    """Write the rows as CSV with a header; totals and notes are left out, so that the amounts can be added up."""
    chosen = data_columns(report)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([report.columns[at].name for at in chosen])
    for row in report.rows:
        writer.writerow([plain(row[at]) for at in chosen])
    return text.getvalue()


def to_json(report: Report) -> dict[str, Json]:
    """Return everything as one document; amounts are strings, as everywhere in tieout."""
    chosen = data_columns(report)

    def fields(row: Row) -> Json:
        return {report.columns[at].name: _json(row[at]) for at in chosen}

    return {
        "report": report.name,
        "title": report.title,
        **{name: _json(value) for name, value in report.facts},
        "rows": [fields(row) for row in report.rows],
        "totals": [fields(row) for row in report.totals],
        "notes": list(report.notes),
        "differences": list(report.differences),
        "ties_out": not report.differences,
    }


def data_columns(report: Report) -> list[int]:
    """Return the positions of the columns that CSV and JSON have."""
    return [at for at, column in enumerate(report.columns) if column.shown is not Shown.IN_TABLE]


def table_columns(report: Report) -> list[int]:
    """Return the positions of the columns that a table has."""
    return [at for at, column in enumerate(report.columns) if column.shown is not Shown.AS_DATA]


def plain(cell: Cell) -> str:
    """Return a cell as text, without thousands separated; nothing as empty."""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return "" if cell is None else str(cell)


def _json(cell: Cell) -> Json:
    return plain(cell) if isinstance(cell, Decimal) else cell
