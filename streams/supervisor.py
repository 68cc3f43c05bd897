"""Several processes as one: started together, stopped together, and the first that fails stops the rest."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Program:
    """A tieout command line to run as a process."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]


class ProgramFailed(Exception):
    """A program ended by itself."""


class Supervisor:
    """Runs programs, each with a log file of its own when a log folder is given."""

    def __init__(self, logs: Path | None = None) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, program: Program) -> None:
        """Start a program as a process of its own."""
        with contextlib.ExitStack() as files:
            output = None
            if self._logs is not None:
                self._logs.mkdir(parents=True, exist_ok=True)
                output = files.enter_context(self.log(program.name).open("ab"))
            self._running[program.name] = subprocess.Popen(
                [sys.executable, "-m", "streams", *program.arguments],
                env={**os.environ, **program.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output is not None else None,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """Return the log file of a program."""
        if self._logs is None:
            raise ValueError("this supervisor keeps no logs")
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """Raise ProgramFailed, with the end of its log, when a program has ended."""
        for name, process in self._running.items():
            code = process.poll()
            if code is not None:
                raise ProgramFailed(f"{name} ended with exit code {code}{self._last_lines(name)}")

    def wait(self) -> None:
        """Wait until a program ends (ProgramFailed) or this process is told to stop."""
        with _stop_signals() as stopped:
            while not stopped:
                self.check()
                time.sleep(0.2)

    def stop(self) -> None:
        """Ask every program to stop, and end those that do not within STOP_SECONDS."""
        for process in self._running.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running = {}

    def _last_lines(self, name: str) -> str:
        if self._logs is None:
            return ""
        lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        return ":\n  " + "\n  ".join(lines) if lines else ""


@contextlib.contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT instead of dying of them."""
    received: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
