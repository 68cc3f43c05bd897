"""What an amendment may say of variable consideration that it adds (docs/accounting.md section 16.6).

Knows one event, and no history: whether the line can have it is decided with the contract.
"""

from __future__ import annotations

from streams.core.findings import Findings, Rule
from streams.core.price_terms import outcome_terms
from streams.records import ContractAmended, VariableConsideration


def variable_terms(found: Findings, at: str, body: ContractAmended) -> None:
    """Report variable consideration that an amendment cannot add as it is sent."""
    for index, item in enumerate(body.variable):
        _item(found, f"{at}/variable/{index}", item)
    found.unique((f"{at}/variable/{index}/variable_id", item.variable_id) for index, item in enumerate(body.variable))
    if body.variable and (body.exercised_options or body.exercised_parts):
        found.add(
            f"{at}/variable",
            Rule.UNSUPPORTED,
            "found variable consideration in an amendment that exercises options, which adds lines and does nothing "
            "else; send it in an amendment of its own",
        )


def _item(found: Findings, here: str, item: VariableConsideration) -> None:
    found.identifier(f"{here}/variable_id", item.variable_id)
    outcome_terms(found, here, item.outcomes, item.method)
    if len(item.line_ids) != 1:
        found.add(
            f"{here}/line_ids",
            Rule.ALLOCATION,
            f"found {', '.join(item.line_ids) or 'none'}, expected one line: what an amendment adds belongs to one "
            "line from then on; send a variable consideration for each",
        )
    if item.refundable:
        found.add(
            f"{here}/refundable",
            Rule.UNSUPPORTED,
            "found true in an amendment, expected false: what is refundable is promised when the contract is signed; "
            "correct the signed contract, or send what goes back as an EstimateChanged",
        )
    if (item.service_start is None) is not (item.service_end is None):
        found.add(
            f"{here}/{'service_start' if item.service_start is None else 'service_end'}",
            Rule.DATE_ORDER,
            "found nothing, expected both ends of the distinct period; send both, or neither for what remains",
        )
    elif item.service_start is not None and item.service_end is not None:
        found.ordered(f"{here}/service_end", item.service_start, item.service_end)
