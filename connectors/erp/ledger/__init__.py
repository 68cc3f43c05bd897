"""The embedded ledger: a double-entry general ledger on SQLite or PostgreSQL, for demos, tests and small books."""

from connectors.erp.ledger.entries import ClosedPeriod, EntryFilter, LedgerEntry
from connectors.erp.ledger.ledger import EmbeddedLedger

__all__ = ["ClosedPeriod", "EmbeddedLedger", "EntryFilter", "LedgerEntry"]
