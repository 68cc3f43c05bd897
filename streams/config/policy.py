"""Load what finance decides from a folder of YAML files into the values the core reads.

Every file is checked by itself, then what must agree between them; all problems are reported together. Knows the
names of the files; must not know who uses the values.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from streams.config import connectors, files
from streams.config.chart import Account, BusinessCalendar, ChartOfAccounts, TaxJurisdiction
from streams.config.crosscheck import PolicyFiles, Read, cross_problems
from streams.config.errors import PolicyError, Problem
from streams.config.problems import problems_in_file
from streams.config.yamlfile import read_yaml
from streams.core.connector_policy import PostingPolicy
from streams.core.fiscal import CalendarMonths, CloseWindow, FiscalCalendar, FiscalWeeks
from streams.core.policy import ApprovalRule, Bounds, Entity, ExceptionRule, Policy, PostingAccounts
from streams.core.rates import DatedRates, ExchangeRates

_Model = TypeVar("_Model", bound=files.FileModel)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the folder says."""

    policy: Policy
    chart: ChartOfAccounts
    tax: Mapping[str, TaxJurisdiction]
    calendars: Mapping[str, BusinessCalendar]
    calendar_of_entity: Mapping[str, str]
    region_of_entity: Mapping[str, str]
    """Every entity; empty where no region is given."""
    posting: PostingPolicy


def load_configuration(folder: Path) -> Configuration:
    """Read and check all files of a folder. Raises PolicyError naming every problem found."""
    problems: list[Problem] = []
    accounts = _read(folder / "accounts.yaml", files.AccountsFile, problems)
    rules = _read(folder / "posting_rules.yaml", files.PostingRulesFile, problems)
    entities = _read(folder / "entities.yaml", files.EntitiesFile, problems)
    tax = _read(folder / "tax.yaml", files.TaxFile, problems)
    calendars = _read(folder / "calendars.yaml", files.CalendarsFile, problems)
    exceptions = _read(folder / "exceptions.yaml", files.ExceptionsFile, problems)
    policies = _read(folder / "policies.yaml", files.PoliciesFile, problems)
    rates = _read(folder / "exchange_rates.yaml", files.ExchangeRatesFile, problems)
    calls = _read(folder / connectors.FILE, connectors.ConnectorsFile, problems)
    # What a broken file should agree with is checked once it is mended: its other problems come first.
    problems.extend(cross_problems(PolicyFiles(accounts, rules, entities, tax, calendars, exceptions, policies, rates)))
    if problems or not (
        accounts and rules and entities and tax and calendars and exceptions and policies and rates and calls
    ):
        raise PolicyError(problems)
    return Configuration(
        policy=_policy(
            rules.model, entities.model, tax.model, calendars.model, exceptions.model, policies.model, rates.model
        ),
        chart=_chart(accounts.model),
        tax={
            name: TaxJurisdiction(name, entry.account, entry.description)
            for name, entry in tax.model.jurisdictions.items()
        },
        calendars={name: _calendar(name, entry) for name, entry in calendars.model.calendars.items()},
        calendar_of_entity={name: entry.calendar for name, entry in entities.model.entities.items()},
        region_of_entity={name: entry.region or "" for name, entry in entities.model.entities.items()},
        posting=calls.model.policy(),
    )


def load_policy(folder: Path) -> Policy:
    """Return the policy of a folder. Raises PolicyError naming every problem found."""
    return load_configuration(folder).policy


def load_chart(folder: Path) -> ChartOfAccounts:
    """Return the chart of accounts of a folder. Raises PolicyError naming every problem of accounts.yaml."""
    problems: list[Problem] = []
    accounts = _read(folder / "accounts.yaml", files.AccountsFile, problems)
    if accounts is None:
        raise PolicyError(problems)
    return _chart(accounts.model)


def _read(path: Path, model: type[_Model], problems: list[Problem]) -> Read[_Model] | None:
    """Read a file into its model; None, and the problems added, when it is wrong."""
    file = read_yaml(path)
    if isinstance(file, list):
        problems.extend(file)
        return None
    try:
        return Read(file, model.model_validate(file.content))
    except ValidationError as error:
        problems.extend(problems_in_file(error, file, model))
        return None


def _chart(accounts: files.AccountsFile) -> ChartOfAccounts:
    return ChartOfAccounts(
        {number: Account(number, entry.name, entry.type) for number, entry in accounts.accounts.items()}
    )


def _policy(
    rules: files.PostingRulesFile,
    entities: files.EntitiesFile,
    tax: files.TaxFile,
    calendars: files.CalendarsFile,
    exceptions: files.ExceptionsFile,
    policies: files.PoliciesFile,
    rates: files.ExchangeRatesFile,
) -> Policy:
    bounds = policies.bounds
    return Policy(
        entities={
            name: Entity(
                name,
                entry.functional_currency,
                entry.first_open_period,
                _fiscal_calendar(entry.fiscal_calendar),
                _close_window(calendars.calendars[entry.calendar].close_window),
            )
            for name, entry in entities.entities.items()
        },
        accounts=PostingAccounts(
            receivable=rules.accounts.receivable,
            contract_liability=rules.accounts.contract_liability,
            contract_asset=rules.accounts.contract_asset,
            refund_liability=rules.accounts.refund_liability,
            cash=rules.accounts.cash,
            intercompany_receivable=rules.accounts.intercompany_receivable,
            intercompany_payable=rules.accounts.intercompany_payable,
            fx_gain=rules.accounts.fx_gain,
            fx_loss=rules.accounts.fx_loss,
            interest_income=rules.accounts.interest_income,
            interest_expense=rules.accounts.interest_expense,
            revenue=dict(rules.revenue),
            tax_payable={name: entry.account for name, entry in tax.jurisdictions.items()},
        ),
        exceptions={cause: _exception_rule(entry) for cause, entry in exceptions.exceptions.items()},
        approvals=ApprovalRule(policies.approvals.amendment_price_change_over, policies.approvals.termination),
        late=dict(policies.late_events),
        erp_rejection=policies.erp_rejection,
        variance_tolerance=policies.variance_tolerance,
        bounds=Bounds(
            parked_events=bounds.parked_events,
            open_bytes=1024 * bounds.open_kilobytes,
            parked_for=_hours(bounds.parked_for_hours),
            resend_after=_seconds(bounds.resend_after_seconds),
            resend_at_most=_seconds(bounds.resend_at_most_seconds),
            attempts=bounds.attempts,
            seen_for=dt.timedelta(days=bounds.seen_for_days),
        ),
        rates=_rates(rates),
        financing_expedient=policies.financing_expedient,
    )


def _exception_rule(entry: files.ExceptionEntry) -> ExceptionRule:
    shorter = entry.sla_hours_in_close_window
    return ExceptionRule(
        owner=entry.owner,
        severity=entry.severity,
        sla=_hours(entry.sla_hours),
        actions=tuple(entry.actions),
        sla_in_close_window=None if shorter is None else _hours(shorter),
    )


def _rates(file: files.ExchangeRatesFile) -> ExchangeRates:
    pairs = {}
    for pair, by_day in file.rates.items():
        days = tuple(sorted(by_day))
        pairs[pair[:3], pair[4:]] = DatedRates(days, tuple(by_day[day] for day in days))
    return ExchangeRates(file.holds_days, pairs)


def _fiscal_calendar(entry: files.FiscalCalendarEntry | None) -> FiscalCalendar:
    if entry is None or entry.year_start is None:
        return CalendarMonths()
    first, second, third = (int(weeks) for weeks in entry.pattern.value.split("-"))
    start = entry.year_start
    return FiscalWeeks((first, second, third), start.month, int(start.weekday), start.rule, start.named_by)


def _calendar(name: str, entry: files.CalendarEntry) -> BusinessCalendar:
    return BusinessCalendar(
        name=name,
        weekend=frozenset(int(day) for day in entry.weekend),
        holidays=dict(entry.holidays),
        close_window=_close_window(entry.close_window),
    )


def _close_window(entry: files.CloseWindowEntry) -> CloseWindow:
    return CloseWindow(entry.days_before_month_end, entry.days_after_month_end)


def _hours(hours: Decimal) -> dt.timedelta:
    return _seconds(hours * 3600)


def _seconds(seconds: Decimal) -> dt.timedelta:
    return dt.timedelta(microseconds=int(seconds * 1_000_000))
