"""When a schedule is validated (domain, commands and acks): only then is the posting released."""

from __future__ import annotations

from decimal import Decimal

from streams.core.contract import Contract, InFlight
from streams.core.money import ZERO
from streams.records import CreditIssued, InvoiceIssued, PeriodClosed, RevenueAccepted


def invalid_answer(answer: object) -> str | None:
    """Return why an acceptance is not valid, or None.

    Allocations add up to the price and schedules to allocations; what is to go back is billed and not recognised.
    """
    if not isinstance(answer, RevenueAccepted):
        return None
    back, position = (
        answer.refund_liability_total,
        answer.billed_total - answer.recognised_total - answer.interest_total,
    )
    if back and not ZERO <= back <= max(position, ZERO):
        return f"the refund liability is {back}, expected 0 to {position}, what is billed and not recognised"
    if not answer.allocations:
        return None
    allocated = sum((part.allocated for part in answer.allocations), ZERO)
    if allocated != answer.transaction_price:
        return f"allocations add up to {allocated}, expected the transaction price {answer.transaction_price}"
    scheduled: dict[str, Decimal] = {}
    for line in answer.schedule:
        scheduled[line.obligation_id] = scheduled.get(line.obligation_id, ZERO) + line.amount
    for part in answer.allocations:
        total = scheduled.pop(part.obligation_id, ZERO) + part.unscheduled
        if total != part.allocated:
            return f"obligation {part.obligation_id}: the schedule adds up to {total}, expected {part.allocated}"
    if scheduled:
        return f"the schedule names obligations without an allocation: {', '.join(sorted(scheduled))}"
    return None


def unposted_refund_liability(contract: Contract, step: InFlight) -> str | None:
    """Return why an acceptance moves the refund liability without a journal that would post the move, or None.

    Taken in, it would leave the ledger apart from the revenue platform for good.
    """
    told = step.answer.refund_liability_total if isinstance(step.answer, RevenueAccepted) else contract.refund_liability
    posts = step.reverses is not None or isinstance(step.event.body, InvoiceIssued | CreditIssued | PeriodClosed)
    if posts or told == contract.refund_liability:
        return None
    return (
        f"refund_liability_total is {told} after {step.event.event_type}, expected {contract.refund_liability} as "
        "before: only an invoice, a credit note, what takes one back, or a recognition run moves it, since only these "
        "are posted; let the revenue platform tell the change with the next of them"
    )


def unposted_interest(contract: Contract, step: InFlight) -> str | None:
    """Return why an acceptance tells interest that no recognition journal would post, or None."""
    told = step.answer.interest_total if isinstance(step.answer, RevenueAccepted) else contract.interest
    if told == contract.interest or isinstance(step.event.body, PeriodClosed):
        return None
    return (
        f"interest_total is {told} after {step.event.event_type}, expected {contract.interest} as before: only a "
        "recognition run moves it, since only its journal posts interest; tell it with the next"
    )
