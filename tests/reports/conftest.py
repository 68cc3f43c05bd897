"""The demo's books, played once."""

from __future__ import annotations

import pytest

from streams.dry_run import DryRun
from streams.reports.question import Books
from tests.reports.rows import books, demo


@pytest.fixture(scope="session")
def played() -> DryRun:
    return demo()


@pytest.fixture(scope="session")
def demo_books(played: DryRun) -> Books:
    return books(played.ledger, played.revenue)
