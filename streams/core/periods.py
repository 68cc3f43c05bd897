"""Accounting periods as the events tell them: which contracts a period event concerns, and what is closed."""

from __future__ import annotations

from msgspec import Struct

from streams.core.contract import Contract
from streams.records import CommercialEvent, PeriodClosed


class PeriodBook(Struct, frozen=True):
    """The periods of one legal entity, as far as events have told them to one partition."""

    closed_through: str = ""
    """Last closed period, YYYY-MM; empty when none is."""


def after_period_event(book: PeriodBook | None, event: CommercialEvent) -> PeriodBook:
    """Return the book after a period event. Closing is monotone: an earlier period adds nothing."""
    book = book or PeriodBook()
    if isinstance(event.body, PeriodClosed) and event.body.period > book.closed_through:
        return PeriodBook(closed_through=event.body.period)
    return book


def concerns(event: CommercialEvent, contract: Contract) -> bool:
    """Tell whether a period event of an entity concerns a contract: an event of the contract has named it."""
    return event.context.legal_entity in contract.entities
