"""The dry run that finance asks for before a change goes live: a file of events in, one document out, no broker.

It goes through the same core as production, with the embedded revenue platform and ledger, and posts nowhere.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from connectors.erp.ledger.memory import MemoryLedger
from connectors.protocols import AccountBalance
from connectors.revenue.embedded.memory import MemoryRevenuePlatform
from connectors.sources.canonical import CanonicalSource
from streams.codec.json_events import JsonInvalid
from streams.codec.json_text import JsonMalformed, parse
from streams.config import Configuration
from streams.core.contract import Contract
from streams.core.exceptions import UNREADABLE
from streams.core.money import ZERO, quantize
from streams.core.reconciliation import Comparison, Tie, compare
from streams.records import (
    CommercialEvent,
    ErpPosting,
    EstablishContract,
    ExceptionRecord,
    JournalLine,
    ModifyContract,
    PeriodOpened,
    ReconciledMeasure,
    RevenueAccepted,
    RevenueAck,
    RevenueRejected,
    ReverseJournal,
    ReviseEstimate,
    TerminateContract,
)
from streams.simulation import World

_SOURCE = CanonicalSource()

Document = dict[str, Any]

_UNKNOWN_EVENT = CommercialEvent(
    event_id="",
    event_type="",
    occurred_at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
    effective_date=dt.date(1970, 1, 1),
    context=UNREADABLE,
    body=PeriodOpened(period=""),
)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a file of events has led to."""

    world: World
    ledger: MemoryLedger
    revenue: MemoryRevenuePlatform
    offered: int
    """Lines that were no blank ones."""


def run(lines: Iterable[str], configuration: Configuration) -> DryRun:
    """Run a file of canonical events, one JSON object a line.

    A line that is no event, or breaks a rule, is refused with an exception that names the line and every fault.
    """
    policy = configuration.policy
    ledger = MemoryLedger(
        configuration.chart.numbers,
        policy.first_open_periods,
        policy.calendars,
    )
    revenue = MemoryRevenuePlatform(policy.calendars)
    world = World(policy, revenue, ledger, lambda: dt.datetime.now(dt.UTC))
    offered = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        offered += 1
        _offer(world, number, line)
        world.settle()
    return DryRun(world, ledger, revenue, offered)


def dry_run(lines: Iterable[str], configuration: Configuration) -> Document:
    """Run a file of canonical events, one JSON object a line, and return the document of what would happen."""
    done = run(lines, configuration)
    world, ledger, revenue = done.world, done.ledger, done.revenue
    document: Document = {
        "contracts": [
            _contract(contract, world, revenue) for _, contract in sorted(world.contracts.items()) if contract.version
        ],
        "waiting": _waiting(world),
        "postings": [_posting(posting) for posting in ledger.postings],
        "balances": _balances(ledger.balances(), configuration),
        "exceptions": [_exception(exception) for exception in world.exceptions.values()],
        "counts": {"events": done.offered, **world.counts()},
    }
    if any(posting.functional_currency for posting in ledger.postings):
        document["functional_balances"] = _balances(ledger.functional_balances(), configuration)
    return document


def _balances(rows: Iterable[AccountBalance], configuration: Configuration) -> list[Document]:
    return [
        {
            "entity": row.legal_entity,
            "account": row.account,
            "account_name": configuration.chart.name(row.account),
            "currency": row.currency,
            "balance": str(row.balance),
        }
        for row in rows
    ]


def _offer(world: World, number: int, line: str) -> None:
    try:
        for event in _SOURCE.events(parse(line)):
            world.offer(event)
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
        "refund_liability": _amount(contract.refund_liability, currency),
        "interest": _amount(contract.interest, currency),
        "variable_included": _amount(_variable_included(acks), currency),
        "pricing": [_pricing(ack) for ack in acks if _prices(ack, world)],
        "modifications": [_modification(ack) for ack in acks if _modifies(ack, world)],
        "obligations": _obligations(allocated, currency),
        "schedule": _schedule(allocated, currency),
        "tie_out": _tie_out(tie, world),
    }


def _latest(acks: list[RevenueAck]) -> RevenueAccepted | None:
    """Return the last acceptance that stated allocation and schedule; later ones left them unchanged."""
    stated = [ack.body for ack in acks if isinstance(ack.body, RevenueAccepted) and ack.body.allocations]
    return stated[-1] if stated else None


def _variable_included(acks: list[RevenueAck]) -> Decimal:
    stated = [ack.body.variable_included for ack in acks if isinstance(ack.body, RevenueAccepted)]
    return stated[-1] if stated else ZERO


def _prices(ack: RevenueAck, world: World) -> bool:
    return world.commands[ack.command_id].body.__class__ in (EstablishContract, ReviseEstimate)


def _pricing(ack: RevenueAck) -> Document:
    """Return why the price is what it is and who has which share of it, at inception and by a new estimate."""
    return {"event_id": ack.event_id, "lines": _decided(ack.body)}


def _decided(answer: RevenueAccepted | RevenueRejected) -> list[Document]:
    decisions = answer.decisions if isinstance(answer, RevenueAccepted) else ()
    return [{"line_id": part.line_id, "treatment": part.treatment.value, "reason": part.reason} for part in decisions]


def _modifies(ack: RevenueAck, world: World) -> bool:
    return world.commands[ack.command_id].body.__class__ in (ModifyContract, TerminateContract)


def _modification(ack: RevenueAck) -> Document:
    answer = ack.body
    assert isinstance(answer, RevenueAccepted)
    lines = _decided(answer)
    return {
        "version": ack.context.contract_version,
        "event_id": ack.event_id,
        "source_transaction_id": ack.context.source_transaction_id,
        "treatment": answer.treatment.value,
        "reason": "; ".join(f"{line['line_id']}: {line['reason']}" for line in lines),
        "lines": lines,
    }


def _obligations(stated: RevenueAccepted | None, currency: str) -> list[Document]:
    return [
        {
            "obligation_id": part.obligation_id,
            "line_id": part.line_id,
            "product_line": part.product_line,
            "legal_entity": part.legal_entity,
            "pattern": part.pattern.value,
            "ssp": _amount(part.ssp, currency),
            "allocated": _amount(part.allocated, currency),
            "unscheduled": _amount(part.unscheduled, currency),
        }
        for part in (stated.allocations if stated else ())
    ]


def _schedule(stated: RevenueAccepted | None, currency: str) -> list[Document]:
    months: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for line in stated.schedule if stated else ():
        months[line.period][line.obligation_id] = line.amount
    return [
        {
            "period": period,
            "amount": _amount(sum(by_obligation.values(), ZERO), currency),
            "obligations": {name: _amount(amount, currency) for name, amount in by_obligation.items()},
        }
        for period, by_obligation in sorted(months.items())
    ]


def _tie_out(tie: Tie, world: World) -> Document:
    comparisons = compare(tie, world.policy.accounts)
    return {
        "tied_out": all(abs(row.difference) <= world.policy.variance_tolerance for row in comparisons),
        "comparisons": [
            {
                "measure": row.measure.value,
                "entity": row.legal_entity,
                row.left_system: _amount(row.left_amount, _compared_in(row, tie, world)),
                row.right_system: _amount(row.right_amount, _compared_in(row, tie, world)),
                "difference": _amount(row.difference, _compared_in(row, tie, world)),
            }
            for row in comparisons
        ],
    }


def _compared_in(row: Comparison, tie: Tie, world: World) -> str:
    functional = row.measure is ReconciledMeasure.FUNCTIONAL_BALANCE
    return world.policy.entities[row.legal_entity].functional_currency if functional else tie.currency


def _waiting(world: World) -> list[Document]:
    return [
        {
            "contract_id": contract.contract_id,
            "event_id": parked.event.event_id,
            "event_type": parked.event.event_type,
            "reason": parked.reason,
        }
        for _, contract in sorted(world.contracts.items())
        for parked in contract.parked
    ]


def _posting(posting: ErpPosting) -> Document:
    currency, functional = posting.currency, posting.functional_currency
    return {
        "command_id": posting.command_id,
        "event_id": posting.event_id,
        "contract_id": posting.context.contract_id,
        "source_system": posting.context.source_system,
        "source_transaction_id": posting.context.source_transaction_id,
        "entity": posting.legal_entity,
        "date": posting.posting_date.isoformat(),
        "period": posting.period,
        "currency": currency,
        "description": posting.body.description,
        "reverses": posting.body.reverses_command_id if isinstance(posting.body, ReverseJournal) else None,
        **({"functional_currency": functional} if functional else {}),
        "lines": [
            {
                "account": line.account,
                "debit": _amount(line.debit, currency),
                "credit": _amount(line.credit, currency),
                **(_functional(line, functional) if functional else {}),
                "product_line": line.product_line,
                "jurisdiction": line.jurisdiction,
                "partner_entity": line.partner_entity,
            }
            for line in posting.body.lines
        ],
    }


def _functional(line: JournalLine, currency: str) -> Document:
    return {
        "functional_debit": _amount(line.functional_debit, currency),
        "functional_credit": _amount(line.functional_credit, currency),
    }


def _exception(exception: ExceptionRecord) -> Document:
    return {
        "exception_id": exception.exception_id,
        "event_id": exception.event_id,
        "contract_id": exception.context.contract_id,
        "root_cause": exception.root_cause.value,
        "owner": exception.owner.value,
        "severity": exception.severity.value,
        "message": exception.message,
        "actions": [action.value for action in exception.resolving_actions],
    }


def _amount(amount: Decimal, currency: str) -> str:
    return str(quantize(amount, currency))
