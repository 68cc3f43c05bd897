"""The pure decisions of the posting policy: backoff, breaker, rate and lanes, with time and chance as numbers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.backoff import LONGEST_RETRY_AFTER_SECONDS, backoff, bounded_backoff, throttled_wait
from streams.core.breaker import Breaker, Permit, State, abandoned, admit, answered, failed, seconds_until_call
from streams.core.connector_policy import BreakerRule, Failure, RateRule, RetryRule
from streams.core.lanes import lanes
from streams.core.rate import empty_bucket, reserve, share_of

RETRY = RetryRule(first_wait=0.5, longest_wait=10.0, longest_in_all=60.0)
RULE = BreakerRule(failures=3, open_seconds=10.0, denied_seconds=60.0)
DRAWS = st.floats(0.0, 1.0, exclude_max=True)


# --- backoff


def test_the_bound_of_the_wait_doubles_up_to_the_longest() -> None:
    assert [backoff(attempt, RETRY, 1.0) for attempt in range(1, 8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


@given(st.integers(1, 10_000), DRAWS)
def test_a_wait_is_drawn_from_the_whole_of_its_bound(attempt: int, draw: float) -> None:
    bound = backoff(attempt, RETRY, 1.0)
    assert backoff(attempt, RETRY, draw) == bound * draw
    assert bound <= RETRY.longest_wait


@given(st.lists(DRAWS, min_size=1, max_size=200))
def test_the_waits_of_a_call_are_bounded_in_all(draws: list[float]) -> None:
    waited = 0.0
    for attempt, draw in enumerate(draws, 1):
        wait = bounded_backoff(attempt, waited, RETRY, draw)
        if wait is None:
            assert waited >= RETRY.longest_in_all
            break
        waited += wait
    assert waited <= RETRY.longest_in_all + 1e-9


@given(st.floats(0.0, LONGEST_RETRY_AFTER_SECONDS), DRAWS)
def test_a_retry_after_is_honoured_and_callers_spread_after_it(retry_after: float, draw: float) -> None:
    wait = throttled_wait(1, retry_after, RETRY, draw)
    assert retry_after <= wait <= retry_after + RETRY.first_wait


def test_a_retry_after_of_days_is_asked_again_within_about_an_hour() -> None:
    assert throttled_wait(1, 200_000.0, RETRY, 0.0) == LONGEST_RETRY_AFTER_SECONDS


def test_throttled_without_a_time_backs_off() -> None:
    assert throttled_wait(3, None, RETRY, 0.5) == backoff(3, RETRY, 0.5)


# --- breaker


def opened(kind: Failure = Failure.UNAVAILABLE, now: float = 100.0) -> Breaker:
    breaker = Breaker()
    for _ in range(RULE.failures):
        breaker = failed(breaker, Permit(), kind, now, RULE, 1.0)
    assert breaker.state is State.OPEN
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_an_answer_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(5):
        for _ in range(RULE.failures - 1):
            breaker = failed(breaker, Permit(), Failure.UNAVAILABLE, 0.0, RULE, 0.0)
        breaker = answered(breaker)
    assert breaker.state is State.CLOSED
    assert opened().state is State.OPEN


def test_refused_credentials_and_a_spent_budget_open_it_at_once() -> None:
    denied = failed(Breaker(), Permit(), Failure.DENIED, 0.0, RULE, 0.0)
    assert (denied.state, denied.probe_at) == (State.OPEN, RULE.denied_seconds / 2)
    spent = failed(Breaker(), Permit(), Failure.UNAVAILABLE, 0.0, RULE, 1.0, at_once=True)
    assert (spent.state, spent.probe_at) == (State.OPEN, RULE.open_seconds)


def test_after_its_time_one_call_probes_and_its_outcome_decides() -> None:
    breaker = opened()
    assert seconds_until_call(breaker, 104.0) == 6.0
    assert admit(breaker, 109.9, RULE) == (breaker, None)
    breaker, probe = admit(breaker, 110.0, RULE)
    assert probe is not None
    assert breaker.state is State.HALF_OPEN
    assert admit(breaker, 110.1, RULE)[1] is None
    again = failed(breaker, probe, Failure.UNAVAILABLE, 111.0, RULE, 0.0)
    assert (again.state, again.probe_at) == (State.OPEN, 116.0)
    assert answered(breaker).state is State.CLOSED


def test_a_late_failure_of_an_earlier_call_does_not_speak_for_the_probe() -> None:
    breaker, _ = admit(opened(), 110.0, RULE)
    assert failed(breaker, Permit(), Failure.UNAVAILABLE, 110.5, RULE, 0.0) == breaker


def test_a_probe_that_is_given_up_or_hangs_lets_another_one_go() -> None:
    half_open, probe = admit(opened(), 110.0, RULE)
    assert probe is not None
    assert admit(abandoned(half_open, probe, 111.0), 111.0, RULE)[1] is not None
    assert abandoned(half_open, Permit(), 111.0) == half_open
    assert admit(half_open, 119.9, RULE)[1] is None
    later, second = admit(half_open, 120.0, RULE)
    assert second not in (None, probe)
    assert failed(later, probe, Failure.UNAVAILABLE, 121.0, RULE, 0.0) == later


@given(st.lists(st.tuples(st.sampled_from(["ask", "answer", "fail", "deny", "lose"]), st.floats(0.0, 20.0), DRAWS)))
def test_whatever_happens_an_open_breaker_lets_one_call_through_at_a_time_and_never_shuts_for_ever(
    steps: list[tuple[str, float, float]],
) -> None:
    breaker, now = Breaker(), 0.0
    out: list[Permit] = []
    probed_at = float("-inf")
    for what, seconds, draw in steps:
        now += seconds
        if what == "ask":
            was = breaker.state
            breaker, permit = admit(breaker, now, RULE)
            if permit is not None:
                out.append(permit)
                if was is State.HALF_OPEN:
                    assert now - probed_at >= RULE.open_seconds
                if was is not State.CLOSED:
                    probed_at = now
        elif out:
            permit = out.pop(0)
            if what == "answer":
                breaker = answered(breaker)
            elif what == "lose":
                breaker = abandoned(breaker, permit, now)
            else:
                kind = Failure.DENIED if what == "deny" else Failure.UNAVAILABLE
                breaker = failed(breaker, permit, kind, now, RULE, draw)
        assert breaker.failures < RULE.failures
        assert seconds_until_call(breaker, now) <= RULE.denied_seconds
        assert admit(breaker, now + seconds_until_call(breaker, now), RULE)[1] is not None


# --- rate

PARTITIONS = 4
RATE = RateRule(per_second=8.0, burst=6)


def most_in_a_window(times: Sequence[float], rule: RateRule) -> float:
    """How far the calls of any window are over its bound, burst + rate x time; 0 or less when they keep it."""
    ordered = sorted(times)
    return max(
        (
            (last - first + 1) - (rule.burst + rule.per_second * (ordered[last] - ordered[first]))
            for first, last in itertools.combinations_with_replacement(range(len(ordered)), 2)
        ),
        default=0.0,
    )


@given(
    st.lists(st.tuples(st.integers(0, PARTITIONS - 1), st.floats(0.0, 2.0), st.integers(0, 9)), min_size=1, max_size=60)
)
def test_the_rate_of_the_whole_holds_for_any_number_of_workers_and_any_hand_over(
    asks: list[tuple[int, float, int]],
) -> None:
    """Each ask is of a partition, after some time, and sometimes (0) its partition has moved to another worker."""
    share, now = share_of(RATE, PARTITIONS), 0.0
    buckets = {partition: empty_bucket(0.0) for partition in range(PARTITIONS)}
    free_at = dict.fromkeys(range(PARTITIONS), 0.0)
    calls = []
    for partition, seconds, moved in asks:
        now += seconds
        asked = max(now, free_at[partition])  # one after the other, as on a worker
        if moved == 0:
            buckets[partition] = empty_bucket(asked)
        buckets[partition], wait = reserve(buckets[partition], share, asked)
        free_at[partition] = asked + wait
        calls.append(asked + wait)
    assert most_in_a_window(calls, RATE) <= 1e-6


def test_a_burst_goes_at_once_after_a_rest_and_then_the_rate_holds() -> None:
    share, bucket, waits = share_of(RateRule(10.0, 3), 1), empty_bucket(0.0), []
    for _ in range(5):
        bucket, wait = reserve(bucket, share, 60.0)
        waits.append(round(wait, 9))
    assert waits == [0.0, 0.0, 0.0, 0.1, 0.2]


def test_a_burst_that_does_not_reach_every_partition_is_refused() -> None:
    with pytest.raises(ValueError, match="found a burst of 3 calls for 4 partitions; expected at least one call each"):
        share_of(RateRule(10.0, 3), 4)


# --- lanes


@given(st.lists(st.sampled_from([f"C-{number}" for number in range(9)])), st.integers(1, 6), st.integers(1, 5))
def test_every_command_is_in_one_call_and_a_contract_in_one_lane_in_its_order(
    keys: list[str], count: int, per_call: int
) -> None:
    split = lanes(keys, count, per_call)
    in_order = [[position for call in lane for position in call] for lane in split]
    assert sorted(itertools.chain(*in_order)) == list(range(len(keys)))
    assert all(lane == sorted(lane) for lane in in_order)
    assert all(1 <= len(call) <= per_call for lane in split for call in lane)
    assert len(split) <= count
    contracts = [{keys[position] for position in lane} for lane in in_order]
    assert all(not one & other for one, other in itertools.combinations(contracts, 2))


def test_without_concurrency_a_batch_is_one_call() -> None:
    assert lanes(["C-1", "C-2", "C-1"], 1, 100) == [[range(3)]]
    assert lanes([], 1, 100) == []
