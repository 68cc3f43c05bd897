"""Tables on disk hold what tables in memory hold, whatever happens to process, folder, disk or changelog."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.transport import Entry, StoreFailed, StoreLocked, Watch, rocks_files
from streams.transport.memory_store import MemoryPartition
from streams.transport.rocks_store import RocksPartition, RocksSettings, rocks_partitions
from streams.transport.store import Origin, PartitionStore, Written
from streams.transport.table import Deleted, Table

ORIGIN = Origin("cluster-1", {"a-changelog": "id-a", "b-changelog": "id-b"})
MEBIBYTE = 1024 * 1024


def watched(value: int) -> Entry | None:
    return Entry(due=float(value), counts={"even": 1 - value % 2, "total": value}) if value else None


def new_tables(version: str = "1", watch: Callable[[int], Entry | None] = watched) -> list[Table[object]]:
    codec = msgspec.msgpack.encode, msgspec.msgpack.Decoder(int).decode
    tables = [
        Table("a", "a-changelog", *codec, watch=Watch(watch, version)),
        Table("b", "b-changelog", *codec, cached=False),
    ]
    return cast("list[Table[object]]", tables)


def rocks(folder: Path, tables: list[Table[object]], *, app_id: str = "app", cached: int = 3) -> RocksPartition:
    bounds = RocksSettings(folder, cached_values=cached, lock_timeout=0.3, keeps_up_within=3600.0)
    return rocks_partitions(app_id, tables, bounds, 2 * MEBIBYTE, MEBIBYTE)(0)


def opened(folder: Path, tables: list[Table[object]], origin: Origin = ORIGIN, **how: object) -> RocksPartition:
    store = rocks(folder, tables, **how)  # type: ignore[arg-type]
    store.open(origin)
    return store


def put(store: PartitionStore, table: Table[object], changes: dict[bytes, int | None], offset: int) -> None:
    writes = [
        Written(key, Deleted.KEY if value is None else value, None if value is None else table.encode(value))
        for key, value in changes.items()
    ]
    store.commit({table: writes}, {table: offset})


def contents(store: PartitionStore) -> dict[str, object]:
    told: dict[str, object] = {}
    for table, view in store.tables.items():
        told[table.name] = (dict(view.items()), list(view.scan(b"", None)), list(view.scan(b"k1", b"k3")))
        told[f"{table.name} offset"] = store.offset(table)
        if view.index is not None:
            told[f"{table.name} watch"] = (sorted(view.index.items()), dict(view.index.sums), view.index.due(4.0, 3))
    return told


KEYS = st.sampled_from([b"", b"k", b"k1", b"k1\0", b"k2", b"k3", b"\xff"])
CHANGES = st.dictionaries(KEYS, st.none() | st.integers(0, 9), max_size=5)
STEPS = st.lists(
    st.tuples(st.just("commit"), st.tuples(CHANGES, CHANGES))
    | st.tuples(st.just("restore"), st.tuples(CHANGES, CHANGES))
    | st.tuples(st.just("reopen"), st.none())
    | st.tuples(st.just("rebuild"), st.none()),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_a_store_on_disk_equals_one_in_memory_after_any_steps(
    steps: list[tuple[str, tuple[dict[bytes, int | None], dict[bytes, int | None]] | None]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder, tables = tmp_path_factory.mktemp("stores"), new_tables()
    memory, disk = MemoryPartition(tables), opened(folder, tables)
    try:
        for offset, (step, changes) in enumerate(steps):
            match step, changes:
                case "commit", (of_a, of_b):
                    for store in (memory, disk):
                        writes = {
                            table: [
                                Written(key, Deleted.KEY, None)
                                if value is None
                                else Written(key, value, table.encode(value))
                                for key, value in changed.items()
                            ]
                            for table, changed in zip(tables, (of_a, of_b), strict=True)
                        }
                        store.commit(writes, dict.fromkeys(tables, offset))
                case "restore", (of_a, of_b):
                    for store in (memory, disk):
                        records = {
                            table: [
                                (key, None if value is None else table.encode(value)) for key, value in changed.items()
                            ]
                            for table, changed in zip(tables, (of_a, of_b), strict=True)
                        }
                        store.restore(records, {tables[0]: offset})
                case "rebuild", _:
                    memory.rebuild("the test asks for it")
                    disk.rebuild("the test asks for it")
                case _:
                    assert not disk.release()
                    disk = opened(folder, tables)
            for table in tables:
                for key in (b"", b"k1", b"k3", b"absent"):
                    assert disk.tables[table].get(key) == memory.tables[table].get(key)
            assert contents(disk) == contents(memory)
    finally:
        disk.release()


def test_a_table_larger_than_a_chunk_is_gone_through_without_an_open_iterator(tmp_path: Path) -> None:
    tables = new_tables()
    store = opened(tmp_path, tables)
    put(store, tables[0], {b"%05d" % n: n for n in range(2_345)}, 0)
    through = store.tables[tables[0]].items()
    assert next(through) == (b"00000", 0)
    store.release()
    again = opened(tmp_path, tables)
    assert [value for _, value in again.tables[tables[0]].items()] == list(range(2_345))
    assert list(again.tables[tables[0]].scan(b"00499", b"00503")) == [(b"%05d" % n, n) for n in range(499, 503)]
    again.release()


def test_decoded_values_in_memory_are_bounded(tmp_path: Path) -> None:
    tables = new_tables()
    store = opened(tmp_path, tables, cached=10)
    put(store, tables[0], {b"%05d" % n: n + 1 for n in range(100)}, 0)
    put(store, tables[1], {b"%05d" % n: n for n in range(100)}, 0)
    for n in range(100):
        assert store.tables[tables[0]].get(b"%05d" % n) == n + 1
    assert len(store._cache) == 10
    store.release()


@pytest.mark.parametrize(
    ("origin", "app_id", "why"),
    [
        (Origin("cluster-2", ORIGIN.topic_ids), "app", "its cluster_id is cluster-1, expected cluster-2"),
        (Origin("cluster-1", {**ORIGIN.topic_ids, "b-changelog": "id-c"}), "app", "deleted and made again"),
        (ORIGIN, "another-app", "its app_id is app, expected another-app"),
    ],
)
def test_what_belongs_to_another_cluster_topic_or_application_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, origin: Origin, app_id: str, why: str
) -> None:
    tables = new_tables()
    store = opened(tmp_path, tables)
    put(store, tables[0], {b"k": 1}, 7)
    store.release()
    again = opened(tmp_path, tables, origin, app_id=app_id)
    assert (again.offset(tables[0]), dict(again.tables[tables[0]].items())) == (-1, {})
    assert why in caplog.text
    again.release()


def _no_manifest(folder: Path) -> None:
    for manifest in folder.glob("MANIFEST*"):
        manifest.write_bytes(b"junk" * 100)


def _no_table_files(folder: Path) -> None:
    for file in folder.glob("*.sst"):
        file.unlink()


def _no_identity(folder: Path) -> None:
    _edit(folder, b"\0identity")


def _no_offset(folder: Path) -> None:
    _edit(folder, b"\0offset\0a")


def _edit(folder: Path, key: bytes) -> None:
    import rocksdict

    database = rocksdict.Rdict(str(folder), rocksdict.Options(raw_mode=True))
    database.delete(key)
    database.close()


def _only_an_empty_current(folder: Path) -> None:
    (folder / "CURRENT").write_bytes(b"")


def filled(folder: Path, tables: list[Table[object]]) -> None:
    store = opened(folder, tables)
    put(store, tables[0], {b"%05d" % n: n for n in range(20_000)}, 7)
    assert store._database is not None
    store._database.flush()
    store.release()


@pytest.mark.parametrize("harm", [_no_manifest, _no_table_files, _no_identity, _no_offset, _only_an_empty_current])
def test_a_folder_that_cannot_be_trusted_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], None]
) -> None:
    tables = new_tables()
    filled(tmp_path, tables)
    harm(tmp_path / "0")
    again = opened(tmp_path, tables)
    assert (again.offset(tables[0]), dict(again.tables[tables[0]].items())) == (-1, {})
    assert "is made again from its changelogs" in caplog.text
    put(again, tables[0], {b"k": 1}, 3)
    again.release()
    once_more = opened(tmp_path, tables)
    assert (once_more.offset(tables[0]), dict(once_more.tables[tables[0]].items())) == (3, {b"k": 1})
    once_more.release()


def test_a_block_that_rots_is_never_read_as_data_nor_as_the_end_and_the_next_start_makes_the_store_again(
    tmp_path: Path,
) -> None:
    tables = new_tables(watch=lambda _: None)
    filled(tmp_path, tables)
    (largest,) = sorted((tmp_path / "0").glob("*.sst"), key=lambda file: file.stat().st_size)[-1:]
    with largest.open("r+b") as file:
        file.seek(largest.stat().st_size // 2)
        file.write(b"\xff" * 2_000)
    store = opened(tmp_path, tables)
    with pytest.raises(StoreFailed, match="made again from its changelogs on restart"):
        list(store.tables[tables[0]].items())
    with pytest.raises(StoreFailed, match="made again from its changelogs on restart"):
        all(store.tables[tables[0]].get(b"%05d" % n) == n for n in range(20_000))
    store.release()
    again = opened(tmp_path, tables)
    assert again.offset(tables[0]) == -1
    again.release()


def test_a_block_that_rots_and_is_found_while_the_store_is_opened_makes_it_again_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path, new_tables(watch=lambda _: None))
    (largest,) = sorted((tmp_path / "0").glob("*.sst"), key=lambda file: file.stat().st_size)[-1:]
    with largest.open("r+b") as file:
        file.seek(largest.stat().st_size // 2)
        file.write(b"\xff" * 2_000)
    tables = new_tables(version="2")  # a new rule: everything is gone through when the store is opened
    again = opened(tmp_path, tables)
    assert (again.offset(tables[0]), dict(again.tables[tables[0]].items())) == (-1, {})
    assert "is made again from its changelogs" in caplog.text
    put(again, tables[0], {b"k": 1}, 3)
    again.release()


def _left_with_two_logs(folder: Path, tables: list[Table[object]], live: Path) -> None:
    """Leave a folder as a crash does that comes just after RocksDB has begun a new log: offset 9 is the last."""
    filled(live, tables)
    store = opened(live, tables)
    put(store, tables[0], {b"older": 1}, 8)
    shutil.copytree(live, folder)
    assert store._database is not None
    store._database.flush()
    put(store, tables[0], {b"newer": 1}, 9)
    for log in (live / "0").glob("*.log"):
        shutil.copy(log, folder / "0")
    store.release()
    assert len(_logs(folder)) == 2


def _logs(folder: Path) -> list[Path]:
    return sorted((folder / "0").glob("*.log"))


def test_a_process_that_is_killed_while_a_new_log_is_begun_leaves_everything(tmp_path: Path) -> None:
    tables = new_tables()
    _left_with_two_logs(tmp_path / "left", tables, tmp_path / "live")
    again = opened(tmp_path / "left", tables)
    assert again.offset(tables[0]) == 9
    assert [again.tables[tables[0]].get(key) for key in (b"older", b"newer")] == [1, 1]
    again.release()


def test_a_power_cut_that_takes_the_older_of_two_logs_makes_the_store_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Logs are not synced: the newer one may be on the disk when what came before it is not."""
    tables = new_tables()
    _left_with_two_logs(tmp_path / "left", tables, tmp_path / "live")
    _logs(tmp_path / "left")[0].write_bytes(b"")
    (tmp_path / "boot_id").write_text("another start of the machine")
    monkeypatch.setattr(rocks_files, "_BOOT_ID", tmp_path / "boot_id")
    again = opened(tmp_path / "left", tables)
    assert (again.offset(tables[0]), dict(again.tables[tables[0]].items())) == (-1, {})
    assert "records may be missing in the middle" in caplog.text
    again.release()


def test_a_store_that_another_process_has_open_is_refused_naming_the_process(tmp_path: Path) -> None:
    store = opened(tmp_path, new_tables())
    program = (
        "import pathlib, sys; from tests.transport.test_stores import opened, new_tables\n"
        f"opened(pathlib.Path({str(tmp_path)!r}), new_tables())"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert other.returncode == 1
    assert "StoreLocked" in other.stderr
    assert "a data folder of its own" in other.stderr
    with pytest.raises(StoreLocked, match=r"is in use by the process \d+"):
        opened(tmp_path, new_tables())
    store.release()
    opened(tmp_path, new_tables()).release()


def test_an_index_follows_a_new_rule_without_reading_the_changelog_again(tmp_path: Path) -> None:
    tables = new_tables()
    store = opened(tmp_path, tables)
    put(store, tables[0], {b"one": 1, b"two": 2, b"three": 3}, 5)
    store.release()
    changed = new_tables("2", lambda value: Entry(due=-float(value), counts={"old": 1}) if value > 1 else None)
    again = opened(tmp_path, changed)
    index = again.tables[changed[0]].index
    assert index is not None
    assert (index.due(0.0, 10), dict(index.sums), again.offset(changed[0])) == ([b"three", b"two"], {"old": 2}, 5)
    again.release()


def test_a_table_that_is_added_later_begins_empty_and_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    tables = new_tables()
    store = opened(tmp_path, tables[:1])
    put(store, tables[0], {b"k": 1}, 5)
    store.release()
    again = opened(tmp_path, tables)
    assert (again.offset(tables[0]), again.offset(tables[1])) == (5, -1)
    put(again, tables[1], {b"k": 2}, 0)
    assert dict(again.tables[tables[1]].items()) == {b"k": 2}
    again.release()


def test_a_store_that_was_away_for_long_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = new_tables()
    store = opened(tmp_path, tables)
    put(store, tables[0], {b"k": 1}, 5)
    store.release()
    again = opened(tmp_path, tables)
    assert not again.outlived
    again.release()
    now = time.time()
    monkeypatch.setattr("streams.transport.rocks_store.time.time", lambda: now + 3700)
    late = opened(tmp_path, tables)
    assert late.outlived
    late.recovered()
    late.release()
    assert not opened(tmp_path, tables).outlived
