"""Bad input gets a refusal that names the field, says what was found and expected, and what to do; nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.revenue.examples.told import Told, line

SEATS = line("L1", "RATABLE_MONTHLY", "1200")
BONUS = {
    "method": "MOST_LIKELY_AMOUNT",
    "outcomes": [{"amount": "10", "probability": "1"}],
    "line_ids": ["L1"],
    "service_start": "2026-01-01",
    "service_end": "2026-03-31",
}


def signed(*lines: dict[str, Any], **more: Any) -> Told:
    """Return a contract that is signed."""
    return Told().sign(*(lines or (SEATS,)), **more)


def change(**terms: Any) -> dict[str, Any]:
    """Return new terms of the line."""
    return {"line_id": "L1", "price": "1300", "ssp": "1300"} | terms


def in_another_currency() -> Told:
    told = signed()
    told.currency = "EUR"
    return told.bill("2026-01-01", L1="100")


def without_a_rate() -> Told:
    return Told("GBP").sign(SEATS).bill("2026-01-01", L1="100")


def terminated() -> Told:
    return signed().tell("ContractTerminated", "2026-06-30", refund="0", fee="0")


REFUSALS: dict[str, tuple[Callable[[], Told], str, tuple[str, ...]]] = {
    "negative SSP": (
        lambda: signed(SEATS | {"ssp": "-1"}),
        "PAYLOAD_INVALID",
        ("/body/ContractSigned/lines/0/ssp", "found -1.0000, expected 0 or more"),
    ),
    "negative SSP of a change": (
        lambda: signed().tell("ContractAmended", "2026-04-01", changed_lines=[change(ssp="-1")]),
        "PAYLOAD_INVALID",
        ("/body/ContractAmended/changed_lines/0/ssp", "found -1.0000, expected 0 or more"),
    ),
    "negative concession": (
        lambda: signed().tell("ContractAmended", "2026-04-01", changed_lines=[change(concession="-1")]),
        "PAYLOAD_INVALID",
        ("/body/ContractAmended/changed_lines/0/concession", "found -1.0000, expected 0 or more"),
    ),
    "price without SSP": (
        lambda: signed(SEATS | {"ssp": "0"}),
        "REVENUE_REJECTED",
        ("the price is 1200.00 USD and every stand-alone selling price is 0", "Estimate it (606-10-32-33)"),
    ),
    "overlapping periods": (
        lambda: signed(
            variable=[
                BONUS | {"variable_id": "Q1"},
                BONUS | {"variable_id": "Q2", "service_start": "2026-03-31", "service_end": "2026-06-30"},
            ]
        ),
        "PAYLOAD_INVALID",
        ("/body/ContractSigned/variable/1/service_start", "overlaps 2026-01-01 to 2026-03-31", "correct the days"),
    ),
    "missing rate": (without_a_rate, "MAPPING_MISSING", ("GBP", "USD", "2026-01-01")),
    "wrong currency": (
        in_another_currency,
        "TREATMENT_DISPUTE",
        ("document currency is EUR, the contract's is USD", "issue it in the contract's currency"),
    ),
    "unknown currency": (
        lambda: Told("US$").sign(SEATS),
        "PAYLOAD_INVALID",
        ("/body/ContractSigned/currency", "expected a currency of ISO 4217"),
    ),
    "unknown obligation of a change": (
        lambda: signed().tell("ContractAmended", "2026-04-01", changed_lines=[change(line_id="L9")]),
        "REVENUE_REJECTED",
        ("line L9 is not a line of contract C-1; expected one of L1", "Correct the line"),
    ),
    "unknown obligation of a fulfilment": (
        lambda: signed().tell("ObligationFulfilled", "2026-04-01", line_id="L9", percent="100"),
        "REVENUE_REJECTED",
        ("line L9 is not a line of contract C-1; expected one of L1",),
    ),
    "unknown obligation of usage": (
        lambda: signed().use("2026-04-01", "L9", "5"),
        "REVENUE_REJECTED",
        ("line L9 is not a line of contract C-1; expected one of L1",),
    ),
    "amendment of a terminated contract": (
        lambda: terminated().tell("ContractAmended", "2026-07-01", changed_lines=[change()]),
        "REVENUE_REJECTED",
        ("contract C-1 ended on 2026-06-30; expected no change after the termination", "Sign a new contract"),
    ),
    "renewal of a terminated contract": (
        lambda: terminated().tell("ContractRenewed", "2026-07-01", lines=[SEATS | {"line_id": "L2"}]),
        "REVENUE_REJECTED",
        ("contract C-1 ended on 2026-06-30",),
    ),
    "effective date beyond the calendar": (
        lambda: signed(on="2201-01-01"),
        "PAYLOAD_INVALID",
        ("/effective_date", "found 2201-01-01, expected a date from 1990-01-01 to 2200-12-31"),
    ),
    "term beyond the calendar": (
        lambda: signed(SEATS | {"end_date": "2201-01-01"}),
        "PAYLOAD_INVALID",
        ("/body/ContractSigned/lines/0/end_date", "found 2201-01-01, expected a date from"),
    ),
    "no date at all": (
        lambda: signed(SEATS | {"end_date": "2026-02-30"}),
        "PAYLOAD_INVALID",
        ("/body/ContractSigned/lines/0/end_date", "2026-02-30"),
    ),
    "period beyond the calendar": (
        lambda: signed().tell("PeriodClosed", "2026-12-31", period="2026-13"),
        "PAYLOAD_INVALID",
        ("/body/PeriodClosed/period", "found '2026-13', expected a month like 2026-03"),
    ),
    "concession above what was earned": (
        lambda: signed().tell("ContractAmended", "2026-04-01", changed_lines=[change(concession="301")]),
        "REVENUE_REJECTED",
        ("concession on line L1 is 301.00", "has earned 300.00", "expected up to 300.00"),
    ),
    "requested treatment against the facts": (
        lambda: signed().tell(
            "ContractAmended", "2026-04-01", changed_lines=[change()], requested_treatment="SEPARATE_CONTRACT"
        ),
        "TREATMENT_DISPUTE",
        ("treatment SEPARATE_CONTRACT is requested and the facts lead to PROSPECTIVE", "606-10-25-13(a)"),
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_bad_input_is_refused_with_its_field_its_rule_and_a_remedy(case: str) -> None:
    make, cause, told = REFUSALS[case]
    document = make().document()
    (exception,) = document["exceptions"]
    for text in told:
        assert text in exception["message"]
    assert exception["root_cause"] == cause
    assert exception["owner"]
    assert exception["actions"]
