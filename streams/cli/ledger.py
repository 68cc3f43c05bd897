"""The embedded ledger's balances and entries as rows to print."""

from __future__ import annotations

from typing import Any

from connectors.erp.ledger import EntryFilter
from streams.config import Settings, load_configuration
from streams.core.money import quantize
from streams.wiring import ledger


def balances(settings: Settings, contract: str | None) -> list[dict[str, Any]]:
    """Return the balances by entity, account and currency."""
    configuration = load_configuration(settings.config)
    return [
        {
            "entity": row.legal_entity,
            "account": row.account,
            "account_name": configuration.chart.name(row.account),
            "currency": row.currency,
            "balance": str(quantize(row.balance, row.currency)),
        }
        for row in ledger(settings, configuration).balances(contract)
    ]


def entries(settings: Settings, contract: str | None, entity: str | None, period: str | None) -> list[dict[str, Any]]:
    """Return journal entries with their lines and the source transaction they stem from."""
    configuration = load_configuration(settings.config)
    wanted = EntryFilter(contract_id=contract, legal_entity=entity, period=period)
    return [
        {
            "document_number": entry.document_number,
            "command_id": entry.command_id,
            "entity": entry.legal_entity,
            "period": entry.period,
            "posting_date": entry.posting_date.isoformat(),
            "currency": entry.currency,
            "contract_id": entry.contract_id,
            "event_id": entry.event_id,
            "source_system": entry.source_system,
            "source_transaction_id": entry.source_transaction_id,
            "description": entry.description,
            "reverses_command_id": entry.reverses_command_id,
            "lines": [
                {
                    "account": line.account,
                    "account_name": configuration.chart.name(line.account),
                    "debit": str(quantize(line.debit, entry.currency)),
                    "credit": str(quantize(line.credit, entry.currency)),
                    "product_line": line.product_line,
                    "jurisdiction": line.jurisdiction,
                    "partner_entity": line.partner_entity,
                }
                for line in entry.lines
            ],
        }
        for entry in ledger(settings, configuration).entries(wanted)
    ]
