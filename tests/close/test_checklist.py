"""The checklist of a close: each check tells what is open of the entity and period, and nothing else."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from connectors.erp.ledger import EmbeddedLedger
from connectors.erp.ledger.locks import lock_through, unlock_from
from streams.cli.main import cli
from streams.close import Check, CloseStatus, Evidence, checklist
from streams.close.checklist import Placed
from streams.core.exceptions import exception_record
from streams.core.status import contract_status
from streams.records import (
    CommercialEvent,
    ExceptionState,
    PeriodClosed,
    PeriodLock,
    PeriodOpened,
    ReconciledMeasure,
    RootCause,
    Variance,
)
from tests.core.builders import CONFIGURATION, POLICY, START, event, line, payment, period_end, signed
from tests.core.desk import Desk

CLOSE = period_end("2026-01")
TOLD = {(CLOSE.event_id, 0): 5}


def evidence(*desks: Desk, events: tuple[CommercialEvent, ...] = (CLOSE,), offset: int = 5) -> Evidence:
    statuses = [replace(contract_status(desk.contract, START), last_event_offset=offset) for desk in desks]
    return Evidence(events, TOLD, [Placed(0, status) for status in statuses], [], [], {})


def closed() -> Desk:
    desk = Desk().sign()
    desk.arrive(CLOSE)
    desk.settle()
    return desk


def look(found: Evidence, period: str = "2026-01") -> CloseStatus:
    return checklist(POLICY, "ACME-US", period, found)


def only(status: CloseStatus, check: Check) -> str:
    """Return the examples of the one check that is open."""
    assert status.left == (check,)
    (item,) = (item for item in status.items if item.check is check)
    assert item.open == len(item.examples)
    return "; ".join(item.examples)


def test_a_period_that_is_closed_run_and_posted_is_clean() -> None:
    status = look(evidence(closed()))
    assert (status.left, status.lock) == ((), PeriodLock.SOFT)
    assert (status.first_day, status.last_day) == (dt.date(2026, 1, 1), dt.date(2026, 1, 31))


def test_a_locked_period_says_so() -> None:
    hard = replace(period_end("2026-01", event_id="hard"), body=PeriodClosed(period="2026-01", lock=PeriodLock.HARD))
    assert look(evidence(closed(), events=(CLOSE, hard))).lock is PeriodLock.HARD


def test_an_open_period_is_not_closed_and_not_run() -> None:
    status = look(evidence(closed(), events=()))
    assert status.lock is None
    assert status.left == (Check.CLOSED, Check.RECOGNITION)


def test_an_earlier_period_that_is_open_again_is_told() -> None:
    february = period_end("2026-02")
    opened = event("o", PeriodOpened(period="2026-01", approved_by="cfo", reason="r"), version=0, contract="*")
    found = evidence(closed(), events=(CLOSE, february, opened))
    assert only(look(found, "2026-02"), Check.CLOSED) == "2026-01 is open again"


def test_a_contract_that_the_run_has_not_reached_is_named() -> None:
    assert only(look(evidence(closed(), offset=4)), Check.RECOGNITION) == "C1"


def test_what_has_no_answer_is_counted_by_contract() -> None:
    desk = Desk().sign()
    desk.arrive(CLOSE)
    assert only(look(evidence(desk)), Check.COMMANDS) == "C1: 1"
    desk.answer(desk.commands[-1])
    assert only(look(evidence(desk)), Check.POSTINGS) == "C1: 1"


def test_an_entity_that_performs_and_is_open_keeps_the_period_open() -> None:
    desk = Desk()
    desk.arrive(event("signed", signed(line("L1"), line("L2", entity="ACME-DE"))))
    desk.arrive(CLOSE)
    desk.settle()
    assert only(look(evidence(desk)), Check.PERFORMERS).startswith("ACME-DE performs for ACME-US and has 2026-01 open")
    german = period_end("2026-01", entity="ACME-DE")
    assert look(evidence(desk, events=(CLOSE, german))).left == ()


def test_what_waits_counts_when_it_is_dated_in_the_period_or_before() -> None:
    desk = closed()
    desk.arrive(event("pay", payment("P1", "I-none", "5.00"), on="2026-01-31"))
    desk.arrive(event("pay2", payment("P2", "I-none", "5.00"), on="2026-02-01"))
    found = evidence(desk)
    assert only(look(found), Check.PARKED) == "C1 PaymentReceived pay: invoice I-none has not come"


def test_exceptions_and_variances_count_in_their_last_state_and_for_the_entity() -> None:
    desk = closed()
    raised = exception_record(
        POLICY,
        RootCause.TIMEOUT,
        event_id="e",
        context=contract_status(desk.contract, START).context,
        subject="s",
        message="m",
        at=START,
    )
    variance = Variance(
        variance_id="v",
        legal_entity="ACME-US",
        currency="USD",
        measure=next(iter(ReconciledMeasure)),
        left_system="a",
        left_amount=Decimal(1),
        right_system="b",
        right_amount=Decimal(0),
        difference=Decimal(1),
        at=START,
        context=raised.context,
    )
    clean = evidence(desk)
    with_exception = Evidence(clean.period_events, TOLD, clean.statuses, [raised], [])
    assert only(look(with_exception), Check.EXCEPTIONS) == "C1 TIMEOUT e"
    resolved = replace(raised, state=ExceptionState.RESOLVED)
    ended = replace(variance, difference=Decimal(0))
    elsewhere = replace(variance, variance_id="w", legal_entity="ACME-DE")
    assert "USD" in only(look(Evidence(clean.period_events, TOLD, clean.statuses, [], [variance])), Check.VARIANCES)
    done = Evidence(clean.period_events, TOLD, clean.statuses, [raised, resolved], [variance, ended, elsewhere])
    assert look(done).left == ()


def test_a_backlog_is_told_by_stage_and_topic() -> None:
    clean = evidence(closed())
    behind = Evidence(clean.period_events, TOLD, clean.statuses, [], [], {"posting of erp-postings": 7})
    (item,) = (it for it in look(behind).items if it.check is Check.BACKLOG)
    assert (item.open, item.examples) == (7, ("posting of erp-postings: 7",))


def test_another_entitys_contracts_do_not_count() -> None:
    desk = Desk().sign()
    desk.arrive(CLOSE)
    german = period_end("2026-01", entity="ACME-DE")
    found = Evidence([german], {}, evidence(desk).statuses, [], [])
    assert checklist(POLICY, "ACME-DE", "2026-01", found).left == ()


def test_an_unknown_entity_is_refused() -> None:
    with pytest.raises(ValueError, match="'ACME-XX' is unknown; expected one of ACME-DE"):
        checklist(POLICY, "ACME-XX", "2026-01", evidence())


# --- the ledger's side of a lock


def test_locking_closes_every_period_up_to_one_and_unlocking_opens_from_one_on(tmp_path: Path) -> None:
    ledger = EmbeddedLedger(f"sqlite:///{tmp_path}/ledger.db", CONFIGURATION.chart.numbers, {"ACME-US": "2025-11"})
    assert lock_through(ledger, "ACME-US", "2025-11", "2026-02") == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert lock_through(ledger, "ACME-US", "2025-11", "2026-03") == ["2026-03"]
    assert unlock_from(ledger, "ACME-US", "2026-02") == ["2026-02", "2026-03"]
    assert [it.period for it in ledger.closed_periods()] == ["2025-11", "2025-12", "2026-01"]
    ledger.close()


# --- what the commands refuse before they ask anybody


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["status", "--entity", "ACME-XX", "--period", "2026-01"], "--entity: found 'ACME-XX'"),
        (["status", "--entity", "ACME-US", "--period", "2026-1"], "--period: found '2026-1'"),
        (["status", "--entity", "ACME-US", "--period", "2020-01"], "expected 2024-01 or later"),
        (["lock", "--entity", "ACME-US", "--period", "2026-01", "--despite", "backlog"], "expected exceptions or"),
    ],
)
def test_a_mistaken_option_is_named(arguments: list[str], expected: str) -> None:
    result = CliRunner().invoke(cli, ["close", *arguments])
    assert result.exit_code == 2
    assert expected in result.output
