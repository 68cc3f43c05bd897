"""A batch that is held: for as long as it takes, the worker stays in its group, and lets go when it is told to stop."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.transport.conftest import Broker
from tests.transport.harness import FAST_GROUP, Bench, Event, Worker, drained, records_for

_MAX_POLL_SECONDS = 3.0
_LOOKS = 100
"""Of a tenth of a second each: more than three times the longest pause between polls."""


def held_bench(broker: Broker, folder: Path, *, stubbornly: bool = False) -> tuple[Bench, Path]:
    switch = folder / "held"
    switch.touch()
    bench = Bench.on(broker.bootstrap, hold_while=str(switch), holds_stubbornly=stubbornly)
    settings: dict[str, float | str] = {
        **FAST_GROUP,
        "max_poll_interval": _MAX_POLL_SECONDS,
        "drain_timeout": 0.5,
        # Many small batches: every partition soon has as many in hand as it may, and none is polled any more.
        "max_batch_records": 5,
    }
    return replace(bench, job=replace(bench.job, settings=settings)), switch


def test_holding_every_partition_longer_than_the_longest_poll_interval_keeps_them(
    broker: Broker, tmp_path: Path
) -> None:
    bench, switch = held_bench(broker, tmp_path)
    records = records_for(keys=20, each=20)
    with bench.worker() as worker:
        assert len(worker.wait_ready(lambda ready: len(ready) == 4)) == 4
        bench.produce(records)
        wait_held(worker, _LOOKS)
        more = records_for(keys=20, each=20, start=len(records))
        bench.produce(more)
        switch.unlink()
        drained(bench)
        assert worker.is_running
    bench.assert_counted_exactly_once(records + more)


def test_a_worker_that_is_told_to_stop_lets_go_of_what_it_holds_at_once_and_the_next_one_goes_on(
    broker: Broker, tmp_path: Path
) -> None:
    bench, switch = held_bench(broker, tmp_path)
    records = records_for(keys=20, each=5)
    bench.produce(records)
    with bench.worker() as worker:
        worker.wait_ready(lambda ready: len(ready) == 4)
        wait_held(worker, 3)
        told = time.monotonic()
        worker.signal(signal.SIGTERM)
        assert worker.exit_code(10.0) == 0
        assert time.monotonic() - told < 5.0, "it waited for a batch that was only held"
    assert bench.outputs() == []
    switch.unlink()
    with bench.worker():
        drained(bench)
    bench.assert_counted_exactly_once(records)


@pytest.mark.parametrize("stubbornly", [False, True], ids=["let go", "left behind"])
def test_when_partitions_move_a_batch_in_hand_moves_too_and_neither_worker_fails(
    broker: Broker, tmp_path: Path, stubbornly: bool
) -> None:
    bench, switch = held_bench(broker, tmp_path, stubbornly=stubbornly)
    records = records_for(keys=20, each=5)
    with bench.worker() as first:
        first.wait_ready(lambda ready: len(ready) == 4)
        bench.produce(records)
        wait_held(first, 3)
        with bench.worker() as second:
            second.wait_ready(lambda ready: len(ready) == 2)
            wait_held(second, 3)
            switch.unlink()
            drained(bench)
            assert first.is_running
            assert second.is_running
    bench.assert_counted_exactly_once(records)


def wait_held(worker: Worker, looks: int) -> None:
    """Wait until a batch has been held for so many looks; no partition may go meanwhile."""

    def holds(event: Event) -> bool:
        assert "ready" not in event, f"the partitions changed: {event}"
        return int(str(event.get("held", -1))) >= looks

    worker.wait_for(holds, f"held for {looks} looks")
