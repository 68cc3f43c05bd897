"""The books that reports are made of: those of the settings' database, or those of a dry run of a file of events."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.reading import LedgerBooks, RevenueBooks
from streams.config import Configuration, Settings, load_configuration
from streams.dry_run import run
from streams.reports.question import Books
from streams.wiring import ledger, revenue_platform


def open_books(settings: Settings, events: Iterable[str] | None) -> Books:
    """Return the books; with `events`, one JSON object a line, those that a dry run of them leaves behind.

    Raises ConfigurationError, and ConnectorUnavailable when the database does not answer.
    """
    configuration = load_configuration(settings.config)
    if events is None:
        return _books(configuration, ledger(settings, configuration), revenue_platform(settings, configuration))
    done = run(events, configuration)
    return _books(configuration, done.ledger, done.revenue)


def _books(configuration: Configuration, ledger_books: LedgerBooks, revenue_books: RevenueBooks) -> Books:
    accounts = configuration.policy.accounts
    return Books(
        ledger=ledger_books,
        revenue=revenue_books,
        accounts=accounts,
        account_names={number: account.name for number, account in configuration.chart.accounts.items()},
        regions=configuration.region_of_entity,
    )
