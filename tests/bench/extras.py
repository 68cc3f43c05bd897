"""Measures of tieout alone: latency at half its maximum load, and recovery after kill -9 with many contracts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from streams.core.contract import Contract
from streams.topics import AUDIT_TRAIL
from tests.bench.broker import Broker, committed_reader
from tests.bench.feed import Feed
from tests.bench.kernel import OUTPUT_TOPICS, Kernel, PartitionWork, encode_state
from tests.bench.measure import RowFailed, RowProcess
from tests.bench.peers import Row, topics_of
from tests.bench.play import options_for
from tests.bench.verify import audit_id, differences

_READY_SECONDS = 60.0
CHANGELOG = "tieout-orchestration-contracts-changelog"
_WARM_UP = 0.25
_KILL_AT = 0.2
_POLL_SECONDS = 0.05
_STILL_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class Latency:
    """From the produce of a record to the first committed audit record that it causes."""

    records: int
    rate: float
    """Events a second that were offered."""
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from the start of the second process to its first committed output, after the first was killed."""

    title: str
    contracts: int
    start_seconds: float
    """The first start, which reads the same changelog but waits for no dead member."""
    restart_seconds: float
    peak_mb: float
    wrong: tuple[str, ...]


def _merged(feed: Feed, partitions: int) -> list[tuple[int, bytes, bytes]]:
    """Partition, key and value: each partition in its order, all advancing together."""
    placed = []
    for partition in range(partitions):
        total = feed.facts.records_by_partition[partition]
        placed += [
            ((at + 0.5) / total, partition, key, value) for at, (key, value) in enumerate(feed.records(partition))
        ]
    placed.sort(key=lambda record: record[:2])
    return [record[1:] for record in placed]


def latency(row: Row, broker: Broker, feed: Feed, folder: Path, *, rate: float, seconds: float) -> Latency:
    """Offer events at a rate for so many seconds and see when their outputs can be read."""
    kernel, topic = Kernel(), "feed-paced"
    given = options_for(row, broker, topic, folder)
    broker.fresh({topic: {"retention.ms": "-1"}} | topics_of(row, given.app), [row.group or given.app])
    facts = feed.facts
    records = list(islice(_merged(feed, broker.partitions), round(rate * seconds * facts.records / facts.events)))
    marks = _marks(kernel, records, broker.partitions)
    step = facts.events / facts.records / rate
    worker = RowProcess(row.started_with(given), folder / f"{given.app}.log", row.environment)
    try:
        sent: dict[bytes, float] = {}
        arrived: dict[bytes, float] = {}
        producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0, "enable.idempotence": True})
        with committed_reader(broker.bootstrap, AUDIT_TRAIL, broker.partitions) as reader:

            def look(wait: float) -> None:
                for message in reader.consume(1000, wait):
                    value = message.value()
                    if message.error() is None and value is not None:
                        arrived.setdefault(audit_id(value), time.monotonic())

            def offer(number: int) -> None:
                partition, key, value = records[number]
                if mark := marks[number]:
                    sent[mark] = time.monotonic()
                producer.produce(topic, value, key, partition)
                producer.poll(0)

            offer(0)
            deadline = time.monotonic() + _READY_SECONDS
            while not arrived:
                worker.check()
                if time.monotonic() > deadline:
                    raise RowFailed(f"no output {_READY_SECONDS} s after the first event: {worker.said()}")
                look(0.05)
            started = time.monotonic()
            for number in range(1, len(records)):
                while (left := started + number * step - time.monotonic()) > 0:
                    look(min(left, 0.002))
                offer(number)
                if number % 50 == 0:
                    look(0)
            deadline = time.monotonic() + _READY_SECONDS
            while missing := len(sent.keys() - arrived.keys()):
                worker.check()
                if time.monotonic() > deadline:
                    raise RowFailed(f"{missing} records without what they cause: {worker.said()}")
                look(0.05)
    finally:
        worker.stop()
    measured = list(sent)[round(len(sent) * _WARM_UP) :]
    delays = sorted((arrived[name] - sent[name]) * 1000 for name in measured)
    return Latency(len(delays), rate, delays[len(delays) // 2], delays[int(len(delays) * 0.99)], delays[-1])


def _marks(kernel: Kernel, records: Sequence[tuple[int, bytes, bytes]], partitions: int) -> list[bytes]:
    """The id of the first audit record that each record causes; empty where it causes none, as what only waits."""
    work = [PartitionWork(kernel, partition) for partition in range(partitions)]
    offsets, marks = [0] * partitions, []
    for partition, key, value in records:
        caused = work[partition].take(offsets[partition], key, value)
        offsets[partition] += 1
        marks.append(next((audit_id(payload) for topic, _, payload in caused if topic == AUDIT_TRAIL), b""))
    return marks


def recovery(
    row: Row, broker: Broker, feed: Feed, topic: str, folder: Path, *, contracts: int, seconds: float
) -> Recovery:
    """Fill the changelog with so many contracts, start, kill -9 in the middle of the feed, start again, verify all."""
    kernel = Kernel()
    given = options_for(row, broker, topic, folder)
    broker.fresh(topics_of(row, given.app), [row.group or given.app])
    broker.produce((CHANGELOG, key, value, -1) for key, value in _other_contracts(kernel, feed, contracts))
    expected = feed.facts.expected
    wanted = expected.counts[AUDIT_TRAIL]
    first = RowProcess(row.started_with(given), folder / f"{given.app}-first.log", row.environment)
    try:
        began = _wait_for(broker, first, 1, seconds)
        _wait_for(broker, first, round(wanted * _KILL_AT), seconds)
    finally:
        first.kill()
    done = broker.committed_ends([AUDIT_TRAIL])[AUDIT_TRAIL]
    second = RowProcess(row.started_with(given), folder / f"{given.app}-second.log", row.environment)
    try:
        # The dead worker's open transaction ends with two markers a partition at most; those are no output.
        again = _wait_for(broker, second, done + 2 * broker.partitions, seconds)
        _wait_for(broker, second, wanted, seconds)
        _wait_until_still(broker, second, seconds)
        peak = second.peak_mb()
    finally:
        second.stop()
    wrong = differences(broker.found(OUTPUT_TOPICS), expected, kernel)
    return Recovery(row.title, contracts, began, again, peak, tuple(wrong))


def _wait_for(broker: Broker, worker: RowProcess, audits: int, seconds: float) -> float:
    while broker.committed_ends([AUDIT_TRAIL])[AUDIT_TRAIL] < audits:
        worker.check()
        if time.monotonic() - worker.started > seconds:
            raise RowFailed(f"fewer than {audits} audit records after {seconds:.0f} s: {worker.said()}")
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - worker.started


def _wait_until_still(broker: Broker, worker: RowProcess, seconds: float) -> None:
    ends, since = broker.committed_ends(OUTPUT_TOPICS), time.monotonic()
    while time.monotonic() - since < _STILL_SECONDS:
        if time.monotonic() - worker.started > seconds:
            raise RowFailed(f"the output still grows after {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)
        worker.check()
        if (now := broker.committed_ends(OUTPUT_TOPICS)) != ends:
            ends, since = now, time.monotonic()


def _other_contracts(kernel: Kernel, feed: Feed, contracts: int) -> Iterator[tuple[bytes, bytes]]:
    """States of contracts that do not occur in the feed, like those that do at its end."""
    work = PartitionWork(kernel, 0)
    for offset, (key, value) in enumerate(feed.records(0)):
        contract_id, given = kernel.read(0, offset, key, value)
        work.decide(contract_id, given)
    models = list(work.state.contracts.values())
    for number in range(contracts):
        state: Contract = msgspec.structs.replace(models[number % len(models)], contract_id=f"OTHER-{number:08d}")
        yield state.contract_id.encode(), encode_state(state)
