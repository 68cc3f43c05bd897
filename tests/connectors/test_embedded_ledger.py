"""The embedded ledger keeps the promises of every ERP: on SQLite, on PostgreSQL and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from connectors.erp.ledger import EmbeddedLedger, EntryFilter
from connectors.erp.ledger.memory import MemoryLedger
from connectors.protocols import Erp
from tests.connectors.erp_conformance import ErpConformance, Harness, names
from tests.infra.postgres import PostgresServer
from tests.ledger.postings import ACCOUNTS, ENTITIES

__all__ = ["names"]


class DatabaseHarness:
    """The embedded ledger on a database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: list[EmbeddedLedger] = []
        self._operator = self._open()

    def _open(self) -> EmbeddedLedger:
        self._opened.append(EmbeddedLedger(self._url, ACCOUNTS, ENTITIES))
        return self._opened[-1]

    def connect(self) -> Erp:
        return self._open()

    def close_period(self, entity: str, period: str) -> None:
        self._operator.close_period(entity, period)

    def reopen_period(self, entity: str, period: str) -> None:
        self._operator.reopen_period(entity, period)

    def documents(self, command_id: str) -> int:
        return len(list(self._operator.entries(EntryFilter(command_id=command_id))))

    def close(self) -> None:
        for ledger in self._opened:
            ledger.close()


class MemoryHarness:
    """The ledger of dry runs: one process, so every connector is the same one."""

    def __init__(self) -> None:
        self._ledger = MemoryLedger(ACCOUNTS, ENTITIES)

    def connect(self) -> Erp:
        return self._ledger

    def close_period(self, entity: str, period: str) -> None:
        self._ledger.close_period(entity, period)

    def reopen_period(self, entity: str, period: str) -> None:
        self._ledger.reopen_period(entity, period)

    def documents(self, command_id: str) -> int:
        return sum(posting.command_id == command_id for posting in self._ledger.postings)


class TestEmbeddedLedger(ErpConformance):
    @pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
    def harness(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
        if request.param == "postgresql":
            url = cast(PostgresServer, request.getfixturevalue("postgres")).new_database()
        harness = DatabaseHarness(url)
        yield harness
        harness.close()


class TestMemoryLedger(ErpConformance):
    @pytest.fixture
    def harness(self) -> Harness:
        return MemoryHarness()
