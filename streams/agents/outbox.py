"""From records to topics and back: the one place where an agent encodes and decodes.

A record that cannot be read becomes an exception that keeps it whole, and the batch goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from streams import metrics
from streams.agents.clock import now
from streams.agents.observe import Observer
from streams.codec.registry import SchemaRegistry
from streams.codec.wire import Codec, PayloadInvalid, codec_for
from streams.core.exceptions import UNREADABLE, exception_record
from streams.core.policy import Policy
from streams.records import ExceptionRecord, RootCause, SourceRecord
from streams.topics import EXCEPTIONS, TOPICS
from streams.transport import Batch, Headers, Record, Transaction

R = TypeVar("R", bound=msgspec.Struct)

_TRACE_HEADERS = frozenset({"traceparent", "tracestate"})


def source_of(batch: Batch, record: Record) -> SourceRecord:
    """Return a record as it was read, whole."""
    return SourceRecord(
        topic=batch.topic, partition=batch.partition, offset=record.offset, key=record.key, payload=record.value
    )


class Outbox:
    """Sends records to their topics, in the transaction, with the trace of what caused them."""

    def __init__(self, registry: SchemaRegistry, policy: Policy, observer: Observer) -> None:
        self._policy = policy
        self._observer = observer
        self._codecs: dict[str, Codec[msgspec.Struct]] = {
            topic.name: codec_for(topic.record, registry, topic.name) for topic in TOPICS
        }

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
        """Send a record keyed by its contract; `cause` are the headers of the record that led to it."""
        headers = [(name, value) for name, value in cause if name in _TRACE_HEADERS]
        value = self._codecs[topic].encode(record)
        transaction.send(topic, key=contract_id.encode(), value=value, headers=headers, partition=partition)

    def read(self, transaction: Transaction, batch: Batch, record_type: type[R]) -> Sequence[tuple[Record, R]]:
        """Decode a batch. What cannot be decoded is sent as an exception of cause PAYLOAD_INVALID, and left out."""
        self._observer.read(batch)
        codec = self._codecs[batch.topic]
        decoded: list[tuple[Record, R]] = []
        for record in batch.records:
            try:
                value = codec.decode(record.value)
            except PayloadInvalid as fault:
                metrics.DEAD_LETTERS.labels(batch.topic, fault.code).inc()
                self.send_exception(transaction, self._unreadable(batch, record, fault), record.headers)
                continue
            if not isinstance(value, record_type):
                raise TypeError(
                    f"{batch.topic} carries {type(value).__name__}, the agent expects {record_type.__name__}"
                )
            decoded.append((record, value))
        return decoded

    def send_exception(self, transaction: Transaction, exception: ExceptionRecord, cause: Headers = ()) -> None:
        """Send an exception and count it."""
        metrics.EXCEPTIONS_RAISED.labels(exception.root_cause, exception.owner).inc()
        period = self._policy.calendar(exception.context.legal_entity).period_of(exception.opened_at.date())
        metrics.MONTH_END_EXCEPTIONS.labels(period, exception.owner, exception.root_cause).inc()
        self.send(transaction, EXCEPTIONS, exception.context.contract_id, exception, cause)

    def _unreadable(self, batch: Batch, record: Record, fault: PayloadInvalid) -> ExceptionRecord:
        key = (record.key or b"").decode("utf-8", "replace")
        context = msgspec.structs.replace(UNREADABLE, contract_id=key)
        return exception_record(
            self._policy,
            RootCause.PAYLOAD_INVALID,
            event_id="",
            context=context,
            subject=f"{batch.topic}/{batch.partition}/{record.offset}",
            message=f"{fault.code}: {fault.message}; correct the producer and publish the record again",
            at=now(),
            source=source_of(batch, record),
        )
