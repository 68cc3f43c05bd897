"""Books that are plain lists of rows, and the demo's story up to the close of July as books."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from connectors.erp.ledger.memory_reading import add_up, select
from connectors.reading import (
    Dimension,
    LedgerBooks,
    LedgerLine,
    LineFilter,
    Movement,
    ObligationRow,
    RecognitionRow,
    RevenueBooks,
)
from streams.core.money import ZERO
from streams.demo.scenario import steps
from streams.dry_run import DryRun, run
from streams.reports.question import Books
from tests.core.builders import CONFIGURATION

LAST_STEP = "2026-07 is closed"


@dataclass(frozen=True)
class Lines:
    """A ledger that is a list of lines, in order of posting."""

    all: Sequence[LedgerLine]

    def movements(self, wanted: LineFilter, by: Collection[Dimension]) -> list[Movement]:
        return add_up(select(self.all, wanted), by)

    def lines(self, wanted: LineFilter, skip: int, limit: int) -> list[LedgerLine]:
        chosen = sorted(select(self.all, wanted), key=lambda line: line.posting_date)
        return chosen[skip : skip + limit]

    def sum_of_first(self, wanted: LineFilter, count: int) -> Decimal:
        return sum((line.amount for line in self.lines(wanted, 0, count)), ZERO)


@dataclass(frozen=True)
class Promises:
    """A revenue platform that is two lists of rows."""

    rows: Sequence[ObligationRow] = ()
    runs: Sequence[RecognitionRow] = ()

    def obligations(self, contract_id: str | None = None) -> Iterator[ObligationRow]:
        return (row for row in self.rows if contract_id in (None, row.contract_id))

    def recognitions(self, contract_id: str | None = None) -> Iterator[RecognitionRow]:
        return (row for row in self.runs if contract_id in (None, row.contract_id))


def books(ledger: LedgerBooks | None = None, revenue: RevenueBooks | None = None) -> Books:
    """Books with the shipped chart and entities."""
    return Books(
        ledger=ledger or Lines(()),
        revenue=revenue or Promises(),
        accounts=CONFIGURATION.policy.accounts,
        account_names={number: account.name for number, account in CONFIGURATION.chart.accounts.items()},
        regions=CONFIGURATION.region_of_entity,
    )


def demo_lines() -> list[str]:
    """The demo's events up to the close of July, as a file of events."""
    lines = []
    for step in steps():
        lines += [json.dumps(event) for event in step.events]
        if step.title.startswith(LAST_STEP):
            return lines
    raise AssertionError(f"the demo has no step {LAST_STEP!r}")


def demo() -> DryRun:
    """The demo up to the close of July, run without a broker."""
    return run(demo_lines(), CONFIGURATION)
