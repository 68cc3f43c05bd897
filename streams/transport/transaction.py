"""What a handler does to the world, held back until it has returned.

A transaction only collects: records to send, and changes to tables on an overlay over the partition's stores. It
knows no client; committing it is the partition's work. A handler that raises leaves nothing to undo.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TypeVar, cast

from streams.transport.errors import PartitionGivenUp
from streams.transport.records import Headers, Output
from streams.transport.store import Store
from streams.transport.table import Deleted, Table
from streams.transport.watch import Count

V = TypeVar("V")
Stores = Mapping[Table[object], Store[object]]
Changes = dict[bytes, object | Deleted]


class Transaction:
    """One micro-batch (or timer tick) on one partition: all of its effects are committed together or not at all."""

    __slots__ = ("_changes", "_giving_up", "_outputs", "_stores", "generation", "partition")

    def __init__(
        self, partition: int, stores: Stores, generation: int = 0, giving_up: asyncio.Event | None = None
    ) -> None:
        self.partition = partition
        #: The group's generation under which this worker has the partition: another one, another assignment.
        self.generation = generation
        self._giving_up = giving_up or asyncio.Event()
        self._stores = stores
        self._outputs: list[Output] = []
        self._changes: dict[Table[object], Changes] = {}

    def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        """Produce a record if and when this transaction commits.

        Without `partition` the key decides, by murmur2 as Java's default partitioner; without `timestamp_ms`
        (milliseconds since the epoch) the time of the commit.
        """
        number = -1 if partition is None else partition
        self._outputs.append(Output(topic, key, value, headers, number, timestamp_ms))

    async def hold(self, seconds: float) -> None:
        """Keep the batch in hand for a while, as long as this worker keeps the partition.

        Meanwhile no more than a few batches of the partition are fetched, and the worker stays in its group. Raises
        PartitionGivenUp once the worker stops or the group takes the partition away: let it through.
        """
        if not self._giving_up.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._giving_up.wait()
            except TimeoutError:
                return
        raise PartitionGivenUp(f"partition {self.partition} is being given up: its next owner reads the batch again")

    def get(self, table: Table[V], key: bytes) -> V | None:
        """The value as this transaction sees it: its own change first, then what is committed."""
        known = cast("Table[object]", table)
        changed = self._changes.get(known)
        if changed is not None and key in changed:
            value = changed[key]
            return None if isinstance(value, Deleted) else cast(V, value)
        return cast("V | None", self._stores[known].get(key))

    def put(self, table: Table[V], key: bytes, value: V) -> None:
        """Set a key; `None` is not a value, use `delete`."""
        if value is None:
            raise ValueError(f"table {table.name}: the value for key {key!r} is None; use delete to remove a key")
        self._changes_of(table)[key] = value

    def delete(self, table: Table[V], key: bytes) -> None:
        """Remove a key; one that is not there is no error."""
        self._changes_of(table)[key] = Deleted.KEY

    def items(self, table: Table[V]) -> Iterator[tuple[bytes, V]]:
        """This partition's keys and values, with the transaction's changes up to the moment of the call."""
        known = cast("Table[object]", table)
        changed = dict(self._changes.get(known, {}))
        return cast("Iterator[tuple[bytes, V]]", _merged(self._stores[known], changed))

    def scan(self, table: Table[V], start: bytes = b"", stop: bytes | None = None) -> Iterator[tuple[bytes, V]]:
        """Keys from `start` up to and without `stop` (None: to the end) in their order, as `items` sees them."""
        known = cast("Table[object]", table)
        changed = {
            key: value
            for key, value in self._changes.get(known, {}).items()
            if start <= key and (stop is None or key < stop)
        }
        return cast("Iterator[tuple[bytes, V]]", _merged_in_order(self._stores[known].scan(start, stop), changed))

    def due(self, table: Table[V], at: float, limit: int) -> list[bytes]:
        """The keys of a watched table whose time (seconds since the epoch) has come, longest due first.

        As of the last commit: what this transaction has changed itself does not count yet.
        """
        index = self._stores[cast("Table[object]", table)].index
        if index is None:
            raise KeyError(f"table {table.name} is not watched; declare it with a watch")
        return index.due(at, limit)

    def sums(self, table: Table[V]) -> Mapping[str, Count]:
        """The sums of what a watched table counts, as of the last commit; a name without a sum is absent."""
        index = self._stores[cast("Table[object]", table)].index
        if index is None:
            raise KeyError(f"table {table.name} is not watched; declare it with a watch")
        return index.sums

    def written(self, table: Table[V]) -> tuple[bytes, ...]:
        """The keys that this transaction has put so far and not deleted."""
        changes = self._changes.get(cast("Table[object]", table), {})
        return tuple(key for key, value in changes.items() if not isinstance(value, Deleted))

    @property
    def outputs(self) -> list[Output]:
        return self._outputs

    @property
    def changes(self) -> Mapping[Table[object], Changes]:
        return self._changes

    @property
    def is_empty(self) -> bool:
        return not self._outputs and not self._changes

    def _changes_of(self, table: Table[V]) -> Changes:
        known = cast("Table[object]", table)
        changes = self._changes.get(known)
        if changes is None:
            if known not in self._stores:
                raise KeyError(f"table {table.name} does not belong to this stage; declare it with stage.table")
            changes = self._changes[known] = {}
        return changes


def _merged_in_order(stored: Iterator[tuple[bytes, object]], changed: Changes) -> Iterator[tuple[bytes, object]]:
    ordered = deque(sorted(changed))
    for key, value in stored:
        while ordered and ordered[0] < key:
            yield from _present(ordered.popleft(), changed)
        if key not in changed:
            yield key, value
    for key in ordered:
        yield from _present(key, changed)


def _present(key: bytes, changed: Changes) -> Iterator[tuple[bytes, object]]:
    value = changed[key]
    if not isinstance(value, Deleted):
        yield key, value


def _merged(store: Store[object], changed: Changes) -> Iterator[tuple[bytes, object]]:
    for key, value in store.items():
        if key not in changed:
            yield key, value
    for key, value in changed.items():
        if not isinstance(value, Deleted):
            yield key, value
