"""Memory and speed of millions of contracts on disk: `python -m tests.bench.store_memory --contracts 5000000`.

Loads realistic contract states through the store as a stage commits them, then reads contracts at random. No broker:
what is measured is the store of one worker with all partitions.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from streams.agents.orchestration import Tables
from streams.core.closing import Closing
from streams.core.contract import Contract, Document
from streams.core.decision import EventArrived
from streams.core.orchestration import decide
from streams.core.seen import Seen
from streams.records import SourceRecord
from streams.transport import Stage
from streams.transport.rocks_store import RocksPartition, RocksSettings, rocks_partitions
from streams.transport.store import Origin, Written
from streams.transport.table import Table
from tests.core.builders import POLICY, START, event, signed

PARTITIONS = 8
BATCH = 4000
OPEN_EACH = 20
"""One contract in so many has something on its way."""
READS = 100_000
HOT = 5000
"""Contracts that are read over and over in the warm measure."""
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Measured:
    """What one run found."""

    contracts: int
    state_bytes: int
    """Mean encoded size of a contract."""
    disk_mib: float
    loaded_per_second: float
    cold_reads_per_second: float
    cold_read_cpu_microseconds: float
    """What the reading thread itself computes for one read: what other work on the machine does not change."""
    warm_reads_per_second: float
    warm_read_cpu_microseconds: float
    due_milliseconds: float
    """One tick's question over all partitions: what is due?"""
    reopen_seconds: float
    resident_mib: float
    """Highest resident memory of the process."""


class _NothingSeen:
    def seen(self, event_id: str) -> Seen | None:
        return None

    def document(self, contract_id: str, key: str) -> Document | None:
        return None


def open_contract() -> Contract:
    """A contract whose first version is on its way to the revenue platform, as the core leaves it."""
    source = SourceRecord(topic="commercial-events", partition=0, offset=0)
    arrival = EventArrived(event=event("e-0", signed()), source=source, at=START, closed={})
    return decide(Contract(contract_id="C1"), arrival, _NothingSeen(), POLICY).contract


def settled(contract: Contract) -> Contract:
    """The same contract at rest, with the totals that a year leaves."""
    return replace(
        contract,
        queue=(),
        changing=False,
        version=3,
        commands_accepted=41,
        postings_accepted=57,
        closed={"ACME-US": Closing("2026-09")},
        sequences={"salesforce": 12, "zuora": 34, "delivery": 5},
        event_offset=123_456,
    )


def measure(contracts: int, folder: Path, *, cached_values: int = 10_000, cache_mib: int = 128) -> Measured:
    """Load so many contracts into `folder` and read them."""
    stage = Stage("store-memory", "127.0.0.1:9")
    table = cast(Table[object], Tables(stage, POLICY.bounds).contracts)
    bounds = RocksSettings(folder, cached_values, lock_timeout=1.0, keeps_up_within=3600.0)
    new = rocks_partitions("bench", stage._tables, bounds, cache_mib * MEBIBYTE, cache_mib * MEBIBYTE // 2)
    stores = [_opened(new(number)) for number in range(PARTITIONS)]
    busy = open_contract()
    quiet = settled(busy)
    began, size = time.perf_counter(), 0
    for start in range(0, contracts, BATCH):
        writes = []
        for number in range(start, min(start + BATCH, contracts)):
            contract = replace(busy if number % OPEN_EACH == 0 else quiet, contract_id=_name(number))
            encoded = table.encode(contract)
            size += len(encoded)
            writes.append(Written(contract.contract_id.encode(), contract, encoded))
        stores[start // BATCH % PARTITIONS].commit({table: writes}, {table: start + len(writes)})
    loading = time.perf_counter() - began

    chance = random.Random(1)
    cold = _reads(stores, table, [chance.randrange(contracts) for _ in range(READS)])
    hot = [chance.randrange(contracts) for _ in range(HOT)]
    _reads(stores, table, hot)
    warm = _reads(stores, table, [chance.choice(hot) for _ in range(READS)])
    began = time.perf_counter()
    for store in stores:
        index = store.tables[table].index
        assert index is not None
        assert len(index.due((START + dt.timedelta(days=1)).timestamp(), 2000)) > 0
    due = time.perf_counter() - began
    for store in stores:
        store.release()
    began = time.perf_counter()
    for number in range(PARTITIONS):
        stores[number] = _opened(new(number))
    reopening = time.perf_counter() - began
    last = contracts - 1
    assert stores[last // BATCH % PARTITIONS].tables[table].get(_name(last).encode()) is not None
    for store in stores:
        store.release()
    return Measured(
        contracts=contracts,
        state_bytes=size // contracts,
        disk_mib=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / MEBIBYTE,
        loaded_per_second=contracts / loading,
        cold_reads_per_second=cold.per_second,
        cold_read_cpu_microseconds=cold.cpu_microseconds,
        warm_reads_per_second=warm.per_second,
        warm_read_cpu_microseconds=warm.cpu_microseconds,
        due_milliseconds=due * 1000,
        reopen_seconds=reopening,
        resident_mib=_highest_resident_kib() / 1024,
    )


def _opened(store: RocksPartition) -> RocksPartition:
    store.open(Origin(None, {}))
    return store


def _name(number: int) -> str:
    """As contract ids are: nothing in their order tells when they came."""
    return f"C-{number * 2_654_435_761 % 2**32:08x}-{number}"


@dataclass(frozen=True)
class _Reads:
    per_second: float
    cpu_microseconds: float


def _reads(stores: Sequence[RocksPartition], table: Table[object], numbers: Sequence[int]) -> _Reads:
    """Read contracts by number; return how many a second, and the CPU time of each."""
    began, computing = time.perf_counter(), time.thread_time()
    for number in numbers:
        assert stores[number // BATCH % PARTITIONS].tables[table].get(_name(number).encode()) is not None
    computed, took = time.thread_time() - computing, time.perf_counter() - began
    return _Reads(len(numbers) / took, computed / len(numbers) * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary folder unless told")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        print(json.dumps(asdict(measure(arguments.contracts, Path(folder))), indent=2))


def _highest_resident_kib() -> int:
    """Since this program began: what getrusage tells is inherited from whoever started it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise RuntimeError("/proc/self/status has no VmHWM; expected a Linux kernel")


if __name__ == "__main__":
    main()
