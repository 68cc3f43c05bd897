"""Row: tieout's orchestration stage as it ships, built by its own wiring.

Only the input differs: one more agent reads the feed and hands the runs of records of one kind to the stage's own
agents, as if they had come from the topics on which they travel in production. Like the raw loop it tells where a
contract stands once a batch.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from itertools import groupby

import uvloop

from streams.agents.orchestration import Orchestration
from streams.config import load_settings
from streams.topics import COMMERCIAL_EVENTS
from streams.transport import Batch, Record, Stage, Transaction, run_worker
from streams.wiring import build_stage
from tests.bench.kernel import Kernel
from tests.bench.rows.options import Options, options


def benchmarked_stage(given: Options) -> Stage:
    """The stage with its own topics and the feed."""
    os.environ.update(
        TIEOUT_BROKER=given.bootstrap,
        TIEOUT_DATA_DIR=given.data_dir,
        TIEOUT_PARTITIONS=str(given.partitions),
    )
    stage = build_stage("orchestration", load_settings())
    stage.settings = replace(stage.settings, transactional=given.exactly_once)
    agents: Orchestration = stage._handlers[COMMERCIAL_EVENTS].__self__  # type: ignore[attr-defined]
    topic_of = Kernel().topic_of

    async def on_feed(batch: Batch, transaction: Transaction) -> None:
        runs = groupby(batch.records, lambda record: _topic(record, topic_of))
        await agents.on_batches((Batch(topic, batch.partition, tuple(run)) for topic, run in runs), transaction)

    stage.consume(given.input, handler=on_feed)
    return stage


def _topic(record: Record, topic_of: object) -> str:
    if record.value is None:
        raise RuntimeError(f"offset {record.offset} has no value")
    assert callable(topic_of)
    return str(topic_of(record.value))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    uvloop.install()
    raise SystemExit(run_worker(benchmarked_stage(options())))
