"""A stage: a Faust app whose agents and timers work in transactions, one micro-batch of one partition at a time.

Declare tables, consumed topics and timers, then hand the stage to `run_worker`. It knows bytes, topics and
partitions, and nothing of what the records mean.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any, Protocol, TypeVar, cast

from faust.types.tuples import TP

from streams.transport.app import StageApp
from streams.transport.driver import bootstrap_servers
from streams.transport.errors import SettingsError
from streams.transport.group import group_metadata
from streams.transport.memory_store import MemoryPartition
from streams.transport.partition import (
    BatchHandler,
    CommitReport,
    FetchedRecord,
    Membership,
    Partition,
    TimerHandler,
)
from streams.transport.producer import FlushingProducer, PartitionProducer, TransactionalProducer
from streams.transport.recovery import recover
from streams.transport.settings import ClientSettings, StageSettings
from streams.transport.store import Origin, PartitionStore, Store
from streams.transport.table import Table
from streams.transport.topics import changelog_origin, check_copartitioned, check_deletions_kept
from streams.transport.watch import Watch

log = logging.getLogger(__name__)

V = TypeVar("V")
SCHEME = "tieout"
_IDLE_THREAD_SECONDS = 0.5
# Beyond its own timeout a commit may still try to abort its transaction.
_COMMIT_GRACE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class _Timer:
    seconds: float
    handler: TimerHandler


class Stage:
    """One deployable unit: a consumer group, its tables and its handlers.

    `app_id` names the group, the changelogs (`<app_id>-<table>-changelog`) and the transactional ids
    (`<app_id>-<partition>`). `broker` is `host:port[,host:port]`, with or without `tieout://`. `on_commit` is called in
    the event loop after each commit, for metrics.
    """

    def __init__(
        self,
        app_id: str,
        broker: str,
        *,
        client_settings: ClientSettings | None = None,
        settings: StageSettings | None = None,
        on_commit: Callable[[CommitReport], None] | None = None,
    ) -> None:
        self.app_id = app_id
        self.settings = settings or StageSettings()
        self._client_settings = client_settings or ClientSettings()
        self._broker = broker if "://" in broker else f"{SCHEME}://{broker}"
        if not self._broker.startswith(f"{SCHEME}://"):
            raise SettingsError(f"broker is {broker!r}; expected host:port[,host:port] or {SCHEME}://...")
        self._on_commit = on_commit
        self._tables: list[Table[object]] = []
        self._handlers: dict[str, BatchHandler] = {}
        self._timers: list[_Timer] = []
        self._app: StageApp | None = None
        self._owned: dict[int, Partition] = {}
        self._kept_stores: dict[int, PartitionStore] = {}
        self._new_store = self._store_maker()
        self._origin = Origin(None, {})
        self._tasks: set[asyncio.Task[None]] = set()
        self._io_name = f"{app_id}-io"
        self._io = ThreadPoolExecutor(self.settings.io_threads, thread_name_prefix=self._io_name)

    # Declaring

    def table(
        self,
        name: str,
        encode: Callable[[V], bytes],
        decode: Callable[[bytes], V],
        *,
        watch: Watch[V] | None = None,
        cached: bool = True,
    ) -> Table[V]:
        """Declare a table of immutable values, partitioned like the consumed topics.

        With `watch`, `Transaction.due` and `sums` answer without going through the table. `cached=False` is for values
        that are seldom read twice: on disk they stay encoded.
        """
        if not name or "\0" in name:
            raise SettingsError(f"{self.app_id}: a table is named {name!r}; expected a name without NUL")
        if any(table.name == name for table in self._tables):
            raise SettingsError(f"{self.app_id}: table {name} is declared twice")
        table = Table(name, f"{self.app_id}-{name}-changelog", encode, decode, watch, cached)
        self._tables.append(cast("Table[object]", table))
        return table

    def consume(self, *topics: str, handler: BatchHandler) -> None:
        """Declare a Faust agent per topic; a batch is committed when `handler` returns.

        A handler that raises stops the worker: nothing of its batch took effect and the batch is read again.
        """
        for topic in topics:
            if topic in self._handlers:
                raise SettingsError(f"{self.app_id}: topic {topic} has two handlers")
            self._handlers[topic] = handler

    def every(self, seconds: float, *, handler: TimerHandler) -> None:
        """Declare a Faust timer, run for every owned and recovered partition in a transaction of its own."""
        self._timers.append(_Timer(seconds, handler))

    def changelog_topics(self) -> list[str]:
        """The topics to create with `changelog_config` and as many partitions as the consumed topics."""
        return [table.changelog_topic for table in self._tables]

    def consumed_topics(self) -> list[str]:
        return list(self._handlers)

    @property
    def app(self) -> StageApp:
        """The Faust app; made on first use, after which no topic or timer can be declared."""
        if self._app is None:
            self._app = self._build_app()
        return self._app

    @property
    def ready_partitions(self) -> frozenset[int]:
        """Partitions that this worker owns and has recovered."""
        return frozenset(number for number, partition in self._owned.items() if partition.is_ready)

    def next_offset(self, partition: int, topic: str) -> int:
        """The offset after the last processed record of an owned partition; 0 when it is not owned."""
        owned = self._owned.get(partition)
        return 0 if owned is None else owned.next_offset(topic)

    def backlog(self, partition: int) -> dict[str, int]:
        """Records of an owned partition that are not processed yet, by topic, as of the last fetch of each.

        The end marker that every transaction leaves behind counts as no record when it is the last one.
        """
        owned = self._owned.get(partition)
        if owned is None:
            return {}
        left = {}
        for topic in self._handlers:
            end = self.app.consumer.highwater(TP(topic, partition))
            if end is not None:
                behind = end - owned.next_offset(topic)
                left[topic] = behind if behind > 1 else 0
        return left

    def stored(self, table: Table[V], partition: int) -> Store[V]:
        """The committed contents of one owned partition of a table, to look at between transactions."""
        return cast("Store[V]", self._owned[partition].store.tables[cast("Table[object]", table)])

    # Faust

    def _build_app(self) -> StageApp:
        if not self._handlers:
            raise SettingsError(f"{self.app_id}: consumes no topic; declare one with stage.consume")
        bounds = self.settings
        app = StageApp(
            self.app_id,
            broker=self._broker,
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            consumer_auto_offset_reset="earliest",
            stream_wait_empty=False,
            broker_session_timeout=bounds.session_timeout,
            broker_heartbeat_interval=bounds.heartbeat_interval,
            broker_rebalance_timeout=bounds.rebalance_timeout,
            broker_request_timeout=bounds.request_timeout,
            broker_max_poll_interval=bounds.max_poll_interval,
            store="memory://",
        )
        app.client_settings = self._client_settings
        app.stage_settings = bounds
        app.batched_topics = frozenset(self._handlers)
        app.partition_owner = self
        for topic, handler in self._handlers.items():
            channel = app.topic(topic, key_serializer="raw", value_serializer="raw", acks=False)
            app.agent(channel, name=f"{self.app_id}.{topic}")(self._agent(topic, handler))
        for timer in self._timers:
            app.timer(timer.seconds)(partial(self._tick, timer.handler))
        return app

    def _agent(self, topic: str, handler: BatchHandler) -> Callable[[_Stream], Any]:
        async def consume(stream: _Stream) -> None:
            async for event in stream.events():
                message = event.message
                partition = self._owned.get(message.partition)
                # A batch of an assignment that has ended is read again under the next one.
                if partition is not None and partition.membership.generation == message.generation_id:
                    self._spawn(partition.process(topic, message.value, handler))

        return consume

    async def _tick(self, handler: TimerHandler) -> None:
        """One round over the partitions; the timer's next round starts after it, so that ticks never pile up."""
        ready = [partition for partition in self._owned.values() if partition.is_ready]
        if ready:
            await asyncio.wait([self._spawn(partition.tick(handler)) for partition in ready])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._crash(error)

    def _crash(self, error: BaseException) -> None:
        for partition in self._owned.values():
            partition.refuse_work()
        if not self.app.should_stop:
            crash = asyncio.ensure_future(self.app.crash(error))
            self._tasks.add(crash)
            crash.add_done_callback(self._tasks.discard)

    # Ownership, called by the transport's consumer and by the app

    async def on_start(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._io, self._check_topics)

    def _check_topics(self) -> None:
        timeout = self.settings.request_timeout
        check_copartitioned(self._common(), self.consumed_topics(), self.changelog_topics(), timeout)
        if self.settings.store != "memory" and self._tables:
            within = self.settings.store_keeps_up_within
            check_deletions_kept(self._common(), self.changelog_topics(), within, timeout)
            self._origin = changelog_origin(self._common(), self.changelog_topics(), timeout)

    def on_assigned(self, partitions: set[int], generation: int, member_id: str) -> None:
        """Open every assigned partition; stores of partitions that stayed here, or come back, only catch up."""
        token = group_metadata(self.app_id, generation, member_id, self.settings.group_instance_id)
        self._owned = {
            number: self._new_partition(number, Membership(generation, token)) for number in sorted(partitions)
        }
        self._kept_stores = {}

    async def on_revoked(self) -> None:
        """Finish the batches in hand and give up every partition; stores wait for the next assignment."""
        await self._close_partitions()

    def accepts(self, partition: int) -> bool:
        owned = self._owned.get(partition)
        return owned is not None and owned.is_ready and owned.backlog < self.settings.batches_per_partition

    def on_fetched(self, partition: int) -> None:
        if (owned := self._owned.get(partition)) is not None:
            owned.backlog += 1

    async def on_stop(self) -> None:
        await self._close_partitions()
        self._kept_stores = {}
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=1.0)
        self._io.shutdown(wait=False, cancel_futures=True)

    def has_stuck_io(self) -> bool:
        """After the stop: whether an I/O thread still waits for a broker."""
        deadline = time.monotonic() + _IDLE_THREAD_SECONDS
        for thread in threading.enumerate():
            if thread.name.startswith(self._io_name):
                thread.join(max(0.0, deadline - time.monotonic()))
                if thread.is_alive():
                    return True
        return False

    async def _close_partitions(self) -> None:
        owned, self._owned = self._owned, {}
        await asyncio.gather(*(partition.close(self.settings.drain_timeout) for partition in owned.values()))
        loop = asyncio.get_running_loop()
        may_stay = await asyncio.gather(
            *(loop.run_in_executor(self._io, partition.store.release) for partition in owned.values())
        )
        for (number, partition), stays in zip(owned.items(), may_stay, strict=True):
            if stays and partition.is_settled:
                self._kept_stores[number] = partition.store

    def _new_partition(self, number: int, membership: Membership) -> Partition:
        partition = Partition(
            number,
            membership=membership,
            store=self._kept_stores.get(number) or self._new_store(number),
            producer=self._new_producer(number),
            io=self._io,
            recover=self._recover,
            longest_commit=self.settings.commit_timeout + _COMMIT_GRACE_SECONDS,
            on_commit=self._on_commit,
            commit_offset=None if self.settings.transactional else self.app.consumer.commit_offset,
        )
        partition.opening.add_done_callback(self._on_opened)
        return partition

    def _on_opened(self, opening: asyncio.Task[None]) -> None:
        if not opening.cancelled() and (error := opening.exception()) is not None:
            self._crash(error)

    def _new_producer(self, number: int) -> PartitionProducer:
        name = f"{self.app_id}-{number}"
        if self.settings.transactional:
            return TransactionalProducer(name, self._common(), self.settings)
        return FlushingProducer(name, self._common(), self.settings)

    def _store_maker(self) -> Callable[[int], PartitionStore]:
        bounds = self.settings
        if bounds.store == "memory" or bounds.store_folder is None:
            return lambda _: MemoryPartition(self._tables)
        from streams.transport.rocks_store import RocksSettings, rocks_partitions  # loads a library: only where used

        settings = RocksSettings(
            folder=bounds.store_folder / self.app_id,
            cached_values=bounds.store_cached_values,
            lock_timeout=bounds.store_lock_timeout,
            keeps_up_within=bounds.store_keeps_up_within,
        )
        return rocks_partitions(
            self.app_id, self._tables, settings, bounds.store_cache_bytes, bounds.store_buffer_bytes
        )

    def _recover(self, number: int, store: PartitionStore, cancelled: Event) -> Mapping[str, int]:
        store.open(self._origin)
        return recover(
            common=self._common(),
            group_id=self.app_id,
            partition=number,
            store=store,
            input_topics=self.consumed_topics(),
            stall_timeout=self.settings.recovery_stall_timeout,
            cancelled=cancelled,
        )

    def _common(self) -> dict[str, str]:
        return {
            "bootstrap.servers": bootstrap_servers(self.app.transport.url),
            **self._client_settings.for_librdkafka(),
        }


class _Message(Protocol):
    partition: int
    generation_id: int
    value: Sequence[FetchedRecord]


class _Event(Protocol):
    message: _Message


class _Stream(Protocol):
    def events(self) -> AsyncIterator[_Event]: ...
