"""What is asked of the books: the scope that reports share, and the refusal of what the books do not have.

A refusal names what was asked, what is known and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from connectors.reading import Dimension, LedgerBooks, LineFilter, RevenueBooks
from streams.core.policy import PostingAccounts

_PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class QuestionRefused(Exception):
    """The books have nothing of that name, or the question has no answer; the text says what to ask instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Everything that reports are made of."""

    ledger: LedgerBooks
    revenue: RevenueBooks
    accounts: PostingAccounts
    account_names: Mapping[str, str]
    """The chart: names by number."""
    regions: Mapping[str, str]
    """Region of every entity; empty where none is configured."""

    @property
    def position_accounts(self) -> frozenset[str]:
        """Contract liability and contract asset."""
        return frozenset({self.accounts.contract_liability, self.accounts.contract_asset})

    @property
    def exchange_accounts(self) -> frozenset[str]:
        """Gains and losses of foreign exchange."""
        return frozenset({self.accounts.fx_gain, self.accounts.fx_loss})

    @property
    def interest_accounts(self) -> frozenset[str]:
        """Interest of financing components."""
        return frozenset({self.accounts.interest_income, self.accounts.interest_expense})

    @property
    def revenue_accounts(self) -> frozenset[str]:
        """The revenue accounts of all product lines."""
        return frozenset(self.accounts.revenue.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a report is about; None does not restrict."""

    entity: str | None = None
    contract_id: str | None = None
    product_line: str | None = None
    first_period: str | None = None
    last_period: str | None = None
    functional: bool = False
    """Whether the ledger's amounts are wanted in the functional currency of the entity."""

    def lines(self, accounts: Collection[str]) -> LineFilter:
        """Return the lines of the scope on accounts, of all periods."""
        return LineFilter(
            entity=self.entity,
            contract_id=self.contract_id,
            product_line=self.product_line,
            accounts=accounts,
            functional=self.functional,
        )

    def covers(self, entity: str, product_line: str) -> bool:
        """Tell whether an entity and product line are asked for."""
        return self.entity in (None, entity) and self.product_line in (None, product_line)


def check(scope: Scope, books: Books) -> None:
    """Refuse a scope that names what the books do not have. Raises QuestionRefused."""
    if scope.entity is not None:
        check_entity(scope.entity, books)
    for period in (scope.first_period, scope.last_period):
        if period is not None:
            check_period(period)
    if scope.first_period and scope.last_period and scope.first_period > scope.last_period:
        raise QuestionRefused(
            f"the first period {scope.first_period} comes after the last, {scope.last_period}; exchange them"
        )
    if scope.product_line is not None and scope.product_line not in books.accounts.revenue:
        known = ", ".join(sorted(books.accounts.revenue))
        raise QuestionRefused(f"product line {scope.product_line!r} is unknown; expected one of {known}")
    if scope.contract_id is not None:
        _check_contract(scope.contract_id, books)


def check_entity(entity: str, books: Books) -> None:
    """Raise QuestionRefused for an entity that is not configured."""
    if entity not in books.regions:
        known = ", ".join(sorted(books.regions))
        raise QuestionRefused(
            f"entity {entity!r} is unknown; expected one of {known}, or add it to config/entities.yaml"
        )


def check_account(account: str, books: Books) -> None:
    """Raise QuestionRefused for an account that is not in the chart."""
    if account not in books.account_names:
        known = ", ".join(f"{number} {name}" for number, name in sorted(books.account_names.items()))
        raise QuestionRefused(f"account {account!r} is not in the chart of accounts; expected one of: {known}")


def check_period(period: str) -> None:
    """Raise QuestionRefused for what is no period."""
    if not _PERIOD.fullmatch(period):
        raise QuestionRefused(f"period {period!r} is none; expected YYYY-MM, such as 2026-01")


def refuse_product_line(scope: Scope) -> None:
    """Raise QuestionRefused for a product line where there is none: the position is one for the whole contract."""
    if scope.product_line is not None:
        raise QuestionRefused(
            f"product line {scope.product_line!r} is asked for, and contract assets and liabilities have none: they "
            "are one position for the whole contract (606-10-45-1); ask by entity or contract"
        )


def posted_periods(books: Books, wanted: LineFilter) -> list[str]:
    """Return the periods in which a ledger has lines, in order."""
    return sorted({movement.period for movement in books.ledger.movements(wanted, (Dimension.PERIOD,))})


def _check_contract(contract_id: str, books: Books) -> None:
    if next(iter(books.revenue.obligations(contract_id)), None) is None and not books.ledger.lines(
        LineFilter(contract_id=contract_id), 0, 1
    ):
        raise QuestionRefused(
            f"contract {contract_id!r} is neither in the ledger nor in the revenue platform; check the id, and with "
            f"`tieout status {contract_id}` whether its events have arrived"
        )
