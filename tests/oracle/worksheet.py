"""The worksheet of one contract: its obligations, and what every event that changes revenue does to them.

Written from docs/accounting.md sections 2 to 6 and 10. Knows no order of arrival, no billing and no account; amounts
are whole minor units, days are day numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from tests.oracle import modification, terms
from tests.oracle.consumption import credits, minimum
from tests.oracle.doubt import FOR_EVER, Doubt, signed
from tests.oracle.earning import point, split
from tests.oracle.financed import Financed, put_apart
from tests.oracle.obligation import Line, Obligation, Refused, require
from tests.oracle.reading import (
    Json,
    branch,
    day,
    exact,
    last_day,
    minor,
    month_of,
    optional_text,
    records,
    text,
    texts,
)

SIGNED = "signed"
Exercise: TypeAlias = "tuple[str, Fraction | None]"
"""An option, and how much of it is exercised: None for all that is left."""


def exercised(body: Mapping[str, Json]) -> list[Exercise]:
    """Return what a change exercises."""
    whole: list[Exercise] = [(name, None) for name in texts(body, "exercised_options")]
    parts = records(body, "exercised_parts")
    return whole + [(text(part, "option_id"), exact(str(part["quantity"]))) for part in parts]


@dataclass
class Worksheet:
    """All obligations of a contract in book order, and its lines by id."""

    currency: str
    entity: str
    obligations: list[Obligation] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)
    terminated_on: int | None = None
    treatments: list[str] = field(default_factory=list)
    variable: dict[str, terms.Variable] = field(default_factory=dict)
    bundled: dict[str, Fraction] = field(default_factory=dict)
    """Price of the bundle over the stand-alone selling prices in it, by obligation of a bundle."""
    variable_alone: set[str] = field(default_factory=set)
    """Obligations whose consideration is variable as a whole."""
    spreads: list[terms.Spread] = field(default_factory=list)
    """Prospective amendments of the signed contract, in order."""
    doubt: Doubt = field(default_factory=Doubt)
    financed: Financed | None = None

    @classmethod
    def sign(cls, entity: str, body: Mapping[str, Json]) -> Worksheet:
        """Set up a contract and allocate its price."""
        sheet = cls(text(body, "currency"), entity, doubt=signed(body))
        created = sheet.promise(records(body, "lines"), SIGNED)
        for option in records(body, "options"):
            expires = day(option, "expires_on")
            right = Obligation(
                name=text(option, "option_id"),
                line=text(option, "option_id"),
                product=text(option, "product_line"),
                entity=entity,
                pattern="OPTION",
                group=SIGNED,
                start=expires,
                end=expires,
                ssp=Fraction(minor(option, "ssp", sheet.currency)),
                promised=exact(str(branch(option.get("quantity")) or 1)),
            )
            sheet.obligations.append(right)
            sheet.lines[right.line] = Line(right, price=0, ssp=right.ssp, quantity=Fraction(0))
            created.append(right)
        sheet.financed = put_apart(sheet, body)
        if terms.has_terms(body):
            terms.allocate(sheet, created, body)
        else:
            sheet.allocate(created)
        return sheet

    def trial(self, line: Mapping[str, Json], group: str) -> Obligation:
        """Make an obligation of a contract line, off the books, with nothing allocated."""
        obligation = Obligation(
            name=text(line, "line_id"),
            line=text(line, "line_id"),
            product=text(line, "product_line"),
            entity=optional_text(line, "legal_entity") or self.entity,
            pattern=text(line, "pattern"),
            group=group,
            start=day(line, "start_date"),
            end=day(line, "end_date"),
            price=minor(line, "price", self.currency),
            ssp=Fraction(minor(line, "ssp", self.currency)),
            distinct=line.get("distinct", True) is True,
        )
        cost = branch(line.get("expected_cost"))
        if obligation.pattern == "UNITS":
            obligation.promised = exact(str(line["quantity"]))
        elif cost is not None:
            obligation.promised = exact(str(cost))
        if obligation.pattern == "UNITS" or obligation.pattern == "PREPAID":
            require(obligation.distinct, f"line {obligation.name} is of units or credits and not distinct")
        if obligation.pattern == "PREPAID":
            face = Fraction(obligation.price) or exact(str(line["quantity"]))
            never = exact(str(branch(line.get("breakage_percent")) or 0))
            require(face > 0 and 0 <= never < 100, f"credits {obligation.name} of {face} with {never} % never used")
            obligation.meter = credits(face, obligation.end, never, by_quantity=obligation.price == 0)
        elif obligation.pattern == "USAGE" and obligation.price:
            self._commit(obligation, line)
        elif obligation.consumed:
            require(obligation.price == 0 and obligation.ssp == 0, f"line {obligation.name} has a price or an SSP")
        return obligation

    @staticmethod
    def _commit(obligation: Obligation, line: Mapping[str, Json]) -> None:
        months = branch(line.get("commitment_months")) or 0
        assert isinstance(months, int)
        meter = minimum(obligation.start, obligation.end, months, obligation.price)
        if meter is None:
            raise Refused(f"the periods of {obligation.name} do not fill its term")
        obligation.meter = meter
        obligation.price *= len(meter.periods)
        obligation.ssp *= len(meter.periods)

    def new_obligation(self, line: Mapping[str, Json], group: str) -> Obligation:
        """Make an obligation of a contract line, with nothing allocated, and enter both in the worksheet."""
        obligation = self.trial(line, group)
        require(obligation.name not in self.lines, f"line {obligation.name} was used before")
        self.obligations.append(obligation)
        stated = minor(line, "price", self.currency), Fraction(minor(line, "ssp", self.currency))
        self.lines[obligation.name] = Line(obligation, *stated, exact(str(line["quantity"])))
        return obligation

    def promise(self, lines: Iterable[Mapping[str, Json]], group: str) -> list[Obligation]:
        """Make obligations of lines; those that are not distinct are one, named like their first."""
        created: list[Obligation] = []
        bundle: Obligation | None = None
        for line in lines:
            obligation = self.new_obligation(line, group)
            if obligation.distinct or obligation.consumed:
                created.append(obligation)
            elif bundle is None:
                bundle = obligation
                created.append(obligation)
            else:
                self.obligations.remove(obligation)
                self.lines[obligation.name].obligation = bundle
                bundle.price += obligation.price
                bundle.ssp += obligation.ssp
                bundle.join_cost(obligation)
        return created

    def allocate(self, created: list[Obligation], brought: int = 0) -> None:
        """Allocate the price of new obligations, and what they bring, among them by stand-alone selling price."""
        price = brought + sum(obligation.price for obligation in created)
        weights = [obligation.ssp for obligation in created]
        if not any(weights):
            require(price == 0, f"a price of {price} minor units without stand-alone selling prices")
            return
        for obligation, share in zip(created, split(price, weights), strict=True):
            obligation.give(share, from_day=obligation.start)

    # What happens later

    def renew(self, version: int, on: int, body: Mapping[str, Json]) -> None:
        """Add the lines of a renewal as a contract of their own."""
        self.add_together(f"renewal@{version}", on, records(body, "lines"), exercised(body))
        self.treatments.append("SEPARATE_CONTRACT")

    def add_together(self, group: str, on: int, lines: Sequence[Mapping[str, Json]], asked: Sequence[Exercise]) -> None:
        """Add lines as a contract of their own, whose price is theirs and what the exercised options had."""
        self.require_running()
        require(bool(lines), "a renewal without lines")
        names = [text(line, "line_id") for line in lines]
        require(len(set(names)) == len(names) and not set(names) & set(self.lines), "a line id was used before")
        require(all(line.get("distinct", True) for line in lines), "a renewal line that is not distinct")
        require(len({name for name, _ in asked}) == len(asked), "an option that is exercised twice")
        rights = [self._open_option(name, part, on) for name, part in asked]
        brought = sum(taken for _, _, taken in rights)
        trials = [self.trial(line, "") for line in lines]
        price = brought + sum(t.price for t in trials)
        require(any(t.ssp for t in trials) or not price, "a price without SSP")
        for right, part, taken in rights:
            right.restart(on, right.allocated - right.settled(on) - taken)
            right.done += part
            right.progress = Fraction(right.done == right.promised)
        self.allocate(self.promise(lines, group), brought)

    def _open_option(self, name: str, part: Fraction | None, on: int) -> tuple[Obligation, Fraction, int]:
        """Return an option, how much of it is exercised, and what that takes of what it is allocated."""
        right = self.line(name).obligation
        still = right.pattern == "OPTION" and right.progress == 0 and right.end >= on
        require(still, f"{name} is not an option that is open")
        assert right.promised is not None
        left = right.promised - right.done
        part = left if part is None else part
        require(0 < part <= left, f"{part} of {left} that are left of {name}")
        return right, part, round((right.allocated - right.settled(on)) * part / left)

    def amend(self, version: int, on: int, body: Mapping[str, Json]) -> None:
        """Change the contract."""
        self.require_running()
        asked = exercised(body)
        if records(body, "variable"):
            require(not asked, "variable consideration beside the exercise of options")
            draft = copy.deepcopy(self)
            draft.treatments.append(terms.add_variable(draft, on, body))
            vars(self).update(vars(draft))
            return
        if not asked:
            treatment = modification.amend(self, version, on, body)
            self.treatments.append(treatment)
            return
        alone = not records(body, "changed_lines") and not texts(body, "removed_lines")
        require(alone, "an exercise of options that changes or removes lines, too")
        wanted = optional_text(body, "requested_treatment")
        require(wanted in {None, "UNDETERMINED", "SEPARATE_CONTRACT"}, f"treatment dispute: {wanted} is requested")
        self.add_together(f"exercise@{version}", on, records(body, "added_lines"), asked)
        self.treatments.append("SEPARATE_CONTRACT")

    def fulfil(self, on: int, body: Mapping[str, Json]) -> None:
        """Take in progress on a point in time, milestone or option."""
        self.require_running()
        obligation = self.line(text(body, "line_id")).obligation
        require(not obligation.removed, f"line {obligation.name} was removed")
        told = {name for name in ("units", "cost_incurred") if branch(body.get(name)) is not None}
        if obligation.pattern in {"UNITS", "COST_TO_COST"}:
            require(exact(str(branch(body.get("percent")) or 0)) == 0, "progress told by percent")
            self._measure(on, text(body, "line_id"), body, told)
            return
        require(not told, f"progress of {obligation.name} is told by {told}")
        percent = exact(str(branch(body.get("percent")) or 0))
        if obligation.pattern == "MILESTONE":
            require(obligation.progress < percent / 100 <= 1, f"milestone {percent} % is not above the last")
            reached = round(obligation.allocated * percent / 100)
            obligation.pieces.append(point(on, reached - obligation.scheduled()))
        else:
            require(obligation.pattern in {"POINT_IN_TIME", "OPTION"}, f"line {obligation.name} is not fulfilled once")
            require(percent == 100, f"a point in time with {percent} %")
            require(obligation.progress == 0, f"line {obligation.name} is fulfilled already")
            if obligation.pattern == "OPTION":
                require(on <= obligation.end, f"option {obligation.name} has expired")
            facts = [piece for piece in obligation.pieces if not obligation.planned(piece)]
            rest = obligation.allocated - sum(piece.total() for piece in facts)
            obligation.pieces = [*facts, point(obligation.usable(on), rest)]
        obligation.progress = percent / 100

    def _measure(self, on: int, name: str, body: Mapping[str, Json], told: set[str]) -> None:
        obligation = self.line(name).obligation
        assert obligation.promised is not None
        if obligation.pattern == "COST_TO_COST":
            require(told == {"cost_incurred"}, f"progress of {name} is told by {told}")
            incurred = exact(str(body["cost_incurred"]))
            expected = branch(body.get("cost_expected"))
            total = obligation.promised if expected is None else exact(str(expected))
            require((incurred, total) != (obligation.done, obligation.promised), "cost that tells nothing new")
            require(total > 0 and obligation.done <= incurred <= total, "cost out of its bounds")
            obligation.promise_now(total)
            obligation.reach(on, incurred)
            return
        require(told == {"units"}, f"progress of {name} is told by {told}")
        units = exact(str(body["units"]))
        holders = [o for o in self.line(name).obligations() if not o.removed]
        done = sum((o.done for o in holders), Fraction(0))
        require(done < units <= sum(o.promised or 0 for o in holders), f"{units} units of {name}")
        rest = units - done
        for holder in holders:
            assert holder.promised is not None
            taken = min(rest, holder.promised - holder.done)
            if taken:
                holder.reach(on, holder.done + taken)
                rest -= taken

    def change_price(self, on: int, line: str | None, change: int) -> None:
        """Change the transaction price without a change of the promise."""
        self.require_running()
        if line is not None:
            obligation = self.line(line).obligation
            require(obligation.takes_price_changes, f"no price of line {line} to change")
            obligation.catch_up(on, change)
            return
        weights = self.sharing()
        require(any(weights.values()), "no stand-alone selling prices to share a price change by")
        shares = dict(zip(weights, split(change, list(weights.values())), strict=True))
        for obligation in self.obligations:
            if obligation.name in shares:
                obligation.catch_up(on, shares[obligation.name])

    def sharing(self) -> dict[str, Fraction]:
        """Return who takes part of a price change that names no line, with the weight of each."""
        sharing = [o for o in self.obligations if o.group == SIGNED and o.takes_price_changes]
        sharing = [o for o in sharing if o.name not in self.variable_alone]
        return {o.name: o.ssp * self.bundled.get(o.name, Fraction(1)) for o in sharing}

    # What it comes to

    def earned(self, entity: str, by: int) -> list[tuple[Obligation, int]]:
        """Return what the entity's obligations have earned by the end of the day."""
        return [(o, self.doubt.recognisable(o, by)) for o in self.obligations if o.entity == entity]

    def unscheduled(self) -> int:
        """Return what of the price has no date."""
        return sum(o.allocated - self.doubt.recognisable(o, FOR_EVER) for o in self.obligations)

    def price(self) -> int:
        """Return the transaction price."""
        return sum(obligation.allocated for obligation in self.obligations)

    def schedule(self) -> dict[tuple[str, int], int]:
        """Return what each obligation earns in each month; months without are left out."""
        months: dict[tuple[str, int], int] = {}
        for obligation in self.obligations:
            days = [*obligation.days(), *self.doubt.days()]
            before = 0
            for month in range(month_of(min(days)), month_of(max(days)) + 1) if days else ():
                upto = self.doubt.recognisable(obligation, last_day(month))
                if upto != before:
                    months[obligation.name, month] = upto - before
                before = upto
        return months

    def line(self, name: str) -> Line:
        require(name in self.lines, f"no line {name}")
        return self.lines[name]

    def require_running(self) -> None:
        require(self.terminated_on is None, "the contract is terminated")
