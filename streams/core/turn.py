"""One decision being made: the contract so far, and what is to be sent, told and remembered.

The only mutable object of the core; it lives for one call of `decide` and never leaves it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec.structs import replace

from streams.core.contract import Contract, Document, Memory, shared_transaction_key, transaction_key
from streams.core.decision import Decision, EventOutcome, Output
from streams.core.exceptions import exception_record
from streams.core.ids import derive
from streams.core.policy import Policy
from streams.core.seen import Seen
from streams.records import (
    AuditAction,
    AuditRecord,
    CommercialEvent,
    Context,
    ProcessingStatus,
    RootCause,
    SourceRecord,
)

_FINAL = frozenset(
    {
        ProcessingStatus.POSTED,
        ProcessingStatus.COMPENSATED,
        ProcessingStatus.EXCEPTION,
        ProcessingStatus.DUPLICATE,
        ProcessingStatus.REFUSED,
    }
)


class Turn:
    """Collects the effects of one input on one contract."""

    __slots__ = ("_documents", "_memory", "_outcomes", "_outputs", "_seen", "at", "contract", "policy")

    def __init__(self, contract: Contract, memory: Memory, policy: Policy, at: dt.datetime) -> None:
        self.contract = contract
        self.policy = policy
        self.at = at
        self._memory = memory
        self._outputs: list[Output] = []
        self._outcomes: list[EventOutcome] = []
        self._seen: dict[str, Seen] = {}
        self._documents: dict[str, Document] = {}

    def decision(self) -> Decision:
        """Return what has been collected."""
        return Decision(
            contract=self.contract,
            outputs=tuple(self._outputs),
            outcomes=tuple(self._outcomes),
            seen=self._seen,
            documents=self._documents,
        )

    def change(self, **fields: Any) -> None:
        """Replace fields of the contract."""
        self.contract = replace(self.contract, **fields)

    def send(self, output: Output) -> None:
        """Send a record."""
        self._outputs.append(output)

    def remember_event(self, event_id: str, seen: Seen) -> None:
        """Remember an event id: the next event with it is a duplicate, or an exception if it is another one."""
        self._seen[event_id] = seen

    def remember_document(self, key: str, document: Document) -> None:
        """Remember a document that later events may refer to."""
        self._documents[key] = document

    def seen(self, event_id: str) -> Seen | None:
        """Return what is remembered of an event id that came before, or None."""
        return self._memory.seen(event_id)

    def document(self, key: str) -> Document | None:
        """Return a document of this contract, remembered earlier or in this turn."""
        if key in self._documents:
            return self._documents[key]
        return self._memory.document(self.contract.contract_id, key)

    def transaction(self, source_system: str, source_transaction_id: str) -> Document | None:
        """Return the document of a source transaction: that of the source system, or else the only one of the id."""
        plain = self.document(transaction_key(source_transaction_id))
        if plain is None or not plain.shared or plain.event.context.source_system == source_system:
            return plain
        return self.document(shared_transaction_key(source_transaction_id, source_system)) or plain

    def key_of_transaction(self, event: CommercialEvent) -> str:
        """Return the key of an event's document: two source systems may have transactions of one id."""
        context = event.context
        key = transaction_key(context.source_transaction_id)
        plain = self.document(key)
        if plain is None or plain.event.context.source_system == context.source_system:
            return key
        return shared_transaction_key(context.source_transaction_id, context.source_system)

    def outcome(self, event: CommercialEvent, status: ProcessingStatus) -> None:
        """Tell where an event stands."""
        seconds = (self.at - event.occurred_at).total_seconds() if status in _FINAL else None
        self._outcomes.append(EventOutcome(event.event_id, event.event_type, status, seconds))

    def audit(
        self,
        action: AuditAction,
        event: CommercialEvent,
        status: ProcessingStatus,
        *,
        command_id: str | None = None,
        detail: str = "",
        context: Context | None = None,
    ) -> None:
        """Write a step of the event's road to the audit trail."""
        contract_id = self.contract.contract_id
        self._outputs.append(
            AuditRecord(
                audit_id=derive("audit", contract_id, event.event_id, action, command_id or "", detail),
                at=self.at,
                action=action,
                event_id=event.event_id,
                command_id=command_id,
                detail=detail,
                context=replace(context or event.context, contract_id=contract_id, processing_status=status),
            )
        )

    def exception(
        self,
        cause: RootCause,
        event: CommercialEvent,
        message: str,
        *,
        subject: str = "",
        source: SourceRecord | None = None,
    ) -> None:
        """Raise an exception with an owner and a deadline; raising it again gives the same id."""
        record = exception_record(
            self.policy,
            cause,
            event_id=event.event_id,
            context=replace(event.context, contract_id=self.contract.contract_id),
            subject=subject or event.event_id,
            message=message,
            at=self.at,
            source=source,
        )
        self._outputs.append(record)
        self.audit(AuditAction.EXCEPTION_RAISED, event, ProcessingStatus.EXCEPTION, detail=f"{cause}: {message}")
