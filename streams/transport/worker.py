"""Running stages in a process: start, wait for a signal or a failure, stop within a bound, answer an exit code."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Sequence

from streams.transport.errors import StageFailed, TransportError
from streams.transport.stage import Stage

log = logging.getLogger(__name__)

_ALLOCATIONS_BEFORE_COLLECTION = 100_000
SHUTDOWN_SECONDS = 8.5
_TEARDOWN_SECONDS = 1.0
_CHATTY = ("faust", "mode", "aiokafka", "streams.transport.app", "streams.transport.driver")


def quiet_framework_logging() -> None:
    """Keep Faust's and aiokafka's start-up chatter out of the log; warnings and errors stay."""
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # A timer that runs late under load is no news: the next tick does its work.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)


async def run_stages(*stages: Stage, stop: asyncio.Event) -> None:
    """Run until `stop` is set; raises StageFailed, with the cause chained, when a stage stops by itself."""
    running: list[Stage] = []
    try:
        for stage in stages:
            running.append(stage)
            if not await _started(stage, stop):
                return
        await _first(stop, stages)
    finally:
        await _stop_all(running)


async def _started(stage: Stage, stop: asyncio.Event) -> bool:
    """Start a stage; False when it is told to stop before it is up, as a broker that does not answer makes likely."""
    starting = asyncio.ensure_future(stage.app.start())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if starting.done():
        starting.result()
        return True
    starting.cancel()
    await asyncio.wait({starting}, timeout=1.0)
    return False


async def _first(stop: asyncio.Event, stages: Sequence[Stage]) -> None:
    stopped = asyncio.create_task(stop.wait())
    ended = {asyncio.create_task(stage.app.wait_until_stopped()): stage for stage in stages}
    waiting: set[asyncio.Task[object]] = {stopped, *ended}
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    for task, stage in ended.items():
        if task in done and stopped not in done:
            cause = stage.app.crash_reason
            raise StageFailed(f"{stage.app_id} stopped: {cause or 'the framework ended it'}") from cause


async def _stop_all(stages: Sequence[Stage]) -> None:
    try:
        async with asyncio.timeout(SHUTDOWN_SECONDS):
            await asyncio.gather(*(stage.app.stop() for stage in stages))
    except TimeoutError as late:
        raise StageFailed(f"the stages did not stop within {SHUTDOWN_SECONDS} s") from late


def _rarely_collect_garbage() -> None:
    """Batches make and drop many values and hardly a cycle: look for cycles seldom, not in what start-up made."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_BEFORE_COLLECTION, 20, 20)


def run_worker(*stages: Stage) -> int:
    """Run stages until SIGTERM or SIGINT; the exit code is 0 after a clean stop and 1 after a failure."""
    quiet_framework_logging()
    _rarely_collect_garbage()
    teardown = _Teardown()
    code = asyncio.run(_until_signalled(stages, teardown))
    teardown.is_over()
    if any(stage.has_stuck_io() for stage in stages):
        # A commit that waits for a broker that is gone would keep the interpreter from ending. Whatever its
        # outcome, the next owner of the partition learns it from the broker.
        log.warning("leaving while a commit still waits for the broker")
        logging.shutdown()
        os._exit(code)
    return code


class _Teardown:
    """Bounds what comes after the stages: ending the event loop waits for every task, also one that refuses to end."""

    def __init__(self) -> None:
        self._leaving: threading.Timer | None = None

    def begins(self, code: int) -> None:
        """Leave the process with an exit code unless it is over in time."""
        self._leaving = threading.Timer(_TEARDOWN_SECONDS, self._leave, [code])
        self._leaving.daemon = True
        self._leaving.start()

    def is_over(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()

    @staticmethod
    def _leave(code: int) -> None:
        log.warning("leaving with tasks that do not end: whatever they had in hand is not committed")
        logging.shutdown()
        os._exit(code)


async def _until_signalled(stages: Sequence[Stage], teardown: _Teardown) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    code = 1
    try:
        await run_stages(*stages, stop=stop)
        code = 0
    except TransportError as failure:
        log.critical("%s", failure, exc_info=failure.__cause__)
    finally:
        teardown.begins(code)
    return code
