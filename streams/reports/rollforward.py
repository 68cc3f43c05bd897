"""The deferred revenue rollforward: how contract liability less contract asset went from opening to closing, by period.

The movements are those of the other lines of the journals that touch the position; the balances are those of the two
accounts themselves. Both are read on their own and compared.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal

from connectors.reading import Dimension, LineFilter, Movement
from streams.core.money import ZERO, next_period, quantize
from streams.reports.document import Report, Row, named, totals_by_currency
from streams.reports.question import Books, Scope, check, refuse_product_line

_COLUMNS = (
    *named("entity", "currency", "period"),
    *named("opening", "billed", "recognised", "interest", "adjustments", "fx", "closing", "difference", amount=True),
)
_BOOK = (Dimension.ENTITY, Dimension.CURRENCY, Dimension.PERIOD, Dimension.ACCOUNT)
_Cell = tuple[str, str, str]
"""Entity, currency, period."""


@dataclass(slots=True)
class _Moves:
    billed: Decimal = ZERO
    recognised: Decimal = ZERO
    interest: Decimal = ZERO
    adjustments: Decimal = ZERO
    fx: Decimal = ZERO

    @property
    def columns(self) -> tuple[Decimal, ...]:
        return self.billed, self.recognised, self.interest, self.adjustments, self.fx

    @property
    def total(self) -> Decimal:
        return sum(self.columns, ZERO)


def rollforward(books: Books, scope: Scope) -> Report:
    """Return opening, billed, recognised, interest, adjustments, FX and closing by entity, currency and period.

    A liability is positive, an asset negative. Raises QuestionRefused.
    """
    check(scope, books)
    refuse_product_line(scope)
    wanted = replace(scope.lines(()), accounts=None, last_period=scope.last_period)
    moves = _moves(books, wanted)
    balances = _balances(books, wanted)
    rows: list[Row] = []
    differences: list[str] = []
    for entity, currency in sorted({(entity, currency) for entity, currency, _ in moves.keys() | balances.keys()}):
        periods = [period for e, c, period in moves.keys() | balances.keys() if (e, c) == (entity, currency)]
        opening = balance = ZERO
        period, last = min(periods), scope.last_period or max(periods)
        while period <= last:
            moved = moves.get((entity, currency, period), _Moves())
            balance += balances.get((entity, currency, period), ZERO)
            closing = opening + moved.total
            difference = closing - balance
            if scope.first_period is None or period >= scope.first_period:
                amounts = (opening, *moved.columns, closing, difference)
                rows.append((entity, currency, period, *(quantize(amount, currency) for amount in amounts)))
                if difference:
                    differences.append(_differs(entity, currency, period, closing, balance))
            opening = closing
            period = next_period(period)
    return Report(
        name="rollforward",
        title="Deferred revenue rollforward (contract liability less contract asset)",
        columns=_COLUMNS,
        rows=tuple(rows),
        totals=totals_by_currency(_COLUMNS, rows, leave_out=("opening", "closing", "difference")),
        notes=(
            "Billed: invoices less credit notes, without tax. A negative balance is a contract asset.",
            "Interest: of financing components; expense raises the balance, income lowers it.",
            "Adjustments: journals that take others back, and whatever is none of the others.",
        ),
        differences=tuple(differences),
    )


def _moves(books: Books, wanted: LineFilter) -> dict[_Cell, _Moves]:
    """Return why the position moved: in a balanced journal, by the other lines, debits raising the liability."""
    moves: defaultdict[_Cell, _Moves] = defaultdict(_Moves)
    journals = replace(wanted, journals_on=books.position_accounts)
    for movement in books.ledger.movements(journals, (*_BOOK, Dimension.REVERSAL)):
        if movement.account not in books.position_accounts:
            _add(moves[movement.entity, movement.currency, movement.period], movement, books)
    return dict(moves)


def _add(moves: _Moves, movement: Movement, books: Books) -> None:
    accounts = books.accounts
    if movement.reversal:
        moves.adjustments += movement.amount
    elif movement.account == accounts.receivable or movement.account in accounts.tax_payable.values():
        moves.billed += movement.amount
    elif movement.account in books.revenue_accounts or movement.account == accounts.intercompany_payable:
        moves.recognised += movement.amount
    elif movement.account in books.interest_accounts:
        moves.interest += movement.amount
    elif movement.account in books.exchange_accounts:
        moves.fx += movement.amount
    else:
        moves.adjustments += movement.amount


def _balances(books: Books, wanted: LineFilter) -> dict[_Cell, Decimal]:
    """Return what each period added to contract liability less contract asset."""
    balances: defaultdict[_Cell, Decimal] = defaultdict(Decimal)
    for movement in books.ledger.movements(replace(wanted, accounts=books.position_accounts), _BOOK):
        balances[movement.entity, movement.currency, movement.period] -= movement.amount
    return dict(balances)


def _differs(entity: str, currency: str, period: str, closing: Decimal, balance: Decimal) -> str:
    return (
        f"{entity}, {period}: the rollforward closes at {quantize(closing, currency)} {currency} and the ledger holds "
        f"{quantize(balance, currency)}, a difference of {quantize(closing - balance, currency)}; the journals of the "
        "period that touch the two accounts are not balanced"
    )
