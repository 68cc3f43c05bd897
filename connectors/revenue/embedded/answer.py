"""The answer to a command, and the validation that comes before it (docs/accounting.md sections 3 and 4).

An answer says that allocations add up to the transaction price and every schedule to its allocation. Both are computed
here from the segments and compared, whatever the command did.
"""

from __future__ import annotations

from connectors.revenue.embedded.book import Book, Obligation
from connectors.revenue.embedded.collectibility import in_doubt, open_amount, recognisable_schedule
from connectors.revenue.embedded.earning import planned_kind
from connectors.revenue.embedded.minor_units import to_amount
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.core.money import ZERO
from streams.core.pattern_terms import METERED
from streams.records import Allocation, RecognisedAmount, RevenueAccepted, ScheduleLine


def answer(outcome: Outcome) -> RevenueAccepted:
    """Validate the book after a command and say what the command came to.

    Raises CommandRefusedError when the book breaks an invariant: the command is then not executed.
    """
    book = outcome.book
    currency = book.currency
    allocations: tuple[Allocation, ...] = ()
    lines: tuple[ScheduleLine, ...] = ()
    _check_allocated(book)
    if outcome.rescheduled:
        schedules = [recognisable_schedule(book, obligation) for obligation in book.obligations]
        for obligation, months in zip(book.obligations, schedules, strict=True):
            _check_scheduled(book, obligation, months)
        allocations = tuple(
            _allocation(book, obligation, months)
            for obligation, months in zip(book.obligations, schedules, strict=True)
        )
        lines = tuple(
            ScheduleLine(obligation_id=obligation.obligation_id, period=period, amount=to_amount(amount, currency))
            for obligation, months in zip(book.obligations, schedules, strict=True)
            for period, amount in months
        )
    return RevenueAccepted(
        treatment=outcome.treatment,
        decisions=outcome.decisions,
        currency=currency,
        transaction_price=to_amount(book.transaction_price, currency),
        allocations=allocations,
        schedule=lines,
        recognised=_recognised(outcome),
        billed_total=to_amount(book.billed, currency),
        recognised_total=to_amount(book.recognised, currency),
        refund_liability_total=to_amount(book.refund_liability, currency) if book.refund_liability else ZERO,
        variable_included=to_amount(sum(item.included for item in book.variable), currency) if book.variable else ZERO,
        interest_total=to_amount(book.interest, currency) if book.interest else ZERO,
    )


def _recognised(outcome: Outcome) -> tuple[RecognisedAmount, ...]:
    if not outcome.recognised:
        return ()
    obligations = {obligation.obligation_id: obligation for obligation in outcome.book.obligations}
    return tuple(
        RecognisedAmount(
            obligation_id=obligation_id,
            product_line=obligations[obligation_id].product_line,
            legal_entity=obligations[obligation_id].legal_entity,
            amount=to_amount(amount, outcome.book.currency),
        )
        for obligation_id, amount in outcome.recognised
    )


def _allocation(book: Book, obligation: Obligation, months: list[tuple[str, int]]) -> Allocation:
    currency = book.currency
    return Allocation(
        obligation_id=obligation.obligation_id,
        line_id=obligation.line_id,
        product_line=obligation.product_line,
        legal_entity=obligation.legal_entity,
        pattern=obligation.pattern,
        ssp=to_amount(obligation.ssp, currency),
        allocated=to_amount(obligation.allocated, currency),
        unscheduled=to_amount(open_amount(book, obligation, months), currency),
    )


def _check_allocated(book: Book) -> None:
    allocated = sum(obligation.allocated for obligation in book.obligations)
    if allocated != book.transaction_price:
        raise _broken(book, "allocations add up to", allocated, "the transaction price", book.transaction_price)


def _check_scheduled(book: Book, obligation: Obligation, months: list[tuple[str, int]]) -> None:
    scheduled = sum(amount for _, amount in months)
    open_ = open_amount(book, obligation, months)
    if scheduled + open_ != obligation.allocated:
        what = f"schedule and unscheduled part of {obligation.obligation_id} add up to"
        raise _broken(book, what, scheduled + open_, "its allocation", obligation.allocated)
    nothing_open = (
        planned_kind(obligation) is not None
        or obligation.pattern in METERED
        or obligation.credits is not None
        or obligation.progress == 100
        or obligation.removed_on is not None
        or book.terminated_on is not None
    )
    if nothing_open and open_ and not in_doubt(book):
        raise _broken(book, f"the unscheduled part of {obligation.obligation_id} is", open_, "nothing", 0)


def _broken(book: Book, what: str, found: int, expected: str, amount: int) -> CommandRefusedError:
    return CommandRefusedError(
        RefusalCode.VALIDATION_FAILED,
        f"contract {book.contract_id}: {what} {to_amount(found, book.currency)}; expected {expected} "
        f"{to_amount(amount, book.currency)}. The command was not executed; report it as a defect of the platform.",
    )
