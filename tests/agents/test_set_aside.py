"""A record on which the core fails stops nothing and is not lost: it becomes an exception."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TypeVar, cast

from streams.agents.observe import Observer
from streams.agents.orchestration import Orchestration
from streams.agents.outbox import Outbox
from streams.codec.registry import EmbeddedRegistry
from streams.codec.wire import codec_for
from streams.records import CommercialEvent, ExceptionRecord, Owner, RevenueCommand, RootCause
from streams.topics import COMMERCIAL_EVENTS, EXCEPTIONS, REVENUE_COMMANDS
from streams.transport import Batch, Record, Stage, Transaction
from streams.transport.memory_store import MemoryStore
from tests.core.builders import POLICY, event, invoice, period_end, signed

REGISTRY = EmbeddedRegistry()


def test_a_record_on_which_the_core_fails_is_set_aside_and_the_next_ones_go_on() -> None:
    # Without this bound the core fails as soon as it must park, as it would on any defect of its own.
    broken = replace(POLICY, bounds=replace(POLICY.bounds, parked_events=cast(int, None)))
    stage = Stage("test", "127.0.0.1:9")
    agent = Orchestration(stage, Outbox(REGISTRY, POLICY, Observer("orchestration")), broken)
    early = event("early", invoice("I1"), contract="C-EARLY")
    good = event("good", signed(), contract="C-GOOD")
    transaction = Transaction(0, {table: MemoryStore() for table in stage._tables})

    asyncio.run(agent.on_batch(_batch(early, good), transaction))

    (exception,) = _sent(transaction, EXCEPTIONS, ExceptionRecord)
    assert (exception.root_cause, exception.owner) == (RootCause.STATE_CORRUPTION, Owner.PLATFORM_ENGINEERING)
    assert (exception.event_id, exception.context.contract_id) == ("early", "C-EARLY")
    assert exception.source is not None
    assert exception.source.payload == _encoded(early)
    assert (exception.source.topic, exception.source.offset) == (COMMERCIAL_EVENTS, 0)
    assert "TypeError" in exception.message
    assert [command.event_id for command in _sent(transaction, REVENUE_COMMANDS, RevenueCommand)] == ["good"]


def test_a_period_event_on_which_the_core_fails_for_a_contract_is_sent_again_since_a_replay_would_be_a_duplicate() -> (
    None
):
    broken = replace(POLICY, bounds=replace(POLICY.bounds, parked_events=cast(int, None)))
    stage = Stage("test", "127.0.0.1:9")
    agent = Orchestration(stage, Outbox(REGISTRY, POLICY, Observer("orchestration")), broken)
    transaction = Transaction(0, {table: MemoryStore() for table in stage._tables})

    asyncio.run(agent.on_batch(_batch(event("good", signed()), period_end("2026-01")), transaction))

    (exception,) = _sent(transaction, EXCEPTIONS, ExceptionRecord)
    assert (exception.event_id, exception.context.contract_id) == ("close-ACME-US-2026-01", "C1")
    assert exception.message.endswith("and send the event again under a new event id when it is mended")


def _batch(*events: CommercialEvent) -> Batch:
    records = [
        Record(event.context.contract_id.encode(), _encoded(event), (), offset, 0)
        for offset, event in enumerate(events)
    ]
    return Batch(COMMERCIAL_EVENTS, 0, records)


def _encoded(event: CommercialEvent) -> bytes:
    return codec_for(CommercialEvent, REGISTRY, COMMERCIAL_EVENTS).encode(event)


R = TypeVar("R", ExceptionRecord, RevenueCommand)


def _sent(transaction: Transaction, topic: str, record: type[R]) -> list[R]:
    codec = codec_for(record, REGISTRY, topic)
    return [codec.decode(output.value) for output in transaction.outputs if output.topic == topic]
