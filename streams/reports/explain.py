"""From a balance to the source transactions that add up to it exactly: line by line, or added up by what they share.

A page says what was brought forward and what follows, so that every page adds up to the balance too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from connectors.reading import Dimension, LineFilter
from streams.core.money import ZERO, quantize
from streams.reports.document import Cell, Column, Report, Row, Shown, named
from streams.reports.question import (
    Books,
    QuestionRefused,
    check_account,
    check_entity,
    check_period,
    posted_periods,
)
from streams.reports.tracing import ORIGIN, origin


class By(StrEnum):
    """What lines are added up by, where there are too many to read."""

    PERIOD = "period"
    CONTRACT = "contract"
    CUSTOMER = "customer"
    PRODUCT_LINE = "product-line"
    SOURCE_SYSTEM = "source-system"


_DIMENSIONS = {
    By.PERIOD: Dimension.PERIOD,
    By.CONTRACT: Dimension.CONTRACT,
    By.CUSTOMER: Dimension.CUSTOMER,
    By.PRODUCT_LINE: Dimension.PRODUCT_LINE,
    By.SOURCE_SYSTEM: Dimension.SOURCE_SYSTEM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The balance that is asked about: debits less credits."""

    entity: str
    account: str
    period: str
    """Last period that is in it."""
    since: str | None = None
    """First period that is in it; None: from the beginning."""
    currency: str | None = None
    """None: the only one there is."""
    contract_id: str | None = None
    functional: bool = False
    """Whether the amounts are wanted in the functional currency of the entity."""


_LINES = (
    *named("document_number", "posting_date"),
    *named("line", "period", "description", "product_line", "customer", shown=Shown.AS_DATA),
    *named("amount", "balance", amount=True),
    *ORIGIN,
)


def explain(
    books: Books, asked: Balance, *, by: By | None = None, page: int = 1, page_size: int | None = None
) -> Report:
    """Return the lines that add up to a balance, oldest first; `by`: their sums; a page of them, or all.

    Raises QuestionRefused.
    """
    wanted = _wanted(books, asked)
    total = next(iter(books.ledger.movements(wanted, ())), None)
    currency = str(wanted.currency)
    balance = quantize(total.amount if total is not None else ZERO, currency)
    count = total.lines if total is not None else 0
    facts: list[tuple[str, Cell]] = [
        ("entity", asked.entity),
        ("account", asked.account),
        ("account_name", books.account_names[asked.account]),
        ("from_period", asked.since),
        ("to_period", asked.period),
        ("currency", currency),
        ("balance", balance),
        ("lines", count),
    ]
    columns: tuple[Column, ...]
    if by is not None:
        columns, rows = _added_up(books, wanted, by)
    else:
        size = page_size or max(count, 1)
        columns, (rows, brought, carried) = _LINES, _page(books, wanted, (page - 1) * size, size)
        facts += [("brought_forward", brought), ("on_this_page", quantize(carried - brought, currency))]
        facts += [("on_later_pages", quantize(balance - carried, currency)), ("page", page)]
        facts += [("pages", max(-(-count // size), 1))]
    return Report(
        name="explain",
        title=f"{asked.entity}: {asked.account} {books.account_names[asked.account]}, {_span(asked)}: "
        f"{balance:,f} {currency}",
        columns=columns,
        rows=rows,
        facts=tuple(facts),
        notes=("Debits are positive, credits negative.",),
    )


def _wanted(books: Books, asked: Balance) -> LineFilter:
    check_entity(asked.entity, books)
    check_account(asked.account, books)
    check_period(asked.period)
    if asked.since is not None:
        check_period(asked.since)
        if asked.since > asked.period:
            raise QuestionRefused(f"the first period {asked.since} comes after the last, {asked.period}; exchange them")
    wanted = LineFilter(
        entity=asked.entity,
        accounts=(asked.account,),
        contract_id=asked.contract_id,
        currency=asked.currency,
        functional=asked.functional,
    )
    _check_posted(books, asked)
    if asked.currency is None:
        wanted = replace(wanted, currency=_only_currency(books, wanted, asked))
    return replace(wanted, first_period=asked.since, last_period=asked.period)


def _check_posted(books: Books, asked: Balance) -> None:
    """Refuse a period in which the entity's ledger has not begun, or that lies after all it has."""
    periods = posted_periods(books, LineFilter(entity=asked.entity))
    if not periods:
        raise QuestionRefused(f"the ledger has nothing of {asked.entity} yet; post something first")
    if not periods[0] <= asked.period <= periods[-1]:
        known = f"{periods[0]} to {periods[-1]}"
        raise QuestionRefused(
            f"period {asked.period}: the ledger of {asked.entity} has postings from {known}; ask for one"
        )


def _only_currency(books: Books, wanted: LineFilter, asked: Balance) -> str:
    found = [movement.currency for movement in books.ledger.movements(wanted, ())]
    if len(found) > 1:
        raise QuestionRefused(
            f"account {asked.account} of {asked.entity} has lines in {', '.join(found)}, which do not add up; name one "
            "with --currency"
        )
    if not found:
        used = sorted({row.account for row in books.ledger.movements(_of(asked), (Dimension.ACCOUNT,))})
        raise QuestionRefused(
            f"account {asked.account} of {asked.entity} has no lines; the accounts with lines are "
            f"{', '.join(used) or 'none'}"
        )
    return found[0]


def _of(asked: Balance) -> LineFilter:
    return LineFilter(entity=asked.entity, contract_id=asked.contract_id)


def _page(books: Books, wanted: LineFilter, skip: int, size: int) -> tuple[tuple[Row, ...], Decimal, Decimal]:
    """Return the rows of a page, the balance before it and the balance after it."""
    currency = str(wanted.currency)
    brought = running = quantize(books.ledger.sum_of_first(wanted, skip) if skip else ZERO, currency)
    rows: list[Row] = []
    for line in books.ledger.lines(wanted, skip, size):
        running += line.amount
        rows.append(
            (
                line.document_number,
                line.posting_date.isoformat(),
                line.line_number,
                line.period,
                line.description,
                line.product_line,
                line.customer,
                line.amount,
                running,
                *origin(line),
            )
        )
    return tuple(rows), brought, running


def _added_up(books: Books, wanted: LineFilter, by: By) -> tuple[tuple[Column, ...], tuple[Row, ...]]:
    dimension = _DIMENSIONS[by]
    columns = (*named(by.value.replace("-", "_")), *named("lines"), *named("amount", "balance", amount=True))
    running = quantize(ZERO, str(wanted.currency))
    rows: list[Row] = []
    for movement in books.ledger.movements(wanted, (dimension,)):
        running += movement.amount
        rows.append((getattr(movement, dimension.value), movement.lines, movement.amount, running))
    return columns, tuple(rows)


def _span(asked: Balance) -> str:
    if asked.since is None:
        return f"balance at the end of {asked.period}"
    return f"movement of {asked.period}" if asked.since == asked.period else f"movement {asked.since} to {asked.period}"
