"""Canonical events as the source systems' JSON, with what repeats filled in. Knows the format; knows no story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Event: TypeAlias = dict[str, Json]

CRM, BILLING, METERING, DELIVERY, ERP = "salesforce", "zuora", "metering", "jira", "erp"


@dataclass(frozen=True, slots=True)
class Source:
    """A contract as its source systems know it."""

    contract_id: str
    customer: str
    """Name of the customer, for a reader."""
    customer_account: str
    legal_entity: str
    currency: str

    def event(self, system: str, transaction: str, day: str, body: Event, *, version: int = 1) -> Event:
        """Return an event; its id is made of system and transaction, so the same transaction is the same event."""
        return {
            "event_id": f"{system}:{transaction}",
            "occurred_at": f"{day}T09:30:00Z",
            "effective_date": day,
            "context": {
                "source_system": system,
                "source_transaction_id": transaction,
                "contract_id": self.contract_id,
                "contract_version": version,
                "customer_account": self.customer_account,
                "legal_entity": self.legal_entity,
            },
            "body": body,
        }

    def invoice(self, number: str, day: str, *lines: Event, version: int = 1) -> Event:
        """Return an invoice of the billing system."""
        body: Event = {"InvoiceIssued": {"invoice_id": number, "currency": self.currency, "lines": lines}}
        return self.event(BILLING, number, day, body, version=version)

    def payment(self, number: str, day: str, invoice: str, amount: str) -> Event:
        """Return a payment of an invoice."""
        body: Event = {
            "PaymentReceived": {
                "payment_id": number,
                "invoice_id": invoice,
                "amount": amount,
                "currency": self.currency,
            }
        }
        return self.event(BILLING, number, day, body)


def promise(line_id: str, product_line: str, pattern: str, price: str, ssp: str, first: str, last: str) -> Event:
    """Return a contract line."""
    return {
        "line_id": line_id,
        "product_line": product_line,
        "pattern": pattern,
        "quantity": "1",
        "price": price,
        "ssp": ssp,
        "start_date": first,
        "end_date": last,
    }


def billed(line_id: str, net: str, **taxes: str) -> Event:
    """Return a document line; taxes by jurisdiction, with `_` for `-`."""
    return {
        "line_id": line_id,
        "net": net,
        "taxes": [{"jurisdiction": name.replace("_", "-"), "amount": amount} for name, amount in taxes.items()],
    }


def period_closed(entity: str, period: str, last_day: str) -> Event:
    """Return the ERP's notice that a month of an entity is closed."""
    return {
        "event_id": f"{ERP}:{entity}:{period}:closed",
        "occurred_at": f"{last_day}T20:00:00Z",
        "effective_date": last_day,
        "context": {
            "source_system": ERP,
            "source_transaction_id": f"{entity}:{period}:closed",
            "contract_id": "*",
            "contract_version": 0,
            "legal_entity": entity,
        },
        "body": {"PeriodClosed": {"period": period}},
    }
