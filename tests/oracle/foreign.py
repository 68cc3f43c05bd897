"""The functional books of a contract in another currency: what its balances are carried at, and exchange differences.

Written from docs/accounting.md section 11 and the standards it follows (ASC 830; IAS 21). Everything is in whole minor
units, debits above 0. Knows how much moves on which account, and at which rate; knows no event and no revenue rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction

from tests.oracle.chart import Chart
from tests.oracle.rates import worth


@dataclass
class Held:
    """An amount of the contract's currency, and what it is carried at."""

    units: int = 0
    carried: int = 0

    def take(self, units: int, value: int) -> int:
        """Move it by units that are worth a value; return what its carrying amount moved by.

        What adds to it comes in at the value; what reduces it goes at the carrying amount; what is left over after
        all of it has gone comes in at its part of the value.
        """
        before, left = self.carried, self.units + units
        if self.units * units >= 0:
            self.carried += value
        elif self.units * left >= 0:
            self.carried = round(Fraction(self.carried * left, self.units))
        else:
            self.carried = round(Fraction(value * left, units))
        self.units = left
        return self.carried - before

    def take_at_own_rate(self, units: int, value: int) -> int:
        """Move it by what the units are worth, as long as what remains is carried at an amount of its own sign."""
        left, carried = self.units + units, self.carried + value
        if self.units * units < 0 < left * carried and left * self.units > 0:
            self.units, self.carried = left, carried
            return value
        return self.take(units, value)

    def remeasure(self, carried: int) -> int:
        """Carry it at an amount from now on; return what that differs by."""
        difference, self.carried = carried - self.carried, carried
        return difference


@dataclass
class Item(Held):
    """What is open of an invoice, or owed to the customer."""

    since: int = 0


@dataclass
class Foreign:
    """The books of a contract in the functional currencies of the entities whose own another is."""

    chart: Chart
    entity: str
    currency: str
    items: dict[str, Item] = field(default_factory=dict)
    liability: Held = field(default_factory=Held)
    asset: Held = field(default_factory=Held)
    refund: Held = field(default_factory=Held)
    earned: Held = field(default_factory=Held)
    balances: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    """By entity, account and functional currency."""

    def functional(self, entity: str) -> str | None:
        """Return the currency of an entity's books where it is another than the contract's."""
        own = self.chart.functional[entity]
        return None if own == self.currency else own

    # Documents

    def document(
        self,
        lines: Iterable[tuple[str, int]],
        net: int,
        position: int,
        rate: Fraction,
        invoice: str = "",
        dated: int = 0,
        *,
        at_own_rate: bool = False,
    ) -> None:
        """Book lines outside the position, and then what moves the position by their net, at one rate.

        What is carried at something else makes a realised gain or loss.
        """
        moves = [*lines, *self._of_position(position, net)]
        realised = 0
        for (account, units), value in zip(moves, self._values([u for _, u in moves], rate), strict=True):
            booked = value
            if account == self.chart.receivable:
                booked = self._receive(units, value, invoice, dated)
            elif account in {self.chart.contract_liability, self.chart.contract_asset}:
                held = self._held(account)
                booked = held.take_at_own_rate(units, value) if at_own_rate else held.take(units, value)
            self._book(account, booked)
            realised += value - booked
        self._difference(realised)

    def _receive(self, units: int, value: int, invoice: str, dated: int) -> int:
        """Settle what is open: of the invoice first, then the oldest; what is left over is open from now on."""
        rest, moved = units, 0
        for name in sorted(self.items, key=lambda it: it != invoice):
            item = self.items[name]
            if item.units * rest >= 0:
                continue
            part = rest if abs(rest) < abs(item.units) else -item.units
            moved += item.take(part, 0)
            rest -= part
            if not item.units:
                del self.items[name]
        if rest:
            opened = round(Fraction(value * rest, units))
            self.items.setdefault(invoice, Item(since=dated)).take(rest, opened)
            moved += opened
        return moved

    # Revenue

    def recognise(self, by: Sequence[tuple[str, int]], position: int, rate_day: int) -> None:
        """Recognise revenue, or take it back, against the position; `by` is what is credited, in order."""
        total = sum(units for _, units in by)
        others = [(account, -units) for account, units in by if units]
        if not others:
            return
        if total == 0:
            values = self._values([units for _, units in others], self._closing(rate_day))
            for (account, _), value in zip(others, values, strict=True):
                self._book(account, value)
            return
        moves = self._of_position(position, -total)
        revenue, rate, booked = (self._earn if total > 0 else self._take_back)(moves, total, rate_day)
        self.earned.units -= total
        self.earned.carried += revenue
        values = self._values_exact([Fraction(units) * rate for _, units in others])
        values[-1] += revenue - sum(values)
        for place, (account, units) in enumerate(others):
            if account == self.chart.intercompany_payable:  # monetary, whatever the advance was worth
                values[place] = round(self._worth(units, self._closing(rate_day)))
            self._book(account, values[place])
        self._difference(-sum(values) - booked)

    def _earn(self, moves: list[tuple[str, int]], total: int, rate_day: int) -> tuple[int, Fraction, int]:
        """Use contract liability up at what it is carried at, and build a contract asset at the closing rate."""
        exact, booked = Fraction(0), 0
        for account, units in moves:
            held = self._held(account)
            if account == self.chart.contract_liability:
                exact += Fraction(held.carried * units, held.units)
                moved = held.take(units, 0)
            else:
                value = self._worth(units, self._closing(rate_day))
                exact += value
                moved = held.take(units, round(value))
            self._book(account, moved)
            booked += moved
        return -booked, exact / total, booked

    def _take_back(self, moves: list[tuple[str, int]], total: int, rate_day: int) -> tuple[int, Fraction, int]:
        """Take revenue back at what it was recognised at on average: clear the asset, give back to the liability."""
        amount = -total
        if amount > -self.earned.units:
            revenue = round(self._worth(amount, self._closing(rate_day)))
        else:
            revenue = Held(self.earned.units, self.earned.carried).take(amount, 0)
        rate, left, booked = Fraction(revenue, amount), -revenue, 0
        for place, (account, units) in enumerate(moves):
            value = left if place == len(moves) - 1 else round(units * rate)
            left -= value
            moved = self._held(account).take(units, value)
            self._book(account, moved)
            booked += moved
        return revenue, rate, booked

    def perform(self, entity: str, by: Sequence[tuple[str, int]], rate_day: int) -> None:
        """Book what another entity earned in its own books: all at the closing rate."""
        functional = self.functional(entity)
        if functional is None or not by:
            return
        lines = [(self.chart.intercompany_receivable, sum(units for _, units in by))]
        lines += [(account, -units) for account, units in by if units]
        rate = self.chart.rates.on(self.currency, functional, rate_day)
        values = self._values_exact([worth(units, self.currency, functional, rate) for _, units in lines])
        for (account, _), value in zip(lines, values, strict=True):
            self.balances[entity, account, functional] += value

    def accrue(self, before: int, after: int, position: int, rate_day: int) -> None:
        """Take in interest that went from one total to another, at the closing rate: income above 0, expense below."""
        expense = max(-after, 0) - max(-before, 0)
        income = max(after, 0) - max(before, 0)
        lines = [(self.chart.interest_expense, expense), (self.chart.interest_income, -income)]
        self.document(lines, before - after, position, self._closing(rate_day))

    # The rest

    @contextmanager
    def refund_moved(self, change: int) -> Iterator[None]:
        """Do something to the books that the refund liability changes with.

        What is none any more is contract liability before, what becomes one is contract liability until then.
        """
        if change < 0:
            self.move_refund(change)
        yield
        if change > 0:
            self.move_refund(change)

    def move_refund(self, change: int) -> None:
        """Move an amount between contract liability and refund liability, at what it is carried at."""
        source, target = (self.liability, self.refund) if change > 0 else (self.refund, self.liability)
        moved = source.take(abs(change), 0)
        target.take(-abs(change), -moved)
        self._book(self.chart.contract_liability, moved if change > 0 else -moved)
        self._book(self.chart.refund_liability, -moved if change > 0 else moved)

    def remeasure(self, day: int) -> None:
        """Bring what is monetary to the closing rate: receivables, contract asset, refund liability."""
        items = [item for item in self.items.values() if item.since <= day]
        if not items and not self.asset.units and not self.refund.units:
            return
        closing = self._closing(day)
        values = self._values([item.units for item in items], closing)
        found = {
            self.chart.receivable: sum(item.remeasure(it) for item, it in zip(items, values, strict=True)),
            self.chart.contract_asset: self.asset.remeasure(round(self._worth(self.asset.units, closing))),
            self.chart.refund_liability: self.refund.remeasure(round(self._worth(self.refund.units, closing))),
        }
        for account, difference in found.items():
            self._book(account, difference)
        self._difference(-sum(found.values()))

    def _of_position(self, position: int, net: int) -> list[tuple[str, int]]:
        """Return what moves when the position rises by a net: what stands on the other side goes first."""
        chart = self.chart
        if net >= 0:
            asset = min(net, max(-position, 0))
            moves = [(chart.contract_asset, -asset), (chart.contract_liability, asset - net)]
        else:
            liability = min(-net, max(position, 0))
            moves = [(chart.contract_liability, liability), (chart.contract_asset, -net - liability)]
        return [(account, units) for account, units in moves if units]

    def _held(self, account: str) -> Held:
        return self.liability if account == self.chart.contract_liability else self.asset

    def _closing(self, day: int) -> Fraction:
        return self.chart.rates.on(self.currency, self.chart.functional[self.entity], day)

    def _worth(self, units: int, rate: Fraction) -> Fraction:
        return worth(units, self.currency, self.chart.functional[self.entity], rate)

    def _values(self, units: list[int], rate: Fraction) -> list[int]:
        return self._values_exact([self._worth(one, rate) for one in units])

    @staticmethod
    def _values_exact(exact: list[Fraction]) -> list[int]:
        """Round values on their running sum."""
        running, before, values = Fraction(0), 0, []
        for one in exact:
            running += one
            values.append(round(running) - before)
            before = round(running)
        return values

    def _book(self, account: str, value: int) -> None:
        self.balances[self.entity, account, self.chart.functional[self.entity]] += value

    def _difference(self, value: int) -> None:
        """Book what a journal is short of: a loss above 0, a gain below."""
        self._book(self.chart.fx_loss if value > 0 else self.chart.fx_gain, value)
