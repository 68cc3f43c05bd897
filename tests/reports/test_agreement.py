"""Reports agree with each other and with the books; where books do not agree, the report says by how much."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.reading import LedgerLine, LineFilter, ObligationRow, RecognitionRow
from streams.dry_run import DryRun
from streams.records import RecognitionPattern
from streams.reports import disaggregation, remaining, waterfall
from streams.reports.document import Report
from streams.reports.positions import positions
from streams.reports.question import Books, QuestionRefused, Scope
from streams.reports.rollforward import rollforward
from tests.reports.rows import Lines, Promises, books

EVERYTHING = Scope()


def column(report: Report, name: str) -> list[Decimal]:
    at = [column.name for column in report.columns].index(name)
    return [row[at] for row in report.rows if isinstance(row[at], Decimal)]  # type: ignore[misc]


def total(report: Report, name: str) -> Decimal:
    return sum(column(report, name), Decimal(0))


def without(lines: list[LedgerLine], at: int) -> Lines:
    return Lines(lines[:at] + lines[at + 1 :])


def all_lines(played: DryRun) -> list[LedgerLine]:
    return played.ledger.lines(LineFilter(), 0, 10_000)


def test_recognised_scheduled_and_unscheduled_add_up_to_what_is_allocated(played: DryRun, demo_books: Books) -> None:
    allocated = sum(row.allocated for row in played.revenue.obligations())
    report = waterfall.waterfall(demo_books, EVERYTHING)
    assert total(report, "recognised") + total(report, "scheduled") == allocated


@pytest.mark.parametrize("by", waterfall.By)
def test_a_waterfall_comes_to_the_same_whatever_it_is_by_and_however_wide(demo_books: Books, by: waterfall.By) -> None:
    narrow = waterfall.waterfall(demo_books, EVERYTHING, by)
    wide = waterfall.waterfall(demo_books, Scope(first_period="2026-03", last_period="2026-08"), by, wide=True)
    assert total(narrow, "recognised") + total(narrow, "scheduled") == total(wide, "total")
    assert total(narrow, "recognised") == total(wide, "recognised_so_far")


def test_the_waterfall_and_remaining_obligations_agree_on_what_is_left(demo_books: Books) -> None:
    left = total(remaining.remaining(demo_books, EVERYTHING), "total")
    assert left == total(waterfall.waterfall(demo_books, EVERYTHING), "scheduled")


def test_the_rollforward_closes_at_the_netted_positions(demo_books: Books) -> None:
    closing: dict[object, Decimal] = {}
    for row in rollforward(demo_books, EVERYTHING).rows:
        closing[row[0]] = row[9]  # type: ignore[assignment]
    netted: defaultdict[object, Decimal] = defaultdict(Decimal)
    for row in positions(demo_books, EVERYTHING).rows:
        netted[row[0]] += row[5] - row[6]  # type: ignore[operator]
    assert closing == dict(netted)


def test_an_expedient_moves_amounts_aside_and_loses_none(demo_books: Books) -> None:
    plain = remaining.remaining(demo_books, EVERYTHING)
    reduced = remaining.remaining(demo_books, EVERYTHING, expedients=True)
    aside = total(reduced, "one_year_or_less") + total(reduced, "right_to_invoice")
    assert total(reduced, "total") + aside == total(plain, "total") > 0


def test_disaggregated_revenue_is_what_the_revenue_accounts_hold(played: DryRun, demo_books: Books) -> None:
    posted = -sum(line.amount for line in all_lines(played) if line.account in demo_books.revenue_accounts)
    assert total(disaggregation.disaggregation(demo_books, EVERYTHING), "total") == posted
    assert total(disaggregation.disaggregation(demo_books, EVERYTHING, (disaggregation.By.PERIOD,)), "total") == posted


def test_revenue_that_is_not_posted_is_a_difference_with_its_amount(played: DryRun) -> None:
    lines = all_lines(played)
    lost = next(at for at, line in enumerate(lines) if line.account == "4020")
    lacking = books(without(lines, lost), played.revenue)
    for report in (waterfall.waterfall(lacking, EVERYTHING), disaggregation.disaggregation(lacking, EVERYTHING)):
        (difference,) = report.differences
        assert difference.startswith("ACME-DE: ")
        assert "a difference of 2000.00" in difference


def test_a_ledger_that_does_not_balance_is_a_difference_of_the_rollforward(played: DryRun) -> None:
    lines = all_lines(played)
    lost = next(at for at, line in enumerate(lines) if line.account == "4010" and line.period == "2026-07")
    report = rollforward(books(without(lines, lost), played.revenue), EVERYTHING)
    (difference,) = report.differences
    assert "ACME-US, 2026-07: the rollforward closes at 26337.50 USD and the ledger holds 22268.75" in difference


def promise(**changed: object) -> ObligationRow:
    """Four years from 2026, 100 a year in its last month, half of the first recognised."""
    row = ObligationRow(
        contract_id="C-1",
        obligation_id="L1",
        entity="ACME-US",
        currency="USD",
        product_line="platform",
        pattern=RecognitionPattern.MILESTONE,
        allocated=Decimal("450.00"),
        recognised=Decimal("0.00"),
        schedule=tuple((f"{year}-12", Decimal("100.00")) for year in (2026, 2027, 2028, 2029)),
        unscheduled=Decimal("50.00"),
        recognised_through="2025-12",
        term_start=dt.date(2026, 1, 1),
        term_end=dt.date(2029, 12, 31),
    )
    return replace(row, **changed)  # type: ignore[arg-type]


def bands(*rows: ObligationRow, as_of: str | None = None, expedients: bool = False) -> list[str]:
    report = remaining.remaining(books(revenue=Promises(rows)), EVERYTHING, as_of=as_of, expedients=expedients)
    return [str(cell) for row in report.rows for cell in row if isinstance(cell, Decimal)]


def test_the_twelfth_month_is_in_the_first_band_and_the_twenty_fourth_in_the_second() -> None:
    assert bands(promise()) == ["100.00", "100.00", "200.00", "50.00", "450.00"]
    assert bands(promise(), as_of="2026-11") == ["100.00", "100.00", "200.00", "50.00", "450.00"]
    assert bands(promise(), as_of="2026-12") == ["100.00", "100.00", "100.00", "50.00", "350.00"]


def test_a_year_is_one_year_or_less_and_a_day_more_is_not() -> None:
    year = promise(term_start=dt.date(2028, 2, 29), term_end=dt.date(2029, 2, 28))
    assert bands(year, expedients=True)[-2:] == ["450.00", "0.00"]
    assert bands(replace(year, term_end=dt.date(2029, 3, 1)), expedients=True)[-2:] == ["0.00", "0.00"]


def test_revenue_recognised_as_invoiced_is_left_out_whatever_its_term() -> None:
    invoiced = promise(pattern=RecognitionPattern.AS_INVOICED)
    assert bands(invoiced, expedients=True) == ["0.00"] * 5 + ["0.00", "450.00"]
    assert bands(invoiced) == ["100.00", "100.00", "200.00", "50.00", "450.00"]


def test_remaining_obligations_of_a_day_before_the_latest_run_are_refused() -> None:
    with pytest.raises(QuestionRefused, match="2025-12 of ACME-US was run since"):
        bands(promise(), as_of="2025-11")
    with pytest.raises(QuestionRefused, match=r"no period of ACME-US has been run yet.*--as-of"):
        bands(promise(recognised_through=""))


def test_what_a_run_has_missed_is_scheduled_in_the_next_one() -> None:
    late = promise(recognised_through="2027-03", recognised=Decimal("30.00"))
    report = waterfall.waterfall(books(revenue=Promises((late,))), EVERYTHING)
    assert [(row[3], str(row[5])) for row in report.rows] == [
        ("2027-04", "70.00"),
        ("2027-12", "100.00"),
        ("2028-12", "100.00"),
        ("2029-12", "100.00"),
        ("unscheduled", "50.00"),
    ]


def test_units_pass_at_points_in_time_and_all_that_time_or_use_earns_over_time(played: DryRun) -> None:
    at_a_point = {RecognitionPattern.POINT_IN_TIME, RecognitionPattern.UNITS}
    assert at_a_point == disaggregation.AT_A_POINT
    report = disaggregation.disaggregation(books(played.ledger, played.revenue), Scope(product_line="services"))
    assert [str(cell) for cell in report.rows[0][-3:]] == ["10000.00", "4800.00", "14800.00"]


def test_what_a_correction_has_removed_is_shown_and_said() -> None:
    ran = RecognitionRow(
        contract_id="C-1",
        obligation_id="GONE",
        entity="ACME-US",
        currency="USD",
        product_line="platform",
        period="2026-01",
        amount=Decimal("9.00"),
    )
    taken_back = replace(ran, period="2026-02", amount=Decimal("-9.00"))
    report = disaggregation.disaggregation(
        books(revenue=Promises(runs=(ran, taken_back))), EVERYTHING, (disaggregation.By.PERIOD,)
    )
    assert [(row[0], str(row[2])) for row in report.rows] == [("2026-01", "9.00"), ("2026-02", "-9.00")]
    assert "A correction has removed C-1 GONE" in report.notes[0]


def test_an_entity_without_region_is_said(demo_books: Books) -> None:
    nowhere = replace(demo_books, regions={"ACME-US": "", "ACME-DE": "Europe"})
    report = disaggregation.disaggregation(nowhere, EVERYTHING)
    assert report.notes == ("No region is configured for ACME-US: add it to config/entities.yaml.",)
