"""Revenue disaggregated by product line, entity, region and timing (606-10-50-5, 55-89 to 91).

Made from what runs have recognised on each obligation, since only the obligation knows whether it is satisfied over
time or at a point in time; compared with the ledger's revenue accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum

from connectors.reading import RecognitionRow
from streams.core.money import ZERO, quantize
from streams.records import RecognitionPattern
from streams.reports.against_ledger import revenue_differences
from streams.reports.document import Report, Row, named, totals_by_currency
from streams.reports.question import Books, Scope, check

AT_A_POINT = frozenset({RecognitionPattern.POINT_IN_TIME, RecognitionPattern.UNITS})
"""Control passes at a point in time, units each at theirs; every other pattern is satisfied over time."""


class By(StrEnum):
    """What revenue is broken down by; over time and at a point in time are always apart."""

    PRODUCT_LINE = "product-line"
    ENTITY = "entity"
    REGION = "region"
    PERIOD = "period"
    CONTRACT = "contract"


STANDARD = (By.ENTITY, By.REGION, By.PRODUCT_LINE)


def disaggregation(books: Books, scope: Scope, by: Sequence[By] = STANDARD) -> Report:
    """Return revenue of the scope's periods, broken down. Raises QuestionRefused."""
    check(scope, books)
    patterns = {
        (row.contract_id, row.obligation_id): row.pattern for row in books.revenue.obligations(scope.contract_id)
    }
    sums: defaultdict[tuple[str, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    recognised: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    removed: set[str] = set()
    for row in books.revenue.recognitions(scope.contract_id):
        if not scope.covers(row.entity, row.product_line) or not _in_periods(scope, row.period):
            continue
        pattern = patterns.get((row.contract_id, row.obligation_id))
        if pattern is None:
            removed.add(f"{row.contract_id} {row.obligation_id}")
        at_a_point = pattern in AT_A_POINT
        sums[*(_value(dimension, row, books) for dimension in by), row.currency][at_a_point] += row.amount
        recognised[row.entity, row.currency] += row.amount
    columns = (
        *named(*(dimension.value.replace("-", "_") for dimension in by), "currency"),
        *named("over_time", "point_in_time", "total", amount=True),
    )
    rows: list[Row] = []
    for key, (over_time, point) in sorted(sums.items()):
        rows.append((*key, *(quantize(amount, key[-1]) for amount in (over_time, point, over_time + point))))
    notes = []
    nowhere = sorted(entity for entity, _ in recognised if not books.regions.get(entity))
    if By.REGION in by and nowhere:
        notes.append(f"No region is configured for {', '.join(nowhere)}: add it to config/entities.yaml.")
    if removed:
        notes.append(
            f"A correction has removed {', '.join(sorted(removed))}: what was recognised there, and taken back, counts "
            "as over time."
        )
    posted = replace(
        scope.lines(books.revenue_accounts), first_period=scope.first_period, last_period=scope.last_period
    )
    return Report(
        name="disaggregation",
        title="Revenue by " + ", ".join(dimension.value.replace("-", " ") for dimension in by) + " and timing",
        columns=columns,
        rows=tuple(rows),
        totals=totals_by_currency(columns, rows),
        notes=tuple(notes),
        differences=revenue_differences(books, posted, recognised),
    )


def _in_periods(scope: Scope, period: str) -> bool:
    return (scope.first_period is None or period >= scope.first_period) and (
        scope.last_period is None or period <= scope.last_period
    )


def _value(dimension: By, row: RecognitionRow, books: Books) -> str:
    match dimension:
        case By.PRODUCT_LINE:
            return row.product_line
        case By.ENTITY:
            return row.entity
        case By.REGION:
            return books.regions.get(row.entity, "")
        case By.PERIOD:
            return row.period
        case By.CONTRACT:
            return row.contract_id
