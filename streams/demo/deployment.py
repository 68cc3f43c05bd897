"""Everything that the demo runs: broker, topics, the four stages and the API, each a process of its own.

Started together, waited for with a bound, stopped on every way out. Knows no scenario.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from streams.config import Settings
from streams.demo.failure import DemoFailed
from streams.embedded import EmbeddedBroker
from streams.embedded.address import published_address, read_address
from streams.embedded.process import LOOPBACK, free_port
from streams.supervisor import Program, Supervisor
from streams.topic_admin import apply_topics
from streams.wiring import STAGES, bootstrap

API = "api"

_READY_SECONDS = 120.0
_POLL_SECONDS = 0.1
_REQUEST_SECONDS = 5.0
_PORT_ATTEMPTS = 50

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs, and where."""

    settings: Settings
    """The given settings with folder and ports filled in."""
    supervisor: Supervisor
    environment: Mapping[str, str]
    """What a further tieout command needs in its environment to meet this deployment."""

    @property
    def api(self) -> str:
        """Address of the HTTP API."""
        return f"http://{self.settings.api_host}:{self.settings.api_port}"

    @property
    def metrics(self) -> dict[str, str]:
        """Address of each stage's metrics."""
        port = self.settings.metrics_port
        return {
            name: f"http://{self.settings.metrics_host}:{port + place}/metrics" for place, name in enumerate(STAGES)
        }


@contextlib.contextmanager
def deployed(given: Settings, tell: Tell) -> Iterator[Deployment]:
    """Give a deployment whose processes are ready; `tell` hears what is waited for.

    A temporary data folder is removed at the end, but kept for its logs when something failed. Raises DemoFailed when
    something does not get ready, ProgramFailed with the end of its log when a process ends.
    """
    temporary = "data_dir" not in given.model_fields_set
    folder = Path(tempfile.mkdtemp(prefix="tieout-demo-")) if temporary else given.data_dir
    try:
        with contextlib.ExitStack() as resources:
            yield _start(resources, _filled_in(given, folder), tell)
    except Exception:
        temporary = False
        raise
    finally:
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)


def _start(resources: contextlib.ExitStack, settings: Settings, tell: Tell) -> Deployment:
    if settings.embedded_broker:
        tell("starting the embedded broker")
        _start_broker(resources, settings)
    tell("making the topics")
    apply_topics(settings)
    supervisor = Supervisor(settings.data_dir / "logs")
    resources.callback(supervisor.stop)
    deployment = Deployment(settings, supervisor, environment(settings))
    for stage in STAGES:
        supervisor.start(Program(stage, ["worker", "--stages", stage], deployment.environment))
    supervisor.start(Program(API, ["api"], deployment.environment))
    _wait_until_ready(deployment, tell)
    return deployment


def environment(settings: Settings) -> dict[str, str]:
    """Return the settings that are not defaults as environment variables."""
    values = {name: getattr(settings, name) for name in sorted(settings.model_fields_set)}
    return {
        f"TIEOUT_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }


def _filled_in(given: Settings, folder: Path) -> Settings:
    """Take free ports where none are given, so that nothing that runs here already is in the way."""
    filled: dict[str, object] = {"data_dir": folder}
    if "api_port" not in given.model_fields_set:
        filled["api_port"] = free_port()
    if "metrics_port" not in given.model_fields_set:
        filled["metrics_port"] = _free_ports(len(STAGES))
    return given.model_copy(update=filled)


def _free_ports(count: int) -> int:
    """Return the first of so many free ports in a row."""
    for _ in range(_PORT_ATTEMPTS):
        first = free_port()
        if all(_is_free(first + place) for place in range(count)):
            return first
    raise DemoFailed(f"no {count} free ports in a row on {LOOPBACK}; set TIEOUT_METRICS_PORT to the first of some")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _start_broker(resources: contextlib.ExitStack, settings: Settings) -> None:
    running = read_address(settings.data_dir)
    if running is not None:
        raise DemoFailed(
            f"an embedded broker runs for {settings.data_dir} already, on {running}: "
            "stop it, or choose another TIEOUT_DATA_DIR"
        )
    broker = resources.enter_context(EmbeddedBroker(settings.data_dir))
    resources.enter_context(published_address(settings.data_dir, broker.bootstrap))


def _wait_until_ready(deployment: Deployment, tell: Tell) -> None:
    settings = deployment.settings
    admin = AdminClient({"bootstrap.servers": bootstrap(settings), "log_level": 0, **settings.client_settings()})
    deadline = time.monotonic() + _READY_SECONDS
    waiting = [*STAGES, API]
    with httpx.Client(base_url=deployment.api, timeout=_REQUEST_SECONDS, trust_env=False) as client:
        while waiting:
            deployment.supervisor.check()
            waiting = [name for name in waiting if not (_api_ready(client) if name == API else _joined(admin, name))]
            tell(f"waiting for {', '.join(waiting)}" if waiting else "all ready")
            if waiting and time.monotonic() > deadline:
                logs = ", ".join(str(deployment.supervisor.log(name)) for name in waiting)
                raise DemoFailed(f"{', '.join(waiting)} not ready within {_READY_SECONDS:g} s; see {logs}")
            time.sleep(_POLL_SECONDS if waiting else 0)


def _api_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _joined(admin: AdminClient, stage: str) -> bool:
    """Whether a stage's consumer group has its partitions. The embedded broker names the state, but no members."""
    group = f"tieout-{stage}"
    try:
        found = admin.describe_consumer_groups([group], request_timeout=_REQUEST_SECONDS)[group].result()
    except KafkaException:
        return False
    return bool(found.state.name == "STABLE")
