"""Every example of docs/events.md runs, and comes to what the page says beside it.

An example is a block ```jsonl with one event a line; the block ```json after it states facts of the dry run's document
for the one contract: those of `facts` that the example is about.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from streams.dry_run import dry_run
from tests.core.builders import CONFIGURATION

PAGE = (Path(__file__).parent.parent / "docs" / "events.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^### (.+?)$.*?^```jsonl\n(.*?)^```\n.*?^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def facts(document: dict[str, Any]) -> dict[str, Any]:
    """Return what an example may state of its contract."""
    (contract,) = document["contracts"]
    revenue: dict[str, dict[str, str]] = {}
    for month in contract["schedule"]:
        for name, amount in month["obligations"].items():
            revenue.setdefault(name, {})[month["period"]] = amount
    return {
        "transaction_price": contract["transaction_price"],
        "allocated": {item["obligation_id"]: item["allocated"] for item in contract["obligations"]},
        "revenue": revenue,
        "treatments": [change["treatment"] for change in contract["modifications"]],
        "recognised": contract["recognised"],
        "balances": {row["account"]: row["balance"] for row in document["balances"] if row["balance"] != "0.00"},
        "functional_balances": {row["account"]: row["balance"] for row in document.get("functional_balances", ())},
    }


def test_every_block_of_events_is_an_example_with_its_result() -> None:
    assert len(EXAMPLES) == PAGE.count("```jsonl\n") > 0
    assert len({title for title, _, _ in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize(("events", "stated"), [example[1:] for example in EXAMPLES], ids=[it[0] for it in EXAMPLES])
def test_an_example_runs_and_comes_to_what_the_page_says(events: str, stated: str) -> None:
    document = dry_run(events.splitlines(), CONFIGURATION)
    assert not document["exceptions"], [item["message"] for item in document["exceptions"]]
    assert not document["waiting"]
    expected = json.loads(stated)
    assert expected
    found = facts(document)
    assert {name: found[name] for name in expected} == expected
