"""How a connector is called: how much at once, how often, and what follows a call without an answer.

Values only, in seconds and calls; `config/connectors.yaml` states them. Must not know which connectors there are, nor
any clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Failure(StrEnum):
    """Why a call must be made again."""

    UNAVAILABLE = "unavailable"
    """Not reached, or no answer: the outcome is unknown."""
    THROTTLED = "throttled"
    """The system is there and asks for fewer calls."""
    DENIED = "denied"
    """The system refuses the credentials or their rights: an operator must act."""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Waits between attempts of one call, in seconds."""

    first_wait: float
    longest_wait: float
    longest_in_all: float
    """Waits of one call added up, after which the breaker opens whatever its count."""


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a connector is left alone, and for how long."""

    failures: int
    """Calls without an answer, one after the other, that open the breaker."""
    open_seconds: float
    """Longest time until one call looks whether the system is back."""
    denied_seconds: float
    """The same where the credentials were refused: too many attempts with wrong ones may lock an account."""


@dataclass(frozen=True, slots=True)
class RateRule:
    """Most calls of a whole stage, however many workers it has."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class ConnectorPolicy:
    """Everything about one connector; without a `rate` it is called as often as there is work."""

    commands_per_call: int
    concurrency: int
    """Calls at once for one batch, never two for the same contract."""
    retry: RetryRule
    breaker: BreakerRule
    rate: RateRule | None = None


EMBEDDED = ConnectorPolicy(
    commands_per_call=100_000,
    concurrency=1,
    retry=RetryRule(first_wait=0.5, longest_wait=10.0, longest_in_all=60.0),
    breaker=BreakerRule(failures=5, open_seconds=10.0, denied_seconds=60.0),
)
"""For a connector that is a database beside the worker: a whole batch in one call."""


@dataclass(frozen=True, slots=True)
class PostingPolicy:
    """The policies of the posting stage's two connectors."""

    revenue: ConnectorPolicy = EMBEDDED
    erp: ConnectorPolicy = EMBEDDED
