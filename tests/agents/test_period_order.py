"""Period events that sources put into different partitions reach every partition of contracts in one order."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from streams.agents.capture import Capture
from streams.agents.observe import Observer
from streams.agents.outbox import Outbox
from streams.codec.registry import EmbeddedRegistry
from streams.codec.wire import codec_for
from streams.records import CommercialEvent, PeriodOpened
from streams.topics import COMMERCIAL_EVENTS, SOURCE_EVENTS
from streams.transport import Batch, Record, Stage, Transaction
from streams.transport.partitioner import partition_of
from tests.core.builders import POLICY, event, period_end

REGISTRY = EmbeddedRegistry()
SOURCES = codec_for(CommercialEvent, REGISTRY, SOURCE_EVENTS)
EVENTS = codec_for(CommercialEvent, REGISTRY, COMMERCIAL_EVENTS)
PARTITIONS = 3
CLOSED = period_end("2026-01")
OPENED = event("open", PeriodOpened(period="2026-01", approved_by="cfo", reason="r"), version=0, contract="*")
TRACED = (("traceparent", b"00-1-2-01"),)


class Topics:
    """Partitions as a broker keeps them, and a worker for each partition of the sources' topic."""

    def __init__(self) -> None:
        self.sources: dict[int, list[Record]] = {number: [] for number in range(PARTITIONS)}
        self.events: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}
        self._read = dict.fromkeys(range(PARTITIONS), 0)
        stage = Stage("s", "127.0.0.1:1")
        self._agent = Capture(stage, Outbox(REGISTRY, POLICY, Observer("capture")), POLICY, PARTITIONS)

    def publish(self, partition: int, told: CommercialEvent) -> None:
        log = self.sources[partition]
        log.append(Record(b"any", SOURCES.encode(told), TRACED, len(log), 0))

    def capture(self, partition: int) -> Transaction:
        """Read what is new in a partition, without sending anything yet."""
        records, at = self.sources[partition], self._read[partition]
        self._read[partition] = len(records)
        transaction = Transaction(partition, {})
        asyncio.run(self._agent.on_batch(Batch(SOURCE_EVENTS, partition, records[at:]), transaction))
        return transaction

    def arrive(self, transaction: Transaction, partition: int) -> None:
        """Let what a transaction sends to a partition arrive there; other partitions may see it sooner or later."""
        for output in transaction.outputs:
            if output.partition != partition:
                continue
            if output.topic == SOURCE_EVENTS:
                log = self.sources[partition]
                log.append(Record(output.key, output.value or b"", tuple(output.headers), len(log), 0))
            elif output.topic == COMMERCIAL_EVENTS:
                self.events[partition].append(EVENTS.decode(output.value or b"").event_id)


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(range(PARTITIONS), 2)))
@pytest.mark.parametrize("opposite", [0, 1, 2])
def test_every_partition_sees_two_period_events_in_the_same_order(first: int, second: int, opposite: int) -> None:
    topics = Topics()
    topics.publish(first, CLOSED)
    topics.publish(second, OPENED)
    at_once = [topics.capture(first), topics.capture(second)]
    for number in range(PARTITIONS):
        for transaction in reversed(at_once) if number == opposite else at_once:
            topics.arrive(transaction, number)
    home = partition_of(b"*", PARTITIONS)
    later = topics.capture(home)
    for number in range(PARTITIONS):
        topics.arrive(later, number)
    orders = {tuple(log) for log in topics.events.values()}
    assert len(orders) == 1
    (order,) = orders
    assert sorted(order) == sorted([CLOSED.event_id, OPENED.event_id]), "each once, and none is lost"
    assert all(record.headers == TRACED for record in topics.sources[home]), "the trace goes on"
