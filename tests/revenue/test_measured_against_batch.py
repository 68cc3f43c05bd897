"""Units and cost, much changed in between: the engine and the independent batch calculation come to the same.

What `test_against_batch` draws at random seldom delivers, changes and delivers again; this does little else.
"""

from __future__ import annotations

import datetime as dt

from hypothesis import event, given, settings
from hypothesis import strategies as st

from streams.records import EstablishContract, RevenueAccepted
from tests.oracle.worksheet import Worksheet
from tests.revenue.commands import (
    COST,
    MONTHLY,
    UNITS,
    CommandBody,
    Contract,
    amend,
    change,
    credit,
    deliver,
    establish,
    estimate,
    incur,
    line,
    terminate,
)
from tests.revenue.test_against_batch import EXAMPLES, STRICTER, agree, json, refusal, told

Drawn = tuple[EstablishContract, list[tuple[str, CommandBody]]]


@st.composite
def measured(draw: st.DrawFn) -> Drawn:
    """Draw a contract of units, work measured by cost, and seats, and what happens to it from month to month."""
    units, cost = draw(st.integers(3, 12)), draw(st.integers(10, 100))
    prices = {"U": draw(st.integers(0, 5000)), "B": draw(st.integers(0, 5000)), "S": draw(st.integers(0, 5000))}
    signed = establish(
        line("U", str(prices["U"]), str(draw(st.integers(1, 6000))), pattern=UNITS, quantity=str(units)),
        line("B", str(prices["B"]), str(draw(st.integers(1, 6000))), pattern=COST, cost=str(cost)),
        line("S", str(prices["S"]), str(draw(st.integers(1, 6000))), pattern=MONTHLY),
    )
    history: list[tuple[str, CommandBody]] = []
    delivered = incurred = 0
    for number in range(draw(st.integers(2, 9))):
        on = (dt.date(2026, 1, 15) + dt.timedelta(days=30 * number)).isoformat()
        target = draw(st.sampled_from("UBS"))
        body: CommandBody
        match draw(st.sampled_from("deliver deliver deliver incur incur units price terms credit remove end".split())):
            case "deliver":
                delivered += draw(st.integers(1, 4))
                body = deliver("U", str(delivered))
            case "incur":
                incurred += draw(st.integers(0, 30))
                body = incur("B", str(incurred), draw(st.sampled_from([None, str(cost + 7 * number)])))
            case "units":
                units += draw(st.integers(-1, 6))
                more = draw(st.integers(0, 900))
                prices["U"] += more
                at_ssp = draw(st.booleans())
                ssp = signed.terms.lines[0].ssp + more if at_ssp else draw(st.integers(1, 6000))
                body = amend(change("U", str(prices["U"]), str(ssp), quantity=str(units)))
            case "price":
                body = estimate(str(draw(st.integers(-300, 900).filter(bool))), draw(st.sampled_from([None, target])))
            case "terms":
                body = amend(
                    change("B", str(draw(st.integers(0, 5000))), "100", cost=str(draw(st.integers(10, 200)))),
                    change("S", str(draw(st.integers(0, 5000))), "1000"),
                )
            case "credit":
                body = credit("CN", reduces_price=True, **{target: str(draw(st.integers(0, 300)))})
            case "remove":
                body = amend(removed=[target])
            case _:
                body = terminate("0", draw(st.sampled_from(["0", "50"])))
        history.append((on, body))
    return signed, history


@settings(max_examples=EXAMPLES, deadline=None)
@given(measured())
def test_the_engine_agrees_with_the_independent_calculation_on_units_and_cost(drawn: Drawn) -> None:
    signed, history = drawn
    contract = Contract()
    contract.do(signed)
    sheet = Worksheet.sign("US01", json(signed.terms))
    for at, (on, body) in enumerate(history):
        answer = contract.try_(body, on)
        assert contract.book is not None
        if not isinstance(answer, RevenueAccepted) and answer.code in STRICTER:
            continue
        version = contract.book.version + (not isinstance(answer, RevenueAccepted))
        refused = refusal(sheet, told(at, version, on, body))
        assert bool(refused) != isinstance(answer, RevenueAccepted), (body, answer, refused)
        if not isinstance(answer, RevenueAccepted):
            event(f"both refuse: {answer.code}")
            continue
        event(f"both accept: {answer.treatment}")
        agree(contract, sheet)
