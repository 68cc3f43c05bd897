"""Any contract, and anything that may happen to it: strategies for the properties of the engine."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.pattern_terms import is_combined
from streams.records import (
    ConsiderationPayable,
    ContractLine,
    EstablishContract,
    EstimateChanged,
    EstimateMethod,
    LineChange,
    MaterialRight,
    ModifyContract,
    PossibleOutcome,
    RecognitionPattern,
    ReviseEstimate,
    VariableConsideration,
)
from tests.revenue.commands import (
    COST,
    DAILY,
    MILESTONE,
    MONTHLY,
    POINT,
    UNITS,
    USAGE,
    CommandBody,
    amend,
    change,
    credit,
    deliver,
    establish,
    estimate,
    fulfil,
    incur,
    invoice,
    line,
    renew,
    terminate,
    usage,
)

FIRST, LAST = dt.date(2026, 1, 1), dt.date(2027, 6, 30)

days = st.dates(FIRST, LAST).map(dt.date.isoformat)
amounts = st.one_of(st.integers(0, 20), st.integers(0, 500_000)).map(str)
deltas = st.integers(-500, 20_000).map(str)


@st.composite
def lines(draw: st.DrawFn, line_id: str, first: dt.date = FIRST, distinct: bool | None = None) -> ContractLine:
    """Draw a line that starts on a day or later; half of all lines are at their stand-alone selling price."""
    pattern: RecognitionPattern = draw(
        st.sampled_from([DAILY, DAILY, MONTHLY, MONTHLY, POINT, USAGE, MILESTONE, UNITS, COST])
    )
    start = draw(st.dates(first, first + dt.timedelta(days=200)))
    end = draw(st.dates(start, start + dt.timedelta(days=500)))
    price = "0" if pattern is USAGE else draw(amounts)
    ssp = price if pattern is USAGE or draw(st.booleans()) else draw(amounts)
    either = distinct is None and pattern is not UNITS
    apart = draw(st.sampled_from([True, True, True, False])) if either else distinct is not False
    return line(
        line_id,
        price,
        ssp,
        pattern=pattern,
        start=start.isoformat(),
        end=end.isoformat(),
        quantity=str(draw(st.integers(1, 5))),
        entity=draw(st.sampled_from([None, None, "DE01"])),
        distinct=apart,
        cost=str(draw(st.integers(1, 100))) if pattern is COST else None,
    )


@st.composite
def contracts(draw: st.DrawFn) -> EstablishContract:
    """Draw a signed contract."""
    signed = _together([draw(lines(f"L{number}")) for number in range(draw(st.integers(1, 3)))])
    options = []
    if draw(st.integers(0, 4)) == 0:
        ssp = line("x", draw(amounts)).ssp
        options.append(
            MaterialRight(option_id="OPT", product_line="seats", ssp=ssp, expires_on=draw(st.dates(FIRST, LAST)))
        )
    established = establish(*signed, currency=draw(st.sampled_from(["USD", "JPY", "BHD"])), options=options)
    return draw(_price_terms(established)) if draw(st.integers(0, 2)) == 0 else established


def _together(drawn: list[ContractLine]) -> list[ContractLine]:
    """Give lines that are not distinct the pattern of the first of them: they are one promise."""
    first = next((item for item in drawn if is_combined(item)), None)
    if first is None:
        return drawn
    return [
        replace(item, pattern=first.pattern, expected_cost=first.expected_cost) if is_combined(item) else item
        for item in drawn
    ]


@st.composite
def _price_terms(draw: st.DrawFn, established: EstablishContract) -> EstablishContract:
    """Draw variable consideration and what is payable to the customer."""
    priced = [item for item in established.terms.lines if item.pattern is not USAGE]
    named = [(item.line_id,) for item in priced]
    owners = st.sampled_from([(), *named, *([tuple(item.line_id for item in priced if item.ssp)] if priced else [])])
    variable = []
    for number in range(draw(st.integers(1, 2))):
        item = VariableConsideration(
            variable_id=f"V{number}",
            method=draw(st.sampled_from(EstimateMethod)),
            outcomes=draw(outcomes()),
            highly_probable=draw(_constraints),
            line_ids=draw(owners),
        )
        if draw(st.integers(0, 2)) == 0:
            item = replace(item, refundable=True, outcomes=draw(outcomes(highest=0)))
        series = [one for one in priced if one.distinct and one.pattern in (DAILY, MONTHLY)]
        if series and not item.refundable and draw(st.booleans()):
            one = draw(st.sampled_from(series))
            start = draw(st.dates(one.start_date, one.end_date))
            end = draw(st.dates(start, one.end_date))
            item = replace(item, line_ids=(one.line_id,), service_start=start, service_end=end)
        variable.append(item)
    payable = []
    if draw(st.integers(0, 3)) == 0:
        worth = draw(st.one_of(st.none(), st.integers(0, 300).map(Decimal)))
        amount = Decimal(draw(st.integers(1, 200)))
        payable.append(ConsiderationPayable(payable_id="P", amount=amount, fair_value=worth, line_ids=draw(owners)))
    terms = replace(established.terms, variable=tuple(variable), payable_to_customer=tuple(payable))
    return EstablishContract(terms=terms)


_constraints = st.one_of(st.none(), st.none(), st.integers(-200, 5_000).map(Decimal))


@st.composite
def outcomes(draw: st.DrawFn, highest: int = 10_000) -> tuple[PossibleOutcome, ...]:
    """Draw what may happen: one outcome for certain, or two."""
    first, second = (Decimal(draw(st.integers(-200, highest))) for _ in range(2))
    chance = Decimal(draw(st.sampled_from(["1", "0.3", "0.5", "0.125"])))
    if chance == 1:
        return (PossibleOutcome(amount=first, probability=chance),)
    return PossibleOutcome(amount=first, probability=chance), PossibleOutcome(amount=second, probability=1 - chance)


@st.composite
def amendments(draw: st.DrawFn, on: dt.date, signed: list[ContractLine], number: int) -> CommandBody:
    """Draw an amendment of some of the lines, which may add one."""
    touched = draw(st.lists(st.sampled_from(signed), max_size=2, unique_by=lambda item: item.line_id))
    changed, removed = [], []
    for old in touched:
        if draw(st.integers(0, 3)) == 0:
            removed.append(old.line_id)
        elif old.pattern is USAGE:
            changed.append(change(old.line_id, "0", "0", end=draw(days)))
        else:
            changed.append(draw(_changes(old)))
    added = [draw(lines(f"A{number}", first=on))] if not touched or draw(st.integers(0, 3)) == 0 else []
    return amend(*changed, added=added, removed=removed)


@st.composite
def _changes(draw: st.DrawFn, old: ContractLine) -> LineChange:
    delta = draw(st.one_of(st.integers(1, 500), st.integers(-200, 100_000)))
    price = max(old.price + delta, 0)
    at_ssp = draw(st.booleans())
    ssp = max(old.ssp + delta, 0) if at_ssp else draw(amounts)
    end = draw(st.one_of(st.none(), st.none(), days)) if not at_ssp else None
    cost = draw(st.one_of(st.none(), st.integers(1, 150).map(str))) if old.pattern is COST else None
    quantity = draw(st.sampled_from(["1", "9"]))
    changed = change(old.line_id, str(price), str(ssp), quantity=quantity, end=end, cost=cost)
    if draw(st.integers(0, 5)):
        return changed
    conceded = Decimal(draw(st.integers(1, 50)))
    return replace(changed, price=max(changed.price - conceded, Decimal(0)), concession=conceded)


@st.composite
def _measured(draw: st.DrawFn, of: ContractLine) -> CommandBody:
    if of.pattern is UNITS:
        return deliver(of.line_id, str(draw(st.integers(1, 9))))
    cost = draw(st.integers(0, 120))
    return incur(of.line_id, str(cost), draw(st.one_of(st.none(), st.integers(cost, 2 * cost + 1).map(str))))


@st.composite
def histories(draw: st.DrawFn) -> tuple[EstablishContract, list[tuple[str, CommandBody]]]:
    """Draw a contract and what happens to it, dates in no order; a part of it will be refused."""
    established = draw(contracts())
    known = list(established.terms.lines)
    option_ids = [option.option_id for option in established.terms.options]
    history: list[tuple[str, CommandBody]] = []
    for number in range(draw(st.integers(1, 7))):
        on = draw(st.dates(FIRST, LAST))
        kind = draw(
            st.sampled_from("amend amend amend amend renew bill credit usage fulfil fulfil estimate anew".split())
        )
        target = draw(st.sampled_from(known))
        body: CommandBody
        match kind:
            case "amend":
                body = draw(amendments(on, known, number))
                known += body.change.added_lines if isinstance(body, ModifyContract) else ()
            case "renew":
                body = renew(draw(lines(f"R{number}", first=on)))
                known += body.change.added_lines
            case "bill":
                body = invoice("I", **{target.line_id: draw(amounts)})
            case "credit":
                net = str(draw(st.integers(0, 2_000)))
                body = credit("CN", reduces_price=draw(st.booleans()), **{target.line_id: net})
            case "usage":
                metered = [item for item in known if item.pattern is USAGE] or [target]
                chosen = draw(st.sampled_from(metered))
                body = usage(
                    chosen.line_id, draw(amounts), draw(st.dates(chosen.start_date, chosen.end_date)).isoformat()
                )
            case "fulfil":
                kept = [item.line_id for item in known if item.pattern in (POINT, MILESTONE)] + option_ids
                measured = [item for item in known if item.pattern in (UNITS, COST)]
                if measured and draw(st.integers(0, 1)) == 0:
                    body = draw(_measured(draw(st.sampled_from(measured))))
                else:
                    percent = draw(st.sampled_from(["30", "33.333", "70", "100", "100"]))
                    body = fulfil(draw(st.sampled_from(kept or [target.line_id])), percent)
            case "anew" if established.terms.variable:
                anew = EstimateChanged(
                    variable_id=draw(st.sampled_from(established.terms.variable)).variable_id,
                    outcomes=draw(outcomes()),
                    highly_probable=draw(_constraints),
                )
                body = ReviseEstimate(estimate=anew)
            case _:
                body = estimate(draw(deltas), draw(st.sampled_from([None, target.line_id])))
        history.append((on.isoformat(), body))
    if draw(st.integers(0, 3)) == 0:
        ending = terminate(draw(st.sampled_from(["0", "0", "100", "700"])), draw(st.sampled_from(["0", "50"])))
        history.insert(draw(st.sampled_from([len(history), len(history), len(history) - 1])), (draw(days), ending))
    return established, history
