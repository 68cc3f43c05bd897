"""Whatever happens to a contract, the engine and the independent batch calculation come to the same.

`tests/oracle` was written from docs/accounting.md alone and shares no code with the engine; this drives both through
the same history and compares what each accepts, allocates and schedules.
"""

from __future__ import annotations

import os
from typing import cast

import msgspec
from hypothesis import event, example, given, settings

from connectors.revenue.embedded.collectibility import open_amount, recognisable_schedule
from connectors.revenue.embedded.refusal import RefusalCode
from streams.records import (
    ContractRenewed,
    CreditIssued,
    EstablishContract,
    InvoiceIssued,
    ModifyContract,
    RecordBilling,
    RecordFulfilment,
    RecordUsage,
    RevenueAccepted,
    ReviseEstimate,
    TerminateContract,
)
from tests.oracle.doubt import FOR_EVER
from tests.oracle.obligation import Refused
from tests.oracle.reading import Json, UnsupportedHistory, day_number, period_of
from tests.oracle.replay import Accepted, enter
from tests.oracle.worksheet import Worksheet
from tests.revenue.commands import (
    POINT,
    USAGE,
    CommandBody,
    Contract,
    amend,
    change,
    credit,
    establish,
    estimate,
    fulfil,
    line,
    terminate,
)
from tests.revenue.histories import histories

EXAMPLES = int(os.environ.get("TIEOUT_EXAMPLES", "400"))
"""How many histories each of the comparisons with the calculation draws; TIEOUT_EXAMPLES=20000 takes minutes."""

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


def told(at: int, version: int, on: str, body: CommandBody) -> Accepted:
    """Return a command as the calculation is told of it."""
    kind, content = _said(body)
    return Accepted(f"c{at}", kind, version, "US01", day_number(on), json(content))


def _said(body: CommandBody) -> tuple[str, object]:
    match body:
        case EstablishContract():
            return "ContractSigned", body.terms
        case ModifyContract(renewal=True, change=change):
            return "ContractRenewed", ContractRenewed(
                lines=change.added_lines, exercised_options=change.exercised_options
            )
        case ModifyContract():
            return "ContractAmended", body.change
        case TerminateContract():
            return "ContractTerminated", body.termination
        case RecordUsage():
            return "UsageRated", body.usage
        case RecordFulfilment():
            return "ObligationFulfilled", body.fulfilment
        case ReviseEstimate():
            return "EstimateChanged", body.estimate
        case RecordBilling(credit=True):
            return "CreditIssued", CreditIssued(
                credit_id=body.document_id, currency="USD", lines=body.lines, effect=body.effect
            )
        case RecordBilling():
            return "InvoiceIssued", InvoiceIssued(invoice_id=body.document_id, currency="USD", lines=body.lines)
        case _:
            raise NotImplementedError(type(body).__name__)


def refusal(sheet: Worksheet, event: Accepted) -> str:
    """Do on the worksheet what an event says; return why an accountant would not, or nothing."""
    try:
        enter(sheet, event)
    except Refused as reason:
        return str(reason)
    return ""


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


REFUND_BELOW_THE_PRICE: tuple[EstablishContract, list[tuple[str, CommandBody]]] = (
    establish(line("L0", "100"), line("L1", "1000", pattern=POINT)),
    [
        ("2026-01-01", fulfil("L1")),
        ("2026-01-01", credit("CN", reduces_price=True, L1="1099")),
        ("2026-01-01", terminate("50")),
    ],
)
"""Found once: a refund that is less than what is unearned, and leaves a price below 0, since more is taken off what was
earned than was earned: refused."""


@settings(max_examples=EXAMPLES, deadline=None)
@example(INCREMENT_BESIDE_AN_ADDED_LINE)
@example(REFUND_BELOW_THE_PRICE)
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
            refused = refusal(sheet, told(at, version, on, body))
        except UnsupportedHistory:
            return
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
    dated = {o.obligation_id: recognisable_schedule(book, o) for o in book.obligations}
    assert {(name, period): amount for name, months in dated.items() for period, amount in months} == {
        (name, period_of(month)): amount for (name, month), amount in sheet.schedule().items()
    }
    assert {o.obligation_id: open_amount(book, o, dated[o.obligation_id]) for o in book.obligations} == {
        o.name: o.allocated - sheet.doubt.recognisable(o, FOR_EVER) for o in sheet.obligations
    }
    assert book.transaction_price == sheet.price()
