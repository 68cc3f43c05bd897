"""Any contract, and anything that may happen to it: strategies for the properties of the engine."""

from __future__ import annotations

import datetime as dt

from hypothesis import strategies as st

from streams.records import (
    ContractLine,
    EstablishContract,
    LineChange,
    MaterialRight,
    ModifyContract,
    RecognitionPattern,
)
from tests.revenue.commands import (
    DAILY,
    MILESTONE,
    MONTHLY,
    POINT,
    USAGE,
    CommandBody,
    amend,
    change,
    credit,
    establish,
    estimate,
    fulfil,
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
    pattern: RecognitionPattern = draw(st.sampled_from([DAILY, DAILY, MONTHLY, MONTHLY, POINT, USAGE, MILESTONE]))
    start = draw(st.dates(first, first + dt.timedelta(days=200)))
    end = draw(st.dates(start, start + dt.timedelta(days=500)))
    price = "0" if pattern is USAGE else draw(amounts)
    ssp = price if pattern is USAGE or draw(st.booleans()) else draw(amounts)
    return line(
        line_id,
        price,
        ssp,
        pattern=pattern,
        start=start.isoformat(),
        end=end.isoformat(),
        quantity=str(draw(st.integers(1, 5))),
        entity=draw(st.sampled_from([None, None, "DE01"])),
        distinct=draw(st.sampled_from([True, True, True, False])) if distinct is None else distinct,
    )


@st.composite
def contracts(draw: st.DrawFn) -> EstablishContract:
    """Draw a signed contract."""
    signed = [draw(lines(f"L{number}")) for number in range(draw(st.integers(1, 3)))]
    options = []
    if draw(st.integers(0, 4)) == 0:
        ssp = line("x", draw(amounts)).ssp
        options.append(
            MaterialRight(option_id="OPT", product_line="seats", ssp=ssp, expires_on=draw(st.dates(FIRST, LAST)))
        )
    return establish(*signed, currency=draw(st.sampled_from(["USD", "JPY", "BHD"])), options=options)


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
    return change(old.line_id, str(price), str(ssp), quantity=draw(st.sampled_from(["1", "9"])), end=end)


@st.composite
def histories(draw: st.DrawFn) -> tuple[EstablishContract, list[tuple[str, CommandBody]]]:
    """Draw a contract and what happens to it, dates in no order; a part of it will be refused."""
    established = draw(contracts())
    known = list(established.terms.lines)
    option_ids = [option.option_id for option in established.terms.options]
    history: list[tuple[str, CommandBody]] = []
    for number in range(draw(st.integers(1, 7))):
        on = draw(st.dates(FIRST, LAST))
        kind = draw(st.sampled_from("amend amend amend amend renew bill credit usage fulfil fulfil estimate".split()))
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
                percent = draw(st.sampled_from(["30", "33.333", "70", "100", "100"]))
                body = fulfil(draw(st.sampled_from(kept or [target.line_id])), percent)
            case _:
                body = estimate(draw(deltas), draw(st.sampled_from([None, target.line_id])))
        history.append((on.isoformat(), body))
    if draw(st.integers(0, 3)) == 0:
        ending = terminate(draw(st.sampled_from(["0", "0", "100"])), draw(st.sampled_from(["0", "50"])))
        history.insert(draw(st.sampled_from([len(history), len(history), len(history) - 1])), (draw(days), ending))
    return established, history
