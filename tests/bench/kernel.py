"""The work of the orchestration stage without a framework: decode, decide, encode. Every row calls this or its product.

Knows the core and the codec, and no broker. It must import nothing that a framework's own virtual environment lacks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from streams.codec.registry import EmbeddedRegistry
from streams.codec.wire import Codec, codec_for
from streams.config import load_configuration
from streams.core.closing import Closing
from streams.core.contract import Contract, Document, Memory
from streams.core.decision import Decision, ErpAnswered, EventArrived, Input, RevenueAnswered
from streams.core.orchestration import decide
from streams.core.policy import Policy
from streams.core.seen import Seen
from streams.core.status import contract_status
from streams.records import (
    AuditRecord,
    CommercialEvent,
    ErpPosting,
    ExceptionRecord,
    PostingAck,
    RevenueAck,
    RevenueCommand,
    SourceRecord,
)
from streams.shipped import shipped
from streams.topics import (
    AUDIT_TRAIL,
    COMMERCIAL_EVENTS,
    CONTRACT_STATUS,
    ERP_POSTINGS,
    EXCEPTIONS,
    POSTING_ACKS,
    REVENUE_ACKS,
    REVENUE_COMMANDS,
    TOPICS,
)

CONTRACTS, SEEN, DOCUMENTS = "contracts", "seen", "documents"
TABLES = (CONTRACTS, SEEN, DOCUMENTS)
OUTPUT_TOPICS = (REVENUE_COMMANDS, ERP_POSTINGS, AUDIT_TRAIL, EXCEPTIONS, CONTRACT_STATUS)
_TOPIC_OF: dict[type[msgspec.Struct], str] = {
    RevenueCommand: REVENUE_COMMANDS,
    ErpPosting: ERP_POSTINGS,
    AuditRecord: AUDIT_TRAIL,
    ExceptionRecord: EXCEPTIONS,
}
_NOTHING_CLOSED: Mapping[str, Closing] = {}

Sent = tuple[str, bytes, bytes]
"""Topic, key, value."""
Clock = Callable[[], dt.datetime]
R = TypeVar("R", bound=msgspec.Struct)

encode_state = msgspec.msgpack.encode
decode_contract = msgspec.msgpack.Decoder(Contract).decode
decode_document = msgspec.msgpack.Decoder(Document).decode
decode_seen = msgspec.msgpack.Decoder(Seen).decode


def now() -> dt.datetime:
    """The time, UTC."""
    return dt.datetime.now(dt.UTC)


def shipped_policy() -> Policy:
    """The policy of the configuration that the repository ships."""
    return load_configuration(shipped("config")).policy


class Kernel:
    """Codecs and policy, with one step from a payload to a decision and from a decision to payloads."""

    def __init__(self, clock: Clock = now) -> None:
        registry = EmbeddedRegistry()
        self.policy = shipped_policy()
        self.clock = clock
        self._codecs: dict[str, Codec[msgspec.Struct]] = {
            topic.name: codec_for(topic.record, registry, topic.name) for topic in TOPICS
        }
        self._inputs = {
            self._codecs[topic].schema_id.to_bytes(4, "big"): topic
            for topic in (COMMERCIAL_EVENTS, REVENUE_ACKS, POSTING_ACKS)
        }

    def topic_of(self, payload: bytes) -> str:
        """The topic on which a record of this schema travels in production."""
        return self._inputs[payload[1:5]]

    def input_ids(self) -> list[int]:
        """Schema ids of events, revenue answers and posting answers, in this order."""
        return [int.from_bytes(schema_id, "big") for schema_id in self._inputs]

    def encode(self, topic: str, record: msgspec.Struct) -> bytes:
        return self._codecs[topic].encode(record)

    def decode(self, topic: str, payload: bytes) -> msgspec.Struct:
        return self._codecs[topic].decode(payload)

    def read(self, partition: int, offset: int, key: bytes, payload: bytes) -> tuple[str, Input]:
        """Decode one record: its contract, and what it is to the core."""
        topic = self._inputs[payload[1:5]]
        record = self._codecs[topic].decode(payload)
        match record:
            case CommercialEvent():
                source = SourceRecord(topic=topic, partition=partition, offset=offset, key=key, payload=payload)
                given: Input = EventArrived(event=record, source=source, at=self.clock(), closed=_NOTHING_CLOSED)
                return record.context.contract_id, given
            case RevenueAck():
                return record.context.contract_id, RevenueAnswered(ack=record, at=self.clock())
            case PostingAck():
                return record.context.contract_id, ErpAnswered(ack=record, at=self.clock())
            case _:
                raise TypeError(f"partition {partition} offset {offset}: {type(record).__name__} is no input")

    def decide(self, contract: Contract, given: Input, memory: Memory) -> Decision:
        return decide(contract, given, memory, self.policy)

    def outputs(self, decision: Decision, key: bytes) -> list[Sent]:
        """Encode what a decision sends."""
        sent = []
        for output in decision.outputs:
            topic = _TOPIC_OF[type(output)]
            sent.append((topic, key, self._codecs[topic].encode(output)))
        return sent

    def status(self, contract: Contract, key: bytes) -> Sent:
        """Encode where a contract stands."""
        return CONTRACT_STATUS, key, self._codecs[CONTRACT_STATUS].encode(contract_status(contract, self.clock()))


def document_key(contract_id: str, key: str) -> bytes:
    return f"{contract_id}\x1f{key}".encode()


@dataclass
class State:
    """One partition's tables as dictionaries: the core's memory, and what changed since the last changelog write."""

    contracts: dict[str, Contract] = field(default_factory=dict)
    seen_ids: dict[str, Seen] = field(default_factory=dict)
    documents: dict[bytes, Document] = field(default_factory=dict)
    changed_contracts: set[str] = field(default_factory=set)
    changed_seen: dict[bytes, Seen] = field(default_factory=dict)
    changed_documents: dict[bytes, Document] = field(default_factory=dict)

    def seen(self, event_id: str) -> Seen | None:
        return self.seen_ids.get(event_id)

    def document(self, contract_id: str, key: str) -> Document | None:
        return self.documents.get(document_key(contract_id, key))

    def changelog(self) -> list[tuple[str, bytes, bytes]]:
        """Table, key and value of every change since the last call, each key once."""
        changes = [(CONTRACTS, name.encode(), encode_state(self.contracts[name])) for name in self.changed_contracts]
        changes += [(SEEN, key, encode_state(seen)) for key, seen in self.changed_seen.items()]
        changes += [(DOCUMENTS, key, encode_state(document)) for key, document in self.changed_documents.items()]
        self.changed_contracts, self.changed_seen, self.changed_documents = set(), {}, {}
        return changes


class PartitionWork:
    """The raw loop's work on one partition: records in, encoded outputs out; contract status once a run of records.

    A run is what the stage's agents get as one batch: neighbours of one kind.
    """

    def __init__(self, kernel: Kernel, partition: int) -> None:
        self.state = State()
        self._kernel = kernel
        self._partition = partition
        self._run = b""
        self._touched: set[str] = set()

    def take(self, offset: int, key: bytes, payload: bytes) -> list[Sent]:
        """Work on one record."""
        sent = [] if payload[1:5] == self._run else self.tell()
        self._run = payload[1:5]
        contract_id, given = self._kernel.read(self._partition, offset, key, payload)
        decision = self.decide(contract_id, given)
        sent += self._kernel.outputs(decision, key)
        return sent

    def decide(self, contract_id: str, given: Input) -> Decision:
        """Decide, and keep what the decision says."""
        state = self.state
        contract = state.contracts.get(contract_id) or Contract(contract_id=contract_id)
        decision = self._kernel.decide(contract, given, state)
        if decision.contract is not contract:
            state.contracts[contract_id] = decision.contract
            state.changed_contracts.add(contract_id)
            self._touched.add(contract_id)
        for event_id, seen in decision.seen.items():
            state.seen_ids[event_id] = seen
            state.changed_seen[event_id.encode()] = seen
        for name, document in decision.documents.items():
            key = document_key(contract_id, name)
            state.documents[key] = document
            state.changed_documents[key] = document
        return decision

    def tell(self) -> list[Sent]:
        """The status of the contracts that the run changed, once each."""
        touched, self._touched = self._touched, set()
        return [self._kernel.status(self.state.contracts[name], name.encode()) for name in touched]
