"""The traceable context rides on everything that is sent, so that every number can be explained back to its source."""

from __future__ import annotations

import pytest

from streams.core.status import contract_status
from streams.records import (
    AccountingTreatment,
    AuditRecord,
    ContractState,
    ErpPosting,
    ExceptionRecord,
    ProcessingStatus,
    RevenueCommand,
)
from tests.core.builders import (
    USAGE_LINE,
    billed,
    credit,
    event,
    invoice,
    line,
    payment,
    period_end,
    signed,
    upgraded,
    usage,
)
from tests.core.desk import Desk


@pytest.fixture
def busy() -> Desk:
    """A contract on which everything has happened."""
    desk = Desk()
    desk.arrive(event("early", invoice("I1"), version=2))
    desk.arrive(event("signed", signed(line(), USAGE_LINE), source="crm"))
    desk.arrive(event("upgrade", upgraded(), version=2, source="crm", on="2026-04-01"))
    desk.arrive(event("use", usage("5.00"), source="metering"))
    desk.arrive(event("pay", payment("P1", "I1", "100.00")))
    desk.arrive(event("fix", payment("P1", "I1", "90.00"), supersedes="T-pay"))
    desk.arrive(event("bad", credit("N1", billed("1.00", "NO-LINE"))))
    desk.settle()
    desk.arrive(period_end("2026-01"))
    desk.settle()
    desk.arrive(event("pay", payment("P1", "I1", "100.00")))
    return desk


def test_every_output_names_contract_customer_entity_source_and_status(busy: Desk) -> None:
    expected = {
        RevenueCommand: {ProcessingStatus.AWAITING_REVENUE},
        ErpPosting: {ProcessingStatus.AWAITING_POSTING},
        ExceptionRecord: {ProcessingStatus.EXCEPTION, ProcessingStatus.AWAITING_APPROVAL},
    }
    assert {type(output) for output in busy.outputs} == {*expected, AuditRecord}
    for output in busy.outputs:
        context = output.context
        assert context.contract_id == "C1"
        assert context.customer_account == "A1"
        assert context.legal_entity == "ACME-US"
        assert context.source_system in {"crm", "stripe", "metering", "erp"}
        assert context.source_transaction_id
        assert context.contract_version >= 1
        assert context.processing_status in expected.get(type(output), set(ProcessingStatus))


def test_a_posting_names_event_version_and_the_command_that_released_it(busy: Desk) -> None:
    by_event = {posting.event_id: posting for posting in busy.postings}
    assert set(by_event) == {"early", "pay", "fix", "close-ACME-US-2026-01"}
    assert by_event["early"].context.contract_version == 2
    assert by_event["early"].context.source_transaction_id == "T-early"
    commands = {command.command_id: command for command in busy.commands}
    for posting in busy.postings:
        if posting.revenue_command_id is not None:
            assert commands[posting.revenue_command_id].event_id == posting.event_id


def test_the_treatment_is_on_the_trail_once_it_is_decided(busy: Desk) -> None:
    (accepted,) = (it for it in busy.sent(AuditRecord) if it.event_id == "upgrade" and it.action == "REVENUE_ACCEPTED")
    assert accepted.context.accounting_treatment is AccountingTreatment.PROSPECTIVE
    assert "606-10-25-13" in accepted.detail


def test_audit_ids_are_unique(busy: Desk) -> None:
    ids = [record.audit_id for record in busy.sent(AuditRecord)]
    assert len(ids) == len(set(ids))


def test_the_status_of_a_contract_tells_what_waits_and_why(busy: Desk) -> None:
    busy.arrive(event("later", invoice("I9"), version=7))
    status = contract_status(busy.contract, busy.now)
    assert (status.state, status.version_in_force) == (ContractState.ACTIVE, 2)
    assert status.billed == 1200
    assert [(it.event_id, it.event_type) for it in status.parked] == [("later", "InvoiceIssued")]
    assert status.parked[0].reason == "version 7 is not in force in revenue recognition; version 2 is"
    assert (status.commands_pending, status.postings_pending) == (0, 0)
