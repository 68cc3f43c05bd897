"""The producer of one partition: everything a batch causes goes out through it, in one Kafka transaction.

All methods block and are called in the stage's I/O threads, one at a time for a given producer. The Kafka
transaction begins only when the handler has returned, so that a handler that waits for a foreign system holds no
transaction open and stalls no reader.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Producer as LibrdkafkaProducer

from streams.transport.errors import CommitFailed, OwnershipLost
from streams.transport.records import Output
from streams.transport.settings import StageSettings

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
_ABORT_SECONDS = 10.0
# Topics are made up front: one that the broker does not know is an error, not a topic that is about to appear.
_UNKNOWN_TOPIC_SECONDS = 5.0
_OWNERSHIP_LOST = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.FENCED_INSTANCE_ID,
    }
)


@dataclass(frozen=True, slots=True)
class ChangelogWrite:
    """The records that one transaction adds to the changelog of one table (value None: deleted)."""

    topic: str
    records: Sequence[tuple[bytes, bytes | None]]


@dataclass(frozen=True, slots=True)
class Committed:
    """Where the changelogs stand: by topic, the offset of the last record that the transaction wrote."""

    changelog_offsets: Mapping[str, int]


class PartitionProducer(Protocol):
    """What a partition needs of its producer."""

    def open(self) -> None:
        """Take over the partition; returns when no earlier owner can write any more."""

    def commit(
        self,
        partition: int,
        outputs: Sequence[Output],
        changelogs: Sequence[ChangelogWrite],
        input_offsets: Mapping[str, int],
        membership: bytes,
    ) -> Committed:
        """Write everything; `input_offsets` are, by topic, the next offset to read. Raises CommitFailed."""

    def close(self) -> None:
        """Give up the partition, for good; nothing is pending between commits."""


class _Sender:
    """Produces with back-pressure and keeps the first delivery error and the last changelog offsets."""

    def __init__(self, client: LibrdkafkaProducer, *, watch_all: bool) -> None:
        self._client = client
        self._watch_all = watch_all
        self.failed: str | None = None
        self.changelog_offsets: dict[str, int] = {}

    def write(self, partition: int, outputs: Sequence[Output], changelogs: Sequence[ChangelogWrite]) -> None:
        watched_topics: set[str] = set()
        for output in outputs:
            optional: dict[str, object] = {}
            if output.headers:
                optional["headers"] = list(output.headers)
            if output.timestamp_ms is not None:
                optional["timestamp"] = output.timestamp_ms
            # librdkafka fails the transaction by itself; one report a topic is to say which topic it was.
            if self._watch_all or output.topic not in watched_topics:
                watched_topics.add(output.topic)
                optional["on_delivery"] = self._on_delivery
            self._produce(output.topic, output.value, output.key, output.partition, optional)
        for changelog in changelogs:
            last = len(changelog.records) - 1
            for position, (key, value) in enumerate(changelog.records):
                watched = position == last or self._watch_all
                callback = {"on_delivery": self._on_changelog_delivery} if watched else {}
                self._produce(changelog.topic, value, key, partition, callback)

    def _produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        optional: Mapping[str, object],
    ) -> None:
        while True:
            try:
                self._client.produce(topic, value, key, partition, **optional)
            except BufferError:
                self._client.poll(_POLL_SECONDS)
            else:
                return

    def _on_delivery(self, error: KafkaError | None, message: _Delivered) -> None:
        if error is not None and self.failed is None:
            self.failed = f"topic {message.topic()}: {error.name()}: {error.str()}"

    def _on_changelog_delivery(self, error: KafkaError | None, message: _Delivered) -> None:
        self._on_delivery(error, message)
        if error is None:
            self.changelog_offsets[message.topic()] = message.offset()


class _Delivered(Protocol):
    def topic(self) -> str: ...

    def offset(self) -> int: ...


def _client_config(common: Mapping[str, str], settings: StageSettings) -> dict[str, object]:
    return {
        **common,
        "partitioner": "murmur2_random",
        "enable.idempotence": True,
        "linger.ms": settings.linger * 1000,
        "compression.type": settings.compression,
        "topic.metadata.propagation.max.ms": int(_UNKNOWN_TOPIC_SECONDS * 1000),
        "queue.buffering.max.messages": settings.producer_queue_records,
        "logger": log,
    }


class TransactionalProducer:
    """One transaction per commit, on a `transactional.id` that belongs to the partition, not to the worker."""

    def __init__(self, transactional_id: str, common: Mapping[str, str], settings: StageSettings) -> None:
        self._id = transactional_id
        self._settings = settings
        self._client = LibrdkafkaProducer(
            {
                **_client_config(common, settings),
                "transactional.id": transactional_id,
                "transaction.timeout.ms": int(settings.transaction_timeout * 1000),
            }
        )

    def open(self) -> None:
        """Fence the earlier owner: its open transaction is finished or aborted when this returns."""
        try:
            self._until_done("init_transactions", lambda left: self._client.init_transactions(left))
        except KafkaException as failure:
            raise self._explained("init_transactions", failure, None) from failure

    def commit(
        self,
        partition: int,
        outputs: Sequence[Output],
        changelogs: Sequence[ChangelogWrite],
        input_offsets: Mapping[str, int],
        membership: bytes,
    ) -> Committed:
        sender = _Sender(self._client, watch_all=False)
        try:
            self._client.begin_transaction()
            sender.write(partition, outputs, changelogs)
            if input_offsets:
                offsets = [TopicPartition(topic, partition, offset) for topic, offset in input_offsets.items()]
                self._until_done(
                    "send_offsets_to_transaction",
                    lambda left: self._client.send_offsets_to_transaction(offsets, membership, left),
                )
            self._until_done("commit_transaction", lambda left: self._client.commit_transaction(left))
        except KafkaException as failure:
            self._abort()
            raise self._explained("commit", failure, sender.failed) from failure
        return Committed(sender.changelog_offsets)

    def close(self) -> None:
        """Free the client; its threads and connections end here. The next owner settles an open transaction."""
        del self._client

    def _until_done(self, step: str, call: _TimedCall) -> None:
        """Repeat a step while librdkafka says that repeating it can help, up to the commit timeout."""
        deadline = time.monotonic() + self._settings.commit_timeout
        while True:
            try:
                call(max(deadline - time.monotonic(), 1.0))
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                if not error.retriable() or time.monotonic() > deadline:
                    raise
                log.warning("%s: %s did not finish (%s), trying again", self._id, step, error)
            else:
                return

    def _abort(self) -> None:
        try:
            self._client.abort_transaction(_ABORT_SECONDS)
        except KafkaException as failure:
            # The next owner's init_transactions aborts it; readers of committed records never see it.
            log.warning("%s: abort did not reach the broker: %s", self._id, failure.args[0])

    def _explained(self, step: str, failure: KafkaException, delivery: str | None) -> CommitFailed:
        error: KafkaError = failure.args[0]
        message = (
            f"{self._id}: {step} failed with {error.name()}: {error.str()}"
            f"{f' (first failed delivery: {delivery})' if delivery else ''}; "
            "the batch took effect whole or not at all, and the partition's next owner will know which"
        )
        if error.code() in _OWNERSHIP_LOST:
            return OwnershipLost(f"{message}; another worker owns this partition now")
        return CommitFailed(message)


class _TimedCall(Protocol):
    def __call__(self, left: float, /) -> object: ...


class FlushingProducer:
    """For brokers without transactions: everything is acknowledged before `commit` returns, but not atomically."""

    def __init__(self, name: str, common: Mapping[str, str], settings: StageSettings) -> None:
        self._name = name
        self._settings = settings
        self._client = LibrdkafkaProducer(_client_config(common, settings))

    def open(self) -> None:
        """Nothing to take over: without transactions an earlier owner cannot be fenced."""

    def commit(
        self,
        partition: int,
        outputs: Sequence[Output],
        changelogs: Sequence[ChangelogWrite],
        input_offsets: Mapping[str, int],  # noqa: ARG002 - committed by the consumer afterwards
        membership: bytes,  # noqa: ARG002
    ) -> Committed:
        sender = _Sender(self._client, watch_all=True)
        sender.write(partition, outputs, changelogs)
        left = self._client.flush(self._settings.commit_timeout)
        if sender.failed is not None:
            raise CommitFailed(f"{self._name}: a record was not delivered: {sender.failed}")
        if left:
            raise CommitFailed(
                f"{self._name}: {left} records were not acknowledged within {self._settings.commit_timeout} s"
            )
        return Committed(sender.changelog_offsets)

    def close(self) -> None:
        """Free the client; its threads and connections end here. The next owner settles an open transaction."""
        del self._client
