"""Usage and fulfilment: facts that earn revenue (docs/accounting.md sections 4 and 14).

ASC 606-10-25-30 and 31, 606-10-32-40.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Obligation
from connectors.revenue.embedded.commitment import count, same_period, used_in_period
from connectors.revenue.embedded.earning import DAY, cut, earned_by, first_use, total, with_point
from connectors.revenue.embedded.minor_units import divide, to_amount, to_minor
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.prepaid import draw, left
from connectors.revenue.embedded.price_change import unknown_line
from connectors.revenue.embedded.progress import deliver, incur, performed_share
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.core.performance_terms import told_by
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

_FULFILLED = (
    RecognitionPattern.POINT_IN_TIME,
    RecognitionPattern.MILESTONE,
    RecognitionPattern.UNITS,
    RecognitionPattern.COST_TO_COST,
)
_USED = (RecognitionPattern.USAGE, RecognitionPattern.PREPAID)
_TOLD_BY = {RecognitionPattern.UNITS: "units", RecognitionPattern.COST_TO_COST: "cost_incurred"}


def record_usage(book: Book, body: RecordUsage) -> Outcome:
    """Earn rated usage on its last day, and add it to the transaction price. Raises CommandRefusedError."""
    usage = body.usage
    at = _position(book, usage.line_id)
    line = book.obligations[at]
    if line.pattern not in _USED:
        raise CommandRefusedError(
            RefusalCode.NOT_USAGE,
            f"line {usage.line_id} has pattern {line.pattern}; expected USAGE or PREPAID. Report usage on such a line.",
        )
    if line.credits is not None:
        _check_open(book, line)
    last = line.end if book.terminated_on is None else min(line.end, book.terminated_on)
    if not line.start <= usage.usage_end <= last:
        raise CommandRefusedError(
            RefusalCode.OUTSIDE_TERM,
            f"usage of line {usage.line_id} ends on {usage.usage_end}; expected a day from {line.start} to {last}. "
            "Correct the usage period, or amend or renew the contract first.",
        )
    amount = to_minor(usage.amount, book.currency, f"usage of line {usage.line_id}")
    after = with_usage(book, usage, amount)
    if amount < 0:
        _check_rated(after.obligations[at], usage, book.currency)
    return Outcome(
        after,
        decisions=(
            TreatmentDecision(
                line_id=usage.line_id,
                treatment=AccountingTreatment.NOT_A_MODIFICATION,
                reason=_why_used(usage, line, after.obligations[at], book.currency),
            ),
        ),
    )


def _check_rated(after: Obligation, usage: UsageRated, currency: str) -> None:
    """Refuse a re-rating that takes back more than was rated: in all, or in the period of its minimum."""
    rated = used_in_period(after, usage.usage_end) if after.commitment else after.allocated
    if rated < 0:
        raise CommandRefusedError(
            RefusalCode.AMOUNT_INVALID,
            f"usage of line {usage.line_id} is re-rated by {usage.amount}, which leaves {to_amount(rated, currency)} "
            f"rated{' in its period' if after.commitment else ''}; expected 0 or more to remain. "
            "Correct the amount, or supersede the usage that was rated wrongly.",
        )


def check_still_rated(after: Book, taken_back: UsageRated, replacement: UsageRated | None) -> None:
    """Refuse to take back usage, with what takes its place, below a re-rating that came later.

    Raises CommandRefusedError where less than nothing would be rated: in all, or in the period of a minimum.
    """
    line = after.obligations[_position(after, taken_back.line_id)]
    if line.credits is not None:
        return
    rated = used_in_period(line, taken_back.usage_end) if line.commitment else line.allocated
    if (
        replacement is not None
        and replacement.line_id == taken_back.line_id
        and (not line.commitment or same_period(line, taken_back.usage_end, replacement.usage_end))
    ):
        rated += to_minor(replacement.amount, after.currency, f"usage of line {replacement.line_id}")
    if rated < 0:
        raise CommandRefusedError(
            RefusalCode.AMOUNT_INVALID,
            f"usage of {taken_back.amount} of line {taken_back.line_id} on {taken_back.usage_end} is taken back"
            f"{'' if replacement is None else f' for {replacement.amount}'}, which leaves "
            f"{to_amount(rated, after.currency)} rated{' in its period' if line.commitment else ''} after what was "
            "re-rated later; expected 0 or more to remain. Supersede the re-rating first.",
        )


def _why_used(usage: UsageRated, before: Obligation, after: Obligation, currency: str) -> str:
    if after.credits is not None:
        earned = earned_by(after, usage.usage_end) - earned_by(before, usage.usage_end)
        taken = usage.quantity if after.credits.counted else usage.amount
        return (
            f"{taken} of the credits are used, {left(after.credits)} of {after.credits.face} are left; "
            f"{to_amount(earned, currency)} more is earned by {usage.usage_end}, with the breakage expected "
            "(606-10-55-48)"
        )
    amount = to_amount(to_minor(usage.amount, currency, "usage"), currency)
    if after.commitment:
        beyond = to_amount(after.allocated - before.allocated, currency)
        return (
            f"usage of {amount} counts against the minimum of the period that {usage.usage_end} is in; "
            f"{beyond} goes beyond and is variable (606-10-32-40)"
        )
    return f"usage of {amount} belongs to the period of use and is earned on {usage.usage_end} (606-10-32-40)"


def with_usage(book: Book, usage: UsageRated, amount: int, *, back: bool = False) -> Book:
    """Take in usage of an amount, or take it back: of a line, of its minimum commitment, or of prepaid credits.

    Raises CommandRefusedError where credits are used that are not there.
    """
    at = _position(book, usage.line_id)
    line = book.obligations[at]
    amount = -amount if back else amount
    if line.credits is not None:
        if back:
            _check_open(book, line)
        used = draw(line, usage, back=back)
    elif line.commitment:
        used = count(line, usage.usage_end, amount)
    else:
        segments = with_point(line.segments, usage.usage_end, amount)
        used = replace(line, allocated=line.allocated + amount, segments=segments)
    return replace(
        book,
        obligations=(*book.obligations[:at], used, *book.obligations[at + 1 :]),
        transaction_price=book.transaction_price + used.allocated - line.allocated,
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
    if command.corrects_command_id is not None and not told_by(fulfilment):
        never = "what was reported is taken back: nothing was performed"
        decision = TreatmentDecision(
            line_id=fulfilment.line_id, treatment=AccountingTreatment.NOT_A_MODIFICATION, reason=never
        )
        return Outcome(book, decisions=(decision,))
    _check_open(book, before)
    _check_measure(before, fulfilment)
    day = command.effective_date
    obligations = list(book.obligations)
    if before.pattern is RecognitionPattern.UNITS and fulfilment.units is not None:
        positions = [at for at, it in enumerate(obligations) if it.line_id == before.line_id and it.removed_on is None]
        delivered = deliver([obligations[at] for at in positions], fulfilment.units, day)
        for position, after in zip(positions, delivered, strict=True):
            obligations[position] = after
        why = f"{fulfilment.units} units delivered in all (606-10-55-17)"
    elif before.measure is not None and not before.option:
        obligations[at] = incur(before, fulfilment, day)
        why = _why_incurred(obligations[at])
    else:
        _check_progress(before, fulfilment.percent)
        obligations[at], why = _performed(before, fulfilment, day)
    earned = sum(total(it.segments) for it in obligations) - sum(total(it.segments) for it in book.obligations)
    if before.option:
        earned = total(obligations[at].segments) - earned_by(before, day - DAY)
    decision = TreatmentDecision(
        line_id=fulfilment.line_id,
        treatment=AccountingTreatment.NOT_A_MODIFICATION,
        reason=f"{why}; {to_amount(earned, book.currency)} is earned on {first_use(before, day)}",
    )
    return Outcome(replace(book, obligations=tuple(obligations)), decisions=(decision,))


def _why_incurred(after: Obligation) -> str:
    assert after.measure is not None
    above, below = performed_share(after.measure)
    return (
        f"cost of {after.measure.done} of {after.measure.expected} expected is incurred, "
        f"{Decimal(divide(10000 * above, below)).scaleb(-2)} % (606-10-55-20)"
    )


def _check_measure(obligation: Obligation, fulfilment: ObligationFulfilled) -> None:
    """Check that progress is told in the one way that the obligation is measured. Raises CommandRefusedError."""
    if not obligation.option and obligation.pattern not in _FULFILLED:
        raise CommandRefusedError(
            RefusalCode.NOT_FULFILLABLE,
            f"line {obligation.line_id} has pattern {obligation.pattern}, which time, use or invoices earn; expected "
            "POINT_IN_TIME, MILESTONE, UNITS or COST_TO_COST. Do not report its fulfilment.",
        )
    expected = _TOLD_BY.get(obligation.pattern, "percent")
    found = told_by(fulfilment)
    if found != [expected] or (fulfilment.cost_expected is not None and expected != "cost_incurred"):
        raise CommandRefusedError(
            RefusalCode.PROGRESS_INVALID,
            f"progress of line {obligation.line_id} with pattern {obligation.pattern} is told by "
            f"{' and '.join(found) or 'nothing'}; expected {expected} alone. Send that field.",
        )


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
    segments = with_point(segments, first_use(before, day), earned)
    return replace(before, segments=segments, progress=fulfilment.percent), why


def _check_progress(obligation: Obligation, percent: Decimal) -> None:
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
            f"contract {book.contract_id} ended on {book.terminated_on}; expected nothing performed after that. "
            "Correct the termination's refund or fee if the promise was kept before.",
        )
    if obligation.removed_on is not None:
        raise CommandRefusedError(
            RefusalCode.LINE_REMOVED,
            f"line {obligation.line_id} was removed on {obligation.removed_on}; expected nothing performed of it. "
            "Add the line again under a new id if it is promised again.",
        )
