"""Whatever the delays, interleavings and repetitions: the same history has the same end, to the last posting."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from random import Random

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from streams.core.reconciliation import compare
from streams.records import CommercialEvent
from tests.core.builders import POLICY
from tests.core.histories import Stage, across_contracts, histories, with_repetitions

seeds = st.integers(0, 2**32)
SLOW = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@SLOW
@given(histories(), seeds)
def test_any_interleaving_and_repetition_ends_the_same(history: list[CommercialEvent], seed: int) -> None:
    expected = Stage().in_order(history).ending()
    random = Random(seed)
    published = with_repetitions(across_contracts(history, random), random)
    stage = Stage().shuffled(published, random)
    event(f"exceptions: {bool(expected.exceptions)}")
    ending = stage.ending()
    assert max(ending.postings.values(), default=1) == 1
    assert ending == expected


@SLOW
@given(histories(), seeds)
def test_every_input_ends_exactly_once_and_nothing_stays_open(history: list[CommercialEvent], seed: int) -> None:
    stage = Stage().shuffled(history, Random(seed))
    counts = stage.world.counts()
    assert sum(counts.values()) == stage.offered
    assert counts["pending"] == 0
    parked = sum(len(contract.parked) for contract in stage.world.contracts.values())
    assert counts["parked"] == parked
    for contract in stage.world.contracts.values():
        assert (contract.queue, contract.postings, contract.changing) == ((), (), False)


@SLOW
@given(histories(), seeds)
def test_the_books_balance_and_what_was_applied_ties_out(history: list[CommercialEvent], seed: int) -> None:
    stage = Stage().shuffled(history, Random(seed))
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in stage.ledger.balances():
        totals[row.legal_entity, row.currency] += row.balance
    assert set(totals.values()) <= {Decimal(0)}
    unsettled = {parked.event.context.contract_id for it in stage.world.contracts.values() for parked in it.parked}
    unsettled |= {exception.context.contract_id for exception in stage.world.exceptions.values()}
    for name, contract in stage.world.contracts.items():
        position = {
            row.account: row.balance for row in stage.ledger.balances(name) if row.legal_entity == contract.legal_entity
        }
        accounts = POLICY.accounts
        assert -position.get(accounts.contract_liability, Decimal(0)) == max(contract.position, Decimal(0))
        assert position.get(accounts.contract_asset, Decimal(0)) == max(-contract.position, Decimal(0))
        if name not in unsettled:
            differences = [row for row in compare(stage.world.ties[name], accounts) if row.difference]
            assert differences == []
