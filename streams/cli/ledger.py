"""The embedded ledger's balances and entries as rows to print."""

from __future__ import annotations

from typing import Any

from connectors.erp.ledger import EntryFilter
from streams.config import Settings, load_configuration
from streams.core.money import quantize
from streams.records import JournalLine
from streams.wiring import ledger


def balances(settings: Settings, contract: str | None, *, functional: bool = False) -> list[dict[str, Any]]:
    """Return the balances by entity, account and currency, or all in the entities' functional currencies."""
    configuration = load_configuration(settings.config)
    books = ledger(settings, configuration)
    return [
        {
            "entity": row.legal_entity,
            "account": row.account,
            "account_name": configuration.chart.name(row.account),
            "currency": row.currency,
            "balance": str(quantize(row.balance, row.currency)),
        }
        for row in (books.functional_balances(contract) if functional else books.balances(contract))
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
            **({"functional_currency": entry.functional_currency} if entry.functional_currency else {}),
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
                    **_functional(line, entry.functional_currency),
                    "product_line": line.product_line,
                    "jurisdiction": line.jurisdiction,
                    "partner_entity": line.partner_entity,
                }
                for line in entry.lines
            ],
        }
        for entry in ledger(settings, configuration).entries(wanted)
    ]


def _functional(line: JournalLine, currency: str) -> dict[str, str]:
    if not currency:
        return {}
    return {
        "functional_debit": str(quantize(line.functional_debit, currency)),
        "functional_credit": str(quantize(line.functional_credit, currency)),
    }
