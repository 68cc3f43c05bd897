"""One trial: a seed decides history, deployment, schedule and faults; it is run and judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from tests.simulation.faults import drawn
from tests.simulation.histories import story, tiny
from tests.simulation.invariants import Broken, check
from tests.simulation.mutants import mutated
from tests.simulation.setup import STAGES, Setup
from tests.simulation.world import World

STORIES = 40
"""Histories that the trials share, so that each is worked out without faults only once."""


@dataclass(frozen=True)
class Verdict:
    """What came of a trial; `broken` is None when every promise was kept."""

    broken: str | None
    points: int
    steps: int
    """Actions and records processed."""
    faults: int


def setup_of(seed: int) -> Setup:
    """Draw the whole setup of a seed: most are small, so that many schedules are tried; one in six is a whole road."""
    random = Random(f"setup {seed}")
    return _road(seed, random) if seed % 6 == 0 else _corner(seed, random)


def _road(seed: int, random: Random) -> Setup:
    number = seed // 6 % STORIES
    size = 12 + number % 5 * 4
    told = story(number, contracts=1 + number % 3, events=size, broken=number % 4 // 2, wider=number % 4 == 1)
    return Setup(
        seed,
        told.events,
        told.last_closes,
        partitions=random.choice((1, 1, 2, 3)),
        workers=random.choice((1, 2, 2)),
        batch=random.choice((1, 3, 8, 20)),
        disk=random.random() < 0.5,
        encoded=random.random() < 0.1,
        faults=drawn(random),
    )


def _corner(seed: int, random: Random) -> Setup:
    told = tiny(random.randrange(STORIES), random.choice((3, 5, 8)))
    return Setup(
        seed,
        told.events,
        told.last_closes,
        partitions=1,
        workers=random.choice((1, 2)),
        batch=random.choice((1, 4, 20)),
        disk=random.random() < 0.5,
        stages=random.choice((("orchestration", "posting"), STAGES[1:])) if random.random() < 0.9 else STAGES,
        faults=drawn(random),
    )


def trial(seed: int, mutant: str | None = None) -> Verdict:
    """Run a seed's trial and say what came of it."""
    verdict = judge(setup_of(seed), mutant)
    if verdict.broken is None:
        return verdict
    broken = f" --mutant {mutant}" if mutant else ""
    return replace(verdict, broken=f"{verdict.broken}\nreplay: python -m tests.simulation --seed {seed}{broken}")


def judge(setup: Setup, mutant: str | None = None) -> Verdict:
    """Run a setup and say what came of it."""
    world = World(setup)
    broken: str | None = None
    with mutated(mutant):
        try:
            world.run()
            check(world)
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            broken = f"{type(error).__name__}: {error}"
            broken += "" if isinstance(error, Broken) else f"\n{world.report()}"
    return Verdict(broken, world.points, world.actions + world.records, len(world.struck.told))
