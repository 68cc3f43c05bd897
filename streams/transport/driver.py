"""The Faust transport behind `tieout://`: aiokafka's driver, handing over whole fetches.

Group membership, assignment and the flow of streams stay Faust's. What differs from `kafka://`: for topics in
`app.batched_topics` one message carries all records that one fetch returned for one partition; reads are committed
reads; partitions are assigned by range, so that equally partitioned topics stay together on one worker; the app's
`partition_owner` hears of assignment before the flow starts and of revocation after it has stopped.
An app without those attributes gets the plain driver with committed reads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Protocol

import aiokafka
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage

from streams.transport.settings import ClientSettings, StageSettings

DEFAULT_PORT = 9092
# How soon a partition that was held back is asked for again.
_HELD_BACK_SECONDS = 0.01


class PartitionOwner(Protocol):
    """Who keeps the state of assigned partitions."""

    def on_assigned(self, partitions: set[int], generation: int, member_id: str) -> None: ...

    async def on_revoked(self) -> None: ...

    def accepts(self, partition: int) -> bool:
        """Whether another batch of this partition can be handed over now."""

    def on_fetched(self, partition: int) -> None:
        """A batch of this partition is on its way."""


def bootstrap_servers(transport_url: Iterable[Any]) -> str:
    """The brokers of a `tieout://` URL list as librdkafka takes them."""
    return ",".join(driver.server_list(list(transport_url), DEFAULT_PORT))


class Fetched(dict[TP, list[Any]]):
    """What one fetch returned, by partition, and the group generation whose assignment it was fetched under."""

    def __init__(self, records: Mapping[TP, list[Any]], generation: int) -> None:
        super().__init__(records)
        self.generation = generation


class RebalanceListener(driver.ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes which assignment belongs to which generation before Faust hears of it."""

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        self._thread.note_assignment()
        await super().on_partitions_assigned(assigned)


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """aiokafka's consumer with committed reads, range assignment and the stage's bounds."""

    _noted: tuple[object, int] = (None, -1)

    def _create_worker_consumer(self, transport: Any) -> Any:
        conf = self.app.conf
        client: ClientSettings = getattr(self.app, "client_settings", ClientSettings())
        bounds: StageSettings = getattr(self.app, "stage_settings", StageSettings())
        self._assignor = RangePartitionAssignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=bounds.group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[RangePartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset=conf.consumer_auto_offset_reset,
            isolation_level="read_committed",
            max_poll_records=bounds.max_batch_records,
            max_partition_fetch_bytes=bounds.max_batch_bytes,
            fetch_max_wait_ms=int(bounds.fetch_max_wait * 1000),
            max_poll_interval_ms=int(bounds.max_poll_interval * 1000),
            request_timeout_ms=int(bounds.request_timeout * 1000),
            session_timeout_ms=int(bounds.session_timeout * 1000),
            rebalance_timeout_ms=int(bounds.rebalance_timeout * 1000),
            heartbeat_interval_ms=int(bounds.heartbeat_interval * 1000),
            metadata_max_age_ms=int(bounds.metadata_max_age * 1000),
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            check_crcs=conf.broker_check_crcs,
            **client.for_aiokafka(),
        )

    def note_assignment(self) -> None:
        """Called in this thread when the group has assigned partitions."""
        consumer = self._ensure_consumer()
        self._noted = (consumer._subscription.subscription.assignment, consumer._coordinator.generation)

    async def _fetch_records(
        self, consumer: Any, active_partitions: Any, timeout: float | None = None, max_records: int | None = None
    ) -> Fetched:
        """Fetch, and say exactly which generation's assignment the records come from.

        aiokafka may wait through a rebalance and answer with records of the next assignment, whose position it has
        then moved. Dropping those would lose them, so what cannot be delivered now is put back by rewinding.
        """
        fetched = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        if not fetched:
            return Fetched({}, -1)
        assignment, generation = self._noted
        if self.consumer.flow_active and consumer._subscription.subscription.assignment is assignment:
            return Fetched(fetched, generation)
        for tp, records in fetched.items():
            if consumer._subscription.is_assigned(tp):
                consumer.seek(tp, records[0].offset)
        return Fetched({}, -1)

    def note_poll(self) -> None:
        """Count a poll that asked for nothing: aiokafka leaves the group when it is not polled for too long.

        An outage behind a handler may hold every partition back for hours, and the worker still is alive.
        """
        self._ensure_consumer()._subscription._last_fetch_ended = time.monotonic()

    def member_id(self) -> str:
        """Who this worker is in its group, in the current generation."""
        return str(self._ensure_consumer()._coordinator.member_id)


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer, one message a fetched partition."""

    RebalanceListener = RebalanceListener

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        batched = self._batched_topics()
        owner = self._owner()
        fetched, active = await self._wait_next_records(timeout)
        if not isinstance(fetched, Fetched) or self.should_stop:
            return
        generation = fetched.generation
        for tp, records in fetched.items():
            # Fetched under an assignment that has ended: the next one starts from the committed offsets.
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if not records or not (active is None or tp in active or tp in self._buffered_partitions):
                continue
            if tp.topic in batched:
                if owner is not None:
                    owner.on_fetched(tp.partition)
                yield tp, _batch_message(tp, records, generation)
            else:
                for record in records:
                    yield tp, self._to_message(tp, record)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        """Leave the records of partitions that are still recovering, or have enough in hand, in the fetcher.

        So a slow partition holds up neither the others nor memory.
        """
        owner = self._owner()
        if owner is None or not active_partitions:
            return await super()._getmany(active_partitions, timeout)
        batched = self._batched_topics()
        wanted = {tp for tp in active_partitions if tp.topic not in batched or owner.accepts(tp.partition)}
        if not wanted:
            self._thread.note_poll()
            await asyncio.sleep(_HELD_BACK_SECONDS)
            return {}
        held_back = len(wanted) < len(active_partitions)
        return await super()._getmany(wanted, min(timeout, _HELD_BACK_SECONDS) if held_back else timeout)

    def _batched_topics(self) -> frozenset[str]:
        topics: frozenset[str] = getattr(self.app, "batched_topics", frozenset())
        return topics

    def _owner(self) -> PartitionOwner | None:
        owner: PartitionOwner | None = getattr(self.app, "partition_owner", None)
        return owner

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        owner = self._owner()
        if owner is not None:
            partitions = {tp.partition for tp in assigned}
            owner.on_assigned(partitions, generation_id, self._thread.member_id())
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await super().on_partitions_revoked(revoked)
        owner = self._owner()
        if owner is not None:
            await owner.on_revoked()

    async def commit_offset(self, topic: str, partition: int, offset: int) -> None:
        """Commit one input offset outside of a transaction; refused offsets are read again after the rebalance."""
        await self._thread.commit({TP(topic, partition): offset})

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's livelock detector watches its own acks; batched topics have none."""

    async def create_topic(self, topic: str, partitions: int, replication: int, **_: Any) -> None:
        """Topics are made up front, with the settings that operations chose, never by a worker."""


class Producer(driver.Producer):  # type: ignore[misc]
    """For whatever else a Faust app sends; a stage's outputs go through the partitions' own producers."""

    def _settings_auth(self) -> Mapping[str, Any]:
        client: ClientSettings = getattr(self.app, "client_settings", ClientSettings())
        return client.for_aiokafka()

    async def create_topic(self, topic: str, partitions: int, replication: int, **_: Any) -> None:
        """As for the consumer: never by a worker."""


class Transport(driver.Transport):  # type: ignore[misc]
    """Registered under `tieout` in the entry point group `faust.transports`."""

    Consumer = Consumer
    Producer = Producer
    default_port = DEFAULT_PORT


def _batch_message(tp: TP, records: list[Any], generation: int) -> ConsumerMessage:
    last = records[-1]
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1000.0,
        last.timestamp_type,
        [],
        None,
        records,
        None,
        0,
        0,
        tp,
        generation_id=generation,
    )
