"""Reports of an entity that closes by weeks are by its fiscal periods: promises, runs and ledger beside each other."""

from __future__ import annotations

from dataclasses import replace as changed
from decimal import Decimal

import pytest

from connectors.erp.ledger.memory import MemoryLedger
from connectors.revenue.embedded import EmbeddedRevenuePlatform
from connectors.revenue.embedded.memory import MemoryRevenuePlatform
from streams.core.fiscal import FiscalWeeks, YearRule
from streams.records import RecognitionPattern, RunRecognition
from streams.reports.document import Report
from streams.reports.question import Scope
from streams.reports.remaining import remaining
from streams.reports.rollforward import rollforward
from streams.reports.waterfall import waterfall
from tests.core.builders import CONFIGURATION, POLICY, event, invoice, line, period_end, signed
from tests.core.desk import Desk
from tests.reports.rows import books

WEEKS = FiscalWeeks((4, 4, 5), 2, 6, YearRule.NEAREST)
"""Fiscal 2026 begins on Sunday 1 February 2026; its period 1 ends on 28 February, period 2 on 28 March."""
CALENDARS = {"ACME-US": WEEKS}


@pytest.fixture
def desk() -> Desk:
    """1,200 over 2026 in days, billed at once; the fiscal periods to 2026-01 are run."""
    entities = {"ACME-US": changed(POLICY.entities["ACME-US"], calendar=WEEKS)}
    desk = Desk(changed(POLICY, entities=entities))
    desk.revenue = MemoryRevenuePlatform(CALENDARS)
    desk.ledger = MemoryLedger(CONFIGURATION.chart.numbers, {"ACME-US": "2024-01"}, CALENDARS)
    desk.arrive(event("signed", signed(line(pattern=RecognitionPattern.RATABLE_DAILY))))
    desk.arrive(event("bill", invoice("I1"), on="2026-01-05"))
    for period in ("2025-12", "2026-01"):
        desk.arrive(period_end(period))
    desk.settle()
    return desk


def column(report: Report, name: str) -> list[object]:
    at = [it.name for it in report.columns].index(name)
    return [row[at] for row in report.rows]


def test_the_schedule_is_by_fiscal_period_and_is_what_the_runs_recognised(desk: Desk) -> None:
    (row,) = desk.revenue.obligations()
    schedule = dict(row.schedule)
    assert sum(schedule.values()) == row.allocated == 1200
    assert list(schedule) == ["2025-12", *(f"2026-{number:02d}" for number in range(1, 13))]
    run = {it.period: it.amount for it in desk.revenue.recognitions()}
    assert {period: schedule[period] for period in run} == run


def test_the_waterfall_has_nothing_scheduled_in_a_period_that_was_run(desk: Desk) -> None:
    report = waterfall(books(desk.ledger, desk.revenue), Scope())
    found = dict(zip(column(report, "period"), column(report, "scheduled"), strict=True))
    assert found["2025-12"] == found["2026-01"] == 0
    assert report.differences == ()


def test_remaining_obligations_count_from_the_end_of_the_fiscal_period(desk: Desk) -> None:
    report = remaining(books(desk.ledger, desk.revenue), Scope())
    assert column(report, "as_of") == ["2026-01"]
    assert column(report, "up_to_12_months") == [Decimal(1200) - desk.contract.recognised]
    assert not [note for note in report.notes if "waits for the next recognition run" in note]


def test_the_rollforward_moves_by_fiscal_period(desk: Desk) -> None:
    report = rollforward(books(desk.ledger, desk.revenue), Scope())
    assert column(report, "period") == ["2025-12", "2026-01"]
    assert column(report, "billed") == [1200, 0]
    assert column(report, "closing")[-1] == desk.contract.position
    assert report.differences == ()


def test_the_platform_on_a_database_tells_the_same_schedule(desk: Desk) -> None:
    platform = EmbeddedRevenuePlatform("sqlite://", CALENDARS)
    platform.execute(desk.commands)
    assert any(isinstance(it.body, RunRecognition) for it in desk.commands)
    assert list(platform.obligations()) == list(desk.revenue.obligations())
    platform.close()
