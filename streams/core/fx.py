"""Functional amounts of journals in another currency (docs/accounting.md section 11): what each line is worth in the
books of the entity, what foreign balances are carried at, and the exchange gains and losses that follow.

Amounts here are signed: debits above 0, credits below. Knows lines, accounts and rates; knows no event and no topic.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from streams.core.journals import Lines, with_functional
from streams.core.money import ZERO, round_fraction
from streams.core.policy import PostingAccounts
from streams.records import JournalLine

Rate = Callable[[], Fraction]
"""A rate of the table that is looked up only where it is needed; raises RateMissing."""


class Balance(Struct, frozen=True, omit_defaults=True):
    """A foreign balance and its carrying amount in functional currency."""

    amount: Decimal = ZERO
    functional: Decimal = ZERO


class OpenItem(Struct, frozen=True, omit_defaults=True):
    """What is open of an invoice, or below 0 what the customer is owed."""

    invoice_id: str
    since: dt.date
    """Accounting date of what opened it."""
    amount: Decimal
    functional: Decimal


class Carried(Struct, frozen=True, omit_defaults=True):
    """What the foreign balances of one contract are carried at. What is settled drops out."""

    receivables: tuple[OpenItem, ...] = ()
    """Oldest first, all of one sign: what a customer is owed is set off against what it owes."""
    liability: Balance = Balance()
    asset: Balance = Balance()
    refund_liability: Balance = Balance()
    earned: Balance = Balance()
    """Revenue so far, as a debit below 0: what is taken back is taken back at its average."""


class _Books:
    """The balances while one journal is being translated."""

    def __init__(self, carried: Carried, accounts: PostingAccounts, functional: str) -> None:
        self.carried = carried
        self.accounts = accounts
        self.functional = functional

    def rounded(self, amount: Decimal, rate: Fraction) -> Decimal:
        return round_fraction(Fraction(amount) * rate, self.functional)

    def position(self, line: JournalLine, value: Decimal, *, at_own_rate: bool = False) -> Decimal:
        """Move contract liability or asset, and return what it moved by in functional currency."""
        of_liability = line.account == self.accounts.contract_liability
        before = self.carried.liability if of_liability else self.carried.asset
        after = _moved(before, _amount(line), value, self.functional, at_own_rate=at_own_rate)
        changed = {"liability" if of_liability else "asset": after}
        self.carried = replace(self.carried, **changed)
        return after.functional - before.functional

    def earned(self, amount: Decimal, value: Decimal) -> None:
        """Count revenue, below 0, or revenue that is taken back."""
        before = self.carried.earned
        after = Balance(before.amount + amount, before.functional + value)
        self.carried = replace(self.carried, earned=after)

    def receivable(self, line: JournalLine, value: Decimal, invoice_id: str, day: dt.date) -> Decimal:
        """Settle open items, the named invoice's first and then the oldest; what is left over opens one."""
        amount = rest = _amount(line)
        moved = ZERO
        items = {item.invoice_id: item for item in self.carried.receivables}
        for name in sorted(items, key=lambda name: name != invoice_id):
            item = items[name]
            if rest == 0 or (item.amount > 0) == (rest > 0):
                continue
            part = rest if abs(rest) <= abs(item.amount) else -item.amount
            after = _moved(Balance(item.amount, item.functional), part, ZERO, self.functional)
            moved += after.functional - item.functional
            rest -= part
            if after.amount:
                items[name] = replace(item, amount=after.amount, functional=after.functional)
            else:
                del items[name]
        if rest:
            opened = value if rest == amount else self.rounded(value, Fraction(rest) / Fraction(amount))
            moved += opened
            item = items.get(invoice_id) or OpenItem(invoice_id, day, ZERO, ZERO)
            items[invoice_id] = replace(item, amount=item.amount + rest, functional=item.functional + opened)
        self.carried = replace(self.carried, receivables=tuple(items.values()))
        return moved


def document(
    carried: Carried,
    lines: Lines,
    accounts: PostingAccounts,
    functional: str,
    rate: Fraction,
    *,
    invoice_id: str,
    day: dt.date,
    takes_back_invoice: bool = False,
) -> tuple[Carried, Lines]:
    """Return a document's journal with functional amounts, and what is carried after it.

    Every line is worth its amount at the document's rate. What reduces a balance is booked at the balance's carrying
    amount instead, and the difference is a realised gain or loss (ASC 830-20-35-1; IAS 21.28).
    """
    books = _Books(carried, accounts, functional)
    values = dict(_at_rate(sorted(enumerate(lines), key=lambda it: _rank(it[1], accounts)), rate, functional))
    booked: list[JournalLine] = []
    realised = ZERO
    for place, line in enumerate(lines):
        value = values[place]
        if line.account == accounts.receivable:
            worth = books.receivable(line, value, invoice_id, day)
        elif _is_position(line, accounts):
            worth = books.position(line, value, at_own_rate=takes_back_invoice)
        else:
            worth = value
        realised += value - worth
        booked.append(with_functional(line, worth))
    return books.carried, (*booked, *_gain_or_loss(accounts, realised))


def recognition(
    carried: Carried, lines: Lines, accounts: PostingAccounts, functional: str, closing: Rate
) -> tuple[Carried, Lines]:
    """Return a recognition journal of the entity that contracts with functional amounts, and what is carried after it.

    Revenue takes the average carrying amount of the contract liability that it uses up, which is non-monetary (ASC
    830-10-45-18; IFRIC 22), and the closing rate where it builds a contract asset. Revenue that is taken back takes
    the average at which it was recognised. The last line that is not of the position takes the rounding difference.
    What is owed to an entity that performs is monetary: the closing rate; the difference is a gain or loss (IAS 21.21).
    """
    books = _Books(carried, accounts, functional)
    position = [line for line in lines if _is_position(line, accounts)]
    earned = sum((_amount(line) for line in position), ZERO)
    worth: list[Decimal] = []
    total = ZERO
    if earned > 0:
        worth, exact = _used_up(books, position, closing)
        rate, total = exact / Fraction(earned), -sum(worth, ZERO)
    elif earned < 0:
        total = _taken_back(carried.earned, -earned, functional, closing)
        rate = Fraction(total) / Fraction(-earned)
        worth = _restored(books, position, rate, total)
    else:
        rate = closing()
    books.earned(-earned, total)
    others = [(place, line) for place, line in enumerate(lines) if not _is_position(line, accounts)]
    values = dict(_at_rate(others, rate, functional))
    if earned:
        values[others[-1][0]] += total - sum(values.values(), ZERO)
    for place, line in others:
        if line.account == accounts.intercompany_payable:
            values[place] = books.rounded(_amount(line), closing())
    moved = iter(worth)
    booked = [
        with_functional(line, values[place] if place in values else next(moved)) for place, line in enumerate(lines)
    ]
    difference = sum(values.values(), ZERO) + sum(worth, ZERO)
    return books.carried, (*booked, *_gain_or_loss(accounts, -difference))


def _used_up(books: _Books, position: Sequence[JournalLine], closing: Rate) -> tuple[list[Decimal], Fraction]:
    """Use up contract liability and build a contract asset; return what each moved by, and their exact worth."""
    worth: list[Decimal] = []
    exact = Fraction(0)
    for line in position:
        if line.account == books.accounts.contract_liability:
            before = books.carried.liability
            if _amount(line) <= -before.amount:
                exact += Fraction(_amount(line)) * Fraction(before.functional) / Fraction(before.amount)
                worth.append(books.position(line, ZERO))
            else:  # part of it is a refund liability now: what is used up beyond the rest has no carrying amount
                worth.append(books.position(line, books.rounded(_amount(line), closing())))
                exact += Fraction(worth[-1])
        else:
            rate = closing()
            exact += Fraction(_amount(line)) * rate
            worth.append(books.position(line, books.rounded(_amount(line), rate)))
    return worth, exact


def _taken_back(earned: Balance, amount: Decimal, functional: str, closing: Rate) -> Decimal:
    """Return what revenue that is taken back is worth: its average, or the closing rate where more than all goes."""
    if amount > -earned.amount:
        return round_fraction(Fraction(amount) * closing(), functional)
    return _moved(earned, amount, ZERO, functional).functional - earned.functional


def _restored(books: _Books, position: Sequence[JournalLine], rate: Fraction, total: Decimal) -> list[Decimal]:
    """Clear the contract asset at its carrying amount, and restore contract liability at the revenue's average."""
    worth: list[Decimal] = []
    left = -total
    for line in position:
        value = left if line is position[-1] else books.rounded(_amount(line), rate)
        left -= value
        worth.append(books.position(line, value))
    return worth


def refund_liability(
    carried: Carried, lines: Lines, accounts: PostingAccounts, functional: str, rate: Rate
) -> tuple[Carried, Lines]:
    """Return a move between contract liability and refund liability with functional amounts, and what is carried.

    It is worth what it is carried at where it comes from, or the rate of the day where nothing is carried there.
    """
    liability = next(line for line in lines if line.account == accounts.contract_liability)
    change = _amount(liability)
    from_liability = change > 0
    source = carried.liability if from_liability else carried.refund_liability
    covered = abs(change) <= -source.amount
    spot = ZERO if covered else round_fraction(Fraction(abs(change)) * rate(), functional)
    drawn = _moved(source, abs(change), spot, functional)
    worth = drawn.functional - source.functional
    target = carried.refund_liability if from_liability else carried.liability
    grown = _moved(target, -abs(change), -worth, functional)
    added = grown.functional - target.functional
    after = (drawn, grown) if from_liability else (grown, drawn)
    values = (worth, added) if from_liability else (added, worth)
    booked = [
        with_functional(line, values[0] if line.account == accounts.contract_liability else values[1]) for line in lines
    ]
    carried = replace(carried, liability=after[0], refund_liability=after[1])
    return carried, (*booked, *_gain_or_loss(accounts, -worth - added))


def remeasurement(
    carried: Carried, accounts: PostingAccounts, functional: str, closing: Rate, day: dt.date
) -> tuple[Carried, Lines]:
    """Return the journal that brings monetary balances to the closing rate of a day, in functional currency only.

    Receivables open by then, contract asset and refund liability are monetary (ASC 830-10-45-17; IAS 21.23); the
    difference is an unrealised gain or loss, and stays in the carrying amount. Nothing to remeasure gives no lines.
    """
    due = [item for item in carried.receivables if item.since <= day]
    if not due and not carried.asset.amount and not carried.refund_liability.amount:
        return carried, ()
    rate = closing()
    running, before = ZERO, ZERO
    fresh: dict[str, OpenItem] = {}
    for item in due:
        running += item.amount
        upto = round_fraction(Fraction(running) * rate, functional)
        fresh[item.invoice_id] = replace(item, functional=upto - before)
        before = upto
    asset = replace(carried.asset, functional=round_fraction(Fraction(carried.asset.amount) * rate, functional))
    owed = carried.refund_liability
    refund = replace(owed, functional=round_fraction(Fraction(owed.amount) * rate, functional))
    differences = {
        accounts.receivable: before - sum((item.functional for item in due), ZERO),
        accounts.contract_asset: asset.functional - carried.asset.functional,
        accounts.refund_liability: refund.functional - owed.functional,
    }
    lines = [line for account, value in differences.items() for line in _functional_only(account, value)]
    receivables = tuple(fresh.get(item.invoice_id, item) for item in carried.receivables)
    carried = replace(carried, receivables=receivables, asset=asset, refund_liability=refund)
    return carried, (*lines, *_gain_or_loss(accounts, -sum(differences.values(), ZERO)))


def at_one_rate(lines: Lines, functional: str, rate: Fraction) -> Lines:
    """Return a journal of an entity that only performs with functional amounts: all its lines at one rate."""
    values = _at_rate(enumerate(lines), rate, functional)
    return tuple(with_functional(line, value) for line, (_, value) in zip(lines, values, strict=True))


def _amount(line: JournalLine) -> Decimal:
    return line.debit - line.credit


def _is_position(line: JournalLine, accounts: PostingAccounts) -> bool:
    return line.account in (accounts.contract_liability, accounts.contract_asset)


def _rank(line: JournalLine, accounts: PostingAccounts) -> int:
    """The order in which a document's lines are rounded: the position comes last and takes the difference."""
    if line.account in (accounts.receivable, accounts.cash):
        return 0
    return 2 if _is_position(line, accounts) else 1


def _at_rate(lines: Iterable[tuple[int, JournalLine]], rate: Fraction, functional: str) -> list[tuple[int, Decimal]]:
    """Return what lines are worth at a rate, rounded cumulatively: a balanced journal stays balanced."""
    values: list[tuple[int, Decimal]] = []
    running, before = ZERO, ZERO
    for place, line in lines:
        running += _amount(line)
        upto = round_fraction(Fraction(running) * rate, functional)
        values.append((place, upto - before))
        before = upto
    return values


def _moved(balance: Balance, amount: Decimal, value: Decimal, functional: str, *, at_own_rate: bool = False) -> Balance:
    """Return a balance after a movement: what adds to it comes in at its value, what reduces it goes at the average.

    `at_own_rate`: what reduces it goes at its value, as long as what remains keeps a carrying amount of its sign.
    """
    after = balance.amount + amount
    if balance.amount == 0 or (balance.amount > 0) == (amount > 0):
        return Balance(after, balance.functional + value)
    if at_own_rate and after and ((left := balance.functional + value) > 0) == (after > 0) and left:
        return Balance(after, left)
    if after and (after > 0) == (amount > 0):  # more than all of it: the rest comes in at its value
        return Balance(after, round_fraction(Fraction(value) * Fraction(after) / Fraction(amount), functional))
    share = Fraction(after) / Fraction(balance.amount)
    return Balance(after, round_fraction(Fraction(balance.functional) * share, functional))


def _functional_only(account: str, value: Decimal) -> Lines:
    if not value:
        return ()
    return (with_functional(JournalLine(account=account, debit=ZERO, credit=ZERO), value),)


def _gain_or_loss(accounts: PostingAccounts, value: Decimal) -> Lines:
    """Return the line of an exchange difference: a debit is a loss, a credit a gain."""
    return _functional_only(accounts.fx_loss if value > 0 else accounts.fx_gain, value)
