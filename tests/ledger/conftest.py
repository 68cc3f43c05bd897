"""A ledger on every database that is supported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from connectors.erp.ledger import EmbeddedLedger
from tests.infra.postgres import PostgresServer
from tests.ledger.postings import ACCOUNTS, ENTITIES


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return cast(PostgresServer, request.getfixturevalue("postgres")).new_database()


@pytest.fixture
def open_ledger(database_url: str) -> Iterator[Callable[[], EmbeddedLedger]]:
    """Opens ledgers on the same database, each with connections of its own."""
    opened: list[EmbeddedLedger] = []

    def open_one() -> EmbeddedLedger:
        opened.append(EmbeddedLedger(database_url, ACCOUNTS, ENTITIES))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[[], EmbeddedLedger]) -> EmbeddedLedger:
    return open_ledger()
