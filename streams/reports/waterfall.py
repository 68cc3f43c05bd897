"""The revenue waterfall: recognised by period, scheduled for later periods, and not dated yet.

Made from the revenue platform's runs and schedules, and compared with the ledger's revenue accounts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from streams.core.money import ZERO, next_period, quantize
from streams.reports.against_ledger import revenue_differences
from streams.reports.document import Column, Report, Row, named, totals_by_currency
from streams.reports.question import Books, Scope, check

UNSCHEDULED = "unscheduled"


class By(StrEnum):
    """What a waterfall has a row for."""

    CONTRACT = "contract"
    OBLIGATION = "obligation"
    PRODUCT_LINE = "product-line"
    ENTITY = "entity"


@dataclass
class _Fall:
    """Amounts of one row key, by period."""

    recognised: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    scheduled: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    unscheduled: Decimal = ZERO


_Key = tuple[str, str, str, str]
"""Entity, currency, contract or product line, obligation."""


def waterfall(books: Books, scope: Scope, by: By = By.CONTRACT, *, wide: bool = False) -> Report:
    """Return the waterfall, a row for each key and period; `wide`: a row for each key, a column for each period.

    Periods outside the scope are added up before and after it, so that every key still adds up to what is allocated.
    Raises QuestionRefused.
    """
    check(scope, books)
    falls = _falls(books, scope, by)
    keys = _key_columns(by)
    report = _wide(falls, keys, scope) if wide else _long(falls, keys, scope)
    columns, rows = report
    return Report(
        name="waterfall",
        title=f"Revenue waterfall by {by.value.replace('-', ' ')}",
        columns=columns,
        rows=rows,
        totals=totals_by_currency(columns, rows, leave_out=("cumulative", "remaining")),
        notes=("Scheduled amounts follow the terms in force today; a run that is outstanding falls into its period.",),
        differences=_differences(books, scope, falls),
    )


def _falls(books: Books, scope: Scope, by: By) -> dict[_Key, _Fall]:
    falls: defaultdict[_Key, _Fall] = defaultdict(_Fall)
    for row in books.revenue.recognitions(scope.contract_id):
        if scope.covers(row.entity, row.product_line):
            key = _key(by, row.entity, row.currency, row.contract_id, row.product_line, row.obligation_id)
            falls[key].recognised[row.period] += row.amount
    for obligation in books.revenue.obligations(scope.contract_id):
        if not scope.covers(obligation.entity, obligation.product_line):
            continue
        fall = falls[
            _key(
                by,
                obligation.entity,
                obligation.currency,
                obligation.contract_id,
                obligation.product_line,
                obligation.obligation_id,
            )
        ]
        through = obligation.recognised_through
        not_run = -obligation.recognised
        for period, amount in obligation.schedule:
            if period <= through:
                not_run += amount
            else:
                fall.scheduled[period] += amount
        if not_run:
            # Earned in periods that are over, by what came after their run: the next run takes it in.
            fall.scheduled[next_period(through)] += not_run
        fall.unscheduled += obligation.unscheduled
    return dict(sorted(falls.items()))


def _key(by: By, entity: str, currency: str, contract_id: str, product_line: str, obligation_id: str) -> _Key:
    match by:
        case By.CONTRACT:
            return entity, currency, contract_id, ""
        case By.OBLIGATION:
            return entity, currency, contract_id, obligation_id
        case By.PRODUCT_LINE:
            return entity, currency, product_line, ""
        case By.ENTITY:
            return entity, currency, "", ""


def _key_columns(by: By) -> tuple[str, ...]:
    match by:
        case By.CONTRACT:
            return ("entity", "currency", "contract")
        case By.OBLIGATION:
            return ("entity", "currency", "contract", "obligation")
        case By.PRODUCT_LINE:
            return ("entity", "currency", "product_line")
        case By.ENTITY:
            return ("entity", "currency")


def _label(period: str, scope: Scope) -> str:
    """Return the period, or what it is added up under when it lies outside the scope."""
    if scope.first_period is not None and period < scope.first_period:
        return f"before {scope.first_period}"
    if scope.last_period is not None and period > scope.last_period:
        return f"after {scope.last_period}"
    return period


def _periods(fall: _Fall) -> list[str]:
    return sorted(fall.recognised.keys() | fall.scheduled.keys())


def _long(falls: dict[_Key, _Fall], keys: tuple[str, ...], scope: Scope) -> tuple[tuple[Column, ...], tuple[Row, ...]]:
    columns = (*named(*keys, "period"), *named("recognised", "scheduled", "cumulative", "remaining", amount=True))
    rows: list[Row] = []
    for key, fall in falls.items():
        currency = key[1]
        by_label: dict[str, list[Decimal]] = {}
        for period in _periods(fall):
            sums = by_label.setdefault(_label(period, scope), [ZERO, ZERO])
            sums[0] += fall.recognised.get(period, ZERO)
            sums[1] += fall.scheduled.get(period, ZERO)
        if fall.unscheduled:
            by_label[UNSCHEDULED] = [ZERO, fall.unscheduled]
        allocated = sum((recognised + scheduled for recognised, scheduled in by_label.values()), ZERO)
        cumulative = ZERO
        for label, (recognised, scheduled) in by_label.items():
            cumulative += recognised + scheduled
            amounts = (recognised, scheduled, cumulative, allocated - cumulative)
            rows.append((*key[: len(keys)], label, *(quantize(amount, currency) for amount in amounts)))
    return columns, tuple(rows)


def _wide(falls: dict[_Key, _Fall], keys: tuple[str, ...], scope: Scope) -> tuple[tuple[Column, ...], tuple[Row, ...]]:
    everything = sorted({period for fall in falls.values() for period in _periods(fall)})
    labels = list(dict.fromkeys(_label(period, scope) for period in everything))
    columns = (
        *named(*keys),
        *named(*labels, UNSCHEDULED, "total", "recognised_so_far", amount=True),
    )
    rows: list[Row] = []
    for key, fall in falls.items():
        amounts = dict.fromkeys(labels, ZERO)
        for period in _periods(fall):
            amounts[_label(period, scope)] += fall.recognised.get(period, ZERO) + fall.scheduled.get(period, ZERO)
        total = sum(amounts.values(), fall.unscheduled)
        cells = (*amounts.values(), fall.unscheduled, total, sum(fall.recognised.values(), ZERO))
        rows.append((*key[: len(keys)], *(quantize(amount, key[1]) for amount in cells)))
    return columns, tuple(rows)


def _differences(books: Books, scope: Scope, falls: dict[_Key, _Fall]) -> tuple[str, ...]:
    recognised: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for (entity, currency, _, _), fall in falls.items():
        recognised[entity, currency] += sum(fall.recognised.values(), ZERO)
    return revenue_differences(books, scope.lines(books.revenue_accounts), recognised)
