"""What is refused at capture about patterns, progress, breakage and options: the field, the rule, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.revenue.examples.told import Told, line

SIGNED = "/body/ContractSigned/lines/0"
FULFILLED = "/body/ObligationFulfilled"
ESTIMATED = "/body/EstimateChanged"

LINES: list[tuple[str, dict[str, Any]]] = [
    ("quantity", line("L", "UNITS", "10", quantity="0")),
    ("distinct", line("L", "UNITS", "10", distinct=False)),
    ("distinct", line("L", "PREPAID", "10", distinct=False)),
    ("expected_cost", line("L", "COST_TO_COST", "10")),
    ("expected_cost", line("L", "COST_TO_COST", "10", expected_cost="0")),
    ("expected_cost", line("L", "MILESTONE", "10", expected_cost="5")),
    ("breakage_percent", line("L", "PREPAID", "10", breakage_percent="100")),
    ("breakage_percent", line("L", "PREPAID", "10", breakage_percent="-1")),
    ("breakage_percent", line("L", "USAGE", "10", breakage_percent="1")),
    ("quantity", line("L", "PREPAID", "0", ssp="5", quantity="0")),
    ("price", line("L", "AS_INVOICED", "10")),
    ("price", line("L", "USAGE", "0", ssp="5")),
    ("price", line("L", "USAGE", "0", commitment_months=3)),
    ("commitment_months", line("L", "USAGE", "10", commitment_months=5)),
    ("commitment_months", line("L", "USAGE", "10", commitment_months=-1)),
    ("commitment_months", line("L", "RATABLE_DAILY", "10", commitment_months=3)),
]


@pytest.mark.parametrize(("field", "signed"), LINES)
def test_a_line_that_its_pattern_does_not_fit_is_refused(field: str, signed: dict[str, Any]) -> None:
    reason = Told().sign(signed).refused()
    assert f"{SIGNED}/{field}" in reason
    assert "expected" in reason


PROGRESS: list[tuple[str, dict[str, Any]]] = [
    ("percent", {}),
    ("percent", {"percent": "-5"}),
    ("percent", {"percent": "100.5"}),
    ("units", {"percent": "5", "units": "3"}),
    ("cost_incurred", {"units": "3", "cost_incurred": "3"}),
    ("units", {"units": "-1"}),
    ("cost_incurred", {"cost_incurred": "-1"}),
    ("cost_incurred", {"percent": "5", "cost_expected": "10"}),
    ("cost_expected", {"cost_incurred": "0", "cost_expected": "0"}),
]


@pytest.mark.parametrize(("field", "told"), PROGRESS)
def test_progress_is_told_in_one_way_and_within_its_bounds(field: str, told: dict[str, Any]) -> None:
    contract = Told().sign(line("L", "MILESTONE", "10"))
    contract.tell("ObligationFulfilled", "2026-02-01", line_id="L", **told)
    assert f"{FULFILLED}/{field}" in contract.refused()


ESTIMATES: list[tuple[str, dict[str, Any]]] = [
    ("breakage_percent", {"line_id": "L", "breakage_percent": "100"}),
    ("line_id", {"breakage_percent": "5"}),
    ("price_change", {"line_id": "L", "breakage_percent": "5", "price_change": "1"}),
]


@pytest.mark.parametrize(("field", "told"), ESTIMATES)
def test_a_breakage_is_estimated_for_one_line_by_itself(field: str, told: dict[str, Any]) -> None:
    contract = Told().sign(line("L", "PREPAID", "10")).tell("EstimateChanged", "2026-02-01", **told)
    assert f"{ESTIMATED}/{field}" in contract.refused()


@pytest.mark.parametrize("options", [[""], ["O", "O"]])
def test_options_that_are_exercised_are_named_once(options: list[str]) -> None:
    contract = Told().sign(line("L", "RATABLE_DAILY", "10"))
    renewed = line("N", "RATABLE_DAILY", "10", start_date="2027-01-01", end_date="2027-12-31")
    contract.tell("ContractRenewed", "2027-01-01", lines=[renewed], exercised_options=options)
    assert "/body/ContractRenewed/exercised_options/" in contract.refused()


def test_a_new_cost_of_a_changed_line_is_above_zero() -> None:
    contract = Told().sign(line("L", "COST_TO_COST", "10", expected_cost="5"))
    changed = {"line_id": "L", "price": "10", "ssp": "10", "expected_cost": "0"}
    contract.tell("ContractAmended", "2026-02-01", changed_lines=[changed])
    assert "/body/ContractAmended/changed_lines/0/expected_cost" in contract.refused()


def test_whole_periods_are_counted_from_the_first_day_also_at_the_end_of_a_month() -> None:
    signed = line("L", "USAGE", "10", commitment_months=1, start_date="2026-01-31", end_date="2026-03-30")
    assert Told().sign(signed).run().months("L") == {"2026-02": "10.00", "2026-03": "10.00"}
