"""Contract assets and liabilities, netted for each contract (606-10-45-1), as the ledger holds them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

from connectors.reading import Dimension
from streams.core.money import ZERO, quantize
from streams.reports.document import Report, Row, named, totals_by_currency
from streams.reports.question import Books, Scope, check, refuse_product_line

_COLUMNS = (
    *named("entity", "contract", "currency"),
    *named("ledger_liability", "ledger_asset", "contract_liability", "contract_asset", amount=True),
)


def positions(books: Books, scope: Scope) -> Report:
    """Return both balances of each contract at the end of the scope's last period, or of all there is.

    Contracts are netted each by itself, never with each other. Raises QuestionRefused.
    """
    check(scope, books)
    refuse_product_line(scope)
    wanted = replace(scope.lines(books.position_accounts), last_period=scope.last_period)
    held: defaultdict[tuple[str, str, str], dict[str, Decimal]] = defaultdict(dict)
    for movement in books.ledger.movements(wanted, (Dimension.ENTITY, Dimension.ACCOUNT, Dimension.CONTRACT)):
        held[movement.entity, movement.contract_id, movement.currency][movement.account] = movement.amount
    rows: list[Row] = []
    both: list[str] = []
    for (entity, contract_id, currency), balances in sorted(held.items()):
        liability = -balances.get(books.accounts.contract_liability, ZERO)
        asset = balances.get(books.accounts.contract_asset, ZERO)
        if not liability and not asset and scope.contract_id is None:
            continue
        net = liability - asset
        amounts = (liability, asset, max(net, ZERO), max(-net, ZERO))
        rows.append((entity, contract_id, currency, *(quantize(amount, currency) for amount in amounts)))
        if liability and asset:
            both.append(f"{contract_id} of {entity} ({currency})")
    through = f" at the end of {scope.last_period}" if scope.last_period else ""
    notes = [f"The ledger holds both for {', '.join(both)}: they are shown net."] if both else []
    return Report(
        name="positions",
        title=f"Contract assets and liabilities{through}, netted for each contract",
        columns=_COLUMNS,
        rows=tuple(rows),
        totals=totals_by_currency(_COLUMNS, rows),
        notes=tuple(notes),
    )
