"""Every example of docs/events.md, told of an entity whose books are in another currency: the ledger is as calculated.

The page has one of each kind of event and term, financing among them, which no drawn history has.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from streams.codec.json_events import event_from_json
from streams.codec.json_text import parse
from streams.core.rates import DatedRates, ExchangeRates
from tests.core.builders import POLICY
from tests.core.histories import Stage
from tests.oracle.batch import calculate_with
from tests.oracle.cases import CONFIG
from tests.oracle.chart import read_chart
from tests.oracle.rates import Rates
from tests.oracle.test_examples import EXAMPLES

DAYS = [dt.date(2020 + month // 12, month % 12 + 1, 1) for month in range(180)]
RATES = [Decimal(80 + month * 7 % 31) / 100 for month in range(180)]
EUROS = ("USD", "EUR")
TOLD = [(name, events) for name, events, _ in EXAMPLES if '"legal_entity": "ACME-US"' in events]


@pytest.mark.parametrize("events", [events for _, events in TOLD], ids=[name for name, _ in TOLD])
def test_an_example_abroad_comes_to_what_the_calculation_says(events: str) -> None:
    swapped = events.replace("ACME-DE", "ACME-JP").replace("ACME-US", "ACME-DE")
    told = [json.loads(line) for line in swapped.splitlines()]
    table = {day.toordinal(): Fraction(rate) for day, rate in zip(DAYS, RATES, strict=True)}
    yen = {day.toordinal(): Fraction(rate) * 160 for day, rate in zip(DAYS, RATES, strict=True)}
    rates = Rates(31, {EUROS: table, ("USD", "JPY"): yen})
    expected = calculate_with(told, replace(read_chart(CONFIG), rates=rates))
    pairs = {
        EUROS: DatedRates(tuple(DAYS), tuple(RATES)),
        ("USD", "JPY"): DatedRates(tuple(DAYS), tuple(rate * 160 for rate in RATES)),
    }
    stage = Stage(replace(POLICY, rates=ExchangeRates(31, pairs)))
    stage.in_order([event_from_json(parse(json.dumps(event))) for event in told])
    assert (expected.rejected, expected.parked, stage.world.exceptions) == ({}, frozenset(), {})
    rows = stage.ledger.functional_balances()
    found = {(row.legal_entity, row.account, row.currency): row.balance for row in rows if row.balance}
    assert found == expected.functional_balances
