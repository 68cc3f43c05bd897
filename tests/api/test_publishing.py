"""The API before a real broker: accepted means that the broker holds it."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.api.app import create_app
from streams.api.publisher import BrokerUnavailable, KafkaPublisher, Message, RecordTooLarge
from streams.embedded.broker import EmbeddedBroker
from streams.embedded.process import free_port
from tests.api.conftest import CODEC, POLICY, REGISTRY, call, event

CONTRACTS = [f"C-{number}" for number in range(8)]


def stored(bootstrap: str, topic: str, count: int) -> list[tuple[int, bytes, bytes, dict[str, bytes]]]:
    """Return the records of a topic as partition, key, value, headers; waits for so many, ten seconds at most."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(4)])
    records = []
    try:
        for _ in range(100):
            for message in consumer.consume(100, 0.1):
                assert message.error() is None
                records.append((message.partition(), message.key(), message.value(), dict(message.headers() or ())))
            if len(records) >= count:
                break
    finally:
        consumer.close()
    return records


def murmur2(key: bytes) -> int:
    """Java's Utils.murmur2, from its definition: what every other Kafka client must agree with."""
    mask, seed, mixer = 0xFFFFFFFF, 0x9747B28C, 0x5BD1E995
    value = seed ^ len(key)
    whole = len(key) // 4 * 4
    for start in range(0, whole, 4):
        block = int.from_bytes(key[start : start + 4], "little") * mixer & mask
        block ^= block >> 24
        value = (value * mixer & mask) ^ (block * mixer & mask)
    rest = key[whole:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * mixer & mask
    value ^= value >> 13
    value = value * mixer & mask
    return value ^ (value >> 15)


def test_what_was_accepted_is_in_the_topic_by_contract_with_its_trace(
    embedded_broker: EmbeddedBroker, topic: str
) -> None:
    events = []
    for contract in CONTRACTS:
        sent = event(event_id=f"E-{contract}")
        sent["context"]["contract_id"] = contract
        events.append(sent)

    async def scenario() -> dict[str, object]:
        async with KafkaPublisher(topic, embedded_broker.bootstrap, timeout=15) as publisher:
            app = create_app(publisher, POLICY, REGISTRY)
            assert (await call(app, "GET", "/readyz")).status_code == 200
            answer = await call(app, "POST", "/v1/events", json=events)
            assert answer.status_code == 202, answer.text
            document: dict[str, object] = answer.json()
            return document

    trace = asyncio.run(scenario())["traceparent"]
    records = stored(embedded_broker.bootstrap, topic, len(events))
    assert sorted(key.decode() for _, key, _, _ in records) == CONTRACTS
    for partition, key, value, headers in records:
        assert partition == (murmur2(key) & 0x7FFFFFFF) % 4
        assert CODEC.decode(value).context.contract_id == key.decode()
        assert headers == {"traceparent": str(trace).encode()}


def test_a_broker_that_is_not_there_is_503_within_the_timeout_and_not_ready() -> None:
    async def scenario() -> None:
        async with KafkaPublisher("nowhere", f"127.0.0.1:{free_port()}", timeout=1) as publisher:
            app = create_app(publisher, POLICY, REGISTRY)
            answer = await call(app, "POST", "/v1/events", json=event())
            assert answer.status_code == 503, answer.text
            ready = await call(app, "GET", "/readyz")
            assert ready.status_code == 503
            assert ready.json()["checks"]["schema_registry"] == "ok"
            assert (await call(app, "GET", "/healthz")).status_code == 200

    asyncio.run(scenario())


def test_a_topic_that_is_missing_is_not_ready_and_says_what_to_run(embedded_broker: EmbeddedBroker) -> None:
    async def scenario() -> str | None:
        async with KafkaPublisher("never-made", embedded_broker.bootstrap, timeout=1) as publisher:
            return await publisher.unavailable()

    assert "tieout topics apply" in str(asyncio.run(scenario()))


def test_a_record_over_the_brokers_limit_is_refused_before_any_other_is_sent(
    embedded_broker: EmbeddedBroker, topic: str
) -> None:
    async def scenario() -> None:
        async with KafkaPublisher(topic, embedded_broker.bootstrap, timeout=5) as publisher:
            with pytest.raises(RecordTooLarge) as fault:
                await publisher.publish([Message(b"k", b"small"), Message(b"k", bytes(1_000_000))])
            assert fault.value.place == 1
            await publisher.publish([Message(b"k", b"after")])

    asyncio.run(scenario())
    assert [value for _, _, value, _ in stored(embedded_broker.bootstrap, topic, 1)] == [b"after"]


def test_the_queue_to_the_broker_is_bounded() -> None:
    async def scenario() -> None:
        async with KafkaPublisher("nowhere", f"127.0.0.1:{free_port()}", timeout=1) as publisher:
            with pytest.raises(BrokerUnavailable):
                await publisher.publish([Message(b"k", b"v")] * 100_001)

    asyncio.run(scenario())
