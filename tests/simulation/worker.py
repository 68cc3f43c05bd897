"""A worker process: one real stage with its real handlers, a consumer that fetches for it, and its group membership.

What Faust and aiokafka do between broker and stage is modelled here (fetch, heartbeat, rejoin, timers); what the stage
does with it is the product's own code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, cast

from streams.transport import Stage, Table
from streams.transport.app import StageApp
from streams.transport.memory_store import MemoryPartition
from streams.transport.store import PartitionStore, Written
from streams.transport.table import Deleted
from tests.simulation.broker import Entry
from tests.simulation.runtime import Process, point

if TYPE_CHECKING:
    from tests.simulation.group import Group
    from tests.simulation.objects import Wire
    from tests.simulation.world import World

Disk = dict[int, "Image"]
"""What outlives a process on its machine: stores by partition."""


@dataclass
class Image:
    """One partition's tables as they lie on a disk, by name."""

    values: dict[str, dict[bytes, object]] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)


class SimulatedPartition(MemoryPartition):
    """A partition's store: what it is told is a point before and after, and with an image it outlives its process."""

    def __init__(self, process: Process, tables: Sequence[Table[object]], image: Image | None) -> None:
        super().__init__(tables)
        self._process = process
        self._image = image
        for table in tables if image is not None else ():
            for key, value in image.values.get(table.name, {}).items() if image is not None else ():
                self._stores[table].put(key, value)
            self._offsets[table] = image.offsets.get(table.name, -1) if image is not None else -1

    def commit(self, changes: Mapping[Table[object], Sequence[Written]], offsets: Mapping[Table[object], int]) -> None:
        point(self._process, "store is written")
        super().commit(changes, offsets)
        self._keep({table: [(it.key, it.value) for it in writes] for table, writes in changes.items()})
        point(self._process, "store was written")

    def restore(
        self,
        records: Mapping[Table[object], Sequence[tuple[bytes, bytes | None]]],
        offsets: Mapping[Table[object], int],
    ) -> None:
        super().restore(records, offsets)
        self._keep(
            {
                table: [(key, Deleted.KEY if it is None else table.decode(it)) for key, it in found]
                for table, found in records.items()
            }
        )

    def rebuild(self, reason: str) -> None:
        super().rebuild(reason)
        if self._image is not None:
            self._image.values.clear()
            self._image.offsets.clear()

    def _keep(self, changes: Mapping[Table[object], Sequence[tuple[bytes, object]]]) -> None:
        if self._image is None:
            return
        for table, writes in changes.items():
            values = self._image.values.setdefault(table.name, {})
            for key, value in writes:
                if isinstance(value, Deleted):
                    values.pop(key, None)
                else:
                    values[key] = value
            self._image.offsets[table.name] = self._offsets[table]


class App:
    """What a stage asks of its Faust app."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.should_stop = False

    async def crash(self, error: BaseException) -> None:
        self.should_stop = True
        self._worker.stopped(error)


class SimulatedStage(Stage):
    """The product's stage, told where its broker is."""

    def __init__(self, worker: Worker, name: str, wire: Wire) -> None:
        super().__init__(name, "simulated:9092")
        self.worker = worker
        self._wire = wire
        self._new_store = self._simulated_store
        self._app = cast(StageApp, App(worker))

    def table(
        self, name: str, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any], **more: Any
    ) -> Table[Any]:
        return super().table(name, *self._wire.table_codec(encode, decode), **more)

    def _common(self) -> dict[str, str]:
        return {}

    def _simulated_store(self, number: int) -> PartitionStore:
        disk = self.worker.disk
        return SimulatedPartition(self.worker, self._tables, None if disk is None else disk.setdefault(number, Image()))


class Worker(Process):
    """One process of a stage. `machine` names its disk and stays the same when it is started again."""

    reads_committed = True

    def __init__(self, world: World, group: Group, machine: str, disk: Disk | None) -> None:
        super().__init__(f"{group.name}/{machine}", lambda: world.seconds)
        self._world = world
        self._random: Random = world.random
        self.group = group
        self.machine = machine
        self.disk = disk
        self.member = ""
        self.generation = -1
        self.frozen_until: int | None = None
        self.exit: BaseException | None = None
        self.rejoining = False
        self._positions: dict[tuple[str, int], int | None] = {}
        self._read_all_at = -1
        """How much the broker had changed when there was nothing to fetch; -1 when that may have changed."""
        self.stage = world.new_stage(self)
        self._topics = self.stage.consumed_topics()
        group.join(self)

    def stopped(self, error: BaseException) -> None:
        """The stage gave up: the process will end soon, and what is under way goes on until then."""
        self.exit = error

    # Membership

    def rejoin(self) -> None:
        """Give up every partition, then join the group again."""
        self.rejoining = True
        self._positions.clear()
        self.spawn(self._rejoin())

    async def _rejoin(self) -> None:
        await self.stage.on_revoked()
        self.group.joined(self)

    def assigned(self, partitions: set[int], generation: int) -> None:
        """Hear what the group assigns."""
        self.rejoining = False
        self.generation = generation
        self._read_all_at = -1
        self._positions = {(topic, number): None for number in sorted(partitions) for topic in self._topics}
        self.loop.call_soon(self.stage.on_assigned, partitions, generation, self.member)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine of the framework's."""
        self.loop.create_task(work)

    # Doing

    @property
    def busy(self) -> bool:
        return bool(self.loop.ready or self.jobs)

    def step(self) -> str | None:
        """Do one thing; return what it was, or None when there is nothing to do."""
        choices = len(self.jobs) + bool(self.loop.ready)
        if choices == 0 and self._read_all_at == self._world.broker.changes:
            return None
        if choices == 0 or self._random.random() < 0.2:
            fetched = self._fetch()
            if fetched or choices == 0:
                return "fetch" if fetched else None
        self._read_all_at = -1
        chosen = int(self._random.random() * choices)
        if chosen < len(self.jobs):
            job = self.jobs[chosen]
            label = job.label
            self.run_job(job)
            return label
        self.run_loop()
        return "event loop"

    def next_label(self) -> str:
        """Say what a crash now prevents, for reports."""
        return ", ".join(job.label for job in self.jobs) or ("event loop" if self.loop.ready else "fetch")

    def _fetch(self) -> bool:
        if not self._positions or self.exit is not None:
            return False
        places = list(self._positions)
        start = int(self._random.random() * len(places))
        for place in (*places[start:], *places[:start]):
            topic, number = place
            position = self._positions[place]
            if position is None:
                position = self._positions[place] = (
                    self._world.broker.committed(self.group.name, place, stable=False) or 0
                )
            log = self._world.broker.log(place)
            end = log.stable if self.reads_committed else log.end
            if position >= end or not self.stage.accepts(number):
                continue
            most = 1 + int(self._random.random() * self._world.batch)
            records, after = log.read(position, most, committed=self.reads_committed)
            self._positions[place] = after
            if records:
                self._world.records += len(records)
                self.stage.on_fetched(number)
                handler = self.stage._handlers[topic]
                stream = _Stream(_Message(number, self.generation, records))
                self.spawn(self.stage._agent(topic, handler)(cast(Any, stream)))
                return True
        self._read_all_at = self._world.broker.changes
        return False

    def tick(self) -> None:
        """Let the stage's timers fire."""
        for timer in self.stage._timers:
            self.spawn(self.stage._tick(timer.handler))


class _Message:
    __slots__ = ("generation_id", "partition", "value")

    def __init__(self, partition: int, generation_id: int, value: list[Entry]) -> None:
        self.partition = partition
        self.generation_id = generation_id
        self.value: Any = value


class _Event:
    __slots__ = ("message",)

    def __init__(self, message: _Message) -> None:
        self.message = message


class _Stream:
    """A stream with one message: what Faust hands to an agent."""

    def __init__(self, message: _Message) -> None:
        self._event = _Event(message)

    async def events(self) -> AsyncIterator[_Event]:
        yield self._event
