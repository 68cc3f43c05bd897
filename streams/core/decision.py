"""What goes into a decision on a contract and what comes out of it: plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct

from streams.core.closing import Closing
from streams.core.contract import Contract, Document
from streams.core.seen import Seen
from streams.records import (
    AuditRecord,
    CommercialEvent,
    ErpPosting,
    ExceptionRecord,
    OperatorCommand,
    PostingAck,
    ProcessingStatus,
    RevenueAck,
    RevenueCommand,
    SourceRecord,
)


class EventArrived(Struct, frozen=True, gc=False):
    """A commercial event was read."""

    event: CommercialEvent
    source: SourceRecord
    """The record as it was read: kept whole when the event becomes an exception, and its offset tells replays."""
    at: dt.datetime
    closed: Mapping[str, Closing] = {}
    """Closed periods by legal entity, for the entities that the event is the first to name on its contract."""


class RevenueAnswered(Struct, frozen=True, gc=False):
    """The revenue platform answered a command."""

    ack: RevenueAck
    at: dt.datetime


class ErpAnswered(Struct, frozen=True, gc=False):
    """The ERP answered a posting."""

    ack: PostingAck
    at: dt.datetime


class OperatorAsked(Struct, frozen=True, gc=False):
    """An operator asked for something."""

    command: OperatorCommand
    at: dt.datetime


class TimePassed(Struct, frozen=True, gc=False):
    """The clock: what is overdue is sent again or becomes an exception."""

    at: dt.datetime


Input = EventArrived | RevenueAnswered | ErpAnswered | OperatorAsked | TimePassed

Output = RevenueCommand | ErpPosting | AuditRecord | ExceptionRecord


class EventOutcome(Struct, frozen=True, gc=False):
    """Where an event stands after a decision; the last one of an event is its end (invariant in the architecture)."""

    event_id: str
    event_type: str
    status: ProcessingStatus
    seconds: float | None = None
    """From capture in the source system to this outcome, when it is final."""


class Decision(Struct, frozen=True, gc=False):
    """The contract after an input, what is to be sent in order, and what the stage must remember."""

    contract: Contract
    outputs: tuple[Output, ...] = ()
    outcomes: tuple[EventOutcome, ...] = ()
    seen: Mapping[str, Seen] = {}
    """By event id."""
    documents: Mapping[str, Document] = {}
