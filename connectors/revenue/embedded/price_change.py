"""Changes of the transaction price, and the cumulative catch-up that they and changes of one obligation share.

Sections 5 "Cumulative catch-up" and "Price change" of docs/accounting.md (ASC 606-10-25-13(b), 606-10-32-42 to 45).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from connectors.revenue.embedded.book import SIGNED_CONTRACT, Book, Obligation
from connectors.revenue.embedded.earning import (
    DAY,
    cut,
    elapsed,
    first_use,
    is_satisfied,
    plan,
    planned_kind,
    total,
    units,
    with_point,
)
from connectors.revenue.embedded.minor_units import common_weights, divide, split, to_amount, to_minor
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.prepaid import repriced, used_share
from connectors.revenue.embedded.progress import performed_share, settled, with_cost_share
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.core.pattern_terms import METERED
from streams.records import AccountingTreatment, RecognitionPattern, RevenueCommand, ReviseEstimate, TreatmentDecision


def performed(obligation: Obligation, day: dt.date, satisfied: bool) -> tuple[int, int]:
    """Return the progress before a day as numerator and denominator (docs/accounting.md section 5)."""
    if obligation.measure is not None and not obligation.option:
        return performed_share(obligation.measure)
    if obligation.credits is not None:
        return used_share(obligation, day)
    if satisfied or obligation.pattern in METERED:
        return 1, 1
    kind = planned_kind(obligation)
    if kind is None:
        above, below = obligation.progress.as_integer_ratio()
        return above, below * 100
    start, end = obligation.start, obligation.end
    return elapsed(kind, start, end, day - DAY), units(kind, start, end)


def catch_up(obligation: Obligation, delta: int, day: dt.date, satisfied: bool) -> Obligation:
    """Change what is allocated to an obligation, and earn on the day what its progress has earned of the change.

    The obligation has its new term already; `satisfied` tells whether it was satisfied before. What is left of an
    obligation that is planned ahead is spread over what remains, of another it stays unscheduled.
    """
    allocated = obligation.allocated + delta
    if obligation.credits is not None:
        return repriced(obligation, delta, day)
    if obligation.pattern is RecognitionPattern.COST_TO_COST:
        return with_cost_share(replace(obligation, allocated=allocated), day)
    above, below = performed(obligation, day, satisfied)
    share = divide(delta * above, below)
    planned = planned_kind(obligation) is not None and not satisfied
    segments = cut(obligation.segments, day - DAY) if planned else obligation.segments
    segments = with_point(segments, first_use(obligation, day), share)
    if planned:
        segments += plan(obligation, allocated - total(segments), day)
    return settled(replace(obligation, allocated=allocated, segments=segments))


def change_price(
    book: Book,
    day: dt.date,
    by_line: Sequence[tuple[str, int]],
    unassigned: int,
    cause: str,
    shares: Sequence[tuple[int, int]] | None = None,
) -> tuple[Book, tuple[TreatmentDecision, ...]]:
    """Change the transaction price by amounts that belong to lines, and by one that concerns the signed contract.

    `shares` say, by position, how the latter is shared; None: by SSP.
    Raises CommandRefusedError after a termination, where a line is unknown or has no price, where nothing can take the
    change, or where the price would fall below zero.
    """
    if book.terminated_on is not None:
        raise CommandRefusedError(
            RefusalCode.CONTRACT_TERMINATED,
            f"{cause} on {day}, and contract {book.contract_id} ended on {book.terminated_on}; expected no change of "
            "its price after that. Send a credit as BILLING_ONLY, its price effect is the termination's refund.",
        )
    change = sum(amount for _, amount in by_line) + unassigned
    price = book.transaction_price + change
    if price < 0:
        raise CommandRefusedError(
            RefusalCode.NEGATIVE_PRICE,
            f"{cause} changes the transaction price {to_amount(book.transaction_price, book.currency)} by "
            f"{to_amount(change, book.currency)}; expected 0 or more to remain. Correct the amount.",
        )
    obligations = list(book.obligations)
    decisions: list[TreatmentDecision] = []
    for at, delta in shares or _shares(book, by_line, unassigned):
        satisfied = is_satisfied(obligations[at], day)
        above, below = performed(obligations[at], day, satisfied)
        obligations[at] = catch_up(obligations[at], delta, day, satisfied)
        if not delta:
            continue
        decisions.append(
            TreatmentDecision(
                line_id=obligations[at].line_id,
                treatment=AccountingTreatment.PRICE_CHANGE,
                reason=f"{cause}: {to_amount(delta, book.currency)} on {obligations[at].obligation_id}, of which "
                f"{to_amount(divide(delta * above, below), book.currency)} for the "
                f"{Decimal(divide(10000 * above, below)).scaleb(-2)} % performed is earned on "
                f"{first_use(obligations[at], day)} "
                "(606-10-32-42 to 45)",
            )
        )
    return replace(book, obligations=tuple(obligations), transaction_price=price), tuple(decisions)


def _shares(book: Book, by_line: Sequence[tuple[str, int]], unassigned: int) -> list[tuple[int, int]]:
    """Return which obligation, by position, takes which part of a price change."""
    position_of = {obligation.obligation_id: at for at, obligation in enumerate(book.obligations)}
    obligation_of = {line.line_id: line.obligation_id for line in book.lines}
    shares: list[tuple[int, int]] = []
    for line_id, amount in by_line:
        if line_id not in obligation_of:
            raise unknown_line(book, line_id)
        at = position_of[obligation_of[line_id]]
        _check_priced(book.obligations[at], line_id)
        shares.append((at, amount))
    if not unassigned:
        return shares
    takers = [at for at, obligation in enumerate(book.obligations) if shares_price(obligation)]
    weights = common_weights([price_weight(book.obligations[at]) for at in takers])
    if not sum(weights):
        raise CommandRefusedError(
            RefusalCode.PRICE_WITHOUT_SSP,
            f"a price change of {to_amount(unassigned, book.currency)} names no line, and the signed contract has no "
            "obligation with a stand-alone selling price. Name the line it belongs to (606-10-32-44).",
        )
    return [*shares, *zip(takers, split(unassigned, weights), strict=True)]


def shares_price(obligation: Obligation) -> bool:
    """Tell whether an obligation takes part of a price change that names no line."""
    return (
        obligation.group == SIGNED_CONTRACT
        and obligation.removed_on is None
        and obligation.pattern not in METERED
        and not obligation.entirely_variable
    )


def price_weight(obligation: Obligation) -> tuple[int, int]:
    """Return by what an obligation shares a price, on the basis of inception (606-10-32-43)."""
    above, below = obligation.bundle
    return obligation.ssp * above, below


def _check_priced(obligation: Obligation, line_id: str) -> None:
    if obligation.removed_on is not None:
        raise CommandRefusedError(
            RefusalCode.LINE_REMOVED,
            f"the price of line {line_id} would change, and it was removed on {obligation.removed_on}; expected a line "
            "in force. Send a credit as BILLING_ONLY, its price fell with the removal.",
        )
    if obligation.pattern in METERED:
        raise CommandRefusedError(
            RefusalCode.USAGE_PRICED,
            f"the price of usage line {line_id} would change; expected a line with a fixed price. "
            "Correct the rated usage instead: supersede it.",
        )


def unknown_line(book: Book, line_id: str) -> CommandRefusedError:
    """Return the refusal of a line that the contract does not have."""
    known = ", ".join(line.line_id for line in book.lines[:20])
    return CommandRefusedError(
        RefusalCode.UNKNOWN_LINE,
        f"line {line_id} is not a line of contract {book.contract_id}; expected one of {known}. "
        "Correct the line, or amend the contract first.",
    )


def revise_estimate(book: Book, command: RevenueCommand, body: ReviseEstimate) -> Outcome:
    """Take in a changed estimate of the transaction price. Raises CommandRefusedError."""
    estimate = body.estimate
    amount = to_minor(estimate.price_change, book.currency, "price change")
    by_line = [] if estimate.line_id is None else [(estimate.line_id, amount)]
    cause = f"estimate changed ({estimate.basis})" if estimate.basis else "estimate changed"
    changed, decisions = change_price(
        book, command.effective_date, by_line, amount if estimate.line_id is None else 0, cause
    )
    return Outcome(changed, AccountingTreatment.PRICE_CHANGE, decisions)
