"""What a row's program is told: one JSON argument. It runs until SIGTERM. Imports only the standard library."""

from __future__ import annotations

import gc
import json
import signal
import sys
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Where to read and write."""

    bootstrap: str
    input: str
    """The topic of the feed."""
    partitions: int
    app: str
    """Consumer group, and prefix of changelogs and transactional ids: another one for every run."""
    exactly_once: bool
    data_dir: str
    """An empty folder for what the row keeps on disk."""

    def changelog(self, table: str) -> str:
        return f"{self.app}-{table}-changelog"


def options() -> Options:
    """Read the argument."""
    return Options(**json.loads(sys.argv[1]))


def collect_garbage_as_tieout() -> None:
    """Tune the garbage collector as tieout's worker does, so that a row beside it does not pay for that difference."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def until_told() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    return told
