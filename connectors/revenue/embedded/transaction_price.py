"""The transaction price beyond the prices of the lines: variable consideration, and what is payable to the customer.

Section 12 of docs/accounting.md (ASC 606-10-32-5 to 13, 25 to 27, 39 to 41). Says what is in the price and which
obligations it belongs to; how the rest is shared is `allocation`'s.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.revenue.embedded.book import SIGNED_CONTRACT, Line, Obligation, Variable
from connectors.revenue.embedded.estimate import constrained, estimated
from connectors.revenue.embedded.minor_units import split, to_amount, to_minor_not_negative
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import (
    AccountingTreatment,
    ConsiderationPayable,
    ContractSigned,
    EstimateMethod,
    SspMethod,
    TreatmentDecision,
    VariableConsideration,
)

PERIOD_MARK = "@vc:"
"""Stands between line and variable consideration in the id of the obligation of a distinct period of a series."""

_METHODS = {
    EstimateMethod.EXPECTED_VALUE: "expected value (606-10-32-8(a))",
    EstimateMethod.MOST_LIKELY_AMOUNT: "most likely amount (606-10-32-8(b))",
}


@dataclass(frozen=True, slots=True)
class PriceParts:
    """What is in the price besides the prices of the lines."""

    shared: int
    """Allocated like the prices of the lines."""
    by_line: Mapping[str, int]
    """Belongs to a line entirely."""
    periods: tuple[Obligation, ...]
    """Distinct periods of a series, each with its own variable consideration."""
    variable: tuple[Variable, ...]
    entirely_variable: frozenset[str]
    """Obligations whose whole consideration is variable: they take no share of the rest."""
    decisions: tuple[TreatmentDecision, ...]


def is_plain(terms: ContractSigned) -> bool:
    """Tell whether the price is that of the lines, shared by stated stand-alone selling prices."""
    if terms.variable or terms.payable_to_customer or terms.bundles:
        return False
    return not any(line.ssp_method is SspMethod.RESIDUAL for line in terms.lines)


def price_parts(terms: ContractSigned, lines: Sequence[Line], promised: Sequence[Obligation]) -> PriceParts:
    """Return what variable consideration and payables add to the price, and to what. Raises CommandRefusedError."""
    by_id = {line.line_id: line for line in lines}
    shared = 0
    by_line: dict[str, int] = {}
    periods: list[Obligation] = []
    variable: list[Variable] = []
    decisions: list[TreatmentDecision] = []
    for item in terms.variable:
        amount, decision = included(item, terms.currency)
        decisions.append(decision)
        weights = _weights(item.line_ids, by_id, f"variable consideration {item.variable_id}")
        kept = Variable(
            variable_id=item.variable_id,
            method=item.method,
            included=amount,
            lines=weights,
            refundable=item.refundable,
        )
        if item.service_start is not None and item.service_end is not None:
            series = _series(item, by_id, promised)
            term = item.service_start, item.service_end
            periods.append(series_period(item.variable_id, series, term, amount, SIGNED_CONTRACT + 1 + len(periods)))
            kept = _in_period(kept, periods[-1])
        elif weights:
            _add(by_line, weights, amount)
        else:
            shared += amount
        variable.append(kept)
    for payable in terms.payable_to_customer:
        amount, decision = _reduction(payable, terms.currency)
        decisions.append(decision)
        weights = _weights(payable.line_ids, by_id, f"consideration payable {payable.payable_id}")
        if weights:
            _add(by_line, weights, -amount)
        else:
            shared -= amount
    residual = {line.line_id for line in terms.lines if line.ssp_method is SspMethod.RESIDUAL}
    named = {name for item in terms.variable if item.service_start is None for name in item.line_ids} - residual
    own = {by_id[name].obligation_id for name in named}
    entirely = {it.obligation_id for it in promised if it.obligation_id in own and not it.price}
    return PriceParts(shared, by_line, tuple(periods), tuple(variable), frozenset(entirely), tuple(decisions))


def named_shares(weights: Sequence[tuple[str, int]], amount: int) -> list[tuple[str, int]]:
    """Share an amount that belongs to some lines among them, on the basis of inception (606-10-32-43)."""
    shares = split(amount, [weight for _, weight in weights])
    return [(line_id, share) for (line_id, _), share in zip(weights, shares, strict=True)]


def _add(by_line: dict[str, int], weights: Sequence[tuple[str, int]], amount: int) -> None:
    for line_id, share in named_shares(weights, amount):
        by_line[line_id] = by_line.get(line_id, 0) + share


def included(item: VariableConsideration, currency: str) -> tuple[int, TreatmentDecision]:
    """Return what of a variable consideration is in the price, and why. Raises CommandRefusedError."""
    what = f"variable consideration {item.variable_id}"
    estimate = estimated(item.outcomes, item.method, currency, what)
    amount = constrained(estimate, item.highly_probable, currency, what)
    if item.refundable and amount > 0:
        raise CommandRefusedError(
            RefusalCode.ESTIMATE_INVALID,
            f"{what} is refundable and estimated at {to_amount(amount, currency)}; expected 0 or less, what goes back "
            "reduces the price (606-10-32-10). Correct the sign.",
        )
    return amount, TreatmentDecision(
        line_id=item.variable_id,
        treatment=AccountingTreatment.NOT_A_MODIFICATION,
        reason=estimate_reason(item.method, estimate, amount, currency) + (f" ({item.basis})" if item.basis else ""),
    )


def estimate_reason(method: EstimateMethod, estimate: int, included: int, currency: str) -> str:
    """Say what was estimated, how, and what of it is included."""
    reason = f"{_METHODS[method]} {to_amount(estimate, currency)}"
    if included == estimate:
        return f"{reason}, included in the price"
    return f"{reason}, included at {to_amount(included, currency)}: more might be reversed (606-10-32-11)"


def _reduction(item: ConsiderationPayable, currency: str) -> tuple[int, TreatmentDecision]:
    what = f"consideration payable {item.payable_id}"
    amount = to_minor_not_negative(item.amount, currency, what)
    worth = 0
    if item.fair_value is not None:
        worth = min(amount, to_minor_not_negative(item.fair_value, currency, f"fair value received for {what}"))
    reason = f"payable to the customer, {to_amount(amount, currency)}: "
    if worth == amount:
        reason += "a purchase at fair value, it does not change the price (606-10-32-26)"
    elif worth:
        reason += (
            f"{to_amount(worth, currency)} buys a distinct good or service, the {to_amount(amount - worth, currency)} "
            "above its fair value reduce the price (606-10-32-26)"
        )
    else:
        reason += "nothing distinct is received, it reduces the price (606-10-32-25)"
    return amount - worth, TreatmentDecision(
        line_id=item.payable_id, treatment=AccountingTreatment.NOT_A_MODIFICATION, reason=reason
    )


def _weights(line_ids: Sequence[str], by_id: Mapping[str, Line], what: str) -> tuple[tuple[str, int], ...]:
    for line_id in line_ids:
        if line_id not in by_id:
            raise CommandRefusedError(
                RefusalCode.UNKNOWN_LINE,
                f"{what} relates to line {line_id}; expected one of {', '.join(by_id)}. Correct the line.",
            )
    if len(line_ids) == 1:
        return ((line_ids[0], 1),)
    weights = tuple((line_id, by_id[line_id].ssp) for line_id in line_ids)
    if weights and not sum(weight for _, weight in weights):
        raise CommandRefusedError(
            RefusalCode.PRICE_WITHOUT_SSP,
            f"{what} relates to lines {', '.join(line_ids)}, whose stand-alone selling prices are all 0; "
            "expected one to share it by (606-10-32-31). Estimate it (606-10-32-33).",
        )
    return weights


def _series(item: VariableConsideration, by_id: Mapping[str, Line], promised: Sequence[Obligation]) -> Obligation:
    own = by_id[item.line_ids[0]].obligation_id if len(item.line_ids) == 1 else ""
    for obligation in promised:
        if obligation.obligation_id == own and obligation.distinct:
            return obligation
    raise CommandRefusedError(
        RefusalCode.ALLOCATION_INVALID,
        f"variable consideration {item.variable_id} belongs to {item.service_start} to {item.service_end} of "
        f"{', '.join(item.line_ids) or 'no line'}; expected one distinct, ratable line (606-10-25-14(b)). Name it.",
    )


def series_period(
    variable_id: str, series: Obligation, term: tuple[dt.date, dt.date], amount: int, group: int
) -> Obligation:
    """Return the distinct period of a series that a variable consideration belongs to, nothing allocated yet."""
    return Obligation(
        obligation_id=f"{series.line_id}{PERIOD_MARK}{variable_id}",
        line_id=series.line_id,
        group=group,
        product_line=series.product_line,
        legal_entity=series.legal_entity,
        pattern=series.pattern,
        start=term[0],
        end=term[1],
        price=amount,
        ssp=0,
    )


def _in_period(variable: Variable, period: Obligation) -> Variable:
    return Variable(
        variable_id=variable.variable_id,
        method=variable.method,
        included=variable.included,
        period=period.obligation_id,
    )
