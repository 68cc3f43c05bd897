"""The demo's scenario ends in the numbers that were worked out by hand, and its pages show them to an accountant.

`TIEOUT_WRITE_GOLDEN=1 pytest tests/demo/test_scenario.py` writes the pages again; read the difference.
"""

from __future__ import annotations

import io
import os
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from streams.codec.json_events import JsonInvalid
from streams.config import load_configuration
from streams.core.rules import violations
from streams.demo.report import tie_out, trial_balance
from streams.demo.scenario import BREMER, CONTRACTS, ENTITIES, KESTREL, OSPREY, Answer, steps
from streams.demo.verdict import three_way
from streams.records import AccountingTreatment, RevenueAccepted, RevenueAck
from streams.shipped import shipped
from streams.timeline import render
from tests.demo.played import Played, canonical, play

GOLDEN = Path(__file__).parent / "golden"
CONFIGURATION = load_configuration(shipped("config"))


@pytest.fixture(scope="module")
def played() -> Played:
    return play(CONFIGURATION)


def page(*parts: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=118, color_system=None, force_terminal=False)
    for part in parts:
        console.print(part, highlight=False)
        console.print()
    return text_of(console)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()).strip() + "\n"


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("TIEOUT_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("source", CONTRACTS, ids=lambda source: source.contract_id)
def test_a_contract_reads_as_its_page(played: Played, source: object) -> None:
    assert source in CONTRACTS
    console = Console(file=io.StringIO(), width=118, color_system=None)
    render(played.history(source.contract_id), console)
    assert_golden(source.contract_id.lower(), text_of(console))


def test_the_ledger_reads_as_its_page(played: Played) -> None:
    balances = played.ledger.balances()
    trials = [
        trial_balance(entity, rows[0].currency, rows, CONFIGURATION)
        for entity in sorted(ENTITIES)
        if (rows := [row for row in balances if row.legal_entity == entity])
    ]
    ties = [
        tie_out(
            source.contract_id,
            source.currency,
            three_way(
                played.history(source.contract_id),
                played.revenue.position(source.contract_id),
                played.ledger.balances(source.contract_id),
                CONFIGURATION.policy.accounts,
            ),
        )
        for source in CONTRACTS
    ]
    assert_golden("ledger", page(*trials, *ties))


def test_a_bundle_with_free_onboarding_is_80_percent_of_its_stand_alone_prices(played: Played) -> None:
    signed = acceptances(played, KESTREL.contract_id)[0]
    # 47,300 of 59,125: 45,625, 6,000 and 7,500 at 80 %.
    allocated = {part.obligation_id: str(part.allocated) for part in signed.allocations}
    assert allocated == {"PLAT": "36500.00", "ONB": "4800.00", "SUP": "6000.00", "API": "0.00"}


def test_the_upgrade_below_its_stand_alone_price_reallocates_what_remains(played: Played) -> None:
    schedule = played.history(KESTREL.contract_id).schedule
    # Before: 36,500 over 365 days is 100 a day. After: 26,775 of 38,250 is 70 %: 24,150 over 184 days is 131.25 a day.
    assert [schedule[f"2026-{month:02d}"]["PLAT"] for month in (1, 2, 6, 7, 9)] == [
        Decimal(amount) for amount in ("3100.00", "2800.00", "3000.00", "4068.75", "3937.50")
    ]
    # Support: 500 a month, then 2,625 over 6 months.
    assert [schedule[f"2026-{month:02d}"]["SUP"] for month in (6, 7, 8)] == [
        Decimal(amount) for amount in ("500.00", "437.50", "437.50")
    ]
    treatments = {answer.treatment for answer in acceptances(played, KESTREL.contract_id)}
    assert AccountingTreatment.PROSPECTIVE in treatments


def test_the_outage_credit_is_caught_up_for_eight_of_twelve_months(played: Played) -> None:
    schedule = played.history(KESTREL.contract_id).schedule
    # -300: -200 at once, -25 in each of the last four months.
    assert schedule["2026-09"]["SUP"] == Decimal("437.50") - 200 - 25
    assert [schedule[f"2026-{month}"]["SUP"] for month in (10, 11, 12)] == [Decimal("412.50")] * 3


def test_the_widened_project_catches_up_what_is_performed(played: Played) -> None:
    history = played.history(OSPREY.contract_id)
    # 40 % of 20,000; 40 % of 5,000 more; the other 60 % of 25,000.
    assert {period: sum(parts.values()) for period, parts in history.schedule.items()} == {
        "2026-03": Decimal(8000),
        "2026-05": Decimal(2000),
        "2026-10": Decimal(15000),
    }
    treatments = {answer.treatment for answer in acceptances(played, OSPREY.contract_id)}
    assert AccountingTreatment.CUMULATIVE_CATCH_UP in treatments


def test_the_german_contract_is_an_asset_until_it_is_billed(played: Played) -> None:
    history = played.history(BREMER.contract_id)
    accounts = CONFIGURATION.policy.accounts
    first, last = history.postings[0].posting, history.postings[-1].posting
    assert {line.account for line in first.body.lines} == {accounts.contract_asset, accounts.revenue["analytics"]}
    # Billed on 31 December for a half-year of which five months were an asset: the sixth is earned from the liability.
    assert {line.account for line in last.body.lines} == {accounts.contract_liability, accounts.revenue["analytics"]}


def test_the_ledger_holds_what_a_calculator_says(played: Played) -> None:
    held = {(row.legal_entity, row.account): row.balance for row in played.ledger.balances()}
    gross_kestrel = Decimal("50562.70") + Decimal("5799.62") + Decimal("696.80") + Decimal("1252.06") - 300
    gross_osprey = Decimal("10887.50") + Decimal("16331.25")
    paid = Decimal("50562.70") + Decimal("5799.62")
    assert held["ACME-US", "1000"] == paid
    assert held["ACME-US", "1100"] == gross_kestrel + gross_osprey - paid
    assert -held["ACME-US", "2510"] == Decimal("1796.55") + Decimal("233.81")
    assert -held["ACME-US", "4010"] == 181 * 100 + 184 * Decimal("131.25")
    assert -held["ACME-US", "4040"] == 4800 + 25000
    assert -held["ACME-US", "4050"] == 640 + 1150
    assert held["ACME-US", "2100"] == held["ACME-DE", "1200"] == held["ACME-DE", "2100"] == 0
    assert held["ACME-DE", "1100"] == Decimal("14280.00")
    assert sum(row.balance for row in played.ledger.balances()) == 0


def test_every_event_is_what_the_api_takes_but_the_malformed_one(played: Played) -> None:
    for step in steps():
        for event in step.events:
            if step.answer is Answer.REFUSED:
                with pytest.raises(JsonInvalid) as refused:
                    canonical(event)
                assert {problem.pointer.rsplit("/", 1)[1] for problem in refused.value.problems} == {
                    "amount",
                    "currency",
                    "curency",
                }
            else:
                assert violations(canonical(event), CONFIGURATION.policy) == []


def test_nothing_is_left_open_and_only_the_repeated_payment_is_a_duplicate(played: Played) -> None:
    assert played.world.exceptions == {}
    assert played.world.duplicates == 1
    for contract in played.world.contracts.values():
        assert (contract.parked, contract.queue, contract.postings) == ((), (), ())


def acceptances(played: Played, contract_id: str) -> list[RevenueAccepted]:
    acks = played.history(contract_id).of(RevenueAck)
    return [ack.body for ack in acks if isinstance(ack.body, RevenueAccepted)]
