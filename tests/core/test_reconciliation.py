"""Reconciliation: each system added up from its own words, differences told when they come and when they end."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from msgspec.structs import replace

from streams.core.reconciliation import Tie, billed, booked, compare, orchestrated, ready, recognised, reconcile
from streams.core.status import contract_status
from streams.records import (
    AccountingTreatment,
    CommercialEvent,
    ErpPosting,
    JournalLine,
    PostingAccepted,
    ReconciledMeasure,
    ReconciliationOutcome,
    RevenueAccepted,
    RevenueCommand,
)
from tests.core.builders import POLICY, START, credit, event, invoice, payment, refund, signed
from tests.core.builders import billed as document_line
from tests.core.desk import NO, Desk

ACCOUNTS, ZERO = POLICY.accounts, Decimal(0)
EMPTY = Tie(contract_id="C1")
PATIENCE = dt.timedelta(seconds=60)


def differences(tie: Tie) -> dict[str, Decimal]:
    return {row.measure.value: row.difference for row in compare(tie, ACCOUNTS) if row.difference}


def of(*events: CommercialEvent) -> Tie:
    tie = EMPTY
    for arrived in events:
        tie = billed(tie, arrived, START)
    return tie


TAXED = document_line("100.00", taxes=[("US-CA", "8.00")])


def test_what_billing_says_is_net_tax_and_receivable() -> None:
    tie = of(
        event("bill", invoice("I1", TAXED)),
        event("credit", credit("N1", document_line("10.00", taxes=[("US-CA", "0.80")]))),
        event("pay", payment("P1", "I1", "90.00")),
        event("back", refund("R1", "I1", "5.00")),
        event("signed", signed()),
    )
    assert (tie.billed, tie.tax, tie.receivable) == (Decimal("90.00"), Decimal("7.20"), Decimal("12.20"))


def test_a_correction_replaces_what_it_corrects_whichever_comes_first() -> None:
    original = event("bill", invoice("I1", TAXED))
    correction = event("fix", invoice("I1", document_line("70.00")), supersedes="T-bill")
    again = event("fix2", invoice("I1", document_line("60.00")), supersedes="T-fix")
    for order in ([original, correction, again], [again, correction, original], [correction, again, original]):
        tie = of(*order)
        assert [tie.billed, tie.tax, tie.receivable] == [60, 0, 60]
        assert list(tie.transactions) == ["T-fix2"]


def test_a_variance_is_told_when_it_comes_when_it_changes_and_when_it_ends() -> None:
    tie = of(event("bill", invoice("I1", TAXED)))
    tie, told = reconcile(tie, ACCOUNTS, ZERO, START)
    assert {it.measure: it.difference for it in told} == {
        ReconciledMeasure.BILLED: 100,
        ReconciledMeasure.TAX: 8,
        ReconciledMeasure.RECEIVABLE: 108,
    }
    assert {it.context.reconciliation_outcome for it in told} == {ReconciliationOutcome.VARIANCE}
    tie, again = reconcile(tie, ACCOUNTS, ZERO, START)
    assert again == ()
    answer = RevenueAccepted(
        treatment=AccountingTreatment.NOT_A_MODIFICATION,
        currency="USD",
        transaction_price=Decimal(1200),
        billed_total=Decimal(100),
        recognised_total=ZERO,
    )
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1", TAXED)))
    desk.settle()
    (posting,) = desk.sent(ErpPosting)
    tie = recognised(tie, answer, posting.context, START)
    tie = booked(
        tie, PostingAccepted(document_number="1", period="2026-01", lines=posting.body.lines), "ACME-US", START
    )
    tie, ended = reconcile(tie, ACCOUNTS, ZERO, START)
    assert {it.measure: it.difference for it in ended} == {
        ReconciledMeasure.BILLED: 0,
        ReconciledMeasure.TAX: 0,
        ReconciledMeasure.RECEIVABLE: 0,
    }
    assert {it.context.reconciliation_outcome for it in ended} == {ReconciliationOutcome.TIED_OUT}
    assert {it.variance_id for it in ended} == {it.variance_id for it in told}
    assert (tie.told, differences(tie)) == ({}, {})


def test_a_difference_within_the_tolerance_ties_out() -> None:
    _, told = reconcile(of(event("bill", invoice("I1", TAXED))), ACCOUNTS, Decimal(108), START)
    assert told == ()


def test_the_performing_entitys_revenue_is_compared_in_its_own_books() -> None:
    tie = Tie(contract_id="C1", legal_entity="ACME-US", revenue_recognised={"ACME-DE": Decimal(5)})
    by_entity = {(row.measure, row.legal_entity): row.difference for row in compare(tie, ACCOUNTS) if row.difference}
    assert by_entity == {
        (ReconciledMeasure.RECOGNISED, "ACME-DE"): 5,
        (ReconciledMeasure.CONTRACT_POSITION, "ACME-US"): -5,
    }


def test_the_functional_balance_of_an_entity_must_net_to_zero() -> None:
    def lines(debit: str, credit: str) -> PostingAccepted:
        bill = JournalLine(account="1100", debit=Decimal(10), credit=ZERO, functional_debit=Decimal(debit))
        earned = JournalLine(account="2100", debit=ZERO, credit=Decimal(10), functional_credit=Decimal(credit))
        return PostingAccepted(document_number="1", period="2026-01", lines=(bill, earned))

    tie = Tie(contract_id="C1", legal_entity="ACME-DE", currency="USD", billed=Decimal(10), receivable=Decimal(10))
    tie = replace(tie, revenue_billed=Decimal(10))
    agreed = booked(tie, lines("9.00", "9.00"), "ACME-DE", START)
    assert reconcile(agreed, ACCOUNTS, ZERO, START, {"ACME-DE": "EUR"})[1] == ()
    (variance,) = reconcile(
        booked(tie, lines("9.00", "8.99"), "ACME-DE", START), ACCOUNTS, ZERO, START, {"ACME-DE": "EUR"}
    )[1]
    assert (variance.measure, variance.legal_entity) == (ReconciledMeasure.FUNCTIONAL_BALANCE, "ACME-DE")
    assert (variance.currency, variance.difference) == ("EUR", Decimal("0.01"))


def test_a_contract_is_compared_when_all_that_was_read_belongs_to_one_moment() -> None:
    desk = Desk().sign()
    bill = event("bill", invoice("I1"))
    desk.arrive(bill)
    tie = billed(EMPTY, bill, START, 1)
    for command in desk.sent(RevenueCommand):
        answer = desk.revenue.execute([command])[0]
        assert isinstance(answer, RevenueAccepted)
        tie = recognised(tie, answer, command.context, START)
    assert not ready(tie, START, PATIENCE, 1)
    tie = orchestrated(tie, contract_status(desk.contract, START), START)
    assert not ready(tie, START, PATIENCE, 1)
    desk.settle()
    (posting,) = desk.postings
    tie = orchestrated(tie, contract_status(desk.contract, START), START)
    assert not ready(tie, START, PATIENCE, 1)
    tie = booked(
        tie, PostingAccepted(document_number="1", period="2026-01", lines=posting.body.lines), "ACME-US", START
    )
    assert ready(tie, START, PATIENCE, 1)
    assert not ready(tie, START, PATIENCE, 0)
    assert differences(tie) == {}
    assert not ready(reconcile(tie, ACCOUNTS, ZERO, START)[0], START + PATIENCE, PATIENCE, 1)


def test_a_contract_that_never_comes_to_rest_is_compared_all_the_same() -> None:
    tie = of(event("bill", invoice("I1")))
    assert not ready(tie, START + PATIENCE - dt.timedelta(seconds=1), PATIENCE, 9)
    assert ready(tie, START + PATIENCE, PATIENCE, 9)


def test_an_answer_that_was_not_validated_is_counted_like_any_other() -> None:
    """Else the counts never meet again, and the contract is only ever compared after the patience is over."""
    desk = Desk()
    desk.arrive(event("signed", signed()))
    (answer,) = desk.revenue.execute(desk.commands)
    assert isinstance(answer, RevenueAccepted)
    desk.answer(desk.commands[0], replace(answer, transaction_price=Decimal(1)))
    assert desk.contract.commands_accepted == 1
    desk.arrive(event("signed2", signed()))
    desk.answer(desk.commands[1], NO)
    assert desk.contract.commands_accepted == 1
