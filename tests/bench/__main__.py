"""`make bench`: every row in one run on one machine, then the report."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.broker import Broker, running_broker
from tests.bench.environments import EnvironmentMissing
from tests.bench.extras import Latency, Recovery, latency, recovery
from tests.bench.feed import Feed, Shape, feed
from tests.bench.measure import RowFailed
from tests.bench.peers import ROWS, Row
from tests.bench.play import Played, play
from tests.bench.report import Run, publish, write
from tests.bench.targets import STORES
from tests.infra.component import cache_dir

LEAST_EVENTS = 5_000
_LATENCY_SECONDS = 15.0


class Bench:
    """One run."""

    def __init__(
        self, broker: Broker, cache: Path, folder: Path, events: int, seconds: float, absent: dict[str, str]
    ) -> None:
        self.broker, self._cache, self.folder = broker, cache, folder
        self.events, self.row_seconds = events, seconds
        self._feeds: dict[int, Feed] = {}
        self._absent = absent

    def feed(self, share: int) -> tuple[Feed, str]:
        """The feed of a share of the events, and the topic that holds it."""
        size = min(self.events, max(LEAST_EVENTS, self.events // share))
        topic = f"feed-{size}"
        if size not in self._feeds:
            made = feed(Shape(size, self.broker.partitions), self._cache)
            self.broker.load(made, topic)
            self._feeds[size] = made
        return self._feeds[size], topic

    def row(self, row: Row, processes: int = 1) -> Played:
        """Play a row; one whose framework is not here says so."""
        made, topic = self.feed(row.share)
        if row.name in self._absent:
            return Played(row, made.facts.events, None, (self._absent[row.name],))
        return play(row, self.broker, made, topic, self.folder, seconds=self.row_seconds, processes=processes)

    def latency(self, row: Row, rate: float) -> Latency | None:
        made, _ = self.feed(1)
        try:
            return latency(row, self.broker, made, self.folder, rate=rate, seconds=_LATENCY_SECONDS)
        except RowFailed as failure:
            print(f"  latency: {failure}", flush=True)
            return None

    def recovery(self, row: Row, contracts: int) -> Recovery | None:
        made, topic = self.feed(10)
        try:
            return recovery(row, self.broker, made, topic, self.folder, contracts=contracts, seconds=self.row_seconds)
        except RowFailed as failure:
            print(f"  recovery: {failure}", flush=True)
            return None


def _absent(rows: Sequence[Row]) -> dict[str, str]:
    """Make what the rows need before anything is measured; the rows that cannot run here, and why."""
    found = {}
    for row in rows:
        try:
            if row.needs is not None:
                row.needs()
        except EnvironmentMissing as missing:
            print(f"  {row.name} is left out: {missing}", flush=True)
            found[row.name] = str(missing)
    return found


def main() -> int:
    """Run what was asked for; 1 when a row's output was wrong."""
    parser = argparse.ArgumentParser(description="The orchestration stage beside its peers, on Apache Kafka.")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--contracts", type=int, default=1_000_000, help="contracts in the changelog for the recovery")
    parser.add_argument("--rows", default="", help="names, separated by commas; all when empty")
    parser.add_argument("--row-seconds", type=float, default=400.0, help="most seconds for one row")
    parser.add_argument("--only-rows", action="store_true", help="no latency, no recovery, no second worker")
    parser.add_argument("--publish", action="store_true", help="write table, numbers and plot into docs/")
    given = parser.parse_args()
    chosen = [row for row in ROWS if not given.rows or row.name in given.rows.split(",")]
    cache = cache_dir() / "bench"
    absent = _absent(chosen)
    load_before = os.getloadavg()
    started = time.monotonic()
    with (
        TemporaryDirectory(prefix="tieout-bench-") as name,
        running_broker(Path(name) / "kafka", given.partitions) as broker,
    ):
        bench = Bench(broker, cache, Path(name), given.events, given.row_seconds, absent)
        whole, _ = bench.feed(1)
        rows = [bench.row(row) for row in chosen]
        tieout = next((row for row in rows if row.row.name == "tieout"), None)
        two, paced = None, None
        recovered: list[Recovery | None] = []
        if tieout is not None and tieout.measured is not None and not given.only_rows:
            two = bench.row(tieout.row, processes=2)
            paced = bench.latency(tieout.row, tieout.measured.rate / 2)
            recovered = [bench.recovery(row, given.contracts) for row in chosen if row.name in STORES]
        if any(row.wrong for row in rows):
            kept = cache / "logs"
            shutil.rmtree(kept, ignore_errors=True)
            kept.mkdir(parents=True)
            for log in Path(name).glob("*.log"):
                shutil.copy(log, kept)
    recoveries = [recovery for recovery in recovered if recovery is not None]
    run = Run(whole.facts, rows, two, paced, recoveries, load_before, os.getloadavg(), time.monotonic() - started)
    written = write(run, cache / "results")
    print(written.table)
    print(f"{run.seconds:.0f} s; {written.folder}")
    if given.publish:
        publish(written)
    return 1 if any(row.wrong and row.measured is not None for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
