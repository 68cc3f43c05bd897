"""Whatever happens to a contract, the engine and the independent batch calculation come to the same.

`tests/oracle` was written from docs/accounting.md alone and shares no code with the engine; this drives both through
the same history and compares what each accepts, allocates and schedules.
"""

from __future__ import annotations

import datetime as dt
from typing import cast

import msgspec
from hypothesis import event, example, given, settings

from connectors.revenue.embedded.earning import schedule, unscheduled
from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import (
    ContractRenewed,
    EstablishContract,
    ModifyContract,
    RecordBilling,
    RecordFulfilment,
    RecordUsage,
    RevenueAccepted,
    ReviseEstimate,
    TerminateContract,
)
from tests.oracle import terms
from tests.oracle.obligation import Refused, require
from tests.oracle.reading import Json, UnsupportedHistory, day_number, minor, period_of
from tests.oracle.worksheet import Worksheet
from tests.revenue.commands import (
    USAGE,
    CommandBody,
    Contract,
    amend,
    change,
    establish,
    estimate,
    line,
    terminate,
)
from tests.revenue.histories import histories

STRICTER = {
    RefusalCode.NEGATIVE_PRICE,
    RefusalCode.TERM_INVALID,
    RefusalCode.LINE_NOT_SEPARABLE,
}
"""What the engine refuses and the calculation does not look at: it works out histories that are meant to be valid."""


def beyond_the_calculation(body: CommandBody) -> bool:
    """Tell whether a change is of a kind that the calculation has no rule for."""
    if isinstance(body, ReviseEstimate) and not body.estimate.price_change and body.estimate.variable_id is None:
        return True
    if not isinstance(body, ModifyContract):
        return False
    added = body.change.added_lines
    return any(not line.distinct and (line.pattern is USAGE or body.renewal) for line in added)


def json(body: object) -> dict[str, Json]:
    """Return a record as the JSON that the calculation reads."""
    return cast("dict[str, Json]", msgspec.to_builtins(body, builtin_types=()))


def enter(sheet: Worksheet, at: int, version: int, on: str, body: CommandBody) -> None:
    """Do on the worksheet what a command says."""
    match body:
        case ModifyContract(renewal=True):
            sheet.renew(version, json(ContractRenewed(lines=body.change.added_lines)))
        case ModifyContract():
            sheet.amend(version, day_number(on), json(body.change))
        case TerminateContract():
            sheet.terminate(day_number(on), json(body.termination))
        case RecordUsage():
            last = sheet.terminated_on
            require(last is None or body.usage.usage_end <= dt.date.fromordinal(last), "usage after the termination")
            sheet.use(f"u{at}", json(body.usage))
        case RecordFulfilment():
            sheet.fulfil(day_number(on), json(body.fulfilment))
        case ReviseEstimate() if body.estimate.variable_id is not None:
            terms.reestimate(sheet, day_number(on), json(body.estimate))
        case ReviseEstimate():
            change = minor(json(body.estimate), "price_change", sheet.currency)
            sheet.change_price(day_number(on), body.estimate.line_id, change)
        case RecordBilling():
            require(all(line.line_id in sheet.lines for line in body.lines), "no line to bill")
            for line in body.lines if body.credit and body.effect == "PRICE_REDUCTION" else ():
                sheet.change_price(day_number(on), line.line_id, -minor(json(line), "net", sheet.currency))
        case _:
            raise NotImplementedError(type(body).__name__)


INCREMENT_BESIDE_AN_ADDED_LINE: tuple[EstablishContract, list[tuple[str, CommandBody]]] = (
    establish(line("L0", "0", end="2026-01-01"), line("L1", "0", end="2026-01-01"), line("L2", "1", end="2026-02-01")),
    [
        ("2026-01-01", amend(change("L0", "1", "0", quantity="1"), change("L1", "1", "0", quantity="1"))),
        (
            "2026-01-01",
            amend(change("L2", "2", "2", quantity="9"), added=[line("A4", "1", end="2026-01-02")], removed=["L0"]),
        ),
        ("2026-01-01", estimate("2", "A4")),
        ("2026-01-01", terminate("0", "50")),
    ],
)
"""Found once: the termination shares its last cent in book order, which has to say whether increments come before
lines that the same amendment adds."""


@settings(max_examples=400, deadline=None)
@example(INCREMENT_BESIDE_AN_ADDED_LINE)
@given(histories())
def test_the_engine_agrees_with_the_independent_calculation(
    drawn: tuple[EstablishContract, list[tuple[str, CommandBody]]],
) -> None:
    signed, history = drawn
    if any(line.pattern is USAGE and not line.distinct for line in signed.terms.lines):
        return
    contract = Contract()
    accepted = isinstance(contract.try_(signed), RevenueAccepted)
    try:
        sheet = Worksheet.sign("US01", json(signed.terms))
    except Refused:
        assert not accepted
        return
    assert accepted
    for at, (on, body) in enumerate(history):
        lapsed = isinstance(body, TerminateContract) or on < max(before for before, _ in history[: at + 1])
        if beyond_the_calculation(body) or (lapsed and signed.terms.options):
            return
        answer = contract.try_(body, on)
        assert contract.book is not None
        version = contract.book.version + (not isinstance(answer, RevenueAccepted))
        if not isinstance(answer, RevenueAccepted) and answer.code in STRICTER:
            continue
        try:
            enter(sheet, at, version, on, body)
        except UnsupportedHistory:
            return
        except Refused as reason:
            refused = str(reason)
        else:
            refused = ""
        assert bool(refused) != isinstance(answer, RevenueAccepted), (body, answer, refused)
        if not isinstance(answer, RevenueAccepted):
            event(f"both refuse: {answer.code}")
            continue
        event(f"both accept: {answer.treatment}")
        agree(contract, sheet)


def agree(contract: Contract, sheet: Worksheet) -> None:
    """Compare allocation, schedule, what is open and how changes were treated."""
    book = contract.book
    assert book is not None
    assert {o.obligation_id: o.allocated for o in book.obligations} == {o.name: o.allocated for o in sheet.obligations}
    assert {(o.obligation_id, period): amount for o in book.obligations for period, amount in schedule(o)} == {
        (name, period_of(month)): amount for (name, month), amount in sheet.schedule().items()
    }
    assert {o.obligation_id: unscheduled(o) for o in book.obligations} == {
        o.name: o.allocated - o.scheduled() for o in sheet.obligations
    }
    assert book.transaction_price == sheet.price()
