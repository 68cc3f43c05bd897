"""Apache Kafka (KRaft, no ZooKeeper) on 127.0.0.1: one broker, or a small cluster that shares one id.

A broker can be stopped, killed as by a power cut, paused, and started again on the same port and data.
"""

from __future__ import annotations

import base64
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from streams.embedded.broker import answers_metadata
from streams.embedded.process import LOOPBACK, ServerFailedError, ServerProcess, free_port
from tests.infra.component import java
from tests.infra.maven import kafka_classpath

_START_SECONDS = 90.0
_FORMAT_SECONDS = 60.0
_STOP_SECONDS = 20.0
_LOG4J = Path(__file__).with_name("log4j2.properties")


@dataclass(frozen=True, slots=True)
class Node:
    """One broker's identity and ports, as every other broker must know them."""

    node_id: int
    client_port: int
    controller_port: int


def new_node(node_id: int = 1) -> Node:
    """A node on free ports."""
    return Node(node_id, free_port(), free_port())


def new_cluster_id() -> str:
    """A cluster id in Kafka's form: a UUID in URL-safe base64 that no command line takes for an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        if not text.startswith("-"):
            return text


class KafkaServer:
    """One Kafka node that is broker and controller.

    `data_dir` keeps its records and log between starts. `overrides` are server properties on top of the test
    settings. For a cluster, give every node the same `nodes` and `cluster_id` (see `kafka_cluster`).
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        node: Node | None = None,
        nodes: tuple[Node, ...] = (),
        cluster_id: str | None = None,
        heap_mb: int = 512,
        overrides: Mapping[str, str] | None = None,
    ) -> None:
        self.node = node if node is not None else new_node()
        self.data_dir = data_dir
        self.log = data_dir / "kafka.log"
        self._nodes = nodes or (self.node,)
        self._cluster_id = cluster_id if cluster_id is not None else new_cluster_id()
        self._properties = data_dir / "server.properties"
        self._overrides = dict(overrides or {})
        self._heap_mb = heap_mb
        self._process: ServerProcess | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients connect, as `127.0.0.1:PORT`. The same after a restart."""
        return f"{LOOPBACK}:{self.node.client_port}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self, *, wait_for_brokers: int = 1) -> None:
        """Start and return once it answers a metadata request naming so many brokers (0: do not wait)."""
        self._format()
        self._process = ServerProcess(
            f"Kafka node {self.node.node_id}",
            self._java("kafka.Kafka", str(self._properties), heap_mb=self._heap_mb),
            log=self.log,
            cwd=self.data_dir,
        )
        self._process.start(
            lambda: wait_for_brokers == 0 or self.answers(wait_for_brokers),
            seconds=_START_SECONDS,
        )

    def answers(self, brokers: int = 1) -> bool:
        """Whether it answers a metadata request that names at least so many brokers."""
        return answers_metadata(self.bootstrap, cluster_id=self._cluster_id, brokers=brokers)

    def stop(self) -> None:
        """Shut down in order."""
        if self._process is not None:
            self._process.stop(seconds=_STOP_SECONDS)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()

    def restart(self, *, wait_for_brokers: int = 1) -> None:
        """Stop if it runs, then start on the same ports and data."""
        self.stop()
        self.start(wait_for_brokers=wait_for_brokers)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): its sockets stay open and nothing answers."""
        self._running().signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused broker go on."""
        self._running().signal(signal.SIGCONT)

    def __enter__(self) -> KafkaServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _running(self) -> ServerProcess:
        if self._process is None:
            raise ServerFailedError(f"Kafka node {self.node.node_id} was not started")
        return self._process

    def _format(self) -> None:
        """Write the settings, and format the storage if this data folder was never used."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lines = [f"{name}={value}" for name, value in self._settings().items()]
        self._properties.write_text("\n".join(lines) + "\n", encoding="utf-8")
        if (self.data_dir / "records" / "meta.properties").exists():
            return
        command = self._java(
            "kafka.tools.StorageTool",
            "format",
            "--cluster-id",
            self._cluster_id,
            "--config",
            str(self._properties),
            heap_mb=128,
        )
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_SECONDS, check=False)
        if done.returncode != 0:
            raise ServerFailedError(f"Kafka could not format its storage:\n{done.stdout}{done.stderr}")

    def _java(self, main: str, *arguments: str, heap_mb: int) -> list[str]:
        options = [f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-Djava.awt.headless=true"]
        return [
            str(java()),
            *options,
            f"-Dlog4j2.configurationFile={_LOG4J}",
            "-cp",
            kafka_classpath(),
            main,
            *arguments,
        ]

    def _settings(self) -> dict[str, str]:
        replicas = min(3, len(self._nodes))
        voters = ",".join(f"{node.node_id}@{LOOPBACK}:{node.controller_port}" for node in self._nodes)
        settings = {
            "process.roles": "broker,controller",
            "node.id": str(self.node.node_id),
            "controller.quorum.voters": voters,
            "listeners": (
                f"PLAINTEXT://{LOOPBACK}:{self.node.client_port},CONTROLLER://{LOOPBACK}:{self.node.controller_port}"
            ),
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.data_dir / "records"),
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": str(replicas),
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": str(replicas),
            "transaction.state.log.min.isr": str(max(1, replicas - 1)),
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": str(replicas),
            "share.coordinator.state.topic.min.isr": str(max(1, replicas - 1)),
            # Fast for tests: groups form at once, and a dead member or transaction is noticed in seconds.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
            # A killed broker may register again only when its old session has run out.
            "broker.heartbeat.interval.ms": "500",
            "broker.session.timeout.ms": "3000",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "background.threads": "2",
            "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
            "log.index.size.max.bytes": str(1024 * 1024),
        }
        return settings | self._overrides


@contextmanager
def kafka_cluster(data_dir: Path, *, brokers: int = 3, heap_mb: int = 320) -> Iterator[list[KafkaServer]]:
    """A cluster of so many brokers, each in its own folder, started together and stopped at the end."""
    nodes = tuple(new_node(node_id) for node_id in range(1, brokers + 1))
    cluster_id = new_cluster_id()
    servers = [
        KafkaServer(
            data_dir / f"node-{node.node_id}",
            node=node,
            nodes=nodes,
            cluster_id=cluster_id,
            heap_mb=heap_mb,
        )
        for node in nodes
    ]
    try:
        for server in servers[:-1]:
            server.start(wait_for_brokers=0)
        servers[-1].start(wait_for_brokers=brokers)
        yield servers
    finally:
        for server in reversed(servers):
            server.stop()
