"""The program under test: counts records per key in a table and forwards each with the count it reached.

Run as `python -m tests.transport.counting_worker '{"broker": ..., ...}'`; prints one JSON line per thing that the
tests wait for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from streams.transport import Batch, ClientSettings, Stage, StageSettings, Transaction, run_worker

POISON = b"poison"


@dataclass(frozen=True)
class Job:
    app_id: str
    broker: str
    source: str
    target: str
    ticks: str | None = None
    transactional: bool = True
    poison: bool = False
    stall_partition: int | None = None
    hold_while: str | None = None
    holds_stubbornly: bool = False
    client: dict[str, str] = field(default_factory=dict)
    settings: dict[str, float | str] = field(default_factory=dict)


def say(**event: object) -> None:
    # One write: two threads report, and a line must stay a line.
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def build(job: Job) -> Stage:
    bounds = dict(job.settings)
    if "store_folder" in bounds:
        bounds["store_folder"] = Path(str(bounds["store_folder"]))  # type: ignore[assignment]
    settings = StageSettings(transactional=job.transactional, **bounds)  # type: ignore[arg-type]
    client_settings = ClientSettings.from_mapping(job.client)
    stage = Stage(job.app_id, job.broker, client_settings=client_settings, settings=settings)
    counts = stage.table("counts", encode=lambda count: b"%d" % count, decode=int)
    handled = 0

    async def count(batch: Batch, tx: Transaction) -> None:
        nonlocal handled
        if batch.partition == job.stall_partition:
            await asyncio.Event().wait()
        looks = 0
        while job.hold_while is not None and Path(job.hold_while).exists():
            say(held=looks, partition=batch.partition)
            looks += 1
            await (asyncio.sleep(0.1) if job.holds_stubbornly else tx.hold(0.1))
        for record in batch.records:
            if job.poison and record.value == POISON:
                raise ValueError("a poisoned record")
            assert record.key is not None
            reached = (tx.get(counts, record.key) or 0) + 1
            tx.put(counts, record.key, reached)
            tx.send(job.target, key=record.key, value=b"%s:%d" % (record.value or b"", reached))
        handled += len(batch.records)
        say(handled=handled, at=time.time(), cpu=time.process_time())

    async def tick(partition: int, tx: Transaction) -> None:
        assert job.ticks is not None
        total = sum(value for _, value in tx.items(counts))
        tx.send(job.ticks, key=b"%d" % partition, value=b"%d" % total, partition=partition)

    stage.consume(job.source, handler=count)
    if job.ticks is not None:
        stage.every(0.5, handler=tick)
    return stage


def report_ready(stage: Stage) -> None:
    """Print the ready partitions whenever they change."""
    last: list[int] | None = None
    while True:
        ready = sorted(stage.ready_partitions)
        if ready != last:
            say(ready=ready)
            last = ready
        time.sleep(0.05)


def main() -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    job = Job(**json.loads(sys.argv[1]))
    stage = build(job)
    threading.Thread(target=report_ready, args=(stage,), daemon=True).start()
    return run_worker(stage)


if __name__ == "__main__":
    sys.exit(main())
