"""Reading `Retry-After` (RFC 9110, section 10.2.3), for connectors that speak HTTP.

A header is what somebody else wrote: what cannot be read counts as not given. Must not know any connector.
"""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime

_LONGEST_SECONDS = 1e9
"""Some 30 years: what is more says no more."""


def retry_after_seconds(value: str | None, now: dt.datetime) -> float | None:
    """Return the seconds to wait from `now` (with a time zone) on: a number of seconds, or an HTTP date.

    A date that has passed means 0; None where the header is missing or cannot be read.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:  # RFC 9110: an HTTP date is always UTC; "-0000" and asctime's form come without a zone
        at = at.replace(tzinfo=dt.UTC)
    return max(0.0, (at - now).total_seconds())
