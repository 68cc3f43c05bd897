"""What one fetch returned: records, and the batch of them that belongs to one partition.

Values are bytes: what they mean is the business of whoever consumes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Headers = Sequence[tuple[str, bytes]]


class Record(NamedTuple):
    """One consumed record; `timestamp_ms` is milliseconds since the epoch, as the broker stored it."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The committed records that one fetch returned for one partition, in offset order and never empty."""

    topic: str
    partition: int
    records: Sequence[Record]


class Output(NamedTuple):
    """One record to produce; partition -1 leaves the choice to murmur2 of the key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int
    timestamp_ms: int | None
