"""Which treatment the facts of a modification lead to, and why: the table of section 5 of docs/accounting.md.

Decides only (ASC 606-10-25-10 to 13, IFRS 15.18-21); `modification` carries it out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from connectors.revenue.embedded.amended_price import included_by_line
from connectors.revenue.embedded.book import SIGNED_CONTRACT, Book, Line, Obligation
from connectors.revenue.embedded.commitment import fixed_part
from connectors.revenue.embedded.earning import DAY, cut, is_satisfied, total
from connectors.revenue.embedded.inception import check_joins, check_new_ids, priced, used_ids
from connectors.revenue.embedded.minor_units import divide, to_amount, to_minor_not_negative
from connectors.revenue.embedded.price_change import unknown_line
from connectors.revenue.embedded.progress import in_progress, performed_share
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.core.pattern_terms import METERED, is_combined
from streams.records import (
    AccountingTreatment,
    ContractAmended,
    ContractLine,
    LineChange,
    RecognitionPattern,
    TreatmentDecision,
)


@dataclass(frozen=True, slots=True)
class Added:
    """A line that is added, with its price and SSP in minor units."""

    line: ContractLine
    price: int
    ssp: int
    decision: TreatmentDecision


@dataclass(frozen=True, slots=True)
class Changed:
    """A line with new terms: what differs, and the obligation it concerns."""

    line: Line
    obligation: Obligation
    quantity: Decimal
    end: dt.date
    price: int
    ssp: int
    decision: TreatmentDecision
    expected: Decimal | None = None
    """Units that the obligation promises now, or cost expected of it now; None where it has no such measure."""

    @property
    def delta_price(self) -> int:
        """New price less old."""
        return self.price - self.line.price

    @property
    def delta_ssp(self) -> int:
        """New stand-alone selling price less old."""
        return self.ssp - self.line.ssp


@dataclass(frozen=True, slots=True)
class Removed:
    """An obligation whose rest is cancelled: a line's own one, or an increment of it."""

    obligation: Obligation
    settled: int
    """What was earned before the change, and every point: no longer open to change."""
    fall: int
    """By how much the price falls."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A modification with the treatment of each item."""

    added: tuple[Added, ...]
    changed: tuple[Changed, ...]
    removed: tuple[Removed, ...]
    decisions: tuple[TreatmentDecision, ...]
    treatment: AccountingTreatment
    """The treatment that all items share, or MIXED."""


def decide(book: Book, change: ContractAmended, day: dt.date) -> Decided:
    """Decide the treatment of every item of an amendment but its variable consideration. Raises CommandRefusedError."""
    besides = included_by_line(change.variable, book.currency) if change.variable else {}
    _check_named_once(change)
    check_new_ids([line.line_id for line in change.added_lines], used_ids(book))
    lines = {line.line_id: line for line in book.lines}
    obligations = {obligation.obligation_id: obligation for obligation in book.obligations}
    added = tuple(_added(book, line, day, besides.get(line.line_id, 0)) for line in change.added_lines)
    changed: list[Changed] = []
    for terms in change.changed_lines:
        line = lines.get(terms.line_id)
        if line is None:
            raise unknown_line(book, terms.line_id)
        changed.append(_changed(book, terms, line, obligations[line.obligation_id], day))
    removed, removals = _removed(book, change.removed_lines, lines, obligations, day)
    decisions = (*(item.decision for item in added), *(item.decision for item in changed), *removals)
    treatment = shared_treatment(decisions)
    if not change.variable:
        check_requested(change.requested_treatment, treatment, decisions)
    return Decided(added, tuple(changed), tuple(removed), decisions, treatment)


def shared_treatment(decisions: Sequence[TreatmentDecision]) -> AccountingTreatment:
    """Return the treatment that all items share, or MIXED; an item that changes nothing does not count."""
    treatments = {decision.treatment for decision in decisions}
    if len(treatments) > 1:
        treatments.discard(AccountingTreatment.NOT_A_MODIFICATION)
    return treatments.pop() if len(treatments) == 1 else AccountingTreatment.MIXED


def _check_named_once(change: ContractAmended) -> None:
    named = [*(item.line_id for item in change.changed_lines), *change.removed_lines]
    if not named and not change.added_lines and not change.variable:
        raise CommandRefusedError(
            RefusalCode.NOTHING_TO_CHANGE,
            "the amendment adds, changes and removes nothing; expected at least one line. Send what was agreed.",
        )
    if len(set(named)) < len(named):
        raise CommandRefusedError(
            RefusalCode.LINE_REPEATED,
            f"the amendment names lines {', '.join(named)}; expected each once. Send one change or removal a line.",
        )


def check_requested(
    requested: AccountingTreatment | None, found: AccountingTreatment, decisions: Sequence[TreatmentDecision]
) -> None:
    """Refuse a treatment that is asked for against the facts. Raises CommandRefusedError."""
    if requested in (None, AccountingTreatment.UNDETERMINED, found):
        return
    facts = "; ".join(f"{decision.line_id} {decision.treatment}: {decision.reason}" for decision in decisions)
    raise CommandRefusedError(
        RefusalCode.TREATMENT_DISPUTE,
        f"treatment {requested} is requested and the facts lead to {found} ({facts}). "
        "Correct the prices, SSP or distinctness if they are wrong, or send it without a requested treatment.",
    )


def _decision(line_id: str, treatment: AccountingTreatment, reason: str) -> TreatmentDecision:
    return TreatmentDecision(line_id=line_id, treatment=treatment, reason=reason)


def _added(book: Book, line: ContractLine, day: dt.date, besides: int) -> Added:
    price, ssp = priced(line, book.currency)
    usage = line.pattern in METERED and not price
    variable = f" and variable {to_amount(besides, book.currency)}" if besides else ""
    amounts = f"price {to_amount(price, book.currency)}{variable}, SSP {to_amount(ssp, book.currency)}"
    if usage:
        treatment = AccountingTreatment.SEPARATE_CONTRACT
        reason = "usage added, priced as used: distinct at its stand-alone selling price (606-10-25-12)"
    elif line.pattern is RecognitionPattern.USAGE and price != ssp:
        raise CommandRefusedError(
            RefusalCode.PATTERN_INVALID,
            f"usage line {line.line_id} is added with a minimum of {line.price} and an SSP of {line.ssp}; expected "
            "both the same: a minimum is not blended with what remains. Put the discount on another line.",
        )
    elif is_combined(line):
        treatment = AccountingTreatment.CUMULATIVE_CATCH_UP
        reason = f"added, {amounts}, not distinct: joins the partly satisfied obligation (606-10-25-13(b))"
        joined = combined_obligation(book)
        if joined is None:
            raise CommandRefusedError(
                RefusalCode.NO_COMBINED_OBLIGATION,
                f"line {line.line_id} is added as not distinct and contract {book.contract_id} has no obligation in "
                "force that is not distinct. Send the line as distinct, or as part of a renewal.",
            )
        check_joins(line, joined)
    elif price + besides == ssp:
        treatment = AccountingTreatment.SEPARATE_CONTRACT
        reason = f"added, distinct, {amounts}: at its stand-alone selling price (606-10-25-12)"
    else:
        treatment = AccountingTreatment.PROSPECTIVE
        reason = f"added, distinct, {amounts}: not at its stand-alone selling price (606-10-25-13(a))"
        if planned_pattern(line.pattern) and line.end_date < day:
            raise CommandRefusedError(
                RefusalCode.TERM_INVALID,
                f"line {line.line_id} is added on {day} and ended on {line.end_date}; expected service that remains. "
                "Correct the term, or bill it and revise the estimate of the line it belongs to.",
            )
    return Added(line, price, ssp, _decision(line.line_id, treatment, reason))


def _check_fixed_terms(obligation: Obligation, line: Line, terms: LineChange, amounts: tuple[int, int]) -> None:
    """Refuse new amounts of usage without price, of a minimum and of credits, and a cost where none is measured."""
    if terms.expected_cost is not None and obligation.pattern is not RecognitionPattern.COST_TO_COST:
        raise CommandRefusedError(
            RefusalCode.PATTERN_INVALID,
            f"line {line.line_id} would get an expected cost and has pattern {obligation.pattern}; expected "
            "COST_TO_COST. Leave expected_cost out.",
        )
    same = amounts == (line.price, line.ssp)
    if obligation.pattern in METERED and not obligation.commitment and not same:
        raise CommandRefusedError(
            RefusalCode.USAGE_PRICED,
            f"usage line {line.line_id} would get a price or SSP; expected 0 for both. Add a line for a fixed fee.",
        )
    if obligation.commitment and not (same and terms.end_date in (None, obligation.end)):
        raise CommandRefusedError(
            RefusalCode.PATTERN_INVALID,
            f"line {line.line_id} has a minimum commitment, and its price, SSP or end would change; expected the same. "
            "Remove the line from the first day of a period on, and add one with the new minimum.",
        )
    if obligation.credits is not None and not (same and terms.quantity in (None, line.quantity)):
        raise CommandRefusedError(
            RefusalCode.PATTERN_INVALID,
            f"line {line.line_id} grants prepaid credits, and its price, SSP or quantity would change; expected the "
            "same. Add a line for further credits; reduce the price with a credit note.",
        )


def planned_pattern(pattern: RecognitionPattern) -> bool:
    """Tell whether a pattern is earned by time."""
    return pattern in (RecognitionPattern.RATABLE_DAILY, RecognitionPattern.RATABLE_MONTHLY)


def combined_obligation(book: Book) -> Obligation | None:
    """Return the obligation of the signed contract's lines that are not distinct, or None where none is in force."""
    for obligation in book.obligations:
        if obligation.group == SIGNED_CONTRACT and not obligation.distinct and obligation.removed_on is None:
            return obligation
    return None


def _changed(book: Book, terms: LineChange, line: Line, obligation: Obligation, day: dt.date) -> Changed:
    if obligation.removed_on is not None:
        raise CommandRefusedError(
            RefusalCode.LINE_REMOVED,
            f"line {line.line_id} was removed on {obligation.removed_on} and cannot change. Add it with a new id.",
        )
    price = to_minor_not_negative(terms.price, book.currency, f"price of line {line.line_id}")
    ssp = to_minor_not_negative(terms.ssp, book.currency, f"stand-alone selling price of line {line.line_id}")
    quantity = line.quantity if terms.quantity is None else terms.quantity
    end = obligation.end if terms.end_date is None else terms.end_date
    if end != obligation.end and line.line_id != obligation.obligation_id:
        raise CommandRefusedError(
            RefusalCode.LINE_NOT_SEPARABLE,
            f"line {line.line_id} is not distinct, ends with {obligation.obligation_id} on {obligation.end} and would "
            f"end on {end}; expected no end of its own. Change the end of {obligation.obligation_id}.",
        )
    if end < obligation.start:
        raise CommandRefusedError(
            RefusalCode.TERM_INVALID,
            f"line {line.line_id} would end on {end}, before its start {obligation.start}. "
            "Correct the end, or remove the line.",
        )
    if obligation.commitment:
        price, ssp = price * len(obligation.commitment), ssp * len(obligation.commitment)
    _check_fixed_terms(obligation, line, terms, (price, ssp))
    expected = _expected(obligation, line, terms)
    same_measure = obligation.measure is None or expected == obligation.measure.expected
    if same_measure and (price, ssp, quantity, end) == (line.price, line.ssp, line.quantity, obligation.end):
        treatment, why = AccountingTreatment.NOT_A_MODIFICATION, "the terms in force, nothing changes (606-10-25-10)"
    else:
        treatment, why = _treatment_of_change(obligation, line, quantity, end, price, ssp, day)
    reason = (
        f"changed, price {to_amount(line.price, book.currency)} to {to_amount(price, book.currency)}, "
        f"SSP {to_amount(line.ssp, book.currency)} to {to_amount(ssp, book.currency)}, "
        f"quantity {line.quantity} to {quantity}, end {obligation.end} to {end}: {why}"
    )
    decision = _decision(line.line_id, treatment, reason)
    return Changed(line, obligation, quantity, end, price, ssp, decision, expected)


def _expected(obligation: Obligation, line: Line, terms: LineChange) -> Decimal | None:
    """Return what the line's own obligation measures progress against with new terms; increments keep their units."""
    measure = obligation.measure
    if measure is None:
        return None
    if obligation.pattern is RecognitionPattern.COST_TO_COST:
        return measure.expected if terms.expected_cost is None else terms.expected_cost
    return measure.expected if terms.quantity is None else measure.expected + terms.quantity - line.quantity


def _treatment_of_change(
    obligation: Obligation, line: Line, quantity: Decimal, end: dt.date, price: int, ssp: int, day: dt.date
) -> tuple[AccountingTreatment, str]:
    if obligation.pattern in METERED:
        return AccountingTreatment.PROSPECTIVE, "usage, same fixed amounts: new terms from here on (606-10-25-13(a))"
    more = quantity > line.quantity
    units = obligation.pattern is RecognitionPattern.UNITS
    if is_satisfied(obligation, day) and not (units and more):
        return (
            AccountingTreatment.CUMULATIVE_CATCH_UP,
            "satisfied already, so all of the change is earned (606-10-25-13, 32-43)",
        )
    if not obligation.distinct:
        return (
            AccountingTreatment.CUMULATIVE_CATCH_UP,
            "what remains is not distinct from what was performed (606-10-25-13(b))",
        )
    if in_progress(obligation):
        return (
            AccountingTreatment.CUMULATIVE_CATCH_UP,
            f"one obligation, {_percent(obligation)} % performed (606-10-25-13(b))",
        )
    at_ssp = price - line.price == ssp - line.ssp > 0
    if (units or planned_pattern(obligation.pattern)) and more and end == obligation.end and at_ssp:
        return AccountingTreatment.SEPARATE_CONTRACT, "units added at their stand-alone selling price (606-10-25-12)"
    if more and not at_ssp:
        return (
            AccountingTreatment.PROSPECTIVE,
            "units added, not at their stand-alone selling price; what remains is distinct (606-10-25-13(a))",
        )
    return AccountingTreatment.PROSPECTIVE, "what remains is distinct from what was performed (606-10-25-13(a))"


def _percent(obligation: Obligation) -> Decimal:
    if obligation.measure is None:
        return obligation.progress
    above, below = performed_share(obligation.measure)
    return Decimal(divide(10000 * above, below)).scaleb(-2)


def _removed(
    book: Book, line_ids: Sequence[str], lines: dict[str, Line], obligations: dict[str, Obligation], day: dt.date
) -> tuple[list[Removed], list[TreatmentDecision]]:
    removed: list[Removed] = []
    decisions: list[TreatmentDecision] = []
    for line_id in line_ids:
        line = lines.get(line_id)
        if line is None:
            raise unknown_line(book, line_id)
        own = obligations[line.obligation_id]
        _check_removable(line, own, day)
        falls = 0
        for obligation in book.obligations:
            if obligation.line_id == line_id and obligation.removed_on is None:
                removed.append(_removal(obligation, day))
                falls += removed[-1].fall
        reason = (
            "usage line removed, its term ends the day before (606-10-25-13(a))"
            if own.pattern in METERED and not own.commitment
            else f"removed: the price falls by the unearned {to_amount(falls, book.currency)}; "
            "what remains of the contract is distinct (606-10-25-13(a))"
        )
        decisions.append(_decision(line_id, AccountingTreatment.PROSPECTIVE, reason))
    return removed, decisions


def _check_removable(line: Line, own: Obligation, day: dt.date) -> None:
    if own.removed_on is not None:
        raise CommandRefusedError(
            RefusalCode.LINE_REMOVED, f"line {line.line_id} was removed on {own.removed_on}; expected a line in force."
        )
    if is_satisfied(own, day):
        raise CommandRefusedError(
            RefusalCode.LINE_SATISFIED,
            f"line {line.line_id} is satisfied before {day}, there is nothing to cancel; expected a line with "
            "something left to perform. Send a credit note that reduces the price if the customer gets money back.",
        )
    if not own.distinct:
        raise CommandRefusedError(
            RefusalCode.LINE_NOT_SEPARABLE,
            f"line {line.line_id} is not distinct and cannot be removed from obligation {own.obligation_id}. "
            "Change the price of the line, or terminate the contract.",
        )


def _removal(obligation: Obligation, day: dt.date) -> Removed:
    settled = total(cut(obligation.segments, day - DAY))
    fixed = fixed_part(obligation) if obligation.commitment else obligation.allocated
    kept = divide(obligation.price * (settled - obligation.allocated + fixed), fixed) if fixed else 0
    return Removed(obligation, settled, obligation.price - kept)
