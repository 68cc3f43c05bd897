"""How long to wait before the same call is made again: exponential backoff with full jitter.

Full jitter draws the wait between nothing and the bound, so that callers that failed together do not come back
together. Chance enters as a number from 0 up to 1, time as seconds: nothing here draws, reads a clock or waits.
"""

from __future__ import annotations

from streams.core.connector_policy import RetryRule

LONGEST_RETRY_AFTER_SECONDS = 3600.0
"""A system that asks for a longer pause is asked again after this one."""

_DOUBLINGS = 64
"""More would only overflow: every bound is reached long before."""


def backoff(attempt: int, rule: RetryRule, draw: float) -> float:
    """Return the seconds to wait after the given attempt (from 1) has failed; `draw` is from 0 up to 1."""
    bound = min(rule.longest_wait, rule.first_wait * 2.0 ** min(attempt - 1, _DOUBLINGS))
    return bound * draw


def bounded_backoff(attempt: int, waited: float, rule: RetryRule, draw: float) -> float | None:
    """Return the wait after a failed attempt, or None when the call has `waited` as long in all as it may."""
    left = rule.longest_in_all - waited
    return min(backoff(attempt, rule, draw), left) if left > 0 else None


def throttled_wait(attempt: int, retry_after: float | None, rule: RetryRule, draw: float) -> float:
    """Return the wait that a system asked for: never less, and up to `first_wait` more so that callers spread.

    Without a time of its own (None) it is that of `backoff`.
    """
    if retry_after is None:
        return backoff(attempt, rule, draw)
    return min(max(retry_after, 0.0), LONGEST_RETRY_AFTER_SECONDS) + rule.first_wait * draw
