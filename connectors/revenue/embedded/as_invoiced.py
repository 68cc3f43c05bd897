"""Revenue that is what the customer may be invoiced for: the right-to-invoice expedient (ASC 606-10-55-18).

Section 14.4 of docs/accounting.md. An invoice line earns on the last day of the service it bills; a credit takes it
back. Knows documents and obligations; not what else billing means.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Obligation
from connectors.revenue.embedded.earning import with_point
from connectors.revenue.embedded.minor_units import to_amount
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import AccountingTreatment, DocumentLine, RecognitionPattern, TreatmentDecision


def earn_invoiced(
    book: Book, day: dt.date, lines: Iterable[tuple[DocumentLine, int]], document: str
) -> tuple[Book, tuple[TreatmentDecision, ...]]:
    """Earn what a document bills on lines that are earned as invoiced; negative amounts take it back.

    Lines of other patterns are left alone. Raises CommandRefusedError where the billed service is outside the term.
    """
    if not any(obligation.pattern is RecognitionPattern.AS_INVOICED for obligation in book.obligations):
        return book, ()
    position_of = {obligation.obligation_id: at for at, obligation in enumerate(book.obligations)}
    obligation_of = {line.line_id: line.obligation_id for line in book.lines}
    obligations = list(book.obligations)
    decisions: list[TreatmentDecision] = []
    price = book.transaction_price
    for line, net in lines:
        at = position_of[obligation_of[line.line_id]]
        before = obligations[at]
        if before.pattern is not RecognitionPattern.AS_INVOICED:
            continue
        earned_on = _earned_on(before, line, day, document)
        obligations[at] = replace(
            before, allocated=before.allocated + net, segments=with_point(before.segments, earned_on, net)
        )
        price += net
        decisions.append(
            TreatmentDecision(
                line_id=line.line_id,
                treatment=AccountingTreatment.NOT_A_MODIFICATION,
                reason=f"{document}: {to_amount(net, book.currency)} may be invoiced and is earned on {earned_on}, the "
                "end of the service that it bills (606-10-55-18)",
            )
        )
    return replace(book, obligations=tuple(obligations), transaction_price=price), tuple(decisions)


def earns_as_invoiced(book: Book, line_id: str) -> bool:
    """Tell whether what is invoiced on a line is its revenue."""
    own = next((line.obligation_id for line in book.lines if line.line_id == line_id), None)
    return any(
        obligation.obligation_id == own and obligation.pattern is RecognitionPattern.AS_INVOICED
        for obligation in book.obligations
    )


def _earned_on(obligation: Obligation, line: DocumentLine, day: dt.date, document: str) -> dt.date:
    if line.service_end is None:
        return day
    if not obligation.start <= line.service_end <= obligation.end:
        raise CommandRefusedError(
            RefusalCode.OUTSIDE_TERM,
            f"{document} bills line {line.line_id} for service up to {line.service_end}; expected a day from "
            f"{obligation.start} to {obligation.end}. Correct the service period, or extend the line first.",
        )
    return line.service_end
