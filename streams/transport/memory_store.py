"""Tables in memory: values stay decoded, a restart reads the changelogs from their beginning."""

from __future__ import annotations

import logging
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from streams.transport.store import Origin, Written
from streams.transport.table import Deleted, Table
from streams.transport.watch import Watch, WatchIndex

log = logging.getLogger(__name__)

V = TypeVar("V")


class MemoryStore(Generic[V]):
    """One partition of one table."""

    __slots__ = ("_keys", "_watch", "index", "values")

    def __init__(self, values: dict[bytes, V] | None = None, watch: Watch[V] | None = None) -> None:
        self.values = {} if values is None else values
        self._watch = watch
        self.index = WatchIndex() if watch is not None else None
        # Only tables that are scanned pay for an order of their keys.
        self._keys: list[bytes] | None = None

    def get(self, key: bytes) -> V | None:
        return self.values.get(key)

    def items(self) -> Iterator[tuple[bytes, V]]:
        return iter(self.values.items())

    def scan(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, V]]:
        if self._keys is None:
            self._keys = sorted(self.values)
        keys = self._keys
        for position in range(bisect_left(keys, start), len(keys)):
            if stop is not None and keys[position] >= stop:
                return
            yield keys[position], self.values[keys[position]]

    def put(self, key: bytes, value: V | Deleted) -> None:
        """Take in one change."""
        if isinstance(value, Deleted):
            if self.values.pop(key, None) is not None and self._keys is not None:
                del self._keys[bisect_left(self._keys, key)]
        else:
            if self._keys is not None and key not in self.values:
                insort(self._keys, key)
            self.values[key] = value
        if self.index is not None and self._watch is not None:
            self.index.set(key, None if isinstance(value, Deleted) else self._watch.derive(value))


class MemoryPartition:
    """One partition of all tables of a stage."""

    outlived = False

    def __init__(self, tables: Sequence[Table[object]]) -> None:
        self._tables = tables
        self._stores: dict[Table[object], MemoryStore[object]] = {}
        self._offsets: dict[Table[object], int] = {}
        self._clear()

    @property
    def tables(self) -> Mapping[Table[object], MemoryStore[object]]:
        return self._stores

    def open(self, origin: Origin) -> None:
        """Nothing to do: it began with this process, and so does what it holds."""

    def offset(self, table: Table[object]) -> int:
        return self._offsets[table]

    def commit(self, changes: Mapping[Table[object], Sequence[Written]], offsets: Mapping[Table[object], int]) -> None:
        for table, writes in changes.items():
            store = self._stores[table]
            for write in writes:
                store.put(write.key, write.value)
        self._offsets.update(offsets)

    def restore(
        self,
        records: Mapping[Table[object], Sequence[tuple[bytes, bytes | None]]],
        offsets: Mapping[Table[object], int],
    ) -> None:
        for table, changed in records.items():
            store = self._stores[table]
            for key, encoded in changed:
                store.put(key, Deleted.KEY if encoded is None else table.decode(encoded))
        self._offsets.update(offsets)

    def rebuild(self, reason: str) -> None:
        log.warning("tables in memory are read again from their changelogs: %s", reason)
        self._clear()

    def recovered(self) -> None:
        """Nothing to note."""

    def release(self) -> bool:
        """It stays as it is: the next assignment reads what came since."""
        return True

    def _clear(self) -> None:
        # In place: a transaction may hold on to the mapping.
        for table in self._tables:
            self._stores[table] = MemoryStore(watch=table.watch)
            self._offsets[table] = -1
