"""Columns that lead from a line of the ledger back to its source: the same in every report that has lines."""

from __future__ import annotations

from connectors.reading import LedgerLine
from streams.reports.document import Column, Row, Shown, named

ORIGIN: tuple[Column, ...] = (
    *named(
        "contract",
        "version",
        "source_system",
        "source_transaction_id",
        "event_id",
        "command_id",
        "reverses_command_id",
        shown=Shown.AS_DATA,
    ),
    *named("traced_to", shown=Shown.IN_TABLE),
)


def origin(line: LedgerLine) -> Row:
    """Return the cells of `ORIGIN`."""
    version = line.contract_version or None
    told = [
        f"{line.contract_id} v{version}" if version else line.contract_id,
        f"{line.source_system} {line.source_transaction_id}",
        f"event {line.event_id}",
        f"command {line.command_id}",
    ]
    if line.reverses_command_id is not None:
        told.append(f"reverses {line.reverses_command_id}")
    return (
        line.contract_id,
        version,
        line.source_system,
        line.source_transaction_id,
        line.event_id,
        line.command_id,
        line.reverses_command_id,
        "\n".join(told),
    )
