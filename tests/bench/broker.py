"""The broker of the benchmark: its topics, the feed in it, and how far a row has come, as any reader would see it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from tests.bench.feed import Feed
from tests.bench.verify import Found
from tests.infra.kafka import KafkaServer

_CALL_SECONDS = 30.0
_READ_SECONDS = 300.0
_FORGET_SECONDS = 90.0
_COORDINATOR_BUSY = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NON_EMPTY_GROUP,
    }
)
_NOT_YET = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
    }
)


class Broker:
    """One Kafka broker and what the benchmark asks of it."""

    def __init__(self, server: KafkaServer, partitions: int) -> None:
        self._server = server
        self.partitions = partitions
        self.bootstrap = server.bootstrap
        self._admin = AdminClient({"bootstrap.servers": server.bootstrap})

    @property
    def pid(self) -> int:
        pid = self._server.pid
        if pid is None:
            raise RuntimeError("the broker does not run")
        return pid

    def fresh(self, topics: Mapping[str, Mapping[str, str]], groups: Iterable[str] = ()) -> None:
        """Make the topics empty and forget the groups' offsets."""
        known = set(self._admin.list_topics(timeout=_CALL_SECONDS).topics)
        if old := [topic for topic in topics if topic in known]:
            for deleted in self._admin.delete_topics(old, operation_timeout=_CALL_SECONDS).values():
                deleted.result()
            self._wait(lambda known: not known.intersection(old), f"topics {old} to be gone")
        for group in groups:
            self._forget(group)
        new = [NewTopic(name, self.partitions, 1, config=dict(config)) for name, config in topics.items()]
        for created in self._admin.create_topics(new).values():
            created.result()
        self._wait(lambda known: known.issuperset(topics), f"topics {sorted(topics)} to be there")

    def _forget(self, group: str) -> None:
        deadline = time.monotonic() + _FORGET_SECONDS
        while True:
            try:
                self._admin.delete_consumer_groups([group])[group].result()
            except KafkaException as failure:
                code = failure.args[0].code()
                if code == KafkaError.GROUP_ID_NOT_FOUND:
                    return
                # A killed member leaves only when its session ends.
                if code not in _COORDINATOR_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def _wait(self, reached: object, what: str) -> None:
        assert callable(reached)
        deadline = time.monotonic() + _CALL_SECONDS
        while not reached(set(self._admin.list_topics(timeout=_CALL_SECONDS).topics)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {_CALL_SECONDS} s for {what}")
            time.sleep(0.1)

    def delete_like(self, prefix: str) -> None:
        """Delete what a framework made for itself."""
        names = [name for name in self._admin.list_topics(timeout=_CALL_SECONDS).topics if name.startswith(prefix)]
        for deleted in self._admin.delete_topics(names).values() if names else ():
            deleted.result()

    def load(self, feed: Feed, topic: str) -> None:
        """Make the topic and put the feed into it."""
        self.fresh({topic: {"retention.ms": "-1"}})
        self.produce(
            (topic, key, value, partition)
            for partition in range(self.partitions)
            for key, value in feed.records(partition)
        )

    def produce(self, records: Iterable[tuple[str, bytes, bytes, int]]) -> None:
        """Write topic, key, value, partition (-1: by murmur2 of the key); all are acknowledged when this returns."""
        failures: list[str] = []
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "enable.idempotence": True,
                "linger.ms": 20,
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 200_000,
                "error_cb": lambda error: failures.append(str(error)) if error.fatal() else None,
            }
        )
        for topic, key, value, partition in records:
            while True:
                try:
                    producer.produce(topic, value, key, partition)
                except BufferError:
                    producer.poll(0.05)
                else:
                    break
        left = producer.flush(_READ_SECONDS)
        if left or failures:
            raise RuntimeError(f"{left} records were not written: {failures[:3]}")

    def committed_ends(self, topics: Iterable[str]) -> dict[str, int]:
        """By topic, how many offsets readers of committed records can pass, partitions added up."""
        numbers = range(self.partitions)
        wanted = {TopicPartition(topic, number): OffsetSpec.latest() for topic in topics for number in numbers}
        deadline = time.monotonic() + _CALL_SECONDS
        while True:
            listed = self._admin.list_offsets(
                wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_CALL_SECONDS
            )
            ends = dict.fromkeys(topics, 0)
            try:
                for where, offset in listed.items():
                    ends[where.topic] += offset.result().offset
            except KafkaException as failure:
                # Topics made a moment ago may have no leader yet.
                if failure.args[0].code() not in _NOT_YET or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return ends

    def found(self, topics: Iterable[str]) -> Found:
        """Everything committed in the topics."""
        found = Found()
        for topic in topics:
            for key, value in self.read(topic):
                found.add(topic, key, value)
        return found

    def read(self, topic: str) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of every committed record, in the order of offsets in each partition."""
        with committed_reader(self.bootstrap, topic, self.partitions) as consumer:
            open_ones, deadline = set(range(self.partitions)), time.monotonic() + _READ_SECONDS
            while open_ones:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{topic}: partitions {sorted(open_ones)} did not end in {_READ_SECONDS} s")
                for message in consumer.consume(10_000, 0.2):
                    error = message.error()
                    if error is None:
                        yield message.key() or b"", message.value() or b""
                    elif error.code() == KafkaError._PARTITION_EOF:
                        open_ones.discard(message.partition())
                    else:
                        raise RuntimeError(f"{topic}: {error}")


@contextmanager
def committed_reader(bootstrap: str, topic: str, partitions: int) -> Iterator[Consumer]:
    """A consumer of every partition of a topic, from its beginning, that reports the end."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    try:
        yield consumer
    finally:
        consumer.close()


@contextmanager
def running_broker(folder: Path, partitions: int) -> Iterator[Broker]:
    """A broker of its own, in memory enough not to be what is measured."""
    overrides = {"group.max.session.timeout.ms": "120000", "log.cleaner.enable": "false"}
    with KafkaServer(folder, heap_mb=1024, overrides=overrides) as server:
        yield Broker(server, partitions)
