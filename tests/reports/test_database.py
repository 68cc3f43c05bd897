"""Reports from the databases are those from memory; databases of an earlier release are brought up to this one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from connectors.erp.ledger import EmbeddedLedger
from connectors.erp.ledger.database import open_engine
from connectors.reading import LineFilter
from connectors.revenue.embedded import EmbeddedRevenuePlatform
from streams.dry_run import DryRun
from streams.reports.document import Report, to_csv
from streams.reports.question import Books
from tests.core.builders import CONFIGURATION
from tests.ledger.postings import ACCOUNTS, ENTITIES, posting
from tests.reports.goldens import REPORTS
from tests.reports.rows import books


@pytest.fixture(scope="module")
def stored(played: DryRun) -> Iterator[Books]:
    """What the demo has posted and commanded, once more, in databases."""
    first_open = CONFIGURATION.policy.first_open_periods
    ledger = EmbeddedLedger("sqlite://", CONFIGURATION.chart.numbers, first_open)
    revenue = EmbeddedRevenuePlatform("sqlite://")
    ledger.post(played.ledger.postings)
    revenue.execute(list(played.world.commands.values()))
    yield books(ledger, revenue)
    ledger.close()
    revenue.close()


def without_numbers(report: Report) -> str:
    """Document numbers are of the ledger: the one in memory only counts."""
    at = [number for number, column in enumerate(report.columns) if column.name != "document_number"]
    return "\n".join(str([row[number] for number in at]) for row in report.rows) + str(report.differences)


@pytest.mark.parametrize("name", [name for name in REPORTS if name.endswith(".txt")])
def test_a_report_from_the_databases_is_the_one_from_memory(stored: Books, demo_books: Books, name: str) -> None:
    assert without_numbers(REPORTS[name](stored)) == without_numbers(REPORTS[name](demo_books))


def test_one_contract_is_read_alone(stored: Books, demo_books: Books) -> None:
    for contract_id in ("C-OSPREY", "C-NONE"):
        assert list(stored.revenue.obligations(contract_id)) == list(demo_books.revenue.obligations(contract_id))
        of_one = {row.contract_id for row in stored.revenue.recognitions(contract_id)}
        assert of_one == ({contract_id} if contract_id == "C-OSPREY" else set())


def test_a_document_is_found_under_its_number(stored: Books) -> None:
    assert "ACME-US-2026-000001" in to_csv(REPORTS["explain.txt"](stored))


def test_a_ledger_of_an_earlier_release_gets_the_columns_it_lacks_and_keeps_its_entries(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    before = EmbeddedLedger(url, ACCOUNTS, ENTITIES)
    before.post([posting("old")])
    before.close()
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE ledger_entries DROP COLUMN contract_version"))
    engine.dispose()
    after = EmbeddedLedger(url, ACCOUNTS, ENTITIES)
    after.post([posting("new")])
    versions = {line.event_id: line.contract_version for line in after.lines(LineFilter(), 0, 10)}
    assert versions == {"event-old": 0, "event-new": 1}
    after.close()
    engine = open_engine(url)
    assert "contract_version" in {column["name"] for column in inspect(engine).get_columns("ledger_entries")}
    engine.dispose()
