"""Watches a row's process and the topics it writes, from outside: the same clock for every row.

A rate is taken between the moments at which 10 % and 90 % of the output were committed: start, recovery, warm-up of the
first tenth and shutdown are outside.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from streams.topics import AUDIT_TRAIL
from tests.bench.broker import Broker
from tests.bench.kernel import OUTPUT_TOPICS
from tests.infra.component import REPOSITORY

_TICKS = os.sysconf("SC_CLK_TCK")
_POLL_SECONDS = 0.2
_QUIET_SECONDS = 2.5
_STOP_SECONDS = 30.0
FROM, TO = 0.1, 0.9


class RowFailed(RuntimeError):
    """A row's process ended, or did not come to its end in time."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: seconds since start, committed audit records, CPU seconds of row and broker."""

    at: float
    done: int
    cpu: float
    broker_cpu: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen of one run."""

    rate: float
    """Events per second."""
    cpu_per_1000: float
    broker_cpu_per_1000: float
    peak_mb: float
    cores: float
    """CPU seconds of the row a second."""
    first_output: float
    """Seconds from the start of the process to its first committed output."""
    total: float


class RowProcess:
    """A row's program while it runs; its log is kept."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                list(command),
                stdout=out,
                stderr=out,
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})},
            )
        self.started = time.monotonic()

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise RowFailed with the end of its log when it has ended."""
        if (code := self._process.poll()) is not None:
            raise RowFailed(f"ended with exit code {code}: {self.said()}")

    def said(self) -> str:
        return " | ".join(self._log.read_text(errors="replace").strip().splitlines()[-6:])[-1500:]

    def cpu(self) -> float:
        return cpu_seconds(self.pid)

    def peak_mb(self) -> float:
        return peak_mb(self.pid)

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and after a while the end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a process, all its threads."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mb(pid: int) -> float:
    """Peak resident memory in MB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def watch(broker: Broker, processes: Sequence[RowProcess], expected: int, seconds: float) -> tuple[list[Sample], float]:
    """Look until so many audit records are committed and nothing moves; the samples, and peak memory in MB."""
    samples: list[Sample] = []
    peak, started = 0.0, processes[0].started
    still_since, before = time.monotonic(), -1
    while True:
        for process in processes:
            process.check()
        ends = broker.committed_ends(OUTPUT_TOPICS)
        now = time.monotonic()
        cpu = sum(process.cpu() for process in processes)
        samples.append(Sample(now - started, ends[AUDIT_TRAIL], cpu, cpu_seconds(broker.pid)))
        peak = max(peak, sum(process.peak_mb() for process in processes))
        total = sum(ends.values())
        if total != before:
            still_since, before = now, total
        if ends[AUDIT_TRAIL] >= expected and now - still_since > _QUIET_SECONDS:
            return samples, peak
        if now - started > seconds:
            raise RowFailed(
                f"{ends[AUDIT_TRAIL]} of {expected} audit records after {seconds:.0f} s: {processes[0].said()}"
            )
        time.sleep(_POLL_SECONDS)


def evaluate(samples: Sequence[Sample], events: int, peak: float) -> Measured:
    """The rate between the moments FROM and TO of the output."""
    end = samples[-1].done
    begin, finish = _when(samples, FROM * end), _when(samples, TO * end)
    part = (TO - FROM) * events
    seconds = max(finish.at - begin.at, 1e-9)
    return Measured(
        rate=part / seconds,
        cpu_per_1000=(finish.cpu - begin.cpu) / part * 1000,
        broker_cpu_per_1000=(finish.broker_cpu - begin.broker_cpu) / part * 1000,
        peak_mb=peak,
        cores=(finish.cpu - begin.cpu) / seconds,
        first_output=next(sample.at for sample in samples if sample.done),
        total=next(sample.at for sample in samples if sample.done == end),
    )


def _when(samples: Sequence[Sample], done: float) -> Sample:
    """The moment at which so much was done, between two looks."""
    index = bisect_left([sample.done for sample in samples], done)
    if index == 0:
        return samples[0]
    low, high = samples[index - 1], samples[index]
    share = (done - low.done) / max(high.done - low.done, 1)
    return Sample(
        low.at + share * (high.at - low.at),
        round(done),
        low.cpu + share * (high.cpu - low.cpu),
        low.broker_cpu + share * (high.broker_cpu - low.broker_cpu),
    )
