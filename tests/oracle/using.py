"""What is used and what is invoiced, on a worksheet: it is earned on its own day (accounting.md 4, 14.2 to 14.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from tests.oracle.consumption import Credits, Minimum
from tests.oracle.earning import point
from tests.oracle.obligation import Obligation, Refused, require
from tests.oracle.reading import (
    Json,
    UnsupportedHistory,
    branch,
    day,
    day_number,
    exact,
    minor,
    optional_text,
    text,
)

if TYPE_CHECKING:
    from tests.oracle.worksheet import Worksheet


def use(sheet: Worksheet, event_id: str, body: Mapping[str, Json]) -> None:
    """Take in rated usage."""
    obligation = sheet.line(text(body, "line_id")).obligation
    until = day(body, "usage_end")
    amount = minor(body, "amount", sheet.currency)
    require(obligation.pattern in {"USAGE", "PREPAID"}, f"line {obligation.name} is no usage line")
    require(obligation.start <= until <= obligation.end, f"usage outside the term of line {obligation.name}")
    meter = obligation.meter
    if isinstance(meter, Credits):
        require(not obligation.removed and sheet.terminated_on is None, f"credits {obligation.name} have ended")
        require(amount == 0 or not meter.by_quantity, f"an amount for credits {obligation.name} without price")
        used = exact(str(body["quantity"])) if meter.by_quantity else Fraction(amount)
        require(0 <= used <= meter.left(), f"{used} of {meter.left()} credits {obligation.name} that are left")
        meter.uses[event_id] = (until, used)
        return
    if isinstance(meter, Minimum):
        period = meter.of_day(until)
        so_far = sum(used for _, used in [*period.uses.values(), *period.above.values()])
        require(so_far + amount >= 0, f"less than no usage of {obligation.name} in its period")
        meter.use(event_id, until, amount)
        obligation.allocated = obligation.scheduled()
        return
    so_far = sum(piece.amount for piece in obligation.usage.values())
    require(so_far + amount >= 0, f"less than no usage of {obligation.name}")
    obligation.usage[event_id] = point(until, amount)
    obligation.allocated += amount


def bill(sheet: Worksheet, transaction: str, on: int, lines: Sequence[Mapping[str, Json]], sign: int) -> None:
    """Earn what a document bills, or credits, of work that is earned as it may be invoiced."""
    earned: list[tuple[Obligation, int, int]] = []
    for line in lines:
        obligation = sheet.line(text(line, "line_id")).obligation
        if obligation.pattern != "AS_INVOICED":
            continue
        stated = optional_text(line, "service_end")
        until = on if stated is None else day_number(stated)
        inside = stated is None or obligation.start <= until <= obligation.end
        require(inside, f"service outside the term of line {obligation.name}")
        earned.append((obligation, until, sign * minor(line, "net", sheet.currency)))
    for number, (obligation, until, amount) in enumerate(earned):
        obligation.usage[f"{transaction}#{number}"] = point(until, amount)
        obligation.allocated += amount


def take_back(sheet: Worksheet, transaction: str) -> None:
    """Take out superseded usage, or what a superseded document billed."""
    for obligation in sheet.obligations:
        for name in [it for it in obligation.usage if it == transaction or it.startswith(f"{transaction}#")]:
            obligation.allocated -= obligation.usage.pop(name).amount
        meter = obligation.meter
        if meter is not None and transaction in meter.names():
            if not meter.take_back(transaction):
                raise UnsupportedHistory(f"use {transaction} of {obligation.name} taken back after its end")
            obligation.allocated = obligation.scheduled()


def require_rated(sheet: Worksheet) -> None:
    """Refuse what leaves less than no usage of a line, or of a period of its minimum."""
    for obligation in sheet.obligations:
        require(sum(it.amount for it in obligation.usage.values()) >= 0 or obligation.pattern != "USAGE", "no usage")
        for period in obligation.meter.periods if isinstance(obligation.meter, Minimum) else ():
            require(sum(amount for _, amount in [*period.uses.values(), *period.above.values()]) >= 0, "no usage")


def expect_breakage(sheet: Worksheet, on: int, body: Mapping[str, Json]) -> None:
    """Expect from the day on that another part of prepaid credits is never used."""
    sheet.require_running()
    obligation = sheet.line(text(body, "line_id")).obligation
    share = exact(str(branch(body["breakage_percent"]))) / 100
    told = minor(body, "price_change", sheet.currency)
    require(told == 0, f"a price change of {told} minor units beside a breakage")
    meter = obligation.meter
    if not isinstance(meter, Credits) or obligation.removed:
        raise Refused(f"line {obligation.name} has no credits whose breakage can be estimated")
    require(0 <= share < 1, f"breakage of {share}")
    require(on <= meter.end, f"credits {obligation.name} have expired")
    meter.breakage.insert(0, (on, share))
