"""Reports in functional currency: dollars billed by the German entity, with exchange differences."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import cast

import pytest

from connectors.erp.ledger import EmbeddedLedger
from connectors.erp.ledger.memory import MemoryLedger
from connectors.reading import Dimension, LedgerBooks, LineFilter
from streams.records import ErpPosting
from streams.reports.explain import Balance, explain
from streams.reports.positions import positions
from streams.reports.question import Scope
from streams.reports.rollforward import rollforward
from tests.core.abroad import DE, at
from tests.core.builders import CONFIGURATION, billed, credit, invoice, payment
from tests.core.test_foreign_currency import abroad
from tests.infra.postgres import PostgresServer
from tests.reports.rows import books

FUNCTIONAL = Scope(functional=True)


def posted() -> list[ErpPosting]:
    """1,200 dollars billed at 0.90 and paid in part; a month more recognised than is billed after a credit."""
    desk = abroad()
    desk.take(at("0.90", "bill", invoice("I1", billed("300.00")), "2026-01-01"))
    desk.close("2026-01", "2026-02")
    desk.take(at("0.95", "pay", payment("P1", "I1", "300.00"), "2026-03-10"))
    desk.take(at("0.94", "again", invoice("I2", billed("900.00")), "2026-03-12"))
    desk.take(at("0.94", "credit", credit("K1", billed("100.00"), of="I2"), "2026-03-20"))
    desk.close("2026-03", "2026-04")
    return list(desk.postings)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def ledger(request: pytest.FixtureRequest) -> Iterator[LedgerBooks]:
    first_open = CONFIGURATION.policy.first_open_periods
    if request.param == "memory":
        memory = MemoryLedger(CONFIGURATION.chart.numbers, first_open)
        memory.post(posted())
        yield memory
        return
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    url = "sqlite://" if server is None else cast(PostgresServer, server).new_database()
    database = EmbeddedLedger(url, CONFIGURATION.chart.numbers, first_open)
    database.post(posted())
    yield database
    database.close()


def test_exchange_differences_on_the_contract_asset_are_a_movement_of_their_own(ledger: LedgerBooks) -> None:
    report = rollforward(books(ledger), FUNCTIONAL)
    assert report.differences == ()
    assert {row[1] for row in report.rows} == {"EUR"}
    fx = [Decimal(str(row[8])) for row in report.rows]
    assert any(fx)
    assert [str(row[8]) for row in rollforward(books(ledger), Scope()).rows] == ["0.00"] * len(fx)


def test_the_rollforward_closes_at_the_position_in_either_currency(ledger: LedgerBooks) -> None:
    for scope in (Scope(), FUNCTIONAL):
        (position,) = positions(books(ledger), Scope(functional=scope.functional, contract_id="C1")).rows
        net = Decimal(str(position[5])) - Decimal(str(position[6]))
        assert rollforward(books(ledger), scope).rows[-1][9] == net


def test_every_balance_is_explained_in_either_currency(ledger: LedgerBooks) -> None:
    for functional in (False, True):
        by = (Dimension.ACCOUNT,)
        for held in ledger.movements(LineFilter(entity=DE, functional=functional), by):
            asked = Balance(entity=DE, account=held.account, period="2026-04", functional=functional)
            report = explain(books(ledger), asked)
            at_amount = [column.name for column in report.columns].index("amount")
            lines = sum((Decimal(str(row[at_amount])) for row in report.rows), Decimal(0))
            assert lines == held.amount == dict(report.facts)["balance"]
            assert dict(report.facts)["currency"] == ("EUR" if functional else "USD")
