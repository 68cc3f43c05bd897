"""The long form: many seeds, every crash and freeze, every pair; and the replay of anything that failed.

python -m tests.simulation --seeds 0:20000
python -m tests.simulation --seed 17 --mutant zombies_are_not_fenced
python -m tests.simulation --place road --crash-at 123
python -m tests.simulation --every-point
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.enumeration import BRIEF, PLACES, crashes, freezes, pairs, struck
from tests.simulation.faults import Faults, at
from tests.simulation.mutants import MUTANTS
from tests.simulation.runtime import collect_less_often
from tests.simulation.trial import Verdict, trial

_CHUNK = 20


def main() -> int:
    """Run what was asked for; return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", help="FROM:TO, without TO; or how many, from 0")
    parser.add_argument("--seed", type=int, help="one seed, with the log of the stages")
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    parser.add_argument("--place", choices=sorted(PLACES), default="road")
    parser.add_argument("--crash-at", type=int, action="append", default=[])
    parser.add_argument("--freeze-at", type=int, action="append", default=[])
    parser.add_argument("--steps", type=int, help="how long a freeze lasts; without, until all is quiet")
    parser.add_argument("--every-point", action="store_true", help="every crash, every freeze, every pair of crashes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    if given.seed is not None:
        return _report("the seed", (trial(it, given.mutant) for it in [given.seed]))
    if given.crash_at or given.freeze_at:
        faults = at(crash=tuple(given.crash_at), freeze=tuple(given.freeze_at), steps=given.steps)
        return _report("the faults", (struck(given.place, it, given.mutant) for it in [faults]))
    failed = 0
    with ProcessPoolExecutor(given.jobs, initializer=_prepare) as pool:
        if given.seeds:
            first, _, last = given.seeds.rpartition(":")
            seeds = range(int(first or 0), int(last))
            failed |= _report(
                f"seeds {seeds.start} to {seeds.stop - 1}",
                pool.map(partial(trial, mutant=given.mutant), seeds, chunksize=_CHUNK),
            )
        if given.every_point:
            for place, setup in PLACES.items():
                failed |= _every(pool.map, f"a crash at every point of {place}", place, crashes(setup))
                failed |= _every(pool.map, f"a freeze at every point of {place}", place, freezes(setup))
            for steps in BRIEF:
                failed |= _every(
                    pool.map,
                    f"a freeze of {steps} steps at every point of zombies",
                    "zombies",
                    freezes(PLACES["zombies"], steps=steps),
                )
            failed |= _every(pool.map, "every pair of crashes in corner", "corner", pairs(PLACES["corner"]))
    return failed


def _prepare() -> None:
    logging.disable(logging.CRITICAL)  # workers that are struck say so by the thousand
    collect_less_often()


def _every(spread: Callable[..., Iterator[Verdict]], what: str, place: str, faults: Iterable[Faults]) -> int:
    return _report(what, spread(partial(struck, place), list(faults), chunksize=_CHUNK))


def _report(what: str, verdicts: Iterable[Verdict]) -> int:
    started = time.monotonic()
    runs = steps = faults = broken = 0
    for verdict in verdicts:
        runs += 1
        steps += verdict.steps
        faults += verdict.faults
        if verdict.broken is not None:
            broken += 1
            print(verdict.broken, end="\n\n", flush=True)
    took = max(time.monotonic() - started, 0.001)
    pace = f"{steps / took * 60 / 1e6:.1f} million steps a minute"
    print(f"{what}: {runs} runs, {faults} faults, {steps} steps, {broken} broken; {took:.1f} s, {pace}", flush=True)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
