"""What was accepted of a contract, and how it is worked through again when an earlier event is corrected.

Written from docs/accounting.md sections 10 and 16.1. Knows no ledger and no order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.oracle import doubt, ending, terms, using
from tests.oracle.obligation import Refused, require
from tests.oracle.reading import Json, UnsupportedHistory, branch, day, exact, minor, optional_text, records, text
from tests.oracle.worksheet import Worksheet

CHANGES = frozenset({"ContractSigned", "ContractAmended", "ContractRenewed", "ContractTerminated"})
REPLAYED = CHANGES | {"ObligationFulfilled", "EstimateChanged"}
"""What a correction takes the place of; everything else is reversed, and its correction is an event of its own."""

_SAYS = {
    "ObligationFulfilled": {"percent", "units", "cost_incurred", "cost_expected"},
    "EstimateChanged": {"price_change", "variable_id", "breakage_percent", "collection_probable", "consideration_kept"},
}
_ZERO = {"percent", "price_change"}
"""Of what says something, what says nothing when it is 0."""


@dataclass(frozen=True)
class Accepted:
    """An event that counts, as it was told."""

    transaction: str
    kind: str
    version: int
    entity: str
    on: int
    body: Mapping[str, Json]
    nothing: bool = False
    """Whether it only takes the place of what should not have been told."""


def tells_nothing(kind: str, body: Mapping[str, Json]) -> bool:
    """Whether a correction takes back what it corrects: a fulfilment without progress, an estimate without change."""
    told = {name for name in _SAYS.get(kind, set()) if branch(body.get(name)) is not None}
    return kind in _SAYS and all(name in _ZERO and exact(str(branch(body[name]))) == 0 for name in told)


def enter(sheet: Worksheet | None, event: Accepted) -> Worksheet:
    """Do on the worksheet what the event says; a signature begins a worksheet."""
    if event.kind == "ContractSigned":
        require(sheet is None, "the contract is signed already")
        return Worksheet.sign(event.entity, event.body)
    if sheet is None:
        raise Refused("the contract was never signed")
    body, on = event.body, event.on
    if event.nothing:
        return sheet
    if sheet.financed is not None and event.kind in {"ContractAmended", "ContractTerminated", "EstimateChanged"}:
        raise UnsupportedHistory(f"a {event.kind} of a contract that is financed")
    if sheet.financed is not None and event.kind == "ObligationFulfilled":
        sheet.financed.require_as_planned(text(body, "line_id"), on)
    if event.kind == "ContractAmended":
        sheet.amend(event.version, on, body)
    elif event.kind == "ContractRenewed":
        sheet.renew(event.version, on, body)
    elif event.kind == "ContractTerminated":
        ending.terminate(sheet, on, body)
    elif event.kind == "UsageRated":
        last = sheet.terminated_on
        require(last is None or day(body, "usage_end") <= last, "usage after the termination")
        using.use(sheet, event.transaction, body)
    elif event.kind == "ObligationFulfilled":
        sheet.fulfil(on, body)
    elif event.kind == "EstimateChanged":
        _estimate(sheet, on, body)
    elif event.kind in {"InvoiceIssued", "CreditIssued"}:
        _bill(sheet, event)
    return sheet


def _estimate(sheet: Worksheet, on: int, body: Mapping[str, Json]) -> None:
    if optional_text(body, "variable_id") is not None:
        terms.reestimate(sheet, on, body)
    elif doubt.concerns(body):
        doubt.assess(sheet, on, body)
    elif branch(body.get("breakage_percent")) is not None:
        using.expect_breakage(sheet, on, body)
    else:
        sheet.change_price(on, optional_text(body, "line_id"), minor(body, "price_change", sheet.currency))


def _bill(sheet: Worksheet, event: Accepted) -> None:
    lines = records(event.body, "lines")
    for line in lines:
        require(text(line, "line_id") in sheet.lines, f"no line {line['line_id']} to bill")
    reduced = priced(event, sheet)
    if reduced:
        if sheet.financed is not None:
            raise UnsupportedHistory("a price reduction of a contract that is financed")
        sheet.require_running()
    for line in reduced:
        name = text(line, "line_id")
        require(sheet.lines[name].obligation.takes_price_changes, f"no price of line {name} to reduce")
    using.bill(sheet, event.transaction, event.on, lines, 1 if event.kind == "InvoiceIssued" else -1)
    for line in reduced:
        sheet.change_price(event.on, text(line, "line_id"), -minor(line, "net", sheet.currency))


def priced(event: Accepted, sheet: Worksheet) -> list[Mapping[str, Json]]:
    """Return the lines of a credit that reduce a price that was agreed."""
    if event.body.get("effect") != "PRICE_REDUCTION":
        return []
    lines = records(event.body, "lines")
    return [line for line in lines if sheet.lines[text(line, "line_id")].obligation.pattern != "AS_INVOICED"]


def replay(events: Iterable[Accepted]) -> Worksheet | None:
    """Work through what was accepted again, from the beginning."""
    sheet: Worksheet | None = None
    for event in events:
        try:
            sheet = enter(sheet, event)
        except Refused as refused:
            raise Refused(f"{event.kind} {event.transaction} cannot be executed any more: {refused}") from None
    return sheet
