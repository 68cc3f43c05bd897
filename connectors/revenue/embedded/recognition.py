"""The recognition run of a period for a legal entity (docs/accounting.md section 6)."""

from __future__ import annotations

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, LastRun
from connectors.revenue.embedded.collectibility import recognisable
from connectors.revenue.embedded.financing import with_interest
from connectors.revenue.embedded.outcome import Outcome
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.core.money import period_end, period_of
from streams.records import RevenueCommand, RunRecognition


def run(book: Book, command: RevenueCommand, body: RunRecognition) -> Outcome:
    """Recognise what the entity has earned by the end of the period and not recognised yet.

    Differences of earlier periods are recognised too. Raises CommandRefusedError for a period before the latest run.
    """
    entity = command.context.legal_entity
    try:
        month_end = period_end(body.period)
    except ValueError:
        month_end = None
    if month_end is None or period_of(month_end) != body.period:
        raise CommandRefusedError(
            RefusalCode.PERIOD_INVALID, f"period is {body.period!r}; expected a period as YYYY-MM."
        )
    last_day = body.last_day or month_end
    latest = next((done.period for done in book.runs if done.legal_entity == entity), "")
    if body.period < latest:
        raise CommandRefusedError(
            RefusalCode.RUN_OUT_OF_ORDER,
            f"period {body.period} of {entity} comes after the run of {latest}; expected {latest} or later. "
            "What it earned was recognised with the later run; do not run it again.",
        )
    recognised: list[tuple[str, int]] = []
    obligations = list(book.obligations)
    for at, obligation in enumerate(obligations):
        if obligation.legal_entity != entity:
            continue
        amount = recognisable(book, obligation, last_day) - obligation.recognised
        if amount:
            recognised.append((obligation.obligation_id, amount))
            obligations[at] = replace(obligation, recognised=obligation.recognised + amount)
    changed = replace(book, obligations=tuple(obligations))
    if (book.financing is not None or book.interest) and entity == book.legal_entity:
        changed = with_interest(changed, last_day)
    runs = (*(done for done in book.runs if done.legal_entity != entity), LastRun(entity, body.period))
    return Outcome(replace(changed, runs=runs), rescheduled=False, recognised=tuple(recognised))
