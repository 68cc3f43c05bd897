"""What keeps an entity's period from being locked, as far as one contract knows (docs/accounting.md section 8)."""

from __future__ import annotations

from collections.abc import Iterator

from streams.core.admission import closing_of
from streams.core.closing import Closing
from streams.core.contract import Contract, performing
from streams.core.fiscal import previous_period
from streams.core.policy import Policy
from streams.records import PeriodClosed


def left_open(contract: Contract, legal_entity: str, period: str, policy: Policy) -> list[str]:
    """Return what is still open of an entity up to the end of a period, each said in a few words."""
    return list(_open(contract, legal_entity, period, policy))


def performer_open(closing: Closing, performer: str, legal_entity: str, period: str, policy: Policy) -> str | None:
    """Return why an entity that performs keeps the books of the one that contracts from being locked, or None.

    Each of its periods that ends by the end of the one to be locked posts in these books, when it is run.
    """
    last_day, calendar = policy.calendar(legal_entity).last_day(period), policy.calendar(performer)
    own = calendar.period_of(last_day)
    if calendar.last_day(own) > last_day:
        own = previous_period(own)
    still_open = [again for again in closing.reopened if again <= own] or [own] * (own > closing.closed_through)
    if not still_open:
        return None
    return f"{performer} performs for {legal_entity} and has {', '.join(still_open)} open: close that first"


def _open(contract: Contract, legal_entity: str, period: str, policy: Policy) -> Iterator[str]:
    last_day = policy.calendar(legal_entity).last_day(period)
    for performer in performing(contract) if legal_entity == contract.legal_entity else ():
        found = performer_open(closing_of(contract, performer, policy), performer, legal_entity, period, policy)
        if found is not None:
            yield found
    for parked in contract.parked:
        event = parked.event
        if event.context.legal_entity == legal_entity and event.effective_date <= last_day:
            yield f"{event.event_type} {event.event_id} waits: {parked.reason}"
    for step in contract.queue:
        event = step.event
        closing = event.context.legal_entity
        closes = event.body.period if isinstance(event.body, PeriodClosed) else None
        day = step.posting_date if closes is None else policy.calendar(closing).last_day(closes)
        # What an entity performs is posted in the books of the one that contracts too.
        if legal_entity in (closing, contract.legal_entity) and day <= last_day:
            what = "revenue recognition" if step.answer is None and step.command is not None else "what it waits for"
            yield f"{event.event_type} {event.event_id} awaits {what}"
    for pending in contract.postings:
        posting = pending.posting
        if posting.legal_entity == legal_entity and posting.posting_date <= last_day:
            held = "is held" if pending.held else "has no answer of the ERP"
            yield f"posting {posting.command_id} of {posting.posting_date} {held}"
