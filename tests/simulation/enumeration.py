"""Every point of a small history, one after the other: what if the process died there, or was frozen there?

The schedule of the run without faults is followed up to the point; what comes after it is the simulation's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.faults import Faults, at
from tests.simulation.histories import tiny
from tests.simulation.invariants import check
from tests.simulation.setup import STAGES, Setup
from tests.simulation.trial import Verdict, judge
from tests.simulation.world import World

_ROAD = tiny(5, 6)
_CORNER = tiny(1, 3)

PLACES: dict[str, Setup] = {
    # A contract with an amendment, an early invoice, usage and a period end, through all stages.
    "road": Setup(0, _ROAD.events, _ROAD.last_closes, partitions=1, workers=1, batch=4, disk=True),
    # The same with somebody who takes over while the frozen one still believes it owns the partition.
    "zombies": Setup(
        0, _ROAD.events, _ROAD.last_closes, partitions=1, workers=2, batch=4, disk=True, stages=STAGES[1:3]
    ),
    # Few points, for every pair of them.
    "corner": Setup(
        0, _CORNER.events, _CORNER.last_closes, partitions=1, workers=1, batch=8, disk=True, stages=STAGES[1:3]
    ),
}


BRIEF = (20, 40, 80, 120, 160, 240, 320, 480)
"""Steps of freezes that end while the takeover is under way."""


def points_of(setup: Setup) -> int:
    """Return how many points a run has; it must keep every promise."""
    world = World(setup).run()
    check(world)
    return world.points


def crashes(setup: Setup) -> Iterator[Faults]:
    """A crash at each point."""
    for number in range(1, points_of(setup) + 1):
        yield at(crash=(number,))


def freezes(setup: Setup, *, steps: int | None = None) -> Iterator[Faults]:
    """A freeze at each point, which outlasts the session and, without `steps`, everything that others have to do."""
    for number in range(1, points_of(setup) + 1):
        yield at(freeze=(number,), steps=steps)


def pairs(setup: Setup, *, every: int = 1) -> Iterator[Faults]:
    """A crash at each point, and another at each later point of the run that follows; `every`th of them."""
    count = 0
    for first in range(1, points_of(setup) + 1):
        after = World(replace(setup, faults=at(crash=(first,)))).run().points
        for second in range(first + 1, after + 1):
            count += 1
            if count % every == 0:
                yield at(crash=(first, second))


def struck(place: str, faults: Faults, mutant: str | None = None) -> Verdict:
    """Run a place with the given faults and say what came of it."""
    verdict = judge(replace(PLACES[place], faults=faults), mutant)
    if verdict.broken is None:
        return verdict
    points = [f"--crash-at {it}" for it in sorted(faults.crash_at)]
    points += [f"--freeze-at {it}" for it in sorted(faults.freeze_at)]
    points += [] if faults.freeze_for is None else [f"--steps {faults.freeze_for}"]
    points += [f"--mutant {mutant}"] if mutant else []
    again = f"python -m tests.simulation --place {place} {' '.join(points)}"
    return replace(verdict, broken=f"{verdict.broken}\nreplay: {again}")
