"""Row: a loop on confluent-kafka that calls the same core. What Python can do at most on one core, with no framework.

At least once: produce as it comes, flush and commit offsets once a second. Exactly once: one transaction a batch.
The garbage collector is tuned as tieout's worker tunes it. It cannot recover its state, has no timers, no metrics and
no rebalance: it is a limit, not a product.
"""

from __future__ import annotations

import time

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from tests.bench.kernel import Kernel, PartitionWork
from tests.bench.rows.options import Options, collect_garbage_as_tieout, options, until_told

_BATCH_RECORDS = 4000
_COMMIT_SECONDS = 1.0
_CALL_SECONDS = 60.0


class _Loop:
    def __init__(self, given: Options) -> None:
        self._given = given
        kernel = Kernel()
        self._work = [PartitionWork(kernel, partition) for partition in range(given.partitions)]
        self._next: dict[int, int] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": given.bootstrap,
                "group.id": given.app,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )
        self._consumer.assign([TopicPartition(given.input, partition, 0) for partition in range(given.partitions)])
        settings: dict[str, str | int | bool] = {
            "bootstrap.servers": given.bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
        if given.exactly_once:
            settings["transactional.id"] = given.app
        self._producer = Producer(settings)
        if given.exactly_once:
            self._producer.init_transactions(_CALL_SECONDS)

    def run(self) -> None:
        told, committed = until_told(), time.monotonic()
        while not told.is_set():
            messages = self._consumer.consume(_BATCH_RECORDS, 0.1)
            if messages:
                if self._given.exactly_once:
                    self._producer.begin_transaction()
                self._batch(messages)
                if self._given.exactly_once:
                    offsets, group = self._positions(), self._consumer.consumer_group_metadata()
                    self._producer.send_offsets_to_transaction(offsets, group, _CALL_SECONDS)
                    self._producer.commit_transaction(_CALL_SECONDS)
            if not self._given.exactly_once and time.monotonic() - committed > _COMMIT_SECONDS:
                self._flush_and_commit()
                committed = time.monotonic()
        if not self._given.exactly_once:
            self._flush_and_commit()
        self._consumer.close()

    def _batch(self, messages: list[Message]) -> None:
        touched = {}
        for message in messages:
            if message.error() is not None:
                raise RuntimeError(f"{self._given.input} cannot be read: {message.error()}")
            partition, offset = message.partition(), message.offset()
            key, value = message.key(), message.value()
            if key is None or value is None or partition is None or offset is None:
                raise RuntimeError(f"{self._given.input}: a record without key or value")
            work = touched[partition] = self._work[partition]
            for topic, to, payload in work.take(offset, key, value):
                self._produce(topic, to, payload, -1)
            self._next[partition] = offset + 1
        for partition, work in touched.items():
            for topic, to, payload in work.tell():
                self._produce(topic, to, payload, -1)
            for table, to, payload in work.state.changelog():
                self._produce(self._given.changelog(table), to, payload, partition)
        self._producer.poll(0)

    def _produce(self, topic: str, key: bytes, value: bytes, partition: int) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, partition)
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def _positions(self) -> list[TopicPartition]:
        return [TopicPartition(self._given.input, partition, offset) for partition, offset in self._next.items()]

    def _flush_and_commit(self) -> None:
        if left := self._producer.flush(_CALL_SECONDS):
            raise RuntimeError(f"{left} records were not acknowledged within {_CALL_SECONDS} s")
        if self._next:
            self._consumer.commit(offsets=self._positions(), asynchronous=False)


if __name__ == "__main__":
    loop = _Loop(options())
    collect_garbage_as_tieout()
    loop.run()
