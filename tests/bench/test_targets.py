"""A target counts as met by what was measured, and a row beside tieout has its garbage collector."""

from __future__ import annotations

import gc

from streams.transport.worker import _rarely_collect_garbage
from tests.bench.measure import Measured
from tests.bench.rows.options import collect_garbage_as_tieout
from tests.bench.targets import Verdict, as_table, verdicts


def _measured(rate: float, cpu_per_1000: float) -> Measured:
    return Measured(rate, cpu_per_1000, 0.1, 100.0, 1.0, 2.0, 10.0)


def _verdict(judged: list[Verdict], words: str) -> Verdict:
    (found,) = [verdict for verdict in judged if words in verdict.target]
    return found


def test_throughput_is_judged_by_rate_and_shown_by_cpu_too() -> None:
    judged = verdicts({"tieout": _measured(890, 0.1), "raw-eos": _measured(1000, 0.095)})
    raw = _verdict(judged, "transaction a batch")
    assert (raw.by_rate, raw.by_cpu, raw.met) == (0.89, 0.95, False)


def test_kafka_streams_is_judged_by_cpu_alone() -> None:
    judged = verdicts({"tieout": _measured(500, 0.1), "kstreams-eos-warm": _measured(1000, 0.11)})
    assert _verdict(judged, ", warm").met


def test_two_workers_are_judged_by_what_an_event_costs_them() -> None:
    judged = verdicts({"tieout": _measured(1000, 0.1), "tieout-2": _measured(1100, 0.125)})
    two = _verdict(judged, "two workers")
    assert (two.by_rate, two.by_cpu, two.met) == (1.1, 1.6, False)


def test_a_target_whose_row_did_not_count_is_not_met_but_not_measured() -> None:
    judged = verdicts({"tieout": _measured(1000, 0.1)})
    assert {verdict.met for verdict in judged} == {None}
    assert all("not measured |" in line for line in as_table(judged)[2:])


def test_the_raw_loop_collects_garbage_as_a_worker_does() -> None:
    before = gc.get_threshold()
    try:
        _rarely_collect_garbage()
        worker = gc.get_threshold()
        gc.set_threshold(*before)
        collect_garbage_as_tieout()
        assert gc.get_threshold() == worker
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
