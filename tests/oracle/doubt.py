"""Whether the customer will pay: what of all that is earned may be recognised (accounting.md section 17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.oracle.earning import split
from tests.oracle.obligation import Obligation, require
from tests.oracle.reading import Json, UnsupportedHistory, branch, minor, optional_text

if TYPE_CHECKING:
    from tests.oracle.worksheet import Worksheet

FOR_EVER = 10**7
"""A day after every other."""


@dataclass
class Doubt:
    """The times in which collection is not probable, and what was kept meanwhile."""

    times: list[tuple[int, int]] = field(default_factory=list)
    """From a day to the day before another; the last may go on for ever."""
    assessed_on: int = 0
    kept: list[tuple[int, dict[str, int]]] = field(default_factory=list)
    """By obligation, from a day on."""

    def now(self) -> bool:
        """Whether collection is in doubt, as far as is known."""
        return bool(self.times) and self.times[-1][1] == FOR_EVER

    def recognisable(self, obligation: Obligation, by: int) -> int:
        """Return what may be recognised by the end of the day."""
        until = next((begin - 1 for begin, end in self.times if begin <= by and (by < end or end == FOR_EVER)), by)
        return obligation.earned(until) + sum(shares.get(obligation.name, 0) for day, shares in self.kept if day <= by)

    def days(self) -> list[int]:
        """Return the days on which what may be recognised changes."""
        return [end for _, end in self.times if end != FOR_EVER] + [day for day, _ in self.kept]


def signed(body: Mapping[str, Json]) -> Doubt:
    """Return the doubt of a signature."""
    return Doubt([(1, FOR_EVER)] if branch(body.get("collection_probable")) is False else [])


def concerns(body: Mapping[str, Json]) -> bool:
    """Whether an estimate is one of collection."""
    return any(branch(body.get(name)) is not None for name in ("collection_probable", "consideration_kept"))


def assess(sheet: Worksheet, on: int, body: Mapping[str, Json]) -> None:
    """Take in whether collection is probable now, or what is kept though it is not."""
    doubt = sheet.doubt
    probable, kept = branch(body.get("collection_probable")), branch(body.get("consideration_kept"))
    others = ("line_id", "variable_id", "breakage_percent")
    alone = not any(branch(body.get(name)) is not None for name in others) and not minor(
        body, "price_change", sheet.currency
    )
    require(alone and (probable is None or kept is None), "an assessment of collection beside another estimate")
    require(bool(optional_text(body, "basis")), "an assessment of collection without basis")
    if kept is not None:
        _keep(sheet, on, minor({"kept": kept}, "kept", sheet.currency))
        return
    sheet.require_running()
    require(probable is doubt.now(), "an assessment of collection that says what is known")
    require(on >= doubt.assessed_on, "an assessment of collection before the one before it")
    if probable:
        require(not doubt.kept, "collection that is probable again after something was kept")
        doubt.times[-1] = (doubt.times[-1][0], on)
    else:
        doubt.times.append((on, FOR_EVER))
    doubt.assessed_on = on


def _keep(sheet: Worksheet, on: int, amount: int) -> None:
    doubt = sheet.doubt
    require(doubt.now() and on >= doubt.times[-1][0], "something is kept while collection is probable")
    left = [o.allocated - doubt.recognisable(o, FOR_EVER) for o in sheet.obligations]
    if sheet.terminated_on is None:
        require(0 < amount <= sum(left), f"{amount} minor units kept of {sum(left)}")
    weights = [max(part, 0) for part in left]
    shares = split(amount, weights) if sum(weights) else [amount] + [0] * (len(left) - 1)
    doubt.kept.append((on, {o.name: share for o, share in zip(sheet.obligations, shares, strict=True)}))
    if sheet.terminated_on is not None:
        for obligation, share in zip(sheet.obligations, shares, strict=True):
            obligation.allocated += share


def end(sheet: Worksheet, on: int, body: Mapping[str, Json]) -> None:
    """End a contract of which collection is in doubt: nothing but what was recognised is left."""
    nothing = not minor(body, "refund", sheet.currency) and not minor(body, "fee", sheet.currency)
    require(nothing, "a refund or fee of a contract of which collection is in doubt")
    if any(o.consumed for o in sheet.obligations):
        raise UnsupportedHistory("the end of metered usage in doubt")
    for obligation in sheet.obligations:
        obligation.allocated = sheet.doubt.recognisable(obligation, on)
        obligation.end = min(obligation.end, on)
    sheet.terminated_on = on
    sheet.treatments.append("TERMINATION")
