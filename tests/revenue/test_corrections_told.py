"""A contract event that supersedes another takes its place, from the canonical event to the ledger."""

from __future__ import annotations

from typing import Any

from tests.revenue.examples.told import Result, Told, line


def superseding(told: Told, kind: str, on: str, supersedes: str, version: int, **body: Any) -> Told:
    """Add an event that corrects a transaction."""
    kept = told.version
    told.tell(kind, on, **body)
    told.version = kept
    told.events[-1]["supersedes"] = supersedes
    told.events[-1]["context"]["contract_version"] = version
    return told


def amended() -> Told:
    """1,200 for 2026 by month; from April on 1,560, which should have been 1,380; closed up to June."""
    told = Told().sign(line("L1", "RATABLE_MONTHLY", "1200")).bill("2026-01-01", L1="1200")
    told.tell("ContractAmended", "2026-04-01", changed_lines=[{"line_id": "L1", "price": "1560", "ssp": "1200"}])
    return told.close("2026-04", "2026-05", "2026-06")


def right_terms(price: str = "1380") -> dict[str, Any]:
    return {"changed_lines": [{"line_id": "L1", "price": price, "ssp": "1200"}]}


def test_an_amendment_is_corrected_and_the_difference_is_posted_in_the_open_period() -> None:
    told = amended()
    assert told.run().recognised == "720.00"
    superseding(told, "ContractAmended", "2026-04-01", "T3", 2, **right_terms())
    result = told.run()
    assert (result.price, result.recognised) == ("1380.00", "720.00")
    assert result.contract["version"] == 2
    told.close("2026-07")
    document = told.document()
    july = [posting for posting in document["postings"] if posting["period"] == "2026-07"]
    assert [(row["account"], row["debit"], row["credit"]) for row in july[0]["lines"]] == [
        ("2100", "60.00", "0.00"),
        ("4010", "0.00", "60.00"),
    ]
    assert Result(document).contract["tie_out"]["tied_out"]


def test_what_was_signed_is_corrected_under_its_own_version() -> None:
    told = superseding(
        amended(), "ContractSigned", "2026-01-01", "T1", 1, currency="USD", lines=[line("L1", "RATABLE_MONTHLY", "900")]
    )
    result = told.close("2026-07").run()
    # 75 a month to March, then 1,560 - 225 over nine months: 225 + 4 * 148.33 by July.
    assert result.recognised == "818.33"
    assert result.contract["version"] == 2


def test_a_correction_that_names_another_version_is_refused_and_says_which() -> None:
    told = superseding(amended(), "ContractAmended", "2026-04-01", "T3", 3, **right_terms())
    assert told.refused() == (
        "the correction names version 3 and T3 created version 2: name version 2 and send it again"
    )


def test_a_correction_that_comes_first_waits_for_what_it_corrects() -> None:
    told = Told().sign(line("L1", "RATABLE_MONTHLY", "1200"))
    superseding(told, "ContractAmended", "2026-04-01", "T3", 2, **right_terms())
    told.tell("ContractAmended", "2026-04-01", **right_terms("1560"))
    assert told.run().price == "1380.00"


def test_a_correction_that_is_refused_changes_nothing_and_its_correction_goes_to_what_stands() -> None:
    told = amended()
    superseding(told, "ContractAmended", "2026-04-01", "T3", 2, **right_terms("1"))
    document = told.document()
    (exception,) = document["exceptions"]
    assert "would remain to be earned from 2026-04-01 on" in exception["message"]
    assert Result(document).price == "1560.00"

    superseding(told, "ContractAmended", "2026-04-01", "T7", 2, **right_terms())
    document = told.document()
    assert len(document["exceptions"]) == 1
    assert Result(document).price == "1380.00"


def test_an_amendment_that_was_refused_is_corrected_by_one_that_creates_its_version() -> None:
    told = Told().sign(line("L1", "RATABLE_MONTHLY", "1200"))
    told.tell("ContractAmended", "2026-04-01", changed_lines=[{"line_id": "L9", "price": "1", "ssp": "1"}])
    superseding(told, "ContractAmended", "2026-04-01", "T2", 2, **right_terms())
    document = told.document()
    assert len(document["exceptions"]) == 1
    contract = Result(document).contract
    assert (contract["version"], contract["transaction_price"]) == (2, "1380.00")


def test_a_contract_stays_terminated_when_its_amendment_or_termination_is_corrected() -> None:
    told = amended()
    told.tell("ContractTerminated", "2026-09-30", refund="0", fee="0")
    superseding(told, "ContractAmended", "2026-04-01", "T3", 2, **right_terms())
    superseding(told, "ContractTerminated", "2026-10-31", "T7", 3, refund="0", fee="0")
    result = told.run()
    assert (result.contract["state"], result.contract["version"]) == ("TERMINATED", 3)
    assert result.months("L1")["2026-10"] == "360.00", "120 of October, and 240 of November and December"


def test_an_estimate_and_a_fulfilment_are_corrected_in_their_place() -> None:
    told = Told().sign(line("L1", "RATABLE_MONTHLY", "1200"), line("L2", "POINT_IN_TIME", "300"))
    told.tell("EstimateChanged", "2026-02-01", line_id="L1", price_change="-120")
    told.tell("ObligationFulfilled", "2026-02-15", line_id="L2", percent="100")
    told.close("2026-01", "2026-02")
    superseding(told, "EstimateChanged", "2026-02-01", "T2", 1, line_id="L1", price_change="-12")
    superseding(told, "ObligationFulfilled", "2026-03-15", "T3", 1, line_id="L2", percent="100")
    result = told.run()
    assert result.price == "1488.00"
    assert result.months("L2") == {"2026-03": "300.00"}
    # 180 of 1,080 by February, and 300; the difference comes with the next run: 297 of 1,188 by March, and 300.
    assert result.recognised == "480.00"
    assert told.close("2026-03").run().recognised == "597.00"


def test_a_superseded_transaction_cannot_be_superseded_again() -> None:
    told = superseding(amended(), "ContractAmended", "2026-04-01", "T3", 2, **right_terms())
    superseding(told, "ContractAmended", "2026-04-01", "T3", 2, **right_terms("1400"))
    assert "was corrected or reversed before: supersede the one that replaced it" in told.refused()
