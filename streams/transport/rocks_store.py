"""Tables on disk: one RocksDB for each partition, with all tables of the stage in it.

One database, so that one atomic write holds what a transaction changed in all tables and the changelog offsets it
stands for. A value is under `<table>NUL<key>`; what begins with NUL is the store's own: its identity, an offset for
each table, the entries of watched tables, and the time up to which it knew everything. Values that were used lately
stay decoded in a bounded cache.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

import msgspec
import rocksdict

from streams.transport.errors import StoreDamaged, StoreFailed
from streams.transport.rocks_files import DatabaseUnusable, Folder, Memory, machine_start
from streams.transport.store import Origin, Written
from streams.transport.table import Deleted, Table
from streams.transport.watch import Entry, WatchIndex

log = logging.getLogger(__name__)

V = TypeVar("V")

_FORMAT = 1
_CHUNK = 500
_IDENTITY = b"\0identity"
_KNOWN_AT = b"\0known_at"
_encode = msgspec.msgpack.encode
_int = msgspec.msgpack.Decoder(int).decode
_float = msgspec.msgpack.Decoder(float).decode
_entry = msgspec.msgpack.Decoder(Entry).decode


@dataclass(frozen=True, slots=True)
class RocksSettings:
    """Where stores are and what they may use; seconds, bytes."""

    folder: Path
    """The application's; each partition has a folder in it."""
    cached_values: int
    """Decoded values that one partition keeps in memory."""
    lock_timeout: float
    """How long to wait for another process that is just giving the partition up."""
    keeps_up_within: float
    """A store that knew everything longer ago than this is made again when its changelogs have gone on since. It has
    to be less than the changelogs' `delete.retention.ms`: a deletion may have left them after that."""


class _Identity(msgspec.Struct, frozen=True):
    format: int
    app_id: str
    partition: int
    cluster_id: str | None
    topic_ids: dict[str, str | None]
    watches: dict[str, str]
    """By table: the version of its watch, whose entries are stored."""
    machine_start: str | None = None
    """The start of the machine during which it was opened."""


class RocksTable(Generic[V]):
    """One partition of one table, to read."""

    __slots__ = ("_owner", "_prefix", "_table", "index")

    def __init__(self, owner: RocksPartition, table: Table[V]) -> None:
        self._owner = owner
        self._table = table
        self._prefix = _prefix(table)
        self.index = WatchIndex() if table.watch is not None else None

    def get(self, key: bytes) -> V | None:
        full = self._prefix + key
        known = self._owner.cached(full)
        if known is not None:
            return cast(V, known)
        raw = self._owner.read(full)
        if raw is None:
            return None
        value = self._table.decode(raw)
        if self._table.cached:
            self._owner.cache(full, value)
        return value

    def items(self) -> Iterator[tuple[bytes, V]]:
        return self.scan(b"", None)

    def scan(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, V]]:
        # The byte after the NUL that ends the table's name.
        end = self._prefix[:-1] + b"\1" if stop is None else self._prefix + stop
        size = len(self._prefix)
        for full, raw in self._owner.range(self._prefix + start, end):
            known = self._owner.cached(full)
            yield full[size:], self._table.decode(raw) if known is None else cast(V, known)


class RocksPartition:
    """One partition of all tables of a stage."""

    def __init__(
        self, app_id: str, partition: int, tables: Sequence[Table[object]], settings: RocksSettings, memory: Memory
    ) -> None:
        self._app_id = app_id
        self._partition = partition
        self._settings = settings
        self._folder = Folder(settings.folder / str(partition), memory)
        self._tables = {table: RocksTable(self, table) for table in tables}
        self._offsets = dict.fromkeys(tables, -1)
        self._cache: OrderedDict[bytes, object] = OrderedDict()
        self._database: rocksdict.Rdict | None = None
        self._origin = Origin(None, {})
        self._known_at = time.time()
        self._is_current = False
        # A partition may be given up while its recovery still reads in another thread.
        self._lock = threading.RLock()

    # Reading, in the event loop while nobody writes

    @property
    def tables(self) -> Mapping[Table[object], RocksTable[object]]:
        return self._tables

    def cached(self, full: bytes) -> object | None:
        value = self._cache.get(full)
        if value is not None:
            self._cache.move_to_end(full)
        return value

    def cache(self, full: bytes, value: object) -> None:
        self._cache[full] = value
        self._cache.move_to_end(full)
        while len(self._cache) > self._settings.cached_values:
            self._cache.popitem(last=False)

    def read(self, full: bytes) -> bytes | None:
        database = self._opened()
        try:
            return cast("bytes | None", database.get(full))
        except Exception as error:
            raise self._folder.failure(error, "be read") from error

    def range(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Raw keys and values in order. By chunks: an open iterator would keep the folder's lock."""
        position, last = start, b""
        while True:
            chunk = self._chunk(position, stop, last)
            yield from chunk
            if len(chunk) < _CHUNK:
                return
            position = last = chunk[-1][0]

    def _chunk(self, start: bytes, stop: bytes, without: bytes) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        database = self._opened()
        try:
            iterator = database.iter()
            iterator.seek(start)
            while len(found) < _CHUNK and iterator.valid():
                key = iterator.key()
                if key >= stop:
                    break
                if key != without:
                    found.append((key, iterator.value()))
                iterator.next()
            iterator.status()  # what cannot be read ends an iterator as if there was no more
        except Exception as error:
            raise self._folder.failure(error, "be read") from error
        return found

    # Writing, in the stage's I/O threads

    @property
    def outlived(self) -> bool:
        return time.time() - self._known_at > self._settings.keeps_up_within

    def offset(self, table: Table[object]) -> int:
        return self._offsets[table]

    def open(self, origin: Origin) -> None:
        with self._lock:
            self._origin = origin
            self._folder.lock(self._settings.lock_timeout)
            try:
                self._database = self._folder.open()
                self._check_identity()
                return
            except (DatabaseUnusable, StoreDamaged) as unusable:
                reason = str(unusable)
            # Not while the error lives: its traceback may hold an iterator, and that the database and its lock.
            self.rebuild(reason)

    def commit(self, changes: Mapping[Table[object], Sequence[Written]], offsets: Mapping[Table[object], int]) -> None:
        with self._lock:
            batch = rocksdict.WriteBatch(raw_mode=True)
            for table, writes in changes.items():
                prefix = _prefix(table)
                for write in writes:
                    full = prefix + write.key
                    if write.encoded is None or isinstance(write.value, Deleted):
                        batch.delete(full)
                        self._cache.pop(full, None)
                    else:
                        batch.put(full, write.encoded)
                        if table.cached:
                            self.cache(full, write.value)
                    self._follow(batch, table, write.key, write.value)
            self._put_offsets(batch, offsets)
            batch.put(_KNOWN_AT, _encode(time.time()))
            self._write(batch)
            self._offsets.update(offsets)

    def restore(
        self,
        records: Mapping[Table[object], Sequence[tuple[bytes, bytes | None]]],
        offsets: Mapping[Table[object], int],
    ) -> None:
        with self._lock:
            batch = rocksdict.WriteBatch(raw_mode=True)
            for table, changed in records.items():
                prefix = _prefix(table)
                for key, encoded in changed:
                    self._cache.pop(prefix + key, None)
                    if encoded is None:
                        batch.delete(prefix + key)
                        self._follow(batch, table, key, Deleted.KEY)
                    else:
                        batch.put(prefix + key, encoded)
                        if table.watch is not None:
                            self._follow(batch, table, key, table.decode(encoded))
            self._put_offsets(batch, offsets)
            self._write(batch)
            self._offsets.update(offsets)

    def recovered(self) -> None:
        with self._lock:
            self._is_current = True
            self._stamp()

    def rebuild(self, reason: str) -> None:
        with self._lock:
            log.warning("%s is made again from its changelogs: %s", self._folder.path, reason)
            self._close_database()
            self._folder.drop()
            self._cache.clear()
            self._known_at = time.time()
            try:
                self._database = self._folder.open()
            except DatabaseUnusable as unusable:
                raise StoreFailed(
                    f"{self._folder.path} was made new and is unusable all the same: {unusable}"
                ) from None
            self._begin()

    def release(self) -> bool:
        """Close, so that another process of this machine may have it; the files stay for the next time."""
        with self._lock:
            try:
                if self._database is not None and self._is_current:
                    self._stamp()
            except StoreFailed as failure:
                log.warning("%s", failure)
            self._close_database()
            self._cache.clear()
            self._folder.unlock()
            return False

    # What is stored

    def _begin(self) -> None:
        """Write what an empty database needs."""
        for table, store in self._tables.items():
            self._offsets[table] = -1
            if store.index is not None:
                store.index = WatchIndex()
        batch = rocksdict.WriteBatch(raw_mode=True)
        batch.put(_IDENTITY, _encode(self._identity()))
        batch.put(_KNOWN_AT, _encode(self._known_at))
        self._put_offsets(batch, self._offsets)
        self._write(batch)

    def _check_identity(self) -> None:
        raw = self.read(_IDENTITY)
        if raw is None:
            if next(self.range(b"", b"\xff"), None) is None:
                self._begin()
                return
            raise DatabaseUnusable("it does not say what it was made from")
        try:
            found = msgspec.msgpack.decode(raw, type=_Identity)
        except msgspec.MsgspecError as error:
            raise DatabaseUnusable(f"what it says it was made from cannot be read: {error}") from error
        wanted = self._identity()
        for what in ("format", "app_id", "partition", "cluster_id"):
            if getattr(found, what) != getattr(wanted, what):
                raise DatabaseUnusable(f"its {what} is {getattr(found, what)}, expected {getattr(wanted, what)}")
        if self._folder.had_several_logs and found.machine_start != wanted.machine_start:
            # Logs are not synced: the newer may have reached the disk when the end of the older has not.
            raise DatabaseUnusable(
                "the machine was started anew, and several logs were left: records may be missing in the middle"
            )
        known_at = self.read(_KNOWN_AT)
        self._known_at = _float(known_at) if known_at is not None else 0.0
        batch = rocksdict.WriteBatch(raw_mode=True)
        for table, store in self._tables.items():
            self._check_table(table, store, found, batch)
        batch.put(_IDENTITY, _encode(wanted))
        self._write(batch)

    def _check_table(
        self, table: Table[object], store: RocksTable[object], found: _Identity, batch: rocksdict.WriteBatch
    ) -> None:
        topic, topic_id = table.changelog_topic, self._origin.topic_ids.get(table.changelog_topic)
        if topic not in found.topic_ids:  # a table that this version of the application has added
            for prefix in (_prefix(table), _entry_prefix(table)):
                batch.delete_range(prefix, prefix[:-1] + b"\1")
            batch.put(_offset_key(table), _encode(-1))
            return
        if found.topic_ids[topic] != topic_id:
            raise DatabaseUnusable(
                f"changelog {topic} has the topic id {topic_id}, and the store was made from {found.topic_ids[topic]}: "
                "the topic was deleted and made again"
            )
        offset = self.read(_offset_key(table))
        if offset is None:
            raise DatabaseUnusable(f"the offset of changelog {topic} is missing")
        self._offsets[table] = _int(offset)
        if store.index is None or table.watch is None:
            return
        store.index = WatchIndex()
        if found.watches.get(table.name) == table.watch.version:
            prefix = _entry_prefix(table)
            for full, raw in self.range(prefix, prefix[:-1] + b"\1"):
                store.index.set(full[len(prefix) :], _entry(raw))
        else:
            self._watch_anew(table, store, batch)

    def _watch_anew(self, table: Table[object], store: RocksTable[object], batch: rocksdict.WriteBatch) -> None:
        log.info("%s: going through table %s, which is watched differently now", self._folder.path, table.name)
        prefix = _entry_prefix(table)
        batch.delete_range(prefix, prefix[:-1] + b"\1")
        for key, value in store.items():
            self._follow(batch, table, key, value)

    def _identity(self) -> _Identity:
        return _Identity(
            format=_FORMAT,
            app_id=self._app_id,
            partition=self._partition,
            cluster_id=self._origin.cluster_id,
            topic_ids={
                table.changelog_topic: self._origin.topic_ids.get(table.changelog_topic) for table in self._tables
            },
            watches={table.name: table.watch.version for table in self._tables if table.watch is not None},
            machine_start=machine_start(),
        )

    def _follow(self, batch: rocksdict.WriteBatch, table: Table[object], key: bytes, value: object | Deleted) -> None:
        index = self._tables[table].index
        if index is None or table.watch is None:
            return
        entry = None if isinstance(value, Deleted) else table.watch.derive(value)
        if index.set(key, entry):
            if entry is None:
                batch.delete(_entry_prefix(table) + key)
            else:
                batch.put(_entry_prefix(table) + key, _encode(entry))

    def _put_offsets(self, batch: rocksdict.WriteBatch, offsets: Mapping[Table[object], int]) -> None:
        for table, offset in offsets.items():
            batch.put(_offset_key(table), _encode(offset))

    def _stamp(self) -> None:
        self._known_at = time.time()
        batch = rocksdict.WriteBatch(raw_mode=True)
        batch.put(_KNOWN_AT, _encode(self._known_at))
        self._write(batch)

    def _write(self, batch: rocksdict.WriteBatch) -> None:
        database = self._opened()
        try:
            database.write(batch)
        except Exception as error:
            self._is_current = False
            raise self._folder.failure(error, "be written") from error

    def _opened(self) -> rocksdict.Rdict:
        if self._database is None:
            raise StoreFailed(f"{self._folder.path} was given up while work on its partition went on")
        return self._database

    def _close_database(self) -> None:
        database, self._database, self._is_current = self._database, None, False
        if database is None:
            return
        try:
            database.close()
        except Exception as error:  # noqa: BLE001  # it repeats an earlier write's error, which was raised there
            log.warning("%s: closed with %s", self._folder.path, error)


def rocks_partitions(
    app_id: str, tables: Sequence[Table[object]], settings: RocksSettings, cache_bytes: int, buffer_bytes: int
) -> Callable[[int], RocksPartition]:
    """Return what makes the store of a partition; they share the memory that RocksDB uses."""
    memory = Memory.of(cache_bytes, buffer_bytes)
    return lambda partition: RocksPartition(app_id, partition, tables, settings, memory)


def _prefix(table: Table[V]) -> bytes:
    return table.name.encode() + b"\0"


def _offset_key(table: Table[object]) -> bytes:
    return b"\0offset\0" + table.name.encode()


def _entry_prefix(table: Table[object]) -> bytes:
    return b"\0entry\0" + table.name.encode() + b"\0"
