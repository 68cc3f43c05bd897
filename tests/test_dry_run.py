"""The dry run: a file of events in, one document out, the same as production would do, and nothing posted anywhere.

`golden/dry_run.json` is what `tieout simulate tests/golden/dry_run.events.jsonl` prints; its figures can be added up
by hand: 1,200 a year, 1,800 from July on (so 200 a month), usage of 45 in February.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams.dry_run import dry_run
from tests.core.builders import CONFIGURATION

GOLDEN = Path(__file__).parent / "golden"
HISTORY = (GOLDEN / "dry_run.events.jsonl").read_text(encoding="utf-8").splitlines()


def run(lines: list[str]) -> dict[str, Any]:
    printed: dict[str, Any] = json.loads(json.dumps(dry_run(lines, CONFIGURATION)))
    return printed


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return run(HISTORY)


@pytest.mark.parametrize("part", ["contracts", "waiting", "postings", "balances", "exceptions", "counts"])
def test_the_document_is_as_worked_out_by_hand(document: dict[str, Any], part: str) -> None:
    golden = json.loads((GOLDEN / "dry_run.json").read_text(encoding="utf-8"))
    assert document[part] == golden[part]
    assert set(document) == set(golden)


def test_every_line_ends_exactly_once(document: dict[str, Any]) -> None:
    counts = dict(document["counts"])
    assert counts.pop("events") == len(HISTORY)
    assert sum(counts.values()) == len(HISTORY)
    assert counts["pending"] == 0


def test_the_early_invoice_is_posted_once_after_its_amendment(document: dict[str, Any]) -> None:
    descriptions = [posting["description"] for posting in document["postings"]]
    assert descriptions.count("Invoice INV-3") == 1
    assert descriptions.index("Invoice INV-3") > descriptions.index("Revenue 2026-06")


def test_an_event_of_another_transaction_under_a_known_id_ends_as_an_exception_beside_the_first_one() -> None:
    paid = next(line for line in HISTORY if "PaymentReceived" in line)
    other = json.loads(paid)
    other["context"]["source_system"] = "another"
    before, after = run(HISTORY), run([*HISTORY, json.dumps(other)])
    assert after["counts"]["exception"] == before["counts"]["exception"] + 1
    assert after["counts"]["posted"] == before["counts"]["posted"]
    assert after["postings"] == before["postings"]
    (raised,) = [it for it in after["exceptions"] if it not in before["exceptions"]]
    assert "publish it under another event id" in raised["message"]


def test_the_same_file_gives_the_same_document(document: dict[str, Any]) -> None:
    assert run(HISTORY) == document


def test_empty_lines_are_no_events_and_an_empty_file_is_an_empty_document() -> None:
    assert run(["", "  ", "\n"]) == {
        "contracts": [],
        "waiting": [],
        "postings": [],
        "balances": [],
        "exceptions": [],
        "counts": dict.fromkeys(("events", "posted", "parked", "exception", "duplicate", "refused", "pending"), 0),
    }


def test_a_line_that_cannot_be_read_is_refused_by_number_and_the_rest_goes_on() -> None:
    document = run(["[]", HISTORY[0], '{"event_id": 7}'])
    assert [item["event_id"] for item in document["exceptions"]] == ["line 1", "line 3"]
    assert (document["counts"]["refused"], document["counts"]["posted"]) == (2, 1)
    assert all(item["message"].startswith(item["event_id"]) for item in document["exceptions"])
