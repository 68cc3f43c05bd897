"""Progress that units delivered or cost incurred measure: UNITS and COST_TO_COST (docs/accounting.md section 14.1).

ASC 606-10-25-31 to 37 and 606-10-55-16 to 21. A unit is a distinct good: what it earns changes for the units that are
not delivered. A cost measure is of one promise: it is caught up. Knows obligations and measures; no book, no command.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from connectors.revenue.embedded.book import Measure, Obligation
from connectors.revenue.embedded.earning import total, with_point
from connectors.revenue.embedded.minor_units import divide
from connectors.revenue.embedded.refusal import CommandRefusedError, RefusalCode
from streams.records import ContractLine, ObligationFulfilled, RecognitionPattern

COMPLETE = Decimal(100)
_NOTHING = Decimal(0)


def measure_of(line: ContractLine) -> Measure | None:
    """Return what progress of a line is measured by, nothing done yet; None where nothing but time or a fact is."""
    if line.pattern is RecognitionPattern.UNITS:
        return Measure(line.quantity)
    if line.pattern is RecognitionPattern.COST_TO_COST and line.expected_cost is not None:
        return Measure(line.expected_cost)
    return None


def measure_joined(obligation: Obligation, line: ContractLine) -> Measure | None:
    """Return the measure of an obligation that a line of the same pattern joins: their costs add up."""
    if obligation.measure is None or line.expected_cost is None:
        return obligation.measure
    return replace(obligation.measure, expected=obligation.measure.expected + line.expected_cost)


def performed_share(measure: Measure) -> tuple[int, int]:
    """Return progress as numerator and denominator."""
    if not measure.expected:
        return 1, 1
    above, below = measure.done.as_integer_ratio()
    whole, part = measure.expected.as_integer_ratio()
    return above * part, below * whole


def remaining_share(measure: Measure) -> tuple[int, int]:
    """Return the part that is not done yet as numerator and denominator."""
    above, below = performed_share(measure)
    return below - above, below


def in_progress(obligation: Obligation) -> bool:
    """Tell whether a promise that is performed as one has begun: a change of it is caught up."""
    if obligation.pattern is RecognitionPattern.MILESTONE:
        return obligation.progress > 0
    return (
        obligation.pattern is RecognitionPattern.COST_TO_COST
        and obligation.measure is not None
        and obligation.measure.done > 0
    )


def measured_anew(obligation: Obligation, expected: Decimal) -> Obligation:
    """Return an obligation with other units promised or another cost expected. Raises CommandRefusedError."""
    measure = obligation.measure
    if measure is None:
        return obligation
    if expected < measure.done or expected <= 0:
        what = "units are delivered" if obligation.pattern is RecognitionPattern.UNITS else "of cost is incurred"
        raise CommandRefusedError(
            RefusalCode.PROGRESS_INVALID,
            f"obligation {obligation.obligation_id} would have {expected} in all, and {measure.done} {what}; "
            f"expected at least that, and more than 0. Correct the quantity or the cost.",
        )
    return _with(obligation, replace(measure, expected=expected))


def settled(obligation: Obligation) -> Obligation:
    """Remember what delivered units have earned, once what the others earn has changed."""
    measure = obligation.measure
    if measure is None or obligation.pattern is not RecognitionPattern.UNITS:
        return obligation
    return replace(obligation, measure=replace(measure, since=measure.done, earned=total(obligation.segments)))


def with_cost_share(obligation: Obligation, day: dt.date) -> Obligation:
    """Earn on a day what cost incurred over cost expected has earned of all that is allocated, less what was."""
    assert obligation.measure is not None
    above, below = performed_share(obligation.measure)
    share = divide(obligation.allocated * above, below) - total(obligation.segments)
    return replace(obligation, segments=with_point(obligation.segments, day, share))


def deliver(holders: Sequence[Obligation], units: Decimal, day: dt.date) -> list[Obligation]:
    """Earn units that were delivered; a line's own obligation is delivered before its increments, in their order.

    `units` are cumulative over all holders. Raises CommandRefusedError when they do not grow or are not promised.
    """
    measures = [holder.measure or Measure(_NOTHING) for holder in holders]
    delivered = sum((measure.done for measure in measures), _NOTHING)
    promised = sum((measure.expected for measure in measures), _NOTHING)
    if not delivered < units <= promised:
        raise CommandRefusedError(
            RefusalCode.PROGRESS_INVALID,
            f"{units} units of line {holders[0].line_id} are reported as delivered; expected above {delivered} and up "
            f"to {promised}. Report cumulative units, or amend the quantity first.",
        )
    rest = units - delivered
    changed: list[Obligation] = []
    for holder, measure in zip(holders, measures, strict=True):
        taken = min(rest, measure.expected - measure.done)
        rest -= taken
        changed.append(_earn_units(holder, replace(measure, done=measure.done + taken), day) if taken else holder)
    return changed


def _earn_units(holder: Obligation, measure: Measure, day: dt.date) -> Obligation:
    above, below = (measure.done - measure.since).as_integer_ratio()
    whole, part = (measure.expected - measure.since).as_integer_ratio()
    upto = measure.earned + divide((holder.allocated - measure.earned) * above * part, below * whole)
    segments = with_point(holder.segments, day, upto - total(holder.segments))
    return _with(replace(holder, segments=segments), measure)


def incur(obligation: Obligation, fulfilment: ObligationFulfilled, day: dt.date) -> Obligation:
    """Earn by cost incurred over cost expected, cumulatively. Raises CommandRefusedError."""
    before = obligation.measure
    assert before is not None
    incurred = before.done if fulfilment.cost_incurred is None else fulfilment.cost_incurred
    expected = before.expected if fulfilment.cost_expected is None else fulfilment.cost_expected
    line_id = obligation.line_id
    if incurred < before.done or (incurred, expected) == (before.done, before.expected):
        raise CommandRefusedError(
            RefusalCode.PROGRESS_INVALID,
            f"cost of {incurred} is reported for line {line_id}, with {expected} expected; expected more than "
            f"{before.done}, or another total than {before.expected}. Report cumulative cost; cost that does not show "
            "progress (606-10-55-21) is left out when it is reported.",
        )
    if incurred > expected or expected <= 0:
        raise CommandRefusedError(
            RefusalCode.PROGRESS_INVALID,
            f"cost of {incurred} is reported for line {line_id}, and {expected} is expected in all; expected a total "
            "above 0 that covers what is incurred. State the new total in cost_expected.",
        )
    return with_cost_share(_with(obligation, replace(before, done=incurred, expected=expected)), day)


def _with(obligation: Obligation, measure: Measure) -> Obligation:
    complete = measure.done == measure.expected
    return replace(obligation, measure=measure, progress=COMPLETE if complete else _NOTHING)
