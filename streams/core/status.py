"""What the world is told about a contract: a projection of its state."""

from __future__ import annotations

import datetime as dt

from streams.core.contract import Contract, performing
from streams.records import Context, ContractStatus, ParkedEvent, ProcessingStatus


def contract_status(contract: Contract, at: dt.datetime) -> ContractStatus:
    """Return the public status of a contract."""
    pending = sum(1 for step in contract.queue if step.command is not None and step.answer is None)
    return ContractStatus(
        state=contract.state,
        currency=contract.currency,
        version_in_force=contract.version,
        billed=contract.billed,
        recognised=contract.recognised,
        parked=tuple(
            ParkedEvent(
                event_id=parked.event.event_id,
                event_type=parked.event.event_type,
                reason=parked.reason,
                since=parked.since,
                effective_date=parked.event.effective_date,
                legal_entity=parked.event.context.legal_entity,
            )
            for parked in contract.parked
        ),
        commands_pending=pending,
        postings_pending=len(contract.postings),
        last_event_offset=contract.event_offset,
        commands_accepted=contract.commands_accepted,
        postings_accepted=contract.postings_accepted,
        performing_entities=performing(contract),
        at=at,
        context=Context(
            source_system="tieout",
            source_transaction_id="",
            contract_id=contract.contract_id,
            contract_version=contract.version,
            customer_account=contract.customer_account,
            legal_entity=contract.legal_entity,
            processing_status=ProcessingStatus.PARKED if contract.parked else ProcessingStatus.POSTED,
        ),
    )
