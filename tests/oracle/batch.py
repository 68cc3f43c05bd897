"""The independent batch calculation: from all events, in the order they were published, to the final ledger.

It is written from docs/accounting.md alone, imports nothing of the product, and works one contract at a time over that
contract's whole history. Acknowledgments are instantaneous here: what may be applied is applied when it arrives.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from tests.oracle.account import Account, Close, Outcome
from tests.oracle.books import Books
from tests.oracle.chart import Chart, read_chart
from tests.oracle.reading import Event, UnsupportedHistory, decimal, month_number, period_of, record, text


@dataclass(frozen=True)
class ContractResult:
    """Where one contract ends; amounts in its currency."""

    legal_entity: str
    currency: str
    version: int
    billed: Decimal
    """Invoices less credits, before tax."""
    recognised: Decimal
    """By the runs that took place."""
    transaction_price: Decimal
    allocated: dict[str, Decimal]
    """By obligation."""
    schedule: dict[str, Decimal]
    """By period YYYY-MM."""
    schedule_by_obligation: dict[tuple[str, str], Decimal]
    """By obligation and period."""
    unscheduled: Decimal
    treatments: tuple[str, ...]
    """Of each contract change after the signature."""


@dataclass(frozen=True)
class Result:
    """The end of a history."""

    balances: dict[tuple[str, str, str], Decimal]
    """Debits less credits by legal entity, account and currency; zero balances are left out."""
    functional_balances: dict[tuple[str, str, str], Decimal]
    """The same by functional currency, and what is in it already."""
    contracts: dict[str, ContractResult]
    journals: Counter[str]
    """How many journals of each kind: the event type, Recognition, Intercompany or Reversal."""
    applied: frozenset[str]
    parked: frozenset[str]
    """Event ids that wait at the end for a version or a sequence number that never came."""
    rejected: dict[str, str]
    """Event id to reason."""
    held: frozenset[str]
    """Event ids that are late in a closed period and whose policy is to hold, or that wait for an approver."""
    duplicates: tuple[str, ...] = field(default=())
    """Event id of every repeated occurrence."""


def calculate(events: Iterable[Event], config_folder: Path) -> Result:
    """Calculate the final ledger of a history with the accounts of a config folder."""
    return calculate_with(events, read_chart(config_folder))


def calculate_with(events: Iterable[Event], chart: Chart) -> Result:
    """Calculate the final ledger of a history."""
    seen: set[str] = set()
    duplicates: list[str] = []
    arrivals: dict[str, list[tuple[int, Event]]] = defaultdict(list)
    closes: list[Close] = []
    for place, event in enumerate(events):
        event_id = text(event, "event_id")
        if event_id in seen:
            duplicates.append(event_id)
            continue
        seen.add(event_id)
        context = record(event["context"])
        kind = text(event, "event_type")
        if kind in {"PeriodClosed", "PeriodOpened"}:
            told = record(record(event["body"])[kind])
            end = Close(
                place,
                text(context, "legal_entity"),
                month_number(text(told, "period")),
                closed=kind == "PeriodClosed",
                hard=told.get("lock") == "HARD",
                approved=bool(told.get("approved_by") and told.get("reason")),
            )
            closes.append(end)
        else:
            arrivals[text(context, "contract_id")].append((place, event))

    accounts = {contract: _work_out(contract, found, closes, chart) for contract, found in arrivals.items()}
    return _gather(accounts, duplicates)


def _work_out(contract: str, arrived: list[tuple[int, Event]], closes: list[Close], chart: Chart) -> Account:
    """Apply one contract's events, and the period ends between them, in the order that the rules ask for."""
    account = Account(contract, Books(chart))
    ends = iter(closes)
    end = next(ends, None)
    waiting: list[Event] = []
    for place, event in arrived:
        while end is not None and end.place < place:
            account.close(end)
            end = next(ends, None)
        waiting.append(event)
        _apply_what_is_ready(account, waiting)
    while end is not None:
        account.close(end)
        end = next(ends, None)
    account.parked = [text(event, "event_id") for event in waiting]
    return account


def _apply_what_is_ready(account: Account, waiting: list[Event]) -> None:
    """Apply the first event that is ready, again and again until none is."""
    while True:
        ready = next((event for event in waiting if account.ready(event)), None)
        if ready is None:
            return
        waiting.remove(ready)
        account.apply(ready)


def _gather(accounts: dict[str, Account], duplicates: list[str]) -> Result:
    balances: dict[tuple[str, str, str], int] = defaultdict(int)
    functional: dict[tuple[str, str, str], int] = defaultdict(int)
    journals: Counter[str] = Counter()
    outcomes: dict[Outcome, dict[str, str]] = {outcome: {} for outcome in Outcome}
    contracts: dict[str, ContractResult] = {}
    for contract, account in accounts.items():
        if account.sheet is not None:
            for key, units in account.books.balances(account.sheet).items():
                balances[key] += units
            for key, units in account.books.functional_balances(account.sheet).items():
                functional[key] += units
        journals.update(account.books.journals)
        for event_id, (outcome, reason) in account.outcomes.items():
            outcomes[outcome][event_id] = reason
        if account.sheet is not None:
            contracts[contract] = _result_of(account)
    _require_balanced(balances)
    _require_balanced(functional)
    return Result(
        balances={key: decimal(units, key[2]) for key, units in sorted(balances.items()) if units},
        functional_balances={key: decimal(units, key[2]) for key, units in sorted(functional.items()) if units},
        contracts=contracts,
        journals=journals,
        applied=frozenset(outcomes[Outcome.APPLIED]),
        parked=frozenset(event_id for account in accounts.values() for event_id in account.parked),
        rejected=outcomes[Outcome.REJECTED],
        held=frozenset(outcomes[Outcome.HELD]),
        duplicates=tuple(duplicates),
    )


def _require_balanced(balances: Mapping[tuple[str, str, str], int]) -> None:
    for entity, currency in {(entity, currency) for entity, _, currency in balances}:
        difference = sum(units for key, units in balances.items() if (key[0], key[2]) == (entity, currency))
        if difference:
            raise UnsupportedHistory(f"the batch calculation is wrong: {entity} {currency} is off by {difference}")


def _result_of(account: Account) -> ContractResult:
    sheet = account.sheet
    assert sheet is not None
    currency = sheet.currency
    by_obligation = sheet.schedule()
    by_month: dict[int, int] = defaultdict(int)
    for (_, month), units in by_obligation.items():
        by_month[month] += units
    return ContractResult(
        legal_entity=sheet.entity,
        currency=currency,
        version=account.version,
        billed=decimal(account.books.billed, currency),
        recognised=decimal(sum(account.books.recognised.values()), currency),
        transaction_price=decimal(sheet.price(), currency),
        allocated={o.name: decimal(o.allocated, currency) for o in sheet.obligations},
        schedule={period_of(month): decimal(units, currency) for month, units in sorted(by_month.items()) if units},
        schedule_by_obligation={
            (name, period_of(month)): decimal(units, currency) for (name, month), units in by_obligation.items()
        },
        unscheduled=decimal(sheet.unscheduled(), currency),
        treatments=tuple(sheet.treatments),
    )
