"""By when an exception must be resolved: sooner in the close window of the entity that it concerns."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from streams.core.exceptions import UNREADABLE, exception_record
from streams.core.fiscal import CloseWindow, FiscalWeeks, YearRule
from streams.core.policy import Policy
from streams.records import ExceptionRecord, RootCause
from tests.core.builders import POLICY, event, invoice
from tests.core.desk import NO, Desk

WINDOW = CloseWindow(1, 5)
SHORT, USUAL = dt.timedelta(hours=2), dt.timedelta(hours=8)
NOON = dt.time(12, tzinfo=dt.UTC)
WEEKS = FiscalWeeks((4, 4, 5), 2, 6, YearRule.NEAREST)
"""Its 2026-01 is 1 to 28 February 2026."""


def of_weeks() -> Policy:
    entities = {**POLICY.entities, "ACME-DE": replace(POLICY.entities["ACME-DE"], calendar=WEEKS, close_window=WINDOW)}
    return replace(POLICY, entities=entities)


def refused(day: str, entity: str, policy: Policy) -> ExceptionRecord:
    return exception_record(
        policy,
        RootCause.REVENUE_REJECTED,
        event_id="e",
        context=event("e", invoice("I1"), entity=entity).context,
        subject="e",
        message="m",
        at=dt.datetime.combine(dt.date.fromisoformat(day), NOON),
    )


@pytest.mark.parametrize(
    ("day", "sla"),
    [
        ("2026-03-30", USUAL),
        ("2026-03-31", SHORT),
        ("2026-04-01", SHORT),
        ("2026-04-05", SHORT),
        ("2026-04-06", USUAL),
        ("2026-02-28", SHORT),
    ],
)
def test_an_exception_that_is_opened_in_the_close_window_is_due_sooner(day: str, sla: dt.timedelta) -> None:
    raised = refused(day, "ACME-US", POLICY)
    assert raised.sla_due_at - raised.opened_at == sla


@pytest.mark.parametrize(
    ("day", "sla"), [("2026-02-27", USUAL), ("2026-02-28", SHORT), ("2026-03-05", SHORT), ("2026-04-05", USUAL)]
)
def test_the_window_is_that_of_the_entitys_fiscal_periods(day: str, sla: dt.timedelta) -> None:
    raised = refused(day, "ACME-DE", of_weeks())
    assert raised.sla_due_at - raised.opened_at == sla


def test_a_cause_without_a_shorter_deadline_and_an_unknown_entity_keep_the_usual_one() -> None:
    day = dt.date(2026, 3, 31)
    assert POLICY.sla(RootCause.TIMEOUT, "ACME-US", day) == POLICY.exceptions[RootCause.TIMEOUT].sla
    assert POLICY.sla(RootCause.REVENUE_REJECTED, UNREADABLE.legal_entity, day) == USUAL


def test_what_revenue_recognition_refuses_at_month_end_is_due_within_the_shorter_deadline() -> None:
    desk = Desk().sign()
    desk.now = dt.datetime.combine(dt.date(2026, 3, 31), NOON)
    desk.arrive(event("bill", invoice("I1")))
    desk.answer(desk.commands[-1], NO)
    assert desk.exceptions[0].sla_due_at == desk.now + SHORT
