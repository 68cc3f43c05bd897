"""Whatever is killed, frozen or cut, at every point and at random: the promises of the protocol hold."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import pytest

from tests.simulation.enumeration import PLACES, crashes, freezes, pairs, struck
from tests.simulation.faults import Faults
from tests.simulation.mutants import MUTANTS
from tests.simulation.runtime import collect_less_often
from tests.simulation.trial import Verdict, setup_of, trial
from tests.simulation.world import World

SEEDS = 600
PAIRS = 100
"""One in so many pairs of crashes; `make simulate` tries them all."""
TAKEOVER = 80
"""Steps after which a takeover is under way."""
SEARCHED = 400
"""Seeds within which a broken protocol must be found."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Workers that are struck say so by the thousand."""
    logging.disable(logging.CRITICAL)
    before = gc.get_threshold()
    collect_less_often()
    yield
    gc.set_threshold(*before)
    logging.disable(logging.NOTSET)


def held(verdicts: Iterable[Verdict]) -> int:
    """Return how many runs there were; every one must have kept every promise."""
    runs = 0
    for verdict in verdicts:
        assert verdict.broken is None, verdict.broken
        runs += 1
    return runs


def everywhere(place: str, faults: Iterable[Faults]) -> int:
    return held(struck(place, fault) for fault in faults)


def test_a_worker_may_be_killed_at_every_point() -> None:
    assert everywhere("road", crashes(PLACES["road"])) > 300


def test_a_worker_may_be_killed_at_every_point_while_another_takes_over() -> None:
    assert everywhere("zombies", crashes(PLACES["zombies"])) > 150


def test_a_worker_may_be_frozen_at_every_point_and_wake_when_another_has_taken_over() -> None:
    assert everywhere("zombies", freezes(PLACES["zombies"])) > 150


def test_a_worker_may_be_frozen_at_every_point_and_wake_while_another_takes_over() -> None:
    assert everywhere("zombies", freezes(PLACES["zombies"], steps=TAKEOVER)) > 150


def test_a_worker_may_be_killed_again_while_it_recovers() -> None:
    assert everywhere("corner", pairs(PLACES["corner"], every=PAIRS)) > 100


def test_promises_hold_for_random_schedules_and_faults() -> None:
    assert held(trial(seed) for seed in range(SEEDS)) == SEEDS


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_protocol_is_caught_and_its_seed_replays(mutant: str) -> None:
    for suspect in suspects():
        verdict = suspect(mutant)
        if verdict.broken is not None:
            assert f"--mutant {mutant}" in verdict.broken
            assert "replay: python -m tests.simulation --" in verdict.broken
            assert suspect(mutant) == verdict
            assert suspect(None).broken is None
            return
    pytest.fail(f"neither a seed below {SEARCHED} nor a brief freeze shows that {mutant}")


def suspects() -> Iterator[Callable[[str | None], Verdict]]:
    """Runs that may show what is broken: random ones, then zombies that wake during the takeover, then more."""
    yield from (partial(trial, seed) for seed in range(100))
    yield from (partial(struck, "zombies", faults) for faults in freezes(PLACES["zombies"], steps=TAKEOVER))
    yield from (partial(trial, seed) for seed in range(100, SEARCHED))


def test_a_seed_determines_everything() -> None:
    for seed in range(12):
        first, second = (World(setup_of(seed)).run() for _ in range(2))
        assert (first.steps, first.points, first.seconds) == (second.steps, second.points, second.seconds)
        assert first.struck.told == second.struck.told
        for place, log in first.broker.logs.items():
            again = second.broker.logs[place]
            assert [(it.offset, it.key, it.value) for it in log.entries] == [
                (it.offset, it.key, it.value) for it in again.entries
            ]
