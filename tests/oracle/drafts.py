"""What a generated contract is drafted from: its lines as they stand, and its events before they are numbered.

Days are day numbers, times are minutes since day 0, amounts whole minor units.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.oracle.reading import Json, digits

DAY = 24 * 60
CHANGES = frozenset({"ContractSigned", "ContractAmended", "ContractRenewed", "ContractTerminated"})

ENTITIES: Mapping[str, str] = {"ACME-US": "USD", "ACME-DE": "EUR", "ACME-JP": "JPY"}
JURISDICTIONS: Mapping[str, tuple[tuple[str, int], ...]] = {
    "ACME-US": (("US-CA", 725), ("US-NY", 400)),
    "ACME-DE": (("DE", 1900), ("FR", 2000)),
    "ACME-JP": (("JP", 1000),),
}
"""Tax rates in hundredths of a percent."""


def iso(day: int) -> str:
    """Return a day number as ISO date."""
    return dt.date.fromordinal(day).isoformat()


def iso_time(minute: int) -> str:
    """Return a minute as RFC 3339 time in UTC."""
    day, rest = divmod(minute, DAY)
    return f"{iso(day)}T{rest // 60:02d}:{rest % 60:02d}:00Z"


def amount(units: int, currency: str) -> str:
    """Return minor units as a decimal in text."""
    places = digits(currency)
    if places == 0:
        return str(units)
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), 10**places)
    return f"{sign}{whole}.{rest:0{places}d}"


@dataclass
class DraftLine:
    """A contract line as the seller sees it."""

    line_id: str
    product: str
    pattern: str
    quantity: int
    price: int
    ssp: int
    start: int
    end: int
    performed_by: str | None = None
    distinct: bool = True
    signed: bool = True
    gone: bool = False
    percent: int = 0
    version: int = 1
    """The version that brings it."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Further fields of the ContractLine."""

    def ratable(self) -> bool:
        """Whether it is earned over time."""
        return self.pattern.startswith("RATABLE")

    def running(self, day: int, margin: int = 20) -> bool:
        """Whether its service goes on for some days more."""
        return not self.gone and self.start <= day and self.end >= day + margin

    def as_json(self, currency: str) -> dict[str, Json]:
        """Return it as a ContractLine."""
        return {
            "line_id": self.line_id,
            "product_line": self.product,
            "pattern": self.pattern,
            "quantity": str(self.quantity),
            "price": amount(self.price, currency),
            "ssp": amount(self.ssp, currency),
            "start_date": iso(self.start),
            "end_date": iso(self.end),
            "legal_entity": self.performed_by,
            "distinct": self.distinct,
            **self.extra,
        }


@dataclass(eq=False)
class Draft:
    """An event of a contract, not numbered yet."""

    kind: str
    body: dict[str, Json]
    at: int
    """When it happens, minute."""
    effective: int
    version: int
    source: str
    pinned: bool = False
    """Whether its place among the other pinned events of the contract changes the result."""
    needs: Draft | None = None
    """The event it refers to: kept whenever this is kept."""
    supersedes: Draft | None = None
    broken: str | None = None
    ordinal: int = 0
    sequence: int | None = None
    published: int = 0


@dataclass
class Story:
    """A contract's events: what must be there, and what may be left out to meet a number of events."""

    index: int
    contract_id: str
    entity: str
    currency: str
    random: random.Random
    lines: list[DraftLine] = field(default_factory=list)
    told: list[Draft] = field(default_factory=list)
    optional: list[Draft] = field(default_factory=list)
    changes: list[Draft] = field(default_factory=list)
    amendment_billing: list[tuple[Draft, DraftLine, int]] = field(default_factory=list)
    """What a change asks to be billed (or credited, below 0) by line."""
    signed_prices: dict[str, int] = field(default_factory=dict)
    """Price of each line as signed, where it has one."""
    signed_ends: dict[str, int] = field(default_factory=dict)
    crm: str = "salesforce"
    billing: str = "stripe"

    def money(self, low: int, high: int) -> int:
        """Draw an amount between two numbers of dollars or euros (150 times that in yen), in minor units."""
        units = self.random.randint(low, high)
        return units * 150 if self.currency == "JPY" else units * 100 + self.random.choice((0, 0, 0, 50, 99, 33))

    def version_at(self, minute: int) -> int:
        """Return the version that is in force at a time."""
        return sum(1 for change in self.changes if change.at < minute)

    def terminated_at(self) -> int | None:
        """Return when a termination is published."""
        return next((c.at for c in self.changes if c.kind == "ContractTerminated"), None)
