"""What every stage tells about its work: backlog, batches, commits. Reads the stage, changes nothing."""

from __future__ import annotations

from streams import metrics
from streams.agents.clock import now
from streams.transport import Batch, CommitReport, Stage, Transaction

_SECONDS = 5.0


class Observer:
    """Measures of one stage."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stage: Stage | None = None

    def watch(self, stage: Stage) -> None:
        """Tell the backlog of the stage every few seconds."""
        self._stage = stage
        stage.every(_SECONDS, handler=self._tell_backlog)

    def read(self, batch: Batch) -> None:
        """A batch was read."""
        metrics.RECORDS_READ.labels(self._name, batch.topic).inc(len(batch.records))
        age = now().timestamp() - batch.records[-1].timestamp_ms / 1000
        metrics.BACKLOG_SECONDS.labels(self._name, batch.topic, batch.partition).set(max(age, 0.0))

    def committed(self, report: CommitReport) -> None:
        """A batch or a timer's work was committed."""
        topic = report.topic or "timer"
        metrics.BATCH_SECONDS.labels(self._name, topic).observe(report.handler_seconds)
        metrics.COMMIT_SECONDS.labels(self._name, topic).observe(report.commit_seconds)

    async def _tell_backlog(self, partition: int, _: Transaction) -> None:
        if self._stage is None:
            return
        for topic, records in self._stage.backlog(partition).items():
            metrics.BACKLOG_RECORDS.labels(self._name, topic, partition).set(records)
