"""A worker whose tables are on disk starts only where a deletion outlives the longest time a store may be away."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from streams.config import load_settings
from streams.topic_admin import apply_topics
from streams.transport import StageSettings
from streams.wiring import changelog_topics
from tests.transport.conftest import Broker
from tests.transport.harness import Bench, drained, records_for


def retention(broker: str, topic: str) -> int:
    """How long the topic keeps deletions, in milliseconds, as the broker says."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": broker})
    (described,) = admin.describe_configs([resource]).values()
    return int(described.result(30)["delete.retention.ms"].value or "")


def keep_deletions(broker: str, topic: str, milliseconds: int) -> None:
    wanted = ConfigEntry("delete.retention.ms", str(milliseconds), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[wanted])
    admin = AdminClient({"bootstrap.servers": broker})
    (altered,) = admin.incremental_alter_configs([resource]).values()
    altered.result(30)


@pytest.mark.kafka
def test_a_changelog_that_forgets_deletions_too_early_stops_the_start_and_says_what_to_set(
    broker: Broker, tmp_path: Path
) -> None:
    bench = Bench.on(broker.bootstrap)
    on_disk = {**bench.job.settings, "store": "rocksdb", "store_folder": str(tmp_path), "store_keeps_up_within": 3600}
    keep_deletions(bench.job.broker, bench.changelog, 3_600_000)
    with bench.worker(settings=on_disk) as worker:
        assert worker.exit_code(30) == 1
    assert (
        f"changelog {bench.changelog} has delete.retention.ms 3600000; expected more than 3600000" in worker.errors
    ), worker.errors
    assert "set delete.retention.ms=7200000 on the topic" in worker.errors

    records = records_for(keys=10, each=2)
    bench.produce(records)
    keep_deletions(bench.job.broker, bench.changelog, 3_600_001)
    with bench.worker(settings=on_disk):
        drained(bench)
    bench.assert_counted_exactly_once(records)


@pytest.mark.kafka
def test_tables_in_memory_do_not_care_how_long_deletions_are_kept(broker: Broker) -> None:
    bench = Bench.on(broker.bootstrap)
    keep_deletions(bench.job.broker, bench.changelog, 0)
    records = records_for(keys=10, each=2)
    bench.produce(records)
    with bench.worker():
        drained(bench)
    bench.assert_counted_exactly_once(records)


@pytest.mark.kafka
def test_topics_are_made_so_that_deletions_outlive_a_store_that_was_away(broker: Broker, tmp_path: Path) -> None:
    settings = load_settings(broker=broker.bootstrap, data_dir=tmp_path, partitions=1, replication_factor=1)
    bound = StageSettings().store_keeps_up_within * 1000
    apply_topics(settings)
    changelogs = changelog_topics(settings)
    assert all(retention(broker.bootstrap, topic) > bound for topic in changelogs)

    keep_deletions(broker.bootstrap, changelogs[0], 60_000)
    apply_topics(settings)
    assert retention(broker.bootstrap, changelogs[0]) > bound, "applying again mends a topic that is there"
