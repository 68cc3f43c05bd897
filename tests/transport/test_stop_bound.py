"""A worker that is told to stop has left within its bound, whatever its tasks do."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.infra.kafka import KafkaServer
from tests.transport.harness import REPOSITORY, Bench, records_for

_STUBBORN = """
import asyncio, logging, sys
from streams.transport import Stage, StageSettings, run_worker

async def refuse(batch, tx):
    print("in hand", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

logging.basicConfig()
stage = Stage(sys.argv[1], sys.argv[2], settings=StageSettings(drain_timeout=1.0))
stage.consume(sys.argv[3], handler=refuse)
sys.exit(run_worker(stage))
"""
_BOUND_SECONDS = 12.0


def test_a_task_that_refuses_to_end_does_not_keep_the_worker(kafka: KafkaServer) -> None:
    bench = Bench.on(kafka.bootstrap)
    job = bench.job
    bench.produce(records_for(keys=1, each=1))
    with subprocess.Popen(
        [sys.executable, "-c", _STUBBORN, job.app_id, job.broker, job.source],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "in hand\n"
            worker.send_signal(signal.SIGTERM)
            _, errors = worker.communicate(timeout=_BOUND_SECONDS)
        finally:
            worker.kill()
    assert worker.returncode == 0
    assert "tasks that do not end" in errors
