"""Tryton keeps the promises of every ERP: a real server, behind a proxy that spoils requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.erp.tryton import TrytonAccess, TrytonErp
from connectors.erp.tryton.session import TrytonSession
from connectors.protocols import Erp
from tests.connectors.erp_conformance import names
from tests.connectors.http_conformance import HttpErpConformance, HttpHarness
from tests.connectors.tryton_books import TrytonBooks
from tests.infra.http_faults import FaultProxy
from tests.infra.tryton import DATABASE, PASSWORD, USER, TrytonServer
from tests.ledger.postings import ACCOUNTS, ENTITIES

__all__ = ["names"]

CURRENCIES = {"ACME-US": "USD", "ACME-DE": "EUR", "ACME-JP": "JPY"}


class TrytonHarness:
    """One Tryton for the session."""

    def __init__(self, server: TrytonServer, proxy: FaultProxy) -> None:
        self._url = server.url
        self._proxy = proxy
        self._books = TrytonBooks(TrytonSession(TrytonAccess(server.url, DATABASE, USER, PASSWORD)))
        self._books.make(CURRENCIES, {number: f"Account {number}" for number in ACCOUNTS}, range(2025, 2027))

    @property
    def proxy(self) -> FaultProxy:
        return self._proxy

    def connect(self) -> Erp:
        return self.connect_through(self._url)

    def connect_through(self, proxy_url: str, *, timeout: float = 30.0, password: str | None = None) -> Erp:
        return TrytonErp(TrytonAccess(proxy_url, DATABASE, USER, password or PASSWORD, timeout), ENTITIES)

    def close_period(self, entity: str, period: str) -> None:
        self._books.close_period(entity, period)

    def reopen_period(self, entity: str, period: str) -> None:
        self._books.reopen_period(entity, period)

    def documents(self, command_id: str) -> int:
        return self._books.documents(command_id)


@pytest.fixture(scope="module")
def harness(tryton: TrytonServer) -> Iterator[HttpHarness]:
    with FaultProxy(tryton.port) as proxy:
        yield TrytonHarness(tryton, proxy)


class TestTryton(HttpErpConformance):
    pass
