"""Calling a connector by its policy on a virtual clock: calls in threads stop wherever they talk to the system.

The loop and the threads are those of the simulation (`tests.simulation.runtime`); which call goes on is drawn.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from connectors.protocols import ConnectorDenied, ConnectorThrottled, ConnectorUnavailable
from streams.agents.calling import ConnectorCalls
from streams.core.connector_policy import EMBEDDED, BreakerRule, ConnectorPolicy, RateRule, RetryRule
from streams.transport import PartitionGivenUp, Transaction
from tests.connectors.test_posting_decisions import most_in_a_window
from tests.simulation.runtime import Process, here, point

Command = tuple[str, int]
"""A contract and the number of the command in it."""

POLICY = ConnectorPolicy(
    commands_per_call=3,
    concurrency=4,
    retry=RetryRule(first_wait=0.5, longest_wait=10.0, longest_in_all=30.0),
    breaker=BreakerRule(failures=3, open_seconds=10.0, denied_seconds=60.0),
)


class Clock:
    """A process whose time passes only when nothing can go on."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = 0.0
        self.process = Process("worker", lambda: self.now)

    def run(self, *work: Coroutine[Any, Any, object]) -> list[Any]:
        """Run to the end, whatever the order in which calls go on; return what each returned or raised."""
        process, loop = self.process, self.process.loop
        tasks = [loop.create_task(each) for each in work]
        while not all(task.done() for task in tasks):
            process.run_loop()
            if process.jobs:
                process.run_job(self.random.choice(process.jobs))
            elif not loop.ready and not all(task.done() for task in tasks):
                timer = loop.next_timer()
                assert timer is not None, "stuck: nothing is under way and nobody waits for a time"
                self.now = max(self.now, timer)
                loop.fire_timers()
        assert process.unexpected == []
        return [task.exception() or task.result() for task in tasks]


class System:
    """Idempotent by command; goes wrong as it is told, until it has gone wrong often enough."""

    def __init__(self, clock: Clock, *, wrong: float = 0.0, most: int = 0) -> None:
        self._clock = clock
        self._wrong = wrong
        self._left = most
        self.down_until = 0.0
        self.taken: dict[str, list[int]] = defaultdict(list)
        self.called_at: list[float] = []
        self._busy: set[str] = set()

    def post(self, commands: Sequence[Command]) -> list[str]:
        self.called_at.append(self._clock.now)
        contracts = {contract for contract, _ in commands}
        assert not contracts & self._busy, "two calls at once for a contract"
        self._busy |= contracts
        try:
            return self._answers(commands)
        finally:
            self._busy -= contracts

    def _answers(self, commands: Sequence[Command]) -> list[str]:
        if self._clock.now < self.down_until:
            raise ConnectorUnavailable("down")
        answers = []
        for contract, number in commands:
            self._may_go_wrong("before")
            if number not in self.taken[contract]:
                self.taken[contract].append(number)
            answers.append(f"{contract}/{number}")
        self._may_go_wrong("the answer is lost")
        return answers

    def _may_go_wrong(self, where: str) -> None:
        point(here(), where)
        if self._left and self._clock.random.random() < self._wrong:
            self._left -= 1
            match self._clock.random.randrange(4):
                case 0:
                    raise ConnectorThrottled(where, retry_after=self._clock.random.choice([None, 0.0, 7.0]))
                case 1:
                    raise ConnectorDenied(where)
                case _:
                    raise ConnectorUnavailable(where)


def post(calls: ConnectorCalls, system: System, batch: list[Command], tx: Transaction) -> Coroutine[Any, Any, object]:
    return calls.answers(tx, system.post, batch, [contract for contract, _ in batch])


def transaction(partition: int = 0, generation: int = 1, going: asyncio.Event | None = None) -> Transaction:
    return Transaction(partition, {}, generation, going)


def numbered(contracts: list[str]) -> list[Command]:
    seen: dict[str, int] = defaultdict(int)
    batch = []
    for contract in contracts:
        batch.append((contract, seen[contract]))
        seen[contract] += 1
    return batch


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([f"C-{number}" for number in range(6)]), max_size=30),
    st.integers(1, 5),
    st.integers(1, 40),
    st.integers(0, 2**32),
)
def test_under_concurrency_and_failures_nothing_is_lost_or_doubled_and_a_contract_keeps_its_order(
    contracts: list[str], concurrency: int, most: int, seed: int
) -> None:
    clock, batch = Clock(seed), numbered(contracts)
    system = System(clock, wrong=0.3, most=most)
    calls = ConnectorCalls("test", replace(POLICY, concurrency=concurrency), 1, clock.random.random)
    assert clock.run(post(calls, system, batch, transaction())) == [
        [f"{contract}/{number}" for contract, number in batch]
    ]
    expected: dict[str, list[int]] = defaultdict(list)
    for contract, number in batch:
        expected[contract].append(number)
    assert {contract: taken for contract, taken in system.taken.items() if taken} == dict(expected)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 4), st.integers(0, 2**32))
def test_no_more_calls_than_the_rate_however_many_partitions_and_workers(partitions: int, seed: int) -> None:
    clock, rate = Clock(seed), RateRule(per_second=5.0, burst=6)
    policy = replace(POLICY, commands_per_call=1, rate=rate)
    system = System(clock, wrong=0.1, most=20)
    workers = [ConnectorCalls(f"test-{number}", policy, partitions, clock.random.random) for number in range(2)]
    batches = [numbered([f"C-{partition}-{number % 3}" for number in range(9)]) for partition in range(partitions)]
    work = [
        post(workers[partition % 2], system, batch, transaction(partition)) for partition, batch in enumerate(batches)
    ]
    clock.run(*work)
    # The partitions change hands: their new owners begin with nothing.
    clock.run(
        *(
            post(workers[(partition + 1) % 2], system, batch, transaction(partition, generation=2))
            for partition, batch in enumerate(batches)
        )
    )
    assert len(system.called_at) >= 18 * partitions
    assert most_in_a_window(system.called_at, rate) <= 1e-6


def test_while_it_is_down_one_call_at_a_time_looks_and_every_batch_is_held() -> None:
    clock = Clock(1)
    system = System(clock)
    system.down_until = 3600.0
    calls = ConnectorCalls("down", EMBEDDED, 8, clock.random.random)
    batches = [numbered([f"C-{partition}"] * 5) for partition in range(8)]
    found = clock.run(*(post(calls, system, batch, transaction(partition)) for partition, batch in enumerate(batches)))
    assert found == [[f"{contract}/{number}" for contract, number in batch] for batch in batches]
    assert 3600.0 <= clock.now < 3600.0 + 2 * EMBEDDED.breaker.open_seconds
    before = [at for at in system.called_at if at < 3600.0]
    assert len(before) < 30 + 3600.0 / (EMBEDDED.breaker.open_seconds / 2)
    late = sorted(at for at in before if at > 60.0)
    assert min(after - one for one, after in itertools.pairwise(late)) >= EMBEDDED.breaker.open_seconds / 2
    assert metric("tieout_connector_failures_total", connector="down", why="unavailable") == len(before)
    assert metric("tieout_connector_breaker_state", connector="down") == 0


def test_refused_credentials_raise_the_alarm_at_the_first_call_and_are_tried_seldom() -> None:
    clock = Clock(2)
    repaired_at = 600.0

    def refuse(commands: Sequence[object]) -> list[str]:
        called_at.append(clock.now)
        seen.append(metric("tieout_connector_denied", connector="denied"))
        if clock.now < repaired_at:
            raise ConnectorDenied("the token has expired")
        return ["posted"] * len(commands)

    called_at: list[float] = []
    seen: list[float] = []
    calls = ConnectorCalls("denied", POLICY, 1, clock.random.random)
    assert clock.run(calls.answers(transaction(), refuse, [1], ["C-1"])) == [["posted"]]
    assert seen == [0.0] + [1.0] * (len(seen) - 1)
    assert 1 + 600 / 60 < len(called_at) <= 2 + 600 / 30
    assert metric("tieout_connector_denied", connector="denied") == 0


def test_a_retry_after_pauses_every_partition_and_opens_no_breaker() -> None:
    clock, called_at = Clock(3), []

    def throttle(commands: Sequence[object]) -> list[str]:
        called_at.append(clock.now)
        if len(called_at) == 1:
            raise ConnectorThrottled("429", retry_after=42.0)
        return ["posted"] * len(commands)

    calls = ConnectorCalls("throttled", replace(POLICY, concurrency=1), 2, clock.random.random)

    async def later() -> object:
        await asyncio.sleep(1.0)
        return await calls.answers(transaction(1), throttle, [2], ["C-2"])

    clock.run(calls.answers(transaction(0), throttle, [1], ["C-1"]), later())
    assert called_at[0] == 0.0
    assert all(42.0 <= at <= 42.5 for at in called_at[1:])
    assert metric("tieout_connector_throttled_seconds_total", connector="throttled", by="system") >= 83.0
    assert metric("tieout_connector_failures_total", connector="throttled", why="throttled") == 1


@pytest.mark.parametrize(
    "failure", [ConnectorUnavailable("down"), ConnectorDenied("no"), ConnectorThrottled("429", 99)]
)
def test_a_held_batch_is_let_go_as_soon_as_its_partition_goes(failure: ConnectorUnavailable) -> None:
    clock, going = Clock(4), asyncio.Event()

    def fail(_: Sequence[object]) -> list[str]:
        raise failure

    async def give_up() -> None:
        await asyncio.sleep(30.0)
        going.set()

    calls = ConnectorCalls("gone", POLICY, 1, clock.random.random)
    keys = [f"C-{number}" for number in range(9)]
    given_up, _ = clock.run(calls.answers(transaction(going=going), fail, keys, keys), give_up())
    assert isinstance(given_up, PartitionGivenUp)
    assert clock.now == 30.0


def test_a_fault_of_the_program_goes_through_and_ends_the_other_calls() -> None:
    clock = Clock(5)

    def fail(commands: Sequence[object]) -> list[str]:
        if "C-1" in commands:
            raise ZeroDivisionError("a fault")
        raise ConnectorUnavailable("down")

    calls = ConnectorCalls("faulty", POLICY, 1, clock.random.random)
    keys = [f"C-{number}" for number in range(9)]
    (fault,) = clock.run(calls.answers(transaction(), fail, keys, keys))
    assert isinstance(fault, ZeroDivisionError)


def test_a_connector_that_answers_less_than_it_was_asked_is_named() -> None:
    clock = Clock(6)
    calls = ConnectorCalls("short", EMBEDDED, 1, clock.random.random)
    (fault,) = clock.run(calls.answers(transaction(), lambda _: ["one"], ["a", "b"], ["C-1", "C-2"]))
    assert str(fault) == "the short connector gave 1 answers to 2 commands"
