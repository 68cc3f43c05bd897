"""Whatever happens to credits, minimums, invoiced work and options, the book adds up and no plan changes the past."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from connectors.revenue.embedded import Book
from connectors.revenue.embedded.earning import DAY, earned_by, schedule, total, unscheduled
from streams.records import EstablishContract, MaterialRight, ModifyContract, RevenueAccepted
from tests.revenue.commands import (
    AS_INVOICED,
    MONTHLY,
    PREPAID,
    UNITS,
    USAGE,
    CommandBody,
    Contract,
    amend,
    breakage,
    change,
    credit,
    day,
    deliver,
    establish,
    estimate,
    invoice,
    line,
    recognition,
    renew,
    terminate,
    undo,
    usage,
)

Drawn = tuple[EstablishContract, list[tuple[str, CommandBody]]]
LINES = "CUTSP"
END = dt.date(2030, 1, 1)


@st.composite
def consumed(draw: st.DrawFn) -> Drawn:
    """Draw a contract of every pattern that use and invoices earn, beside seats and units, and what happens to it."""
    few = st.integers(1, 900).map(str)
    lines = [
        line("C", draw(few), draw(few), pattern=PREPAID, breakage=str(draw(st.integers(0, 40)))),
        line("U", draw(few), draw(few), pattern=USAGE, months=draw(st.sampled_from([0, 1, 3, 6]))),
        line("T", "0", pattern=AS_INVOICED),
        line("S", draw(few), draw(few), pattern=MONTHLY),
        line("P", draw(few), draw(few), pattern=UNITS, quantity="6"),
    ]
    option = MaterialRight(option_id="O", product_line="x", ssp=Decimal(draw(few)), expires_on=day("2026-12-31"))
    days = st.dates(day("2026-01-01"), day("2026-12-31")).map(dt.date.isoformat)
    history: list[tuple[str, CommandBody]] = []
    for number in range(draw(st.integers(1, 8))):
        on, target = draw(days), draw(st.sampled_from(LINES))
        amount = str(draw(st.integers(0, 400)))
        body: CommandBody
        kinds = "use use use bill credit breakage estimate seats remove deliver end undo exercise run".split()
        match draw(st.sampled_from(kinds)):
            case "use":
                body = usage(draw(st.sampled_from("CU")), draw(st.sampled_from([amount, amount, f"-{amount}"])), on)
            case "bill":
                body = invoice("I", **{target: amount})
            case "credit":
                body = credit("CN", reduces_price=draw(st.booleans()), **{target: amount})
            case "breakage":
                body = breakage("C", str(draw(st.integers(0, 99))))
            case "estimate":
                body = estimate(str(draw(st.integers(-300, 300))), draw(st.sampled_from([None, *LINES])))
            case "seats":
                terms = draw(
                    st.sampled_from([change("S", amount, draw(few)), change("P", amount, "500", quantity="8")])
                )
                body = amend(terms)
            case "remove":
                body = amend(removed=[target])
            case "deliver":
                body = deliver("P", str(draw(st.integers(1, 8))))
            case "end":
                body = terminate(draw(st.sampled_from(["0", "0", amount, "2000"])))
            case "undo":
                body = undo(f"c{draw(st.integers(2, 9))}")
            case "exercise":
                added = line(f"N{number}", amount, draw(few), start="2026-06-01", end="2027-05-31", pattern=MONTHLY)
                body = renew(added, exercised=["O"])
            case _:
                body = recognition(f"2026-{draw(st.integers(1, 12)):02d}")
        history.append((on, body))
    return establish(*lines, options=[option]), history


@settings(max_examples=300, deadline=None)
@given(consumed())
def test_the_book_adds_up_after_whatever_happens_and_keeps_its_past(drawn: Drawn) -> None:
    signed, history = drawn
    contract = Contract()
    contract.do(signed)
    for on, body in history:
        before = contract.book
        answer = contract.try_(body, on)
        book = contract.book
        assert before is not None
        assert book is not None
        if not isinstance(answer, RevenueAccepted):
            event(f"refused as {answer.code}")
            assert answer.code != "VALIDATION_FAILED", answer.reason
            continue
        event(f"{type(body).__name__} accepted")
        assert sum(o.allocated for o in book.obligations) == book.transaction_price
        for obligation in book.obligations:
            months = dict(schedule(obligation))
            assert sum(months.values()) == total(obligation.segments) == earned_by(obligation, END)
            assert sum(months.values()) + unscheduled(obligation) == obligation.allocated
        if isinstance(body, ModifyContract):
            the_day_before = dt.date.fromisoformat(on) - DAY
            for old in before.obligations:
                new = next(o for o in book.obligations if o.obligation_id == old.obligation_id)
                assert earned_by(new, the_day_before) == earned_by(old, the_day_before)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(book), type=Book) == book


@settings(max_examples=150, deadline=None)
@given(consumed())
def test_runs_recognise_in_the_end_what_has_dates(drawn: Drawn) -> None:
    signed, history = drawn
    contract = Contract()
    contract.do(signed)
    for on, body in history:
        contract.try_(body, on)
    contract.do(recognition("2029-12"))
    assert contract.book is not None
    assert contract.book.recognised == sum(o.allocated - unscheduled(o) for o in contract.book.obligations)
