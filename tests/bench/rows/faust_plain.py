"""Row: faust-streaming as its documentation shows it: one event at a time, a table with changelog, aiokafka.

Table values are kept as objects and coded by a Faust codec, as tieout's are. Exactly once is not offered: Faust's own
is known to be broken.
"""

from __future__ import annotations

import faust
import msgspec
from faust.serializers import codecs

from streams.core.contract import Contract, Document
from streams.core.seen import Seen
from tests.bench.kernel import Kernel, document_key
from tests.bench.rows.options import options

given = options()
kernel = Kernel()


class _MsgpackCodec(codecs.Codec):
    """State as MessagePack, by msgspec."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self._decoder: msgspec.msgpack.Decoder[object] = msgspec.msgpack.Decoder(kind)

    def _dumps(self, obj: object) -> bytes:
        return msgspec.msgpack.encode(obj)

    def _loads(self, s: bytes) -> object:
        return self._decoder.decode(s)


for name, kind in (("contract", Contract), ("document", Document), ("seen", Seen)):
    codecs.register(name, _MsgpackCodec(kind))

app = faust.App(
    given.app,
    broker=f"kafka://{given.bootstrap}",
    store="memory://",
    datadir=given.data_dir,
    autodiscover=False,
    web_enabled=False,
    topic_partitions=given.partitions,
    topic_replication_factor=1,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    stream_wait_empty=False,
    processing_guarantee="at_least_once",
    producer_acks=-1,
)
feed = app.topic(given.input, key_serializer="raw", value_serializer="raw")


def _table(name: str, codec: str) -> faust.Table:
    table = app.Table(name, key_type=bytes, partitions=given.partitions)
    table.value_serializer = codec
    return table


contracts = _table("contracts", "contract")
seen = _table("seen", "seen")
documents = _table("documents", "document")


class _TableMemory:
    def seen(self, event_id: str) -> Seen | None:
        found: Seen | None = seen.get(event_id.encode())
        return found

    def document(self, contract_id: str, key: str) -> Document | None:
        found: Document | None = documents.get(document_key(contract_id, key))
        return found


memory = _TableMemory()
topics: dict[str, faust.Topic] = {}


def _topic(name: str) -> faust.Topic:
    if name not in topics:
        topics[name] = app.topic(name, key_serializer="raw", value_serializer="raw")
    return topics[name]


@app.agent(feed)
async def orchestrate(stream: faust.Stream) -> None:
    async for event in stream.events():
        message = event.message
        contract_id, arrived = kernel.read(message.partition, message.offset, message.key, message.value)
        contract = contracts.get(message.key) or Contract(contract_id=contract_id)
        decision = kernel.decide(contract, arrived, memory)
        for event_id, first in decision.seen.items():
            seen[event_id.encode()] = first
        for key, document in decision.documents.items():
            documents[document_key(contract_id, key)] = document
        sent = kernel.outputs(decision, message.key)
        if decision.contract is not contract:
            contracts[message.key] = decision.contract
            sent.append(kernel.status(decision.contract, message.key))
        for topic, to, payload in sent:
            await _topic(topic).send(key=to, value=payload)


if __name__ == "__main__":
    faust.Worker(app, loglevel="WARNING").execute_from_commandline()
