"""A period event on many contracts is told in slices, goes on where it stopped, and is overtaken by nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from streams.agents import orchestration
from streams.agents.observe import Observer
from streams.agents.orchestration import Orchestration
from streams.agents.outbox import Outbox
from streams.codec.registry import EmbeddedRegistry
from streams.codec.wire import codec_for
from streams.core.closing import Closing
from streams.core.contract import Contract
from streams.records import (
    CommercialEvent,
    ExceptionRecord,
    PeriodClosed,
    PeriodLock,
    PeriodOpened,
    RevenueCommand,
    RootCause,
)
from streams.topics import COMMERCIAL_EVENTS, EXCEPTIONS, REVENUE_COMMANDS
from streams.transport import Batch, Record, Stage, Transaction
from streams.transport.memory_store import MemoryPartition
from streams.transport.rocks_store import RocksSettings, rocks_partitions
from streams.transport.store import Origin, PartitionStore, Written
from streams.transport.table import Deleted
from tests.core.builders import POLICY, event, invoice, period_end, signed

REGISTRY = EmbeddedRegistry()
CONTRACTS = [f"C{number:02d}" for number in range(10)]
CLOSE = period_end("2026-01")
COMMANDS = codec_for(RevenueCommand, REGISTRY, REVENUE_COMMANDS)
RAISED = codec_for(ExceptionRecord, REGISTRY, EXCEPTIONS)
EVENTS = codec_for(CommercialEvent, REGISTRY, COMMERCIAL_EVENTS)


class Worker:
    """The stage's agent on one partition, committed as a stage does it; a folder outlives its worker."""

    def __init__(self, folder: Path | None) -> None:
        stage = Stage("s", "127.0.0.1:1")
        self._agent = Orchestration(stage, Outbox(REGISTRY, POLICY, Observer("orchestration")), POLICY)
        tables = stage._tables
        self.store: PartitionStore = (
            MemoryPartition(tables)
            if folder is None
            else rocks_partitions("s", tables, RocksSettings(folder, 10, 1.0, 60.0), 1 << 20, 1 << 20)(0)
        )
        self.store.open(Origin(None, {}))
        self._offset = -1
        self.causes: list[tuple[str, str]] = []
        """What was commanded so far: contract and event."""
        self.exceptions: list[ExceptionRecord] = []

    def read(self, *events: CommercialEvent, first: int) -> list[tuple[str, str]]:
        records = [
            Record(item.context.contract_id.encode(), EVENTS.encode(item), (), first + number, 0)
            for number, item in enumerate(events)
        ]
        transaction = Transaction(0, self.store.tables)
        asyncio.run(self._agent.on_batch(Batch(COMMERCIAL_EVENTS, 0, records), transaction))
        return self._commit(transaction)

    def tick(self, *, commit: bool = True) -> list[tuple[str, str]]:
        transaction = Transaction(0, self.store.tables)
        asyncio.run(self._agent.on_tick(0, transaction))
        return self._commit(transaction) if commit else []

    def _commit(self, transaction: Transaction) -> list[tuple[str, str]]:
        self._offset += 1
        changes = {
            table: [
                Written(key, value, None if isinstance(value, Deleted) else table.encode(value))
                for key, value in changed.items()
            ]
            for table, changed in transaction.changes.items()
        }
        self.store.commit(changes, dict.fromkeys(changes, self._offset))
        raised = (output.value for output in transaction.outputs if output.topic == EXCEPTIONS)
        self.exceptions += [RAISED.decode(value) for value in raised]
        sent = [COMMANDS.decode(output.value) for output in transaction.outputs if output.topic == REVENUE_COMMANDS]
        commanded = [(command.context.contract_id, command.event_id) for command in sent]
        self.causes += commanded
        return commanded

    def contracts(self) -> dict[bytes, Contract]:
        (store,) = (store for table, store in self.store.tables.items() if table.name == "contracts")
        return {key: value for key, value in store.items() if isinstance(value, Contract)}


@pytest.fixture(params=["memory", "disk"])
def worker(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setattr(orchestration, "_TOLD_A_SLICE", 3)
    made = Worker(tmp_path if request.param == "disk" else None)
    in_force(made)
    yield made
    made.store.release()


def in_force(worker: Worker) -> None:
    """Ten contracts, version 1 in force, as the core leaves them; only what a period event needs of them."""
    worker.read(*(event(f"s-{name}", signed(), contract=name) for name in CONTRACTS), first=0)
    (table,) = (table for table in worker.store.tables if table.name == "contracts")
    quiet = [
        Contract(
            contract_id=contract.contract_id,
            legal_entity=contract.legal_entity,
            currency="USD",
            version=1,
            entities=contract.entities,
            event_offset=contract.event_offset,
        )
        for contract in worker.contracts().values()
    ]
    writes = [Written(contract.contract_id.encode(), contract, table.encode(contract)) for contract in quiet]
    worker.store.commit({table: writes}, {table: 1_000})
    worker.causes.clear()


def told(*names: str) -> list[tuple[str, str]]:
    return [(name, CLOSE.event_id) for name in names]


def test_a_period_event_is_told_in_slices_in_the_order_of_contracts_until_all_have_it(worker: Worker) -> None:
    assert worker.read(CLOSE, first=10) == told("C00", "C01", "C02")
    assert [worker.tick() for _ in range(5)] == [
        told("C03", "C04", "C05"),
        told("C06", "C07", "C08"),
        told("C09"),
        [],
        [],
    ]


def test_what_comes_for_a_contract_that_is_not_reached_comes_after_the_period_event(worker: Worker) -> None:
    worker.read(CLOSE, first=10)
    late = event("late", invoice("I1"), contract="C08", on="2026-01-15")
    worker.read(late, first=11)
    assert worker.causes[3:] == [*told("C08"), ("C08", "late")]
    assert worker.contracts()[b"C08"].closed == {"ACME-US": Closing("2026-01")}
    for _ in range(4):
        worker.tick()
    assert sorted(worker.causes) == sorted([*told(*CONTRACTS), ("C08", "late")]), "and nobody is told twice"


def test_period_events_that_follow_each_other_reach_each_contract_in_their_order(worker: Worker) -> None:
    february = period_end("2026-02")
    worker.read(CLOSE, february, first=10)
    for _ in range(8):
        worker.tick()
    assert len(worker.causes) == 2 * len(CONTRACTS)
    for name in CONTRACTS:
        mine = [event_id for contract, event_id in worker.causes if contract == name]
        assert mine == [CLOSE.event_id, february.event_id]


def test_the_same_period_event_a_second_time_is_told_to_nobody(worker: Worker) -> None:
    worker.read(CLOSE, first=10)
    worker.read(CLOSE, first=11)
    for _ in range(6):
        worker.tick()
    assert sorted(worker.causes) == told(*CONTRACTS)


def test_a_close_under_the_id_of_another_event_is_an_exception_and_not_taken_for_its_duplicate(worker: Worker) -> None:
    worker.read(replace(CLOSE, event_id="s-C00"), first=100)
    (raised,) = worker.exceptions
    assert (raised.event_id, raised.root_cause) == ("s-C00", RootCause.PAYLOAD_INVALID)
    assert "publish it under another event id" in raised.message


def test_contracts_that_are_looked_at_in_vain_are_bounded_too(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orchestration, "_LOOKED_AT_A_SLICE", 2)
    elsewhere = period_end("2026-01", entity="ACME-DE")
    assert worker.read(elsewhere, CLOSE, first=10) == []
    ticks = [worker.tick() for _ in range(12)]
    assert ticks[:4] == [[], [], [], []], "first those of the other entity, in vain"
    assert sorted(worker.causes) == told(*CONTRACTS)


def test_after_a_crash_it_goes_on_where_the_last_commit_left_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orchestration, "_TOLD_A_SLICE", 3)
    before = Worker(tmp_path)
    in_force(before)
    before.read(CLOSE, first=10)
    before.tick()
    before.tick(commit=False)  # what was decided and not committed has not happened
    before.store.release()
    after = Worker(tmp_path)
    ticks = [after.tick() for _ in range(4)]
    assert ticks == [told("C06", "C07", "C08"), told("C09"), [], []]
    after.store.release()


def opened(approver: str) -> CommercialEvent:
    body = PeriodOpened(period="2026-01", approved_by=approver, reason=approver)
    return event(f"open by {approver}", body, version=0, contract="*")


def test_a_period_event_that_cannot_take_effect_is_one_exception_and_is_told_to_nobody(worker: Worker) -> None:
    hard = event("hard", PeriodClosed(period="2026-01", lock=PeriodLock.HARD), version=0, contract="*")
    worker.read(hard, first=10)  # the period is open
    worker.read(CLOSE, opened(""), first=11)
    for _ in range(6):
        worker.tick()
    found = [(it.event_id, it.root_cause, it.context.contract_id) for it in worker.exceptions]
    assert found == [("hard", RootCause.CLOSED_PERIOD, "*"), ("open by ", RootCause.CLOSED_PERIOD, "*")]
    assert {str(contract.closed["ACME-US"]) for contract in worker.contracts().values()} == {str(Closing("2026-01"))}


def test_a_contract_that_comes_later_knows_what_is_open_again(worker: Worker) -> None:
    worker.read(CLOSE, opened("controller"), first=10)
    worker.read(event("s-new", signed(), contract="NEW"), first=12)
    assert worker.contracts()[b"NEW"].closed == {"ACME-US": Closing("2026-01", reopened=("2026-01",))}
