"""The whole road without a broker: the same core, the embedded revenue platform and ledger, in one process.

`World` holds what topics and tables hold in production, as plain queues and dictionaries, and moves one record at a
time: a dry run takes them in order, the property tests in any order that keeps each contract's.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from collections.abc import Callable, Sequence

from connectors.protocols import Erp, RevenuePlatform
from streams.core.closing import Closing, objection
from streams.core.contract import Contract, Document
from streams.core.decision import Decision, ErpAnswered, EventArrived, Input, RevenueAnswered
from streams.core.exceptions import exception_record
from streams.core.orchestration import decide
from streams.core.periods import PeriodBook, after_period_event, concerns
from streams.core.policy import Policy
from streams.core.reconciliation import Tie, billed, booked, recognised
from streams.core.rules import violations
from streams.core.seen import Seen, another_used, digest_of
from streams.records import (
    AuditRecord,
    CommercialEvent,
    ErpPosting,
    ExceptionRecord,
    PeriodClosed,
    PeriodOpened,
    PostingAccepted,
    PostingAck,
    ProcessingStatus,
    RevenueAccepted,
    RevenueAck,
    RevenueCommand,
    RootCause,
    SourceRecord,
)
from streams.topics import COMMERCIAL_EVENTS

Clock = Callable[[], dt.datetime]

_ENDS = {
    ProcessingStatus.POSTED: "posted",
    ProcessingStatus.COMPENSATED: "posted",
    ProcessingStatus.PARKED: "parked",
    ProcessingStatus.AWAITING_APPROVAL: "parked",
    ProcessingStatus.EXCEPTION: "exception",
    ProcessingStatus.REFUSED: "refused",
}
"""How an event counts that has this status; one that is still on its way has another."""


class World:
    """Everything between the sources and the ledger."""

    def __init__(self, policy: Policy, revenue: RevenuePlatform, erp: Erp, clock: Clock) -> None:
        self.policy = policy
        self.contracts: dict[str, Contract] = {}
        self.ties: dict[str, Tie] = {}
        self.exceptions: dict[str, ExceptionRecord] = {}
        self.audit: list[AuditRecord] = []
        self.commands: dict[str, RevenueCommand] = {}
        self.acks: dict[str, RevenueAck] = {}
        self.status: dict[str, ProcessingStatus] = {}
        """Latest status by event id."""
        self.duplicates = 0
        self.refused = 0
        self.reused = 0
        """Events under the id of another one: exceptions, whatever came of the first."""
        self.events: deque[CommercialEvent] = deque()
        self.revenue_commands: deque[RevenueCommand] = deque()
        self.revenue_acks: deque[RevenueAck] = deque()
        self.erp_postings: deque[ErpPosting] = deque()
        self.posting_acks: deque[PostingAck] = deque()
        self._revenue = revenue
        self._erp = erp
        self._clock = clock
        self._offset = 0
        self._seen: dict[str, Seen] = {}
        self._documents: dict[tuple[str, str], Document] = {}
        self._periods: dict[str, PeriodBook] = {}
        self._booked: set[str] = set()

    # --- what the core may look up

    def seen(self, event_id: str) -> Seen | None:
        return self._seen.get(event_id)

    def document(self, contract_id: str, key: str) -> Document | None:
        return self._documents.get((contract_id, key))

    # --- capture

    def offer(self, event: CommercialEvent) -> None:
        """Capture an event: it joins the queue, or is refused with an exception."""
        faults = violations(event, self.policy)
        if not faults:
            self.events.append(event)
            return
        message = "; ".join(f"{fault.pointer}: {fault.message}" for fault in faults)
        self.refuse(event, message, faults[0].cause)

    def refuse(self, event: CommercialEvent, message: str, cause: RootCause = RootCause.PAYLOAD_INVALID) -> None:
        """Refuse an event with an exception that names every fault."""
        self.refused += 1
        self._except(event, message, cause)

    def _except(self, event: CommercialEvent, message: str, cause: RootCause) -> None:
        exception = exception_record(
            self.policy,
            cause,
            event_id=event.event_id,
            context=event.context,
            subject=event.event_id,
            message=message,
            at=self._clock(),
        )
        self.exceptions[exception.exception_id] = exception

    # --- one record at a time

    def step(self, queue: Sequence[object]) -> None:
        """Process the first record of one of the queues; it must not be empty."""
        if queue is self.events:
            self._event(self.events.popleft())
        elif queue is self.revenue_commands:
            self._execute(self.revenue_commands.popleft())
        elif queue is self.revenue_acks:
            ack = self.revenue_acks.popleft()
            self._decide(ack.context.contract_id, RevenueAnswered(ack=ack, at=self._clock()))
        elif queue is self.erp_postings:
            self._post(self.erp_postings.popleft())
        else:
            answer = self.posting_acks.popleft()
            self._decide(answer.context.contract_id, ErpAnswered(ack=answer, at=self._clock()))

    @property
    def queues(self) -> tuple[Sequence[object], ...]:
        """The queues, the end of the road first."""
        return (self.posting_acks, self.erp_postings, self.revenue_acks, self.revenue_commands, self.events)

    def settle(self) -> None:
        """Process until nothing moves."""
        while waiting := next((queue for queue in self.queues if queue), None):
            self.step(waiting)

    def counts(self) -> dict[str, int]:
        """Return how many events ended as what; every event that was offered is in one of them."""
        ended = Counter(_ENDS.get(status, "pending") for status in self.status.values())
        return {
            "posted": ended["posted"],
            "parked": ended["parked"],
            "exception": ended["exception"] + self.reused,
            "duplicate": self.duplicates,
            "refused": self.refused + ended["refused"],
            "pending": ended["pending"],
        }

    # --- the stages

    def _event(self, event: CommercialEvent) -> None:
        self._offset += 1
        source = SourceRecord(topic=COMMERCIAL_EVENTS, partition=0, offset=self._offset)
        closed = {entity: book.closing for entity, book in self._periods.items()}
        arrival = EventArrived(event=event, source=source, at=self._clock(), closed=closed)
        if isinstance(event.body, PeriodClosed | PeriodOpened):
            self._period(arrival)
            return
        contract_id = event.context.contract_id
        if self._reuses(event):
            before = self.status[event.event_id]
            self._decide(contract_id, arrival)
            self.status[event.event_id] = before
            return
        if event.event_id not in self._seen:
            tie = self.ties.get(contract_id) or Tie(contract_id=contract_id)
            self.ties[contract_id] = billed(tie, event, arrival.at)
            self.status[event.event_id] = ProcessingStatus.CAPTURED
        self._decide(contract_id, arrival)

    def _reuses(self, event: CommercialEvent) -> bool:
        """Tell, and count, whether an event comes under the id of another transaction."""
        first = self._seen.get(event.event_id)
        reuses = first is not None and not first.same(digest_of(event))
        self.reused += reuses
        return reuses

    def _period(self, arrival: EventArrived) -> None:
        event = arrival.event
        if self._reuses(event):
            self._except(event, another_used(event, self._seen[event.event_id]), RootCause.PAYLOAD_INVALID)
            return
        if event.event_id in self._seen:
            self.duplicates += 1
            return
        self._seen[event.event_id] = Seen(arrival.source.offset, digest_of(event))
        entity = event.context.legal_entity
        objected = objection(arrival.closed.get(entity, Closing()), event)
        if objected is not None:
            self._except(event, objected, RootCause.CLOSED_PERIOD)
            self.status[event.event_id] = ProcessingStatus.EXCEPTION
            return
        self.status[event.event_id] = ProcessingStatus.POSTED
        self._periods[entity] = after_period_event(self._periods.get(entity), event)
        stands: set[ProcessingStatus] = set()
        for contract_id, contract in list(self.contracts.items()):
            if concerns(event, contract):
                self._decide(contract_id, arrival)
                stands.add(self.status[event.event_id])
        if ProcessingStatus.EXCEPTION in stands:  # one contract is enough, whatever came of the others
            self.status[event.event_id] = ProcessingStatus.EXCEPTION

    def _decide(self, contract_id: str, given: Input) -> None:
        contract = self.contracts.get(contract_id) or Contract(contract_id=contract_id)
        decision = decide(contract, given, self, self.policy)
        self.contracts[contract_id] = decision.contract
        self._seen.update(decision.seen)
        for key, document in decision.documents.items():
            self._documents[contract_id, key] = document
        self._collect(decision)

    def _collect(self, decision: Decision) -> None:
        for output in decision.outputs:
            match output:
                case RevenueCommand():
                    self.commands[output.command_id] = output
                    self.revenue_commands.append(output)
                case ErpPosting():
                    self.erp_postings.append(output)
                case ExceptionRecord():
                    self.exceptions[output.exception_id] = output
                case AuditRecord():
                    self.audit.append(output)
        for outcome in decision.outcomes:
            if outcome.status is ProcessingStatus.DUPLICATE:
                self.duplicates += 1
            else:
                self.status[outcome.event_id] = outcome.status

    def _execute(self, command: RevenueCommand) -> None:
        (answer,) = self._revenue.execute([command])
        ack = RevenueAck(
            command_id=command.command_id,
            event_id=command.event_id,
            context=command.context,
            answered_at=self._clock(),
            body=answer,
        )
        self.revenue_acks.append(ack)
        if isinstance(answer, RevenueAccepted) and command.command_id not in self.acks:
            contract_id = command.context.contract_id
            tie = self.ties.get(contract_id) or Tie(contract_id=contract_id)
            self.ties[contract_id] = recognised(tie, answer, command.context, ack.answered_at)
        self.acks.setdefault(command.command_id, ack)

    def _post(self, posting: ErpPosting) -> None:
        (answer,) = self._erp.post([posting])
        ack = PostingAck(
            command_id=posting.command_id,
            event_id=posting.event_id,
            legal_entity=posting.legal_entity,
            currency=posting.currency,
            context=posting.context,
            answered_at=self._clock(),
            body=answer,
        )
        self.posting_acks.append(ack)
        if isinstance(answer, PostingAccepted) and posting.command_id not in self._booked:
            self._booked.add(posting.command_id)
            contract_id = posting.context.contract_id
            self.ties[contract_id] = booked(self.ties[contract_id], answer, posting.legal_entity, ack.answered_at)
