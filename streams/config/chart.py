"""The chart of accounts, tax jurisdictions and business calendars, as frozen values. Knows no file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from streams.core.fiscal import CloseWindow


class AccountType(StrEnum):
    """Where an account stands in the statements."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    REVENUE = "revenue"
    EXPENSE = "expense"


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the general ledger."""

    number: str
    name: str
    type: AccountType


@dataclass(frozen=True, slots=True)
class ChartOfAccounts:
    """All accounts that may be posted to, by number."""

    accounts: Mapping[str, Account]

    @property
    def numbers(self) -> frozenset[str]:
        """The account numbers, as the ledger wants them."""
        return frozenset(self.accounts)

    def name(self, number: str) -> str:
        """Return an account's name. Raises KeyError when the chart has no such account."""
        return self.accounts[number].name


@dataclass(frozen=True, slots=True)
class TaxJurisdiction:
    """An authority that tax is collected for."""

    name: str
    account: str
    description: str


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """The days on which an entity's people work."""

    name: str
    weekend: frozenset[int]
    """Days of the week that are free, Monday 0."""
    holidays: Mapping[dt.date, str]
    close_window: CloseWindow

    def is_business_day(self, day: dt.date) -> bool:
        """Tell whether people work on a day."""
        return day.weekday() not in self.weekend and day not in self.holidays
