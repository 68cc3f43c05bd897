"""Plays one row: fresh topics, the row's process, the watch, the oracle."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

from streams.topics import AUDIT_TRAIL
from tests.bench.broker import Broker
from tests.bench.feed import Feed
from tests.bench.kernel import OUTPUT_TOPICS, Kernel
from tests.bench.measure import Measured, RowFailed, RowProcess, Sample, evaluate, watch
from tests.bench.peers import Row, topics_of
from tests.bench.rows.options import Options
from tests.bench.verify import audit_action, differences

_CAPTURED, _DUPLICATE = 0, 2
"""Actions as the Java row writes them: Avro's numbers of the symbols, doubled."""
_number = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one row."""

    row: Row
    events: int
    measured: Measured | None
    wrong: tuple[str, ...]
    """What the oracle or the watch says; empty when the row counts."""
    samples: tuple[Sample, ...] = ()
    processes: int = 1


def options_for(row: Row, broker: Broker, topic: str, folder: Path) -> Options:
    """Options of a run of its own."""
    app = f"bench-{row.name}-{next(_number)}"
    data = folder / app
    data.mkdir(parents=True, exist_ok=True)
    return Options(broker.bootstrap, topic, broker.partitions, app, row.exactly_once, str(data))


def other_work(broker: Broker, feed: Feed) -> list[str]:
    """What can be held of a row that does other work: each event is audited, each duplicate told once as that."""
    events = 0
    duplicates = 0
    for _, payload in broker.read(AUDIT_TRAIL):
        action = audit_action(payload)
        events += action == _CAPTURED
        duplicates += action == _DUPLICATE
    if events + duplicates != feed.facts.events:
        return [f"{events} events captured and {duplicates} duplicates, expected {feed.facts.events} together"]
    return []


def play(
    row: Row, broker: Broker, feed: Feed, topic: str, folder: Path, *, seconds: float, processes: int = 1
) -> Played:
    """Run a row over the feed in `topic` with so many processes, at most so many seconds."""
    given = options_for(row, broker, topic, folder)
    broker.fresh(topics_of(row, given.app), [row.group or given.app])
    expected = feed.facts.expected
    running: list[RowProcess] = []
    try:
        for number in range(processes):
            log = folder / f"{given.app}-{number}.log"
            running.append(RowProcess(row.started_with(given), log, row.environment))
        least = expected.counts[AUDIT_TRAIL] if row.verified else feed.facts.events
        samples, peak = watch(broker, running, least, seconds)
    except RowFailed as failure:
        return Played(row, feed.facts.events, None, (str(failure),), processes=processes)
    finally:
        for process in running:
            process.stop()
    measured = evaluate(samples, feed.facts.events, peak)
    started = time.monotonic()
    wrong = differences(broker.found(OUTPUT_TOPICS), expected, Kernel()) if row.verified else other_work(broker, feed)
    print(
        f"  {row.name}: {measured.rate:.0f} events/s, {measured.cpu_per_1000:.3f} CPU-s/1,000; "
        f"{'; '.join(wrong) or 'verified'} (read in {time.monotonic() - started:.0f} s)",
        flush=True,
    )
    broker.delete_like(given.app)
    return Played(row, feed.facts.events, measured, tuple(wrong), tuple(samples), processes)
