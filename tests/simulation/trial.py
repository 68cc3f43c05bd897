"""One trial: a seed decides history, deployment, schedule and faults; it is run and judged."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.simulation.faults import drawn
from tests.simulation.histories import story
from tests.simulation.invariants import check
from tests.simulation.mutants import mutated
from tests.simulation.world import Setup, World

STORIES = 40
"""Histories that the trials share, so that each is worked out without faults only once."""


@dataclass(frozen=True)
class Verdict:
    """What came of a trial; `broken` is None when every promise was kept."""

    seed: int
    broken: str | None
    points: int
    records: int
    faults: int


def setup_of(seed: int) -> Setup:
    """Draw the whole setup of a seed."""
    random = Random(f"setup {seed}")
    number = seed % STORIES
    told = story(number, contracts=1 + number % 3, events=12 + number % 5 * 4, broken=number % 4 // 2)
    return Setup(
        seed,
        told.events,
        told.last_closes,
        partitions=random.choice((1, 1, 2, 3)),
        workers=random.choice((1, 2, 2)),
        batch=random.choice((1, 3, 8, 20)),
        disk=random.random() < 0.5,
        encoded=random.random() < 0.02,
        faults=drawn(random),
    )


def trial(seed: int, mutant: str | None = None, setup: Setup | None = None) -> Verdict:
    """Run a seed's trial, or a given setup, and say what came of it."""
    world = World(setup or setup_of(seed))
    broken: str | None = None
    with mutated(mutant):
        try:
            world.run()
            check(world)
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            broken = f"{type(error).__name__}: {error}\n{world.report()}\nreplay: {replay(seed, mutant)}"
    return Verdict(seed, broken, world.points, world.records, len(world.struck.told))


def replay(seed: int, mutant: str | None = None) -> str:
    """Return the command line that runs a seed again."""
    broken = f" --mutant {mutant}" if mutant else ""
    return f"python -m tests.simulation --seed {seed}{broken}"
