"""Whether what the customer owes is probable to be collected, and what that leaves of revenue (accounting section 17).

ASC 606-10-25-1(e), 25-5 to 25-8. The book goes on as if it was: what is promised, performed and allocated is kept, and
only what may be recognised of it stops. Knows when an obligation earns; no rule of how it comes to.
"""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Doubt, Obligation
from connectors.revenue.embedded.earning import DAY, earned_by, schedule, unscheduled
from connectors.revenue.embedded.minor_units import split, to_amount, to_minor_not_negative
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.core.fiscal import MONTHS, FiscalCalendar
from streams.core.money import ZERO, next_period
from streams.records import (
    AccountingTreatment,
    EstimateChanged,
    RevenueCommand,
    TerminateContract,
    TreatmentDecision,
)

NEVER = dt.date.min
"""Last day of recognition of a contract that was in doubt when it was signed."""


def in_doubt(book: Book) -> bool:
    """Tell whether collection is not probable now."""
    return bool(book.doubts) and book.doubts[-1].until is None


def recognisable(book: Book, obligation: Obligation, day: dt.date) -> int:
    """Return what of an obligation may be recognised by the end of a day: all that it earned, unless in doubt."""
    if not book.doubts:
        return earned_by(obligation, day)
    kept = sum(amount for on, amount in obligation.kept if on <= day)
    for doubt in book.doubts:
        if doubt.last < day and (doubt.until is None or day < doubt.until):
            return earned_by(obligation, doubt.last) + kept
    return earned_by(obligation, day) + kept


def recognisable_schedule(
    book: Book, obligation: Obligation, calendar: FiscalCalendar = MONTHS
) -> list[tuple[str, int]]:
    """Return what of an obligation may be recognised by accounting period; what is in doubt is in none."""
    if not book.doubts and calendar == MONTHS:
        return schedule(obligation)
    days = [segment.start for segment in obligation.segments] + [segment.end for segment in obligation.segments]
    days += [doubt.until for doubt in book.doubts if doubt.until is not None]
    days += [on for on, _ in obligation.kept]
    if not days:
        return []
    periods: list[tuple[str, int]] = []
    before = 0
    period, last = calendar.period_of(min(days)), calendar.period_of(max(days))
    while period <= last:
        upto = recognisable(book, obligation, calendar.last_day(period))
        if upto != before:
            periods.append((period, upto - before))
        before, period = upto, next_period(period)
    return periods


def open_amount(book: Book, obligation: Obligation, months: list[tuple[str, int]]) -> int:
    """Return what is allocated and has no date yet; all that is in doubt has none."""
    if in_doubt(book):
        return obligation.allocated - sum(amount for _, amount in months)
    return unscheduled(obligation)


def assess(book: Book, command: RevenueCommand, estimate: EstimateChanged) -> Outcome:
    """Take in a new assessment of collection, or what is kept while it is not probable. Raises CommandRefusedError."""
    if estimate.consideration_kept is not None:
        return _keep(book, command, estimate)
    if book.terminated_on is not None:
        raise CommandRefusedError(
            RefusalCode.CONTRACT_TERMINATED,
            f"collection of contract {book.contract_id} is assessed anew, and it ended on {book.terminated_on}; "
            "expected a contract in force: nothing is left to be transferred (606-10-25-5). Account for an expected "
            "credit loss instead.",
        )
    day = command.effective_date
    if estimate.collection_probable:
        doubts, reason = _resolved(book, day)
    else:
        doubts, reason = _doubted(book, day)
    decision = TreatmentDecision(
        line_id=book.lines[0].line_id,
        treatment=AccountingTreatment.NOT_A_MODIFICATION,
        reason=f"{reason} ({estimate.basis})",
    )
    return Outcome(replace(book, doubts=doubts), decisions=(decision,))


def _resolved(book: Book, day: dt.date) -> tuple[tuple[Doubt, ...], str]:
    if not in_doubt(book):
        raise _refused(
            f"collection is said to be probable from {day} on, and it is probable already; expected a change. "
            "Correct the earlier assessment if it is wrong, or leave this one out."
        )
    doubt = book.doubts[-1]
    _check_after(doubt.last + DAY if doubt.last != NEVER else NEVER, day)
    kept = sum(amount for obligation in book.obligations for _, amount in obligation.kept)
    if kept:
        raise _refused(
            f"collection is said to be probable from {day} on, and {to_amount(kept, book.currency)} was recognised "
            "because an event of 606-10-25-7 had happened, after which nothing is owed; expected no contract that goes "
            "on. Sign a new contract, or correct what was said to be kept."
        )
    return (
        (*book.doubts[:-1], replace(doubt, until=day)),
        f"collection is probable from {day} on: all that was earned by then is recognised (606-10-25-6)",
    )


def _doubted(book: Book, day: dt.date) -> tuple[tuple[Doubt, ...], str]:
    if in_doubt(book):
        raise _refused(
            f"collection is said not to be probable from {day} on, and it is not probable already; expected a change. "
            "Leave this assessment out."
        )
    if book.doubts:
        _check_after(book.doubts[-1].until or NEVER, day)
    reason = (
        f"collection is not probable from {day} on: nothing more is recognised until it is, or until an event of 25-7; "
        "what was recognised stays (606-10-25-5)"
    )
    return (*book.doubts, Doubt(day - DAY)), reason


def _check_after(first: dt.date, day: dt.date) -> None:
    if day < first:
        raise _refused(
            f"collection is assessed as of {day}, and the assessment before it is as of {first}; expected {first} or "
            "later. Send assessments in order, or correct the earlier one."
        )


def _keep(book: Book, command: RevenueCommand, estimate: EstimateChanged) -> Outcome:
    """Recognise what was received and stays, though there is no contract to earn it by (606-10-25-7)."""
    day, currency = command.effective_date, book.currency
    amount = to_minor_not_negative(estimate.consideration_kept or ZERO, currency, "consideration_kept")
    if not in_doubt(book) or day <= book.doubts[-1].last:
        raise _refused(
            f"{to_amount(amount, currency)} is said to be kept on {day}, and collection is probable then; expected a "
            "contract in doubt: else revenue is what is earned (606-10-25-7). Leave it out, or assess collection first."
        )
    open_ = [obligation.allocated - recognisable(book, obligation, dt.date.max) for obligation in book.obligations]
    ended = book.terminated_on is not None
    if not ended and amount > sum(open_):
        raise _refused(
            f"{to_amount(amount, currency)} is said to be kept on {day}, and {to_amount(sum(open_), currency)} of the "
            "price is not recognised; expected at most that. Correct the amount."
        )
    weights = [max(part, 0) for part in open_]
    shares = split(amount, weights) if sum(weights) else [amount] + [0] * (len(open_) - 1)
    obligations = tuple(
        _kept(obligation, day, share, ended) for obligation, share in zip(book.obligations, shares, strict=True)
    )
    price = book.transaction_price + (amount if ended else 0)
    decision = TreatmentDecision(
        line_id=book.lines[0].line_id,
        treatment=AccountingTreatment.NOT_A_MODIFICATION,
        reason=f"{to_amount(amount, currency)} was received and is not returned: it is recognised on {day} "
        f"(606-10-25-7; {estimate.basis})",
    )
    return Outcome(replace(book, obligations=obligations, transaction_price=price), decisions=(decision,))


def _kept(obligation: Obligation, day: dt.date, share: int, ended: bool) -> Obligation:
    if not share:
        return obligation
    allocated = obligation.allocated + (share if ended else 0)
    return replace(obligation, allocated=allocated, kept=(*obligation.kept, (day, share)))


def end_in_doubt(book: Book, command: RevenueCommand, body: TerminateContract) -> Outcome:
    """End a contract of which collection is not probable: what was recognised is all. Raises CommandRefusedError."""
    refund, fee, day = body.termination.refund, body.termination.fee, command.effective_date
    if refund or fee:
        raise _refused(
            f"the contract ends on {day} with refund {refund} and fee {fee}, and collection is not probable; expected "
            "0 for both: nothing is owed. Send what goes back as RefundIssued, and what stays as EstimateChanged with "
            "consideration_kept."
        )
    ended = tuple(replace(obligation, allocated=recognisable(book, obligation, day)) for obligation in book.obligations)
    price = sum(obligation.allocated for obligation in ended)
    decision = TreatmentDecision(
        line_id=book.lines[0].line_id,
        treatment=AccountingTreatment.TERMINATION,
        reason=f"service ends on {day}, collection is not probable: what was recognised, "
        f"{to_amount(price, book.currency)}, is the price; what was received and stays is told apart (606-10-25-7)",
    )
    changed = replace(
        book,
        obligations=ended,
        transaction_price=price,
        terminated_on=day,
        version=command.context.contract_version,
    )
    return Outcome(changed, AccountingTreatment.TERMINATION, (decision,))


def _refused(reason: str) -> CommandRefusedError:
    return CommandRefusedError(RefusalCode.COLLECTION_INVALID, reason)
