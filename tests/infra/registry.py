"""Apicurio Registry in memory on 127.0.0.1, spoken to by the Confluent schema registry protocol."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import httpx

from streams.embedded.process import LOOPBACK, ServerFailedError, ServerProcess, free_port
from tests.infra.component import java
from tests.infra.maven import apicurio_home

_START_SECONDS = 90.0
_PROBE_SECONDS = 2.0
_STOP_SECONDS = 10.0


class ApicurioRegistry:
    """A schema registry that forgets everything when it stops."""

    def __init__(self, data_dir: Path, *, heap_mb: int = 256) -> None:
        self.log = data_dir / "registry.log"
        self._data_dir = data_dir
        self._port = free_port()
        self._heap_mb = heap_mb
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """The base address of the Confluent-compatible API, without a slash at its end."""
        return f"http://{LOOPBACK}:{self._port}/apis/ccompat/v7"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start and return once it lists its subjects."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        home = apicurio_home()
        runner = next(home.glob("*-runner.jar"), None)
        if runner is None:
            raise ServerFailedError(f"{home} holds no *-runner.jar; remove that folder to have it fetched again")
        self._process = ServerProcess(
            "Apicurio Registry",
            [
                str(java()),
                f"-Xmx{self._heap_mb}m",
                "-XX:+UseSerialGC",
                f"-Dquarkus.http.host={LOOPBACK}",
                f"-Dquarkus.http.port={self._port}",
                "-Dquarkus.log.level=WARN",
                "-jar",
                str(runner),
            ],
            log=self.log,
            cwd=self._data_dir,
        )
        self._process.start(self._lists_subjects, seconds=_START_SECONDS)

    def stop(self) -> None:
        """Stop it and lose every schema in it."""
        if self._process is not None:
            self._process.stop(seconds=_STOP_SECONDS)

    def __enter__(self) -> ApicurioRegistry:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _lists_subjects(self) -> bool:
        try:
            # trust_env off: a proxy set for the machine must not see calls to this one.
            answer = httpx.get(f"{self.url}/subjects", timeout=_PROBE_SECONDS, trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK
