"""What must hold after every run, whatever went wrong in it. Compares with a run without broker, and with the batch
calculation that shares nothing with the product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from connectors.erp.ledger.memory import MemoryLedger
from connectors.revenue.embedded.memory import MemoryRevenuePlatform
from streams import simulation
from streams.core.contract import Contract
from streams.records import (
    AuditAction,
    AuditRecord,
    ErpPosting,
    ExceptionRecord,
    PostingAck,
    RevenueAck,
    RevenueCommand,
)
from streams.topics import (
    AUDIT_TRAIL,
    ERP_POSTINGS,
    EXCEPTIONS,
    POSTING_ACKS,
    REVENUE_ACKS,
    REVENUE_COMMANDS,
    SOURCE_EVENTS,
    VARIANCES,
)
from tests.oracle.batch import calculate_with
from tests.oracle.cases import CONFIG
from tests.oracle.chart import read_chart
from tests.oracle.reading import Event
from tests.simulation.setup import CONFIGURATION, START, records_of
from tests.simulation.world import World

if TYPE_CHECKING:
    from streams.transport.partition import Partition

R = TypeVar("R")
Steps = Counter[tuple[str, str, str]]
"""Event, action and command of audit records: what happened, but for when."""

_OF_TIMING = frozenset(
    {
        AuditAction.CAPTURED,
        AuditAction.PARKED,
        AuditAction.RELEASED,
        AuditAction.REVENUE_RESENT,
        AuditAction.POSTING_RESENT,
    }
)
"""Whether an event is parked depends on how fast answers come; capture is not in the reference."""


_CHART = read_chart(CONFIG)


class Broken(AssertionError):
    """A promise that a run broke."""


@dataclass(frozen=True)
class Reference:
    """Where a history ends when nothing goes wrong."""

    commands: dict[str, RevenueCommand]
    postings: dict[str, ErpPosting]
    balances: dict[tuple[str, str, str], Decimal]
    calculated: dict[tuple[str, str, str], Decimal]
    steps: Steps
    exceptions: frozenset[str]
    parked: frozenset[str]
    contracts: dict[str, tuple[object, ...]]


def _reference(history: Sequence[Event]) -> Reference:
    """Run a history in order, without broker and stages, and through the batch calculation."""
    entities = CONFIGURATION.policy.first_open_periods
    ledger = MemoryLedger(CONFIGURATION.chart.numbers, entities)
    world = simulation.World(CONFIGURATION.policy, MemoryRevenuePlatform(), ledger, lambda: START)
    for event in records_of(history):
        world.offer(event)
        world.settle()
    calculated = calculate_with(history, _CHART)
    return Reference(
        commands=dict(world.commands),
        postings={posting.command_id: posting for posting in ledger.postings},
        balances=_balances(ledger),
        calculated=dict(calculated.balances),
        steps=_steps(world.audit),
        exceptions=frozenset(world.exceptions),
        parked=frozenset(_parked(world.contracts.values())),
        contracts={name: _ending(contract) for name, contract in world.contracts.items()},
    )


_known: dict[int, tuple[Sequence[Event], Reference]] = {}


def reference(history: Sequence[Event]) -> Reference:
    """Return where a history ends; the same history object is run once."""
    known = _known.get(id(history))
    if known is None or known[0] is not history:
        known = _known[id(history)] = (history, _reference(history))
    return known[1]


def _balances(ledger: MemoryLedger) -> dict[tuple[str, str, str], Decimal]:
    return {(it.legal_entity, it.account, it.currency): it.balance for it in ledger.balances() if it.balance}


def _steps(records: Iterable[AuditRecord]) -> Steps:
    return Counter(
        (record.event_id, record.action.value, record.command_id or record.context.contract_id)
        for record in records
        if record.action not in _OF_TIMING
    )


def _parked(contracts: Iterable[Contract]) -> list[str]:
    return [parked.event.event_id for contract in contracts for parked in contract.parked]


def _ending(contract: Contract) -> tuple[object, ...]:
    return (
        contract.version,
        contract.billed,
        contract.recognised,
        contract.closed,
        contract.sequences,
        contract.commands_accepted,
        contract.postings_accepted,
    )


def check(world: World) -> None:
    """Raise Broken, with what went wrong in the run, unless every promise was kept."""
    expected = reference(world.setup.events)
    resent = any("s pass" in told for told in world.struck.told)
    try:
        _nothing_is_left_over(world)
        _stores_are_their_changelogs(world)
        if "orchestration" in world.setup.stages:
            _contracts_end_as_expected(world, expected)
            _everything_was_said_once(world, expected, resent=resent)
        if "posting" in world.setup.stages:
            _foreign_systems_hold_everything_once(world, expected)
        if "reconciliation" in world.setup.stages and not expected.exceptions:
            _same("variances", [], world.visible(VARIANCES))
    except Broken as broken:
        raise Broken(f"{broken}\n{world.report()}") from broken


def _nothing_is_left_over(world: World) -> None:
    """Every input is read to its end, and that is what the groups committed."""
    for worker in world.workers:
        for number, partition in worker.stage._owned.items():
            if not partition.is_ready:
                raise Broken(f"{worker.name}: partition {number} is not ready")
            for topic in worker.stage.consumed_topics():
                log = world.broker.log((topic, number))
                if log.open:
                    raise Broken(f"{topic}/{number}: a transaction is still open")
                offset = world.broker.committed(worker.group.name, (topic, number), stable=True) or 0
                unread = log.read(offset, 1)[0]
                if unread:
                    raise Broken(f"{worker.name}: {topic}/{number} is committed to {offset}, {unread[0]} comes after")
                _same(f"{worker.name} {topic}/{number} offset", offset, partition.next_offset(topic))
    for group in world.groups.values():
        owned = sorted(it for worker in world.workers if worker.group is group for it in worker.stage._owned)
        _same(f"{group.name} partitions", list(range(len(owned))), owned)


def _stores_are_their_changelogs(world: World) -> None:
    for worker in world.workers:
        for number, partition in worker.stage._owned.items():
            _store_is_its_changelog(world, number, partition)


def _store_is_its_changelog(world: World, number: int, partition: Partition) -> None:
    for table, store in partition.store.tables.items():
        replayed: dict[bytes, object] = {}
        last = -1
        for entry in world.broker.log((table.changelog_topic, number)).visible():
            last = entry.offset
            if entry.value is None:
                replayed.pop(entry.key or b"", None)
            else:
                replayed[entry.key or b""] = table.decode(entry.value)  # type: ignore[arg-type]
        _same(f"{table.changelog_topic}/{number}", replayed, dict(store.items()))
        _same(f"{table.changelog_topic}/{number} offset", last, partition.store.offset(table))


def _contracts_end_as_expected(world: World, expected: Reference) -> None:
    found: dict[str, Contract] = {}
    for worker in world.workers:
        if worker.group.name == "tieout-orchestration":
            for partition in worker.stage._owned.values():
                for table, store in partition.store.tables.items():
                    if table.name == "contracts":
                        found |= {it.contract_id: it for _, it in store.items() if isinstance(it, Contract)}
    pending = [name for name, it in found.items() if it.queue or it.postings or it.changing]
    _same("contracts with something on its way", [], pending)
    _same("parked", sorted(expected.parked), sorted(_parked(found.values())))
    _same("contracts", expected.contracts, {name: _ending(it) for name, it in found.items()})


def _everything_was_said_once(world: World, expected: Reference, *, resent: bool) -> None:
    """Committed outputs are those of the run without faults; when time leapt, some may be there again."""
    said: list[tuple[str, str, Iterable[Hashable]]] = [
        (REVENUE_COMMANDS, "command_id", expected.commands),
        (ERP_POSTINGS, "command_id", expected.postings),
    ]
    if "posting" in world.setup.stages:
        said += [(REVENUE_ACKS, "command_id", expected.commands), (POSTING_ACKS, "command_id", expected.postings)]
    for topic, identity, ids in said:
        found = Counter(getattr(record, identity) for record in world.visible(topic))
        _same(topic, Counter(list(ids)), Counter(set(found)) if resent else found)
    _same(EXCEPTIONS, expected.exceptions, {it.exception_id for it in _of(ExceptionRecord, world.visible(EXCEPTIONS))})
    audit = _of(AuditRecord, world.visible(AUDIT_TRAIL))
    _same(AUDIT_TRAIL, expected.steps, _steps(audit))
    if "capture" in world.setup.stages:
        captured = Counter(it.event_id for it in audit if it.action is AuditAction.CAPTURED)
        refused = [it.event_id for it in _of(ExceptionRecord, world.visible(EXCEPTIONS)) if it.source is not None]
        refused = [name for name in refused if name not in captured]
        offered = Counter(str(event["event_id"]) for event in world.setup.events)
        _same(f"{SOURCE_EVENTS} captured or refused", offered, captured + Counter(refused))


def _foreign_systems_hold_everything_once(world: World, expected: Reference) -> None:
    _same("commands in revenue", set(expected.commands), set(world.revenue.commands))
    held = Counter(posting.command_id for posting in world.erp.ledger.postings)
    _same("postings in the ERP", Counter(set(expected.postings)), held)
    _same("ledger against the run without faults", expected.balances, _balances(world.erp.ledger))
    _same("ledger against the batch calculation", expected.calculated, _balances(world.erp.ledger))
    for topic in (REVENUE_ACKS, POSTING_ACKS):
        bodies: dict[str, object] = {}
        for ack in (it for it in world.visible(topic) if isinstance(it, RevenueAck | PostingAck)):
            if bodies.setdefault(ack.command_id, ack.body) != ack.body:
                raise Broken(f"{topic}: {ack.command_id} was answered differently: {bodies[ack.command_id]}, {ack}")


def _of(kind: type[R], records: Iterable[object]) -> list[R]:
    return [record for record in records if isinstance(record, kind)]


def _same(what: str, expected: object, found: object) -> None:
    if expected != found:
        raise Broken(f"{what}: {_difference(expected, found)}")


def _difference(expected: object, found: object) -> str:
    if isinstance(expected, Counter) and isinstance(found, Counter):
        return f"missing {dict(expected - found)}, too much {dict(found - expected)}"
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
        return "; ".join(f"{key}: expected {expected.get(key)}, found {found.get(key)}" for key in keys[:5])
    if isinstance(expected, set | frozenset) and isinstance(found, set | frozenset):
        return f"missing {sorted(expected - found)}, too much {sorted(found - expected)}"
    return f"expected {expected}, found {found}"
