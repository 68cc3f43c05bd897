"""Business rules: a good event of every type passes, and each rule names its field."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.codec.json_events import event_from_json, to_json
from streams.codec.json_text import parse
from streams.config import load_configuration
from streams.core.rules import violations
from streams.records import RootCause
from streams.shipped import shipped
from tests.codec.strategies import any_record

LINE: dict[str, Any] = {
    "line_id": "L1",
    "product_line": "platform",
    "pattern": "RATABLE_DAILY",
    "quantity": "10",
    "price": "1200.00",
    "ssp": "1300.00",
    "start_date": "2026-01-01",
    "end_date": "2026-12-31",
}
DOCUMENT_LINE: dict[str, Any] = {
    "line_id": "L1",
    "net": "100.00",
    "taxes": [{"jurisdiction": "US-CA", "amount": "7.25"}],
    "service_start": "2026-01-01",
    "service_end": "2026-01-31",
}
MONEY: dict[str, Any] = {"invoice_id": "I1", "amount": "10.00", "currency": "USD"}
BODIES: dict[str, dict[str, Any]] = {
    "ContractSigned": {
        "currency": "USD",
        "lines": [LINE],
        "options": [{"option_id": "O1", "product_line": "support", "ssp": "5.00", "expires_on": "2026-06-30"}],
    },
    "ContractAmended": {
        "added_lines": [{**LINE, "line_id": "L2"}],
        "changed_lines": [{"line_id": "L1", "price": "1.00", "ssp": "1.00"}],
        "removed_lines": ["L3"],
    },
    "ContractRenewed": {"lines": [{**LINE, "line_id": "L4"}]},
    "ContractTerminated": {"refund": "0"},
    "InvoiceIssued": {"invoice_id": "I1", "currency": "USD", "lines": [DOCUMENT_LINE], "due_date": "2026-01-31"},
    "CreditIssued": {
        "credit_id": "N1",
        "invoice_id": "I1",
        "currency": "USD",
        "lines": [DOCUMENT_LINE],
        "effect": "BILLING_ONLY",
    },
    "PaymentReceived": {"payment_id": "P1", **MONEY},
    "RefundIssued": {"refund_id": "R1", **MONEY},
    "UsageRated": {
        "line_id": "U1",
        "usage_start": "2026-01-01",
        "usage_end": "2026-01-31",
        "quantity": "5",
        "amount": "1.23",
    },
    "ObligationFulfilled": {"line_id": "L1", "percent": "100"},
    "EstimateChanged": {"price_change": "-5.00"},
    "PeriodOpened": {"period": "2026-01"},
    "PeriodClosed": {"period": "2026-01"},
}
VERSIONS = {
    "ContractAmended": 2,
    "ContractRenewed": 2,
    "ContractTerminated": 2,
    "PeriodOpened": 0,
    "PeriodClosed": 0,
}


POLICY = load_configuration(shipped("config")).policy


def good(kind: str) -> dict[str, Any]:
    event = {
        "event_id": "E1",
        "occurred_at": "2026-01-01T00:00:00Z",
        "effective_date": "2026-01-01",
        "context": {
            "source_system": "salesforce",
            "source_transaction_id": "T1",
            "contract_id": "*" if kind.startswith("Period") else "C1",
            "contract_version": VERSIONS.get(kind, 1),
            "legal_entity": "ACME-US",
        },
        "body": {kind: BODIES[kind]},
    }
    copy: dict[str, Any] = json.loads(json.dumps(event))
    return copy


def broken(event: dict[str, Any]) -> list[tuple[str, str]]:
    found = violations(event_from_json(parse(json.dumps(event))), POLICY)
    assert all(violation.message.count("found") == 1 for violation in found)
    return [(violation.pointer, violation.rule.value) for violation in found]


@pytest.mark.parametrize("kind", BODIES)
def test_a_good_event_of_every_type_breaks_no_rule(kind: str) -> None:
    assert broken(good(kind)) == []


@pytest.mark.parametrize(
    ("kind", "pointer", "value", "rule"),
    [
        ("PaymentReceived", "/event_id", "", "blank"),
        ("PaymentReceived", "/event_id", "E\x00", "unprintable"),
        ("PaymentReceived", "/event_id", " E1", "unprintable"),
        ("PaymentReceived", "/event_id", "E" * 201, "too_long"),
        ("PaymentReceived", "/event_type", "RefundIssued", "event_type_mismatch"),
        ("PaymentReceived", "/source_sequence", 0, "sequence"),
        ("PaymentReceived", "/supersedes", "T1", "supersedes_itself"),
        ("PaymentReceived", "/effective_date", "1970-01-21", "implausible_date"),
        ("PaymentReceived", "/occurred_at", 0, "implausible_date"),
        ("PaymentReceived", "/context/contract_id", "*", "every_contract"),
        ("PaymentReceived", "/context/contract_version", 0, "contract_version"),
        ("PaymentReceived", "/context/legal_entity", "ACME-UK", "unknown_entity"),
        ("PaymentReceived", "/context/product_line", "platfrom", "unknown_product_line"),
        ("PaymentReceived", "/body/PaymentReceived/amount", "0", "sign"),
        ("PaymentReceived", "/body/PaymentReceived/amount", "10.001", "not_exact"),
        ("PaymentReceived", "/body/PaymentReceived/currency", "usd", "unknown_currency"),
        ("InvoiceIssued", "/body/InvoiceIssued/exchange_rate", "0.9", "exchange_rate"),
        ("PaymentReceived", "/body/PaymentReceived/exchange_rate", "1.1", "exchange_rate"),
        ("ContractSigned", "/context/contract_version", 2, "contract_version"),
        ("ContractSigned", "/body/ContractSigned/lines/0/line_id", "L1@v2", "reserved_id"),
        ("ContractSigned", "/body/ContractSigned/lines/0/price", "-1", "sign"),
        ("ContractSigned", "/body/ContractSigned/lines/0/ssp", "1.001", "not_exact"),
        ("ContractSigned", "/body/ContractSigned/lines/0/end_date", "2025-12-31", "date_order"),
        ("ContractSigned", "/body/ContractSigned/lines/0/legal_entity", "X", "unknown_entity"),
        ("ContractSigned", "/body/ContractSigned/options/0/option_id", "L1", "duplicate_line"),
        ("ContractAmended", "/context/contract_version", 1, "contract_version"),
        ("ContractAmended", "/body/ContractAmended/removed_lines/0", "L1", "duplicate_line"),
        ("ContractTerminated", "/body/ContractTerminated/fee", "-1", "sign"),
        ("InvoiceIssued", "/body/InvoiceIssued/lines", [], "no_lines"),
        ("InvoiceIssued", "/body/InvoiceIssued/lines/0/net", "-100.00", "sign"),
        ("InvoiceIssued", "/body/InvoiceIssued/lines/0/taxes/0/jurisdiction", "US-C", "unknown_jurisdiction"),
        ("InvoiceIssued", "/body/InvoiceIssued/lines/0/service_end", "2025-12-01", "date_order"),
        ("InvoiceIssued", "/body/InvoiceIssued/due_date", "2025-12-01", "date_order"),
        ("UsageRated", "/body/UsageRated/usage_end", "2025-12-01", "date_order"),
        ("ObligationFulfilled", "/body/ObligationFulfilled/percent", "100.1", "percent_range"),
        ("PeriodClosed", "/context/contract_id", "C1", "every_contract"),
        ("PeriodClosed", "/body/PeriodClosed/period", "2026-13", "period_format"),
        ("PeriodClosed", "/body/PeriodClosed/period", "2026-1", "period_format"),
    ],
)
def test_each_rule_names_its_field(kind: str, pointer: str, value: object, rule: str) -> None:
    event = good(kind)
    target: Any = event
    *parents, last = pointer.strip("/").split("/")
    for part in parents:
        target = target[int(part)] if part.isdigit() else target[part]
    target[int(last) if last.isdigit() else last] = value
    assert broken(event) == [(pointer, rule)]


def test_a_currency_without_cents_takes_no_cents() -> None:
    event = good("PaymentReceived")
    event["body"]["PaymentReceived"] |= {"currency": "JPY", "amount": "10.5"}
    assert broken(event) == [("/body/PaymentReceived/amount", "not_exact")]
    event["body"]["PaymentReceived"] |= {"currency": "BHD", "amount": "10.555"}
    assert broken(event) == []


def test_a_name_we_do_not_know_is_a_missing_mapping_and_anything_else_a_wrong_payload() -> None:
    event = good("PaymentReceived")
    event["context"]["legal_entity"] = "ACME-UK"
    event["event_id"] = ""
    found = violations(event_from_json(event), POLICY)
    assert [violation.cause for violation in found] == [RootCause.PAYLOAD_INVALID, RootCause.MAPPING_MISSING]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_any_event_that_the_schema_holds_gets_an_answer(data: st.DataObject) -> None:
    event = data.draw(any_record("CommercialEvent"))
    for violation in violations(event, POLICY):
        assert_points_into(to_json(event), violation.pointer)


def assert_points_into(value: Any, pointer: str) -> None:
    for part in pointer.strip("/").split("/"):
        value = value[int(part)] if isinstance(value, list) else value[part]
    assert not isinstance(value, dt.date | Decimal)
