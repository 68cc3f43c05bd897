"""The verdict is 'tied out' only when every promise was kept; each broken promise is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec.structs import replace as changed

from connectors.protocols import AccountBalance
from streams.config import load_configuration
from streams.demo.scenario import AMENDMENT, CONTRACTS, EARLY_INVOICE, KESTREL, PAID_TWICE, Outcome, steps
from streams.demo.verdict import Evidence, checks, three_way
from streams.records import AuditAction, AuditRecord, ContractStatus
from streams.shipped import shipped
from streams.timeline import ContractHistory, Kept
from tests.demo.played import Played, play

CONFIGURATION = load_configuration(shipped("config"))
OUTCOMES = [outcome for step in steps() for outcome in step.outcomes]


@pytest.fixture(scope="module")
def played() -> Played:
    return play(CONFIGURATION)


@pytest.fixture(scope="module")
def evidence(played: Played) -> Evidence:
    histories = {source.contract_id: played.history(source.contract_id) for source in CONTRACTS}
    return Evidence(
        histories=histories,
        booked=[(posting.command_id, posting.event_id) for posting in played.ledger.postings],
        ties={name: tied(played, name, played.ledger.balances(name)) for name in histories},
    )


def tied(played: Played, contract_id: str, balances: list[AccountBalance]) -> list:  # type: ignore[type-arg]
    accounts = CONFIGURATION.policy.accounts
    return three_way(played.history(contract_id), played.revenue.position(contract_id), balances, accounts)


def broken(evidence: Evidence) -> dict[str, tuple[str, ...]]:
    return {check.promise: check.faults for check in checks(evidence, OUTCOMES) if not check.kept}


def without(evidence: Evidence, drop: Callable[[Kept], bool]) -> Evidence:  # type: ignore[type-arg]
    history = evidence.histories[KESTREL.contract_id]
    left = ContractHistory(history.contract_id, tuple(kept for kept in history.records if not drop(kept)))
    return replace(evidence, histories={**evidence.histories, KESTREL.contract_id: left})


def is_step(kept: Kept, event_id: str, action: AuditAction) -> bool:  # type: ignore[type-arg]
    record = kept.record
    return isinstance(record, AuditRecord) and (record.event_id, record.action) == (event_id, action)


def test_the_whole_story_ties_out(evidence: Evidence) -> None:
    assert broken(evidence) == {}


@pytest.mark.parametrize("event_id", [EARLY_INVOICE, PAID_TWICE])
@pytest.mark.parametrize("times", [0, 2])
def test_a_posting_that_is_missing_or_booked_twice_is_found(evidence: Evidence, event_id: str, times: int) -> None:
    (entry,) = (entry for entry in evidence.booked if entry[1] == event_id)
    booked = [other for other in evidence.booked if other != entry] + [entry] * times
    faults = broken(replace(evidence, booked=booked))
    assert len(faults) == 2
    assert "every posting is in the ledger exactly once" in faults
    assert any(f"{event_id} has {times} entries in the ledger, expected one" in found for found in faults.values())


def test_an_entry_that_nothing_released_is_found(evidence: Evidence) -> None:
    faults = broken(replace(evidence, booked=[*evidence.booked, ("stray", "")]))
    assert faults == {"every posting is in the ledger exactly once": ("entry of command stray was never released",)}


def test_an_early_invoice_that_was_not_parked_is_found(evidence: Evidence) -> None:
    faults = broken(without(evidence, lambda kept: is_step(kept, EARLY_INVOICE, AuditAction.PARKED)))
    assert len(faults) == 2
    assert "the invoice that came early waited for its amendment's acknowledgment and was posted once" in faults


def test_an_early_invoice_that_overtook_its_amendment_is_found(evidence: Evidence) -> None:
    history = evidence.histories[KESTREL.contract_id]
    (released,) = (kept for kept in history.records if is_step(kept, EARLY_INVOICE, AuditAction.RELEASED))
    records = [kept for kept in history.records if kept is not released]
    before = next(n for n, kept in enumerate(records) if is_step(kept, AMENDMENT, AuditAction.REVENUE_ACCEPTED))
    records.insert(before, released)
    overtaken = ContractHistory(history.contract_id, tuple(records))
    faults = broken(replace(evidence, histories={**evidence.histories, KESTREL.contract_id: overtaken}))
    assert list(faults) == ["the invoice that came early waited for its amendment's acknowledgment and was posted once"]


def test_a_duplicate_that_was_not_recognised_is_found(evidence: Evidence) -> None:
    faults = broken(without(evidence, lambda kept: is_step(kept, PAID_TWICE, AuditAction.DUPLICATE)))
    assert "the payment that came twice was recognised and posted once" in faults


def test_a_contract_without_a_status_or_with_work_left_is_found(evidence: Evidence) -> None:
    promise = "nothing is parked or waits for an answer"
    faults = broken(without(evidence, lambda kept: isinstance(kept.record, ContractStatus)))
    assert faults[promise] == ("C-KESTREL has no status",)
    history = evidence.histories[KESTREL.contract_id]
    assert history.status is not None
    busy = Kept("", 0, 10_000, history.records[0].at, changed(history.status, postings_pending=1))
    waiting = ContractHistory(history.contract_id, (*history.records, busy))
    faults = broken(replace(evidence, histories={**evidence.histories, KESTREL.contract_id: waiting}))
    assert faults[promise] == ("C-KESTREL: 0 revenue commands and 1 postings without an answer",)


def test_a_cent_of_difference_is_found_and_named(played: Played, evidence: Evidence) -> None:
    balances = played.ledger.balances(KESTREL.contract_id)
    receivable = CONFIGURATION.policy.accounts.receivable
    off = [
        replace(row, balance=row.balance + (Decimal("0.01") if row.account == receivable else 0)) for row in balances
    ]
    ties = {**evidence.ties, KESTREL.contract_id: tied(played, KESTREL.contract_id, off)}
    (fault,) = broken(replace(evidence, ties=ties))["billing, revenue and ERP tie out"]
    assert fault.startswith("C-KESTREL, receivable of ACME-US: billing says 1648.86")


def test_a_revenue_platform_that_does_not_know_the_contract_is_found(played: Played) -> None:
    history = played.history(KESTREL.contract_id)
    balances = played.ledger.balances(KESTREL.contract_id)
    rows = three_way(history, None, balances, CONFIGURATION.policy.accounts)
    assert {row.measure.value for row in rows if row.difference} == {"BILLED", "RECOGNISED"}


def test_an_event_that_did_not_end_as_expected_is_found(evidence: Evidence) -> None:
    missing = Outcome(KESTREL.contract_id, "nobody:sent-this", AuditAction.POSTED)
    (check, *_) = checks(evidence, [*OUTCOMES, missing])
    assert check.faults == ("nobody:sent-this on C-KESTREL: POSTED is not on the audit trail",)
