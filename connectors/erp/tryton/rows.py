"""What is read from Tryton, as typed rows, and how a posting is written as a move and read back as the first answer.

A move's description is the command id: Tryton searches it exactly. A line's description carries contract, product line,
jurisdiction, partner and text, since Tryton's own accounts have no such dimensions. Must not know how calls are made.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import unquote

import msgspec

from streams.core.money import ZERO, quantize
from streams.records import ErpPosting, JournalLine

MOVE_FIELDS = ["description", "number", "state", "date", "company"]
LINE_FIELDS = [
    "move",
    "description",
    "debit",
    "credit",
    "amount_second_currency",
    "account.code",
    "second_currency.code",
]

_SEPARATOR = " | "
_PARTS = 5
# What would be taken for the separator, and what Tryton strips from both ends of a text.
_ESCAPED = re.compile(r"[%|\x00-\x1f\x7f\u0085\u2028\u2029]|^\s|\s$")
# Wildcards and the escape character of a search; each stands for any one character.
_WILD = re.compile(r"[%_\\]")


class Coded(msgspec.Struct, frozen=True):
    """A record that is named by its code."""

    code: str | None


class MoveRow(msgspec.Struct, frozen=True):
    """A move: a draft, which is in no balance, or posted."""

    id: int
    description: str
    number: str | None
    state: str
    date: dt.date
    company: int

    @property
    def posted(self) -> bool:
        """Whether it counts."""
        return self.state == "posted"


class LineRow(msgspec.Struct, frozen=True):
    """A line of a move; amounts are in the company's currency, `amount_second_currency` is debit less credit."""

    id: int
    move: int
    description: str | None
    debit: Decimal
    credit: Decimal
    amount_second_currency: Decimal | None
    account: Coded = msgspec.field(name="account.")
    second_currency: Coded | None = msgspec.field(name="second_currency.")

    @property
    def foreign(self) -> str:
        """The journal's currency where it is not the company's; empty otherwise."""
        return (self.second_currency.code or "") if self.second_currency is not None else ""

    @property
    def balance(self) -> Decimal:
        """Debit less credit in the journal's currency."""
        return (self.amount_second_currency or ZERO) if self.foreign else self.debit - self.credit


def line_values(posting: ErpPosting, line: JournalLine, account: int, second_currency: int | None) -> dict[str, object]:
    """Return a line as Tryton is sent it; `second_currency` for a journal that is not in the company's currency."""
    values: dict[str, object] = {"account": account, "description": _described(posting, line)}
    # Tryton counts digits: 1.0000 is no amount in a currency that has two.
    in_books = posting.functional_currency or posting.currency
    sides = (line.debit, line.credit) if second_currency is None else (line.functional_debit, line.functional_credit)
    debit, credit = (quantize(side, in_books) for side in sides)
    values |= {"debit": debit, "credit": credit}
    if second_currency is not None:
        amount = quantize(line.debit - line.credit, posting.currency)
        values |= {"second_currency": second_currency, "amount_second_currency": amount}
    return values


def journal_line(row: LineRow, company_currency: str) -> JournalLine:
    """Return a line as it was posted."""
    _, product_line, jurisdiction, partner_entity = _read(row)[:4]
    foreign = row.foreign
    debit, credit = quantize(row.debit, company_currency), quantize(row.credit, company_currency)
    if not foreign:
        amounts, functional = (debit, credit), (ZERO, ZERO)
    else:
        balance = quantize(row.balance, foreign)
        nothing = quantize(ZERO, foreign)
        amounts, functional = (max(balance, nothing), max(-balance, nothing)), (debit, credit)
    return JournalLine(
        account=row.account.code or "",
        debit=amounts[0],
        credit=amounts[1],
        product_line=product_line,
        jurisdiction=jurisdiction,
        partner_entity=partner_entity,
        functional_debit=functional[0],
        functional_credit=functional[1],
    )


def contract_of(row: LineRow) -> str | None:
    """Return the contract of a line that tieout posted, None for any other."""
    parts = _read(row)
    return parts[0] if len(parts) == _PARTS else None


def contract_pattern(contract_id: str) -> str:
    """Return a pattern for Tryton's `like` that finds all lines of a contract, and perhaps some of others."""
    return _WILD.sub("_", _escaped(contract_id) + _SEPARATOR) + "%"


def _described(posting: ErpPosting, line: JournalLine) -> str:
    dimensions = (posting.context.contract_id, line.product_line, line.jurisdiction, line.partner_entity)
    return _SEPARATOR.join(_escaped(part) for part in (*dimensions, posting.body.description))


def _read(row: LineRow) -> Sequence[str]:
    """Return the parts of a description; of a line that tieout has not posted, as many empty ones as are looked at."""
    parts = (row.description or "").split(_SEPARATOR)
    return [unquote(part) for part in parts] if len(parts) == _PARTS else ["", "", "", ""]


def _escaped(part: str) -> str:
    return _ESCAPED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), part)
