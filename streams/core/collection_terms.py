"""What an event may say about whether the customer will pay (docs/accounting.md section 17; ASC 606-10-25-1(e)).

Knows one event, and no history.
"""

from __future__ import annotations

from streams.core.findings import Findings, Rule
from streams.records import ContractSigned, EstimateChanged


def signed_in_doubt(found: Findings, at: str, body: ContractSigned) -> None:
    """Report what has no meaning while there is no contract by the standard."""
    if not body.collection_probable and body.financing is not None:
        found.add(
            f"{at}/financing",
            Rule.COLLECTION,
            "found a financing component and collection_probable false, expected one of them: there is no contract to "
            "accrue interest on (606-10-25-1(e)); leave financing out, and sign again when collection is probable",
        )


def collection_terms(found: Findings, at: str, body: EstimateChanged) -> None:
    """Report an assessment that says more than one thing, or not what it rests on."""
    if body.collection_probable is None and body.consideration_kept is None:
        return
    name = "consideration_kept" if body.collection_probable is None else "collection_probable"
    others = {
        "line_id": body.line_id is not None,
        "price_change": bool(body.price_change),
        "variable_id": body.variable_id is not None,
        "outcomes": bool(body.outcomes),
        "highly_probable": body.highly_probable is not None,
        "breakage_percent": body.breakage_percent is not None,
        "consideration_kept": name == "collection_probable" and body.consideration_kept is not None,
    }
    for field, given in others.items():
        if given:
            found.add(
                f"{at}/{field}",
                Rule.COLLECTION,
                f"found a value beside {name}, expected nothing: collection concerns the whole contract, and is an "
                "assessment of its own; send two events",
            )
    if body.consideration_kept is not None:
        found.positive(f"{at}/consideration_kept", body.consideration_kept, "leave it out where nothing is kept")
    if not body.basis.strip():
        expected = (
            "which event of 606-10-25-7 has happened: nothing is left to transfer and all is received, the contract "
            "has ended, or service has stopped for good"
            if body.collection_probable is None
            else "what has changed (606-10-25-5)"
        )
        found.add(f"{at}/basis", Rule.COLLECTION, f"found nothing, expected {expected}; state it")
