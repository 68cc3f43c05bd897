"""A contract in US dollars of ACME-DE, whose books are in euros, and its journals as an accountant reads them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

import msgspec

from streams.core.money import ZERO
from streams.core.policy import Policy
from streams.core.rates import DatedRates, ExchangeRates
from streams.records import CommercialEvent, ErpPosting
from tests.core.builders import POLICY, Body, event, period_end
from tests.core.desk import Desk

DE = "ACME-DE"


def policy(rates: Mapping[str, str], *, functional: str = "EUR") -> Policy:
    """Return the shipped policy with these rates from US dollars, by day, and the currency of ACME-DE's books."""
    days = tuple(dt.date.fromisoformat(day) for day in rates)
    table = ExchangeRates(31, {("USD", functional): DatedRates(days, tuple(Decimal(rate) for rate in rates.values()))})
    entities = {**POLICY.entities, DE: replace(POLICY.entities[DE], functional_currency=functional)}
    return replace(POLICY, rates=table, entities=entities)


def at(rate: str | None, event_id: str, body: Body, on: str, *, supersedes: str | None = None) -> CommercialEvent:
    """Return an event of ACME-DE; a document with its own exchange rate, unless that is None."""
    stated = body if rate is None else msgspec.structs.replace(body, exchange_rate=Decimal(rate))
    return event(event_id, stated, on=on, entity=DE, supersedes=supersedes)


class Abroad(Desk):
    """The desk, at which every event is settled before the next one."""

    def take(self, *events: CommercialEvent) -> Abroad:
        """Take events in."""
        for one in events:
            self.arrive(one)
            self.settle()
        return self

    def close(self, *periods: str) -> Abroad:
        """Close periods of ACME-DE."""
        return self.take(*(period_end(period, entity=DE) for period in periods))

    def balances(self) -> dict[str, tuple[str, str]]:
        """Return what is not zero in one of the two currencies by account: dollars, and the functional currency."""
        dollars = {row.account: row.balance for row in self.ledger.balances() if row.legal_entity == DE}
        functional = {row.account: row.balance for row in self.ledger.functional_balances() if row.legal_entity == DE}
        return {
            account: (str(dollars[account]), str(functional[account]))
            for account in sorted(dollars)
            if dollars[account] or functional[account]
        }


def told(posting: ErpPosting) -> list[str]:
    """Write a journal down: account, dollars and functional amount, debits as they are and credits in brackets."""
    written = [f"{posting.posting_date} {posting.body.description}"]
    for line in posting.body.lines:
        dollars, functional = _side(line.debit, line.credit), _side(line.functional_debit, line.functional_credit)
        written.append(f"  {line.account} {dollars:>12} {functional:>12}")
    return written


def unbalanced(postings: Iterable[ErpPosting]) -> list[str]:
    """Return the journals that do not balance in both currencies."""
    return [
        posting.body.description
        for posting in postings
        if sum((line.debit - line.credit for line in posting.body.lines), ZERO)
        or sum((line.functional_debit - line.functional_credit for line in posting.body.lines), ZERO)
    ]


def _side(debit: Decimal, credit: Decimal) -> str:
    return f"({credit})" if credit else str(debit or "-")
