"""The processes of the stages: started, killed, frozen, and started again when one ends by itself, as in production.

A process that ends because of a fault (a database that does not answer, a membership that was lost) is no failure
here: what counts is what it leaves behind. Every end is kept, with its exit code.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from streams.agents.posting import STAGE as POSTING
from streams.embedded.process import free_port
from streams.wiring import STAGES
from tests.chaos.disk import Disk

_WATCH_SECONDS = 0.2
_RESTART_SECONDS = 0.5
STOP_SECONDS = 15.0
MOST_WORKERS = 3


@dataclass(frozen=True, slots=True)
class End:
    """A process that ended by itself."""

    at: float
    name: str
    code: int


@dataclass(frozen=True, slots=True)
class Stop:
    """A process that was told to stop by SIGTERM."""

    at: float
    name: str
    code: int
    """0 for an orderly stop; negative: the signal that ended it, SIGKILL when it did not stop in time."""
    seconds: float


@dataclass
class Process:
    """One process of one stage; `lock` is held by the fault that strikes it."""

    name: str
    stage: str
    environment: Mapping[str, str]
    log: Path
    disk: Disk | None = None
    """Where its tables are, when that disk can be filled."""
    child: subprocess.Popen[bytes] | None = None
    wanted: bool = False
    again_at: float = 0.0
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def running(self) -> bool:
        """Whether it runs, frozen or not."""
        return self.child is not None and self.child.poll() is None

    def ended_within(self, seconds: float) -> bool:
        """Wait until it ends; False when it runs on."""
        if self.child is None:
            return True
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(number)

    def start(self) -> None:
        """Start it and want it to run from now on."""
        self.wanted, self.again_at = True, 0.0
        if self.running:
            return
        module = ["tests.chaos.faulty_worker", self.stage]
        if self.stage != POSTING:
            module = ["streams", "worker", "--stages", self.stage]
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", *module],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it at once, and do not want it to run."""
        self.wanted = False
        if self.child is not None:
            self.child.kill()
            self.child.wait()

    def stop(self) -> Stop | None:
        """Ask it to stop, end it when it does not; None when it did not run."""
        self.wanted = False
        if self.child is None or self.child.poll() is not None:
            return None
        at, asked = time.time(), time.monotonic()
        self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        return Stop(at, self.name, self.child.returncode, time.monotonic() - asked)


class Fleet:
    """All processes, up to three workers of each stage."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._processes = {
            (stage, worker): self._process(stage, worker) for stage in STAGES for worker in range(MOST_WORKERS)
        }
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="fleet", daemon=True)
        self.ends: list[End] = []
        """Processes that ended by themselves, in order."""

    def _process(self, stage: str, worker: int) -> Process:
        name = f"{stage}-{worker}"
        data = self._folder / name
        data.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        environment = {
            **self._environment,
            # What a worker keeps on its machine stays there when it is started again.
            "TIEOUT_DATA_DIR": str(data),
            "TIEOUT_METRICS_PORT": str(free_port() - STAGES.index(stage)),
        }
        return Process(name, stage, environment, self.logs / f"{name}.log")

    @contextmanager
    def struck(self, stage: str, *workers: int) -> Iterator[list[Process]]:
        """Give processes to one fault alone."""
        processes = [self._processes[stage, worker] for worker in sorted(workers)]
        for process in processes:
            process.lock.acquire()
        try:
            yield processes
        finally:
            for process in processes:
                process.lock.release()

    @property
    def logs(self) -> Path:
        """Where each process has its log."""
        return self._folder / "logs"

    @property
    def folders(self) -> list[Path]:
        """Where each process keeps what it keeps on its machine."""
        return [self._folder / process.name for process in self._processes.values()]

    def use(self, disks: Iterable[Disk]) -> None:
        """Tell the processes that their folders, in the order of `folders`, are disks that can be filled."""
        for process, disk in zip(self._processes.values(), disks, strict=True):
            process.disk = disk

    def note_end(self, process: Process) -> None:
        """Keep that a process has ended by itself."""
        if process.child is not None:
            self.ends.append(End(time.time(), process.name, process.child.returncode))

    def start(self, workers: int) -> None:
        """Start so many workers of every stage."""
        for worker in range(workers):
            for stage in STAGES:
                self._processes[stage, worker].start()

    def __enter__(self) -> Fleet:
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._keeper.join(STOP_SECONDS)
        processes = list(self._processes.values())
        for process in processes:
            process.wanted = False
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        for process in processes:
            process.stop()

    def _keep(self) -> None:
        while not self._over.wait(_WATCH_SECONDS):
            for process in list(self._processes.values()):
                if not process.lock.acquire(blocking=False):
                    continue  # a fault works on it
                try:
                    self._look_after(process)
                finally:
                    process.lock.release()

    def _look_after(self, process: Process) -> None:
        if not process.wanted or process.running:
            return
        now = time.time()
        if process.child is not None and not process.again_at:
            self.note_end(process)
            process.again_at = now + _RESTART_SECONDS
        elif now >= process.again_at:
            process.start()
