"""Orchestration: reads events, answers, operator commands and the clock; asks the contract's state machine; sends on.

Everything of one micro-batch, the contracts' new states included, is one transaction (protocol steps 2 to 4).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import msgspec

from streams import metrics
from streams.agents.clock import now
from streams.agents.outbox import Outbox, source_of
from streams.agents.period_books import PeriodBooks
from streams.agents.seen import SeenIds
from streams.core.contract import Contract, Document, changes_version
from streams.core.decision import (
    Decision,
    ErpAnswered,
    EventArrived,
    Input,
    OperatorAsked,
    Output,
    RevenueAnswered,
    TimePassed,
)
from streams.core.exceptions import exception_record
from streams.core.orchestration import decide
from streams.core.overdue import next_due
from streams.core.periods import PeriodBook, awaits
from streams.core.policy import Bounds, Policy
from streams.core.seen import Seen, another_used, digest_of
from streams.core.status import contract_status
from streams.records import (
    AuditAction,
    AuditRecord,
    CommercialEvent,
    ErpPosting,
    ExceptionRecord,
    OperatorCommand,
    PeriodClosed,
    PeriodOpened,
    PostingAck,
    PostingRejected,
    ProcessingStatus,
    RevenueAck,
    RevenueCommand,
    RootCause,
    SourceRecord,
)
from streams.topics import (
    AUDIT_TRAIL,
    COMMERCIAL_EVENTS,
    CONTRACT_STATUS,
    ERP_POSTINGS,
    OPERATOR_COMMANDS,
    POSTING_ACKS,
    REVENUE_ACKS,
    REVENUE_COMMANDS,
)
from streams.transport import Batch, Entry, Headers, Stage, Table, Transaction, Watch

log = logging.getLogger(__name__)

STAGE = "orchestration"
TICK_SECONDS = 1.0
_RECORDS_A_BREATH = 100
_DUE_A_TICK = 2000
"""Contracts on which one transaction lets time act; more wait for the next tick, longest due first."""
_TOLD_A_SLICE = 4000
"""Contracts that one transaction tells of a period event: as many as a batch has events; more wait for the tick."""
_LOOKED_AT_A_SLICE = 40_000
"""Contracts that one transaction looks at to find those that a period event concerns."""
_PARKED, _COMMANDS, _POSTINGS = "parked", "commands", "postings"

_TOPICS: dict[type[Output], str] = {
    RevenueCommand: REVENUE_COMMANDS,
    ErpPosting: ERP_POSTINGS,
    AuditRecord: AUDIT_TRAIL,
}


class Tables:
    """The stage's tables, all partitioned by contract."""

    def __init__(self, stage: Stage, bounds: Bounds) -> None:
        self.contracts = stage.table(
            "contracts",
            msgspec.msgpack.encode,
            msgspec.msgpack.Decoder(Contract).decode,
            watch=Watch(partial(_what_is_open, bounds), f"1 {bounds}"),
        )
        self.seen = SeenIds(stage, bounds.seen_for)
        self.documents = stage.table("documents", msgspec.msgpack.encode, msgspec.msgpack.Decoder(Document).decode)
        self.periods: Table[PeriodBook] = stage.table(
            "periods", msgspec.msgpack.encode, msgspec.msgpack.Decoder(PeriodBook).decode
        )


def _what_is_open(bounds: Bounds, contract: Contract) -> Entry | None:
    """Return when time will change the contract and what is open of it; None when nothing is."""
    if not (contract.parked or contract.queue or contract.postings):
        return None
    stuck = bool(contract.queue) and contract.queue[0].done
    due = next_due(contract, bounds)
    counts = {
        _PARKED: len(contract.parked),
        _COMMANDS: sum(1 for step in contract.queue if step.command is not None and step.answer is None),
        _POSTINGS: len(contract.postings),
    }
    return Entry(0.0 if stuck else due.timestamp() if due is not None else None, counts)


class TableMemory:
    """What the core may look up, read through the transaction."""

    __slots__ = ("_tables", "_transaction")

    def __init__(self, tables: Tables, transaction: Transaction) -> None:
        self._tables = tables
        self._transaction = transaction

    def seen(self, event_id: str) -> Seen | None:
        return self._tables.seen.first(self._transaction, event_id)

    def document(self, contract_id: str, key: str) -> Document | None:
        return self._transaction.get(self._tables.documents, _document_key(contract_id, key))


def _document_key(contract_id: str, key: str) -> bytes:
    return f"{contract_id}\x1f{key}".encode()


class _Work:
    """One transaction, what it knows of periods, and the contracts that it has changed so far."""

    __slots__ = ("books", "outcomes", "touched", "transaction")

    def __init__(self, tables: Tables, transaction: Transaction) -> None:
        self.transaction = transaction
        self.books = PeriodBooks(tables.periods, transaction)
        self.touched: set[str] = set()
        self.outcomes: Counter[tuple[str, ProcessingStatus]] = Counter()


_Taker = Callable[[_Work, Batch], Awaitable[None]]


class Orchestration:
    """The orchestration stage's agents and timer."""

    def __init__(self, stage: Stage, outbox: Outbox, policy: Policy) -> None:
        self._outbox = outbox
        self._policy = policy
        self._tables = Tables(stage, policy.bounds)
        self._takers: dict[str, _Taker] = {
            COMMERCIAL_EVENTS: self._take_events,
            REVENUE_ACKS: self._take_revenue_acks,
            POSTING_ACKS: self._take_posting_acks,
            OPERATOR_COMMANDS: self._take_operator_commands,
        }
        for topic in self._takers:
            stage.consume(topic, handler=self.on_batch)
        stage.every(TICK_SECONDS, handler=self.on_tick)

    # --- inputs

    async def on_batch(self, batch: Batch, transaction: Transaction) -> None:
        """What one fetch brought of one of the inputs."""
        await self.on_batches((batch,), transaction)

    async def on_batches(self, batches: Iterable[Batch], transaction: Transaction) -> None:
        """Inputs in their order, in one transaction; where a contract stands is told once, at the end."""
        work = _Work(self._tables, transaction)
        for batch in batches:
            await self._takers[batch.topic](work, batch)
        self._tell(work)

    async def _take_events(self, work: _Work, batch: Batch) -> None:
        """Commercial events: to their contract, or for period events to every contract concerned."""
        periods = 0
        for number, (record, event) in enumerate(self._outbox.read(work.transaction, batch, CommercialEvent)):
            await _breathe(number)
            source = source_of(batch, record)
            if isinstance(event.body, PeriodClosed | PeriodOpened):
                self._period(work, event, source, record.headers)
                periods += 1
            else:
                arrival = EventArrived(event=event, source=source, at=now(), closed=work.books.closed)
                self._decide(work, event.context.contract_id, arrival, record.headers, source)
        if periods:
            await self._sweep(work)

    async def _take_revenue_acks(self, work: _Work, batch: Batch) -> None:
        """Answers of the revenue platform."""
        for number, (record, ack) in enumerate(self._outbox.read(work.transaction, batch, RevenueAck)):
            await _breathe(number)
            given = RevenueAnswered(ack=ack, at=now())
            self._decide(work, ack.context.contract_id, given, record.headers, source_of(batch, record))

    async def _take_posting_acks(self, work: _Work, batch: Batch) -> None:
        """Answers of the ERP."""
        for number, (record, ack) in enumerate(self._outbox.read(work.transaction, batch, PostingAck)):
            await _breathe(number)
            if isinstance(ack.body, PostingRejected):
                metrics.FAILED_POSTINGS.labels(ack.body.code, str(ack.body.retryable).lower()).inc()
            given = ErpAnswered(ack=ack, at=now())
            self._decide(work, ack.context.contract_id, given, record.headers, source_of(batch, record))

    async def _take_operator_commands(self, work: _Work, batch: Batch) -> None:
        """What operators ask for, in order with everything else of the contract."""
        for record, command in self._outbox.read(work.transaction, batch, OperatorCommand):
            given = OperatorAsked(command=command, at=now())
            self._decide(work, command.contract_id, given, record.headers, source_of(batch, record))

    async def on_tick(self, partition: int, transaction: Transaction) -> None:
        """The clock: for the contracts for which it is time, and those that a period event has still to reach."""
        at, work = now(), _Work(self._tables, transaction)
        await self._sweep(work)
        for number, key in enumerate(transaction.due(self._tables.contracts, at.timestamp(), _DUE_A_TICK)):
            await _breathe(number)
            self._decide(work, key.decode(), TimePassed(at=at), ())
        sums = transaction.sums(self._tables.contracts)
        _tell_periods(partition, work.books)
        metrics.PARKED_EVENTS.labels(partition).set(float(sums.get(_PARKED, 0)))
        metrics.COMMANDS_PENDING.labels(partition).set(float(sums.get(_COMMANDS, 0)))
        metrics.POSTINGS_PENDING.labels(partition).set(float(sums.get(_POSTINGS, 0)))
        self._tables.seen.forget(transaction, at)
        self._tell(work)

    # --- one decision

    def _decide(
        self, work: _Work, contract_id: str, given: Input, cause: Headers, source: SourceRecord | None = None
    ) -> None:
        """Let a contract take an input, after the period events that came before it."""
        self._catch_up(work, contract_id)
        self._apply(work, contract_id, given, cause, source)

    def _apply(self, work: _Work, contract_id: str, given: Input, cause: Headers, source: SourceRecord | None) -> None:
        transaction, key = work.transaction, contract_id.encode()
        contract = transaction.get(self._tables.contracts, key) or Contract(contract_id=contract_id)
        if isinstance(given, RevenueAnswered):
            _measure_amendment(contract, given)
        elif isinstance(given, ErpAnswered):
            _measure_posting(contract, given)
        try:
            decision = decide(contract, given, TableMemory(self._tables, transaction), self._policy)
        except Exception as failure:
            # A record on which the core fails must stop neither its partition nor disappear: nothing of the decision
            # has taken effect, so the record becomes an exception that keeps it, and the contract stays as it was.
            log.exception("contract %s: the decision on %s failed", contract_id, type(given).__name__)
            self._set_aside(transaction, contract, given, failure, cause, source)
            return
        if decision.contract is not contract:
            transaction.put(self._tables.contracts, key, decision.contract)
            work.touched.add(contract_id)
        for event_id, seen in decision.seen.items():
            self._tables.seen.remember(transaction, event_id, seen)
        for document_key, document in decision.documents.items():
            transaction.put(self._tables.documents, _document_key(contract_id, document_key), document)
        self._send(work, contract_id, decision, cause)

    def _send(self, work: _Work, contract_id: str, decision: Decision, cause: Headers) -> None:
        transaction = work.transaction
        for output in decision.outputs:
            if isinstance(output, ExceptionRecord):
                self._outbox.send_exception(transaction, output, cause)
            else:
                self._outbox.send(transaction, _TOPICS[type(output)], contract_id, output, cause)
            if isinstance(output, AuditRecord) and output.action in _RESENT:
                metrics.COMMANDS_RESENT.inc()
        for outcome in decision.outcomes:
            work.outcomes[outcome.event_type, outcome.status] += 1

    def _set_aside(
        self,
        transaction: Transaction,
        contract: Contract,
        given: Input,
        failure: Exception,
        cause: Headers,
        source: SourceRecord | None,
    ) -> None:
        where = f"{source.topic}/{source.partition}/{source.offset}" if source is not None else "the clock"
        known = isinstance(given, EventArrived) and isinstance(given.event.body, PeriodClosed | PeriodOpened)
        remedy = "send the event again under a new event id" if known else "replay the record"
        exception = exception_record(
            self._policy,
            RootCause.STATE_CORRUPTION,
            event_id=given.event.event_id if isinstance(given, EventArrived) else "",
            context=contract_status(contract, given.at).context,
            subject=f"{contract.contract_id} {where}",
            message=(
                f"{where}: the decision failed with {type(failure).__name__}: {failure}; the contract is unchanged. "
                f"Report it with this record, and {remedy} when it is mended"
            ),
            at=given.at,
            source=source,
        )
        self._outbox.send_exception(transaction, exception, cause)

    def _tell(self, work: _Work) -> None:
        """Publish the status of the contracts that a batch changed, once each; file the ids that it has seen."""
        at, transaction = now(), work.transaction
        for (event_type, status), number in work.outcomes.items():
            metrics.EVENT_OUTCOMES.labels(event_type, status).inc(number)
        self._tables.seen.file(transaction, at)
        for contract_id in work.touched:
            contract = transaction.get(self._tables.contracts, contract_id.encode())
            if contract is not None:
                self._outbox.send(transaction, CONTRACT_STATUS, contract_id, contract_status(contract, at))

    # --- periods

    def _period(self, work: _Work, event: CommercialEvent, source: SourceRecord, cause: Headers) -> None:
        """Take in a period event, once. The contracts are told of it by `_sweep`, or before their next input."""
        digest, first = digest_of(event), self._tables.seen.first(work.transaction, event.event_id)
        if first is not None and not first.same(digest):
            self._object(work.transaction, event, another_used(event, first), RootCause.PAYLOAD_INVALID, source, cause)
            return
        if first is not None:
            metrics.EVENT_OUTCOMES.labels(event.event_type, ProcessingStatus.DUPLICATE).inc()
            return
        self._tables.seen.remember(work.transaction, event.event_id, Seen(source.offset, digest))
        objection = work.books.objection(event)
        if objection is None:
            work.books.take_in(event, source, cause)
        else:
            self._object(work.transaction, event, objection, RootCause.CLOSED_PERIOD, source, cause)

    def _object(
        self,
        transaction: Transaction,
        event: CommercialEvent,
        objection: str,
        root_cause: RootCause,
        source: SourceRecord,
        cause: Headers,
    ) -> None:
        """Make a period event an exception instead; every partition makes the same one, under the same id."""
        exception = exception_record(
            self._policy,
            root_cause,
            event_id=event.event_id,
            context=event.context,
            subject=event.event_id,
            message=objection,
            at=now(),
            source=source,
        )
        self._outbox.send_exception(transaction, exception, cause)
        metrics.EVENT_OUTCOMES.labels(event.event_type, ProcessingStatus.EXCEPTION).inc()

    async def _sweep(self, work: _Work) -> None:
        """Tell a slice of the contracts of the period events on their way; the next tick goes on from there."""
        looked, told = 0, 0
        for sweep in work.books.sweeps:
            reached = sweep.reached
            for key, contract in work.transaction.scan(self._tables.contracts, sweep.start):
                if looked >= _LOOKED_AT_A_SLICE or told >= _TOLD_A_SLICE:
                    work.books.advance(sweep, reached)
                    return
                looked, reached = looked + 1, key
                await _breathe(looked)
                if awaits(contract, sweep):
                    told += 1
                    self._catch_up(work, contract.contract_id)
            work.books.advance(sweep, None)

    def _catch_up(self, work: _Work, contract_id: str) -> None:
        """Let a contract take the period events that are still on their way to it, in their order."""
        for sweep in work.books.sweeps:
            contract = work.transaction.get(self._tables.contracts, contract_id.encode())
            if contract is not None and awaits(contract, sweep):
                arrival = EventArrived(event=sweep.event, source=sweep.source, at=now(), closed=work.books.closed)
                self._apply(work, contract_id, arrival, sweep.cause, sweep.source)


def _measure_posting(contract: Contract, given: ErpAnswered) -> None:
    for pending in contract.postings:
        if pending.posting.command_id == given.ack.command_id:
            metrics.POSTING_ACK_SECONDS.observe((given.at - pending.sent_at).total_seconds())


def _measure_amendment(contract: Contract, given: RevenueAnswered) -> None:
    for step in contract.queue:
        if step.command is not None and step.command.command_id == given.ack.command_id and step.answer is None:
            metrics.REVENUE_ACK_SECONDS.observe((given.at - step.sent_at).total_seconds())
            if changes_version(step.event):
                metrics.AMENDMENT_SECONDS.observe(max((given.at - step.event.occurred_at).total_seconds(), 0.0))


def _tell_periods(partition: int, books: PeriodBooks) -> None:
    for entity, closing in books.closed.items():
        metrics.PERIOD_CLOSED_THROUGH.labels(entity, partition).set(_number(closing.closed_through))
        metrics.PERIOD_LOCKED_THROUGH.labels(entity, partition).set(_number(closing.locked_through))
        metrics.PERIODS_OPEN_AGAIN.labels(entity, partition).set(len(closing.reopened))
    metrics.PERIOD_EVENTS_ON_THEIR_WAY.labels(partition).set(len(books.sweeps))


def _number(period: str) -> int:
    return int(period.replace("-", "") or 0)


_RESENT = frozenset({AuditAction.REVENUE_RESENT, AuditAction.POSTING_RESENT})


async def _breathe(number: int) -> None:
    """Let heartbeats and commits of other partitions go on between the records of a long batch."""
    if number % _RECORDS_A_BREATH == 0:
        await asyncio.sleep(0)
