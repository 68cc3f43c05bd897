"""Terms of the price on a worksheet: what variable consideration and payables add, and who takes which share.

Written from docs/accounting.md section 12. What each term is worth, who owns it, and how the rest
is shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from tests.oracle.earning import split
from tests.oracle.obligation import Obligation, require
from tests.oracle.reading import (
    Json,
    UnsupportedHistory,
    branch,
    day,
    digits,
    exact,
    iso,
    minor,
    optional_text,
    records,
    text,
    texts,
)

if TYPE_CHECKING:
    from tests.oracle.worksheet import Worksheet


@dataclass
class Variable:
    """A variable consideration and where it went."""

    method: str
    included: int
    owners: list[str] = field(default_factory=list)
    weights: list[Fraction] = field(default_factory=list)
    period: Obligation | None = None
    refundable: bool = False

    def shares(self, amount: int) -> list[int]:
        """Return what each owner has of an amount."""
        return split(amount, self.weights)


def has_terms(body: Mapping[str, Json]) -> bool:
    """Whether the price is more than the prices of the lines, or shared by more than their SSP."""
    named = any(body.get(name) for name in ("variable", "payable_to_customer", "bundles"))
    return named or any(line.get("ssp_method") == "RESIDUAL" for line in records(body, "lines"))


def allocate(sheet: Worksheet, created: list[Obligation], body: Mapping[str, Json]) -> None:
    """Allocate the price of a signed contract with its terms."""
    owned: dict[str, int] = {}
    pool = sum(obligation.price for obligation in created)
    alone: set[str] = set()
    for item in records(body, "variable"):
        variable = _variable(sheet, item)
        sheet.variable[text(item, "variable_id")] = variable
        if variable.period is not None:
            continue
        pool += _own(sheet, owned, texts(item, "line_ids"), variable.included)
        alone |= {name for name in texts(item, "line_ids") if sheet.lines[name].obligation.price == 0}
    alone -= {text(line, "line_id") for line in records(body, "lines") if line.get("ssp_method") == "RESIDUAL"}
    sheet.variable_alone = {sheet.lines[name].obligation.name for name in alone}
    for item in records(body, "payable_to_customer"):
        amount = minor(item, "amount", sheet.currency)
        given = branch(item.get("fair_value"))
        worth = 0 if given is None else minor({"given": given}, "given", sheet.currency)
        pool += _own(sheet, owned, texts(item, "line_ids"), -max(amount - worth, 0))
    periods = [variable.period for variable in sheet.variable.values() if variable.period is not None]
    require(pool >= 0, "a shared price below zero")
    require(pool + sum(owned.values()) + sum(period.price for period in periods) >= 0, "a price below zero")
    weights = _weights(sheet, created, body, pool)
    require(pool == 0 or any(weights), f"a price of {pool} minor units without stand-alone selling prices")
    shares = split(pool, weights) if pool else [0] * len(created)
    amounts = [share + owned.get(o.name, 0) for o, share in zip(created, shares, strict=True)]
    require(all(amount >= 0 for amount in amounts), "an allocation below zero")
    for obligation, amount in zip(created, amounts, strict=True):
        obligation.give(amount, from_day=obligation.start)
    for period in periods:
        sheet.obligations.append(period)
        sheet.lines[period.line].increments.append(period)
        period.give(period.price, from_day=period.start)


def add_variable(sheet: Worksheet, on: int, body: Mapping[str, Json]) -> str:
    """Add variable consideration of lines in force (accounting.md section 16.6); return the treatment."""
    others = ("added_lines", "changed_lines", "removed_lines")
    if any(body.get(name) for name in others) or optional_text(body, "requested_treatment") is not None:
        raise UnsupportedHistory("variable consideration beside other items of an amendment")
    found: set[str] = set()
    for item in records(body, "variable"):
        name, owners = text(item, "variable_id"), texts(item, "line_ids")
        require(name not in sheet.variable, f"variable consideration {name} is known already")
        require(len(owners) == 1 and item.get("refundable") is not True, f"{name} is of one line, and not refundable")
        obligation = sheet.line(owners[0]).obligation
        require(obligation.takes_price_changes, f"variable consideration of line {owners[0]}")
        measured = obligation.pattern == "UNITS" and obligation.done > 0
        require(not measured or obligation.satisfied(on), f"units of {owners[0]} are delivered")
        remaining = obligation.unit is not None and obligation.distinct and not obligation.satisfied(on)
        dated = optional_text(item, "service_start") is not None
        require(remaining or not dated, f"a period of line {owners[0]}, of which nothing remains")
        begins = {} if dated else {"service_start": iso(max(on, obligation.start)), "service_end": iso(obligation.end)}
        variable = _variable(sheet, {**item, **begins} if remaining else item)
        sheet.variable[name] = variable
        if variable.period is not None:
            inside = max(on, obligation.start) <= variable.period.start <= variable.period.end <= obligation.end
            require(inside, f"a period of {name} that is not of what remains")
            sheet.obligations.append(variable.period)
            sheet.lines[owners[0]].increments.append(variable.period)
            variable.period.give(variable.included, from_day=variable.period.start)
            found.add("PROSPECTIVE")
            continue
        caught_up = not obligation.distinct or obligation.under_way() or obligation.satisfied(on)
        found.add("CUMULATIVE_CATCH_UP" if caught_up or obligation.pattern == "PREPAID" else "PROSPECTIVE")
        obligation.catch_up(on, variable.included)
    return found.pop() if len(found) == 1 else "MIXED"


@dataclass
class Spread:
    """What a prospective amendment spread anew: who shared the price before, whose rest it was, who got what."""

    sharing: dict[str, Fraction]
    open: list[str]
    shares: dict[str, int]


def reestimate(sheet: Worksheet, on: int, body: Mapping[str, Json]) -> None:
    """Estimate a variable consideration anew, and change the price where the amount went."""
    name = text(body, "variable_id")
    require(name in sheet.variable, f"no variable consideration {name}")
    variable = sheet.variable[name]
    before, now = variable.included, _included(body, variable.method, sheet.currency)
    require(now <= 0 or not variable.refundable, "a refund that adds to the price")
    if now == before:
        require(sheet.terminated_on is None, "the contract is terminated")
        return
    if variable.period is not None:
        period = variable.period
        require(sheet.terminated_on is None, "the contract is terminated")
        if period.removed:
            raise UnsupportedHistory(f"an estimate of {period.name}, whose line was removed")
        period.price += now - before
        period.catch_up(on, now - before)
    elif variable.owners:
        old, new = variable.shares(before), variable.shares(now)
        changes = [(owner, n - o) for owner, o, n in zip(variable.owners, old, new, strict=True) if n != o]
        for owner, _ in changes:
            obligation = sheet.lines[owner].obligation
            require(obligation.takes_price_changes, f"no price of line {owner} to change")
        for owner, change in changes:
            sheet.change_price(on, owner, change)
    else:
        _share_as_promised(sheet, on, now - before)
    variable.included = now


def _share_as_promised(sheet: Worksheet, on: int, change: int) -> None:
    """Share a change as at inception; what was open at a prospective amendment follows what remained then."""
    first = sheet.spreads[0].sharing if sheet.spreads else {}
    if not any(first.values()):
        sheet.change_price(on, None, change)
        return
    require(sheet.terminated_on is None, "the contract is terminated")
    due = dict(zip(first, split(change, list(first.values())), strict=True))
    for spread in sheet.spreads:
        if sum(spread.shares.values()):
            moved = sum(due.pop(name, 0) for name in spread.open)
            for name, part in zip(spread.shares, split(moved, list(spread.shares.values())), strict=True):
                due[name] = due.get(name, 0) + part
    for obligation in sheet.obligations:
        if obligation.name in due:
            obligation.catch_up(on, due[obligation.name])


def _included(item: Mapping[str, Json], method: str, currency: str) -> int:
    chances = [(exact(str(it["amount"])), exact(str(it["probability"]))) for it in records(item, "outcomes")]
    require(sum(chance for _, chance in chances) == 1, "probabilities that do not add up to 1")
    if method == "EXPECTED_VALUE":
        amount = sum((amount * chance for amount, chance in chances), Fraction(0))
    else:
        likely: dict[Fraction, Fraction] = {}
        for value, chance in chances:
            likely[value] = likely.get(value, Fraction(0)) + chance
        best = [value for value, chance in likely.items() if chance == max(likely.values())]
        require(len(best) == 1, "no single most likely amount")
        amount = best[0]
    estimate: int = round(amount * 10 ** digits(currency))
    limit = branch(item.get("highly_probable"))
    return estimate if limit is None else min(estimate, minor({"limit": limit}, "limit", currency))


def _variable(sheet: Worksheet, item: Mapping[str, Json]) -> Variable:
    method = str(item.get("method", "EXPECTED_VALUE"))
    included = _included(item, method, sheet.currency)
    owners = texts(item, "line_ids")
    if optional_text(item, "service_start") is None:
        refundable = item.get("refundable", False) is True
        require(included <= 0 or not refundable, "a refund that adds to the price")
        return Variable(method, included, owners, _owner_weights(sheet, owners), refundable=refundable)
    series = sheet.lines[owners[0]].obligation
    name = f"{series.line}@vc:{text(item, 'variable_id')}"
    period = Obligation(
        name=name,
        line=series.line,
        product=series.product,
        entity=series.entity,
        pattern=series.pattern,
        group=name,
        start=day(item, "service_start"),
        end=day(item, "service_end"),
        price=included,
    )
    return Variable(method, included, period=period)


def _owner_weights(sheet: Worksheet, owners: list[str]) -> list[Fraction]:
    if len(owners) == 1:
        return [Fraction(1)]
    weights = [sheet.lines[owner].ssp for owner in owners]
    require(not owners or any(weights), "lines without stand-alone selling prices to share by")
    return weights


def _own(sheet: Worksheet, owned: dict[str, int], owners: list[str], amount: int) -> int:
    """Give an amount to its lines; return what of it nobody owns."""
    if not owners:
        return amount
    for owner, share in zip(owners, split(amount, _owner_weights(sheet, owners)), strict=True):
        name = sheet.lines[owner].obligation.name
        owned[name] = owned.get(name, 0) + share
    return 0


def _weights(sheet: Worksheet, created: list[Obligation], body: Mapping[str, Json], pool: int) -> list[Fraction]:
    taking = {o.name: Fraction(0) if o.name in sheet.variable_alone else Fraction(o.ssp) for o in created}
    weights = dict(taking)
    for bundle in records(body, "bundles"):
        names = texts(bundle, "line_ids")
        apart = sum((taking[name] for name in names), Fraction(0))
        together = minor(bundle, "bundle_price", sheet.currency)
        require(0 < apart >= together, "a bundle without a discount")
        for name in names:
            weights[name] = taking[name] * together / apart
            sheet.bundled[name] = together / apart
    residual = [text(line, "line_id") for line in records(body, "lines") if line.get("ssp_method") == "RESIDUAL"]
    require(len(residual) < 2, "more than one residual line")
    if residual:
        (name,) = residual
        weights[name] = pool - sum((weight for other, weight in weights.items() if other != name), Fraction(0))
        require(weights[name] > 0, "a residual of nothing")
        sheet.lines[name].obligation.ssp = sheet.lines[name].ssp = weights[name]
    elif records(body, "bundles"):
        whole = sum(taking.values(), Fraction(0))
        shown = whole - sum(weights.values(), Fraction(0))
        require(abs(whole - pool - shown) * 20 <= abs(whole - pool), "a bundle whose discount is not the contract's")
    return [weights[o.name] for o in created]
