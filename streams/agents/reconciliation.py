"""Reconciliation: adds up what billing, revenue recognition and the ERP say of each contract, and tells differences.

A contract is compared when all that was read of it belongs to one moment (`core.reconciliation.ready`).
"""

from __future__ import annotations

import datetime as dt
import sys
from functools import partial

import msgspec

from streams import metrics
from streams.agents.clock import now
from streams.agents.outbox import Outbox
from streams.agents.seen import SeenIds
from streams.core.policy import Policy
from streams.core.reconciliation import Tie, billed, booked, orchestrated, ready, recognised, reconcile
from streams.core.seen import Seen
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
from streams.transport import Batch, Count, Entry, Stage, Transaction, Watch

STAGE = "reconciliation"
TICK_SECONDS = 1.0
_DUE_A_TICK = 2000
"""Contracts compared in one transaction at most; more wait for the next tick, longest due first."""
_CONTRACTS = "contracts"


def _what_is_open(patience: dt.timedelta, tie: Tie) -> Entry | None:
    """Return when the contract is to be compared, and its open differences; None when there is nothing of either.

    It is as soon as all systems told of one moment, and this stage has read so far: that is looked at on every tick.
    """
    if tie.changed_at is None and not tie.told:
        return None
    counts: dict[str, Count] = {_CONTRACTS: 1} if tie.told else {}
    for key, difference in tie.told.items():
        measure, _, entity = key.partition("|")
        counts[f"{measure}|{tie.currency}|{entity}"] = abs(difference)
    due = None
    if tie.changed_at is not None:
        at_one_moment = ready(tie, tie.changed_at, patience, events_read_to=sys.maxsize)
        due = (tie.changed_at if at_one_moment else tie.changed_at + patience).timestamp()
    return Entry(due, counts)


class Reconciliation:
    """The reconciliation stage's agents and timer."""

    def __init__(self, stage: Stage, outbox: Outbox, policy: Policy, patience: dt.timedelta) -> None:
        self._outbox = outbox
        self._policy = policy
        self._functional_currencies = {name: entity.functional_currency for name, entity in policy.entities.items()}
        self._patience = patience
        self._stage = stage
        self._ties = stage.table(
            "ties",
            msgspec.msgpack.encode,
            msgspec.msgpack.Decoder(Tie).decode,
            watch=Watch(partial(_what_is_open, patience), f"1 {patience}"),
        )
        self._seen = SeenIds(stage, policy.bounds.seen_for)
        self._measured: dict[int, set[tuple[str, str, str]]] = {}
        stage.consume(COMMERCIAL_EVENTS, handler=self.on_events)
        stage.consume(REVENUE_ACKS, handler=self.on_revenue_acks)
        stage.consume(POSTING_ACKS, handler=self.on_posting_acks)
        stage.consume(CONTRACT_STATUS, handler=self.on_statuses)
        stage.every(TICK_SECONDS, handler=self.on_tick)

    async def on_events(self, batch: Batch, transaction: Transaction) -> None:
        """What billing says."""
        for record, event in self._outbox.read(transaction, batch, CommercialEvent):
            if isinstance(event.body, PeriodClosed | PeriodOpened):
                continue
            if self._first(transaction, event.event_id, record.offset):
                tie = self._tie(transaction, event.context.contract_id)
                self._keep(transaction, billed(tie, event, now(), record.offset))
        self._seen.file(transaction, now())

    async def on_revenue_acks(self, batch: Batch, transaction: Transaction) -> None:
        """What revenue recognition says."""
        for record, ack in self._outbox.read(transaction, batch, RevenueAck):
            if isinstance(ack.body, RevenueAccepted) and self._first(transaction, ack.command_id, record.offset):
                tie = self._tie(transaction, ack.context.contract_id)
                self._keep(transaction, recognised(tie, ack.body, ack.context, now()))
        self._seen.file(transaction, now())

    async def on_posting_acks(self, batch: Batch, transaction: Transaction) -> None:
        """What the ERP says."""
        for record, ack in self._outbox.read(transaction, batch, PostingAck):
            if isinstance(ack.body, PostingAccepted) and self._first(transaction, ack.command_id, record.offset):
                tie = self._tie(transaction, ack.context.contract_id)
                self._keep(transaction, booked(tie, ack.body, ack.legal_entity, now()))
        self._seen.file(transaction, now())

    async def on_statuses(self, batch: Batch, transaction: Transaction) -> None:
        """How far orchestration is."""
        for _, status in self._outbox.read(transaction, batch, ContractStatus):
            tie = self._tie(transaction, status.context.contract_id)
            self._keep(transaction, orchestrated(tie, status, now()))

    async def on_tick(self, partition: int, transaction: Transaction) -> None:
        """Compare the contracts that have changed and of which nothing is on its way."""
        at, read_to = now(), self._stage.next_offset(partition, COMMERCIAL_EVENTS) - 1
        for key in transaction.due(self._ties, at.timestamp(), _DUE_A_TICK):
            tie = transaction.get(self._ties, key)
            if tie is None or not ready(tie, at, self._patience, read_to):
                continue
            after, variances = reconcile(
                tie, self._policy.accounts, self._policy.variance_tolerance, at, self._functional_currencies
            )
            transaction.put(self._ties, key, after)
            for variance in variances:
                self._outbox.send(transaction, VARIANCES, tie.contract_id, variance)
        self._seen.forget(transaction, at)
        self._measure(partition, transaction)

    def _first(self, transaction: Transaction, identity: str, offset: int) -> bool:
        if self._seen.first(transaction, identity) is not None:
            return False
        self._seen.remember(transaction, identity, Seen(offset))
        return True

    def _tie(self, transaction: Transaction, contract_id: str) -> Tie:
        return transaction.get(self._ties, contract_id.encode()) or Tie(contract_id=contract_id)

    def _keep(self, transaction: Transaction, tie: Tie) -> None:
        transaction.put(self._ties, tie.contract_id.encode(), tie)

    def _measure(self, partition: int, transaction: Transaction) -> None:
        """Tell the differences that are open, as of the last commit."""
        sums = transaction.sums(self._ties)
        metrics.CONTRACTS_IN_VARIANCE.labels(partition).set(float(sums.get(_CONTRACTS, 0)))
        totals: dict[tuple[str, str, str], float] = {}
        for name, added in sums.items():
            if name != _CONTRACTS:
                measure, currency, entity = name.split("|", 2)
                totals[entity, currency, measure] = float(added)
        for known in self._measured.get(partition, set()) - set(totals):
            metrics.VARIANCE.labels(partition, *known).set(0)
        for labels, total in totals.items():
            metrics.VARIANCE.labels(partition, *labels).set(total)
        self._measured[partition] = set(totals) | self._measured.get(partition, set())
