"""A contract told in canonical events, and what the dry run says of it: the published examples are written with it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from streams.dry_run import dry_run
from tests.core.builders import CONFIGURATION

ACCOUNTS = {
    "cash": "1000",
    "receivable": "1100",
    "contract asset": "1200",
    "contract liability": "2100",
    "refund liability": "2400",
    "interest income": "4800",
    "interest expense": "7800",
}


def line(line_id: str, pattern: str, price: str, **more: Any) -> dict[str, Any]:
    """Return a contract line for 2026, at its stand-alone selling price unless that is given."""
    return {
        "line_id": line_id,
        "product_line": "platform",
        "pattern": pattern,
        "quantity": "1",
        "price": price,
        "ssp": price,
        "start_date": "2026-01-01",
        "end_date": "2026-12-31",
    } | more


class Told:
    """Events of one contract of ACME-US, in order."""

    def __init__(self, currency: str = "USD") -> None:
        self.currency = currency
        self.version = 0
        self.events: list[dict[str, Any]] = []

    def tell(self, kind: str, on: str, **body: Any) -> Told:
        """Add an event; one that changes the contract creates the next version."""
        if kind in ("ContractSigned", "ContractAmended", "ContractRenewed", "ContractTerminated"):
            self.version += 1
        number = len(self.events) + 1
        period = kind in ("PeriodClosed", "PeriodOpened")
        self.events.append(
            {
                "event_id": f"e{number}",
                "event_type": kind,
                "occurred_at": f"{on}T09:00:00Z",
                "effective_date": on,
                "context": {
                    "source_system": "erp" if period else "crm",
                    "source_transaction_id": f"T{number}",
                    "contract_id": "*" if period else "C-1",
                    "contract_version": 0 if period else self.version,
                    "customer_account": "" if period else "ACC-1",
                    "legal_entity": "ACME-US",
                },
                "body": {kind: body},
            }
        )
        return self

    def sign(self, *lines: dict[str, Any], on: str = "2026-01-01", **more: Any) -> Told:
        """Sign the contract."""
        return self.tell("ContractSigned", on, currency=self.currency, lines=list(lines), **more)

    def bill(self, on: str, service_end: str | None = None, **nets: str) -> Told:
        """Invoice an amount by line, without tax."""
        lines = [{"line_id": line_id, "net": net, "service_end": service_end} for line_id, net in nets.items()]
        number = f"INV-{len(self.events)}"
        return self.tell("InvoiceIssued", on, invoice_id=number, currency=self.currency, lines=lines)

    def use(self, on: str, line_id: str, amount: str, quantity: str = "1") -> Told:
        """Rate the use of a day."""
        used = {"line_id": line_id, "usage_start": on, "usage_end": on, "quantity": quantity, "amount": amount}
        return self.tell("UsageRated", on, **used)

    def close(self, *periods: str) -> Told:
        """Close periods: recognition runs."""
        for period in periods:
            self.tell("PeriodClosed", f"{period}-28", period=period)
        return self

    def run(self) -> Result:
        """Run it; nothing may be refused or wait."""
        document = self.document()
        assert not document["exceptions"], [item["message"] for item in document["exceptions"]]
        assert not document["waiting"]
        return Result(document)

    def refused(self) -> str:
        """Run it, and return why the one event that was refused was."""
        (exception,) = self.document()["exceptions"]
        return str(exception["message"])

    def document(self) -> dict[str, Any]:
        """Return the whole document of the dry run."""
        return dry_run([json.dumps(event) for event in self.events], CONFIGURATION)


class Result:
    """What became of the contract."""

    def __init__(self, document: dict[str, Any]) -> None:
        (self.contract,) = document["contracts"]
        self.balances = {row["account"]: Decimal(row["balance"]) for row in document["balances"]}

    @property
    def price(self) -> str:
        """The transaction price."""
        return str(self.contract["transaction_price"])

    @property
    def recognised(self) -> str:
        """Revenue of all runs."""
        return str(self.contract["recognised"])

    def allocated(self) -> dict[str, str]:
        """Return the allocation by obligation."""
        return {item["obligation_id"]: item["allocated"] for item in self.contract["obligations"]}

    def months(self, obligation_id: str) -> dict[str, str]:
        """Return the schedule of an obligation."""
        return {
            item["period"]: item["obligations"][obligation_id]
            for item in self.contract["schedule"]
            if obligation_id in item["obligations"]
        }

    def balance(self, account: str) -> str:
        """Return a balance, debit positive, of an account of the ledger by its purpose."""
        return str(self.balances.get(ACCOUNTS[account], Decimal("0.00")))

    def treatments(self) -> list[str]:
        """Return how each change of the contract was treated."""
        return [item["treatment"] for item in self.contract["modifications"]]
