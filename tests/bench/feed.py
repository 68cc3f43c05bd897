"""What every row reads, and what each must have written: made once by the pure core, kept on disk.

The feed is one topic. It carries commercial events and the answers of the revenue platform and the ERP in one order,
because an answer is only an answer after its question: with three preloaded topics each row would see another order and
no two would do the same work. Answers follow one round of events after what they answer.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import struct
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from connectors.erp.ledger.memory import MemoryLedger
from connectors.revenue.embedded.memory import MemoryRevenuePlatform
from streams.codec.json_events import event_from_json
from streams.config import load_configuration
from streams.records import CommercialEvent, ErpPosting, PostingAck, RevenueAck, RevenueCommand
from streams.shipped import shipped
from streams.topics import COMMERCIAL_EVENTS, CONTRACT_STATUS, POSTING_ACKS, REVENUE_ACKS
from streams.transport.partitioner import partition_of
from tests.bench.kernel import OUTPUT_TOPICS, Kernel, PartitionWork, Sent
from tests.bench.verify import Expected, Found
from tests.infra.component import REPOSITORY
from tests.oracle.disturbance import Disturbance
from tests.oracle.generator import generate_history

EVENTS_A_ROUND = 500
"""Commercial events of one partition between two rounds of answers."""
SIZES = (6, 12, 24, 48, 96, 192)
"""Mean events of a contract by class; each class has the same share of the events, so that contracts with at least n
events are as 1/n (Zipf's law)."""
_ANSWERED_AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_LENGTHS = struct.Struct(">HI")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a feed is made from; the same shape gives the same feed."""

    events: int
    partitions: int = 8
    seed: int = 4
    duplicates: float = 0.05
    swaps: float = 0.05


class Facts(msgspec.Struct, frozen=True):
    """What is in a feed, for the report."""

    events: int
    records: int
    contracts: int
    bytes: int
    records_by_partition: list[int]
    expected: Expected


class Feed:
    """A feed on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.facts = msgspec.msgpack.decode((folder / "facts").read_bytes(), type=Facts)

    def records(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each record of a partition, in order."""
        content = (self._folder / f"partition-{partition}").read_bytes()
        at = 0
        while at < len(content):
            key_length, value_length = _LENGTHS.unpack_from(content, at)
            key_at = at + _LENGTHS.size
            value_at = key_at + key_length
            at = value_at + value_length
            yield content[key_at:value_at], content[value_at:at]


def feed(shape: Shape, cache: Path) -> Feed:
    """The feed of a shape: from the cache when it was made by this same core, codec and configuration."""
    folder = cache / f"feed-{shape.events}-{shape.partitions}-{shape.seed}-{_version(shape)}"
    if not (folder / "facts").exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _make(shape, partial)
        partial.rename(folder)
    return Feed(folder)


def _version(shape: Shape) -> str:
    digest = hashlib.sha256(repr(shape).encode())
    folders = ("streams/core", "streams/codec", "connectors/revenue/embedded", "connectors/erp/ledger", "tests/oracle")
    files = [file for folder in folders for file in sorted((REPOSITORY / folder).glob("*.py"))]
    files += [Path(__file__), Path(__file__).with_name("kernel.py"), Path(__file__).with_name("verify.py")]
    files += sorted((REPOSITORY / "avro").glob("*.avsc")) + sorted((REPOSITORY / "config").rglob("*.y*ml"))
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def history(shape: Shape) -> list[CommercialEvent]:
    """Commercial events of contracts whose sizes follow Zipf's law, without period ends."""
    how = Disturbance(duplicates=shape.duplicates, swaps=shape.swaps)
    classes: list[list[CommercialEvent]] = []
    left = shape.events
    for number, size in enumerate(SIZES):
        wanted = left // (len(SIZES) - number)
        left -= wanted
        closes = sum(1 for event in _generated(shape.seed * 100 + number, 1, 200, how) if _is_close(event))
        events = _generated(shape.seed * 100 + number, max(1, wanted // size), wanted + closes, how)
        _name_invoices(events)
        classes.append([event_from_json(event) for event in events if not _is_close(event)])
    return _mixed(classes, Random(shape.seed))


def _generated(seed: int, contracts: int, events: int, how: Disturbance) -> Sequence[dict[str, Any]]:
    return generate_history(seed, contracts, events, how).events


def _name_invoices(events: Sequence[dict[str, Any]]) -> None:
    """Let each payment "on account", with which the generator fills up, name an invoice of its contract.

    As it stands it would wait for ever for an invoice of that name, and the waiting would be most of the work.
    """
    invoices: dict[str, list[str]] = {}
    for event in events:
        if event["event_type"] == "InvoiceIssued":
            invoices.setdefault(event["context"]["contract_id"], []).append(
                event["body"]["InvoiceIssued"]["invoice_id"]
            )
    for number, event in enumerate(events):
        payment = event["body"].get("PaymentReceived")
        known = invoices.get(event["context"]["contract_id"])
        if payment is not None and payment["invoice_id"] == "on account" and known:
            payment["invoice_id"] = known[number % len(known)]


def _is_close(event: dict[str, Any]) -> bool:
    return bool(event["event_type"] == "PeriodClosed")


def _mixed(classes: list[list[CommercialEvent]], random: Random) -> list[CommercialEvent]:
    """Put the classes among each other, each in its order."""
    placed = [
        ((place + random.random()) / len(events), number, place)
        for number, events in enumerate(classes)
        for place in range(len(events))
    ]
    # A random place within each step may turn neighbours of one class around: sort within the class first.
    order = sorted(placed)
    queues = [deque(events) for events in classes]
    return [queues[number].popleft() for _, number, _ in order]


class _Maker:
    """One partition: plays the history against the core and its answering systems, and notes all of it."""

    def __init__(self, kernel: Kernel, partition: int, path: Path) -> None:
        configuration = load_configuration(shipped("config"))
        entities = configuration.policy.first_open_periods
        self.records = 0
        self.bytes = 0
        self.found = Found()
        self.work = PartitionWork(kernel, partition)
        self._kernel = kernel
        self._file = path.open("wb")
        self._revenue = MemoryRevenuePlatform()
        self._ledger = MemoryLedger(configuration.chart.numbers, entities)
        self._commands: list[RevenueCommand] = []
        self._postings: list[ErpPosting] = []
        self._partition = partition

    def round(self, events: Sequence[CommercialEvent]) -> bool:
        """Answer what the last round asked, after these events; whether anything was left to do."""
        commands, self._commands = self._commands, []
        postings, self._postings = self._postings, []
        for event in events:
            self._take(COMMERCIAL_EVENTS, event.context.contract_id, event)
        for command in commands:
            (answer,) = self._revenue.execute([command])
            ack = RevenueAck(
                command_id=command.command_id,
                event_id=command.event_id,
                context=command.context,
                answered_at=_ANSWERED_AT,
                body=answer,
            )
            self._take(REVENUE_ACKS, command.context.contract_id, ack)
        for posting in postings:
            (booked,) = self._ledger.post([posting])
            done = PostingAck(
                command_id=posting.command_id,
                event_id=posting.event_id,
                legal_entity=posting.legal_entity,
                currency=posting.currency,
                context=posting.context,
                answered_at=_ANSWERED_AT,
                body=booked,
            )
            self._take(POSTING_ACKS, posting.context.contract_id, done)
        return bool(events or commands or postings)

    def _take(self, topic: str, contract_id: str, record: msgspec.Struct) -> None:
        key, value = contract_id.encode(), self._kernel.encode(topic, record)
        self._file.write(_LENGTHS.pack(len(key), len(value)) + key + value)
        self.bytes += len(key) + len(value)
        _, given = self._kernel.read(self._partition, self.records, key, value)
        decision = self.work.decide(contract_id, given)
        self.records += 1
        self._note(self._kernel.outputs(decision, key))
        for output in decision.outputs:
            if isinstance(output, RevenueCommand):
                self._commands.append(output)
            elif isinstance(output, ErpPosting):
                self._postings.append(output)

    def close(self) -> None:
        """Note where each contract ended."""
        self._note(
            [self._kernel.status(contract, name.encode()) for name, contract in self.work.state.contracts.items()]
        )
        self._file.close()

    def _note(self, sent: list[Sent]) -> None:
        for topic, key, value in sent:
            self.found.add(topic, key, value)


def _make(shape: Shape, folder: Path) -> None:
    started = time.monotonic()
    events = history(shape)
    made = time.monotonic()
    kernel = Kernel()
    by_partition: list[list[CommercialEvent]] = [[] for _ in range(shape.partitions)]
    for event in events:
        by_partition[partition_of(event.context.contract_id.encode(), shape.partitions)].append(event)
    makers = []
    total = Found()
    contracts = 0
    for partition, mine in enumerate(by_partition):
        maker = _Maker(kernel, partition, folder / f"partition-{partition}")
        at = 0
        while maker.round(mine[at : at + EVENTS_A_ROUND]):
            at += EVENTS_A_ROUND
        maker.close()
        contracts += len(maker.work.state.contracts)
        total.merge(maker.found)
        makers.append(maker)
    facts = Facts(
        events=len(events),
        records=sum(maker.records for maker in makers),
        contracts=contracts,
        bytes=sum(maker.bytes for maker in makers),
        records_by_partition=[maker.records for maker in makers],
        expected=total.expected(kernel),
    )
    (folder / "facts").write_bytes(msgspec.msgpack.encode(facts))
    counts = ", ".join(f"{topic} {facts.expected.counts[topic]}" for topic in OUTPUT_TOPICS if topic != CONTRACT_STATUS)
    print(
        f"feed: {facts.events} events of {contracts} contracts generated in {made - started:.0f} s; {facts.records} "
        f"records and what they cause ({counts}) computed in {time.monotonic() - made:.0f} s",
        flush=True,
    )
