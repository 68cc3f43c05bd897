"""A history goes through rules, orchestration and reconciliation into Tryton, which then holds what a dry run says."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from connectors.erp.tryton.session import TrytonAccess, TrytonSession
from connectors.protocols import AccountBalance
from connectors.revenue.embedded.memory import MemoryRevenuePlatform
from connectors.sources.canonical import CanonicalSource
from streams.codec.json_events import JsonInvalid
from streams.codec.json_text import JsonMalformed, parse
from streams.config import Configuration, load_configuration, load_settings
from streams.core.reconciliation import compare
from streams.dry_run import run
from streams.records import CommercialEvent
from streams.shipped import shipped
from streams.simulation import World
from streams.wiring import erp
from tests.connectors.tryton_books import TrytonBooks
from tests.infra.tryton import DATABASE, PASSWORD, USER, TrytonServer

EVENTS = Path(__file__).parents[1] / "golden" / "dry_run.events.jsonl"


def in_tryton(server: TrytonServer, configuration: Configuration) -> None:
    """Make the shipped entities with the shipped chart."""
    session = TrytonSession(TrytonAccess(server.url, DATABASE, USER, PASSWORD))
    currencies = {name: entity.functional_currency for name, entity in configuration.policy.entities.items()}
    accounts = {number: configuration.chart.name(number) for number in sorted(configuration.chart.numbers)}
    TrytonBooks(session).make(currencies, accounts, range(2025, 2028))


@pytest.mark.tryton
def test_a_history_posted_into_tryton_has_the_dry_runs_balances_to_the_cent(tmp_path: Path) -> None:
    configuration = load_configuration(shipped("config"))
    lines = EVENTS.read_text().splitlines()
    dry = run(lines, configuration)
    expected = dry.ledger
    with TrytonServer(tmp_path / "server") as server:
        in_tryton(server, configuration)
        settings = load_settings(
            erp="tryton",
            tryton_url=server.url,
            tryton_database=DATABASE,
            tryton_user=USER,
            tryton_password=PASSWORD,
        )
        ledger = erp(settings, configuration)
        policy = configuration.policy
        revenue = MemoryRevenuePlatform(policy.calendars)
        world = World(policy, revenue, ledger, lambda: dt.datetime.now(dt.UTC))
        for line in lines:
            for event in events(line):
                world.offer(event)
            world.settle()
        assert len(expected.postings) == 9
        assert [it.message for it in world.exceptions.values() if "ERP" in it.message] == []
        assert set(ledger.posted([it.command_id for it in expected.postings])) == {
            it.command_id for it in expected.postings
        }
        assert not_zero(ledger.balances()) == not_zero(expected.balances())
        for contract_id in {it.context.contract_id for it in expected.postings}:
            assert not_zero(ledger.balances(contract_id)) == not_zero(expected.balances(contract_id))
        # What this history leaves open between billing and revenue, it leaves open in the dry run, too.
        assert world.ties.keys() == dry.world.ties.keys()
        for contract_id, tie in world.ties.items():
            assert compare(tie, policy.accounts) == compare(dry.world.ties[contract_id], policy.accounts)


def events(line: str) -> list[CommercialEvent]:
    """The events of a line; a line that is refused at capture, as some of this history are, has none."""
    try:
        return CanonicalSource().events(parse(line))
    except (JsonMalformed, JsonInvalid):
        return []


def not_zero(rows: list[AccountBalance]) -> list[AccountBalance]:
    return [row for row in rows if row.balance]
