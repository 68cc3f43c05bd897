"""A desk at which one contract is worked on by hand: the real state machine, revenue platform and ledger, step by step.

The test is the broker: it decides when a command is executed, when and how often an answer comes, and what time it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TypeVar

from connectors.erp.ledger.memory import MemoryLedger
from connectors.revenue.embedded.memory import MemoryRevenuePlatform
from streams.core.closing import Closing
from streams.core.contract import Contract, Document
from streams.core.decision import (
    Decision,
    ErpAnswered,
    EventArrived,
    EventOutcome,
    Input,
    OperatorAsked,
    Output,
    RevenueAnswered,
    TimePassed,
)
from streams.core.orchestration import decide
from streams.core.policy import Policy
from streams.core.seen import Seen
from streams.records import (
    AuditAction,
    AuditRecord,
    CommercialEvent,
    ErpPosting,
    ExceptionRecord,
    OperatorAction,
    OperatorCommand,
    PostingAccepted,
    PostingAck,
    PostingRejected,
    ProcessingStatus,
    RevenueAccepted,
    RevenueAck,
    RevenueCommand,
    RevenueRejected,
    SourceRecord,
)
from tests.core.builders import CONFIGURATION, POLICY, START, event, signed

O = TypeVar("O", bound=Output)  # noqa: E741
NOT_BALANCED = PostingRejected(code="unbalanced", reason="found 1, expected 2; look", retryable=False)
BUSY = PostingRejected(code="busy", reason="found a lock, expected none; wait", retryable=True)
NO = RevenueRejected(code="UNKNOWN_LINE", reason="found no line, expected one; correct it")


class Desk:
    """One contract, C1, and what came of it so far. Implements `Memory`."""

    def __init__(self, policy: Policy = POLICY, *, closed: dict[str, Closing] | None = None) -> None:
        self.policy = policy
        self.contract = Contract(contract_id="C1")
        self.outputs: list[Output] = []
        self.outcomes: list[EventOutcome] = []
        self.now = START
        self.ledger = MemoryLedger(CONFIGURATION.chart.numbers, policy.first_open_periods)
        self.revenue = MemoryRevenuePlatform()
        self._closed = closed or {}
        self._answered: set[str] = set()
        self._offset = -1
        self.raw = b"raw"
        """Record of the events that arrive."""
        self._asked = 0
        self._seen: dict[str, Seen] = {}
        self._documents: dict[str, Document] = {}

    # --- Memory

    def seen(self, event_id: str) -> Seen | None:
        return self._seen.get(event_id)

    def remembers_without_transaction(self, event_id: str) -> None:
        """Remember an event id as versions before the digest did."""
        self._seen[event_id] = Seen(self._seen[event_id].offset)

    def document(self, contract_id: str, key: str) -> Document | None:
        assert contract_id == "C1"
        return self._documents.get(key)

    # --- inputs; each returns what the decision sends

    def arrive(self, arriving: CommercialEvent, *, offset: int | None = None) -> tuple[Output, ...]:
        """Let an event arrive, at the next offset unless told otherwise."""
        self._offset = self._offset + 1 if offset is None else offset
        source = SourceRecord(topic="commercial-events", partition=0, offset=self._offset, payload=self.raw)
        return self._decide(EventArrived(event=arriving, source=source, at=self.now, closed=self._closed)).outputs

    def answer(
        self, command: RevenueCommand, body: RevenueAccepted | RevenueRejected | None = None
    ) -> tuple[Output, ...]:
        """Let the answer to a command come: that of the embedded platform unless told otherwise."""
        self._answered.add(command.command_id)
        if body is None:
            (body,) = self.revenue.execute([command])
        ack = RevenueAck(
            command_id=command.command_id,
            event_id=command.event_id,
            context=command.context,
            answered_at=self.now,
            body=body,
        )
        return self._decide(RevenueAnswered(ack=ack, at=self.now)).outputs

    def book(self, posting: ErpPosting, body: PostingAccepted | PostingRejected | None = None) -> tuple[Output, ...]:
        """Let the answer to a posting come: that of the embedded ledger unless told otherwise."""
        self._answered.add(posting.command_id)
        if body is None:
            (body,) = self.ledger.post([posting])
        ack = PostingAck(
            command_id=posting.command_id,
            event_id=posting.event_id,
            legal_entity=posting.legal_entity,
            currency=posting.currency,
            context=posting.context,
            answered_at=self.now,
            body=body,
        )
        return self._decide(ErpAnswered(ack=ack, at=self.now)).outputs

    def ask(self, action: OperatorAction, target_id: str, *, command_id: str = "") -> tuple[Output, ...]:
        """Let an operator ask for something, by a new command unless told otherwise."""
        self._asked += 1
        command = OperatorCommand(
            command_id=command_id or f"O{self._asked}",
            contract_id="C1",
            action=action,
            target_id=target_id,
            operator="ada",
            reason="because",
            requested_at=self.now,
        )
        return self._decide(OperatorAsked(command=command, at=self.now)).outputs

    def later(self, **elapsed: float) -> tuple[Output, ...]:
        """Let time pass, and the clock act."""
        self.now += dt.timedelta(**elapsed)
        return self._decide(TimePassed(at=self.now)).outputs

    def settle(self) -> None:
        """Execute and answer everything that was sent and not answered yet."""
        while True:
            command = next((it for it in self.commands if it.command_id not in self._answered), None)
            posting = next((it for it in self.postings if it.command_id not in self._answered), None)
            if command is not None:
                self.answer(command)
            elif posting is not None:
                self.book(posting)
            else:
                return

    def sign(self) -> Desk:
        """Sign the usual contract, and settle."""
        self.arrive(event("signed", signed(), source="crm"))
        self.settle()
        return self

    # --- what came of it

    def sent(self, kind: type[O], among: Iterable[Output] | None = None) -> list[O]:
        """Return the outputs of a kind."""
        return [output for output in (self.outputs if among is None else among) if isinstance(output, kind)]

    @property
    def commands(self) -> list[RevenueCommand]:
        """Return each revenue command once, in the order in which they were first sent."""
        return list({command.command_id: command for command in self.sent(RevenueCommand)}.values())

    @property
    def postings(self) -> list[ErpPosting]:
        """Return each posting once, in the order in which they were first sent."""
        return list({posting.command_id: posting for posting in self.sent(ErpPosting)}.values())

    @property
    def exceptions(self) -> list[ExceptionRecord]:
        return self.sent(ExceptionRecord)

    def actions(self, event_id: str) -> list[AuditAction]:
        """Return the steps of an event's road."""
        return [record.action for record in self.sent(AuditRecord) if record.event_id == event_id]

    def status(self, event_id: str) -> ProcessingStatus | None:
        """Return the last outcome of an event."""
        return next((it.status for it in reversed(self.outcomes) if it.event_id == event_id), None)

    def ends(self, event_id: str) -> list[ProcessingStatus]:
        """Return every outcome of an event, in order."""
        return [it.status for it in self.outcomes if it.event_id == event_id]

    @property
    def parked(self) -> list[str]:
        return [parked.event.event_id for parked in self.contract.parked]

    def _decide(self, given: Input) -> Decision:
        decision = decide(self.contract, given, self, self.policy)
        self.contract = decision.contract
        self.outputs += decision.outputs
        self.outcomes += decision.outcomes
        self._seen.update(decision.seen)
        self._documents.update(decision.documents)
        return decision
