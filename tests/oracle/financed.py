"""A line that is financed, on the worksheet of its contract: its price, and the interest by a day.

Written from docs/accounting.md section 18. What section 18.3 says of changes and of the end of a contract is not known
here: such a history is not guessed at.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from tests.oracle.financing import ONE_DAY, Account
from tests.oracle.obligation import Obligation, require
from tests.oracle.reading import Json, branch, day, minor, record, records, text

if TYPE_CHECKING:
    from tests.oracle.worksheet import Worksheet

POINT = "POINT_IN_TIME"


@dataclass
class Financed:
    """The account of a financed line."""

    obligation: Obligation
    account: Account

    def require_as_planned(self, line: str, on: int) -> None:
        """Refuse a transfer on another day than the payments were valued for."""
        planned = line != self.obligation.line or on == self.account.anchor.toordinal()
        require(planned, f"line {line} was to be transferred on {self.account.anchor}")

    def interest(self, by: int) -> int:
        """Return income, above 0, or expense by the end of a day; none for what is due and was not transferred."""
        last = dt.date.fromordinal(by)
        if self.obligation.pattern == POINT and self.obligation.progress != 1:
            last = min(last, self.account.anchor - ONE_DAY)
        return self.account.interest(last)


def put_apart(sheet: Worksheet, body: Mapping[str, Json]) -> Financed | None:
    """Put the line that a signature finances at its cash price; None where nothing is, or the expedient is used."""
    if branch(body.get("financing")) is None:
        return None
    terms = record(body["financing"])
    line = sheet.line(text(terms, "line_id"))
    obligation = line.obligation
    require(obligation.distinct, f"line {obligation.name} is financed and not distinct")
    require(obligation.pattern in {POINT, "RATABLE_DAILY", "RATABLE_MONTHLY"}, f"{obligation.pattern} is financed")
    anchor = dt.date.fromordinal(day(terms, "transfer_on"))
    transfers = _transfers(obligation, anchor)
    paid: Counter[dt.date] = Counter()
    for payment in records(terms, "payments"):
        paid[dt.date.fromordinal(day(payment, "due_on"))] += minor(payment, "amount", sheet.currency)
    require(sum(paid.values()) == obligation.price, "payments that are not the price")
    if terms.get("expedient", True) is True and _within_a_year(obligation, anchor, paid):
        return None
    with localcontext(prec=60):
        got = {on: 1 / Decimal(len(transfers)) for on in transfers}
    account = Account(Decimal(str(terms["annual_rate"])), anchor, paid, got)
    obligation.price = line.price = account.price
    return Financed(obligation, account)


def _transfers(obligation: Obligation, anchor: dt.date) -> list[dt.date]:
    if obligation.pattern == POINT:
        return [anchor]
    require(obligation.start == anchor.toordinal(), f"service of {obligation.name} does not begin on {anchor}")
    days = [dt.date.fromordinal(at) for at in range(obligation.start, obligation.end + 1)]
    if obligation.pattern == "RATABLE_DAILY":
        return days
    return [on for on in days if on == days[-1] or on.day == monthrange(on.year, on.month)[1]]


def _within_a_year(obligation: Obligation, anchor: dt.date, paid: Mapping[dt.date, int]) -> bool:
    """Whether each payment is a year or less from every day that it pays for, the payments in their order."""
    days = [anchor]
    if obligation.pattern != POINT:
        days = [dt.date.fromordinal(at) for at in range(obligation.start, obligation.end + 1)]
    whole, before = sum(paid.values()), 0
    for on in sorted(paid):
        upto = before + paid[on]
        first, last = before * len(days), upto * len(days)
        covered = [it for at, it in enumerate(days) if at * whole < last and (at + 1) * whole > first]
        if not all(_a_year_before(it) <= on <= _a_year_after(it) for it in covered):
            return False
        before = upto
    return True


def _a_year_after(on: dt.date) -> dt.date:
    return on.replace(year=on.year + 1, day=min(on.day, monthrange(on.year + 1, on.month)[1]))


def _a_year_before(on: dt.date) -> dt.date:
    return on.replace(year=on.year - 1, day=min(on.day, monthrange(on.year - 1, on.month)[1]))
