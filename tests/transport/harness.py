"""Running the counting worker as a process, and reading what it left on the broker, from outside."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.transport.counting_worker import Job

_NO_COORDINATOR_YET = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)

REPOSITORY = Path(__file__).resolve().parents[2]
PARTITIONS = 4
TARGET_PARTITIONS = 3
FAST_GROUP = {"session_timeout": 3.0, "heartbeat_interval": 0.5, "rebalance_timeout": 3.0}
Event = Mapping[str, object]


@dataclass(frozen=True)
class Bench:
    """Fresh topics for one test, and the job that works on them."""

    job: Job
    produced: list[int] = field(default_factory=list)

    @classmethod
    def on(cls, broker: str, *, partitions: int = PARTITIONS, **job: bool | str) -> Bench:
        name = f"t{uuid.uuid4().hex[:8]}"
        bench = cls(
            Job(
                app_id=name,
                broker=broker,
                source=f"{name}-source",
                target=f"{name}-target",
                settings=FAST_GROUP,
                **job,  # type: ignore[arg-type]
            )
        )
        create_topics(
            broker,
            {
                bench.job.source: partitions,
                bench.job.target: TARGET_PARTITIONS,
                bench.changelog: partitions,
                bench.ticks: partitions,
            },
        )
        return bench

    @property
    def changelog(self) -> str:
        return f"{self.job.app_id}-counts-changelog"

    @property
    def ticks(self) -> str:
        return f"{self.job.app_id}-ticks"

    def worker(self, **changes: object) -> Worker:
        return Worker(replace(self.job, **changes))  # type: ignore[arg-type]

    def produce(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        count = 0
        producer = Producer(
            {
                "bootstrap.servers": self.job.broker,
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        for key, value in records:
            producer.produce(self.job.source, value, key)
            count += 1
        assert producer.flush(30) == 0
        self.produced.append(count)

    def table(self) -> dict[bytes, int]:
        """The table as its changelog tells it to a reader of committed records."""
        values: dict[bytes, int] = {}
        for message in read_committed(self.job.broker, self.changelog):
            key, value = message.key(), message.value()
            assert key is not None
            assert value is not None
            values[key] = int(value)
        return values

    def outputs(self) -> list[tuple[bytes, bytes]]:
        return [(message.key(), message.value()) for message in read_committed(self.job.broker, self.job.target)]

    def input_left(self) -> int:
        """How many input records no committed offset covers; the source holds nothing but what was produced."""
        consumer = _consumer(self.job.broker, self.job.app_id)
        try:
            count = len(consumer.list_topics(self.job.source, timeout=10).topics[self.job.source].partitions)
            tps = [TopicPartition(self.job.source, number) for number in range(count)]
            committed = _committed(consumer, tps)
            return sum(self.produced) - sum(max(0, int(position.offset)) for position in committed)
        finally:
            consumer.close()

    def assert_counted_exactly_once(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        """The table and the outputs are what a plain loop over the input says they are."""
        expected = Counter(key for key, _ in records)
        assert self.table() == expected
        reached: dict[bytes, list[int]] = defaultdict(list)
        values: Counter[tuple[bytes, bytes]] = Counter()
        for key, output in self.outputs():
            value, _, count = output.rpartition(b":")
            reached[key].append(int(count))
            values[key, value] += 1
        assert values == Counter(records)
        for key, total in expected.items():
            assert reached[key] == list(range(1, total + 1)), key


def create_topics(broker: str, partitions: Mapping[str, int]) -> None:
    admin = AdminClient({"bootstrap.servers": broker})
    made = admin.create_topics(
        [
            NewTopic(name, count, 1, config={"cleanup.policy": "compact"} if name.endswith("-changelog") else {})
            for name, count in partitions.items()
        ]
    )
    for future in made.values():
        future.result(30)


def records_for(keys: int, each: int, *, start: int = 0) -> list[tuple[bytes, bytes]]:
    """So many records for so many keys, interleaved; every value is different."""
    return [(b"key-%d" % (i % keys), b"value-%d" % (start + i)) for i in range(keys * each)]


def _consumer(broker: str, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )


def read_committed(broker: str, topic: str) -> list[Message]:
    """Every committed record of a topic, in order within each partition."""
    consumer = _consumer(broker, f"reader-{uuid.uuid4().hex}")
    try:
        count = len(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in range(count)])
        unfinished = set(range(count))
        messages: list[Message] = []
        deadline = time.monotonic() + 30
        while unfinished:
            assert time.monotonic() < deadline, f"{topic}: partitions {unfinished} did not end"
            for message in consumer.consume(5000, 0.5):
                error = message.error()
                if error is None:
                    messages.append(message)
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    unfinished.discard(message.partition())
        return messages
    finally:
        consumer.close()


def eventually(holds: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until a condition on the broker holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def _committed(consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
    """Committed offsets; on a broker that was started a moment ago the group's coordinator may still be moving in."""
    deadline = time.monotonic() + 20.0
    while True:
        try:
            return list(consumer.committed(partitions, timeout=10))
        except KafkaException as failure:
            if failure.args[0].code() not in _NO_COORDINATOR_YET or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def drained(bench: Bench, seconds: float = 40.0) -> None:
    """Wait until every input record is covered by a committed offset."""
    eventually(lambda: bench.input_left() == 0, "every input record is covered by a committed offset", seconds)


class Worker:
    """A counting worker as a process; leaving the `with` block kills what still runs."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._events: queue.Queue[Event] = queue.Queue()
        self.ready: list[int] = []
        self.errors = ""

    def __enter__(self) -> Worker:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.transport.counting_worker", json.dumps(asdict(self._job))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        for reader in self._readers:
            reader.join(5)
        if error is not None:
            print(self.errors[-6000:])

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(json.loads(line))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.errors += line

    def wait_for(self, holds: Callable[[Event], bool], what: str, seconds: float = 40.0) -> Event:
        """The first event, from now on, for which `holds` is true."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self._events.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    f"worker did not report within {seconds} s: {what}\n{self.errors[-4000:]}"
                ) from None
            if holds(event):
                return event

    def wait_handled(self, at_least: int = 1) -> None:
        self.wait_for(lambda event: int(str(event.get("handled", 0))) >= at_least, f"{at_least} handled")

    def wait_ready(self, holds: Callable[[list[int]], bool]) -> list[int]:
        found: list[int] = []

        def matches(event: Event) -> bool:
            ready = event.get("ready")
            if isinstance(ready, list) and holds(ready):
                found.extend(ready)
                return True
            return False

        self.wait_for(matches, "partitions ready")
        return found

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def exit_code(self, seconds: float) -> int:
        """Wait for the process to end by itself."""
        return self._process.wait(seconds)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None
