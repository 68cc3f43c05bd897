"""Row: Bytewax: one record at a time, state per key in memory, pickled to SQLite once an epoch. It has no changelog.

State in SQLite on the worker's own disk does not survive the loss of that disk; this row does less than the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from streams.core.contract import Contract, Document
from streams.core.seen import Seen
from tests.bench.kernel import Kernel
from tests.bench.rows.options import options

given = options()
kernel = Kernel()


@dataclass
class _Kept:
    """Everything of one contract."""

    contract: Contract
    events: dict[str, Seen] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)

    def seen(self, event_id: str) -> Seen | None:
        return self.events.get(event_id)

    def document(self, contract_id: str, key: str) -> Document | None:
        return self.documents.get(key)


def orchestrate(kept: _Kept | None, message: KafkaSourceMessage) -> tuple[_Kept, Iterable[KafkaSinkMessage]]:
    contract_id, arrived = kernel.read(message.partition, message.offset, message.key, message.value)
    kept = kept or _Kept(Contract(contract_id=contract_id))
    decision = kernel.decide(kept.contract, arrived, kept)
    kept.events.update(decision.seen)
    kept.documents.update(decision.documents)
    sent = kernel.outputs(decision, message.key)
    if decision.contract is not kept.contract:
        kept.contract = decision.contract
        sent.append(kernel.status(decision.contract, message.key))
    return kept, [KafkaSinkMessage(key, value, topic=topic) for topic, key, value in sent]


flow = Dataflow("bench")
read = op.input("read", flow, KafkaSource([given.bootstrap], [given.input], batch_size=1000))
keyed = op.key_on("key", read, lambda message: message.key.decode())
decided = op.stateful_flat_map("orchestrate", keyed, orchestrate)
plain = op.map("plain", decided, lambda pair: pair[1])
op.output("write", plain, KafkaSink([given.bootstrap], None, {"partitioner": "murmur2_random", "linger.ms": "5"}))

if __name__ == "__main__":
    store = Path(given.data_dir) / "recovery"
    store.mkdir()
    init_db_dir(store, 1)
    run_main(flow, epoch_interval=timedelta(seconds=1), recovery_config=RecoveryConfig(str(store)))
