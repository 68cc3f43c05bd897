"""The real servers the tests rely on do what the tests rely on."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import httpx
import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.embedded.process import ServerFailedError, ServerProcess
from tests.infra.component import ComponentMissingError, program
from tests.infra.kafka import KafkaServer, new_cluster_id
from tests.infra.postgres import PostgresServer
from tests.infra.registry import ApicurioRegistry


def _new_topic(bootstrap: str) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, 1)])[name].result(20)
    return name


def _read(bootstrap: str, topic: str, expected: int) -> list[bytes | None]:
    """Committed values of a one-partition topic: `expected` of them and whatever follows at once."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "none: this reader is assigned its partition",
            "isolation.level": "read_committed",
        }
    )
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    try:
        first = consumer.consume(expected, timeout=30)
        return [message.value() for message in [*first, *consumer.consume(1, timeout=0.5)]]
    finally:
        consumer.close()


def test_kafka_hides_aborted_records_from_committed_readers(kafka: KafkaServer) -> None:
    topic = _new_topic(kafka.bootstrap)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush(10)
    producer.abort_transaction(10)
    producer.begin_transaction()
    producer.produce(topic, b"committed")
    producer.commit_transaction(10)
    assert _read(kafka.bootstrap, topic, 1) == [b"committed"]


def test_a_cluster_id_is_never_taken_for_an_option() -> None:
    assert not any(new_cluster_id().startswith("-") for _ in range(2_000))


@pytest.mark.kafka
def test_a_killed_kafka_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    with KafkaServer(tmp_path, heap_mb=256) as server:
        topic = _new_topic(server.bootstrap)
        producer = Producer({"bootstrap.servers": server.bootstrap, "acks": "all"})
        producer.produce(topic, b"kept")
        assert producer.flush(10) == 0
        server.kill()
        assert not server.answers()
        server.start()
        assert _read(server.bootstrap, topic, 1) == [b"kept"]


def test_the_registry_speaks_the_confluent_protocol(schema_registry: ApicurioRegistry) -> None:
    subject = f"{schema_registry.url}/subjects/s-{uuid.uuid4().hex[:8]}/versions"
    registered = httpx.post(subject, json={"schema": '"string"'}, trust_env=False)
    assert registered.status_code == 200
    schema = httpx.get(f"{schema_registry.url}/schemas/ids/{registered.json()['id']}", trust_env=False)
    assert schema.json()["schema"] == '"string"'


def test_each_postgres_database_is_empty_and_its_own(postgres: PostgresServer) -> None:
    first, second = (url.replace("+psycopg", "") for url in (postgres.new_database(), postgres.new_database()))
    with psycopg.connect(first) as connection:
        connection.execute("create table t (a int)")
    with psycopg.connect(second) as connection:
        assert connection.execute("select to_regclass('t')").fetchone() == (None,)


def test_a_server_that_dies_at_start_shows_its_last_words(tmp_path: Path) -> None:
    server = ServerProcess("disk", [sys.executable, "-c", "exit('no such disk')"], log=tmp_path / "log")
    with pytest.raises(ServerFailedError, match=r"(?s)disk ended at start with exit code 1.*no such disk"):
        server.start(lambda: False, seconds=10)


def test_a_server_that_never_answers_is_stopped(tmp_path: Path) -> None:
    server = ServerProcess(
        "mute", [sys.executable, "-c", "import threading; threading.Event().wait()"], log=tmp_path / "log"
    )
    with pytest.raises(ServerFailedError, match=r"mute did not answer within 0\.2 s"):
        server.start(lambda: False, seconds=0.2)
    assert not server.running


def test_a_missing_component_says_what_to_install() -> None:
    with pytest.raises(ComponentMissingError, match=r"Nix is missing .* install it with: apt-get install nix"):
        program("no-such-program", component="Nix", install="apt-get install nix")
