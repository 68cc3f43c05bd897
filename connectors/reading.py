"""What a ledger and a revenue platform open to reports: plain rows, and the two protocols that read them.

The embedded ones implement them over their databases and in memory alike, so that a report of a dry run is made like
one of the books. Knows no report and no database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from streams.records import RecognitionPattern


class Dimension(StrEnum):
    """What movements are added up by; the values are the names of the fields of `Movement`."""

    ENTITY = "entity"
    CURRENCY = "currency"
    PERIOD = "period"
    ACCOUNT = "account"
    CONTRACT = "contract_id"
    PRODUCT_LINE = "product_line"
    SOURCE_SYSTEM = "source_system"
    CUSTOMER = "customer"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines of the ledger are wanted; None does not restrict."""

    entity: str | None = None
    currency: str | None = None
    accounts: Collection[str] | None = None
    contract_id: str | None = None
    product_line: str | None = None
    first_period: str | None = None
    last_period: str | None = None
    journals_on: Collection[str] | None = None
    """Only lines of journals that have a line on one of these accounts."""
    functional: bool = False
    """Amounts in the functional currency of the entity; its currency is then the one that is filtered by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Lines added up; what they were not added up by is empty."""

    entity: str = ""
    currency: str
    period: str = ""
    account: str = ""
    contract_id: str = ""
    product_line: str = ""
    source_system: str = ""
    customer: str = ""
    reversal: bool = False
    """Whether the journals take others back."""
    debit: Decimal
    credit: Decimal
    lines: int
    """How many were added up."""

    @property
    def amount(self) -> Decimal:
        """Debits less credits."""
        return self.debit - self.credit


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """A line of a posted journal with everything that leads back to its source."""

    document_number: str
    line_number: int
    command_id: str
    reverses_command_id: str | None
    entity: str
    period: str
    posting_date: dt.date
    currency: str
    contract_id: str
    contract_version: int
    """0 where the ledger did not keep it yet."""
    customer: str
    event_id: str
    source_system: str
    source_transaction_id: str
    description: str
    account: str
    debit: Decimal
    credit: Decimal
    product_line: str
    jurisdiction: str
    partner_entity: str

    @property
    def amount(self) -> Decimal:
        """Debit less credit."""
        return self.debit - self.credit


class LedgerBooks(Protocol):
    """A general ledger that can be read for reports."""

    def movements(self, wanted: LineFilter, by: Collection[Dimension]) -> list[Movement]:
        """Return lines added up by dimensions and currency, sorted by the dimensions in the order of `Dimension`."""
        ...

    def lines(self, wanted: LineFilter, skip: int, limit: int) -> list[LedgerLine]:
        """Return lines by posting date, then in order of posting."""
        ...

    def sum_of_first(self, wanted: LineFilter, count: int) -> Decimal:
        """Return debits less credits of the first lines, in the order of `lines`; they must be of one currency."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationRow:
    """A performance obligation as the revenue platform holds it now; amounts in the contract's currency."""

    contract_id: str
    obligation_id: str
    entity: str
    """Entity that performs."""
    currency: str
    product_line: str
    pattern: RecognitionPattern
    allocated: Decimal
    recognised: Decimal
    schedule: tuple[tuple[str, Decimal], ...]
    """Revenue by the period in which it is earned, in order."""
    unscheduled: Decimal
    """Allocated, and earned on a day that is not known yet."""
    recognised_through: str
    """Latest period that was run for the entity; empty before the first run."""
    term_start: dt.date
    term_end: dt.date
    """First and last day of what it was sold with: the signed contract, or the separate contract or renewal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionRow:
    """Revenue that one run has recognised on one obligation; negative when taken back."""

    contract_id: str
    obligation_id: str
    entity: str
    currency: str
    product_line: str
    period: str
    amount: Decimal


class RevenueBooks(Protocol):
    """A revenue platform that can be read for reports."""

    def obligations(self, contract_id: str | None = None) -> Iterator[ObligationRow]:
        """Return the obligations of all contracts or of one, by contract id, in the order of the contract."""
        ...

    def recognitions(self, contract_id: str | None = None) -> Iterator[RecognitionRow]:
        """Return what runs have recognised on all contracts or on one, in no particular order."""
        ...
