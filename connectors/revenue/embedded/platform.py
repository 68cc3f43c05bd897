"""The embedded revenue platform as a connector: the pure engine over a database, idempotent by command id.

One database transaction a call: it takes the contracts' locks, reads their books and the answers already given, runs
the engine, writes what changed. Knows no accounting; that is in `engine`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, Select, bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from connectors.chunks import chunks
from connectors.protocols import ConnectorUnavailable, RevenuePosition
from connectors.reading import ObligationRow, RecognitionRow
from connectors.revenue.embedded.book import Book
from connectors.revenue.embedded.correction import is_replayed
from connectors.revenue.embedded.engine import recognise
from connectors.revenue.embedded.minor_units import to_amount
from connectors.revenue.embedded.reading import obligation_rows, stored_recognitions
from connectors.revenue.embedded.tables import (
    IDS_A_STATEMENT,
    create_tables,
    lock_for_writing,
    open_engine,
    revenue_books,
    revenue_commands,
)
from streams.core.fiscal import FiscalCalendar
from streams.records import RevenueAccepted, RevenueCommand, RevenueRejected, ReverseTransaction

ATTEMPTS = 5
"""How often a call is made when another worker wins a race for the same command, contract or lock."""
PAGE = 500
"""Contracts that `positions` reads at a time."""

Answer = RevenueAccepted | RevenueRejected

_encoder = msgspec.msgpack.Encoder()
_books = msgspec.msgpack.Decoder(Book)
_commands = msgspec.msgpack.Decoder(RevenueCommand)
_answers = msgspec.msgpack.Decoder(RevenueAccepted | RevenueRejected)

_UPDATE_BOOK = update(revenue_books).where(revenue_books.c.contract_id == bindparam("of")).values(book=bindparam("now"))


class EmbeddedRevenuePlatform:
    """A revenue platform of our own, in a database that several workers may share.

    Implements `connectors.protocols.RevenuePlatform`. Every method raises ConnectorUnavailable when the database cannot
    be reached or stays locked.
    """

    def __init__(self, database: str | Engine, calendars: Mapping[str, FiscalCalendar] | None = None) -> None:
        """Open the database, by SQLAlchemy URL or engine, and create the platform's tables where they are missing.

        `calendars`, by entity, tell obligations by the periods of the entity; one that is missing has calendar months.
        """
        self._calendars = calendars or {}
        self._owns_engine = isinstance(database, str)
        self._engine = open_engine(database) if isinstance(database, str) else database
        # SQLite has one writer; threads that take turns here need not wait for its lock.
        self._turn: AbstractContextManager[object] = (
            threading.Lock() if self._engine.dialect.name == "sqlite" else nullcontext()
        )
        try:
            create_tables(self._engine)
        except (OperationalError, InterfaceError) as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Close the connections, if the platform opened them."""
        if self._owns_engine:
            self._engine.dispose()

    def execute(self, commands: Sequence[RevenueCommand]) -> list[Answer]:
        """Execute commands in order; one answer a command. See `connectors.protocols.RevenuePlatform.execute`."""
        if not commands:
            return []
        lost: Exception | None = None
        for _ in range(ATTEMPTS):
            try:
                with self._turn, self._engine.begin() as connection:
                    return _execute(connection, commands)
            except IntegrityError as error:
                lost = error
            except (OperationalError, InterfaceError, DisconnectionError, PoolTimeoutError) as error:
                if not _is_lost_race(error):
                    raise self._unavailable(error) from error
                lost = error
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise self._unavailable(error) from error
                raise
        raise ConnectorUnavailable(
            f"revenue platform: {ATTEMPTS} attempts lost to other workers on the same contracts, the last to {lost}; "
            "expected one to pass. Make the same call again, and check that a contract has one worker."
        ) from lost

    def position(self, contract_id: str) -> RevenuePosition | None:
        """Return what the platform holds of a contract, or None when it does not know it."""
        rows = self._read_page(contract_id, exactly=True)
        return _position(rows[0]) if rows else None

    def positions(self) -> Iterator[RevenuePosition]:
        """Return what the platform holds of every contract, in order of contract id, read page by page."""
        after = ""
        while rows := self._read_page(after, exactly=False):
            for raw in rows:
                position = _position(raw)
                after = position.contract_id
                yield position

    def obligations(self, contract_id: str | None = None) -> Iterator[ObligationRow]:
        """Return the obligations, read page by page; see `connectors.reading.RevenueBooks`."""
        if contract_id is not None:
            book = self.book(contract_id)
            yield from obligation_rows(book, self._calendars) if book is not None else ()
            return
        after = ""
        while rows := self._read_page(after, exactly=False):
            for raw in rows:
                book = _books.decode(raw)
                after = book.contract_id
                yield from obligation_rows(book, self._calendars)

    def recognitions(self, contract_id: str | None = None) -> Iterator[RecognitionRow]:
        """Return what runs have recognised, read page by page; see `connectors.reading.RevenueBooks`."""
        stored = revenue_commands.c
        query = select(stored.command_id, stored.contract_id, stored.command, stored.answer).where(stored.accepted)
        if contract_id is not None:
            query = query.where(stored.contract_id == contract_id)
        query = query.order_by(stored.command_id).limit(PAGE)
        after = ""
        while rows := self._read(query.where(stored.command_id > after)):
            for row in rows:
                yield from stored_recognitions(row.contract_id, row.command, row.answer)
            after = rows[-1].command_id

    def book(self, contract_id: str) -> Book | None:
        """Return the book of a contract, or None when the platform does not know it."""
        rows = self._read_page(contract_id, exactly=True)
        return _books.decode(rows[0]) if rows else None

    def _read_page(self, contract_id: str, exactly: bool) -> list[bytes]:
        key = revenue_books.c.contract_id
        query = select(revenue_books.c.book).where(key == contract_id if exactly else key > contract_id)
        return [row.book for row in self._read(query.order_by(key).limit(PAGE))]

    def _read(self, query: Select[Any]) -> Sequence[Row[Any]]:
        try:
            with self._turn, self._engine.connect() as connection:
                return connection.execute(query).all()
        except (OperationalError, InterfaceError, DisconnectionError, PoolTimeoutError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> ConnectorUnavailable:
        where = self._engine.url.render_as_string(hide_password=True)
        cause = str(getattr(error, "orig", None) or error).strip()
        return ConnectorUnavailable(
            f"revenue platform: the database {where} did not answer: {cause}; expected to reach it and its tables. "
            "Check that it runs and accepts connections; the same call can then be made again."
        )


def _execute(connection: Connection, commands: Sequence[RevenueCommand]) -> list[Answer]:
    contract_ids = sorted({command.context.contract_id for command in commands})
    lock_for_writing(connection, contract_ids)
    answers = _known_answers(connection, {command.command_id for command in commands})
    fresh = [command for command in commands if command.command_id not in answers]
    if fresh:
        stored = _stored_books(connection, sorted({command.context.contract_id for command in fresh}))
        reversible = _reversible(connection, fresh)
        earlier = _histories(connection, fresh, reversible) | reversible
        books: dict[str, Book | None] = dict(stored)
        executed: list[tuple[int, RevenueCommand]] = []
        for command in fresh:
            if command.command_id in answers:
                continue
            contract_id = command.context.contract_id
            book, answer = recognise(books.get(contract_id), command, earlier)
            books[contract_id] = book
            answers[command.command_id] = answer
            executed.append((book.executed if book else 0, command))
            if isinstance(answer, RevenueAccepted):
                earlier[command.command_id] = command
        _write(connection, stored, books, executed, answers)
    return [answers[command.command_id] for command in commands]


def _known_answers(connection: Connection, command_ids: set[str]) -> dict[str, Answer]:
    columns = select(revenue_commands.c.command_id, revenue_commands.c.answer)
    return {
        command_id: _answers.decode(raw)
        for chunk in chunks(sorted(command_ids), IDS_A_STATEMENT)
        for command_id, raw in connection.execute(columns.where(revenue_commands.c.command_id.in_(chunk)))
    }


def _stored_books(connection: Connection, contract_ids: list[str]) -> dict[str, Book]:
    columns = select(revenue_books.c.contract_id, revenue_books.c.book)
    return {
        contract_id: _books.decode(raw)
        for chunk in chunks(contract_ids, IDS_A_STATEMENT)
        for contract_id, raw in connection.execute(columns.where(revenue_books.c.contract_id.in_(chunk)))
    }


def _histories(
    connection: Connection, commands: Sequence[RevenueCommand], reversible: dict[str, RevenueCommand]
) -> dict[str, RevenueCommand]:
    """Return the accepted commands, in order, of the contracts that are replayed."""
    known = {command.command_id: command for command in commands} | reversible
    contract_ids = sorted({command.context.contract_id for command in commands if _replays(command, known)})
    columns = select(revenue_commands.c.command_id, revenue_commands.c.command).where(revenue_commands.c.accepted)
    ordered = columns.order_by(revenue_commands.c.contract_id, revenue_commands.c.place)
    return {
        command_id: _commands.decode(raw)
        for chunk in chunks(contract_ids, IDS_A_STATEMENT)
        for command_id, raw in connection.execute(ordered.where(revenue_commands.c.contract_id.in_(chunk)))
    }


def _replays(command: RevenueCommand, known: dict[str, RevenueCommand]) -> bool:
    if command.corrects_command_id:
        return True
    target = known.get(command.body.reverses_command_id) if isinstance(command.body, ReverseTransaction) else None
    return target is not None and is_replayed(target)


def _reversible(connection: Connection, commands: Sequence[RevenueCommand]) -> dict[str, RevenueCommand]:
    targets = sorted(
        {command.body.reverses_command_id for command in commands if isinstance(command.body, ReverseTransaction)}
    )
    columns = select(revenue_commands.c.command_id, revenue_commands.c.command).where(revenue_commands.c.accepted)
    return {
        command_id: _commands.decode(raw)
        for chunk in chunks(targets, IDS_A_STATEMENT)
        for command_id, raw in connection.execute(columns.where(revenue_commands.c.command_id.in_(chunk)))
    }


def _write(
    connection: Connection,
    stored: dict[str, Book],
    books: dict[str, Book | None],
    executed: list[tuple[int, RevenueCommand]],
    answers: dict[str, Answer],
) -> None:
    opened: list[dict[str, str | bytes]] = []
    changed: list[dict[str, str | bytes]] = []
    for contract_id in sorted(books):
        book = books[contract_id]
        before = stored.get(contract_id)
        if book is None or book is before:
            continue
        if before is None:
            opened.append({"contract_id": contract_id, "book": _encoder.encode(book)})
        else:
            changed.append({"of": contract_id, "now": _encoder.encode(book)})
    if opened:
        connection.execute(insert(revenue_books), opened)
    if changed:
        connection.execute(_UPDATE_BOOK, changed)
    connection.execute(
        insert(revenue_commands),
        [
            {
                "command_id": command.command_id,
                "contract_id": command.context.contract_id,
                "place": place,
                "accepted": isinstance(answers[command.command_id], RevenueAccepted),
                "command": _encoder.encode(command),
                "answer": _encoder.encode(answers[command.command_id]),
            }
            for place, command in sorted(executed, key=lambda each: each[1].command_id)
        ],
    )


def _position(raw: bytes) -> RevenuePosition:
    book = _books.decode(raw)
    return RevenuePosition(
        contract_id=book.contract_id,
        currency=book.currency,
        billed=to_amount(book.billed, book.currency),
        recognised=to_amount(book.recognised, book.currency),
        transaction_price=to_amount(book.transaction_price, book.currency),
    )


def _is_lost_race(error: Exception) -> bool:
    """Tell a deadlock or serialization failure, which another attempt resolves, from a database that is not there."""
    original = getattr(error, "orig", None)
    return getattr(original, "sqlstate", None) in ("40001", "40P01")
