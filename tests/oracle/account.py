"""One contract's account: which events may be applied when, what they do, and what a correction does to the rest.

Written from docs/accounting.md sections 6, 8, 10 and 16.1.
"""

from __future__ import annotations

import copy
import enum
from dataclasses import dataclass, field, replace

from tests.oracle import using
from tests.oracle.books import Books
from tests.oracle.chart import Chart
from tests.oracle.obligation import Refused, require
from tests.oracle.reading import (
    Event,
    UnsupportedHistory,
    branch,
    day,
    integer,
    last_day,
    month_of,
    optional_text,
    record,
    records,
    text,
)
from tests.oracle.replay import CHANGES, REPLAYED, Accepted, enter, priced, replay, tells_nothing
from tests.oracle.worksheet import Worksheet


class Outcome(enum.Enum):
    """What became of an event."""

    APPLIED = "applied"
    REJECTED = "rejected"
    HELD = "held"


@dataclass(frozen=True)
class Close:
    """A period of an entity was closed, locked or opened again, at a place in the published order."""

    place: int
    entity: str
    month: int
    closed: bool
    hard: bool = False
    approved: bool = False


@dataclass
class Known:
    """A source transaction that has come."""

    kind: str
    outcome: Outcome
    corrects: str | None
    corrected: bool = False
    """Whether something that was accepted took its place."""


@dataclass
class Account:
    """The account of a contract while its history is worked through."""

    contract: str
    books: Books
    sheet: Worksheet | None = None
    version: int = 0
    sequences: dict[str, int] = field(default_factory=dict)
    accepted: list[Accepted] = field(default_factory=list)
    """What counts for the worksheet, in order; a correction stands in the place of what it corrects."""
    known: dict[str, Known] = field(default_factory=dict)
    invoices: set[str | None] = field(default_factory=lambda: {None})
    """Numbers of invoices that have come; None stands for no invoice."""
    last_closed: dict[str, int] = field(default_factory=dict)
    open_again: set[tuple[str, int]] = field(default_factory=set)
    outcomes: dict[str, tuple[Outcome, str]] = field(default_factory=dict)
    parked: list[str] = field(default_factory=list)

    @property
    def chart(self) -> Chart:
        """Return the accounts and policies."""
        return self.books.chart

    # Order

    def ready(self, event: Event) -> bool:
        """Whether everything that the event depends on is there."""
        context = record(event["context"])
        sequence = branch(event.get("source_sequence"))
        if sequence is not None and sequence != self.sequences.get(text(context, "source_system"), 0) + 1:
            return False
        corrects = optional_text(event, "supersedes")
        if corrects is not None and corrects not in self.known:
            return False
        if _about(event) not in self.invoices:
            return False
        named = integer(context, "contract_version")
        if text(event, "event_type") in CHANGES:
            return named <= self.version + 1
        return 1 <= named <= self.version

    def apply(self, event: Event) -> None:
        """Apply an event that is ready, or say why not; either way its sequence number is used up."""
        context = record(event["context"])
        kind = text(event, "event_type")
        if branch(event.get("source_sequence")) is not None:
            source = text(context, "source_system")
            self.sequences[source] = self.sequences.get(source, 0) + 1
        outcome, reason = Outcome.APPLIED, ""
        on = day(event, "effective_date")
        body = record(record(event["body"])[kind])
        transaction, corrects = text(context, "source_transaction_id"), optional_text(event, "supersedes")
        if kind in self.chart.held_when_late and self._is_closed(text(context, "legal_entity"), month_of(on)):
            outcome, reason = Outcome.HELD, f"{kind} is late in a closed period"
        elif body.get("approved") is False or (kind == "ContractTerminated" and self.chart.termination_waits):
            outcome, reason = Outcome.HELD, f"{kind} waits for an approver"
        else:
            version, entity = integer(context, "contract_version"), text(context, "legal_entity")
            told = Accepted(transaction, kind, version, entity, on, body)
            try:
                self._apply(told, corrects)
            except Refused as refused:
                outcome, reason = Outcome.REJECTED, str(refused)
        if kind == "InvoiceIssued":
            self.invoices.add(text(body, "invoice_id"))
        self.known.setdefault(transaction, Known(kind, outcome, corrects))
        self.outcomes[text(event, "event_id")] = (outcome, reason)

    # What happens

    def _apply(self, told: Accepted, corrects: str | None) -> None:
        target = None if corrects is None else self._what_is_corrected(told, corrects)
        if target is None:
            self._take_in(told)
        elif told.kind in REPLAYED:
            self._replace(told, target)
        else:
            self._reverse(told, target)
        if target is not None:
            self.known[target].corrected = True

    def _what_is_corrected(self, told: Accepted, corrects: str) -> str | None:
        """Return the accepted transaction that an event corrects; None where nothing that it corrects counts."""
        require(corrects != told.transaction, f"{told.transaction} would correct itself")
        found = self.known[corrects]
        require(found.kind == told.kind, f"a {told.kind} that corrects a {found.kind}")
        if found.outcome is Outcome.HELD:
            raise UnsupportedHistory(f"contract {self.contract}: a correction of {corrects}, which is held")
        if found.outcome is Outcome.REJECTED:
            return None if found.corrects is None else self._what_is_corrected(told, found.corrects)
        require(not found.corrected, f"{corrects} is corrected already")
        return corrects

    def _take_in(self, told: Accepted) -> None:
        """Take an event in behind all others."""
        if told.kind in CHANGES:
            require(told.version == self.version + 1, f"version {told.version} is in force already")
            self._require_free_names(told)
        document = None
        if self.sheet is not None and told.kind not in REPLAYED | {"UsageRated"}:
            document = self.books.read(told, self.sheet)
        self.sheet = enter(self.sheet, told)
        if told.kind in CHANGES:
            self.version = told.version
        if document is not None:
            self.books.enter(told, document, self.sheet, self._accounting_date(told))
        self.accepted.append(told)

    def _require_free_names(self, told: Accepted) -> None:
        """Refuse a line whose id an obligation had that a correction made undone."""
        used = {place.obligation for place in self.books.recognised}
        for line in [*records(told.body, "added_lines"), *records(told.body, "lines")]:
            require(text(line, "line_id") not in used, f"line {line['line_id']} was used before")

    def _replace(self, told: Accepted, target: str) -> None:
        """Let a correction take the place of what it corrects, and work through everything again."""
        assert self.sheet is not None
        place = next(number for number, event in enumerate(self.accepted) if event.transaction == target)
        corrected = self.accepted[place]
        if told.kind in CHANGES:
            require(told.version == corrected.version, f"{target} created version {corrected.version}")
        told = replace(told, nothing=tells_nothing(told.kind, told.body))
        again = [*self.accepted[:place], told, *self.accepted[place + 1 :]]
        sheet = replay(again)
        assert sheet is not None
        require(sheet.currency == self.sheet.currency, "a correction to another currency")
        require(sheet.entity == self.sheet.entity, "a correction to another legal entity")
        self.sheet, self.accepted = sheet, again

    def _reverse(self, told: Accepted, target: str) -> None:
        """Take back what is corrected, and take the correction in; both or nothing."""
        assert self.sheet is not None
        corrected = next(event for event in self.accepted if event.transaction == target)
        before, books, accepted = copy.deepcopy(self.sheet), self.books, self.accepted
        self.books = copy.deepcopy(books)
        try:
            self.accepted = [event for event in accepted if event.transaction != target]
            if priced(corrected, self.sheet):
                self.sheet = replay(self.accepted)
                assert self.sheet is not None
            else:
                using.take_back(self.sheet, target)
            if target in self.books.documents:
                self.books.strike_out(target, self.sheet, self._accounting_date(told))
            self._take_in(told)
            using.require_rated(self.sheet)
        except Refused:
            self.sheet, self.books, self.accepted = before, books, accepted
            raise

    # Period ends

    def _is_closed(self, entity: str, month: int) -> bool:
        return month <= self.last_closed.get(entity, month - 1) and (entity, month) not in self.open_again

    def _accounting_date(self, told: Accepted) -> int:
        """Return the date of a journal: the event's, or the first day after all periods that were ever closed."""
        late = self._is_closed(told.entity, month_of(told.on))
        return last_day(self.last_closed[told.entity]) + 1 if late else told.on

    def close(self, end: Close) -> None:
        """Take in the end of a period: what the entity has earned by then and has not recognised is recognised.

        A lock recognises nothing. A period that was opened again is recognised again only while no later one was.
        """
        closed_before = self._is_closed(end.entity, end.month)
        if not end.closed:
            if closed_before and end.approved:
                self.open_again.add((end.entity, end.month))
            return
        if end.hard or closed_before:
            return
        self.open_again.discard((end.entity, end.month))
        if end.month < self.last_closed.get(end.entity, end.month):
            return
        self.last_closed[end.entity] = end.month
        if self.sheet is not None:
            self.books.run(end.entity, last_day(end.month), self.sheet)


def _about(event: Event) -> str | None:
    """Return the invoice that a payment, refund or credit names."""
    kind = text(event, "event_type")
    if kind not in {"PaymentReceived", "RefundIssued", "CreditIssued"}:
        return None
    return optional_text(record(record(event["body"])[kind]), "invoice_id")
