"""A breakage of prepaid credits that is estimated anew (docs/accounting.md section 14.2; ASC 606-10-55-48)."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book
from connectors.revenue.embedded.earning import earned_by
from connectors.revenue.embedded.minor_units import to_amount
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.prepaid import expecting
from connectors.revenue.embedded.price_change import unknown_line
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import AccountingTreatment, EstimateChanged, RevenueCommand, TreatmentDecision


def revise_breakage(book: Book, command: RevenueCommand, estimate: EstimateChanged, percent: Decimal) -> Outcome:
    """Catch up what the use of credits has earned to a new breakage. Raises CommandRefusedError."""
    day = command.effective_date
    own = next((line.obligation_id for line in book.lines if line.line_id == estimate.line_id), None)
    at = next((at for at, it in enumerate(book.obligations) if it.obligation_id == own), None)
    if at is None:
        raise unknown_line(book, estimate.line_id or "(none)")
    before = book.obligations[at]
    if before.credits is None:
        raise CommandRefusedError(
            RefusalCode.PATTERN_INVALID,
            f"breakage of line {estimate.line_id} is estimated and its pattern is {before.pattern}; expected PREPAID. "
            "Leave breakage_percent out.",
        )
    if estimate.price_change or estimate.variable_id is not None:
        raise CommandRefusedError(
            RefusalCode.PATTERN_INVALID,
            f"an estimate changes the breakage of line {estimate.line_id} and the price; expected one of them. "
            "Send two events.",
        )
    if not 0 <= percent < 100:
        raise CommandRefusedError(
            RefusalCode.PATTERN_INVALID,
            f"breakage of line {estimate.line_id} is {percent} %; expected 0 or more and below 100. Correct it.",
        )
    if book.terminated_on is not None or before.removed_on is not None or day > before.end:
        raise CommandRefusedError(
            RefusalCode.LINE_SATISFIED,
            f"breakage of line {estimate.line_id} is estimated on {day}, and nothing of its credits is left to earn "
            f"then; expected a day up to {before.end} and a line in force. Correct the date.",
        )
    after = expecting(before, percent, day)
    caught_up = earned_by(after, day) - earned_by(before, day) if day < before.end else 0
    decision = TreatmentDecision(
        line_id=before.line_id,
        treatment=AccountingTreatment.PRICE_CHANGE,
        reason=f"breakage of {percent} % expected ({estimate.basis or 'no basis given'}): "
        f"{to_amount(caught_up, book.currency)} for the credits used before is caught up on {day} (606-10-55-48)",
    )
    obligations = (*book.obligations[:at], after, *book.obligations[at + 1 :])
    return Outcome(replace(book, obligations=obligations), AccountingTreatment.PRICE_CHANGE, (decision,))
