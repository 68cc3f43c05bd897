"""PostgreSQL on 127.0.0.1 with a data folder of its own, made by initdb and removed when it stops."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from types import TracebackType

import psycopg
import psycopg.sql

from streams.embedded.process import LOOPBACK, ServerFailedError, ServerProcess, free_port
from tests.infra.component import ComponentMissingError, program

_USER = "tieout"
_DATABASE = "tieout"
_START_SECONDS = 30.0
_INITDB_SECONDS = 60.0
_STOP_SECONDS = 10.0
_INSTALL = "apt-get install postgresql"
# Nothing here outlives the test session, so nothing need reach the disk.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "unix_socket_directories": "",
    "listen_addresses": LOOPBACK,
    "max_connections": "60",
    "shared_buffers": "64MB",
}


class PostgresServer:
    """A PostgreSQL server that loses its databases when it stops."""

    def __init__(self) -> None:
        self._port = free_port()
        self._home: Path | None = None
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """The address of the database `tieout`, in SQLAlchemy's form."""
        return self._url(_DATABASE)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._process.pid if self._process is not None else None

    def new_database(self) -> str:
        """Create an empty database and return its address in SQLAlchemy's form: one for each test."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._create(name)
        return self._url(name)

    def start(self) -> None:
        """Initialise, start, and return once it answers a query."""
        initdb, postgres = find_binary("initdb"), find_binary("postgres")
        user = _unprivileged_user()
        # Not below pytest's own folder: that one is closed to the user PostgreSQL runs as.
        self._home = Path(tempfile.mkdtemp(prefix="tieout-postgres-"))
        if user is not None:
            shutil.chown(self._home, user)
        data = self._home / "data"
        _initialise(initdb, data, user)
        self._process = ServerProcess(
            "PostgreSQL",
            [
                str(postgres),
                "-D",
                str(data),
                "-p",
                str(self._port),
                *(part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")),
            ],
            log=self._home / "postgres.log",
            cwd=self._home,
            stop_signal=signal.SIGINT,  # "fast" shutdown: open connections are ended, not awaited
            user=user,
        )
        self._process.start(self._answers, seconds=_START_SECONDS)
        self._create(_DATABASE)

    def stop(self) -> None:
        """Stop it and remove its data."""
        if self._process is not None:
            self._process.stop(seconds=_STOP_SECONDS)
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://{_USER}@{LOOPBACK}:{self._port}/{database}"

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=LOOPBACK, port=self._port, user=_USER, dbname="postgres", autocommit=True, connect_timeout=2
        )

    def _answers(self) -> bool:
        try:
            with self._connect() as connection:
                return connection.execute("select 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def _create(self, database: str) -> None:
        with self._connect() as connection:
            connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(database)))


def find_binary(name: str) -> Path:
    """One of the server's own programs; ComponentMissingError when it is not installed."""
    # Debian keeps the server's programs out of PATH; the newest version wins.
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda bin: bin.parent.name, reverse=True)
    return program(name, component="PostgreSQL", install=_INSTALL, also_in=debian)


def _unprivileged_user() -> str | None:
    """Whom PostgreSQL runs as when we are root, which it refuses; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ComponentMissingError(
        "PostgreSQL", "it refuses to run as root and there is no user postgres or nobody", _INSTALL
    )


def _initialise(initdb: Path, data: Path, user: str | None) -> None:
    done = subprocess.run(
        [str(initdb), "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        capture_output=True,
        text=True,
        timeout=_INITDB_SECONDS,
        check=False,
        cwd=data.parent,
        user=user,
        extra_groups=[] if user is not None else None,
    )
    if done.returncode != 0:
        raise ServerFailedError(f"initdb failed in {data}:\n{done.stdout}{done.stderr}")
