"""Reach the ledger's database: engine, tables, transactions, and what an outage looks like.

SQLite runs in WAL mode with full synchronisation (an accepted posting survives a power cut) and takes the write lock
when a writing transaction begins. Must not know what is posted.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool
from sqlalchemy.schema import CreateColumn

from connectors.erp.ledger.schema import metadata
from connectors.protocols import ConnectorUnavailable

_BUSY_SECONDS = 15
_WAL_RETRY_SECONDS = 0.02
_CONNECT_SECONDS = 5
_BEGIN = "tieout_begin"  # how a connection begins its transactions on SQLite; None: not at all
_SCHEMA_LOCK = 0x7469_656F  # "tieo": one advisory lock for all who create the tables


def open_engine(url: str) -> Engine:
    """Return an engine for an SQLite or PostgreSQL URL, without connecting. `sqlite://` is a database in memory.

    Raises ValueError for another database, ModuleNotFoundError when PostgreSQL's driver is not installed.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        timeout = {} if "connect_timeout" in parsed.query else {"connect_timeout": _CONNECT_SECONDS}
        try:
            return create_engine(parsed, pool_pre_ping=True, connect_args=timeout)
        except ModuleNotFoundError as missing:
            raise ModuleNotFoundError(f"{missing.name} is not installed: pip install 'tieout[postgres]'") from missing
    if backend != "sqlite":
        raise ValueError(f"the ledger's database is {backend!r}; expected sqlite or postgresql+psycopg")
    arguments = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
    if _in_memory(parsed.database):
        engine = create_engine(parsed, connect_args=arguments, poolclass=StaticPool)
    else:
        engine = create_engine(parsed, connect_args=arguments)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


class Database:
    """Transactions on the ledger's tables; makes the tables before the first one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._ready = False
        # One process writes to SQLite one after the other; in memory all threads share one connection.
        self._writing = threading.Lock() if self._sqlite else nullcontext()
        self._reading = self._writing if self._sqlite and _in_memory(engine.url.database) else nullcontext()
        self._preparing = threading.Lock()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes; it commits when the block ends. Raises ConnectorUnavailable."""
        self._prepare()
        with self._writing, _outages(), self._begin() as connection:
            if not self._sqlite:
                connection.execute(text(f"SET LOCAL lock_timeout = '{_BUSY_SECONDS}s'"))
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that reads. Raises ConnectorUnavailable."""
        self._prepare()
        with self._reading, _outages(), self._engine.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _prepare(self) -> None:
        """Make the tables once a process; processes that do it at the same time wait for each other."""
        with self._preparing:
            if self._ready:
                return
            if self._sqlite and not _in_memory(self._engine.url.database):
                _make_folder(Path(str(self._engine.url.database)).parent)
                _switch_to_wal(self._engine)
            with _outages(), self._begin() as connection:
                if not self._sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})
                metadata.create_all(connection)
                _add_missing_columns(connection)
            self._ready = True

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}) as connection, connection.begin():
            yield connection


def _add_missing_columns(connection: Connection) -> None:
    """Bring tables that an earlier release made up to this one: columns are only ever added, and have a default."""
    tables = inspect(connection)
    for table in metadata.sorted_tables:
        present = {column["name"] for column in tables.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                definition = CreateColumn(column).compile(dialect=connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))


@contextmanager
def _outages() -> Iterator[None]:
    """Turn what a database says when it is down, locked or full into ConnectorUnavailable."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise ConnectorUnavailable(f"the ledger's database does not answer: {_short(error)}") from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise ConnectorUnavailable(f"the ledger's database closed the connection: {_short(error)}") from error


def _short(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(str(cause).split())[:300]


def _switch_to_wal(engine: Engine) -> None:
    """Put a database file into WAL mode, which it then keeps.

    SQLite does not wait for other connections here, whatever its busy timeout: processes that start at once collide.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            with _outages(), engine.connect().execution_options(**{_BEGIN: None}) as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                return
        except ConnectorUnavailable as busy:
            if not _is_busy(busy) or time.monotonic() > deadline:
                raise
        time.sleep(_WAL_RETRY_SECONDS)


def _is_busy(outage: ConnectorUnavailable) -> bool:
    cause = outage.__cause__
    code = getattr(cause.orig, "sqlite_errorcode", None) if isinstance(cause, DBAPIError) else None
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConnectorUnavailable(f"the folder of the ledger's database cannot be made: {error}") from error


def _in_memory(database: str | None) -> bool:
    return not database or database == ":memory:"


def _configure_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; _begin_sqlite sends it
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    statement = connection.get_execution_options().get(_BEGIN, "BEGIN")
    if statement is not None:
        connection.exec_driver_sql(statement)
