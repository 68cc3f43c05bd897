"""What an answer says is to go back to the customer is never more than what is billed and not recognised."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from streams.core.validation import invalid_answer
from streams.records import AccountingTreatment, ErpPosting, RevenueAccepted
from tests.core.builders import POLICY, event, invoice, usage
from tests.core.desk import Desk


@pytest.mark.parametrize(("back", "valid"), [("0", True), ("60", True), ("60.01", False), ("-0.01", False)])
def test_an_answer_with_more_to_go_back_than_is_billed_and_not_recognised_is_not_valid(back: str, valid: bool) -> None:
    answer = RevenueAccepted(
        treatment=AccountingTreatment.NOT_A_MODIFICATION,
        currency="USD",
        transaction_price=Decimal(100),
        billed_total=Decimal(100),
        recognised_total=Decimal(40),
        refund_liability_total=Decimal(back),
    )
    assert (invalid_answer(answer) is None) is valid


def test_a_change_that_nothing_would_post_is_refused_and_the_next_document_may_tell_it() -> None:
    desk = Desk().sign()
    desk.arrive(event("bill", invoice("I1")))
    desk.settle()
    desk.arrive(event("used", usage("5.00", line_id="L1")))
    billed = desk.revenue.latest["C1"]
    desk.answer(desk.commands[-1], replace(billed, refund_liability_total=Decimal(60)))
    (raised,) = desk.exceptions
    assert "refund_liability_total is 60 after UsageRated, expected 0 as before" in raised.message
    assert desk.contract.refund_liability == 0
    desk.arrive(event("bill2", invoice("I2")))
    (told,) = desk.revenue.execute([desk.commands[-1]])
    assert isinstance(told, RevenueAccepted)
    (posting,) = desk.sent(
        ErpPosting, desk.answer(desk.commands[-1], replace(told, refund_liability_total=Decimal(60)))
    )
    assert [it.credit for it in posting.body.lines if it.account == POLICY.accounts.refund_liability] == [60]
    assert desk.contract.refund_liability == 60
