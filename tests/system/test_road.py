"""The source document's scenario through the real API, two workers, Apache Kafka, Apicurio and PostgreSQL.

What is asserted is read from the topics and the ledger's database, as an auditor would, not from the workers.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeVar

import httpx
import msgspec
import pytest
from click.testing import CliRunner

from streams.cli.main import cli
from streams.config import load_configuration
from streams.demo.events import Event
from streams.demo.scenario import AMENDMENT, CONTRACTS, EARLY_INVOICE, KESTREL, PAID_TWICE, Answer, steps
from streams.embedded.process import free_port
from streams.records import (
    AuditAction,
    AuditRecord,
    CommercialEvent,
    ErpPosting,
    ExceptionRecord,
    PostingAccepted,
    PostingAck,
    RevenueAccepted,
    RevenueAck,
)
from streams.supervisor import Program
from streams.topics import (
    AUDIT_TRAIL,
    COMMERCIAL_EVENTS,
    ERP_POSTINGS,
    EXCEPTIONS,
    POSTING_ACKS,
    REVENUE_ACKS,
    VARIANCES,
)
from streams.wiring import ledger, revenue_platform
from tests.oracle.batch import calculate
from tests.system.deployment import Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]

STEP_SECONDS = 60.0


class Played:
    """What was sent to the API and accepted, in order."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.accepted: list[Event] = []
        self.refusals: list[httpx.Response] = []
        port = str(free_port())
        environment = {**deployment.environment, "TIEOUT_API_PORT": port}
        deployment.supervisor.start(Program("api", ["api"], environment))
        self.url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)
        self._wait(self._is_ready, "the API is ready")

    def play(self) -> None:
        """Send every step, and wait for its outcomes on the audit trail."""
        for step in steps():
            answer = self._client.post("/v1/events", json=list(step.events))
            assert answer.status_code == step.answer.value, answer.text
            if step.answer is Answer.ACCEPTED:
                self.accepted += step.events
            else:
                self.refusals.append(answer)
            wanted = {(outcome.contract_id, outcome.event_id, outcome.action) for outcome in step.outcomes}
            self._wait(lambda wanted=wanted: wanted <= self._seen(), f"{step.title}: {wanted}")

    def _seen(self) -> set[tuple[str, str, AuditAction]]:
        return {
            (record.context.contract_id, record.event_id, record.action)
            for record in of(AuditRecord, self.deployment.decoded(AUDIT_TRAIL))
        }

    def _is_ready(self) -> bool:
        try:
            return self._client.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def _wait(self, condition: object, what: str) -> None:
        assert callable(condition)
        deadline = time.monotonic() + STEP_SECONDS
        while not condition():
            self.deployment.supervisor.check()
            assert time.monotonic() < deadline, f"not within {STEP_SECONDS} s: {what}"
            time.sleep(0.1)


R = TypeVar("R", bound=msgspec.Struct)


def of(record_type: type[R], records: Iterable[msgspec.Struct]) -> list[R]:
    """Return the records, all of one type."""
    return [record for record in records if isinstance(record, record_type)]


@pytest.fixture(scope="module")
def played(deployment: Deployment) -> Played:
    """The scenario, played to its end by two workers."""
    deployment.start_worker(0)
    deployment.start_worker(1)
    story = Played(deployment)
    story.play()
    deployment.wait_until_settled([source.contract_id for source in CONTRACTS], seconds=60)
    return story


def test_the_early_invoice_comes_before_its_amendment_is_parked_released_by_the_ack_and_posted_once(
    played: Played,
) -> None:
    deployment = played.deployment
    captured = [record.event_id for record in of(CommercialEvent, deployment.decoded(COMMERCIAL_EVENTS))]
    assert captured.index(EARLY_INVOICE) < captured.index(AMENDMENT)

    road = [
        (record.event_id, record.action)
        for record in of(AuditRecord, deployment.decoded(AUDIT_TRAIL))
        if record.event_id in {EARLY_INVOICE, AMENDMENT} and record.action is not AuditAction.CAPTURED
    ]
    assert road == [
        (EARLY_INVOICE, AuditAction.PARKED),
        (AMENDMENT, AuditAction.REVENUE_COMMANDED),
        (AMENDMENT, AuditAction.REVENUE_ACCEPTED),
        (EARLY_INVOICE, AuditAction.RELEASED),
        (EARLY_INVOICE, AuditAction.REVENUE_COMMANDED),
        (EARLY_INVOICE, AuditAction.REVENUE_ACCEPTED),
        (EARLY_INVOICE, AuditAction.POSTING_RELEASED),
        (EARLY_INVOICE, AuditAction.POSTED),
    ]
    (posting,) = [
        record for record in of(ErpPosting, deployment.decoded(ERP_POSTINGS)) if record.event_id == EARLY_INVOICE
    ]
    (ack,) = [record for record in of(RevenueAck, deployment.decoded(REVENUE_ACKS)) if record.event_id == EARLY_INVOICE]
    assert isinstance(ack.body, RevenueAccepted)
    assert posting.revenue_command_id == ack.command_id
    (posted,) = [
        record for record in of(PostingAck, deployment.decoded(POSTING_ACKS)) if record.event_id == EARLY_INVOICE
    ]
    assert isinstance(posted.body, PostingAccepted)
    books = ledger(deployment.settings, load_configuration(deployment.settings.config))
    assert [entry.command_id for entry in books.entries() if entry.event_id == EARLY_INVOICE] == [posting.command_id]


def test_no_posting_leaves_before_the_acknowledgment_that_releases_it(played: Played) -> None:
    deployment = played.deployment
    acknowledged = {}
    codec = deployment.codec(REVENUE_ACKS)
    for message in deployment.read(REVENUE_ACKS):
        ack = codec.decode(message.value())
        assert isinstance(ack, RevenueAck)
        acknowledged[ack.command_id] = message.timestamp()[1]
    posting_codec, released = deployment.codec(ERP_POSTINGS), 0
    for message in deployment.read(ERP_POSTINGS):
        posting = posting_codec.decode(message.value())
        assert isinstance(posting, ErpPosting)
        if posting.revenue_command_id is not None:
            released += 1
            assert acknowledged[posting.revenue_command_id] <= message.timestamp()[1]
    assert released > 10


def test_a_webhook_delivered_twice_is_booked_once(played: Played) -> None:
    deployment = played.deployment
    audit = of(AuditRecord, deployment.decoded(AUDIT_TRAIL))
    actions = Counter(record.action for record in audit if record.event_id == PAID_TWICE)
    assert actions[AuditAction.DUPLICATE] == 1
    assert actions[AuditAction.POSTED] == 1


def test_what_the_api_refuses_names_the_field_and_reaches_no_topic(played: Played) -> None:
    (refusal,) = played.refusals
    problem = refusal.json()
    assert refusal.headers["content-type"] == "application/problem+json"
    assert problem["errors"]
    captured = {record.event_id for record in of(CommercialEvent, played.deployment.decoded(COMMERCIAL_EVENTS))}
    assert captured == {str(event["event_id"]) for event in played.accepted}


def test_billing_revenue_and_erp_tie_out_with_what_a_batch_calculation_finds(played: Played) -> None:
    deployment = played.deployment
    # The event type may be left out on the way in; the calculation wants it told.
    named = [{**event, "event_type": next(iter(event["body"]))} for event in json.loads(json.dumps(played.accepted))]
    expected = calculate(named, deployment.settings.config)
    configuration = load_configuration(deployment.settings.config)
    books = ledger(deployment.settings, configuration)
    balances = {(row.legal_entity, row.account, row.currency): row.balance for row in books.balances() if row.balance}
    assert balances == expected.balances
    platform = revenue_platform(deployment.settings, configuration)
    for source in CONTRACTS:
        position = platform.position(source.contract_id)
        assert position is not None
        calculated = expected.contracts[source.contract_id]
        assert (position.billed, position.recognised) == (calculated.billed, calculated.recognised)
    assert deployment.decoded(VARIANCES) == []
    assert of(ExceptionRecord, deployment.decoded(EXCEPTIONS)) == []


def test_the_trace_and_the_context_ride_on_every_record(played: Played) -> None:
    deployment = played.deployment
    for topic in (COMMERCIAL_EVENTS, REVENUE_ACKS, ERP_POSTINGS, POSTING_ACKS):
        for message in deployment.read(topic):
            assert "traceparent" in dict(message.headers() or ()), topic
            record = deployment.codec(topic).decode(message.value())
            context = record.context  # type: ignore[attr-defined]  # every record of these topics has one
            assert context.source_system
            assert context.source_transaction_id
            assert context.legal_entity
    postings = of(ErpPosting, deployment.decoded(ERP_POSTINGS))
    assert {record.context.customer_account for record in postings if record.context.contract_id == KESTREL.contract_id}


def test_a_clean_period_is_locked_in_the_ledger_too_and_opened_again_with_approval(played: Played) -> None:
    deployment = played.deployment
    configuration = load_configuration(deployment.settings.config)
    books = ledger(deployment.settings, configuration)

    def close(*arguments: str) -> dict[str, Any]:
        chosen = ["--entity", "ACME-US", "--period", "2026-12", "--json", *arguments[1:]]
        result = CliRunner().invoke(cli, ["close", arguments[0], *chosen], env=deployment.environment)
        assert result.stdout.startswith("{"), f"{result.output}\n{result.exception!r}"
        document: dict[str, Any] = json.loads(result.stdout)
        assert (result.exit_code == 0) is document.get("clean", True), result.output
        return document

    def stands(lock: str, left: list[str]) -> bool:
        status = close("status")
        return (status["lock"], status["left"]) == (lock, left)

    played._wait(lambda: stands("SOFT", []), "everything of December is done")
    locked = close("lock", "--url", played.url)
    assert locked["locked"][-1] == "2026-12"
    assert locked["locked"] == [it.period for it in books.closed_periods() if it.legal_entity == "ACME-US"]
    played._wait(lambda: stands("HARD", []), "the lock is told")
    opened = close("reopen", "--url", played.url, "--approved-by", "controller", "--reason", "an invoice is missing")
    assert opened["unlocked"] == ["2026-12"]
    played._wait(lambda: stands("OPEN", ["closed"]), "the period is open again")
    assert of(ExceptionRecord, deployment.decoded(EXCEPTIONS)) == []
