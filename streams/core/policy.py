"""What finance and integration decide, as values: accounts, entities, late events, approvals, owners, bounds.

Read from `config/*.yaml` by `streams.config`; the core only reads these values. Knows no file and no default:
every number here has its name, unit and default in `config/`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from streams.core.fiscal import MONTHS, CloseWindow, FiscalCalendar
from streams.core.rates import ExchangeRates
from streams.records import Owner, ResolvingAction, RootCause, Severity


class LatePolicy(StrEnum):
    """What happens to an event whose effective date lies in a closed period."""

    POST_IN_OPEN_PERIOD = "post_in_open_period"
    HOLD = "hold"


class RejectionPolicy(StrEnum):
    """What happens when the ERP rejects for good what the revenue platform accepted."""

    HOLD = "hold"
    COMPENSATE = "compensate"


@dataclass(frozen=True, slots=True)
class Entity:
    """A legal entity: its books, and the posting accounts of each purpose."""

    name: str
    functional_currency: str
    first_open_period: str
    """First period, YYYY-MM, that was open when the books were taken over."""
    calendar: FiscalCalendar = MONTHS
    """Which days make up its accounting periods."""
    close_window: CloseWindow | None = None
    """Days around the ends of its periods in which deadlines are shorter; None: none."""


@dataclass(frozen=True, slots=True)
class PostingAccounts:
    """Accounts by purpose; revenue by product line and tax payable by jurisdiction (docs/accounting.md section 7)."""

    receivable: str
    contract_liability: str
    contract_asset: str
    refund_liability: str
    cash: str
    intercompany_receivable: str
    intercompany_payable: str
    fx_gain: str
    """Realised and unrealised exchange gains."""
    fx_loss: str
    interest_income: str
    """Of a financing component, where the customer pays after the transfer (section 18)."""
    interest_expense: str
    """The same, where it pays before."""
    revenue: Mapping[str, str]
    """Product line to account."""
    tax_payable: Mapping[str, str]
    """Tax jurisdiction to account."""


@dataclass(frozen=True, slots=True)
class ExceptionRule:
    """Who acts on an exception of a root cause, how urgent it is, by when, and what can resolve it."""

    owner: Owner
    severity: Severity
    sla: dt.timedelta
    actions: tuple[ResolvingAction, ...]
    sla_in_close_window: dt.timedelta | None = None
    """Deadline of one that is opened in its entity's close window; None: the same."""


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """When a contract change waits for an approver although the parties have approved it."""

    amendment_price_change_over: Decimal | None
    """Price of an amendment's added and changed lines above which it waits, in the contract's currency; None: never."""
    termination: bool
    """Whether every termination waits."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Named bounds on everything that could grow (docs/decisions)."""

    parked_events: int
    """Events one contract may park; the next one becomes an exception of cause PARKING_OVERFLOW."""
    open_bytes: int
    """Size of a contract's record, with what is open of it, up to which it takes events; then PARKING_OVERFLOW too."""
    parked_for: dt.timedelta
    """How long an event may stay parked before it becomes an exception."""
    resend_after: dt.timedelta
    """How long a command may stay unanswered before it is sent again; doubles with every attempt."""
    resend_at_most: dt.timedelta
    """Longest wait between two attempts."""
    attempts: int
    """Attempts after which an unanswered command becomes an exception of cause TIMEOUT (and is still resent)."""
    seen_for: dt.timedelta
    """How long an event id is remembered, at least: the same id after that is a new event."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything the core needs to know that is not in the events."""

    entities: Mapping[str, Entity]
    accounts: PostingAccounts
    exceptions: Mapping[RootCause, ExceptionRule]
    approvals: ApprovalRule
    late: Mapping[str, LatePolicy]
    """By event type; an event type that is missing here has no accounting date of its own."""
    erp_rejection: RejectionPolicy
    variance_tolerance: Decimal
    """Absolute difference, in the currency's unit, up to which two systems still tie out."""
    bounds: Bounds
    rates: ExchangeRates
    financing_expedient: bool = True
    """Whether a financing component of a year or less is left out (ASC 606-10-32-18)."""

    def foreign(self, currency: str, legal_entity: str) -> str:
        """Return the functional currency of an entity where it is another than this one; else ''."""
        entity = self.entities.get(legal_entity)
        return "" if entity is None or entity.functional_currency == currency else entity.functional_currency

    @property
    def first_open_periods(self) -> dict[str, str]:
        """The first open period of every entity."""
        return {name: entity.first_open_period for name, entity in self.entities.items()}

    @property
    def calendars(self) -> dict[str, FiscalCalendar]:
        """The fiscal calendar of every entity."""
        return {name: entity.calendar for name, entity in self.entities.items()}

    def sla(self, cause: RootCause, legal_entity: str, day: dt.date) -> dt.timedelta:
        """Return how soon an exception opened on a day must be resolved: sooner in its entity's close window."""
        rule, entity = self.exceptions[cause], self.entities.get(legal_entity)
        if rule.sla_in_close_window is None or entity is None or entity.close_window is None:
            return rule.sla
        return rule.sla_in_close_window if entity.close_window.contains(day, entity.calendar) else rule.sla

    def calendar(self, legal_entity: str) -> FiscalCalendar:
        """Return the fiscal calendar of an entity; calendar months for one that is not configured."""
        entity = self.entities.get(legal_entity)
        return MONTHS if entity is None else entity.calendar
