"""What an event may say about how a promise is performed: the terms of a line's pattern, progress, and breakage.

Sections 4 and 14 of docs/accounting.md. Knows one event, and no history: whether a line has the pattern that progress
is told for is decided with the contract.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.core.findings import Findings, Rule
from streams.core.money import ZERO
from streams.core.pattern_terms import is_combined, joining_fault, pattern_faults
from streams.records import ContractLine, EstimateChanged, LineChange, ObligationFulfilled, OptionExercise


def line_terms(found: Findings, here: str, line: ContractLine) -> None:
    """Check that a line has what its pattern needs, and nothing that has no meaning with it."""
    for field, detail in pattern_faults(line):
        found.add(f"{here}/{field}", Rule.PATTERN, detail)


def combined_terms(found: Findings, at: str, lines: Sequence[ContractLine]) -> None:
    """Check that lines which are one promise are recognised in one way."""
    first = next((line for line in lines if is_combined(line)), None)
    if first is None:
        return
    for index, line in enumerate(lines):
        fault = joining_fault(line, first.line_id, first.pattern) if is_combined(line) else ""
        if fault:
            found.add(f"{at}/{index}/pattern", Rule.PATTERN, fault)


def change_terms(found: Findings, here: str, change: LineChange) -> None:
    """Check the new cost that is expected of a line, and the concession on it."""
    found.not_negative(f"{here}/concession", change.concession, "state by how much the price of what was done falls")
    if change.expected_cost is not None:
        found.positive(f"{here}/expected_cost", change.expected_cost)


def told_by(fulfilment: ObligationFulfilled) -> list[str]:
    """Return the fields by which a fulfilment tells progress; none where it takes back the one that it corrects."""
    told = (
        ("percent", fulfilment.percent != ZERO),
        ("units", fulfilment.units is not None),
        ("cost_incurred", fulfilment.cost_incurred is not None),
    )
    return [name for name, is_told in told if is_told]


def fulfilment_terms(found: Findings, at: str, body: ObligationFulfilled, *, corrects: bool = False) -> None:
    """Check that progress is told in exactly one way, and within its bounds; what corrects may take back all of it."""
    told = told_by(body)
    if len(told) > 1:
        found.add(
            f"{at}/{told[1]}",
            Rule.PROGRESS,
            f"found {' and '.join(told)}, expected one of percent, units and cost_incurred, as the line is measured; "
            "leave the others out",
        )
    if body.cost_expected is not None:
        found.positive(f"{at}/cost_expected", body.cost_expected)
        if body.cost_incurred is None:
            found.add(
                f"{at}/cost_incurred",
                Rule.PROGRESS,
                f"found nothing with cost_expected {body.cost_expected}, expected the cost incurred so far; send both",
            )
    if body.units is not None:
        found.positive(f"{at}/units", body.units)
    elif body.cost_incurred is not None:
        found.not_negative(f"{at}/cost_incurred", body.cost_incurred)
    if corrects and not told:
        return
    if (body.percent != ZERO or not told) and not ZERO < body.percent <= 100:
        found.add(
            f"{at}/percent",
            Rule.PERCENT_RANGE,
            f"found {body.percent}, expected more than 0 and at most 100, cumulative; correct it",
        )


def breakage_terms(found: Findings, at: str, body: EstimateChanged) -> None:
    """Check a breakage that is estimated anew: of one line, by itself."""
    percent = body.breakage_percent
    if percent is None:
        return
    if not 0 <= percent < 100:
        found.add(
            f"{at}/breakage_percent",
            Rule.PERCENT_RANGE,
            f"found {percent}, expected 0 or more and below 100; correct it",
        )
    if body.line_id is None:
        found.add(f"{at}/line_id", Rule.PATTERN, "found none, expected the line of the prepaid credits; name it")
    if body.price_change or body.variable_id is not None:
        found.add(
            f"{at}/price_change",
            Rule.PATTERN,
            "found a new price together with a new breakage, expected one of them; send two events",
        )


def exercise_terms(found: Findings, at: str, option_ids: Sequence[str], parts: Sequence[OptionExercise] = ()) -> None:
    """Check that options are named, each once, and parts of them by a quantity."""
    places = [(f"{at}/exercised_options/{index}", option_id) for index, option_id in enumerate(option_ids)]
    for index, part in enumerate(parts):
        found.positive(f"{at}/exercised_parts/{index}/quantity", part.quantity)
        places.append((f"{at}/exercised_parts/{index}/option_id", part.option_id))
    for pointer, option_id in places:
        found.identifier(pointer, option_id)
    found.unique(places)
