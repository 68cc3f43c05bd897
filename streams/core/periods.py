"""Accounting periods as the events tell them: which contracts a period event concerns, and what is closed.

A period event may concern a million contracts. It is told to them in slices: a `Sweep` says how far that has come, and
every contract that it has not reached takes the event before anything else happens to it. So each contract sees what
it would see if all had been told at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from streams.core.closing import Closing, after
from streams.core.contract import Contract
from streams.records import CommercialEvent, SourceRecord


class Sweep(Struct, frozen=True):
    """A period event on its way through the contracts of one partition, in the order of their keys."""

    event: CommercialEvent
    source: SourceRecord
    """Where the event was read, whole."""
    cause: tuple[tuple[str, bytes], ...] = ()
    """Headers of the event's record: what follows from it carries their trace."""
    reached: bytes = b""
    """The last contract's key that was looked at; empty before the first."""

    @property
    def start(self) -> bytes:
        """The key at which to go on: the first one that is greater than what was reached."""
        return self.reached + b"\0" if self.reached else b""


class PeriodBook(Struct, frozen=True, omit_defaults=True):
    """The periods of one legal entity, as far as events have told them to one partition."""

    closing: Closing = Closing()
    """What is closed."""
    sweeps: tuple[Sweep, ...] = ()
    """Period events that have not been told to every contract yet, the earliest first."""


def after_period_event(book: PeriodBook | None, event: CommercialEvent) -> PeriodBook:
    """Return the book after a period event."""
    book = book or PeriodBook()
    closing = after(book.closing, event)
    return book if closing == book.closing else replace(book, closing=closing)


def concerns(event: CommercialEvent, contract: Contract) -> bool:
    """Tell whether a period event of an entity concerns a contract: an event of the contract has named it."""
    return event.context.legal_entity in contract.entities


def awaits(contract: Contract, sweep: Sweep) -> bool:
    """Tell whether a contract is still to take a period event: it is concerned, and has taken in nothing later."""
    return contract.event_offset < sweep.source.offset and concerns(sweep.event, contract)


def sweeps_in_order(books: Iterable[PeriodBook]) -> tuple[Sweep, ...]:
    """Return what is on its way in all entities, in the order in which the events came."""
    return tuple(sorted((sweep for book in books for sweep in book.sweeps), key=lambda sweep: sweep.source.offset))


def begun(book: PeriodBook, sweep: Sweep) -> PeriodBook:
    """Return the book with one more period event on its way."""
    return replace(book, sweeps=(*book.sweeps, sweep))


def advanced(book: PeriodBook, sweep: Sweep, reached: bytes | None) -> PeriodBook:
    """Return the book after a slice of a sweep: it has come to a key, or (None) to the end of the contracts.

    Raises ValueError when the sweep is not in the book, or would go back.
    """
    if sweep not in book.sweeps:
        raise ValueError(f"sweep of {sweep.event.event_id} at {sweep.reached!r} is not under way; expected one that is")
    if reached is None:
        return replace(book, sweeps=tuple(other for other in book.sweeps if other != sweep))
    if reached < sweep.reached:
        raise ValueError(f"sweep of {sweep.event.event_id} would go from {sweep.reached!r} back to {reached!r}")
    moved = replace(sweep, reached=reached)
    return replace(book, sweeps=tuple(moved if other == sweep else other for other in book.sweeps))
