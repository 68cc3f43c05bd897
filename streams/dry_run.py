"""The dry run that finance asks for before a change goes live: a file of events in, one document out, no broker.

It goes through the same core as production, with the embedded revenue platform and ledger, and posts nowhere.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from connectors.erp.ledger.memory import MemoryLedger
from connectors.revenue.embedded.memory import MemoryRevenuePlatform
from streams.codec.json_events import JsonInvalid, event_from_json
from streams.codec.json_text import JsonMalformed, parse
from streams.config import Configuration
from streams.core.contract import Contract
from streams.core.exceptions import UNREADABLE
from streams.core.money import ZERO, quantize
from streams.core.reconciliation import Tie, compare
from streams.records import (
    CommercialEvent,
    ErpPosting,
    ExceptionRecord,
    ModifyContract,
    PeriodOpened,
    RevenueAccepted,
    RevenueAck,
    ReverseJournal,
    TerminateContract,
)
from streams.simulation import World

Document = dict[str, Any]

_UNKNOWN_EVENT = CommercialEvent(
    event_id="",
    event_type="",
    occurred_at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
    effective_date=dt.date(1970, 1, 1),
    context=UNREADABLE,
    body=PeriodOpened(period=""),
)


def dry_run(lines: Iterable[str], configuration: Configuration) -> Document:
    """Run a file of canonical events, one JSON object a line, and return the document of what would happen.

    A line that is no event, or breaks a rule, is refused with an exception that names the line and every fault.
    """
    policy = configuration.policy
    ledger = MemoryLedger(
        configuration.chart.numbers, {name: entity.first_open_period for name, entity in policy.entities.items()}
    )
    revenue = MemoryRevenuePlatform()
    world = World(policy, revenue, ledger, lambda: dt.datetime.now(dt.UTC))
    commands = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        commands += 1
        _offer(world, number, line)
        world.settle()
    return {
        "contracts": [
            _contract(contract, world, revenue) for _, contract in sorted(world.contracts.items()) if contract.version
        ],
        "waiting": _waiting(world),
        "postings": [_posting(posting) for posting in ledger.postings],
        "balances": [
            {
                "entity": row.legal_entity,
                "account": row.account,
                "account_name": configuration.chart.name(row.account),
                "currency": row.currency,
                "balance": str(row.balance),
            }
            for row in ledger.balances()
        ],
        "exceptions": [_exception(exception) for exception in world.exceptions.values()],
        "counts": {"events": commands, **world.counts()},
    }


def _offer(world: World, number: int, line: str) -> None:
    try:
        world.offer(event_from_json(parse(line)))
    except JsonMalformed as fault:
        world.refuse(_named(number), f"line {number}: {fault}")
    except JsonInvalid as fault:
        faults = "; ".join(f"{problem.pointer or '/'}: {problem.detail}" for problem in fault.problems)
        world.refuse(_named(number), f"line {number}: {faults}")


def _named(number: int) -> CommercialEvent:
    return replace(_UNKNOWN_EVENT, event_id=f"line {number}")


def _contract(contract: Contract, world: World, revenue: MemoryRevenuePlatform) -> Document:
    acks = [
        ack
        for ack in world.acks.values()
        if ack.context.contract_id == contract.contract_id and isinstance(ack.body, RevenueAccepted)
    ]
    allocated = _latest(acks)
    currency = contract.currency
    tie = world.ties.get(contract.contract_id) or Tie(contract_id=contract.contract_id)
    position = revenue.position(contract.contract_id)
    return {
        "contract_id": contract.contract_id,
        "version": contract.version,
        "state": contract.state.value,
        "customer_account": contract.customer_account,
        "legal_entity": contract.legal_entity,
        "currency": currency,
        "transaction_price": _amount(position.transaction_price if position else ZERO, currency),
        "billed": _amount(contract.billed, currency),
        "recognised": _amount(contract.recognised, currency),
        "modifications": [_modification(ack) for ack in acks if _modifies(ack, world)],
        "obligations": _obligations(allocated, currency),
        "schedule": _schedule(allocated, currency),
        "tie_out": _tie_out(tie, world),
    }
