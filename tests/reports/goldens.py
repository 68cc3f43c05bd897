"""The reports that are kept as golden files; `python -m tests.reports.goldens` writes them anew, to be read again."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from streams.cli.report_output import render
from streams.reports import disaggregation, explain, remaining, waterfall
from streams.reports.document import Report, to_csv, to_json
from streams.reports.journal import journal
from streams.reports.positions import positions
from streams.reports.question import Books, Scope
from streams.reports.rollforward import rollforward
from tests.reports.rows import books, demo

FOLDER = Path(__file__).parent / "golden"

LIABILITY = explain.Balance(entity="ACME-US", account="2100", period="2026-07")
KESTREL = Scope(contract_id="C-KESTREL")

REPORTS: dict[str, Callable[[Books], Report]] = {
    "waterfall.txt": lambda books: waterfall.waterfall(books, Scope()),
    "waterfall_wide.txt": lambda books: waterfall.waterfall(
        books, Scope(first_period="2026-05", last_period="2026-10"), waterfall.By.PRODUCT_LINE, wide=True
    ),
    "rollforward.txt": lambda books: rollforward(books, Scope()),
    "rollforward.csv": lambda books: rollforward(books, Scope()),
    "rollforward.json": lambda books: rollforward(books, Scope(entity="ACME-DE", first_period="2026-06")),
    "remaining.txt": lambda books: remaining.remaining(books, Scope()),
    "remaining_expedients.txt": lambda books: remaining.remaining(books, Scope(), as_of="2026-08", expedients=True),
    "positions.txt": lambda books: positions(books, Scope()),
    "positions_march.txt": lambda books: positions(books, Scope(last_period="2026-03")),
    "disaggregation.txt": lambda books: disaggregation.disaggregation(books, Scope()),
    "journal.txt": lambda books: journal(books, KESTREL, account="1100"),
    "explain.txt": lambda books: explain.explain(books, LIABILITY),
    "explain_by_contract.txt": lambda books: explain.explain(books, LIABILITY, by=explain.By.CONTRACT),
}


def text_of(name: str, report: Report) -> str:
    """Return a report as the golden file of a name has it."""
    if name.endswith(".csv"):
        return to_csv(report)
    if name.endswith(".json"):
        return json.dumps(to_json(report), indent=2) + "\n"
    screen = Console(file=io.StringIO(), width=120, color_system=None)
    render(report, screen)
    assert isinstance(screen.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in screen.file.getvalue().splitlines())


if __name__ == "__main__":
    played = demo()
    for name, ask in REPORTS.items():
        (FOLDER / name).write_text(text_of(name, ask(books(played.ledger, played.revenue))), encoding="utf-8")
