"""A price concession for what was performed already (docs/accounting.md section 16.2).

Negotiated together with other changes, and no part of the price of what remains: it reduces the price of what was
performed, at once (ASC 606-10-32-42 to 45, 606-10-55-111 to 116). All else that changes is decided without it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Line, Obligation
from connectors.revenue.embedded.earning import DAY, cut, total, with_point
from connectors.revenue.embedded.minor_units import to_amount, to_minor_not_negative
from connectors.revenue.embedded.price_change import unknown_line
from connectors.revenue.embedded.progress import COMPLETE, in_progress, settled
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import AccountingTreatment, LineChange, TreatmentDecision


def concede(book: Book, changes: Sequence[LineChange], day: dt.date) -> tuple[Book, tuple[TreatmentDecision, ...]]:
    """Take the concessions of an amendment out of the price of what was performed. Raises CommandRefusedError."""
    decisions: list[TreatmentDecision] = []
    for change in changes:
        if not change.concession:
            continue
        amount = to_minor_not_negative(change.concession, book.currency, f"concession on line {change.line_id}")
        line = next((line for line in book.lines if line.line_id == change.line_id), None)
        if line is None:
            raise unknown_line(book, change.line_id)
        own = next(own for own in book.obligations if own.obligation_id == line.obligation_id)
        _check(book, line, own, amount, day)
        reduced = replace(
            own,
            price=own.price - amount,
            allocated=own.allocated - amount,
            segments=with_point(own.segments, day, -amount),
        )
        reduced = settled(reduced)
        book = replace(
            book,
            lines=tuple(replace(it, price=it.price - amount) if it is line else it for it in book.lines),
            obligations=tuple(reduced if it is own else it for it in book.obligations),
            transaction_price=book.transaction_price - amount,
        )
        decisions.append(
            TreatmentDecision(
                line_id=line.line_id,
                treatment=AccountingTreatment.PRICE_CHANGE,
                reason=f"concession of {to_amount(amount, book.currency)} for what was performed before {day}: reduces "
                "its price at once, and is no part of the price of what remains (606-10-32-42 to 45, 55-111 to 116)",
            )
        )
    return book, tuple(decisions)


def _check(book: Book, line: Line, own: Obligation, amount: int, day: dt.date) -> None:
    under_way = in_progress(own) and own.progress != COMPLETE
    if under_way or not own.distinct or own.credits is not None:
        raise CommandRefusedError(
            RefusalCode.LINE_NOT_SEPARABLE,
            f"line {line.line_id} has a concession, and what was performed of it is not distinct from what remains; "
            "expected a line whose parts are. Change the price of the line: it is caught up by progress "
            "(606-10-25-13(b)).",
        )
    earned = total(cut(own.segments, day - DAY))
    limit = min(earned, line.price)
    if amount > limit:
        raise CommandRefusedError(
            RefusalCode.NEGATIVE_PRICE,
            f"concession on line {line.line_id} is {to_amount(amount, book.currency)}, and what was performed before "
            f"{day} has earned {to_amount(earned, book.currency)} of the price {to_amount(line.price, book.currency)}; "
            f"expected up to {to_amount(limit, book.currency)}. Put the rest into the price of what remains.",
        )
