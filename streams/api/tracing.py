"""W3C Trace Context: take the caller's `traceparent`, or begin a trace. Knows headers only."""

from __future__ import annotations

import re
import secrets

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_LONGEST_TRACESTATE = 512


def traceparent(found: str | None) -> str:
    """Return the caller's traceparent when it is valid, else a new one that is sampled."""
    match = _TRACEPARENT.fullmatch(found or "")
    if match is not None:
        version, trace, parent, _, more = match.groups()
        # Version ff is forbidden, all zeros mean nothing, and version 00 has no further parts.
        if version != "ff" and trace.strip("0") and parent.strip("0") and not (version == "00" and more):
            return match.group()
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def tracestate(found: str | None) -> str | None:
    """Return the caller's tracestate unless it is longer than every system must carry."""
    return found if found and len(found) <= _LONGEST_TRACESTATE and found.isascii() and found.isprintable() else None
