"""What each recognition pattern needs from a contract line, and what has no meaning with it.

Sections 4 and 14 of docs/accounting.md. One statement of it, for the capture of events and for the embedded
revenue platform. Knows one line, and no history.
"""

from __future__ import annotations

from decimal import Decimal

from streams.core.service_periods import service_periods
from streams.records import ContractLine, RecognitionPattern

_ALONE = frozenset({RecognitionPattern.UNITS, RecognitionPattern.PREPAID, RecognitionPattern.AS_INVOICED})
METERED = frozenset({RecognitionPattern.USAGE, RecognitionPattern.AS_INVOICED})
"""Patterns whose revenue adds to the price when it comes about; a minimum commitment is the one fixed part of them."""
RATABLE = (RecognitionPattern.RATABLE_DAILY, RecognitionPattern.RATABLE_MONTHLY)
"""Patterns that are earned evenly over the term."""
_ZERO = Decimal(0)

Fault = tuple[str, str]
"""Field of the line, and a text that says what was found, what is expected and what to do."""


def pattern_faults(line: ContractLine) -> list[Fault]:
    """Return what contradicts the line's pattern; empty for a line that can be recognised."""
    faults = _misplaced(line)
    if line.pattern in _ALONE and not line.distinct:
        faults.append(("distinct", f"found false, expected true with {line.pattern}; send a line that is distinct"))
    match line.pattern:
        case RecognitionPattern.UNITS:
            if line.quantity <= 0:
                faults.append(("quantity", f"found {line.quantity}, expected the units that are promised; state them"))
        case RecognitionPattern.COST_TO_COST:
            if line.expected_cost is None or line.expected_cost <= 0:
                found = "nothing" if line.expected_cost is None else str(line.expected_cost)
                faults.append(("expected_cost", f"found {found}, expected the total cost to fulfil it; estimate it"))
        case RecognitionPattern.PREPAID:
            if not 0 <= line.breakage_percent < 100:
                faults.append(
                    ("breakage_percent", f"found {line.breakage_percent}, expected 0 or more and below 100; correct it")
                )
            if line.price == 0 and line.quantity <= 0:
                faults.append(
                    ("quantity", f"found {line.quantity}, expected the number of credits, as the price is 0; state it")
                )
        case RecognitionPattern.AS_INVOICED:
            if line.price or line.ssp:
                faults.append(
                    (
                        "price",
                        f"found {line.price} with SSP {line.ssp}, expected 0 for both; put a fee into another line",
                    )
                )
        case RecognitionPattern.USAGE:
            faults += _usage(line)
        case _:
            pass
    return faults


def is_combined(line: ContractLine) -> bool:
    """Tell whether a line shares its obligation with the other lines that are not distinct; usage never does."""
    return not line.distinct and line.pattern not in METERED


def joining_fault(line: ContractLine, joined: str, pattern: RecognitionPattern) -> str:
    """Return what is wrong with the pattern of a line that is performed with another one; nothing where it is alike."""
    if line.pattern is pattern:
        return ""
    return (
        f"found {line.pattern}, expected {pattern} like line {joined!r}: lines that are not distinct are one promise, "
        "performed and measured as one (606-10-25-21, 25-32); give them one pattern, or send this one as distinct"
    )


def _misplaced(line: ContractLine) -> list[Fault]:
    faults: list[Fault] = []
    if line.expected_cost is not None and line.pattern is not RecognitionPattern.COST_TO_COST:
        faults.append(
            (
                "expected_cost",
                f"found {line.expected_cost} with {line.pattern}, expected it with COST_TO_COST; leave it out",
            )
        )
    if line.breakage_percent and line.pattern is not RecognitionPattern.PREPAID:
        faults.append(
            (
                "breakage_percent",
                f"found {line.breakage_percent} with {line.pattern}, expected it with PREPAID; leave it out",
            )
        )
    if line.commitment_months and line.pattern is not RecognitionPattern.USAGE:
        faults.append(
            (
                "commitment_months",
                f"found {line.commitment_months} with {line.pattern}, expected it with USAGE; leave it out",
            )
        )
    return faults


def _usage(line: ContractLine) -> list[Fault]:
    months = line.commitment_months
    if line.price == _ZERO:
        if line.ssp or months:
            return [
                (
                    "price",
                    f"found 0 with SSP {line.ssp} and {months} commitment months, expected a minimum; state it",
                )
            ]
        return []
    if months < 0 or (line.end_date >= line.start_date and not service_periods(line.start_date, line.end_date, months)):
        return [
            (
                "commitment_months",
                f"found {months} for {line.start_date} to {line.end_date}, expected whole periods; correct it",
            )
        ]
    return []
