"""What a stage promises about a worker process, held against real brokers."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from aiokafka.partitioner import murmur2

from streams.embedded.broker import EmbeddedBroker
from tests.infra.kafka import KafkaServer
from tests.transport.counting_worker import POISON
from tests.transport.harness import (
    PARTITIONS,
    TARGET_PARTITIONS,
    Bench,
    drained,
    eventually,
    read_committed,
    records_for,
)

ALL = list(range(PARTITIONS))


@pytest.fixture
def bench(kafka: KafkaServer) -> Bench:
    return Bench.on(kafka.bootstrap)


def test_counts_and_forwards_every_record_once(bench: Bench) -> None:
    records = records_for(keys=200, each=50)
    bench.produce(records)
    with bench.worker():
        drained(bench)
    bench.assert_counted_exactly_once(records)


def test_outputs_land_where_a_java_client_would_put_them(bench: Bench) -> None:
    bench.produce(records_for(keys=100, each=1))
    with bench.worker():
        drained(bench)
    for message in read_committed(bench.job.broker, bench.job.target):
        key = message.key()
        assert key is not None
        assert message.partition() == (murmur2(key) & 0x7FFFFFFF) % TARGET_PARTITIONS


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_kill_in_the_middle_of_work_neither_loses_nor_repeats(bench: Bench, seed: int) -> None:
    chance = random.Random(seed)
    records = records_for(keys=500, each=200)
    bench.produce(records)
    for _ in range(3):
        with bench.worker(settings={**bench.job.settings, "max_batch_records": 300}) as worker:
            worker.wait_handled(chance.randrange(1_000, 20_000))
            worker.kill()
    with bench.worker():
        drained(bench)
    bench.assert_counted_exactly_once(records)


def test_a_handler_that_raises_commits_nothing_and_stops_the_worker(kafka: KafkaServer) -> None:
    bench = Bench.on(kafka.bootstrap, partitions=1)
    before = records_for(keys=20, each=10)
    bench.produce(before)
    with bench.worker():
        drained(bench)
    after = [*records_for(keys=20, each=10, start=1000), (b"key-1", POISON)]
    after += records_for(keys=20, each=10, start=2000)
    bench.produce(after)

    with bench.worker(poison=True) as worker:
        assert worker.exit_code(30) == 1
        assert "a poisoned record" in worker.errors
    committed = len(bench.outputs())
    assert committed <= len(before) + 200, "nothing of the batch that holds the poisoned record"
    assert bench.input_left() == len(before) + len(after) - committed
    bench.assert_counted_exactly_once([*before, *after][:committed])

    with bench.worker(poison=False):
        drained(bench)
    bench.assert_counted_exactly_once([*before, *after])


@pytest.mark.slow
def test_when_one_of_two_workers_leaves_the_other_goes_on_with_its_state(bench: Bench) -> None:
    first, second = records_for(keys=300, each=20), records_for(keys=300, each=20, start=100_000)
    with bench.worker() as staying:
        assert staying.wait_ready(lambda ready: ready == ALL) == ALL
        with bench.worker() as leaving:
            theirs = leaving.wait_ready(lambda ready: len(ready) == 2)
            ours = staying.wait_ready(lambda ready: len(ready) == 2)
            assert sorted(ours + theirs) == ALL
            bench.produce(first)
            drained(bench)
            leaving.signal(signal.SIGTERM)
            assert leaving.exit_code(10) == 0
        staying.wait_ready(lambda ready: ready == ALL)
        bench.produce(second)
        drained(bench)
    bench.assert_counted_exactly_once(first + second)


@pytest.mark.slow
def test_members_come_and_go_under_load_without_losing_or_repeating(bench: Bench) -> None:
    small_batches = {**bench.job.settings, "max_batch_records": 200}
    records = records_for(keys=400, each=250)
    bench.produce(records)
    with bench.worker(settings=small_batches) as staying:
        staying.wait_handled(2_000)
        for _ in range(3):
            with bench.worker(settings=small_batches) as visitor:
                visitor.wait_ready(lambda ready: len(ready) > 0)
                visitor.signal(signal.SIGTERM)
                assert visitor.exit_code(10) == 0
        drained(bench)
        assert staying.is_running
    bench.assert_counted_exactly_once(records)


@pytest.mark.slow
def test_a_worker_that_was_frozen_cannot_commit_once_its_successor_has_taken_over(bench: Bench) -> None:
    records = records_for(keys=300, each=300)
    bench.produce(records)
    with bench.worker(settings={**bench.job.settings, "max_batch_records": 200}) as frozen:
        frozen.wait_handled(2_000)
        frozen.signal(signal.SIGSTOP)
        with bench.worker() as successor:
            successor.wait_ready(lambda ready: ready == ALL)
            drained(bench)
            frozen.signal(signal.SIGCONT)
            more = records_for(keys=300, each=10, start=500_000)
            bench.produce(more)
            drained(bench)
            if frozen.is_running:
                frozen.signal(signal.SIGTERM)
            # What is promised is that nothing it wrote survives; on a busy machine its end may take a while.
            frozen.exit_code(45)
    bench.assert_counted_exactly_once(records + more)


def test_sigterm_under_load_commits_the_batch_in_hand_and_exits_zero_within_ten_seconds(bench: Bench) -> None:
    records = records_for(keys=500, each=300)
    bench.produce(records)
    with bench.worker(settings={**bench.job.settings, "max_batch_records": 500}) as worker:
        worker.wait_handled(5_000)
        asked = time.monotonic()
        worker.signal(signal.SIGTERM)
        assert worker.exit_code(10) == 0
        assert time.monotonic() - asked < 10
    assert 0 < bench.input_left() < len(records), "the test must stop it in the middle"
    with bench.worker():
        drained(bench)
    bench.assert_counted_exactly_once(records)


def test_a_handler_that_never_returns_holds_up_neither_other_partitions_nor_the_stop(bench: Bench) -> None:
    records = records_for(keys=200, each=100)
    bench.produce(records)
    stalled = sum((murmur2(key) & 0x7FFFFFFF) % PARTITIONS == 0 for key, _ in records)
    assert 0 < stalled < len(records)
    with bench.worker(
        stall_partition=0, settings={**bench.job.settings, "max_batch_records": 200, "drain_timeout": 2.0}
    ) as worker:
        eventually(lambda: bench.input_left() == stalled, "all but the stalled partition is done")
        worker.signal(signal.SIGTERM)
        assert worker.exit_code(10) == 0
    with bench.worker():
        drained(bench)
    bench.assert_counted_exactly_once(records)


def test_a_timer_sees_the_table_and_sends_for_every_partition(bench: Bench) -> None:
    records = records_for(keys=100, each=10)
    bench.produce(records)

    def latest() -> Counter[int]:
        seen = {
            message.partition(): int(message.value() or b"0")
            for message in read_committed(bench.job.broker, bench.ticks)
        }
        return Counter(seen)

    with bench.worker(ticks=bench.ticks):
        eventually(lambda: latest().total() == len(records) and len(latest()) == PARTITIONS, "ticks add up")


def test_topics_that_are_missing_or_partitioned_differently_stop_the_start_with_a_message(
    bench: Bench,
) -> None:
    with bench.worker(source="nowhere") as worker:
        assert worker.exit_code(30) == 1
    assert "topics nowhere do not exist" in worker.errors
    with bench.worker(source=bench.job.target) as worker:
        assert worker.exit_code(30) == 1
    assert "partition counts differ" in worker.errors


@pytest.mark.embedded
@pytest.mark.parametrize("transactional", [True, False])
def test_the_embedded_broker_serves_the_same_stage(tmp_path: Path, transactional: bool) -> None:
    # A broker of its own: what other tests left in the session's must not slow it.
    with EmbeddedBroker(tmp_path) as broker:
        bench = Bench.on(broker.bootstrap, transactional=transactional)
        first, second = records_for(keys=100, each=20), records_for(keys=100, each=20, start=50_000)
        bench.produce(first)
        with bench.worker() as worker:
            drained(bench)
            worker.signal(signal.SIGTERM)
            assert worker.exit_code(10) == 0
        bench.produce(second)
        with bench.worker():
            drained(bench)
        bench.assert_counted_exactly_once(first + second)


def test_a_topic_that_does_not_exist_is_named_when_its_records_cannot_be_sent(bench: Bench) -> None:
    bench.produce(records_for(keys=1, each=1))
    with bench.worker(target="nowhere") as worker:
        assert worker.exit_code(60) == 1
    assert "topic nowhere: UNKNOWN_TOPIC_OR_PART" in worker.errors
    assert bench.input_left() == 1
    assert bench.table() == {}


@pytest.mark.slow
def test_sigterm_while_the_broker_does_not_answer_still_ends_within_ten_seconds(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with KafkaServer(tmp_path_factory.mktemp("kafka-that-freezes")) as broker:
        bench = Bench.on(broker.bootstrap)
        records = records_for(keys=300, each=300)
        bench.produce(records)
        with bench.worker(settings={**bench.job.settings, "max_batch_records": 300}) as worker:
            worker.wait_handled(3_000)
            broker.pause()
            asked = time.monotonic()
            worker.signal(signal.SIGTERM)
            worker.exit_code(11)
            assert time.monotonic() - asked < 10
            broker.resume()
        with bench.worker():
            drained(bench)
        bench.assert_counted_exactly_once(records)
