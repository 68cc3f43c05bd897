"""Row: Quix Streams: one record at a time, state per key in RocksDB with changelog.

State is kept as the same MessagePack bytes that the others write to their changelogs.
"""

from __future__ import annotations

from typing import Any

from quixstreams import Application, message_context
from quixstreams.models.serializers import SerializationContext, Serializer
from quixstreams.models.topics import TopicConfig

from streams.core.contract import Contract, Document
from streams.core.seen import Seen
from streams.topics import AUDIT_TRAIL, CONTRACT_STATUS, ERP_POSTINGS, EXCEPTIONS, REVENUE_COMMANDS
from tests.bench.kernel import (
    Kernel,
    Sent,
    decode_contract,
    decode_document,
    decode_seen,
    encode_state,
)
from tests.bench.rows.options import options


class _Payload(Serializer):
    """The outputs are encoded already: topic, key, value."""

    def __call__(self, value: Sent, ctx: SerializationContext) -> bytes:
        return value[2]


given = options()
kernel = Kernel()
app = Application(
    broker_address=given.bootstrap,
    consumer_group=given.app,
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once" if given.exactly_once else "at-least-once",
    state_dir=given.data_dir,
    commit_interval=1.0,
    loglevel="WARNING",
    auto_create_topics=True,
    request_timeout=30,
)
kept = TopicConfig(num_partitions=given.partitions, replication_factor=1)
feed = app.topic(given.input, key_deserializer="bytes", value_deserializer="bytes", config=kept)
outputs = {
    name: app.topic(name, key_serializer="bytes", value_serializer=_Payload(), config=kept)
    for name in (REVENUE_COMMANDS, ERP_POSTINGS, AUDIT_TRAIL, EXCEPTIONS, CONTRACT_STATUS)
}


class _StateMemory:
    def __init__(self, state: Any) -> None:
        self._state = state

    def seen(self, event_id: str) -> Seen | None:
        found = self._state.get_bytes(f"seen:{event_id}")
        return None if found is None else decode_seen(found)

    def document(self, contract_id: str, key: str) -> Document | None:
        found = self._state.get_bytes(f"document:{key}")
        return None if found is None else decode_document(found)


def orchestrate(value: bytes, key: bytes, timestamp: int, headers: Any, state: Any) -> list[Sent]:
    at = message_context()
    contract_id, arrived = kernel.read(at.partition, at.offset, key, value)
    before = state.get_bytes("contract")
    contract = Contract(contract_id=contract_id) if before is None else decode_contract(before)
    decision = kernel.decide(contract, arrived, _StateMemory(state))
    for event_id, seen in decision.seen.items():
        state.set_bytes(f"seen:{event_id}", encode_state(seen))
    for name, document in decision.documents.items():
        state.set_bytes(f"document:{name}", encode_state(document))
    sent = kernel.outputs(decision, key)
    if decision.contract is not contract:
        state.set_bytes("contract", encode_state(decision.contract))
        sent.append(kernel.status(decision.contract, key))
    return sent


frame = app.dataframe(feed)
frame = frame.apply(orchestrate, stateful=True, metadata=True, expand=True)
frame = frame.to_topic(lambda sent, key, timestamp, headers: outputs[sent[0]])

if __name__ == "__main__":
    app.run()
