"""10,000 contracts and 100,000 disturbed events through a real broker end in the ledger that a batch calculation finds.

The calculation (tests/oracle) is written from docs/accounting.md alone and shares no code with the product. Credits,
minimums, exercised options, refund liabilities and corrected contracts are among what is drawn.
On two cores shared with other work: 279 s from the first event to the last settled, 427 s with the calculation.
"""

from __future__ import annotations

import time
from collections import Counter
from decimal import Decimal

import pytest

from connectors.erp.ledger import EmbeddedLedger
from streams.codec.json_events import event_from_json
from streams.config import load_configuration
from streams.records import AuditAction, AuditRecord, ErpPosting, ExceptionRecord, PostingAccepted, PostingAck
from streams.topics import AUDIT_TRAIL, ERP_POSTINGS, EXCEPTIONS, POSTING_ACKS, VARIANCES
from streams.wiring import ledger
from tests.oracle.batch import Result, calculate
from tests.oracle.generator import generate_history
from tests.system.deployment import Deployment

CONTRACTS, EVENTS, SEED = 10_000, 100_000, 606

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]


def test_the_ledger_after_100_000_events_equals_the_independent_batch_calculation_to_the_cent(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    history = generate_history(SEED, CONTRACTS, EVENTS, wider=True)
    events = [event_from_json(event) for event in history.events]
    contracts = {event.context.contract_id for event in events} - {"*"}
    expected = calculate(history.events, deployment.settings.config)
    deployment.start_worker(0)
    started = time.monotonic()
    # A period is closed for good when the backlog is empty: what is captured after the last close waits for the next.
    deployment.publish(events[: -history.last_closes])
    deployment.wait_until_settled(contracts, seconds=900)
    deployment.publish(events[-history.last_closes :])
    deployment.wait_until_settled(contracts, seconds=300)
    seconds = time.monotonic() - started
    with capsys.disabled():
        print(f"\n{EVENTS} events of {len(contracts)} contracts in {seconds:.0f} s: {deployment.ends()}")
    configuration = load_configuration(deployment.settings.config)
    books = ledger(deployment.settings, configuration)
    assert _balances(books) == expected.balances
    _assert_each_posting_is_booked_once(deployment, books)
    period_events = {event.event_id for event in events if event.context.contract_id == "*"}
    _assert_every_event_ended_once(deployment, expected, period_events)
    assert deployment.decoded(VARIANCES) == []


def _balances(books: EmbeddedLedger) -> dict[tuple[str, str, str], Decimal]:
    return {(row.legal_entity, row.account, row.currency): row.balance for row in books.balances() if row.balance}


def _assert_each_posting_is_booked_once(deployment: Deployment, books: EmbeddedLedger) -> None:
    released = {record.command_id for record in deployment.decoded(ERP_POSTINGS) if isinstance(record, ErpPosting)}
    acknowledged = {
        record.command_id
        for record in deployment.decoded(POSTING_ACKS)
        if isinstance(record, PostingAck) and isinstance(record.body, PostingAccepted)
    }
    booked = Counter(entry.command_id for entry in books.entries())
    assert set(booked) == released == acknowledged
    assert max(booked.values()) == 1


def _assert_every_event_ended_once(deployment: Deployment, expected: Result, period_events: set[str]) -> None:
    duplicates: Counter[str] = Counter()
    for record in deployment.decoded(AUDIT_TRAIL):
        if isinstance(record, AuditRecord) and record.action is AuditAction.DUPLICATE:
            duplicates[record.event_id] += 1
    # A period event belongs to no contract's audit trail; every other duplicate is told each time it comes.
    assert duplicates == Counter(name for name in expected.duplicates if name not in period_events)
    exceptions = [record for record in deployment.decoded(EXCEPTIONS) if isinstance(record, ExceptionRecord)]
    assert [(exception.root_cause, exception.message) for exception in exceptions] == []
