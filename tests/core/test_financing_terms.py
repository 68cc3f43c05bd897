"""A financing component that cannot be measured is refused at capture, with the field, the rule and the remedy."""

from __future__ import annotations

from dataclasses import replace as with_policy
from typing import Any

import pytest
from msgspec.structs import replace

from streams.codec.json_events import event_from_json
from streams.core.commands import revenue_command
from streams.core.financing_terms import by_policy
from streams.core.rules import violations
from streams.records import EstablishContract
from tests.core.builders import POLICY
from tests.core.test_price_terms import AT, line


def financing(**more: Any) -> dict[str, Any]:
    return {
        "annual_rate": "0.1",
        "transfer_on": "2026-01-01",
        "line_id": "A",
        "payments": [{"due_on": "2028-01-01", "amount": "121"}],
    } | more


def signed(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "event_id": "E1",
        "event_type": "ContractSigned",
        "occurred_at": "2026-01-01T00:00:00Z",
        "effective_date": "2026-01-01",
        "context": {
            "source_system": "crm",
            "source_transaction_id": "T1",
            "contract_id": "C-1",
            "contract_version": 1,
            "customer_account": "ACC-1",
            "legal_entity": "ACME-US",
        },
        "body": {"ContractSigned": {"currency": "USD", "lines": list(lines), "financing": financing(**more)}},
    }


def broken(*lines: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    event = event_from_json(signed(*lines, **more))
    return [(found.pointer, found.rule.value) for found in violations(event, POLICY)]


SOLD = line("A", pattern="POINT_IN_TIME", price="121")


def test_a_component_that_can_be_measured_is_taken_in() -> None:
    assert broken(SOLD) == []
    assert broken(line("A", price="121")) == []


@pytest.mark.parametrize(
    ("more", "field", "rule"),
    [
        ({"annual_rate": "10"}, "annual_rate", "financing"),
        ({"annual_rate": "0"}, "annual_rate", "financing"),
        ({"line_id": "B"}, "line_id", "unknown_line"),
        ({"payments": []}, "payments", "financing"),
        ({"payments": [{"due_on": "2028-01-01", "amount": "120"}]}, "payments", "financing"),
        ({"payments": [{"due_on": "2028-01-01", "amount": "121.001"}]}, "payments/0/amount", "not_exact"),
        ({"payments": [{"due_on": "1970-01-01", "amount": "121"}]}, "payments/0/due_on", "implausible_date"),
        ({"transfer_on": "1970-01-01"}, "transfer_on", "implausible_date"),
    ],
)
def test_a_component_that_cannot_be_measured_is_refused(more: dict[str, Any], field: str, rule: str) -> None:
    assert (f"{AT}/financing/{field}", rule) in broken(SOLD, **more)


def test_a_payment_of_nothing_or_less_is_refused() -> None:
    payments = [{"due_on": "2027-01-01", "amount": "0"}, {"due_on": "2028-01-01", "amount": "121"}]
    assert broken(SOLD, payments=payments) == [(f"{AT}/financing/payments/0/amount", "sign")]


@pytest.mark.parametrize("more", [{"pattern": "MILESTONE"}, {"pattern": "UNITS", "quantity": "3"}, {"distinct": False}])
def test_a_line_of_which_it_is_not_known_when_it_is_transferred_cannot_be_financed(more: dict[str, Any]) -> None:
    assert broken(line("A", price="121", **more)) == [(f"{AT}/financing/line_id", "financing")]


def test_service_that_is_financed_is_valued_as_of_its_first_day() -> None:
    assert broken(line("A", price="121"), transfer_on="2026-02-01") == [(f"{AT}/financing/transfer_on", "financing")]


def test_a_company_that_does_not_use_the_expedient_measures_every_component() -> None:
    command = revenue_command("C-1", event_from_json(signed(SOLD)))
    assert command is not None
    assert by_policy(command, POLICY) is command
    body = by_policy(command, with_policy(POLICY, financing_expedient=False)).body
    assert isinstance(command.body, EstablishContract)
    assert isinstance(body, EstablishContract)
    assert body.terms.financing is not None
    assert not body.terms.financing.expedient
    assert replace(body.terms, financing=None) == replace(command.body.terms, financing=None)
