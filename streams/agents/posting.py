"""Posting: executes commands against the revenue platform and the ERP, and answers. The only stage that touches them.

Connectors are idempotent by command id, so a batch that is read again after a crash changes nothing and gets the same
answers (protocol step 8).
"""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from connectors.protocols import Erp, RevenuePlatform
from streams.agents.calling import ConnectorCalls, Draw
from streams.agents.clock import now
from streams.agents.outbox import Outbox
from streams.core.connector_policy import PostingPolicy
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

STAGE = "posting"
_MOST_THREADS = 64


class Posting:
    """The posting stage's agents: one for revenue, one for the ERP."""

    def __init__(
        self,
        stage: Stage,
        outbox: Outbox,
        revenue: RevenuePlatform,
        erp: Erp,
        *,
        policy: PostingPolicy,
        partitions: int,
        draw: Draw = random.random,
    ) -> None:
        self._outbox = outbox
        self._revenue = revenue
        self._erp = erp
        self._revenue_calls = ConnectorCalls("revenue", policy.revenue, partitions, draw)
        self._erp_calls = ConnectorCalls("erp", policy.erp, partitions, draw)
        # A partition has one batch at a time in hand, of one of the two connectors.
        self._threads = min(_MOST_THREADS, partitions * max(policy.revenue.concurrency, policy.erp.concurrency))
        self._has_threads = False
        stage.consume(REVENUE_COMMANDS, handler=self.on_revenue_commands)
        stage.consume(ERP_POSTINGS, handler=self.on_erp_postings)

    async def on_revenue_commands(self, batch: Batch, transaction: Transaction) -> None:
        """Execute revenue commands and acknowledge them."""
        read = self._outbox.read(transaction, batch, RevenueCommand)
        self._make_threads()
        commands = [command for _, command in read]
        keys = [command.context.contract_id for command in commands]
        answers = await self._revenue_calls.answers(transaction, self._revenue.execute, commands, keys)
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
        self._make_threads()
        postings = [posting for _, posting in read]
        keys = [posting.context.contract_id for posting in postings]
        answers = await self._erp_calls.answers(transaction, self._erp.post, postings, keys)
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

    def _make_threads(self) -> None:
        """Let every call have its thread: asyncio's own pool has few, and calls mostly wait."""
        if not self._has_threads:
            pool = ThreadPoolExecutor(self._threads, thread_name_prefix="connector")
            asyncio.get_running_loop().set_default_executor(pool)
            self._has_threads = True
