"""A variable consideration that is estimated anew: the price changes by the difference of what is included.

Section 12 of docs/accounting.md (ASC 606-10-32-14 and 42 to 45).
"""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Variable
from connectors.revenue.embedded.earning import is_satisfied
from connectors.revenue.embedded.estimate import constrained, estimated
from connectors.revenue.embedded.minor_units import to_amount
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.price_change import catch_up, change_price
from connectors.revenue.embedded.promised_before import shares_as_promised
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from connectors.revenue.embedded.transaction_price import estimate_reason, named_shares
from streams.records import AccountingTreatment, RevenueCommand, ReviseEstimate, TreatmentDecision


def reestimate(book: Book, command: RevenueCommand, body: ReviseEstimate) -> Outcome:
    """Take in what may happen now of a variable consideration. Raises CommandRefusedError."""
    estimate = body.estimate
    before = _known(book, estimate.variable_id or "")
    what = f"variable consideration {before.variable_id}"
    if estimate.price_change or estimate.line_id is not None or estimate.breakage_percent is not None:
        raise CommandRefusedError(
            RefusalCode.ESTIMATE_INVALID,
            f"{what} is estimated anew and a change, line or breakage is given too; expected outcomes only: the change "
            "follows from them, on the basis of inception (606-10-32-43). Send one of the two.",
        )
    expected = estimated(estimate.outcomes, before.method, book.currency, what)
    included = constrained(expected, estimate.highly_probable, book.currency, what)
    if before.refundable and included > 0:
        raise CommandRefusedError(
            RefusalCode.ESTIMATE_INVALID,
            f"{what} is refundable and estimated at {to_amount(included, book.currency)}; expected 0 or less, what "
            "goes back reduces the price (606-10-32-10). Correct the sign.",
        )
    delta = included - before.included
    cause = f"{what}: {estimate_reason(before.method, expected, included, book.currency)}"
    if estimate.basis:
        cause += f" ({estimate.basis})"
    after = replace(before, included=included)
    known = tuple(after if item is before else item for item in book.variable)
    if not delta:
        decision = TreatmentDecision(
            line_id=before.variable_id,
            treatment=AccountingTreatment.PRICE_CHANGE,
            reason=f"{cause}; as before, the price does not change (606-10-32-14)",
        )
        _check_open(book, command.effective_date, cause)
        return Outcome(replace(book, variable=known), AccountingTreatment.PRICE_CHANGE, (decision,), rescheduled=False)
    if before.period:
        changed, decisions = _change_period(book, before.period, command.effective_date, delta, cause)
    elif before.lines:
        old = named_shares(before.lines, before.included)
        new = named_shares(before.lines, included)
        by_line = [(line_id, now - was) for (line_id, was), (_, now) in zip(old, new, strict=True) if now != was]
        changed, decisions = change_price(book, command.effective_date, by_line, 0, cause)
    else:
        shares = shares_as_promised(book, delta)
        changed, decisions = change_price(book, command.effective_date, [], delta, cause, shares)
    return Outcome(replace(changed, variable=known), AccountingTreatment.PRICE_CHANGE, decisions)


def _known(book: Book, variable_id: str) -> Variable:
    for variable in book.variable:
        if variable.variable_id == variable_id:
            return variable
    known = ", ".join(variable.variable_id for variable in book.variable) or "none, the contract has none"
    raise CommandRefusedError(
        RefusalCode.UNKNOWN_VARIABLE,
        f"variable consideration {variable_id} is not one of contract {book.contract_id}; expected one of: {known}. "
        "Name it when the contract is signed, or send the change as price_change.",
    )


def _check_open(book: Book, day: dt.date, cause: str) -> None:
    if book.terminated_on is not None:
        raise CommandRefusedError(
            RefusalCode.CONTRACT_TERMINATED,
            f"{cause} on {day}, and contract {book.contract_id} ended on {book.terminated_on}; expected no estimate "
            "after that. What is settled later is a credit or an invoice of its own.",
        )


def _change_period(
    book: Book, obligation_id: str, day: dt.date, delta: int, cause: str
) -> tuple[Book, tuple[TreatmentDecision, ...]]:
    """Change what one distinct period of a series earns: within the period, and at once for what is over of it."""
    _check_open(book, day, cause)
    at = next(at for at, item in enumerate(book.obligations) if item.obligation_id == obligation_id)
    period = book.obligations[at]
    if period.removed_on is not None and period.end >= period.removed_on:
        raise CommandRefusedError(
            RefusalCode.LINE_REMOVED,
            f"{cause}, for {period.start} to {period.end} of line {period.line_id}, which was removed on "
            f"{period.removed_on}; expected a period that was performed. Settle it with a credit or an invoice.",
        )
    if book.transaction_price + delta < 0:
        raise CommandRefusedError(
            RefusalCode.NEGATIVE_PRICE,
            f"{cause} changes the transaction price {to_amount(book.transaction_price, book.currency)} by "
            f"{to_amount(delta, book.currency)}; expected 0 or more to remain. Correct the amounts.",
        )
    repriced = replace(period, price=period.price + delta)
    changed = catch_up(repriced, delta, day, is_satisfied(period, day))
    decision = TreatmentDecision(
        line_id=period.line_id,
        treatment=AccountingTreatment.PRICE_CHANGE,
        reason=f"{cause}; {to_amount(delta, book.currency)} belongs to {period.start} to {period.end}, a distinct "
        "period of the series (606-10-32-40, 44)",
    )
    obligations = (*book.obligations[:at], changed, *book.obligations[at + 1 :])
    return replace(book, obligations=obligations, transaction_price=book.transaction_price + delta), (decision,)
