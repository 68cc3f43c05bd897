"""The demo's scenario played without a broker: the same core, connectors in memory, a clock that stands still."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass

import msgspec

from connectors.erp.ledger.memory import MemoryLedger
from connectors.revenue.embedded.memory import MemoryRevenuePlatform
from streams.codec.json_events import event_from_json
from streams.codec.json_text import parse
from streams.config import Configuration
from streams.core.status import contract_status
from streams.demo.events import Event
from streams.demo.scenario import Answer, Outcome, steps
from streams.records import (
    AuditRecord,
    CommercialEvent,
    ErpPosting,
    PeriodClosed,
    PostingAccepted,
    PostingAck,
    RevenueAck,
    RevenueCommand,
)
from streams.simulation import World
from streams.timeline import ContractHistory, Kept

NOW = dt.datetime(2027, 1, 5, 9, 30, tzinfo=dt.UTC)


@dataclass
class Played:
    """What the scenario left behind."""

    world: World
    ledger: MemoryLedger
    revenue: MemoryRevenuePlatform
    events: list[CommercialEvent]

    def history(self, contract_id: str) -> ContractHistory:
        """Return what the topics would hold of a contract."""
        world = self.world
        entity = world.contracts[contract_id].legal_entity
        records: list[msgspec.Struct] = [
            event
            for event in self.events
            if event.context.contract_id == contract_id
            or (isinstance(event.body, PeriodClosed) and event.context.legal_entity == entity)
        ]
        told: list[RevenueCommand | RevenueAck | AuditRecord | ErpPosting] = [
            *world.commands.values(),
            *world.acks.values(),
            *world.audit,
            *self.ledger.postings,
        ]
        records += [record for record in told if record.context.contract_id == contract_id]
        records += [_ack(posting, self.ledger) for posting in self.ledger.postings if _is_of(posting, contract_id)]
        records.append(contract_status(world.contracts[contract_id], NOW))
        return ContractHistory(contract_id, tuple(Kept("", 0, n, NOW, record) for n, record in enumerate(records)))


def _is_of(posting: ErpPosting, contract_id: str) -> bool:
    return posting.context.contract_id == contract_id


def _ack(posting: ErpPosting, ledger: MemoryLedger) -> PostingAck:
    (answer,) = ledger.post([posting])  # a command id that is known gets its first answer
    assert isinstance(answer, PostingAccepted)
    return PostingAck(
        command_id=posting.command_id,
        event_id=posting.event_id,
        legal_entity=posting.legal_entity,
        currency=posting.currency,
        context=posting.context,
        answered_at=NOW,
        body=answer,
    )


def canonical(event: Event) -> CommercialEvent:
    """Return an event as the API reads it. Raises JsonInvalid."""
    return event_from_json(parse(json.dumps(event)))


def play(configuration: Configuration) -> Played:
    """Play the scenario; AssertionError as soon as an outcome that it expects does not come."""
    policy = configuration.policy
    ledger = MemoryLedger(configuration.chart.numbers, policy.first_open_periods)
    revenue = MemoryRevenuePlatform()
    world = World(policy, revenue, ledger, lambda: NOW)
    events = []
    for step in steps():
        if step.answer is Answer.REFUSED:
            continue
        for event in map(canonical, step.events):
            world.offer(event)
            events.append(event)
        world.settle()
        seen = {Outcome(step.context.contract_id, step.event_id, step.action) for step in world.audit}
        assert set(step.outcomes) <= seen, f"{step.title}: {set(step.outcomes) - seen}"
    return Played(world, ledger, revenue, events)
