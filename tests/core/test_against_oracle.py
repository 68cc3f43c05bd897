"""The ledger equals an independent batch calculation to the cent, whatever the delays between the systems are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from streams.codec.json_events import event_from_json
from streams.codec.json_text import parse
from streams.core.reconciliation import compare
from streams.records import CommercialEvent
from tests.core.builders import POLICY
from tests.core.histories import Stage
from tests.oracle.batch import Result, calculate
from tests.oracle.disturbance import Disturbance
from tests.oracle.generator import History, generate_history

CONFIG = Path(__file__).parents[2] / "config"
WILD = Disturbance(duplicates=0.15, early=1.0, swaps=0.3, late=0.2)


def read(history: History) -> list[CommercialEvent]:
    return [event_from_json(parse(json.dumps(event))) for event in history.events]


def run(history: History, random: Random | None) -> Stage:
    """Run a history: in order, or at random up to the last closes, which come when all has settled."""
    stage, events = Stage(), read(history)
    if random is None:
        return stage.in_order(events)
    last = len(events) - history.last_closes
    return stage.shuffled(events[:last], random, repeat=0.1).shuffled(events[last:], random, repeat=0.1)


def differences(stage: Stage, expected: Result) -> dict[object, object]:
    """Return every balance, and every contract's state, that differs from the batch calculation."""
    found: dict[object, object] = {}
    balances = {(it.legal_entity, it.account, it.currency): it.balance for it in stage.ledger.balances()}
    for key in sorted({*balances, *expected.balances}):
        if balances.get(key, 0) != expected.balances.get(key, 0):
            found[key] = (balances.get(key), expected.balances.get(key))
    for name, wanted in expected.contracts.items():
        contract = stage.world.contracts[name]
        ends = (contract.version, contract.billed, contract.recognised)
        if ends != (wanted.version, wanted.billed, wanted.recognised):
            found[name] = (ends, wanted)
        found |= {
            (name, row.measure): row for row in compare(stage.world.ties[name], POLICY.accounts) if row.difference
        }
    return found


@pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("seed", range(30))
def test_the_ledger_equals_the_batch_calculation(seed: int, shuffled: bool) -> None:
    history = generate_history(seed, 10, 330, WILD, reopened=True)
    stage = run(history, Random(seed) if shuffled else None)
    assert differences(stage, calculate(history.events, CONFIG)) == {}
    counts = stage.world.counts()
    assert counts["posted"] == len({event["event_id"] for event in history.events})
    assert counts["duplicate"] + counts["posted"] == stage.offered


@pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("seed", range(10))
def test_the_ledger_equals_the_batch_calculation_of_credits_minimums_options_and_corrected_contracts(
    seed: int, shuffled: bool
) -> None:
    history = generate_history(seed, 10, 430, WILD, reopened=True, wider=True)
    stage = run(history, Random(seed) if shuffled else None)
    assert differences(stage, calculate(history.events, CONFIG)) == {}
    assert stage.world.counts()["posted"] == len({event["event_id"] for event in history.events})


@pytest.mark.parametrize("wider", [False, True], ids=["plain", "wider"])
@pytest.mark.parametrize("seed", range(12))
def test_the_functional_ledger_equals_the_batch_calculation_where_contracts_are_in_another_currency(
    seed: int, wider: bool
) -> None:
    history = generate_history(seed, 8, 330, WILD, reopened=True, wider=wider, foreign=True)
    stage, expected = run(history, None), calculate(history.events, CONFIG)
    assert differences(stage, expected) == {}
    rows = stage.ledger.functional_balances()
    found = {(row.legal_entity, row.account, row.currency): row.balance for row in rows if row.balance}
    assert found == expected.functional_balances
    assert {POLICY.accounts.fx_gain, POLICY.accounts.fx_loss} <= {account for _, account, _ in found}


@pytest.mark.parametrize("seed", range(100, 106))
def test_what_can_never_be_applied_is_told_apart_and_disturbs_nothing(seed: int) -> None:
    history = generate_history(seed, 10, 400, Disturbance(broken=0.08))
    stage = run(history, Random(seed))
    result = calculate(history.events, CONFIG)
    balances = {(it.legal_entity, it.account, it.currency): it.balance for it in stage.ledger.balances() if it.balance}
    assert balances == result.balances
    counts = stage.world.counts()
    assert (counts["parked"], counts["exception"]) == (len(result.parked), len(result.rejected))
    causes = Counter(exception.root_cause for exception in stage.world.exceptions.values())
    assert sum(causes.values()) == len(result.rejected)
