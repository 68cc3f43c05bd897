"""Tables: named, partitioned state with a changelog, and the store that holds one partition of one.

A table only knows its names and its codec. A store only holds what a committed transaction or the changelog wrote:
nobody writes to it while a handler runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

V = TypeVar("V")


class Deleted(Enum):
    """What an overlay holds for a key that the transaction deletes."""

    KEY = "deleted"


@dataclass(frozen=True, slots=True, eq=False)
class Table(Generic[V]):
    """Keys of bytes to values of `V`, partitioned like the stage's input.

    Values must be immutable: the store hands out the object it keeps. `decode(encode(value))` must equal the value.
    """

    name: str
    changelog_topic: str
    encode: Callable[[V], bytes]
    decode: Callable[[bytes], V]


@dataclass(slots=True)
class MemoryStore(Generic[V]):
    """One partition of a table in memory, decoded, as of `applied_offset` of its changelog (-1: nothing yet)."""

    values: dict[bytes, V] = field(default_factory=dict)
    applied_offset: int = -1

    def get(self, key: bytes) -> V | None:
        return self.values.get(key)

    def items(self) -> Iterator[tuple[bytes, V]]:
        return iter(self.values.items())

    def apply(self, changes: Mapping[bytes, V | Deleted], changelog_offset: int) -> None:
        """Take in what a committed transaction changed; its last changelog record has `changelog_offset`."""
        for key, value in changes.items():
            self.restore(key, value)
        self.applied_offset = changelog_offset

    def restore(self, key: bytes, value: V | Deleted) -> None:
        """Take in one changelog record."""
        if isinstance(value, Deleted):
            self.values.pop(key, None)
        else:
            self.values[key] = value
