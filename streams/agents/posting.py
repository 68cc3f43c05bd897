"""Posting: executes commands against the revenue platform and the ERP, and answers. The only stage that touches them.

Connectors are idempotent by command id, so a batch that is read again after a crash changes nothing and gets the same
answers (protocol step 8).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from connectors.protocols import ConnectorUnavailable, Erp, RevenuePlatform
from streams import metrics
from streams.agents.clock import now
from streams.agents.outbox import Outbox
from streams.records import (
    ErpPosting,
    PostingAccepted,
    PostingAck,
    ProcessingStatus,
    RevenueAccepted,
    RevenueAck,
    RevenueCommand,
)
from streams.topics import ERP_POSTINGS, POSTING_ACKS, REVENUE_ACKS, REVENUE_COMMANDS
from streams.transport import Batch, Stage, Transaction

log = logging.getLogger(__name__)

STAGE = "posting"
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0

C = TypeVar("C")
A = TypeVar("A")


class Posting:
    """The posting stage's agents: one for revenue, one for the ERP."""

    def __init__(self, stage: Stage, outbox: Outbox, revenue: RevenuePlatform, erp: Erp, *, attempts: int = 8) -> None:
        self._outbox = outbox
        self._revenue = revenue
        self._erp = erp
        self._attempts = attempts
        stage.consume(REVENUE_COMMANDS, handler=self.on_revenue_commands)
        stage.consume(ERP_POSTINGS, handler=self.on_erp_postings)

    async def on_revenue_commands(self, batch: Batch, transaction: Transaction) -> None:
        """Execute revenue commands and acknowledge them."""
        read = self._outbox.read(transaction, batch, RevenueCommand)
        answers = await self._call("revenue", self._revenue.execute, [command for _, command in read])
        for (record, command), answer in zip(read, answers, strict=True):
            accepted = isinstance(answer, RevenueAccepted)
            context = replace(
                command.context,
                accounting_treatment=answer.treatment
                if isinstance(answer, RevenueAccepted)
                else command.context.accounting_treatment,
                processing_status=ProcessingStatus.AWAITING_POSTING if accepted else ProcessingStatus.EXCEPTION,
            )
            ack = RevenueAck(
                command_id=command.command_id,
                event_id=command.event_id,
                context=context,
                answered_at=now(),
                body=answer,
            )
            self._outbox.send(transaction, REVENUE_ACKS, context.contract_id, ack, record.headers)

    async def on_erp_postings(self, batch: Batch, transaction: Transaction) -> None:
        """Post journals and acknowledge them."""
        read = self._outbox.read(transaction, batch, ErpPosting)
        answers = await self._call("erp", self._erp.post, [posting for _, posting in read])
        for (record, posting), answer in zip(read, answers, strict=True):
            accepted = isinstance(answer, PostingAccepted)
            status = ProcessingStatus.POSTED if accepted else ProcessingStatus.EXCEPTION
            ack = PostingAck(
                command_id=posting.command_id,
                event_id=posting.event_id,
                legal_entity=posting.legal_entity,
                currency=posting.currency,
                context=replace(posting.context, processing_status=status),
                answered_at=now(),
                body=answer,
            )
            self._outbox.send(transaction, POSTING_ACKS, posting.context.contract_id, ack, record.headers)

    async def _call(self, connector: str, function: Callable[[Sequence[C]], list[A]], commands: list[C]) -> list[A]:
        """Call a connector in a thread until it answers; the batch is held meanwhile, nothing overtakes it.

        Raises ConnectorUnavailable after the last attempt: the worker stops, and when restarted reads the batch again.
        """
        if not commands:
            return []
        wait = FIRST_WAIT_SECONDS
        for attempt in range(1, self._attempts + 1):
            try:
                return await asyncio.to_thread(function, commands)
            except ConnectorUnavailable as failure:
                metrics.CONNECTOR_FAILURES.labels(connector).inc()
                log.warning("%s connector, attempt %d of %d: %s", connector, attempt, self._attempts, failure)
                if attempt == self._attempts:
                    raise
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)
        raise AssertionError("unreachable: the loop returns or raises")
