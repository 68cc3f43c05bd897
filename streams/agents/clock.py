"""The clock of the shell: the core gets time as data and never asks for it."""

from __future__ import annotations

import datetime as dt


def now() -> dt.datetime:
    """Return the time, UTC."""
    return dt.datetime.now(dt.UTC)
