"""The journal drill-down: posted lines, each with its contract, event, source transaction and command."""

from __future__ import annotations

from dataclasses import replace

from connectors.reading import Dimension
from streams.reports.document import Report, Shown, named, totals_by_currency
from streams.reports.question import Books, Scope, check, check_account
from streams.reports.tracing import ORIGIN, origin

_COLUMNS = (
    *named("document_number"),
    *named("line", shown=Shown.AS_DATA),
    *named("posting_date"),
    *named("entity", "period", shown=Shown.AS_DATA),
    *named("account"),
    *named("account_name", shown=Shown.AS_DATA),
    *named("debit", "credit", amount=True),
    *named("currency"),
    *named("product_line", "jurisdiction", "partner_entity", "customer", "description", shown=Shown.AS_DATA),
    *ORIGIN,
)


def journal(
    books: Books, scope: Scope, *, account: str | None = None, page: int = 1, page_size: int | None = None
) -> Report:
    """Return the lines of the scope: all of a journal's, or those on one account; a page of them, or all.

    Raises QuestionRefused.
    """
    check(scope, books)
    if account is not None:
        check_account(account, books)
    wanted = replace(
        scope.lines(()),
        accounts=None if account is None else (account,),
        first_period=scope.first_period,
        last_period=scope.last_period,
    )
    count = sum(movement.lines for movement in books.ledger.movements(wanted, (Dimension.ENTITY,)))
    size = page_size or count
    lines = books.ledger.lines(wanted, (page - 1) * size, size)
    rows = tuple(
        (
            line.document_number,
            line.line_number,
            line.posting_date.isoformat(),
            line.entity,
            line.period,
            line.account,
            books.account_names.get(line.account, ""),
            line.debit,
            line.credit,
            line.currency,
            line.product_line,
            line.jurisdiction,
            line.partner_entity,
            line.customer,
            line.description,
            *origin(line),
        )
        for line in lines
    )
    notes = []
    if len(lines) < count:
        notes.append(f"Page {page} of {-(-count // size)}: {len(lines)} of {count} lines; the totals are of this page.")
    on = f" on {account} {books.account_names[account]}" if account is not None else ""
    return Report(
        name="journal",
        title=f"Journal lines{on}",
        columns=_COLUMNS,
        rows=rows,
        totals=totals_by_currency(_COLUMNS, rows),
        facts=(("lines", count),),
        notes=tuple(notes),
    )
