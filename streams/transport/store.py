"""What keeps one partition of a stage's tables: in memory (`memory_store`) or on disk (`rocks_store`).

A store holds what a committed transaction or the changelog wrote, and of each changelog the offset it stands for.
Nobody writes to it while a handler runs. Truth is the changelog: whatever a store cannot vouch for is made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from streams.transport.table import Deleted, Table
from streams.transport.watch import WatchIndex

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Origin:
    """Which changelogs a store was made from; ids are None where the broker does not tell them."""

    cluster_id: str | None
    topic_ids: Mapping[str, str | None]
    """By changelog topic: the id that a topic of the same name does not have once it was deleted and made again."""


class Written(NamedTuple):
    """One change of a table that is committed; `encoded` is what the changelog holds (None: deleted)."""

    key: bytes
    value: object | Deleted
    encoded: bytes | None


class Store(Protocol[V_co]):
    """One partition of one table, to read."""

    @property
    def index(self) -> WatchIndex | None:
        """The entries of what the table watches."""

    def get(self, key: bytes) -> V_co | None: ...

    def items(self) -> Iterator[tuple[bytes, V_co]]:
        """All keys and values, in no order that can be relied upon; never all in memory at once."""

    def scan(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, V_co]]:
        """Keys and values from `start` up to and without `stop` (None: to the end), in the order of keys."""


class PartitionStore(Protocol):
    """One partition of all tables of a stage. Methods that change it block and run one at a time."""

    @property
    def tables(self) -> Mapping[Table[object], Store[object]]: ...

    @property
    def outlived(self) -> bool:
        """Whether deletions that the store has not seen may have left the changelogs by compaction already."""

    def open(self, origin: Origin) -> None:
        """Make it usable; what it holds afterwards belongs to `origin`. Raises StoreLocked, StoreFailed."""

    def offset(self, table: Table[object]) -> int:
        """The offset of the last changelog record that the store holds; -1 before the first."""

    def commit(self, changes: Mapping[Table[object], Sequence[Written]], offsets: Mapping[Table[object], int]) -> None:
        """Take in what one committed transaction changed, whole or not at all. Raises StoreFailed."""

    def restore(
        self,
        records: Mapping[Table[object], Sequence[tuple[bytes, bytes | None]]],
        offsets: Mapping[Table[object], int],
    ) -> None:
        """Take in changelog records in their order, whole or not at all. Raises StoreFailed."""

    def rebuild(self, reason: str) -> None:
        """Drop everything and begin before the first changelog record, saying why."""

    def recovered(self) -> None:
        """Told once the store has reached the end of its changelogs."""

    def release(self) -> bool:
        """Told when the partition is given up; answers whether the same object may serve its next assignment here."""
