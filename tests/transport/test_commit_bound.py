"""A commit that never comes back ends the worker instead of holding up its partition in silence.

Found by chaos (seed 3, three brokers): librdkafka's send_offsets_to_transaction waits for ever for a group coordinator
whose connection was cut, whatever time it is given (confluentinc/librdkafka issue 5456). That cannot be brought about
at will from outside, so the producer here is one that never answers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from streams.transport.errors import CommitUnanswered
from streams.transport.memory_store import MemoryPartition
from streams.transport.partition import Membership, Partition
from streams.transport.producer import ChangelogWrite, Committed
from streams.transport.records import Batch, Output
from streams.transport.transaction import Transaction


class SilentProducer:
    """A producer whose commits wait until `answer` is set."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.commits = 0

    def open(self) -> None:
        pass

    def commit(
        self,
        partition: int,
        outputs: Sequence[Output],
        changelogs: Sequence[ChangelogWrite],
        input_offsets: Mapping[str, int],
        membership: bytes,
    ) -> Committed:
        self.commits += 1
        self.answer.wait(30)
        return Committed({})

    def close(self) -> None:
        pass


class Fetched:
    """A record as the driver hands it over."""

    key: bytes | None = b"key"
    value: bytes | None = b"value"
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp = 0

    def __init__(self, offset: int) -> None:
        self.offset = offset


@pytest.fixture
def producer() -> Iterator[SilentProducer]:
    made = SilentProducer()
    yield made
    made.answer.set()


def test_a_commit_that_never_comes_back_fails_its_batch_and_nothing_else_is_taken_on(producer: SilentProducer) -> None:
    async def handle(batch: Batch, transaction: Transaction) -> None:
        transaction.send("out", key=b"key", value=b"value")

    async def play() -> None:
        partition = Partition(
            3,
            membership=Membership(1, b""),
            store=MemoryPartition([]),
            producer=producer,
            io=io,
            recover=lambda number, store, cancelled: {"in": 0},
            longest_commit=0.1,
            commit_offset=None,
            on_commit=None,
        )
        first = asyncio.create_task(partition.process("in", [Fetched(0)], handle))
        second = asyncio.create_task(partition.process("in", [Fetched(1)], handle))
        with pytest.raises(CommitUnanswered, match=r"partition 3: a commit has not come back within 0.1 s"):
            await first
        await second
        assert not partition.is_ready
        assert partition.next_offset("in") == 0
        assert producer.commits == 1

    with ThreadPoolExecutor(2) as io:
        try:
            asyncio.run(play())
        finally:
            producer.answer.set()
