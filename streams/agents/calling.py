"""Calling one connector by its policy, for all partitions that a worker has: the shell around pure decisions.

`streams.core` decides (backoff, breaker, rate, lanes); here is what waits, calls in threads and counts. A batch is held
until every command has an answer: nothing overtakes it, and nothing of an outage becomes an exception. Must not know
what a command says.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from connectors.protocols import ConnectorDenied, ConnectorThrottled, ConnectorUnavailable
from streams import metrics
from streams.core.backoff import bounded_backoff, throttled_wait
from streams.core.breaker import Breaker, Permit, State, abandoned, admit, answered, failed, seconds_until_call
from streams.core.connector_policy import ConnectorPolicy, Failure
from streams.core.lanes import Call, lanes
from streams.core.rate import Bucket, empty_bucket, reserve, share_of
from streams.transport import Transaction

log = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 0.25
"""How soon a batch that waits for the breaker sees that another partition's probe has closed it."""

C = TypeVar("C")
A = TypeVar("A")
Draw = Callable[[], float]
_STATE_NUMBER = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


@dataclass(slots=True)
class _Attempts:
    """What one call has behind it since it was first made, or since the breaker last opened."""

    count: int = 0
    waited: float = 0.0


class ConnectorCalls:
    """One connector: its breaker for the worker, and a bucket for each partition. All methods run in the event loop."""

    def __init__(self, name: str, policy: ConnectorPolicy, partitions: int, draw: Draw = random.random) -> None:
        self.name = name
        self._policy = policy
        self._draw = draw
        self._share = share_of(policy.rate, partitions) if policy.rate is not None else None
        self._buckets: dict[int, tuple[int, Bucket]] = {}
        self._breaker = Breaker()
        self._not_before = 0.0
        self._show(None)

    async def answers(
        self,
        transaction: Transaction,
        function: Callable[[Sequence[C]], list[A]],
        commands: Sequence[C],
        keys: Sequence[str],
    ) -> list[A]:
        """Return one answer a command, in their order; commands of the same key are called one after the other.

        Raises PartitionGivenUp when the partition goes before the connector has answered; whatever else the connector
        raises is a fault of the program and goes through.
        """
        by_position: dict[int, A] = {}

        async def work_off(calls: list[Call]) -> None:
            for positions in calls:
                part = [commands[position] for position in positions]
                found = await self._call(transaction, function, part)
                if len(found) != len(part):
                    raise ValueError(f"the {self.name} connector gave {len(found)} answers to {len(part)} commands")
                by_position.update(zip(positions, found, strict=True))

        split = lanes(keys, self._policy.concurrency, self._policy.commands_per_call)
        await _all_of([work_off(calls) for calls in split])
        return [by_position[position] for position in range(len(commands))]

    async def _call(
        self, transaction: Transaction, function: Callable[[Sequence[C]], list[A]], commands: Sequence[C]
    ) -> list[A]:
        """Make one call until it is answered."""
        attempts = _Attempts()
        while True:
            permit = await self._permit(transaction)
            try:
                found = await asyncio.to_thread(function, commands)
            except ConnectorUnavailable as failure:
                wait = self._failed(permit, failure, attempts)
            except asyncio.CancelledError:
                self._now_is(abandoned(self._breaker, permit, _now()), None)
                raise
            else:
                self._now_is(answered(self._breaker), None)
                return found
            await transaction.hold(wait)

    async def _permit(self, transaction: Transaction) -> Permit:
        """Wait until a call may go: no pause asked for, a breaker that lets it through, and the rate's share."""
        while True:
            await self._wait_while_shut(transaction)
            await self._wait_for_share(transaction)
            # A call goes when its share is due or not at all: those put off would add up to more than a burst.
            if self._not_before > _now():
                continue
            breaker, permit = admit(self._breaker, _now(), self._policy.breaker)
            if permit is not None:
                self._now_is(breaker, None)
                return permit

    async def _wait_while_shut(self, transaction: Transaction) -> None:
        while True:
            now = _now()
            if (pause := self._not_before - now) > 0:
                await self._hold_throttled(transaction, pause, "system")
            elif (until := seconds_until_call(self._breaker, now)) > 0:
                await transaction.hold(min(until, _LOOK_AGAIN_SECONDS))
            else:
                return

    async def _wait_for_share(self, transaction: Transaction) -> None:
        if self._share is None:
            return
        now = _now()
        generation, bucket = self._buckets.get(transaction.partition, (None, empty_bucket(now)))
        if generation != transaction.generation:
            # Meanwhile it may have had another owner, who used what this bucket still holds.
            bucket = empty_bucket(now)
        bucket, wait = reserve(bucket, self._share, now)
        self._buckets[transaction.partition] = (transaction.generation, bucket)
        if wait > 0:
            await self._hold_throttled(transaction, wait, "own_rate")

    async def _hold_throttled(self, transaction: Transaction, seconds: float, by: str) -> None:
        metrics.CONNECTOR_THROTTLED_SECONDS.labels(self.name, by).inc(seconds)
        await transaction.hold(seconds)

    def _failed(self, permit: Permit, failure: ConnectorUnavailable, attempts: _Attempts) -> float:
        """Take note of a call without an answer; return the seconds until this one may ask again."""
        attempts.count += 1
        kind, now, retry = _kind(failure), _now(), self._policy.retry
        metrics.CONNECTOR_FAILURES.labels(self.name, kind).inc()
        log.log(
            logging.ERROR if kind is Failure.DENIED else logging.WARNING,
            "%s connector, attempt %d, %s: %s",
            self.name,
            attempts.count,
            kind,
            failure,
        )
        if isinstance(failure, ConnectorThrottled):
            # It is there, so the breaker has nothing to say; all its callers pause.
            self._now_is(answered(self._breaker), None)
            wait = throttled_wait(attempts.count, failure.retry_after, retry, self._draw())
            self._not_before = max(self._not_before, now + wait)
            return 0.0
        wait_or_none = bounded_backoff(attempts.count, attempts.waited, retry, self._draw())
        rule, spent = self._policy.breaker, wait_or_none is None
        self._now_is(failed(self._breaker, permit, kind, now, rule, self._draw(), at_once=spent), kind)
        if self._breaker.state is not State.CLOSED or wait_or_none is None:
            attempts.count, attempts.waited = 0, 0.0
            return 0.0
        attempts.waited += wait_or_none
        return wait_or_none

    def _now_is(self, breaker: Breaker, why: Failure | None) -> None:
        """Take on a state of the breaker, and tell of it when it is another one."""
        before, self._breaker = self._breaker.state, breaker
        if breaker.state is before:
            return
        self._show(why)
        if breaker.state is State.OPEN and why is not None:
            log.error(
                "the %s connector is left alone (%s): its batches are held, the next look is in %.1f s%s",
                self.name,
                why,
                max(0.0, breaker.probe_at - _now()),
                "; correct its credentials or their rights" if why is Failure.DENIED else "",
            )
        elif breaker.state is State.CLOSED:
            log.warning("the %s connector answers again: its batches go on", self.name)

    def _show(self, why: Failure | None) -> None:
        metrics.CONNECTOR_BREAKER.labels(self.name).set(_STATE_NUMBER[self._breaker.state])
        if self._breaker.state is State.CLOSED:
            metrics.CONNECTOR_DENIED.labels(self.name).set(0)
        elif self._breaker.state is State.OPEN and why is not None:
            metrics.CONNECTOR_DENIED.labels(self.name).set(why is Failure.DENIED)


def _kind(failure: ConnectorUnavailable) -> Failure:
    if isinstance(failure, ConnectorDenied):
        return Failure.DENIED
    return Failure.THROTTLED if isinstance(failure, ConnectorThrottled) else Failure.UNAVAILABLE


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _all_of(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run to the end together; when one fails the others are given up, and its error goes through."""
    if len(work) < 2:
        for only in work:
            await only
        return
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
