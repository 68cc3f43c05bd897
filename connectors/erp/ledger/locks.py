"""Lock the embedded ledger through a period, and unlock it from one: what a close does, over single periods."""

from __future__ import annotations

from connectors.erp.ledger.ledger import EmbeddedLedger
from streams.core.money import next_period


def lock_through(books: EmbeddedLedger, entity: str, first_open_period: str, period: str) -> list[str]:
    """Take no more postings up to the end of a period; return the periods that were open until now.

    Raises ValueError for an unknown entity or a period that is not YYYY-MM, and ConnectorUnavailable.
    """
    closed = {it.period for it in books.closed_periods() if it.legal_entity == entity}
    locked = []
    each = first_open_period
    while each <= period:
        if each not in closed:
            books.close_period(entity, each)
            locked.append(each)
        each = next_period(each)
    return locked


def unlock_from(books: EmbeddedLedger, entity: str, period: str) -> list[str]:
    """Take postings in a period and later ones again; return those that were closed. Raises as `lock_through`."""
    closed = [it.period for it in books.closed_periods() if it.legal_entity == entity and it.period >= period]
    for each in closed:
        books.reopen_period(entity, each)
    return closed
