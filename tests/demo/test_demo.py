"""`tieout demo` as a user runs it: as a process, on the embedded broker, with a data folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from streams.demo.scenario import EARLY_INVOICE
from streams.embedded.process import LOOPBACK, free_port, listens, wait_until
from streams.shipped import shipped

pytestmark = [pytest.mark.embedded, pytest.mark.slow]

SECONDS = 180.0


class Demo:
    """The command line with an environment in which nothing of the caller's settings is left."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.api, self.metrics = free_port(), free_port()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TIEOUT_")} | {
            "TIEOUT_DATA_DIR": str(folder / "data"),
            "TIEOUT_API_PORT": str(self.api),
            "TIEOUT_METRICS_PORT": str(self.metrics),
            "COLUMNS": "200",
            **settings,
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a tieout command to its end."""
        return subprocess.run(
            command(*arguments), env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    @contextmanager
    def started(self, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """Start a tieout command; gives the process and the file with its output."""
        output = self.folder / "output"
        with output.open("wb") as out:
            process = subprocess.Popen(
                command(*arguments), env=self.environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                yield process, output
            finally:
                if process.poll() is None:
                    process.terminate()
                process.wait(60)

    def assert_nothing_is_left(self) -> None:
        """Neither API nor metrics nor broker listen any more."""
        assert not (self.folder / "data" / "embedded-broker.address").exists()
        for port in (self.api, *range(self.metrics, self.metrics + 4)):
            assert not listens(f"{LOOPBACK}:{port}"), f"something still listens on {port}"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "streams", *arguments]


def test_the_demo_ties_out_by_itself_and_leaves_nothing_running(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    ended = demo.run("demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    assert "TIED OUT after" in ended.stdout
    assert "NOT TIED OUT" not in ended.stdout
    assert "✗" not in ended.stdout
    assert "parked: version 2 is not in force in revenue recognition; version 1 is" in ended.stdout
    assert "422 Events are invalid" in ended.stdout
    demo.assert_nothing_is_left()


def test_a_demo_that_is_kept_can_be_looked_into_and_stops_when_told(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    with demo.started("demo", "--keep") as (process, output):
        wait_until(
            lambda: process.poll() is not None or "In another terminal" in output.read_text(encoding="utf-8"),
            seconds=SECONDS,
            what="the demo is left running",
        )
        assert process.poll() is None, output.read_text(encoding="utf-8")
        shown = demo.run("status", "C-KESTREL", "--json")
        assert shown.returncode == 0, shown.stderr
        assert_the_early_invoice_waited_and_was_posted_once(json.loads(shown.stdout))
        assert "Revenue schedule, USD" in demo.run("status", "C-KESTREL").stdout
        assert demo.run("status", "C-NOBODY").returncode == 1
        again = demo.run("demo")
        assert again.returncode == 1
        assert "an embedded broker runs" in again.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, output.read_text(encoding="utf-8")
    demo.assert_nothing_is_left()


def assert_the_early_invoice_waited_and_was_posted_once(document: dict[str, object]) -> None:
    timeline = document["timeline"]
    assert isinstance(timeline, list)
    (story,) = (story for story in timeline if story["event"]["event_id"] == EARLY_INVOICE)
    (wait,) = story["waits"]
    assert wait["since"] < wait["until"]
    (posted,) = story["postings"]
    assert posted["document_number"].startswith("ACME-US-2026-")
    (amendment,) = (story for story in timeline if "ContractAmended" in story["event"]["body"])
    (acknowledged,) = amendment["revenue"]
    assert acknowledged["body"]["RevenueAccepted"]["treatment"] == "PROSPECTIVE"
    assert acknowledged["answered_at"] <= wait["until"] <= posted["ack"]["answered_at"]
    assert document["variances"] == [] or all(found["difference"] == "0.00" for found in document["variances"])  # type: ignore[attr-defined]


def test_an_event_that_ends_otherwise_than_expected_fails_the_demo_and_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(shipped("config"), config)
    policies = config / "policies.yaml"
    text = policies.read_text(encoding="utf-8")
    assert "amendment_price_change_over: null" in text
    policies.write_text(text.replace("amendment_price_change_over: null", "amendment_price_change_over: 1"))
    demo = Demo(tmp_path, TIEOUT_CONFIG=str(config))
    ended = demo.run("demo")
    assert ended.returncode == 1
    assert "an exception that the story does not have: APPROVAL_NEEDED on C-OSPREY" in ended.stdout
    assert "TIED OUT" not in ended.stdout
    demo.assert_nothing_is_left()


def test_an_account_that_the_configuration_lacks_fails_the_demo(tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(shipped("config"), config)
    tax = config / "tax.yaml"
    lines = tax.read_text(encoding="utf-8").splitlines(keepends=True)
    tax.write_text("".join(line for line in lines if "US-CA:" not in line), encoding="utf-8")
    ended = Demo(tmp_path, TIEOUT_CONFIG=str(config)).run("demo")
    assert ended.returncode == 1
    assert "the API answered 422, expected 202" in ended.stdout
    assert "US-CA" in ended.stdout


def test_a_process_that_ends_stops_the_demo_and_shows_its_log(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    with ThreadingHTTPServer((LOOPBACK, demo.api), BaseHTTPRequestHandler) as other:
        serving = threading.Thread(target=other.serve_forever)
        serving.start()
        try:
            ended = demo.run("demo")
        finally:
            other.shutdown()
            serving.join()
    assert ended.returncode == 1
    assert "api ended with exit code" in ended.stdout
    assert "address already in use" in ended.stdout
    demo.assert_nothing_is_left()


def test_a_demo_that_is_told_to_stop_in_the_middle_stops_everything(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    with demo.started("demo") as (process, output):
        wait_until(
            lambda: process.poll() is not None or "Three contracts are signed" in output.read_text(encoding="utf-8"),
            seconds=SECONDS,
            what="the demo plays",
        )
        assert process.poll() is None, output.read_text(encoding="utf-8")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130, output.read_text(encoding="utf-8")
    demo.assert_nothing_is_left()
