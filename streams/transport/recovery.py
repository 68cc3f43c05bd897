"""Bringing one partition's store up to the end of its changelogs, and finding where its input goes on.

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
from streams.transport.store import PartitionStore
from streams.transport.table import Table

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_RECORDS_PER_POLL = 10_000
_NO_SUCH_OFFSET = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
_TRANSIENT = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT})


def recover(
    *,
    common: Mapping[str, str],
    group_id: str,
    partition: int,
    store: PartitionStore,
    input_topics: Sequence[str],
    stall_timeout: float,
    cancelled: Event,
) -> dict[str, int]:
    """Bring the store to the end of its changelogs; return by input topic the next offset to read.

    A store whose offsets the changelogs do not have, or that may have missed deletions, is made again.

    A topic without committed offset is absent from the answer. `cancelled` ends the work early, leaving the
    store at a point from which it can go on. Raises RecoveryFailed when a changelog cannot be read or
    makes no progress for `stall_timeout` seconds.
    """
    consumer = LibrdkafkaConsumer(
        {
            **common,
            "group.id": group_id,  # never joined: it only names whose committed offsets are read
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",  # an offset that the changelog does not have is told, not replaced
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 100,
            "logger": log,
        }
    )
    with closing(consumer):
        try:
            _read_changelogs(consumer, partition, store, stall_timeout, cancelled)
        except _Untrustworthy as reason:
            store.rebuild(str(reason))
            _read_changelogs(consumer, partition, store, stall_timeout, cancelled)
        if cancelled.is_set():
            return {}
        store.recovered()
        return _committed(consumer, partition, input_topics, stall_timeout)


_COORDINATOR_MOVES = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)


class _Untrustworthy(Exception):
    """The store and its changelogs do not fit together."""


def _read_changelogs(
    consumer: LibrdkafkaConsumer, partition: int, store: PartitionStore, stall_timeout: float, cancelled: Event
) -> None:
    by_topic = {table.changelog_topic: table for table in store.tables}
    if not by_topic:
        return
    consumer.assign([_position(topic, partition, store.offset(table)) for topic, table in by_topic.items()])
    outlived = {topic for topic, table in by_topic.items() if store.offset(table) >= 0} if store.outlived else set()
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
        records: dict[Table[object], list[tuple[bytes, bytes | None]]] = {}
        offsets: dict[Table[object], int] = {}
        for message in messages:
            topic, error = message.topic(), message.error()
            if error is None:
                if topic in outlived:
                    raise _Untrustworthy(
                        f"it missed so much of changelog {topic} that deletions may have left it by compaction"
                    )
                records.setdefault(by_topic[topic], []).append((message.key(), message.value()))
                offsets[by_topic[topic]] = message.offset()
            elif error.code() == KafkaError._PARTITION_EOF:
                unfinished.discard(topic)
            elif error.code() in _NO_SUCH_OFFSET:
                raise _Untrustworthy(f"changelog {_who(topic, store)} does not have the offset after it: {error.str()}")
            elif error.code() not in _TRANSIENT:
                raise RecoveryFailed(
                    f"partition {partition}: changelog {topic} cannot be read: {error.name()}: {error.str()}"
                )
        if records and not cancelled.is_set():
            store.restore(records, offsets)


def _position(topic: str, partition: int, offset: int) -> TopicPartition:
    return TopicPartition(topic, partition, OFFSET_BEGINNING if offset < 0 else offset + 1)


def _who(topic: str | None, store: PartitionStore) -> str:
    at = {table.changelog_topic: store.offset(table) for table in store.tables}
    return f"{topic} (store at {at[topic]})" if topic in at else f"of the store (at {at})"


def _committed(
    consumer: LibrdkafkaConsumer, partition: int, input_topics: Sequence[str], timeout: float
) -> dict[str, int]:
    wanted = [TopicPartition(topic, partition) for topic in input_topics]
    give_up_at = time.monotonic() + timeout
    while True:
        try:
            positions = consumer.committed(wanted, timeout=timeout)
            break
        except KafkaException as failure:
            # The group's coordinator may be moving in or away; where it went is learnt by asking again.
            if failure.args[0].code() not in _COORDINATOR_MOVES or time.monotonic() > give_up_at:
                found = f"partition {partition}: committed offsets cannot be read: {failure.args[0]}"
                raise RecoveryFailed(found) from failure
            time.sleep(_POLL_SECONDS)
    failed = [position for position in positions if position.error is not None]
    if failed:
        raise RecoveryFailed(
            f"partition {partition}: committed offset of {failed[0].topic} cannot be read: {failed[0].error}"
        )
    return {position.topic: position.offset for position in positions if position.offset >= 0}
