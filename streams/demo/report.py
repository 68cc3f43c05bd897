"""What the demo prints: progress line by line, then each contract, the ledger and the tie-out. Works nothing out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.status import Status
from rich.table import Table

from connectors.protocols import AccountBalance
from streams.config import Configuration
from streams.core.money import ZERO
from streams.core.reconciliation import BILLING, ERP, REVENUE, Comparison
from streams.demo.deployment import Deployment
from streams.demo.events import Json, Source
from streams.demo.verdict import Check
from streams.timeline import ContractHistory
from streams.timeline.view import box_of, money, schedule, status_lines, timeline

GOOD, BAD = "[green]✓[/]", "[red]✗[/]"


class Progress:
    """One line for each step that is done, a spinner for the one that is not."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step while it lasts, and how long it took."""
        started = time.monotonic()
        with self._console.status(escape(title)) as self._status:
            yield
        self._console.print(f"{GOOD} {escape(title)} [dim]{time.monotonic() - started:.1f} s[/]", highlight=False)

    def tell(self, doing: str) -> None:
        """Say what the step does now."""
        if self._status is not None:
            self._status.update(escape(doing))

    def note(self, text: str) -> None:
        """Print a line that belongs to the step before."""
        self._console.print(f"  {escape(text)}", style="yellow", highlight=False)

    def problem(self, document: dict[str, Json]) -> None:
        """Print what matters of a problem document (RFC 9457)."""
        self.note(f"{document.get('status')} {document.get('title')}")
        errors = document.get("errors")
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, dict):
                self.note(f"{error.get('pointer')}: {error.get('detail')}")


def print_contract(console: Console, source: Source, history: ContractHistory) -> None:
    """Print a contract's timeline and schedule."""
    console.print()
    console.print(Rule(f"[bold]{escape(source.customer)}[/]", align="left"))
    for part in (status_lines(history), timeline(history), schedule(history)):
        if part is not None:
            console.print(part, highlight=False)
            console.print()


def print_ledger(console: Console, balances: Iterable[AccountBalance], configuration: Configuration) -> None:
    """Print the trial balance of every entity and currency, as the ERP's ledger has it."""
    console.print(Rule("[bold]The ERP's ledger[/]", align="left"))
    for (entity, currency), rows in groupby(balances, key=lambda row: (row.legal_entity, row.currency)):
        console.print(trial_balance(entity, currency, list(rows), configuration), highlight=False)
        console.print()


def trial_balance(entity: str, currency: str, rows: Sequence[AccountBalance], configuration: Configuration) -> Table:
    """Return the trial balance of an entity in a currency; both columns add up to the same."""
    debits = sum((max(row.balance, ZERO) for row in rows), ZERO)
    credits = sum((max(-row.balance, ZERO) for row in rows), ZERO)
    table = box_of(f"Trial balance of {entity}, {currency}", footer=True)
    table.add_column("account")
    table.add_column("name", "total")
    table.add_column("debit", money(debits, currency), justify="right")
    table.add_column("credit", money(credits, currency), justify="right")
    for row in rows:
        sides = (row.balance, ZERO) if row.balance >= 0 else (ZERO, -row.balance)
        shown = [money(side, currency) if side else "" for side in sides]
        table.add_row(row.account, configuration.chart.name(row.account), *(shown if any(shown) else ("0", "0")))
    return table


def tie_out(contract_id: str, currency: str, comparisons: Iterable[Comparison]) -> Table:
    """Return what the three systems say of a contract, side by side."""
    table = box_of(f"Tie-out of {contract_id}, {currency}")
    table.add_column("measure")
    table.add_column("entity")
    for name in ("billing", "revenue platform", "ERP", "difference"):
        table.add_column(name, justify="right")
    for row in comparisons:
        said: dict[str, Decimal] = {row.left_system: row.left_amount, row.right_system: row.right_amount}
        cells = [money(said[system], currency) if system in said else "" for system in (BILLING, REVENUE, ERP)]
        difference = f"[bold red]{money(row.difference, currency)}[/]" if row.difference else "[green]0[/]"
        table.add_row(row.measure.value.lower().replace("_", " "), row.legal_entity, *cells, difference)
    return table


def print_verdict(console: Console, checks: Iterable[Check], seconds: float) -> None:
    """Print every promise, kept or not, and the end of the story."""
    console.print(Rule("[bold]Verdict[/]", align="left"))
    kept = True
    for check in checks:
        kept = kept and check.kept
        console.print(f"{GOOD if check.kept else BAD} {check.promise}", highlight=False)
        for fault in check.faults:
            console.print(f"  {escape(fault)}", style="red", highlight=False)
    end = "[bold green]TIED OUT[/]" if kept else "[bold red]NOT TIED OUT[/]"
    console.print(f"\n{end} after {seconds:.1f} s", highlight=False)


def print_next(console: Console) -> None:
    """Say what to try after the demo."""
    console.print(
        "Next: `tieout demo --keep` (or `make demo KEEP=1`) leaves it running, to send events of your own;\n"
        "`tieout simulate FILE.jsonl` shows what a file of events would do, without a broker.",
        highlight=False,
    )


def print_addresses(console: Console, deployment: Deployment, bootstrap: str) -> None:
    """Print where everything is while the demo is kept."""
    variables = {name: value for name, value in deployment.environment.items() if "PASSWORD" not in name}
    exports = " ".join(f"{name}={value}" for name, value in variables.items() if name != "TIEOUT_DATABASE")
    table = Table.grid(padding=(0, 2))
    table.add_row("API", f"{deployment.api}/v1/events, described at {deployment.api}/openapi.json")
    table.add_row("broker", bootstrap)
    for stage, address in deployment.metrics.items():
        table.add_row(f"metrics of {stage}", address)
    table.add_row("data", str(deployment.settings.data_dir))
    table.add_row("logs", str(deployment.settings.data_dir / "logs"))
    console.print()
    console.print(Rule("[bold]Left running; Ctrl-C stops everything[/]", align="left"))
    console.print(table, highlight=False)
    console.print("\nIn another terminal:", highlight=False)
    for command in (
        f"export {exports}",
        "tieout status C-KESTREL",
        "tieout ledger balances",
        "tieout ledger entries --contract C-BREMER",
        "tieout publish FILE.jsonl",
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=True, markup=False)
