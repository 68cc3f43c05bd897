"""The engine measures a financing component as an account that is kept day by day does."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from decimal import Decimal, localcontext

from hypothesis import event, given, settings
from hypothesis import strategies as st

from streams.records import EstablishContract, Financing, PaymentTerm, RecognitionPattern
from tests.oracle.financing import Account
from tests.revenue.commands import DAILY, MONTHLY, POINT, Contract, fulfil, line, recognition
from tests.revenue.commands import establish as signed

FIRST = dt.date(2026, 1, 1)


@st.composite
def components(draw: st.DrawFn) -> tuple[RecognitionPattern, dt.date, dt.date, Financing]:
    """A line, transferred in 2028 or from then on, with payments before, meanwhile and after."""
    pattern = draw(st.sampled_from((POINT, DAILY, MONTHLY)))
    start = dt.date(2028, 1, 1) + dt.timedelta(days=draw(st.integers(0, 366)))
    end = start + dt.timedelta(days=draw(st.integers(0, 800)))
    days = draw(st.lists(st.integers(0, 1800), min_size=1, max_size=4, unique=True))
    payments = tuple(
        PaymentTerm(due_on=FIRST + dt.timedelta(days=day), amount=Decimal(draw(st.integers(1, 10**7))) / 100)
        for day in days
    )
    rate = Decimal(draw(st.integers(1, 400))) / 1000
    terms = Financing(annual_rate=rate, transfer_on=start, payments=payments, line_id="L", expedient=False)
    return pattern, start, end, terms


def kept_by_day(pattern: RecognitionPattern, start: dt.date, end: dt.date, terms: Financing) -> Account:
    with localcontext(prec=60):
        days = [start + dt.timedelta(days=at) for at in range((end - start).days + 1)]
        if pattern is POINT:
            days = [start]
        elif pattern is MONTHLY:
            days = [day for day in days if day == end or day.day == monthrange(day.year, day.month)[1]]
        got = {day: 1 / Decimal(len(days)) for day in days}
    paid = {payment.due_on: int(payment.amount * 100) for payment in terms.payments}
    return Account(terms.annual_rate, terms.transfer_on, paid, got)


@settings(max_examples=40, deadline=None)
@given(components(), st.lists(st.integers(0, 70), min_size=1, max_size=4))
def test_price_and_interest_are_those_of_an_account_kept_day_by_day(
    drawn: tuple[RecognitionPattern, dt.date, dt.date, Financing], months: list[int]
) -> None:
    pattern, start, end, terms = drawn
    account = kept_by_day(*drawn)
    event(f"{pattern}, {'income' if sum(account.paid.values()) > account.price else 'expense'}")
    price = sum(payment.amount for payment in terms.payments)
    sold = line("L", str(price), pattern=pattern, start=str(start), end=str(end))
    body = signed(sold)
    contract = Contract()
    answer = contract.do(
        EstablishContract(terms=type(body.terms)(currency="USD", lines=(sold,), financing=terms)), str(FIRST)
    )
    assert answer.transaction_price * 100 == account.price
    fulfilled = pattern is not POINT
    for month in sorted(set(months)):
        year, index = divmod(month, 12)
        last_day = dt.date(2026 + year, index + 1, monthrange(2026 + year, index + 1)[1])
        if not fulfilled and last_day >= start:
            contract.do(fulfil("L"), str(start))
            fulfilled = True
        answer = contract.do(recognition(f"{last_day:%Y-%m}"), str(last_day))
        assert answer.interest_total * 100 == account.interest(last_day)
