"""A period event on its way through one contract: what it changes, and whether it runs recognition.

What is closed follows from the events alone (`streams.core.closing`); only whether a lock finds something open depends
on how far answers have come, and that changes no number.
"""

from __future__ import annotations

from msgspec.structs import replace

from streams.core.admission import closing_of
from streams.core.close_check import left_open
from streams.core.closing import after, runs_recognition
from streams.core.contract import Contract
from streams.core.fiscal import FiscalCalendar
from streams.core.money import period_end
from streams.core.steps import fail
from streams.core.turn import Turn
from streams.records import CommercialEvent, ProcessingStatus, RootCause, RunRecognition

_TOLD = 10
"""Open items that an exception names; of more it tells the number."""


def for_contract(contract: Contract, event: CommercialEvent) -> CommercialEvent:
    """Return a period event with the contract in its context."""
    context = replace(
        event.context,
        contract_id=contract.contract_id,
        contract_version=contract.version,
        customer_account=contract.customer_account,
    )
    return replace(event, context=context)


def dated(run: RunRecognition, calendar: FiscalCalendar) -> RunRecognition:
    """Return a run with the last day of its period, unless that is the calendar month's."""
    last_day = calendar.last_day(run.period)
    return run if last_day == period_end(run.period) else replace(run, last_day=last_day)


def runs(turn: Turn, event: CommercialEvent) -> bool:
    """Take in a period event, and tell whether it runs recognition; else it ends here."""
    entity, contract = event.context.legal_entity, turn.contract
    before = closing_of(contract, entity, turn.policy)
    closing = after(before, event)
    if closing.locked_through > before.locked_through:
        found = left_open(contract, entity, closing.locked_through, turn.policy)
        if found:
            more = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
            message = (
                f"period {closing.locked_through} of {entity} is not locked for {contract.contract_id}: "
                f"{'; '.join(found[:_TOLD])}{more}; settle this, then send PeriodClosed with lock HARD again "
                "under a new event id"
            )
            fail(turn, event, RootCause.CLOSED_PERIOD, message)
            return False
    if closing != before:
        turn.change(closed={**contract.closed, entity: closing})
    if runs_recognition(before, event) and contract.version > 0 and entity in contract.entities:
        return True
    turn.outcome(event, ProcessingStatus.POSTED)
    return False
