"""The tick asks again for what is overdue: once for each due time, also after a restart on the same files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from streams.agents import orchestration
from tests.agents.test_period_slices import Worker
from tests.core.builders import POLICY, START, event, signed


def test_an_unanswered_command_is_asked_once_for_each_due_time_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [START]
    monkeypatch.setattr(orchestration, "now", lambda: clock[0])
    wait = POLICY.bounds.resend_after

    def at(elapsed: dt.timedelta) -> None:
        clock[0] = START + elapsed

    second = dt.timedelta(seconds=1)
    asked = [("C1", "signed"), ("C2", "signed-2")]
    worker = Worker(tmp_path)
    first = worker.read(event("signed", signed()), event("signed-2", signed(), contract="C2"), first=0)
    assert first == asked
    at(wait - second)
    assert worker.tick() == []
    at(wait)
    assert sorted(worker.tick()) == asked
    assert worker.tick() == []
    worker.store.release()

    again = Worker(tmp_path)  # what is due is known from the files
    at(3 * wait - second)
    assert again.tick() == []
    at(3 * wait)
    assert sorted(again.tick()) == asked, "the second wait is twice the first"
    assert again.tick() == []
    again.store.release()
