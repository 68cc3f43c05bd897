"""An outbox that leaves records as they are: the codec is tested elsewhere, and would cost most of the time here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import msgspec

from streams.agents.observe import Observer
from streams.agents.outbox import Outbox
from streams.codec.registry import EmbeddedRegistry
from streams.core.policy import Policy
from streams.transport import Batch, Headers, Record, Transaction

R = TypeVar("R", bound=msgspec.Struct)


class ObjectOutbox(Outbox):
    """The product's outbox without encoding."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._observer = Observer("simulation")

    def send(
        self,
        transaction: Transaction,
        topic: str,
        contract_id: str,
        record: msgspec.Struct,
        cause: Headers = (),
        *,
        partition: int | None = None,
    ) -> None:
        transaction.send(topic, key=contract_id.encode(), value=cast(bytes, record), headers=cause, partition=partition)

    def read(self, transaction: Transaction, batch: Batch, record_type: type[R]) -> Sequence[tuple[Record, R]]:
        # What is kept of a record as it was read is bytes: here none, since the record is its object.
        return [(record._replace(value=b""), cast(Any, record.value)) for record in batch.records]


class Wire:
    """How records and tables travel: as objects, or in the product's own encoding."""

    def __init__(self, policy: Policy, *, encoded: bool) -> None:
        self._encoded = encoded
        self.outbox = Outbox(EmbeddedRegistry(), policy, Observer("simulation")) if encoded else ObjectOutbox(policy)

    def table_codec(
        self, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]
    ) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
        return (encode, decode) if self._encoded else (_same, _same)

    def encode(self, topic: str, record: msgspec.Struct) -> object:
        return self.outbox._codecs[topic].encode(record) if self._encoded else record

    def decode(self, topic: str, value: object) -> Any:
        return self.outbox._codecs[topic].decode(cast(bytes, value)) if self._encoded else value


def _same(value: Any) -> Any:
    return value
