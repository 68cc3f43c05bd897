"""What the files of `config/` must agree on: accounts exist and are of the right type, every root cause has a rule.

Works on files that are right by themselves; a file that is not (None) is left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar, get_args, get_type_hints

from streams.config import files
from streams.config.chart import AccountType
from streams.config.errors import Problem, did_you_mean
from streams.config.yamlfile import KeyPath, YamlFile
from streams.records import CommercialEvent, RootCause

_Model = TypeVar("_Model", bound=files.FileModel, covariant=True)

# Events that give a journal on a date of their own (docs/accounting.md section 7): each needs a late policy.
DATED_EVENTS = ("InvoiceIssued", "CreditIssued", "PaymentReceived", "RefundIssued")
_PERIOD_EVENTS = frozenset({"PeriodOpened", "PeriodClosed"})
EVENT_TYPES = tuple(body.__name__ for body in get_args(get_type_hints(CommercialEvent)["body"]))

_TYPE_OF_PURPOSE = {
    "receivable": AccountType.ASSET,
    "contract_liability": AccountType.LIABILITY,
    "contract_asset": AccountType.ASSET,
    "refund_liability": AccountType.LIABILITY,
    "cash": AccountType.ASSET,
    "intercompany_receivable": AccountType.ASSET,
    "intercompany_payable": AccountType.LIABILITY,
    "fx_gain": AccountType.REVENUE,
    "fx_loss": AccountType.EXPENSE,
    "interest_income": AccountType.REVENUE,
    "interest_expense": AccountType.EXPENSE,
}


@dataclass(frozen=True, slots=True)
class Read(Generic[_Model]):
    """A file with its model."""

    file: YamlFile
    model: _Model


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """All files of a folder; None where a file is wrong by itself."""

    accounts: Read[files.AccountsFile] | None
    rules: Read[files.PostingRulesFile] | None
    entities: Read[files.EntitiesFile] | None
    tax: Read[files.TaxFile] | None
    calendars: Read[files.CalendarsFile] | None
    exceptions: Read[files.ExceptionsFile] | None
    policies: Read[files.PoliciesFile] | None
    rates: Read[files.ExchangeRatesFile] | None


def cross_problems(read: PolicyFiles) -> list[Problem]:
    """Return everything on which the files disagree."""
    problems: list[Problem] = []
    if read.accounts is not None:
        problems.extend(_accounts(read.accounts.model, read.rules, read.tax))
    if read.entities is not None and read.calendars is not None:
        problems.extend(_calendars(read.entities, read.calendars.model))
    if read.exceptions is not None:
        problems.extend(_exceptions(read.exceptions))
    if read.policies is not None:
        problems.extend(_policies(read.policies))
    if read.rates is not None:
        problems.extend(_rates(read.rates))
    return problems


@dataclass(frozen=True, slots=True)
class _Use:
    file: YamlFile
    path: KeyPath
    purpose: str
    account: str
    type: AccountType


def _accounts(
    chart: files.AccountsFile, rules: Read[files.PostingRulesFile] | None, tax: Read[files.TaxFile] | None
) -> Iterator[Problem]:
    purpose_of: dict[str, str] = {}
    for use in _uses(rules, tax):
        entry = chart.accounts.get(use.account)
        if entry is None:
            remedy = f"Add it to accounts.yaml, or correct it. {did_you_mean(use.account, chart.accounts)}"
            yield use.file.problem(use.path, f"account {use.account!r}", "an account of accounts.yaml", remedy)
        elif entry.type is not use.type:
            found = f"account {use.account} ({entry.name}) of type {entry.type}"
            remedy = "Choose another account, or correct the type in accounts.yaml."
            yield use.file.problem(use.path, found, f"an account of type {use.type}", remedy)
        first = purpose_of.setdefault(use.account, use.purpose)
        if first != use.purpose:
            found = f"account {use.account}, which is already the account of {first}"
            remedy = "Give every purpose an account of its own: the reconciliation compares accounts."
            yield use.file.problem(use.path, found, f"an account for {use.purpose} alone", remedy)


def _uses(rules: Read[files.PostingRulesFile] | None, tax: Read[files.TaxFile] | None) -> Iterator[_Use]:
    if rules is not None:
        for purpose, kind in _TYPE_OF_PURPOSE.items():
            account = str(getattr(rules.model.accounts, purpose))
            yield _Use(rules.file, ("accounts", purpose), purpose, account, kind)
        for product_line, account in rules.model.revenue.items():
            yield _Use(rules.file, ("revenue", product_line), "revenue", account, AccountType.REVENUE)
    if tax is not None:
        for name, entry in tax.model.jurisdictions.items():
            path = ("jurisdictions", name, "account")
            yield _Use(tax.file, path, "tax payable", entry.account, AccountType.LIABILITY)


def _calendars(entities: Read[files.EntitiesFile], calendars: files.CalendarsFile) -> Iterator[Problem]:
    for name, entry in entities.model.entities.items():
        if entry.calendar not in calendars.calendars:
            path = ("entities", name, "calendar")
            remedy = f"Add it to calendars.yaml, or correct it. {did_you_mean(entry.calendar, calendars.calendars)}"
            yield entities.file.problem(path, f"calendar {entry.calendar!r}", "a calendar of calendars.yaml", remedy)


def _exceptions(exceptions: Read[files.ExceptionsFile]) -> Iterator[Problem]:
    rules = exceptions.model.exceptions
    for cause in RootCause:
        if cause not in rules:
            remedy = "Add owner, severity, sla_hours and actions for it: no exception may be without an owner."
            yield exceptions.file.problem(("exceptions", cause.value), "nothing", "a rule for every root cause", remedy)
    for cause, rule in rules.items():
        if rule.sla_hours_in_close_window is not None and rule.sla_hours_in_close_window > rule.sla_hours:
            path = ("exceptions", cause.value, "sla_hours_in_close_window")
            found = f"{rule.sla_hours_in_close_window} hours, longer than the usual {rule.sla_hours}"
            yield exceptions.file.problem(
                path, found, "a deadline no longer than sla_hours", "Shorten it or remove it."
            )


def _policies(policies: Read[files.PoliciesFile]) -> Iterator[Problem]:
    late, bounds = policies.model.late_events, policies.model.bounds
    known = [name for name in EVENT_TYPES if name not in _PERIOD_EVENTS]
    for name in late:
        if name not in known:
            yield policies.file.problem(
                ("late_events", name), f"event type {name!r}", "an event type of a contract", did_you_mean(name, known)
            )
    for name in DATED_EVENTS:
        if name not in late:
            remedy = (
                "Add post_in_open_period or hold for it: it is posted on its own date, which may be in a closed period."
            )
            yield policies.file.problem(("late_events", name), "nothing", "a policy for this event type", remedy)
    if bounds.resend_at_most_seconds < bounds.resend_after_seconds:
        found = f"{bounds.resend_at_most_seconds}, less than resend_after_seconds {bounds.resend_after_seconds}"
        remedy = "Raise it, or lower resend_after_seconds: it is where the doubling of the wait ends."
        yield policies.file.problem(
            ("bounds", "resend_at_most_seconds"), found, "at least resend_after_seconds", remedy
        )


def _rates(rates: Read[files.ExchangeRatesFile]) -> Iterator[Problem]:
    holds = rates.model.holds_days
    for pair, by_day in rates.model.rates.items():
        inverse = f"{pair[4:]}/{pair[:3]}"
        if pair < inverse and inverse in rates.model.rates:
            remedy = f"Remove one of the two: the other direction is its inverse; the first is {pair}."
            yield rates.file.problem(("rates", inverse), f"{inverse} beside {pair}", "a pair in one direction", remedy)
        if not by_day:
            remedy = "Add a rate with the day from which it holds, or remove the pair."
            yield rates.file.problem(("rates", pair), "no rate", "at least one rate", remedy)
        days = sorted(by_day)
        for before, after in pairwise(days):
            if (after - before).days > holds:
                found = f"no rate from {before + dt.timedelta(days=holds)} to {after - dt.timedelta(days=1)}"
                remedy = f"Add the missing rates, or raise holds_days ({holds})."
                yield rates.file.problem(("rates", pair), found, "rates without a gap", remedy)
