"""An ERP that is down for a while, behind a worker as users run it: nothing lost, nothing doubled, the order kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from shutil import copytree

import pytest
from confluent_kafka import Producer

from connectors.erp.ledger import EmbeddedLedger
from streams.codec.registry import EmbeddedRegistry
from streams.codec.wire import codec_for
from streams.config import Settings, load_configuration, load_settings
from streams.embedded import EmbeddedBroker
from streams.embedded.process import free_port
from streams.records import ErpPosting, PostingAccepted, PostingAck
from streams.shipped import shipped
from streams.topic_admin import apply_topics
from streams.topics import ERP_POSTINGS, EXCEPTIONS, POSTING_ACKS
from streams.wiring import STAGES, ledger
from tests.connectors.outage_worker import CALLS, DENIED, DOWN, HANGS, LOST, SWITCH
from tests.ledger.postings import posting
from tests.transport.harness import REPOSITORY, eventually, read_committed

PARTITIONS = 3
CONTRACTS = 7
DOWN_SECONDS = 4.0
OPEN_SECONDS = 0.6
_QUICK = {
    "commands_per_call: 100000": "commands_per_call: 5",
    "concurrency: 1": "concurrency: 3",
    "first_wait_seconds: 0.5": "first_wait_seconds: 0.05",
    "open_seconds: 10": f"open_seconds: {OPEN_SECONDS}",
    "denied_seconds: 60": f"denied_seconds: {OPEN_SECONDS}",
}


class Ground:
    """A posting stage whose ERP can be cut off, and what is to be seen of it from outside."""

    def __init__(self, folder: Path, broker: EmbeddedBroker) -> None:
        self._switch, self._calls = folder / "switch", folder / "calls"
        self._port = free_port()
        config = Path(copytree(shipped("config"), folder / "config"))
        text = (config / "connectors.yaml").read_text()
        for old, new in _QUICK.items():
            assert old in text
            text = text.replace(old, new)
        (config / "connectors.yaml").write_text(text)
        self.environment = {
            "TIEOUT_BROKER": broker.bootstrap,
            "TIEOUT_CONFIG": str(config),
            "TIEOUT_DATA_DIR": str(folder / "data"),
            "TIEOUT_STORE": "memory",
            "TIEOUT_PARTITIONS": str(PARTITIONS),
            "TIEOUT_METRICS_PORT": str(self._port - STAGES.index("posting")),
            "TIEOUT_REBALANCE_TIMEOUT": "2",
            SWITCH: str(self._switch),
            CALLS: str(self._calls),
        }
        self.settings = _settings(self.environment)
        self.settings.data_dir.mkdir()
        self.sent: list[ErpPosting] = []
        self._codec = codec_for(ErpPosting, EmbeddedRegistry(), ERP_POSTINGS)
        self._ack_codec = codec_for(PostingAck, EmbeddedRegistry(), POSTING_ACKS)
        apply_topics(self.settings)

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.connectors.outage_worker"],
            cwd=REPOSITORY,
            env={**os.environ, **self.environment},
        )

    def cut(self, how: str) -> None:
        self._switch.write_text(how)

    def mend(self) -> None:
        self._switch.unlink()

    def publish(self, count: int) -> None:
        """Publish postings of all contracts by turns."""
        assert self.settings.broker is not None
        producer = Producer({"bootstrap.servers": self.settings.broker, "partitioner": "murmur2_random"})
        for _ in range(count):
            number = len(self.sent)
            one = posting(f"outage-{number}", contract=f"C-{number % CONTRACTS}")
            self.sent.append(one)
            producer.produce(ERP_POSTINGS, key=one.context.contract_id.encode(), value=self._codec.encode(one))
        assert producer.flush(20) == 0

    def acks(self) -> list[PostingAck]:
        assert self.settings.broker is not None
        found = [
            self._ack_codec.decode(message.value()) for message in read_committed(self.settings.broker, POSTING_ACKS)
        ]
        assert all(isinstance(ack, PostingAck) for ack in found)
        return found

    def wait_for_acks(self) -> None:
        eventually(lambda: len(self.acks()) >= len(self.sent), f"{len(self.sent)} acknowledgments", 60.0)

    def calls(self, how: str) -> int:
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        return sum(line.startswith(how) for line in lines)

    def metric(self, name: str) -> float:
        """The value of one line of the worker's metrics; 0 while it has none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0.0
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} ")), 0.0)

    def is_open(self) -> bool:
        return self.metric('tieout_connector_breaker_state{connector="erp"}') == 2

    def assert_posted_once_and_in_order(self) -> None:
        """Every posting has one acknowledgment and one entry; both keep each contract's order; nothing is left over."""
        expected = defaultdict(list)
        for one in self.sent:
            expected[one.context.contract_id].append(one.command_id)
        acknowledged = defaultdict(list)
        for ack in self.acks():
            assert isinstance(ack.body, PostingAccepted), ack
            acknowledged[ack.context.contract_id].append(ack.command_id)
        assert acknowledged == expected
        booked = defaultdict(list)
        for entry in self.ledger().entries():
            booked[entry.contract_id].append(entry.command_id)
        assert booked == expected
        assert self.settings.broker is not None
        assert read_committed(self.settings.broker, EXCEPTIONS) == []

    def ledger(self) -> EmbeddedLedger:
        return ledger(self.settings, load_configuration(self.settings.config))


def _settings(environment: Mapping[str, str]) -> Settings:
    saved = dict(os.environ)
    os.environ.update({name: value for name, value in environment.items() if name.startswith("TIEOUT_")})
    try:
        return load_settings()
    finally:
        os.environ.clear()
        os.environ.update(saved)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """On a broker of its own: the topics have fixed names."""
    with EmbeddedBroker(tmp_path / "broker") as broker:
        yield Ground(tmp_path, broker)


@pytest.mark.embedded
def test_an_outage_is_waited_out_by_a_living_worker_and_nothing_is_lost_doubled_or_out_of_order(ground: Ground) -> None:
    with ground.start() as worker:
        try:
            ground.publish(40)
            ground.wait_for_acks()

            ground.cut(LOST)
            ground.publish(30)
            eventually(lambda: ground.calls(LOST) > 0, "a call whose answer was lost")
            ground.cut(DOWN)
            ground.publish(150)
            eventually(ground.is_open, "the breaker is open")
            began, before = time.monotonic(), ground.calls(DOWN)
            eventually(_over(began + DOWN_SECONDS), f"{DOWN_SECONDS} s have passed")
            looks = ground.calls(DOWN) - before
            assert 0 < looks <= 2 + (time.monotonic() - began) / (OPEN_SECONDS / 2), "the ERP was not left alone"
            assert worker.poll() is None
            ground.cut(DENIED)
            eventually(lambda: ground.metric('tieout_connector_denied{connector="erp"}') == 1, "the alarm")

            ground.mend()
            ground.wait_for_acks()
            eventually(lambda: not ground.is_open(), "the breaker is closed")
            assert ground.metric('tieout_connector_denied{connector="erp"}') == 0
            assert ground.metric('tieout_connector_failures_total{connector="erp",why="unavailable"}') > 0
            assert worker.poll() is None
            ground.assert_posted_once_and_in_order()

            ground.cut(DOWN)
            ground.publish(20)
            eventually(ground.is_open, "the breaker is open again")
            told = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(10.0) == 0
            assert time.monotonic() - told < 10.0
        finally:
            worker.kill()
    ground.mend()
    with ground.start() as worker:
        try:
            ground.wait_for_acks()
            ground.assert_posted_once_and_in_order()
        finally:
            worker.kill()


@pytest.mark.embedded
def test_a_worker_whose_call_hangs_has_left_within_ten_seconds_of_being_told(ground: Ground) -> None:
    ground.cut(HANGS)
    with ground.start() as worker:
        try:
            ground.publish(1)
            eventually(lambda: ground.calls(HANGS) > 0, "the call that hangs")
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(10.0) == 0
        finally:
            worker.kill()


def _over(deadline: float) -> Callable[[], bool]:
    return lambda: time.monotonic() >= deadline
