"""A token bucket as a value, and the share of a connector's rate that one partition has.

A stage's workers share no memory, but every partition has one owner at a time. So each partition gets an equal share
of rate and burst, and the bound of the whole holds however many workers there are: in any time T no more calls than
`burst + per_second * T`. A bucket begins empty: a partition that moves to another worker brings no second burst along.
Time enters as seconds; nothing here waits.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.core.connector_policy import RateRule


@dataclass(frozen=True, slots=True)
class Share:
    """What one partition may call: `burst` calls at once, 1 or more, and `per_second` on average."""

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """Calls that may be made, as of a time; below 0 they are promised to callers that wait."""

    calls: float
    at: float


def share_of(rule: RateRule, partitions: int) -> Share:
    """Return the share of one partition. Raises ValueError when a burst is too small to share."""
    if rule.burst < partitions:
        raise ValueError(
            f"found a burst of {rule.burst} calls for {partitions} partitions; expected at least one call each"
        )
    return Share(rule.per_second / partitions, rule.burst / partitions)


def empty_bucket(now: float) -> Bucket:
    """Return the bucket of a partition whose earlier owner may just have used all there was."""
    return Bucket(0.0, now)


def reserve(bucket: Bucket, share: Share, now: float) -> tuple[Bucket, float]:
    """Promise one call; return the seconds that it must wait. Callers are served in the order in which they ask."""
    calls = min(share.burst, bucket.calls + max(0.0, now - bucket.at) * share.per_second) - 1.0
    return Bucket(calls, max(now, bucket.at)), max(0.0, -calls / share.per_second)
