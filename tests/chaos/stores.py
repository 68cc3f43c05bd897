"""What the tables on disk went through in a run, as the workers' logs tell it.

The verdict does not depend on it: it shows that folders with an old state really were met, and what was made again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

_LINE = r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) "
_READY = re.compile(
    _LINE + r"INFO streams\.transport\.partition: partition (\d+) ready, changelogs to \{'", re.MULTILINE
)
_MADE_AGAIN = re.compile(r"is made again from its changelogs: (.*)$", re.MULTILINE)
_VARYING = re.compile(r"\d+")


class StoreUse(msgspec.Struct, frozen=True):
    """How stores were opened."""

    opened: int
    """Partitions that became ready on a worker."""
    kept: int
    """Of these, on a worker that had had the partition before: its folder held a state, up to date or older."""
    outdated: int
    """Of these, after another worker had the partition in between: the folder's state was of an earlier time."""
    made_again: dict[str, int]
    """Stores that were not trusted, by reason, numbers left out."""


class _Ready(NamedTuple):
    at: str
    stage: str
    partition: int
    worker: str


def store_use(logs: Path) -> StoreUse:
    """Read the logs `<stage>-<worker>.log` of a folder."""
    texts = {log.stem: log.read_text(encoding="utf-8", errors="replace") for log in sorted(logs.glob("*.log"))}
    ready = sorted(found for name, text in texts.items() for found in _ready(name, text))
    kept, outdated = _met_again(ready)
    reasons = Counter(_VARYING.sub("N", reason) for text in texts.values() for reason in _MADE_AGAIN.findall(text))
    return StoreUse(len(ready), kept, outdated, dict(sorted(reasons.items())))


def _ready(name: str, text: str) -> Iterator[_Ready]:
    stage, _, worker = name.rpartition("-")
    for at, partition in _READY.findall(text):
        yield _Ready(at, stage, int(partition), worker)


def _met_again(ready: Iterable[_Ready]) -> tuple[int, int]:
    """Return how often a worker had a partition that it had before, and how often another had it in between."""
    had: set[tuple[str, int, str]] = set()
    last: dict[tuple[str, int], str] = {}
    kept = outdated = 0
    for it in ready:
        if (it.stage, it.partition, it.worker) in had:
            kept += 1
            outdated += last[it.stage, it.partition] != it.worker
        had.add((it.stage, it.partition, it.worker))
        last[it.stage, it.partition] = it.worker
    return kept, outdated
