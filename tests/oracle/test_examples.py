"""Every example of docs/events.md comes to what the page says, worked out here too.

The page's own test holds the product against it; here it is the calculation that is held against it, so that both are
known to mean the same by every field.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.oracle.batch import Result, calculate
from tests.oracle.cases import CONFIG
from tests.oracle.reading import Event, Json, record

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^### (.+?)$.*?^```jsonl\n(.*?)^```\n.*?^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def facts(result: Result) -> dict[str, Json]:
    """Return what an example may state of its contract."""
    (contract,) = result.contracts.values()
    revenue: dict[str, dict[str, str]] = defaultdict(dict)
    for (name, period), amount in contract.schedule_by_obligation.items():
        revenue[name][period] = f"{amount:.2f}"
    return {
        "transaction_price": f"{contract.transaction_price:.2f}",
        "allocated": {name: f"{amount:.2f}" for name, amount in contract.allocated.items()},
        "revenue": dict(revenue),
        "treatments": list(contract.treatments),
        "recognised": f"{contract.recognised:.2f}",
        "balances": {
            account: f"{amount:.2f}"
            for (entity, account, _), amount in result.balances.items()
            if entity == contract.legal_entity
        },
        "functional_balances": {account: f"{it:.2f}" for (_, account, _), it in result.functional_balances.items()},
    }


@pytest.mark.parametrize(("events", "stated"), [it[1:] for it in EXAMPLES], ids=[it[0] for it in EXAMPLES])
def test_an_example_comes_to_what_the_page_says(events: str, stated: str) -> None:
    told: list[Event] = [json.loads(line) for line in events.splitlines()]
    result = calculate(told, CONFIG)
    assert (result.rejected, result.parked, result.held) == ({}, frozenset(), frozenset())
    expected = dict(record(json.loads(stated)))
    assert expected
    if "functional_balances" in expected:
        stated_ones = record(expected["functional_balances"]).items()
        expected["functional_balances"] = {account: amount for account, amount in stated_ones if amount != "0.00"}
    found = facts(result)
    assert {name: found[name] for name in expected} == expected
