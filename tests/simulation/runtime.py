"""A simulated process: an event loop on virtual time, and blocking calls that stop wherever they talk to the outside.

The product's coroutines run on `VirtualLoop`, and what it hands to a thread runs as a greenlet that gives way at every
`point`. Whoever schedules the processes decides which of them goes on, and whether one goes on at all.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
from asyncio import events
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]


class Process:
    """What runs and dies together."""

    def __init__(self, name: str, time: Callable[[], float]) -> None:
        self.name = name
        self.dead = False
        self.loop = VirtualLoop(self, time)
        self.jobs: list[Job] = []
        self.unexpected: list[BaseException] = []

    def run_loop(self) -> None:
        """Run callbacks until none is ready."""
        global _here
        loop, _here = self.loop, self
        events._set_running_loop(loop)
        try:
            while loop.ready and not self.dead:
                loop.ready.popleft()._run()
            loop.unstarted.clear()
        finally:
            events._set_running_loop(None)
            _here = None

    def run_job(self, job: Job) -> None:
        """Let a blocking call go on to its next point, or to its end."""
        global _here
        _here = self
        try:
            job.label = job.thread.switch()
        finally:
            _here = None
        if job.thread.dead:
            self.jobs.remove(job)

    def kill(self) -> None:
        """End the process where it is."""
        self.dead = True
        self.jobs.clear()
        self.loop.ready.clear()
        for work in self.loop.unstarted:
            if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
                work.close()
        self.loop.unstarted.clear()


class Job:
    """A blocking call in a thread; `label` tells what it is about to do."""

    __slots__ = ("_future", "_work", "label", "thread")

    def __init__(self, work: Callable[[], object], future: asyncio.Future[Any]) -> None:
        self._work = work
        self._future = future
        self.label = "thread starts"
        self.thread = greenlet(self._run)

    def _run(self) -> str:
        try:
            result = self._work()
        except Exception as error:  # noqa: BLE001 - belongs to whoever waits for the call
            if not self._future.done():
                self._future.set_exception(error)
        else:
            if not self._future.done():
                self._future.set_result(result)
        return "thread ends"


_here: Process | None = None


def here() -> Process:
    """Return the process whose code is running."""
    assert _here is not None, "called from outside of the simulated processes"
    return _here


def point(process: Process, label: str) -> None:
    """In a blocking call: give way before talking to the outside. `label` says what comes next."""
    if not process.dead:
        getcurrent().parent.switch(label)


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop that somebody else turns."""

    def __init__(self, process: Process, time: Callable[[], float]) -> None:
        super().__init__()
        self._process = process
        self._virtual_time = time
        self.ready = self._ready  # type: ignore[attr-defined]  # BaseEventLoop's queue of callbacks
        self.timers = self._scheduled  # type: ignore[attr-defined]  # and its heap of timers

        self.unstarted: list[Coroutine[Any, Any, Any]] = []
        """Of tasks that may not have begun: what is never awaited must be closed."""

    def time(self) -> float:
        return self._virtual_time()

    def create_task(self, coro: Any, **more: Any) -> asyncio.Task[Any]:
        self.unstarted.append(coro)
        return super().create_task(coro, **more)

    def run_in_executor(  # type: ignore[override]  # the type of the result does not matter here
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self.create_future()
        self._process.jobs.append(Job(partial(func, *args), future))
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not self._process.dead and isinstance(error, Exception):
            self._process.unexpected.append(error)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are dropped when they are due."""

    def next_timer(self) -> float | None:
        """Return when the next timer is due."""
        return min((it.when() for it in self.timers if not it.cancelled()), default=None)

    def fire_timers(self) -> None:
        """Make the timers ready that are due."""
        now = self.time()
        due = sorted(it for it in self.timers if it.when() <= now)
        for timer in due:
            self.timers.remove(timer)
            if not timer.cancelled():
                self.ready.append(timer)

    def __del__(self) -> None:
        """There is nothing to close."""


def collect_less_often() -> None:
    """What dies leaves cycles behind by the thousand; looking for them at the usual pace costs a quarter more."""
    gc.set_threshold(20_000, 20, 100)
