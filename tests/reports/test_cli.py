"""`tieout report` and `tieout explain`: formats, exit codes, and refusals that name what is known."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from connectors.reading import LineFilter
from streams.cli.main import cli
from streams.cli.report_output import TABLE_ROWS, answer, render
from streams.dry_run import DryRun
from streams.reports.document import Column, Report, totals_by_currency
from streams.reports.question import Scope
from streams.reports.waterfall import waterfall
from tests.reports.rows import Lines, books, demo_lines

REPORTS = ("waterfall", "rollforward", "remaining", "positions", "disaggregation", "journal")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "demo.jsonl"
    path.write_text("\n".join(demo_lines()), encoding="utf-8")
    return path


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_has_the_same_rows_in_csv_and_json_and_a_table(events: Path, name: str) -> None:
    tabled, as_csv, as_json = (
        call("report", name, "--events", events, "--format", written) for written in ("table", "csv", "json")
    )
    assert [result.exit_code for result in (tabled, as_csv, as_json)] == [0, 0, 0]
    document = json.loads(as_json.stdout)
    rows = [{key: "" if value is None else str(value) for key, value in row.items()} for row in document["rows"]]
    assert list(csv.DictReader(io.StringIO(as_csv.stdout))) == rows
    assert len(rows) > 1
    assert tabled.stdout.startswith(document["title"])


def test_explain_says_the_balance_and_pages_say_what_is_on_the_others(events: Path) -> None:
    asked = ("explain", "--entity", "ACME-US", "--account", "2100", "--period", "2026-07", "--events", events)
    whole = json.loads(call(*asked, "--format", "json").stdout)
    page = json.loads(call(*asked, "--format", "json", "--page", "2", "--page-size", "4").stdout)
    assert whole["balance"] == page["balance"] == "-22268.75"
    assert page["rows"] == whole["rows"][4:8]
    grouped = call(*asked, "--by", "source-system")
    assert "zuora" in grouped.stdout
    assert "-63,315.00" in grouped.stdout


def test_revenue_is_explained_for_its_period_unless_more_is_asked_for(events: Path) -> None:
    asked = ("explain", "--entity", "ACME-US", "--account", "4010", "--events", events, "--format", "json")
    assert json.loads(call(*asked, "--period", "2026-02").stdout)["balance"] == "-2800.00"
    longer = json.loads(call(*asked, "--period", "2026-02", "--from", "2026-01").stdout)
    assert longer["balance"] == "-5900.00"


@pytest.mark.parametrize(
    ("arguments", "known"),
    [
        (("report", "waterfall", "--entity", "ACME"), "expected one of ACME-DE, ACME-JP, ACME-US"),
        (("report", "waterfall", "--product-line", "cars"), "expected one of analytics, hardware"),
        (("report", "rollforward", "--from", "2026"), "expected YYYY-MM"),
        (("report", "rollforward", "--from", "2026-05", "--to", "2026-04"), "exchange them"),
        (("report", "positions", "--contract", "C-9"), "neither in the ledger nor in the revenue platform"),
        (("report", "journal", "--account", "77"), "1100 Accounts receivable"),
        (("report", "remaining", "--as-of", "2026-03"), "2026-07 of ACME-US was run since"),
        (("explain", "--entity", "ACME-US", "--account", "2100", "--period", "2027-01"), "2026-01 to 2026-07"),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_known(events: Path, arguments: tuple[str, ...], known: str) -> None:
    result = call(*arguments, "--events", events)
    assert result.exit_code == 2
    assert known in result.stderr


def test_a_table_that_is_cut_says_so_and_its_totals_are_of_everything() -> None:
    columns = (Column("currency"), Column("amount", amount=True))
    rows = (("USD", Decimal("1.00")),) * (TABLE_ROWS + 1)
    totals = totals_by_currency(columns, rows)
    screen = Console(file=io.StringIO(), width=120, color_system=None)
    render(Report(name="long", title="Long", columns=columns, rows=rows, totals=totals), screen)
    assert isinstance(screen.file, io.StringIO)
    printed = screen.file.getvalue()
    assert printed.count("USD") == TABLE_ROWS
    assert "1,001.00" in printed
    assert "The first 1,000 of 1,001 rows" in printed


def test_books_that_do_not_agree_end_with_exit_code_1_and_say_by_how_much(
    played: DryRun, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = played.ledger.lines(LineFilter(), 0, 10_000)
    lacking = books(Lines([line for line in lines if line.account != "4020"]), played.revenue)
    with pytest.raises(SystemExit) as ended:
        answer(lambda: waterfall(lacking, Scope()), "table")
    assert ended.value.code == 1
    assert "DIFFERENCE ACME-DE: the revenue platform has recognised 14000.00 EUR" in capsys.readouterr().out
