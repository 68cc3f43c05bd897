"""A significant financing component: the price at the time of transfer, and the interest that makes up the rest.

Section 18 of docs/accounting.md (ASC 606-10-32-15 to 20). Payments and transfers are the two sides of one account that
bears interest at the rate agreed or implied at inception; it ends at nothing. Knows no journal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

from msgspec.structs import replace

from connectors.revenue.embedded.book import Book, Financed, Line, Obligation, Payment
from connectors.revenue.embedded.earning import DAY, last_day_of, months_of
from connectors.revenue.embedded.minor_units import to_amount, to_minor_not_negative
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from connectors.revenue.embedded.time_value import growth, months_after
from streams.core.financing_terms import TRANSFERRED_AS_PLANNED
from streams.records import (
    AccountingTreatment,
    Financing,
    RecognitionPattern,
    RecordFulfilment,
    RevenueCommand,
    TerminateContract,
    TreatmentDecision,
)

EXPEDIENT_MONTHS = 12
"""Payment and transfer that are this far apart, or less, may be taken for one time (606-10-32-18)."""

_POINT = RecognitionPattern.POINT_IN_TIME
_Priced = tuple[list[Line], list[Obligation], Financed | None, TreatmentDecision]


def priced_in_cash(terms: Financing, lines: list[Line], promised: list[Obligation], currency: str) -> _Priced:
    """Put a line at the price that would be paid as it is transferred, and return the component that is left apart.

    None where the practical expedient leaves it out. Raises CommandRefusedError where the line cannot be financed.
    """
    place = next((at for at, it in enumerate(promised) if it.obligation_id == terms.line_id and not it.option), None)
    if place is None or not promised[place].distinct or promised[place].pattern not in TRANSFERRED_AS_PLANNED:
        raise _refused(
            f"line {terms.line_id} is financed; expected a distinct line of the contract that is transferred at a "
            "point in time or evenly over its term. Correct the line (606-10-32-15)."
        )
    obligation = promised[place]
    if obligation.pattern is not _POINT and terms.transfer_on != obligation.start:
        raise _refused(
            f"line {terms.line_id} is financed as of {terms.transfer_on} and its service begins on {obligation.start}; "
            "expected the same day. Correct one of them."
        )
    payments = _payments(terms, currency)
    paid = sum(payment.amount for payment in payments)
    if paid != obligation.price:
        raise _refused(
            f"the payments of line {terms.line_id} add up to {to_amount(paid, currency)} and its price is "
            f"{to_amount(obligation.price, currency)}; expected the same: the price is what is promised, interest "
            "included. Correct one of them."
        )
    component = Financed(
        obligation_id=obligation.obligation_id,
        rate=terms.annual_rate.normalize(),
        transfer_on=terms.transfer_on,
        pattern=obligation.pattern,
        end=terms.transfer_on if obligation.pattern is _POINT else obligation.end,
        payments=payments,
    )
    if terms.expedient and _within_a_year(component):
        why = (
            "every payment is within a year of what is transferred for it: the financing component is left out by the "
            "practical expedient (606-10-32-18)"
        )
        return lines, promised, None, _decision(terms.line_id, why)
    price = cash_price(component)
    component = replace(component, price=price)
    promised = [*promised[:place], replace(obligation, price=price), *promised[place + 1 :]]
    lines = [replace(line, price=price) if line.line_id == terms.line_id else line for line in lines]
    return lines, promised, component, _decision(terms.line_id, _reason(component, currency))


def cash_price(component: Financed) -> int:
    """Return what the payments are worth as the line is transferred, half-even, in minor units."""
    with localcontext(prec=40):
        return int(_exact_price(component).to_integral_value(ROUND_HALF_EVEN))


def accreted(component: Financed, obligation: Obligation, day: dt.date) -> int:
    """Return the interest by the end of a day, in minor units: income above 0, expense below.

    What waits for the fact of transfer, a point in time, bears interest until the day on which it was to be
    transferred, and from then on when it was.
    """
    if component.stopped_on is not None:
        day = min(day, component.stopped_on)
    if component.pattern is _POINT and obligation.progress != 100:
        day = min(day, component.transfer_on - DAY)
    if day >= max(component.end, component.payments[-1].due_on):
        return sum(payment.amount for payment in component.payments) - component.price
    with localcontext(prec=40):
        price = _exact_price(component)
        paid = worth_paid = Decimal(0)
        for payment in component.payments:
            if payment.due_on <= day:
                paid += payment.amount
                worth_paid += payment.amount / growth(component.rate, component.transfer_on, payment.due_on)
        passed, worth_passed = Fraction(0), Decimal(0)
        for on, share in _transfers(component):
            if on > day:
                break
            passed += share
            worth_passed += _decimal(share) / growth(component.rate, component.transfer_on, on)
        held = (worth_paid - price * worth_passed) * growth(component.rate, component.transfer_on, day + DAY)
        interest = paid - price * _decimal(passed) - held
        return int(interest.to_integral_value(ROUND_HALF_EVEN))


def with_interest(book: Book, day: dt.date) -> Book:
    """Return the book with the interest that has accreted by the end of a day; a correction may leave none."""
    component = book.financing
    if component is None:
        return replace(book, interest=0)
    return replace(book, interest=accreted(component, _of(book, component), day))


@lru_cache(maxsize=1024)
def _exact_price(component: Financed) -> Decimal:
    """Return the price before it is rounded. The days of a long term are many, and every run needs them."""
    rate, anchor = component.rate, component.transfer_on
    promised = sum(
        (payment.amount / growth(rate, anchor, payment.due_on) for payment in component.payments), Decimal(0)
    )
    one = sum((_decimal(share) / growth(rate, anchor, on) for on, share in _transfers(component)), Decimal(0))
    return promised / one


def _transfers(component: Financed) -> Iterator[tuple[dt.date, Fraction]]:
    """Return which part of the line is transferred on which day, in order, as it is earned (section 4)."""
    start, end = component.transfer_on, component.end
    if component.pattern is RecognitionPattern.RATABLE_DAILY:
        days = (end - start).days + 1
        for day in range(days):
            yield start + dt.timedelta(days=day), Fraction(1, days)
    elif component.pattern is RecognitionPattern.RATABLE_MONTHLY:
        months = months_of((start, end))
        for month in months:
            yield min(end, last_day_of(month)), Fraction(1, len(months))
    else:
        yield start, Fraction(1)


def _decimal(part: Fraction) -> Decimal:
    return Decimal(part.numerator) / Decimal(part.denominator)


def _payments(terms: Financing, currency: str) -> tuple[Payment, ...]:
    by_day: dict[dt.date, int] = {}
    for payment in terms.payments:
        amount = to_minor_not_negative(payment.amount, currency, f"payment of {payment.due_on} of {terms.line_id}")
        by_day[payment.due_on] = by_day.get(payment.due_on, 0) + amount
    if not by_day or not all(by_day.values()) or not 0 < terms.annual_rate < 1:
        raise _refused(
            f"line {terms.line_id} is financed at {terms.annual_rate} with payments {sorted(by_day)}; expected a rate "
            "above 0 and below 1 (10 % is 0.1) and amounts above 0. Correct the terms (606-10-32-19)."
        )
    return tuple(Payment(day, amount) for day, amount in sorted(by_day.items()))


def _within_a_year(component: Financed) -> bool:
    """Tell whether each payment is a year or less from all that it pays for, in order of payment."""
    whole = sum(payment.amount for payment in component.payments)
    start, days = component.transfer_on, (component.end - component.transfer_on).days + 1
    before = 0
    for payment in component.payments:
        first = start + dt.timedelta(days=before * days // whole)
        before += payment.amount
        last = start + dt.timedelta(days=max(-(-before * days // whole) - 1, 0))
        earliest, latest = months_after(last, -EXPEDIENT_MONTHS), months_after(first, EXPEDIENT_MONTHS)
        if not earliest <= payment.due_on <= latest:
            return False
    return True


def _reason(component: Financed, currency: str) -> str:
    whole = sum(payment.amount for payment in component.payments)
    interest = whole - component.price
    kind = "interest income" if interest > 0 else "interest expense"
    over = "on" if component.end == component.transfer_on else "from"
    percent = (component.rate * 100).normalize()
    return (
        f"significant financing at {percent:f} % a year: payments of {to_amount(whole, currency)} are worth "
        f"{to_amount(component.price, currency)} as the line is transferred {over} {component.transfer_on}; "
        f"{to_amount(abs(interest), currency)} is {kind}, apart from revenue (606-10-32-15 to 20)"
    )


def _decision(line_id: str, reason: str) -> TreatmentDecision:
    return TreatmentDecision(line_id=line_id, treatment=AccountingTreatment.NOT_A_MODIFICATION, reason=reason)


def _refused(reason: str) -> CommandRefusedError:
    return CommandRefusedError(RefusalCode.FINANCING_INVALID, reason)


def before_financed(book: Book, command: RevenueCommand) -> Book:
    """Return the book on which a command of a financed contract is executed. Raises CommandRefusedError."""
    component, body, day = book.financing, command.body, command.effective_date
    if component is None:
        return book
    if isinstance(body, TerminateContract):
        return _without_interest_to_come(book, component, day)
    if isinstance(body, RecordFulfilment) and component.pattern is _POINT and body.fulfilment.percent:
        _check_transferred_as_planned(component, body.fulfilment.line_id, day)
    return book


def _check_transferred_as_planned(component: Financed, line_id: str, day: dt.date) -> None:
    """Refuse the transfer of a financed line on another day than its price was measured for (606-10-32-19)."""
    if line_id == component.obligation_id and day != component.transfer_on:
        raise _refused(
            f"line {line_id} is financed and was transferred on {day}; its payments are valued as of "
            f"{component.transfer_on}; expected that day. Correct transfer_on first, by a ContractSigned that "
            "supersedes the signed one: price and interest are then measured as of the day of transfer."
        )


def check_untouched(before: Book, after: Book) -> None:
    """Refuse what changes the price or the time of transfer of a financed line. Raises CommandRefusedError."""
    component = before.financing
    if component is None or component.stopped_on is not None:
        return
    if len(after.doubts) != len(before.doubts):
        raise _refused(
            "collection is assessed anew and the contract is financed; expected no doubt about a contract that bears "
            "interest: the expected credit loss is not revenue (326). End the contract, or impair the balance by hand."
        )
    was, now = _of(before, component), _of(after, component)
    if (was.allocated, was.end, was.removed_on) != (now.allocated, now.end, now.removed_on):
        raise _refused(
            f"line {component.obligation_id} is financed, and its share of the price or its term would change from "
            f"{to_amount(was.allocated, before.currency)} until {was.end} to "
            f"{to_amount(now.allocated, before.currency)} until {now.end}; expected no change: what part of it "
            "changes the payments, and when, is not told. Correct the signed contract by one that supersedes it, with "
            "the payments as they are now; or terminate the contract and sign anew (606-10-32-19)."
        )


def _of(book: Book, component: Financed) -> Obligation:
    return next(it for it in book.obligations if it.obligation_id == component.obligation_id)


def _without_interest_to_come(book: Book, component: Financed, last_day: dt.date) -> Book:
    """Return the book of a contract that ends on a day, interest accreted until then included in its price.

    The line is then worth its payments and the interest so far; what a termination gives back and keeps is measured
    against that. A line that is transferred keeps its payments, and its interest.
    """
    obligation = _of(book, component)
    if obligation.progress == 100 or (obligation.end <= last_day and obligation.pattern is not _POINT):
        return book
    so_far = accreted(component, obligation, last_day)
    price = sum(payment.amount for payment in component.payments) - so_far
    less = component.price - price
    obligations = tuple(
        replace(it, allocated=it.allocated - less) if it is obligation else it for it in book.obligations
    )
    stopped = replace(component, stopped_on=last_day)
    return replace(book, obligations=obligations, transaction_price=book.transaction_price - less, financing=stopped)
