"""What a run found, as JSON, as a table and as a plot; and the copy of it in docs/benchmark.md."""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from tests.bench.environments import EnvironmentMissing, python_of
from tests.bench.extras import Latency, Recovery
from tests.bench.feed import Facts
from tests.bench.measure import Measured
from tests.bench.peers import QUIX_VENV
from tests.bench.play import Played
from tests.bench.targets import Verdict, as_table, verdicts
from tests.infra.component import REPOSITORY

_DOCS = REPOSITORY / "docs"
_PAGE = _DOCS / "benchmark.md"
_NUMBERS, _PLOT = "benchmark.json", "benchmark.svg"
_BEGIN, _END = "<!-- the last published run: begin -->", "<!-- the last published run: end -->"
_HEAD = (
    "| row | guarantee | events | output verified | events/s | of raw | CPU-s per 1,000 events | of raw "
    "| broker CPU-s per 1,000 | cores used | peak MB |"
)
_PLOT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Run:
    """Everything of one run."""

    facts: Facts
    rows: Sequence[Played]
    two: Played | None
    latency: Latency | None
    recoveries: Sequence[Recovery]
    load_before: tuple[float, float, float]
    load_after: tuple[float, float, float]
    seconds: float

    @property
    def played(self) -> Sequence[Played]:
        """All rows, that of two workers included."""
        return (*self.rows, *([self.two] if self.two else []))


@dataclass(frozen=True, slots=True)
class Written:
    """Where a run was written."""

    folder: Path
    table: str


def write(run: Run, folder: Path) -> Written:
    """Write the JSON, the table and, where matplotlib can be had, the plot."""
    folder.mkdir(parents=True, exist_ok=True)
    table = _table(run)
    (folder / _NUMBERS).write_bytes(msgspec.json.format(msgspec.json.encode(_document(run)), indent=1) + b"\n")
    (folder / "benchmark-table.md").write_text(table)
    plot = folder / _PLOT
    plot.unlink(missing_ok=True)
    try:
        command = [str(python_of(QUIX_VENV)), str(Path(__file__).with_name("plot.py"))]
        subprocess.run([*command, str(folder / _NUMBERS), str(plot)], check=True, timeout=_PLOT_SECONDS)
    except (EnvironmentMissing, subprocess.SubprocessError) as failure:
        print(f"no plot: {failure}", flush=True)
    return Written(folder, table)


def publish(written: Written) -> None:
    """Put a run into the documentation."""
    for name in (_NUMBERS, _PLOT):
        if (written.folder / name).exists():
            shutil.copy(written.folder / name, _DOCS / name)
    page = _PAGE.read_text()
    plot = f"![events per second and CPU time of each row]({_PLOT})\n\n" if (_DOCS / _PLOT).exists() else ""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _PAGE.write_text(f"{before}{_BEGIN}\n\n{plot}{written.table}\n{_END}{after}")


def _judged(run: Run) -> list[Verdict]:
    """Targets are judged by the rows whose output was right; one that could only be counted counts."""
    return verdicts({_name(row): row.measured for row in run.played if row.measured is not None and not row.wrong})


def _document(run: Run) -> dict[str, object]:
    return {
        "made": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_before": run.load_before,
        "load_after": run.load_after,
        "seconds": run.seconds,
        "events": run.facts.events,
        "records": run.facts.records,
        "contracts": run.facts.contracts,
        "bytes": run.facts.bytes,
        "outputs": run.facts.expected.counts,
        "rows": [_row(row) for row in run.played],
        "targets": [asdict(verdict) for verdict in _judged(run)],
        "latency": asdict(run.latency) if run.latency else None,
        "recoveries": [asdict(recovery) for recovery in run.recoveries],
    }


def _row(played: Played) -> dict[str, object]:
    return {
        "name": _name(played),
        "title": _title(played),
        "guarantee": played.row.guarantee,
        "events": played.events,
        "measured": asdict(played.measured) if played.measured else None,
        "verified": played.measured is not None and not played.wrong and played.row.verified,
        "wrong": list(played.wrong),
        "progress": [(round(sample.at, 2), sample.done) for sample in played.samples],
    }


def _name(played: Played) -> str:
    return played.row.name if played.processes == 1 else f"{played.row.name}-{played.processes}"


def _title(played: Played) -> str:
    return played.row.title if played.processes == 1 else f"{played.row.title}, {played.processes} workers"


def _table(run: Run) -> str:
    base = next((row.measured for row in run.rows if row.row.name == "raw-eos"), None) or next(
        (row.measured for row in run.rows if row.row.name == "raw"), None
    )
    lines = [
        _HEAD,
        "|---|---|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for played in run.played:
        measured = played.measured
        head = f"| {_title(played)} | {played.row.guarantee} | {played.events:,} |"
        if measured is None:
            lines.append(f"{head} did not run: {_short(played.wrong)} | | | | | | | |")
            continue
        verified = _verdict(played)
        lines.append(f"{head} {verified} | {_numbers(measured, base)}")
    load = "/".join(f"{value:.1f}" for value in (*run.load_before[:2], *run.load_after[:2]))
    facts = (
        f"{run.facts.events:,} events of {run.facts.contracts:,} contracts, {run.facts.records:,} records with their "
        f"answers; {os.cpu_count()} cores, Python {platform.python_version()}; load of the machine before and after "
        f"(1 and 5 minutes): {load}. Raw is the loop with a transaction a batch."
    )
    notes = [facts]
    if run.latency:
        notes.append(
            f"Latency of tieout at {run.latency.rate:,.0f} events/s (half its rate), from produce to the first "
            f"committed output: p50 {run.latency.p50_ms:.0f} ms, p99 {run.latency.p99_ms:.0f} ms, most "
            f"{run.latency.max_ms:.0f} ms ({run.latency.records:,} records)."
        )
    for recovery in run.recoveries:
        told = "output verified" if not recovery.wrong else "output WRONG: " + _short(recovery.wrong)
        notes.append(
            f"Recovery of {recovery.title} after kill -9 with {recovery.contracts:,} further contracts in the "
            f"changelog: {recovery.restart_seconds:.1f} s from start to the first committed output (a first start: "
            f"{recovery.start_seconds:.1f} s), peak {recovery.peak_mb:,.0f} MB; {told}."
        )
    return "\n".join([*as_table(_judged(run)), "", *lines]) + "\n\n" + "\n\n".join(notes) + "\n"


def _verdict(played: Played) -> str:
    if played.wrong:
        return f"**no**: {_short(played.wrong)}"
    return "yes" if played.row.verified else "other work"


def _numbers(measured: Measured, base: Measured | None) -> str:
    rate, cpu = ("", "") if base is None else (f"{measured.rate / base.rate:.2f}", "")
    if base is not None:
        cpu = f"{measured.cpu_per_1000 / base.cpu_per_1000:.2f}"
    return (
        f"{measured.rate:,.0f} | {rate} | {measured.cpu_per_1000:.3f} | {cpu} | {measured.broker_cpu_per_1000:.3f} "
        f"| {measured.cores:.2f} | {measured.peak_mb:,.0f} |"
    )


def _short(wrong: Sequence[str]) -> str:
    return "; ".join(wrong).replace("|", "/")[:160]
