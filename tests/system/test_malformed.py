"""Malformed input of every kind: one exception record each that keeps it whole; nothing is lost and nothing stops."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from streams.codec.json_events import event_from_json
from streams.records import (
    AuditAction,
    AuditRecord,
    CommercialEvent,
    ExceptionRecord,
    Owner,
    PostingAccepted,
    PostingAck,
    RootCause,
)
from streams.topics import (
    AUDIT_TRAIL,
    COMMERCIAL_EVENTS,
    EXCEPTIONS,
    OPERATOR_COMMANDS,
    POSTING_ACKS,
    REVENUE_ACKS,
    SOURCE_EVENTS,
)
from tests.oracle.disturbance import CALM
from tests.oracle.generator import generate
from tests.system.deployment import Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]


@dataclass(frozen=True)
class Malformed:
    """A record that a producer should not have published."""

    topic: str
    key: bytes | None
    value: bytes | None
    says: str
    """What the exception's message must name."""
    cause: RootCause = RootCause.PAYLOAD_INVALID


def _malformed(good: bytes, invalid: bytes, contract: bytes) -> list[Malformed]:
    unknown = b"\0" + struct.pack(">I", 987_654) + good[5:]
    return [
        Malformed(SOURCE_EVENTS, contract, b"\x01" + good[1:], "bad_magic"),
        Malformed(SOURCE_EVENTS, contract, unknown, "unknown_schema_id"),
        Malformed(SOURCE_EVENTS, contract, good[: len(good) // 2], "truncated"),
        Malformed(SOURCE_EVENTS, contract, good[:3], "truncated"),
        Malformed(SOURCE_EVENTS, contract, good + b"\0", "trailing_bytes"),
        Malformed(SOURCE_EVENTS, contract, b"", "empty"),
        Malformed(SOURCE_EVENTS, contract, None, "empty"),
        Malformed(SOURCE_EVENTS, None, b'{"event_id": "json"}', "bad_magic"),
        Malformed(SOURCE_EVENTS, b"\xff\xfe", b"\xff", "bad_magic"),
        Malformed(SOURCE_EVENTS, contract, invalid, "legal_entity", RootCause.MAPPING_MISSING),
        Malformed(COMMERCIAL_EVENTS, contract, b"not avro", "bad_magic"),
        Malformed(REVENUE_ACKS, contract, good, "wrong_record"),
        Malformed(POSTING_ACKS, contract, b"\0\0", "truncated"),
        Malformed(OPERATOR_COMMANDS, contract, good, "wrong_record"),
    ]


def test_each_malformed_record_becomes_one_exception_that_keeps_it_whole_and_the_good_ones_go_on(
    deployment: Deployment,
) -> None:
    events = [event_from_json(event) for event in generate(11, 8, 250, disturbance=CALM)]
    contracts = {event.context.contract_id for event in events} - {"*"}
    contract = min(contracts).encode()
    codec = deployment.codec(SOURCE_EVENTS)
    good = codec.encode(events[-1])
    unknown_entity = replace(events[-1].context, contract_id=contract.decode(), legal_entity="NOWHERE-INC")
    invalid = codec.encode(replace(events[-1], event_id="invalid", context=unknown_entity))
    malformed = _malformed(good, invalid, contract)

    deployment.start_worker(0)
    half = len(events) // 2
    deployment.publish(events[:half])
    for record in malformed:
        deployment.publish_raw([(record.key, record.value)], record.topic)
    deployment.publish(events[half:])
    deployment.wait_until_settled(contracts, seconds=120)

    raised = [record for record in deployment.decoded(EXCEPTIONS) if isinstance(record, ExceptionRecord)]
    # Reconciliation reads some of the topics too, and says of a record it cannot read what orchestration says.
    by_id = {record.exception_id: record for record in raised}
    kept = Counter(
        (record.source.topic, record.source.key, record.source.payload)
        for record in by_id.values()
        if record.source is not None
    )
    assert kept == Counter((record.topic, record.key, record.value) for record in malformed)
    for record in malformed:
        (exception,) = (
            found
            for found in by_id.values()
            if found.source is not None
            and (found.source.topic, found.source.key, found.source.payload) == (record.topic, record.key, record.value)
        )
        assert exception.root_cause is record.cause
        assert exception.owner is Owner.INTEGRATION_SUPPORT
        assert record.says in exception.message
        assert exception.source is not None
        assert exception.source.partition >= 0
        assert exception.source.offset >= 0
    _assert_everything_good_was_posted(deployment, events)


def _assert_everything_good_was_posted(deployment: Deployment, events: list[CommercialEvent]) -> None:
    captured = {
        record.event_id
        for record in deployment.decoded(AUDIT_TRAIL)
        if isinstance(record, AuditRecord) and record.action is AuditAction.CAPTURED
    }
    assert captured == {event.event_id for event in events}
    posted = {
        record.event_id
        for record in deployment.readable(POSTING_ACKS)
        if isinstance(record, PostingAck) and isinstance(record.body, PostingAccepted)
    }
    journal_events = {
        event.event_id
        for event in events
        if event.event_type in {"InvoiceIssued", "CreditIssued", "PaymentReceived", "RefundIssued"}
    }
    assert journal_events <= posted
