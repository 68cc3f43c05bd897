"""The benchmark in short: what it measures is right, and tieout is not far from the loop without a framework."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.broker import running_broker
from tests.bench.feed import Shape, feed
from tests.bench.peers import ROWS
from tests.bench.play import play

EVENTS, PARTITIONS = 5_000, 4
LEAST_SHARE_OF_RAW = 0.3
"""By CPU per event, which a busy machine disturbs less than the rate: loose, because 5,000 events are few."""

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_tieout_and_the_raw_loop_write_what_the_core_says_at_costs_of_one_order(tmp_path: Path) -> None:
    made = feed(Shape(EVENTS, PARTITIONS), tmp_path / "feeds")
    rows = {row.name: row for row in ROWS}
    with running_broker(tmp_path / "kafka", PARTITIONS) as broker:
        broker.load(made, "feed")
        raw, tieout = (play(rows[name], broker, made, "feed", tmp_path, seconds=60) for name in ("raw-eos", "tieout"))
    assert raw.wrong == ()
    assert tieout.wrong == ()
    assert raw.measured is not None
    assert tieout.measured is not None
    assert raw.measured.cpu_per_1000 / tieout.measured.cpu_per_1000 > LEAST_SHARE_OF_RAW
