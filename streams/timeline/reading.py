"""Read one contract's records: the one partition that its key maps to, of every topic, to its end.

Knows Kafka and the codec; knows no meaning of a record.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.codec.registry import SchemaRegistry
from streams.codec.wire import Codec, PayloadInvalid, codec_for
from streams.config import Settings
from streams.core.rules import EVERY_CONTRACT
from streams.records import CommercialEvent, ContractStatus, PeriodClosed, PeriodOpened, RevenueAccepted, RevenueAck
from streams.timeline.history import ContractHistory, Kept
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
    VARIANCES,
)
from streams.transport.partitioner import partition_of
from streams.wiring import bootstrap, schema_registry

READ = (
    COMMERCIAL_EVENTS,
    REVENUE_COMMANDS,
    REVENUE_ACKS,
    ERP_POSTINGS,
    POSTING_ACKS,
    AUDIT_TRAIL,
    EXCEPTIONS,
    CONTRACT_STATUS,
    VARIANCES,
)

_REQUEST_SECONDS = 10.0
_READ_SECONDS = 60.0
_RECORDS_A_POLL = 5_000


class TopicsUnreadable(Exception):
    """The broker does not answer, or has not the topics. The message says what to do."""


class Message(Protocol):
    """What is used of a confluent-kafka message."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def timestamp(self) -> tuple[int, int]: ...


def read_contract(settings: Settings, contract_id: str) -> ContractHistory:
    """Return everything the topics hold of a contract, committed records only.

    Raises TopicsUnreadable, and SettingsError when no broker is set and no embedded one runs.
    """
    key = contract_id.encode()
    codecs = codecs_of(schema_registry(settings), *READ)
    kept: list[Kept[msgspec.Struct]] = []
    unreadable: list[str] = []
    with_key = {key, EVERY_CONTRACT.encode()}
    for message in _messages(settings, key):
        if message.key() not in with_key:
            continue
        try:
            kept.append(_decoded(codecs, message))
        except PayloadInvalid as fault:
            unreadable.append(f"{message.topic()}/{message.partition()}/{message.offset()}: {fault}")
    order = {name: place for place, name in enumerate(READ)}
    kept.sort(key=lambda record: (order[record.topic], record.offset))
    return ContractHistory(contract_id, tuple(_concerning(kept)), tuple(unreadable))


def _decoded(codecs: Mapping[str, Codec[msgspec.Struct]], message: Message) -> Kept[msgspec.Struct]:
    _, milliseconds = message.timestamp()
    return Kept(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        at=dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC),
        record=codecs[message.topic()].decode(message.value()),
    )


def _concerning(kept: list[Kept[msgspec.Struct]]) -> Iterator[Kept[msgspec.Struct]]:
    """Leave out period events of entities that the contract has nothing to do with."""
    entities: set[str] = set()
    for record in (found.record for found in kept):
        if isinstance(record, ContractStatus):
            entities.add(record.context.legal_entity)
        elif isinstance(record, RevenueAck) and isinstance(record.body, RevenueAccepted):
            entities.update(part.legal_entity for part in record.body.allocations)
    for found in kept:
        match found.record:
            case CommercialEvent(body=PeriodClosed() | PeriodOpened(), context=context):
                if context.legal_entity in entities:
                    yield found
            case _:
                yield found


@contextmanager
def looking(settings: Settings, group: str) -> Iterator[Consumer]:
    """A consumer of committed records that reports the ends; it joins no group, and commits no offset of one."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap(settings),
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
            "log_level": 3,
            **settings.client_settings(),
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def _messages(settings: Settings, key: bytes) -> Iterator[Message]:
    """Iterate over the partition of a key in every topic, to the ends they have now."""
    with looking(settings, f"tieout-status-{uuid.uuid4()}") as consumer:
        partitions = _partitions(consumer, key)
        consumer.assign([TopicPartition(name, number, 0) for name, number in partitions.items()])
        left, deadline = set(partitions), time.monotonic() + _READ_SECONDS
        while left:
            if time.monotonic() > deadline:
                raise TopicsUnreadable(
                    f"{', '.join(sorted(left))} could not be read to the end within {_READ_SECONDS:g} s; "
                    "see whether the broker is well"
                )
            for message in consumer.consume(_RECORDS_A_POLL, timeout=0.2):
                fault = message.error()
                if fault is None:
                    yield message
                elif fault.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.topic())
                else:
                    raise TopicsUnreadable(f"{message.topic()}: {fault}; see whether the broker is well")


def _partitions(consumer: Consumer, key: bytes) -> dict[str, int]:
    try:
        topics = consumer.list_topics(timeout=_REQUEST_SECONDS).topics
    except KafkaException as failure:
        raise TopicsUnreadable(f"the broker does not answer: {failure}; see TIEOUT_BROKER") from failure
    missing = [name for name in READ if name not in topics]
    if missing:
        raise TopicsUnreadable(f"the broker has no topic {', '.join(missing)}; make them with `tieout topics apply`")
    return {name: partition_of(key, len(topics[name].partitions)) for name in READ}


def codecs_of(registry: SchemaRegistry, *names: str) -> dict[str, Codec[msgspec.Struct]]:
    """Return the codecs of topics by name."""
    return {topic.name: codec_for(topic.record, registry, topic.name) for topic in TOPICS if topic.name in names}
