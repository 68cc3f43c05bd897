"""Capture: reads what sources publish, checks it against the business rules, and puts it on the canonical topic.

It never decides accounting. What it refuses becomes an exception that names every fault; period events, which concern
every contract of an entity, go to every partition, in one order: that of one partition of the sources' topic.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from streams import metrics
from streams.agents.clock import now
from streams.agents.outbox import Outbox, source_of
from streams.core.exceptions import exception_record
from streams.core.ids import derive
from streams.core.policy import Policy
from streams.core.rules import EVERY_CONTRACT, Violation, violations
from streams.records import (
    AuditAction,
    AuditRecord,
    CommercialEvent,
    PeriodClosed,
    PeriodOpened,
    ProcessingStatus,
)
from streams.topics import AUDIT_TRAIL, COMMERCIAL_EVENTS, SOURCE_EVENTS
from streams.transport import Batch, Record, Stage, Transaction
from streams.transport.partitioner import partition_of

STAGE = "capture"


class Capture:
    """The capture stage's agent; `sources`: partitions of the sources' topic, where not as many as of the others."""

    def __init__(
        self, stage: Stage, outbox: Outbox, policy: Policy, partitions: int, *, sources: int | None = None
    ) -> None:
        self._outbox = outbox
        self._policy = policy
        self._partitions = partitions
        # Its order is that of period events, wherever a source has put them: where their key belongs.
        self._home = partition_of(EVERY_CONTRACT.encode(), sources or partitions)
        stage.consume(SOURCE_EVENTS, handler=self.on_batch)

    async def on_batch(self, batch: Batch, transaction: Transaction) -> None:
        """Capture or refuse every record of a batch."""
        for record, event in self._outbox.read(transaction, batch, CommercialEvent):
            faults = violations(event, self._policy)
            if faults:
                self._refuse(batch, transaction, record, event, faults)
            elif isinstance(event.body, PeriodClosed | PeriodOpened) and batch.partition != self._home:
                # Workers that told several partitions of two such events at once would tell them in different orders.
                key = event.context.contract_id
                self._outbox.send(transaction, SOURCE_EVENTS, key, event, record.headers, partition=self._home)
            else:
                self._capture(transaction, record, event)

    def _capture(self, transaction: Transaction, record: Record, event: CommercialEvent) -> None:
        contract_id = event.context.contract_id
        context = replace(event.context, processing_status=ProcessingStatus.CAPTURED)
        event = replace(event, context=context)
        everywhere = isinstance(event.body, PeriodClosed | PeriodOpened)
        for partition in range(self._partitions) if everywhere else (None,):
            self._outbox.send(transaction, COMMERCIAL_EVENTS, contract_id, event, record.headers, partition=partition)
        audit = AuditRecord(
            audit_id=derive(
                "audit", contract_id, event.event_id, AuditAction.CAPTURED, transaction.partition, record.offset
            ),
            at=now(),
            action=AuditAction.CAPTURED,
            event_id=event.event_id,
            detail=event.event_type,
            context=context,
        )
        self._outbox.send(transaction, AUDIT_TRAIL, contract_id, audit, record.headers)

    def _refuse(
        self,
        batch: Batch,
        transaction: Transaction,
        record: Record,
        event: CommercialEvent,
        faults: Sequence[Violation],
    ) -> None:
        message = "; ".join(f"{fault.pointer}: {fault.message}" for fault in faults)
        cause = faults[0].cause
        metrics.EVENT_OUTCOMES.labels(event.event_type, ProcessingStatus.REFUSED).inc()
        context = replace(event.context, processing_status=ProcessingStatus.REFUSED)
        exception = exception_record(
            self._policy,
            cause,
            event_id=event.event_id,
            context=context,
            subject=f"{batch.topic}/{batch.partition}/{record.offset}",
            message=f"{message}; correct the event at its source and publish it again",
            at=now(),
            source=source_of(batch, record),
        )
        self._outbox.send_exception(transaction, exception, record.headers)
