"""Exceptions as work items: who acts, by when, and what resolves them (domain, exceptions)."""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from streams.core.ids import derive
from streams.core.policy import Policy
from streams.records import (
    Context,
    ExceptionChange,
    ExceptionRecord,
    ExceptionState,
    ProcessingStatus,
    RootCause,
    SourceRecord,
)

UNREADABLE = Context(source_system="", source_transaction_id="", contract_id="", contract_version=0, legal_entity="")
"""Context of a record that could not be read."""


def exception_record(
    policy: Policy,
    cause: RootCause,
    *,
    event_id: str,
    context: Context,
    subject: str,
    message: str,
    at: dt.datetime,
    source: SourceRecord | None = None,
) -> ExceptionRecord:
    """Return a new exception; the same cause and subject of a contract give the same id.

    Its deadline is shorter when the day on which it is opened, in UTC, lies in the close window of its entity.
    """
    rule = policy.exceptions[cause]
    state = ExceptionState.WAITING_APPROVAL if cause is RootCause.APPROVAL_NEEDED else ExceptionState.OPEN
    status = ProcessingStatus.AWAITING_APPROVAL if cause is RootCause.APPROVAL_NEEDED else ProcessingStatus.EXCEPTION
    return ExceptionRecord(
        exception_id=derive("exception", context.contract_id, cause, subject),
        event_id=event_id,
        root_cause=cause,
        owner=rule.owner,
        severity=rule.severity,
        opened_at=at,
        sla_due_at=at + policy.sla(cause, context.legal_entity, at.date()),
        state=state,
        message=message,
        resolving_actions=rule.actions,
        history=(ExceptionChange(at=at, state=state, actor="tieout", note=message),),
        context=replace(context, processing_status=status),
        source=source,
    )
