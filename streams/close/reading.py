"""Read what the checklist of a close needs: period events, contract statuses, exceptions, variances, and the backlog.

Knows Kafka and the codec; knows no check. Period events lie in every partition of their topic: they are read from one,
and those of one event are looked up in the others by time.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.close.checklist import Evidence, Placed, run_of
from streams.codec.wire import Codec, PayloadInvalid
from streams.config import Settings
from streams.core.policy import Policy
from streams.core.rules import EVERY_CONTRACT
from streams.records import CommercialEvent, ContractStatus, ExceptionRecord, Variance
from streams.timeline.reading import Message, TopicsUnreadable, codecs_of, looking
from streams.topics import (
    COMMERCIAL_EVENTS,
    CONTRACT_STATUS,
    ERP_POSTINGS,
    EXCEPTIONS,
    OPERATOR_COMMANDS,
    POSTING_ACKS,
    REVENUE_ACKS,
    REVENUE_COMMANDS,
    SOURCE_EVENTS,
    VARIANCES,
)
from streams.wiring import schema_registry

INPUTS = {
    "capture": (SOURCE_EVENTS,),
    "orchestration": (COMMERCIAL_EVENTS, REVENUE_ACKS, POSTING_ACKS, OPERATOR_COMMANDS),
    "posting": (REVENUE_COMMANDS, ERP_POSTINGS),
    "reconciliation": (COMMERCIAL_EVENTS, REVENUE_ACKS, POSTING_ACKS, CONTRACT_STATUS),
}
"""What each stage reads."""

_ANSWER_SECONDS = 10.0
_READ_SECONDS = 300.0
_RECORDS_A_POLL = 5_000
_COPIES_MS = 60_000
"""How much earlier another partition's copy of a period event is looked for: they are written in one transaction."""


def read_evidence(settings: Settings, policy: Policy, legal_entity: str, period: str) -> Evidence:
    """Return what the topics hold now, committed records only.

    Raises TopicsUnreadable, and SettingsError when no broker is set and no embedded one runs.
    """
    codecs = codecs_of(schema_registry(settings), COMMERCIAL_EVENTS, CONTRACT_STATUS, EXCEPTIONS, VARIANCES)
    every = EVERY_CONTRACT.encode()
    with looking(settings, f"tieout-close-{uuid.uuid4()}") as consumer:
        places = [TopicPartition(COMMERCIAL_EVENTS, 0, 0)]
        places += [TopicPartition(topic, number, 0) for topic in _WHOLE for number in _partitions(consumer, topic)]
        events: list[tuple[CommercialEvent, int]] = []
        statuses: dict[bytes, Placed] = {}
        exceptions: list[ExceptionRecord] = []
        variances: list[Variance] = []
        for message in _read(consumer, places):
            if message.topic() == COMMERCIAL_EVENTS and message.key() != every:
                continue
            match _decoded(codecs[message.topic()], message):
                case CommercialEvent() as event:
                    events.append((event, message.timestamp()[1]))
                case ContractStatus() as status:
                    statuses[message.key() or b""] = Placed(message.partition(), status)
                case ExceptionRecord() as exception:
                    exceptions.append(exception)
                case Variance() as variance:
                    variances.append(variance)
                case _:
                    pass
        run = run_of(policy, legal_entity, period, [event for event, _ in events])
        told_at: dict[tuple[str, int], int] = {}
        if run is not None:
            written = next(at for event, at in events if event.event_id == run.event_id)
            for message in _read(consumer, _from(consumer, written - _COPIES_MS)):
                if message.key() == every:
                    copy = _decoded(codecs[COMMERCIAL_EVENTS], message)
                    if isinstance(copy, CommercialEvent) and copy.event_id == run.event_id:
                        told_at.setdefault((run.event_id, message.partition()), message.offset())
    return Evidence(
        period_events=[event for event, _ in events],
        told_at=told_at,
        statuses=list(statuses.values()),
        exceptions=exceptions,
        variances=variances,
        backlog=dict(_backlog(settings)),
    )


_WHOLE = (CONTRACT_STATUS, EXCEPTIONS, VARIANCES)


def _decoded(codec: Codec[msgspec.Struct], message: Message) -> msgspec.Struct | None:
    """Return a record, or None for one that cannot be read: it is an exception already."""
    try:
        return codec.decode(message.value())
    except PayloadInvalid:
        return None


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    try:
        known = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
    except KafkaException as failure:
        raise TopicsUnreadable(f"the broker does not answer: {failure}; see TIEOUT_BROKER") from failure
    if known.error is not None or not known.partitions:
        raise TopicsUnreadable(f"the broker has no topic {topic}; make it with `tieout topics apply`")
    return sorted(known.partitions)


def _from(consumer: Consumer, milliseconds: int) -> list[TopicPartition]:
    """Return where the records of a time begin in every partition of the commercial events."""
    places = [TopicPartition(COMMERCIAL_EVENTS, it, milliseconds) for it in _partitions(consumer, COMMERCIAL_EVENTS)]
    found: list[TopicPartition] = consumer.offsets_for_times(places, timeout=_ANSWER_SECONDS)
    return found


def _read(consumer: Consumer, places: Iterable[TopicPartition]) -> Iterator[Message]:
    """Iterate over records of partitions, each from its offset to the end that it has now."""
    chosen = list(places)
    consumer.assign(chosen)
    left, deadline = {(it.topic, it.partition) for it in chosen}, time.monotonic() + _READ_SECONDS
    while left:
        if time.monotonic() > deadline:
            names = ", ".join(f"{topic}/{number}" for topic, number in sorted(left))
            raise TopicsUnreadable(f"{names} could not be read to the end within {_READ_SECONDS:g} s")
        for message in consumer.consume(_RECORDS_A_POLL, timeout=0.2):
            fault = message.error()
            if fault is None:
                yield message
            elif fault.code() == KafkaError._PARTITION_EOF:
                left.discard((message.topic(), message.partition()))
            else:
                raise TopicsUnreadable(f"{message.topic()}: {fault}; see whether the broker is well")


def _backlog(settings: Settings) -> Iterator[tuple[str, int]]:
    """Iterate over the inputs that have records beyond the stage's offset, with their number.

    Only reading tells records from the end markers of transactions, which lie beyond an offset, too.
    """
    for stage, topics in INPUTS.items():
        with looking(settings, f"tieout-{stage}") as consumer:
            places = [TopicPartition(topic, number) for topic in topics for number in _partitions(consumer, topic)]
            committed = consumer.committed(places, timeout=_ANSWER_SECONDS)
            begins = [TopicPartition(it.topic, it.partition, max(0, it.offset)) for it in committed]
            unread = dict.fromkeys(topics, 0)
            for message in _read(consumer, begins):
                # Reconciliation does nothing for a period event, and the embedded broker forgets the offset then.
                if stage != "reconciliation" or message.key() != EVERY_CONTRACT.encode():
                    unread[message.topic()] += 1
        for topic, count in unread.items():
            if count:
                yield f"{stage} of {topic}", count
