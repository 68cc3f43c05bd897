"""The targets of the benchmark, each with what was asked, what this run measured, and whether that meets it.

Throughput is compared by events a second. Beside it stands the same ratio by CPU time, which other work on the machine
and a broker on the same cores disturb less. Where a target speaks of CPU time only that counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.measure import Measured

STORES = {"tieout": "tables in memory", "tieout-rocksdb": "tables in RocksDB"}
"""The rows that have targets to meet, and how the report calls them."""
TWO_WORKERS = "tieout-2"
_BY_RATE, _BY_CPU = "events/s", "CPU"


@dataclass(frozen=True, slots=True)
class Target:
    """One target: tieout beside another row must reach `asked` times that row."""

    text: str
    beside: str
    asked: float
    by: str = _BY_RATE


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run says to a target; None where a row that it needs did not count."""

    target: str
    asked: float
    judged_by: str
    store: str
    by_rate: float | None
    by_cpu: float | None
    met: bool | None


TARGETS: tuple[Target, ...] = (
    Target("beside the raw loop with a transaction a batch", "raw-eos", 0.9),
    Target("beside the raw loop without transactions, at least once", "raw", 0.9),
    Target("beside plain faust-streaming", "faust", 10.0),
    Target("beside Quix Streams exactly once", "quix-eos", 3.0),
    Target("CPU time of Kafka Streams exactly_once_v2, warm, beside tieout's", "kstreams-eos-warm", 1.0, _BY_CPU),
    Target("CPU time of Kafka Streams exactly_once_v2, cold, beside tieout's", "kstreams-eos", 1.0, _BY_CPU),
)
_TWO = "two workers beside one; by CPU: what two would do if broker and machine did not bound them"
_TWO_ASKED = 1.7


def verdicts(rows: Mapping[str, Measured]) -> list[Verdict]:
    """Judge every target by the rows that counted, by name."""
    found = [_judged(target, store, rows) for target in TARGETS for store in STORES if store in rows]
    if "tieout" in rows:
        found.append(_two_workers(rows["tieout"], rows.get(TWO_WORKERS)))
    return found


def _judged(target: Target, store: str, rows: Mapping[str, Measured]) -> Verdict:
    ours, theirs = rows[store], rows.get(target.beside)
    rate = None if theirs is None else ours.rate / theirs.rate
    cpu = None if theirs is None else theirs.cpu_per_1000 / ours.cpu_per_1000
    counts = rate if target.by == _BY_RATE else cpu
    met = None if counts is None else counts >= target.asked
    return Verdict(target.text, target.asked, target.by, STORES[store], rate, cpu, met)


def _two_workers(one: Measured, two: Measured | None) -> Verdict:
    """Two processes with a core each do twice one's work, less what an event costs more when there are two."""
    rate = None if two is None else two.rate / one.rate
    cpu = None if two is None else 2 * one.cpu_per_1000 / two.cpu_per_1000
    met = None if cpu is None else cpu >= _TWO_ASKED
    return Verdict(_TWO, _TWO_ASKED, _BY_CPU, STORES["tieout"], rate, cpu, met)


def as_table(judged: list[Verdict]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [
        "| target | tieout with | asked | measured by events/s | measured by CPU | judged by | met |",
        "|---|---|---:|---:|---:|---|---|",
    ]
    for verdict in judged:
        met = {True: "yes", False: "**no**", None: "not measured"}[verdict.met]
        lines.append(
            f"| {verdict.target} | {verdict.store} | {verdict.asked:g} | {_number(verdict.by_rate)} "
            f"| {_number(verdict.by_cpu)} | {verdict.judged_by} | {met} |"
        )
    return lines


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f}"
