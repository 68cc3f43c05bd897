"""Variable consideration that comes with an amendment (docs/accounting.md section 16.6; ASC 606-10-25-10 to 13, 32-5).

It belongs to one line, from the amendment on. Knows how a price change is caught up and how a period of a series is
planned; not what else the amendment does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Obligation, Variable
from connectors.revenue.embedded.earning import is_satisfied
from connectors.revenue.embedded.inception import begin, check_new_ids, used_ids
from connectors.revenue.embedded.minor_units import to_amount
from connectors.revenue.embedded.price_change import catch_up, unknown_line
from connectors.revenue.embedded.progress import in_progress
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from connectors.revenue.embedded.transaction_price import included, series_period
from streams.core.pattern_terms import METERED, RATABLE
from streams.records import AccountingTreatment, RecognitionPattern, TreatmentDecision, VariableConsideration


def included_by_line(items: Sequence[VariableConsideration], currency: str) -> dict[str, int]:
    """Return what variable consideration adds to the price of each line: part of what an added line costs."""
    by_line: dict[str, int] = {}
    for item in items:
        amount, _ = included(item, currency)
        for line_id in item.line_ids[:1]:
            by_line[line_id] = by_line.get(line_id, 0) + amount
    return by_line


def with_variable(
    book: Book, items: Sequence[VariableConsideration], day: dt.date, added: Mapping[str, AccountingTreatment]
) -> tuple[Book, tuple[TreatmentDecision, ...]]:
    """Take in the variable consideration of an amendment, whose lines are in the book already.

    `added` says how the lines that it adds are treated: their variable consideration is treated alike. Raises
    CommandRefusedError where the line cannot have one, or its allocation or the price would fall below zero.
    """
    decisions: list[TreatmentDecision] = []
    for item in items:
        if any(known.variable_id == item.variable_id for known in book.variable):
            raise _refused(
                RefusalCode.ESTIMATE_INVALID,
                f"variable consideration {item.variable_id} is added and the contract has one of that name; expected a "
                "name of its own. Rename it, or send an EstimateChanged with variable_id.",
            )
        amount, estimate = included(item, book.currency)
        own = _own(book, item)
        if own.pattern in RATABLE and own.distinct and not is_satisfied(own, day):
            book, kept = _of_the_rest(book, item, own, amount, day)
            treatment, why = AccountingTreatment.PROSPECTIVE, "it is for what remains (606-10-25-13(a), 32-40)"
        else:
            book, treatment, why = _of_the_line(book, item, own, amount, day)
            kept = Variable(
                variable_id=item.variable_id,
                method=item.method,
                included=amount,
                lines=((own.line_id, 1),),
            )
        book = replace(book, variable=(*book.variable, kept), transaction_price=book.transaction_price + amount)
        treatment = added.get(item.line_ids[0], treatment)
        decisions.append(replace(estimate, treatment=treatment, reason=f"{estimate.reason}; {why}"))
    if book.transaction_price < 0:
        raise _refused(
            RefusalCode.NEGATIVE_PRICE,
            f"the transaction price would be {to_amount(book.transaction_price, book.currency)}; expected 0 or more. "
            "Correct the outcomes.",
        )
    return book, tuple(decisions)


def _own(book: Book, item: VariableConsideration) -> Obligation:
    """Return the obligation of the one line that a variable consideration belongs to."""
    if len(item.line_ids) != 1:
        raise _refused(
            RefusalCode.ALLOCATION_INVALID,
            f"variable consideration {item.variable_id} names {len(item.line_ids)} lines; expected one line: what is "
            "added to several is shared by the parties. Send one for each line.",
        )
    line = next((line for line in book.lines if line.line_id == item.line_ids[0]), None)
    if line is None:
        raise unknown_line(book, item.line_ids[0])
    own = next(it for it in book.obligations if it.obligation_id == line.obligation_id)
    if own.removed_on is not None:
        raise _refused(
            RefusalCode.LINE_REMOVED,
            f"variable consideration {item.variable_id} is of line {line.line_id}, removed on {own.removed_on}; "
            "expected a line in force. Name another.",
        )
    if own.pattern in METERED:
        raise _refused(
            RefusalCode.USAGE_PRICED,
            f"variable consideration {item.variable_id} is of line {line.line_id}, which is metered; expected a line "
            "with a price or a term of its own. Send the metered amounts as usage or invoices.",
        )
    return own


def _of_the_rest(
    book: Book, item: VariableConsideration, own: Obligation, amount: int, day: dt.date
) -> tuple[Book, Variable]:
    """Plan it over the distinct days or months of a series that remain, or the ones that it is for (25-14(b))."""
    first = max(day, own.start)
    start, end = item.service_start or first, item.service_end or own.end
    if not first <= start <= end <= own.end:
        raise _refused(
            RefusalCode.ALLOCATION_INVALID,
            f"variable consideration {item.variable_id} is for {start} to {end} of line {own.line_id}; expected days "
            f"from {first} to {own.end}, which remain. Correct them; what concerns days before the amendment is an "
            "EstimateChanged with price_change on the line.",
        )
    period = series_period(item.variable_id, own, (start, end), amount, book.next_group)
    check_new_ids([period.obligation_id], used_ids(book))
    kept = Variable(variable_id=item.variable_id, method=item.method, included=amount, period=period.obligation_id)
    return replace(book, obligations=(*book.obligations, begin(period, amount))), kept


def _of_the_line(
    book: Book, item: VariableConsideration, own: Obligation, amount: int, day: dt.date
) -> tuple[Book, AccountingTreatment, str]:
    """Change what one obligation is allocated: at once by its progress, and not yet where none is made."""
    if item.service_start is not None or item.service_end is not None:
        raise _refused(
            RefusalCode.ALLOCATION_INVALID,
            f"variable consideration {item.variable_id} is for a period of line {own.line_id}, which has pattern "
            f"{own.pattern}; expected one distinct, ratable line (606-10-25-14(b)). Leave the period out.",
        )
    measure = own.measure
    if own.pattern is RecognitionPattern.UNITS and measure is not None and measure.done:
        raise _refused(
            RefusalCode.ALLOCATION_INVALID,
            f"variable consideration {item.variable_id} is of line {own.line_id}, of which "
            f"{measure.done.normalize():f} units are delivered; expected one of which none is. Add a line for the "
            "units that it is for, or send an EstimateChanged with price_change where it is for all of them.",
        )
    satisfied = is_satisfied(own, day)
    changed = catch_up(own, amount, day, satisfied)
    if changed.allocated < 0:
        raise _refused(
            RefusalCode.NEGATIVE_PRICE,
            f"variable consideration {item.variable_id} would leave {to_amount(changed.allocated, book.currency)} to "
            f"{own.obligation_id}; expected 0 or more. Correct the outcomes.",
        )
    obligations = tuple(changed if it is own else it for it in book.obligations)
    if satisfied or not own.distinct or in_progress(own) or own.credits is not None:
        treatment = AccountingTreatment.CUMULATIVE_CATCH_UP
        why = "earned as far as the line is performed (606-10-25-13(b), 32-43)"
    else:
        treatment, why = AccountingTreatment.PROSPECTIVE, "nothing of the line is performed yet (606-10-25-13(a))"
    return replace(book, obligations=obligations), treatment, why


def _refused(code: RefusalCode, reason: str) -> CommandRefusedError:
    return CommandRefusedError(code, reason)
