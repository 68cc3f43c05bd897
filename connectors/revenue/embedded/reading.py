"""Books and answers read for reports (`connectors.reading`): obligations with their schedule, and what runs recognised.

Knows how they are stored; knows no report.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from connectors.reading import ObligationRow, RecognitionRow
from connectors.revenue.embedded.book import Book
from connectors.revenue.embedded.collectibility import in_doubt, open_amount, recognisable_schedule
from connectors.revenue.embedded.minor_units import to_amount
from streams.core.fiscal import MONTHS, FiscalCalendar
from streams.core.money import period_of
from streams.records import RecognisedAmount, RevenueAccepted, RevenueCommand, RunRecognition


class _Command(Struct, frozen=True):
    """Of a stored command, what dates its revenue: the rest is not decoded, there may be very many."""

    effective_date: dt.date
    body: msgspec.Raw


class _Accepted(Struct, frozen=True, tag_field="-type", tag="tieout.RevenueAccepted"):
    """Of a stored acceptance, what it recognised."""

    currency: str
    recognised: tuple[RecognisedAmount, ...] = ()


class _Tag(Struct, frozen=True, rename={"name": "-type"}):
    name: str


_commands = msgspec.msgpack.Decoder(_Command)
_accepted = msgspec.msgpack.Decoder(_Accepted)
_tags = msgspec.msgpack.Decoder(_Tag)
_runs = msgspec.msgpack.Decoder(RunRecognition)
_RUN = "tieout.RunRecognition"


def obligation_rows(book: Book, calendars: Mapping[str, FiscalCalendar]) -> Iterator[ObligationRow]:
    """Return the obligations of a contract, in its order; periods are those of the calendar of the entity, else months.

    The schedule is in the periods in which runs recognise, so that the two can be set beside each other.
    """
    terms: dict[int, tuple[dt.date, dt.date]] = {}
    for obligation in book.obligations:
        if not obligation.option:
            start, end = terms.get(obligation.group, (obligation.start, obligation.end))
            terms[obligation.group] = min(start, obligation.start), max(end, obligation.end)
    runs = {run.legal_entity: run.period for run in book.runs}
    currency = book.currency
    doubtful = in_doubt(book)
    for obligation in book.obligations:
        start, end = terms.get(obligation.group, (obligation.start, obligation.end))
        months = recognisable_schedule(book, obligation, calendars.get(obligation.legal_entity, MONTHS))
        # What is in doubt is no contract yet, so that nothing of it remains to be performed (606-10-25-8, 50-13).
        allocated = sum(amount for _, amount in months) if doubtful else obligation.allocated
        yield ObligationRow(
            contract_id=book.contract_id,
            obligation_id=obligation.obligation_id,
            entity=obligation.legal_entity,
            currency=currency,
            product_line=obligation.product_line,
            pattern=obligation.pattern,
            allocated=to_amount(allocated, currency),
            recognised=to_amount(obligation.recognised, currency),
            schedule=tuple((period, to_amount(amount, currency)) for period, amount in months),
            unscheduled=to_amount(0 if doubtful else open_amount(book, obligation, months), currency),
            recognised_through=runs.get(obligation.legal_entity, ""),
            term_start=start,
            term_end=end,
        )


def stored_recognitions(contract_id: str, command: bytes, answer: bytes) -> Iterator[RecognitionRow]:
    """Return what a stored command recognised, given itself and its acceptance as they are stored."""
    accepted = _accepted.decode(answer)
    if not accepted.recognised:
        return
    stored = _commands.decode(command)
    body = bytes(stored.body)
    period = _runs.decode(body).period if _tags.decode(body).name == _RUN else period_of(stored.effective_date)
    yield from _rows(contract_id, accepted.currency, period, accepted.recognised)


def recognitions_of(command: RevenueCommand, answer: RevenueAccepted) -> Iterator[RecognitionRow]:
    """Return what a command recognised."""
    body = command.body
    period = body.period if isinstance(body, RunRecognition) else period_of(command.effective_date)
    yield from _rows(command.context.contract_id, answer.currency, period, answer.recognised)


def _rows(
    contract_id: str, currency: str, period: str, recognised: Iterable[RecognisedAmount]
) -> Iterator[RecognitionRow]:
    for amount in recognised:
        yield RecognitionRow(
            contract_id=contract_id,
            obligation_id=amount.obligation_id,
            entity=amount.legal_entity,
            currency=currency,
            product_line=amount.product_line,
            period=period,
            amount=amount.amount,
        )
