"""A report written to the terminal or a file: a table for people, CSV and JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.cli.output import console, echo_json, fail
from streams.reports.document import Cell, Report, plain, table_columns, to_csv, to_json
from streams.reports.question import QuestionRefused

_WIDEST = 10_000
"""Columns of the screen that a table may take."""

TABLE_ROWS = 1000
"""Rows that a table has at most: nobody reads more, and laying them out takes longer than the report."""


class Format(StrEnum):
    """How a report is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def answer(ask: Callable[[], Report], written: str) -> None:
    """Ask for a report, print it, and end: 0 it ties out, 1 something differs, 2 the question is refused."""
    try:
        report = ask()
    except QuestionRefused as refused:
        fail(str(refused), 2)
    write(report, Format(written))
    sys.exit(1 if report.differences else 0)


def write(report: Report, written: Format) -> None:
    """Print a report; with CSV, what does not fit into it goes to the standard error."""
    match written:
        case Format.TABLE:
            render(report, console())
        case Format.CSV:
            click.echo(to_csv(report), nl=False)
            for text in (*report.notes, *report.differences):
                click.echo(text, err=True)
        case Format.JSON:
            echo_json(to_json(report))


def render(report: Report, screen: Console) -> None:
    """Print a report as a table, its notes, and last what differs.

    A table is as wide as its amounts need, whatever the screen: a number that is broken in two cannot be read.
    """
    table = _table(report)
    needed = screen.measure(table, options=screen.options.update(max_width=_WIDEST)).maximum
    screen.width = max(screen.width, needed, len(report.title))
    screen.print(escape(report.title), style="bold", highlight=False)
    screen.print(table)
    if len(report.rows) > TABLE_ROWS:
        screen.print(
            f"The first {TABLE_ROWS:,} of {len(report.rows):,} rows; totals are of all. CSV and JSON have every row.",
            style="bold",
            highlight=False,
        )
    for note in report.notes:
        screen.print(escape(note), style="dim", highlight=False)
    for difference in report.differences:
        screen.print(f"DIFFERENCE {escape(difference)}", style="bold red", highlight=False)


def _table(report: Report) -> Table:
    from streams.timeline.view import box_of

    table = box_of("")
    chosen = table_columns(report)
    for at in chosen:
        column = report.columns[at]
        right = column.amount or column.name == "lines"
        table.add_column(column.name.replace("_", " "), justify="right" if right else "left")
    for row in report.rows[:TABLE_ROWS]:
        table.add_row(*(_text(row[at]) for at in chosen))
    if report.totals:
        table.add_section()
    for row in report.totals:
        table.add_row(*(_text(row[at]) for at in chosen), style="bold")
    return table


def _text(cell: Cell) -> str:
    return f"{cell:,f}" if isinstance(cell, Decimal) else escape(plain(cell))
