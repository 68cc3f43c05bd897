"""Usage and fulfilment: facts that earn revenue (docs/accounting.md section 4).

ASC 606-10-25-30 and 31, 606-10-32-40.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Obligation
from connectors.revenue.embedded.earning import DAY, cut, earned_by, total, with_point
from connectors.revenue.embedded.minor_units import divide, to_amount, to_minor_not_negative
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.price_change import unknown_line
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import (
    AccountingTreatment,
    ObligationFulfilled,
    RecognitionPattern,
    RecordFulfilment,
    RecordUsage,
    RevenueCommand,
    TreatmentDecision,
    UsageRated,
)

_FULFILLED = (RecognitionPattern.POINT_IN_TIME, RecognitionPattern.MILESTONE)


def record_usage(book: Book, body: RecordUsage) -> Outcome:
    """Earn rated usage on its last day, and add it to the transaction price. Raises CommandRefusedError."""
    usage = body.usage
    at = _position(book, usage.line_id)
    line = book.obligations[at]
    if line.pattern is not RecognitionPattern.USAGE:
        raise CommandRefusedError(
            RefusalCode.NOT_USAGE,
            f"line {usage.line_id} has pattern {line.pattern}; expected USAGE. Report usage on a usage line.",
        )
    last = line.end if book.terminated_on is None else min(line.end, book.terminated_on)
    if not line.start <= usage.usage_end <= last:
        raise CommandRefusedError(
            RefusalCode.OUTSIDE_TERM,
            f"usage of line {usage.line_id} ends on {usage.usage_end}; expected a day from {line.start} to {last}. "
            "Correct the usage period, or amend or renew the contract first.",
        )
    amount = to_minor_not_negative(usage.amount, book.currency, f"usage of line {usage.line_id}")
    return Outcome(
        with_usage(book, usage, amount),
        decisions=(
            TreatmentDecision(
                line_id=usage.line_id,
                treatment=AccountingTreatment.NOT_A_MODIFICATION,
                reason=f"usage of {to_amount(amount, book.currency)} belongs to the period of use and is earned on "
                f"{usage.usage_end} (606-10-32-40)",
            ),
        ),
    )


def with_usage(book: Book, usage: UsageRated, amount: int) -> Book:
    """Add an amount, negative to take it back, to what a usage line earned on the last day of use."""
    at = _position(book, usage.line_id)
    line = book.obligations[at]
    used = replace(line, allocated=line.allocated + amount, segments=with_point(line.segments, usage.usage_end, amount))
    return replace(
        book,
        obligations=(*book.obligations[:at], used, *book.obligations[at + 1 :]),
        transaction_price=book.transaction_price + amount,
    )


def record_fulfilment(book: Book, command: RevenueCommand, body: RecordFulfilment) -> Outcome:
    """Earn what a fulfilment or a milestone has performed. Raises CommandRefusedError."""
    fulfilment = body.fulfilment
    at = _position(book, fulfilment.line_id)
    before = book.obligations[at]
    if before.obligation_id != fulfilment.line_id:
        raise CommandRefusedError(
            RefusalCode.LINE_NOT_SEPARABLE,
            f"line {fulfilment.line_id} is not distinct and is performed with {before.obligation_id}. "
            f"Report the progress on line {before.obligation_id}.",
        )
    _check_open(book, before)
    _check_progress(before, fulfilment.percent)
    after, why = _performed(before, fulfilment, command.effective_date)
    earned = total(after.segments) - earned_by(before, command.effective_date - DAY)
    decision = TreatmentDecision(
        line_id=fulfilment.line_id,
        treatment=AccountingTreatment.NOT_A_MODIFICATION,
        reason=f"{why}; {to_amount(earned, book.currency)} is earned on {command.effective_date}",
    )
    changed = replace(book, obligations=(*book.obligations[:at], after, *book.obligations[at + 1 :]))
    return Outcome(changed, decisions=(decision,))


def _performed(before: Obligation, fulfilment: ObligationFulfilled, day: dt.date) -> tuple[Obligation, str]:
    if before.option:
        if day > before.end:
            raise CommandRefusedError(
                RefusalCode.OUTSIDE_TERM,
                f"option {before.obligation_id} is exercised on {day} and expired on {before.end}. Correct the date.",
            )
        segments = cut(before.segments, day - DAY)
        why = "option exercised (606-10-55-42)"
    elif before.pattern is RecognitionPattern.MILESTONE:
        segments = before.segments
        why = f"milestone {fulfilment.milestone or 'reached'}: {fulfilment.percent} % performed (606-10-25-31)"
    else:
        segments = before.segments
        why = "control passed (606-10-25-30)"
    above, below = fulfilment.percent.as_integer_ratio()
    earned = divide(before.allocated * above, below * 100) - total(segments)
    return replace(before, segments=with_point(segments, day, earned), progress=fulfilment.percent), why


def _check_progress(obligation: Obligation, percent: Decimal) -> None:
    if not obligation.option and obligation.pattern not in _FULFILLED:
        raise CommandRefusedError(
            RefusalCode.NOT_FULFILLABLE,
            f"line {obligation.line_id} has pattern {obligation.pattern}, which time or use earns; expected "
            "POINT_IN_TIME or MILESTONE. Do not report its fulfilment.",
        )
    if not obligation.progress < percent <= 100:
        raise CommandRefusedError(
            RefusalCode.PROGRESS_INVALID,
            f"progress of line {obligation.line_id} is {percent} %; expected above {obligation.progress} and up to "
            "100. Report cumulative progress.",
        )
    if percent != 100 and obligation.pattern is RecognitionPattern.POINT_IN_TIME:
        raise CommandRefusedError(
            RefusalCode.PROGRESS_INVALID,
            f"line {obligation.line_id} is fulfilled at a point in time and {percent} % is reported; expected 100. "
            "Report it when it is fulfilled, or sell it as a milestone line.",
        )


def _position(book: Book, identifier: str) -> int:
    own = next((line.obligation_id for line in book.lines if line.line_id == identifier), None)
    for at, obligation in enumerate(book.obligations):
        if obligation.obligation_id == own or (obligation.option and obligation.obligation_id == identifier):
            return at
    raise unknown_line(book, identifier)


def _check_open(book: Book, obligation: Obligation) -> None:
    if book.terminated_on is not None:
        raise CommandRefusedError(
            RefusalCode.CONTRACT_TERMINATED,
            f"contract {book.contract_id} ended on {book.terminated_on}; expected no fulfilment after the termination. "
            "Correct the termination's refund or fee if the promise was kept before.",
        )
    if obligation.removed_on is not None:
        raise CommandRefusedError(
            RefusalCode.LINE_REMOVED,
            f"line {obligation.line_id} was removed on {obligation.removed_on}; expected no fulfilment of it. "
            "Add the line again under a new id if it is promised again.",
        )
