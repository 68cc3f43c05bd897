"""What finance decides: the shipped folder is right, and every way to get it wrong is named."""

from __future__ import annotations

import datetime as dt
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from streams.config import AccountType, PolicyError, load_chart, load_configuration, load_policy
from streams.config.connectors import check_shares
from streams.core.connector_policy import EMBEDDED, PostingPolicy, RateRule
from streams.core.fiscal import CalendarMonths, FiscalWeeks, NamedBy, YearRule
from streams.core.policy import LatePolicy, RejectionPolicy
from streams.records import Owner, ResolvingAction, RootCause, Severity
from streams.shipped import shipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped folder."""
    return Path(shutil.copytree(shipped("config"), tmp_path / "config"))


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))


def problems(folder: Path) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_configuration(folder)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_the_shipped_folder_gives_a_policy() -> None:
    policy = load_policy(shipped("config"))
    assert policy.entities["ACME-DE"].functional_currency == "EUR"
    assert policy.accounts.revenue["platform"] == "4010"
    assert policy.accounts.tax_payable["US-CA"] == "2510"
    assert set(policy.exceptions) == set(RootCause)
    assert policy.late["InvoiceIssued"] is LatePolicy.POST_IN_OPEN_PERIOD
    assert policy.erp_rejection is RejectionPolicy.HOLD
    assert policy.variance_tolerance == Decimal(0)
    assert policy.approvals.amendment_price_change_over is None
    assert policy.bounds.parked_for == dt.timedelta(hours=72)


def test_an_entity_may_have_a_region_and_an_empty_one_is_refused(folder: Path) -> None:
    edit(folder, "entities.yaml", ", region: Europe", "")
    assert load_configuration(folder).region_of_entity == {
        "ACME-US": "North America",
        "ACME-DE": "",
        "ACME-JP": "Asia Pacific",
    }
    edit(folder, "entities.yaml", "region: North America", 'region: ""')
    (problem,) = problems(folder)
    assert "entities.ACME-US.region" in problem


def test_the_shipped_owners_and_deadlines_are_those_of_the_operating_model() -> None:
    configuration = load_configuration(shipped("config"))
    rules = configuration.policy.exceptions
    hours = {
        owner: {rule.sla / dt.timedelta(hours=1) for rule in rules.values() if rule.owner is owner} for owner in Owner
    }
    assert hours == {
        Owner.INTEGRATION_SUPPORT: {4},
        Owner.FINANCE_OPERATIONS: {8},
        Owner.PLATFORM_ENGINEERING: {1},
    }
    assert rules[RootCause.APPROVAL_NEEDED].actions == (ResolvingAction.APPROVE, ResolvingAction.REJECT)
    assert rules[RootCause.CONNECTOR_OUTAGE].severity is Severity.CRITICAL
    finance = {cause for cause, rule in rules.items() if rule.owner is Owner.FINANCE_OPERATIONS}
    shorter = {cause: rule.sla_in_close_window for cause, rule in rules.items() if rule.sla_in_close_window}
    assert shorter == dict.fromkeys(finance, dt.timedelta(hours=2))


def test_the_shipped_chart_holds_every_account_with_its_type() -> None:
    chart = load_chart(shipped("config"))
    assert chart.accounts["4010"].type is AccountType.REVENUE
    assert chart.name("2100") == "Contract liabilities (billed, not yet earned)"
    assert {"1000", "4900", "7900"} <= chart.numbers


def test_a_calendar_knows_weekends_holidays_and_the_close_window() -> None:
    configuration = load_configuration(shipped("config"))
    us = configuration.calendars[configuration.calendar_of_entity["ACME-US"]]
    assert us.is_business_day(dt.date(2026, 7, 2))
    assert not us.is_business_day(dt.date(2026, 7, 3))
    assert not us.is_business_day(dt.date(2026, 7, 4))
    window = [day for day in range(1, 32) if us.close_window.contains(dt.date(2026, 3, day), CalendarMonths())]
    assert window == [1, 2, 3, 4, 5, 31]
    weeks = FiscalWeeks((4, 4, 5), 2, 6, YearRule.NEAREST)  # its 2026-01 is 1 to 28 February, its 2026-02 ends 28 March
    window = [day for day in range(1, 32) if us.close_window.contains(dt.date(2026, 3, day), weeks)]
    assert window == [1, 2, 3, 4, 5, 28, 29, 30, 31]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "posting_rules.yaml",
            "receivable: 1100 ",
            "receivable: 1110 ",
            ["posting_rules.yaml:5: accounts.receivable: found account '1110'", "Did you mean 1100?"],
        ),
        (
            "posting_rules.yaml",
            "platform: 4010",
            "platform: 2100",
            ["revenue.platform", "Contract liabilities", "of type liability; expected an account of type revenue"],
        ),
        (
            "posting_rules.yaml",
            "contract_asset: 1200 ",
            "contract_asset: 1100 ",
            ["accounts.contract_asset", "already the account of receivable"],
        ),
        ("posting_rules.yaml", "  cash: 1000", "  csah: 1000", ["found the unknown key csah", "Did you mean cash?"]),
        ("tax.yaml", "account: 2520", "account: 4010", ["tax.yaml:7: jurisdictions.US-NY.account", "type liability"]),
        ("entities.yaml", "calendar: de", "calendar: fr", ["entities.ACME-DE.calendar: found calendar 'fr'"]),
        ("entities.yaml", "EUR", "Euro", ["entities.ACME-DE.functional_currency: found 'Euro'", "ISO 4217"]),
        ("entities.yaml", "first_open_period: 2024-01", "first_open_period: 2024-13", ["'2024-13'", "YYYY-MM"]),
        (
            "entities.yaml",
            "calendar: us",
            "calendar: us, fiscal_calendar: {pattern: 4-4-5}",
            ["entities.ACME-US.fiscal_calendar", "a year_start with month and weekday for pattern 4-4-5"],
        ),
        (
            "entities.yaml",
            "calendar: us",
            "calendar: us, fiscal_calendar: {pattern: 4-4-4}",
            ["entities.ACME-US.fiscal_calendar.pattern: found '4-4-4'", "'4-4-5', '4-5-4' or '5-4-4'"],
        ),
        (
            "entities.yaml",
            "calendar: us",
            "calendar: us, fiscal_calendar: {pattern: months, year_start: {month: 4, weekday: monday}}",
            ["entities.ACME-US.fiscal_calendar", "no year_start with pattern months"],
        ),
        (
            "entities.yaml",
            "calendar: us",
            "calendar: us, fiscal_calendar: {pattern: 4-5-4, year_start: {month: 13, weekday: sunny, rule: first}}",
            ["year_start.month: found '13'", "year_start.weekday: found 'sunny'", "year_start.rule: found 'first'"],
        ),
        (
            "accounts.yaml",
            "bank, type: asset}",
            "bank, type: assets}",
            ["accounts.1000.type: found 'assets'", "one of 'asset'"],
        ),
        ("accounts.yaml", "1000: {", "1100: {", ["accounts.1100: found the key a second time", "on line 7"]),
        ("exceptions.yaml", "  SEQUENCE_GAP:", "  SEQUENCE_GAPS:", ["exceptions.SEQUENCE_GAPS: found 'SEQUENCE_GAPS'"]),
        ("exceptions.yaml", "sla_hours: 4", "sla_hours: soon", ["found 'soon'; expected a decimal number"]),
        (
            "exceptions.yaml",
            "sla_hours_in_close_window: 2",
            "sla_hours_in_close_window: 9",
            ["longer than the usual 8"],
        ),
        ("exceptions.yaml", "owner: FINANCE_OPERATIONS", "owner: BOB", ["found 'BOB'; expected one of"]),
        ("policies.yaml", "  RefundIssued: post_in_open_period\n", "", ["late_events.RefundIssued: found nothing"]),
        ("policies.yaml", "  RefundIssued:", "  RefundIsued:", ["'RefundIsued'", "Did you mean RefundIssued?"]),
        ("policies.yaml", "variance_tolerance: 0", "variance_tolerance: -1", ["variance_tolerance: found '-1'"]),
        (
            "policies.yaml",
            "resend_at_most_seconds: 7200",
            "resend_at_most_seconds: 9",
            ["at least resend_after_seconds"],
        ),
        ("policies.yaml", "erp_rejection: hold", "", ["policies.yaml: erp_rejection: found nothing"]),
        ("calendars.yaml", "weekend: [saturday", "weekend: [caturday", ["calendars.us.weekend.0: found 'caturday'"]),
        ("calendars.yaml", "2026-01-01", "2026-02-30", ["calendars.us.holidays.2026-02-30"]),
        ("tax.yaml", "jurisdictions:", "jurisdictions: [", ["valid YAML"]),
        ("posting_rules.yaml", "fx_loss: 7900", "fx_loss: 4900", ["accounts.fx_loss", "an account of type expense"]),
        ("exchange_rates.yaml", "  USD/EUR:", "  USD/Euro:", ["rates.USD/Euro: found 'USD/Euro'", "USD/EUR"]),
        ("exchange_rates.yaml", "  USD/JPY:", "  EUR/USD:", ["rates.USD/EUR: found USD/EUR beside EUR/USD", "inverse"]),
        ("exchange_rates.yaml", "2024-02-01: ", "2024-01-01: ", ["found the key a second time"]),
        ("exchange_rates.yaml", "2024-02-01: ", "2024-02-02: ", ["found no rate from 2024-02-01 to 2024-02-01"]),
        ("exchange_rates.yaml", "2024-01-01: ", "2024-01-01: -", ["rates.USD/EUR.2024-01-01", "greater than 0"]),
        ("exchange_rates.yaml", "holds_days: 31", "holds_days: 0", ["holds_days: found '0'"]),
        ("tax.yaml", "  DE: {account: 2530", "  [DE]: {account: 2530", ["found a list as a key"]),
        (
            "connectors.yaml",
            "concurrency: 1",
            "concurrency: 0",
            ["posting.revenue.concurrency: found '0'", "or equal to 1"],
        ),
        ("connectors.yaml", "    rate: null\n", "", ["posting.revenue.rate: found nothing", "most calls; null"]),
        (
            "connectors.yaml",
            "rate: null",
            "rate: {calls_per_second: 0, bursts: 5}",
            ["rate.calls_per_second: found '0'", "found the unknown key bursts", "Did you mean burst?"],
        ),
        (
            "connectors.yaml",
            "longest_wait_seconds: 10,",
            "longest_wait_seconds: 0.1,",
            ["posting.revenue.retry", "first_wait_seconds <= longest_wait_seconds <= longest_in_all_seconds"],
        ),
        (
            "connectors.yaml",
            "open_seconds: 10,",
            "open_seconds: inf,",
            ["revenue.breaker.open_seconds", "finite number"],
        ),
        (
            "connectors.yaml",
            "failures: 5",
            "failures: many",
            ["breaker.failures: found 'many'; expected a whole number"],
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key_and_what_was_expected(
    folder: Path, file: str, old: str, new: str, expected: list[str]
) -> None:
    edit(folder, file, old, new)
    text = "\n".join(problems(folder))
    assert [part for part in expected if part not in text] == []
    assert text.startswith(file)


def test_the_shipped_connectors_are_called_as_suits_a_database_beside_the_worker() -> None:
    assert load_configuration(shipped("config")).posting == PostingPolicy(EMBEDDED, EMBEDDED)


def test_a_rate_is_read_and_its_burst_must_reach_every_partition(folder: Path) -> None:
    edit(folder, "connectors.yaml", "rate: null", "rate: {calls_per_second: 2.5, burst: 8}")
    posting = load_configuration(folder).posting
    assert posting.revenue.rate == RateRule(per_second=2.5, burst=8)
    check_shares(posting, 8, folder)
    with pytest.raises(PolicyError) as caught:
        check_shares(posting, 12, folder)
    (problem,) = caught.value.problems
    assert f"{folder}/connectors.yaml: posting.revenue.rate.burst: found 8; expected at least 12" in str(problem)
    assert "Raise the burst" in str(problem)


def test_periods_are_calendar_months_unless_an_entity_has_a_calendar_of_weeks(folder: Path) -> None:
    weeks = "fiscal_calendar: {pattern: 4-5-4, year_start: {month: 2, weekday: sunday, named_by: end}}"
    edit(folder, "entities.yaml", "calendar: us", f"calendar: us, {weeks}")
    policy = load_policy(folder)
    assert policy.calendar("ACME-US") == FiscalWeeks((4, 5, 4), 2, 6, YearRule.NEAREST, NamedBy.END)
    assert policy.calendar("ACME-DE") == CalendarMonths()


def test_an_exception_without_a_rule_is_named(folder: Path) -> None:
    text = (folder / "exceptions.yaml").read_text()
    start, end = text.index("  TIMEOUT:"), text.index("  # The stored state")
    (folder / "exceptions.yaml").write_text(text[:start] + text[end:])
    [problem] = problems(folder)
    assert "exceptions.TIMEOUT: found nothing; expected a rule for every root cause" in problem


def test_all_problems_of_all_files_are_reported_at_once(folder: Path) -> None:
    edit(folder, "accounts.yaml", "bank, type: asset}", "bank, type: assets}")
    edit(folder, "accounts.yaml", "name: Accounts receivable", "nmae: Accounts receivable")
    edit(folder, "entities.yaml", "USD", "dollars")
    (folder / "tax.yaml").unlink()
    found = problems(folder)
    assert [problem.split(":")[0] for problem in found].count("accounts.yaml") == 3
    assert any(problem.startswith("entities.yaml") for problem in found)
    assert any(problem.startswith("tax.yaml: found No such file") for problem in found)


def test_values_are_taken_as_written_without_yamls_surprises(folder: Path) -> None:
    edit(folder, "tax.yaml", "  DE: {account: 2530", "  NO: {account: 0400")
    edit(folder, "accounts.yaml", "  2530: {", "  0400: {")
    edit(folder, "policies.yaml", "variance_tolerance: 0", "variance_tolerance: 0.01")
    policy = load_policy(folder)
    assert policy.accounts.tax_payable["NO"] == "0400"
    assert policy.variance_tolerance == Decimal("0.01")


def test_a_file_that_is_no_mapping_or_no_text_is_named(folder: Path) -> None:
    (folder / "tax.yaml").write_text("- a\n- b\n")
    (folder / "accounts.yaml").write_bytes(b"\xff\xfe")
    (folder / "entities.yaml").write_text("entities: &a {x: *a}\n")
    (folder / "calendars.yaml").write_text("")
    text = "\n".join(problems(folder))
    assert "tax.yaml:1: found a list; expected a mapping" in text
    assert "accounts.yaml: found bytes that are no UTF-8" in text
    assert "an alias to what contains it" in text
    assert "calendars.yaml: calendars: found nothing" in text
