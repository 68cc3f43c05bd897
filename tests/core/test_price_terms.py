"""Price terms that contradict themselves are refused with the field, the rule and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from streams.codec.json_events import event_from_json
from streams.core.rules import violations
from tests.core.builders import POLICY

AT = "/body/ContractSigned"


def line(line_id: str, **more: Any) -> dict[str, Any]:
    return {
        "line_id": line_id,
        "product_line": "platform",
        "pattern": "RATABLE_DAILY",
        "quantity": "1",
        "price": "100",
        "ssp": "100",
        "start_date": "2026-01-01",
        "end_date": "2026-12-31",
    } | more


def chances(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"amount": amount, "probability": probability} for amount, probability in pairs]


def bonus(**more: Any) -> dict[str, Any]:
    return {"variable_id": "BONUS", "outcomes": chances(("10", "0.5"), ("0", "0.5"))} | more


def broken(kind: str, **body: Any) -> list[tuple[str, str]]:
    event = {
        "event_id": "E1",
        "occurred_at": "2026-01-01T00:00:00Z",
        "effective_date": "2026-01-01",
        "context": {
            "source_system": "crm",
            "source_transaction_id": "T1",
            "contract_id": "C1",
            "contract_version": 2 if kind == "ContractAmended" else 1,
            "legal_entity": "ACME-US",
        },
        "body": {kind: body},
    }
    found = violations(event_from_json(event), POLICY)
    for violation in found:
        assert violation.message.count("found") == 1
        assert "expected" in violation.message
    return [(violation.pointer, violation.rule.value) for violation in found]


def signed(*lines: dict[str, Any], **terms: Any) -> list[tuple[str, str]]:
    return broken("ContractSigned", currency="USD", lines=list(lines or (line("A"), line("B"), line("C"))), **terms)


def test_all_price_terms_at_once_break_no_rule() -> None:
    papers = [
        {"agreement_id": "P1", "signed_on": "2026-01-01"},
        {"agreement_id": "P2", "signed_on": "2026-01-31", "combination_basis": "interdependent price"},
    ]
    lines = line("A", agreement="P1"), line("B", agreement="P1"), line("C", agreement="P2")
    assert (
        signed(
            *lines,
            agreements=papers,
            variable=[
                bonus(),
                bonus(variable_id="Q2", line_ids=["A"], service_start="2026-04-01", service_end="2026-06-30"),
                bonus(variable_id="RETURNS", outcomes=chances(("-5", "1")), refundable=True, line_ids=["A", "B"]),
            ],
            payable_to_customer=[{"payable_id": "ADS", "amount": "5", "fair_value": "2"}],
            bundles=[{"line_ids": ["B", "C"], "bundle_price": "150"}],
        )
        == []
    )


@pytest.mark.parametrize(
    ("more", "field", "rule"),
    [
        ({"outcomes": []}, "outcomes", "no_lines"),
        ({"outcomes": chances(("10", "0.5"), ("0", "0.4"))}, "outcomes", "probability"),
        ({"outcomes": chances(("10", "1.5"), ("0", "-0.5"))}, "outcomes/0/probability", "probability"),
        ({"method": "MOST_LIKELY_AMOUNT"}, "outcomes", "probability"),
        ({"highly_probable": "1.001"}, "highly_probable", "not_exact"),
        ({"line_ids": ["X"]}, "line_ids/0", "unknown_line"),
        ({"line_ids": ["A", "A"]}, "line_ids/1", "duplicate_line"),
        ({"line_ids": ["U"]}, "line_ids/0", "allocation"),
        ({"service_start": "2026-01-01"}, "service_end", "date_order"),
        ({"service_start": "2026-02-01", "service_end": "2026-02-28"}, "line_ids", "allocation"),
        ({"line_ids": ["P"], "service_start": "2026-02-01", "service_end": "2026-02-28"}, "line_ids", "allocation"),
        (
            {"line_ids": ["A"], "service_start": "2026-12-01", "service_end": "2027-01-31"},
            "service_start",
            "date_order",
        ),
        ({"refundable": True}, "outcomes", "sign"),
    ],
)
def test_a_variable_consideration_says_what_may_happen_and_to_what(more: dict[str, Any], field: str, rule: str) -> None:
    lines = line("A"), line("P", pattern="POINT_IN_TIME"), line("U", pattern="USAGE", price="0", ssp="0")
    assert signed(*lines, variable=[bonus(**more)])[0] == (f"{AT}/variable/0/{field}", rule)


def test_ids_are_unique() -> None:
    assert signed(variable=[bonus(), bonus()]) == [(f"{AT}/variable/1/variable_id", "duplicate_line")]
    ads = {"payable_id": "ADS", "amount": "1"}
    assert signed(payable_to_customer=[ads, ads]) == [(f"{AT}/payable_to_customer/1/payable_id", "duplicate_line")]


@pytest.mark.parametrize(
    ("more", "field", "rule"),
    [
        ({"amount": "0"}, "amount", "sign"),
        ({"amount": "1.001"}, "amount", "not_exact"),
        ({"fair_value": "-1"}, "fair_value", "sign"),
        ({"line_ids": ["X"]}, "line_ids/0", "unknown_line"),
    ],
)
def test_what_is_payable_to_the_customer_is_positive(more: dict[str, Any], field: str, rule: str) -> None:
    payable = {"payable_id": "ADS", "amount": "5"} | more
    assert signed(payable_to_customer=[payable]) == [(f"{AT}/payable_to_customer/0/{field}", rule)]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"line_ids": ["A"], "bundle_price": "90"}, "line_ids"),
        ({"line_ids": ["A", "B", "C"]}, "line_ids"),
        ({"bundle_price": "201"}, "bundle_price"),
    ],
)
def test_a_bundle_is_some_lines_sold_below_their_prices(more: dict[str, Any], field: str) -> None:
    bundle = {"line_ids": ["A", "B"], "bundle_price": "150"} | more
    assert signed(bundles=[bundle]) == [(f"{AT}/bundles/0/{field}", "allocation")]


def test_a_line_is_in_one_bundle() -> None:
    bundles = [{"line_ids": ["A", "B"], "bundle_price": "150"}, {"line_ids": ["B", "C"], "bundle_price": "150"}]
    assert signed(bundles=bundles) == [
        (f"{AT}/bundles/0/line_ids/1", "allocation"),
        (f"{AT}/bundles/1/line_ids/0", "allocation"),
    ]


def test_one_line_at_most_is_the_residual_and_states_no_price_of_its_own() -> None:
    residual = {"ssp_method": "RESIDUAL", "ssp": "0"}
    assert signed(line("A", **residual), line("B")) == []
    assert signed(line("A", **residual), line("B", **residual)) == [(f"{AT}/lines/1/ssp_method", "allocation")]
    assert signed(line("A", ssp_method="RESIDUAL"), line("B")) == [(f"{AT}/lines/0/ssp", "allocation")]
    assert broken("ContractAmended", added_lines=[line("D", **residual)]) == [
        ("/body/ContractAmended/added_lines/0/ssp_method", "allocation")
    ]


@pytest.mark.parametrize(
    ("paper", "agreement", "broken_at"),
    [
        ({}, "P3", [("lines/1/agreement", "combination"), ("agreements/1/agreement_id", "combination")]),
        ({}, "", [("lines/1/agreement", "combination"), ("agreements/1/agreement_id", "combination")]),
        ({"combination_basis": ""}, "P2", [("agreements/1/combination_basis", "combination")]),
        ({"combination_basis": "same customer"}, "P2", [("agreements/1/combination_basis", "combination")]),
        ({"signed_on": "2026-02-01"}, "P2", [("agreements/1/signed_on", "combination")]),
    ],
)
def test_papers_are_combined_for_a_reason_and_near_in_time(
    paper: dict[str, str], agreement: str, broken_at: list[tuple[str, str]]
) -> None:
    second = {"agreement_id": "P2", "signed_on": "2026-01-15", "combination_basis": "package"} | paper
    papers = [{"agreement_id": "P1", "signed_on": "2026-01-01"}, second]
    found = signed(line("A", agreement="P1"), line("B", agreement=agreement), agreements=papers)
    assert found == [(f"{AT}/{field}", rule) for field, rule in broken_at]


def test_a_line_names_no_paper_where_none_is_combined() -> None:
    assert signed(line("A", agreement="P1")) == [(f"{AT}/lines/0/agreement", "combination")]
    assert broken("ContractAmended", added_lines=[line("D", agreement="P1")]) == [
        ("/body/ContractAmended/added_lines/0/agreement", "combination")
    ]


def test_consideration_that_is_not_cash_is_refused() -> None:
    assert signed(non_cash="10") == [(f"{AT}/non_cash", "unsupported")]


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"outcomes": chances(("1", "1"))}, "outcomes", "estimate"),
        ({"price_change": "1", "highly_probable": "1"}, "highly_probable", "estimate"),
        ({"variable_id": "BONUS"}, "outcomes", "no_lines"),
        ({"variable_id": "BONUS", "outcomes": chances(("1", "0.9"))}, "outcomes", "probability"),
        ({"variable_id": "BONUS", "outcomes": chances(("1", "1")), "price_change": "1"}, "price_change", "estimate"),
        ({"variable_id": "BONUS", "outcomes": chances(("1", "1")), "line_id": "A"}, "line_id", "estimate"),
    ],
)
def test_a_new_estimate_is_either_outcomes_or_a_change(body: dict[str, Any], field: str, rule: str) -> None:
    assert broken("EstimateChanged", **body) == [(f"/body/EstimateChanged/{field}", rule)]
