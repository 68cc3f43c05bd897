"""Journals (docs/accounting.md section 7): from an event and the contract's position to balanced lines.

Knows accounts and amounts; knows no state, no period and no topic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from streams.core.money import ZERO
from streams.core.policy import PostingAccounts
from streams.records import DocumentLine, JournalLine, RecognisedAmount


class MappingMissing(Exception):
    """The configuration has no account for something that must be posted."""

    def __init__(self, purpose: str, key: str) -> None:
        super().__init__(
            f"no {purpose} account for {key!r}: add it to config/posting_rules.yaml or tax.yaml, restart the worker"
        )


Lines = tuple[JournalLine, ...]


def net_of(lines: Iterable[DocumentLine]) -> Decimal:
    """Return the net amount of a document, in its currency."""
    return sum((line.net for line in lines), ZERO)


def gross_of(lines: Iterable[DocumentLine]) -> Decimal:
    """Return the gross amount of a document: net and all taxes."""
    return sum((line.net + sum((tax.amount for tax in line.taxes), ZERO) for line in lines), ZERO)


def invoice(accounts: PostingAccounts, position: Decimal, lines: Iterable[DocumentLine]) -> Lines:
    """Receivable against contract asset, then contract liability, and tax payable by jurisdiction."""
    lines = tuple(lines)
    journal = [_debit(accounts.receivable, gross_of(lines))]
    journal += _position_credit(accounts, position, net_of(lines))
    journal += [_credit(account, amount, jurisdiction=code) for code, account, amount in _taxes(accounts, lines)]
    return _balanced(journal)


def credit(accounts: PostingAccounts, position: Decimal, lines: Iterable[DocumentLine]) -> Lines:
    """Contract liability, then contract asset, and tax payable, against receivable."""
    lines = tuple(lines)
    journal = _position_debit(accounts, position, net_of(lines))
    journal += [_debit(account, amount, jurisdiction=code) for code, account, amount in _taxes(accounts, lines)]
    journal.append(_credit(accounts.receivable, gross_of(lines)))
    return _balanced(journal)


def payment(accounts: PostingAccounts, amount: Decimal) -> Lines:
    """Cash against receivable."""
    return _balanced([_debit(accounts.cash, amount), _credit(accounts.receivable, amount)])


def refund(accounts: PostingAccounts, amount: Decimal) -> Lines:
    """Receivable against cash."""
    return _balanced([_debit(accounts.receivable, amount), _credit(accounts.cash, amount)])


def recognition(
    accounts: PostingAccounts, position: Decimal, billing_entity: str, recognised: Iterable[RecognisedAmount]
) -> dict[str, Lines]:
    """Return the journal of each legal entity for recognised revenue; entities without lines are left out.

    What another entity performs goes through intercompany accounts in both books.
    """
    by_entity: dict[str, dict[str, Decimal]] = {}
    for amount in recognised:
        lines = by_entity.setdefault(amount.legal_entity or billing_entity, {})
        lines[amount.product_line] = lines.get(amount.product_line, ZERO) + amount.amount
    total = sum((sum(lines.values(), ZERO) for lines in by_entity.values()), ZERO)
    own = by_entity.pop(billing_entity, {})
    billing = _position_debit(accounts, position, total) + _revenue(accounts, own)
    journals: dict[str, Lines] = {}
    for entity, lines in by_entity.items():
        owed = sum(lines.values(), ZERO)
        billing.append(_credit(accounts.intercompany_payable, owed, partner_entity=entity))
        receivable = _debit(accounts.intercompany_receivable, owed, partner_entity=billing_entity)
        journals[entity] = _balanced([receivable, *_revenue(accounts, lines)])
    journals[billing_entity] = _balanced(billing)
    return {entity: lines for entity, lines in journals.items() if lines}


def refund_liability(accounts: PostingAccounts, change: Decimal) -> Lines:
    """Return the lines that move an amount from contract liability to refund liability; below 0, back."""
    return _balanced([_debit(accounts.contract_liability, change), _credit(accounts.refund_liability, change)])


def interest(accounts: PostingAccounts, position: Decimal, before: Decimal, after: Decimal) -> Lines:
    """Return the lines for interest that went from one total to another: income above 0, expense below.

    Income moves the position down, expense up; a contract's interest so far is one or the other (606-10-32-20).
    """
    expense = max(-before, ZERO) - max(-after, ZERO)
    income = max(after, ZERO) - max(before, ZERO)
    journal = _position_debit(accounts, position, after - before)
    return _balanced([*journal, _debit(accounts.interest_expense, -expense), _credit(accounts.interest_income, income)])


def netted(lines: Iterable[JournalLine]) -> Lines:
    """Return one line for each account and dimension, debits less credits; what nets to zero is left out."""
    totals: dict[tuple[str, str, str, str], tuple[Decimal, Decimal]] = {}
    for line in lines:
        key = (line.account, line.product_line, line.jurisdiction, line.partner_entity)
        amount, functional = totals.get(key, (ZERO, ZERO))
        functional += line.functional_debit - line.functional_credit
        totals[key] = (amount + line.debit - line.credit, functional)
    return _balanced(
        with_functional(
            _debit(account, amount, product_line=product_line, jurisdiction=jurisdiction, partner_entity=partner),
            functional,
        )
        for (account, product_line, jurisdiction, partner), (amount, functional) in totals.items()
    )


def with_functional(line: JournalLine, value: Decimal) -> JournalLine:
    """Return a line with a functional amount: a debit above 0, a credit below."""
    return replace(line, functional_debit=max(value, ZERO), functional_credit=max(-value, ZERO))


def _revenue(accounts: PostingAccounts, by_product_line: Mapping[str, Decimal]) -> list[JournalLine]:
    lines = []
    for product_line, amount in sorted(by_product_line.items()):
        account = accounts.revenue.get(product_line)
        if account is None:
            raise MappingMissing("revenue", product_line)
        lines.append(_credit(account, amount, product_line=product_line))
    return lines


def _taxes(accounts: PostingAccounts, lines: Iterable[DocumentLine]) -> list[tuple[str, str, Decimal]]:
    totals: dict[str, Decimal] = {}
    for line in lines:
        for tax in line.taxes:
            totals[tax.jurisdiction] = totals.get(tax.jurisdiction, ZERO) + tax.amount
    taxes = []
    for jurisdiction, amount in sorted(totals.items()):
        account = accounts.tax_payable.get(jurisdiction)
        if account is None:
            raise MappingMissing("tax payable", jurisdiction)
        taxes.append((jurisdiction, account, amount))
    return taxes


def _position_credit(accounts: PostingAccounts, position: Decimal, amount: Decimal) -> list[JournalLine]:
    """Move the position up: clear the contract asset, then build contract liability; the reverse below 0."""
    if amount < 0:
        return _position_debit(accounts, position, -amount)
    asset = min(amount, max(-position, ZERO))
    return [_credit(accounts.contract_asset, asset), _credit(accounts.contract_liability, amount - asset)]


def _position_debit(accounts: PostingAccounts, position: Decimal, amount: Decimal) -> list[JournalLine]:
    """Move the position down: use up the contract liability, then build a contract asset; the reverse below 0."""
    if amount < 0:
        return _position_credit(accounts, position, -amount)
    liability = min(amount, max(position, ZERO))
    return [_debit(accounts.contract_liability, liability), _debit(accounts.contract_asset, amount - liability)]


def _debit(
    account: str, amount: Decimal, *, product_line: str = "", jurisdiction: str = "", partner_entity: str = ""
) -> JournalLine:
    return JournalLine(
        account=account,
        debit=max(amount, ZERO),
        credit=max(-amount, ZERO),
        product_line=product_line,
        jurisdiction=jurisdiction,
        partner_entity=partner_entity,
    )


def _credit(
    account: str, amount: Decimal, *, product_line: str = "", jurisdiction: str = "", partner_entity: str = ""
) -> JournalLine:
    return _debit(account, -amount, product_line=product_line, jurisdiction=jurisdiction, partner_entity=partner_entity)


def _balanced(lines: Iterable[JournalLine]) -> Lines:
    kept = tuple(line for line in lines if line.debit or line.credit or line.functional_debit or line.functional_credit)
    debits = sum((line.debit for line in kept), ZERO)
    credits = sum((line.credit for line in kept), ZERO)
    if debits != credits:
        raise ArithmeticError(f"journal out of balance: debits {debits}, credits {credits}, lines {kept}")
    return kept
