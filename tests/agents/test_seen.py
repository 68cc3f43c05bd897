"""An event id is remembered for the whole horizon, and then forgotten in small steps that cost no search."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from streams.agents import seen
from streams.agents.seen import SeenIds
from streams.core.seen import Seen
from streams.transport import Stage, Transaction
from streams.transport.memory_store import MemoryPartition
from streams.transport.rocks_store import RocksSettings, rocks_partitions
from streams.transport.store import Origin, PartitionStore, Written
from streams.transport.table import Deleted

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


class Desk:
    """One partition of the tables of a stage, committed as a stage does it."""

    def __init__(self, folder: Path | None) -> None:
        stage = Stage("s", "127.0.0.1:1")
        self.seen = SeenIds(stage, 10 * DAY)
        tables = stage._tables
        self.store: PartitionStore = (
            MemoryPartition(tables)
            if folder is None
            else rocks_partitions("s", tables, RocksSettings(folder, 10, 1.0, 60.0), 1 << 20, 1 << 20)(0)
        )
        self.store.open(Origin(None, {}))
        self._offset = 0
        self.tombstones: set[bytes] = set()

    def transaction(self) -> Transaction:
        return Transaction(0, self.store.tables)

    def commit(self, transaction: Transaction) -> int:
        """Return how many changelog records it costs."""
        self._offset += 1
        changes = {
            table: [
                Written(key, value, None if isinstance(value, Deleted) else table.encode(value))
                for key, value in changed.items()
            ]
            for table, changed in transaction.changes.items()
        }
        self.tombstones |= {write.key for writes in changes.values() for write in writes if write.encoded is None}
        self.store.commit(changes, dict.fromkeys(changes, self._offset))
        return sum(map(len, changes.values()))

    def remember(self, ids: list[str], at: dt.datetime) -> int:
        transaction = self.transaction()
        for number, identity in enumerate(ids):
            self.seen.remember(transaction, identity, Seen(number, 7))
        self.seen.file(transaction, at)
        return self.commit(transaction)

    def forget(self, at: dt.datetime) -> int:
        transaction = self.transaction()
        forgotten = self.seen.forget(transaction, at)
        self.commit(transaction)
        return forgotten

    def knows(self, identity: str) -> bool:
        return self.seen.first(self.transaction(), identity) is not None


@pytest.fixture(params=["memory", "disk"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path if request.param == "disk" else None)
    yield made
    made.store.release()


def test_an_id_is_known_for_the_horizon_and_forgotten_after_it(desk: Desk) -> None:
    desk.remember(["old"], NOON)
    desk.remember(["young"], NOON + DAY)
    assert desk.forget(NOON + 10 * DAY) == 0
    assert desk.knows("old")
    assert desk.forget(NOON + 11 * DAY) == 1
    assert (desk.knows("old"), desk.knows("young")) == (False, True)
    assert b"old" in desk.tombstones, "the changelog is told, in the same transaction"


def test_a_batch_costs_one_record_beyond_its_ids(desk: Desk) -> None:
    assert desk.remember([f"id-{n}" for n in range(500)], NOON) == 501


def test_what_is_forgotten_at_once_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_IDS_A_STEP", 100)
    for batch in range(10):
        desk.remember([f"id-{batch}-{n}" for n in range(60)], NOON)
    steps = []
    while forgotten := desk.forget(NOON + 30 * DAY):
        steps.append(forgotten)
    assert steps == [120, 120, 120, 120, 120]
    assert [dict(store.items()) for store in desk.store.tables.values()] == [{}, {}]


def test_an_id_that_comes_again_after_the_horizon_is_new_and_remembered_again(desk: Desk) -> None:
    desk.remember(["id"], NOON)
    desk.forget(NOON + 11 * DAY)
    desk.remember(["id"], NOON + 12 * DAY)
    assert desk.forget(NOON + 12 * DAY) == 0
    assert desk.knows("id")


def test_what_was_written_before_the_digest_is_read_as_ever(desk: Desk) -> None:
    (table,) = (table for table in desk.store.tables if table.name == "seen")
    assert table.decode(msgspec.msgpack.encode(17)) == Seen(17)
    assert table.decode(table.encode(Seen(17, 2**32 - 1))) == Seen(17, 2**32 - 1)
