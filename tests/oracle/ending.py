"""The end of a contract, on its worksheet."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.oracle import doubt
from tests.oracle.earning import point, split
from tests.oracle.obligation import require
from tests.oracle.reading import Json, UnsupportedHistory, minor

if TYPE_CHECKING:
    from tests.oracle.worksheet import Worksheet


def terminate(sheet: Worksheet, on: int, body: Mapping[str, Json]) -> None:
    """End all service with the day; what is left of the price is earned on it."""
    sheet.require_running()
    if sheet.doubt.now():
        doubt.end(sheet, on, body)
        return
    ended = [
        [p if p.unit == "point" else p.cut(on) for p in o.pieces if not (o.planned(p) and p.start > on)]
        for o in sheet.obligations
    ]
    meters = [copy.deepcopy(o.meter) for o in sheet.obligations]
    for meter in meters:
        if meter is not None:
            meter.stop(on)
    used = [
        sum(p.total() for p in o.usage.values()) + (0 if meter is None else meter.total())
        for o, meter in zip(sheet.obligations, meters, strict=True)
    ]
    unearned = [
        o.allocated - usage - sum(p.total() for p in pieces)
        for o, pieces, usage in zip(sheet.obligations, ended, used, strict=True)
    ]
    rest = sum(unearned) - minor(body, "refund", sheet.currency) + minor(body, "fee", sheet.currency)
    earned = [0 if o.unpriced else o.allocated - left for o, left in zip(sheet.obligations, unearned, strict=True)]
    require(rest + sum(earned) >= 0, f"the refund is {-rest - sum(earned)} minor units more than the whole price")
    if rest < 0:
        shares = split(rest, earned)
    elif sum(unearned):
        shares = split(rest, unearned)
    elif any(unearned):
        raise UnsupportedHistory("a termination with unearned amounts that cancel out")
    else:
        shares = [rest] + [0] * (len(unearned) - 1)
    for obligation, pieces, meter, share in zip(sheet.obligations, ended, meters, shares, strict=True):
        obligation.pieces = [*pieces, point(on, share)] if share else pieces
        obligation.meter = meter
        obligation.allocated = obligation.scheduled()
        if obligation.pattern != "AS_INVOICED":
            obligation.end = min(obligation.end, on)
    sheet.terminated_on = on
    sheet.treatments.append("TERMINATION")
