"""Which keys of a table are to be looked at when, and sums over its values, without going through the table.

A table may hold millions of values of which time concerns a few. A `Watch` says for a value when that is, and what
it adds to named counts; a `WatchIndex` keeps that for one partition, always in memory. It is derived: it follows
every change of the table, is never sent to a changelog, and can always be made again from the table.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from msgspec import Struct

V = TypeVar("V")
Count = int | Decimal

_STALE_AT_LEAST = 1000


class Entry(Struct, frozen=True, array_like=True):
    """What a value is watched for."""

    due: float | None = None
    """When its key is to be looked at, seconds since the epoch; None: it is only counted."""
    counts: Mapping[str, Count] = {}
    """What it adds to the sums, by name."""


@dataclass(frozen=True, slots=True)
class Watch(Generic[V]):
    """How entries come from values: a pure function, and what it depends on.

    `derive` answers None for a value that needs no watching. `version` names the function and every setting it uses:
    a stored index of another version is made again.
    """

    derive: Callable[[V], Entry | None]
    version: str


class WatchIndex:
    """The entries of one partition of a table, by key, with their sums and in order of time."""

    __slots__ = ("_entries", "_heap", "_sums")

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._sums: dict[str, Count] = {}
        # Times that were once set; an item is valid only while the entry still says the same.
        self._heap: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def items(self) -> Iterator[tuple[bytes, Entry]]:
        return iter(self._entries.items())

    @property
    def sums(self) -> Mapping[str, Count]:
        """The sums of the entries' counts; a name whose sum is nothing is absent."""
        return self._sums

    def set(self, key: bytes, entry: Entry | None) -> bool:
        """Replace a key's entry, None: remove it; tell whether that changed anything."""
        before = self._entries.get(key)
        if before == entry:
            return False
        if before is not None:
            self._add(before.counts, -1)
        if entry is None:
            del self._entries[key]
            return True
        self._entries[key] = entry
        self._add(entry.counts, 1)
        if entry.due is not None and (before is None or before.due != entry.due):
            heapq.heappush(self._heap, (entry.due, key))
            self._forget_stale()
        return True

    def due(self, at: float, limit: int) -> list[bytes]:
        """The keys whose time is `at` or before, longest due first, `limit` at most; they stay due until changed."""
        found: dict[bytes, float] = {}
        while self._heap and self._heap[0][0] <= at and len(found) < limit:
            due, key = heapq.heappop(self._heap)
            entry = self._entries.get(key)
            if entry is not None and entry.due == due:
                found[key] = due
        for key, due in found.items():
            heapq.heappush(self._heap, (due, key))
        return list(found)

    def _add(self, counts: Mapping[str, Count], sign: int) -> None:
        for name, count in counts.items():
            total = self._sums.get(name, 0) + sign * count
            if total:
                self._sums[name] = total
            else:
                self._sums.pop(name, None)

    def _forget_stale(self) -> None:
        if len(self._heap) > 2 * len(self._entries) + _STALE_AT_LEAST:
            self._heap = [(entry.due, key) for key, entry in self._entries.items() if entry.due is not None]
            heapq.heapify(self._heap)
