"""The early end of a contract (docs/accounting.md section 5, "Termination")."""

from __future__ import annotations

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Obligation
from connectors.revenue.embedded.collectibility import end_in_doubt, in_doubt
from connectors.revenue.embedded.commitment import without_minimum
from connectors.revenue.embedded.earning import cut, total, with_point
from connectors.revenue.embedded.minor_units import split, to_amount, to_minor_not_negative
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import (
    AccountingTreatment,
    RecognitionPattern,
    RevenueCommand,
    TerminateContract,
    TreatmentDecision,
)


def terminate(book: Book, command: RevenueCommand, body: TerminateContract) -> Outcome:
    """End service on the effective date; what is neither earned nor given back is earned then.

    What is given back beyond the unearned is taken back of what was earned. Raises CommandRefusedError when it is more
    than that.
    """
    if in_doubt(book):
        return end_in_doubt(book, command, body)
    day, currency = command.effective_date, book.currency
    refund = to_minor_not_negative(body.termination.refund, currency, "refund")
    fee = to_minor_not_negative(body.termination.fee, currency, "termination fee")
    stopped = [replace(obligation, segments=cut(obligation.segments, day)) for obligation in book.obligations]
    ended = [replace(it, commitment=without_minimum(it, day)) if it.commitment else it for it in stopped]
    unearned = [obligation.allocated - total(obligation.segments) for obligation in ended]
    remaining = sum(unearned)
    retained = remaining - refund + fee
    facts = (
        f"unearned {to_amount(remaining, currency)} less refund {to_amount(refund, currency)} "
        f"plus fee {to_amount(fee, currency)}"
    )
    earned = [0 if _metered(obligation) else total(obligation.segments) for obligation in ended]
    if retained + sum(earned) < 0:
        raise CommandRefusedError(
            RefusalCode.REFUND_OVER_PRICE,
            f"{facts} is {to_amount(retained, currency)} after {day}, more than the {to_amount(sum(earned), currency)} "
            "that was earned of fixed prices; expected at most that. "
            "Correct the refund; re-rate usage, and credit what was invoiced as it was done.",
        )
    if retained < 0:
        shares = split(retained, earned)
    else:
        shares = split(retained, unearned) if remaining else [retained] + [0] * (len(ended) - 1)
    decisions: list[TreatmentDecision] = []
    for at, share in enumerate(shares):
        segments = with_point(ended[at].segments, day, share)
        ended[at] = replace(ended[at], segments=segments, allocated=total(segments))
        if share or unearned[at]:
            reason = (
                f"service ends on {day}; {facts} is {'earned' if retained >= 0 else 'taken back of what was earned'} "
                f"then, {to_amount(share, currency)} of it on "
                f"{ended[at].obligation_id} for its unearned {to_amount(unearned[at], currency)} (606-10-25-13, 32-42)"
            )
            decisions.append(
                TreatmentDecision(line_id=ended[at].line_id, treatment=AccountingTreatment.TERMINATION, reason=reason)
            )
    changed = replace(
        book,
        obligations=tuple(ended),
        transaction_price=book.transaction_price - refund + fee,
        terminated_on=day,
        version=command.context.contract_version,
    )
    return Outcome(changed, AccountingTreatment.TERMINATION, tuple(decisions))


def _metered(obligation: Obligation) -> bool:
    """Tell whether only what was used or invoiced decides what an obligation has earned."""
    used = obligation.pattern is RecognitionPattern.USAGE and not obligation.commitment
    return used or obligation.pattern is RecognitionPattern.AS_INVOICED
