"""Approvals: a change that needs one waits for it, visibly, while the contract goes on with the version in force."""

from __future__ import annotations

from decimal import Decimal

import pytest

from streams.records import (
    AuditAction,
    ContractAmended,
    ContractRenewed,
    ContractState,
    ExceptionState,
    LineChange,
    OperatorAction,
    ProcessingStatus,
    RootCause,
)
from tests.core.builders import added, event, invoice, line, policy, signed, terminated, upgraded
from tests.core.desk import Desk

WAITING = ProcessingStatus.AWAITING_APPROVAL
APPROVE, REJECT = OperatorAction.APPROVE, OperatorAction.REJECT


def test_a_change_that_the_parties_have_not_approved_waits_and_is_told_to_its_owner() -> None:
    desk = Desk().sign()
    desk.arrive(event("upgrade", upgraded(approved=False), version=2))
    assert (desk.status("upgrade"), desk.contract.state) == (WAITING, ContractState.AWAITING_APPROVAL)
    (item,) = desk.exceptions
    assert (item.root_cause, item.state) == (RootCause.APPROVAL_NEEDED, ExceptionState.WAITING_APPROVAL)
    assert desk.later(days=365) == ()
    assert desk.parked == ["upgrade"]


def test_the_version_in_force_goes_on_meanwhile() -> None:
    desk = Desk().sign()
    desk.arrive(event("upgrade", upgraded(approved=False), version=2))
    desk.arrive(event("bill", invoice("I1"), version=1))
    desk.settle()
    assert desk.status("bill") is ProcessingStatus.POSTED


def test_an_approved_change_is_applied_once_and_what_waited_for_it_follows() -> None:
    desk = Desk().sign()
    desk.arrive(event("upgrade", upgraded(approved=False), version=2))
    desk.arrive(event("bill", invoice("I1"), version=2))
    desk.ask(APPROVE, "upgrade")
    assert desk.ask(APPROVE, "upgrade") == ()
    desk.settle()
    assert (desk.contract.version, desk.status("bill")) == (2, ProcessingStatus.POSTED)
    assert desk.ask(APPROVE, "upgrade") == ()
    assert desk.ask(REJECT, "upgrade") == ()
    assert desk.contract.approved == ()
    assert AuditAction.APPROVED in desk.actions("upgrade")


def test_a_rejected_change_is_refused_and_blocks_nothing() -> None:
    desk = Desk().sign()
    desk.arrive(event("upgrade", upgraded(approved=False), version=2, source="crm", sequence=1))
    desk.arrive(event("other", upgraded("1500.00"), version=2, source="crm", sequence=2))
    assert desk.parked == ["upgrade", "other"]
    desk.ask(REJECT, "upgrade")
    desk.settle()
    assert (desk.status("upgrade"), desk.status("other")) == (ProcessingStatus.REFUSED, ProcessingStatus.POSTED)
    assert desk.contract.version == 2
    assert desk.actions("upgrade")[-1] is AuditAction.DISAPPROVED


def test_an_approval_given_while_another_change_is_in_flight_counts_after_it() -> None:
    desk = Desk().sign()
    desk.arrive(event("third", upgraded("3000.00", approved=False), version=3))
    desk.arrive(event("second", upgraded("2000.00"), version=2))
    desk.ask(APPROVE, "third")
    desk.settle()
    assert (desk.contract.version, desk.status("third")) == (2, WAITING)
    desk.ask(APPROVE, "third")
    desk.settle()
    assert desk.contract.version == 3


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        (added(line("L2", "1000.00")), False),
        (added(line("L2", "1000.01")), True),
        (ContractAmended(changed_lines=(LineChange(line_id="L1", price=Decimal(1001), ssp=Decimal(1001)),)), True),
        (ContractAmended(removed_lines=("L1",)), False),
    ],
)
def test_a_change_over_the_limit_waits(change: ContractAmended, waits: bool) -> None:
    desk = Desk(policy(amendment_over="1000")).sign()
    desk.arrive(event("change", change, version=2))
    assert (desk.parked == ["change"]) is waits


def test_terminations_wait_where_the_policy_says_so() -> None:
    for rule in (False, True):
        desk = Desk(policy(terminations_wait=rule)).sign()
        desk.arrive(event("end", terminated("100.00"), version=2, on="2026-06-30"))
        assert (desk.parked == ["end"]) is rule


def test_an_unapproved_renewal_waits() -> None:
    desk = Desk().sign()
    term = line("L2", start="2027-01-01", end="2027-12-31")
    desk.arrive(event("renewal", ContractRenewed(lines=(term,), approved=False), version=2))
    assert desk.parked == ["renewal"]


def test_only_what_waits_for_approval_can_be_approved_or_rejected() -> None:
    desk = Desk()
    desk.arrive(event("bill", invoice("I1")))
    assert desk.ask(APPROVE, "bill") == ()
    assert desk.ask(REJECT, "bill") == ()
    assert desk.parked == ["bill"]
    desk.arrive(event("signed", signed()))
