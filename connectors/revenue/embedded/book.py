"""The book of a contract: lines, performance obligations, dated segments, totals.

Plain frozen values, stored as they are. Amounts are whole minor units of the contract's currency. What they mean in
time is in `earning`, how they come about in `inception`, `modification`, `price_change`, `performance`, `termination`.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from streams.records import EstimateMethod, RecognitionPattern

SIGNED_CONTRACT = 0
"""Group of the obligations of the contract as signed; every separate contract and renewal has a higher one."""


class SegmentKind(StrEnum):
    """How a segment is earned (docs/accounting.md section 4)."""

    DAILY = "D"
    MONTHLY = "M"
    POINT = "P"


class Segment(Struct, frozen=True, omit_defaults=True):
    """Dated revenue of an obligation."""

    kind: SegmentKind
    start: dt.date
    """First day; of a point, its day."""
    end: dt.date
    """Last day, included; of a point, its day."""
    amount: int
    """Earned over the whole segment, as if it was not cut."""
    cut: dt.date | None = None
    """Last day on which the segment earns, where a later change replaced the rest of it."""


class Line(Struct, frozen=True, omit_defaults=True):
    """A contract line with the terms in force, those of its increments included."""

    line_id: str
    obligation_id: str
    """The line's own obligation; lines that are not distinct share one."""
    quantity: Decimal
    price: int
    ssp: int


class Measure(Struct, frozen=True, omit_defaults=True):
    """How far an obligation is that units delivered or cost incurred measure (`progress`)."""

    expected: Decimal
    """Units promised, or total cost expected."""
    done: Decimal = Decimal(0)
    """Units delivered, or cost incurred."""
    since: Decimal = Decimal(0)
    """Units that were delivered when what they earn last changed."""
    earned: int = 0
    """What those had earned."""


class Credits(Struct, frozen=True, omit_defaults=True):
    """Prepaid credits, how they were used, and what was expected of them (`prepaid`)."""

    face: Decimal
    """All credits that were granted: money, or a number where they are counted."""
    allocated: int
    """What they were allocated when they were granted."""
    breakage: Decimal
    """Percentage that was expected then to stay unused."""
    counted: bool = False
    """Whether use is told by quantity instead of amount."""
    used: tuple[tuple[dt.date, Decimal], ...] = ()
    """By day, in order."""
    price_changes: tuple[tuple[dt.date, int], ...] = ()
    estimates: tuple[tuple[dt.date, Decimal], ...] = ()
    """Breakage as expected from a day on, in order."""


class CommittedPeriod(Struct, frozen=True, omit_defaults=True):
    """The minimum of a usage line for one of its periods (`commitment`)."""

    start: dt.date
    end: dt.date
    """Last day, on which the shortfall is trued up."""
    minimum: int
    allocated: int = 0
    used: tuple[tuple[dt.date, int], ...] = ()
    """Rated usage by day, in order."""


class Obligation(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A performance obligation (ASC 606-10-25-14)."""

    obligation_id: str
    line_id: str
    """Line it stems from; of an option, the option."""
    group: int
    """Obligations that are modified together."""
    product_line: str
    legal_entity: str
    """Entity that performs."""
    pattern: RecognitionPattern
    start: dt.date
    end: dt.date
    """Last day of the term; of an option, the day it expires."""
    price: int
    """Fixed consideration of its lines, without increments."""
    ssp: int
    distinct: bool = True
    option: bool = False
    """Whether it is a material right."""
    allocated: int = 0
    """Allocated transaction price, usage and price changes included."""
    segments: tuple[Segment, ...] = ()
    progress: Decimal = Decimal(0)
    """Cumulative percentage fulfilled; 100 for a point in time or option that was fulfilled."""
    removed_on: dt.date | None = None
    """Day from which the line is cancelled."""
    recognised: int = 0
    """What the recognition runs have recognised."""
    measure: Measure | None = None
    """Of UNITS and COST_TO_COST; of an option that is exercised in parts, what was exercised."""
    credits: Credits | None = None
    """Of PREPAID."""
    commitment: tuple[CommittedPeriod, ...] = ()
    """Minimum by period, of a usage line that has one."""
    entirely_variable: bool = False
    """Whether its consideration is variable as a whole, so that it takes no share of the rest of the price."""
    kept: tuple[tuple[dt.date, int], ...] = ()
    """Consideration received for good while collection was not probable, by the day that recognises it."""
    bundle: tuple[int, int] = (1, 1)
    """Price of its bundle over the stand-alone selling prices in it: the part of its own by which it shares a price."""


class Variable(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A variable consideration (`variable`)."""

    variable_id: str
    method: EstimateMethod
    included: int
    """What of it is in the transaction price, after the constraint."""
    lines: tuple[tuple[str, int], ...] = ()
    """Lines that it belongs to entirely, each with its weight; none: it is allocated like the price."""
    period: str = ""
    """Obligation of the distinct period of a series that it belongs to entirely."""
    refundable: bool = False
    expected_back: int = 0
    """Of a refundable one: what of it belongs to what was recognised when the last run was made."""
    given_back: int = 0
    """What credits of billing only have given back."""


class Pool(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a prospective modification of the signed contract spread anew (`promised_before`)."""

    basis: tuple[tuple[str, int, int], ...]
    """By what the obligations shared the price before it: numerator and denominator."""
    members: tuple[str, ...]
    """Obligations whose rest was spread, removed ones included."""
    shares: tuple[tuple[str, int], ...]
    """What each obligation got of it."""


class Doubt(Struct, frozen=True, omit_defaults=True):
    """A time in which collection is not probable, so that nothing is recognised (`collectibility`)."""

    last: dt.date
    """Last day on which what is earned is recognised."""
    until: dt.date | None = None
    """First day on which it is again."""


class Payment(Struct, frozen=True):
    """What a customer pays of a line that is financed, net of tax."""

    due_on: dt.date
    amount: int


class Financed(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The significant financing component of a line (`financing`)."""

    obligation_id: str
    rate: Decimal
    """Effective a year."""
    transfer_on: dt.date
    """Day of transfer, or the first of the days over which the line is transferred."""
    end: dt.date
    """Last day of transfer."""
    pattern: RecognitionPattern
    payments: tuple[Payment, ...]
    """By day, in order."""
    price: int = 0
    """What they are worth as the line is transferred."""
    stopped_on: dt.date | None = None
    """Last day that bears interest, of a contract that was terminated before all was transferred."""


class LastRun(Struct, frozen=True):
    """The latest period that was run for an entity."""

    legal_entity: str
    period: str


class Book(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All that the platform holds of a contract."""

    contract_id: str
    currency: str
    legal_entity: str
    """Entity that contracts with the customer."""
    version: int
    lines: tuple[Line, ...]
    obligations: tuple[Obligation, ...]
    transaction_price: int
    billed: int = 0
    """Invoices less credit notes, net of tax."""
    terminated_on: dt.date | None = None
    """Last day of service, once the contract was terminated."""
    runs: tuple[LastRun, ...] = ()
    reversed_commands: tuple[str, ...] = ()
    executed: int = 0
    """How many commands were accepted: the place of the last one in the contract's history."""
    variable: tuple[Variable, ...] = ()
    pools: tuple[Pool, ...] = ()
    """Prospective modifications of the signed contract, where it has a variable consideration."""
    doubts: tuple[Doubt, ...] = ()
    """Times in which collection is not probable, in order."""
    refund_liability: int = 0
    """Part of what is billed and not recognised that is expected to go back, as the ledger has it."""
    financing: Financed | None = None
    interest: int = 0
    """Interest of the financing component that the runs have taken in: income above 0, expense below."""

    @property
    def recognised(self) -> int:
        """Revenue recognised so far."""
        return sum(obligation.recognised for obligation in self.obligations)

    @property
    def position(self) -> int:
        """Contract liability above 0, contract asset below (ASC 606-10-45-1)."""
        return self.billed - self.recognised - self.interest

    @property
    def next_group(self) -> int:
        """A group that no obligation has."""
        return max((obligation.group for obligation in self.obligations), default=SIGNED_CONTRACT) + 1
