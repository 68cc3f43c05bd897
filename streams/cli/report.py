"""`tieout report ...`, docs/reports.md: each command reads its options, asks for one report, prints it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

import click

from streams.cli.output import guarded
from streams.cli.report_output import Format, answer
from streams.config import load_settings
from streams.reports import disaggregation, remaining, waterfall
from streams.reports.journal import journal
from streams.reports.positions import positions
from streams.reports.question import Books, Scope
from streams.reports.rollforward import rollforward

_Command = TypeVar("_Command", bound=Callable[..., object])


def one_of(names: type[StrEnum]) -> click.Choice[str]:
    """Return the choice among an enumeration's values."""
    return click.Choice([name.value for name in names])


FORMAT = click.option(
    "--format", "written", type=one_of(Format), default=Format.TABLE.value, show_default=True, help="How to print it."
)
EVENTS = click.option(
    "--events",
    type=click.File("r", encoding="utf-8"),
    help="Report on a dry run of this file of events, as `tieout simulate` makes it, instead of the database.",
)
ENTITY = click.option("--entity", help="Only this legal entity.")
CONTRACT = click.option("--contract", help="Only this contract.")
PRODUCT_LINE = click.option("--product-line", help="Only this product line.")
FROM = click.option("--from", "first", metavar="PERIOD", help="First period, YYYY-MM.")
TO = click.option("--to", "last", metavar="PERIOD", help="Last period, YYYY-MM.")
FUNCTIONAL = click.option("--functional", is_flag=True, help="In the functional currencies of the entities.")
PAGE = click.option("--page", type=click.IntRange(min=1), default=1, help="Page to print.")
PAGE_SIZE = click.option(
    "--page-size", type=click.IntRange(min=1), help="Lines a page; default: 100 in a table, everything in CSV and JSON."
)
TABLE_PAGE = 100


def options(*chosen: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Return a decorator that adds options in the order given."""

    def decorate(command: _Command) -> _Command:
        for option in reversed(chosen):
            command = option(command)
        return command

    return decorate


def page_of(page_size: int | None, written: str) -> int | None:
    """Return the lines of a page: what was asked for, or what suits the format; None: everything."""
    return page_size or (TABLE_PAGE if written == Format.TABLE else None)


def books(events: click.utils.LazyFile | None) -> Books:
    """Return the books of the settings, or of a dry run."""
    from streams.cli.books import open_books

    return open_books(load_settings(), events)


@click.group()
def report() -> None:
    """Reports for accountants, from the embedded ledger and revenue platform (docs/reports.md).

    Exit code 1: something does not agree, and the report says by how much.
    """


@report.command("waterfall")
@options(ENTITY, CONTRACT, PRODUCT_LINE, FROM, TO)
@click.option("--by", type=one_of(waterfall.By), default=waterfall.By.CONTRACT.value, show_default=True)
@click.option("--wide", is_flag=True, help="One row for each, with a column for each period.")
@options(EVENTS, FORMAT)
@guarded
def waterfall_command(
    entity: str | None,
    contract: str | None,
    product_line: str | None,
    first: str | None,
    last: str | None,
    by: str,
    wide: bool,
    events: click.utils.LazyFile | None,
    written: str,
) -> None:
    """Revenue by period: recognised so far, scheduled later, and what has no date."""
    scope = _scope(entity, contract, product_line, first, last)
    answer(lambda: waterfall.waterfall(books(events), scope, waterfall.By(by), wide=wide), written)


@report.command("rollforward")
@options(ENTITY, CONTRACT, FROM, TO, FUNCTIONAL, EVENTS, FORMAT)
@guarded
def rollforward_command(
    entity: str | None,
    contract: str | None,
    first: str | None,
    last: str | None,
    functional: bool,
    events: click.utils.LazyFile | None,
    written: str,
) -> None:
    """Deferred revenue: opening, billed, recognised, adjustments, FX, closing."""
    scope = _scope(entity, contract, None, first, last, functional)
    answer(lambda: rollforward(books(events), scope), written)


@report.command("remaining")
@options(ENTITY, CONTRACT, PRODUCT_LINE)
@click.option("--by", type=one_of(remaining.By), default=remaining.By.CONTRACT.value, show_default=True)
@click.option("--as-of", metavar="PERIOD", help="Look from the end of this period; default: the latest that was run.")
@click.option("--expedients", is_flag=True, help="Leave out what 606-10-50-14 lets a company leave out.")
@options(EVENTS, FORMAT)
@guarded
def remaining_command(
    entity: str | None,
    contract: str | None,
    product_line: str | None,
    by: str,
    as_of: str | None,
    expedients: bool,
    events: click.utils.LazyFile | None,
    written: str,
) -> None:
    """Remaining performance obligations by time band."""
    scope = _scope(entity, contract, product_line, None, None)
    answer(
        lambda: remaining.remaining(books(events), scope, remaining.By(by), as_of=as_of, expedients=expedients), written
    )


@report.command("positions")
@options(ENTITY, CONTRACT, TO, FUNCTIONAL, EVENTS, FORMAT)
@guarded
def positions_command(
    entity: str | None,
    contract: str | None,
    last: str | None,
    functional: bool,
    events: click.utils.LazyFile | None,
    written: str,
) -> None:
    """Contract assets and liabilities, netted for each contract."""
    scope = _scope(entity, contract, None, None, last, functional)
    answer(lambda: positions(books(events), scope), written)


@report.command("disaggregation")
@options(ENTITY, CONTRACT, PRODUCT_LINE, FROM, TO)
@click.option(
    "--by",
    type=one_of(disaggregation.By),
    multiple=True,
    default=[dimension.value for dimension in disaggregation.STANDARD],
    show_default=True,
    help="Give it several times.",
)
@options(EVENTS, FORMAT)
@guarded
def disaggregation_command(
    entity: str | None,
    contract: str | None,
    product_line: str | None,
    first: str | None,
    last: str | None,
    by: tuple[str, ...],
    events: click.utils.LazyFile | None,
    written: str,
) -> None:
    """Revenue by product line, entity, region, and over time or at a point in time."""
    scope = _scope(entity, contract, product_line, first, last)
    dimensions = tuple(disaggregation.By(name) for name in dict.fromkeys(by))
    answer(lambda: disaggregation.disaggregation(books(events), scope, dimensions), written)


@report.command("journal")
@options(ENTITY, CONTRACT, PRODUCT_LINE, FROM, TO)
@click.option("--account", help="Only lines on this account.")
@options(FUNCTIONAL, PAGE, PAGE_SIZE, EVENTS, FORMAT)
@guarded
def journal_command(
    entity: str | None,
    contract: str | None,
    product_line: str | None,
    first: str | None,
    last: str | None,
    account: str | None,
    functional: bool,
    page: int,
    page_size: int | None,
    events: click.utils.LazyFile | None,
    written: str,
) -> None:
    """Posted lines with their contract, event, source transaction and command."""
    scope = _scope(entity, contract, product_line, first, last, functional)
    size = page_of(page_size, written)
    answer(lambda: journal(books(events), scope, account=account, page=page, page_size=size), written)


def _scope(
    entity: str | None,
    contract: str | None,
    product_line: str | None,
    first: str | None,
    last: str | None,
    functional: bool = False,
) -> Scope:
    return Scope(
        entity=entity,
        contract_id=contract,
        product_line=product_line,
        first_period=first,
        last_period=last,
        functional=functional,
    )
