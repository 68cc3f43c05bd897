"""The whole deployment in one deterministic run: broker, groups, workers, foreign systems, and what goes wrong.

`World(setup).run()` lets everything happen until nothing moves any more. The order of everything comes from the seed;
a step is one thing that one of the actors does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from connectors.erp.ledger.memory import MemoryLedger
from connectors.protocols import ConnectorUnavailable
from streams.agents import capture, orchestration, outbox, posting, reconciliation
from streams.agents.capture import Capture
from streams.agents.orchestration import Orchestration
from streams.agents.posting import Posting
from streams.agents.reconciliation import Reconciliation
from streams.topics import COMMERCIAL_EVENTS, REVENUE_ACKS, SOURCE_EVENTS
from streams.transport import TransportError, producer, recovery
from tests.simulation import clients
from tests.simulation.broker import Broker
from tests.simulation.foreign import ForeignErp, ForeignRevenue
from tests.simulation.group import Group
from tests.simulation.objects import Wire
from tests.simulation.setup import CONFIGURATION, START, Setup, records_of
from tests.simulation.worker import Disk, SimulatedStage, Worker

PATIENCE = dt.timedelta(days=30)
LEAP_SECONDS = 700.0
EVICTED = 0.02
"""How likely, per step, the session of a silent member ends."""
EXITS = 0.1
"""How likely, per step, a process that is stopping by itself is gone."""
_STEP_SECONDS = 0.0005
_TRANSACTION_SECONDS = 2.0
"""How long a transaction may stay open: thousands of steps."""
_SWEEP = 1_000
"""Steps between two looks for those that were open too long."""


class Stuck(AssertionError):
    """A run that does not come to its end."""


@dataclass
class Struck:
    """What went wrong, for reports."""

    told: list[str] = field(default_factory=list)

    def tell(self, what: str) -> None:
        self.told.append(what)


class World:
    """See the module."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.random = Random(setup.seed)
        self.seconds = 0.0
        self.steps = 0
        self.points = 0
        """Times that a worker was about to do something: where it can be struck."""
        self.actions = 0
        """What happened: steps of workers, fetches, markers, events published; records are counted apart."""
        self.records = 0
        self.struck = Struck()
        self.batch = setup.batch
        self.broker = Broker(self._partitions_of, lambda: int(self.seconds * 1000))
        policy = CONFIGURATION.policy
        self.wire = Wire(policy, encoded=setup.encoded)
        self.revenue = ForeignRevenue(self)
        entities = policy.first_open_periods
        self.erp = ForeignErp(self, MemoryLedger(CONFIGURATION.chart.numbers, entities), self.revenue)
        self.erp.acknowledged = self._acknowledged
        self.groups = {name: Group(f"tieout-{name}", self._partitions_of_stage(name)) for name in setup.stages}
        self.broker.check_membership = lambda membership: self._group(membership[0]).check(membership)
        self.workers: list[Worker] = []
        self._orphans: list[Worker] = []
        """Dead processes whose machine runs a new one while the group may still count on them."""
        self._disks: dict[tuple[str, str], Disk] = {}
        self._waiting = records_of(setup.events)
        self._published = 0
        self._until = len(self._waiting) - setup.last_closes
        self._changes_at_tick = -1
        self._acks: set[str] = set()
        self._acks_at = -1

    # --- the parts

    def _partitions_of(self, topic: str) -> int:
        return 1 if topic == SOURCE_EVENTS else self.setup.partitions

    def _partitions_of_stage(self, name: str) -> int:
        return 1 if name == "capture" else self.setup.partitions

    def _group(self, app_id: str) -> Group:
        return self.groups[app_id.removeprefix("tieout-")]

    def new_stage(self, worker: Worker) -> SimulatedStage:
        """Build the stage of a worker, as `streams.wiring` does."""
        name, policy = worker.group.name, CONFIGURATION.policy
        stage, box = SimulatedStage(worker, name, self.wire), self.wire.outbox
        match name.removeprefix("tieout-"):
            case "capture":
                Capture(stage, box, policy, self.setup.partitions, sources=self._partitions_of(SOURCE_EVENTS))
            case "orchestration":
                Orchestration(stage, box, policy)
            case "posting":
                Posting(
                    stage,
                    box,
                    self.revenue,
                    self.erp,
                    policy=CONFIGURATION.posting,
                    partitions=self.setup.partitions,
                    draw=self.random.random,
                )
            case _:
                Reconciliation(stage, box, policy, PATIENCE)
        return stage

    def _start(self, stage: str, machine: str) -> None:
        disk = self._disks.setdefault((stage, machine), {}) if self.setup.disk else None
        self.workers.append(Worker(self, self.groups[stage], machine, disk))

    def now(self) -> dt.datetime:
        return START + dt.timedelta(seconds=self.seconds)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Put broker and clock in the place of the real ones, for as long as the run lasts."""
        places: list[tuple[object, str, object]] = [
            (producer, "LibrdkafkaProducer", clients.SimulatedProducer),
            (recovery, "LibrdkafkaConsumer", clients.SimulatedConsumer),
            (clients, "network", self),
        ]
        places += [(module, "now", self.now) for module in (capture, orchestration, outbox, posting, reconciliation)]
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
        for owner, name, value in places:
            setattr(owner, name, value)
        try:
            yield
        finally:
            for owner, name, value in before:
                setattr(owner, name, value)

    # --- running

    def run(self) -> World:
        """Let everything happen. Raises Stuck when it does not come to an end."""
        with self.installed():
            for stage in self.setup.stages:
                for number in range(self.setup.workers):
                    self._start(stage, f"m{number}")
            while self._round() or self._idle():
                if self.steps > self.setup.steps:
                    raise Stuck(f"{self.steps} steps and no end; {self.report()}")
        return self

    def _round(self) -> bool:
        """Let randomly chosen actors go on for a while; return whether anything moved."""
        moved, random = False, self.random.random
        misses, enough = 0, 4 * len(self.workers)
        while misses < enough:
            self.steps += 1
            self.seconds += _STEP_SECONDS
            if self.steps % _SWEEP == 0:
                self.broker.expire_transactions(begun_before=int((self.seconds - _TRANSACTION_SECONDS) * 1000))
                if self.steps > self.setup.steps:
                    return True
            chosen = int(random() * (len(self.workers) + 2))
            if chosen < len(self.workers):
                went = self._let(self.workers[chosen])
            elif chosen == len(self.workers):
                went = self.broker.has_markers
                if went:
                    self.broker.write_marker(self.random)
            else:
                went = self._publish()
            moved = moved or went
            self.actions += went
            misses = 0 if went else misses + 1
        return self._everybody() or moved

    def _everybody(self) -> bool:
        """Give everyone one turn, so that nothing that can move is overlooked."""
        moved = self._publish()
        while self.broker.has_markers:
            self.broker.write_marker(self.random)
            moved = True
        for worker in list(self.workers):
            moved = self._let(worker, heartbeat=1.0) or moved
        for group in self.groups.values():
            moved = group.settle() or moved
        return moved

    def _let(self, worker: Worker, heartbeat: float = 0.05) -> bool:
        """Let one worker go on, or be struck."""
        if worker.dead:
            return self._after_death(worker)
        if worker.frozen_until is not None:
            if self.random.random() < EVICTED:
                worker.group.leave(worker)
            if self.steps < worker.frozen_until:
                return False
            worker.frozen_until = None
        if (
            worker.exit is None
            and (worker.group.is_rebalancing or worker.member not in worker.group.members)
            and (self.random.random() < 4 * heartbeat)
        ):
            moved = worker.group.heartbeat(worker)
            if worker.group.settle() or moved:
                return True
        if worker.exit is not None and (not worker.busy or self.random.random() < EXITS):
            worker.kill()
            return True
        if worker.busy:
            self.points += 1
            if self._strikes(worker):
                return True
        went = worker.step()
        if worker.unexpected:
            raise worker.unexpected[0]
        return went is not None

    def _after_death(self, worker: Worker) -> bool:
        error = worker.exit
        if error is not None and not isinstance(error, TransportError | ConnectorUnavailable):
            raise error
        if self.random.random() < EVICTED:
            worker.group.leave(worker)
        if self.random.random() < EVICTED:
            self.workers.remove(worker)
            self._start(worker.group.name.removeprefix("tieout-"), worker.machine)
            self._orphans.append(worker)
            return True
        return False

    def _publish(self) -> bool:
        if self._published >= self._until:
            return False
        event = self._waiting[self._published]
        self._published += 1
        topic = SOURCE_EVENTS if "capture" in self.setup.stages else COMMERCIAL_EVENTS
        self.broker.publish(topic, event.context.contract_id.encode(), self.wire.encode(topic, event))
        return True

    def _idle(self) -> bool:
        """Nothing moves by itself: let time pass. Returns False when the run is over."""
        for worker in self.workers:
            if worker.dead or worker.frozen_until is not None:
                return self._end_silence(worker)
        for worker in self._orphans:
            if worker.member in worker.group.members:
                worker.group.leave(worker)
                return True
        self._orphans.clear()
        if self.broker.expire_transactions():
            return True
        timers = [due for worker in self.workers if (due := worker.loop.next_timer()) is not None]
        if timers:
            self.seconds = max(self.seconds, min(timers))
            for worker in self.workers:
                worker.loop.fire_timers()
            return True
        if self._changes_at_tick != self.broker.changes:
            self._changes_at_tick = self.broker.changes
            self.seconds += 1.0
            for worker in self.workers:
                worker.tick()
            return True
        if self._until < len(self._waiting):
            self._until = len(self._waiting)
            return True
        return False

    def _end_silence(self, worker: Worker) -> bool:
        if worker.member in worker.group.members:
            worker.group.leave(worker)
        elif worker.dead:
            self.workers.remove(worker)
            self._start(worker.group.name.removeprefix("tieout-"), worker.machine)
        else:
            worker.frozen_until = None
        return True

    # --- faults

    def _strikes(self, worker: Worker) -> bool:
        """Let something happen to a worker before its next step; return whether something did."""
        faults, at = self.setup.faults, self.points
        if at in faults.crash_at:
            return self._crash(worker)
        if at in faults.freeze_at:
            if faults.freeze_for is None:
                return self._freeze(worker, self.setup.steps)
            worker.group.leave(worker)
            return self._freeze(worker, self.steps + faults.freeze_for)
        if len(self.struck.told) >= faults.most:
            return False
        drawn = self.random.random()
        for rate, strike in (
            (faults.crash, self._crash),
            (faults.freeze, lambda it: self._freeze(it, self.steps + int(10 ** (1 + 3 * self.random.random())))),
            (faults.stop, self._stop),
            (faults.start, self._start_another),
            (faults.compact, self._compact),
            (faults.leap, self._leap),
        ):
            if drawn < rate:
                return strike(worker)
            drawn -= rate
        return False

    def _crash(self, worker: Worker) -> bool:
        self.struck.tell(f"point {self.points}: {worker.name} killed before: {worker.next_label()}")
        worker.kill()
        return True

    def _freeze(self, worker: Worker, until: int) -> bool:
        self.struck.tell(f"point {self.points}: {worker.name} frozen before: {worker.next_label()}")
        worker.frozen_until = until
        return True

    def _stop(self, worker: Worker) -> bool:
        self.struck.tell(f"point {self.points}: {worker.name} stopped")
        worker.spawn(self._stopping(worker))
        return False

    async def _stopping(self, worker: Worker) -> None:
        await worker.stage.on_stop()
        worker.group.leave(worker)
        worker.kill()

    def _start_another(self, worker: Worker) -> bool:
        running = sum(1 for other in self.workers if other.group is worker.group)
        if running < self.setup.workers + 2:
            self.struck.tell(f"point {self.points}: one more {worker.group.name}")
            self._start(worker.group.name.removeprefix("tieout-"), f"m{running}")
        return False

    def _compact(self, worker: Worker) -> bool:
        for place, log in self.broker.logs.items():
            if place[0].endswith("-changelog"):
                log.compact()
        return False

    def _leap(self, worker: Worker) -> bool:
        self.struck.tell(f"point {self.points}: {LEAP_SECONDS} s pass")
        self.seconds += LEAP_SECONDS
        for each in self.workers:
            if not each.dead and each.frozen_until is None:
                each.tick()
        return False

    def answer_lost(self, call: str) -> bool:
        faults = self.setup.faults
        return self._foul(faults.forgotten if call in ("revenue", "erp") else faults.lost, f"answer to {call} lost")

    def outcome_unknown(self) -> bool:
        return self._foul(self.setup.faults.unknown, "outcome of a commit unknown")

    def unavailable(self, system: str) -> bool:
        return self._foul(self.setup.faults.unavailable, f"{system} unavailable")

    def _foul(self, rate: float, what: str) -> bool:
        if not rate or len(self.struck.told) >= self.setup.faults.most or self.random.random() >= rate:
            return False
        self.struck.tell(f"point {self.points}: {what}")
        return True

    # --- looking

    def visible(self, topic: str) -> list[object]:
        """Return what committed reads see of a topic, decoded, partition by partition."""
        return [self.wire.decode(topic, entry.value) for log in self.broker.logs_of(topic) for entry in log.visible()]

    def _acknowledged(self, command_id: str) -> bool:
        if command_id not in self._acks and self._acks_at != self.broker.changes:
            self._acks_at = self.broker.changes
            for log in self.broker.logs_of(REVENUE_ACKS):
                self._acks.update(
                    self.wire.decode(REVENUE_ACKS, entry.value).command_id
                    for entry in log.entries
                    if entry.attempt is not None and entry.attempt.committed
                )
        return command_id in self._acks

    def report(self) -> str:
        """Say what went wrong and where everything is."""
        where = "; ".join(f"{it.name}: {'dead' if it.dead else it.next_label()}" for it in self.workers)
        return f"seed {self.setup.seed}, faults: {self.struck.told}; {where}"
