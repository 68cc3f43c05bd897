"""Publishes the history while faults strike, and what faults add to it; one producer, so that order is what was asked.

An idempotent producer: what is retried through a broker's death is in the topic once and in order.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Iterable
from types import TracebackType

from confluent_kafka import Message, Producer

_FLUSH_SECONDS = 240.0


class Publisher:
    """A thread that produces what it is given, in order."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "delivery.timeout.ms": 600_000,
                "linger.ms": 5,
                "log_level": 2,
                "reconnect.backoff.max.ms": 500,
            }
        )
        self._queue: queue.Queue[tuple[str, bytes | None, bytes | None] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._failures: list[str] = []
        self._waits = threading.Event()
        self.pace = 0.0
        """Seconds between two records, so that there is work throughout; 0: as fast as it can."""
        self.published: Counter[str] = Counter()
        """Records given to the broker, by topic."""

    def publish(self, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Publish keys and values, after everything given before."""
        for key, value in records:
            self._queue.put((topic, key, value))

    def finish(self) -> None:
        """Return when everything given is acknowledged. AssertionError when something could not be published."""
        self.pace = 0.0
        self._queue.join()
        left = self._producer.flush(_FLUSH_SECONDS)
        assert not left, f"{left} records were not acknowledged within {_FLUSH_SECONDS} s"
        assert not self._failures, f"{len(self._failures)} records were not published: {self._failures[:3]}"

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pace = 0.0
        self._queue.put(None)
        self._thread.join(10.0)

    def _run(self) -> None:
        while True:
            try:
                record = self._queue.get(timeout=0.05)
            except queue.Empty:
                self._producer.poll(0)
                continue
            if record is None:
                return
            self._produce(*record)
            self._queue.task_done()
            if self.pace:
                self._waits.wait(self.pace)

    def _produce(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        while True:
            try:
                self._producer.produce(topic, key=key, value=value, on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)
        self.published[topic] += 1

    def _delivered(self, error: object, message: Message) -> None:
        if error is not None:
            self._failures.append(f"{message.topic()}: {error}")
