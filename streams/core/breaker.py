"""A circuit breaker as a value: whether a connector may be called now, decided by its failures and by time.

closed -> open after so many failures one after the other; open -> half-open when its time is over: then one call, the
probe, looks whether the system is back; half-open -> closed when the probe is answered, or open again. Time and chance
enter as numbers. Must not know what is called, nor who waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from streams.core.connector_policy import BreakerRule, Failure


class State(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of one connector, as one worker sees it."""

    state: State = State.CLOSED
    failures: int = 0
    """Calls without an answer, one after the other, while closed."""
    probe_at: float = 0.0
    """While open: when the probe may go, in the caller's seconds. While half-open: when another may."""
    probes: int = 0
    """Probes let through so far: tells the one in flight from an earlier one."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one call; its outcome is told with it. `probe` is the probe's number, None for any other call."""

    probe: int | None = None


def seconds_until_call(breaker: Breaker, now: float) -> float:
    """Return the seconds until a call may go, 0 for now; an answer to another call may shorten them."""
    return 0.0 if breaker.state is State.CLOSED else max(0.0, breaker.probe_at - now)


def admit(breaker: Breaker, now: float, rule: BreakerRule) -> tuple[Breaker, Permit | None]:
    """Let a call through, or not (None). Of those that ask at a breaker whose time is over, one gets the probe.

    A probe whose outcome is not told within `open_seconds` is followed by another: a call that hangs holds up itself.
    """
    if breaker.state is State.CLOSED:
        return breaker, Permit()
    if now < breaker.probe_at:
        return breaker, None
    number = breaker.probes + 1
    return Breaker(State.HALF_OPEN, probe_at=now + rule.open_seconds, probes=number), Permit(number)


def answered(breaker: Breaker) -> Breaker:
    """The system answered, whichever call it was: it is there."""
    return Breaker(probes=breaker.probes)


def failed(
    breaker: Breaker,
    permit: Permit,
    kind: Failure,
    now: float,
    rule: BreakerRule,
    draw: float,
    *,
    at_once: bool = False,
) -> Breaker:
    """A call had no answer. Refused credentials, and `at_once`, open a closed breaker whatever its count.

    `draw` is from 0 up to 1: the time that it stays open is drawn from the second half of the rule's, so that workers
    do not probe together.
    """
    at_once = at_once or kind is Failure.DENIED
    longest = rule.denied_seconds if kind is Failure.DENIED else rule.open_seconds
    match breaker.state:
        case State.CLOSED:
            failures = breaker.failures + 1
            if failures < rule.failures and not at_once:
                return replace(breaker, failures=failures)
        case State.HALF_OPEN:
            if permit.probe != breaker.probes:
                return breaker  # a call from before: the probe in flight tells more
        case State.OPEN:
            return breaker
    return Breaker(State.OPEN, probe_at=now + longest * (1.0 + draw) / 2, probes=breaker.probes)


def abandoned(breaker: Breaker, permit: Permit, now: float) -> Breaker:
    """A call was given up and its outcome will never be told: was it the probe, another may go at once."""
    if breaker.state is State.HALF_OPEN and permit.probe == breaker.probes:
        return replace(breaker, state=State.OPEN, probe_at=now)
    return breaker
