"""What a contract may say about its price beyond the prices of its lines (docs/accounting.md sections 3 and 12).

Papers that are combined, variable consideration, consideration payable to the customer, discounts of a bundle, the
residual approach, and the new estimate of a variable consideration. Knows one event, and no history.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from streams.core.financing_terms import financing_terms
from streams.core.findings import Findings, Rule
from streams.core.money import ZERO
from streams.core.pattern_terms import METERED, RATABLE
from streams.records import (
    Agreement,
    BundleDiscount,
    ConsiderationPayable,
    ContractLine,
    ContractSigned,
    EstimateChanged,
    EstimateMethod,
    PossibleOutcome,
    SspMethod,
    VariableConsideration,
)

COMBINED_WITHIN_DAYS = 30
"""Papers signed at most this many days apart are signed "at or near the same time" (ASC 606-10-25-9)."""
COMBINATION_BASES = ("package", "interdependent price", "single obligation")
"""The criteria of ASC 606-10-25-9 (a), (b) and (c)."""


def price_terms(found: Findings, at: str, body: ContractSigned) -> None:
    """Report what is wrong with the price terms of a contract that is signed."""
    if body.agreements or any(line.agreement for line in body.lines):
        _agreements(found, at, body.agreements, body.lines)
    lines = {line.line_id: line for line in body.lines}
    if body.variable:
        _unique(found, f"{at}/variable", "variable_id", [item.variable_id for item in body.variable])
        for index, item in enumerate(body.variable):
            _variable(found, f"{at}/variable/{index}", item, lines, body.currency)
        _distinct_periods(found, f"{at}/variable", body.variable)
    if body.payable_to_customer:
        payables = body.payable_to_customer
        _unique(found, f"{at}/payable_to_customer", "payable_id", [item.payable_id for item in payables])
        for index, payable in enumerate(payables):
            _payable(found, f"{at}/payable_to_customer/{index}", payable, lines, body.currency)
    for index, bundle in enumerate(body.bundles):
        _bundle(found, f"{at}/bundles/{index}", bundle, body, lines)
    _residual_lines(found, f"{at}/lines", body.lines)
    if body.financing is not None:
        financing_terms(found, f"{at}/financing", body, body.financing)
    if body.non_cash:
        found.add(
            f"{at}/non_cash",
            Rule.UNSUPPORTED,
            f"found {body.non_cash}, expected 0: consideration that is not cash (606-10-32-21 to 24) is not supported; "
            "account for the contract by hand, or put its fair value into the price if cash settles it",
        )


def later_lines(found: Findings, at: str, lines: Sequence[ContractLine]) -> None:
    """Report what a line that is added or renewed later cannot have: only signing combines papers."""
    for index, line in enumerate(lines):
        if line.agreement:
            found.add(
                f"{at}/{index}/agreement",
                Rule.COMBINATION,
                f"found {line.agreement!r}, expected nothing: papers are combined when the contract is signed "
                "(606-10-25-9); a later paper is an amendment or a renewal, leave the field out",
            )


def _residual_lines(found: Findings, at: str, lines: Sequence[ContractLine]) -> None:
    """Report what keeps a line's stand-alone selling price from being the residual (ASC 606-10-32-34(c))."""
    residual = [index for index, line in enumerate(lines) if _is_residual(line)]
    if not residual:
        return
    for index in residual[1:]:
        found.add(
            f"{at}/{index}/ssp_method",
            Rule.ALLOCATION,
            f"found RESIDUAL on line {lines[index].line_id!r} and on {lines[residual[0]].line_id!r}, expected one line "
            "at most: what is left has one owner (606-10-32-34(c)); estimate the SSP of the others",
        )
    for index in residual:
        line = lines[index]
        if line.ssp:
            found.add(
                f"{at}/{index}/ssp",
                Rule.ALLOCATION,
                f"found {line.ssp} with ssp_method RESIDUAL, expected 0: it is what the price leaves after the other "
                "lines; leave it at 0, or state the SSP as STATED",
            )
        if line.pattern in METERED or not line.distinct:
            found.add(
                f"{at}/{index}/ssp_method",
                Rule.ALLOCATION,
                f"found RESIDUAL on a line that is {'metered' if line.distinct else 'not distinct'}, expected a "
                "distinct line with a price of its own; state its SSP",
            )


def no_residual(found: Findings, at: str, lines: Sequence[ContractLine]) -> None:
    """Report residual lines of an amendment or renewal: only a price that is signed as a whole leaves a residual."""
    for index, line in enumerate(lines):
        if _is_residual(line):
            found.add(
                f"{at}/{index}/ssp_method",
                Rule.ALLOCATION,
                "found RESIDUAL on a line that comes later, expected STATED: whether it is a separate contract depends "
                "on its SSP (606-10-25-12); estimate it",
            )


def estimate_terms(found: Findings, at: str, body: EstimateChanged) -> None:
    """Report what is wrong with a new estimate."""
    if body.variable_id is None:
        for field, given in (("outcomes", body.outcomes), ("highly_probable", body.highly_probable is not None)):
            if given:
                found.add(
                    f"{at}/{field}",
                    Rule.ESTIMATE,
                    "found an estimate and no variable_id, expected the variable consideration that it is for; name "
                    "it, or send the change as price_change",
                )
        return
    found.identifier(f"{at}/variable_id", body.variable_id)
    if body.price_change:
        found.add(
            f"{at}/price_change",
            Rule.ESTIMATE,
            f"found {body.price_change} and variable_id {body.variable_id!r}, expected 0: the change follows from the "
            "outcomes; send one of the two",
        )
    if body.line_id is not None:
        found.add(
            f"{at}/line_id",
            Rule.ESTIMATE,
            f"found {body.line_id!r} and variable_id {body.variable_id!r}, expected nothing: a variable consideration "
            "is allocated as at inception (606-10-32-43); leave the line out",
        )
    if body.breakage_percent is not None:
        found.add(
            f"{at}/breakage_percent",
            Rule.ESTIMATE,
            "found a breakage estimate beside a variable consideration, expected one of the two; send two events",
        )
    outcome_terms(found, at, body.outcomes, None)


def _agreements(found: Findings, at: str, papers: Sequence[Agreement], lines: Sequence[ContractLine]) -> None:
    _unique(found, f"{at}/agreements", "agreement_id", [paper.agreement_id for paper in papers])
    names = {paper.agreement_id for paper in papers}
    for index, line in enumerate(lines):
        if line.agreement not in names:
            expected = f"one of {', '.join(sorted(names))}" if names else "nothing, or its paper in agreements"
            found.add(
                f"{at}/lines/{index}/agreement",
                Rule.COMBINATION,
                f"found {line.agreement!r}, expected {expected}: every line of combined papers names its own; "
                "correct it, or add the paper",
            )
    used = {line.agreement for line in lines}
    for index, paper in enumerate(papers):
        here = f"{at}/agreements/{index}"
        found.plausible(f"{here}/signed_on", paper.signed_on)
        if paper.agreement_id not in used:
            found.add(
                f"{here}/agreement_id",
                Rule.COMBINATION,
                f"found paper {paper.agreement_id!r} without a line, expected one at least; send its lines with it",
            )
        if index == 0:
            continue
        if paper.combination_basis not in COMBINATION_BASES:
            found.add(
                f"{here}/combination_basis",
                Rule.COMBINATION,
                f"found {paper.combination_basis!r}, expected one of {', '.join(COMBINATION_BASES)}: only papers that "
                "meet a criterion of 606-10-25-9 are one contract; state it, or sign contracts of their own",
            )
        apart = abs((paper.signed_on - papers[0].signed_on) / dt.timedelta(days=1))
        if apart > COMBINED_WITHIN_DAYS:
            found.add(
                f"{here}/signed_on",
                Rule.COMBINATION,
                f"found {paper.signed_on}, {apart:.0f} days from the first paper, expected {COMBINED_WITHIN_DAYS} at "
                "most: only papers signed at or near the same time are combined (606-10-25-9); sign a contract of its "
                "own, or amend the first",
            )


def _variable(
    found: Findings, here: str, item: VariableConsideration, lines: dict[str, ContractLine], currency: str
) -> None:
    found.identifier(f"{here}/variable_id", item.variable_id)
    outcome_terms(found, here, item.outcomes, item.method)
    if item.highly_probable is not None:
        found.exact(f"{here}/highly_probable", item.highly_probable, currency)
    _relates_to(found, here, item.line_ids, lines)
    if item.refundable and any(outcome.amount > ZERO for outcome in item.outcomes):
        found.add(
            f"{here}/outcomes",
            Rule.SIGN,
            "found an outcome above 0 of what is refundable, expected 0 or less: what goes back to the customer "
            "reduces the price (606-10-32-10); send a bonus as a variable consideration of its own",
        )
    if item.service_start is None and item.service_end is None:
        return
    if item.service_start is None or item.service_end is None:
        found.add(
            f"{here}/{'service_start' if item.service_start is None else 'service_end'}",
            Rule.DATE_ORDER,
            "found nothing, expected both ends of the distinct period; send both, or neither for the whole term",
        )
        return
    found.ordered(f"{here}/service_end", item.service_start, item.service_end)
    line = lines.get(item.line_ids[0]) if len(item.line_ids) == 1 else None
    if line is None or line.pattern not in RATABLE or not line.distinct:
        found.add(
            f"{here}/line_ids",
            Rule.ALLOCATION,
            f"found {', '.join(item.line_ids) or 'no line'} for a distinct period of a series, expected the one "
            "ratable, distinct line whose days or months are the series (606-10-25-14(b), 32-40); name it",
        )
    elif item.service_start < line.start_date or item.service_end > line.end_date:
        found.add(
            f"{here}/service_start",
            Rule.DATE_ORDER,
            f"found {item.service_start} to {item.service_end}, expected days from {line.start_date} to "
            f"{line.end_date}, the term of line {line.line_id!r}; correct one of them",
        )
    if item.refundable:
        found.add(
            f"{here}/refundable",
            Rule.UNSUPPORTED,
            "found true for one period of a series, expected false; relate what is refundable to whole lines",
        )


def _distinct_periods(found: Findings, at: str, items: Sequence[VariableConsideration]) -> None:
    """Check that distinct periods of one series are apart from each other, or the same."""
    seen: list[tuple[str, dt.date, dt.date]] = []
    for index, item in enumerate(items):
        first, last = item.service_start, item.service_end
        if first is None or last is None or len(item.line_ids) != 1:
            continue
        line_id = item.line_ids[0]
        for other, start, end in seen:
            if other == line_id and first <= end and start <= last and (first, last) != (start, end):
                found.add(
                    f"{at}/{index}/service_start",
                    Rule.OVERLAP,
                    f"found {first} to {last} of line {line_id!r}, which overlaps {start} to {end} of another variable "
                    "consideration, expected distinct periods of a series to be apart, or the same; correct the days",
                )
                break
        seen.append((line_id, first, last))


def outcome_terms(
    found: Findings, here: str, outcomes: Sequence[PossibleOutcome], method: EstimateMethod | None
) -> None:
    """Report outcomes that give no estimate."""
    if not outcomes:
        found.add(f"{here}/outcomes", Rule.NO_LINES, "found no outcome, expected at least one; send what may happen")
        return
    for index, outcome in enumerate(outcomes):
        if not ZERO <= outcome.probability <= 1:
            found.add(
                f"{here}/outcomes/{index}/probability",
                Rule.PROBABILITY,
                f"found {outcome.probability}, expected 0 to 1; correct it",
            )
    whole = sum((outcome.probability for outcome in outcomes), ZERO)
    if whole != 1:
        found.add(
            f"{here}/outcomes",
            Rule.PROBABILITY,
            f"found probabilities that add up to {whole.normalize():f}, expected 1; "
            "correct them, or add the outcome that is missing",
        )
    if method is EstimateMethod.MOST_LIKELY_AMOUNT and tied(outcomes):
        found.add(
            f"{here}/outcomes",
            Rule.PROBABILITY,
            "found several outcomes that are the most likely, expected one (606-10-32-8(b)); "
            "use EXPECTED_VALUE, or say which is likelier",
        )


def tied(outcomes: Sequence[PossibleOutcome]) -> bool:
    """Tell whether no single amount is the most likely."""
    likely: Counter[Decimal] = Counter()
    for outcome in outcomes:
        likely[outcome.amount] += outcome.probability  # type: ignore[assignment]
    most = max(likely.values())
    return sum(1 for probability in likely.values() if probability == most) > 1


def _payable(
    found: Findings, here: str, item: ConsiderationPayable, lines: dict[str, ContractLine], currency: str
) -> None:
    found.identifier(f"{here}/payable_id", item.payable_id)
    found.positive(f"{here}/amount", item.amount, "send a payment of the customer as part of the price")
    found.exact(f"{here}/amount", item.amount, currency)
    if item.fair_value is not None:
        found.not_negative(f"{here}/fair_value", item.fair_value, "leave it out where nothing distinct is received")
        found.exact(f"{here}/fair_value", item.fair_value, currency)
    _relates_to(found, here, item.line_ids, lines)


def _relates_to(found: Findings, here: str, line_ids: Sequence[str], lines: dict[str, ContractLine]) -> None:
    _unique(found, f"{here}/line_ids", "", line_ids)
    if len(line_ids) > 1 and any(line_id in lines and _is_residual(lines[line_id]) for line_id in line_ids):
        found.add(
            f"{here}/line_ids",
            Rule.ALLOCATION,
            f"found {', '.join(line_ids)}, one of which is RESIDUAL, expected lines with an SSP to share by; "
            "name it alone, or state its SSP",
        )
    for index, line_id in enumerate(line_ids):
        line = lines.get(line_id)
        if line is None:
            found.add(
                f"{here}/line_ids/{index}",
                Rule.UNKNOWN_LINE,
                f"found {line_id!r}, expected one of {', '.join(lines)}; correct it",
            )
        elif line.pattern in METERED:
            found.add(
                f"{here}/line_ids/{index}",
                Rule.ALLOCATION,
                f"found {line_id!r}, a line whose price is what is metered ({line.pattern}), expected a line with a "
                "price or a term of its own; send the metered amounts as usage or invoices",
            )


def _is_residual(line: ContractLine) -> bool:
    return line.ssp_method is SspMethod.RESIDUAL


def _bundle(
    found: Findings, here: str, bundle: BundleDiscount, body: ContractSigned, lines: dict[str, ContractLine]
) -> None:
    _unique(found, f"{here}/line_ids", "", bundle.line_ids)
    found.not_negative(f"{here}/bundle_price", bundle.bundle_price)
    found.exact(f"{here}/bundle_price", bundle.bundle_price, body.currency)
    members = [lines[line_id] for line_id in bundle.line_ids if line_id in lines]
    for index, line_id in enumerate(bundle.line_ids):
        if line_id not in lines:
            found.add(
                f"{here}/line_ids/{index}",
                Rule.UNKNOWN_LINE,
                f"found {line_id!r}, expected one of {', '.join(lines)}; correct it",
            )
        elif sum(line_id in other.line_ids for other in body.bundles) > 1:
            found.add(
                f"{here}/line_ids/{index}",
                Rule.ALLOCATION,
                f"found {line_id!r} in several bundles, expected one at most; a line has one discount",
            )
    promised = sum(line.pattern not in METERED for line in body.lines) + len(body.options)
    if not 2 <= len(set(bundle.line_ids)) < promised:
        found.add(
            f"{here}/line_ids",
            Rule.ALLOCATION,
            f"found {len(set(bundle.line_ids))} of {promised} promises, expected at least two and not all: a discount "
            "on everything is shared by SSP without a bundle (606-10-32-36); leave the bundle out",
        )
    unfit = [line.line_id for line in members if not line.distinct or line.pattern in METERED or _is_residual(line)]
    if unfit:
        found.add(
            f"{here}/line_ids",
            Rule.ALLOCATION,
            f"found {', '.join(unfit)}, expected lines that are distinct, not metered, and sold at an SSP that is "
            "observed (606-10-32-37(a)); take them out of the bundle",
        )
    apart = sum((line.ssp for line in members), ZERO)
    if not unfit and bundle.bundle_price > apart:
        found.add(
            f"{here}/bundle_price",
            Rule.ALLOCATION,
            f"found {bundle.bundle_price}, expected at most {apart}, the sum of the SSP of its lines: "
            "a bundle shows a discount; correct one of them",
        )


def _unique(found: Findings, at: str, field: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            found.add(
                f"{at}/{index}/{field}".rstrip("/"),
                Rule.DUPLICATE_LINE,
                f"found {name!r} twice, expected it once; name each once",
            )
        seen.add(name)
