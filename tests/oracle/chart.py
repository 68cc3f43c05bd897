"""The accounts and policies that the batch calculation needs, read from the config folder.

Reads plain YAML, and only what the final ledger depends on; it validates nothing else of the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.oracle.rates import Rates, read_rates
from tests.oracle.reading import Json, UnsupportedHistory, record


@dataclass(frozen=True)
class Chart:
    """Accounts by purpose, and what waits for a person."""

    receivable: str
    contract_liability: str
    contract_asset: str
    refund_liability: str
    cash: str
    intercompany_receivable: str
    intercompany_payable: str
    interest_income: str
    interest_expense: str
    fx_gain: str
    fx_loss: str
    revenue: Mapping[str, str]
    tax_payable: Mapping[str, str]
    functional: Mapping[str, str]
    """Currency of an entity's books."""
    rates: Rates
    held_when_late: frozenset[str] = frozenset()
    """Event types that are held when their date lies in a closed period."""
    termination_waits: bool = False
    """Whether every termination waits for an approver."""


def _load(folder: Path, name: str) -> Mapping[str, Json]:
    loaded: Json = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
    return record(loaded)


def read_chart(folder: Path) -> Chart:
    """Read the chart, policies and rates from the files of a config folder."""
    posting = _load(folder, "posting_rules.yaml")
    accounts = {str(purpose): str(account) for purpose, account in record(posting["accounts"]).items()}
    tax = record(_load(folder, "tax.yaml")["jurisdictions"])
    entities = record(_load(folder, "entities.yaml")["entities"])
    policies = _load(folder, "policies.yaml")
    approvals = record(policies["approvals"])
    if approvals["amendment_price_change_over"] is not None:
        raise UnsupportedHistory("policies.yaml: amendment_price_change_over is set; no rule for it here")
    if policies.get("financing_expedient", True) is not True:
        raise UnsupportedHistory("policies.yaml: financing_expedient is off; no rule for it here")
    return Chart(
        receivable=accounts["receivable"],
        contract_liability=accounts["contract_liability"],
        contract_asset=accounts["contract_asset"],
        refund_liability=accounts["refund_liability"],
        cash=accounts["cash"],
        intercompany_receivable=accounts["intercompany_receivable"],
        intercompany_payable=accounts["intercompany_payable"],
        interest_income=accounts["interest_income"],
        interest_expense=accounts["interest_expense"],
        fx_gain=accounts["fx_gain"],
        fx_loss=accounts["fx_loss"],
        revenue={str(line): str(account) for line, account in record(posting["revenue"]).items()},
        tax_payable={str(name): str(record(entry)["account"]) for name, entry in tax.items()},
        functional={str(name): str(record(entry)["functional_currency"]) for name, entry in entities.items()},
        rates=read_rates(_load(folder, "exchange_rates.yaml")),
        held_when_late=frozenset(
            kind for kind, policy in record(policies["late_events"]).items() if policy != "post_in_open_period"
        ),
        termination_waits=approvals["termination"] is True,
    )
