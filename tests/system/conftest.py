"""Real servers for the system tests: a Kafka of its own for each module, since topics and groups have fixed names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.embedded.process import free_port
from tests.infra.kafka import KafkaServer
from tests.infra.postgres import PostgresServer
from tests.infra.registry import ApicurioRegistry
from tests.system.deployment import Deployment, deployed


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, schema_registry: ApicurioRegistry, postgres: PostgresServer
) -> Iterator[Deployment]:
    """Topics on Apache Kafka, Apicurio and PostgreSQL; no worker runs yet."""
    folder: Path = tmp_path_factory.mktemp("deployment")
    with (
        KafkaServer(folder / "kafka") as kafka,
        deployed(
            folder / "data",
            broker=kafka.bootstrap,
            registry=schema_registry.url,
            database=postgres.new_database(),
            metrics_port=free_port(),
        ) as made,
    ):
        yield made
