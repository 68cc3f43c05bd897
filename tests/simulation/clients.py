"""librdkafka's clients as the transport uses them, on the simulated broker. Every call to the broker is a point.

They take the place of `confluent_kafka.Producer` in `streams.transport.producer` and of `Consumer` in `recovery`; what
those modules do with them is the product's own code.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol

from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from tests.simulation.broker import Broker, Membership, Refusal, Refused
from tests.simulation.runtime import Process, here, point


class Network(Protocol):
    """Where the clients find the broker, and what goes wrong on the way."""

    broker: Broker
    random: Random

    def answer_lost(self, call: str) -> bool:
        """Tell whether the answer to a call that took effect does not come back."""
        ...

    def outcome_unknown(self) -> bool:
        """Tell whether the client gives up before it hears of a commit that took effect."""
        ...


network: Network | None = None


def _network() -> Network:
    assert network is not None, "no simulation is running"
    return network


_CODES = {
    Refusal.FENCED: KafkaError.PRODUCER_FENCED,
    Refusal.GENERATION: KafkaError.ILLEGAL_GENERATION,
    Refusal.MEMBER: KafkaError.UNKNOWN_MEMBER_ID,
    Refusal.NO_TRANSACTION: KafkaError.INVALID_TXN_STATE,
}


def _failure(reason: Refusal) -> KafkaException:
    return KafkaException(KafkaError(_CODES[reason], reason.value, reason is Refusal.FENCED, False, True))


def _lost(*, retriable: bool) -> KafkaException:
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer in time", False, retriable, False))


def read_membership(token: bytes) -> Membership:
    """Read back what `streams.transport.group` wrote."""
    (generation,) = struct.unpack_from("=i", token, 7)
    group, member, _ = token[11:].split(b"\x00", 2)
    return group.decode(), generation, member.decode()


class SimulatedProducer:
    """`confluent_kafka.Producer` with a transactional id."""

    def __init__(self, config: Mapping[str, object]) -> None:
        self._id = str(config["transactional.id"])
        self._process = here()
        self._network = _network()
        self._broker = self._network.broker
        self._epoch = -1
        self._failed: Refusal | None = None
        self._reports: list[tuple[Callable[[KafkaError | None, Delivered], None], Delivered]] = []

    def init_transactions(self, timeout: float) -> None:
        while True:
            point(self._process, f"init_transactions {self._id}")
            try:
                self._epoch = self._broker.init(self._id)
            except Refused:  # the earlier transaction of this id is being settled
                continue
            return

    def begin_transaction(self) -> None:
        self._failed = None
        self._reports.clear()

    def produce(
        self,
        topic: str,
        value: object,
        key: bytes | None,
        partition: int,
        *,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp: int = 0,
        on_delivery: Callable[[KafkaError | None, Delivered], None] | None = None,
    ) -> None:
        place = self._broker.place_of(topic, key, partition)
        headers = tuple(headers)
        offset = -1
        while self._failed is None:
            point(self._process, f"produce {topic}")
            try:
                offset = self._broker.produce(self._id, self._epoch, place, key, value, headers)
            except Refused as refused:
                if refused.reason is not Refusal.CONCURRENT:
                    self._failed = refused.reason
                continue
            break
        if on_delivery is not None:
            self._reports.append((on_delivery, Delivered(topic, offset)))

    def poll(self, timeout: float) -> int:
        return 0

    def send_offsets_to_transaction(self, offsets: Sequence[TopicPartition], token: bytes, timeout: float) -> None:
        self._raise_failed()
        moved = {(it.topic, it.partition): it.offset for it in offsets}
        membership = read_membership(token)
        while True:
            point(self._process, f"send_offsets {self._id}")
            try:
                self._broker.send_offsets(self._id, self._epoch, membership, moved)
            except Refused as refused:
                if refused.reason is Refusal.CONCURRENT:
                    continue
                raise _failure(refused.reason) from refused
            break
        point(self._process, "send_offsets answered")
        if self._network.answer_lost("send_offsets"):
            raise _lost(retriable=True)

    def commit_transaction(self, timeout: float) -> None:
        self._report()
        self._raise_failed()
        self._end(committed=True)

    def abort_transaction(self, timeout: float) -> None:
        if self._failed is Refusal.FENCED:
            raise _failure(Refusal.FENCED)
        try:
            self._end(committed=False)
        except KafkaException as failure:
            if failure.args[0].code() != KafkaError.INVALID_TXN_STATE:
                raise

    def _end(self, *, committed: bool) -> None:
        point(self._process, f"{'commit' if committed else 'abort'} {self._id}")
        try:
            self._broker.end(self._id, self._epoch, committed=committed)
        except Refused as refused:
            raise _failure(refused.reason) from refused
        point(self._process, f"{'commit' if committed else 'abort'} answered")
        if self._network.answer_lost("commit"):
            raise _lost(retriable=True)
        if self._network.outcome_unknown():
            raise _lost(retriable=False)

    def _report(self) -> None:
        error = None if self._failed is None else _failure(self._failed).args[0]
        for report, delivered in self._reports:
            report(error, delivered)
        self._reports.clear()

    def _raise_failed(self) -> None:
        if self._failed is not None:
            raise _failure(self._failed)


class Delivered:
    """The record of a delivery report."""

    __slots__ = ("_offset", "_topic")

    def __init__(self, topic: str, offset: int) -> None:
        self._topic = topic
        self._offset = offset

    def topic(self) -> str:
        return self._topic

    def offset(self) -> int:
        return self._offset


class Message:
    """A consumed record, or the end of a partition."""

    __slots__ = ("_error", "_key", "_offset", "_topic", "_value")

    def __init__(self, topic: str, offset: int, key: bytes | None, value: object, error: KafkaError | None) -> None:
        self._topic = topic
        self._offset = offset
        self._key = key
        self._value = value
        self._error = error

    def error(self) -> KafkaError | None:
        return self._error

    def topic(self) -> str:
        return self._topic

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> object:
        return self._value


_END = KafkaError(KafkaError._PARTITION_EOF)


class SimulatedConsumer:
    """`confluent_kafka.Consumer` without a group, as recovery uses it."""

    def __init__(self, config: Mapping[str, object]) -> None:
        self._group = str(config["group.id"])
        self._committed_only = config["isolation.level"] == "read_committed"
        self._process: Process = here()
        self._network = _network()
        self._positions: dict[tuple[str, int], int] = {}
        self._ended: set[tuple[str, int]] = set()

    def assign(self, places: Sequence[TopicPartition]) -> None:
        self._positions = {(it.topic, it.partition): max(it.offset, 0) for it in places}

    def consume(self, limit: int, timeout: float) -> list[Message]:
        point(self._process, "read changelogs")
        broker, random = self._network.broker, self._network.random
        found: list[Message] = []
        for place, position in self._positions.items():
            log = broker.log(place)
            few = 1 + int(random.random() * 40)
            records, after = log.read(position, few, committed=self._committed_only)
            found += [Message(place[0], it.offset, it.key, it.value, None) for it in records]
            self._positions[place] = after
            if after >= (log.stable if self._committed_only else log.end) and place not in self._ended:
                self._ended.add(place)
                found.append(Message(place[0], after, None, None, _END))
        return found

    def committed(self, places: Sequence[TopicPartition], timeout: float) -> list[TopicPartition]:
        found = []
        for it in places:
            while True:
                point(self._process, f"offset of {it.topic}")
                try:
                    offset = self._network.broker.committed(self._group, (it.topic, it.partition), stable=True)
                except Refused:
                    continue
                break
            found.append(TopicPartition(it.topic, it.partition, OFFSET_INVALID if offset is None else offset))
        return found

    def close(self) -> None:
        """Nothing is held."""
