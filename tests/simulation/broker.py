"""Apache Kafka as a model: partitions, transactions with epochs and markers, committed reads, offsets, compaction.

Everything happens at once when it is called, but for the end of a transaction: the coordinator decides, and each
partition learns it later, one marker at a time (`write_marker`), as on a real cluster. Knows nothing of clients.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random

Place = tuple[str, int]
"""A topic and a partition."""


class Refused(Exception):
    """What a broker answers instead of doing as asked."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Refusal(Enum):
    """Why a broker refuses."""

    FENCED = "the producer's epoch has passed"
    CONCURRENT = "the earlier transaction of this id is still being settled"
    GENERATION = "the group has moved on to another generation"
    MEMBER = "not a member of the group"
    NO_TRANSACTION = "no transaction is open"
    UNSTABLE = "a transaction that commits these offsets is not settled"


@dataclass(eq=False, slots=True)
class Attempt:
    """One transaction: open until `committed` is True or False."""

    id: str
    begun: int = 0
    """Milliseconds."""
    committed: bool | None = None
    places: dict[Place, None] = field(default_factory=dict)
    offsets: dict[str, dict[Place, int]] = field(default_factory=dict)
    """By group."""


@dataclass(slots=True)
class Entry:
    """A record in a partition; it has the attributes that a fetched record has."""

    offset: int
    key: bytes | None
    value: object
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int
    attempt: Attempt | None


class Log:
    """One partition."""

    __slots__ = ("end", "entries", "offsets", "open")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.offsets: list[int] = []
        self.end = 0
        self.open: dict[Attempt, int] = {}
        """Transactions without a marker here, with their first offset."""

    def append(
        self,
        key: bytes | None,
        value: object,
        headers: tuple[tuple[str, bytes], ...],
        timestamp: int,
        attempt: Attempt | None,
    ) -> int:
        offset = self.end
        self.entries.append(Entry(offset, key, value, headers, timestamp, attempt))
        self.offsets.append(offset)
        self.end = offset + 1
        if attempt is not None:
            self.open.setdefault(attempt, offset)
        return offset

    def mark(self, attempt: Attempt) -> None:
        """Write the marker that ends a transaction here; it takes an offset."""
        self.open.pop(attempt, None)
        self.end += 1

    @property
    def stable(self) -> int:
        """The last stable offset: what committed reads go up to."""
        return min(self.open.values()) if self.open else self.end

    def read(self, position: int, limit: int, *, committed: bool = True) -> tuple[list[Entry], int]:
        """Return records from a position on, and the position after them."""
        bound = self.stable if committed else self.end
        found: list[Entry] = []
        for at in range(bisect_left(self.offsets, position), len(self.entries)):
            entry = self.entries[at]
            if entry.offset >= bound:
                break
            if not committed or entry.attempt is None or entry.attempt.committed:
                found.append(entry)
                if len(found) == limit:
                    return found, entry.offset + 1
        return found, max(position, bound)

    def visible(self) -> list[Entry]:
        """Return everything that committed reads see."""
        return self.read(0, len(self.entries) + 1)[0]

    def compact(self) -> None:
        """Keep below the last stable offset only the last committed record of each key."""
        bound = self.stable
        last = {
            entry.key: entry
            for entry in self.entries
            if entry.offset < bound and (entry.attempt is None or entry.attempt.committed)
        }
        self.entries = [it for it in self.entries if it.offset >= bound or last.get(it.key) is it]
        self.offsets = [it.offset for it in self.entries]


@dataclass(slots=True)
class Producer:
    """What the coordinator knows of a transactional id."""

    epoch: int = 0
    attempt: Attempt | None = None
    settling: int = 0
    """Markers of the last transaction that are not written yet."""
    last_committed: bool | None = None


Membership = tuple[str, int, str]
"""Group, generation, member."""


class Broker:
    """One cluster. `partitions` says how many partitions a topic has."""

    def __init__(self, partitions: Callable[[str], int], now_ms: Callable[[], int]) -> None:
        self._partitions = partitions
        self._now_ms = now_ms
        self.logs: dict[Place, Log] = {}
        self.producers: dict[str, Producer] = {}
        self.offsets: dict[str, dict[Place, int]] = {}
        self.check_membership: Callable[[Membership], Refusal | None] = lambda _: None
        self.changes = 0
        """Counts everything that changes what somebody may read."""
        self._markers: list[tuple[Producer, Attempt, Place | str]] = []
        self._pending_offsets: dict[str, dict[Attempt, Iterable[Place]]] = {}

    def log(self, place: Place) -> Log:
        found = self.logs.get(place)
        if found is None:
            found = self.logs[place] = Log()
        return found

    def logs_of(self, topic: str) -> list[Log]:
        return [self.log((topic, number)) for number in range(self._partitions(topic))]

    def place_of(self, topic: str, key: bytes | None, partition: int) -> Place:
        return (topic, partition if partition >= 0 else zlib.crc32(key or b"") % self._partitions(topic))

    def publish(self, topic: str, key: bytes | None, value: object) -> None:
        """Append outside of any transaction."""
        self.changes += 1
        self.log(self.place_of(topic, key, -1)).append(key, value, (), self._now_ms(), None)

    # Transactions

    def init(self, transactional_id: str) -> int:
        """Fence earlier producers of an id; return the epoch. Refused while their transaction is being settled."""
        producer = self.producers.setdefault(transactional_id, Producer())
        if producer.attempt is not None:
            producer.epoch += 1
            self._decide(producer, committed=False)
        if producer.settling:
            raise Refused(Refusal.CONCURRENT)
        producer.epoch += 1
        producer.last_committed = None
        return producer.epoch

    def produce(
        self,
        transactional_id: str,
        epoch: int,
        place: Place,
        key: bytes | None,
        value: object,
        headers: tuple[tuple[str, bytes], ...],
    ) -> int:
        attempt = self._attempt(transactional_id, epoch)
        attempt.places[place] = None
        self.changes += 1
        return self.log(place).append(key, value, headers, self._now_ms(), attempt)

    def send_offsets(
        self, transactional_id: str, epoch: int, membership: Membership, offsets: Mapping[Place, int]
    ) -> None:
        refusal = self.check_membership(membership)
        if refusal is not None:
            raise Refused(refusal)
        attempt = self._attempt(transactional_id, epoch)
        group = membership[0]
        attempt.offsets.setdefault(group, {}).update(offsets)
        self._pending_offsets.setdefault(group, {})[attempt] = attempt.offsets[group]

    def end(self, transactional_id: str, epoch: int, *, committed: bool) -> None:
        """Decide a transaction. Asking again for what was decided is no error."""
        producer = self._producer(transactional_id, epoch)
        if producer.attempt is None:
            if producer.last_committed is committed:
                return
            raise Refused(Refusal.NO_TRANSACTION)
        self._decide(producer, committed=committed)

    def _attempt(self, transactional_id: str, epoch: int) -> Attempt:
        producer = self._producer(transactional_id, epoch)
        if producer.settling:
            raise Refused(Refusal.CONCURRENT)
        if producer.attempt is None:
            producer.attempt = Attempt(transactional_id, self._now_ms())
            producer.last_committed = None
        return producer.attempt

    def _producer(self, transactional_id: str, epoch: int) -> Producer:
        producer = self.producers[transactional_id]
        if producer.epoch != epoch:
            raise Refused(Refusal.FENCED)
        return producer

    def _decide(self, producer: Producer, *, committed: bool) -> None:
        attempt = producer.attempt
        assert attempt is not None
        attempt.committed = committed
        producer.attempt, producer.last_committed = None, committed
        targets: list[Place | str] = [*attempt.places, *attempt.offsets]
        producer.settling = len(targets)
        self._markers += [(producer, attempt, target) for target in targets]

    @property
    def has_markers(self) -> bool:
        return bool(self._markers)

    def write_marker(self, random: Random) -> None:
        """Let one partition, or one group's offsets, learn the end of a transaction."""
        producer, attempt, target = self._markers.pop(int(random.random() * len(self._markers)))
        self.changes += 1
        producer.settling -= 1
        if isinstance(target, str):
            del self._pending_offsets[target][attempt]
            if attempt.committed:
                self.offsets.setdefault(target, {}).update(attempt.offsets[target])
        else:
            self.log(target).mark(attempt)

    def expire_transactions(self, begun_before: int | None = None) -> bool:
        """Abort what was left open by producers that are gone: the transaction timeout."""
        found = [
            producer
            for producer in self.producers.values()
            if producer.attempt is not None and (begun_before is None or producer.attempt.begun < begun_before)
        ]
        for producer in found:
            producer.epoch += 1
            self._decide(producer, committed=False)
        return bool(found)

    # Group offsets

    def committed(self, group: str, place: Place, *, stable: bool) -> int | None:
        """Return a group's offset; `stable` refuses to answer while a transaction could still move it."""
        if stable and any(place in places for places in self._pending_offsets.get(group, {}).values()):
            raise Refused(Refusal.UNSTABLE)
        return self.offsets.get(group, {}).get(place)

    def commit_offsets(self, group: str, offsets: Mapping[Place, int]) -> None:
        """Commit offsets outside of any transaction (only broken protocols do)."""
        self.changes += 1
        self.offsets.setdefault(group, {}).update(offsets)
