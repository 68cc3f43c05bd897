"""One child server process: start it with its log in a file, wait until it answers, stop it by pid.

Knows nothing of brokers or databases: what "ready" means is the caller's probe.
"""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"

# Below the range operating systems hand out to outgoing connections (32768 and up on Linux, 49152 on
# macOS and Windows): while a server is down between two starts, nobody is given its port by chance.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000
_PORT_ATTEMPTS = 200
_POLL_SECONDS = 0.05
_CONNECT_SECONDS = 1.0
_LOG_TAIL_LINES = 15


class ServerFailedError(RuntimeError):
    """A server we started died, or did not answer in time. The message ends with its last log lines."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on now."""
    for _ in range(_PORT_ATTEMPTS):
        port = random.randint(_FIRST_PORT, _LAST_PORT)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise ServerFailedError(
        f"no free port on {LOOPBACK} between {_FIRST_PORT} and {_LAST_PORT} after {_PORT_ATTEMPTS} tries; "
        "stop what listens there"
    )


def listens(address: str) -> bool:
    """Whether something accepts connections on `HOST:PORT`."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS):
            return True
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Return as soon as `condition` holds; TimeoutError naming `what` once `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not so within {seconds:g} s")
        time.sleep(_POLL_SECONDS)


def log_tail(log: Path, lines: int = _LOG_TAIL_LINES) -> str:
    """The last lines of a log file, for an error message."""
    if not log.exists():
        return "(no log was written)"
    last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    return "\n".join(last) if last else "(the log is empty)"


class ServerProcess:
    """A child process that serves on 127.0.0.1. Start, stop, kill, start again; never found by name."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        user: str | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._env = dict(env) if env is not None else None
        self._cwd = cwd
        self._stop_signal = stop_signal
        self._user = user
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def running(self) -> bool:
        """Whether the process is alive (not whether it answers)."""
        return self.pid is not None

    def start(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Start, return once `ready` holds; ServerFailedError if it dies or `seconds` pass first."""
        if self.running:
            raise ServerFailedError(f"{self.name} already runs with pid {self.pid}; stop it before starting it")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                # A group of its own: Ctrl-C reaches tieout alone, which then stops its servers in order.
                start_new_session=True,
                user=self._user,
                extra_groups=[] if self._user is not None else None,
            )
        try:
            wait_until(lambda: not self.running or ready(), seconds=seconds, what=f"{self.name} ready")
        except TimeoutError:
            self.kill()
            raise ServerFailedError(
                f"{self.name} did not answer within {seconds:g} s and was stopped; "
                f"its log {self.log} ends with:\n{log_tail(self.log)}"
            ) from None
        except BaseException:
            self.kill()
            raise
        if not self.running:
            raise ServerFailedError(
                f"{self.name} ended at start with exit code {self._child.returncode}; "
                f"its log {self.log} ends with:\n{log_tail(self.log)}"
            )

    def stop(self, *, seconds: float = 10.0) -> None:
        """Ask it to stop, wait up to `seconds`, then kill it. Harmless when it does not run."""
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.send_signal(self._stop_signal)
        try:
            self._child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would. Harmless when it does not run."""
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal (SIGSTOP and SIGCONT to pause and resume); ServerFailedError when it does not run."""
        if self._child is None or self._child.poll() is not None:
            raise ServerFailedError(f"{self.name} does not run, so it cannot be sent {number.name}; start it first")
        self._child.send_signal(number)
