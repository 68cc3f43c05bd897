"""What keeps an entity's period from being locked, as far as one contract knows (docs/accounting.md section 8)."""

from __future__ import annotations

from collections.abc import Iterator

from streams.core.contract import Contract
from streams.core.policy import Policy
from streams.records import PeriodClosed


def left_open(contract: Contract, legal_entity: str, period: str, policy: Policy) -> list[str]:
    """Return what is still open of an entity up to the end of a period, each said in a few words."""
    return list(_open(contract, legal_entity, period, policy))


def _open(contract: Contract, legal_entity: str, period: str, policy: Policy) -> Iterator[str]:
    last_day = policy.calendar(legal_entity).last_day(period)
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
