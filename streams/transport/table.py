"""Tables: named, partitioned state with a changelog.

A table knows its names, its codec and what of it is watched; where its partitions are kept is the business of
`store`, and of the modules that implement it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from streams.transport.watch import Watch

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
    watch: Watch[V] | None = None
    cached: bool = True
    """Whether a store on disk keeps values that were used lately decoded in memory."""
