"""The mapping file: the example of docs/connectors.md runs, and every canonical event type can be said."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.sources.faults import SourceInvalid
from connectors.sources.mapped import EVENT_TYPES, MappedSource
from streams.api.source_files import read_source
from streams.cli.main import cli
from streams.codec.json_events import event_from_json, to_json

PAGE = (Path(__file__).parents[2] / "docs" / "connectors.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("### Mapping file") :]
(EXAMPLE,) = re.findall(
    r"^`config/sources/billing\.yaml`:\n\n```yaml\n(.*?)^```\n\n```json\n(.*?)^```", SECTION, re.M | re.S
)


def source(folder: Path, text: str) -> MappedSource:
    path = folder / "billing.yaml"
    path.write_text(text, encoding="utf-8")
    read = read_source(path)
    assert not isinstance(read, list), [str(problem) for problem in read]
    return read[0]


def check(folder: Path, payload: object) -> Any:
    """Run `tieout source check` on the page's example with a payload."""
    source(folder, EXAMPLE[0])
    sample = folder / "sample.json"
    sample.write_text(json.dumps(payload), encoding="utf-8")
    return CliRunner().invoke(cli, ["source", "check", str(folder / "billing.yaml"), "--payload", str(sample)])


def test_the_pages_example_comes_to_a_contract(tmp_path: Path) -> None:
    result = check(tmp_path, json.loads(EXAMPLE[1]))
    assert result.exit_code == 0, result.output
    (event,) = json.loads(result.output)
    assert event["event_id"] == "billing:DELIVERY-ID"
    assert event["effective_date"] == "2026-01-31"  # the evening before, in New York
    assert event["context"]["legal_entity"] == "ACME-US"
    (line,) = event["body"]["ContractSigned"]["lines"]
    assert (line["price"], line["ssp"], line["end_date"]) == ("1080.00", "1200.00", "2027-01-31")


def test_the_check_names_field_rule_and_remedy_of_every_fault(tmp_path: Path) -> None:
    payload = json.loads(EXAMPLE[1])
    payload["data"]["company"] = "fr"
    payload["data"]["items"][0]["sku"] = "LITE"
    payload["data"]["items"][0]["cents"] = "9.5"
    result = check(tmp_path, payload)
    assert result.exit_code == 1
    line = "/body/ContractSigned/lines/0"
    for said in (
        "/context/legal_entity: no_value: ",
        f"{line}/pattern: not_in_catalogue: the catalogue has no pattern for 'LITE'. Add it to catalogue",
        f"{line}/price: conversion: ",
    ):
        assert said in result.output


def test_the_check_tells_why_a_payload_means_nothing(tmp_path: Path) -> None:
    result = check(tmp_path, {"type": "order.viewed"})
    assert result.exit_code == 0
    assert "order.viewed is ignored: nothing happened" in result.output


LINE: dict[str, Any] = {
    "line_id": "1",
    "product_line": "platform",
    "pattern": "RATABLE_DAILY",
    "quantity": "1",
    "price": "100",
    "ssp": "100",
    "start_date": "2026-01-01",
    "end_date": "2026-12-31",
    "commitment_months": 3,
    "distinct": True,
}
DOCUMENT: dict[str, Any] = {"currency": "USD", "lines": [{"line_id": "1", "net": "5"}]}
MONEY: dict[str, Any] = {"invoice_id": "I", "amount": "5", "currency": "USD"}
BODIES: dict[str, dict[str, Any]] = {
    "ContractSigned": {
        "currency": "USD",
        "lines": [LINE],
        "billing_terms": {"frequency": "ANNUAL", "payment_days": 30},
    },
    "ContractAmended": {"changed_lines": [{"line_id": "1", "price": "5", "ssp": "6"}], "approved": False},
    "ContractRenewed": {"lines": [LINE]},
    "ContractTerminated": {"refund": "1.50"},
    "InvoiceIssued": {"invoice_id": "I", **DOCUMENT},
    "CreditIssued": {"credit_id": "C", "effect": "BILLING_ONLY", **DOCUMENT},
    "PaymentReceived": {"payment_id": "P", **MONEY},
    "RefundIssued": {"refund_id": "R", **MONEY},
    "UsageRated": {
        "line_id": "1",
        "usage_start": "2026-01-01",
        "usage_end": "2026-01-31",
        "quantity": "7",
        "amount": "0.70",
    },
    "ObligationFulfilled": {"line_id": "1"},
    "EstimateChanged": {"variable_id": "V"},
    "PeriodOpened": {"period": "2026-01", "reason": "r"},
    "PeriodClosed": {"period": "2026-01"},
}


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_canonical_event_type_can_be_said(name: str, tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "occurred_at": "2026-01-15T09:30:00Z",
        "effective_date": "2026-01-15",
        "source_sequence": 4,
        "context": {
            "source_system": "billing",
            "source_transaction_id": "T",
            "contract_id": "C",
            "contract_version": 1,
            "legal_entity": "ACME-US",
        },
    }
    rule = {**said, name: BODIES[name]}
    # JSON is YAML: the file has the event as constants, its numbers as YAML's plain text.
    text = f"signature: standard-webhooks\ntype: $/type\nevents: {json.dumps({'it': rule})}\n"
    (event,) = source(tmp_path, text).read({"type": "it"}, "1").events
    assert event == event_from_json({**said, "event_id": "billing:1", "body": {name: BODIES[name]}})


SEVERAL = """
signature: standard-webhooks
type: $/type
events:
  paid:
    for_each: $/payments
    occurred_at: $/at
    effective_date: {from: $/at, as: date}
    context:
      source_system: billing
      source_transaction_id: "@/id"
      contract_id: "@/contract"
      contract_version: 1
      legal_entity: ACME-US
    PaymentReceived:
      payment_id: "@/id"
      invoice_id: {join: [INV, "@/invoice"], with: "-"}
      amount: "@/amount"
      currency: USD
"""


def paid(*payments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "paid", "at": "2026-01-15T09:30:00Z", "payments": list(payments)}


def test_a_list_becomes_events_each_with_an_id_that_stays(tmp_path: Path) -> None:
    mapped = source(tmp_path, SEVERAL)
    payload = paid(
        {"id": "a", "contract": "C1", "invoice": 1, "amount": Decimal("1.10")},
        {"id": "b", "contract": "C2", "invoice": 2, "amount": "2"},
    )
    first, second = mapped.read(payload, "msg").events
    assert (first.event_id, second.event_id) == ("billing:msg", "billing:msg:1")
    assert mapped.read(payload, "msg").events == (first, second)
    assert to_json(second)["body"] == {
        "PaymentReceived": {
            "payment_id": "b",
            "invoice_id": "INV-2",
            "amount": "2.00",
            "currency": "USD",
            "exchange_rate": "1",
        }
    }


def test_a_fault_in_a_list_names_its_event_and_nothing_of_the_delivery_is_taken(tmp_path: Path) -> None:
    good = {"id": "a", "contract": "C1", "invoice": 1, "amount": "1"}
    with pytest.raises(SourceInvalid) as caught:
        source(tmp_path, SEVERAL).read(paid(good, {**good, "amount": "much"}), "msg")
    assert [fault.field for fault in caught.value.faults] == ["/1/body/PaymentReceived/amount"]


def test_an_id_as_long_as_the_vendor_likes_stays_one_of_ours(tmp_path: Path) -> None:
    good = {"id": "a", "contract": "C1", "invoice": 1, "amount": "1"}
    mapped = source(tmp_path, SEVERAL)
    (event,) = mapped.read(paid(good), "x" * 5000).events
    (other,) = mapped.read(paid(good), "x" * 4999 + "y").events
    assert len(event.event_id) < 100
    assert event.event_id != other.event_id
