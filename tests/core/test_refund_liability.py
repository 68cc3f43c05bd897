"""What an answer says is to go back to the customer is never more than what is billed and not recognised."""

from __future__ import annotations

from decimal import Decimal

import pytest

from streams.core.validation import invalid_answer
from streams.records import AccountingTreatment, RevenueAccepted


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
