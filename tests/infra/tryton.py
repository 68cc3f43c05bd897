"""A real Tryton server on 127.0.0.1: packages in an environment of their own, an SQLite database.

Environment and empty database are made once and kept in the cache; a session copies the database.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import venv
from pathlib import Path
from types import TracebackType

from streams.embedded.process import LOOPBACK, ServerProcess, free_port
from tests.infra.component import ComponentMissingError, cache_dir

PACKAGES = ("trytond==8.0.12", "trytond_account==8.0.4")
DATABASE = "tieout"
USER = "admin"
PASSWORD = "tieout-tests-only"

_INSTALL_SECONDS = 400.0
_INITIALISE_SECONDS = 120.0
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_INSTALL = f"python -m venv .work/tryton-venv && .work/tryton-venv/bin/pip install {' '.join(PACKAGES)}"


def find_tryton() -> Path:
    """The environment's programs, installed now when they are not there; ComponentMissingError when that fails."""
    home = cache_dir() / "tryton-venv"
    stamp, wanted = home / "installed", "\n".join(PACKAGES)
    if not (stamp.exists() and stamp.read_text() == wanted):
        venv.create(home, clear=True, with_pip=True)
        _run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *PACKAGES], _INSTALL_SECONDS)
        stamp.write_text(wanted)
    return home / "bin"


def _run(command: list[str], seconds: float, env: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, env=env)
    except subprocess.TimeoutExpired as late:
        found = f"{Path(command[0]).name} did not finish within {seconds:.0f} s"
        raise ComponentMissingError("Tryton", found, _INSTALL) from late
    if done.returncode != 0:
        last = ((done.stdout + done.stderr).strip().splitlines() or ["it said nothing"])[-1]
        raise ComponentMissingError("Tryton", last, _INSTALL)


class TrytonServer:
    """A Tryton server with the module account and an empty database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: ServerProcess | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """Where it listens, without the database."""
        return f"http://{LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Start on a copy of the empty database, and return once it accepts connections."""
        programs = find_tryton()
        databases = self._folder / "databases"
        databases.mkdir(parents=True)
        shutil.copy(_empty_database(programs), databases / f"{DATABASE}.sqlite")
        settings = _settings(self._folder, databases, self._port)
        command = [str(programs / "python"), str(programs / "trytond"), "-c", str(settings), "-d", DATABASE]
        self._process = ServerProcess("Tryton", command, log=self._folder / "tryton.log", cwd=self._folder)
        self._process.start(self._listens, seconds=_START_SECONDS)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(seconds=_STOP_SECONDS)

    def __enter__(self) -> TrytonServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self._port)) == 0


def _settings(folder: Path, databases: Path, port: int) -> Path:
    file = folder / "trytond.conf"
    file.write_text(f"[database]\nuri = sqlite://\npath = {databases}\n\n[web]\nlisten = {LOOPBACK}:{port}\n")
    return file


def _empty_database(programs: Path) -> Path:
    """The database with the module account and nothing else."""
    home = cache_dir() / "tryton-database"
    stamp, wanted = home / "made-with", "\n".join((*PACKAGES, PASSWORD))
    database = home / f"{DATABASE}.sqlite"
    if stamp.exists() and stamp.read_text() == wanted:
        return database
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    database.touch()
    password = home / "password"
    password.write_text(PASSWORD)
    settings = _settings(home, home, 0)
    command = [str(programs / "python"), str(programs / "trytond-admin"), "-c", str(settings), "-d", DATABASE]
    command += ["-u", "account", "--activate-dependencies", "--email", "admin@example.org"]
    _run(command, _INITIALISE_SECONDS, {"TRYTONPASSFILE": str(password), "PATH": ""})
    stamp.write_text(wanted)
    return database
