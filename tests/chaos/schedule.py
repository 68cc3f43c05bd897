"""Which faults strike, in which order and for how long: a function of the seed alone.

Knows nothing of servers and processes; `strikes.py` carries a fault out. When exactly a fault hits is not in the seed:
that depends on how fast the machine is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from streams.agents.orchestration import STAGE as ORCHESTRATION
from streams.agents.reconciliation import STAGE as RECONCILIATION
from streams.wiring import STAGES

WORKERS = 2
SESSION_SECONDS = 4.0
"""The workers' session time-out here; a freeze is longer."""


class Kind(StrEnum):
    """What is done to the deployment."""

    KILL = "kill"
    """kill -9 of a stage's process, which is then started again."""
    FREEZE = "freeze"
    """SIGSTOP for longer than the session time-out, then SIGCONT."""
    TERMINATE = "terminate"
    """SIGTERM of a stage's process, which is then started again."""
    SCALE = "scale"
    """A stage goes from one process to three, back to one, and to two again, under load."""
    BROKER_KILL = "broker-kill"
    """kill -9 of a broker, which is then started again on its data."""
    BROKER_CUT = "broker-cut"
    """Every connection to a broker is reset and none is taken for a while."""
    BROKER_SLOW = "broker-slow"
    """What passes between a broker and its clients is delayed."""
    DATABASE_CUT = "database-cut"
    DATABASE_SLOW = "database-slow"
    REGISTRY_FAILS = "registry-fails"
    """The registry answers 503, or nothing, while a process starts that needs it."""
    REGISTRY_SLOW = "registry-slow"
    """The registry's answers are delayed while a process starts that needs it."""
    ANSWER_LOST = "answer-lost"
    """The ERP or the revenue platform has accepted a call, wholly or in part, and its answer is lost."""
    ANSWER_LATE = "answer-late"
    """The ERP or the revenue platform has accepted a call and answers seconds later."""
    CORRUPT = "corrupt"
    """A record that cannot be read, or must be refused, in an input topic."""
    STORM = "storm"
    """A slice of the history is published again."""
    ACKS_AGAIN = "acks-again"
    """Old acknowledgments are published again: late, twice, and out of order."""
    DISK_FULL = "disk-full"
    """The disk with a process's tables has no room left; the process ends, fails to start on it, and goes on once
    there is room."""


# About how often each kind strikes; kinds that take long or stop everything are rarer.
_WEIGHTS: dict[Kind, int] = {
    Kind.KILL: 30,
    Kind.FREEZE: 8,
    Kind.TERMINATE: 12,
    Kind.SCALE: 5,
    Kind.BROKER_KILL: 6,
    Kind.BROKER_CUT: 12,
    Kind.BROKER_SLOW: 6,
    Kind.DATABASE_CUT: 8,
    Kind.DATABASE_SLOW: 4,
    Kind.REGISTRY_FAILS: 4,
    Kind.REGISTRY_SLOW: 4,
    Kind.ANSWER_LOST: 20,
    Kind.ANSWER_LATE: 8,
    Kind.CORRUPT: 30,
    Kind.STORM: 8,
    Kind.ACKS_AGAIN: 12,
    Kind.DISK_FULL: 10,
}
_SECONDS: dict[Kind, tuple[float, float]] = {
    Kind.KILL: (0.0, 2.0),
    Kind.FREEZE: (SESSION_SECONDS + 1.0, SESSION_SECONDS + 4.0),
    Kind.TERMINATE: (0.0, 1.0),
    Kind.SCALE: (1.0, 3.0),
    Kind.BROKER_KILL: (0.0, 2.0),
    Kind.BROKER_CUT: (0.1, 3.0),
    Kind.BROKER_SLOW: (1.0, 4.0),
    Kind.DATABASE_CUT: (0.1, 3.0),
    Kind.DATABASE_SLOW: (1.0, 4.0),
    Kind.REGISTRY_FAILS: (1.0, 3.0),
    Kind.REGISTRY_SLOW: (2.0, 4.0),
    Kind.ANSWER_LATE: (1.0, 4.0),
}
STAGES_WITH_TABLES = (ORCHESTRATION, RECONCILIATION)
_LONGEST_GAP_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the fields that its kind has no use for are drawn all the same."""

    number: int
    kind: Kind
    gap: float
    """Seconds to wait before it, after the one before has begun."""
    stage: str
    worker: int
    broker: int
    seconds: float
    """How long it lasts."""
    seed: int
    """For what else is to be drawn: which slice, which record, which delay."""

    def random(self) -> Random:
        """Return the fault's own source of chance."""
        return Random(self.seed)


def schedule(seed: int, faults: int, kinds: Sequence[Kind] = (), *, brokers: int = 1) -> list[Fault]:
    """Return so many faults, of some kinds or of all; each kind strikes at least once when there are faults enough."""
    chance = Random(f"{seed}/faults")
    wanted = sorted(set(kinds or Kind), key=list(Kind).index)
    drawn = list(wanted[:faults]) if faults >= len(wanted) else chance.sample(wanted, faults)
    drawn += chance.choices(wanted, [_WEIGHTS[kind] for kind in wanted], k=faults - len(drawn))
    chance.shuffle(drawn)
    return [
        Fault(
            number=number,
            kind=kind,
            gap=chance.uniform(0.1, _LONGEST_GAP_SECONDS),
            stage=chance.choice(STAGES_WITH_TABLES if kind is Kind.DISK_FULL else STAGES),
            worker=chance.randrange(WORKERS),
            broker=chance.randrange(brokers),
            seconds=chance.uniform(*_SECONDS.get(kind, (0.0, 0.0))),
            seed=chance.randrange(2**31),
        )
        for number, kind in enumerate(drawn)
    ]
