"""Where the embedded revenue platform keeps its books and commands, and how it opens its database.

Tables have their own MetaData, so that they stand beside another package's tables in one database. SQLite by default,
PostgreSQL by URL. Knows no accounting.
"""

from __future__ import annotations

import time
from typing import Protocol

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from connectors.chunks import chunks
from connectors.protocols import DatabaseOutdated

IDS_A_STATEMENT = 500
"""Identifiers that fit one statement's parameters."""
LOCK_SECONDS = 30
"""How long a statement waits for another writer."""
CONNECT_SECONDS = 10
"""How long opening a connection to PostgreSQL may take."""
START_ATTEMPTS = 20
START_WAIT_SECONDS = 0.05
_DDL_LOCK = 7_401_606
"""Key of the PostgreSQL advisory lock under which tables are created."""

metadata = MetaData()

revenue_books = Table(
    "revenue_books",
    metadata,
    Column("contract_id", String, primary_key=True),
    Column("book", LargeBinary, nullable=False),
    comment="One book a contract, as MessagePack.",
)

revenue_commands = Table(
    "revenue_commands",
    metadata,
    Column("command_id", String, primary_key=True),
    Column("contract_id", String, nullable=False, index=True),
    Column("place", Integer, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("command", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    comment="Every command that was executed, with its answer: what makes a command idempotent. "
    "`place` orders those that a contract accepted: what a correction replays.",
)


class _Cursor(Protocol):
    def execute(self, statement: str, /) -> object: ...
    def fetchone(self) -> tuple[object, ...] | None: ...
    def close(self) -> None: ...


class _SqliteConnection(Protocol):
    def cursor(self) -> _Cursor: ...


def open_engine(url: str) -> Engine:
    """Return an engine for a database URL; SQLite is set up for several processes that read and one that writes."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        bounded = address.get_driver_name() != "psycopg" or "connect_timeout" in address.query
        connect_args = {} if bounded else {"connect_timeout": CONNECT_SECONDS}
        return create_engine(address, pool_pre_ping=True, connect_args=connect_args)
    if address.database in (None, "", ":memory:"):
        return create_engine(address, poolclass=StaticPool, connect_args={"check_same_thread": False})
    engine = create_engine(address, connect_args={"timeout": LOCK_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: _SqliteConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode")
    mode = cursor.fetchone()
    if mode is None or mode[0] != "wal":
        cursor.execute("PRAGMA journal_mode=WAL")
    # An answer that was given must survive a power failure, so the log is synced at every commit.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def create_tables(engine: Engine) -> None:
    """Create what is missing; safe for several processes that start at once.

    Raises OperationalError, and DatabaseOutdated for one of an earlier release that cannot be brought up to this one.
    """
    for attempt in range(START_ATTEMPTS):
        try:
            with engine.begin() as connection:
                _create(connection)
            return
        except OperationalError:
            # Switching a new SQLite file to WAL does not wait for another process that does the same.
            if engine.dialect.name != "sqlite" or attempt == START_ATTEMPTS - 1:
                raise
            time.sleep(START_WAIT_SECONDS)


def _create(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _DDL_LOCK})
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    _bring_up(connection)


def _bring_up(connection: Connection) -> None:
    """Bring tables of an earlier release up to this one, or refuse them: what they did not keep cannot be made up."""
    found = inspect(connection)
    for table in metadata.sorted_tables:
        present = {column["name"] for column in found.get_columns(table.name)}
        missing = [column.name for column in table.columns if column.name not in present]
        if not missing:
            continue
        lock_for_writing(connection, [])
        if connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise DatabaseOutdated(
                f"{table.name} was made by an earlier release, without {', '.join(missing)}, and holds commands whose "
                "order it did not keep; expected a database of this release. Name a new one in TIEOUT_DATABASE and "
                "send the commercial events again from the first: they make the same books"
            )
        connection.execute(DropTable(table))
        table.create(connection)


def lock_for_writing(connection: Connection, contract_ids: list[str]) -> None:
    """Make the transaction the only one that changes these contracts, before it reads anything."""
    if connection.dialect.name == "sqlite":
        # A transaction that begins with a write waits for other writers; one that begins with a read fails on them.
        connection.execute(text("UPDATE revenue_books SET contract_id = contract_id WHERE 1 = 0"))
        return
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
    for chunk in chunks(contract_ids, IDS_A_STATEMENT):
        locked = revenue_books.select().with_only_columns(revenue_books.c.contract_id)
        connection.execute(
            locked.where(revenue_books.c.contract_id.in_(chunk)).order_by(revenue_books.c.contract_id).with_for_update()
        ).all()
