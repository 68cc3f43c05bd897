"""How events reach the broker: an idempotent producer whose every delivery is awaited.

Knows keys and bytes; knows no event and no HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_METADATA_SECONDS = 2.0
_QUEUE_RECORDS = 100_000
_CLOSE_SECONDS = 10.0
_LARGEST_RECORD_BYTES = 1_000_000
"""What brokers and librdkafka take unless they are told otherwise."""
_OVERHEAD_BYTES = 1024


class BrokerUnavailable(Exception):
    """The broker has not acknowledged everything in time; part of it may be stored. Sending all again is safe."""


class RecordTooLarge(Exception):
    """The broker takes no record of this size, today or later; `place` is its place in what was published."""

    def __init__(self, place: int, size: int) -> None:
        super().__init__(f"record {place} has {size} bytes")
        self.place = place
        self.size = size


@dataclass(frozen=True, slots=True)
class Message:
    """One record to publish."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    def size(self) -> int:
        """Return how many bytes it takes on the wire at most."""
        return len(self.key) + len(self.value) + sum(len(value) for _, value in self.headers) + _OVERHEAD_BYTES


class Publisher(Protocol):
    """Where the API puts what it took."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return once the broker has acknowledged every message. Raises BrokerUnavailable or RecordTooLarge."""
        ...

    def broken(self) -> str | None:
        """Return why this process can never publish again and must be restarted, or None."""
        ...

    async def unavailable(self) -> str | None:
        """Return why nothing can be published now, or None when it can."""
        ...


class _Delivery:
    """What is still awaited of one request; deliveries arrive in the polling thread."""

    def __init__(self, outstanding: int, loop: asyncio.AbstractEventLoop) -> None:
        self._outstanding = outstanding
        self._loop = loop
        self._error: KafkaError | None = None
        self.done: asyncio.Future[KafkaError | None] = loop.create_future()

    def __call__(self, error: KafkaError | None, _message: object) -> None:
        self._error = self._error or error
        self._outstanding -= 1
        if self._outstanding == 0 and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(self._error)


class KafkaPublisher:
    """Publishes to one topic. Use it as an asynchronous context manager."""

    def __init__(self, topic: str, bootstrap: str, *, timeout: float, client: Mapping[str, str] | None = None) -> None:
        """`timeout` is in seconds from the call to the last acknowledgment; `client` holds security settings."""
        self._topic = topic
        self._timeout = timeout
        self._producer = Producer(
            {
                **(client or {}),
                "bootstrap.servers": bootstrap,
                "client.id": "tieout-api",
                "enable.idempotence": True,
                "acks": "all",
                # Java's default partitioner, so that all of a contract meets in one partition whoever publishes it.
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": 2,
                "delivery.timeout.ms": max(int(timeout * 1000), 1000),
                "queue.buffering.max.messages": _QUEUE_RECORDS,
                "error_cb": self._on_error,
            },
            logger=log,
        )
        self._broken: str | None = None
        self._stop = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="api-deliveries", daemon=True)

    async def __aenter__(self) -> KafkaPublisher:
        self._poller.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        # One thread at a time serves deliveries: they count down without a lock.
        self._stop.set()
        await asyncio.to_thread(self._poller.join)
        await asyncio.to_thread(self._producer.flush, _CLOSE_SECONDS)

    async def publish(self, messages: Sequence[Message]) -> None:
        """See Publisher. Messages of one key keep their order."""
        for place, message in enumerate(messages):
            size = message.size()
            if size > _LARGEST_RECORD_BYTES:
                raise RecordTooLarge(place, size)
        if len(self._producer) + len(messages) > _QUEUE_RECORDS:
            raise BrokerUnavailable(f"{len(self._producer)} records wait for the broker already")
        delivery = _Delivery(len(messages), asyncio.get_running_loop())
        for message in messages:
            try:
                self._producer.produce(
                    self._topic,
                    message.value,
                    message.key,
                    headers=list(message.headers),
                    on_delivery=delivery,
                )
            except BufferError as full:
                raise BrokerUnavailable("the queue to the broker is full") from full
            except KafkaException as fault:
                raise BrokerUnavailable(fault.args[0].str()) from fault
        try:
            async with asyncio.timeout(self._timeout):
                error = await delivery.done
        except TimeoutError:
            raise BrokerUnavailable(f"no acknowledgment within {self._timeout:g} seconds") from None
        if error is not None:
            raise BrokerUnavailable(f"{error.name()}: {error.str()}")

    def broken(self) -> str | None:
        """See Publisher; librdkafka calls such an error fatal."""
        return self._broken

    async def unavailable(self) -> str | None:
        """Ask the broker for the topic."""
        return await asyncio.to_thread(self._missing)

    def _missing(self) -> str | None:
        try:
            # All topics: asked for one, a broker may make it, with partitions of its own choice.
            topics = self._producer.list_topics(timeout=_METADATA_SECONDS).topics
        except KafkaException as fault:
            return f"the broker does not answer: {fault.args[0].str()}"
        topic = topics.get(self._topic)
        if topic is None or topic.error is not None:
            return f"the broker has no topic {self._topic}; run `tieout topics apply`"
        return None

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._broken = f"{error.name()}: {error.str()}"
        log.warning("broker: %s: %s", error.name(), error.str())

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(_POLL_SECONDS)
