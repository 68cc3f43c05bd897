"""Reconciliation: adds up what billing, revenue recognition and the ERP say of each contract, and tells differences.

A contract is compared when all that was read of it belongs to one moment (`core.reconciliation.ready`).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal

import msgspec

from streams import metrics
from streams.agents.clock import now
from streams.agents.outbox import Outbox
from streams.core.money import ZERO
from streams.core.policy import Policy
from streams.core.reconciliation import Tie, billed, booked, orchestrated, ready, recognised, reconcile
from streams.records import (
    CommercialEvent,
    ContractStatus,
    PeriodClosed,
    PeriodOpened,
    PostingAccepted,
    PostingAck,
    RevenueAccepted,
    RevenueAck,
)
from streams.topics import COMMERCIAL_EVENTS, CONTRACT_STATUS, POSTING_ACKS, REVENUE_ACKS, VARIANCES
from streams.transport import Batch, Stage, Table, Transaction

STAGE = "reconciliation"
TICK_SECONDS = 1.0


class Reconciliation:
    """The reconciliation stage's agents and timer."""

    def __init__(self, stage: Stage, outbox: Outbox, policy: Policy, patience: dt.timedelta) -> None:
        self._outbox = outbox
        self._policy = policy
        self._patience = patience
        self._stage = stage
        self._ties = stage.table("ties", msgspec.msgpack.encode, msgspec.msgpack.Decoder(Tie).decode)
        self._seen: Table[bool] = stage.table("seen", msgspec.msgpack.encode, msgspec.msgpack.Decoder(bool).decode)
        self._measured: dict[int, set[tuple[str, str, str]]] = {}
        stage.consume(COMMERCIAL_EVENTS, handler=self.on_events)
        stage.consume(REVENUE_ACKS, handler=self.on_revenue_acks)
        stage.consume(POSTING_ACKS, handler=self.on_posting_acks)
        stage.consume(CONTRACT_STATUS, handler=self.on_statuses)
        stage.every(TICK_SECONDS, handler=self.on_tick)

    async def on_events(self, batch: Batch, transaction: Transaction) -> None:
        """What billing says."""
        for record, event in self._outbox.read(transaction, batch, CommercialEvent):
            if isinstance(event.body, PeriodClosed | PeriodOpened) or not self._first(transaction, event.event_id):
                continue
            tie = self._tie(transaction, event.context.contract_id)
            self._keep(transaction, billed(tie, event, now(), record.offset))

    async def on_revenue_acks(self, batch: Batch, transaction: Transaction) -> None:
        """What revenue recognition says."""
        for _, ack in self._outbox.read(transaction, batch, RevenueAck):
            if isinstance(ack.body, RevenueAccepted) and self._first(transaction, ack.command_id):
                tie = self._tie(transaction, ack.context.contract_id)
                self._keep(transaction, recognised(tie, ack.body, ack.context, now()))

    async def on_posting_acks(self, batch: Batch, transaction: Transaction) -> None:
        """What the ERP says."""
        for _, ack in self._outbox.read(transaction, batch, PostingAck):
            if isinstance(ack.body, PostingAccepted) and self._first(transaction, ack.command_id):
                tie = self._tie(transaction, ack.context.contract_id)
                self._keep(transaction, booked(tie, ack.body, ack.legal_entity, now()))

    async def on_statuses(self, batch: Batch, transaction: Transaction) -> None:
        """How far orchestration is."""
        for _, status in self._outbox.read(transaction, batch, ContractStatus):
            tie = self._tie(transaction, status.context.contract_id)
            self._keep(transaction, orchestrated(tie, status, now()))

    async def on_tick(self, partition: int, transaction: Transaction) -> None:
        """Compare the contracts that have changed and of which nothing is on its way."""
        at, read_to = now(), self._stage.next_offset(partition, COMMERCIAL_EVENTS) - 1
        for key, tie in transaction.items(self._ties):
            if not ready(tie, at, self._patience, read_to):
                continue
            after, variances = reconcile(tie, self._policy.accounts, self._policy.variance_tolerance, at)
            transaction.put(self._ties, key, after)
            for variance in variances:
                self._outbox.send(transaction, VARIANCES, tie.contract_id, variance)
        self._measure(partition, transaction)

    def _first(self, transaction: Transaction, identity: str) -> bool:
        key = identity.encode()
        if transaction.get(self._seen, key):
            return False
        transaction.put(self._seen, key, True)
        return True

    def _tie(self, transaction: Transaction, contract_id: str) -> Tie:
        return transaction.get(self._ties, contract_id.encode()) or Tie(contract_id=contract_id)

    def _keep(self, transaction: Transaction, tie: Tie) -> None:
        transaction.put(self._ties, tie.contract_id.encode(), tie)

    def _measure(self, partition: int, transaction: Transaction) -> None:
        totals: dict[tuple[str, str, str], Decimal] = defaultdict(lambda: ZERO)
        contracts = 0
        for _, tie in transaction.items(self._ties):
            if not tie.told:
                continue
            contracts += 1
            for key, difference in tie.told.items():
                measure, _, entity = key.partition("|")
                totals[entity, tie.currency, measure] += abs(difference)
        metrics.CONTRACTS_IN_VARIANCE.labels(partition).set(contracts)
        for known in self._measured.get(partition, set()) - set(totals):
            metrics.VARIANCE.labels(partition, *known).set(0)
        for labels, total in totals.items():
            metrics.VARIANCE.labels(partition, *labels).set(float(total))
        self._measured[partition] = set(totals) | self._measured.get(partition, set())
