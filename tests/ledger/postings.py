"""Postings for the tests of ledgers."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal

from streams.records import Context, ErpPosting, JournalLine, PostJournal, ReverseJournal

ACCOUNTS = ("1000", "1100", "2100", "2510", "4010", "4020")
ENTITIES = {"ACME-US": "2025-01", "ACME-DE": "2025-01", "ACME-JP": "2025-06"}


def command_id(name: str) -> str:
    """A command id that is the same for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"tieout-test/{name}"))


def line(account: str, debit: str | Decimal = "0", credit: str | Decimal = "0", product_line: str = "") -> JournalLine:
    return JournalLine(account=account, debit=Decimal(debit), credit=Decimal(credit), product_line=product_line)


def foreign(account: str, amount: str, functional: str) -> JournalLine:
    """A line in two currencies: debits are above 0, credits below."""
    nothing, in_dollars, in_books = Decimal(0), Decimal(amount), Decimal(functional)
    return JournalLine(
        account=account,
        debit=max(in_dollars, nothing),
        credit=max(-in_dollars, nothing),
        functional_debit=max(in_books, nothing),
        functional_credit=max(-in_books, nothing),
    )


def invoice_lines(net: str = "100.00", tax: str = "8.25") -> tuple[JournalLine, ...]:
    gross = Decimal(net) + Decimal(tax)
    return (line("1100", debit=gross), line("2100", credit=net), line("2510", credit=tax))


def posting(
    name: str,
    lines: Sequence[JournalLine] | None = None,
    *,
    entity: str = "ACME-US",
    currency: str = "USD",
    date: dt.date = dt.date(2026, 3, 15),
    period: str | None = None,
    contract: str = "C-1",
    reverses: str | None = None,
    functional_currency: str = "",
) -> ErpPosting:
    """An invoice's posting, or a reversal of the posting of another name."""
    body_lines = tuple(invoice_lines() if lines is None else lines)
    body: PostJournal | ReverseJournal = (
        PostJournal(description=f"invoice {name}", lines=body_lines)
        if reverses is None
        else ReverseJournal(reverses_command_id=command_id(reverses), description=f"undo {reverses}", lines=body_lines)
    )
    return ErpPosting(
        command_id=command_id(name),
        event_id=f"event-{name}",
        legal_entity=entity,
        currency=currency,
        posting_date=date,
        period=period if period is not None else f"{date:%Y-%m}",
        context=Context(
            source_system="billing",
            source_transaction_id=f"INV-{name}",
            contract_id=contract,
            contract_version=1,
            customer_account="Globex",
            legal_entity=entity,
        ),
        body=body,
        functional_currency=functional_currency,
    )
