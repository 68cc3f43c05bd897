"""Remaining performance obligations by time band (606-10-50-13), with the expedients of 50-14 as a choice.

What remains at the end of a period is what is allocated and not earned by then. Knows schedules; knows no ledger.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from connectors.reading import ObligationRow
from streams.core.money import ZERO, quantize
from streams.records import RecognitionPattern
from streams.reports.document import Report, Row, named, totals_by_currency
from streams.reports.question import Books, QuestionRefused, Scope, check, check_period


class By(StrEnum):
    """What the report has a row for."""

    CONTRACT = "contract"
    PRODUCT_LINE = "product-line"
    ENTITY = "entity"


@dataclass
class _Bands:
    """Amounts by when they will be earned; what an expedient leaves out by the expedient."""

    first_year: Decimal = ZERO
    second_year: Decimal = ZERO
    later: Decimal = ZERO
    unscheduled: Decimal = ZERO
    one_year_or_less: Decimal = ZERO
    right_to_invoice: Decimal = ZERO

    @property
    def amounts(self) -> tuple[Decimal, ...]:
        total = self.first_year + self.second_year + self.later + self.unscheduled
        return (self.first_year, self.second_year, self.later, self.unscheduled, total)


@dataclass
class _Found:
    bands: defaultdict[tuple[str, ...], _Bands] = field(default_factory=lambda: defaultdict(_Bands))
    not_run: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """By entity and currency: earned by the end of the period and not recognised."""


def remaining(
    books: Books, scope: Scope, by: By = By.CONTRACT, *, as_of: str | None = None, expedients: bool = False
) -> Report:
    """Return what remains at the end of the latest period that was run for each entity, or of a later one.

    `expedients`: leave out contracts of one year or less and what is recognised as invoiced (50-14), and say how much
    that is. Raises QuestionRefused.
    """
    check(scope, books)
    if as_of is not None:
        check_period(as_of)
    wanted = [row for row in books.revenue.obligations(scope.contract_id) if scope.covers(row.entity, row.product_line)]
    days = _as_of(wanted, as_of)
    found = _Found()
    for row in wanted:
        _add(found, row, days[row.entity], by, expedients)
    keys = ("entity", "currency", *((by.value.replace("-", "_"),) if by is not By.ENTITY else ()))
    columns = (
        *named(*keys, "as_of"),
        *named("up_to_12_months", "13_to_24_months", "over_24_months", "unscheduled", "total", amount=True),
        *(named("one_year_or_less", "right_to_invoice", amount=True) if expedients else ()),
    )
    rows: list[Row] = []
    for key, bands in sorted(found.bands.items()):
        amounts = bands.amounts
        left_out = (bands.one_year_or_less, bands.right_to_invoice) if expedients else ()
        if any(amounts) or any(left_out):
            rows.append((*key, days[key[0]], *(quantize(amount, key[1]) for amount in (*amounts, *left_out))))
    return Report(
        name="remaining",
        title=f"Remaining performance obligations by {by.value.replace('-', ' ')}",
        columns=columns,
        rows=tuple(rows),
        totals=totals_by_currency(columns, rows),
        notes=_notes(found, expedients),
    )


def _as_of(wanted: Sequence[ObligationRow], as_of: str | None) -> dict[str, str]:
    """Return the period at whose end each entity is looked at: the latest that was run, or a later one."""
    days: dict[str, str] = {}
    for row in wanted:
        days[row.entity] = max(days.get(row.entity, ""), row.recognised_through)
    if as_of is not None:
        run = sorted((entity, period) for entity, period in days.items() if period > as_of)
        if run:
            latest = ", ".join(f"{period} of {entity}" for entity, period in run)
            raise QuestionRefused(
                f"the end of {as_of} is asked for, and {latest} was run since: the revenue platform holds the terms of "
                "today, which are not those of then; ask for that period or a later one, or with --events on the "
                f"events that were known at the end of {as_of}"
            )
        return dict.fromkeys(days, as_of)
    never = sorted(entity for entity, period in days.items() if not period)
    if never:
        raise QuestionRefused(
            f"no period of {', '.join(never)} has been run yet, so there is no day to look from; name one with --as-of"
        )
    return days


def _add(found: _Found, row: ObligationRow, as_of: str, by: By, expedients: bool) -> None:
    key: tuple[str, ...] = (row.entity, row.currency)
    if by is not By.ENTITY:
        key = (*key, row.contract_id if by is By.CONTRACT else row.product_line)
    bands = found.bands[key]
    left_out = _expedient(row) if expedients else None
    earned = ZERO
    if left_out is None:
        bands.unscheduled += row.unscheduled
    for period, amount in row.schedule:
        months = _months(as_of, period)
        if months <= 0:
            earned += amount
        elif left_out is not None:
            continue
        elif months <= 12:
            bands.first_year += amount
        elif months <= 24:
            bands.second_year += amount
        else:
            bands.later += amount
    if left_out is RecognitionPattern.AS_INVOICED:
        bands.right_to_invoice += row.allocated - earned
    elif left_out is not None:
        bands.one_year_or_less += row.allocated - earned
    found.not_run[row.entity, row.currency] += earned - row.recognised


def _expedient(row: ObligationRow) -> RecognitionPattern | None:
    """Return AS_INVOICED for the right to invoice (55-18), another pattern for one year or less, else None."""
    if row.pattern is RecognitionPattern.AS_INVOICED:
        return row.pattern
    return row.pattern if row.term_end < _year_after(row.term_start) else None


def _year_after(day: dt.date) -> dt.date:
    if (day.month, day.day) == (2, 29):
        return dt.date(day.year + 1, 3, 1)
    return day.replace(year=day.year + 1)


def _months(earlier: str, later: str) -> int:
    """Return how many months a period comes after another."""
    return (int(later[:4]) - int(earlier[:4])) * 12 + int(later[5:7]) - int(earlier[5:7])


def _notes(found: _Found, expedients: bool) -> tuple[str, ...]:
    notes = ["Terms are those in force today; usage counts from when it is rated (606-10-50-14A)."]
    if expedients:
        notes.append(
            "Left out by 606-10-50-14, and shown beside: contracts with an expected duration of one year or less, and "
            "revenue recognised as invoiced (55-18)."
        )
    notes += [
        f"{entity}: {quantize(amount, currency)} {currency} is earned by then and waits for the next recognition run; "
        "it is not in the bands."
        for (entity, currency), amount in sorted(found.not_run.items())
        if amount
    ]
    return tuple(notes)
