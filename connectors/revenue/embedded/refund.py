"""Refund liability: what was billed and transferred and is expected to go back to the customer.

Section 12 of docs/accounting.md (ASC 606-10-32-10, 55-23). It changes with recognition runs and documents only, because
only they reach the ledger. Knows what is expected back, and what was credited; no estimate and no journal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as replace_outcome

from msgspec.structs import replace

from connectors.revenue.embedded.book import SIGNED_CONTRACT, Book, Obligation, Variable
from connectors.revenue.embedded.earning import DAY, is_satisfied
from connectors.revenue.embedded.minor_units import divide, to_minor
from connectors.revenue.embedded.outcome import Outcome
from streams.core.money import period_end
from streams.core.pattern_terms import METERED
from streams.records import CreditEffect, RecordBilling, RevenueCommand, RunRecognition


def settled(outcome: Outcome, settle: Callable[[Book], Book]) -> Outcome:
    """Return what a command came to, refund liability included; a contract that promises no refund passes unchanged."""
    book = outcome.book
    if not book.refund_liability and not any(variable.refundable for variable in book.variable):
        return outcome
    return replace_outcome(outcome, book=settle(book))


def after_run(book: Book, period: RunRecognition) -> Book:
    """Return the book with what is expected back of what was recognised by the last day of a period."""
    last_day = period.last_day or period_end(period.period)
    return _standing(
        book,
        tuple(
            replace(variable, expected_back=_expected_back(book, variable, last_day))
            if variable.refundable
            else variable
            for variable in book.variable
        ),
    )


def after_document(book: Book, document: RecordBilling) -> Book:
    """Return the book after an invoice or credit note: a credit of billing only gives back what was expected back."""
    return _standing(book, _given_back(book, document, 1))


def after_reversal(book: Book, reverses_command_id: str, earlier: Mapping[str, RevenueCommand]) -> Book:
    """Return the book after a document was taken back."""
    reversed_command = earlier.get(reverses_command_id)
    if reversed_command is None or not isinstance(reversed_command.body, RecordBilling):
        return book
    return _standing(book, _given_back(book, reversed_command.body, -1))


def carried_over(replayed: Book, before: Book) -> Book:
    """Give a replayed book the refund liability of the book before: the next run or document puts it right."""
    expected = {variable.variable_id: variable.expected_back for variable in before.variable}
    variable = tuple(replace(item, expected_back=expected.get(item.variable_id, 0)) for item in replayed.variable)
    return replace(replayed, variable=variable, refund_liability=before.refund_liability)


def _expected_back(book: Book, variable: Variable, last_day: dt.date) -> int:
    """Return the part of what is expected back that belongs to what was transferred."""
    related = _related(book, variable)
    allocated = sum(obligation.allocated for obligation in related)
    if allocated:
        return divide(-variable.included * sum(obligation.recognised for obligation in related), allocated)
    transferred = related and all(is_satisfied(obligation, last_day + DAY) for obligation in related)
    return -variable.included if transferred else 0


def _related(book: Book, variable: Variable) -> Sequence[Obligation]:
    if not variable.lines:
        return [it for it in book.obligations if it.group == SIGNED_CONTRACT and it.pattern not in METERED]
    named = {line_id for line_id, _ in variable.lines}
    own = {line.obligation_id for line in book.lines if line.line_id in named}
    return [obligation for obligation in book.obligations if obligation.obligation_id in own]


def _given_back(book: Book, document: RecordBilling, sign: int) -> tuple[Variable, ...]:
    if not document.credit or document.effect is not CreditEffect.BILLING_ONLY:
        return book.variable
    given = dict.fromkeys((variable.variable_id for variable in book.variable if variable.refundable), 0)
    for line in document.lines:
        for variable in book.variable:
            if variable.refundable and (not variable.lines or line.line_id in dict(variable.lines)):
                given[variable.variable_id] += sign * to_minor(line.net, book.currency, "net")
                break
    return tuple(
        replace(variable, given_back=variable.given_back + given[variable.variable_id])
        if variable.refundable
        else variable
        for variable in book.variable
    )


def _standing(book: Book, variable: tuple[Variable, ...]) -> Book:
    """Return the book with what is still to go back, and never more than what is billed and not recognised."""
    back = sum(max(0, item.expected_back - item.given_back) for item in variable if item.refundable)
    liability = min(back, max(0, book.position))
    return replace(book, variable=variable, refund_liability=liability)
