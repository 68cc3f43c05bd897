"""A group whose leader divided the partitions without knowing the topics divides them again soon.

It happens when the leader has asked a broker that had just started: nobody is given anything, and nothing fails.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from streams.transport import Stage, StageSettings
from tests.infra.kafka import KafkaServer
from tests.transport.harness import FAST_GROUP, PARTITIONS, Bench, create_topics

_SECONDS = 30.0


async def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {_SECONDS} s: {what}"
        await asyncio.sleep(0.1)


def test_partitions_that_were_not_known_when_they_were_divided_are_divided_again_soon(kafka: KafkaServer) -> None:
    bench = Bench.on(kafka.bootstrap)
    late = f"{bench.job.app_id}-late"

    async def nothing(*_: object) -> None: ...

    async def join_then_create() -> None:
        stage = Stage(bench.job.app_id, bench.job.broker, settings=StageSettings(**FAST_GROUP))
        stage.consume(late, handler=nothing)
        thread = stage.app.consumer._new_consumer_thread()
        member = thread._create_worker_consumer(stage.app.transport)
        await member.start()
        try:
            member.subscribe([late])
            await _until(lambda: member._subscription.subscription.assignment is not None, "the group has divided")
            assert member.assignment() == set()
            create_topics(bench.job.broker, {late: PARTITIONS})
            await _until(lambda: len(member.assignment()) == PARTITIONS, "the partitions are divided again")
        finally:
            await member.stop()

    asyncio.run(join_then_create())
