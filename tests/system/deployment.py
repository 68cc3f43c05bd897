"""A deployment of tieout on real servers, as processes, and what a user could read from its topics.

Nothing here looks into the workers: everything is read from the topics and from the ledger's database.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.codec.registry import SchemaRegistry
from streams.codec.wire import Codec, PayloadInvalid, codec_for
from streams.config import Settings, load_settings
from streams.records import CommercialEvent, ContractStatus
from streams.supervisor import Program, Supervisor
from streams.topic_admin import apply_topics
from streams.topics import CONTRACT_STATUS, SOURCE_EVENTS, TOPICS
from streams.wiring import STAGES, schema_registry

_POLL_SECONDS = 0.2
_NO_LEADER_YET = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})


@dataclass
class Deployment:
    """Workers of all stages on a broker; `environment` is what each process gets."""

    settings: Settings
    environment: Mapping[str, str]
    supervisor: Supervisor
    registry: SchemaRegistry
    _codecs: dict[str, Codec[msgspec.Struct]] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        """Where the broker is."""
        assert self.settings.broker is not None
        return self.settings.broker

    def start_worker(self, number: int) -> None:
        """Start a worker: one process a stage."""
        port = str(self.settings.metrics_port + 10 * number)
        environment = {**self.environment, "TIEOUT_METRICS_PORT": port}
        for stage in STAGES:
            self.supervisor.start(Program(f"{stage}-{number}", ["worker", "--stages", stage], environment))

    def codec(self, topic: str) -> Codec[msgspec.Struct]:
        """Return the codec of a topic, as any consumer would make it."""
        if topic not in self._codecs:
            record = next(known.record for known in TOPICS if known.name == topic)
            self._codecs[topic] = codec_for(record, self.registry, topic)
        return self._codecs[topic]

    def publish(self, events: Iterable[CommercialEvent], topic: str = SOURCE_EVENTS) -> None:
        """Publish events as any producer would, and wait for every acknowledgment."""
        codec = self.codec(topic)
        records = ((event.context.contract_id.encode(), codec.encode(event)) for event in events)
        self.publish_raw(records, topic)

    def publish_raw(self, records: Iterable[tuple[bytes | None, bytes | None]], topic: str = SOURCE_EVENTS) -> None:
        """Publish keys and values as they are."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random", "linger.ms": 20})
        failures: list[str] = []

        def delivered(error: object, _: Message) -> None:
            if error is not None:
                failures.append(str(error))

        for key, value in records:
            while True:
                try:
                    producer.produce(topic, key=key, value=value, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(60) == 0
        assert not failures, failures[:3]

    def read(self, topic: str) -> list[Message]:
        """Return every committed record of a topic, partition by partition in offset order."""
        with _reader(self.bootstrap, topic) as messages:
            return list(messages)

    def decoded(self, topic: str) -> list[msgspec.Struct]:
        """Return every committed record of a topic, decoded."""
        codec = self.codec(topic)
        return [codec.decode(message.value()) for message in self.read(topic)]

    def readable(self, topic: str) -> list[msgspec.Struct]:
        """Return every committed record of a topic that can be decoded, where others were put on purpose."""
        codec, records = self.codec(topic), []
        for message in self.read(topic):
            with suppress(PayloadInvalid):
                records.append(codec.decode(message.value()))
        return records

    def wait_until_settled(self, contracts: Iterable[str], *, seconds: float) -> None:
        """Wait until no topic grows any more and every contract says that nothing is on its way.

        AssertionError when a worker ends, or when it has not settled in time; it names what is still open.
        """
        wanted, deadline = set(contracts), time.monotonic() + seconds
        statuses = Statuses(self)
        ends, still_since = self.ends(), time.monotonic()
        while True:
            self.supervisor.check()
            statuses.read_on()
            now_ends = self.ends()
            if now_ends != ends:
                ends, still_since = now_ends, time.monotonic()
            missing = wanted - set(statuses.latest)
            pending = statuses.pending()
            if not missing and not pending and time.monotonic() - still_since > 5.0:
                statuses.close()
                return
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not settled after {seconds} s: {len(missing)} contracts unknown, for example "
                    f"{sorted(missing)[:3]}; {len(pending)} with work on its way, for example {pending[:3]}"
                )
            time.sleep(_POLL_SECONDS)

    def ends(self) -> dict[str, int]:
        """Return the end offset of every topic, partitions added up."""
        return ends(self.bootstrap, [topic.name for topic in TOPICS])


class Statuses:
    """The latest status of every contract, read on as it grows."""

    def __init__(self, deployment: Deployment) -> None:
        self.latest: dict[str, ContractStatus] = {}
        self._codec = deployment.codec(CONTRACT_STATUS)
        self._consumer = _assigned_consumer(deployment.bootstrap, CONTRACT_STATUS)

    def read_on(self) -> None:
        """Read what has come since."""
        while messages := self._consumer.consume(10_000, timeout=0.2):
            for message in messages:
                if message.error() is None:
                    status = self._codec.decode(message.value())
                    assert isinstance(status, ContractStatus)
                    self.latest[status.context.contract_id] = status

    def pending(self) -> list[str]:
        """Return the contracts that have something on its way."""
        return [
            contract_id
            for contract_id, status in self.latest.items()
            if status.commands_pending or status.postings_pending
        ]

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()


def ends(bootstrap: str, topics: Iterable[str]) -> dict[str, int]:
    """Return the end offset of topics, partitions added up."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "ends", "enable.auto.commit": False})
    totals: dict[str, int] = defaultdict(int)
    try:
        for topic in topics:
            for partition in consumer.list_topics(topic, timeout=20).topics[topic].partitions:
                totals[topic] += _end(consumer, TopicPartition(topic, partition))
    finally:
        consumer.close()
    return dict(totals)


def _end(consumer: Consumer, partition: TopicPartition) -> int:
    """Return the end offset of a partition; one that was made a moment ago may have no leader yet."""
    deadline = time.monotonic() + 20
    while True:
        try:
            _, high = consumer.get_watermark_offsets(partition, timeout=20)
        except KafkaException as failure:
            if failure.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return int(high)


def _assigned_consumer(bootstrap: str, topic: str) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tests-only-reading",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
        }
    )
    partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    return consumer


@contextmanager
def _reader(bootstrap: str, topic: str) -> Iterator[Iterator[Message]]:
    consumer = _assigned_consumer(bootstrap, topic)
    left = {partition.partition for partition in consumer.assignment()}

    def messages() -> Iterator[Message]:
        deadline = time.monotonic() + 120
        while left:
            assert time.monotonic() < deadline, f"{topic}: partitions {left} did not end"
            for message in consumer.consume(10_000, timeout=1.0):
                if message.error() is None:
                    yield message
                elif message.error().name() == "_PARTITION_EOF":
                    left.discard(message.partition())
                else:
                    raise AssertionError(str(message.error()))

    try:
        yield messages()
    finally:
        consumer.close()


@contextmanager
def deployed(
    data_dir: Path, *, broker: str, registry: str, database: str, partitions: int = 8, metrics_port: int
) -> Iterator[Deployment]:
    """Make the topics and give a deployment whose workers are stopped at the end."""
    environment = {
        "TIEOUT_BROKER": broker,
        "TIEOUT_SCHEMA_REGISTRY": registry,
        "TIEOUT_DATABASE": database,
        "TIEOUT_DATA_DIR": str(data_dir),
        "TIEOUT_PARTITIONS": str(partitions),
        "TIEOUT_METRICS_PORT": str(metrics_port),
        # Nothing is killed here: a machine that is busy with other tests must not cost a worker its membership.
        "TIEOUT_SESSION_TIMEOUT": "45",
        "TIEOUT_REBALANCE_TIMEOUT": "20",
        "TIEOUT_REPLICATION_FACTOR": "1",
    }
    saved = dict(os.environ)
    os.environ.update(environment)
    try:
        settings = load_settings()
    finally:
        os.environ.clear()
        os.environ.update(saved)
    apply_topics(settings)
    supervisor = Supervisor(data_dir / "logs")
    try:
        yield Deployment(settings, environment, supervisor, schema_registry(settings))
    finally:
        supervisor.stop()
