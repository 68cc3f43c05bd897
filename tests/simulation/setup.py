"""What a run is determined by, and what all runs share: the shipped configuration and the time they begin."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.sources.canonical import CanonicalSource
from streams.config import load_configuration
from streams.records import CommercialEvent
from streams.shipped import shipped
from tests.oracle.reading import Event
from tests.simulation.faults import NONE, Faults

CONFIGURATION = load_configuration(shipped("config"))
START = dt.datetime(2027, 3, 1, tzinfo=dt.UTC)
STAGES = ("capture", "orchestration", "posting", "reconciliation")
_SOURCE = CanonicalSource()


@dataclass(frozen=True)
class Setup:
    """Everything that a run is determined by."""

    seed: int
    events: Sequence[Event]
    last_closes: int = 0
    """How many events at the end are published when all before them has settled."""
    partitions: int = 2
    workers: int = 2
    """Of each stage."""
    batch: int = 5
    """The largest micro-batch."""
    disk: bool = False
    """Whether stores outlive their process."""
    encoded: bool = False
    """Whether records travel in the product's encoding."""
    stages: tuple[str, ...] = STAGES
    faults: Faults = NONE
    steps: int = 200_000
    """The bound on a run."""


_read: dict[int, tuple[Sequence[Event], list[CommercialEvent]]] = {}


def records_of(history: Sequence[Event]) -> list[CommercialEvent]:
    """Return a history as records; the same history object is read once."""
    known = _read.get(id(history))
    if known is None or known[0] is not history:
        known = _read[id(history)] = (history, [event for json in history for event in _SOURCE.events(json)])
    return known[1]
