"""Writes small histories for the hand-worked cases. One contract, C1 of ACME-US in USD, unless told otherwise."""

from __future__ import annotations

from pathlib import Path

from tests.oracle.batch import ContractResult, Result, calculate
from tests.oracle.reading import Event, Json

CONFIG = Path(__file__).parents[2] / "config"


def line(name: str, price: str, ssp: str | None = None, **other: Json) -> dict[str, Json]:
    """A contract line: ratable by day over 2025, unless told otherwise."""
    found: dict[str, Json] = {
        "line_id": name,
        "product_line": "platform",
        "pattern": "RATABLE_DAILY",
        "quantity": "10",
        "price": price,
        "ssp": ssp or price,
        "start_date": "2025-01-01",
        "end_date": "2025-12-31",
        "legal_entity": None,
        "distinct": True,
    }
    return found | other


def document(name: str, net: str, tax: tuple[tuple[str, str], ...] = (), number: str = "I1") -> dict[str, Json]:
    """The body of an invoice of one line; of a credit with the field of its number renamed."""
    taxes: list[Json] = [{"jurisdiction": where, "amount": amount} for where, amount in tax]
    return {
        "invoice_id": number,
        "currency": "USD",
        "exchange_rate": "1",
        "lines": [{"line_id": name, "net": net, "taxes": taxes}],
    }


class Case:
    """A history that is written event by event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(
        self,
        kind: str,
        on: str,
        body: dict[str, Json],
        version: int = 1,
        *,
        source: str = "test",
        sequence: int | None = None,
        supersedes: str | None = None,
        contract: str = "C1",
        entity: str = "ACME-US",
    ) -> Case:
        """Publish an event; its id is e1, e2 and so on, its transaction t1, t2."""
        number = len(self.events) + 1
        self.events.append(
            {
                "event_id": f"e{number}",
                "event_type": kind,
                "source_sequence": sequence,
                "supersedes": supersedes,
                "occurred_at": f"{on}T12:00:00Z",
                "effective_date": on,
                "context": {
                    "source_system": source,
                    "source_transaction_id": f"t{number}",
                    "contract_id": contract,
                    "contract_version": version,
                    "legal_entity": entity,
                },
                "body": {kind: body},
            }
        )
        return self

    def sign(self, *lines: dict[str, Json], options: tuple[dict[str, Json], ...] = ()) -> Case:
        """Sign the contract."""
        return self.add(
            "ContractSigned", "2025-01-01", {"currency": "USD", "lines": list(lines), "options": list(options)}
        )

    def amend(
        self,
        on: str,
        version: int = 2,
        added: tuple[dict[str, Json], ...] = (),
        changed: tuple[dict[str, Json], ...] = (),
        removed: tuple[str, ...] = (),
        requested: str | None = None,
    ) -> Case:
        """Amend the contract."""
        return self.add(
            "ContractAmended",
            on,
            {
                "added_lines": list(added),
                "changed_lines": list(changed),
                "removed_lines": list(removed),
                "requested_treatment": requested,
                "approved": True,
            },
            version,
        )

    def fulfil(self, on: str, name: str, percent: str = "100") -> Case:
        """Fulfil a line."""
        return self.add("ObligationFulfilled", on, {"line_id": name, "percent": percent})

    def close(self, *periods: str, entity: str = "ACME-US") -> Case:
        """Close periods."""
        for period in periods:
            self.add("PeriodClosed", f"{period}-28", {"period": period}, 0, contract="*", entity=entity)
        return self

    def result(self) -> Result:
        """Calculate."""
        return calculate(self.events, CONFIG)

    def contract(self) -> ContractResult:
        """Calculate, and return the contract; nothing may have been rejected."""
        result = self.result()
        assert result.rejected == {}
        return result.contracts["C1"]


def new_terms(name: str, price: str, ssp: str, quantity: str | None = None, end: str | None = None) -> dict[str, Json]:
    """The change of a line."""
    return {"line_id": name, "price": price, "ssp": ssp, "quantity": quantity, "end_date": end}
