"""What a ledger refuses: pure checks of a posting against the chart, the entities and the open periods.

Codes are stable. `retryable` says whether sending the same posting again can succeed with nobody acting: only a
reversal that overtook its original can. A closed period, an unknown account or entity needs a person first, so it must
become an exception with an owner at once and not after the last of many attempts; the same command id is accepted once
that person has acted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from connectors.erp.ledger.schema import AMOUNT_LIMIT, COMMAND_ID_LENGTH
from connectors.protocols import PeriodStatus
from streams.core.fiscal import MONTHS, FiscalCalendar
from streams.core.money import ZERO, is_exact, minor_unit
from streams.records import ErpPosting, JournalLine, PostingRejected, ReverseJournal

_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Books:
    """What may be posted to."""

    accounts: frozenset[str]
    first_open_period: Mapping[str, str]
    """By entity."""
    calendars: Mapping[str, FiscalCalendar] = field(default_factory=dict)
    """By entity; one that is missing has calendar months."""

    def period_of(self, posting: ErpPosting) -> str:
        """Return the accounting period of a posting's date in its entity's calendar."""
        return self.calendars.get(posting.legal_entity, MONTHS).period_of(posting.posting_date)

    def period_status(self, legal_entity: str, period: str, *, closed: bool) -> PeriodStatus:
        """Return whether an entity's period takes postings; `closed` tells whether it was closed."""
        first_open = self.first_open_period.get(legal_entity)
        if first_open is None:
            return PeriodStatus.UNKNOWN
        return PeriodStatus.CLOSED if closed or period < first_open else PeriodStatus.OPEN


@dataclass(frozen=True, slots=True)
class Original:
    """What a reversal must agree with."""

    entity: str
    currency: str


def refuse_by_itself(posting: ErpPosting, books: Books) -> PostingRejected | None:
    """Return why a posting can be refused without looking into the ledger, or None."""
    lines = posting.body.lines
    refusal = _refuse_text(posting)
    if refusal is not None:
        return refusal
    if not lines:
        return final("empty", "the journal has no lines; expected at least two")
    if not _CURRENCY.fullmatch(posting.currency):
        return final(
            "currency_minor_unit", f"the currency is {posting.currency!r}; expected an ISO 4217 code such as USD"
        )
    for number, line in enumerate(lines, 1):
        refusal = _refuse_line(number, line, posting.currency, posting.functional_currency)
        if refusal is not None:
            return refusal
    refusal = _refuse_unbalanced(posting)
    if refusal is not None:
        return refusal
    expected = books.period_of(posting)
    if posting.period != expected:
        return final(
            "period_mismatch",
            f"found period {posting.period!r} for the date {posting.posting_date}; expected {expected}",
        )
    first_open = books.first_open_period.get(posting.legal_entity)
    if first_open is None:
        known = ", ".join(sorted(books.first_open_period))
        return final(
            "unknown_entity", f"entity {posting.legal_entity!r} is unknown; expected one of {known}, or add it"
        )
    unknown = sorted({line.account for line in lines} - books.accounts)
    if unknown:
        return final(
            "unknown_account",
            f"unknown accounts {', '.join(unknown)}; correct them, or add them to the chart of accounts",
        )
    if posting.period < first_open:
        found = f"period {posting.period} lies before {first_open}, when the books of {posting.legal_entity} were taken"
        return final("closed_period", f"{found} over; post in an open period")
    return None


def refuse_closed(posting: ErpPosting, closed: Collection[tuple[str, str]]) -> PostingRejected | None:
    """Return the refusal of a posting into a closed period, or None. `closed` holds (entity, period)."""
    if (posting.legal_entity, posting.period) not in closed:
        return None
    return final(
        "closed_period",
        f"period {posting.period} of {posting.legal_entity} is locked; open it again with approval, or post in an "
        "open period",
    )


def refuse_reversal(posting: ErpPosting, originals: Mapping[str, Original]) -> PostingRejected | None:
    """Return the refusal of a reversal without a matching original, or None. `originals` is by command id."""
    if not isinstance(posting.body, ReverseJournal):
        return None
    reversed_id = posting.body.reverses_command_id
    original = originals.get(reversed_id)
    if original is None:
        return _premature(
            "nothing_to_reverse", f"the ledger has no posting {reversed_id}; it must be posted before it is reversed"
        )
    if (original.entity, original.currency) != (posting.legal_entity, posting.currency):
        found = f"posting {reversed_id} is of {original.entity} in {original.currency}"
        return final(
            "nothing_to_reverse", f"{found}; expected {posting.legal_entity} in {posting.currency} like its reversal"
        )
    return None


def _refuse_text(posting: ErpPosting) -> PostingRejected | None:
    """Refuse text that a database cannot hold: one bad posting must not stop the others of its transaction."""
    if not 0 < len(posting.command_id) <= COMMAND_ID_LENGTH:
        found = f"command id {posting.command_id!r} has {len(posting.command_id)} characters"
        return final("invalid_text", f"{found}; expected 1 to {COMMAND_ID_LENGTH}, such as a UUID")
    context, body = posting.context, posting.body
    texts = [posting.command_id, posting.event_id, context.contract_id, context.customer_account, body.description]
    texts += [context.source_system, context.source_transaction_id]
    for line in body.lines:
        texts += [line.account, line.product_line, line.jurisdiction, line.partner_entity]
    wrong = next((value for value in texts if "\0" in value), None)
    if wrong is None:
        return None
    return final("invalid_text", f"found a NUL character in {wrong!r}; expected text without it")


def _refuse_unbalanced(posting: ErpPosting) -> PostingRejected | None:
    lines = posting.body.lines
    sums = [(posting.currency, [(line.debit, line.credit) for line in lines])]
    if posting.functional_currency:
        functional = [(line.functional_debit, line.functional_credit) for line in lines]
        sums.append((posting.functional_currency, functional))
    for currency, amounts in sums:
        debits, credits = (sum(side, ZERO) for side in zip(*amounts, strict=True))
        if debits != credits:
            found = f"found debits {debits} and credits {credits} {currency}, a difference of {debits - credits}"
            return final("unbalanced", f"{found}; expected equal sums")
    return None


def _refuse_line(number: int, line: JournalLine, currency: str, functional_currency: str) -> PostingRejected | None:
    sides = f"line {number} on {line.account} has debit {line.debit} and credit {line.credit}"
    refusal = _refuse_amounts(sides, (line.debit, line.credit), currency)
    if refusal is not None:
        return refusal
    functional = (line.functional_debit, line.functional_credit)
    if not functional_currency:
        if any(functional):
            return final("functional_amount", f"{sides}, and functional amounts; expected a functional currency too")
        return _refuse_sides(sides, line, only_one=True)
    sides = f"{sides}, functional {line.functional_debit} and {line.functional_credit}"
    if functional_currency == currency or not _CURRENCY.fullmatch(functional_currency):
        found = f"the functional currency is {functional_currency!r}, the journal's is {currency}"
        return final("currency_minor_unit", f"{found}; expected another one of ISO 4217, or none")
    refusal = _refuse_amounts(sides, functional, functional_currency)
    # An exchange difference has an amount in functional currency only.
    return refusal or _refuse_sides(sides, line, only_one=not any(functional))


def _refuse_amounts(sides: str, amounts: tuple[Decimal, Decimal], currency: str) -> PostingRejected | None:
    for amount in amounts:
        if not amount.is_finite() or amount < ZERO:
            return final("negative_or_two_sided_line", f"{sides}; expected amounts of 0 or more")
        if amount >= AMOUNT_LIMIT:
            return final("amount_too_large", f"{sides}; expected less than {AMOUNT_LIMIT:f}")
        if not is_exact(amount, currency):
            unit = minor_unit(currency)
            return final("currency_minor_unit", f"{sides}; expected multiples of {unit} {currency}")
    return None


def _refuse_sides(sides: str, line: JournalLine, *, only_one: bool) -> PostingRejected | None:
    if (line.debit and line.credit) or (line.functional_debit and line.functional_credit):
        return final("negative_or_two_sided_line", f"{sides}; expected one of a debit and a credit")
    if only_one and line.debit == ZERO and line.credit == ZERO:
        return final("negative_or_two_sided_line", f"{sides}; expected exactly one of them to be more than 0")
    return None


def final(code: str, reason: str) -> PostingRejected:
    """Return a refusal that stays one until somebody has acted."""
    return PostingRejected(code=code, reason=reason, retryable=False)


def _premature(code: str, reason: str) -> PostingRejected:
    return PostingRejected(code=code, reason=reason, retryable=True)
