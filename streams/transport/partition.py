"""One partition that this worker owns: its store, its producer, its lock, and the protocol of a batch.

Life of a partition: created when the group assigns it, opened in the background (fence the earlier owner, recover
the store, learn the input offsets), then batches and timer ticks one at a time under its lock, then closed after
the one in hand. It knows nothing of Faust.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from streams.transport.errors import CommitUnanswered, PartitionGivenUp
from streams.transport.producer import ChangelogWrite, PartitionProducer
from streams.transport.records import Batch, Record
from streams.transport.store import PartitionStore, Written
from streams.transport.table import Deleted
from streams.transport.transaction import Transaction

log = logging.getLogger(__name__)

BatchHandler = Callable[[Batch, Transaction], Awaitable[None]]
TimerHandler = Callable[[int, Transaction], Awaitable[None]]
Recover = Callable[[int, PartitionStore, Event], Mapping[str, int]]
OffsetCommit = Callable[[str, int, int], Awaitable[None]]


class FetchedRecord(Protocol):
    """What the consumer's driver hands over for each record."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    offset: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Membership:
    """The group generation under which a partition was assigned; `token` is librdkafka's form of it."""

    generation: int
    token: bytes


@dataclass(frozen=True, slots=True)
class CommitReport:
    """What one commit was about; `topic` is None for a timer's. Times are seconds."""

    partition: int
    topic: str | None
    records: int
    outputs: int
    changes: int
    handler_seconds: float
    commit_seconds: float


class Partition:
    """See the module. All methods run in the event loop; blocking work goes to `io`."""

    def __init__(
        self,
        number: int,
        *,
        membership: Membership,
        store: PartitionStore,
        producer: PartitionProducer,
        io: Executor,
        recover: Recover,
        longest_commit: float,
        commit_offset: OffsetCommit | None,
        on_commit: Callable[[CommitReport], None] | None,
    ) -> None:
        self.number = number
        self.membership = membership
        self.store = store
        self._producer = producer
        self._io = io
        self._recover = recover
        self._longest_commit = longest_commit
        self._commit_offset = commit_offset
        self._on_commit = on_commit
        #: Batches that were handed over and are not done.
        self.backlog = 0
        self._next_offsets: dict[str, int] = {}
        self._lock = asyncio.Lock()
        self._cancelled = Event()
        self._giving_up = asyncio.Event()
        self._left_behind = False
        self._closed = False
        self._opening: asyncio.Task[None] = asyncio.create_task(self._open())

    @property
    def opening(self) -> asyncio.Task[None]:
        """Done when the store is recovered; carries the error if they could not be."""
        return self._opening

    @property
    def is_ready(self) -> bool:
        return (
            self._opening.done()
            and not self._closed
            and not self._opening.cancelled()
            and self._opening.exception() is None
        )

    @property
    def is_settled(self) -> bool:
        """No work in hand: the store stands at a committed point."""
        return self._opening.done() and not self._lock.locked()

    def next_offset(self, topic: str) -> int:
        """The offset after the last processed record of a topic."""
        return self._next_offsets.get(topic, 0)

    def refuse_work(self) -> None:
        """Take no more work; the batch in hand goes on, one that is only held is let go."""
        self._closed = True
        self._cancelled.set()
        self._giving_up.set()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._io, self._producer.open)
        if self._cancelled.is_set():
            return
        offsets = await loop.run_in_executor(self._io, self._recover, self.number, self.store, self._cancelled)
        self._next_offsets.update(offsets)
        stands = {table.name: self.store.offset(table) for table in self.store.tables}
        log.info("partition %d ready, changelogs to %s, input from %s", self.number, stands, self._next_offsets)

    async def process(self, topic: str, fetched: Sequence[FetchedRecord], handler: BatchHandler) -> None:
        """Run the handler over what of the fetch is new, and commit. Any error means nothing took effect."""
        try:
            await asyncio.wait([self._opening])
            async with self._lock:
                records = self._new_records(topic, fetched)
                if self.is_ready and records:
                    batch = Batch(topic, self.number, records)
                    await self._run(lambda tx: handler(batch, tx), batch)
        finally:
            self.backlog -= 1

    async def tick(self, handler: TimerHandler) -> None:
        """Run a timer's handler in a transaction of its own, when the partition is ready."""
        async with self._lock:
            if self.is_ready:
                await self._run(lambda tx: handler(self.number, tx), None)

    async def close(self, timeout: float) -> None:
        """Take no more work, finish the batch in hand, give up the producer.

        A batch that takes longer than `timeout` seconds is left behind: it is not committed any more, and a commit that
        had begun will be refused by the broker once the partition has another owner.
        """
        self.refuse_work()
        try:
            async with asyncio.timeout(timeout):
                await asyncio.wait([self._opening])
                async with self._lock:
                    await asyncio.get_running_loop().run_in_executor(self._io, self._producer.close)
        except TimeoutError:
            self._left_behind = True
            log.warning("partition %d: the batch in hand did not finish within %s s", self.number, timeout)

    @contextmanager
    def _all_or_nothing_more(self) -> Iterator[None]:
        """After a failure nothing else may run here: a later batch would commit offsets beyond the failed one.

        It has to happen before the lock is free again, since the next batch already waits for it.
        """
        failed = True
        try:
            yield
            failed = False
        finally:
            if failed:
                self.refuse_work()

    def _new_records(self, topic: str, fetched: Sequence[FetchedRecord]) -> list[Record]:
        """Drop what an earlier commit covers: the driver may fetch from an older position than the group's."""
        start = self._next_offsets.get(topic, 0)
        return [
            Record(record.key, record.value, record.headers, record.offset, record.timestamp)
            for record in fetched
            if record.offset >= start
        ]

    async def _run(self, handle: Callable[[Transaction], Awaitable[None]], batch: Batch | None) -> None:
        """Handle and commit; what has failed closes the partition before the lock is free again."""
        with self._all_or_nothing_more():
            transaction = Transaction(self.number, self.store.tables, self.membership.generation, self._giving_up)
            started = time.perf_counter()
            try:
                await handle(transaction)
            except PartitionGivenUp as given_up:
                log.info("%s", given_up)
                return
            handled = time.perf_counter()
            if self._left_behind:
                return
            if batch is None and transaction.is_empty:
                return
            await self._commit(transaction, {batch.topic: batch.records[-1].offset + 1} if batch else {})
        if self._on_commit is not None:
            report = CommitReport(
                partition=self.number,
                topic=batch.topic if batch else None,
                records=len(batch.records) if batch else 0,
                outputs=len(transaction.outputs),
                changes=sum(len(changes) for changes in transaction.changes.values()),
                handler_seconds=handled - started,
                commit_seconds=time.perf_counter() - handled,
            )
            self._on_commit(report)

    async def _commit(self, transaction: Transaction, input_offsets: Mapping[str, int]) -> None:
        writing = asyncio.get_running_loop().run_in_executor(self._io, self._write, transaction, input_offsets)
        try:
            async with asyncio.timeout(self._longest_commit):
                await writing
        except TimeoutError as late:
            # librdkafka's send_offsets_to_transaction can wait for ever, whatever time it is given (its issue 5456).
            raise CommitUnanswered(
                f"partition {self.number}: a commit has not come back within {self._longest_commit:g} s; its outcome "
                "is not known here, the partition's next owner learns it from the broker"
            ) from late
        self._next_offsets.update(input_offsets)
        if self._commit_offset is not None:
            for topic, offset in input_offsets.items():
                await self._commit_offset(topic, self.number, offset)

    def _write(self, transaction: Transaction, input_offsets: Mapping[str, int]) -> None:
        """Commit to Kafka, then to the store: one that is behind catches up, one that is ahead would lose outputs."""
        changes = {
            table: [
                Written(key, value, None if isinstance(value, Deleted) else table.encode(value))
                for key, value in changed.items()
            ]
            for table, changed in transaction.changes.items()
        }
        changelogs = [
            ChangelogWrite(table.changelog_topic, [(write.key, write.encoded) for write in writes])
            for table, writes in changes.items()
        ]
        committed = self._producer.commit(
            self.number, transaction.outputs, changelogs, input_offsets, self.membership.token
        )
        if changes:
            offsets = {table: committed.changelog_offsets[table.changelog_topic] for table in changes}
            self.store.commit(changes, offsets)
