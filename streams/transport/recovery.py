"""Bringing one partition's stores up to the end of their changelogs, and finding where its input goes on.

Runs after the partition's producer has fenced the earlier owner, so nobody can append to these changelogs any more
and their last stable offset is final. The end is librdkafka's end-of-partition event: with committed reads it comes
at the last stable offset and counts control records and aborted ones, which a comparison with the last record's
offset does not. Blocks; called in the stage's I/O threads.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from threading import Event

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Consumer as LibrdkafkaConsumer

from streams.transport.errors import RecoveryFailed
from streams.transport.table import Deleted, MemoryStore, Table

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_RECORDS_PER_POLL = 10_000
_TRANSIENT = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT})


def recover(
    *,
    common: Mapping[str, str],
    group_id: str,
    partition: int,
    stores: Mapping[Table[object], MemoryStore[object]],
    input_topics: Sequence[str],
    stall_timeout: float,
    cancelled: Event,
) -> dict[str, int]:
    """Apply to each store what its changelog holds beyond it; return by input topic the next offset to read.

    A topic without committed offset is absent from the answer. `cancelled` ends the work early, leaving each store
    at a point of its changelog from which it can go on. Raises RecoveryFailed when a changelog cannot be read or
    makes no progress for `stall_timeout` seconds.
    """
    consumer = LibrdkafkaConsumer(
        {
            **common,
            "group.id": group_id,  # never joined: it only names whose committed offsets are read
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 100,
            "logger": log,
        }
    )
    with closing(consumer):
        _read_changelogs(consumer, partition, stores, stall_timeout, cancelled)
        return {} if cancelled.is_set() else _committed(consumer, partition, input_topics, stall_timeout)


def _read_changelogs(
    consumer: LibrdkafkaConsumer,
    partition: int,
    stores: Mapping[Table[object], MemoryStore[object]],
    stall_timeout: float,
    cancelled: Event,
) -> None:
    if not stores:
        return
    by_topic = {table.changelog_topic: (table, store) for table, store in stores.items()}
    consumer.assign(
        [
            TopicPartition(
                topic,
                partition,
                OFFSET_BEGINNING if store.applied_offset < 0 else store.applied_offset + 1,
            )
            for topic, (_, store) in by_topic.items()
        ]
    )
    unfinished = set(by_topic)
    stalled_at = time.monotonic() + stall_timeout
    while unfinished and not cancelled.is_set():
        messages = consumer.consume(_RECORDS_PER_POLL, _POLL_SECONDS)
        if messages:
            stalled_at = time.monotonic() + stall_timeout
        elif time.monotonic() > stalled_at:
            raise RecoveryFailed(
                f"partition {partition}: no record of changelog {', '.join(sorted(unfinished))} came for "
                f"{stall_timeout} s; check that the broker serves it"
            )
        for message in messages:
            error = message.error()
            if error is None:
                table, store = by_topic[message.topic()]
                value = message.value()
                store.restore(message.key(), Deleted.KEY if value is None else table.decode(value))
                store.applied_offset = message.offset()
            elif error.code() == KafkaError._PARTITION_EOF:
                unfinished.discard(message.topic())
            elif error.code() not in _TRANSIENT:
                raise RecoveryFailed(
                    f"partition {partition}: changelog {message.topic()} cannot be read: {error.name()}: {error.str()}"
                )


def _committed(
    consumer: LibrdkafkaConsumer, partition: int, input_topics: Sequence[str], timeout: float
) -> dict[str, int]:
    try:
        positions = consumer.committed([TopicPartition(topic, partition) for topic in input_topics], timeout=timeout)
    except KafkaException as failure:
        raise RecoveryFailed(f"partition {partition}: committed offsets cannot be read: {failure.args[0]}") from failure
    failed = [position for position in positions if position.error is not None]
    if failed:
        raise RecoveryFailed(
            f"partition {partition}: committed offset of {failed[0].topic} cannot be read: {failed[0].error}"
        )
    return {position.topic: position.offset for position in positions if position.offset >= 0}
