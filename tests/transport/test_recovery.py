"""A store and its changelog on a real broker: what is caught up, what is made again, and that both end exact."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from streams.transport.memory_store import MemoryPartition
from streams.transport.recovery import recover
from streams.transport.rocks_store import RocksSettings, rocks_partitions
from streams.transport.store import Origin, PartitionStore
from streams.transport.table import Table
from streams.transport.topics import changelog_origin
from tests.transport.conftest import Broker
from tests.transport.harness import Bench, drained, eventually, records_for

pytestmark = pytest.mark.kafka

MEBIBYTE = 1024 * 1024
State = dict[bytes, bytes]
FORGETFUL = {"cleanup_policy": "compact,delete", "retention_ms": "-1"}
"""Of a topic that is only compacted, brokers let nobody delete records."""


@dataclass
class Changelog:
    """One changelog with one partition, written as a stage writes it, and the stores made from it."""

    broker: str
    table: Table[object]

    @classmethod
    def on(cls, broker: str, **config: str) -> Changelog:
        topic = f"c{uuid.uuid4().hex[:8]}-changelog"
        made = cls(broker, Table("t", topic, cast("object", bytes), bytes))  # type: ignore[arg-type]
        made.create(**config)
        return made

    @property
    def topic(self) -> str:
        return self.table.changelog_topic

    @cached_property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.broker})

    @cached_property
    def producer(self) -> Producer:
        producer = Producer({"bootstrap.servers": self.broker, "transactional.id": self.topic, "linger.ms": 0})
        producer.init_transactions(30)
        return producer

    def create(self, **config: str) -> None:
        settings = {"cleanup.policy": "compact"} | {name.replace("_", "."): value for name, value in config.items()}
        new = NewTopic(self.topic, 1, 1, config=settings)
        self.admin.create_topics([new])[self.topic].result(30)
        self.visible(True)

    def delete(self) -> None:
        self.admin.delete_topics([self.topic], operation_timeout=30)[self.topic].result(30)
        self.visible(False)

    def visible(self, wanted: bool) -> None:
        eventually(lambda: (self.topic in self.admin.list_topics(timeout=10).topics) == wanted, f"{self.topic}")

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], *, commit: bool = True, each: int = 500) -> None:
        """In transactions of so many records."""
        producer = self.producer
        records = list(changes)
        for start in range(0, len(records), each):
            producer.begin_transaction()
            for key, value in records[start : start + each]:
                producer.produce(self.topic, value, key, 0)
            if commit:
                producer.commit_transaction(30)
            else:
                producer.flush(30)
                producer.abort_transaction(30)

    def forget(self, keep: int = 0) -> None:
        """Delete every record that there is, but for the last offsets, as retention does."""
        latest = self.admin.list_offsets({TopicPartition(self.topic, 0): OffsetSpec.latest()})
        end = next(iter(latest.values())).result(30).offset - keep
        deleted = self.admin.delete_records([TopicPartition(self.topic, 0, end)])
        assert next(iter(deleted.values())).result(30).low_watermark == end

    def origin(self) -> Origin:
        return changelog_origin({"bootstrap.servers": self.broker}, [self.topic], 30)

    def catch_up(self, store: PartitionStore, origin: Origin | None = None) -> State:
        store.open(origin or self.origin())
        recover(
            common={"bootstrap.servers": self.broker},
            group_id=self.topic,
            partition=0,
            store=store,
            input_topics=[],
            stall_timeout=30,
            cancelled=threading.Event(),
        )
        return cast(State, dict(store.tables[self.table].items()))

    def on_disk(self, folder: Path, keeps_up_within: float = 3600.0) -> PartitionStore:
        settings = RocksSettings(folder, cached_values=100, lock_timeout=1.0, keeps_up_within=keeps_up_within)
        return rocks_partitions("app", [self.table], settings, 8 * MEBIBYTE, 4 * MEBIBYTE)(0)

    def in_memory(self) -> PartitionStore:
        return MemoryPartition([self.table])


def numbered(keys: int, value: bytes, *, start: int = 0) -> list[tuple[bytes, bytes | None]]:
    return [(b"key-%05d" % n, value) for n in range(start, start + keys)]


def state(*changes: list[tuple[bytes, bytes | None]]) -> State:
    """What is left of changes, in their order."""
    left: State = {}
    for key, value in (change for some in changes for change in some):
        left.pop(key, None)
        if value is not None:
            left[key] = value
    return left


def test_a_store_catches_up_from_its_own_offset_and_reads_nothing_twice(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changelog = Changelog.on(broker.bootstrap, **FORGETFUL)
    first, second = numbered(1_000, b"first"), [*numbered(500, b"second", start=700), (b"key-00001", None)]
    changelog.write(first)
    store = changelog.on_disk(tmp_path)
    assert changelog.catch_up(store) == state(first)
    store.release()
    changelog.forget(keep=1)  # it will not ask for that again: what stays is the transaction's end
    changelog.write(second)
    again = changelog.on_disk(tmp_path)
    assert changelog.catch_up(again) == state(first, second)
    assert "made again" not in caplog.text
    again.release()


def test_what_was_never_committed_is_not_recovered(broker: Broker, tmp_path: Path) -> None:
    changelog = Changelog.on(broker.bootstrap)
    kept = numbered(100, b"kept")
    changelog.write(kept)
    changelog.write(numbered(200, b"aborted"), commit=False)
    store = changelog.on_disk(tmp_path)
    assert changelog.catch_up(store) == state(kept)
    assert changelog.catch_up(changelog.in_memory()) == state(kept)
    store.release()


@pytest.mark.parametrize("topic_ids", [True, False])
def test_a_store_ahead_of_its_changelog_is_made_again(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture, topic_ids: bool
) -> None:
    """The topic was deleted and made again: told by its id, and where there is none, by the end of the changelog."""
    changelog = Changelog.on(broker.bootstrap)
    changelog.write(numbered(1_000, b"of the old topic"))
    nameless = None if topic_ids else Origin("cluster", {changelog.topic: None})
    store = changelog.on_disk(tmp_path)
    changelog.catch_up(store, nameless)
    store.release()
    changelog.delete()
    changelog.create()
    new = numbered(10, b"of the new topic", start=5_000)
    changelog.write(new)
    again = changelog.on_disk(tmp_path)
    assert changelog.catch_up(again, nameless) == state(new)
    assert ("deleted and made again" if topic_ids else "does not have the offset after it") in caplog.text
    again.release()


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_store_behind_the_beginning_of_its_changelog_is_made_again(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    changelog = Changelog.on(broker.bootstrap, **FORGETFUL)
    changelog.write(numbered(10, b"old"))
    store = changelog.on_disk(tmp_path) if kind == "disk" else changelog.in_memory()
    changelog.catch_up(store)
    changelog.write(numbered(1_000, b"gone", start=100))
    changelog.forget()
    kept = numbered(5, b"kept", start=3)
    changelog.write(kept)
    if not store.release():
        store = changelog.on_disk(tmp_path)
    assert changelog.catch_up(store) == state(kept)
    assert "does not have the offset after it" in caplog.text
    store.release()


def test_a_store_that_may_have_missed_deletions_is_made_again(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changelog = Changelog.on(broker.bootstrap)
    changelog.write(numbered(100, b"first"))
    store = changelog.on_disk(tmp_path)
    changelog.catch_up(store)
    store.release()
    unchanged = changelog.on_disk(tmp_path, keeps_up_within=0.0)
    assert len(changelog.catch_up(unchanged)) == 100
    assert "made again" not in caplog.text, "nothing has changed since: nothing can have been missed"
    unchanged.release()
    changelog.write(numbered(1, b"second"))
    late = changelog.on_disk(tmp_path, keeps_up_within=0.0)
    assert changelog.catch_up(late) == state(numbered(100, b"first"), numbered(1, b"second"))
    assert "deletions may have left it by compaction" in caplog.text
    late.release()


def test_recovery_of_a_compacted_changelog_ends_and_is_exact__faust_issue_176(broker: Broker, tmp_path: Path) -> None:
    """There the recovery waits for offsets that compaction has removed."""
    changelog = Changelog.on(
        broker.bootstrap,
        segment_ms="50",
        min_cleanable_dirty_ratio="0.0001",
        delete_retention_ms="0",
        max_compaction_lag_ms="100",
    )
    rounds = [numbered(200, b"round %d" % n) for n in range(5)]
    deleted = [(key, None) for key, _ in numbered(50, b"", start=100)]
    early = changelog.on_disk(tmp_path / "early")
    for number, changes in enumerate([*rounds, deleted]):
        changelog.write(changes, each=50)
        if number == 1:
            changelog.catch_up(early)
            early.release()

    def records_left() -> int:
        # A write is what lets the last segment roll; it keeps the state as it is.
        changelog.write([(b"key-00000", b"round 4")])
        reader = _Counting([changelog.table])
        changelog.catch_up(reader)
        return reader.restored

    eventually(lambda: records_left() < 400, "the changelog is compacted", 60)
    expected = state(*rounds, deleted)
    assert changelog.catch_up(changelog.in_memory()) == expected
    for folder in ("early", "late"):
        store = changelog.on_disk(tmp_path / folder)
        assert changelog.catch_up(store) == expected, folder
        store.release()


class _Counting(MemoryPartition):
    restored = 0

    def restore(self, records, offsets):  # type: ignore[no-untyped-def]
        self.restored += sum(map(len, records.values()))
        super().restore(records, offsets)


@pytest.mark.slow
def test_kill_under_intense_writes_loses_nothing_of_tables_on_disk__faust_issue_333(
    broker: Broker, tmp_path: Path
) -> None:
    bench = Bench.on(broker.bootstrap)
    on_disk = {**bench.job.settings, "store": "rocksdb", "store_folder": str(tmp_path), "store_cached_values": 50}
    bench = replace(bench, job=replace(bench.job, settings=on_disk))
    records = records_for(keys=3_000, each=30)
    bench.produce(records)
    with bench.worker(settings={**on_disk, "max_batch_records": 300}) as worker:
        worker.wait_handled(20_000)
        worker.kill()
    with bench.worker() as worker:
        drained(bench)
        assert "made again" not in worker.errors
    bench.assert_counted_exactly_once(records)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small file system needs Linux and root: run the tests as root to have this one")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"this machine lets nobody mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_worker_loudly_and_once_there_is_room_all_is_there(
    broker: Broker, small_disk: Path
) -> None:
    bench = Bench.on(broker.bootstrap)
    on_disk = {**bench.job.settings, "store": "rocksdb", "store_folder": str(small_disk), "max_batch_records": 1000}
    bench = replace(bench, job=replace(bench.job, settings=on_disk))
    records = records_for(keys=60_000, each=1)
    bench.produce(records)
    with bench.worker() as worker:
        assert worker.exit_code(60) == 1
    assert "No space left" in worker.errors
    assert "nothing is lost" in worker.errors
    assert 0 < bench.input_left() < len(records)
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    with bench.worker():
        drained(bench)
    bench.assert_counted_exactly_once(records)
