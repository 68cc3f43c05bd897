"""What executing a command comes to, before it is validated and turned into an answer."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.revenue.embedded.book import Book
from streams.records import AccountingTreatment, TreatmentDecision


@dataclass(frozen=True, slots=True)
class Outcome:
    """The book after a command, and how the command was treated."""

    book: Book
    treatment: AccountingTreatment = AccountingTreatment.NOT_A_MODIFICATION
    decisions: tuple[TreatmentDecision, ...] = ()
    rescheduled: bool = True
    """Whether allocations or schedule changed."""
    recognised: tuple[tuple[str, int], ...] = ()
    """Revenue that the command recognised, by obligation, in minor units."""
