"""The shape of every file in `config/` but `tieout.yaml`, as pydantic models; descriptions say what the keys mean.

Checks one file by itself; what must agree between files is checked by `streams.config.policy`.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from streams.config.chart import AccountType
from streams.core.fiscal import NamedBy, YearRule
from streams.core.policy import LatePolicy, RejectionPolicy
from streams.records import Owner, ResolvingAction, RootCause, Severity

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("1 to 64 letters, digits, dots, dashes or underscores, with a letter or digit first")
    return value


def _period(value: str) -> str:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
        raise ValueError("a period YYYY-MM, for example 2026-01")
    return value


def _currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError("an ISO 4217 currency of three capital letters, for example USD")
    return value


def _currency_pair(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}/[A-Z]{3}", value) or value[:3] == value[4:]:
        raise ValueError("two different ISO 4217 currencies, for example USD/EUR")
    return value


class Weekday(IntEnum):
    """A day of the week, Monday 0."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


def _weekday(value: object) -> object:
    names = {day.name.lower(): day for day in Weekday}
    if not isinstance(value, str) or value.lower() not in names:
        raise ValueError(f"one of {', '.join(names)}")
    return names[value.lower()]


Name = Annotated[str, AfterValidator(_name)]
Period = Annotated[str, AfterValidator(_period)]
Currency = Annotated[str, AfterValidator(_currency)]
CurrencyPair = Annotated[str, AfterValidator(_currency_pair)]
ExchangeRate = Annotated[Decimal, Field(gt=0, max_digits=20, decimal_places=10, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=4, allow_inf_nan=False)]
Day = Annotated[Weekday, BeforeValidator(_weekday)]


class FileModel(BaseModel):
    """A mapping in a file: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AccountEntry(FileModel):
    name: Text = Field(description="name for a reader")
    type: AccountType = Field(description="asset, liability, equity, revenue or expense")


class AccountsFile(FileModel):
    """accounts.yaml"""

    accounts: dict[Name, AccountEntry] = Field(description="accounts by number", min_length=1)


class PurposeAccounts(FileModel):
    receivable: Name = Field(description="account of what customers owe; an asset")
    contract_liability: Name = Field(description="account of billed before earned; a liability")
    contract_asset: Name = Field(description="account of earned before billed; an asset")
    refund_liability: Name = Field(description="account of what is expected to go back to customers; a liability")
    cash: Name = Field(description="account of money received; an asset")
    intercompany_receivable: Name = Field(description="account of what another entity owes; an asset")
    intercompany_payable: Name = Field(description="account of what is owed to another entity; a liability")
    fx_gain: Name = Field(description="account of exchange gains; a revenue account")
    fx_loss: Name = Field(description="account of exchange losses; an expense account")
    interest_income: Name = Field(description="account of interest on what customers pay later; a revenue account")
    interest_expense: Name = Field(description="account of interest on what customers pay earlier; an expense account")


class PostingRulesFile(FileModel):
    """posting_rules.yaml"""

    accounts: PurposeAccounts = Field(description="accounts by purpose")
    revenue: dict[Name, Name] = Field(description="revenue account by product line", min_length=1)


class FiscalPattern(StrEnum):
    """Periods of a fiscal year: calendar months, or weeks in each quarter."""

    MONTHS = "months"
    WEEKS_445 = "4-4-5"
    WEEKS_454 = "4-5-4"
    WEEKS_544 = "5-4-4"


class YearStartEntry(FileModel):
    month: int = Field(ge=1, le=12, description="month on whose first day the year would begin but for the weeks")
    weekday: Day = Field(description="first day of a week, and so of a year")
    rule: YearRule = Field(
        default=YearRule.NEAREST,
        description="which of these weekdays: nearest to the first of the month, on_or_before it, or on_or_after it",
    )
    named_by: NamedBy = Field(
        default=NamedBy.START, description="calendar year that names a fiscal year: that of its start, or of its end"
    )


class FiscalCalendarEntry(FileModel):
    pattern: FiscalPattern = Field(description="months, 4-4-5, 4-5-4 or 5-4-4")
    year_start: YearStartEntry | None = Field(default=None, description="where a year of weeks begins; not for months")

    @model_validator(mode="after")
    def _only_weeks_start_somewhere(self) -> FiscalCalendarEntry:
        if self.pattern is FiscalPattern.MONTHS and self.year_start is not None:
            raise ValueError("no year_start with pattern months: calendar months begin in January")
        if self.pattern is not FiscalPattern.MONTHS and self.year_start is None:
            raise ValueError(f"a year_start with month and weekday for pattern {self.pattern.value}")
        return self


class EntityEntry(FileModel):
    functional_currency: Currency = Field(description="ISO 4217 currency of the entity's books")
    first_open_period: Period = Field(description="first period, YYYY-MM, that was open when the books were taken over")
    calendar: Name = Field(description="business calendar, one of calendars.yaml")
    fiscal_calendar: FiscalCalendarEntry | None = Field(
        default=None, description="which days make up an accounting period; missing: calendar months"
    )
    region: Text | None = Field(default=None, description="region under which reports break down its revenue")


class EntitiesFile(FileModel):
    """entities.yaml"""

    entities: dict[Name, EntityEntry] = Field(description="legal entities by name", min_length=1)


class JurisdictionEntry(FileModel):
    account: Name = Field(description="account of tax payable; a liability")
    description: Text = Field(description="the authority, for a reader")


class TaxFile(FileModel):
    """tax.yaml"""

    jurisdictions: dict[Name, JurisdictionEntry] = Field(description="tax jurisdictions by name")


class CloseWindowEntry(FileModel):
    days_before_month_end: int = Field(ge=0, le=14, description="last days of a month that belong to the close window")
    days_after_month_end: int = Field(ge=0, le=14, description="first days of the next month that belong to it")


class CalendarEntry(FileModel):
    weekend: list[Day] = Field(description="free days of the week", max_length=6)
    holidays: dict[dt.date, Text] = Field(default_factory=dict, description="free days, YYYY-MM-DD, and their names")
    close_window: CloseWindowEntry = Field(description="days in which deadlines are shorter")


class CalendarsFile(FileModel):
    """calendars.yaml"""

    calendars: dict[Name, CalendarEntry] = Field(description="business calendars by name", min_length=1)


class ExceptionEntry(FileModel):
    owner: Owner = Field(description="team that must act")
    severity: Severity = Field(description="how urgent it is")
    sla_hours: Decimal = Field(gt=0, le=8760, description="hours until it must be resolved")
    sla_hours_in_close_window: Decimal | None = Field(
        default=None, gt=0, le=8760, description="hours when it is opened in the close window; missing: the same"
    )
    actions: list[ResolvingAction] = Field(min_length=1, description="what can resolve it")


class ExceptionsFile(FileModel):
    """exceptions.yaml"""

    exceptions: dict[RootCause, ExceptionEntry] = Field(description="rules by root cause")


class ApprovalsEntry(FileModel):
    amendment_price_change_over: Amount | None = Field(
        description="absolute price change above which an amendment waits for approval; null: never"
    )
    termination: bool = Field(description="whether every termination waits for approval")


class BoundsEntry(FileModel):
    parked_events: int = Field(ge=1, le=100_000, description="events one contract may park")
    open_kilobytes: int = Field(
        default=600, ge=8, le=100_000, description="KiB of a contract's record up to which it takes events"
    )
    parked_for_hours: Decimal = Field(gt=0, le=87_600, description="hours an event may stay parked")
    resend_after_seconds: Decimal = Field(gt=0, le=86_400, description="seconds until an unanswered command is resent")
    resend_at_most_seconds: Decimal = Field(
        gt=0, le=86_400, description="longest wait between two attempts, in seconds"
    )
    attempts: int = Field(ge=1, le=1000, description="attempts after which an unanswered command is an exception")
    seen_for_days: int = Field(ge=1, le=36_500, description="days an event id is remembered")


class PoliciesFile(FileModel):
    """policies.yaml"""

    late_events: dict[str, LatePolicy] = Field(description="what happens to a late event, by event type")
    erp_rejection: RejectionPolicy = Field(description="what happens when the ERP refuses for good")
    approvals: ApprovalsEntry = Field(description="what waits for an approver")
    variance_tolerance: Amount = Field(description="difference, in the currency's unit, up to which systems tie out")
    bounds: BoundsEntry = Field(description="limits of everything that can grow")
    financing_expedient: bool = Field(
        default=True, description="whether financing components of a year or less are left out (606-10-32-18)"
    )


class ExchangeRatesFile(FileModel):
    """exchange_rates.yaml"""

    holds_days: int = Field(ge=1, le=366, description="days that a rate holds when no later one takes its place")
    rates: dict[CurrencyPair, dict[dt.date, ExchangeRate]] = Field(
        description="units of the second currency for one of the first, by pair and day"
    )
