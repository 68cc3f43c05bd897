"""Contract modifications on a worksheet (ASC 606-10-25-10 to 13; docs/accounting.md sections 5 and 10).

Works in three passes: say what each item is, share every prospective pool, and only then write; so that an amendment
that is refused has changed nothing.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from tests.oracle.consumption import Credits, Minimum
from tests.oracle.earning import part, split
from tests.oracle.obligation import Line, Obligation, Refused, require
from tests.oracle.reading import Json, branch, day_number, exact, minor, optional_text, records, text, texts
from tests.oracle.terms import Spread

if TYPE_CHECKING:
    from tests.oracle.worksheet import Worksheet

SIGNED = "signed"


@dataclass(frozen=True)
class Change:
    """A changed line: the old line, the difference, and its new end."""

    line: Line
    price_delta: int
    ssp_delta: Fraction
    quantity: Fraction
    end: int
    treatment: str
    promised: Fraction | None = None
    """Units that the line's own obligation promises now, or the cost expected of it."""


@dataclass
class Sorted:
    """The items of an amendment by what is done with them."""

    separate: list[Mapping[str, Json]] = field(default_factory=list)
    prospective: list[Mapping[str, Json]] = field(default_factory=list)
    joining: list[Mapping[str, Json]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    removed: list[Line] = field(default_factory=list)

    def treatment(self) -> str:
        """Return the treatment that all items share, else MIXED."""
        found = {change.treatment for change in self.changes}
        found |= {"SEPARATE_CONTRACT"} if self.separate else set()
        found |= {"PROSPECTIVE"} if self.prospective or self.removed else set()
        found |= {"CUMULATIVE_CATCH_UP"} if self.joining else set()
        changing = found - {"NOT_A_MODIFICATION"} or found
        return changing.pop() if len(changing) == 1 else "MIXED"


@dataclass
class Pool:
    """What a group's prospective items leave to be shared, and by whom."""

    members: list[Obligation] = field(default_factory=list)
    weights: list[Fraction] = field(default_factory=list)
    amount: int = 0


def amend(sheet: Worksheet, version: int, on: int, body: Mapping[str, Json]) -> str:
    """Apply an amendment effective on a day and return its treatment."""
    conceding = [change for change in records(body, "changed_lines") if minor(change, "concession", sheet.currency)]
    if not conceding:
        return _amend(sheet, version, on, body)
    draft = copy.deepcopy(sheet)
    for change in conceding:
        _concede(draft, on, change)
    treatment = _amend(draft, version, on, body)
    vars(sheet).update(vars(draft))
    return "PRICE_CHANGE" if treatment == "NOT_A_MODIFICATION" else "MIXED"


def _concede(sheet: Worksheet, on: int, change: Mapping[str, Json]) -> None:
    """Take a concession out of what was performed before the day."""
    name, amount = text(change, "line_id"), minor(change, "concession", sheet.currency)
    require(name in sheet.lines, f"no line {name} to change")
    line = sheet.lines[name]
    obligation = line.obligation
    whole = not obligation.consumed and (obligation.progress == 1 or not obligation.under_way())
    require(obligation.distinct and whole, f"what was performed of {name} is not distinct")
    require(0 < amount <= min(obligation.settled(on), line.price), f"a concession of {amount} minor units on {name}")
    line.price -= amount
    obligation.price -= amount
    obligation.take(on, -amount)


def _amend(sheet: Worksheet, version: int, on: int, body: Mapping[str, Json]) -> str:
    items = _sort(sheet, on, body)
    treatment = items.treatment()
    requested = optional_text(body, "requested_treatment")
    require(
        requested in {None, "UNDETERMINED", treatment},
        f"treatment dispute: {requested} is requested, the facts say {treatment}",
    )
    pools = _pools(sheet, on, items)
    shares: dict[str, list[int]] = {}
    for group, pool in pools.items():
        require(pool.amount >= 0, f"the pool of {group} is {pool.amount} minor units")
        if not any(pool.weights):
            require(pool.amount == 0, f"a pool of {pool.amount} minor units and nothing left to share it by")
        shares[group] = split(pool.amount, pool.weights) if any(pool.weights) else [0] * len(pool.weights)
    _write(sheet, version, on, items, pools, shares)
    return treatment


def _sort(sheet: Worksheet, on: int, body: Mapping[str, Json]) -> Sorted:
    items = Sorted()
    named: set[str] = set()
    for line in records(body, "added_lines"):
        name = text(line, "line_id")
        require(name not in sheet.lines and name not in named, f"line {name} was used before")
        named.add(name)
        trial = sheet.trial(line, SIGNED)
        price, ssp = minor(line, "price", sheet.currency), minor(line, "ssp", sheet.currency)
        if text(line, "pattern") in {"USAGE", "AS_INVOICED"}:
            require(price == ssp, f"line {name} is not at its SSP")
            items.separate.append(line)
        elif line.get("distinct", True) is not True:
            bundle = _bundle(sheet)
            if bundle is None:
                raise Refused("no obligation that is not distinct for the added line to join")
            bundle.require_joins(trial)
            items.joining.append(line)
        else:
            (items.separate if price == ssp else items.prospective).append(line)
    for change in records(body, "changed_lines"):
        name = text(change, "line_id")
        require(name in sheet.lines and name not in named, f"no line {name} to change")
        named.add(name)
        items.changes.append(_classify(sheet, on, change))
    for name in texts(body, "removed_lines"):
        require(name in sheet.lines and name not in named, f"no line {name} to remove")
        named.add(name)
        going = sheet.lines[name]
        require(not going.obligation.removed, f"line {name} is removed already")
        require(not going.obligation.satisfied(on), f"line {name} is satisfied: nothing to cancel")
        apart = going.obligation.distinct or going.obligation.consumed
        require(apart, f"line {name} is not distinct and cannot be removed")
        items.removed.append(going)
    require(bool(named), "an amendment without items")
    return items


def _bundle(sheet: Worksheet) -> Obligation | None:
    return next((o for o in sheet.obligations if not o.distinct and o.group == SIGNED), None)


def _classify(sheet: Worksheet, on: int, change: Mapping[str, Json]) -> Change:
    line = sheet.lines[text(change, "line_id")]
    obligation = line.obligation
    require(not obligation.removed, f"line {obligation.name} is removed")
    price_delta = minor(change, "price", sheet.currency) - line.price
    ssp_delta = minor(change, "ssp", sheet.currency) - line.ssp
    stated_quantity = branch(change.get("quantity"))
    quantity = line.quantity if stated_quantity is None else exact(str(stated_quantity))
    stated_end = optional_text(change, "end_date")
    end = obligation.end if stated_end is None else day_number(stated_end)
    promised = _promised(change, line, quantity)
    same = price_delta == 0 and ssp_delta == 0 and quantity == line.quantity and end == obligation.end
    if same and promised == obligation.promised:
        treatment = "NOT_A_MODIFICATION"
    elif obligation.consumed:
        require(price_delta == 0 and ssp_delta == 0, f"the price or SSP of {obligation.name} does not change")
        fixed = quantity == line.quantity if obligation.pattern == "PREPAID" else end == obligation.end
        require(fixed or obligation.unpriced, f"the quantity of credits, or the end of a minimum, {obligation.name}")
        treatment = "CUMULATIVE_CATCH_UP" if obligation.satisfied(on) else "PROSPECTIVE"
    elif obligation.pattern == "UNITS" and obligation.satisfied(on) and quantity > line.quantity:
        at_ssp = end == obligation.end and price_delta == ssp_delta and price_delta > 0
        treatment = "SEPARATE_CONTRACT" if at_ssp else "PROSPECTIVE"
    elif obligation.satisfied(on) or not obligation.distinct or obligation.under_way():
        treatment = "CUMULATIVE_CATCH_UP"
    elif (
        (obligation.unit is not None or obligation.pattern == "UNITS")
        and quantity > line.quantity
        and end == obligation.end
        and price_delta == ssp_delta
        and price_delta > 0
    ):
        treatment = "SEPARATE_CONTRACT"
    else:
        treatment = "PROSPECTIVE"
    if promised is not None and treatment != "SEPARATE_CONTRACT":
        require(promised > 0 and promised >= obligation.done, f"less of {obligation.name} than is done")
    return Change(line, price_delta, ssp_delta, quantity, end, treatment, promised)


def _promised(change: Mapping[str, Json], line: Line, quantity: Fraction) -> Fraction | None:
    """Return the units, or the cost, that the line's own obligation has in all after the change."""
    obligation = line.obligation
    cost = branch(change.get("expected_cost"))
    require(cost is None or obligation.pattern == "COST_TO_COST", f"a cost of line {obligation.name}")
    if cost is not None:
        return exact(str(cost))
    if obligation.promised is not None and obligation.pattern == "UNITS":
        return obligation.promised + quantity - line.quantity
    return obligation.promised


def _pools(sheet: Worksheet, on: int, items: Sorted) -> dict[str, Pool]:
    """Collect, by group, what remains of the obligations that a prospective item spreads anew."""
    changed = {
        change.line.obligation.name: change
        for change in items.changes
        if change.treatment == "PROSPECTIVE" and not change.line.obligation.consumed
    }
    going = {o.name: o for removed in items.removed for o in removed.obligations() if not o.unpriced}
    touched = {change.line.obligation.group for change in changed.values()}
    touched |= {o.group for o in going.values()} | ({SIGNED} if items.prospective else set())
    pools: dict[str, Pool] = defaultdict(Pool)
    for obligation in sheet.obligations:
        if obligation.group not in touched:
            continue
        pool = pools[obligation.group]
        earned = obligation.settled(on)
        unearned = obligation.allocated - earned
        if obligation.name in going:
            pool.amount += unearned - _fall(obligation, on)
        elif _shares(obligation, on) or (obligation.pattern == "UNITS" and obligation.name in changed):
            change = changed.get(obligation.name)
            ssp, end, promised = obligation.ssp, obligation.end, obligation.promised
            if change is not None:
                ssp, end, promised = ssp + change.ssp_delta, change.end, change.promised
                pool.amount += change.price_delta
            pool.amount += unearned
            pool.members.append(obligation)
            pool.weights.append(obligation.remaining_weight(on, ssp, end, promised))
    for line in items.prospective:
        # A trial obligation, off the books: only its weight and price are needed here.
        trial = sheet.trial(line, SIGNED)
        pools[SIGNED].amount += trial.price
        pools[SIGNED].weights.append(trial.remaining_weight(on, trial.ssp, trial.end))
    return pools


def _fall(obligation: Obligation, on: int) -> int:
    """Return by how much the price falls when the obligation is removed: by its unearned share."""
    earned, allocated = obligation.settled(on), obligation.allocated
    if isinstance(obligation.meter, Minimum):
        earned = obligation.meter.settled_minimum(on)
        allocated = sum(period.amount for period in obligation.meter.periods)
    return obligation.price - (part(obligation.price, earned, allocated) if allocated else 0)


def _shares(obligation: Obligation, on: int) -> bool:
    return (
        not obligation.consumed
        and obligation.distinct
        and not obligation.removed
        and not obligation.under_way()
        and not obligation.satisfied(on)
    )


def _write(
    sheet: Worksheet, version: int, on: int, items: Sorted, pools: Mapping[str, Pool], shares: Mapping[str, list[int]]
) -> None:
    _remember_spread(sheet, items, pools, shares)
    for change in items.changes:
        if change.treatment not in {"SEPARATE_CONTRACT", "NOT_A_MODIFICATION"}:
            _write_change(on, change)
    for going in items.removed:
        for obligation in going.obligations():
            obligation.removed = True
            obligation.end_service(on - 1)
    for group, pool in pools.items():
        for obligation, share in zip(pool.members, shares[group], strict=False):
            obligation.restart(on, share)
    for line in items.joining:
        joined = _bundle(sheet)
        assert joined is not None
        newcomer = sheet.trial(line, SIGNED)
        sheet.lines[newcomer.name] = Line(joined, newcomer.price, newcomer.ssp, exact(str(line["quantity"])))
        joined.price += newcomer.price
        joined.ssp += newcomer.ssp
        joined.join_cost(newcomer)
        joined.catch_up(on, newcomer.price)
    # Book order of what is new (section 10): prospective lines, separately added lines, increments.
    if items.prospective:
        added_shares = shares[SIGNED][len(pools[SIGNED].members) :]
        for line, share in zip(items.prospective, added_shares, strict=True):
            sheet.new_obligation(line, SIGNED).give(share, on)
    for line in items.separate:
        alone = sheet.new_obligation(line, group=f"added {text(line, 'line_id')}")
        alone.give(alone.price, alone.start)
    for change in items.changes:
        if change.treatment == "SEPARATE_CONTRACT":
            _write_increment(sheet, version, on, change)


def _restate(change: Change) -> None:
    line = change.line
    line.price += change.price_delta
    line.ssp += change.ssp_delta
    line.quantity = change.quantity


def _remember_spread(
    sheet: Worksheet, items: Sorted, pools: Mapping[str, Pool], shares: Mapping[str, list[int]]
) -> None:
    if SIGNED not in pools:
        return
    open_ = [o.name for o in pools[SIGNED].members]
    getting = open_ + [text(line, "line_id") for line in items.prospective]
    going = [o.name for line in items.removed for o in line.obligations() if o.group == SIGNED]
    sheet.spreads.append(Spread(sheet.sharing(), open_ + going, dict(zip(getting, shares[SIGNED], strict=True))))


def _write_increment(sheet: Worksheet, version: int, on: int, change: Change) -> None:
    added_units = change.quantity - change.line.quantity
    _restate(change)
    obligation = change.line.obligation
    name = f"{obligation.name}@v{version}"
    increment = Obligation(
        name=name,
        line=obligation.line,
        product=obligation.product,
        entity=obligation.entity,
        pattern=obligation.pattern,
        group=name,
        start=max(on, obligation.start),
        end=obligation.end,
        price=change.price_delta,
        ssp=change.ssp_delta,
        promised=added_units if obligation.pattern == "UNITS" else None,
    )
    sheet.obligations.append(increment)
    change.line.increments.append(increment)
    increment.give(change.price_delta, increment.start)


def _write_change(on: int, change: Change) -> None:
    _restate(change)
    obligation = change.line.obligation
    obligation.price += change.price_delta
    obligation.ssp += change.ssp_delta
    obligation.promise_now(change.promised)
    if obligation.consumed and change.treatment == "CUMULATIVE_CATCH_UP":
        return
    if change.treatment == "CUMULATIVE_CATCH_UP":
        obligation.catch_up(on, change.price_delta, change.end)
    else:
        obligation.end = change.end
        if isinstance(obligation.meter, Credits):
            obligation.meter.end = change.end
