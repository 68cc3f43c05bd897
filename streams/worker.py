"""`tieout worker`: one stage in this process, or several as processes of their own."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence

import uvloop
from prometheus_client import start_http_server

from streams.config import Settings, SettingsError
from streams.config.errors import Problem
from streams.embedded import EmbeddedBroker
from streams.embedded.address import published_address, read_address
from streams.supervisor import Program, ProgramFailed, Supervisor
from streams.topic_admin import apply_topics
from streams.transport import run_worker
from streams.wiring import STAGES, build_stage

log = logging.getLogger(__name__)


def run(settings: Settings, stages: Sequence[str]) -> int:
    """Run stages until told to stop; returns the exit code.

    With the embedded broker and none running yet, the broker is started too, and the topics are made.
    """
    unknown = sorted(set(stages) - set(STAGES))
    if unknown:
        problem = Problem("--stages", "", ", ".join(unknown), f"some of {', '.join(STAGES)}", "Correct the name.")
        raise SettingsError([problem])
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if len(stages) == 1:
        return _run_one(settings, stages[0])
    return _run_several(settings, stages or STAGES)


def _run_one(settings: Settings, name: str) -> int:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    stage = build_stage(name, settings)
    start_http_server(settings.metrics_port + STAGES.index(name), settings.metrics_host)
    uvloop.install()
    return run_worker(stage)


def _run_several(settings: Settings, stages: Sequence[str]) -> int:
    with contextlib.ExitStack() as resources:
        if settings.embedded_broker and read_address(settings.data_dir) is None:
            broker = resources.enter_context(EmbeddedBroker(settings.data_dir))
            resources.enter_context(published_address(settings.data_dir, broker.bootstrap))
            log.info("embedded broker on %s, in memory: for demos only", broker.bootstrap)
            apply_topics(settings)
        supervisor = Supervisor()
        resources.callback(supervisor.stop)
        for name in stages:
            supervisor.start(Program(name, ["worker", "--stages", name], {}))
        try:
            supervisor.wait()
        except ProgramFailed as failure:
            log.critical("%s", failure)
            return 1
    return 0
